#!/usr/bin/env bash
# Faults at every request that a command makes to IBM's IAM and KMSs, as the simulator (tests/sim) plays them. For each
# command of a table (rows): its requests are counted; then for each of them, by number, and each kind of fault: keymuster
# is killed when the request has arrived (carried out or not), the line is cut, the answer is an error, a lie, HTML, late.
# After each:
#   it ended by itself, with a documented status; with 0 only if what was to be done is there
#   no root key is called, or recorded as, destroyed, disabled, expired or gone, unless the command did that
#   what was handed out has its record; nothing else says a secret, an API key or a token
#   verify passes, what was there is there, and the same command again does what is missing
#
#   requests.sh fast|full              a twelfth of the faults (and a kill at each request, by turns before and after), or all of them
#   requests.sh planted PLANT ROW KIND the program plant-PLANT must be caught there, at some request
#   requests.sh one ROW N KIND         this one, and the folder is left
#
# Environment: KEYMUSTER, KM_TOOLS (kms_sim), KM_FAULT=full, KM_FAULT_JOBS (6; most of the time they wait). Prints a line
# of sums and a TAP line.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/lib/sim.bash
. "$here/../lib/sim.bash"
# shellcheck source=tests/fault/frame.bash
. "$here/frame.bash"
: "${KEYMUSTER:?}"
setting=${1:?fast, full, planted or one}
shift
[ "$setting" != fast ] || [ "${KM_FAULT-}" != full ] || setting=full
LEAST=350 # faults, in the fast setting
JOBS=${KM_FAULT_JOBS:-6}
PATIENCE=20 # seconds after which a command hangs

umask 077
export LANG=C.UTF-8 TZ=UTC
for name in $(compgen -e KEYMUSTER_); do unset "$name"; done
top=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" requests.XXXXXX)
finish() {
    if [ "$setting" != one ]; then rm -rf -- "$top"; fi
}
trap finish EXIT

# ---- the table ----

# row NAME AGAIN COMMAND THERE FILTER [PREPARE]...; looks: the same, of a command that ends 0 whatever it finds
#   COMMAND    what is tried; words of the shell
#   AGAIN      the statuses with which it may end when it is run once more, after a fault; a word more is put behind it
#   THERE      a command that looks, and a jq filter that holds when COMMAND is done; none: a secret came out, on record
#   PREPARE    commands before; +N moves the KMS's clock by N seconds
# shellcheck disable=SC2016 # a row's words are expanded when it is tried
rows() {
    # every day
    row create '0 --if-missing' 'create vbr/new --purpose backup-job --root fra-main --root mad-main' \
        'show vbr/new --wraps' '.wraps | length == 2'
    row create-config '0 --if-missing' 'create vbr/config --purpose config-backup --root mad-main --aad one' \
        'show vbr/config --wraps' '.wraps | length == 1'
    row rekey 0 'rekey vbr/both' 'show vbr/both --wraps' '.generation > 1 and (.wraps | length == 2)'
    row record 0 'record vbr/old --purpose backup-job --root fra-main --wrapped file:wdek' 'show vbr/old --wraps' '.wraps | length == 1'
    row adopt 0 'record vbr/adopted --purpose other --root fra-main --root mad-main --secret file:adopted' \
        'show vbr/adopted --wraps' '.wraps | length == 2'
    row import 0 'import rows --root fra-main --purpose other' 'list' '[.keys[] | select(.name | startswith("im/"))] | length == 3'
    row wrap-add 0 'wrap add vbr/first --root mad-main' 'show vbr/first --wraps' 'any(.wraps[]; .root == "mad-main")'
    row rewrap 0 'rewrap --stale --yes' 'rewrap --all -n --offline' '.planned == 0' 'root rotate fra-main'
    row rewrap-one 0 'rewrap vbr/first' 'show vbr/first --wraps' 'any(.wraps[]; .how == "rewrap")' 'root rotate fra-main'
    row rehome 0 'rehome --all --to mad-main --yes' 'rehome --all --to mad-main -n --offline' '.planned == 0'
    row rehome-map 0 'rehome --map map --yes' 'show vbr/first --wraps' 'any(.wraps[]; .root == "mad-main")'
    row upkeep 0 'upkeep' 'rewrap --all -n --offline' '.planned == 0' 'root rotate fra-main'
    # root keys
    row root-create '0 6' 'root create new --kms kp-fra' 'root list' 'any(.items[]; .name == "new" and .state == "active")'
    row root-add '0 6' 'root add again --kms kp-fra --key "$KEPT"' 'root list' 'any(.items[]; .name == "again")'
    looks root-check 0 'root check' 'root list' 'any(.items[]; .name == "fra-main" and .versions == 2)' 'elsewhere fra-main rotate'
    row root-rotate '0 5' 'root rotate fra-main' 'root list' 'any(.items[]; .name == "fra-main" and .version != .id)'
    row root-disable '0 14' 'root disable spare --yes' 'root list' 'any(.items[]; .name == "spare" and .state == "suspended")'
    row root-enable '0 14' 'root enable spare' 'root list' 'any(.items[]; .name == "spare" and .state == "active")' \
        'root disable spare --yes' +40
    row root-destroy '0 14' 'root destroy spare --confirm spare' 'root list' 'any(.items[]; .name == "spare" and .state == "destroyed")'
    row root-restore '0 14' 'root restore spare' 'root list' 'any(.items[]; .name == "spare" and .state == "active")' \
        'root destroy spare --confirm spare' +40
    # KMSs
    row kms-add '0 6' 'kms add new --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" --credential "file:$SIM_APIKEY"' \
        'kms test new' .reachable
    row kms-set 0 'kms set kp-fra --endpoint "$SIM_KMS/" --iam "$SIM_IAM" --ca "$SIM_CA" --credential "file:$SIM_APIKEY_READER"' \
        'kms test kp-fra' .reachable
    row kms-test 0 'kms test kp-fra' 'kms test kp-fra' .reachable
    looks doctor '0 3' 'doctor' 'kms list' '.items | length == 2'
    # a secret comes out
    row reveal 0 'reveal vbr/both --reason test --to -' '' ''
    row reveal-file 0 'reveal vbr/first --reason test --to file:out/given' '' ''
    row reveal-from 0 'reveal vbr/first --from ./usb --site mad --yes --reason test --to file:out/given --credential "kp-fra=file:$SIM_APIKEY_READER" --endpoint "kp-fra=$SIM_KMS" --iam "kp-fra=$SIM_IAM" --ca "kp-fra=$SIM_CA"' \
        '' ''
    row reveal-bare 0 'reveal --wrapped file:wdek --root "$FRA_CRN" --reason test --to file:out/given --credential "file:$SIM_APIKEY_READER" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA"' \
        '' ''
    row exec 0 'exec vbr/both --reason test -- tee out/given' '' ''
}

names=() again=() commands=() find=() filters=() prepares=() acks=()
row() {
    names+=("$1") again+=("$2") commands+=("$3") find+=("$4") filters+=("$5")
    acks+=("${ack-1}")
    shift 5
    prepares+=("$(printf '%s\n' "$@")")
}
looks() { ack=0 row "$@"; }

# KIND and the members of a fault (head of tests/sim/faults.c).
kinds() {
    cat <<'K'
kill-before "kind": "drop-before", "kill": "PID"
kill-after "kind": "drop-after", "kill": "PID"
cut-before "kind": "drop-before"
cut-after "kind": "drop-after"
cut-all "kind": "drop-after", "count": -1
400 "status": 400, "count": -1
401-once "status": 401
401 "status": 401, "count": -1
403 "status": 403, "count": -1
429-once "status": 429
429 "status": 429, "count": -1
500-once "status": 500
500 "status": 500, "count": -1
503 "status": 503, "headers": {"Retry-After": "1"}
html "kind": "html", "status": 200
html-502 "kind": "html", "count": -1
malformed "kind": "malformed"
truncated "kind": "truncated", "count": -1
empty "kind": "empty-after"
lie "kind": "other-plaintext"
late "kind": "drop-after", "delay_ms": 1500
K
}

# ---- one worker: a simulator, a scene, a folder ----

store() { "$KEYMUSTER" -C store "$@" >quiet 2>&1 || { printf 'keymuster %s: ' "$*"; cat quiet; return 1; }; }

add_kms() { # NAME SITE URL INSTANCE
    store kms add "$1" --site "$2" --provider ibm --instance "$4" --endpoint "$3" --iam "$SIM_IAM" --ca "$SIM_CA" \
        --credential "file:$SIM_APIKEY"
}

root_id() { "$KEYMUSTER" -o json -C store root list | jq -r --arg n "$1" '.items[] | select(.name == $n).id'; }

# Something that another person does in the KMS.
elsewhere() { # ROOT ACTION
    SIM_TOKEN=$(sim_token manager)
    sim_call POST "keys/$(root_id "$1")/actions/$2" '{}' >quiet
    SIM_TOKEN=
}

scene() {
    mkdir -p home usb out
    printf 'canary-adopted-7Qx2' >adopted
    store init --site fra
    store site add mad
    add_kms kp-fra fra "$SIM_KMS" "$SIM_INSTANCE"
    add_kms kp-mad mad "$SIM_KMS_MAD" "$SIM_INSTANCE_MAD"
    local root wrap
    for root in fra-main spare kept; do store root create "$root" --kms kp-fra; done
    store root create mad-main --kms kp-mad
    store copy add usb ./usb --site mad
    store create vbr/first --purpose backup-job --root fra-main
    store create vbr/both --purpose backup-job --root fra-main --root mad-main
    wrap=$("$KEYMUSTER" -o json -C store show vbr/first --wraps | jq -r '.wraps[0].ciphertext')
    printf '%s' "$wrap" >wdek
    for name in 1 2 3; do jq -nc --arg w "$wrap" --arg n "im/$name" '{name: $n, wrapped: $w}'; done >rows
    printf 'vbr/first\tmad-main\nvbr/both\tspare\n' >map
}

# In the scene, and then a row's.
begin() {
    mine=$top/$1
    mkdir -p "$mine/place"
    export HOME=$mine/place/home XDG_STATE_HOME=$mine/place/home/state
    sim_start "$mine/sim"
    cd "$mine/place"
    scene
    jq -r '.exits[].exit' <<<"$("$KEYMUSTER" explain -o json)" >"$mine/exits"
    KEPT=$(sim_control POST keys '{"instance": "fra", "versions": [{"id": "11111111-2222-4333-8444-555555555555", "material": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}]}' | jq -r .id)
    FRA_CRN=crn:v1:bluemix:public:kms:eu-de:a/0123456789abcdef0123456789abcdef:$SIM_INSTANCE:key:$(root_id fra-main)
    export KEPT FRA_CRN
    # What nothing may say; each API key, and every token's beginning.
    { cat "$mine"/sim/apikey.*; printf 'eyJ\ncanary-\n'; } | grep . >"$mine/secrets"
    keep scene
}

keep() { # NAME
    rm -rf "${mine:?}/$1"
    cp -a . "$mine/$1"
    sim_control POST keep "{\"name\": \"$1\"}" >/dev/null
}

restore() { # NAME FAULT
    cd "$mine"
    rm -rf place
    cp -a "$1" place
    cd place
    sim_control POST again "{\"name\": \"$1\"${2:+, $2}}" >/dev/null
}

states() { "$KEYMUSTER" -o json -C store root list | jq -c '[.items[] | .name + " " + .state]'; }

# The command of a row, as a process whose id is in the file pid. Its status.
try() { # ROW [WORD]
    local status=0
    eval "set -- ${commands[$1]} ${2-}"
    # shellcheck disable=SC2016 # the inner shell's
    { timeout -k 1 "$PATIENCE" sh -c 'echo $$ >pid; exec "$0" "$@"' "$program" -C store -o json "$@" >said 2>errors </dev/null; } 2>/dev/null || status=$?
    return "$status"
}

# Records of something shown, in all stores there are.
shown() {
    local db n=0
    while read -r db; do
        n=$((n + $(sqlite3 "$db" "SELECT count(*) FROM entry WHERE instr(line, '\"kind\":\"reveal.shown\"') > 0")))
    done < <(find . -name escrow.db)
    echo "$n"
}

came_out() { [ -s out/given ] || { [ -z "${find[$1]}" ] && [ -s said ] && ! grep -q '^{' said; }; }

there() { # ROW
    if [ -z "${find[$1]}" ]; then
        came_out "$1" && [ "$(shown)" -ge 1 ]
    else
        # shellcheck disable=SC2086 # words
        "$KEYMUSTER" -o json -C store ${find[$1]} >looked 2>looked.err && jq -e "${filters[$1]}" looked >/dev/null
    fi
}

# ---- judging ----

wrong() { printf 'wrong: %s %s %s: %s\n' "${names[row]}" "$n" "$kind" "$1"; bad=$((bad + 1)); }

# A root key's state may be what it was, or what the command makes of it.
judge_states() {
    local now
    now=$(states)
    [ "$now" = "$before" ] || [ "$now" = "$after" ] || wrong "root keys: $now"
    [ "$before" = "$after" ] || return 0
    ! grep -qE '"code":"KM30(05|06|07|08|15|24|25)"|"state":"(destroyed|suspended|deactivated)"' said errors ||
        wrong "it calls a root key gone: $(cat said errors)"
}

judge() { # STATUS STRUCK
    local status=$1 words
    case $kind-$status in
    kill-*-137) ;;
    *-124 | *-137) wrong "hung, or killed by another: $status" ;;
    *) grep -qx "$status" "$mine/exits" || wrong "status $status is not documented" ;;
    esac
    [ "$status" -ne 0 ] || [ "${acks[row]}" -eq 0 ] || there "$row" || wrong "acknowledged, and not there: $(cat said errors looked 2>/dev/null)"
    if [ "$kind" = lie ] && [ "$status" -eq 0 ]; then wrong 'a lie is believed'; fi
    judge_states
    came_out "$row" && [ "$(shown)" -eq 0 ] && wrong 'a secret came out without a record'
    ! grep -qFf "$mine/secrets" said errors || wrong "it says a secret: $(grep -hFf "$mine/secrets" said errors)"
    "$KEYMUSTER" -C store verify >looked 2>&1 || wrong "verify: $(cat looked)"
    [ "$(sqlite3 store/escrow.db 'SELECT count(*) FROM entry')" -ge "$entries" ] || wrong 'entries are missing'
    rm -f out/given
    read -ra words <<<"${again[row]}"
    status=0
    program=$KEYMUSTER KEYMUSTER_TIMEOUT=10s try "$row" "${words[-1]//[0-9]/}" || status=$?
    case " ${again[row]} " in *" $status "*) ;; *) wrong "again: $status, $(cat said errors)" ;; esac
    there "$row" || wrong "again, and not there: $(cat said errors looked 2>/dev/null)"
}

# ---- walking ----

strike() { # KIND MEMBERS; of row, request n
    local status=0 members=${2//PID/$mine/place/pid}
    restore row "\"fault\": {\"skip\": $((n - 1)), $members}"
    KEYMUSTER_TIMEOUT=1s try "$row" || status=$?
    if sim_control DELETE faults | grep -q '"hits":[1-9]'; then
        faults=$((faults + 1))
        judge "$status"
    else
        wrong "it did not strike: $status $(cat said errors)"
    fi
}

wanted() { # INDEX OF KIND
    # What a wrap without a check value opens to cannot be told to be another value.
    case $kind-${names[row]}-${paths[n - 1]} in
    lie-import-* | lie-record-* | lie-reveal-bare-*) return 1 ;;
    lie-*/unwrap) ;;
    lie-*) return 1 ;;
    esac
    case $setting-$kind in
    full-*) ;;
    fast-kill-*) [ $(((n + $1) % 2)) -eq 0 ] ;;
    planted-*) [ "$bad" -eq 0 ] && [ "$kind" = "$only_kind" ] ;;
    one-*) [ "$kind" = "$only_kind" ] && [ "$n" = "$only_n" ] ;;
    *) [ $(((row + n + $1) % 12)) -eq 0 ] ;;
    esac
}

# shellcheck disable=SC2120 # "$@" is the step's words
# The starting state, and what the command does there without a fault.
set_out() {
    local step
    restore scene ''
    while read -r step; do
        case $step in
        '') ;;
        +*) sim_move "${step#+}" ;;
        elsewhere*) eval "$step" ;;
        *) eval "set -- $step"; store "$@" ;;
        esac
    done <<<"${prepares[row]}"
    keep row
    before=$(states)
    entries=$(sqlite3 store/escrow.db 'SELECT count(*) FROM entry')
    restore row ''
    n=0 kind=none
    program=$KEYMUSTER KEYMUSTER_TIMEOUT=10s try "$row" || wrong "without a fault: $? $(cat said errors)"
    mapfile -t paths < <(sim_log '.[] | select(.path != "/") | .path')
    there "$row" || wrong "without a fault, and not there: $(cat said errors looked 2>/dev/null)"
    after=$(states)
    [ ${#paths[@]} -gt 0 ] || wrong 'it asks nothing'
}

walk() {
    local i members faulted=$faults
    # shellcheck disable=SC2119
    set_out
    for ((n = 1; n <= ${#paths[@]}; n++)); do
        i=0
        while read -r kind members; do
            i=$((i + 1))
            ! wanted "$i" || strike "$kind" "$members"
        done < <(kinds)
    done
    requests=$((requests + ${#paths[@]}))
    echo "${names[row]}: ${#paths[@]} requests, $((faults - faulted)) faults"
}

frame_run sim_stop "$@"
