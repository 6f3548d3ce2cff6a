#!/usr/bin/env bats
# drill: what it proves from a copy alone, what it records, and the faults that it must catch.
load ../lib/ibm.bash

setup() { fresh_home; }

# Two sites with IBM's KMSs, a copy, and a key under each.
scene_ibm() {
    sim_start "$T/sim"
    scene_roots
    mkdir "$USB"
    fra copy add usb "$USB" --site mad
    fra create x/fra --purpose other --root fra-main
    fra create x/mad --purpose other --root mad-main
}

# The result of a key (under a root key) in the answer: outcome, a colon and the code.
result() { # KEY [ROOT]
    jq -r --arg key "$1" --arg root "${2-}" '.results[] | select(.name == $key and ($root == "" or .root == $root))
        | .outcome + ":" + (.code // "")' <<<"$output"
}

@test "a drill proves every path that should work here, shows nothing, and records it" {
    scene_two
    ends 0 -o json -C "$MAD" drill --reason 'quarter'
    json '.results | length == 2 and all(.outcome == "proven" and .counts and .compared and .root == "mad-main")'
    json '.from == "usb" and .site == "mad" and .copy_site == "mad" and .proven == 2 and .failed == 0 and .rpo_ms == 0
        and .rto_ms >= 0 and (.results | all(.ms >= 0 and (.request | length) == 36))'
    ends 0 -o ndjson -C "$MAD" audit log
    [ "$(grep -c '"kind":"drill.result"' <<<"$output")" -eq 2 ]
    jq -se 'map(.entry | select(.kind? == "drill.result") | .body) | all(.outcome == "proven" and .reason == "quarter"
        and (.key, .root, .copy, .site, .drill | length) == 36 and .host != "" and (.ms | type) == "number")' <<<"$output" >/dev/null
    ends 0 -C "$MAD" verify
    ends 0 -C "$MAD" show vbr/config
    says 'drill       proven under mad-main at mad'
    ends 0 -o json -C "$MAD" list
    json '.keys | all(.last_proven_site == "mad" and .drill_due == false)'
    ends 0 -C "$MAD" status
    says '2 proven by drills, the last just now at mad'
    ends 0 -o json -C "$MAD" root retire-check fra-main
    json '.generations[0].others[0] | .root == "mad-main" and .drill_outcome == "proven"'
    # The records travel.
    fra sync
    ends 0 -o json -C "$FRA" show vbr/config
    json '.last_proven_site == "mad" and (.drills | length == 1 and .[0].counts)'
}

@test "a drill counts for its site; a key that must outlive a site is proven only at another one" {
    scene_two
    ends 0 -o json -C "$FRA" drill
    json '.not_counting == 1 and (.results | map(select(.name == "vbr/config")) == map(select(.counts == false)))'
    ends 0 -o json -C "$FRA" status
    json '.drilled == 1 and .never_drilled == 1'
    ends 0 -C "$FRA" show vbr/config
    says 'no proof counts yet' 'does not count there'
    ends 0 -o json -C "$FRA" drill --unproven -n
    json '.dry_run and (.results | map(.name) == ["vbr/config"])'
    ends 0 -o json -C "$MAD" drill --unproven
    fra sync
    ends 0 -o json -C "$FRA" drill --unproven -n
    json '.results == []'
}

@test "--due at the site that a key protects: opened as often as policy asks, and due at the other one" {
    scene_two
    ends 0 -o json -C "$FRA" drill --due
    json '.keys == 2 and .not_counting == 1 and .due_elsewhere == 0'
    # It will not count however often it is done: not at every timer.
    ends 0 -o json -C "$FRA" drill --due
    json '.keys == 0 and .results == [] and .due_elsewhere == 1'
    ends 0 -C "$FRA" drill --due
    says 'vbr/config@1 opens from here' 'must outlive fra' 'keymuster drill --due at mad'
    ends 0 -o json -C "$FRA" show vbr/config
    json '.drill_due'
    fra policy set drill=1s --reason 'it opens again when that time has passed'
    sleep 2
    ends 0 -o json -C "$FRA" drill --due
    json '.due_elsewhere == 0 and (.results | map(.name) | contains(["vbr/config"]))'
    fra policy set drill=90d --reason 'as before'
    ends 0 -o json -C "$MAD" drill --due
    json '.not_counting == 0 and .due_elsewhere == 0 and (.results | map(.name) | contains(["vbr/config"]))'
    fra sync
    ends 0 -o json -C "$FRA" drill --due
    json '.keys == 0 and .due_elsewhere == 0'
    # Without a wrap elsewhere it is lost with its site, and that is said every time.
    fra create vbr/alone --purpose config-backup --root fra-main --accept-risk test
    for _ in 1 2; do
        ends 3 -o json -C "$FRA" drill --due
        json '.due_elsewhere == 0 and any(.results[]; .name == "vbr/alone" and .code == "KM6002")'
    done
}

@test "on a bare machine: from a copy or an export, with or without a site" {
    scene_keys
    fra export vbr/job-sql --file "$T/exported"
    rm -rf "$FRA"
    lost_options
    # shellcheck disable=SC2154 # of lost_options
    ends 0 -o json drill "${lost[@]}" --evidence "$T/evidence"
    json '.site == "mad" and .proven == 2 and .not_counting == 0 and .lost_entries == 0'
    ends 0 -C "$T/evidence" verify
    ends 0 -o json -C "$T/evidence" show vbr/config
    json '.last_proven_site == "mad"'
    ends 0 -o json drill --from "$USB" --yes --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms" \
        --evidence "$T/evidence2"
    json 'has("site") == false and .proven == 2 and .not_counting == 2'
    ends 0 -o json -C "$T/evidence2" show vbr/job-sql
    json 'has("last_proven_at") == false'
    ends 0 -o json drill --from "$T/exported" --site mad --yes --credential "kp-mad=file:$T/kp-mad.pass" \
        --kms-file "kp-mad=$T/kp-mad.kms" --evidence "$T/evidence3"
    json '.proven == 1 and (.export | length) == 64'
}

@test "which keys: named, due, never proven, a sample; the plan alone asks nobody" {
    scene_two
    for name in a b c d e f; do
        fra create "x/$name" --purpose other --root fra-main
    done
    ends 0 -o json -C "$FRA" drill -n
    json '.results | length == 9 and all(.outcome == "planned")'
    ends 0 -o json -C "$FRA" drill x/a x/b x/a
    json '.keys == 2 and (.results | map(.name) == ["x/a", "x/b"])'
    ends 0 -o json -C "$FRA" drill --due -n
    json '.keys == 6 and .due_elsewhere == 0'
    ends 0 -C "$FRA" drill vbr/config
    ends 0 -o json -C "$FRA" drill --due -n
    json '.keys == 5 and .due_elsewhere == 1'
    ends 0 -o json -C "$FRA" drill --sample 3
    json '.keys == 3'
    # Fair: over many plans every key is drawn, and none always.
    for _ in {1..30}; do
        "$KEYMUSTER" -o json -C "$FRA" drill --sample 4 -n 2>/dev/null | jq -r '.results[].name' | sort -u
    done | sort | uniq -c | awk '{ if ($1 == 30) always++; n++ } END { exit !(n == 8 && !always) }'
    ends 2 -o json -C "$FRA" drill x/a --due
    error_is KM1001
    ends 2 -C "$FRA" drill --sample 0
    ends 13 -o json -C "$FRA" drill no/such
    error_is KM2011
}

@test "a key that was recorded unproven is proven by a drill, which records its check value" {
    scene_copy
    printf 'canary-known-Passw0rd' >"$T/known"
    "$KM_TOOLS/kms_tool" wrap "$T/kp-mad.kms" "$T/kp-mad.pass" mad-main "$T/known" >"$T/known.wrap"
    fra record known --purpose other --root mad-main --form bytes --wrapped "file:$T/known.wrap" --no-prove
    ends 0 -o json -C "$FRA" show known
    json '.proven == false'
    ends 0 -o json -C "$FRA" drill known
    json '.results[0].outcome == "proven" and .results[0].compared == false'
    ends 0 -o json -C "$FRA" show known
    json '.proven and .last_proven_site == "fra"'
    ends 0 -o json -C "$FRA" drill known
    json '.results[0].compared'
    ends 0 -C "$FRA" check known --secret "file:$T/known"
    says match
    silent_on canary-known
}

@test "two wraps of an unproven key that differ: both fail, and no check value is made of either" {
    scene_copy
    fra create x/whole --purpose other --root mad-main
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main <(head -c 32 /dev/urandom) >"$T/wrap"
    fra record x/bare --purpose other --root fra-main --wrapped "file:$T/wrap" --no-prove
    forge "{\"kind\":\"wrap.added\",\"body\":{\"key\":\"$(uuid_of x/bare)\",\"wrap\":$(wrap_of x/whole)}}"
    ends 3 -o json -C "$FRA" drill
    caught x/bare failed KM3012 'keymuster record'
    json '.results | map(select(.name == "x/bare")) | length == 2'
    ends 0 -o json -C "$FRA" show x/bare
    json '.proven == false'
}

@test "a credential without a name goes to no KMS by guess" {
    scene_keys
    local bare=(drill --from "$USB" --yes --site mad --credential "file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms")
    ends 2 -o json "${bare[@]}"
    error_is KM1001
    says 'of which?'
    ends 0 -o json "${bare[@]}" --root mad-main
    json '.proven == 2'
}

@test "which copy: the one named, else one at this site, else another; one that is away says nothing" {
    scene_keys
    mkdir "$T/near"
    fra copy add near "file://$T/near" --site fra
    fra create x/y --purpose other --root fra-main
    ends 0 -o json -C "$FRA" drill x/y
    json '.from == "near" and .copy_site == "fra"'
    ends 0 -o json -C "$FRA" drill x/y --copy usb
    json '.from == "usb" and .copy_site == "mad"'
    mv "$T/near" "$T/away"
    ends 0 -o json -C "$FRA" drill x/y
    json '.from == "usb"'
    says 'copy near cannot be reached; trying usb'
    ends 3 -o json -C "$FRA" drill x/y --copy near
    json '.results | map([.outcome, .code]) == [["inconclusive", "KM4001"]]'
    ends 13 -o json -C "$FRA" drill --copy none
    error_is KM4014
    ends 2 -o json -C "$FRA" drill --copy usb --from "$USB"
    error_is KM1001
    # Nothing of it makes a proof, or a failure.
    ends 0 -o json -C "$FRA" status
    json '.drilled == 1 and .drills_failing == 0'
}

@test "an altered copy proves nothing, and a drill leaves no store or memory of it behind" {
    scene_two
    fra drill --offline
    local file
    file=$(find "$USB/log" -type f -size +1k | sort | tail -n 1)
    sed -i 's/backup-job/backup-jab/' "$file"
    ends 3 -o json -C "$FRA" drill --offline
    json '.results | length == 2 and all(.outcome == "failed" and (.code | test("^KM40|^KM2014")))'
    json '.planned == 0 and has("rto_ms") == false'
    # Nothing is left beside the stores, and no memory of a store that never was.
    [ -z "$(find "$T" -name '.keymuster-new-*')" ]
    [ "$(find "$XDG_STATE_HOME/keymuster" -maxdepth 1 -name '*.json' | wc -l)" -eq 2 ]
}

# ---- the twelve faults: each has its own outcome, code and way out ----

# An entry that keymuster would not write, at the end of the founder's log, and out to the copy. An object with
# {"kind","body"}.
forge() {
    local author last seq line
    author=$(ask .author -C "$FRA" status)
    last=$(sqlite3 "$FRA/escrow.db" "SELECT seq || ' ' || lower(hex(hash)) FROM entry WHERE author = '$author' ORDER BY seq DESC LIMIT 1")
    seq=$((${last% *} + 1))
    line=$(jq -cn --arg author "$author" --argjson seq "$seq" --arg prev "${last#* }" --argjson of "$1" \
        '{keymuster: 1, author: $author, seq: $seq, prev: $prev, at: (now | todateiso8601 | sub("Z"; ".999Z")), by: {}}
         + $of')
    printf '%s' "$line" >"$T/line"
    sqlite3 "$FRA/escrow.db" "INSERT INTO entry VALUES ('$author', $seq, X'$(sha256sum <"$T/line" | cut -d' ' -f1)',
        CAST(readfile('$T/line') AS TEXT))"
    fra site add "after-$seq"
}

# The wrap of a key, as an entry has it, changed by a jq filter.
wrap_of() { # KEY [FILTER]
    ask '.wraps[0] | {root: .root_uuid, version, aad, ciphertext, how: "add"}'" | ${2-.}" -C "$FRA" show "$1" | jq -c .
}

uuid_of() { ask .uuid -C "$FRA" show "$1"; }

# The result of a key in the answer is this one, and says what to do; the others are proven.
# shellcheck disable=SC2016 # of jq
caught() { # KEY OUTCOME CODE HINT [STORE]
    json '(.results | map(select(.name == $key)) | length > 0 and all(.outcome == $outcome and .code == $code
           and ((.hint // "") | contains($hint)))) and (.results | map(select(.name != $key)) | all(.outcome == "proven"))' \
        --arg key "$1" --arg outcome "$2" --arg code "$3" --arg hint "$4"
    "$KEYMUSTER" -o ndjson -C "${5-$FRA}" audit log | jq -se --arg key "$(uuid_of "$1")" --arg outcome "$2" --arg code "$3" \
        'map(.entry | select(.kind? == "drill.result") | .body | select(.key == $key)) | last
         | .outcome == $outcome and .code == $code' >/dev/null
}

@test "fault 1 of 12: wrong AAD" {
    scene_copy
    fra create x/whole --purpose other --root fra-main
    fra create x/aad --purpose other --root fra-main --aad right
    ends 0 -C "$FRA" drill
    forge "{\"kind\":\"wrap.added\",\"body\":{\"key\":\"$(uuid_of x/aad)\",\"wrap\":$(wrap_of x/aad '.aad = ["wrong"]')}}"
    ends 3 -o json -C "$FRA" drill
    caught x/aad failed KM3009 'where it comes from: keymuster show x/aad --wraps'
    ends 0 -C "$FRA" status
    says 'could not be got back under fra-main (KM3009)'
}

@test "fault 2 of 12: swapped ciphertext" {
    scene_copy
    fra create x/whole --purpose other --root fra-main
    fra create x/swapped --purpose other --root fra-main
    forge "{\"kind\":\"wrap.added\",\"body\":{\"key\":\"$(uuid_of x/swapped)\",\"wrap\":$(wrap_of x/whole)}}"
    ends 3 -o json -C "$FRA" drill
    caught x/swapped failed KM3012 'see them: keymuster show x/swapped --wraps'
}

@test "fault 3 of 12: disabled root key" {
    scene_copy
    fra create x/whole --purpose other --root fra-main
    fra create x/disabled --purpose other --root mad-main
    fra root disable mad-main --yes
    ends 3 -o json -C "$FRA" drill
    caught x/disabled failed KM3005 'root enable'
    fra root enable mad-main
    ends 0 -C "$FRA" drill
    ends 0 -o json -C "$FRA" status
    json '.drills_failing == 0'
}

@test "fault 4 of 12: missing right" {
    scene_ibm
    ends 3 -o json -C "$FRA" drill --credential "kp-mad=file:$SIM_DIR/apikey.stranger"
    caught x/mad failed KM3003 'needs the role Reader'
}

@test "fault 5 of 12: stale copy" {
    scene_copy
    fra create x/whole --purpose other --root fra-main
    cp -r "$USB" "$T/image"
    fra create x/late --purpose other --root fra-main --offline --allow-unsynced
    ends 3 -o json -C "$FRA" drill
    caught x/late failed KM4017 'keymuster sync'
    json '.lost_entries == 1 and .rpo_ms > 0'
    fra sync
    ends 0 -o json -C "$FRA" drill
    json '.proven == 2'
    # Set back to an old image: only who remembers it can tell.
    rm -rf "$USB"
    mv "$T/image" "$USB"
    ends 16 -o json -C "$FRA" drill
    json '.results | length == 2 and all(.outcome == "failed" and .code == "KM4003" and (.hint | length > 0))'
}

@test "fault 6 of 12: missing wrap" {
    scene_copy
    fra create x/whole --purpose other --root fra-main
    ends 0 -C "$FRA" create x/owed --purpose other --root fra-main --owe mad-main
    ends 3 -o json -C "$FRA" drill
    [ "$(result x/owed fra-main)" = proven: ]
    [ "$(result x/owed mad-main)" = failed:KM2011 ]
    says 'wrap add'
    ends 3 -o json -C "$FRA" drill x/whole --root mad-main
    caught x/whole failed KM2011 'wrap add'
    ends 0 -C "$FRA" -o ndjson wrap add x/owed --root mad-main
    jq -es '.[0].schema == "keymuster.wrap.add.key/1" and .[0].outcome == "added"' <<<"$output" >/dev/null
    ends 0 -C "$FRA" drill
}

@test "fault 7 of 12: wrong check value" {
    scene_copy
    fra create x/whole --purpose other --root fra-main
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main <(head -c 32 /dev/urandom) >"$T/wrap"
    fra record x/check --purpose other --root fra-main --wrapped "file:$T/wrap" --no-prove
    forge "{\"kind\":\"key.check\",\"body\":{\"key\":\"$(uuid_of x/check)\",\"check\":{\"alg\":\"blake2b-256\",\"params\":{},
        \"value\":\"$(printf wrong | sha256sum | cut -d' ' -f1)\"}}}"
    ends 3 -o json -C "$FRA" drill
    caught x/check failed KM3012 'treat the wrap as hostile'
}

@test "fault 8 of 12: copy of another escrow" {
    scene_keys
    mv "$USB" "$T/own"
    mkdir "$USB"
    "$KEYMUSTER" -C "$T/other" init --site x
    "$KEYMUSTER" -C "$T/other" copy add usb "$USB" --site x
    ends 15 -o json -C "$FRA" drill
    json '.results | length == 2 and all(.outcome == "failed" and .code == "KM4002" and (.hint | length > 0))'
    # A bare machine that knows which escrow it wants.
    ends 15 -o json drill --from "$USB" --expect "$(ask .escrow -C "$FRA" status)"
    error_is KM4015
}

@test "fault 9 of 12: dead endpoint" {
    scene_ibm
    ends 3 -o json -C "$FRA" drill --endpoint "kp-mad=https://127.0.0.1:$("$KM_TOOLS/free_port")" --timeout 2s
    caught x/mad inconclusive KM3004 'says nothing of the key'
    # Busy, or broken, says nothing of a key, either.
    sim_fault '{"match":{"path":"/actions/unwrap"},"count":-1,"status":503}'
    ends 3 -o json -C "$FRA" drill --timeout 2s
    json '.results | all(.outcome == "inconclusive")'
}

@test "fault 10 of 12: wrong instance" {
    scene_ibm
    forge "{\"kind\":\"kms.changed\",\"body\":{\"uuid\":\"$(ask '.items[] | select(.name == "kp-mad") | .uuid' -C "$FRA" kms list)\",
        \"set\":{\"instance\":{\"value\":\"00000000-0000-4000-8000-000000000000\",\"supersedes\":[\"$(
        "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -r 'select(.entry.kind? == "kms.added" and .entry.body.name == "kp-mad").hash')\"]}}}}"
    ends 3 -o json -C "$FRA" drill
    caught x/mad failed KM3003 'for instance 00000000-0000-4000-8000-000000000000'
}

@test "fault 11 of 12: expired credential" {
    scene_ibm
    printf 'canary-expired-api-key\n' >"$T/expired"
    ends 3 -o json -C "$FRA" drill --credential "kp-mad=file:$T/expired"
    caught x/mad failed KM3020 'a working API key'
    silent_on canary-expired
}

@test "fault 12 of 12: key only at the primary" {
    scene_two
    ends 0 -C "$FRA" create x/primary --purpose config-backup --root fra-main --accept-risk 'the test wants it'
    mad sync
    ends 3 -o json -C "$MAD" drill
    caught x/primary failed KM6002 'wrap add' "$MAD"
    # Seen from the primary it opens, and is lost all the same.
    ends 3 -o json -C "$FRA" drill x/primary
    [ "$(result x/primary | sort | tr '\n' ' ')" = 'failed:KM6002 proven: ' ]
}

@test "a build that does not compare, and one that looks at its own store instead of the copy, are caught" {
    scene_copy
    fra create x/whole --purpose other --root fra-main
    fra create x/swapped --purpose other --root fra-main
    forge "{\"kind\":\"wrap.added\",\"body\":{\"key\":\"$(uuid_of x/swapped)\",\"wrap\":$(wrap_of x/whole)}}"
    KEYMUSTER=$KM_TOOLS/plant-no-compare ends 0 -o json -C "$FRA" drill
    run caught x/swapped failed KM3012 'treat the wrap as hostile'
    [ "$status" -ne 0 ]
    fra create x/late --purpose other --root fra-main --offline --allow-unsynced
    KEYMUSTER=$KM_TOOLS/plant-own-not-copy ends 0 -o json -C "$FRA" drill x/late --offline
    run caught x/late failed KM4017 'keymuster sync'
    [ "$status" -ne 0 ]
}

# ---- many ----

# COUNT keys of one value under fra-main, and the copy.
many() {
    sim_start "$T/sim"
    scene_roots
    mkdir "$USB"
    fra copy add usb "$USB" --site mad
    fra create bulk/first --purpose other --root fra-main
    ask '.wraps[0].ciphertext' -C "$FRA" show bulk/first --wraps >"$T/wrap"
    seq -w "$1" | jq -cR --rawfile w "$T/wrap" '{name: "bulk/\(.)", wrapped: ($w | rtrimstr("\n"))}' >"$T/rows"
    "$KEYMUSTER" -C "$FRA" import "$T/rows" --root fra-main --purpose other >/dev/null 2>&1 || [ $? -eq 3 ]
    fra sync
    sim_control DELETE log >/dev/null
}

recorded() { "$KEYMUSTER" -o ndjson -C "$FRA" audit log | grep -c '"kind":"drill.result"' || true; }

@test "many: concurrent, each asked once; busy and broken is tried again, one lie is one failure" {
    many 200
    sim_fault '{"match": {"path": "actions/"}, "delay_ms": 50, "count": -1}'
    local began=$SECONDS
    ends 0 -o ndjson -C "$FRA" drill --progress json
    [ $((SECONDS - began)) -lt 8 ] # one after the other: 10 s
    jq -es '.[-1].result | .proven == 201 and .failed == 0 and .rto_ms > 250' <<<"$output" >/dev/null
    [ "$(jq -r 'select(.outcome? == "proven").name' <<<"$output" | sort -u | wc -l)" -eq 201 ]
    [ "$(sim_log '[.[] | select(.path | endswith("/unwrap"))] | length')" -eq 201 ]
    [ "$(recorded)" -eq 201 ]
    sim_control DELETE faults >/dev/null
    sim_fault '{"match": {"path": "actions/unwrap"}, "status": 429, "skip": 5, "count": 20}'
    sim_fault '{"match": {"path": "actions/unwrap"}, "kind": "drop-after", "skip": 5, "count": 5}'
    ends 0 -o json -C "$FRA" drill
    json '.proven == 201'
    sim_fault '{"match": {"path": "actions/unwrap"}, "kind": "other-plaintext", "skip": 17, "count": 1}'
    ends 3 -o json -C "$FRA" drill
    json '.proven == 200 and .failed == 1 and (.results | map(select(.outcome == "failed").code) == ["KM3012"])'
    # One outage is told once, not two hundred times.
    sim_control DELETE faults >/dev/null
    sim_fault '{"match":{"path":"/actions/unwrap"},"count":-1,"status":503}'
    ends 3 -C "$FRA" drill --timeout 1s
    says '201 keys by 201 paths: proven 0, failed 0, inconclusive 201' 'and 198 more with KM3004'
    [ "$(wc -l <<<"$output")" -le 10 ]
    ends 0 -C "$FRA" verify
}

@test "many: stopped or killed, what was found out is recorded, and the next one goes on" {
    many 1100
    sim_fault '{"match": {"path": "actions/unwrap"}, "delay_ms": 20, "count": -1}'
    "$KEYMUSTER" -o ndjson -C "$FRA" drill >"$T/out" 2>"$T/err" 3>&- &
    local pid=$! n
    for _ in {1..200}; do [ "$(wc -l <"$T/out")" -gt 100 ] && break; sleep 0.05; done
    kill -TERM "$pid" # a shell has its background jobs ignore SIGINT
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 143 ]
    grep -q 'results are recorded, run it again' "$T/err"
    n=$(grep -c '"outcome":"proven"' "$T/out")
    [ "$n" -ge 512 ] && [ "$n" -lt 1101 ]
    [ "$(recorded)" -eq "$n" ]
    tail -n 1 "$T/out" | jq -e '.schema == "keymuster.summary/1"' >/dev/null
    ends 0 -o json -C "$FRA" drill --unproven -n
    [ "$(jq .keys <<<"$output")" -eq $((1101 - n)) ]
    "$KEYMUSTER" -o ndjson -C "$FRA" drill --unproven >"$T/out" 2>"$T/err" 3>&- &
    pid=$!
    sleep 0.4
    kill -9 "$pid"
    wait "$pid" || true
    sim_control DELETE faults >/dev/null
    ends 0 -C "$FRA" verify
    ends 0 -o json -C "$FRA" drill --unproven
    ends 0 -o json -C "$FRA" status
    json '.drilled == 1101 and .never_drilled == 0'
}
