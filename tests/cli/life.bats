#!/usr/bin/env bats
# rewrap, state: what happens to a key in a year.
load ../lib/cli.bash

@test "rewrap: a newer wrapper of the same key, the former wrap is kept" {
    scene_keys
    password_of "$FRA" vbr/job-sql "$T/before"
    fra root rotate fra-main
    ends 0 -o json -C "$FRA" rewrap vbr/job-sql
    json '.rewrapped == 1 and .current == 1 and .failed == 0'
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '(.wraps | length) == 3 and ([.wraps[] | select(.how == "rewrap")] | length) == 1'
    json '.wraps_behind == 1'
    ends 0 -o json -C "$FRA" rewrap vbr/job-sql
    json '.rewrapped == 0 and .current == 2'
    password_of "$FRA" vbr/job-sql "$T/after"
    cmp "$T/before" "$T/after"
    ends 0 -C "$FRA" verify
}

@test "rewrap --stale: says what it would do, asks, does only what is behind" {
    scene_keys
    fra root rotate mad-main
    fra create vbr/new --purpose backup-job --root mad-main
    ends 0 -C "$FRA" rewrap --stale -n
    says 'would rewrap vbr/config@1' 'would rewrap vbr/job-sql@1'
    silent_on vbr/new
    ends 2 -C "$FRA" --no-input rewrap --stale
    says --yes
    ends 0 -o json -C "$FRA" rewrap --stale --yes
    json '.rewrapped == 2'
    ends 0 -C "$FRA" rewrap --all --yes
    says 'rewrapped 0'
}

@test "rewrap: one KMS out of reach, the rest is done: 3" {
    scene_keys
    fra root rotate fra-main
    fra root rotate mad-main
    mv "$T/kp-fra.kms" "$T/away"
    ends 3 -o json -C "$FRA" rewrap --all --yes
    json '.rewrapped == 2 and .failed == 1'
    mv "$T/away" "$T/kp-fra.kms"
    ends 0 -o json -C "$FRA" rewrap --all --yes
    json '.rewrapped == 1 and .failed == 0'
}

@test "rewrap keeps the AAD, and refuses a value that fails its check: 15" {
    scene_copy
    fra create vbr/aad --purpose backup-job --root fra-main --aad one --aad two
    fra root rotate fra-main
    ends 0 -C "$FRA" rewrap vbr/aad
    ends 0 -o json -C "$FRA" show vbr/aad
    json 'all(.wraps[]; .aad == ["one", "two"])'
    fra root rotate fra-main
    sqlite3 "$FRA/escrow.db" "UPDATE check_value SET value = printf('%064d', 7)"
    ends 15 -o json -C "$FRA" rewrap vbr/aad
    error_is KM3012
}

@test "rewrap: what it cannot use" {
    scene_keys
    ends 2 -C "$FRA" rewrap
    ends 2 -C "$FRA" rewrap vbr/config --all
    ends 13 -C "$FRA" rewrap vbr/nothing
}

@test "state: with a reason, shown everywhere, and no state stops a recovery" {
    scene_keys
    ends 17 -C "$FRA" state vbr/config deactivated
    ends 2 -C "$FRA" state vbr/config retired --reason x
    ends 13 -C "$FRA" state vbr/nothing active --reason x
    ends 0 -o json -C "$FRA" state vbr/config compromised --reason 'seen on a screen'
    json '.state == "compromised" and .former_state == "active"'
    ends 0 -o json -C "$FRA" show vbr/config
    json '.state == "compromised"'
    ends 0 -C "$FRA" exec vbr/config --reason 'still needed' -- true
}

@test "state destroyed: not while it is needed, and only by its name" {
    scene_copy
    fra create vbr/kept --purpose backup-job --root fra-main --needed-until 2y
    fra create vbr/free --purpose backup-job --root fra-main
    ends 17 -o json -C "$FRA" state vbr/kept destroyed --reason x --confirm vbr/kept
    error_is KM6001
    says 'needed'
    ends 2 -C "$FRA" --no-input state vbr/free destroyed --reason x --yes
    ends 2 -C "$FRA" --no-input state vbr/free destroyed --reason x --confirm vbr/kept
    ends 0 -C "$FRA" state vbr/free destroyed --reason x --confirm vbr/free
    ends 0 -C "$FRA" exec vbr/free --reason 'rule four' -- true
}

@test "two sites set a state apart: both are said, the stricter counts, a state settles it" {
    scene_two
    mv "$USB" "$T/away"
    "$KEYMUSTER" -C "$FRA" state vbr/config suspended --reason one >/dev/null
    "$KEYMUSTER" -C "$MAD" state vbr/config compromised --reason two >/dev/null
    mv "$T/away" "$USB"
    fra sync
    mad sync
    fra sync
    ends 0 -C "$FRA" status
    says 'conflict: state'
    ends 0 -o json -C "$FRA" show vbr/config
    json '.state == "compromised"'
    ends 0 -C "$FRA" state vbr/config deactivated --reason 'settled'
    ends 0 -C "$FRA" status
    silent_on 'conflict: state'
    mad sync
    [ "$(ask .state -C "$MAD" show vbr/config)" = deactivated ]
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
}

@test "rekey: the next generation, under the same roots, with what the former one says" {
    scene_copy
    fra create vbr/job --purpose backup-job --root fra-main --root mad-main --owner team --label tier=1 --protects sql
    password_of "$FRA" vbr/job "$T/old"
    ends 0 -o json -C "$FRA" rekey vbr/job --to "file:$T/new"
    json '.schema == "keymuster.rekey/1" and .created and .released and .generation == 2
          and (.roots | sort) == ["fra-main", "mad-main"] and .owed == []'
    ends 0 -o json -C "$FRA" show vbr/job
    json '.generation == 2 and .owner == "team" and .labels == {"tier":"1"} and .protects == "sql" and .purpose == "backup-job"'
    password_of "$FRA" vbr/job "$T/pw"
    cmp "$T/new" "$T/pw"
    run cmp -s "$T/new" "$T/old"
    [ "$status" -eq 1 ]
    password_of "$FRA" vbr/job@1 "$T/pw"
    cmp "$T/old" "$T/pw"
    ends 0 -C "$FRA" status
    says 'vbr/job@1 was seen by a person' 'its successor is not drilled'
    ends 6 -C "$FRA" rekey vbr/job@1
    says 'rekey vbr/job'
    ends 0 -C "$FRA" verify
}

@test "rekey: a root key out of reach is owed, the rest is done: 3; none in reach is an error" {
    scene_keys
    mv "$T/kp-fra.kms" "$T/away"
    ends 3 -o json -C "$FRA" rekey vbr/job-sql
    json '.created and .roots == ["mad-main"] and .owed == ["fra-main"]'
    ends 0 -o json -C "$FRA" status
    json '.debts == 1 and any(.warnings[]; test("debt: vbr/job-sql@2 has no wrap under fra-main"))'
    mv "$T/kp-mad.kms" "$T/away2"
    ends 13 -o json -C "$FRA" rekey vbr/job-sql
    error_is KM3016
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '.generation == 2'
    mv "$T/away2" "$T/kp-mad.kms"
    fra root disable mad-main --yes
    ends 14 -C "$FRA" rekey vbr/config
}

@test "rekey: the rule about the other site holds, and is a finding once that site is lost" {
    scene_keys
    ends 17 -C "$FRA" rekey vbr/config --root fra-main
    fra site lost fra --reason fire
    ends 3 -o json -C "$FRA" rekey vbr/config --root fra-main
    json '.created and .generation == 2'
}

@test "rekey: what it cannot use, and a dry run" {
    scene_keys
    ends 13 -C "$FRA" rekey vbr/nothing
    ends 13 -C "$FRA" rekey vbr/config --root nowhere
    ends 2 -C "$FRA" rekey
    ends 0 -C "$FRA" rekey vbr/config -n
    says 'would rekey vbr/config@2'
    ends 0 -o json -C "$FRA" show vbr/config
    json '.generation == 1'
    : >"$T/there"
    ends 18 -C "$FRA" rekey vbr/config --to "file:$T/there"
    ends 0 -o json -C "$FRA" show vbr/config
    json '.generation == 1'
}

@test "a label twice, or one without a name, is 2" {
    scene_fra
    ends 2 -C "$FRA" create vbr/x --purpose other --root fra-main --label a=1 --label a=2
    ends 2 -C "$FRA" create vbr/x --purpose other --root fra-main --label =2
}
