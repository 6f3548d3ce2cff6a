#!/usr/bin/env bats
# Two stores that edited apart: both values are shown, an ordinary command settles it, and meanwhile the safer one counts.
load ../lib/cli.bash

part() { mv "$USB" "$T/away"; }
meet() {
    mv "$T/away" "$USB"
    fra sync
    mad sync
    fra sync
}
same_tables() { [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]; }
apart() { "$KEYMUSTER" "$@" >/dev/null 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }; } # -C STORE ARG...: the copy is away

@test "owner, labels and the like: both are shown with their site, one command settles them" {
    scene_two
    local uuid store
    uuid=$(ask .uuid -C "$FRA" show vbr/config)
    part
    apart -C "$FRA" state vbr/config --owner alice --label tier=1 --protects sql
    apart -C "$MAD" state vbr/config --owner bob --label tier=2 --protects sql
    meet
    same_tables
    for store in "$FRA" "$MAD"; do
        ends 0 -C "$store" status
        says 'conflict: owner of vbr/config@1' '"alice" (fra)' '"bob" (mad)' "keymuster state $uuid --owner TEXT" \
            'conflict: labels of vbr/config@1' '{"tier":"2"} (mad)'
        silent_on 'protects of' # the same value is no conflict
        ends 0 -C "$store" show vbr/config
        says 'conflict' '"alice" (fra)' '"bob" (mad)' 'settle it'
        ends 0 -o json -C "$store" show vbr/config
        json '[.conflicts[] | .field] == ["labels", "owner"] and (.conflicts[1].values | map(.site + ":" + .value) | sort) ==
              ["fra:alice", "mad:bob"]'
        ends 0 -o json -C "$store" status
        json '.conflicts == 2'
    done
    ends 0 -C "$FRA" show vbr/job-sql
    silent_on conflict
    ends 0 -C "$FRA" rekey vbr/config # goes on meanwhile, and says what is carried over
    says 'owner of vbr/config@1 is in conflict' 'labels of'
    ends 0 -o json -C "$FRA" state vbr/config@1 --owner carol --label tier=3
    json '.owner == "carol" and .labels == {tier: "3"} and .state == "active" and (.entry | length) == 64'
    mad sync
    same_tables
    for store in "$FRA" "$MAD"; do
        ends 0 -o json -C "$store" status
        json '.conflicts == 0'
        ends 0 -o json -C "$store" show vbr/config@1
        json '.owner == "carol" and .labels == {tier: "3"} and .protects == "sql" and .conflicts == []'
    done
}

@test "a state is shown with both values, too" {
    scene_two
    part
    apart -C "$FRA" state vbr/config suspended --reason one
    apart -C "$MAD" state vbr/config compromised --reason two
    meet
    ends 0 -C "$MAD" show vbr/config
    says 'state of vbr/config@1' '"suspended" (fra)' '"compromised" (mad)'
    password_of "$FRA" vbr/config "$T/pw" # no recovery is stopped
    [ "$(wc -c <"$T/pw")" -eq 44 ]
}

@test "needed-until: the later one counts for destruction, until it is settled" {
    scene_two
    part
    apart -C "$FRA" state vbr/config --needed-until 1s
    apart -C "$MAD" state vbr/config --needed-until 2099-12-31
    meet
    sleep 1
    for store in "$FRA" "$MAD"; do
        [ "$(ask .needed_until -C "$store" show vbr/config)" = 2099-12-31T00:00:00.000Z ]
        ends 17 -C "$store" state vbr/config destroyed --reason over --confirm vbr/config
        says '2099-12-31'
    done
    ends 0 -C "$FRA" state vbr/config --needed-until 1s
    sleep 1
    ends 0 -C "$FRA" state vbr/config destroyed --reason over --confirm vbr/config
    mad sync
    same_tables
    [ "$(ask '.conflicts' -C "$MAD" status)" = 0 ]
}

@test "an endpoint in conflict is not used, whatever is bound, until kms set; other wraps open meanwhile" {
    scene_two
    part
    apart -C "$FRA" kms set kp-mad --endpoint https://one.example
    apart -C "$MAD" kms set kp-mad --endpoint https://two.example
    meet
    same_tables
    for store in "$FRA" "$MAD"; do
        ends 15 -o json -C "$store" kms test kp-mad
        error_is KM3014
        says 'two sites set its endpoint apart' 'kms set kp-mad --endpoint URL'
        ends 0 -C "$store" kms show kp-mad
        says '"https://one.example" (fra)' '"https://two.example" (mad)' 'settle it'
        ends 0 -o json -C "$store" kms show kp-mad
        json '.conflicts | length == 1 and .[0].field == "endpoint" and (.[0].values | length) == 2'
        ends 0 -C "$store" status
        says 'conflict: endpoint of kp-mad'
    done
    ends 15 -C "$FRA" create vbr/new --purpose backup-job --root mad-main
    ends 0 -C "$FRA" create vbr/new --purpose backup-job --root fra-main
    password_of "$FRA" vbr/job-sql "$T/pw"
    [ "$(wc -c <"$T/pw")" -eq 44 ]
    grep -q 'https://one.example' "$USB/recovery/KEYS.txt"
    grep -q 'https://two.example' "$USB/recovery/KEYS.txt"
    ends 0 -C "$FRA" kms set kp-mad --endpoint https://two.example
    ends 0 -C "$FRA" kms test kp-mad
    mad sync
    same_tables
    ends 0 -C "$MAD" kms test kp-mad # which is bound to that one
    [ "$(ask .conflicts -C "$MAD" status)" = 0 ]
    fra kms set kp-mad --endpoint https://three.example # by one site alone: the other confirms it
    mad sync
    ends 15 -C "$MAD" kms test kp-mad
    says 'not the one bound here'
    mad kms set kp-mad --endpoint https://three.example
    ends 0 -C "$MAD" kms test kp-mad
    local before
    before=$(ask .digest -C "$MAD" status)
    mad kms set kp-mad --endpoint https://three.example # no news is no entry
    [ "$(ask .digest -C "$MAD" status)" = "$before" ]
    for url in http://three.example https:// three.example; do
        ends 2 -C "$MAD" kms set kp-mad --endpoint "$url"
    done
}

@test "equal generation numbers: shown, wanted by UUID, and one successor of both settles it" {
    scene_two
    part
    "$KEYMUSTER" -C "$FRA" rekey vbr/job-sql --root fra-main >/dev/null 2>&1 || true # not released: 3
    "$KEYMUSTER" -C "$MAD" rekey vbr/job-sql --root mad-main >/dev/null 2>&1 || true
    meet
    same_tables
    local first second
    first=$(ask '[.keys[] | select(.name == "vbr/job-sql" and .generation == 2) | .uuid] | sort | .[0]' -C "$FRA" list)
    second=$(ask '[.keys[] | select(.name == "vbr/job-sql" and .generation == 2) | .uuid] | sort | .[1]' -C "$FRA" list)
    ends 0 -C "$MAD" status
    says 'two sites made vbr/job-sql@2 apart' "$first" "$second" "keymuster rekey $first"
    ends 0 -o json -C "$MAD" show "$second"
    json '.conflicts | length == 1 and .[0].field == "generation"'
    ends 2 -C "$FRA" rekey vbr/job-sql
    says UUID
    ends 0 -o json -C "$FRA" rekey "$first" --root fra-main
    json '.generation == 3'
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '.generation == 3 and .conflicts == []'
    mad sync
    same_tables
    for store in "$FRA" "$MAD"; do
        [ "$(ask .conflicts -C "$store" status)" = 0 ]
        [ "$(ask .generation -C "$store" show vbr/job-sql)" = 3 ]
    done
    ends 2 -C "$MAD" show vbr/job-sql@2 # still two of them, both to be had
    for uuid in "$first" "$second"; do
        ends 0 -C "$MAD" show "$uuid" --history
        says 'its successor, generation 3'
    done
    ends 0 -C "$FRA" verify
}

@test "equal names of other objects are shown, and each is named by its UUID" {
    scene_two
    part
    apart -C "$FRA" site add third
    apart -C "$MAD" site add third
    meet
    ends 0 -C "$FRA" status
    says 'two sites named a site third apart' '(fra)' '(mad)' 'by its UUID'
    ends 2 -C "$FRA" site lost third --reason which
    ends 0 -C "$FRA" site lost "$(ask '[.items[] | select(.name == "third")][0].uuid' -C "$FRA" site list)" --reason this
}

@test "a site lost and restored apart: said once, and settled" {
    scene_two
    fra site lost mad --reason flood
    mad sync
    part
    apart -C "$FRA" site lost mad --reason 'still under water'
    apart -C "$MAD" site restored mad
    meet
    ends 0 -C "$FRA" status
    says 'conflict: lost of mad' 'site restored'
    silent_on 'is marked lost'
    fra site restored mad
    mad sync
    same_tables
    [ "$(ask .conflicts -C "$MAD" status)" = 0 ]
}

@test "a password confirmed at both sites is no conflict" {
    scene_two
    printf 'canary-Passw0rd of both' >"$T/known"
    record_known vbr/adopted "$T/known" mad-main kp-mad
    mad sync
    part
    apart -C "$FRA" check vbr/adopted --secret "file:$T/known"
    apart -C "$MAD" check vbr/adopted --secret "file:$T/known"
    meet
    [ "$(ask .conflicts -C "$FRA" status)" = 0 ]
}

@test "sync -n shows the entries and the conflicts that would come, and takes nothing" {
    scene_two
    part
    apart -C "$FRA" state vbr/config --owner alice
    apart -C "$MAD" state vbr/config --owner bob
    mv "$T/away" "$USB"
    fra sync
    local before
    before=$(ask .digest -C "$MAD" status)
    ends 0 -C "$MAD" sync -n
    says 'would take 1 entry' 'key.changed' 'vbr/config@1' fra 'conflicts that would come' '"alice" (fra)' '"bob" (mad)'
    ends 0 -o json -C "$MAD" sync -n
    json '.dry_run and (.entries | length) == 1 and (.entries[0] | .kind == "key.changed" and .about == "vbr/config@1"
          and .site == "fra" and .accepted) and (.conflicts | length) == 1 and .conflicts[0].field == "owner"'
    [ "$(ask .digest -C "$MAD" status)" = "$before" ]
    mad sync
    [ "$(ask .digest -C "$MAD" status)" != "$before" ]
    ends 0 -o json -C "$MAD" sync -n
    json '.entries == [] and .conflicts == []'
    ends 0 -o json -C "$MAD" sync
    json '(has("entries") or has("conflicts")) | not'
}

@test "state: what it cannot use" {
    scene_keys
    ends 2 -C "$FRA" state vbr/config
    says 'Give a STATE'
    ends 2 -C "$FRA" state vbr/config --needed-until 2026-02-30
    ends 2 -C "$FRA" state vbr/config --expires 2001-01-01
    ends 2 -C "$FRA" state vbr/config --label novalue
    ends 2 -C "$FRA" state vbr/config --owner $'a\tb'
    ends 17 -C "$FRA" state vbr/config suspended --owner alice
    says --reason
    ends 13 -C "$FRA" state vbr/none --owner alice
    ends 0 -C "$FRA" state vbr/config --owner alice -n
    says 'would be vbr/config@1: active' alice
    ends 0 -o json -C "$FRA" show vbr/config
    json 'has("owner") | not'
    ends 0 -C "$FRA" state vbr/config suspended --owner alice --system vbr01 --reason 'on leave' --expires 2099-01-01
    ends 0 -o json -C "$FRA" show vbr/config
    json '.owner == "alice" and .system == "vbr01" and .state == "suspended" and .expires == "2099-01-01T00:00:00.000Z"'
    ends 0 -C "$FRA" verify
}
