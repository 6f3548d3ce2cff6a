#!/usr/bin/env bash
# A drill of many generated keys (copy read and verified, every value compared, every result recorded) against a bare
# libcurl loop that unwraps as often, so many at once (bare_kms.c), on a KMS with a service time, as the simulator plays
# it. Prints ratios and parts; judges nothing. Needs what kms.sh needs.
#
#   tests/bench/drill.sh [SERVICE-MS [KEYS [AT-ONCE]]]     default 30 1000 32
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
service=${1:-30} keys=${2:-1000} at_once=${3:-32}
export KEYMUSTER=${KEYMUSTER:-$PWD/build/release/keymuster} KM_TOOLS=${KM_TOOLS:-$PWD/build/release/tests}
. tests/lib/sim.bash
top=$(mktemp -d)
end() {
    sim_stop
    rm -rf -- "$top"
}
trap end EXIT
export HOME=$top XDG_STATE_HOME=$top/state LANG=C.UTF-8
umask 077
gcc -O2 -D_GNU_SOURCE -o "$top/bare" tests/bench/bare_kms.c -lcurl
sim_start "$top/sim"
k() { "$KEYMUSTER" -C "$top/store" "$@"; }
quiet() { k "$@" >/dev/null 2>"$top/err" || { cat "$top/err" >&2; exit 1; }; }
once() {
    local began=$EPOCHREALTIME
    "$@" >"$top/said" 2>&1 || { echo "failed: $*" >&2; cat "$top/said" >&2; exit 1; }
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

quiet init --site fra
quiet site add mad
quiet kms add kp --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
    --credential "file:$SIM_APIKEY"
quiet root create main --kms kp
mkdir "$top/usb"
quiet copy add usb "$top/usb" --site mad
quiet create vbr/one --purpose backup-job --root main
k -o json show vbr/one --wraps 2>/dev/null | jq -r '.wraps[0].ciphertext' >"$top/wrap"
root=$(k -o json root list | jq -r '.items[0].id')
seq "$((keys - 1))" | jq -cR --rawfile w "$top/wrap" '{name: "bulk/\(.)", wrapped: ($w | rtrimstr("\n"))}' >"$top/rows"
quiet import "$top/rows" --root main --purpose backup-job
sim_fault "{\"match\": {\"path\": \"actions/\"}, \"delay_ms\": $service, \"count\": -1}"
for _ in 1 2 3 4 5; do
    once "$top/bare" open "$SIM_IAM" "$SIM_KMS" "$SIM_CA" "$SIM_INSTANCE" "$SIM_APIKEY" "$root" "$top/wrap" "$keys" "$at_once" "$at_once" >>"$top/bare.s"
    once k -o json drill >>"$top/ours.s"
    jq -e --argjson n "$keys" '.proven == $n' "$top/said" >/dev/null
    jq .rto_ms "$top/said" >>"$top/rto.ms"
done
paste "$top/ours.s" "$top/bare.s" | awk '{ print $1 / $2 }' >"$top/ratios"
paste "$top/rto.ms" "$top/bare.s" | awk '{ print $1 / 1000 / $2 }' >"$top/rto.ratios"
bare=$(median <"$top/bare.s") ours=$(median <"$top/ours.s") rto=$(median <"$top/rto.ms")
awk -v n="$keys" -v c="$at_once" -v a="$ours" -v b="$bare" -v r="$rto" -v whole="$(median <"$top/ratios")" -v last="$(median <"$top/rto.ratios")" 'BEGIN {
    printf "drill of %d keys, the bare loop %d at once: %.3f s\n", n, c, b
    printf "  the whole command          %.2f times that (%.3f s)\n", whole, a
    printf "  until the last key is out  %.2f times that (%.3f s)\n", last, r / 1000 }'
