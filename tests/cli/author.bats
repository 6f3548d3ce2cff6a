#!/usr/bin/env bats
# The authors' life: a spare for the worst day, retirement, a new key for a store, entries that do not count and are
# adopted, a store that was put back from an old image.
load ../lib/cli.bash

id_of() { ask .author -C "$1" status; }

# A spare's sealed key in spare.key, its passphrase in spare.pass; "$spare" is its id.
make_spare() {
    printf 'canary-spare-%s\n' "$(head -c 12 /dev/urandom | base64)" >"$T/spare.pass"
    spare=$(ask .author -C "$FRA" author spare --file "$T/spare.key" --credential "file:$T/spare.pass" "$@")
}

# A second store without keys and KMSs, admitted; quick.
scene_pair() {
    fra init --site fra --name 'Test escrow'
    fra site add mad
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    mad join --from "file://$USB" --site mad --yes --name mad-store
    fra author admit "$(id_of "$MAD")"
    mad sync
}

# The member of an author in the list of a store.
listed() { # STORE ID FILTER
    ask ".items[] | select(.author == \"$2\") | $3" -C "$1" author list
}

quarantined() { "$KEYMUSTER" -C "$1" -o ndjson audit log | jq -r 'select(.quarantined == true).hash'; }

entry_of() { # STORE KIND
    "$KEYMUSTER" -C "$1" -o ndjson audit log | jq -r "select(.entry.kind == \"$2\").hash" | tail -n 1
}

# ---- spare ----

@test "author spare: a new 0600 file, recorded; status no longer warns of a lone author; stock minisign signs with it" {
    fra init --site fra
    ends 0 -C "$FRA" status
    says 'only one trusted author lives' 'author spare'
    make_spare --name paper
    [ "$(stat -c '%a %h' "$T/spare.key")" = '600 1' ]
    ends 0 -C "$FRA" status
    silent_on 'only one trusted author'
    [ "$(listed "$FRA" "$spare" '[.name, .standing, .accepted, .entries] | tostring')" = '["paper","spare",true,0]' ]
    ends 0 -C "$FRA" verify
    echo text >"$T/m"
    (cd "$T" && minisign -S -s spare.key -m m <spare.pass >/dev/null 2>&1)
    minisign -V -P "$(listed "$FRA" "$spare" .public_key)" -m "$T/m" >/dev/null
    (cd "$T" && ! minisign -S -s spare.key -m m <m >/dev/null 2>&1) # its passphrase is needed
}

@test "author spare: an existing file is 6, and nothing is recorded or written over" {
    fra init --site fra
    echo precious >"$T/there"
    fra author spare --file "$T/first.key" --credential "file:$T/there" # any reference will do
    local before
    before=$(ask .digest -C "$FRA" status)
    ends 6 -o json -C "$FRA" author spare --file "$T/there" --credential "file:$T/there"
    error_is KM2012
    [ "$(cat "$T/there")" = precious ]
    ends 2 -C "$FRA" author spare
    ends 2 -C "$FRA" author spare --file "$T/new" --credential literal
    ends 13 -C "$FRA" author spare --file "$T/new" --credential "file:$T/there" --site nowhere
    ends 2 -C "$FRA" author spare --file "$T/new" --credential "file:$T/there" --name 'no name'
    ends 2 -C "$FRA" --no-input author spare --file "$T/new"
    ends 0 -C "$FRA" author spare --file "$T/new" --credential "file:$T/there" --dry-run
    [ ! -e "$T/new" ]
    [ "$(ask .digest -C "$FRA" status)" = "$before" ]
}

@test "join --spare: admitted at once; it retires the founder, and makes the next spare" {
    scene_pair
    make_spare --site mad
    ends 0 -o json -C "$T/new" join --from "file://$USB" --site mad --yes --spare "$T/spare.key" \
        --credential "spare=file:$T/spare.pass"
    json '.admitted == true and .author == $id and has("next") == false' --arg id "$spare"
    # Its key lies unsealed in the store, as in every store.
    (cd "$T" && echo text >m && minisign -S -s new/author.key -m m </dev/null >/dev/null 2>&1)
    ends 0 -C "$T/new" verify
    ends 0 -C "$T/new" author retire "$(id_of "$FRA")" --reason 'site lost' --confirm "$(id_of "$FRA")"
    ends 0 -C "$T/new" author spare --file "$T/next.key" --credential "file:$T/spare.pass"
    mad sync
    [ "$(listed "$MAD" "$(id_of "$FRA")" .retired)" = true ]
    [ "$(listed "$MAD" "$spare" .standing)" = spare ]
    [ "$(ask .digest -C "$MAD" status)" = "$(ask .digest -C "$T/new" status)" ]
}

@test "join --spare: a wrong passphrase is 12, no key 2, a damaged one 15; nothing is left" {
    scene_pair
    make_spare
    echo wrong >"$T/wrong"
    local from=(join --from "file://$USB" --site mad --yes)
    ends 12 -o json -C "$T/new" "${from[@]}" --spare "$T/spare.key" --credential "spare=file:$T/wrong"
    error_is KM3001
    ends 2 -C "$T/new" "${from[@]}" --spare "$T/wrong" --credential "spare=file:$T/wrong"
    ends 2 -C "$T/new" "${from[@]}" --spare "$FRA/author.key" --credential "spare=file:$T/spare.pass"
    says 'not sealed'
    ends 13 -C "$T/new" "${from[@]}" --spare "$T/none" --credential "spare=file:$T/spare.pass"
    ends 2 -C "$T/new" "${from[@]}" --credential "spare=file:$T/spare.pass"
    ends 2 -C "$T/new" --no-input "${from[@]}" --spare "$T/spare.key"
    # One bit of the sealed key: byte 100 of the decoded line.
    {
        head -n 1 "$T/spare.key"
        tail -n 1 "$T/spare.key" | base64 -d >"$T/raw"
        printf '%b' "\\x$(printf %02x $(($(od -An -tu1 -j100 -N1 "$T/raw") ^ 1)))" |
            dd of="$T/raw" bs=1 seek=100 conv=notrunc status=none
        base64 -w0 "$T/raw"
        echo
    } >"$T/bent.key"
    ends 15 -o json -C "$T/new" "${from[@]}" --spare "$T/bent.key" --credential "spare=file:$T/spare.pass"
    error_is KM2017
    [ ! -e "$T/new" ]
}

@test "join --spare: one key, one store; taking the log over needs a risk accepted, which is recorded" {
    scene_pair
    make_spare
    local with=(join --from "file://$USB" --site mad --yes --spare "$T/spare.key" --credential "spare=file:$T/spare.pass")
    ends 0 -C "$T/one" "${with[@]}"
    ends 0 -C "$T/one" site add paris
    ends 17 -o json -C "$T/two" "${with[@]}"
    error_is KM6001
    says 'used before' 'author admit' '--accept-risk'
    [ ! -e "$T/two" ]
    rm -rf "$T/one"
    ends 0 -C "$T/two" "${with[@]}" --accept-risk 'the first one burnt'
    [ "$(id_of "$T/two")" = "$spare" ]
    ends 0 -C "$T/two" site list
    says paris
    "$KEYMUSTER" -C "$T/two" audit log | grep -q 'the first one burnt'
    ends 0 -C "$T/two" verify
    ends 0 -C "$FRA" sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$T/two" status)" ]
}

@test "join --spare: a key that the copy does not know, or that was retired, is 17" {
    scene_pair
    cp -r "$USB" "$T/older"
    make_spare # the first ranks above the founder, the second does not
    local first=$spare
    rm "$T/spare.key"
    make_spare
    [ "$(listed "$FRA" "$spare" .standing)" = admitted ]
    local with=(--site mad --yes --spare "$T/spare.key" --credential "spare=file:$T/spare.pass")
    ends 17 -C "$T/new" join --from "file://$T/older" "${with[@]}"
    says 'not admitted'
    ends 0 -C "$FRA" author retire "${spare:0:8}" --reason 'the envelope was opened' --confirm "${spare:0:8}"
    ends 17 -C "$T/new" join --from "file://$USB" "${with[@]}"
    says retired
    [ ! -e "$T/new" ]
    ends 17 -C "$FRA" author retire "$first" --reason R --confirm "$first"
    says 'nobody ranks above'
}

# ---- retire ----

@test "author retire: later entries are kept, listed, marked, and count nowhere" {
    scene_pair
    local mad_id
    mad_id=$(id_of "$MAD")
    mad site add good
    fra sync
    ends 17 -C "$FRA" author retire "$mad_id"
    says '--reason'
    ends 2 -C "$FRA" --no-input author retire "$mad_id" --reason stolen
    says "--confirm ${mad_id:0:8}"
    ends 2 -C "$FRA" author retire "$mad_id" --reason stolen --confirm "${mad_id:0:7}"
    ends 0 -C "$FRA" author retire "${mad_id:0:8}" --reason stolen -n
    [ "$(listed "$FRA" "$mad_id" .retired)" = false ]
    ends 0 -o json -C "$FRA" author retire "${mad_id:0:8}" --reason stolen --confirm "${mad_id:0:8}"
    json '.retired and .last == 2 and .quarantined == 0'
    cp -r "$MAD" "$T/thief"
    XDG_STATE_HOME=$T/thief-state "$KEYMUSTER" -C "$T/thief" site add evil >/dev/null
    fra sync
    ends 0 -C "$FRA" site list
    says good
    silent_on evil
    [ "$(listed "$FRA" "$mad_id" '[.retired, .last, .entries, .quarantined] | tostring')" = '[true,2,3,1]' ]
    ends 0 -C "$FRA" author list
    says QUARANTINED 'admitted, retired'
    [ "$(quarantined "$FRA" | wc -l)" -eq 1 ]
    ends 0 -C "$FRA" audit log
    grep -qx "# quarantined $(quarantined "$FRA")" <<<"$output"
    ends 0 -o json -C "$FRA" audit log --entry "$(quarantined "$FRA")"
    json '.quarantined and .entry.body.name == "evil"'
    ends 0 -C "$FRA" verify
    # Its own store hears of it, and what it says of authors is refused there.
    ends 0 -C "$MAD" sync
    ends 0 -C "$MAD" status
    says 'was retired after its entry 2'
    ends 17 -C "$MAD" author spare --file "$T/x" --credential "file:$T/stderr"
    # A second time says so; an earlier entry may still be named.
    ends 0 -o json -C "$FRA" author retire "$mad_id" --reason again
    json '.retired == false'
    ends 0 -o json -C "$FRA" author retire "$mad_id" --last 1 --reason earlier --confirm "$mad_id"
    json '.retired and .last == 1 and .quarantined == 2'
    ends 0 -C "$FRA" site list
    silent_on good
}

@test "author retire: oneself is renew's, a higher rank is 17 and says who can, an unknown author 13" {
    scene_pair
    local fra_id mad_id
    fra_id=$(id_of "$FRA") mad_id=$(id_of "$MAD")
    ends 17 -C "$FRA" author retire "$fra_id" --reason R --confirm "$fra_id"
    says 'author renew'
    make_spare
    mad sync
    ends 17 -o json -C "$MAD" author retire "$fra_id" --reason R --confirm "$fra_id"
    error_is KM6001
    says "$spare" 'join --spare'
    [ "$(listed "$FRA" "$fra_id" .retired)" = false ]
    ends 13 -C "$FRA" author retire 00000000000000000000000000000000 --reason R
    ends 2 -C "$FRA" author retire abc --reason R
    ends 2 -C "$FRA" author retire UPPERCASE --reason R
    ends 13 -C "$FRA" author retire "$mad_id" --reason R --last 99
    ends 2 -C "$FRA" author retire "$mad_id" --reason R --last -1
    ends 2 -C "$FRA" author retire "$mad_id" --reason R --last 1x
    # One that nobody admitted counts nowhere already.
    "$KEYMUSTER" -C "$T/third" join --from "file://$USB" --site mad --yes >/dev/null 2>&1
    fra sync
    ends 0 -C "$FRA" author retire "$(id_of "$T/third")" --reason R
    says 'not admitted'
    ends 17 -C "$T/third" author retire "$mad_id" --reason R --confirm "$mad_id"
    # A spare that nobody used can be retired, too: second ones rank like anybody.
    rm "$T/spare.key"
    make_spare
    ends 0 -o json -C "$FRA" author retire "$spare" --reason lost --confirm "$spare"
    json '.retired and .last == 0'
}

@test "author retire: blocked or trusted by hand on this machine, an author is retired for the others all the same" {
    scene_pair
    local mad_id
    mad_id=$(id_of "$MAD")
    "$KEYMUSTER" -C "$T/third" join --from "file://$USB" --site mad --yes >/dev/null 2>&1
    fra author admit "$(id_of "$T/third")"
    "$KEYMUSTER" -C "$T/third" sync >/dev/null
    fra author block "$mad_id"
    ends 0 -o json -C "$FRA" author retire "$mad_id" --reason stolen --confirm "$mad_id"
    json .retired
    "$KEYMUSTER" -C "$T/third" sync >/dev/null
    [ "$(listed "$T/third" "$mad_id" .retired)" = true ]
    fra author trust "$(id_of "$T/third")"
    ends 0 -C "$FRA" author retire "$(id_of "$T/third")" --reason R --confirm "$(id_of "$T/third")"
    says 'trusts it by hand' 'author block'
}

# ---- renew ----

@test "author renew: a new key, both logs published, the old key gone from the store" {
    scene_two
    local old
    old=$(id_of "$FRA")
    cp "$FRA/author.key" "$T/old.key"
    ends 2 -C "$FRA" --no-input author renew
    [ "$(id_of "$FRA")" = "$old" ]
    ends 0 -C "$FRA" author renew -n
    says 'no spare'
    make_spare
    ends 0 -C "$FRA" author renew -n
    silent_on 'no spare'
    [ "$(id_of "$FRA")" = "$old" ]
    ends 0 -o json -C "$FRA" author renew --yes
    json '.former == $old and .author != $old' --arg old "$old"
    ! cmp -s "$FRA/author.key" "$T/old.key" || return 1
    [ ! -e "$FRA/author.key.new" ]
    tail -n 1 "$T/old.key" | base64 -d | tail -c +63 | head -c 32 >"$T/seed"
    "$KM_TOOLS/scan" "$T/seed" "$FRA"
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" create vbr/after --purpose backup-job --root fra-main --root mad-main
    mad sync
    ends 0 -C "$MAD" show vbr/after
    [ "$(ask .digest -C "$MAD" status)" = "$(ask .digest -C "$FRA" status)" ]
    [ "$(listed "$MAD" "$old" '[.retired, .quarantined] | tostring')" = '[true,0]' ]
    [ "$(listed "$MAD" "$(id_of "$FRA")" '[.name, .site, .standing] | tostring')" = '["fra","fra","admitted"]' ]
    ends 0 -C "$MAD" copy check --deep
    ends 0 -C "$T/reader" join --from "file://$USB" --site mad --yes
    ends 0 -C "$T/reader" show vbr/config
    # What a copy did not have of the old log goes with the next sync.
    mv "$USB" "$T/away"
    ends 0 -C "$FRA" author renew --yes --offline
    mv "$T/away" "$USB"
    ends 0 -C "$FRA" sync
    mad sync
    [ "$(ask .digest -C "$MAD" status)" = "$(ask .digest -C "$FRA" status)" ]
}

@test "author renew: killed after the decision, the next command finishes; before it, takes it back" {
    scene_pair
    local old
    old=$(id_of "$FRA")
    cp "$FRA/author.key" "$T/old.key"
    fra author renew --yes
    # As it is between the transaction and the exchange of the files.
    mv "$FRA/author.key" "$FRA/author.key.new"
    cp "$T/old.key" "$FRA/author.key"
    # That it cannot be read comes before the other one's being another author's.
    chmod 0640 "$FRA/author.key.new"
    ends 2 -C "$FRA" site add one
    says 'author.key.new is open to group or others'
    chmod 0600 "$FRA/author.key.new"
    ends 0 -C "$FRA" site add one
    [ ! -e "$FRA/author.key.new" ]
    ! cmp -s "$FRA/author.key" "$T/old.key" || return 1
    # As it is before the transaction: a key that nothing speaks of.
    cp "$T/old.key" "$FRA/author.key.new"
    ends 0 -C "$FRA" site add two
    [ ! -e "$FRA/author.key.new" ]
    ends 0 -C "$FRA" verify
    # Neither key is this author's: nothing is removed.
    cp "$T/old.key" "$FRA/author.key.new"
    mv "$FRA/author.key" "$T/kept"
    cp "$T/old.key" "$FRA/author.key"
    ends 15 -C "$FRA" site add three
    cmp "$FRA/author.key" "$T/old.key"
    cmp "$FRA/author.key.new" "$T/old.key"
}

@test "author renew: not for a store that nobody admitted" {
    scene_pair
    "$KEYMUSTER" -C "$T/third" join --from "file://$USB" --site mad --yes >/dev/null 2>&1
    ends 17 -C "$T/third" author renew --yes
    says 'not admitted'
}

# ---- adopt ----

# mad makes a site, changes who its vendor is, and is retired before both.
scene_quarantine() {
    scene_pair
    mad_id=$(id_of "$MAD")
    mad site add paris --vendor old
    fra sync
    ends 0 -C "$FRA" author retire "$mad_id" --last 1 --reason stolen --confirm "$mad_id"
    paris=$("$KEYMUSTER" -C "$FRA" -o ndjson audit log | jq -r 'select(.entry.body.name == "paris").hash')
    [ "$(quarantined "$FRA")" = "$paris" ]
}

@test "author adopt: an entry of a retired author counts again, as this store's own; once" {
    scene_quarantine
    ends 0 -C "$FRA" site list
    silent_on paris
    ends 2 -C "$FRA" --no-input author adopt "$paris"
    ends 0 -o json -C "$FRA" author adopt "$paris" -n
    json '.items[0].adopted == false'
    ends 0 -o json -C "$FRA" author adopt "$paris" "$paris" --yes
    json '(.items | length) == 2 and .items[0].restates == $h and .items[0].entry == .items[1].entry' --arg h "$paris"
    ends 0 -C "$FRA" site list
    says paris
    "$KEYMUSTER" -C "$FRA" -o ndjson audit log | jq -s -e --arg h "$paris" --arg a "$mad_id" \
        '[.[].entry | select(.restates.entry == $h)] | length == 1 and (.[0] | .kind == "site.added" and
            .body.name == "paris" and .restates.author == $a and .restates.seq == 2 and (.restates.at | length) == 24 and
            (.restates.by.user | length) > 0)' >/dev/null
    local before
    before=$(ask .digest -C "$FRA" status)
    ends 0 -C "$FRA" author adopt "$paris" --yes
    says 'adopted before'
    [ "$(ask .digest -C "$FRA" status)" = "$before" ]
    ends 0 -C "$FRA" verify
    # Where the retired author is trusted by hand, the two are one and the same thing.
    ends 0 -C "$T/reader" join --from "file://$USB" --site mad --yes
    ends 0 -C "$T/reader" author trust "$mad_id"
    [ "$(ask '[.items[] | select(.name == "paris")] | length' -C "$T/reader" site list)" -eq 1 ]
    ends 0 -C "$T/reader" verify
}

@test "author adopt: names of adopted entries in later ones become those of their restatements" {
    scene_two
    local mad_id created changed
    mad_id=$(id_of "$MAD")
    mad create vbr/late --purpose backup-job --root mad-main
    mad state vbr/late deactivated --reason done --yes
    fra sync
    ends 0 -C "$FRA" author retire "$mad_id" --last 1 --reason stolen --confirm "$mad_id"
    ends 13 -C "$FRA" show vbr/late
    created=$("$KEYMUSTER" -C "$FRA" -o ndjson audit log | jq -r 'select(.quarantined and .entry.kind == "key.created").hash')
    changed=$("$KEYMUSTER" -C "$FRA" -o ndjson audit log | jq -r 'select(.quarantined and .entry.kind == "key.changed").hash')
    [ -n "$created" ] && [ -n "$changed" ]
    # In one command and in the wrong order, or one after the other: the same.
    cp -r "$FRA" "$T/other"
    ends 0 -C "$FRA" author adopt "$changed" "$created" --yes
    ends 0 -C "$FRA" show vbr/late
    says deactivated
    [ "$(ask .conflicts -C "$FRA" status)" -eq 0 ]
    export XDG_STATE_HOME=$T/other-state
    ends 0 -C "$T/other" --offline author adopt "$created" --yes
    ends 0 -C "$T/other" --offline author adopt "$changed" --yes
    ends 0 -C "$T/other" show vbr/late
    says deactivated
    [ "$(ask .conflicts -C "$T/other" status)" -eq 0 ]
}

@test "author adopt: what counts, what is nobody's to repeat, what is not there" {
    scene_quarantine
    ends 0 -o json -C "$FRA" author adopt "$(entry_of "$FRA" copy.added)" --yes
    json '.items[0].adopted == false'
    ends 13 -C "$FRA" author adopt "$(printf '%064d' 7)" --yes
    ends 2 -C "$FRA" author adopt "${paris:0:10}" --yes
    # An admission by the retired author: only a person at a trusted store can say that again.
    "$KEYMUSTER" -C "$T/third" join --from "file://$USB" --site mad --yes >/dev/null 2>&1
    XDG_STATE_HOME=$T/x "$KEYMUSTER" -C "$MAD" author admit "$(id_of "$T/third")" >/dev/null 2>&1 || true
    fra sync
    local admission
    admission=$("$KEYMUSTER" -C "$FRA" -o ndjson audit log | jq -r 'select(.quarantined and .entry.kind == "author.admitted").hash')
    [ -n "$admission" ]
    ends 17 -C "$FRA" author adopt "$admission" "$paris" --yes
    says 'author admit ID'
    [ "$(quarantined "$FRA" | wc -l)" -eq 3 ] # and the first entry of the third store
    ends 0 -C "$FRA" site list
    silent_on paris
    # An author whom nobody admitted.
    ends 0 -C "$T/third" site add lyon
    fra sync
    ends 0 -C "$FRA" author adopt "$("$KEYMUSTER" -C "$FRA" -o ndjson audit log |
        jq -r 'select(.quarantined and .entry.body.name == "lyon").hash')" --yes
    ends 0 -C "$FRA" site list
    says lyon
    ends 17 -C "$T/third" author adopt "$paris" --yes
}

# ---- an old image ----

@test "a store put back from an old image and used: what only it had is recorded again, and said" {
    scene_pair
    cp -r "$FRA" "$T/image"
    fra site add published
    rm -rf "$FRA"
    cp -r "$T/image" "$FRA"
    export XDG_STATE_HOME=$T/new-machine
    ends 0 -C "$FRA" --offline site add only-here
    ends 16 -C "$FRA" site add another
    says 'restored from a backup' 'keymuster sync'
    ends 0 -o json -C "$FRA" sync -n
    json '.copies[0].again == 2'
    [ "$(ask '[.items[].name] | tostring' -C "$FRA" site list)" = '["another","fra","mad","only-here"]' ]
    ends 0 -o json -C "$FRA" sync
    json '.copies[0].again == 2'
    says 'old image' '2 entries'
    [ "$(ask '[.items[].name] | tostring' -C "$FRA" site list)" = '["another","fra","mad","only-here","published"]' ]
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" sync
    silent_on 'old image'
    mad sync
    [ "$(ask .digest -C "$MAD" status)" = "$(ask .digest -C "$FRA" status)" ]
    ends 0 -C "$MAD" copy check --deep
}

@test "the whole machine put back: 16 until a person says so, and that is recorded" {
    scene_pair
    cp -r "$FRA" "$T/image"
    cp -r "$XDG_STATE_HOME" "$T/state"
    fra site add published
    rm -rf "$FRA" "$XDG_STATE_HOME"
    cp -r "$T/image" "$FRA"
    cp -r "$T/state" "$XDG_STATE_HOME"
    ends 0 -C "$FRA" --offline site add only-here
    ends 16 -o json -C "$FRA" sync
    error_is KM4004
    says '--accept-risk' clone
    ends 0 -C "$FRA" sync --accept-risk 'the night of the restore'
    ends 0 -C "$FRA" site list
    says published only-here
    "$KEYMUSTER" -C "$FRA" audit log | grep -q 'the night of the restore'
    mad sync
    [ "$(ask .digest -C "$MAD" status)" = "$(ask .digest -C "$FRA" status)" ]
}

@test "author trust and block: an id never heard of is warned of, and taken" {
    scene_copy
    ends 0 -C "$FRA" author trust 0123456789abcdef0123456789abcdef
    says 'never heard of here'
    ends 0 -C "$FRA" author block "$(id_of "$FRA")"
    [[ $stderr != *'never heard of'* ]]
}
