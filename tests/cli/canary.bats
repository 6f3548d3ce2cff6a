#!/usr/bin/env bats
# A known password, run through every command in every format: no window of eight bytes of it, in any usual form, may be
# in an answer, a file, a database, a copy, an argument or an environment, unless the command was asked to deliver it.
load ../lib/cli.bash

# another one in each case: others run at the same time, and their traces are not ours
CANARY="canary-Kj7vQ2pXz9-$RANDOM$RANDOM-do-not-leak"

# Everything there is, except where the secret itself was put.
scan_all() {
    "$KM_TOOLS/scan" -x "$T/secret" -x "$T/asked" "$T/secret" "$T" ||
        { echo 'the canary leaked (see above)' >&2; return 1; }
}

scene_canary() {
    scene_copy
    printf %s "$CANARY" >"$T/secret"
    record_known vbr/canary "$T/secret" fra-main kp-fra
}

# Runs a command with its system calls traced: the trace holds every exec with arguments and environment, every write.
traced() { # STATUS ARG...
    local want=$1 got=0
    shift
    strace -f -s 4096 -e trace=execve,write,pwrite64,writev,sendto -o "$T/trace" "$KEYMUSTER" "$@" >"$T/out" 2>"$T/err" \
        </dev/null || got=$?
    [ "$got" -eq "$want" ] || { cat "$T/err" >&2; echo "$* ended $got" >&2; return 1; }
}

@test "the search itself works: it finds the canary where it was delivered, raw, in base64 and in hex" {
    scene_canary
    scan_all
    for form in cat 'base64 -w0' 'xxd -p -c 999' rev; do
        $form <"$T/secret" >"$T/leak"
        run "$KM_TOOLS/scan" -x "$T/secret" "$T/secret" "$T"
        [ "$status" -eq 1 ]
        rm "$T/leak"
    done
    head -c 20 "$T/secret" | tail -c 9 >"$T/leak" # a piece is enough
    run "$KM_TOOLS/scan" -x "$T/secret" "$T/secret" "$T"
    [ "$status" -eq 1 ]
}

@test "no command that was not asked to deliver shows it, in any format" {
    scene_canary
    for format in text json ndjson; do
        for words in list 'show vbr/canary --wraps' status verify 'verify --log' sync 'copy check --deep' 'copy list' \
            'root list' 'root check' 'kms list' 'kms show kp-fra' 'kms test kp-fra' 'site list' 'author list' \
            'check vbr/canary --secret file:../secret' 'root rotate fra-main' 'help' version explain; do
            # shellcheck disable=SC2086
            "$KEYMUSTER" -C "$FRA" -o "$format" -v $words >"$T/out.$format" 2>"$T/err.$format" </dev/null || true
            scan_all
        done
    done
    ends 0 -C "$FRA" copy card
    printf %s "$output" >"$T/card"
    ends 0 -o ndjson -C "$FRA" audit log
    printf %s "$output" >"$T/log"
    ends 0 -C "$MAD" join --from "file://$USB" --site mad --yes
    scan_all
}

@test "errors do not show it either" {
    scene_canary
    printf 'wrong\n' >"$T/wrong"
    for words in "reveal vbr/canary --reason x --to file:$T/no/folder" "reveal vbr/canary --reason x --credential kp-fra=file:$T/wrong --to -" \
        "exec vbr/canary --reason x -- $T/none" "record vbr/canary --purpose other --root mad-main --wrapped file:$T/known.wrap" \
        "create vbr/canary --purpose other --root fra-main" "check vbr/canary --secret file:$T/wrong"; do
        # shellcheck disable=SC2086
        "$KEYMUSTER" -C "$FRA" -v $words >"$T/out" 2>"$T/err" </dev/null || true
        scan_all
    done
}

@test "delivery: only the destination has it; no argument, no environment, no other write" {
    scene_canary
    mkdir "$T/asked.d"
    traced 0 -C "$FRA" reveal vbr/canary --reason test --to "file:$T/asked.d/pw"
    cmp "$T/secret" "$T/asked.d/pw"
    rm -r "$T/asked.d"
    # the one write of the secret itself is the delivery
    [ "$(grep -c canary-Kj7 "$T/trace")" -eq 1 ]
    grep canary-Kj7 "$T/trace" | grep -q 'write('
    rm "$T/trace"
    scan_all
    traced 0 -C "$FRA" exec vbr/canary --reason test --stdin -- wc -c
    [ "$(cat "$T/out")" = "${#CANARY}" ]
    grep -c canary-Kj7 "$T/trace" | grep -qx 1
    [ "$(grep execve "$T/trace" | grep -c canary-Kj7)" -eq 0 ]
    rm "$T/trace"
    scan_all
}

@test "exec leaves nothing: not with a file in memory, not with a template" {
    scene_canary
    printf 'pw = {{secret}}\n' >"$T/template"
    ends 0 -C "$FRA" exec vbr/canary --reason test --tmpfile -- wc -c '{}'
    ends 0 -C "$FRA" exec vbr/canary --reason test --template "$T/template" -- wc -c '{}'
    ends 0 -C "$FRA" exec vbr/canary --reason test --fd 5 -- sh -c 'wc -c <&5'
    scan_all
    if in_memory "$CANARY"; then return 1; fi
}

@test "a secret on the command line is refused with a lesson, and not repeated anywhere" {
    scene_copy
    printf %s "$CANARY" >"$T/secret"
    for words in "kms set kp-fra --credential $CANARY" "record vbr/x --secret $CANARY" "kms add x --passphrase $CANARY" \
        "create vbr/x --password=$CANARY" "join --from x --token $CANARY"; do
        # shellcheck disable=SC2086
        ends 2 -C "$FRA" $words
        says 'command line' file:PATH
        printf %s "$output$stderr" >"$T/said"
        scan_all
    done
}
