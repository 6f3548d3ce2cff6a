#!/usr/bin/env bash
# The long run: every target for SECONDS, two at a time, with the lowest priority; the result goes to tests/fuzz/RESULTS
# (a line a target: date, runs, runs a second, edges, features, what was found). Exit 1 when something was found: the
# inputs are then in FOLDER, to be put into the corpus as found-N once the fault is mended.
#
#   long.sh SECONDS [TARGET...]
#
# Environment: KM_FUZZ (folder of the targets; build/fuzz/fuzz), KM_FUZZ_WORK (FOLDER, kept: what was learnt by former runs
# goes on there; a new one in /tmp if not set).
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
: "${KM_FUZZ:=$here/../../build/fuzz/fuzz}"
: "${KM_FUZZ_WORK:=$(mktemp -d)}"
seconds=${1:?how many seconds for each target}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for path in "$here"/corpus/*/; do
        targets+=("$(basename -- "$path")")
    done
fi
mkdir -p -- "$KM_FUZZ_WORK"
cd -- "$KM_FUZZ_WORK"

# One target, into its own line.
one() { # TARGET
    local work=$KM_FUZZ_WORK/$1 found=none
    mkdir -p -- "$work"
    if ! nice -n 19 "$KM_FUZZ/fuzz_$1" -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$KM_FUZZ_WORK/found-$1-" "$work" "$here/corpus/$1" >"$work.log" 2>&1; then
        found=$(grep -m 1 -oE 'does not hold: .*|runtime error: .*|ERROR: [A-Za-z]+: [a-z-]+' "$work.log" || printf 'it ended badly')
    fi
    awk -v target="$1" -v found="$found" -v date="$(date -u +%F)" '
        /cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1) } }
        /^stat::number_of_executed_units:/ { runs = $2 }
        /^stat::average_exec_per_sec:/ { rate = $2 }
        END { printf "%s  %-12s %10d runs  %7d/s  %5d edges  %6d features  found: %s\n", date, target, runs, rate, edges,
                  features, found }' "$work.log" >"$work.line"
}

running=0
for target in "${targets[@]}"; do
    if [ "$running" -ge 2 ]; then
        wait -n || true
        running=$((running - 1))
    fi
    one "$target" &
    running=$((running + 1))
done
wait
# The lines of targets that were not run stay.
touch -- "$here/RESULTS"
for target in "${targets[@]}"; do
    cat -- "$target.line"
done | awk '
    FNR == NR { if (!/^#/) line[$2] = $0; next }
    { line[$2] = $0 }
    END {
        print "# The last long run of each target (long.sh; libFuzzer, address and undefined-behaviour sanitizers)."
        n = 0
        for (t in line) { split(line[t], w, " +"); total += w[3]; sorted[++n] = t }
        for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (sorted[j] < sorted[i]) { t = sorted[i]; sorted[i] = sorted[j]; sorted[j] = t }
        for (i = 1; i <= n; i++) print line[sorted[i]]
        printf "# %d targets, %d runs\n", n, total
    }' "$here/RESULTS" - >"$KM_FUZZ_WORK/results"
mv -- "$KM_FUZZ_WORK/results" "$here/RESULTS"
failed=0
grep '^[^#]' "$here/RESULTS" | grep -vq 'found: none$' && failed=1
cat -- "$here/RESULTS"
exit "$failed"
