#!/usr/bin/env bash
# What an auditor asks of many keys, against sqlite3 printing nine columns of them, and verify --log against a bare check of
# the chain (bulk.c): seconds of the processor, ratios of the same run, and the most memory, which must stay under 64 MiB (ends
# 1 where it does not; for all else it judges nothing). Needs: gcc, jq, sqlite3, GNU time, the release build.
#
#   tests/bench/audit.sh [KEYS]     default 1000000; takes about 2 GiB below TMPDIR for each million. KEYMUSTER: another program
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
rows=${1:-1000000}
keymuster=${KEYMUSTER:-$PWD/build/release/keymuster}
limit=65536 # KiB
top=$(mktemp -d)
trap 'rm -rf -- "$top"' EXIT
export HOME=$top XDG_STATE_HOME=$top/state LANG=C.UTF-8
umask 077
gcc -O2 -D_GNU_SOURCE -o "$top/bulk" tests/bench/bulk.c -lcjson -lsodium -lsqlite3
sed -n "/^cat >same.sql/,/^END$/p" tests/bench/run.sh | sed '1d; $d' >"$top/same.sql"
cd "$top"
printf 'canary-passphrase\n' >pass
mkdir usb

k() { "$keymuster" -C store "$@" >>log 2>&1 || [ $? -eq 3 ] || { tail -n 3 log >&2; return 1; }; }
k init --site fra
k site add mad
k kms add kp --site mad --provider local --file kp.kms --credential file:pass
k root create main --kms kp
k create one --purpose backup-job --root main --offline
wrap=$("$keymuster" -C store show one --wraps -o json | jq -r '.wraps[0].ciphertext' | base64 -d)
head -c $((rows * 24)) /dev/urandom | base64 -w32 |
    jq -cR --argjson w "$wrap" '{name: "bulk/\(input_line_number)", wrapped: ($w + {nonce: .} | tojson | @base64)}' >rows
k import rows --root main --purpose backup-job --no-prove --offline -o ndjson
rm rows log
k copy add usb ./usb --site mad # acknowledges what was recorded

worst=0
spent() { # COMMAND...: "seconds KiB"; 3 is as good as 0
    command time -o spent.out -f '%U %S %M' "$@" >/dev/null 2>&1 || [ $? -eq 3 ]
    tail -n 1 spent.out | awk '{ print $1 + $2, $3 }'
}
against() { # NAME FLOOR "OF WHAT" ARG...
    local name=$1 floor=$2 what=$3 got
    shift 3
    got=$(spent "$keymuster" -C store "$@")
    [ "${got#* }" -le "$worst" ] || worst=${got#* }
    awk -v name="$name" -v a="$got" -v b="$floor" -v what="$what" 'BEGIN { split(a, x); split(b, y)
        printf "%-30s %.2f times %s (%.2f s against %.2f s), %d KiB at most\n", name, x[1] / y[1], what, x[1], y[1], x[2] }'
}
echo "$rows keys"
plain=$(spent sqlite3 -csv store/escrow.db '.read same.sql')
chain=$(spent ./bulk chain store/escrow.db)
against 'verify --log' "$chain" 'the bare chain' verify --log
against 'list, the same columns' "$plain" sqlite3 list -o csv --fields name,generation,state,purpose,protects_site,roots,last_proven,proven,uuid
against 'list --behind' "$plain" sqlite3 list --behind -o csv
against 'simulate, all losses' "$plain" sqlite3 simulate
against 'audit check, text' "$plain" sqlite3 audit check
against 'audit check, NDJSON' "$plain" sqlite3 audit check -o ndjson
for format in html csv json; do
    against "report audit, $format" "$plain" sqlite3 report audit --file "report.$format" --format "$format"
    rm -f "report.$format"
done
for format in cbom ndjson csv; do
    against "audit export, $format" "$plain" sqlite3 audit export --format "$format" --file "export.$format"
    rm -f "export.$format"
done
against 'metrics' "$plain" sqlite3 metrics --file metrics
against 'list NAME' "$plain" sqlite3 list bulk/1
against 'show KEY' "$plain" sqlite3 show bulk/1
[ "$worst" -le "$limit" ] || { echo "more than $limit KiB" >&2; exit 1; }
