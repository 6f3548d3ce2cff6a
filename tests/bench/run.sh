#!/usr/bin/env bash
# Start-up of keymuster against the bare program (bare.c), what `create` asks of the disk, and bulk work against bare
# loops with the same durability (bulk.c). Prints ratios and counts; judges nothing. Needs: gcc, strace, jq, sqlite3, the release
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
wave=4096 # as in src/cli/keys/cmd_import.c
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

# ---- the inventory ----

# The same columns by sqlite3, and what else walks all keys: seconds of the processor, and the most memory.
cat >same.sql <<'END'
SELECT name, generation, coalesce((SELECT json_extract(value, '$') FROM field f WHERE object = key.uuid AND name = 'state' AND NOT EXISTS
  (SELECT 1 FROM superseded s WHERE s.object = f.object AND s.name = f.name AND s.entry = f.entry)), 'active'), purpose,
  (SELECT name FROM object o WHERE o.uuid = key.protects_site LIMIT 1),
  (SELECT group_concat(DISTINCT o.name) FROM wrap w JOIN object o ON o.uuid = w.root WHERE w.key = key.uuid AND NOT EXISTS
    (SELECT 1 FROM wrap_retired r WHERE r.key = w.key AND r.id = w.id)),
  (SELECT max(at) FROM drill d WHERE d.key = key.uuid AND outcome = 'proven'),
  EXISTS (SELECT 1 FROM check_value c WHERE c.key = key.uuid), uuid
FROM key ORDER BY name, generation, uuid;
END
spent() { # COMMAND...: "seconds KiB"
    command time -o spent.out -f "%U %S %M" "$@" >/dev/null 2>&1 || [ $? -eq 3 ] # simulate has findings
    tail -n 1 spent.out | awk '{ print $1 + $2, $3 }'
}
plain=$(spent sqlite3 -csv big/escrow.db '.read same.sql')
beside() { # NAME ARG...
    local name=$1 got
    shift
    got=$(spent "$keymuster" -C big "$@")
    awk -v name="$name" -v a="$got" -v b="$plain" 'BEGIN { split(a, x); split(b, y)
        printf "%-28s %.2f times sqlite3 (%.2f s against %.2f s), %d KiB at most\n", name, x[1] / y[1], x[1], y[1], x[2] }'
}
beside 'list, the same columns' list -o csv --fields name,generation,state,purpose,protects_site,roots,last_proven,proven,uuid
beside 'list, as people see it' list
beside 'list, all fields, NDJSON' list -o ndjson
beside 'list --sort created_at' list -o csv --fields name,created_at --sort created_at --reverse
beside 'simulate, all losses' simulate
beside 'simulate, one, NDJSON' simulate --lose site:fra -o ndjson
beside 'list NAME' list bulk/1
beside 'show KEY' show bulk/1
