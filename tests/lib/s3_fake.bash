# shellcheck shell=bash
# An S3 server that a test tells what to do (tests/lib/s3_fake.js), and that judges every signature by itself.
#
#   fake_start DIR             starts it (DIR is made); fake_stop ends exactly that process
#   fake_fault JSON...         what it does next, in place of what it was told before; none: nothing but what it is asked for
#   fake_log FILTER            the requests since the last fake_fault or fake_forget, through jq -rs
#   fake_forget                forgets them
#
# Needs tls.bash. Exports: FAKE_URL (https://127.0.0.1:PORT), FAKE_HOSTED (the same, with the bucket `escrow` in the host's name), FAKE_DIR,
# FAKE_CA (file), FAKE_KEYS (file).

fake_start() { # DIR
    local tries=0
    FAKE_DIR=$1 FAKE_CA=$1/ca.pem FAKE_KEYS=$1/keys
    mkdir -p -- "$1"
    tls_make "$1"
    (umask 077 && printf 'CANARYACCESS1\ncanary-secret/+=1\n' >"$FAKE_KEYS")
    node "$KM_SOURCE/tests/lib/s3_fake.js" "$1" >"$1/port" 2>"$1/stderr" 3>&- </dev/null &
    FAKE_PID=$!
    until [ -s "$1/port" ]; do
        if [ $((tries += 1)) -gt 400 ] || ! kill -0 "$FAKE_PID" 2>/dev/null; then
            cat -- "$1/stderr" >&2
            return 1
        fi
        sleep 0.05
    done
    FAKE_URL=https://127.0.0.1:$(cat "$1/port") FAKE_HOSTED=https://escrow.s3.localhost:$(cat "$1/port")
    export FAKE_PID FAKE_DIR FAKE_CA FAKE_KEYS FAKE_URL FAKE_HOSTED
}

fake_stop() {
    if [ -n "${FAKE_PID-}" ]; then
        kill "$FAKE_PID" 2>/dev/null || true
        wait "$FAKE_PID" 2>/dev/null || true
        unset FAKE_PID
    fi
}

# Each line is another, so that one told twice counts anew.
fake_fault() {
    local one
    for one in "$@"; do
        jq -ce --arg n "$RANDOM$RANDOM" '. + {n: $n}' <<<"$one"
    done >"$FAKE_DIR/faults.new"
    mv -- "$FAKE_DIR/faults.new" "$FAKE_DIR/faults"
    fake_forget
}

fake_forget() { : >"$FAKE_DIR/log"; }

fake_log() { jq -rs "$1" "$FAKE_DIR/log"; }
