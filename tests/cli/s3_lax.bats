#!/usr/bin/env bats
# Copies in S3 at a server of the class that verifies signatures and ignores conditions (an npm package). Skipped, and said so, where
# npm or its registry is not to be had.
load ../lib/cli.bash
load ../lib/tls.bash
load ../lib/s3rver.bash

setup_file() { s3rver_start "$BATS_FILE_TMPDIR/s3rver"; }
teardown_file() { s3rver_stop; }
setup() {
    fresh_home
    if [ -n "$NO_S3RVER" ]; then
        skip "$NO_S3RVER"
    fi
    PLACE=s3://escrow/t$BATS_TEST_NUMBER
    AT=(--endpoint "$S3RVER_URL" --ca "$S3RVER_CA" --credential "file:$S3RVER_KEYS")
}

@test "conditions are ignored, which is found out and said; the copy works, for two authors" {
    scene_fra
    ends 0 -C "$FRA" copy add far "$PLACE" --site mad "${AT[@]}"
    says 'ignored: that place does not refuse overwriting'
    ends 0 -o json -C "$FRA" create vbr/config --purpose config-backup --root mad-main
    json .released
    ends 0 -o json -C "$FRA" copy check --deep
    json '.items[0].verified and .items[0].create_once == "ignored"'
    mad join --from "$PLACE" --site mad --yes "${AT[@]}"
    mad kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    mad sync
    fra author admit "$(ask .author -C "$MAD" status)"
    fra sync
    mad sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
}

@test "a head written over by a clone at the same moment is found at the next look, by both" {
    scene_fra
    fra copy add far "$PLACE" --site mad "${AT[@]}"
    cp -r "$FRA" clone
    fra create vbr/here --purpose backup-job --root fra-main
    local head kept=$T/kept
    head=$(find "$S3RVER_FILES/t$BATS_TEST_NUMBER/head" -name '*_object' | sort | tail -n 1)
    cp "$head" "$kept"
    # As if the clone had looked before: its head is written over ours.
    rm "$head" "${head%_object}_metadata.json" "$head.md5"
    rm "$(dirname "$(dirname "$(dirname "$(dirname "$head")")")")/newest/"*
    XDG_STATE_HOME=$T/elsewhere ends 0 -C clone create vbr/there --purpose backup-job --root fra-main
    run ! cmp -s "$kept" "$head"
    ends 16 -o json -C "$FRA" create vbr/after --purpose backup-job --root fra-main
    error_is KM4004
    cp "$kept" "$head"
    XDG_STATE_HOME=$T/elsewhere ends 16 -o json -C clone create vbr/more --purpose backup-job --root fra-main
    error_is KM4004
}

@test "its own judgement of signatures: wrong secret, unknown key" {
    scene_fra
    fra copy add far "$PLACE" --site mad "${AT[@]}"
    printf 'S3RVER\ncanary-wrong-secret\n' >wrong
    printf 'CANARYNOBODY\nS3RVER\n' >unknown
    chmod 600 wrong unknown
    ends 4 -o json -C "$FRA" copy set far "$PLACE" --credential file:wrong
    error_is KM4018
    says 'secret key is not the one'
    silent_on canary-wrong
    ends 4 -o json -C "$FRA" copy set far "$PLACE" --credential file:unknown
    error_is KM4018
    silent_on CANARYNOBODY
}
