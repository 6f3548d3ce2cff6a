#!/usr/bin/env bash
# Branch coverage of the core by the unit and command line tests: figures of each file, and each branch that no test
# took. Two kinds of those are counted apart, because tests/fault makes their causes (no memory, a failing system call or
# database): the way out after an allocation, and the one after a call that failed.
#
#   tests/lanes/coverage.sh [--record] [--keep]     --record: into tests/lanes/RESULTS; --keep: without a new run
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
# shellcheck source=tests/lanes/core.sh
. tests/lanes/core.sh
build=build/coverage record=0 keep=0
for word in "$@"; do
    case $word in
    --record) record=1 ;;
    --keep) keep=1 ;;
    *) printf 'usage: tests/lanes/coverage.sh [--record] [--keep]\n' >&2 && exit 2 ;;
    esac
done
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT

if [ "$keep" -eq 0 ]; then
    { cmake --preset coverage && cmake --build --preset coverage -j "$(nproc)"; } >"$tmp/build" 2>&1 ||
        { cat -- "$tmp/build" && exit 1; }
    find "$build" -name '*.gcda' -delete
    # Some tests count system calls, descriptors or time, which gcov's own work changes; they are named, and pass in
    # the other builds.
    ctest --test-dir "$build" -LE 'fault|package' -j "$(nproc)" >"$tmp/tests" || true
fi

# Lines of a file, as coverage.jq gives them.
lines_of() { # FILE
    local object
    object=$(realpath "$build/src/${1%%/*}/CMakeFiles/${1%%/*}_floor.dir/${1##*/}.gcda")
    (cd "$tmp" && gcov --json-format --branch-probabilities --stdout "$object" 2>/dev/null) |
        jq --arg name "src/$1" --slurpfile text <(jq -R . "src/$1") -f tests/lanes/coverage.jq
}

report() {
    local file
    printf '%s, %s\n\n' "$(date -u +%F)" "$(gcov --version | head -1)"
    for file in $core; do
        lines_of "$file" >"$tmp/${file##*/}.json"
        jq -r --arg file "$file" '
            def sum(f): map(f) | add;
            def rate(a; b): if b == 0 then "100.0" else (1000 * a / b | round / 10 | tostring) end;
            (sum(.all) - sum(.missed)) as $taken
            | [$file, "lines \(map(select(.hit)) | length)/\(length)",
               "branches \($taken)/\(sum(.all))", "\(rate($taken; sum(.all))) %",
               "without faults \(rate($taken; sum(.all) - sum(.memory) - sum(.fault))) %"] | @tsv' \
            "$tmp/${file##*/}.json"
    done | column -t -s "$(printf '\t')"
    jq -rs 'add | def sum(f): map(f) | add; (sum(.all) - sum(.missed)) as $t
        | "\nall: \($t) of \(sum(.all)) branches; \(sum(.memory)) more after an allocation, \(sum(.fault)) after a call that failed: \(1000 * $t / (sum(.all) - sum(.memory) - sum(.fault)) | round / 10) % without these"' \
        "$tmp"/*.c.json
    if [ -f "$tmp/tests" ]; then
        printf 'tests run: %d; not passed with instrumentation: %s\n' \
            "$(grep -c ' Test *#' "$tmp/tests")" "$(sed -n 's/^\t *[0-9]* - \([^ ]*\) .*/\1/p' "$tmp/tests" | paste -sd ' ')"
    fi
    printf '\nnever taken (count, file and line, what stands there):\n'
    for file in $core; do
        jq -r --arg file "$file" '.[] | select(.missed > .memory + .fault)
            | "\(.missed - .memory - .fault)\t\($file):\(.line)\t\(.text)"' "$tmp/${file##*/}.json"
    done
}

report | if [ "$record" -eq 1 ]; then tee >(record 'branch coverage'); else cat; fi
