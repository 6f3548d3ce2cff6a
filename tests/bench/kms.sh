#!/usr/bin/env bash
# One call, cold, to IBM's KMS as the simulator plays it, over a line with a round trip: exec and create against bare
# libcurl (bare_kms.c) that makes the same calls, one after the other, and nothing else. Ours opens the connection to the
# KMS (HEAD /) while IAM makes the token. Prints medians of seven, and of the ratios of runs side by side; judges nothing.
# Many calls: kms_bulk.sh.
# Needs: gcc, libcurl's headers, jq, python3; see kms_scene.bash.
#
#   tests/bench/kms.sh [ROUND-TRIP-MS]     default 30
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
rtt=${1:-30} runs=7
. tests/bench/kms_scene.bash
scene

# A line to both services, for ours and bare.
line() { # MS
    rm -f "$top/ports"
    python3 tests/bench/delay.py "$1" "${SIM_IAM##*:}" "${SIM_KMS##*:}" >"$top/ports" &
    started+=($!)
    until [ -s "$top/ports" ]; do sleep 0.05; done
    read -r iam_port kms_port <"$top/ports"
}
bare() { "$top/bare_kms" "$1" "https://127.0.0.1:$iam_port" "https://127.0.0.1:$kms_port" "$SIM_CA" "$SIM_INSTANCE" "$SIM_APIKEY" "$root" "$top/wrap"; }
ours() {
    local far=(--endpoint "https://127.0.0.1:$kms_port" --iam "https://127.0.0.1:$iam_port")
    case $1 in
    one) k exec vbr/one --reason bench "${far[@]}" --stdin -- true ;;
    create) k create "vbr/$RANDOM$RANDOM" --purpose backup-job --root main "${far[@]}" ;;
    esac
}
pairs() { # KIND MS: a line of "ours bare" each, in turn
    local i
    line "$2"
    for ((i = 0; i < runs; i++)); do printf '%s %s\n' "$(once ours "$1")" "$(once bare "$1")"; done
}
# The line's own share is what it takes more than over a line without one.
compare() { # KIND NAME
    pairs "$1" 0 >"$top/near"
    pairs "$1" "$rtt" >"$top/far"
    awk -v o="$(cut -d' ' -f1 "$top/far" | median)" -v b="$(cut -d' ' -f2 "$top/far" | median)" 'BEGIN { print o, b }' >"$top/$1"
    awk -v name="$2" -v rtt="$rtt" -v near="$(cut -d' ' -f1 "$top/near" | median) $(cut -d' ' -f2 "$top/near" | median)" \
        -v far="$(cut -d' ' -f1 "$top/far" | median) $(cut -d' ' -f2 "$top/far" | median)" \
        -v ratio="$(awk '{ print $1 / $2 }' "$top/far" | median)" 'BEGIN {
        split(near, n, " "); split(far, f, " ")
        printf "%-42s %.2f times bare libcurl (%.3f s against %.3f s)\n", name, ratio, f[1], f[2]
        printf "    %.1f round trips against %.1f; without the line %.3f s against %.3f s\n",
            (f[1] - n[1]) * 1000 / rtt, (f[2] - n[2]) * 1000 / rtt, n[1], n[2] }'
}

printf 'Round trip %s ms. Both fetch a token first; ours records, and publishes to one copy, on the disk of %s.\n' "$rtt" "${TMPDIR:-/tmp}"
compare one 'exec: unwrap'
compare create 'create: wrap, and unwrap as proof'
paste "$top/create" "$top/one" | awk '{
    printf "create, with its proof, against the bare program of six round trips, which proves nothing: %.2f\n", $1 / $4 }'
