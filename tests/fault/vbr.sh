#!/usr/bin/env bash
# Faults at every request that a command makes to a backup server, as the simulator (tests/sim/vbr.c) plays it. For each
# command of a table (rows): its requests are counted; then for each of them, by number, and each kind of fault: keymuster
# is killed when the request has arrived (carried out or not), the line is cut, the answer is an error or no JSON, the
# server is restarted. After each:
#   it ended by itself, with a documented status; with 0 only if what was to be done is there
#   the escrow was first: whatever is at the server under a key's id is that key, in the escrow, with that value
#   nothing says a secret; verify passes, what was there is there
#   each request, also of what goes on, is one that the interface description has, and each answer one that it declares (openapi.bash)
#   the command that goes on (the row's) does what is missing, and no password is there twice
#
#   vbr.sh fast|full              a tenth of the faults (and a kill at each request, by turns before and after), or all of them
#   vbr.sh planted PLANT ROW KIND the program plant-PLANT must be caught there, at some request
#   vbr.sh one ROW N KIND         this one, and the folder is left
#
# Environment: KEYMUSTER, KM_TOOLS (vbr_sim, kms_tool), KM_FAULT=full, KM_FAULT_JOBS (4). Prints a line of sums and a TAP line.
# What a row's words are is expanded when it is tried.
# shellcheck disable=SC2016
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/lib/vbr.bash
. "$here/../lib/vbr.bash"
# shellcheck source=tests/lib/openapi.bash
. "$here/../lib/openapi.bash"
# shellcheck source=tests/fault/frame.bash
. "$here/frame.bash"
: "${KEYMUSTER:?}" "${KM_SOURCE:=$here/../..}"
setting=${1:?fast, full, planted or one}
shift
[ "$setting" != fast ] || [ "${KM_FAULT-}" != full ] || setting=full
LEAST=100 # faults, in the fast setting
JOBS=${KM_FAULT_JOBS:-4}
PATIENCE=30 # seconds after which a command hangs

umask 077
export LANG=C.UTF-8 TZ=UTC
for name in $(compgen -e KEYMUSTER_); do unset "$name"; done
top=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" vbr.XXXXXX)
finish() {
    if [ "$setting" != one ]; then rm -rf -- "$top"; fi
}
trap finish EXIT

# ---- the table ----

# row NAME COMMAND ON THERE SETTLED [PREPARE]...
#   ON         commands that go on after a fault, a line each; each must end 0, or with the status before a colon
#   THERE      a jq filter over {vbr: what is at the server, entries: bodies by kind, of this escrow} that holds when COMMAND is done
#   SETTLED    the same after ON
rows() {
    local pushed='any(.vbr.passwords[]; .uniqueId == $job) and any(.entries["key.delivered"][]?; .key == $job)'
    row push 'vbr push vbr/job' 'vbr push vbr/job' "$pushed" "$pushed"
    row push-config 'vbr push vbr/config --config-backup' 'vbr push vbr/config --config-backup' \
        '.vbr.sessions[-1].result.result == "Success" and .vbr.config.encryption.isEnabled' \
        '.vbr.config.encryption.passwordId == (.vbr.passwords[] | select(.uniqueId == $config).id)'
    row create 'create vbr/new --purpose backup-job --root fra-main --to vbr:one' \
        $'create vbr/new --purpose backup-job --root fra-main --if-missing\nvbr push vbr/new' \
        'any(.entries["key.delivered"][]?; .to == "vbr:one")' 'any(.vbr.passwords[]; .hint | startswith("vbr/new | "))'
    row rekey 'rekey vbr/job --to vbr:one' 'vbr push vbr/job' \
        'any(.vbr.passwords[]; .hint | startswith("vbr/job@2 | "))' 'any(.vbr.passwords[]; .hint | startswith("vbr/job"))' \
        'vbr push vbr/job'
    row rekey-config 'rekey vbr/config --to vbr:one' 'vbr push vbr/config --config-backup' \
        '.vbr.config.encryption.passwordId == (.vbr.passwords[] | select(.hint | startswith("vbr/config@2 | ")).id)' \
        '.vbr.sessions[-1].result.result == "Success"' 'vbr push vbr/config --config-backup'
    row rewrap 'rewrap vbr/job' $'upkeep\nvbr push vbr/job' '.entries["vbr.observed"][-1].hint_wrap == $newest' \
        '.entries["vbr.observed"][-1].hint_wrap == $newest' 'vbr push vbr/job' 'root rotate mad-main'
    row verify 'vbr verify vbr/job' 'vbr verify vbr/job' '.entries["vbr.observed"][-1].result == "verified"' \
        '.entries["vbr.observed"][-1].result == "verified"' 'vbr push vbr/job'
    row remove 'vbr remove vbr/gone --reason R --confirm vbr/gone' 'vbr remove vbr/gone --reason R --confirm vbr/gone' \
        'all(.vbr.passwords[]; .hint | startswith("vbr/gone") | not) and (.entries["vbr.observed"][-1].result | IN("removed", "gone"))' \
        'all(.vbr.passwords[]; .hint | startswith("vbr/gone") | not) and (.entries["vbr.observed"][-1].result | IN("removed", "gone"))' \
        'create vbr/gone --purpose backup-job --root fra-main --root mad-main --to vbr:one' \
        'root destroy fra-main --confirm fra-main' 'root destroy mad-main --confirm mad-main'
    row adopt 'vbr adopt one vbr/script --purpose backup-job' 'vbr adopt one vbr/script --purpose backup-job' \
        'any(.entries["key.delivered"][]?; .vbr_id == $script and .verified)' 'any(.entries["key.delivered"][]?; .vbr_id == $script)'
    row adopt-typed 'vbr adopt one 123a --key vbr/own --purpose other --root mad-main --secret file:own' \
        'vbr adopt one "$OWN" --key vbr/own --purpose other --root mad-main --secret file:own' \
        'any(.entries["key.delivered"][]?; .vbr_id == $own)' \
        'any(.vbr.passwords[]; .id == $own and (.hint | startswith("vbr/own | "))) and ([.entries["key.created"][] | select(.name == "vbr/own")] | length == 1)'
    row adopt-hole 'vbr adopt one 123a --key vbr/own --purpose other --unknown' '3:vbr adopt one 123a --key vbr/own --purpose other --unknown' \
        'any(.entries["key.delivered"][]?; .vbr_id == $own)' '[.entries["key.created"][] | select(.name == "vbr/own")] | length == 1'
}

names=() commands=() ons=() filters=() settled=() prepares=()
row() {
    names+=("$1") commands+=("$2") ons+=("$3") filters+=("$4") settled+=("$5")
    shift 5
    prepares+=("$(printf '%s\n' "$@")")
}

# KIND and the members of a fault (head of tests/sim/vbr.c).
kinds() {
    cat <<'K'
kill-before "kind": "drop-before", "kill": "PID"
kill-after "kind": "drop-after", "kill": "PID"
cut-before "kind": "drop-before", "count": 1000
cut-after "kind": "drop-after"
cut-all "kind": "drop-after", "count": 1000
400 "status": 400, "count": 1000
401 "status": 401
403 "status": 403, "count": 1000
500 "status": 500
503 "status": 503, "count": 1000
malformed "kind": "malformed"
restart "kind": "restart"
K
}

# ---- one worker: a simulator, a scene, a folder ----

store() { "$KEYMUSTER" -C store "$@" >quiet 2>&1 || { printf 'keymuster %s: ' "$*"; cat quiet; return 1; }; }

add_kms() { # STORE NAME SITE
    "$KEYMUSTER" -C "$1" kms add "$2" --site "$3" --provider local --file "$mine/$2.kms" --credential "file:$mine/$2.pass" >quiet 2>&1
}

# A password that scripts made: its key is in a store of its own, under the same root key.
script_made() {
    local key
    key=$("$KEYMUSTER" -o json -C store root list | jq -r '.items[] | select(.name == "mad-main").id')
    "$KEYMUSTER" -C old init --site fra >quiet 2>&1
    "$KEYMUSTER" -C old site add mad >quiet 2>&1
    add_kms old kp-mad mad
    "$KEYMUSTER" -C old root add mad-main --kms kp-mad --key "$key" >quiet 2>&1
    "$KEYMUSTER" -C old create vbr/script --purpose backup-job --root mad-main --to file:script --allow-unsynced >quiet 2>&1
    "$KEYMUSTER" -o json -C old show vbr/script | jq -r '"vbr/script | " + .wraps[0].ciphertext' >script.hint
}

put_there() { # ID HINT PASSWORD-FILE
    vbr_control POST passwords "$(jq -nc --arg i "$1" --arg h "$2" --rawfile p "$3" '[{id: $i, hint: $h, uniqueId: "", isImported: false,
        modificationTime: "2026-01-01T00:00:00Z", password: $p}]')" >/dev/null
}

scene() {
    local name
    mkdir -p home usb
    for name in kp-fra kp-mad; do
        head -c 18 /dev/urandom | base64 >"$mine/$name.pass"
        "$KM_TOOLS/kms_tool" new "$mine/$name.kms" "$mine/$name.pass"
    done
    store init --site fra
    store site add mad
    add_kms store kp-fra fra
    add_kms store kp-mad mad
    store root create fra-main --kms kp-fra
    store root create mad-main --kms kp-mad
    store copy add usb ./usb --site mad
    store create vbr/job --purpose backup-job --root fra-main --root mad-main
    store create vbr/config --purpose config-backup --root mad-main
    store vbr add one "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    printf 'canary-own' >own
    script_made
    put_there "$SCRIPT" "$(cat script.hint)" script
    put_there "$OWN" 123a own
    rm -rf old script
}

begin() {
    mine=$top/$1
    OWN=00000000-0000-4000-8000-000000000001 SCRIPT=00000000-0000-4000-8000-000000000002
    mkdir -p "$mine/place"
    export HOME=$mine/place/home XDG_STATE_HOME=$mine/place/home/state
    vbr_start "$mine/sim"
    cd "$mine/place"
    scene
    jq -r '.exits[].exit' <<<"$("$KEYMUSTER" explain -o json)" >"$mine/exits"
    JOB=$("$KEYMUSTER" -o json -C store show vbr/job | jq -r .uuid)
    CONFIG=$("$KEYMUSTER" -o json -C store show vbr/config | jq -r .uuid)
    # What nothing may say.
    { cut -d: -f2- "$VBR_LOGIN"; printf 'canary-\n'; } >"$mine/secrets"
    keep scene
}

keep() { # NAME
    rm -rf "${mine:?}/$1"
    cp -a . "$mine/$1"
    cp -a "$mine"/kp-*.kms "$mine/$1/"
    vbr_control GET state >"$mine/$1/vbr.state"
}

restore() { # NAME
    cd "$mine"
    rm -rf place
    cp -a "$1" place
    cp -a "$1"/kp-*.kms .
    cd place
    vbr_control DELETE faults >/dev/null
    vbr_control POST state "$(cat vbr.state)" >/dev/null
    vbr_control DELETE log >/dev/null
}

# A command of words, as a process whose id is in the file pid.
try() { # WORDS
    local status=0
    eval "set -- $1"
    { timeout -k 1 "$PATIENCE" sh -c 'echo $$ >pid; exec "$0" "$@"' "$program" -C store -o json "$@" >said 2>errors </dev/null; } 2>/dev/null || status=$?
    return "$status"
}

there() { # FILTER
    local newest
    newest=$("$KEYMUSTER" -o json -C store show vbr/job --wraps | jq -r '[.wraps[] | select(.root == "mad-main")][0].id')
    vbr_control GET state >now.vbr
    "$KEYMUSTER" -o ndjson -C store audit log 2>/dev/null | jq -c 'select(.entry.kind? != null) | .entry | {kind, body}' |
        jq -sc 'group_by(.kind) | map({key: .[0].kind, value: map(.body)}) | from_entries' >now.entries
    jq -n --slurpfile v now.vbr --slurpfile e now.entries --arg job "$JOB" --arg config "$CONFIG" --arg own "$OWN" --arg script "$SCRIPT" \
        --arg newest "$newest" "{vbr: \$v[0], entries: \$e[0]} | $1" >now.holds 2>&1 && [ "$(cat now.holds)" = true ]
}

# ---- judging ----

wrong() { printf 'wrong: %s %s %s: %s\n' "${names[row]}" "$n" "$kind" "$1"; bad=$((bad + 1)); }

# What is there under a key's id is that key; and none is there twice.
judge_server() {
    local unique
    vbr_control GET state >now.vbr
    while read -r unique; do
        jq -j --arg u "$unique" '[.passwords[] | select(.uniqueId == $u)][0].password' now.vbr >now.secret
        "$KEYMUSTER" -C store --no-input check "$unique" --secret file:now.secret >looked 2>&1 ||
            wrong "at the server, and not so in the escrow: $unique: $(cat looked)"
    done < <(jq -r '.passwords[].uniqueId | select(. != "")' now.vbr | sort -u)
    jq -e '[.passwords[].uniqueId | select(. != "")] | length == (unique | length)' now.vbr >/dev/null || wrong 'twice at the server'
    rm -f now.secret
}

judge_fault() { # STATUS
    local status=$1 words want
    case $kind-$status in
    kill-*-137) ;;
    *-124 | *-137) wrong "hung, or killed by another: $status" ;;
    *) grep -qx "$status" "$mine/exits" || wrong "status $status is not documented" ;;
    esac
    # A hint that is behind is no failure, but it is said.
    [ "$status" -ne 0 ] || there "${filters[row]}" || jq -e '.hints_behind > 0' said >/dev/null 2>&1 || wrong "acknowledged, and not there: $(cat said errors now.holds)"
    ! grep -qFf "$mine/secrets" said errors || wrong "it says a secret: $(grep -hFf "$mine/secrets" said errors)"
    "$KEYMUSTER" -C store verify >looked 2>&1 || wrong "verify: $(cat looked)"
    [ "$(sqlite3 store/escrow.db 'SELECT count(*) FROM entry')" -ge "$entries" ] || wrong 'entries are missing'
    judge_server
    while read -r words; do
        want=0
        case $words in [0-9]*:*) want=${words%%:*} words=${words#*:} ;; esac
        status=0
        KEYMUSTER_TIMEOUT=20s try "$words" || status=$?
        [ "$status" -eq "$want" ] || wrong "on, $words: $status, $(cat said errors)"
    done <<<"${ons[row]}"
    there "${settled[row]}" || wrong "on, and not settled: $(cat said errors now.holds)"
    judge_server
}

# ---- walking ----

strike() { # KIND MEMBERS; of row, request n
    local status=0 members=${2//PID/$mine/place/pid}
    restore row
    vbr_fault "{\"skip\": $((n - 1)), $members}"
    KEYMUSTER_TIMEOUT=1s try "${commands[row]}" || status=$?
    if vbr_control DELETE faults | jq -e '.hits > 0' >/dev/null; then
        faults=$((faults + 1))
        judge_fault "$status"
    else
        wrong "it did not strike: $status $(cat said errors)"
    fi
    vbr_control GET log >>"$mine/exchanges"
}

# What was said while a row was walked, against the interface description.
judge_exchanges() {
    [ -z "$NO_JUDGE" ] || return 0
    jq -sc add "$mine/exchanges" >"$mine/exchanges.json"
    rm "$mine/exchanges"
    judge "$mine/exchanges.json" >"$mine/judged" || wrong "not as the interface is described: $(head -n 5 "$mine/judged")"
    tail -n 1 "$mine/judged"
}

wanted() { # INDEX OF KIND
    case $setting-$kind in
    full-*) ;;
    fast-kill-*) [ $(((n + $1) % 2)) -eq 0 ] ;;
    planted-*) [ "$bad" -eq 0 ] && [ "$kind" = "$only_kind" ] ;;
    one-*) [ "$kind" = "$only_kind" ] && [ "$n" = "$only_n" ] ;;
    *) [ $(((row + n + $1) % 10)) -eq 0 ] ;;
    esac
}

# shellcheck disable=SC2120 # "$@" is the step's words
# The starting state, and what the command does there without a fault.
set_out() {
    local step
    restore scene
    while read -r step; do
        [ -n "$step" ] || continue
        eval "set -- $step"
        store "$@"
    done <<<"${prepares[row]}"
    keep row
    entries=$(sqlite3 store/escrow.db 'SELECT count(*) FROM entry')
    restore row
    n=0 kind=none
    local status=0 want=0
    [ "${names[row]}" != adopt-hole ] || want=3
    program=$KEYMUSTER KEYMUSTER_TIMEOUT=20s try "${commands[row]}" || status=$?
    [ "$status" -eq "$want" ] || wrong "without a fault: $status $(cat said errors)"
    count=$(vbr_log length)
    there "${filters[row]}" || wrong "without a fault, and not there: $(cat said errors now.holds)"
    there "${settled[row]}" || wrong "without a fault, and not settled: $(cat now.holds)"
    [ "$count" -gt 0 ] || wrong 'it asks nothing'
}

walk() {
    local i members faulted=$faults
    # shellcheck disable=SC2119
    set_out
    for ((n = 1; n <= count; n++)); do
        i=0
        while read -r kind members; do
            i=$((i + 1))
            ! wanted "$i" || strike "$kind" "$members"
        done < <(kinds)
    done
    judge_exchanges
    requests=$((requests + count))
    echo "${names[row]}: $count requests, $((faults - faulted)) faults"
}

judge_install
[ -z "$NO_JUDGE" ] || echo "# not judged: $NO_JUDGE"
frame_run vbr_stop "$@"
