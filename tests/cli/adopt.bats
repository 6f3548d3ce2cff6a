#!/usr/bin/env bats
# record --secret: passwords that are in use already.
load ../lib/cli.bash

adopt() { # NAME FILE ARG...
    local name=$1 file=$2
    shift 2
    "$KEYMUSTER" -o json -C "$FRA" record "$name" --purpose backup-job --secret "file:$file" "$@"
}

@test "a password is wrapped under every root named, proved, and comes back byte for byte" {
    scene_copy
    printf 'canary-Übergabe im Keller 7\r\n' >"$T/pw"
    ends 0 -o json -C "$FRA" record vbr/old --purpose backup-job --root fra-main --root mad-main --secret "file:$T/pw" \
        --known-to alice --owner team
    json '.created and .proved and .released'
    ends 0 -o json -C "$FRA" show vbr/old
    json '.form == "bytes" and .origin == "adopted" and .proven and .known_to == ["alice"] and (.wraps | length) == 2'
    for root in fra-main mad-main; do
        rm -f "$T/back"
        ends 0 -C "$FRA" reveal vbr/old --reason test --root "$root" --to "file:$T/back"
        [ "$(cat "$T/back")" = 'canary-Übergabe im Keller 7' ]
        [ "$(tail -c 1 "$T/back")" = 7 ]
    done
}

@test "it is unconfirmed until a check matched, and a duty from the first day" {
    scene_copy
    printf 'canary-one' >"$T/pw"
    adopt vbr/old "$T/pw" --root fra-main
    ends 0 -C "$FRA" status
    says 'vbr/old@1 is unconfirmed' 'duty: vbr/old@1'
    ends 0 -C "$FRA" list
    says unconfirmed
    printf 'canary-two' >"$T/no"
    ends 3 -C "$FRA" check vbr/old --secret "file:$T/no"
    ends 0 -C "$FRA" status
    says 'vbr/old@1 is unconfirmed'
    ends 0 -C "$FRA" check vbr/old --secret "file:$T/pw"
    ends 0 -C "$FRA" status
    silent_on unconfirmed
    ends 0 -C "$FRA" verify
}

@test "by descriptor, command and standard input; not by a literal" {
    scene_copy
    printf 'canary-fd' >"$T/pw"
    exec 7<"$T/pw"
    ends 0 -C "$FRA" record vbr/fd --purpose other --root fra-main --secret fd:7
    exec 7<&-
    ends 0 -C "$FRA" record vbr/command --purpose other --root fra-main --secret "command:cat $T/pw"
    "$KEYMUSTER" -C "$FRA" record vbr/stdin --purpose other --root fra-main --secret - <"$T/pw"
    for key in vbr/fd vbr/command vbr/stdin; do
        ends 0 -C "$FRA" check "$key" --secret "file:$T/pw"
    done
    ends 2 -C "$FRA" record vbr/literal --purpose other --root fra-main --secret hunter2-canary
    silent_on hunter2
}

@test "what no one could type is refused, and not repeated" {
    scene_copy
    printf '\xef\xbb\xbfcanary-bom' >"$T/bom"
    printf 'canary-\xdcber' >"$T/latin1"
    printf 'canary\ttab' >"$T/tab"
    printf 'canary\nsecond line' >"$T/lines"
    printf 'canary\0nul' >"$T/nul"
    printf 'canary-\xc2\x85' >"$T/c1"
    : >"$T/empty"
    printf '\n' >"$T/newline"
    head -c 3073 /dev/zero | tr '\0' x >"$T/long"
    for bad in bom latin1 tab lines nul c1 empty newline long; do
        ends 2 -C "$FRA" record vbr/bad --purpose other --root fra-main --secret "file:$T/$bad"
        silent_on canary
    done
    ends 13 -C "$FRA" show vbr/bad
}

@test "twice: the same is no news and fills missing roots; another, even by a space, is 6" {
    scene_copy
    printf 'canary one' >"$T/one"
    printf 'canary  one' >"$T/two"
    adopt vbr/old "$T/one" --root fra-main
    ends 0 -o json -C "$FRA" status
    json '.debts == 0'
    ends 0 -o json -C "$FRA" record vbr/old --purpose backup-job --secret "file:$T/one" --root fra-main --root mad-main
    json '.created == false'
    ends 0 -o json -C "$FRA" show vbr/old
    json '(.wraps | map(.root) | sort) == ["fra-main", "mad-main"]'
    ends 0 -o json -C "$FRA" record vbr/old --purpose backup-job --secret "file:$T/one" --root mad-main
    ends 0 -o json -C "$FRA" show vbr/old
    json '.wraps | length == 2'
    ends 6 -C "$FRA" record vbr/old --purpose backup-job --secret "file:$T/two" --root fra-main
    ends 0 -o json -C "$FRA" record vbr/old --purpose backup-job --secret "file:$T/two" --root fra-main --new-generation
    json '.created and .generation == 2'
    password_of "$FRA" vbr/old@1 "$T/back"
    cmp "$T/one" "$T/back"
}

@test "it leaks nowhere" {
    scene_copy
    printf 'canary-Kj7vQ2pXz9-adopted-0123' >"$T/secret"
    adopt vbr/old "$T/secret" --root fra-main --root mad-main >"$T/out" 2>"$T/err"
    "$KEYMUSTER" -C "$FRA" check vbr/old --secret "file:$T/secret" >>"$T/out" 2>>"$T/err"
    "$KM_TOOLS/scan" -x "$T/secret" "$T/secret" "$T"
}

@test "options that do not go together" {
    scene_copy
    printf 'canary' >"$T/pw"
    ends 2 -C "$FRA" record vbr/x --purpose other --root fra-main --secret "file:$T/pw" --wrapped "file:$T/pw"
    ends 2 -C "$FRA" record vbr/x --purpose other --root fra-main --secret "file:$T/pw" --form bytes
    ends 2 -C "$FRA" record vbr/x --purpose other --secret "file:$T/pw"
    ends 17 -C "$FRA" record vbr/x --purpose config-backup --root fra-main --secret "file:$T/pw"
}

@test "a key that was recorded unproven is proven by recording it again" {
    scene_copy
    printf 'canary-late' >"$T/pw"
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/pw" >"$T/wrap"
    again=(record vbr/late --purpose other --root fra-main --form bytes --wrapped "file:$T/wrap")
    ends 0 -C "$FRA" "${again[@]}" --no-prove
    ends 13 -C "$FRA" check vbr/late --secret "file:$T/pw"
    ends 6 -C "$FRA" record vbr/late --purpose other --root fra-main --form base64 --wrapped "file:$T/wrap"
    ends 0 -o json -C "$FRA" "${again[@]}"
    json '.created == false and .proved'
    ends 0 -C "$FRA" check vbr/late --secret "file:$T/pw"
    ends 0 -o json -C "$FRA" show vbr/late
    json '.proven and (.wraps | length) == 1'
    ends 0 -C "$FRA" verify
}
