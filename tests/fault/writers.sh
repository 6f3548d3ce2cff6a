#!/usr/bin/env bash
# Many writers: 32 processes write into one store at once (create and site add, with --offline or publishing to the one
# copy), and a third of the processes is killed at random. Afterwards:
#   the store and the copy verify, no number is missing or there twice, every acknowledged object is there, the store
#   takes the next entry; no writer waited longer than the longest wait there is.
#
#   writers.sh fast|full    32 processes of 12 or 120 commands
#   writers.sh planted      without the lock and with transactions that begin as readers, commands must fail
#
# Environment: KEYMUSTER, KM_TOOLS (kms_tool, plant-no-lock). Prints a line of sums and a TAP line.
set -euo pipefail
: "${KEYMUSTER:?}" "${KM_TOOLS:?}"
setting=${1:?fast, full or planted}

PROCESSES=32
MOST_MS=30000 # for one command, of which it may wait STORE_WAIT_MS (10 s) for the lock

umask 077
top=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf -- "$top"' EXIT
export LANG=C.UTF-8 HOME=$top/home XDG_STATE_HOME=$top/home/state
mkdir -p "$HOME" "$top/usb"
cd "$top"
quiet() { "$KEYMUSTER" "$@" >/dev/null 2>err || { cat err >&2; exit 1; }; }

prepare() {
    printf 'canary-passphrase-fra\n' >fra.pass
    printf 'canary-adopted-secret\n' >adopted
    "$KM_TOOLS/kms_tool" new fra.kms fra.pass
    quiet -C store init --site fra
    quiet -C store site add mad
    quiet -C store kms add kp-fra --site fra --provider local --file fra.kms --credential file:fra.pass
    quiet -C store root create fra-main --kms kp-fra
    quiet -C store copy add usb ./usb --site mad
}

# One process: commands on and on, each acknowledgement a line of its own file, with what it took.
writer() { # NUMBER COMMANDS
    local i began took status
    for ((i = 0; i < $2; i++)); do
        began=$(date +%s%3N)
        status=0
        case $((($1 + i) % 4)) in
        0) command=(create "key/$1/$i" --purpose other --root fra-main --offline --allow-unsynced) ;;
        1) command=(site add "s-$1-$i" --offline) ;;
        2) command=(create "key/$1/$i" --purpose other --root fra-main) ;;
        3) command=(site add "s-$1-$i") ;;
        esac
        "$program" -o json -C store "${command[@]}" >>"acks.$1" 2>>"err.$1" </dev/null || status=$?
        took=$(($(date +%s%3N) - began))
        echo "$status $took" >>"took.$1"
    done
}

# Kills what one writer runs just then, and the writer with it.
kill_one() { # PID
    local children
    children=$(pgrep -P "$1" -d ' ' || true)
    # shellcheck disable=SC2086 # words
    kill -KILL "$1" $children 2>/dev/null || true
}

run_writers() { # COMMANDS KILL
    local i pids=() victims
    for ((i = 0; i < PROCESSES; i++)); do
        writer "$i" "$1" 2>/dev/null &
        pids+=($!)
    done
    victims=$(shuf -i 0-$((PROCESSES - 1)) -n "$2")
    for i in $victims; do
        sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
        kill_one "${pids[i]}"
    done
    wait "${pids[@]}" 2>/dev/null || true
}

problem() {
    printf '%s\n' "$1"
    problems=$((problems + 1))
}

# Every acknowledged object, by the UUID that its answer gives.
check_acks() {
    local uuid
    "$KEYMUSTER" -C store -o ndjson audit log >entries
    cat acks.* | jq -r '.key // .uuid' >acked
    while read -r uuid; do
        grep -q "$uuid" entries || problem "acknowledged, and not there: $uuid"
    done <acked
    jq -r '.entry.seq // empty' entries | sort -n | awk '$1 != NR { print "number " NR " is missing or there twice"; exit 1 }' ||
        problem 'the numbers are not 1 to the last'
}

# What a killed command was about to answer may be there or not; everything else ended as it said.
check_statuses() {
    local bad longest
    bad=$(cat took.* | awk '$1 != 0' | wc -l)
    longest=$(cat took.* | awk '$2 > m { m = $2 } END { print m + 0 }')
    [ "$longest" -le "$MOST_MS" ] || problem "a command took $longest ms"
    failed_commands=$bad
    longest_ms=$longest
}

check_store() {
    "$KEYMUSTER" -C store verify >out 2>&1 || problem "verify: $(cat out)"
    "$KEYMUSTER" -C store sync >out 2>&1 || problem "sync: $(cat out)"
    "$KEYMUSTER" -C store copy check --deep >out 2>&1 || problem "copy check: $(cat out)"
    "$KEYMUSTER" -C store site add after >out 2>&1 || problem "the next entry: $(cat out)"
    "$KEYMUSTER" -C reader join --from ./usb --site mad --yes --offline >out 2>&1 || problem "join: $(cat out)"
    [ "$("$KEYMUSTER" -C reader audit log | grep -vc author.joined)" -eq "$("$KEYMUSTER" -C store audit log | wc -l)" ] ||
        problem 'the copy has another number of entries'
}

sums() {
    printf '%s: %d writers, %d killed, %d commands, %d acknowledged, %d failed, %d entries, longest %d ms, %d problems\n' \
        "$setting" "$PROCESSES" "$1" "$(cat took.* | wc -l)" "$(wc -l <acked)" "$failed_commands" \
        "$(grep -c '"seq"' entries)" "$longest_ms" "$problems"
}

problems=0
program=$KEYMUSTER
prepare
case $setting in
fast | full)
    run_writers "$([ "$setting" = fast ] && echo 12 || echo 120)" $((PROCESSES / 3))
    check_acks
    check_statuses
    check_store
    sums $((PROCESSES / 3))
    [ "$failed_commands" -eq 0 ] || { grep -h keymuster.error err.* | head -n 5; problem "$failed_commands commands failed"; }
    if [ "$problems" -gt 0 ] || [ "$(wc -l <acked)" -lt 200 ]; then
        echo "not ok 1 many writers: $problems problems"
        exit 1
    fi
    echo 'ok 1 many writers, a third of them killed: nothing is lost, nothing is twice'
    ;;
planted)
    program=$KM_TOOLS/plant-no-lock
    run_writers 3 0
    check_acks
    check_statuses
    check_store
    sums 0
    if [ "$problems" -eq 0 ] && [ "$failed_commands" -eq 0 ]; then
        echo 'not ok 1 writers without the lock were not caught'
        exit 1
    fi
    echo 'ok 1 writers without the lock, in transactions that begin as readers, are caught'
    ;;
esac
