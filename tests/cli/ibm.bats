#!/usr/bin/env bats
# IBM's KMSs, as the simulator (tests/sim) plays them: a key's life there, where a credential may go, what each refusal is
# called. Transport: net.bats.
load ../lib/ibm

# Both sites with an instance and a root key each, a copy, a key.
scene_ibm() {
    scene_roots
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra create vbr/job --purpose backup-job --root fra-main --root mad-main --aad one --aad 'two, three'
    password_of "$FRA" vbr/job "$T/pw"
    [ "$(wc -c <"$T/pw")" -eq 44 ]
}

same_password() {
    rm -f "$T/again"
    "$KEYMUSTER" -C "$FRA" reveal vbr/job --reason test --to "file:$T/again" "$@" >/dev/null 2>&1
    cmp "$T/pw" "$T/again"
}

@test "a key's life: created, revealed, rotated, rewrapped, rehomed; the wire sees what it should" {
    scene_ibm
    same_password --root fra-main
    same_password --root mad-main
    ends 0 -o json -C "$FRA" root rotate fra-main
    json '.state == "active" and .versions == 2'
    same_password --root fra-main
    ends 0 -C "$FRA" rewrap --stale --yes
    same_password --root fra-main
    ends 0 -o json -C "$FRA" show vbr/job --wraps
    json '[.wraps[].version] | unique | length == 3'
    fra root create fra-new --kms kp-fra
    ends 0 -C "$FRA" rehome vbr/job --to fra-new --yes
    same_password --root fra-new
    ends 0 -C "$FRA" verify
    # Each request names its instance and has an id of its own; the API key goes to IAM alone.
    sim_log '.[] | select(.front == "kms" or (.path // "" | contains("/api/v2"))) | ."Correlation-Id" // .correlation // empty' >"$T/ids"
    [ "$(sort "$T/ids" | uniq -d | wc -l)" -eq 0 ]
}

@test "any IBM form of naming: CRN as instance; alias, id or CRN as key" {
    local crn id
    fra init --site fra
    crn=crn:v1:bluemix:public:kms:eu-de:a/0123456789abcdef0123456789abcdef:$SIM_INSTANCE::
    add kp fra "$SIM_KMS/api/v2/keys" "$crn"
    ends 0 -o json -C "$FRA" kms show kp
    json '.instance == $i and .account == "0123456789abcdef0123456789abcdef" and .region == "eu-de" and .endpoint == $u' \
        --arg i "$SIM_INSTANCE" --arg u "$SIM_KMS"
    fra root create first --kms kp
    id=$(root_id first)
    for key in first "$id" "${crn%::}:key:$id"; do
        ends 6 -C "$FRA" root add again --kms kp --key "$key"
        says 'known already, as first'
    done
    ends 13 -C "$FRA" root add other --kms kp --key "${crn/$SIM_INSTANCE/$SIM_INSTANCE_MAD}"
    ends 13 -o json -C "$FRA" root add other --kms kp --key "crn:v1:bluemix:public:kms:eu-de:a/0123456789abcdef0123456789abcdef:$SIM_INSTANCE_MAD:key:$id"
    error_is KM3013
    ends 13 -o json -C "$FRA" root add other --kms kp --key no-such-root
    error_is KM3013
    ends 2 -C "$FRA" root create with.dot --kms kp
    says alias
}

@test "kms add: from IBM's own variables; wrong words are 2; what does not answer is not added" {
    fra init --site fra
    IBMCLOUD_API_KEY=$(cat "$SIM_APIKEY") KP_INSTANCE_ID=$SIM_INSTANCE KP_TARGET_ADDR=$SIM_KMS \
        ends 0 -C "$FRA" kms add kp --site fra --provider ibm --iam "$SIM_IAM" --ca "$SIM_CA"
    run ! grep -rq canary "$FRA"
    grep -q env:IBMCLOUD_API_KEY "$FRA/keymuster.conf"
    local base=(kms add k2 --site fra --provider ibm --credential "file:$SIM_APIKEY")
    ends 2 -C "$FRA" "${base[@]}"
    says --instance
    ends 2 -C "$FRA" "${base[@]}" --instance nonsense --endpoint "$SIM_KMS"
    ends 2 -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE"
    says --endpoint
    ends 2 -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE" --endpoint "http://${SIM_KMS#https://}"
    says https
    ends 2 -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --file x
    ends 2 -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE" --endpoint "https://$SIM_INSTANCE_MAD.api.eu-de.kms.appdomain.cloud"
    says 'another instance'
    ends 4 -o json -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM"
    error_is KM3018
    ends 5 -o json -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE" --endpoint https://127.0.0.1:1 --iam "$SIM_IAM" --ca "$SIM_CA"
    error_is KM3004
    ends 5 -o json -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam https://127.0.0.1:1 --ca "$SIM_CA"
    error_is KM3021
    ends 4 -o json -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE_MAD" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA"
    error_is KM3003
    says "$SIM_INSTANCE_MAD"
    ends 0 -o json -C "$FRA" kms list
    json '.items | length == 1'
    ends 0 -C "$FRA" "${base[@]}" --instance "$SIM_INSTANCE" --endpoint https://127.0.0.1:1 --offline
}

@test "IAM's refusals: each its reason, exit 4, nothing said of root keys" {
    scene_ibm
    for pair in 'deleted=BXNIM0415E' 'disabled=BXNIM0462E'; do
        ends 4 -o json -C "$FRA" kms test kp-fra --credential "file:$SIM_DIR/apikey.${pair%%=*}"
        error_is KM3020
        says "${pair#*=}"
    done
    # Expired: a code that nobody has documented; what IAM says of it is shown, but for what is as long as a key or a token.
    sim_control POST apikeys '{"name": "expired", "status": "expired"}' >/dev/null
    for words in 'kms test kp-fra' 'root check fra-main' 'rewrap --all --yes' 'create vbr/new --purpose other --root fra-main'; do
        # shellcheck disable=SC2086
        tried "$KEYMUSTER" -o json -C "$FRA" $words --credential "kp-fra=file:$SIM_DIR/apikey.expired"
        says BXNIM9999E 'has expired'
        silent_on destroyed disabled purged canary
        case $words in
        root*) [ "$status" -eq 0 ] && json '.items[0] | .code == "KM3020" and .state == "unknown"' ;;
        rewrap*) [ "$status" -eq 3 ] && json '.failed == 1 and .current == 1' ;;
        *) [ "$status" -eq 4 ] && error_is KM3020 ;;
        esac
    done
    sim_fault "{\"match\": {\"front\": \"iam\"}, \"status\": 400, \"body\": {\"errorCode\": \"BXNIM9998E\", \"errorMessage\": \"no key $(base64 -w0 <"$SIM_APIKEY") here\"}}"
    ends 4 -o json -C "$FRA" kms test kp-fra
    says 'no key ... here'
    sim_fault '{"match": {"front": "iam"}, "status": 401, "body": {"errorCode": "BXNIM0430E", "errorMessage": "x", "context": {"requestId": "req-1"}}}'
    ends 4 -o json -C "$FRA" kms test kp-fra
    error_is KM3020
    says addresses req-1
    sim_fault '{"match": {"front": "iam"}, "status": 503, "count": 1}'
    ends 0 -C "$FRA" kms test kp-fra
    sim_fault '{"match": {"front": "iam"}, "kind": "html", "status": 200}'
    ends 15 -o json -C "$FRA" kms test kp-fra
    error_is KM3017
    ends 4 -o json -C "$FRA" kms test kp-fra --credential "file:$SIM_DIR/apikey.stranger"
    error_is KM3003
}

@test "a reader can reveal, but not rotate" {
    scene_ibm
    same_password --root fra-main --credential "kp-fra=file:$SIM_APIKEY_READER"
    ends 4 -o json -C "$FRA" root rotate fra-main --credential "file:$SIM_APIKEY_READER"
    error_is KM3003
    ends 0 -o json -C "$FRA" root list
    json '.items[] | select(.name == "fra-main") | .versions == 1'
}

@test "states: disabled, destroyed until a day, restored, purged; expired still opens" {
    scene_ibm
    local base=(-o json -C "$FRA" reveal vbr/job --reason test --to - --root fra-main)
    fra root disable fra-main --yes
    ends 14 "${base[@]}"
    error_is KM3005
    ends 5 -o json -C "$FRA" root enable fra-main
    error_is KM3010
    sim_move 40
    fra root enable fra-main
    same_password --root fra-main
    fra root destroy fra-main --confirm fra-main
    ends 14 "${base[@]}"
    error_is KM3007
    says 'restored until 20'
    same_password # by the other wrap
    ends 14 -o json -C "$FRA" root rotate fra-main
    sim_move 40
    fra root restore fra-main
    same_password --root fra-main
    ends 14 -o json -C "$FRA" root restore fra-main
    error_is KM3015
    sim_control POST keys "{\"instance\": \"fra\", \"id\": \"$(root_id fra-main)\", \"state\": 3}" >/dev/null
    same_password --root fra-main
    ends 14 -o json -C "$FRA" create vbr/other --purpose backup-job --root fra-main --allow-unsynced
    error_is KM3006
    sim_control POST keys "{\"instance\": \"fra\", \"id\": \"$(root_id fra-main)\", \"state\": 1}" >/dev/null
    fra root destroy fra-main --confirm fra-main
    sim_move $((31 * 86400))
    ends 14 "${base[@]}"
    says 'cannot be restored'
    sim_move $((60 * 86400))
    ends 14 "${base[@]}"
    error_is KM3024
    says 'instance answers otherwise'
}

@test "401, 403, 429, 5xx, a broken line: never called a state of the root key" {
    scene_ibm
    local base=(-o json -C "$FRA" --timeout 1s reveal vbr/job --reason test --to - --root fra-main)
    for pair in 401=4 403=4 429=5 500=5 502=5 503=5 504=5; do
        sim_fault "{\"match\": {\"front\": \"kms\"}, \"status\": ${pair%=*}, \"count\": -1}"
        ends "${pair#*=}" "${base[@]}"
        silent_on destroyed disabled purged 'gone for good'
        sim_control DELETE faults >/dev/null
    done
    for kind in html drop-before drop-after; do
        sim_fault "{\"match\": {\"front\": \"kms\"}, \"kind\": \"$kind\", \"count\": -1}"
        ends 5 "${base[@]}"
        error_is KM3004
        sim_control DELETE faults >/dev/null
    done
    same_password --root fra-main
}

@test "while the token comes, the connection to the KMS is opened: once, with nothing of ours; who is not there delays nobody" {
    scene_ibm
    local opened
    # On a busy machine the token may be there before the connection is, which is then not waited for.
    for _ in 1 2 3 4 5; do
        sim_control DELETE log >/dev/null
        same_password --root fra-main
        opened=$(sim_log '[.[] | select(.path == "/")] | length')
        [ "$opened" -eq 0 ] || break
    done
    [ "$opened" -eq 1 ]
    [ "$(sim_log '[.[] | select(.path == "/")][0] | .method + .who + .instance')" = HEAD ]
    # A KMS that takes the connection and says nothing: the token is had all the same, and soon.
    local port began=$SECONDS
    port=$("$KM_TOOLS/free_port")
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
    openssl s_server -HTTP -accept "127.0.0.1:$port" -key "$T/key.pem" -cert "$T/cert.pem" >/dev/null 2>&1 3>&- &
    local pid=$!
    until (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.05; done
    kill -STOP "$pid"
    ends 5 -C "$FRA" kms test kp-fra --endpoint "kp-fra=https://127.0.0.1:$port" --timeout 2s
    kill -CONT "$pid"
    kill "$pid"
    [ $((SECONDS - began)) -le 6 ]
    [ "$(sim_log '[.[] | select(.path == "/identity/token" and .status == 200)] | length')" -ge 2 ]
}

@test "a token that the KMS does not take any more is renewed once" {
    scene_ibm
    sim_control DELETE log
    sim_fault '{"match": {"front": "kms"}, "status": 401, "count": 1}'
    same_password --root fra-main
    sim_fault '{"match": {"front": "kms"}, "status": 400, "body": "Bad Request: Token is expired", "count": 1}'
    same_password --root fra-main
}

@test "a rule that forbids it, and a root key that the KMS itself cannot use: what only others can mend is said so" {
    scene_ibm
    local reason
    for reason in FEATURE_RESTRICTED_ERR PROTECTED_RESOURCE_ERR; do
        sim_fault "{\"match\": {\"front\": \"kms\"}, \"status\": 403, \"reason\": \"$reason\", \"count\": -1}"
        ends 4 -o json -C "$FRA" root create other --kms kp-fra
        error_is KM3023
        sim_control DELETE faults >/dev/null
    done
    sim_fault '{"match": {"front": "kms", "path": "unwrap"}, "status": 409, "reason": "INCOMPLETE_METADATA_ERR", "count": -1}'
    ends 14 -o json -C "$FRA" reveal vbr/job --reason test --root fra-main --to "file:$T/none"
    error_is KM3025
    [ ! -e "$T/none" ]
}

@test "answers that must not be believed: 15, and nothing is recorded" {
    scene_ibm
    local base=(-o json -C "$FRA" reveal vbr/job --reason test --to - --root fra-main)
    for fault in '"kind": "malformed"' '"kind": "truncated"' '"kind": "empty-after"' '"remove": ["plaintext"]' \
        '"add": {"plaintext": "!!"}' '"add": {"plaintext": ""}'; do
        sim_fault "{\"match\": {\"front\": \"kms\", \"path\": \"unwrap\"}, $fault}"
        ends 15 "${base[@]}"
        error_is KM3017
        [ -z "$output" ]
    done
    sim_fault '{"match": {"path": "unwrap"}, "kind": "other-plaintext"}'
    ends 15 "${base[@]}"
    error_is KM3012
    [ -z "$output" ]
    for fault in '"remove": ["ciphertext"]' '"add": {"plaintext": "AAAA"}' '"add": {"ciphertext": "a b"}'; do
        sim_fault "{\"match\": {\"path\": \"actions/wrap\"}, $fault}"
        ends 15 -o json -C "$FRA" create vbr/bad --purpose backup-job --root fra-main
        error_is KM3017
    done
    ends 13 -C "$FRA" show vbr/bad
    # Lenient where nothing hangs on it: the version is asked for.
    sim_fault '{"match": {"path": "actions/wrap"}, "remove": ["keyVersion"], "add": {"odd": [1]}}'
    ends 0 -C "$FRA" create vbr/good --purpose backup-job --root fra-main
    ends 0 -o json -C "$FRA" show vbr/good --wraps
    json '.wraps[0].version == $id' --arg id "$(root_id fra-main)"
}

@test "a lost answer: create finds its own root key, rotate is not done twice" {
    scene_ibm
    sim_fault '{"match": {"method": "POST", "path": "/keys"}, "kind": "drop-after"}'
    ends 0 -C "$FRA" root create once --kms kp-fra
    sim_control DELETE log
    sim_fault '{"match": {"path": "actions/rotate"}, "kind": "drop-after"}'
    ends 0 -o json -C "$FRA" root rotate once
    json '.versions == 2'
    sim_fault '{"match": {"path": "actions/disable"}, "kind": "drop-after"}'
    ends 0 -o json -C "$FRA" root disable once --yes
    json '.state == "suspended"'
    sim_fault '{"match": {"path": "actions/rotate"}, "kind": "drop-before"}'
    ends 5 -C "$FRA" root rotate fra-main
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0].versions == 1'
    # Killed before it could record what it did: refused now, but what is so is on record.
    local version
    version=$(ask '.items[] | select(.name == "fra-main").version' -C "$FRA" root list)
    SIM_TOKEN=$(sim_token) && sim_call POST "keys/$version/actions/rotate" '{}' >/dev/null
    ends 5 -o json -C "$FRA" root rotate fra-main
    error_is KM3010
    [ "$(ask '.items[] | select(.name == "fra-main").versions' -C "$FRA" root list)" -eq 2 ]
    sim_call POST "keys/$version/actions/disable" >/dev/null
    ends 14 -C "$FRA" root disable fra-main --yes
    [ "$(ask '.items[] | select(.name == "fra-main").state' -C "$FRA" root list)" = suspended ]
    [ "$(ask .unpublished -C "$FRA" status)" -eq 0 ]
}

@test "a yes that a proxy said: what the KMS shows then decides" {
    scene_ibm
    for change in rotate disable destroy; do
        sim_fault '{"match": {"path": "/keys/", "method": "'"$([ $change = destroy ] && echo DELETE || echo POST)"'"}, "kind": "html", "status": 200}'
        ends 15 -o json -C "$FRA" root "$change" fra-main --yes --confirm fra-main
        error_is KM3017
        [ "$(ask '.items[] | select(.name == "fra-main") | .state + " \(.versions)"' -C "$FRA" root list)" = 'active 1' ]
    done
    # The answer about versions alone was lost: their number is not known, and the next look finds it.
    sim_fault '{"match": {"path": "/versions"}, "status": 404}'
    ends 0 -C "$FRA" root rotate fra-main
    says 'fra-main is now active'
    silent_on 'version 0'
    ends 0 -C "$FRA" root check
    [ "$(ask '.items[] | select(.name == "fra-main").versions' -C "$FRA" root list)" -eq 2 ]
}

@test "rekey after one that owes a wrap: the successor gets it" {
    scene_ibm
    sim_fault "{\"match\": {\"instance\": \"$SIM_INSTANCE\"}, \"status\": 403, \"count\": -1}"
    ends 3 -o json -C "$FRA" rekey vbr/job
    json '.roots == ["mad-main"] and .owed == ["fra-main"]'
    ends 3 -o json -C "$FRA" rekey vbr/job
    json '.generation == 3 and .roots == ["mad-main"] and .owed == ["fra-main"]'
    sim_control DELETE faults >/dev/null
    ends 0 -o json -C "$FRA" rekey vbr/job
    json '(.roots | sort) == ["fra-main", "mad-main"] and .owed == []'
}

# A second store, whose endpoint comes from the log; where its answer would go.
@test "the credential goes only where a person said, or to IBM; it is not even read before" {
    scene_ibm
    mad join --from "file://$USB" --site mad --yes
    local reads="command:sh -c 'touch $T/read; cat $SIM_APIKEY'"
    # The log names 127.0.0.1, which is not IBM's.
    ends 15 -o json -C "$MAD" kms test kp-fra --credential "$reads"
    error_is KM3019
    [ ! -e "$T/read" ]
    ends 15 -o json -C "$MAD" kms set kp-fra --credential "$reads"
    error_is KM3019
    [ ! -e "$T/read" ]
    ends 0 -C "$MAD" kms test kp-fra --credential "$reads" --endpoint "kp-fra=$SIM_KMS" --iam "kp-fra=$SIM_IAM" --ca "kp-fra=$SIM_CA"
    [ -e "$T/read" ]
    # Without a name it could be meant for either.
    ends 2 -C "$MAD" kms test kp-fra --credential "file:$SIM_APIKEY" --endpoint "$SIM_KMS"
    ends 0 -C "$MAD" kms set kp-fra --credential "file:$SIM_APIKEY" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA"
    ends 0 -C "$MAD" kms test kp-fra
    # The log says another one now.
    fra kms set kp-fra --endpoint "$SIM_KMS/moved" --offline
    fra sync
    mad sync
    ends 15 -o json -C "$MAD" kms test kp-fra
    error_is KM3014
}

@test "nothing but the wrap is left: its root key's CRN, an API key" {
    scene_ibm
    local crn wrap
    crn=crn:v1:bluemix:public:kms:eu-de:a/0123456789abcdef0123456789abcdef:$SIM_INSTANCE:key:$(root_id fra-main)
    ask ".wraps[] | select(.root == \"fra-main\" or .root_name == \"fra-main\") | .ciphertext" -C "$FRA" show vbr/job --wraps | head -n 1 >"$T/wrap"
    [ -s "$T/wrap" ]
    "$KEYMUSTER" -C "$T/none" version >/dev/null
    export HOME=$T/other XDG_STATE_HOME=$T/other XDG_DATA_HOME=$T/other
    mkdir -p "$T/other"
    "$KEYMUSTER" reveal --wrapped "file:$T/wrap" --root "$crn" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
        --aad one --aad 'two, three' --reason fire --credential "file:$SIM_APIKEY" --to - >"$T/again" 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }
    cmp "$T/pw" "$T/again"
    ends 15 -o json reveal --wrapped "file:$T/wrap" --root "$crn" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
        --aad 'two, three' --aad one --reason fire --credential "file:$SIM_APIKEY" --to -
    error_is KM3009
    ends 2 reveal --wrapped "file:$T/wrap" --root crn:v1:x --reason fire --credential "file:$SIM_APIKEY" --to -
    says CRN
}

@test "--show-request: curl commands without the token; run by hand they do it; nothing is sent or recorded before" {
    scene_ibm
    local before token
    before=$(ask .digest -C "$FRA" status)
    sim_control DELETE log >/dev/null
    ends 0 -o json -C "$FRA" reveal vbr/job --show-request --root fra-main
    json '.requests | length == 1 and .[0].root == "fra-main" and (.[0].call | contains("Bearer TOKEN"))'
    silent_on canary
    [ "$(sim_log length)" -eq 0 ]
    [ "$(ask .digest -C "$FRA" status)" = "$before" ]
    jq -r '.requests[0].token' <<<"$output" | sed "s#APIKEY-FILE#$T/key#" >"$T/1.sh"
    jq -r '.requests[0].call' <<<"$output" >"$T/2.sh"
    tr -d '\n' <"$SIM_APIKEY" >"$T/key"
    token=$(sh "$T/1.sh")
    sed -i "s/TOKEN/$token/" "$T/2.sh"
    [ "$(sh "$T/2.sh" | jq -r .plaintext)" = "$(cat "$T/pw")" ]
    ends 0 -C "$FRA" reveal vbr/job --show-request
    says '/actions/unwrap' 'under root key fra-main' 'under root key mad-main' 'two, three'
    ends 0 -C "$FRA" rewrap vbr/job --show-request
    says /actions/rewrap
    ends 0 -C "$FRA" root check mad-main --show-request
    says /metadata "$SIM_INSTANCE_MAD"
}

@test "HPCS without its master key: a verdict of its own, nothing said of the root key" {
    fra init --site fra
    # shellcheck disable=SC2046
    add old fra $(jq -r '.instances.hpcs | .url + " " + .id' <<<"$SIM_INFO")
    fra root create old-main --kms old
    fra create vbr/job --purpose backup-job --root old-main --allow-unsynced
    sim_control POST instances '{"name": "hpcs", "master_key_missing": true}' >/dev/null
    ends 14 -o json -C "$FRA" reveal vbr/job --reason test --allow-unsynced --to -
    error_is KM3027
    silent_on destroyed purged disabled
}

@test "two KMSs of one name: neither gets the credential of the other" {
    scene_ibm
    mad join --from "file://$USB" --site mad --yes
    fra author admit "$(ask .author -C "$MAD" status)"
    # Each site makes one of that name before it hears of the other's.
    add twin fra "$SIM_KMS" "$SIM_INSTANCE" --offline
    "$KEYMUSTER" -C "$MAD" kms add twin --site mad --provider ibm --instance "$SIM_INSTANCE_MAD" --endpoint "$SIM_KMS_MAD" \
        --iam "$SIM_IAM" --ca "$SIM_CA" --credential "file:$SIM_APIKEY_READER" --offline >/dev/null 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }
    mad sync
    fra sync
    local mine theirs
    mine=$(ask ".items[] | select(.name == \"twin\" and .site == \"fra\").uuid" -C "$FRA" kms list)
    theirs=$(ask ".items[] | select(.name == \"twin\" and .site == \"mad\").uuid" -C "$FRA" kms list)
    [ -n "$mine" ] && [ -n "$theirs" ]
    ends 0 -C "$FRA" kms test "$mine"
    ends 4 -o json -C "$FRA" kms test "$theirs" --endpoint "$theirs=$SIM_KMS_MAD" --iam "$theirs=$SIM_IAM" --ca "$theirs=$SIM_CA"
    error_is KM3002
    ends 4 -o json -C "$FRA" kms test "$theirs" --credential "twin=file:$SIM_APIKEY" --endpoint "$theirs=$SIM_KMS_MAD"
    error_is KM3002
    ends 0 -C "$FRA" kms set "$theirs" --credential "file:$SIM_APIKEY_READER" --endpoint "$SIM_KMS_MAD" --iam "$SIM_IAM" --ca "$SIM_CA"
    ends 0 -C "$FRA" kms test "$theirs"
    ends 0 -C "$FRA" kms test "$mine"
    grep -qF "[kms \"$theirs\"]" "$FRA/keymuster.conf"
    grep -A9 '^\[kms "twin"\]' "$FRA/keymuster.conf" | grep -qF "$mine"
    # Also one that was bound before sections said whose they are.
    sed -i '/^uuid = /d' "$FRA/keymuster.conf"
    ends 4 -o json -C "$FRA" kms test "$mine" --endpoint "$mine=$SIM_KMS"
    error_is KM3002
}

@test "bad input, met well: each has its code, and nothing is recorded of it" {
    scene_ibm
    local digest id wrap base=(-o json -C "$FRA" reveal vbr/job --reason test --to - --root fra-main)
    # An instance id with a typo; another instance's; another port; another region's host.
    for pair in "${SIM_INSTANCE%?}=2" "00000000-0000-4000-8000-000000000000=4"; do
        ends "${pair#*=}" -C "$FRA" kms add other --site fra --provider ibm --instance "${pair%=*}" --endpoint "$SIM_KMS" --iam "$SIM_IAM" \
            --ca "$SIM_CA" --credential "file:$SIM_APIKEY"
    done
    ends 4 -C "$FRA" kms test kp-fra --endpoint "kp-fra=$SIM_KMS_MAD"
    says "$SIM_INSTANCE" 'kms show'
    ends 4 -o json -C "$FRA" kms test kp-fra --endpoint "kp-fra=https://127.0.0.1:${SIM_CONTROL##*:}"
    error_is KM3018
    # A root key that is a standard key; a wrong alias.
    SIM_TOKEN=$(sim_token) && sim_call POST keys '{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":1},"resources":[{"type":"application/vnd.ibm.kms.key+json","name":"standard","extractable":true}]}' >"$T/standard"
    id=$(head -n 1 "$T/standard" | jq -r '.resources[0].id')
    ends 1 -o json -C "$FRA" root add standard --kms kp-fra --key "$id"
    error_is KM3026
    says 'standard key'
    # Blocked by address, at the KMS.
    sim_control POST instances '{"name": "fra", "network_refused": true}' >/dev/null
    ends 4 "${base[@]}"
    error_is KM3003
    sim_control POST instances '{"name": "fra", "network_refused": false}' >/dev/null
    digest=$(ask .digest -C "$FRA" status)
    # A clock that is a day off, either way: a token's age is not told by it.
    for move in 86400 -172800 86400; do
        sim_move "$move"
        ends 0 -C "$FRA" kms test kp-fra
    done
    # Members twice, of another type, about another key; values of the wrong length.
    sim_fault '{"match": {"path": "metadata"}, "status": 200, "body": "{\"resources\":[{\"id\":\"a\",\"id\":\"b\"}]}"}'
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0] | .state == "unknown" and .code == "KM3017"'
    sim_control DELETE faults >/dev/null
    sim_fault "{\"match\": {\"path\": \"metadata\"}, \"status\": 200, \"body\": {\"resources\": [{\"id\": \"$id\", \"state\": 5, \"extractable\": false}]}}"
    ends 0 -o json -C "$FRA" root check fra-main
    json '.items[0] | .state == "unknown" and .code == "KM3017"'
    sim_control DELETE faults >/dev/null
    ends 0 -C "$FRA" root check
    [ "$(ask .digest -C "$FRA" status)" = "$digest" ]
    sim_fault '{"match": {"path": "unwrap"}, "status": 200, "body": "{\"plaintext\":\"QUJD\",\"plaintext\":\"QUJE\"}"}'
    ends 15 "${base[@]}"
    error_is KM3017
    for value in QUJD "$(head -c 31 /dev/zero | base64)" "$(head -c 33 /dev/zero | base64)"; do
        sim_fault "{\"match\": {\"path\": \"unwrap\"}, \"add\": {\"plaintext\": \"$value\"}}"
        ends 15 "${base[@]}"
        error_is KM3012
        [ -z "$output" ]
    done
    # Carried out for another root key: its wrap does not open under this one, its answer is another value.
    local other
    fra root create fra-other --kms kp-fra
    other=$(root_id fra-other)
    sim_fault "{\"match\": {\"path\": \"actions/wrap\"}, \"use_key\": \"$other\"}"
    ends 15 -o json -C "$FRA" create vbr/strange --purpose backup-job --root fra-main --allow-unsynced
    error_is KM3009
    ends 13 -C "$FRA" show vbr/strange
    same_password --root fra-main
    fra create vbr/second --purpose backup-job --root fra-main
    "$KEYMUSTER" -C "$FRA" reveal vbr/second --reason test --to "file:$T/second" >/dev/null 2>&1
    sim_fault '{"match": {"path": "unwrap"}, "kind": "previous"}'
    ends 15 "${base[@]}"
    error_is KM3012
    [ -z "$output" ]
    # 429 for longer than one waits.
    sim_fault '{"match": {"front": "kms"}, "status": 429, "headers": {"Retry-After": "60"}, "count": -1}'
    ends 5 -o json -C "$FRA" --timeout 2s reveal vbr/job --reason test --to - --root fra-main
    error_is KM3022
    says 'wait 60 s'
    sim_control DELETE faults >/dev/null
    # A wrap with a line feed at its end, with CR LF; and one that was cut.
    wrap=$(ask '.wraps[] | select(.root == "fra-main").ciphertext' -C "$FRA" show vbr/job --wraps)
    printf '%s\r\n' "$wrap" >"$T/crlf"
    ends 0 -o json -C "$FRA" record vbr/again --purpose backup-job --root fra-main --wrapped "file:$T/crlf" --aad one --aad 'two, three' --allow-unsynced
    ends 0 -o json -C "$FRA" show vbr/again --wraps
    json '.wraps[0].ciphertext == $w' --arg w "$wrap"
    jq -nc --arg w "$wrap"$'\n' '{name: "vbr/lf", wrapped: $w, aad: ["one", "two, three"]}' >"$T/rows"
    ends 0 -o json -C "$FRA" import "$T/rows" --purpose backup-job --root fra-main --allow-unsynced
    json '.recorded == 1'
    ends 0 -o json -C "$FRA" show vbr/lf --wraps
    json '.wraps[0].ciphertext == $w' --arg w "$wrap"
    printf '%s' "${wrap:0:100}" >"$T/cut"
    ends 2 -C "$FRA" record vbr/cut --purpose backup-job --root fra-main --wrapped "file:$T/cut" --aad one --aad 'two, three'
    printf '%s' "$wrap" >"$T/good"
    ends 15 -o json -C "$FRA" record vbr/aad --purpose backup-job --root fra-main --wrapped "file:$T/good" --aad 'two, three' --aad one
    error_is KM3009
    ends 13 -C "$FRA" show vbr/aad
    same_password --root fra-main
}

@test "a key ring: a credential with rights on that ring only" {
    scene_ibm
    sim_control POST apikeys "{\"name\": \"ringed\", \"grants\": [{\"instance\": \"$SIM_INSTANCE\", \"ring\": \"default\", \"role\": \"Reader\"}]}" >/dev/null
    local id
    id=$(root_id fra-main)
    ends 4 -C "$FRA" root add ringless --kms kp-fra --key "$id" --credential "file:$SIM_DIR/apikey.ringed"
    ends 6 -C "$FRA" root add ringed --kms kp-fra --key "$id" --ring default --credential "file:$SIM_DIR/apikey.ringed"
}

@test "a batch runs concurrently: results in order, also when the KMS is busy or some fail" {
    fra init --site fra
    add kp fra "$SIM_KMS" "$SIM_INSTANCE"
    fra root create main --kms kp
    local batch=("$KM_TOOLS/kms_batch" "$SIM_KMS" "$SIM_IAM" "$SIM_CA" "$SIM_INSTANCE" "$SIM_APIKEY" "$(root_id main)")
    [[ "$("${batch[@]}" 300)" == 'wrapped 300 rewrapped 300 opened 5 '* ]]
    # 50 ms each: one after the other a hundred would take five seconds.
    sim_fault '{"match": {"path": "actions/wrap"}, "delay_ms": 50, "count": -1}'
    read -r _ _ _ _ _ _ _ ms _ < <("${batch[@]}" 100)
    [ "$ms" -lt 3000 ]
    sim_control DELETE faults
    sim_fault '{"match": {"path": "actions/wrap"}, "status": 429, "skip": 5, "count": 20}'
    sim_fault '{"match": {"path": "actions/rewrap"}, "status": 503, "skip": 3, "count": 4}'
    [[ "$("${batch[@]}" 60)" == 'wrapped 60 rewrapped 60 opened 5 '* ]]
    # A token that ends in between.
    sim_control DELETE faults
    sim_fault '{"match": {"path": "actions/rewrap"}, "status": 401, "count": 30}'
    [[ "$("${batch[@]}" 40)" == 'wrapped 40 rewrapped 40 opened 5 '* ]]
}

@test "leaks: no API key, token or password in files, traces, arguments" {
    scene_ibm
    ASAN_OPTIONS=detect_leaks=0 strace -f -s 65536 -e trace=execve,write,pwrite64,writev -o "$T/trace" "$KEYMUSTER" -vv -C "$FRA" reveal vbr/job \
        --reason test --root fra-main --to "file:$T/given" >"$T/out" 2>"$T/err" </dev/null
    grep -q 'Authorization' "$T/trace" && return 1
    # What goes through TLS is not readable in write calls; the API key and the token must be nowhere else.
    run ! grep -rqF "$(cat "$SIM_APIKEY")" "$FRA" "$USB" "$T/trace" "$T/out" "$T/err"
    run ! grep -rqF 'Bearer ey' "$FRA" "$USB" "$T/out" "$T/err"
    run ! grep -rqF "$(cat "$T/pw")" "$FRA" "$USB" "$T/out" "$T/err"
}
