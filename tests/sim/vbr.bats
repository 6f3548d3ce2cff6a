#!/usr/bin/env bats
# The simulator of VBR's REST API: what it answers, and its faults; all of it judged against the interface description by a
# validator from its registry. Without the description or npm that part is skipped, and said so.
# VBR_TOKEN is read by vbr_call.
# shellcheck disable=SC2034
load ../lib/cli.bash
load ../lib/vbr.bash
load ../lib/openapi.bash

setup_file() { judge_install; }

setup() {
    fresh_home
    vbr_start "$T/vbr"
    VBR_TOKEN=$(vbr_token)
}

teardown() { vbr_stop; }

body() { head -n 1 <<<"$got"; }
answers() { # STATUS METHOD PATH [CURL-OPTION...]
    local want=$1
    shift
    got=$(vbr_call "$@")
    if [ "$(tail -n 1 <<<"$got")" != "$want" ]; then
        printf '%s\nmust be %s\n' "$got" "$want" >&2
        return 1
    fi
}

@test "a password's whole life, the configuration backup and its session: as described" {
    answers 200 GET serverInfo
    answers 201 POST encryptionPasswords -d '{"password":"canary-1","hint":"a | b","uniqueId":"x"}'
    id=$(body | jq -r .id)
    body | jq -e '.hint == "a | b" and (has("password") | not)'
    answers 200 GET 'encryptionPasswords?skip=0&limit=1'
    body | jq -e '.pagination == {total: 1, count: 1, skip: 0, limit: 1} and .data[0].uniqueId == "x"'
    answers 200 GET "encryptionPasswords/$id"
    answers 200 PUT "encryptionPasswords/$id" -d "{\"id\":\"$id\",\"hint\":\"c | d\"}"
    body | jq -e '.hint == "c | d"'
    answers 200 POST "encryptionPasswords/$id/verify" -d '{"password":"canary-1"}'
    body | jq -e .isSuccessful
    answers 200 POST "encryptionPasswords/$id/verify" -d '{"password":"canary-2"}'
    body | jq -e '.isSuccessful == false'
    answers 200 POST "encryptionPasswords/$id/changepassword" -d '{"password":"canary-2","hint":"e"}'
    answers 200 POST configBackup/backup -d ''
    session=$(body | jq -r .id)
    answers 200 GET "sessions/$session"
    answers 200 GET "sessions/$session"
    body | jq -e '.state == "Stopped" and .result.result == "Failed"' # there is a password, and it does not use one
    answers 200 GET configBackup
    answers 200 PUT configBackup -d "$(body | jq -c --arg i "$id" '.encryption = {isEnabled: true, passwordId: $i}')"
    answers 500 DELETE "encryptionPasswords/$id" # in use
    answers 200 POST configBackup/backup -d ''
    session=$(body | jq -r .id)
    answers 200 GET "sessions/$session"
    answers 200 GET "sessions/$session"
    body | jq -e '.result.result == "Success"'
    answers 200 GET configBackup
    body | jq -e --arg s "$session" '.lastSuccessfulBackup.sessionId == $s'
    answers 200 PUT configBackup -d "$(body | jq -c '.encryption.isEnabled = false')"
    answers 204 DELETE "encryptionPasswords/$id"
    answers 404 GET "encryptionPasswords/$id"
    judge_log 22
}

@test "jobs and scale-out repositories, in pages, as the description that we add has them; the judge sees a wrong one" {
    vbr_control POST jobs '[{"id":"10000000-0000-4000-8000-000000000001","name":"a","type":"VSphereBackup","isDisabled":false,
        "storage":{"advancedSettings":{"storageData":{"encryption":{"isEnabled":true,"encryptionPasswordId":"10000000-0000-4000-8000-000000000002"}}}}},
        {"id":"10000000-0000-4000-8000-000000000003","name":"b","type":"FileBackupCopy","encryption":{"isEnabled":false}}]'
    vbr_control POST tiers '[{"id":"10000000-0000-4000-8000-000000000004","name":"c","description":"","performanceTier":{"performanceExtents":[]},
        "capacityTier":{"isEnabled":true,"encryption":{"isEnabled":true,"encryptionPasswordId":"10000000-0000-4000-8000-000000000002"}}}]'
    answers 200 GET 'jobs?skip=1&limit=1'
    body | jq -e '.data[0].name == "b" and .pagination == {total: 2, count: 1, skip: 1, limit: 1}'
    answers 200 GET jobs
    answers 200 GET backupInfrastructure/scaleOutRepositories
    vbr_set '{"role": "Security Administrator"}'
    answers 200 GET jobs
    answers 403 GET backupInfrastructure/scaleOutRepositories
    judge_log 6
    vbr_control GET log >"$T/log"
    for wrong in '.[2].answer.data[0].type = "None"' 'del(.[2].answer.data[0].name)' '.[2].answer.data[0].storage.advancedSettings.storageData.encryption.more = 1' \
        'del(.[2].answer.pagination)' 'del(.[3].answer.data[0].performanceTier)' '.[3].answer.data[0].capacityTier.encryption.isEnabled = "yes"'; do
        jq -c "$wrong" "$T/log" >"$T/bad"
        run judge "$T/bad"
        [ "$status" -eq 1 ]
        [[ $output == *"wrong answer"* ]]
    done
}

@test "each fault that a test may ask for" {
    answers 201 POST encryptionPasswords -d '{"password":"canary-1","hint":"a"}'
    id=$(body | jq -r .id)
    for i in {1..15}; do
        answers 200 POST "encryptionPasswords/$id/verify" -d '{"password":"wrong"}'
    done
    answers 400 POST "encryptionPasswords/$id/verify" -d '{"password":"canary-1"}'
    vbr_control POST clock '{"advance": 301}'
    answers 200 POST "encryptionPasswords/$id/verify" -d '{"password":"canary-1"}'
    vbr_set '{"hint_cut": 10}'
    answers 201 POST encryptionPasswords -d '{"password":"canary-2","hint":"0123456789abc"}'
    body | jq -e '.hint == "0123456789"'
    vbr_set '{"role": "Backup Viewer"}'
    answers 403 GET encryptionPasswords
    vbr_set '{"role": "Security Administrator"}'
    answers 200 GET encryptionPasswords
    answers 403 GET configBackup
    vbr_set '{"role": "Backup Administrator", "no_verify": true}'
    answers 404 POST "encryptionPasswords/$id/verify" -d '{"password":"canary-1"}'
    vbr_fault '{"path": "serverInfo", "status": 500}'
    answers 500 GET serverInfo
    vbr_fault '{"path": "serverInfo", "kind": "restart"}'
    run vbr_call GET serverInfo
    [ "$status" -ne 0 ]
    answers 401 GET serverInfo
    vbr_set '{"mfa": true}'
    run vbr_token
    [ "$status" -ne 0 ]
    vbr_set '{"mfa": false, "revision": "1.3-rev0"}'
    run vbr_token
    [ "$status" -ne 0 ]
    run vbr_token 1.3-rev0 Password
    [ "$status" -ne 0 ]
    VBR_TOKEN=$(vbr_token 1.3-rev0 password)
    vbr_control POST clock '{"advance": 901}'
    answers 400 GET serverInfo
    vbr_log '.[-1].answer.errorCode' | grep -qx NotImplemented
}

@test "the judge sees a wrong request and a wrong answer" {
    answers 200 GET serverInfo
    judge_log 2
    vbr_control GET log >"$T/log"
    bad() { # FILTER
        jq -c "$1" "$T/log" >"$T/bad"
        run judge "$T/bad"
        [ "$status" -eq 1 ] || { echo "the judge took: $1" >&2; return 1; }
        [[ $output == *"wrong $2"* ]]
    }
    bad '.[1].version = ""' request
    bad '.[1].path = "/api/v1/other"' request
    bad '.[1].authorized = false' request
    bad '.[0].request.grant_type = "password"' request
    bad '.[0].type = "text/plain"' request
    bad 'del(.[0].request.grant_type)' request
    bad '.[1].answer.more = 1' answer
    bad 'del(.[1].answer.vbrId)' answer
    bad '.[1].status = 418' answer
    bad '.[1].method = "GET" | .[1].path = "/api/v1/sessions/none"' request
}
