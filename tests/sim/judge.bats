#!/usr/bin/env bats
# A judge installed from its registry: IBM's own client against the simulator. Skipped, and said so,
# where npm or the registry is not to be had.
# SIM_TOKEN is read by sim_call.
# shellcheck disable=SC2034
load ../lib/sim.bash
load ../lib/npm.bash

setup_file() {
    export JUDGE=$KM_SOURCE/tests/sim/judge JUDGE_MODULES=$KM_TOOLS/judge/node_modules NO_JUDGE=
    npm_install "$JUDGE" "$KM_TOOLS/judge" || return 1
    NO_JUDGE=$NPM_WHY
    if [ -z "$NO_JUDGE" ]; then
        sim_start "$BATS_FILE_TMPDIR/sim"
    fi
}

teardown_file() { sim_stop; }

setup() {
    if [ -n "$NO_JUDGE" ]; then
        skip "$NO_JUDGE"
    fi
    export NODE_EXTRA_CA_CERTS=$SIM_CA no_proxy='*'
    unset NODE_OPTIONS
}

key_new() {
    sim_call POST keys '{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":1},
        "resources":[{"type":"application/vnd.ibm.kms.key+json","name":"'"$1"'","extractable":false}]}' |
        head -n 1 | jq -er '.resources[0].id'
}

@test "IBM's client leads a key through its whole life" {
    run node "$JUDGE/judge.js" life
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^judge: ' <<<"$output")" -eq 13 ]
    # Its requests reached the simulator, and came from that client.
    sim_log '[.[] | select(."User-Agent" // "" | startswith("keyprotect-nodejs-sdk/"))] | length' >"$BATS_TEST_TMPDIR/n"
    [ "$(cat "$BATS_TEST_TMPDIR/n")" -gt 40 ]
}

@test "what curl wrapped IBM's client opens, and the other way round" {
    SIM_TOKEN=$(sim_token)
    id=$(key_new both-ways)
    text=$(printf 'canary-both-ways' | base64)
    cipher=$(sim_call POST "keys/$id/actions/wrap" "{\"plaintext\":\"$text\",\"aad\":[\"judge\",\"one\"]}" | head -n 1 | jq -er .ciphertext)
    [ "$(node "$JUDGE/judge.js" unwrap "$id" "$cipher")" = "$text" ]
    cipher=$(node "$JUDGE/judge.js" wrap "$id" "$text")
    [ "$(sim_call POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\",\"aad\":[\"judge\",\"one\"]}" | head -n 1 | jq -er .plaintext)" = "$text" ]
}

@test "IBM's client reads the errors of IAM" {
    for name in disabled deleted; do
        SIM_APIKEY=$SIM_DIR/apikey.$name run node "$JUDGE/judge.js" unwrap none none
        [ "$status" -ne 0 ]
        [[ $output == *"status: 400"* ]]
        [[ $output == *BXNIM0* ]]
    done
}
