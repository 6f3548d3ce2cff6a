# shellcheck shell=bash
# The simulator of Veeam Backup & Replication's REST API (tests/sim/vbr.c), for .bats files.
#
#   vbr_start DIR [OPTION...]   starts it. Exports VBR_URL VBR_CA VBR_LOGIN (file, USER:PASSWORD) VBR_CONTROL VBR_PID VBR_DIR
#   vbr_stop                    ends exactly that process
#   vbr_control METHOD WHAT [JSON]   says something to it (see the head of tests/sim/vbr.c); prints its answer
#   vbr_set JSON, vbr_fault JSON     its settings; a fault
#   vbr_log FILTER, vbr_state FILTER   through jq -r
#   vbr_call METHOD PATH [CURL-OPTION...]   a request with the newest version and $VBR_TOKEN; body, then the status
#   vbr_token [VERSION GRANT]   an access token

: "${KM_TOOLS:?set it to the folder of the test helpers, or run ctest}"

vbr_start() {
    local dir=$1 tries=0 info=
    shift
    mkdir -p -- "$dir"
    : >"$dir/info.json"
    # 3: bats waits for whoever holds it.
    "$KM_TOOLS/vbr_sim" --dir "$dir" "$@" >"$dir/info.json" 2>"$dir/stderr" 3>&- &
    VBR_PID=$!
    while ! info=$(jq -ce . "$dir/info.json" 2>/dev/null) || [ -z "$info" ]; do
        if [ $((tries += 1)) -gt 200 ] || ! kill -0 "$VBR_PID" 2>/dev/null; then
            printf 'the simulator did not start\n' >&2
            cat -- "$dir/stderr" >&2
            return 1
        fi
        sleep 0.05
    done
    VBR_DIR=$dir
    eval "$(jq -r '@sh "VBR_URL=\(.url) VBR_CONTROL=\(.control) VBR_CA=\(.ca) VBR_LOGIN=\(.login)"' <<<"$info")"
    export VBR_PID VBR_DIR VBR_URL VBR_CONTROL VBR_CA VBR_LOGIN
}

vbr_stop() {
    if [ -n "${VBR_PID-}" ]; then
        kill "$VBR_PID" 2>/dev/null || true
        wait "$VBR_PID" 2>/dev/null || true
        unset VBR_PID
    fi
}

vbr_control() {
    local body=()
    if [ $# -gt 2 ]; then
        body=(--data-binary "$3")
    fi
    curl -sS --fail-with-body --noproxy '*' -X "$1" "${body[@]}" "$VBR_CONTROL/sim/$2"
}
vbr_set() { vbr_control POST settings "$1" >/dev/null; }
vbr_fault() { vbr_control POST faults "$1" >/dev/null; }
vbr_log() { vbr_control GET log | jq -r "$1"; }
vbr_state() { vbr_control GET state | jq -r "$1"; }

vbr_token() {
    # The password goes by a file: it is in no argument.
    curl -sS --noproxy '*' --cacert "$VBR_CA" -H "x-api-version: ${1-1.3-rev2}" "$VBR_URL/api/oauth2/token" \
        --data-urlencode "grant_type=${2-Password}" --data-urlencode "username=$(cut -d: -f1 "$VBR_LOGIN")" \
        --data-urlencode "password@"<(cut -d: -f2- "$VBR_LOGIN" | tr -d '\n') | jq -er .access_token
}

vbr_call() {
    local method=$1 path=$2
    shift 2
    curl -sS --noproxy '*' --cacert "$VBR_CA" -X "$method" -w '\n%{http_code}\n' -H 'x-api-version: 1.3-rev2' \
        -H 'Content-Type: application/json' -K <(printf 'header = "Authorization: Bearer %s"\n' "${VBR_TOKEN-}") "$@" \
        "$VBR_URL/api/v1/$path"
}
