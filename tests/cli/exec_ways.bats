#!/usr/bin/env bats
# exec: each way of handing a password to a program, and what the environment costs. The template has template.bats.
# shellcheck disable=SC2016,SC2154 # scripts of the child; stderr is set by run
load ../lib/cli.bash

scene_ways() {
    scene_copy
    CANARY=canary-ways-$RANDOM$RANDOM
    printf '%s' "$CANARY" >"$T/secret"
    record_known vbr/ways "$T/secret" fra-main kp-fra
}

ways() { "$KEYMUSTER" -C "$FRA" exec vbr/ways --reason test "$@"; }

@test "standard input, a descriptor, a file in memory: exactly the bytes, no warning, in no argument and no environment" {
    scene_ways
    local look='cat /proc/$$/cmdline /proc/$$/environ >>"$2"'
    ways --stdin -- sh -c "cat >\"\$1\"; $look" sh "$T/got" "$T/seen" 2>"$T/said"
    cmp "$T/secret" "$T/got"
    ways --fd 9 -- sh -c "cat <&9 >\"\$1\"; $look" sh "$T/got" "$T/seen" 2>>"$T/said"
    cmp "$T/secret" "$T/got"
    ways --tmpfile -- sh -c "cp \"\$3\" \"\$1\"; $look" sh "$T/got" "$T/seen" '{}' 2>>"$T/said"
    cmp "$T/secret" "$T/got"
    ways -- sh -c 'cat >"$1"' sh "$T/got" 2>>"$T/said" # standard input, if nothing is said
    cmp "$T/secret" "$T/got"
    [ -s "$T/seen" ]
    run ! grep -qaF "$CANARY" "$T/seen"
    run ! grep -qi warning "$T/said"
}

@test "the environment only when it is asked for, with a warning that nothing silences" {
    scene_ways
    ends 0 -q -C "$FRA" exec vbr/ways --reason test --env KM_SECRET -- sh -c 'printf %s "$KM_SECRET" >"$1"' sh "$T/got"
    says 'the environment of a process can be read by its user' '--stdin, --fd or --tmpfile are better'
    cmp "$T/secret" "$T/got"
    ends 0 -q -o json -C "$FRA" exec vbr/ways --reason test --env KM_SECRET -- true
    grep -q '"warning":true' <<<"$stderr" || grep -q keymuster.note <<<"$stderr"
    ends 125 -C "$FRA" exec vbr/ways --reason test --env '9BAD' -- touch "$T/ran"
    ends 125 -C "$FRA" exec vbr/ways --reason test --env X --stdin -- touch "$T/ran"
    says 'one way to hand it over'
    [ ! -e "$T/ran" ]
}

@test "without a file system in memory the file has no name: a descriptor that the command inherits, gone with it" {
    home_on_disk
    scene_ways
    mkdir "$T/plain"
    [ "$(stat -f -c %T "$T/plain")" != tmpfs ]
    unshare -m true 2>/dev/null || skip 'no mounts of its own are permitted here'
    unshare -m sh -c 'mount --bind "$1" /dev/shm && shift && exec "$@"' sh "$T/plain" \
        "$KEYMUSTER" -C "$FRA" exec vbr/ways --reason test --tmpfile -- \
        sh -c 'printf %s "$1" >"$3"; cp "$1" "$2"' sh '{}' "$T/got" "$T/path"
    cmp "$T/secret" "$T/got"
    [[ $(cat "$T/path") == /proc/self/fd/* ]]
    [ -z "$(ls -A "$T/plain")" ]
}

@test "a record comes before the command has it; a failed record, and it never runs" {
    scene_ways
    ways -- sh -c '"$0" -o ndjson -C "$1" audit log >"$2"; cat >/dev/null' "$KEYMUSTER" "$FRA" "$T/then"
    [ "$(jq -r '.entry.kind // empty' "$T/then" | grep -c '^reveal\.\(intended\|shown\)$')" -eq 2 ]
    run ! grep -q reveal.closed "$T/then"
    [ "$("$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -r '.entry | select(.kind? == "reveal.closed") | .body.how')" = 'exit 0' ]
    run --separate-stderr bash -c 'ulimit -f 0; trap "" XFSZ; exec "$@"' sh "$KEYMUSTER" -C "$FRA" exec vbr/ways --reason test \
        -- touch "$T/ran"
    [ "$status" -eq 125 ]
    [ ! -e "$T/ran" ]
}
