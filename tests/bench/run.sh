#!/usr/bin/env bash
# Start-up of keymuster against the bare program (bare.c), what `create` asks of the disk, and bulk work against bare
# loops with the same durability (bulk.c). Prints ratios and counts; judges nothing. Needs: gcc, strace, jq, the release
# build.
#
#   tests/bench/run.sh [RUNS [ROWS]]     default 200 runs, 100000 rows
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
runs=${1:-200} rows=${2:-100000}
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

# ---- bulk ----

gcc -O2 -D_GNU_SOURCE -o "$top/bulk" "$OLDPWD/tests/bench/bulk.c" -lcjson -lsodium -lsqlite3

# Seconds of one run.
once() {
    local began=$EPOCHREALTIME
    "$@" >/dev/null 2>&1 || [ $? -eq 3 ] # import ends 3 while no copy has what it recorded
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}
against() { # NAME OURS BARE
    awk -v name="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%-28s %.2f times the bare loop (%.2f s against %.2f s)\n", name, a / b, a, b }'
}
wave=4096 # as in src/cli/cmd_import.c
wrap=$("$keymuster" -C used show vbr/one --wraps -o json | jq -r '.wraps[0].ciphertext' | base64 -d)
# The same wrap with other nonces: for the log it is another wrap, and none is opened here.
nonces() { head -c $((rows * 24)) /dev/urandom | base64 -w32; }
nonces | jq -cR --argjson w "$wrap" '{name: "bulk/\(input_line_number)", wrapped: ($w + {nonce: .} | tojson | @base64)}' >rows
bare() { rm -f bare.db && ./bulk import bare.db "$wave" <rows; }
ours() { rm -rf big && k_big init --site fra && k_big kms add kp --site fra --provider local --file big.kms --credential file:pass &&
    k_big root create main --kms kp; }
k_big() { "$keymuster" -C big "$@"; }
for i in 1 2 3; do
    rm -f big.kms
    ours >ours.log 2>&1 || { cat ours.log; exit 1; }
    against "import, $rows rows" "$(once k_big import rows --root main --purpose backup-job --no-prove --offline -o ndjson)" "$(once bare)"
done
for i in 1 2 3; do
    against 'verify --log' "$(once k_big verify --log)" "$(once ./bulk chain big/escrow.db)"
done
chained=$(once ./bulk chain big/escrow.db)
inserted=$(once bare)
against 'verify, chain and import' "$(once k_big verify)" "$(awk -v a="$chained" -v b="$inserted" 'BEGIN { print a + b }')"
for format in ndjson csv json text; do
    printf '%-28s %s KiB at most\n' "list -o $format, $rows keys" \
        "$( (command time -f %M "$keymuster" -C big list -o $format >/dev/null) 2>&1 | tail -1)"
done
