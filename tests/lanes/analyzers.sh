#!/usr/bin/env bash
# clang-tidy and cppcheck over src: no finding is let pass. What is disabled stands with its reason in .clang-tidy or
# beside the line. Both must find what is planted. Prints TAP.
#
#   tests/lanes/analyzers.sh [BUILD-FOLDER with compile_commands.json [deep]]
#
# deep: clang's analyzer follows each function's paths as far as it does by itself (225,000 nodes), not to a tenth of that; it takes three
# times as long.
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
build=${1:-build/ci}
jobs=$(nproc)
nodes=$([ "${2-}" = deep ] && echo 225000 || echo 20000)
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
number=0 failed=0

result() { # ok|not-ok WHAT [FILE to show]
    number=$((number + 1))
    if [ "$1" = ok ]; then
        printf 'ok %d %s\n' "$number" "$2"
    else
        failed=1
        printf 'not ok %d %s\n' "$number" "$2"
        sed 's/^/# /' "${3:-/dev/null}"
    fi
}

# One file a process: version 14 reports va_lists wrongly from the second file on.
tidy() {
    xargs -0 -P "$jobs" -n 1 clang-tidy --quiet --extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang \
        "--extra-arg=max-nodes=$nodes" "$@" 2>/dev/null
}
check_c() {
    command cppcheck -j "$jobs" --quiet --std=c11 --enable=warning,style,performance,portability --inline-suppr \
        --error-exitcode=3 --template='{file}:{line}: {message} [{id}]' \
        -Isrc -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE '-DKM_VERSION="0"' "$@" 2>&1
}

# Every one of these parts of ids must stand in the report.
found() { # REPORT ID...
    local report=$1 id
    shift
    for id in "$@"; do
        grep -q -- "$id" "$report" || { printf '%s was not found\n' "$id" >>"$tmp/missed"; }
    done
    [ ! -s "$tmp/missed" ]
}

# As released, each file once: programs with a planted fault compile some again.
jq '[.[] | select(.command | test("-DPLANT=") | not)] | unique_by(.file)' "$build/compile_commands.json" \
    >"$tmp/compile_commands.json"

printf '1..5\n'

mkdir "$tmp/src"
tests/lanes/planted.sh tidy >"$tmp/src/tidy.c"
printf '%s\0' "$tmp/src/tidy.c" | tidy -p "$tmp" --config-file=.clang-tidy >"$tmp/planted" || true
if found "$tmp/planted" bugprone-suspicious-memset-usage cert-err33-c cert-err34-c concurrency-mt-unsafe \
    clang-analyzer-core.NullDereference readability-function-cognitive-complexity readability-function-size; then
    result ok 'clang-tidy finds a planted fault of each kind'
else
    result not-ok 'clang-tidy finds a planted fault of each kind' "$tmp/missed"
fi
: >"$tmp/missed"

tests/lanes/planted.sh cppcheck >"$tmp/src/cppcheck.c"
check_c "$tmp/src/cppcheck.c" >"$tmp/planted" || true
if found "$tmp/planted" memleak ninitvar variableScope arrayIndexOutOfBounds; then
    result ok 'cppcheck finds a planted fault of each kind'
else
    result not-ok 'cppcheck finds a planted fault of each kind' "$tmp/missed"
fi

if check_c src >"$tmp/cppcheck"; then
    result ok 'cppcheck finds nothing in src'
else
    result not-ok 'cppcheck finds nothing in src' "$tmp/cppcheck"
fi

jq -r --arg src "$PWD/src/" '.[].file | select(startswith($src))' "$tmp/compile_commands.json" | tr '\n' '\0' \
    >"$tmp/files"
if tidy -p "$tmp" <"$tmp/files" >"$tmp/tidy"; then
    result ok "clang-tidy finds nothing in $(tr -cd '\0' <"$tmp/files" | wc -c) files"
else
    grep -E 'error:|warning:' "$tmp/tidy" | sort -u >"$tmp/short" || true
    result not-ok 'clang-tidy finds nothing in src' "$tmp/short"
fi

if grep -rnE '(/\*|//) *(NOLINT[A-Z]*(\([^)]*\))?|cppcheck-suppress +[A-Za-z]+) *(\*/|$)' src >"$tmp/bare"; then
    result not-ok 'each suppression in src says why' "$tmp/bare"
else
    result ok 'each suppression in src says why'
fi
exit "$failed"
