#!/usr/bin/env bash
# Calls to IBM's KMSs, as the simulator plays them, against bare libcurl (bare_kms.c): a cold reveal and a create over a
# line with a round trip, rewrap of many keys with a service time, and memory. Prints ratios; judges nothing.
# Needs: gcc, libcurl's headers, jq, python3; KEYMUSTER and KM_TOOLS may name another build than build/release.
#
#   tests/bench/kms.sh [ROUND-TRIP-MS [SERVICE-MS [KEYS [MANY]]]]     default 30 30 1000 20000
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
rtt=${1:-30} service=${2:-30} keys=${3:-1000} many=${4:-20000}
export KEYMUSTER=${KEYMUSTER:-$PWD/build/release/keymuster} KM_TOOLS=${KM_TOOLS:-$PWD/build/release/tests}
. tests/lib/sim.bash
top=$(mktemp -d)
delay=
end() {
    [ -z "$delay" ] || kill "$delay" 2>/dev/null || true
    sim_stop
    rm -rf -- "$top"
}
trap end EXIT
export HOME=$top XDG_STATE_HOME=$top/state LANG=C.UTF-8
umask 077
gcc -O2 -D_GNU_SOURCE -o "$top/bare" tests/bench/bare_kms.c -lcurl
sim_start "$top/sim"
k() { "$KEYMUSTER" -C "$top/store" "$@"; }
quiet() { k "$@" >/dev/null 2>"$top/err" || [ $? -eq 3 ] || { cat "$top/err" >&2; exit 1; }; }
once() {
    local began=$EPOCHREALTIME
    "$@" >/dev/null 2>&1 || [ $? -eq 3 ] || { echo "failed: $*" >&2; exit 1; }
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
against() { # NAME OURS BARE
    awk -v name="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%-36s %.2f times bare libcurl (%.3f s against %.3f s)\n", name, a / b, a, b }'
}

quiet init --site fra
quiet kms add kp --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
    --credential "file:$SIM_APIKEY"
quiet root create main --kms kp
mkdir "$top/usb"
quiet copy add usb "$top/usb" --site fra
quiet create vbr/one --purpose backup-job --root main
k -o json show vbr/one --wraps 2>/dev/null | jq -r '.wraps[0].ciphertext' >"$top/wrap"
root=$(k -o json root list | jq -r '.items[0].id')

# ---- a cold call over a line ----

python3 tests/bench/delay.py "$rtt" "${SIM_IAM##*:}" "${SIM_KMS##*:}" >"$top/ports" &
delay=$!
until [ -s "$top/ports" ]; do sleep 0.05; done
read -r iam_port kms_port <"$top/ports"
far=(--endpoint "https://127.0.0.1:$kms_port" --iam "https://127.0.0.1:$iam_port")
six() { "$top/bare" one "https://127.0.0.1:$iam_port" "https://127.0.0.1:$kms_port" "$SIM_CA" "$SIM_INSTANCE" "$SIM_APIKEY" "$root" "$top/wrap"; }
bare=$(for i in 1 2 3 4 5 6 7; do once six; done | median)
ours=$(for i in 1 2 3 4 5 6 7; do once k exec vbr/one --reason bench "${far[@]}" --stdin -- true; done | median)
against "cold exec, round trip $rtt ms" "$ours" "$bare"
ours=$(for i in 1 2 3 4 5 6 7; do once k create "vbr/new$i" --purpose backup-job --root main "${far[@]}"; done | median)
against "create (with its proof)" "$ours" "$bare"

# ---- many ----

seq "$keys" | jq -cR --rawfile w "$top/wrap" '{name: "bulk/\(.)", wrapped: ($w | rtrimstr("\n"))}' >"$top/rows"
quiet import "$top/rows" --root main --purpose backup-job --no-prove --offline
sim_fault "{\"match\": {\"path\": \"actions/\"}, \"delay_ms\": $service, \"count\": -1}"
for i in 1 2 3; do
    sim_move 3700
    quiet root rotate main
    ours=$(once k rewrap --stale --yes --offline)
    bare=$(once "$top/bare" loop "$SIM_IAM" "$SIM_KMS" "$SIM_CA" "$SIM_INSTANCE" "$SIM_APIKEY" "$root" "$top/wrap" "$((keys + 8))" 16)
    against "rewrap and prove $keys, 16 at once" "$ours" "$bare"
done
sim_control DELETE faults >/dev/null
seq "$many" | jq -cR --rawfile w "$top/wrap" '{name: "many/\(.)", wrapped: ($w | rtrimstr("\n"))}' >"$top/rows"
quiet import "$top/rows" --root main --purpose backup-job --no-prove --offline
for share in 10 1; do
    sim_move 3700
    quiet root rotate main
    [ "$share" -eq 1 ] || seq "$((many / share))" | sed 's#^#many/#' >"$top/some"
    if [ "$share" -eq 1 ]; then words=(--stale); else mapfile -t words <"$top/some"; fi
    printf '%-36s %s KiB at most\n' "rewrap $((many / share)) keys" \
        "$( (command time -f %M "$KEYMUSTER" -C "$top/store" rewrap "${words[@]}" --yes --offline >/dev/null) 2>&1 | tail -1)"
done
