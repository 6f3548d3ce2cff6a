#!/usr/bin/env bats
# systemd/watch, which keymuster-watch.timer runs: what it asks, and what it ends with.
load ../lib/vbr_judged

# As the unit runs it, at fra's store; its status must be exactly that.
watch() { # STATUS [NAME=VALUE...]
    local want=$1
    shift
    mkdir -p "$T/bin"
    ln -sf "$KEYMUSTER" "$T/bin/keymuster"
    run --separate-stderr env "PATH=$T/bin:$PATH" "KEYMUSTER_STORE=$FRA" KEYMUSTER_NO_INPUT=1 "$@" "$KM_SOURCE/systemd/watch"
    [ "$status" -eq "$want" ] || { dump; return 1; }
}

scene_watch() {
    scene_keys
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    fra vbr push vbr/config --to vbr-fra
    fra vbr push vbr/job-sql --to vbr-fra
}
verified() { "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -s '[.[] | select(.entry.kind? == "vbr.observed")] | length'; }
verifications() { vbr_log '[.[] | select(.path | test("verify"; "i"))] | length'; }

@test "watch: root keys, servers, one verification for each configuration-backup key, findings" {
    scene_watch
    before=$(verifications)
    watch 0 WATCH_FAIL_ON=none
    says fra-main mad-main findings
    [ $(($(verifications) - before)) -eq 1 ] # vbr/config, not vbr/job-sql
    # What audit check finds counts from medium on.
    watch 3
    says one-author
    watch 0 WATCH_FAIL_ON=none WATCH_VERIFY=no
    [ $(($(verifications) - before)) -eq 2 ]
    judge_log 0
}

@test "watch: a password at the server that was never escrowed is a finding, and named" {
    scene_watch
    # shellcheck disable=SC2034
    VBR_TOKEN=$(vbr_token)
    vbr_call POST encryptionPasswords -d '{"password": "canary-Passw0rd-1", "hint": "by hand", "uniqueId": "7b5b0c9e-7d0e-4f6e-9f0a-0d2f4b9a1c11"}' | tail -n 1 | grep -q '^20'
    watch 3 WATCH_FAIL_ON=none
    says 'never escrowed' 'by hand'
    silent_on canary-Passw0rd-1
}

@test "watch: a server that is away is tried again (5), unless there is something worse; the rest is done" {
    scene_watch
    vbr_stop
    watch 5 WATCH_FAIL_ON=none KEYMUSTER_TIMEOUT=2s
    says fra-main findings
    watch 3 WATCH_FAIL_ON=low KEYMUSTER_TIMEOUT=2s
}

@test "watch: no store, or one of a newer version, is not taken for a finding" {
    watch 10
    fra init --site fra
    sqlite3 "$FRA/escrow.db" 'PRAGMA user_version = 99'
    watch 2
}
