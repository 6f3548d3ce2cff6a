#!/usr/bin/env bash
# Start-up of keymuster against the bare program (bare.c), and what `create` asks of the disk. Prints ratios and counts;
# judges nothing. Needs: gcc, strace, the release build.
#
#   tests/bench/run.sh [RUNS]     default 200
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
runs=${1:-200}
keymuster=$PWD/build/release/keymuster
top=$(mktemp -d)
trap 'rm -rf -- "$top"' EXIT
export HOME=$top XDG_STATE_HOME=$top/state LANG=C.UTF-8
umask 077
gcc -O2 -o "$top/bare" tests/bench/bare.c -lsodium -lsqlite3
cd "$top"
"$keymuster" -C empty init --site fra >/dev/null
cp -r empty used

# Seconds for RUNS runs of a command, by the shell's own clock.
lap() {
    local began=$EPOCHREALTIME i
    for ((i = 0; i < runs; i++)); do "$@" >/dev/null 2>&1; done
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}

# Ratio of two commands, in turn, five times; the median of the ratios.
ratio() { # NAME A... -- B...
    local name=$1 a=() i
    shift
    while [ "$1" != -- ]; do a+=("$1"); shift; done
    shift
    for i in 1 2 3 4 5; do printf '%s %s\n' "$(lap "${a[@]}")" "$(lap "$@")"; done |
        awk -v n="$runs" '{ print $1 / $2, 1000 * $1 / n, 1000 * $2 / n }' | sort -n |
        awk -v name="$name" 'NR == 3 { printf "%-28s %.2f times the bare program (%.2f ms against %.2f ms)\n", name, $1, $2, $3 }'
}

ratio 'version' "$keymuster" version -- ./bare
ratio 'list, empty store' "$keymuster" -C empty list -- ./bare empty/escrow.db

k() { "$keymuster" -C used "$@" >/dev/null 2>&1; }
printf 'canary-passphrase\n' >pass
mkdir usb
k site add mad
k kms add kp --site mad --provider local --file kp.kms --credential file:pass
k root create main --kms kp
k copy add usb ./usb --site mad
count() { # NAME ARG...
    local name=$1
    shift
    strace -f -o trace "$keymuster" -C used "$@" >/dev/null 2>&1 || true
    printf '%-28s %d system calls; syncs: %d of the database, %d of other files; %d commits\n' \
        "$name" "$(grep -c '(' trace)" "$(grep -c fdatasync trace)" "$(grep -c "fsync(" trace)" \
        "$(grep -c 'unlink.*escrow.db-journal' trace)"
}
count 'create, one root, one copy' create vbr/one --purpose backup-job --root main
count 'create --offline' create vbr/two --purpose backup-job --root main --offline
