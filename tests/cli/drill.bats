#!/usr/bin/env bats
# drill: what it proves from a copy alone, what it records, and the faults that it must catch.
load ../lib/cli.bash

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
        and .rto_ms >= 0 and (.results | all(.ms >= 0 and (.request_id | length) == 36))'
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

@test "on a bare machine: from a copy or an export, with or without a site" {
    scene_keys
    fra export vbr/job-sql --file "$T/exported"
    rm -rf "$FRA"
    lost_options
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
    json '.keys == 6'
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
