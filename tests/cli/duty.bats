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
