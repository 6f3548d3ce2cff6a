# shellcheck shell=bash
# An S3 server from npm that verifies signatures and ignores conditions on writes, for .bats files. One for a whole file.
#
#   s3rver_start DIR     installs what tests/lib/s3rver/package-lock.json names, once a build, and starts it (DIR is made);
#                        sets NO_S3RVER to the reason where that cannot be had
#   s3rver_stop          ends exactly that process
#
# Exports: S3RVER_URL (https://127.0.0.1:PORT), S3RVER_CA (file), S3RVER_KEYS (file), S3RVER_FILES (folder of the bucket `escrow`).

# shellcheck source=tests/lib/npm.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/npm.bash"

s3rver_start() { # DIR
    local tries=0
    S3RVER_BUILT=$KM_TOOLS/s3rver
    npm_install "$KM_SOURCE/tests/lib/s3rver" "$S3RVER_BUILT" || return 1
    export NO_S3RVER=$NPM_WHY
    if [ -n "$NO_S3RVER" ]; then
        return 0
    fi
    mkdir -p -- "$1/files"
    tls_make "$1"
    # Its listings are paged by a cipher that OpenSSL 3 has put aside.
    NODE_PATH=$S3RVER_BUILT/node_modules node --openssl-legacy-provider "$KM_SOURCE/tests/lib/s3rver/server.js" "$1/files" "$1" \
        >"$1/port" 2>"$1/stderr" 3>&- </dev/null &
    S3RVER_PID=$!
    until [ -s "$1/port" ]; do
        if [ $((tries += 1)) -gt 400 ] || ! kill -0 "$S3RVER_PID" 2>/dev/null; then
            cat -- "$1/stderr" >&2
            return 1
        fi
        sleep 0.05
    done
    S3RVER_URL=https://127.0.0.1:$(cat "$1/port") S3RVER_CA=$1/ca.pem S3RVER_KEYS=$1/keys S3RVER_FILES=$1/files/escrow
    (umask 077 && printf 'S3RVER\nS3RVER\n' >"$S3RVER_KEYS")
    export S3RVER_PID S3RVER_URL S3RVER_CA S3RVER_KEYS S3RVER_FILES
}

s3rver_stop() {
    if [ -n "${S3RVER_PID-}" ]; then
        kill "$S3RVER_PID" 2>/dev/null || true
        wait "$S3RVER_PID" 2>/dev/null || true
        unset S3RVER_PID
    fi
}
