#!/usr/bin/env bash
# Start-up: version, help, and list on an empty store, beside a C program that is linked with the same libraries and does
# nothing, the same one that opens the store's database (bare.c), restic and git. In turn, so that all have the same machine;
# medians. Then what a start touches: libraries, files, system calls. Prints; judges nothing. Needs: gcc, restic, git, strace,
# the release build, or KEYMUSTER.
#
#   tests/bench/start.sh [ROUNDS [RUNS]]     default 15 rounds of 40 runs
set -euo pipefail
cd -- "$(dirname -- "$0")/../.."
rounds=${1:-15} runs=${2:-40}
keymuster=$(realpath -- "${KEYMUSTER:-build/release/keymuster}")
top=$(mktemp -d)
trap 'rm -rf -- "$top"' EXIT
export HOME=$top XDG_STATE_HOME=$top/state LANG=C.UTF-8
umask 077
gcc -O2 -o "$top/bare" tests/bench/bare.c -lsodium -lsqlite3
printf 'int main(void) { return 0; }\n' >"$top/nothing.c"
gcc -O2 -Wl,--no-as-needed -o "$top/nothing" "$top/nothing.c" -lcjson -lsmartcols -lutf8proc -lsodium -lsqlite3 -lcmark
gcc -O2 -o "$top/libc" "$top/nothing.c"
cd "$top"
"$keymuster" -C store init --site fra >/dev/null
git -c init.defaultBranch=main init -q repository

names=() commands=()
add() { names+=("$1"); commands+=("$2"); }
add 'libc alone' "./libc"
add 'the same libraries, nothing else' "./nothing"
add 'the same, the database opened' "./bare store/escrow.db"
add 'keymuster version' "$keymuster version"
add 'keymuster help' "$keymuster help"
add 'keymuster list, empty store' "$keymuster -C store list"
add 'git version' 'git version'
add 'git status, empty repository' 'git -C repository status'
add 'restic version' 'restic version'

lap() { # a command; by the clock and of the processor, microseconds a run
    local began=$EPOCHREALTIME end i
    local TIMEFORMAT='%U %S'
    { time for ((i = 0; i < runs; i++)); do $1 >/dev/null 2>&1; done; } 2>spent
    end=$EPOCHREALTIME
    echo "$(((${end/./} - ${began/./}) / runs))" "$(awk -v n="$runs" '{ print int(1e6 * ($1 + $2) / n) }' spent)"
}
for ((r = 0; r < rounds; r++)); do
    for n in "${!names[@]}"; do lap "${commands[n]}" >>"$n.took"; done
done
middle() { # FILE COLUMN
    awk -v c="$2" '{ print $c }' "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] / 1000, v[1] / 1000 }'
}
for n in "${!names[@]}"; do
    # shellcheck disable=SC2046,SC2183
    printf '%-34s %6.2f ms (least %.2f); of the processor %6.2f ms (least %.2f)\n' "${names[n]}" $(middle "$n.took" 1) $(middle "$n.took" 2)
done

for words in version help '-C store list'; do
    # shellcheck disable=SC2086
    strace -f -o trace "$keymuster" $words >/dev/null 2>&1
    printf 'keymuster %-15s %3d system calls, %d libraries, opens besides: %s\n' "$words" "$(grep -c '(' trace)" \
        "$(grep -cE 'open.*\.so\.[0-9.]*".* = [0-9]' trace)" \
        "$(grep -E 'open(at)?\(' trace | grep -v '\.so' | sed -nE 's/.*"([^"]*)".*/\1/p' | sed "s,$top/,," | sort | uniq -c | awk '{ printf "%s%s", $2, ($1 > 1) ? " (" $1 ") " : " " }')"
done
