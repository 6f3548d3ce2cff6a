#!/usr/bin/env bats
# Two stores that edited apart: both values are shown, an ordinary command settles it, and meanwhile the safer one counts.
load ../lib/cli.bash

meet() {
    fra sync
    mad sync
    fra sync
}
same_tables() { [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]; }
apart() { # STORE ARG...: nothing gets out, so a new key is not released
    local status=0
    "$KEYMUSTER" -C "$@" --offline >/dev/null 2>"$T/stderr" || status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || { cat "$T/stderr" >&2; return 1; }
}

@test "owner, labels and the like: both are shown with their site, one command settles them" {
    scene_two
    local store
    apart "$FRA" state vbr/config --owner backup-team --label tier=1 --protects sql
    apart "$MAD" state vbr/config --owner bob --label tier=2 --protects sql
    apart "$FRA" state vbr/job-sql suspended --reason one
    apart "$MAD" state vbr/job-sql compromised --reason two
    meet
    same_tables
    for store in "$FRA" "$MAD"; do
        ends 0 -C "$store" status
        says 'conflict: owner of vbr/config@1' '"backup-team" (fra)' '"bob" (mad)' "keymuster state vbr/config --owner TEXT" \
            'conflict: labels of vbr/config@1' '{"tier":"2"} (mad)'
        silent_on 'protects of' # the same value is no conflict
        ends 0 -C "$store" show vbr/config
        says 'conflict' '"backup-team" (fra)' '"bob" (mad)' 'settle it'
        ends 0 -o json -C "$store" show vbr/config
        json '[.conflicts[] | .field] == ["labels", "owner"] and (.conflicts[1].values | map(.site + ":" + .value) | sort) ==
              ["fra:backup-team", "mad:bob"]'
        ends 0 -o json -C "$store" status
        json '.conflicts == 3'
    done
    ends 0 -C "$FRA" show vbr/job-sql
    says 'state of vbr/job-sql@1' '"suspended" (fra)' '"compromised" (mad)'
    silent_on backup-team
    fra state vbr/job-sql active --reason settled
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

@test "needed-until: the later one counts for destruction; a password confirmed twice is no conflict" {
    scene_two
    printf 'canary-Passw0rd of both' >"$T/known"
    record_known vbr/adopted "$T/known" mad-main kp-mad
    mad sync
    apart "$FRA" check vbr/adopted --secret "file:$T/known"
    apart "$MAD" check vbr/adopted --secret "file:$T/known"
    apart "$FRA" state vbr/config --needed-until 1s
    apart "$MAD" state vbr/config --needed-until 2099-12-31
    meet
    [ "$(ask .conflicts -C "$FRA" status)" = 1 ]
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
    apart "$FRA" kms set kp-mad --endpoint https://one.example
    apart "$MAD" kms set kp-mad --endpoint https://two.example
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
    apart "$FRA" rekey vbr/job-sql --root fra-main
    apart "$MAD" rekey vbr/job-sql --root mad-main
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

@test "equal names of sites, each named by its UUID; a site lost and restored apart" {
    scene_two
    fra site lost mad --reason flood
    mad sync
    apart "$FRA" site lost mad --reason 'still under water'
    apart "$MAD" site restored mad
    apart "$FRA" site add third
    apart "$MAD" site add third
    meet
    ends 0 -C "$FRA" status
    says 'two sites named a site third apart' '(fra)' '(mad)' 'by its UUID'
    says 'conflict: lost of mad' 'site restored'
    silent_on 'is marked lost'
    fra site restored mad
    mad sync
    same_tables
    [ "$(ask .conflicts -C "$MAD" status)" = 1 ]
    ends 2 -C "$FRA" site lost third --reason which
    ends 0 -C "$FRA" site lost "$(ask '[.items[] | select(.name == "third")][0].uuid' -C "$FRA" site list)" --reason this
}

@test "sync -n shows the entries and the conflicts that would come, once, and takes nothing" {
    scene_two
    mkdir "$T/second"
    fra copy add second "file://$T/second" --site mad # has the same news
    mad sync
    mad copy set second "file://$T/second"
    apart "$FRA" state vbr/config --owner backup-team
    apart "$MAD" state vbr/config --owner bob
    fra sync
    local before
    before=$(ask .digest -C "$MAD" status)
    ends 0 -C "$MAD" sync -n
    says 'would take 1 entry' 'key.changed' 'vbr/config@1' fra 'conflicts that would come' '"backup-team" (fra)' '"bob" (mad)'
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
    ends 0 -C "$FRA" state vbr/config --expires 2001-01-01 -n
    says "is past"
    ends 2 -C "$FRA" state vbr/config --label novalue
    ends 2 -C "$FRA" state vbr/config --owner $'a\tb'
    ends 17 -C "$FRA" state vbr/config suspended --owner backup-team
    says --reason
    ends 13 -C "$FRA" state vbr/none --owner backup-team
    ends 0 -C "$FRA" state vbr/config --owner backup-team -n
    says 'would be vbr/config@1: active' backup-team
    ends 0 -o json -C "$FRA" show vbr/config
    json 'has("owner") | not'
    ends 0 -C "$FRA" state vbr/config suspended --owner backup-team --system vbr01 --reason 'on leave' --expires 2099-01-01
    ends 0 -o json -C "$FRA" show vbr/config
    json '.owner == "backup-team" and .system == "vbr01" and .state == "suspended" and .expires == "2099-01-01T00:00:00.000Z"'
    ends 0 -C "$FRA" verify
}
