#!/usr/bin/env bats
# Every rule of audit check: a state without the finding, what makes it appear, and for most what makes it go again. What
# the program would refuse to record, or cannot know here (a KMS's dates, a clock, another version), is written into the log.
load ../lib/cli.bash
load ../lib/runs.bash

# there RULE [OBJECT] [--as-of TIME]: whether audit check has it; with the words that every finding must have.
there() {
    local rule=$1 object=${2-}
    shift "$(($# < 2 ? $# : 2))"
    "$KEYMUSTER" -C "$FRA" -o json audit check --fail-on none "$@" >"$T/found" || return 2
    jq -e --arg r "$rule" --arg o "$object" '[.findings[] | select(.rule == $r and ($o == "" or .object == $o))] | length > 0
        and all(.[]; (.text | length > 10) and (.severity | IN("low", "medium", "high")))' "$T/found" >/dev/null
}
# appears RULE OBJECT COMMAND...: not there, and after the command it is. COMMAND `later TIME`: as of then it is.
appears() {
    local rule=$1 object=$2
    shift 2
    if there "$rule" "$object"; then
        echo "$rule of $object is there before: $*" >&2
        return 1
    fi
    if [ "$1" = later ]; then
        there "$rule" "$object" --as-of "$2" || { echo "no $rule of $object as of $2" >&2; cat found >&2; return 1; }
        return
    fi
    "$@" || return 1
    there "$rule" "$object" || { echo "no $rule of $object after: $*" >&2; cat found >&2; return 1; }
}
# goes RULE OBJECT COMMAND...: there, and after the command it is not.
goes() {
    local rule=$1 object=$2
    shift 2
    there "$rule" "$object" || { echo "no $rule of $object before: $*" >&2; cat found >&2; return 1; }
    "$@" || return 1
    if there "$rule" "$object"; then
        echo "$rule of $object is still there after: $*" >&2
        return 1
    fi
}
entry() { "$KM_TOOLS/log_tool" append "$FRA" "$1" "$2" && fra person add "p$RANDOM$RANDOM"; } # KIND BODY: and it is applied
uuid_of() { sqlite3 "$FRA/escrow.db" "SELECT uuid FROM object WHERE name = '$1' UNION SELECT uuid FROM key WHERE name = '$1' LIMIT 1"; }
seen() { entry root.observed "$(jq -nc --arg r "$(uuid_of "$1")" "{root: \$r} + $2")"; } # ROOT JSON: what its KMS said
away() { # COMMAND...: while the copy cannot be reached
    mv "$USB" "$T/away"
    "$@"
    mv "$T/away" "$USB"
}
apart() { "$KEYMUSTER" -C "$FRA" "$@" >/dev/null 2>&1 || true; }
both_sync() {
    mad sync
    fra sync
}
proved() { mad sync && mad drill "$@" && fra sync; } # KEY...

@test "copies, sites, authors: no-copy one-author authors-gone copies-gone copy-late copy-contradicts unpublished site-lost not-admitted clock" {
    scene_fra
    mkdir "$USB" "$T/here"
    goes no-copy '' fra copy add here "file://$T/here" --site fra
    goes copies-gone fra fra copy add usb "file://$USB" --site mad
    fra copy set usb "file://$USB" --every 1d
    appears copy-late usb later 2100-01-01
    fra copy set usb "file://$USB" --every 1s
    sleep 1.1
    goes copy-late usb fra sync
    fra copy set usb "file://$USB" --every 1d
    mv "$T/here" "$T/there"
    appears unpublished '' away fra_quiet person add someone
    mv "$T/there" "$T/here"
    goes unpublished '' fra sync
    cp -r "$USB" "$T/older"
    fra sync # nothing new
    fra person add newer
    appears copy-contradicts usb rolls_back
    goes copy-contradicts usb rolls_on
    appears site-lost mad fra site lost mad --reason fire
    goes site-lost mad fra site restored mad
    there one-author
    there authors-gone fra
    appears not-admitted '' joins
    goes not-admitted '' admits
    there one-author && return 1
    there authors-gone fra && return 1
    appears clock '' "$KM_TOOLS/log_tool" note-at "$FRA" 2099-01-01T00:00:00.000Z
}
fra_quiet() { "$KEYMUSTER" -C "$FRA" "$@" >/dev/null 2>&1 || [ "$?" -le 5 ]; }
rolls_back() { mv "$USB" "$T/newer" && cp -r "$T/older" "$USB" && ends 16 -C "$FRA" sync usb; }
rolls_on() { rm -r "$USB" && mv "$T/newer" "$USB" && sleep 0.01 && fra sync; }
joins() { mad join --from "file://$USB" --site mad --yes && both_sync; }
admits() { fra author admit "$(ask .author -C "$MAD" status)"; }

@test "KMSs, root keys, credentials: kept-at credential circle hpcs root-* no-way foreign-unwrap" {
    scene_two
    goes kept-at kp-mad fra kms set kp-mad --kept-at 'vault mad'
    appears credential fra fra kms set kp-mad --kept-at 'safe in fra'
    goes credential fra fra kms set kp-mad --kept-at 'vault mad'
    appears circle '' fra kms set kp-mad --kept-at 'written down under vbr/config'
    goes circle '' fra kms set kp-mad --kept-at 'vault mad'
    appears hpcs kp-fra entry kms.changed "$(jq -nc --arg k "$(uuid_of kp-fra)" \
        '{uuid: $k, set: {endpoint: {value: "https://api.eu-de.hs-crypto.cloud.ibm.com", supersedes: []}}}')"
    appears root-expires mad-main seen mad-main "$(in_days 60)"
    appears root-expired mad-main seen mad-main "{state: \"deactivated\", updated: \"$(date -u -d '+3 days' +%F)T00:00:00.000Z\"}"
    there root-expires mad-main && return 1
    fra root create other --kms kp-mad
    appears root-disabled other fra root disable other --yes
    goes root-disabled other fra root enable other
    fra create vbr/other --purpose backup-job --root other
    appears no-way vbr/other@1 fra root disable other --yes
    goes no-way vbr/other@1 fra root enable other
    appears root-destroyed other fra root destroy other --confirm other
    there no-way vbr/other@1
    jq -nc --arg k "$(ask '.items[] | select(.name == "mad-main") | .id' -C "$FRA" root list)" '{id: "e1", action: "kms.secrets.unwrap",
        outcome: "success", correlationId: "00000000-aaaa", eventTime: "2026-11-27T03:00:00.00+0000", initiator: {name: "mallory"},
        target: {id: "crn:v1:bluemix:public:kms:eu-de:a/0123:11111111-1111-4111-8111-111111111111:key:\($k)"}}' >events
    appears foreign-unwrap mad-main fra audit kms-events events
    goes foreign-unwrap mad-main explains
}
explains() { # with the command of the finding
    local words
    words=$(jq -r '.findings[] | select(.rule == "foreign-unwrap") | .fix' found)
    words=${words#keymuster }
    # shellcheck disable=SC2086
    fra ${words% --reason TEXT} --reason 'it was us'
}
in_days() { # N: what a KMS says tomorrow of a root key that expires in N days
    printf '{state: "active", updated: "%sT00:00:00.000Z", expires: "%sT00:00:00.000Z"}' "$(date -u -d '+1 day' +%F)" "$(date -u -d "+$1 days" +%F)"
}

@test "ways, debts and policy of a key: outlive fate owed wraps copies unreleased policy-unmet policy-unknown" {
    scene_two
    goes never-drilled vbr/config@1 proved vbr/config
    appears outlive lonely@1 fra create lonely --purpose config-backup --root fra-main --accept-risk 'to see it'
    goes outlive lonely@1 fra wrap add lonely --root mad-main
    fra site add left --region one
    fra site add right --region one
    new_kms right
    fra kms add kp-right --site right --provider local --file "$T/right.kms" --credential "file:$T/right.pass"
    fra root create right --kms kp-right
    appears fate near@1 fra create near --purpose config-backup --root right --protects-site left
    goes fate near@1 fra wrap add near --root mad-main
    appears owed later@1 fra create later --purpose backup-job --root fra-main --owe mad-main
    goes owed later@1 fra wrap add later --root mad-main
    fra create single --purpose other --root fra-main
    appears wraps single@1 fra policy set other.wraps=2 --reason two
    goes wraps single@1 fra wrap add single --root mad-main
    appears policy-unmet copies fra policy set copies=2 --reason two
    there copies single@1
    mkdir "$T/second"
    goes policy-unmet copies fra copy add second "file://$T/second" --site mad
    there copies single@1 && return 1
    mv "$T/second" "$T/second.away"
    appears unreleased fresh@1 away fra_quiet create fresh --purpose other --root fra-main --root mad-main
    goes unreleased fresh@1 fra_quiet sync
    there copies fresh@1
    mv "$T/second.away" "$T/second"
    goes copies fresh@1 fra sync
    appears policy-unknown '' entry policy.changed '{"set": {"walks.other": {"value": 3, "reason": "r", "supersedes": []}}}'
    appears unapplied '' entry future.thing '{"x": 1}'
}

@test "proofs and people: no-check never-drilled drill-due drill-failed unconfirmed exposed never-recovered conflict export" {
    scene_two
    goes never-drilled vbr/config@1 proved vbr/config
    appears drill-due vbr/config@1 later 2100-01-01
    there never-recovered vbr/config@1
    there never-recovered vbr/job-sql@1 && return 1
    appears drill-failed vbr/config@1 entry drill.result "$(jq -nc --arg k "$(uuid_of vbr/config)" --arg r "$(uuid_of mad-main)" \
        --arg c "$(uuid_of usb)" --arg s "$(uuid_of mad)" '{key: $k, root: $r, copy: $c, site: $s, host: "h", outcome: "failed", code: "KM3104", ms: 3,
            drill: "01234567-89ab-4def-8123-456789abcdef"}')"
    goes drill-failed vbr/config@1 proved vbr/config
    printf 'canary-known' >known
    appears unconfirmed typed@1 fra record typed --purpose backup-job --root fra-main --secret file:known
    there exposed typed@1
    goes unconfirmed typed@1 confirms
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main known >bare.wrap
    appears no-check bare@1 fra record bare --purpose other --root fra-main --form bytes --wrapped file:bare.wrap --no-prove
    goes no-check bare@1 fra record bare --purpose other --root fra-main --form bytes --wrapped file:bare.wrap
    appears exposed vbr/job-sql@1 fra reveal vbr/job-sql --reason test --to "file:$T/seen"
    appears conflict vbr/config@1 away two_owners
    goes conflict vbr/config@1 fra state vbr/config --owner carol
    fra export vbr/config --file "$T/config.export"
    appears export vbr/config fra wrap add vbr/config --root fra-main
    goes export vbr/config fra upkeep
}
confirms() { fra check typed --secret file:known; }
two_owners() {
    entry key.changed "$(jq -nc --arg k "$(uuid_of vbr/config)" '{key: $k, set: {owner: {value: "anna", supersedes: []}}}')" 2>/dev/null || true
    entry key.changed "$(jq -nc --arg k "$(uuid_of vbr/config)" '{key: $k, set: {owner: {value: "bert", supersedes: []}}}')" 2>/dev/null || true
}

@test "states and dates: behind rewrap-due age expired expires compromised destroyed suspended not-needed" {
    scene_keys
    appears behind vbr/job-sql@1 fra root rotate fra-main
    there rewrap-due vbr/job-sql@1 && return 1
    appears rewrap-due vbr/job-sql@1 later 2100-01-01
    goes behind vbr/job-sql@1 fra rewrap vbr/job-sql
    fra policy set max-age=1y --reason yearly
    appears age vbr/job-sql@1 later 2100-01-01
    appears expires vbr/job-sql@1 fra state vbr/job-sql --expires 10d
    there expired vbr/job-sql@1 && return 1
    appears expired vbr/job-sql@1 later 2100-01-01
    goes expires vbr/job-sql@1 fra state vbr/job-sql --expires 2y
    appears suspended vbr/job-sql@1 fra state vbr/job-sql suspended --reason 'is looked at'
    goes suspended vbr/job-sql@1 fra state vbr/job-sql active --reason 'all well'
    appears compromised vbr/job-sql@1 fra state vbr/job-sql compromised --reason 'on a note'
    goes compromised vbr/job-sql@1 fra rekey vbr/job-sql
    appears not-needed vbr/job-sql@1 fra state vbr/job-sql@1 --needed-until 2001-01-01
    goes not-needed vbr/job-sql@1 fra state vbr/job-sql@1 destroyed --reason over --confirm vbr/job-sql
    appears destroyed vbr/job-sql@1 fra state vbr/job-sql@1 --needed-until 2y
    goes destroyed vbr/job-sql@1 fra state vbr/job-sql@1 deactivated --reason kept
}

@test "runs: alone approval approvers" {
    scene_fra
    local name run
    for name in alice bob; do
        minisign -G -W -p "$T/$name.pub" -s "$T/$name.key" >/dev/null
        fra person add "$name" --key "$T/$name.pub"
    done
    {
        # shellcheck disable=SC2016 # Markdown
        printf '# Small\n\n```keymuster\nid = small\n```\n\n## Agree\n\n* Ask.\n\nExpect: yes.\n\n### If it fails\n\n* Wait.\n\n'
        # shellcheck disable=SC2016
        printf '```keymuster\nid = agree\nkind = approve\npeople = 1\n```\n'
    } >small.md
    printf '[step "agree"]\ndo = done\n' >answers
    appears alone small fra recover start small.md --as alice --alone 'nobody there' --answers answers
    run=$(ask '.items[0].run' -C "$FRA" recover list)
    appears approval small entry run.approved "$(jq -nc --arg r "$run" '{run: $r, step: "agree", person: "mallory"}')"
    appears approvers small fra policy set approvers=1 --reason one
    "$KEYMUSTER" -C "$FRA" recover countersign "$run" --text >text
    minisign -S -s bob.key -m text >/dev/null
    goes alone small fra recover countersign "$run" --as bob --signature text.minisig
    there approvers small && return 1
    there approval small # it stays in the log
}

# The names of the rules: as the program has them, as the documentation has them, and as this file tests them.
in_program() { sed -nE 's/^    \[FINDING_[A-Z_]+\] = \{"([a-z-]+)".*/\1/p' "$KM_SOURCE/src/report/finding.c" | sort; }
in_pages() { sed -n '/^## Rules/,/^#[^#]/p' "$KM_SOURCE/docs/reference/audit.md" | sed -nE 's/^\| `([a-z-]+)` \| (low|medium|high) \|.*/\1/p' | sort; }
in_tests() { sed -nE 's/^ +appears ([a-z-]+) .*/\1/p; s/^ +goes ([a-z-]+) .*/\1/p; s/^ +there ([a-z-]+)( [^ ]+)? && return 1$/\1/p' "$1" | sort -u; }

@test "every rule has a test, and a line in the documentation" {
    in_program >program
    [ "$(wc -l <program)" -eq 50 ]
    in_pages | diff program -
    in_tests "$BATS_TEST_FILENAME" | comm -23 program - >untested
    [ ! -s untested ] || { echo "no test for: $(paste -sd ' ' untested)" >&2; return 1; }
    # and a rule without one is found
    grep -vE 'clock' "$BATS_TEST_FILENAME" >fewer
    [ "$(in_tests fewer | comm -23 program -)" = clock ]
}

@test "a program that leaves a rule out does not pass" {
    scene_copy
    fra create vbr/config --purpose config-backup --root mad-main
    appears exposed vbr/config@1 fra reveal vbr/config --reason test --to "file:$T/seen"
    fra rekey vbr/config
    KEYMUSTER=$KM_TOOLS/plant-no-finding
    run appears exposed vbr/config@2 fra reveal vbr/config --reason test --to "file:$T/seen2"
    [ "$status" -eq 1 ]
    [[ $output == *'no exposed of vbr/config@2'* ]]
    there kept-at kp-mad # the others are there still
}
