#!/usr/bin/env bats
# What a reader of the memory would find. Each scenario that touches a secret is stopped at every write, sync, wait for
# the terminal or for a child, and at its end (tests/lib/memdump.c); the whole map is read each time from outside.
# Searched are all windows of eight bytes of each secret, as they are, in hex, base64 at three alignments, UTF-16:
#   at the end nothing is left; before it nothing is anywhere but in the locked arena, and there once when it is handed out
# How many moments that were is said for each command.

# Each case is a subshell of its own, which is what its variables are for.
# shellcheck disable=SC2030,SC2031
load ../lib/cli
load ../lib/sim

setup() {
    [ "$(id -u)" -eq 0 ] || skip 'reading the memory of a process that forbids it takes root'
    ! ldd "$KEYMUSTER" | grep -q libasan || skip 'the sanitizers bring their own free'
    fresh_home
    # The copies are many and large: not to a disk.
    M=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "$T")")
    secrets=()
}

teardown() {
    term kill-server 2>/dev/null || true
    local pid
    for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done
    sim_stop
    rm -rf -- "${M:?}"
}

term() { tmux -S "$T/tmux" "$@"; }

canary() { # FILE: a secret nobody else has
    printf 'canary-%s' "$(head -c 15 /dev/urandom | base64 -w 0 | tr '+/' 'xy')" >"$1"
}

# A key's bytes: what follows the head, the salt and the sums in minisign's form; the second half of it is public.
signing_key() { # STORE FILE
    tail -n 1 "$1/author.key" | base64 -d | head -c 94 | tail -c 32 >"$2"
}

scene_memory() {
    scene_copy
    canary "$T/secret"
    record_known vbr/canary "$T/secret" fra-main kp-fra
    signing_key "$FRA" "$T/seed"
    secrets=("$T/secret" "$T/kp-fra.pass" "$T/kp-mad.pass" "$T/seed")
}

# Runs it and keeps what its memory held in $M/d.
stops() { # STATUS ARG...; options of memdump in how=(), what it runs under in before=()
    local want=$1 got=0
    shift
    rm -rf "$M/d"
    ${before[@]+"${before[@]}"} "$KM_TOOLS/memdump" ${how[@]+"${how[@]}"} "$M/d" "${program:-$KEYMUSTER}" -vv "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
    if [ "$got" -ne "$want" ]; then
        printf 'keymuster %s ended %s, not %s\n' "$*" "$got" "$want" >&2
        cat "$T/out" "$T/err" >&2
        return 1
    fi
    [ -d "$(echo "$M"/d/*-end-*)" ] || { echo 'its end was not seen' >&2; return 1; }
    echo "# $(find "$M/d" -mindepth 1 -maxdepth 1 -type d | wc -l) moments: $*" | cut -c 1-100 >&3
}

# All hits of all secrets in these copies, a line each.
hits() { # PATH...
    local secret got=0
    for secret in "${secrets[@]}"; do
        "$KM_TOOLS/scan" "$secret" "$@" | sed "s|^|${secret##*/} |" || got=$?
        [ "${PIPESTATUS[0]}" -ne 2 ] || { echo "cannot search $*"; return 0; }
    done
}

# What it said at top verbosity has nothing, either; but for the answer, where that is where it was to go.
# EXCEPT: a pattern of what may be outside the arena before the end: a library's buffer with a call under way.
clean() { # [EXCEPT]
    local found
    found=$(hits "$T/err" "${answer:-$T/out}")
    [ -z "$found" ] || { printf 'it said:\n%s\n' "$found" >&2; return 1; }
    found=$(hits "$M"/d/*-end-*)
    [ -z "$found" ] || { printf 'at the end is left:\n%s\n' "$found" >&2; return 1; }
    found=$(hits "$M"/d/[0-9]* | grep -v -- '-arena: ' | grep -vE -- "${1:-^$}" || true)
    [ -z "$found" ] || { printf 'outside the arena:\n%s\n' "$found" >&2; return 1; }
}

# At some moment of this kind the whole secret is in memory exactly once.
once() { # SECRET CALL-DESCRIPTOR
    local dir counts=
    # shellcheck disable=SC2231 # a pattern
    for dir in "$M"/d/*-$2; do
        counts+=" $("$KM_TOOLS/scan" "$1" "$dir" | sed -n 's/.*: raw, .*whole //p' | awk '{ n += $1 } END { print n + 0 }')"
    done
    [[ " $counts " == *' 1 '* ]] || { printf 'whole copies at %s:%s\n' "$2" "$counts" >&2; return 1; }
    [[ " $counts " != *' '[2-9]' '* ]] || { printf 'more than once at %s:%s\n' "$2" "$counts" >&2; return 1; }
}

@test "keys made, wrapped, moved: nothing is left, nothing is outside the arena" {
    scene_memory
    stops 0 -C "$FRA" create vbr/made --purpose other --root fra-main --root mad-main
    password_of "$FRA" vbr/made "$T/made"
    secrets+=("$T/made")
    clean
    canary "$T/adopted"
    secrets+=("$T/adopted")
    stops 0 -C "$FRA" record vbr/adopted --purpose other --root fra-main --secret "file:$T/adopted"
    clean
    stops 0 -C "$FRA" record vbr/proved --purpose backup-job --root fra-main --form bytes --wrapped "file:$T/known.wrap"
    clean
    jq -nc --rawfile w "$T/known.wrap" '{name: "vbr/imported", wrapped: ($w | rtrimstr("\n")), form: "bytes"}' >"$T/rows"
    stops 0 -C "$FRA" import "$T/rows" --root fra-main --purpose other
    clean
    fra root rotate fra-main
    stops 0 -C "$FRA" rewrap vbr/canary
    clean
    stops 0 -C "$FRA" rehome vbr/canary --to mad-main --yes
    clean
    stops 0 -C "$FRA" drill
    clean
    stops 0 -C "$FRA" rekey vbr/made
    clean
}

@test "handed out to a file, a descriptor, a program, from an export: once in memory then, nowhere after" {
    scene_memory
    stops 0 -C "$FRA" reveal vbr/canary --reason test --to "file:$T/shown"
    cmp "$T/secret" "$T/shown"
    clean
    once "$T/secret" 'write-*'
    stops 0 -C "$FRA" reveal vbr/canary --reason test --to -
    answer=$T/err clean
    once "$T/secret" write-1
    how=()
    stops 0 -C "$FRA" reveal vbr/canary --reason test --to fd:7 7>"$T/given"
    cmp "$T/secret" "$T/given"
    clean
    once "$T/secret" write-7
    printf 'pw = {{secret}}\n' >"$T/template"
    printf '<a pw="{{secret}}"/>\n' >"$T/answer.xml"
    local way
    for way in --stdin '--fd 5' --tmpfile "--template $T/template" "--template $T/answer.xml" '--env PW'; do
        # shellcheck disable=SC2086
        stops 0 -C "$FRA" exec vbr/canary --reason test $way -- true
        clean
    done
    fra export vbr/canary --file "$T/exported"
    stops 0 reveal vbr/canary --reason test --from "$T/exported" --yes --credential "kp-fra=file:$T/kp-fra.pass" --to "file:$T/again"
    cmp "$T/secret" "$T/again"
    clean
    stops 0 -C "$FRA" check vbr/canary --secret "file:$T/secret"
    clean
}

@test "typed and shown on a terminal: nothing is left there or in memory" {
    scene_memory
    canary "$T/typed"
    secrets+=("$T/typed")
    printf '%s\n%s\n' "$(cat "$T/typed")" "$(cat "$T/typed")" >"$T/keys"
    how=(-t "$T/keys")
    stops 0 -C "$FRA" record vbr/typed --purpose other --root fra-main --secret prompt
    clean
    hits "$M/d/screen" >"$T/hits"
    [ ! -s "$T/hits" ] # no echo
    stops 0 -C "$FRA" check vbr/typed
    clean
    printf 'q' >"$T/keys"
    stops 0 -C "$FRA" reveal vbr/canary --reason test --to tty
    clean
    hits "$M/d/screen" | grep -q '^secret ' # it was shown
    once "$T/secret" 'terminal-*'
    # what a passphrase opens
    printf '%s\n' "$(cat "$T/kp-fra.pass")" >"$T/keys"
    stops 0 -C "$FRA" exec vbr/canary --reason test --credential kp-fra=prompt -- true
    clean
}

@test "failures leave nothing: a wrong passphrase, a full pipe, an interrupted screen, a wrong secret" {
    scene_memory
    canary "$T/wrong"
    secrets+=("$T/wrong")
    stops 125 -C "$FRA" exec vbr/canary --reason test --credential "kp-fra=file:$T/wrong" -- true
    clean
    stops 3 -C "$FRA" check vbr/canary --secret "file:$T/wrong"
    clean
    stops 3 -C "$FRA" reveal vbr/canary --reason test --to fd:7 7>/dev/full
    clean
    fra record vbr/taken --purpose other --root fra-main --secret "file:$T/secret"
    stops 6 -C "$FRA" record vbr/taken --purpose other --root fra-main --secret "file:$T/wrong"
    clean
    printf '\003' >"$T/keys"
    how=(-t "$T/keys")
    stops 130 -C "$FRA" reveal vbr/canary --reason test --to tty
    clean
}

@test "author's keys: sealed by a passphrase, joined with, renewed; each is gone at the end" {
    scene_memory
    canary "$T/spare.pass"
    secrets+=("$T/spare.pass")
    stops 0 -C "$FRA" author spare --file "$T/spare.key" --credential "file:$T/spare.pass"
    clean
    stops 0 -C "$MAD" join --from "file://$USB" --site mad --yes --spare "$T/spare.key" --credential "spare=file:$T/spare.pass"
    signing_key "$MAD" "$T/seed2"
    secrets+=("$T/seed2")
    clean
    stops 0 -C "$T/new" init --site fra
    signing_key "$T/new" "$T/seed3"
    secrets+=("$T/seed3")
    clean
    stops 0 -C "$FRA" author renew --yes
    signing_key "$FRA" "$T/seed4"
    secrets+=("$T/seed4")
    clean
}

scene_ibm() {
    sim_start "$T/sim"
    fra init --site fra
    fra kms add kp-fra --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" \
        --ca "$SIM_CA" --credential "file:$SIM_APIKEY"
    fra root create fra-main --kms kp-fra
    fra create vbr/made --purpose other --root fra-main --allow-unsynced
    signing_key "$FRA" "$T/seed"
    "$KEYMUSTER" -C "$FRA" reveal vbr/made --reason test --to "file:$T/made" --allow-unsynced >/dev/null 2>&1
    secrets=("$SIM_APIKEY" "$T/seed" "$T/made")
}

# A token is known by a piece of what the simulator fills it with, and is found whole in the arena.
token_of_arena() { # FILE
    cat "$M"/d/*/*-arena | grep -aoE 'eyJ[A-Za-z0-9_.-]{300,}' | sort -u | head -n 1 >"$1.whole"
    [ -s "$1.whole" ]
    head -c 400 "$1.whole" >"$1.head"
    tail -c 200 "$1.whole" >"$1.tail"
    secrets+=("$1.head" "$1.tail")
}

# More that sends or gets a secret: a password in a request, many calls at once, a token that is refused and renewed.
ibm_more() {
    local transport='\[heap\]|anonymous'
    canary "$T/adopted"
    secrets+=("$T/adopted")
    stops 0 -C "$FRA" record vbr/adopted --purpose other --root fra-main --secret "file:$T/adopted" --allow-unsynced
    token_of_arena "$T/token3"
    clean "$transport"
    fra root rotate fra-main
    fra root create fra-next --kms kp-fra
    stops 0 -C "$FRA" rewrap --stale --yes
    token_of_arena "$T/token4"
    clean "$transport"
    stops 0 -C "$FRA" rehome --all --to fra-next --yes
    clean "$transport"
    sim_fault '{"match": {"front": "kms", "path": "unwrap"}, "status": 401}'
    stops 0 -C "$FRA" reveal vbr/adopted --reason test --to "file:$T/renewed" --allow-unsynced
    cmp "$T/adopted" "$T/renewed"
    token_of_arena "$T/token5" # the refused one begins as this one does
    clean "$transport"
}

@test "IBM's KMS: API key, token and key are gone at the end, over HTTP/1.1" {
    scene_ibm
    ibm_more
    stops 0 -C "$FRA" create vbr/second --purpose other --root fra-main --allow-unsynced
    "$KEYMUSTER" -C "$FRA" reveal vbr/second --reason test --to "file:$T/second" --allow-unsynced >/dev/null 2>&1
    secrets+=("$T/second")
    token_of_arena "$T/token"
    local transport='\[heap\]|anonymous'
    clean "$transport"
    stops 0 -C "$FRA" reveal vbr/made --reason test --to "file:$T/shown" --allow-unsynced
    cmp "$T/made" "$T/shown"
    token_of_arena "$T/token2"
    clean "$transport"
    # a call that fails, a token that is refused
    sim_fault '{"match": {"front": "kms", "path": "unwrap"}, "count": -1, "status": 403, "body": {"resources": [{"errorMsg": "no"}]}}'
    stops 125 -C "$FRA" exec vbr/made --reason test --allow-unsynced -- true
    clean "$transport"
    sim_control DELETE faults
    sim_fault '{"match": {"front": "kms", "path": "unwrap"}, "count": -1, "kind": "truncated"}'
    stops 125 -C "$FRA" exec vbr/made --reason test --allow-unsynced -- true
    clean "$transport"
    sim_control DELETE faults
    stops 125 -C "$FRA" exec vbr/made --reason test --credential "kp-fra=file:$T/made" --allow-unsynced -- true
    clean "$transport"
}

# A server of HTTP/2 before a part of the simulator; its URL is in $far.
over_http2() { # PART
    local port plain
    port=$("$KM_TOOLS/free_port")
    plain=$(sim_control POST fronts "{\"of\": \"$1\", \"tls\": \"plain\"}" | jq -er .url | sed 's/.*://')
    nghttpx --conf=/dev/null "-f127.0.0.1,$port" "-b127.0.0.1,$plain" --accesslog-file="$T/h2.$1" "$T/key.pem" "$T/cert.pem" \
        >/dev/null 2>&1 3>&- &
    started+=($!)
    until (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.05; done
    far=https://127.0.0.1:$port
}

@test "the same over HTTP/2, IAM and KMS" {
    command -v nghttpx >/dev/null || skip 'nghttpx is not installed'
    scene_ibm
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 2 \
        -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
    cat "$SIM_CA" "$T/cert.pem" >"$T/ca.pem"
    over_http2 iam
    local iam=$far
    over_http2 fra
    fra kms set kp-fra --endpoint "$far" --iam "$iam" --ca "$T/ca.pem" --credential "file:$SIM_APIKEY" --yes
    stops 0 -C "$FRA" reveal vbr/made --reason test --to "file:$T/shown" --allow-unsynced
    grep -q 'POST /identity/token HTTP/2' "$T/h2.iam"
    grep -q '/actions/unwrap HTTP/2' "$T/h2.fra"
    cmp "$T/made" "$T/shown"
    token_of_arena "$T/token"
    clean '\[heap\]|anonymous'
    stops 0 -C "$FRA" create vbr/second --purpose other --root fra-main --allow-unsynced
    token_of_arena "$T/token2"
    clean '\[heap\]|anonymous'
    ibm_more
}

@test "the wiping free switched off is caught" {
    program=$KM_TOOLS/plant-no-wipe
    scene_ibm
    stops 0 -C "$FRA" reveal vbr/made --reason test --to "file:$T/shown" --allow-unsynced
    token_of_arena "$T/token"
    hits "$M"/d/*-end-* >"$T/hits"
    cat "$T/hits" >&2
    grep -q ^made "$T/hits"
    grep -q ^token "$T/hits"
}

@test "pieces left on the stack, and libcurl made to talk, are caught, too" {
    program=$KM_TOOLS/plant-no-stack-wipe
    scene_ibm
    # What lies there is left to chance: once in a few times something is whole enough.
    local try
    for try in 1 2 3 4 5 6 7 8 9 10; do
        rm -f "$T/shown"
        stops 0 -C "$FRA" reveal vbr/made --reason test --to "file:$T/shown" --allow-unsynced
        hits "$M"/d/[0-9]* >"$T/hits"
        if grep -qF '[stack]' "$T/hits"; then break; fi
        [ "$try" -lt 10 ]
    done
    token_of_arena "$T/token"
    program=$KM_TOOLS/plant-verbose
    rm "$T/shown"
    stops 0 -C "$FRA" reveal vbr/made --reason test --to "file:$T/shown" --allow-unsynced
    token_of_arena "$T/token2"
    run clean '\[heap\]|anonymous'
    [ "$status" -ne 0 ]
    [[ $output == *'it said'*token2* ]]
}

# Root may lock what it likes: without that right, and with nothing allowed.
unlocked() {
    # shellcheck disable=SC2016 # the inner shell's
    setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock sh -c 'ulimit -l 0 && exec "$0" "$@"' "$KEYMUSTER" "$@"
}

@test "memory that cannot be locked: no secret, 18; with the risk accepted it is on record, and wiped all the same" {
    scene_memory
    local words
    jq -nc --rawfile w "$T/known.wrap" '{name: "vbr/imported", wrapped: ($w | rtrimstr("\n")), form: "bytes"}' >"$T/rows"
    fra export vbr/canary --file "$T/exported"
    "$KEYMUSTER" -C "$FRA" -o ndjson audit log >"$T/before"
    for words in 'create vbr/x --purpose other --root fra-main' "record vbr/x --purpose other --root fra-main --secret file:$T/secret" \
        "record vbr/y --purpose other --root fra-main --form bytes --wrapped file:$T/known.wrap" \
        "import $T/rows --root fra-main --purpose other" 'rekey vbr/canary' 'rewrap vbr/canary' 'rewrap --all --yes' \
        'rehome vbr/canary --to mad-main --yes' 'wrap add vbr/canary --root mad-main' 'reveal vbr/canary --reason test --to -' \
        "reveal vbr/canary --reason test --to file:$T/none" 'exec vbr/canary --reason test -- true' \
        "reveal vbr/canary --reason test --from $T/exported --yes --credential kp-fra=file:$T/kp-fra.pass --to -" \
        "check vbr/canary --secret file:$T/secret" 'root create new --kms kp-fra' 'root rotate fra-main' drill \
        'kms test kp-fra' "author spare --file $T/spare --credential file:$T/kp-fra.pass" "export vbr/canary --file $T/second"; do
        # shellcheck disable=SC2086
        run --separate-stderr unlocked -C "$FRA" -o json $words
        # shellcheck disable=SC2154
        if [[ $words == exec* && $status -ne 125 ]] || [[ $words != exec* && $status -ne 18 ]] || [ -n "$output" ]; then
            printf '%s\n' "$words" >&2
            dump
            return 1
        fi
        error_is KM7005
        says 'ulimit -l'
    done
    # What needs no secret is recorded; signing a head for the copy does.
    run --separate-stderr unlocked -C "$FRA" -o json site add more
    [ "$status" -eq 18 ]
    error_is KM7005
    "$KEYMUSTER" -C "$FRA" -o ndjson audit log >"$T/after"
    [ "$(($(wc -l <"$T/before") + 1))" -eq "$(wc -l <"$T/after")" ]
    run unlocked -C "$T/other" init --site fra
    [ "$status" -eq 18 ]
    [ ! -e "$T/none" ] && [ ! -e "$T/spare" ] && [ ! -e "$T/second" ] && [ ! -e "$T/other" ]
    ends 0 -C "$FRA" verify
    run --separate-stderr unlocked -C "$FRA" reveal vbr/canary --reason test --to - --accept-risk 'a test'
    [ "$status" -eq 0 ]
    [ "$output" = "$(cat "$T/secret")" ]
    ends 0 -o ndjson -C "$FRA" audit log
    says '"unlocked_memory":true' 'a test'
    before=(setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock)
    how=(-l 0)
    stops 0 -C "$FRA" reveal vbr/canary --reason test --to "file:$T/shown" --accept-risk 'a test'
    ! compgen -G "$M/d/*/*-arena" || return 1
    [ -n "$(hits "$M"/d)" ]
    [ -z "$(hits "$M"/d/*-end-*)" ]
}

@test "no core is written, whatever the limit was" {
    scene_memory
    [ "$(cut -c 1 /proc/sys/kernel/core_pattern)" != '|' ] || skip 'cores go to another program here'
    mkdir "$T/cores"
    cd "$T/cores"
    ulimit -c unlimited
    # shellcheck disable=SC2016
    run "$KEYMUSTER" -C "$FRA" exec vbr/canary --reason test -- sh -c 'kill -ABRT $PPID; sleep 0.2'
    [ -z "$(ls)" ]
    # shellcheck disable=SC2016
    run "$KM_TOOLS/plant-no-harden" -C "$FRA" exec vbr/canary --reason test -- sh -c 'kill -ABRT $PPID; sleep 0.2'
    [ -n "$(ls)" ]
}
