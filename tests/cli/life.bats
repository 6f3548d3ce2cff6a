#!/usr/bin/env bats
# rewrap, rekey, state, wrap, rehome: what happens to a key in a year.
load ../lib/cli.bash

@test "rewrap: a newer wrapper of the same key, the former wrap is kept" {
    scene_keys
    password_of "$FRA" vbr/job-sql "$T/before"
    fra root rotate fra-main
    ends 0 -o json -C "$FRA" rewrap vbr/job-sql
    json '.rewrapped == 1 and .current == 1 and .failed == 0'
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '(.wraps | length) == 3 and ([.wraps[] | select(.how == "rewrap")] | length) == 1'
    # Behind are root keys under which only older versions have wrapped it.
    json '.wraps_behind == 0'
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

@test "rewrap as JSON names each key with the versions, before and after; ndjson streams them" {
    scene_keys
    local old new
    old=$(ask '.wraps[0].version' -C "$FRA" show vbr/config)
    fra root rotate mad-main
    new=$(ask '.items[] | select(.name == "mad-main").version' -C "$FRA" root list)
    [ -n "$old" ] && [ "$old" != "$new" ]
    ends 0 -o json -C "$FRA" rewrap --stale -n
    json '.dry_run and .planned == 2 and .rewrapped == 0 and .current == 1 and .failed == 0 and (.keys | length) == 3'
    json '.keys[0] | .name == "vbr/config" and .generation == 1 and .outcome == "planned"
          and .from == [{root: "mad-main", version: $old}] and .to == {root: "mad-main", version: $new}' \
        --arg old "$old" --arg new "$new"
    json '.keys[0].uuid == $uuid' --arg uuid "$(ask .uuid -C "$FRA" show vbr/config)"
    json '[.keys[] | select(.outcome == "current") | .name + " " + .to.root] == ["vbr/job-sql fra-main"]'
    ends 0 -o ndjson -C "$FRA" rewrap --stale -n
    jq -es 'length == 4 and all(.[:3][]; .schema == "keymuster.rewrap.key/1")
            and .[3].schema == "keymuster.summary/1" and .[3].result.planned == 2' <<<"$output"
    mv "$T/kp-fra.kms" "$T/away"
    ends 3 -o json -C "$FRA" rewrap --all -n
    json '.planned == 2 and .failed == 1'
    mv "$T/away" "$T/kp-fra.kms"
    ends 0 -o json -C "$FRA" rewrap --stale --yes
    json '[.keys[].outcome] | sort == ["current", "rewrapped", "rewrapped"]'
    [ "$(ask '[.wraps[] | select(.how == "rewrap").version][0]' -C "$FRA" show vbr/config)" = "$new" ]
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

@test "rewrap: when nothing can be renewed it ends with the reason, 14 for a disabled root" {
    scene_keys
    fra root rotate mad-main
    fra root disable mad-main --yes
    ends 14 -o json -C "$FRA" rewrap vbr/config
    error_is KM3005
    says disabled
    ends 3 -C "$FRA" rewrap vbr/job-sql
    says disabled
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
    says 'keymuster state vbr/kept deactivated'
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
    json '.debts == 1 and any(.warnings[]; test("debt: vbr/job-sql@2 has no wrap under fra-main.*wrap add"))'
    mv "$T/away" "$T/kp-fra.kms"
    fra wrap add vbr/job-sql --root fra-main
    ends 0 -o json -C "$FRA" status
    json '.debts == 0'
    mv "$T/kp-fra.kms" "$T/away"
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

# The id of the newest wrap of a key under a root key.
wrap_id() { # KEY ROOT
    ask ".wraps | map(select(.root == \"$2\" and (.retired | not)))[0].id" -C "$FRA" wrap list "$1"
}

@test "wrap list: every wrap, and how it stands to its root key" {
    scene_keys
    fra root rotate fra-main
    fra rewrap vbr/job-sql
    ends 0 -o json -C "$FRA" wrap list vbr/job-sql vbr/config
    json '.schema == "keymuster.wrap.list/1" and (.wraps | length) == 4
          and ([.wraps[] | select(.root == "fra-main") | .standing] | sort) == ["behind", "current"]
          and all(.wraps[]; .ciphertext | length > 0)'
    ends 0 -C "$FRA" wrap list vbr/job-sql
    says behind fra-main "$(wrap_id vbr/job-sql mad-main | head -c 12)"
    ends 13 -C "$FRA" wrap list vbr/nothing
    ends 2 -C "$FRA" wrap list
}

@test "wrap add: the same value under one more root key, with the same AAD" {
    scene_copy
    fra create vbr/job --purpose backup-job --root fra-main --aad one --aad two
    password_of "$FRA" vbr/job "$T/before"
    ends 0 -C "$FRA" wrap add vbr/job --root mad-main -n
    says planned
    ends 0 -o json -C "$FRA" wrap add vbr/job --root mad-main
    json '.schema == "keymuster.wrap.add/1" and .added == 1 and .there == 0 and .root == "mad-main"
          and .keys[0].outcome == "added"'
    ends 0 -o json -C "$FRA" show vbr/job
    json '(.wraps | map(.how) | sort) == ["add", "create"] and all(.wraps[]; .aad == ["one", "two"])'
    mv "$T/kp-fra.kms" "$T/away"
    password_of "$FRA" vbr/job "$T/after"
    cmp "$T/before" "$T/after"
    ends 0 -o json -C "$FRA" wrap add vbr/job --root mad-main
    json '.added == 0 and .there == 1'
    ends 0 -C "$FRA" verify
}

@test "wrap add: an adopted password in its own form" {
    scene_copy
    printf 'canary-Passw0rd of a script' >"$T/known"
    record_known vbr/script "$T/known" fra-main kp-fra
    fra wrap add vbr/script --root mad-main
    mv "$T/kp-fra.kms" "$T/away"
    password_of "$FRA" vbr/script "$T/pw"
    cmp "$T/known" "$T/pw"
}

@test "wrap add: what it cannot use, and nothing is recorded" {
    scene_keys
    local before
    before=$(ask .digest -C "$FRA" status)
    ends 2 -C "$FRA" wrap add vbr/config
    says --root
    ends 2 -C "$FRA" wrap add --root fra-main
    ends 13 -C "$FRA" wrap add vbr/nothing --root fra-main
    ends 13 -C "$FRA" wrap add vbr/config --root fra-mian
    says fra-main
    mv "$T/kp-mad.kms" "$T/away"
    ends 13 -o json -C "$FRA" wrap add vbr/config --root fra-main
    error_is KM3016
    mv "$T/away" "$T/kp-mad.kms"
    printf 'wrong one\n' >"$T/wrong"
    ends 12 -C "$FRA" wrap add vbr/config --root fra-main --credential "kp-fra=file:$T/wrong"
    [ "$(ask .digest -C "$FRA" status)" = "$before" ]
    fra root disable fra-main --yes
    ends 14 -C "$FRA" wrap add vbr/config --root fra-main
    says 'root enable'
    fra root enable fra-main
    sqlite3 "$FRA/escrow.db" "UPDATE check_value SET value = printf('%064d', 7)"
    ends 15 -o json -C "$FRA" wrap add vbr/config --root fra-main
    error_is KM3012
}

@test "wrap retire: by the first digits of its id, with a reason; never the last one" {
    scene_keys
    local id other
    id=$(wrap_id vbr/job-sql fra-main)
    other=$(wrap_id vbr/job-sql mad-main)
    password_of "$FRA" vbr/job-sql "$T/before"
    ends 17 -C "$FRA" wrap retire vbr/job-sql "${id:0:12}"
    says --reason
    ends 2 -C "$FRA" wrap retire vbr/job-sql "${id:0:3}" --reason x
    says 'see them: keymuster wrap list vbr/job-sql'
    ends 2 -C "$FRA" wrap retire vbr/job-sql 'xyzw' --reason x
    ends 13 -C "$FRA" wrap retire vbr/config "${id:0:12}" --reason x
    ends 0 -C "$FRA" wrap retire vbr/job-sql "${id:0:12}" --reason x -n
    says 'would retire'
    ends 0 -o json -C "$FRA" wrap retire vbr/job-sql "${id:0:12}" --reason 'moved'
    json '.schema == "keymuster.wrap.retire/1" and .retired and .left == 1'
    ends 0 -o json -C "$FRA" wrap retire vbr/job-sql "$id" --reason 'moved'
    json '.retired == false'
    ends 17 -o json -C "$FRA" wrap retire vbr/job-sql "$other" --reason x
    error_is KM6001
    says 'wrap add vbr/job-sql --root ROOT' 'state vbr/job-sql destroyed'
    mv "$T/kp-mad.kms" "$T/away" # a retired wrap does not stop a recovery
    password_of "$FRA" vbr/job-sql "$T/after"
    cmp "$T/before" "$T/after"
    ends 0 -C "$FRA" verify
}

@test "wrap retire: not the last one that can open, nor the last one at another site" {
    scene_keys
    fra wrap add vbr/config --root fra-main
    ends 17 -o json -C "$FRA" wrap retire vbr/config "$(wrap_id vbr/config mad-main)" --reason x
    error_is KM6002
    ends 0 -C "$FRA" wrap retire vbr/config "$(wrap_id vbr/config mad-main)" --reason x --accept-risk 'until friday'
    says 'accepted risk'
    fra root destroy fra-main --confirm fra-main
    ends 17 -o json -C "$FRA" wrap retire vbr/job-sql "$(wrap_id vbr/job-sql mad-main)" --reason x
    error_is KM6001
    ends 0 -C "$FRA" wrap retire vbr/job-sql "$(wrap_id vbr/job-sql fra-main)" --reason 'its root key is gone'
}

@test "rehome: all keys of a root key move, each proved, and the former wraps stay" {
    scene_keys
    fra root create new-main --kms kp-mad
    password_of "$FRA" vbr/job-sql "$T/before"
    fra create vbr/apart --purpose backup-job --root fra-main
    ends 0 -C "$FRA" rehome --all --from mad-main --to new-main -n
    says 'planned  vbr/config@1' 'planned  vbr/job-sql@1'
    silent_on vbr/apart
    ends 2 -C "$FRA" --no-input rehome --all --from mad-main --to new-main
    says --yes
    ends 0 -o json -C "$FRA" rehome --all --from mad-main --to new-main --yes
    json '.schema == "keymuster.rehome/1" and .added == 2 and .failed == 0'
    ends 0 -o json -C "$FRA" rehome --all --from mad-main --to new-main --yes
    json '.added == 0 and .there == 2'
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '(.wraps | map(.root) | sort) == ["fra-main", "mad-main", "new-main"]
          and ([.wraps[] | select(.root == "new-main") | .how]) == ["rehome"] and all(.wraps[]; .retired | not)'
    fra root destroy mad-main --confirm mad-main
    mv "$T/kp-fra.kms" "$T/away"
    password_of "$FRA" vbr/job-sql "$T/after"
    cmp "$T/before" "$T/after"
    ends 0 -C "$FRA" verify
}

@test "rehome: what it cannot use; a key that cannot be opened is left, the others are done: 3" {
    scene_keys
    fra root create new-main --kms kp-mad
    fra create vbr/apart --purpose backup-job --root fra-main
    ends 2 -C "$FRA" rehome vbr/config
    says --to
    ends 2 -C "$FRA" rehome --to new-main
    ends 2 -C "$FRA" rehome vbr/config --all --to new-main
    ends 2 -C "$FRA" rehome vbr/config --from new-main --to new-main
    ends 13 -C "$FRA" rehome vbr/config --from fra-main --to new-main
    says 'wrap list'
    ends 13 -C "$FRA" rehome vbr/config --to nowhere
    mv "$T/kp-fra.kms" "$T/away"
    ends 3 -o json -C "$FRA" rehome vbr/apart vbr/config vbr/config --to new-main
    json '.added == 1 and .failed == 1 and (.keys | map(.outcome)) == ["failed", "added"]'
    mv "$T/away" "$T/kp-fra.kms"
    ends 0 -o json -C "$FRA" rehome vbr/apart vbr/config --to new-main
    json '.added == 1 and .there == 1'
}

@test "rehome as JSON names each key, what opens it and where it goes" {
    scene_keys
    fra root create new-main --kms kp-mad
    ends 0 -o json -C "$FRA" rehome --all --to new-main -n
    json '.dry_run and .planned == 2 and .added == 0 and .root == "new-main" and [.keys[].outcome] == ["planned", "planned"]'
    json '[.keys[] | .name + "@\(.generation) " + (.from | map(.root) | sort | join("+")) + " " + .to.root] ==
          ["vbr/config@1 mad-main new-main", "vbr/job-sql@1 fra-main+mad-main new-main"]'
    json 'all(.keys[]; (.uuid | length) == 36 and (.to.version | length) == 36 and all(.from[]; .version | length == 36))'
    ends 0 -o ndjson -C "$FRA" rehome vbr/job-sql --from fra-main --to new-main
    jq -es 'length == 2 and .[0].schema == "keymuster.rehome.key/1" and .[0].outcome == "added"
            and [.[0].from[].root] == ["fra-main"] and .[1].result.added == 1' <<<"$output"
}

@test "wrap add: an unwrap of an older version brings a fresh wrap, which is recorded, too" {
    scene_keys
    fra root rotate mad-main
    fra wrap add vbr/config --root fra-main
    ends 0 -o json -C "$FRA" show vbr/config
    json '(.wraps | map(.how) | sort) == ["add", "create", "refresh"] and .wraps_behind == 0'
}

@test "show --history: what happened, and who did it; never a value" {
    scene_keys
    fra rekey vbr/job-sql
    fra root rotate fra-main
    fra rewrap vbr/job-sql@1
    fra state vbr/job-sql@1 deactivated --reason 'replaced by 2'
    password_of "$FRA" vbr/job-sql@1 "$T/pw"
    fra wrap retire vbr/job-sql@1 "$(wrap_id vbr/job-sql@1 mad-main)" --reason 'no longer'
    ends 0 -C "$FRA" show vbr/job-sql@1 --history
    says 'generation 1 under fra-main' 'its successor, generation 2' 'rewrap under fra-main' 'state: deactivated (replaced by 2)' \
        'reveal.shown' 'reason no longer' '(fra)'
    silent_on "$(cat "$T/pw")"
    ends 0 -o json -C "$FRA" show vbr/job-sql@1 --history
    json '.history | (map(.kind) | contains(["key.created", "wrap.added", "key.changed", "reveal.intended", "reveal.shown",
          "wrap.retired"])) and all(.[]; (.entry | length) == 64 and .by.host != null) and .[0].kind == "key.created"'
    ends 0 -o json -C "$FRA" show vbr/config
    json 'has("history") | not'
}

@test "many keys in more than one wave; Ctrl-C keeps what is done, and the same command goes on" {
    scene_copy
    local i root=mad-main
    fra root create new-main --kms kp-mad
    for i in {001..131}; do # the keys come by name, 128 a wave: the KMS that stops it is asked in the second
        "$KEYMUSTER" -C "$FRA" --offline --allow-unsynced create "vbr/$i" --purpose backup-job --root "$root" \
            >/dev/null 2>&1
        [ "$i" != 128 ] || root=fra-main
    done
    printf '#!/bin/sh\nkill -INT "$PPID"\ncat "%s"\n' "$T/kp-fra.pass" >"$T/stop"
    sed "s/kp-fra/kp-mad/" "$T/stop" >"$T/stop-mad"
    chmod 700 "$T/stop" "$T/stop-mad"
    ends 130 -C "$FRA" rehome --all --to new-main --yes --credential "kp-fra=command:$T/stop"
    says 'wraps are recorded, run it again'
    ends 0 -o json -C "$FRA" rehome --all --to new-main --yes
    json '.added == 3 and .there == 128'
    fra root rotate new-main
    ends 130 -C "$FRA" rewrap --stale --yes --credential "kp-mad=command:$T/stop-mad"
    ends 0 -o json -C "$FRA" rewrap --stale --yes
    json '.rewrapped == 131 and .failed == 0'
    ends 0 -C "$FRA" verify
}
