#!/usr/bin/env bats
# Every command there is, run with its system calls traced, as JSON and as text with all that -vv says: no eight bytes of
# a known password, of a generated one or of a KMS passphrase may be in what it says, in any file it leaves, in what it
# writes anywhere, in the arguments or the environment of anything that it starts. Delivery itself: canary.bats.
load ../lib/cli.bash
load ../lib/bco.bash

scene_secrets() {
    scene_two
    printf 'canary-Wm4tR8yBq2-%s' "$(head -c 12 /dev/urandom | base64)" >"$T/secret"
    record_known vbr/canary "$T/secret" fra-main kp-fra
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/secret" other >"$T/other.wrap"
    password_of "$FRA" vbr/job-sql "$T/generated"
    printf 'moniker | %s\n' "$(cat "$T/other.wrap")" >"$T/description"
    jq -nc --rawfile w "$T/other.wrap" '{name: "vbr/imported", wrapped: ($w | rtrimstr("\n")), form: "bytes", aad: ["other"]}' >"$T/rows"
    jq -nc --rawfile w "$T/other.wrap" '[{Id: "x", Description: ("vbr/listed | " + ($w | rtrimstr("\n")))}]' >"$T/list.json"
    printf 'canary-adopted-%s' "$(head -c 12 /dev/urandom | base64)" >"$T/adopted"
    printf 'canary-spare-%s\n' "$(head -c 12 /dev/urandom | base64)" >"$T/spare.pass"
    fra author spare --file "$T/spare.key" --credential "file:$T/spare.pass"
    printf '[blind]\nby = colleague\ntyped = file:%s\n' "$T/secret" >"$T/blind.answers"
    # A site's script with its key in it.
    printf 'canary-script-%s' "$(head -c 12 /dev/urandom | base64)" >"$T/site.key"
    # shellcheck disable=SC2016
    printf '$apikey = "%s"\n$kms = "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b"\n$crk = "3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1"\n' \
        "$(cat "$T/site.key")" >"$T/site.ps1"
    printf "vbr:canary-login-%s" "$(head -c 12 /dev/urandom | base64)" >"$T/login"
    printf 'can-ARy-%03d-Qrs-%03d-tuV' $((RANDOM % 1000)) $((RANDOM % 1000)) >"$T/officer"
    bco_make "$T/officer.bco" 'vbr/config | bm90IHRoZSB3cmFw' 13 Sections.SecurityOfficerEncryption.Id "$(bco_number 16 7)"
    secrets=("$T/officer" "$T/secret" "$T/generated" "$T/adopted" "$T/kp-fra.pass" "$T/kp-mad.pass" "$T/kp-new.pass" "$T/spare.pass" "$T/login" "$T/site.key")
    printf 'canary-new-%s\n' "$(head -c 12 /dev/urandom | base64)" >"$T/kp-new.pass"
}

# No secret anywhere but in its own file.
scan_all() {
    local options=(-x "$T/site.ps1") name
    for name in "${secrets[@]}"; do options+=(-s "$name" -x "$name"); done
    "$KM_TOOLS/scan" "${options[@]}" "${secrets[0]}" "$T" || { echo "leaked by: $*" >&2; return 1; }
}

# Runs it traced; what it said and the trace lie in T until the search is done.
traced() { # STATUS ARG...
    local want=$1 got=0
    shift
    strace -f -s 65536 -e trace=execve,write,pwrite64,writev,sendto,sendmsg -o "$T/trace" \
        "$KEYMUSTER" "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
    if [ "$want" != any ] && [ "$got" -ne "$want" ]; then
        printf 'keymuster %s ended %s, not %s\n' "$*" "$got" "$want" >&2
        cat "$T/out" "$T/err" >&2
        return 1
    fi
    grep -q execve "$T/trace" || { echo 'nothing was traced' >&2; return 1; }
}

# The commands in an order in which each can do its work: STATUS, then the words. WRAP stands for a wrap's id.
commands() {
    local id
    id=$(ask .author -C "$MAD" status)
    cat <<END
0 version
0 help
0 explain KM3001
0 completion words bash -- show = v
0 list
0 list --sort expires --unproven
0 list --exposed --conflict --debt --behind
3 simulate
0 simulate --lose site:fra
3 ready --if-lost fra
0 policy show
0 policy set drill=90d --reason R
3 audit check
0 audit kms-events $T/description
0 show vbr/canary --wraps --history
0 status
0 verify
0 sync
any identify $T/description
any identify https://127.0.0.1:1/x.bco --credential file:$T/login --timeout 1s
any vbr add server https://127.0.0.1:1 --offline --credential file:$T/login
any vbr set server --offline --credential file:$T/login
0 vbr list
any vbr test server --timeout 1s
any vbr push vbr/canary --timeout 1s
any vbr verify vbr/canary --timeout 1s
any vbr reconcile server --timeout 1s
any vbr adopt server x --key vbr/typed --purpose other --root fra-main --secret file:$T/secret --timeout 1s
2 vbr adopt server --scripts $T/site.ps1 --purpose other
any vbr adopt --scripts $T/site.ps1 --file $T/list.json --purpose other --endpoint https://127.0.0.1:1 --site fra --credential file:$T/login --timeout 1s --yes
3 vbr reconcile --file $T/list.json
0 vbr delivered vbr/canary --evidence seen
any vbr remove vbr/canary --reason R --confirm vbr/canary --timeout 1s
0 check vbr/canary --secret file:$T/secret
3 check vbr/job-sql --secret file:$T/secret
2 audit log
0 wrap list vbr/canary
0 root list
0 root check
any root retire-check mad-main
any kms retire-check kp-mad
0 upkeep
any drill
any doctor
0 site list
0 kms list
0 kms show kp-fra
0 kms test kp-fra
0 kms set kp-fra --credential file:$T/kp-fra.pass
0 kms add kp-new --site fra --provider local --file $T/kp-new.kms --credential file:$T/kp-new.pass
0 root create new-main --kms kp-new
0 root rotate fra-main
0 root disable fra-main --yes
14 rewrap vbr/canary
0 root enable fra-main
13 root add other --kms kp-fra --key no-such-root
0 create vbr/leak --purpose backup-job --root fra-main --root mad-main
0 rekey vbr/job-sql
0 rewrap vbr/canary
0 wrap add vbr/canary --root mad-main
0 rehome vbr/leak --from fra-main --to new-main --yes
0 wrap retire vbr/canary WRAP --reason R --confirm vbr/canary
0 state vbr/leak deactivated --reason R --yes
15 record vbr/wrong --purpose other --root mad-main --form bytes --wrapped file:$T/known.wrap
15 record vbr/described --purpose other --root fra-main --form bytes --description file:$T/description
0 record vbr/described --purpose other --root fra-main --form bytes --description file:$T/description --aad other
0 record vbr/adopted --purpose other --root fra-main --secret file:$T/adopted
0 record vbr/officer --purpose restore-secret --root fra-main --secret file:$T/officer --with vbr/config
17 record vbr/weak --purpose restore-secret --root fra-main --secret file:$T/secret --with vbr/config
0 state vbr/officer --with vbr/config
0 show vbr/officer
any identify $T/officer.bco
any ready --if-lost fra --bco $T/officer.bco
any drill vbr/config
0 export vbr/canary --file $T/exported
12 reveal vbr/canary --reason R --from $T/exported --yes --credential kp-fra=file:$T/kp-mad.pass --to file:$T/none
0 import $T/rows --root fra-main --purpose other
0 import $T/list.json --root fra-main --purpose other
0 site add paris
0 site lost paris --reason R --yes --confirm paris
0 site restored paris --reason R --yes
0 copy add third file://$T/third --site fra
0 copy set third file://$T/third
0 copy list
0 copy check --deep
0 sync --repair
0 sync --quick
0 copy card
0 copy card --html $T/card.html
0 author request
2 author admit --request $T/rows
0 list --until 2999-01-01
0 show vbr/canary --until 2999-01-01
0 runbook list
0 runbook show total-loss
0 runbook check total-loss
0 runbook add total-loss
0 runbook print total-loss --file $T/page.html
20 recover start total-loss --lost fra --no-input
20 recover resume --no-input
0 recover start --drill --blind vbr/canary --answers $T/blind.answers
20 recover start --drill --blind vbr/job-sql --answers $T/blind.answers
0 recover list
13 recover show 00000000
13 recover note 00000000 looked
0 report run --file $T/run.html
any report drill --format html
0 report audit --file $T/audit.html
0 report audit --file $T/audit.json --format json
0 report audit --file $T/audit.csv --format csv
0 report verify $T/audit.html
0 audit export --format cbom --file $T/audit.cbom
0 audit export --format ndjson --file $T/audit.ndjson
0 audit export --format csv --file $T/export.csv
0 metrics --file $T/audit.prom
13 recover countersign 00000000 --text
10 recover attach $T/third
0 person add first.operator --role operator --new-key $T/person.key --credential file:$T/spare.pass
0 person set first.operator --role guard
0 person list
0 audit who first.operator
0 person left first.operator --reason R
0 author list
0 author admit $id --yes
0 author trust $id
0 author block $id
6 author spare --file $T/spare.key --credential file:$T/spare.pass
0 author spare --file $T/second.key --credential file:$T/spare.pass
0 author adopt ENTRY --yes
0 author retire $id --reason R --confirm $id
0 author renew --yes
2 init
6 init --site fra
0 root destroy fra-main --confirm fra-main
any reveal vbr/canary --reason R --root fra-main --to file:$T/none
0 root restore fra-main
2 join --from file://$USB
END
}

@test "every command, in JSON and in words, leaves no trace of a secret" {
    scene_secrets
    mkdir "$T/third"
    scan_all 'the scene'
    commands >"$T/commands"
    mad site add bonn
    fra sync
    local theirs
    theirs=$("$KEYMUSTER" -C "$FRA" -o ndjson audit log | jq -r 'select(.entry.kind? == "site.added" and .entry.body.name == "bonn").hash')
    local status words
    while read -r status words; do
        if [[ $words == *WRAP* ]]; then
            words=${words/WRAP/$(ask 'first(.wraps[] | select(.root == "mad-main")).id' -C "$FRA" show vbr/canary)}
        fi
        words=${words/ENTRY/$theirs}
        # shellcheck disable=SC2086
        traced "$status" -C "$FRA" -o json -vv $words
        scan_all "$words"
        # shellcheck disable=SC2086
        traced any -C "$FRA" -vv $words
        scan_all "$words, in text"
    done <"$T/commands"
    traced 0 -C "$T/reader" -o json -vv join --from "file://$USB" --site mad --yes
    scan_all join
    traced 0 -C "$T/spare" -o json -vv join --from "file://$USB" --site mad --yes --spare "$T/spare.key" \
        --credential "spare=file:$T/spare.pass"
    scan_all 'join --spare'
    traced 12 -C "$T/wrong" -vv join --from "file://$USB" --site mad --yes --spare "$T/spare.key" \
        --credential "spare=file:$T/kp-new.pass"
    scan_all 'join --spare with a wrong passphrase'
    # The list above has to name every command that there is.
    "$KEYMUSTER" help | sed -nE 's/^  ([a-z]+( [a-z-]+)?)  .*/\1/p' | sort -u >"$T/there"
    [ "$(wc -l <"$T/there")" -gt 40 ]
    local missing=
    while read -r words; do
        case $words in reveal | exec) continue ;; esac # they deliver: canary.bats
        grep -qE "^[0-9a-z]+ $words( |$)" "$T/commands" || missing+=" '$words'"
    done <"$T/there"
    [ -z "$missing" ] || { echo "not in the list:$missing" >&2; return 1; }
}

@test "a passphrase that is generated here leaves no trace of itself" {
    scene_two
    traced 0 -C "$FRA" -vv create vbr/officer --purpose restore-secret --root fra-main --root mad-main --with vbr/config
    "$KEYMUSTER" -C "$FRA" reveal vbr/officer --reason test --to "file:$T/officer" 2>/dev/null
    bco_make "$T/officer.bco" 'vbr/config | bm90IHRoZSB3cmFw' 13 Sections.SecurityOfficerEncryption.Id "$(bco_number 16 7)"
    secrets=("$T/officer")
    scan_all create
    printf '%s' "$(cat "$T/officer")" >"$T/planted"
    run scan_all 'a planted one'
    [ "$status" -ne 0 ]
}

@test "the search would find a secret in an argument, an environment, a write" {
    scene_secrets
    traced 0 -C "$FRA" exec vbr/canary --reason test --env PW -- true
    run scan_all 'exec --env'
    [ "$status" -ne 0 ]
    # shellcheck disable=SC2016 # the child's own variables
    traced 0 -C "$FRA" exec vbr/canary --reason test --env PW -- sh -c 'exec env - "$0" "$PW"' true
    grep -v PW= "$T/trace" >"$T/trace2" && rm "$T/trace"
    run scan_all 'an argument'
    [ "$status" -ne 0 ]
    rm "$T/trace2"
    traced 0 -C "$FRA" exec vbr/canary --reason test --stdin -- cat
    rm "$T/out"
    run scan_all 'a write'
    [ "$status" -ne 0 ]
    rm "$T/trace"
    scan_all nothing
}

@test "not in /proc either: command line and environment of the program while it runs" {
    scene_secrets
    # The child looks at its parent, which holds the secret at that moment.
    # shellcheck disable=SC2016
    "$KEYMUSTER" -C "$FRA" exec vbr/canary --reason test --stdin -- \
        sh -c 'cat >/dev/null; cat /proc/$PPID/cmdline /proc/$PPID/environ /proc/$$/cmdline /proc/$$/environ' \
        >"$T/proc" 2>"$T/err"
    [ -s "$T/proc" ]
    scan_all proc
}
