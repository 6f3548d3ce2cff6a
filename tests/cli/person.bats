#!/usr/bin/env bats
# Persons: who acts behind an account, what they saw and did, and what follows when they leave.
# shellcheck disable=SC2154 # started is cli.bash's
load ../lib/cli.bash

term() { tmux -S "$T/tmux" "$@"; }

teardown() {
    term kill-server 2>/dev/null || true
    stop_started
}

cleared() {
    term send-keys -t t clear Enter
    while term capture-pane -p -t t | grep -qF 'Who are you'; do sleep 0.1; done
}

until_shows() {
    for _ in {1..100}; do
        term capture-pane -p -t t 2>/dev/null | grep -qF -- "$1" && return 0
        sleep 0.1
    done
    term capture-pane -p -t t >&2
    return 1
}

# A key pair as minisign makes it, without a passphrase: DIR/NAME.pub
new_pair() { # NAME
    minisign -G -W -p "$T/$1.pub" -s "$T/$1.key" >/dev/null
}

# The account that entries are made under here.
account() {
    "$KEYMUSTER" -o ndjson -C "$FRA" audit log 2>/dev/null | jq -rn 'first(inputs | .entry.by // empty) | .login // .user'
}

# Without a terminal that could be asked.
alone() { setsid -w "$KEYMUSTER" "$@"; }

ends_alone() { # STATUS ARG...
    local want=$1
    shift
    run --separate-stderr setsid -w "$KEYMUSTER" "$@"
    [ "$status" -eq "$want" ] || { dump; return 1; }
}

# The member of the last entry of a kind.
last_of() { # KIND FILTER
    "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -rs --arg k "$1" "map(.entry | select(.kind == \$k)) | last | $2"
}

uuid_of() { ask ".items[] | select(.name == \"$1\") | .uuid" -C "$FRA" person list; }

scene_persons() {
    scene_keys
    fra person add first.operator --role operator
    fra person add second.operator --role operator --login nobody-else
}

@test "added once, the same again is no news, other facts are refused" {
    scene_fra
    new_pair alice
    ends 0 -o json -C "$FRA" person add alice --role 'security officer' --key "$T/alice.pub" --login asmith --login alice
    json '.created == true and .name == "alice" and (.public_key | length) == 56 and (.entry | length) == 64'
    ends 0 -o json -C "$FRA" person add alice --role 'security officer' --key "$T/alice.pub" --login alice --login asmith
    json '.created == false'
    ends 0 -o json -C "$FRA" person add alice
    json '.created == false'
    ends 6 -o json -C "$FRA" person add alice --role janitor
    error_is KM2012
    says 'person set alice'
    new_pair other
    ends 6 -C "$FRA" person add alice --key "$T/other.pub"
    ends 6 -C "$FRA" person add alice --login other
    ends 0 -o json -C "$FRA" person list
    json '.items == [{name: "alice", uuid: .items[0].uuid, role: "security officer", public_key: .items[0].public_key,
                      logins: ["asmith", "alice"]}]'
    [ "$(jq -r '.items[0].public_key' <<<"$output")" = "$(sed -n 2p "$T/alice.pub")" ]
    ends 0 -C "$FRA" person list
    says alice 'security officer' 'asmith alice'
    # the key itself, on the command line, is as good as its file
    ends 0 -o json -C "$FRA" person set alice --key "$(sed -n 2p "$T/other.pub")"
    json '.changed == true'
    ends 0 -o json -C "$FRA" person set alice --key "$T/other.pub" --role 'security officer'
    json '.changed == false'
    ends 0 -C "$FRA" verify
}

@test "bad input: names, keys, and nothing to set" {
    scene_fra
    new_pair alice
    ends 2 -C "$FRA" person add 'Alice Smith'
    says 'a-z 0-9'
    ends 2 -C "$FRA" person add
    ends 2 -o json -C "$FRA" person add alice --key "$T/alice.key"
    error_is KM1004
    says 'is a secret key' .pub
    silent_on "$(sed -n 2p "$T/alice.key")"
    ends 2 -o json -C "$FRA" person add alice --key "$(sed -n 2p "$T/alice.key")"
    error_is KM1005
    silent_on "$(sed -n 2p "$T/alice.key" | head -c 60)"
    ends 2 -C "$FRA" person add alice --key "x$(sed -n 2p "$T/alice.key")"
    silent_on "$(sed -n 2p "$T/alice.key" | head -c 60)"
    ends 2 -o json -C "$FRA" person add alice --key "$T/absent.pub"
    error_is KM1004
    ends 2 -C "$FRA" person add alice --key "$T"
    ln -s "$T/alice.pub" "$T/link.pub"
    ends 2 -C "$FRA" person add alice --key "$T/link.pub"
    for text in '' garbage 'untrusted comment: x' "untrusted comment: x
$(head -c 42 /dev/zero | base64 -w 0)" "$(sed -n 2p "$T/alice.pub")x"; do
        printf '%s\n' "$text" >"$T/bad.pub"
        ends 2 -C "$FRA" person add alice --key "$T/bad.pub"
        says 'no public key of minisign' '--new-key'
    done
    head -c 100000 /dev/zero >"$T/bad.pub"
    ends 2 -C "$FRA" person add alice --key "$T/bad.pub"
    ends 2 -C "$FRA" person add alice --key "$T/alice.pub" --new-key "$T/x"
    fra person add alice --key "$T/alice.pub"
    ends 6 -o json -C "$FRA" person add bob --key "$T/alice.pub"
    error_is KM2012
    says 'that of alice'
    ends 2 -C "$FRA" person set alice
    for words in 'person set bob --role x' 'person left bob' 'audit who bob'; do
        # shellcheck disable=SC2086
        ends 13 -o json -C "$FRA" $words
        error_is KM2011
    done
    ends 13 -C "$FRA" person left alicf
    says 'did you mean alice?'
    [ "$(ask '.items | length' -C "$FRA" person list)" -eq 1 ]
    ends 0 -C "$FRA" -n person add carol
    says 'would be added person carol'
    [ "$(ask '.items | length' -C "$FRA" person list)" -eq 1 ]
}

@test "a key made here: sealed by a passphrase, and stock minisign signs with it" {
    scene_fra
    printf canary-persons-passphrase >"$T/pass"
    chmod 600 "$T/pass"
    ends 0 -o json -C "$FRA" person add alice --new-key "$T/alice.key" --credential "file:$T/pass"
    json '.created == true and (.file | endswith("alice.key"))'
    key=$(jq -r .public_key <<<"$output")
    [ "$(stat -c %a "$T/alice.key")" = 600 ]
    echo step >"$T/m"
    minisign -S -s "$T/alice.key" -m "$T/m" <"$T/pass" >/dev/null
    minisign -V -P "$key" -m "$T/m"
    ends 6 -C "$FRA" person set alice --new-key "$T/alice.key" --credential "file:$T/pass"
    says 'nothing is written over'
    ends 6 -C "$FRA" person add alice --new-key "$T/again.key" --credential "file:$T/pass"
    [ ! -e "$T/again.key" ]
    ends 0 -o json -C "$FRA" person set alice --new-key "$T/next.key" --credential "file:$T/pass"
    [ "$(jq -r .public_key <<<"$output")" != "$key" ]
    silent_on canary-
    ends 0 -n -C "$FRA" person add bob --new-key "$T/bob.key"
    [ ! -e "$T/bob.key" ]
}

@test "by says effective user, login and where from; in every entry" {
    scene_fra
    SSH_CONNECTION='192.0.2.7 4711 198.51.100.1 22' "$KEYMUSTER" -C "$FRA" site add paris
    [ "$(last_of site.added .by.from)" = 'ssh 192.0.2.7' ]
    [ "$(last_of site.added .by.user)" = "$(id -un)" ]
    [ "$(last_of site.added .by.host)" = "$(uname -n)" ]
    # the kernel's word goes before the environment's
    SUDO_USER=somebody "$KEYMUSTER" -C "$FRA" site add rome
    if [ "$(cat /proc/self/loginuid)" = 4294967295 ]; then
        [ "$(last_of site.added .by.login)" = somebody ]
    else
        [ "$(last_of site.added .by.login)" = "$(getent passwd "$(cat /proc/self/loginuid)" | cut -d: -f1)" ]
    fi
    "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -se 'map(.entry | select(. != null)) | length > 5 and
        all(.by.user != null and .by.host != null)'
}

@test "--as says who; an account of one person's own says it, too; nobody else is guessed" {
    scene_persons
    ends_alone 0 -C "$FRA" exec vbr/config --reason test --as first.operator -- true
    [ "$(last_of reveal.intended .body.person)" = "$(uuid_of first.operator)" ]
    # a shared account, and no terminal: unknown, and no error
    ends_alone 0 -C "$FRA" exec vbr/config --reason test -- true
    [ "$(last_of reveal.intended .body.person)" = null ]
    # not registered: nothing recorded stops a recovery
    ends_alone 0 -C "$FRA" exec vbr/config --reason test --as first.operatr -- true
    says 'first.operatr is no registered person' 'did you mean first.operator'
    [ "$(last_of reveal.intended .body.person)" = first.operatr ]
    ends_alone 125 -C "$FRA" exec vbr/config --reason test --as $'a\tb' -- true
    fra person set second.operator --login "$(account)"
    ends_alone 0 -C "$FRA" exec vbr/config --reason test -- true
    [ "$(last_of reveal.intended .body.person)" = "$(uuid_of second.operator)" ]
    ends_alone 0 -C "$FRA" reveal vbr/config --reason test --to "file:$T/pw" --as first.operator
    says 'to first.operator ('
    [ "$(last_of reveal.intended .body.person)" = "$(uuid_of first.operator)" ]
    # two persons with one account: it is shared
    fra person set first.operator --login "$(account)"
    ends_alone 0 -C "$FRA" exec vbr/config --reason test -- true
    [ "$(last_of reveal.intended .body.person)" = null ]
    # one of them leaves
    fra person left first.operator
    ends_alone 0 -C "$FRA" exec vbr/config --reason test -- true
    [ "$(last_of reveal.intended .body.person)" = "$(uuid_of second.operator)" ]
    ends_alone 0 -C "$FRA" exec vbr/config --reason test --as first.operator -- true
    says 'first.operator left'
    ends 0 -C "$FRA" show vbr/config --history
    says 'by second.operator' 'by first.operatr'
    ends 0 -C "$FRA" verify
}

@test "a shared account with a terminal is asked; Enter is unknown; an own account is not asked" {
    scene_persons
    term -f /dev/null new-session -d -s t -x 100 -y 30 "PS1='$ ' exec bash --norc"
    until_shows '$'
    term send-keys -t t "'$KEYMUSTER' -C '$FRA' exec vbr/config --reason test -- printf '%s-%s' first done" Enter
    until_shows 'Who are you, for the record'
    term send-keys -t t second.operator Enter
    until_shows first-done
    [ "$(last_of reveal.intended .body.person)" = "$(uuid_of second.operator)" ]
    cleared
    term send-keys -t t "'$KEYMUSTER' -C '$FRA' exec vbr/config --reason test -- printf '%s-%s' second done" Enter
    until_shows 'Who are you, for the record'
    term send-keys -t t Enter
    until_shows second-done
    [ "$(last_of reveal.intended .body.person)" = null ]
    fra person set first.operator --login "$(account)"
    cleared
    term send-keys -t t "'$KEYMUSTER' -C '$FRA' exec vbr/config --reason test -- printf '%s-%s' third done" Enter
    until_shows third-done
    run term capture-pane -p -t t
    [[ $output != *'Who are you'* ]]
    [ "$(last_of reveal.intended .body.person)" = "$(uuid_of first.operator)" ]
}

@test "audit who: saw, used, knew, adopted, typed, approved; and the duties that follow" {
    scene_two
    fra person add alice --role operator
    fra person add bob
    printf canary-adopted-password >"$T/adopted"
    alone -C "$FRA" reveal vbr/config --reason fire --ticket INC-9 --to "file:$T/pw" --as alice 2>/dev/null
    alone -C "$FRA" exec vbr/job-sql --reason nightly --as alice -- true
    alone -C "$FRA" record vbr/old --purpose other --root fra-main --secret "file:$T/adopted" --known-to bob --as alice \
        2>/dev/null
    alone -C "$FRA" check vbr/old --secret "file:$T/adopted" --as alice
    alone -C "$FRA" create vbr/new --purpose other --root fra-main --to - --as bob >"$T/new" 2>/dev/null
    ends 0 -o json -C "$FRA" audit who alice
    json '[.acts[].what] == ["saw", "used", "adopted", "typed"] and .registered and .role == "operator"
          and (.acts[0] | .subject == "vbr/config@1" and .reason == "fire" and .ticket == "INC-9" and .to == "file"
               and .named and (.by.user | length) > 0 and (.entry | length) == 64)
          and ([.duties[].name] | sort) == ["vbr/config", "vbr/old"] and all(.duties[]; .lacks == "successor")'
    ends 0 -o json -C "$FRA" audit who bob
    json '[.acts[].what] == ["knew", "saw"] and [.duties[].name] == ["vbr/old"]'
    ends 0 -C "$FRA" audit who alice
    says 'vbr/config@1' fire adopted 'these must be replaced' 'no successor: keymuster rekey'
    silent_on canary-
    # what was admitted under an account of one's own
    fra person set bob --login "$(account)"
    ends 0 -o json -C "$FRA" audit who bob
    json 'any(.acts[]; .what == "approved" and (.subject | startswith("author ")) and .named == false)'
    # only ever named by a word
    alone -C "$FRA" exec vbr/config --reason test --as 'Carol Jones' -- true 2>/dev/null
    ends 0 -o json -C "$FRA" audit who 'Carol Jones'
    json '.registered == false and [.acts[].what] == ["used"] and .duties == []'
    ends 0 -C "$FRA" audit who 'Carol Jones'
    says 'not registered'
    # the other site says the same
    fra sync
    mad sync
    [ "$(ask '.acts, .duties' -C "$FRA" audit who alice)" = "$(ask '.acts, .duties' -C "$MAD" audit who alice)" ]
}

@test "a showing that never came to its first byte is nothing that they saw" {
    scene_persons
    fra root disable mad-main --yes
    ends_alone 14 -C "$FRA" reveal vbr/config --reason test --to "file:$T/pw" --as first.operator
    ends 0 -o json -C "$FRA" audit who first.operator
    json '.acts == [] and .duties == []'
    ends 0 -C "$FRA" audit who first.operator
    says 'nothing is recorded of them' 'no open duties'
}

@test "a person leaves: what they saw when it was made is a duty now, everywhere; a successor closes it" {
    scene_two
    fra person add alice
    alone -C "$FRA" create vbr/made --purpose backup-job --root fra-main --to - --as alice >/dev/null 2>&1
    alone -C "$FRA" exec vbr/job-sql --reason nightly --as alice -- true
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    ends 0 -n -o json -C "$FRA" person left alice
    json '.dry_run and .changed'
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    ends 0 -o json -C "$FRA" person left alice --reason 'new job'
    json '.changed and [.duties[] | {name, lacks, left}] == [{name: "vbr/made", lacks: "successor", left: "alice"}]
          and (.left | endswith("Z"))'
    ends 0 -o json -C "$FRA" status
    json '.duties == 1 and any(.warnings[]; test("vbr/made@1 is known to alice, who left.* no successor"))'
    ends 0 -o json -C "$FRA" person left alice
    json '.changed == false and (.duties | length) == 1'
    ends 0 -C "$FRA" person left alice
    says 'as is recorded already' 'vbr/made@1'
    fra sync
    mad sync
    ends 0 -o json -C "$MAD" status
    json '.duties == 1'
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    fra rekey vbr/made
    ends 0 -o json -C "$FRA" audit who alice
    json '[.duties[].lacks] == ["delivery"]'
    # a mistake is taken back
    ends 0 -o json -C "$FRA" person set alice --returned
    json '.changed'
    ends 0 -o json -C "$FRA" person set alice --returned
    json '.changed == false'
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    ends 0 -C "$FRA" verify
}
