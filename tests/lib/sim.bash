# shellcheck shell=bash
# The simulator of IBM Cloud IAM and Key Protect (tests/sim), for .bats files and scripts. KM_TOOLS is where it was built.
#
#   sim_start DIR [OPTION...]       starts it; exports what is below. DIR (made) gets its authority and API keys
#   sim_stop                        ends exactly that process
#   sim_control METHOD WHAT [JSON]  says something to it (see the head of tests/sim/control.c); prints its answer
#   sim_move SECONDS                moves its clock
#   sim_fault JSON                  plants a fault (see the head of tests/sim/faults.c)
#   sim_log FILTER                  the requests so far, through jq -r
#   sim_token [APIKEY]              an access token for the API key of that name (manager)
#   sim_call METHOD PATH [JSON] [CURL-OPTION...]   a request of Key Protect at $SIM_KMS as $SIM_TOKEN (empty: none);
#                                   prints the body, then a line with the status
#
# Exports: SIM_IAM SIM_KMS SIM_INSTANCE (those of the instance fra), SIM_KMS_MAD SIM_INSTANCE_MAD, SIM_CA (file),
# SIM_APIKEY (file, of a manager), SIM_APIKEY_READER (file), SIM_CONTROL, SIM_DIR, SIM_PID, SIM_INFO (its line of JSON, which has all).

: "${KM_TOOLS:?set it to the folder of the test helpers, or run ctest}"

sim_start() {
    local dir=$1 tries=0
    shift
    mkdir -p -- "$dir"
    : >"$dir/info.json"
    # 3: bats waits for whoever holds it.
    "$KM_TOOLS/kms_sim" --dir "$dir" "$@" >"$dir/info.json" 2>"$dir/stderr" 3>&- &
    SIM_PID=$!
    while ! SIM_INFO=$(jq -ce . "$dir/info.json" 2>/dev/null) || [ -z "$SIM_INFO" ]; do
        if [ $((tries += 1)) -gt 200 ] || ! kill -0 "$SIM_PID" 2>/dev/null; then
            printf 'the simulator did not start\n' >&2
            cat -- "$dir/stderr" >&2
            return 1
        fi
        sleep 0.05
    done
    SIM_DIR=$dir
    eval "$(jq -r '
        @sh "SIM_IAM=\(.iam) SIM_CONTROL=\(.control) SIM_CA=\(.ca)",
        @sh "SIM_KMS=\(.instances.fra.url) SIM_INSTANCE=\(.instances.fra.id)",
        @sh "SIM_KMS_MAD=\(.instances.mad.url) SIM_INSTANCE_MAD=\(.instances.mad.id)",
        @sh "SIM_APIKEY=\(.apikeys.manager) SIM_APIKEY_READER=\(.apikeys.reader)"' <<<"$SIM_INFO")"
    export SIM_PID SIM_INFO SIM_DIR SIM_IAM SIM_CONTROL SIM_CA SIM_KMS SIM_INSTANCE SIM_KMS_MAD SIM_INSTANCE_MAD \
        SIM_APIKEY SIM_APIKEY_READER
}

sim_stop() {
    if [ -n "${SIM_PID-}" ]; then
        kill "$SIM_PID" 2>/dev/null || true
        wait "$SIM_PID" 2>/dev/null || true
        unset SIM_PID
    fi
}

sim_control() {
    local body=()
    if [ $# -gt 2 ]; then
        body=(--data-binary "$3")
    fi
    curl -sS --fail-with-body --noproxy '*' -X "$1" "${body[@]}" "$SIM_CONTROL/sim/$2"
}

sim_move() {
    sim_control POST clock "{\"advance\": $1}" >/dev/null
}

sim_fault() {
    sim_control POST faults "$1" >/dev/null
}

sim_log() {
    sim_control GET log | jq -r "$1"
}

sim_token() {
    # The API key goes by a file: it is in no argument.
    curl -sS --noproxy '*' --cacert "$SIM_CA" "$SIM_IAM/identity/token" \
        --data-urlencode grant_type=urn:ibm:params:oauth:grant-type:apikey \
        --data-urlencode "apikey@"<(tr -d '\n' <"$SIM_DIR/apikey.${1-manager}") | jq -er .access_token
}

sim_call() {
    local method=$1 path=$2 body=() verb=(-X "$1")
    shift 2
    case ${1-} in '' | '{'* | '['* | null)
        if [ -n "${1-}" ]; then
            body=(--data-binary "$1")
        fi
        if [ $# -gt 0 ]; then
            shift
        fi
        ;;
    esac
    if [ "$method" = HEAD ]; then
        verb=(-I)
    fi
    curl -sS --noproxy '*' --cacert "$SIM_CA" "${verb[@]}" "${body[@]}" -w '\n%{http_code}\n' \
        -K <([ -z "$SIM_TOKEN" ] || printf 'header = "Authorization: Bearer %s"\n' "$SIM_TOKEN") \
        -H "Bluemix-Instance: $SIM_INSTANCE" "$@" \
        "$SIM_KMS/api/v2/$path"
}
