#!/usr/bin/env bash
# Lists of a backup server's passwords: import of an export against import of the same keys from NDJSON, and vbr reconcile of many
# keys, from a file and from the simulator (requests counted): wraps that differ, all the same wrap under different names, and
# hints that nobody knows. Prints seconds of the processor, ratios and requests; judges nothing. Needs: jq, curl, GNU time, the
# release build with vbr_sim.
#
#   tests/bench/lists.sh [ROWS [KEYS]]     default 100000 rows, 10000 keys. KEYMUSTER: another program
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
rows=${1:-100000} keys=${2:-10000}
keymuster=${KEYMUSTER:-$PWD/build/release/keymuster}
export KM_TOOLS=$PWD/build/release/tests
# shellcheck source=tests/lib/vbr.bash
. tests/lib/vbr.bash
top=$(mktemp -d)
ended() {
    vbr_stop
    rm -rf -- "$top"
}
trap ended EXIT
export HOME=$top XDG_STATE_HOME=$top/state LANG=C.UTF-8
umask 077
cd "$top"
printf 'canary-passphrase\n' >pass

k() { "$keymuster" -C store "$@"; }
store() {
    rm -rf store kp.kms state
    { k init --site fra && k kms add kp --site fra --provider local --file kp.kms --credential file:pass &&
        k root create main --kms kp; } >store.log 2>&1 || { cat store.log >&2; return 1; }
}
spent() { # COMMAND...: seconds of the processor, KiB at most; 3 is as good as 0
    command time -o spent -f '%U %S %M' "$@" >out 2>err || [ $? -eq 3 ] || { cat err >&2; return 1; }
    tail -n 1 spent | awk '{ print $1 + $2, $3 }'
}
against() { # NAME "OURS" "OTHER"
    awk -v name="$1" -v a="$2" -v b="$3" 'BEGIN { split(a, x, " "); split(b, y, " ")
        printf "%-34s %.2f times NDJSON (%.2f s against %.2f s), %d KiB at most\n", name, x[1] / y[1], x[1], y[1], x[2] }'
}
store
k create one --purpose backup-job --root main --offline >/dev/null 2>&1 || true
wrap=$(k show one --wraps -o json | jq -r '.wraps[0].ciphertext' | base64 -d)
some() { # COUNT: rows of that wrap with other nonces, which is another wrap for the log
    head -c $(($1 * 24)) /dev/urandom | base64 -w32 |
        jq -cR --argjson w "$wrap" '{name: "bulk/\(input_line_number)", wrapped: ($w + {nonce: .} | tojson | @base64)}'
}
export_of() { # as ConvertTo-Json of them is
    jq -c '{Id: ("00000000-0000-4000-8000-" + ("000000000000" + (input_line_number | tostring))[-12:]), Description: "\(.name) | \(.wrapped)",
        EncryptedPassword: "", ModificationDateUtc: "2020-01-01T00:00:00Z"}' "$1" | jq -s .
}
import() { store && spent "$keymuster" -C store import "$1" --root main --purpose backup-job --no-prove --offline -o ndjson; }

some "$rows" >rows
export_of rows >list.json
iconv -t UTF-16 list.json >list16.json
jq -r '["Id", "Description"], (.[] | [.Id, .Description]) | @csv' list.json >list.csv
for _ in 1 2 3; do
    plain=$(import rows)
    for file in list.json list16.json list.csv; do against "import $file, $rows rows" "$(import $file)" "$plain"; done
done
again=$(spent "$keymuster" -C store import rows --root main --purpose backup-job --no-prove --offline -o ndjson)
against "import list.csv again" "$(spent "$keymuster" -C store import list.csv --root main --purpose backup-job --no-prove --offline -o ndjson)" "$again"

# ---- reconcile ----

reconcile() { # NAME FILE
    local got asked=0
    got=$(spent "$keymuster" -C store vbr reconcile --file "$2" -o json)
    printf '%-34s %s s, %s KiB from a file; %s' "$1" "${got% *}" "${got#* }" "$(jq -c '[.items[].verdict] | group_by(.) | map({(.[0]): length}) | add' out)"
    vbr_start "$top/vbr"
    jq -c '.[] | {id: .Id, hint: .Description, uniqueId: "", isImported: false, modificationTime: .ModificationDateUtc, password: "canary-x"}' "$2" |
        split -l 1000 - part.
    for part in part.*; do
        jq -s . "$part" >posted
        curl -sS --fail-with-body --noproxy '*' --data-binary @posted "$VBR_CONTROL/sim/passwords" >/dev/null
        rm "$part"
    done
    k vbr add server "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN" --site fra >/dev/null 2>&1 || true
    k vbr set server "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN" >/dev/null 2>&1 || true
    vbr_control DELETE log >/dev/null
    got=$(spent "$keymuster" -C store vbr reconcile server -o json)
    asked=$(vbr_log '[.[] | select(.path | contains("/encryptionPasswords"))] | length')
    printf '; %s s live, %s requests\n' "${got% *}" "$asked"
    vbr_stop
}
some "$keys" >rows
import rows >/dev/null
export_of rows >list.json
reconcile "reconcile $keys keys" list.json
some "$keys" | jq -c '.name = "foreign/\(.name)"' >rows
export_of rows >none.json
reconcile "reconcile, none of them known" none.json
some 1 | jq -c --argjson n "$keys" '.wrapped as $w | range($n) | {name: "same/\(.)", wrapped: $w}' >rows
import rows >/dev/null
export_of rows >list.json
reconcile "reconcile, one wrap under all names" list.json
jq '[.[] | .Description |= sub("^same/"; "other/")]' list.json >none.json
reconcile "the same, under names not known" none.json
