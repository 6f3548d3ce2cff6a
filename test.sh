#!/usr/bin/env bash
# Builds keymuster with gcc and clang and runs every test: analyzers, units, command line and faults as users run it,
# units again with the sanitizers and under valgrind.
# Installs what is missing (apt, Debian 12). Exit 0 only when everything passed.
#
#   ./test.sh
set -euo pipefail

cd -- "$(dirname -- "$0")"
# shellcheck source=tests/lib/packages.sh
. tests/lib/packages.sh
packages_need build demo test

# The tests' folders lie in memory, where it is enough: a sync costs nothing there.
if [ -w /dev/shm ] && [ "$(df --output=avail /dev/shm | tail -n 1)" -gt 4000000 ]; then
    TMPDIR=$(mktemp -d /dev/shm/km.XXXXXX)
    export TMPDIR
    trap 'rm -rf -- "$TMPDIR"' EXIT
fi

jobs=$(nproc)
passed=0 failed=0 skipped=0
lane_began=$SECONDS

said() { printf '\n== %s (after %d s)\n' "$1" "$SECONDS"; lane_began=$SECONDS; }

# Configures a preset and builds it, or of it what is named; its words are shown only if that fails.
build() { # PRESET [TARGET...]
    local preset=$1 log=build/$1.log
    shift
    said "build $preset"
    mkdir -p build
    if ! { cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" --target "${@:-all}"; } >"$log" 2>&1; then
        cat -- "$log"
        printf '\nbuilding %s failed\n%d passed, %d failed\n' "$preset" "$passed" $((failed + 1))
        exit 1
    fi
    printf 'built in %d s\n' $((SECONDS - lane_began))
}

# Runs tests of a preset's build and adds up the single cases that they report: cmocka's and TAP's. A test that fails
# without naming a case (it crashed, it took too long) is one failed case.
lane() { # NAME PRESET CTEST-OPTION...
    local name=$1 preset=$2 log=build/$2/Testing/Temporary/LastTest.log sums p f s
    shift 2
    said "$name"
    rm -f -- "$log"
    ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$jobs" "$@" || lane_status=$?
    sums=$(awk '
        /^[0-9]+\/[0-9]+ Testing: / { cases = 0 }
        /^\[  PASSED  \] [0-9]+ test/ { p += $4 }
        /^\[  FAILED  \] [0-9]+ test/ { f += $4; cases += $4 }
        /^\[  SKIPPED \] [0-9]+ test/ { s += $4 }
        /^ok [0-9]+ / { if (/# skip/) s++; else p++ }
        /^not ok [0-9]+ / { f++; cases++ }
        /^Test Failed\.|^Test time = .*Timeout/ { if (cases == 0) f++ }
        END { print p + 0, f + 0, s + 0 }' "$log")
    read -r p f s <<<"$sums"
    sed -nE 's/^\[  SKIPPED \] (test_.*)/skipped: \1/p; s/^ok [0-9]+ (.*# skip.*)/skipped: \1/p' "$log" | sort -u
    # ctest knows of failures that leave no trace in the log.
    if [ "${lane_status-0}" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    lane_status=0
}

# Runs a script that prints TAP.
script() { # NAME COMMAND...
    local name=$1 tap=build/script.tap status=0 p f s
    shift
    said "$name"
    "$@" >"$tap" || status=$?
    cat -- "$tap"
    p=$(grep '^ok ' "$tap" | grep -vc '# skip' || true)
    s=$(grep -c '^ok .*# skip' "$tap" || true)
    f=$(grep -c '^not ok ' "$tap" || true)
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%d passed, %d failed in %d s\n' "$p" "$f" $((SECONDS - lane_began))
}

build ci
script 'clang-tidy and cppcheck' tests/lanes/analyzers.sh build/ci
lane 'units and command line' ci -LE fault
build clang keymuster units
# Not every bit of a copy once more, with either compiler: that alone takes minutes.
lane 'units, by clang' clang -L unit -E '^unit/tamper$'
build asan
# Not those that trace the program: the leak check does not run under a tracer.
lane 'units and command line with the sanitizers' asan -R 'unit/|fuzz/|cli/keys$'
build valgrind keymuster units
script 'units and commands under valgrind' tests/lanes/memcheck.sh build/valgrind
lane 'faults' ci -L fault

if [ "$skipped" -gt 0 ]; then
    printf '%d skipped (named after their lanes)\n' "$skipped"
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
