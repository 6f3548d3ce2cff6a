#!/usr/bin/env bash
# The full setting: every fault of a lane on a scenario, one such row after the other, those without a result first, then the
# oldest. Each result goes to RESULTS in place of the row's former one, so the hours that all rows take can be many sittings.
#
#   tests/fault/full.sh [--minutes N] [--missing] [LANE]...   all lanes; N: begin no row later than that; only
#                                                   rows without a result
#   tests/fault/full.sh [...] --every               each allocation instead of two in a place; such rows end in "every"
#   tests/fault/full.sh --sums                      only what RESULTS says in all
#
# Environment: KM_BUILD (build/ci), KM_FAULT_JOBS (2).
set -euo pipefail

here=$(cd -- "$(dirname -- "$0")" && pwd)
build=${KM_BUILD:-$here/../../build/ci}
export KEYMUSTER=$build/keymuster KM_TOOLS=$build/tests
results=$here/RESULTS
minutes=1000000 missing='' setting=full
[ "${1:-}" = --minutes ] && { minutes=$2; shift 2; }
[ "${1:-}" = --missing ] && { missing=1; shift; }
[ "${1:-}" = --every ] && { setting=every; set -- alloc; }
commit=$(git -C "$here" rev-parse --short HEAD)
touch -- "$results"

# Rows: "DATE LANE SCENARIO", the most pressing first.
rows() {
    "$KM_TOOLS/fault_harness" list | while read -r lane scenario; do
        case " $* " in
            "  " | *" $lane "*) ;;
            *) continue ;;
        esac
        date=$(sed -nE "s/^$lane $scenario: .* wrong; [^,]*, ([^,]*)(, every)?\$/\1\2/p" "$results")
        [ "$setting" = full ] || case $date in *every) ;; *) date='' ;; esac
        [ -n "$date" ] && [ -n "$missing" ] && continue
        date=${date%,*} # without the mark
        printf '%s %s %s\n' "${date:-0}" "$lane" "$scenario"
    done | sort -s -k1,1
}

sums() {
    local all
    all=$("$KM_TOOLS/fault_harness" list | wc -l)
    awk -v all="$all" '
        { rows++; faults += $3; sub(/ wrong;.*/, ""); sub(/.* /, ""); wrong += $0 }
        END { printf "%d of %d rows, %d faults, %d wrong\n", rows, all, faults, wrong; exit rows < all || wrong > 0 }' "$results"
}

[ "${1:-}" = --sums ] && { sums; exit; }

while read -r _ lane scenario; do
    [ $((SECONDS / 60)) -lt "$minutes" ] || break
    said=$("$KM_TOOLS/fault_harness" "$lane" "--$setting" --only "$scenario") || true
    line=$(sed -n "1s/^$lane ($setting): //p" <<<"$said")
    printf '%s %s: %s\n' "$lane" "$scenario" "${line:-the harness gave up}"
    [ -n "$line" ] || continue
    {
        grep -v "^$lane $scenario: " "$results" || true
        printf '%s %s: %s; %s, %s%s\n' "$lane" "$scenario" "$line" "$commit" "$(date -u +%F)" "$([ "$setting" = full ] || echo ', every')"
    } | sort >"$results.new"
    mv -- "$results.new" "$results"
done < <(rows "$@")
sums
