#!/usr/bin/env bats
# Duties: a key that a person has seen must be replaced. Sites that are lost and come back.
load ../lib/cli.bash

@test "a showing opens a duty; exec and the first delivery by create do not" {
    scene_keys
    ends 0 -C "$FRA" exec vbr/config --reason test -- true
    ends 0 -C "$FRA" create vbr/new --purpose backup-job --root fra-main --to "file:$T/first"
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    password_of "$FRA" vbr/config "$T/pw"
    ends 0 -o json -C "$FRA" status
    json '.duties == 1 and any(.warnings[]; test("vbr/config@1 was seen by a person .* no successor"))'
}

@test "what a script on a backup server reads opens no duty, is on record by its name, and is a delivery" {
    scene_keys
    fra person add alice --role operator
    "$KEYMUSTER" -C "$FRA" reveal vbr/config --reason nightly --as alice --to - --handover vbr-fra >"$T/got" 2>"$T/err"
    ends 0 -C "$FRA" check vbr/config --secret "file:$T/got"
    grep -q 'handed vbr/config@1 over to vbr-fra' "$T/err"
    grep -q 'somebody has seen it' "$T/err" && return 1
    "$KEYMUSTER" -C "$FRA" create vbr/new --purpose backup-job --root fra-main --to - --handover vbr-fra >"$T/new" 2>"$T/err"
    ends 0 -C "$FRA" check vbr/new --secret "file:$T/new"
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    ends 0 -o json -C "$FRA" audit who alice
    json '[.acts[] | {what, to}] == [{what: "used", to: "handover:vbr-fra"}]'
    ends 0 -o ndjson -C "$FRA" audit log
    jq -se 'any(.[]; .entry.kind? == "key.delivered" and .entry.body.to == "handover:vbr-fra" and .entry.body.seen == false)' <<<"$output"
    # A successor that a script took is delivered: only its drill is left.
    password_of "$FRA" vbr/config "$T/pw"
    "$KEYMUSTER" -C "$FRA" rekey vbr/config 2>/dev/null
    "$KEYMUSTER" -C "$FRA" reveal vbr/config --reason test --to - --handover vbr-fra >"$T/got" 2>/dev/null
    ends 0 -C "$FRA" show vbr/config@1
    says 'its successor is not drilled'
    # It is for a script alone.
    local to
    for to in tty "file:$T/f" fd:9 vbr:x; do
        ends 2 -C "$FRA" create vbr/y --purpose other --root fra-main --to "$to" --handover vbr-fra
    done
    ends 2 -C "$FRA" create vbr/y --purpose other --root fra-main --handover vbr-fra
    ends 2 -C "$FRA" reveal vbr/config --reason test --handover vbr-fra
    ends 2 -C "$FRA" reveal vbr/config --reason test --to - --handover 'Not A Name'
    ends 13 -C "$FRA" show vbr/y
    run script -qec "'$KEYMUSTER' -C '$FRA' reveal vbr/config --reason x --to - --handover vbr-fra" /dev/null
    [ "$status" -eq 18 ]
}

@test "a showing that never came to its first byte opens no duty" {
    scene_keys
    fra root disable mad-main --yes
    ends 14 -C "$FRA" reveal vbr/config --reason test --to "file:$T/pw"
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
}

@test "a successor changes what the duty lacks" {
    scene_copy
    printf 'canary-one' >"$T/one"
    printf 'canary-two' >"$T/two"
    record_known vbr/script "$T/one" fra-main kp-fra
    password_of "$FRA" vbr/script "$T/pw"
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/two" >"$T/w"
    fra record vbr/script --purpose backup-job --root fra-main --form bytes --wrapped "file:$T/w" --new-generation
    ends 0 -C "$FRA" status
    says 'its successor is not delivered'
    fra exec vbr/script --reason deliver -- true
    ends 0 -C "$FRA" status
    says 'its successor is not drilled'
    fra drill vbr/script@1 # the old one is no successor
    ends 0 -o json -C "$FRA" status
    json '.duties == 1'
    fra drill vbr/script
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
}

@test "site lost and restored: a reason is wanted, both sites see it" {
    scene_two
    ends 17 -C "$MAD" site lost fra
    ends 13 -C "$MAD" site lost paris --reason fire
    ends 0 -C "$MAD" site lost fra --reason fire
    ends 0 -C "$MAD" status
    says 'fra is marked lost'
    fra sync
    ends 0 -C "$FRA" status
    says 'fra is marked lost'
    ends 0 -C "$FRA" site restored fra
    ends 0 -C "$FRA" status
    silent_on 'marked lost'
    mad sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    ends 0 -C "$MAD" verify
}

@test "status: more things to look at than it shows are counted" {
    scene_fra
    local i
    for i in $(seq 40); do
        fra create "vbr/job-$i" --purpose backup-job --root fra-main --offline --allow-unsynced
    done
    ends 0 -o json -C "$FRA" status
    json '(.warnings | length) == 32 and .warnings_left_off >= 8'
    ends 0 -C "$FRA" status
    says 'more; when these are settled'
}
