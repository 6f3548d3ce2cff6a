#!/usr/bin/env bats
# The simulator itself, with curl: what docs/explanation/simulator.md promises of it.
# bats reads and sets these, and runs each test in a shell of its own:
# shellcheck disable=SC2154,SC2030,SC2031
load ../lib/sim.bash

setup_file() {
    sim_start "$BATS_FILE_TMPDIR/sim"
    sim_control POST clock '{"freeze": true}' >/dev/null
}

teardown_file() { sim_stop; }

setup() { SIM_TOKEN=$(sim_token); } # the clock moves: a token is good for one test

teardown() { sim_control DELETE faults >/dev/null; }

# call METHOD PATH [JSON] [CURL-OPTION...]: $body, $code
call() {
    local all
    all=$(sim_call "$@") || return
    code=${all##*$'\n'} body=${all%$'\n'*}
}

# gives STATUS[:ERROR-CODE] METHOD PATH…: the status must be that, and the code (- none, absent not asked)
gives() {
    local want=$1 got
    shift
    call "$@"
    got=$(jq -r '.resources[0].reasons[0].code // "-"' <<<"$body" 2>/dev/null) || got=-
    if [ "$code" != "${want%%:*}" ] || { [[ $want == *:* ]] && [ "$got" != "${want#*:}" ]; }; then
        printf '%s\ngave %s %s, not %s: %s\n' "$*" "$code" "$got" "$want" "$body" >&2
        return 1
    fi
}

holds() { # FILTER: of the last body
    jq -e "$1" <<<"$body" >/dev/null || { printf 'not %s: %s\n' "$1" "$body" >&2; return 1; }
}

root() { # NAME [MEMBERS]: makes a root key; $id
    gives 201 POST keys '{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":1},"resources":[
        {"type":"application/vnd.ibm.kms.key+json","name":"'"$1"'","extractable":false'"${2:+,$2}"'}]}'
    id=$(jq -r '.resources[0].id' <<<"$body")
}

wrap() { # JSON: with $id; $cipher
    gives 200 POST "keys/$id/actions/wrap" "$1"
    cipher=$(jq -r .ciphertext <<<"$body")
}

member() { jq -er "$1" <<<"$SIM_INFO"; }

@test "it says that it is a simulator, and the documentation has its behaviour row by row" {
    [[ $(member .simulator) == *"not IBM Cloud"* ]]
    call HEAD keys
    grep -qi '^server: .*simulator (not IBM Cloud)' <<<"$body"
    "$KM_TOOLS/kms_sim" --behaviour >"$BATS_TEST_TMPDIR/rows"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/rows")" -gt 40 ]
    while read -r row; do
        grep -qxF -- "$row" "$KM_SOURCE/docs/explanation/simulator.md" || { echo "not in the page: $row" >&2; return 1; }
    done <"$BATS_TEST_TMPDIR/rows"
    [ "$(grep -cE '^\| (IAM|access|errors|wrap|keys|life|hosts|HTTP) \|' "$KM_SOURCE/docs/explanation/simulator.md")" -eq \
        "$(wc -l <"$BATS_TEST_TMPDIR/rows")" ]
}

iam() { # STATUS CODE CURL-OPTION...: at the token path
    local want=$1 errorcode=$2 all
    shift 2
    all=$(curl -sS --noproxy '*' --cacert "$SIM_CA" -w '\n%{http_code}' "$SIM_IAM/identity/token" "$@")
    body=${all%$'\n'*}
    if [ "${all##*$'\n'} $(jq -r '.errorCode // "-"' <<<"$body")" != "$want $errorcode" ]; then
        printf 'not %s %s: %s\n' "$want" "$errorcode" "$all" >&2
        return 1
    fi
}

@test "IAM gives tokens, and its errors" {
    grant=grant_type=urn:ibm:params:oauth:grant-type:apikey
    iam 200 - -d "$grant" --data-urlencode "apikey@"<(tr -d '\n' <"$SIM_APIKEY")
    holds '.token_type == "Bearer" and .refresh_token == "not_supported" and .expires_in == 3600 and .expiration > 1700000000'
    jq -r .access_token <<<"$body" | cut -d. -f2 | tr _- /+ | base64 -d 2>/dev/null >"$BATS_TEST_TMPDIR/claims" || true
    jq -e '.exp - .iat == 3600 and (.account.bss | length) == 32' "$BATS_TEST_TMPDIR/claims"
    iam 400 BXNIM0415E -d "$grant" -d "apikey=$(cat "$SIM_APIKEY")" # + not escaped: another key
    iam 400 BXNIM0415E -d "$grant" --data-urlencode "apikey@"<(tr -d '\n' <"$SIM_DIR/apikey.deleted")
    iam 400 BXNIM0462E -d "$grant" --data-urlencode "apikey@"<(tr -d '\n' <"$SIM_DIR/apikey.disabled")
    iam 400 BXNIM0106E -d "$grant" -d response_type=other -d apikey=x
    iam 400 BXNIM0106E -d grant_type=none
    iam 400 BXNIM0408E -d grant_type=refresh_token -d refresh_token=not_supported
    sim_control POST apikeys '{"name":"locked","status":"suspended"}' >/dev/null
    iam 401 BXNIM0436E -d "$grant" --data-urlencode "apikey@"<(tr -d '\n' <"$SIM_DIR/apikey.locked")
    [ "$(stat -c %a "$SIM_APIKEY")" = 600 ]
}

@test "a token ends by the simulated clock" {
    sim_control POST apikeys '{"name":"short","life":5,"grants":[{"role":"Reader","instance":"fra"}]}' >/dev/null
    SIM_TOKEN=$(sim_token short)
    gives 200 GET keys
    sim_move 5
    gives 400 GET keys
    [[ $body == *"Token is expired"* ]]
    sim_control POST settings '{"expired_token_status":401}' >/dev/null
    gives 401:- GET keys
    sim_control POST settings '{"expired_token_status":400}' >/dev/null
}

@test "401 for many causes, always without reasons; malformed bearer and instance are 400" {
    root access
    key=$id
    good=$SIM_TOKEN
    SIM_TOKEN='' gives 401:- GET keys
    SIM_TOKEN=not.a.token gives 401:- GET keys
    SIM_TOKEN=${good%??????}AAAAAA gives 401:- GET keys
    SIM_TOKEN=opaque gives 400:BEARER_SUB_EXTRACTION_ERR GET keys
    SIM_INSTANCE=crn:v1:x gives 400:- GET keys
    SIM_INSTANCE=00000000-0000-4000-8000-000000000000 gives 401:- GET keys
    SIM_INSTANCE=$SIM_INSTANCE_MAD gives 401:- GET keys           # at the host of another region
    SIM_KMS=$SIM_KMS_MAD SIM_INSTANCE=$SIM_INSTANCE_MAD gives 200 GET keys
    SIM_KMS=$(member .instances.dedicated.url) gives 401:- GET keys
    SIM_TOKEN=$(sim_token stranger) gives 401:- GET keys
    SIM_TOKEN=$(sim_token reader)
    gives 200 GET "keys/$key/metadata"
    gives 401:- GET "keys/$key"
    gives 401:- POST "keys/$key/actions/rotate"
    gives 401:- POST keys '{"never":"looked at"}'
    SIM_TOKEN=$(sim_token second)
    gives 204 DELETE "keys/$key"
    gives 401:- DELETE "keys/$key/purge" # a manager, but not KeyPurge
}

@test "a role on one ring is good for that ring only" {
    gives 201 POST key_rings/small
    root in-ring ''
    outside=$id
    gives 201 POST keys '{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":1},"resources":[
        {"type":"application/vnd.ibm.kms.key+json","name":"ringed","extractable":false}]}' -H 'X-Kms-Key-Ring: small'
    id=$(jq -r '.resources[0].id' <<<"$body")
    holds '.resources[0].keyRingID == "small"'
    sim_control POST apikeys '{"name":"ringed","grants":[{"role":"Reader","instance":"fra","ring":"small"}]}' >/dev/null
    SIM_TOKEN=$(sim_token ringed)
    gives 401:- POST "keys/$id/actions/wrap" '{}'
    gives 200 POST "keys/$id/actions/wrap" '{}' -H 'X-Kms-Key-Ring: small'
    gives 404:KEY_NOT_FOUND_ERR POST "keys/$outside/actions/wrap" '{}' -H 'X-Kms-Key-Ring: small'
}

@test "the order of judgement: access, key, destroyed, state, root key, body, ciphertext" {
    bad='{"ciphertext":"!","surplus":1}'
    root order
    SIM_TOKEN=x.y.z gives 401:- POST keys/none/actions/unwrap "$bad"
    gives 404:KEY_NOT_FOUND_ERR POST keys/none/actions/unwrap "$bad"
    gives 400:BAD_BODY_ERR POST "keys/$id/actions/unwrap" "$bad"
    gives 400:BAD_BODY_ERR POST "keys/$id/actions/unwrap" '{"ciphertext":'
    gives 400:INVALID_FIELD_ERR POST "keys/$id/actions/unwrap" '{"ciphertext":"!"}'
    holds '.resources[0].reasons[0].target == {"type":"field","name":"ciphertext"}'
    gives 400:NO_BODY_ERR POST "keys/$id/actions/unwrap"
    gives 204 POST "keys/$id/actions/disable"
    gives 409:KEY_ACTION_INVALID_STATE_ERR POST "keys/$id/actions/unwrap" "$bad"
    gives 204 DELETE "keys/$id"
    gives 410:KEY_DELETED_ERR POST "keys/$id/actions/unwrap" "$bad"
    root plain '"tags":["a"]'
    gives 201 POST keys '{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":1},"resources":[
        {"type":"application/vnd.ibm.kms.key+json","name":"standard"}]}'
    id=$(jq -r '.resources[0].id' <<<"$body")
    gives 400:KEY_ROOT_REQ_ERR POST "keys/$id/actions/unwrap" "$bad"
    gives 200 GET "keys/$id"
    holds '.resources[0].payload | length > 40'
    gives 200 GET "keys/$id/metadata"
    holds '.resources[0] | has("payload") | not'
}

@test "AES-GCM with ordered additional data and IBM's limits" {
    root aad
    wrap '{"plaintext":"Y2FuYXJ5","aad":["ab","c"]}'
    gives 200 POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\",\"aad\":[\"ab\",\"c\"]}"
    holds '.plaintext == "Y2FuYXJ5" and (has("ciphertext") or has("rewrappedKeyVersion") | not)'
    for other in '["a","bc"]' '["c","ab"]' '["abc"]' '["ab","c",""]' '[]'; do
        gives 422:UNPROCESSABLE_CIPHERTEXT_ERR POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\",\"aad\":$other}"
    done
    base64 -d <<<"$cipher" >"$BATS_TEST_TMPDIR/json"
    jq -e 'keys_unsorted == ["ciphertext","iv","version","handle"] and .version == "4.0.0"' "$BATS_TEST_TMPDIR/json"
    [ "$(jq -r .iv "$BATS_TEST_TMPDIR/json" | base64 -d | wc -c)" -eq 16 ]
    [ "$(jq -r .ciphertext "$BATS_TEST_TMPDIR/json" | base64 -d | wc -c)" -eq $((6 + 12)) ]
    changed=$(jq -c '.ciphertext |= (if .[0:1] == "A" then "B" else "A" end) + .[1:]' "$BATS_TEST_TMPDIR/json" | tr -d '\n' | base64 -w 0)
    gives 422:UNPROCESSABLE_CIPHERTEXT_ERR POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$changed\",\"aad\":[\"ab\",\"c\"]}"
    first=$cipher
    wrap '{"plaintext":"Y2FuYXJ5","aad":["ab","c"]}'
    [ "$first" != "$cipher" ]
    gives 200 POST "keys/$id/actions/wrap" "$(jq -nc '{aad: [range(126) | "x" * 255]}')"
    gives 400:INVALID_FIELD_ERR POST "keys/$id/actions/wrap" "$(jq -nc '{aad: [range(127) | "x"]}')"
    gives 400:INVALID_FIELD_ERR POST "keys/$id/actions/wrap" "$(jq -nc '{aad: ["x" * 256]}')"
    gives 200 POST "keys/$id/actions/wrap" "$(jq -nc '{plaintext: ("A" * 4096)}')"
    gives 400:INVALID_FIELD_ERR POST "keys/$id/actions/wrap" "$(jq -nc '{plaintext: ("A" * 4100)}')"
    for text in 'Y2FuYXJ' 'Y2F*YXJ5' 'Y2FuYXJ=5' '_-__'; do
        gives 400:INVALID_FIELD_ERR POST "keys/$id/actions/wrap" "{\"plaintext\":\"$text\"}"
    done
    gives 200 POST "keys/$id?action=wrap" null
    holds '.plaintext | length == 44'
}

@test "it opens a ciphertext that another program made, from the sizes of IBM's samples" {
    # Made-up test data of the project: AES-256-GCM by another implementation, 16-byte iv, tag cut to 12 bytes.
    id=c3b7af4a-4b21-4210-8bd0-87e1d1af6203
    sim_control POST keys '{"instance":"fra","id":"'$id'","name":"made-up-root-fra","versions":[
        {"id":"'$id'","material":"fx22S044GumRuZ4sjLpHeo3MV+/rcI8cQXy6nirtrj8="}]}' >/dev/null
    gives 200 POST "keys/$id/actions/unwrap" '{"ciphertext":"eyJjaXBoZXJ0ZXh0IjoiTCtVN2piTi80MnZsdmtoK2o4bXVlUENDeGtiWFBDMmV2NFNrdFJvbEpkd09ka2xNSUJGaUNLZ0VoazA9IiwiaXYiOiJ1ODk2UkRKR2ltam9BY1piUHRYU3VBPT0iLCJ2ZXJzaW9uIjoiNC4wLjAiLCJoYW5kbGUiOiJjM2I3YWY0YS00YjIxLTQyMTAtOGJkMC04N2UxZDFhZjYyMDMifQ=="}'
    holds '.plaintext == "GSGF4mCngUimMmrlO5IB3uKrRflEVUuQN3g4fttbQyc="'
}

@test "keys of the same material open each other's ciphertexts, in another region, too" {
    payload='"payload":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="'
    root twin "$payload"
    wrap '{"plaintext":"Y2FuYXJ5","aad":["x"]}'
    root stranger-key
    gives 422:UNPROCESSABLE_CIPHERTEXT_ERR POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\",\"aad\":[\"x\"]}"
    export SIM_KMS=$SIM_KMS_MAD SIM_INSTANCE=$SIM_INSTANCE_MAD
    root twin "$payload"
    gives 200 POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\",\"aad\":[\"x\"]}"
    holds '.plaintext == "Y2FuYXJ5"'
    gives 400:KEY_PAYLOAD_REQ_ERR POST "keys/$id/actions/rotate"
    gives 204 POST "keys/$id/actions/rotate" '{"payload":"AAAAAAAAAAAAAAAAAAAAAA=="}'
    gives 200 POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\",\"aad\":[\"x\"]}"
    holds '.rewrappedKeyVersion.id != .keyVersion.id and (.ciphertext | length > 0)'
}

@test "states by the clock: rotation, expiry, restore window, automatic purge" {
    root clocked
    gives 204 POST "keys/$id/actions/rotate" null
    sim_move 3599
    SIM_TOKEN=$(sim_token)
    gives 409:KEY_ROTATION_NOT_PERMITTED POST "keys/$id/actions/rotate" '{}'
    sim_move 1
    gives 204 POST "keys/$id/actions/rotate" '{}'
    gives 200 GET "keys/$id/versions?totalCount=true&limit=2"
    holds '(.resources | length) == 2 and .metadata.totalCount == 3'
    gives 409:REQ_TOO_EARLY_ERR POST "keys/$id/actions/sync"
    until=$(sim_control POST clock '{}' | jq '.now + 100 | todate')
    root dying "\"expirationDate\":$until"
    wrap '{}'
    sim_move 100
    gives 200 GET "keys/$id/metadata"
    holds '.resources[0].state == 3'
    gives 409:KEY_ACTION_INVALID_STATE_ERR POST "keys/$id/actions/wrap" '{}'
    gives 200 POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\"}"
    gives 409:KEY_ACTION_INVALID_STATE_ERR GET "keys/$id/versions"
    gives 200 GET "keys/$id/versions?allKeyStates=true"
    gives 204 DELETE "keys/$id"
    gives 400:KEY_EXPIRED_ERR POST "keys/$id/restore"
    root lost
    gives 204 DELETE "keys/$id"
    gives 200 GET "keys/$id/metadata"
    holds '.resources[0] | .state == 5 and .restoreAllowed and (.purgeAllowed | not) and (has("keyVersion") | not)'
    sim_move $((30 * 86400))
    SIM_TOKEN=$(sim_token)
    gives 400:KEY_RESTORE_EXPIRED POST "keys/$id/restore"
    gives 200 GET "keys/$id/metadata"
    holds '.resources[0] | .restoreAllowed == false and .purgeAllowed'
    gives 200 GET "keys?state=5"
    holds ".resources | any(.id == \"$id\")"
    sim_move $((60 * 86400))
    SIM_TOKEN=$(sim_token)
    gives 404:KEY_NOT_FOUND_ERR GET "keys/$id/metadata"
}

@test "two persons for a deletion, where the key asks for it" {
    root dual
    gives 409:NOT_DUAL_AUTH_ERR POST "keys/$id/actions/setKeyForDeletion"
    gives 200 PUT "keys/$id/policies?policy=dualAuthDelete" '{"metadata":{"collectionType":"application/vnd.ibm.kms.policy+json",
        "collectionTotal":1},"resources":[{"type":"application/vnd.ibm.kms.policy+json","dualAuthDelete":{"enabled":true}}]}'
    gives 409:AUTHORIZATIONS_NOT_MET DELETE "keys/$id"
    gives 204 POST "keys/$id/actions/setKeyForDeletion"
    gives 409:AUTHORIZATIONS_NOT_MET DELETE "keys/$id"
    SIM_TOKEN=$(sim_token second) gives 204 DELETE "keys/$id"
}

@test "lists in pages, by state, and none at all" {
    export SIM_KMS SIM_INSTANCE
    new=$(sim_control POST instances '{"name":"paged","region":"us-south"}')
    SIM_KMS=$(jq -r .url <<<"$new") SIM_INSTANCE=$(jq -r .id <<<"$new")
    gives 200 GET keys
    holds '.metadata.collectionTotal == 0 and (has("resources") | not)'
    for n in 1 2 3 4 5; do root "page-$n"; done
    gives 204 POST "keys/$id/actions/disable"
    : >"$BATS_TEST_TMPDIR/ids"
    for offset in 0 2 4; do
        gives 200 GET "keys?limit=2&offset=$offset"
        jq -r '.resources[].id' <<<"$body" >>"$BATS_TEST_TMPDIR/ids"
    done
    [ "$(sort -u "$BATS_TEST_TMPDIR/ids" | wc -l)" -eq 5 ]
    gives 200 GET 'keys?state=2%2C3'
    holds ".metadata.collectionTotal == 1 and .resources[0].id == \"$id\""
    call HEAD 'keys?state=1'
    grep -qi '^key-total: 4' <<<"$body"
    for bad in limit=0 limit=5001 limit=x offset=-1 state=7 'state=1,'; do
        gives 400:INVALID_QUERY_PARAM_ERR GET "keys?$bad"
    done
    root named '"aliases":["one-alias"]'
    gives 409:KEY_ALIAS_NOT_UNIQUE_ERR POST "keys/$id/aliases/one-alias"
    gives 400:INVALID_FIELD_ERR POST "keys/$id/aliases/versions"
}

@test "faults: answers, and connections that fail" {
    root faulty
    path=keys/$id/actions/wrap
    sim_fault '{"match":{"path":"/actions/wrap"},"count":2,"status":503,"headers":{"Retry-After":"7"}}'
    gives 503 POST "$path" '{}' -D "$BATS_TEST_TMPDIR/head"
    grep -qi '^retry-after: 7' "$BATS_TEST_TMPDIR/head"
    gives 503 POST "$path" '{}'
    gives 200 POST "$path" '{}'
    sim_fault '{"kind":"html"}'
    gives 502 POST "$path" '{}'
    [[ $body == '<html>'* ]]
    sim_fault '{"kind":"redirect"}'
    gives 302 POST "$path" '{}'
    sim_fault '{"status":409,"reason":"KEY_ROTATION_NOT_PERMITTED"}'
    gives 409:KEY_ROTATION_NOT_PERMITTED POST "$path" '{}'
    sim_fault '{"status":429,"body":"slow down"}'
    gives 429 POST "$path" '{}'
    [ "$body" = 'slow down' ]
    sim_fault '{"kind":"empty"}'
    gives 200 POST "$path" '{}'
    [ -z "$body" ]
    for kind in malformed truncated; do
        sim_fault "{\"kind\":\"$kind\"}"
        gives 200 POST "$path" '{}'
        run jq . <<<"$body"
        [ "$status" -ne 0 ]
    done
    sim_fault '{"remove":["keyVersion"],"add":{"surplus":[1]}}'
    gives 200 POST "$path" '{}'
    holds '(has("keyVersion") | not) and .surplus == [1]'
    sim_fault '{"replace":["Z\"","+0000\""]}'
    gives 200 GET "keys/$id/metadata"
    holds '.resources[0].creationDate | endswith("+0000")'
    sim_fault '{"kind":"drop-before"}'
    run call POST "$path" '{}'
    [ "$status" -ne 0 ]
    sim_fault '{"kind":"cut","bytes":20}'
    run call POST "$path" '{}'
    [ "$status" -eq 18 ]
    sim_fault '{"kind":"giant","bytes":3000000}'
    gives 200 POST "$path" '{}'
    [ "${#body}" -eq 3000000 ]
    sim_fault '{"drip_ms":1,"chunked":true}'
    gives 200 POST "$path" '{}'
    holds '.plaintext'
    sim_fault '{"delay_ms":1500}'
    run call POST "$path" '{}' -m 0.7
    [ "$status" -eq 28 ]
    # Carried out, though nobody heard of it.
    sim_fault '{"match":{"path":"/disable"},"kind":"drop-after"}'
    run call POST "keys/$id/actions/disable"
    [ "$status" -ne 0 ]
    gives 200 GET "keys/$id/metadata"
    holds '.resources[0].state == 2'
}

@test "faults: another key's answer, another plaintext, an answer given before" {
    root mine
    mine=$id
    root other
    other=$id
    sim_fault "{\"use_key\":\"$other\"}"
    gives 200 POST "keys/$mine/actions/wrap" '{}'
    holds ".keyVersion.id == \"$other\""
    id=$mine
    wrap '{"plaintext":"Y2FuYXJ5"}'
    before=$body
    sim_fault '{"kind":"other-plaintext"}'
    gives 200 POST "keys/$mine/actions/unwrap" "{\"ciphertext\":\"$cipher\"}"
    holds '.plaintext != "Y2FuYXJ5"'
    sim_fault '{"kind":"previous"}'
    gives 200 POST "keys/$mine/actions/wrap" '{}'
    [ "$(jq -S . <<<"$body")" = "$(jq -S . <<<"$before")" ]
}

@test "certificates: good and bad, on fronts of the same state" {
    front() { sim_control POST fronts "{\"of\":\"$1\",\"tls\":\"$2\"}" | jq -er .url; }
    for kind in wrong-name expired not-yet self-signed other-ca; do
        for of in iam fra; do
            run curl -sS --noproxy '*' --cacert "$SIM_CA" "$(front $of $kind)/api/v2/keys"
            [ "$status" -eq 60 ]
        done
    done
    for kind in good tls1.2 tls1.3; do
        SIM_KMS=$(front fra $kind) gives 200 GET keys
    done
    run curl -sS --noproxy '*' --cacert "$SIM_CA" --tlsv1.2 "$(front iam tls1.1)"
    [ "$status" -eq 35 ]
    run curl -sS --noproxy '*' --cacert "$SIM_CA" "https://localhost:${SIM_KMS##*:}/api/v2/keys"
    [ "$status" -eq 0 ]
    run sim_control POST fronts '{"of":"iam","tls":"none"}'
    [ "$status" -ne 0 ]
}

@test "hosts: HPCS without its master key, a region that can only be read, a failover that lost an hour" {
    gives 200 GET keys
    (
        export SIM_KMS SIM_INSTANCE
        SIM_KMS=$(member .instances.hpcs.url) SIM_INSTANCE=$(member .instances.hpcs.id)
        root on-hpcs
        [[ $body == *:hs-crypto:* ]]
        sim_control POST instances '{"name":"hpcs","master_key_missing":true}' >/dev/null
        gives 400:- POST "keys/$id/actions/wrap" '{}'
        [[ $body == *CKR_IBM_WK_NOT_INITIALIZED* ]]
        gives 200 GET "keys/$id/metadata"
    )
    root before
    kept=$id
    wrap '{}'
    sim_move 7200
    SIM_TOKEN=$(sim_token)
    root after
    gives 204 POST "keys/$kept/actions/rotate"
    sim_control POST settings '{"read_only":["eu-de"]}' >/dev/null
    gives 503 POST "keys/$kept/actions/disable"
    gives 200 POST "keys/$kept/actions/unwrap" "{\"ciphertext\":\"$cipher\"}"
    sim_control POST settings '{"read_only":[]}' >/dev/null
    sim_control POST rollback '{"region":"eu-de","seconds":3600}' >/dev/null
    gives 404:KEY_NOT_FOUND_ERR GET "keys/$id/metadata"
    gives 200 POST "keys/$kept/actions/unwrap" "{\"ciphertext\":\"$cipher\"}"
    holds 'has("rewrappedKeyVersion") | not'
}

@test "texts can be other ones each time, reasons can be missing" {
    gives 404 GET keys/none/metadata
    first=$body
    sim_control POST settings '{"varied_texts":true}' >/dev/null
    gives 404:KEY_NOT_FOUND_ERR GET keys/none/metadata
    [ "$body" != "$first" ]
    sim_control POST settings '{"varied_texts":false,"no_reasons":true}' >/dev/null
    gives 404:- GET keys/none/metadata
    sim_control POST settings '{"no_reasons":false}' >/dev/null
}

@test "the log has every request and no secret" {
    sim_control DELETE log >/dev/null
    SIM_TOKEN=$(sim_token)
    root logged
    wrap "{\"plaintext\":\"$(printf canary-log | base64)\",\"aad\":[\"canary-aad\"]}"
    gives 200 POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\",\"aad\":[\"canary-aad\"]}" -H 'Correlation-Id: 11111111-2222-4333-8444-555555555555'
    sim_control GET log >"$BATS_TEST_TMPDIR/log"
    jq -e "length == 4 and .[3].path == \"/api/v2/keys/$id/actions/unwrap\" and .[3].status == 200
        and .[3].correlation_id == \"11111111-2222-4333-8444-555555555555\" and .[3].members == [\"ciphertext\",\"aad\"]
        and .[3].instance == \"$SIM_INSTANCE\"" "$BATS_TEST_TMPDIR/log"
    for secret in canary "$(printf canary-log | base64)" "$cipher" "$SIM_TOKEN" Bearer; do
        run grep -F -e "$secret" "$BATS_TEST_TMPDIR/log"
        [ "$status" -eq 1 ]
    done
}

@test "the state can be kept in a file; ends when told, and it alone" {
    (
        sim_start "$BATS_TEST_TMPDIR/kept" --state "$BATS_TEST_TMPDIR/state.json"
        SIM_TOKEN=$(sim_token)
        root kept
        wrap '{}'
        pid=$SIM_PID
        sim_stop
        run kill -0 "$pid"
        [ "$status" -ne 0 ]
        sim_start "$BATS_TEST_TMPDIR/kept" --state "$BATS_TEST_TMPDIR/state.json"
        gives 401:- GET keys # tokens are not kept
        SIM_TOKEN=$(sim_token)
        gives 200 POST "keys/$id/actions/unwrap" "{\"ciphertext\":\"$cipher\"}"
        sim_stop
    )
    gives 200 GET keys
}

@test "the lock file of its judge names no registry" {
    run grep -E '"resolved"|registry' "$KM_SOURCE/tests/sim/judge/package-lock.json" "$KM_SOURCE/tests/sim/judge/package.json"
    [ "$status" -eq 1 ]
}
