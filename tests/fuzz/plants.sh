#!/usr/bin/env bash
# Every fuzz target must find the bug planted in its _planted build: from its corpus, within SECONDS of processor time each;
# and the corpus alone must not show it. Runs two at a time.
#
#   plants.sh [SECONDS] [TARGET...]     60 and all targets, if not said otherwise
#
# Environment: KM_FUZZ (folder of the targets; build/fuzz/fuzz). Prints a TAP line for each target with what it took.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
: "${KM_FUZZ:=$here/../../build/fuzz/fuzz}"
limit=${1-60}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for path in "$here"/corpus/*/; do
        targets+=("$(basename -- "$path")")
    done
fi
top=$(mktemp -d)
trap 'rm -rf -- "$top"' EXIT

# One target: "ok" or "not ok" with the reason, into its own file.
one() { # TARGET
    local exe=$KM_FUZZ/fuzz_$1_planted folder=$top/$1 began said
    mkdir -- "$folder"
    cd -- "$folder"
    if ! "$exe" -runs=0 "$here/corpus/$1" >alone 2>&1; then
        printf 'not ok - %s: its corpus alone ends it: %s\n' "$1" "$(grep -m 1 -E 'does not hold|ERROR' alone || tail -n 1 alone)"
        return
    fi
    mkdir new
    began=$(date +%s%N)
    # The limit is the processor's time, so that a busy machine makes no difference; the other one ends what hangs.
    (ulimit -t "$limit" && exec "$exe" -max_total_time=$((limit * 10)) -max_len=8192 -timeout=10 -seed=1 new "$here/corpus/$1") >out 2>&1 || true
    said=$(awk -v ms=$((($(date +%s%N) - began) / 1000000)) 'BEGIN { printf "%.1f s", ms / 1000 }')
    if grep -q 'heap-buffer-overflow' out && grep -q 'fuzz_planted' out; then
        printf 'ok - %s: found in %s\n' "$1" "$said"
    elif grep -qE 'ERROR|does not hold' out; then
        printf 'not ok - %s: something else was found: %s\n' "$1" "$(grep -m 1 -E 'does not hold|ERROR' out)"
    else
        printf 'not ok - %s: not found in %s\n' "$1" "$said"
    fi
}

printf '1..%d\n' ${#targets[@]}
running=0
for target in "${targets[@]}"; do
    if [ "$running" -ge 2 ]; then
        wait -n || true
        running=$((running - 1))
    fi
    one "$target" >"$top/$target.tap" &
    running=$((running + 1))
done
wait
failed=0 n=0
for target in "${targets[@]}"; do
    n=$((n + 1))
    sed "s/ok - /ok $n fuzz-plant\//" "$top/$target.tap"
    grep -q '^ok' "$top/$target.tap" || failed=1
done
exit "$failed"
