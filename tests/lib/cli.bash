# shellcheck shell=bash
# What the .bats files share. Each test has a folder of its own, T, with a fresh home; nothing of the person's settings
# reaches keymuster. The environment gives: KEYMUSTER (the program), KM_TOOLS (folder of the helpers), KM_SOURCE.
#
# Words used here:
#   ends STATUS ARG...    runs keymuster; the exit status must be exactly that. Answer in $output, the rest in $stderr
#   tried COMMAND...      runs a program, whatever its exit status: $status, $output, $stderr
#   says TEXT...          each text is somewhere in what it said, whatever the case of letters
#   silent_on TEXT...     none of them is
#   json FILTER [ARG...]  the answer is one line, valid JSON, and this jq filter holds
#   error_is CODE         with -o json: the last line of standard error is an error with this code
#   fra / mad ARG...      keymuster at that site's store, which must succeed
# bats sets these (run --separate-stderr) and reads those:
# shellcheck disable=SC2154,SC2034

bats_require_minimum_version 1.5.0

: "${KEYMUSTER:?set it to the program, or run ctest}"
: "${KM_TOOLS:?set it to the folder of the test helpers, or run ctest}"
: "${KM_SOURCE:=$(cd -- "$BATS_TEST_DIRNAME/../.." && pwd)}"

# ---- a place for each test ----

# Bats notes a place before each command, to name it when a test fails: a tenth of its time. The commands of the test itself are enough.
trace_the_test_only() {
    set +T
    [ -z "${BATS_TEST_NAME-}" ] || declare -ft -- "$BATS_TEST_NAME"
}

fresh_home() {
    trace_the_test_only
    umask 077
    T=$BATS_TEST_TMPDIR
    export HOME=$T/home
    export XDG_STATE_HOME=$HOME/state XDG_DATA_HOME=$HOME/data XDG_CONFIG_HOME=$HOME/config XDG_RUNTIME_DIR=$HOME/run
    unset "${!KEYMUSTER_@}" "${!RESTIC_@}" "${!LC_@}" SSH_CONNECTION NO_COLOR COLUMNS LANGUAGE
    export LANG=C.UTF-8 TZ=UTC TERM=xterm
    mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
    FRA=$T/fra MAD=$T/mad USB=$T/usb
    cd "$T" || return 1
    started=()
}

setup() { fresh_home; }

# Ends what this test started, and nothing else.
stop_started() {
    local pid
    for pid in ${started[@]+"${started[@]}"}; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

teardown() {
    stop_started
    if [ -n "${mounted-}" ]; then
        umount "$mounted" || true
    fi
    if [ -n "${on_disk-}" ]; then
        cd / && rm -rf -- "$on_disk"
    fi
}

# For a test that is not about files in memory, where all others may lie: a fresh home on the disk.
home_on_disk() {
    on_disk=$(mktemp -d /var/tmp/km.XXXXXX)
    BATS_TEST_TMPDIR=$on_disk fresh_home
}

# ---- running and judging ----

dump() {
    printf 'status %s\n--- answer\n%s\n--- rest\n%s\n' "$status" "$output" "$stderr" >&2
}

# As `run --separate-stderr`, of a program. Nor are the words below made of grep: where a process costs much to start, that would be
# most of the tests' time.
tried() { # COMMAND...
    status=0
    "$@" >"$T.out" 2>"$T.err" || status=$?
    output=$(<"$T.out")
    stderr=$(<"$T.err")
}

ends() {
    local want=$1
    shift
    tried "$KEYMUSTER" "$@"
    if [ "$status" -ne "$want" ]; then
        printf 'keymuster %s\nmust end %s\n' "$*" "$want" >&2
        dump
        return 1
    fi
}

has_said() { # TEXT
    [[ ${output,,}$'\n'${stderr,,} == *"${1,,}"* ]]
}

says() {
    local text
    for text in "$@"; do
        if ! has_said "$text"; then
            printf 'it does not say: %s\n' "$text" >&2
            dump
            return 1
        fi
    done
}

silent_on() {
    local text
    for text in "$@"; do
        if has_said "$text"; then
            printf 'it says: %s\n' "$text" >&2
            dump
            return 1
        fi
    done
}

# Whether a file in memory has the text; those of the tests are left out.
in_memory() {
    grep -rsqF --exclude-dir='km.*' --exclude-dir='bats-run-*' -e "$1" /dev/shm
}

json() {
    local filter=$1
    shift
    if [[ $output == *$'\n'* ]] || ! jq -e "$@" "$filter" >/dev/null <<<"$output"; then
        printf 'not one line of JSON, or it does not hold: %s\n' "$filter" >&2
        dump
        return 1
    fi
}

error_is() { # CODE
    local error=${stderr##*$'\n'}
    if [[ $error != '{"schema":"keymuster.error/1","code":"'"$1"'","exit":'"$status"',"message":"'[!\"]*'","cause":"'[!\"]*'}' ]]; then
        printf 'the error is not %s\n' "$1" >&2
        dump
        return 1
    fi
}

# The answer of a command that must succeed, through jq -r.
ask() { # FILTER ARG...
    local filter=$1
    shift
    "$KEYMUSTER" -o json "$@" | jq -r "$filter"
}

fra() { "$KEYMUSTER" -C "$FRA" "$@" >/dev/null 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }; }
mad() { "$KEYMUSTER" -C "$MAD" "$@" >/dev/null 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }; }

# ---- scenes ----

# Letters and digits of which no eight in a row stand anywhere else.
random_line() {
    local digits=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789
    for _ in {1..24}; do
        printf %s "${digits:SRANDOM%62:1}"
    done
    echo
}

# A passphrase of this name's KMS, and a KMS file that costs nothing to open.
new_kms() { # NAME...
    local name
    for name in "$@"; do
        random_line >"$T/$name.pass"
        "$KM_TOOLS/kms_tool" new "$T/$name.kms" "$T/$name.pass"
    done
}

# The founder's store with both sites, two KMSs and two root keys.
scene_fra() {
    new_kms kp-fra kp-mad
    fra init --site fra --name 'Test escrow'
    fra site add mad
    fra kms add kp-fra --site fra --provider local --file "$T/kp-fra.kms" --credential "file:$T/kp-fra.pass"
    fra kms add kp-mad --site mad --provider local --file "$T/kp-mad.kms" --credential "file:$T/kp-mad.pass"
    fra root create fra-main --kms kp-fra
    fra root create mad-main --kms kp-mad
}

# The same with a copy at the remote site.
scene_copy() {
    scene_fra
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
}

# The same with two released keys.
scene_keys() {
    scene_copy
    fra create vbr/config --purpose config-backup --root mad-main
    fra create vbr/job-sql --purpose backup-job --root fra-main --root mad-main
}

# The same with a second store at the remote site, admitted, its KMS bound.
scene_two() {
    scene_keys
    mad join --from "file://$USB" --site mad --yes
    mad kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    mad sync
    fra author admit "$(ask .author -C "$MAD" status)"
    fra sync
    mad sync
}

# The same, and a key `both` that the two sites made apart.
scene_both() {
    scene_two
    mv "$USB" "$T/away"
    "$KEYMUSTER" -C "$FRA" create both --purpose backup-job --root fra-main || true
    "$KEYMUSTER" -C "$MAD" create both --purpose backup-job --root mad-main || true
    mv "$T/away" "$USB"
    fra sync
    mad sync
    fra sync
}

# What every --from needs at the remote site.
lost_options() {
    lost=(--from "file://$USB" --site mad --yes --credential "kp-mad=file:$T/kp-mad.pass"
        --kms-file "kp-mad=$T/kp-mad.kms")
}

# A known password as a recorded key: NAME, the file with the password, ROOT, its KMS's name.
record_known() {
    "$KM_TOOLS/kms_tool" wrap "$T/$4.kms" "$T/$4.pass" "$3" "$2" >"$T/known.wrap"
    fra record "$1" --purpose backup-job --root "$3" --form bytes --wrapped "file:$T/known.wrap"
}

# COUNT keys vbr/k0 ... with one value, recorded in one go.
many_keys() {
    head -c 32 /dev/urandom >"$T/payload"
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/payload" >"$T/wrap"
    jq -nc --rawfile w "$T/wrap" --argjson n "$1" 'range($n) | {name: "vbr/k\(.)", wrapped: ($w | rtrimstr("\n"))}' >"$T/rows"
    fra import "$T/rows" --root fra-main --purpose backup-job
    mapfile -t many < <(seq -f 'vbr/k%.0f' 0 "$(($1 - 1))")
}

# ---- background ----

# Runs a command in the background until the test ends; waits until its first line is there.
start() { # OUTFILE COMMAND...
    local out=$1 i
    shift
    "$@" >"$out" 2>&1 3>&- &
    started+=($!)
    for i in {1..100}; do
        [ -s "$out" ] && return 0
        sleep 0.05
    done
    printf 'did not start: %s\n' "$*" >&2
    return 1
}

# Mounts a small file system on a folder, or skips the test where that is not permitted.
mount_small() { # FOLDER SIZE
    mkdir -p "$1"
    if ! mount -t tmpfs -o "size=$2,mode=0700" tmpfs "$1" 2>/dev/null; then
        skip 'mounting a small file system is not permitted here'
    fi
    mounted=$1
}

# ---- exact bytes ----

# Exactly the bytes of a key, to a file, as a person's script would take them.
password_of() { # STORE KEY FILE
    "$KEYMUSTER" -C "$1" reveal "$2" --reason 'test compares' --to - >"$3" 2>/dev/null
}
