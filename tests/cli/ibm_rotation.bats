#!/usr/bin/env bats
# A year with IBM's KMSs against the simulator: root keys looked at, rotated, lost, retired; what status and retire-check
# say, and upkeep from a timer.
load ../lib/ibm

setup() {
    fresh_home
    sim_start "$T/sim"
    scene_roots
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra create vbr/one --purpose backup-job --root fra-main
    fra create vbr/two --purpose backup-job --root fra-main --root mad-main
}

# Somebody else does something to a root key in the KMS.
elsewhere() { # METHOD PATH
    SIM_TOKEN=$(sim_token "${3-manager}")
    sim_call "$1" "keys/$(root_id fra-main)$2" '{}' >"$T/elsewhere"
    SIM_TOKEN=
}

@test "root check: rotated elsewhere; what is behind; recorded once" {
    elsewhere POST /actions/rotate
    ends 0 -o json -C "$FRA" root check
    json '.items | map({(.name): .}) | add | (."fra-main" | .asked and .state == "active" and .versions == 2 and .wraps_behind == 2
          and (.rotated_at | startswith("20")) and (.request | length) == 36) and ."mad-main".wraps_behind == 0'
    ends 0 -C "$FRA" root check
    says 'fra-main' '2 wraps are behind it: keymuster rewrap --stale'
    [ "$("$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -r 'select(.entry.kind? == "root.observed" and (.entry.body.versions == 2)) | .hash' | wc -l)" -eq 1 ]
    ends 0 -o json -C "$FRA" status
    json '.wraps_behind == 2 and any(.warnings[]; contains("2 wraps are behind the current version of root key fra-main"))'
    ends 0 -C "$FRA" rewrap --stale --yes
    ends 0 -o json -C "$FRA" status
    json '.wraps_behind == 0'
}

@test "create after a rotation: nobody waits for the store while it asks what the root key is now" {
    local creator before
    elsewhere POST /actions/rotate
    sim_control DELETE log >/dev/null
    sim_fault '{"match": {"path": "/metadata"}, "delay_ms": 4000, "count": 1}'
    "$KEYMUSTER" -C "$FRA" create vbr/three --purpose backup-job --root fra-main >"$T/created" 2>&1 3>&- &
    creator=$!
    for _ in {1..100}; do [ "$(sim_log '[.[] | select(.path | endswith("/metadata"))] | length')" -eq 0 ] || break; sleep 0.05; done
    before=$(date +%s%N)
    ends 0 -C "$FRA" site add elsewhere
    [ $(($(date +%s%N) - before)) -lt 3000000000 ]
    kill -0 "$creator" # it was asking all the while
    wait "$creator"
    ends 0 -o json -C "$FRA" root check -n
    json '.items[] | select(.name == "fra-main") | .versions == 2 and .wraps_behind == 2'
    [ "$("$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -r 'select(.entry.kind? == "root.observed" and (.entry.body.versions == 2)) | .hash' | wc -l)" -eq 1 ]
}

@test "root check: destroyed by somebody: by whom, until when, what depends on it; status has the last day" {
    elsewhere DELETE ''
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0] | .asked and .state == "destroyed" and .former_state == "active" and (.deleted_by | length) > 3
          and (.restore_until | startswith("20")) and (.deleted_at | startswith("20")) and .keys == 2 and .keys_only_here == 1'
    ends 0 -C "$FRA" root check fra-main
    says 'destroyed on 20' ' by ' 'it can be restored until 20' 'keymuster root restore fra-main' '2 keys under it, 1 of them with no other wrap'
    ends 0 -o json -C "$FRA" status
    json '.roots_destroyed == 1 and any(.warnings[]; test("fra-main is destroyed by .*last day to restore it: 20..-..-.. \\(in 29 days\\).*2 keys under it, 1 with no other wrap"))'
    ends 14 -o json -C "$FRA" reveal vbr/one --reason test --to -
    error_is KM3007
    says 'restored until' 'destroyed on' 'root retire-check'
    sim_move $((31 * 86400))
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0] | .state == "destroyed" and (has("restore_until") | not)'
    ends 0 -C "$FRA" root check fra-main
    says 'it cannot be restored any more'
}

@test "a destroyed root key: the KMS's clock decides whether it can be restored, not the one here" {
    # The KMS's clock is 40 days behind the one here, so its last day is over by the one here.
    sim_move $((-40 * 86400))
    fra root create behind --kms kp-fra
    fra create vbr/behind --purpose backup-job --root behind
    fra root destroy behind --confirm behind
    ends 14 -o json -C "$FRA" reveal vbr/behind --reason test --to -
    error_is KM3007
    ends 0 -o json -C "$FRA" root check behind
    json '.items[0] | .state == "destroyed" and has("restore_until")'
    ends 0 -o json -C "$FRA" status
    json 'any(.warnings[]; contains("behind is destroyed and by the clock here (the KMS decides"))'
    sim_move 40
    ends 0 -C "$FRA" root restore behind
    # And 31 days go by there, none here: it is over.
    fra root destroy behind --confirm behind
    sim_move $((31 * 86400))
    ends 14 -o json -C "$FRA" reveal vbr/behind --reason test --to -
    error_is KM3008
    ends 14 -C "$FRA" root restore behind
}

@test "root check: an expiry date is told, and that an expired one still opens" {
    sim_control POST keys "{\"instance\": \"fra\", \"id\": \"$(root_id fra-main)\", \"expires\": $(($(date +%s) + 20 * 86400))}" >/dev/null
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0].expires | startswith("20")'
    ends 0 -o json -C "$FRA" status
    json 'any(.warnings[]; contains("root key fra-main expires on 20"))'
    sim_control POST keys "{\"instance\": \"fra\", \"id\": \"$(root_id fra-main)\", \"state\": 3}" >/dev/null
    ends 0 -C "$FRA" root check fra-main
    says deactivated 'it opens, but does not wrap'
    ends 0 -o json -C "$FRA" status
    json 'any(.warnings[]; contains("fra-main has expired"))'
}

@test "root check: no answer is unknown, and never more; after a day the way back is named; purged only where it was seen" {
    for fault in '"status": 401' '"status": 403' '"status": 503' '"kind": "html"'; do
        sim_fault "{\"match\": {\"front\": \"kms\"}, $fault, \"count\": -1}"
        ends 0 -o json -C "$FRA" --timeout 1s root check fra-main
        json '.items[0] | (.asked | not) and .state == "unknown" and .former_state == "active" and (.code | startswith("KM3"))
              and (.unknown_since | startswith("20")) and (has("hint") | not)'
        sim_control DELETE faults >/dev/null
    done
    # The memory is this machine's; a day passes by moving it.
    sqlite3 "$FRA/escrow.db" "UPDATE meta SET value = '2026-01-01T00:00:00.000Z' WHERE name LIKE 'unknown:%' AND value <> ''"
    sim_fault '{"match": {"front": "kms"}, "status": 401, "count": -1}'
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0] | .unknown_since == "2026-01-01T00:00:00.000Z" and (.hint | contains("ibmcloud resource reclamations"))'
    ends 0 -o json -C "$FRA" status
    json 'any(.warnings[]; contains("could not be asked since 2026-01-01") and contains("reclamations"))'
    sim_control DELETE faults >/dev/null
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0].state == "active"'
    ends 0 -o json -C "$FRA" status
    json 'any(.warnings[]; contains("could not be asked")) | not'
    elsewhere DELETE ''
    sim_move $((100 * 86400))
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0] | .code == "KM3024" and .state == "unknown" and .keys == 2'
}

@test "retire-check: no with the list, yes with the proofs; a version, a KMS; an export that lacks the other wrap" {
    fra export vbr/one --file "$T/one.export"
    ends 3 -C "$FRA" root retire-check fra-main
    says 'no: root key fra-main must stay' 'vbr/one@1  NO OTHER WRAP' 'also under mad-main' 'descriptions of the backup server'
    ends 3 -o json -C "$FRA" kms retire-check kp-fra
    json '(.retire | not) and .keys == 2 and .keys_only_here == 1 and (.generations | map(.blocks)) == [true, false]
          and .generations[1].others[0].root == "mad-main"'
    fra rehome vbr/one --to mad-main
    ends 3 -o json -C "$FRA" root retire-check fra-main
    json '(.retire | not) and .keys_only_here == 0 and .exports[0].name == "vbr/one"'
    fra export vbr/one --file "$T/two.export"
    ends 0 -C "$FRA" root retire-check fra-main
    says 'yes: root key fra-main may go' 'also under mad-main, rehome'
    ends 0 -C "$FRA" kms retire-check kp-fra
    ends 0 -C "$FRA" root retire-check mad-main
    ends 0 -o json -C "$FRA" kms retire-check kp-mad
    json '.retire'
    # A version.
    local first
    first=$(root_id fra-main)
    fra root rotate fra-main
    fra create vbr/three --purpose backup-job --root fra-main
    ends 0 -C "$FRA" root retire-check fra-main "${first:0:8}"
    fra root rotate mad-main
    fra wrap retire vbr/two "$(ask 'first(.wraps[] | select(.root == "mad-main")).id' -C "$FRA" show vbr/two)" --reason test --confirm vbr/two --yes
    ends 3 -o json -C "$FRA" root retire-check fra-main "$first"
    json '.keys == 2 and .keys_only_here == 1'
    fra rewrap vbr/two
    ends 0 -C "$FRA" root retire-check fra-main "$first"
    ends 13 -C "$FRA" root retire-check fra-main 00000000
    ends 13 -C "$FRA" root retire-check nothing
    # What only this machine has is no proof.
    fra create vbr/four --purpose backup-job --root mad-main --offline --allow-unsynced
    ends 3 -o json -C "$FRA" root retire-check fra-main "$first"
    json '.unpublished > 0'
}

@test "the end of HPCS: what still depends on it is counted until nothing does" {
    local hpcs
    hpcs=$(jq -r '.instances.hpcs | .url + " " + .id' <<<"$SIM_INFO")
    # shellcheck disable=SC2086
    add old fra $hpcs
    fra root create old-main --kms old
    fra create vbr/old --purpose backup-job --root old-main
    ends 0 -o json -C "$FRA" status
    json '.hpcs_keys == 1 and .hpcs_only == 1 and any(.warnings[]; contains("HPCS ends on 2027-03-28") and contains("1 keys, 1 of them"))'
    fra create vbr/older --purpose backup-job --root old-main --root mad-main
    ends 0 -C "$FRA" rehome --all --from old-main --to mad-main -n
    says '1 left; stopped now, the loss of old-main would take 1; to be done by 2027-03-28'
    ends 0 -o json -C "$FRA" rehome --all --from old-main --to mad-main -n --by "$(date -d '+10 days' +%F)"
    json '.left == 1 and .lost_if_stopped == 1 and .keys_per_day == 1 and .days_left >= 9'
    for date in soon yesterday "$(date -d yesterday +%F)" 2026-02-30; do
        ends 2 -C "$FRA" rehome --all --from old-main --to mad-main -n --by "$date"
        [ -z "$output" ]
        says --by
    done
    ends 0 -o json -C "$FRA" rehome --all --from old-main --to mad-main --yes
    json '.left == 0 and .lost_if_stopped == 0'
    ends 0 -o json -C "$FRA" status
    json '.hpcs_keys == 2 and .hpcs_only == 0'
    ends 0 -C "$FRA" kms retire-check old
    fra wrap retire vbr/older "$(ask 'first(.wraps[] | select(.root == "old-main")).id' -C "$FRA" show vbr/older)" --reason moved --confirm vbr/older --yes
    fra wrap retire vbr/old "$(ask 'first(.wraps[] | select(.root == "old-main")).id' -C "$FRA" show vbr/old)" --reason moved --confirm vbr/old --yes
    ends 0 -o json -C "$FRA" status
    json '.hpcs_keys == 0 and any(.warnings[]; contains("nothing depends on it any more"))'
}

@test "upkeep: looks with -n; renews, refreshes its own exports in their place, synchronises; from a timer" {
    fra export vbr/one vbr/two --file "$T/both.export"
    elsewhere POST /actions/rotate
    ends 0 -o json -C "$FRA" upkeep -n
    json '.dry_run and .rewrap.planned == 2 and .rewrap.rewrapped == 0 and (.roots | length) == 2'
    cp "$T/both.export" "$T/before"
    ends 0 -o json -C "$FRA" --no-input upkeep
    json '.rewrap.rewrapped == 2 and .rewrap.failed == 0 and .exports == [{file: $f, refreshed: true}] and .sync.copies[0].reached' \
        --arg f "$T/both.export"
    run ! cmp "$T/before" "$T/both.export"
    ends 0 -o json -C "$FRA" status
    json '.stale_exports == 0 and .wraps_behind == 0 and .unpublished == 0'
    "$KEYMUSTER" reveal vbr/one --reason test --from "$T/both.export" --yes --credential "kp-fra=file:$SIM_APIKEY" \
        --endpoint "kp-fra=$SIM_KMS" --iam "kp-fra=$SIM_IAM" --ca "kp-fra=$SIM_CA" --root fra-main --to "file:$T/pw" >/dev/null 2>&1
    [ "$(wc -c <"$T/pw")" -eq 44 ]
    ends 0 -C "$FRA" upkeep
    says 'root keys: 2 asked, 0 unknown' 'wraps: 0 renewed' 'usb: took 0'
    # What is not an export any more, or not here, is left.
    sim_move 3700
    elsewhere POST /actions/rotate
    printf 'mine\n' >"$T/both.export"
    ends 0 -o json -C "$FRA" upkeep
    json '.exports[0].refreshed | not'
    [ "$(cat "$T/both.export")" = mine ]
    # One KMS away, a copy away: the rest is done.
    sim_move 3700
    elsewhere POST /actions/rotate
    mv "$USB" "$T/away"
    fra kms set kp-mad --endpoint https://127.0.0.1:1 --offline
    ends 3 -o json -C "$FRA" --timeout 1s upkeep
    json '.rewrap.rewrapped == 2 and .rewrap.failed == 1 and any(.roots[]; .name == "mad-main" and .state == "unknown")'
    mv "$T/away" "$USB"
}

@test "a look without the network: rewrap, rehome, upkeep ask nobody, and judge by the record" {
    elsewhere POST /actions/rotate
    sim_control DELETE log >/dev/null
    ends 0 -o json -C "$FRA" rewrap --stale -n --offline
    json '.planned == 0 and .current == 3'
    ends 0 -o json -C "$FRA" rehome --all --to mad-main -n --offline
    json '.planned == 1 and .there == 1'
    ends 0 -o json -C "$FRA" upkeep -n --offline
    json '.rewrap.planned == 0 and .roots == []'
    [ "$(sim_log length)" -eq 0 ]
    fra root check
    sim_control DELETE log >/dev/null
    ends 0 -o json -C "$FRA" rewrap --stale -n --offline
    json '.planned == 2 and .current == 1'
    ends 0 -C "$FRA" rewrap vbr/one -n --offline
    says 'would rewrap vbr/one@1'
    [ "$(sim_log length)" -eq 0 ]
}

@test "doctor: which role each command needs, tried; it changes nothing" {
    local before
    before=$(ask .digest -C "$FRA" status)
    ends 0 -o json -C "$FRA" doctor
    json '.findings == 0 and (.checks | map(select(.result == "yes" and (.what == "KMS" or .what == "root key"))) | length) == 8'
    ends 0 -o json -C "$FRA" doctor --credential "kp-fra=file:$SIM_APIKEY_READER" --credential "kp-mad=file:$SIM_DIR/apikey.writer"
    json '[.checks[] | select(.what == "KMS") | .name + " " + .test + " " + .result] == ["kp-fra Reader yes", "kp-fra Writer no",
          "kp-fra Manager no", "kp-mad Reader yes", "kp-mad Writer yes", "kp-mad Manager no"]'
    ends 3 -o json -C "$FRA" doctor --credential "kp-fra=file:$SIM_DIR/apikey.stranger"
    json '.findings > 0'
    ends 3 -C "$FRA" doctor --credential "kp-fra=file:$SIM_DIR/apikey.disabled"
    says BXNIM0462E 'unknown KMS kp-fra' 'root key mad-main, wraps and unwraps'
    elsewhere DELETE ''
    ends 3 -C "$FRA" doctor
    says 'no      root key fra-main, wraps and unwraps'
    [ "$(ask .digest -C "$FRA" status)" = "$before" ]
    sim_log '.[] | select(.path | test("rotate|disable")) | .status' | grep -qv '^20' # none of them did anything
    [ "$(sim_log '[.[] | select((.path | test("rotate|disable")) and .status < 300)] | length')" -eq 0 ]
}

@test "doctor: a plan that is faster than the region of its KMS comes back is told, and is no finding" {
    local rto='.checks[] | select(.test == "comes back within the RTO of each plan") | "\(.name) \(.result) \(.finding)"'
    [ -z "$(ask "$rto" -C "$FRA" doctor --offline)" ] # no plan in the log
    "$KEYMUSTER" runbook show total-loss | sed 's/^id = total-loss/id = ours/; s/^rto = .*/rto = 9h/' >"$T/ours.md"
    fra runbook add "$T/ours.md"
    [ "$(ask "$rto" -C "$FRA" doctor --offline)" = $'kp-fra yes false\nkp-mad yes false' ]
    fra runbook add total-loss # 8 h
    [ "$(ask "$rto" -C "$FRA" doctor --offline)" = $'kp-fra no false\nkp-mad no false' ]
    ends 0 -C "$FRA" doctor --offline
    says 'runbook total-loss wants 480 min' 'IBM aims at 9 h'
}
