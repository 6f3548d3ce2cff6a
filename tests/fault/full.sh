#!/usr/bin/env bash
# Runs lanes of the fault harness in the full setting and records their sums in RESULTS, in place of the lane's former
# line. Takes hours; on a machine with more cores, say so: KM_FAULT_JOBS=8.
#
#   tests/fault/full.sh [LANE]...     all of them
#
# Environment: KM_BUILD (build/ci), KM_FAULT_JOBS (2). KM_FAULT=fast records the fast setting instead, whose line lacks "(full)".
set -euo pipefail

here=$(cd -- "$(dirname -- "$0")" && pwd)
build=${KM_BUILD:-$here/../../build/ci}
export KEYMUSTER=$build/keymuster KM_TOOLS=$build/tests
export KM_FAULT=${KM_FAULT:-full}
results=$here/RESULTS
lanes=("$@")
if [ ${#lanes[@]} -eq 0 ]; then
    mapfile -t lanes < <("$KM_TOOLS/fault_harness" list | sed -n 's/^lane //p')
fi

failed=0
for lane in "${lanes[@]}"; do
    sums=$("$KM_TOOLS/fault_harness" "$lane") || failed=1
    line=$(sed -n '1p' <<<"$sums")
    printf '%s\n' "$sums"
    {
        grep -sv "^${lane}[ :]" "$results" || true
        printf '%s; %s, %s\n' "$line" "$("$KEYMUSTER" --version | head -n 1)" "$(date -u +%F)"
    } >"$results.new"
    mv -- "$results.new" "$results"
done
exit "$failed"
