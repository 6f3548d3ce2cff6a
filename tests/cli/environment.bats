#!/usr/bin/env bats
# The environment cannot weaken it: each of the variables below, set to something hostile, changes no answer and makes no
# file; nor do all of them together. What a variable may do (the allow-list of docs: KEYMUSTER_STORE, _OUTPUT, _COLOR,
# _PROGRESS, _TIMEOUT, _NO_INPUT, HOME, XDG_*, TERM, LANG, LC_*, COLUMNS, NO_COLOR, SSH_CONNECTION,
# CREDENTIALS_DIRECTORY, SOURCE_DATE_EPOCH) is no part of this list. Nor are LD_PRELOAD, LD_LIBRARY_PATH, LD_AUDIT and
# GLIBC_TUNABLES: they act before main; whoever sets them runs another program.

# Each case is a subshell of its own, which is what its variables are for.
# shellcheck disable=SC2030,SC2031
load ../lib/cli
load ../lib/sim

teardown() { sim_stop; }

# Files and folders that a variable would make it read, and a folder for what it would write.
make_evil() {
    E=$T/evil
    mkdir -p "$E/out" "$E/locale" "$E/terminfo" "$E/modules"
    printf 'not a certificate\n' >"$E/ca.pem"
    # Were it read, no server's certificate would do.
    printf 'openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nSignatureAlgorithms = ed448\n' >"$E/openssl.cnf"
    printf 'localhost nowhere.invalid\n' >"$E/hosts"
    printf 'machine 127.0.0.1 login evil password evil\n' >"$E/.netrc"
    printf -- '--insecure\n--proxy http://127.0.0.1:1\n' >"$E/.curlrc"
    find "$E" | sort >"$T/evil.before"
}

# NAME=VALUE, one a line.
variables() {
    cat <<END
SSLKEYLOGFILE=$E/out/keys
SSL_CERT_FILE=$E/ca.pem
SSL_CERT_DIR=$E/out
CURL_CA_BUNDLE=$E/ca.pem
CURL_HOME=$E
CURL_SSL_BACKEND=gnutls
CURL_DEBUG=1
NETRC=$E/.netrc
OPENSSL_CONF=$E/openssl.cnf
OPENSSL_CONF_INCLUDE=$E
OPENSSL_MODULES=$E/modules
OPENSSL_ENGINES=$E/modules
OPENSSL_ia32cap=0
RANDFILE=$E/out/rnd
QLOGDIR=$E/out
http_proxy=http://127.0.0.1:1
https_proxy=http://127.0.0.1:1
HTTPS_PROXY=http://127.0.0.1:1
all_proxy=socks5://127.0.0.1:1
ALL_PROXY=socks5://127.0.0.1:1
no_proxy=*
HOSTALIASES=$E/hosts
LOCALDOMAIN=invalid
RES_OPTIONS=timeout:1 attempts:1 use-vc
SQLITE_TMPDIR=$E/out
SQLITE_HISTORY=$E/out/history
TMPDIR=$E/out
TMP=$E/out
TEMP=$E/out
MALLOC_PERTURB_=165
MALLOC_ARENA_MAX=1
MALLOC_TRACE=$E/out/trace
MALLOC_CHECK_=3
LOCPATH=$E/locale
NLSPATH=$E/%N
LANGUAGE=xx
GCONV_PATH=$E/modules
TERMINFO=$E/terminfo
TERMCAP=$E/hosts
LIBSMARTCOLS_DEBUG=all
LINES=1
POSIXLY_CORRECT=1
GETCONF_DIR=$E
TZDIR=$E
IFS=e
ENV=$E/hosts
BASH_ENV=$E/hosts
CDPATH=$E
SHELL=$E/hosts
EDITOR=$E/hosts
PAGER=$E/hosts
MAIL=$E/hosts
UNIX_USER=evil
SSH_AUTH_SOCK=$E/out/socket
XAUTHORITY=$E/hosts
KEYMUSTER_YES=1
KEYMUSTER_ACCEPT_RISK=env
KEYMUSTER_ALLOW_UNSYNCED=1
KEYMUSTER_REASON=env
KEYMUSTER_CREDENTIAL=file:$E/hosts
KEYMUSTER_STORE_DIR=$E/out
KEYMUSTER_CONFIG=$E/hosts
END
}

# Answers, statuses and what else is said, of commands that change nothing.
answers() {
    local words
    for words in list '-o json show vbr/canary --wraps' '-o json verify --log' '-o json root list' \
        "check vbr/canary --secret file:$T/secret" 'create vbr/new --purpose config-backup --root fra-main' \
        'root destroy fra-main' 'reveal vbr/canary --to -'; do
        printf '== %s\n' "$words"
        # shellcheck disable=SC2086
        env ${under[@]+"${under[@]}"} "$program" -C "$FRA" $words 2>&1 </dev/null || echo "ended $?"
    done | sed -E 's/"(entries|heads)":[0-9]+//g'
}

# With IBM's KMS: a token, an unwrap.
answers_ibm() {
    env ${under[@]+"${under[@]}"} "$program" -C "$FRA" exec vbr/ibm --reason test --allow-unsynced --stdin -- /bin/cat 2>&1 </dev/null ||
        echo "ended $?"
}

scene_environment() {
    program=$KEYMUSTER
    scene_copy
    printf 'canary-environment-4471' >"$T/secret"
    record_known vbr/canary "$T/secret" fra-main kp-fra
    fra check vbr/canary --secret "file:$T/secret"
    make_evil
    mkdir "$T/here"
    cd "$T/here" || return 1
}

scene_ibm() {
    sim_start "$T/sim"
    fra kms add kp-ibm --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" \
        --ca "$SIM_CA" --credential "file:$SIM_APIKEY"
    fra root create ibm-main --kms kp-ibm
    fra create vbr/ibm --purpose other --root ibm-main
}

# Nothing was made where a variable points to, nor where it ran.
nothing_made() {
    find "$E" | sort | diff "$T/evil.before" - >&2 || return 1
    [ -z "$(ls -A "$T/here")" ]
}

each_variable() { # FUNCTION
    local line differ=0 count=0 under=()
    "$1" >"$T/want"
    "$1" >"$T/again"
    diff "$T/want" "$T/again" >&2 || return 1
    while IFS= read -r line; do
        count=$((count + 1))
        under=("$line")
        "$1" >"$T/got"
        if ! diff "$T/want" "$T/got" >&2; then
            printf 'it differs with %s\n' "$line" >&2
            differ=1
        fi
    done < <(variables)
    [ "$differ" -eq 0 ] && [ "$count" -ge "${2-40}" ]
}

@test "each of sixty variables: the same answers, statuses and messages, no file" {
    scene_environment
    each_variable answers
    nothing_made
}

@test "each of them with a KMS in the network: the same answers, no connection elsewhere, no file" {
    scene_environment
    scene_ibm
    each_variable answers_ibm
    nothing_made
}

@test "all of them at once: every file that is made lies in the store, the copy, the KMS's folder or the state" {
    scene_environment
    local words all
    mapfile -t all < <(variables)
    for words in 'create vbr/made --purpose other --root fra-main' 'rekey vbr/made' 'root rotate fra-main' 'rewrap vbr/made' 'sync' \
        "exec vbr/canary --reason test --tmpfile -- /bin/true" "export vbr/made --file $T/exported" 'verify'; do
        # shellcheck disable=SC2086
        strace -f -e trace=openat,open,creat,mkdir,mkdirat,link,linkat,symlink,symlinkat,rename,renameat,renameat2 \
            -o "$T/trace" env "${all[@]}" "$KEYMUSTER" -C "$FRA" $words >/dev/null 2>"$T/err"
        cat "$T/trace" >>"$T/traces"
    done
    grep -E 'O_CREAT|mkdir|link|rename' "$T/traces" | grep -v ENOENT | grep -oE '"[^"]*"' | tr -d '"' | sort -u >"$T/made"
    [ "$(wc -l <"$T/made")" -gt 20 ]
    # What goes through a descriptor lies beneath the copy's folder, which was opened by its name.
    run grep -vE "^(/proc/self/fd/|$FRA|$USB|$T/kp-|$T/exported|$T/\.|$XDG_STATE_HOME/keymuster|$XDG_RUNTIME_DIR/|/dev/null|/dev/shm/keymuster-|/var/tmp/etilqs_)|^[^/]" "$T/made"
    [ "$status" -eq 1 ] || { printf 'elsewhere: %s\n' "$output" >&2; return 1; }
    nothing_made
}

@test "HOME, XDG_*, TZ, LC_ALL, COLUMNS: what they may do is where things lie and how they look, not what is so" {
    scene_environment
    "$KEYMUSTER" -C "$FRA" -o json list >"$T/want"
    local line
    for line in HOME= HOME=relative HOME=/nonexistent HOME=/dev/null XDG_STATE_HOME=relative XDG_STATE_HOME= XDG_DATA_HOME=relative \
        XDG_CONFIG_HOME=../.. XDG_RUNTIME_DIR=relative TZ=:/etc/passwd TZ=../../../etc/passwd TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 \
        LC_ALL=/etc LANG=../../x LC_TIME=de_DE COLUMNS=1 COLUMNS=99999999999 COLUMNS=-1 TERM=../../x SSH_CONNECTION=$'\e]0;x\a 1 2 3' \
        "SUDO_USER=$(printf 'a%.0s' {1..5000})" USER=$'a\nb' SOURCE_DATE_EPOCH=-1 CREDENTIALS_DIRECTORY=relative; do
        (export "${line?}" && "$KEYMUSTER" -C "$FRA" -o json list) >"$T/got"
        cmp "$T/want" "$T/got"
        (export "${line?}" && "$KEYMUSTER" -C "$FRA" exec vbr/canary --reason test --stdin -- /bin/cat) >"$T/got"
        cmp "$T/secret" "$T/got"
        (export "${line?}" && "$KEYMUSTER" -C "$FRA" site add "s$RANDOM$RANDOM") >/dev/null
        nothing_made
    done
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" sync
    "$KEYMUSTER" -C "$FRA" audit log >"$T/log"
    run grep -P '\e' "$T/log" # control characters do not get into the log's text
    [ "$status" -eq 1 ]
}

@test "a build that keeps the environment is caught" {
    scene_environment
    scene_ibm
    variables() { printf 'SSLKEYLOGFILE=%s\nOPENSSL_CONF=%s\n' "$E/out/keys" "$E/openssl.cnf"; }
    program=$KM_TOOLS/plant-no-scrub
    run each_variable answers_ibm 2
    [ "$status" -ne 0 ]
    [[ $output == *'it differs with OPENSSL_CONF'* ]]
    run nothing_made
    [ "$status" -ne 0 ]
    [ -s "$E/out/keys" ]
}
