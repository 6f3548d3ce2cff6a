#!/usr/bin/env bash
# Changes the core's source in one place at a time and looks whether the tests notice: a sample of all such mutants, the
# same for the same seed. Each mutant meets the unit tests of its file; one that lives meets them again with sanitizers,
# so that a lost release is noticed, then its command line tests, then injected errors. The survivors are listed, with
# the reasons of accepted.tsv.
#
#   tests/lanes/mutate.sh [--record] [COUNT [SEED]]     150 and 1, if not given; --record: into tests/lanes/RESULTS
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
# shellcheck source=tests/lanes/core.sh
. tests/lanes/core.sh
record=0
if [ "${1-}" = --record ]; then
    record=1
    shift
fi
count=${1:-150} seed=${2:-1} workers=$(nproc)
work=$(mktemp -d)
workers_pids=()
# Only what was started here: each worker ends its own test through `limit`.
stop() {
    local pid
    for pid in "${workers_pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    wait
    rm -rf -- "$work"
}
trap stop EXIT

units_of() { # FILE
    case $1 in
    escrow/entry.c) echo entry log restate order ;;
    escrow/log.c | escrow/log_read.c) echo log trust restate order reveal ;;
    escrow/trust.c) echo trust log restate order ;;
    escrow/apply.c | escrow/apply_key.c) echo apply trust restate order ;;
    copy/head.c) echo head liar ;;
    copy/held.c | copy/memory.c) echo memory liar copy ;;
    copy/pull_author.c) echo liar copy ;;
    recover/reveal.c) echo reveal ;;
    recover/deliver.c) echo deliver ;;
    esac
}

commands_of() { # FILE
    case $1 in
    escrow/*) echo 'author|conflict|keys' ;;
    copy/*) echo 'copies|repair' ;;
    recover/*) echo 'life|screen' ;;
    esac
}

scenario_of() { # FILE: of tests/fault
    case $1 in
    escrow/*) echo create ;;
    copy/*) echo sync-second ;;
    recover/*) echo reveal-file ;;
    esac
}

mutants() {
    local file
    for file in $core; do
        awk -f tests/lanes/mutants.awk "src/$file" | sed "s|^|$file\t|"
    done
}

# A tree to change, with what the tests need built in it.
make_tree() { # FOLDER TARGETS CMAKE-OPTION...
    local tree=$1 targets=$2
    shift 2
    mkdir -p "$tree"
    git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$tree"
    cmake -S "$tree" -B "$tree/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug "$@" >"$tree/log" 2>&1
    # shellcheck disable=SC2086
    ninja -C "$tree/build" $targets >>"$tree/log" 2>&1 || { cat -- "$tree/log" && return 1; }
}

# In a folder of the tree: a mutant may write where it should not.
run_unit() { # TREE NAME SECONDS
    (cd "$1" && HOME=$1/home exec "$work/limit" "$3" "$1/build/tests/test_$2") >"$1/out" 2>&1
}

# Every test must pass before anything is changed; how long each takes bounds it later.
baseline() { # TREE
    local name began
    for name in $all_units; do
        began=$SECONDS
        run_unit "$1" "$name" 300 || { cat -- "$1/out" && printf 'unit/%s fails unchanged\n' "$name" && return 1; }
        printf '%s %d\n' "$name" $((3 * (SECONDS - began) + 15)) >>"$1/bounds"
    done
}

# The unit tests of a file in a tree that was changed: a word and the test.
judge_units() { # TREE FILE
    local tree=$1 name status targets=()
    for name in $(units_of "$2"); do
        targets+=("tests/test_$name")
    done
    if ! ninja -C "$tree/build" "${targets[@]}" >"$tree/log" 2>&1; then
        echo 'invalid compiler'
        return
    fi
    for name in $(units_of "$2"); do
        status=0
        run_unit "$tree" "$name" "$(awk -v n="$name" '$1 == n { print $2; exit }' "$tree/bounds")" || status=$?
        if [ "$status" -eq 124 ]; then
            echo "timeout unit/$name" && return
        elif [ "$status" -ne 0 ]; then
            echo "killed unit/$name" && return
        fi
    done
    echo 'survived -'
}

judge_commands() { # TREE FILE
    ninja -C "$1/build" >"$1/log" 2>&1
    if "$work/limit" 400 ctest --test-dir "$1/build" -R "^cli/($(commands_of "$2"))\$" --stop-on-failure \
        >"$1/out" 2>&1; then
        echo 'survived -'
    else
        echo "killed $(sed -n 's/.*Test *#[0-9]*: \([^ ]*\) .*Failed.*/\1/p' "$1/out" | head -1)"
    fi
}

judge_faults() { # TREE FILE
    ninja -C "$1/build" >"$1/log" 2>&1
    if KEYMUSTER=$1/build/keymuster KM_TOOLS=$1/build/tests "$work/limit" 400 "$1/build/tests/fault_harness" error \
        --only "$(scenario_of "$2")" >"$1/out" 2>&1; then
        echo 'survived -'
    else
        echo "killed fault/error"
    fi
}

# Judges a list of mutants in a tree, one after the other.
judge_all() { # TREE LIST OUT JUDGE...
    local tree=$1 list=$2 out=$3 file line kind text verdict judge
    shift 3
    while IFS=$'\t' read -r file line kind text; do
        MUTANT=$text awk -v at="$line" 'NR == at { print ENVIRON["MUTANT"]; next } { print }' "src/$file" \
            >"$tree/new"
        cp -- "$tree/new" "$tree/src/$file"
        for judge in "$@"; do
            verdict=$("$judge" "$tree" "$file")
            [ "$verdict" = 'survived -' ] || break
        done
        cp -- "src/$file" "$tree/src/$file"
        printf '%s\t%s\t%s\t%s\t%s\n' "${verdict/ /$'\t'}" "$file" "$line" "$kind" "$text" >>"$out"
    done <"$list"
}

report() {
    printf '%s, seed %s: %d of %d mutants of %d files\n' "$(date -u +%F)" "$seed" "$count" "$(wc -l <"$work/all")" \
        "$(wc -w <<<"$core")"
    awk -F'\t' '
        { n[$1]++; if ($1 == "survived" || $1 == "invalid") next; by[$2]++ }
        END { dead = n["killed"] + n["timeout"]; all = dead + n["survived"]
              printf "%d killed by a test, %d by its time limit, %d survived: %.1f %% killed; %d did not compile\n",
                     n["killed"], n["timeout"], n["survived"], 100 * dead / (all > 0 ? all : 1), n["invalid"] }' \
        "$work/verdicts"
    printf '\nby file and by kind (killed/all):\n'
    awk -F'\t' '$1 != "invalid" { all[$3]++; all[$5]++; if ($1 != "survived") { killed[$3]++; killed[$5]++ } }
        END { for (k in all) printf "  %-20s %d/%d\n", k, killed[k], all[k] }' "$work/verdicts" | sort
    printf '\nsurvivors (place, kind, what stands there, what it became; reason):\n'
    local file line kind text
    grep '^survived' "$work/verdicts" | sort -t"$(printf '\t')" -k3,3 -k4,4n | cut -f3- |
        while IFS=$'\t' read -r file line kind text; do
            printf '%s:%s %s: %s  ->  %s\n' "$file" "$line" "$kind" "$(sed -n "${line}s/^ *//p" "src/$file")" \
                "${text#"${text%%[! ]*}"}"
            # accepted.tsv: file, what it became, reason.
            FILE=$file TEXT=${text#"${text%%[! ]*}"} awk -F'\t' '
                $1 == ENVIRON["FILE"] && $2 == ENVIRON["TEXT"] { r = $3 }
                END { print "    " (r != "" ? r : "no reason yet") }' tests/lanes/accepted.tsv
        done
}

cc -O1 -Wall -Wextra -Werror -o "$work/limit" tests/lanes/limit.c
mutants >"$work/all"
# A stream of bytes from the seed, the same everywhere.
shuf -n "$count" --random-source=<(openssl enc -aes-256-ctr -pass "pass:$seed" -nosalt -pbkdf2 </dev/zero 2>/dev/null) \
    "$work/all" >"$work/sample"
all_units=$(for file in $core; do units_of "$file"; done | tr ' ' '\n' | sort -u | paste -sd ' ')
tests="tests/test_${all_units// / tests/test_}"
for n in $(seq "$workers"); do
    make_tree "$work/tree$n" "$tests"
    awk -v n="$n" -v of="$workers" 'NR % of == n % of' "$work/sample" >"$work/sample$n"
done
baseline "$work/tree1"
for n in $(seq "$workers"); do
    [ "$n" -eq 1 ] || cp -- "$work/tree1/bounds" "$work/tree$n/bounds"
    judge_all "$work/tree$n" "$work/sample$n" "$work/first$n" judge_units &
    workers_pids+=($!)
done
wait "${workers_pids[@]}"
workers_pids=()
cat "$work"/first* | grep '^survived' | cut -f3- >"$work/alive" || true
cat "$work"/first* | grep -v '^survived' >"$work/verdicts" || true
if [ -s "$work/alive" ]; then
    make_tree "$work/sanitized" all -DKM_SANITIZE=ON
    baseline "$work/sanitized"
    judge_all "$work/sanitized" "$work/alive" "$work/second" judge_units judge_commands
    grep -v '^survived' "$work/second" >>"$work/verdicts" || true
    grep '^survived' "$work/second" | cut -f3- >"$work/alive" || true
    while read -r floor; do
        [ "$(judge_faults "$work/tree1" "$floor/")" = 'survived -' ] || { cat -- "$work/tree1/out" && exit 1; }
    done < <(cut -d/ -f1 "$work/alive" | sort -u)
    judge_all "$work/tree1" "$work/alive" "$work/verdicts" judge_faults # it preloads, which sanitizers do not like
fi
report | if [ "$record" -eq 1 ]; then tee >(record 'mutants of the core'); else cat; fi
