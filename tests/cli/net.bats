#!/usr/bin/env bats
# The one way to the network: which servers are refused, how each failure is called, what is asked again.
load ../lib/ibm

front() { # KIND
    sim_control POST fronts "{\"of\": \"fra\", \"tls\": \"$1\"}" | jq -er .url
}

gets() { # TEXT... of one request; URL MOST TIMEOUT in $url $most $timeout
    run "$KM_TOOLS/http_tool" "$url" "${ca-$SIM_CA}" "${most-0}" "${timeout-0}"
    local text
    for text in "$@"; do
        if ! grep -qF -e "$text" <<<"$output"; then
            printf 'not said: %s\n%s\n' "$text" "$output" >&2
            return 1
        fi
    done
}

# A server of openssl's that sends a file, as it is, to GET /NAME; its certificate is its own authority, which $ca names.
serve() { # NAME OPTION...
    local port i name=$1
    shift
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 2 \
        -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
    : >"$T/server"
    openssl s_server -HTTP -accept 127.0.0.1:0 -key "$T/key.pem" -cert "$T/cert.pem" "$@" >"$T/server" 2>&1 3>&- &
    started+=($!)
    for i in {1..100}; do
        port=$(sed -n 's/^ACCEPT .*://p' "$T/server")
        ca=$T/cert.pem url=https://127.0.0.1:$port/$name
        if [ -n "$port" ]; then return 0; fi
        sleep 0.05
    done
    return 1
}

@test "a command that needs no network does not load libcurl; it is not linked" {
    run ! grep -q curl <<<"$(ldd "$KEYMUSTER")"
    fra init --site fra
    strace -f -e trace=openat -o "$T/trace" "$KEYMUSTER" -C "$FRA" status >/dev/null
    grep -q escrow.db "$T/trace"
    run ! grep -q 'libcurl\|libssl' "$T/trace"
}

@test "good servers answer, whatever the status" {
    for kind in good tls1.2 tls1.3; do
        url=$(front "$kind")/api/v2/keys
        gets '401 ' 'tries 1'
    done
}

@test "a server that does not prove who it is gets nothing" {
    sim_control DELETE log
    for pair in 'wrong-name=another host name' 'expired=has expired' 'not-yet=not yet valid' self-signed=self-signed \
        'other-ca=not trusted here' 'plain=wrong version'; do
        url=$(front "${pair%%=*}")/api/v2/keys
        url=https:${url#*:}
        gets "RC_KMS_CERTIFICATE: service at 127.0.0.1:" "${pair#*=}"
        # A server without TLS may reset the connection before its answer is read, which is asked again.
        [ "${pair%%=*}" = plain ] || gets 'tries 1'
        [ "$status" -eq 1 ]
    done
    # This one just hangs up: that could be the line, too, so it is tried again.
    url=$(front tls1.1)/api/v2/keys
    gets RC_KMS_UNREACHABLE 'broke off the handshake' 'tries 3'
    [ "$(sim_log length)" -eq 0 ]
}

@test "the system's authorities do not count where a file is given, nor the file where none is" {
    url=$(front good)/api/v2/keys
    ca=
    gets RC_KMS_CERTIFICATE 'not trusted here'
    ca=$T/none.pem
    gets RC_CONFIG "$T/none.pem"
    printf 'no certificate\n' >"$T/empty.pem"
    ca=$T/empty.pem
    run "$KM_TOOLS/http_tool" "$url" "$ca"
    [ "$status" -eq 1 ]
}

@test "a cipher without forward secrecy is refused; with it the same server is taken" {
    printf 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' >"$T/ok"
    serve ok -tls1_2 -cipher AES256-GCM-SHA384
    gets RC_KMS_CERTIFICATE 'forward secrecy' 'tries 1'
    serve ok -tls1_1 -cipher DEFAULT@SECLEVEL=0
    gets RC_KMS_CERTIFICATE 'TLS 1.2' 'tries 1'
    serve ok -tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384
    gets '200 2 tries 1'
}

@test "what is not HTTP is called so" {
    printf 'SSH-2.0-OpenSSH_9.2\r\nmore\r\n' >"$T/text"
    serve text
    timeout=3000 gets RC_KMS_REPLY 'not HTTP'
}

@test "only https" {
    for url in http://127.0.0.1:1/ file:///etc/passwd ftp://127.0.0.1/ HTTPS:/x; do
        gets RC_INTERNAL 'was not sent'
    done
}

@test "nobody there: refused, no such name; told soon" {
    local began=$SECONDS
    url=https://127.0.0.1:1/
    gets RC_KMS_UNREACHABLE 'Connection refused' 'tries 3'
    url=https://kms.invalid/
    gets RC_KMS_UNREACHABLE 'name cannot be resolved' 'tries 3'
    [ $((SECONDS - began)) -lt 10 ]
}

@test "a redirect is not followed, and its target named by host only" {
    url=$SIM_KMS/api/v2/keys
    for code in 301 302 303 307 308; do
        sim_fault "{\"kind\": \"redirect\", \"status\": $code}"
        gets RC_KMS_REPLY 'sends elsewhere (to 127.0.0.1)' 'tries 1'
        run ! grep -q elsewhere/ <<<"$output"
    done
}

@test "a giant, a flood of headers, an answer that is cut, a drop" {
    url=$SIM_KMS/api/v2/keys
    sim_fault '{"kind": "giant", "chunked": true}'
    most=65536 gets RC_KMS_REPLY 'larger than 65536 bytes' 'tries 1'
    sim_fault '{"kind": "giant"}'
    most=65536 gets RC_KMS_REPLY 'larger than 65536 bytes' 'tries 1'
    sim_fault '{"kind": "cut", "bytes": 20}'
    gets '401 ' 'tries 2'
    sim_fault '{"kind": "drop-before", "count": 2}'
    gets '401 ' 'tries 3'
}

@test "slow: the time is kept" {
    url=$SIM_KMS/api/v2/keys
    sim_fault '{"delay_ms": 30000, "count": -1}'
    local began=$SECONDS
    timeout=1500 gets RC_KMS_UNREACHABLE 'no answer in time'
    [ $((SECONDS - began)) -le 4 ]
}

@test "429 and 5xx are asked again, Retry-After honoured; 501 and 4xx are not" {
    url=$SIM_KMS/api/v2/keys
    for code in 429 500 502 503 504; do
        sim_fault "{\"status\": $code, \"count\": 1}"
        gets '401 ' 'tries 2'
    done
    for code in 400 404 409 410 422 501; do
        sim_fault "{\"status\": $code, \"count\": 1}"
        gets "$code " 'tries 1'
    done
    sim_control DELETE faults
    sim_fault '{"status": 503, "headers": {"Retry-After": "2"}, "count": 1}'
    local began
    began=$(date +%s%N)
    gets '401 ' 'tries 2'
    [ $((($(date +%s%N) - began) / 1000000)) -ge 2000 ]
    sim_fault '{"status": 503, "headers": {"Retry-After": "3600"}, "count": 1}'
    gets '503 ' 'tries 1'
}

@test "a signal ends the wait at once" {
    sim_fault '{"delay_ms": 30000, "count": -1}'
    "$KM_TOOLS/http_tool" "$SIM_KMS/api/v2/keys" "$SIM_CA" >"$T/out" 3>&- &
    local pid=$! began=$SECONDS
    sleep 0.7
    kill -TERM "$pid"
    wait "$pid" || true
    grep -q RC_INTERRUPTED "$T/out"
    [ $((SECONDS - began)) -le 5 ]
}
