#!/usr/bin/env bash
# Faults at every request that a command makes to the server where a copy lies, by the line to it (tests/lib/relay.c), encrypted or not:
# whenever keymuster speaks after it has listened, it is killed, or the line is cut before that arrives, in the middle of it, after it
# (the answer is lost), in the middle of the answer, or for good; or the server says nothing more. After each:
#   it ended by itself, with a documented status; with 0 only if what was to be done is done
#   verify passes, and nothing that was there is missing, here or at the place
#   no object under a final name is half, and no head has other bytes than it had, there or in the store
#   the same command again ends well; then all of the store is at the place, as a stranger reads it there, behind the server's back
#
#   places.sh KIND fast|full              a part of the faults, or all of them, at this kind of place (tests/lib/places.bash)
#   places.sh KIND planted PLANT ROW WORD the program plant-PLANT must be caught there, at some turn
#   places.sh KIND one ROW N WORD         this one, and the folder is left
#
# Environment: KEYMUSTER, KM_TOOLS, KM_FAULT=full, KM_FAULT_JOBS (2), KM_FAULT_THIN (60). Prints a line of sums and a TAP line.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/lib/places.bash
. "$here/../lib/places.bash"
: "${KEYMUSTER:?}"
kind=${1:?a kind of place}
setting=${2:?fast, full, planted or one}
shift 2
[ "$setting" != fast ] || [ "${KM_FAULT-}" != full ] || setting=full
LEAST=40 # faults, in the fast setting
THIN=${KM_FAULT_THIN:-60} # of them it takes one, there
if [ "$kind" = sftp ] && [ -z "${KM_FAULT_THIN-}" ]; then THIN=80 LEAST=15; fi # it talks more for each request, and not always as often
JOBS=${KM_FAULT_JOBS:-2}
PATIENCE=60 # seconds after which a command hangs

umask 077
export LANG=C.UTF-8 TZ=UTC
for name in $(compgen -e KEYMUSTER_); do unset "$name"; done
top=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" places.XXXXXX)
finish() {
    if [ "$setting" != one ]; then rm -rf -- "$top"; fi
}
trap finish EXIT

# ---- the table ----

# row NAME STORE AGAIN THERE COMMAND
#   STORE     whose command it is: store or second (what verifies afterwards), or other (it makes that one)
#   AGAIN     the statuses with which it may end when it is run once more, after a fault
#   THERE     what must be found in the place's log once it has ended 0; none: nothing is
rows() {
    row sync store 0 unpublished 'sync'
    row sync-pull second 0 '' 'sync'
    row entry store '0 6' 'fault-site' 'site add fault-site'
    row create store '0 6' vbr/new 'create vbr/new --purpose backup-job --root mad-main'
    row reveal store 0 reveal.shown 'reveal vbr/first --reason test --to file:given'
    row copy-add store '0 6' '' 'copy add third "$PLACE_URL/third" --site mad "${PLACE_BIND[@]}"'
    row copy-check store 0 '' 'copy check --deep'
    row repair store 0 '' 'sync --repair far --yes'
    row join other '0 6' '' 'join --from "$PLACE_URL" --site mad --yes "${PLACE_FROM[@]}"'
    row author-admit store 0 '' 'author admit $SECOND'
}

names=() stores=() again=() find=() commands=()
row() { names+=("$1") stores+=("$2") again+=("$3") find+=("$4") commands+=("$5"); }

FAULTS=(kill-before kill-after before torn after answer-torn gone mute)

# ---- one worker: a server, a line to it, a scene ----

store() { "$KEYMUSTER" -C store "$@" >quiet 2>&1 || { printf 'keymuster %s: ' "$*"; cat quiet; return 1; }; }
second() { "$KEYMUSTER" -C second "$@" >quiet 2>&1 || { printf 'second: keymuster %s: ' "$*"; cat quiet; return 1; }; }

scene() {
    mkdir -p home
    head -c 18 /dev/urandom | base64 >mad.pass
    "$KM_TOOLS/kms_tool" new mad.kms mad.pass
    store init --site fra
    store site add mad
    store kms add kp-mad --site mad --provider local --file mad.kms --credential file:mad.pass
    store root create mad-main --kms kp-mad
    store copy add far "$PLACE_URL" --site mad "${PLACE_BIND[@]}"
    store create vbr/first --purpose backup-job --root mad-main
    seq 18 | xargs -I{} "$KEYMUSTER" -C store --offline site add place-{} >/dev/null
    store sync
    second join --from "$PLACE_URL" --site mad --yes "${PLACE_FROM[@]}"
    SECOND=$("$KEYMUSTER" -o json -C second status | jq -r .author)
    second site add from-second
    store site add unpublished --offline
    store copy set far "$PLACE_URL" "${PLACE_BIND[@]}"
}

# Once, and what each row begins with. Faults are struck in "place", under one name for all.
begin() { # WORKER
    mine=$top/$1
    mkdir -p "$mine/place"
    cd "$mine/place"
    export HOME=$mine/place/home XDG_STATE_HOME=$mine/place/home/state
    place_start "$kind" "$mine/server"
    scene
    jq -r '.exits[].exit' <<<"$("$KEYMUSTER" explain -o json)" >"$mine/exits"
    cp -a . "$mine/scene"
    place_save "$mine/objects"
}

restore() {
    cd "$mine"
    rm -rf place
    cp -a scene place
    cd place
    place_load "$mine/objects"
    place_line "$@"
}

# The command of a row, as a process whose id the relay knows. Its status.
try() { # ROW
    local status=0
    eval "set -- ${commands[$1]}"
    # shellcheck disable=SC2016 # the inner shell's
    {
        timeout -k 1 "$PATIENCE" sh -c 'echo $$ >"$1.pid"; shift; exec "$0" "$@"' "$program" "$PLACE_CONTROL" -C "${stores[row]}" -o json "$@" \
            >said 2>errors </dev/null
    } 2>/dev/null || status=$?
    return "$status"
}

# ---- judging ----

wrong() { printf 'wrong: %s %s %s: %s\n' "${names[row]}" "$turn" "$word" "$1"; bad=$((bad + 1)); }

heads_of() { sqlite3 "$1/escrow.db" "SELECT author || ' ' || number || ' ' || hex(hash) FROM head ORDER BY 1"; }
entries_of() { sqlite3 "$1/escrow.db" 'SELECT author || seq FROM entry ORDER BY 1'; }

# What lies there, into now/: each segment is what its name says, each head is whole, and none is another one than before.
judge_place() { # FOLDER-BEFORE
    local name sum
    rm -rf now
    place_save now
    while read -r name; do
        sum=${name##*-}
        [ "$(sha256sum <"now/$name")" = "${sum%.ndjson}  -" ] || wrong "$name is not what its name says"
    done < <(cd now && find log -name '*.ndjson')
    while read -r name; do
        [ "$(wc -l <"now/$name")" -eq 5 ] || wrong "$name is half"
    done < <(cd now && find head -type f ! -name '.keymuster-*')
    while read -r name; do
        cmp -s "$1/$name" "now/$name" || wrong "$name is another than it was, or gone"
    done < <(cd "$1" && find head log -type f ! -name '.keymuster-*')
}

# Everything of the store is there, as a stranger reads it.
judge_whole() { # STORE
    local line author hash missing
    missing=$(comm -23 <(heads_of "$1" | cut -d ' ' -f 3 | tr A-F a-f | sort) <(find now/head -type f -exec sha256sum {} + | cut -d ' ' -f 1 | sort))
    # A store need not hold, nor a copy show, each earlier head of another author.
    while read -r hash; do
        line=$(heads_of "$1" | tr A-F a-f | grep " $hash\$") || continue
        author=${line%% *}
        [ "$author" != "$("$KEYMUSTER" -o json -C "$1" status | jq -r .author)" ] || wrong "its own head $line is not there"
    done <<<"$missing"
    rm -rf reader
    "$KEYMUSTER" -C reader join --offline --from ./now --site mad --yes >looked 2>&1 || { wrong "a stranger: $(cat looked)"; return; }
    missing=$(comm -23 <(entries_of "$1") <(entries_of reader))
    [ -z "$missing" ] || wrong "it lacks $missing"
}

judge() { # STATUS
    local status=$1 who=${stores[row]} before
    case $word-$status in
    kill-*-137) ;;
    *-124 | *-137) wrong "hung, or killed by another: $status" ;;
    *) grep -qx "$status" "$mine/exits" || wrong "status $status is not documented" ;;
    esac
    judge_place "$mine/objects"
    rm -rf reader
    "$KEYMUSTER" -C reader join --offline --from ./now --site mad --yes >looked 2>&1 || wrong "what it left cannot be read: $(cat looked)"
    if [ "$status" -eq 0 ] && [ -n "${find[row]}" ] && [ "$(jq -r '.released // true' said 2>/dev/null)" != false ] &&
        ! grep -q 'not reached\|could not be published' errors; then
        grep -rqF "${find[row]}" now/log || wrong "acknowledged, and not there: $(cat said errors)"
    fi
    if [ -e "$who/escrow.db" ]; then
        "$KEYMUSTER" -C "$who" verify >looked 2>&1 || wrong "verify: $(cat looked)"
    fi
    before=$(entries_of store)
    [ -z "$(comm -23 "$mine/entries" <(printf '%s\n' "$before"))" ] || wrong 'entries are missing'
    rm -f given
    place_line pass
    mv now earlier
    status=0
    program=$KEYMUSTER try "$row" || status=$?
    case " ${again[row]} " in *" $status "*) ;; *) wrong "again: $status, $(cat said errors)" ;; esac
    # What a command that changed something itself has not sent goes with the next.
    "$KEYMUSTER" -C "$who" sync >looked 2>&1 || wrong "sync: $(cat looked)"
    judge_place earlier
    judge_whole "$who"
}

# ---- walking ----

strike() { # of row: turn, word
    local status=0
    restore "$word" "$turn"
    if [ "$word" = mute ]; then export KEYMUSTER_TIMEOUT=1s; fi
    try "$row" || status=$?
    unset KEYMUSTER_TIMEOUT
    if [ "$(place_count struck)" -eq 1 ]; then
        faults=$((faults + 1))
        judge "$status"
    else
        passed=$((passed + 1)) # what is said in how many pieces is not always the same
    fi
}

wanted() {
    count=$((count + 1))
    case $setting in
    full) [ "$word" != mute ] || [ $((turn % 10)) -eq 0 ] ;;
    planted) [ "$bad" -eq 0 ] && [ "$word" = "$only_word" ] && [ $((turn % 5)) -eq 0 ] ;;
    one) [ "$word" = "$only_word" ] && [ "$turn" = "$only_turn" ] ;;
    *) [ $((count % (THIN * (1 + turns / 400)))) -eq 0 ] && { [ "$word" != mute ] || [ $((count / THIN % 5)) -eq 0 ]; } ;;
    esac
}

walk() {
    local turns faulted=$faults
    restore pass
    turn=0 word=none
    entries_of store >"$mine/entries"
    program=$KEYMUSTER try "$row" || wrong "without a fault: $? $(cat said errors)"
    turns=$(place_count turns)
    [ "$turns" -gt 0 ] || wrong 'it asks nothing'
    for ((turn = 1; turn <= turns; turn++)); do
        for word in "${FAULTS[@]}"; do
            ! wanted || strike
        done
    done
    requests=$((requests + turns))
    echo "${names[row]}: $turns turns, $((faults - faulted)) faults"
}

worker() { # NUMBER
    trap place_stop EXIT
    faults=0 bad=0 requests=0 walked=0 passed=0 count=0
    begin "$1"
    for ((row = 0; row < ${#names[@]}; row++)); do
        if [[ -n $only && $only != "${names[row]}" ]]; then continue; fi
        mkdir "$top/claim.$row" 2>/dev/null || continue
        walk
        walked=$((walked + 1))
    done
    echo "$walked $requests $faults $bad $passed" >"$top/sums.$1"
}

rows
only='' only_word='' only_turn=''
program=$KEYMUSTER
case $setting in
planted)
    program=$KM_TOOLS/plant-$1
    only=$2 only_word=$3 JOBS=1
    ;;
one)
    only=$1 only_turn=$2 only_word=$3 JOBS=1
    echo "left in $top"
    ;;
esac
pids=()
for ((job = 0; job < JOBS; job++)); do
    worker "$job" >"$top/out.$job" 2>&1 &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || true; done
cat "$top"/out.*
read -r walked requests faults bad passed < <(cat "$top"/sums.* | awk '{ w += $1; r += $2; f += $3; b += $4; p += $5 } END { print w + 0, r + 0, f + 0, b + 0, p + 0 }')
[ "$(find "$top" -name 'sums.*' | wc -l)" -eq "$JOBS" ] || { echo 'a worker gave up'; bad=$((bad + 1)); }
printf '%s %s: %d faults at %d turns of %d commands (%d times it was over before), %d wrong, %d s\n' "$kind" "$setting" "$faults" "$requests" \
    "$walked" "$passed" "$bad" "$SECONDS"
case $setting in
planted) ok=$((bad > 0)) what="${program##*/} is caught" ;;
one) ok=$((bad == 0)) what="$only $only_turn $only_word" ;;
*) ok=$((bad == 0 && faults >= LEAST)) what="faults at every request to $kind: at least $LEAST wanted" ;;
esac
if [ "$ok" -eq 0 ]; then
    echo "not ok 1 $what"
    exit 1
fi
echo "ok 1 $what"
