#!/usr/bin/env bats
# reveal, exec, check at the other site, on a bare machine: the first site and its KMS are gone.
load ../lib/cli.bash

# The first site is gone with its KMS; a home that knows nothing.
disaster() {
    scene_keys
    password_of "$FRA" vbr/config "$T/expected"
    rm -rf "$FRA" "$T/kp-fra.kms" "$T/kp-fra.pass" "$HOME"
    mkdir "$HOME"
    lost_options
}

@test "exec feeds a command from the copy alone, and its status is ours" {
    disaster
    ends 0 exec vbr/config --reason 'site lost' "${lost[@]}" -- cat
    [ "$output" = "$(cat "$T/expected")" ]
    ends 7 exec vbr/config --reason 'site lost' "${lost[@]}" -- sh -c 'cat >/dev/null; exit 7'
    ends 143 exec vbr/config --reason 'site lost' "${lost[@]}" -- sh -c 'kill -TERM $$'
    ends 0 exec vbr/job-sql --reason 'site lost' "${lost[@]}" --tmpfile -- wc -c '{}'
    ends 0 exec vbr/config --reason 'site lost' "${lost[@]}" --env PW -- sh -c 'printf %s "$PW"'
    [ "$output" = "$(cat "$T/expected")" ]
    printf 'password={{secret}}\n' >"$T/template"
    ends 0 exec vbr/config --reason 'site lost' "${lost[@]}" --template "$T/template" -- cat '{}'
    [ "$output" = "password=$(cat "$T/expected")" ]
}

@test "exec: mistakes end 125 and run nothing" {
    disaster
    ends 125 exec vbr/config "${lost[@]}" -- touch "$T/ran"
    ends 125 exec vbr/config --reason x "${lost[@]}" -- "$T/no-such-command"
    ends 125 exec vbr/nokey --reason x "${lost[@]}" -- touch "$T/ran"
    printf 'wrong\n' >"$T/wrong"
    ends 125 exec vbr/config --reason x --from "file://$USB" --yes --credential "kp-mad=file:$T/wrong" \
        --kms-file "kp-mad=$T/kp-mad.kms" -- touch "$T/ran"
    [ ! -e "$T/ran" ]
}

@test "reveal to a file: exactly the bytes, 0600, never over another file" {
    disaster
    ends 0 -o json reveal vbr/config --reason 'site lost' "${lost[@]}" --to "file:$T/pw"
    json '.schema == "keymuster.reveal/1" and .checked'
    cmp "$T/expected" "$T/pw"
    [ "$(stat -c %a "$T/pw")" = 600 ]
    ends 18 -o json reveal vbr/config --reason 'site lost' "${lost[@]}" --to "file:$T/pw"
    error_is KM7003
    ends 18 reveal vbr/config --reason 'site lost' "${lost[@]}" --to "file:$T/no/folder/pw"
    ln -s "$T/elsewhere" "$T/link"
    ends 18 reveal vbr/config --reason 'site lost' "${lost[@]}" --to "file:$T/link"
    [ ! -e "$T/elsewhere" ]
}

@test "reveal to standard output: exactly the bytes; JSON goes to standard error" {
    disaster
    "$KEYMUSTER" -o json reveal vbr/config --reason 'site lost' "${lost[@]}" --to - >"$T/pw" 2>"$T/err"
    cmp "$T/expected" "$T/pw"
    tail -n 1 "$T/err" | jq -e '.schema == "keymuster.reveal/1"'
}

@test "reveal --to - on a terminal, and without any terminal, is 18" {
    disaster
    run script -qec "'$KEYMUSTER' reveal vbr/config --reason x ${lost[*]} --to -" /dev/null
    [ "$status" -eq 18 ]
    [[ $output != *"$(cat "$T/expected")"* ]]
    run setsid -w "$KEYMUSTER" reveal vbr/config --reason x "${lost[@]}" </dev/null
    [ "$status" -eq 18 ]
}

@test "reveal: a reason is wanted, 17; a wrong passphrase is 12; a root that is disabled 14" {
    disaster
    ends 17 --no-input reveal vbr/config "${lost[@]}" --to "file:$T/pw"
    printf 'wrong\n' >"$T/wrong"
    ends 12 reveal vbr/config --reason x --from "file://$USB" --yes --credential "kp-mad=file:$T/wrong" \
        --kms-file "kp-mad=$T/kp-mad.kms" --to "file:$T/pw"
    ends 4 reveal vbr/config --reason x --from "file://$USB" --yes --kms-file "kp-mad=$T/kp-mad.kms" --to "file:$T/pw"
    [ ! -e "$T/pw" ]
}

@test "every showing leaves its records, durable and in order, and they reach the copy" {
    disaster
    ends 0 reveal vbr/config --reason 'site lost' --ticket INC-7 "${lost[@]}" --to "file:$T/pw"
    local store=$HOME/state/keymuster/recover/$(jq -r .escrow "$USB/escrow.json")
    ends 0 -o ndjson -C "$store" audit log
    [ "$(jq -rs --arg me "$(ask .author -C "$store" status)" \
        'map(.entry | select(.author? == $me) | .kind | select(startswith("reveal."))) | join(" ")' <<<"$output")" = \
        "reveal.intended reveal.shown reveal.closed" ]
    [ "$(jq -rs '.[].entry | select(.kind? == "reveal.intended" and .body.ticket) | .body.reason + " " + .body.ticket' <<<"$output")" = \
        "site lost INC-7" ]
    grep -lq reveal.shown "$USB"/log/*/*/*.ndjson
    ends 0 -C "$store" verify
}

@test "without a card or --expect a copy wants a yes; with either it does not" {
    scene_keys
    "$KEYMUSTER" -C "$FRA" copy card >"$T/card"
    lost_options
    local rest=("${lost[@]:0:4}" "${lost[@]:5}") # without --yes
    ends 2 --no-input reveal vbr/config --reason x "${rest[@]}" --to "file:$T/pw"
    ends 0 --no-input reveal vbr/config --reason x "${rest[@]}" --to "file:$T/pw" --card "$T/card"
    ends 0 --no-input reveal vbr/config --reason x "${rest[@]}" --to "file:$T/pw2" \
        --expect "$(jq -r .escrow "$USB/escrow.json")"
    ends 15 --no-input reveal vbr/config --reason x "${rest[@]}" --to "file:$T/pw3" \
        --expect 00000000000000000000000000000000
}

@test "when one wrap does not open, another is taken; when none does, it says why" {
    scene_keys
    fra root disable fra-main --yes
    ends 0 -C "$FRA" reveal vbr/job-sql --reason x --to "file:$T/pw"
    ends 14 -C "$FRA" reveal vbr/job-sql --reason x --root fra-main --to "file:$T/pw2"
    fra root destroy mad-main --confirm mad-main
    ends 14 -C "$FRA" reveal vbr/job-sql --reason x --to "file:$T/pw2"
    [ ! -e "$T/pw2" ]
}

@test "a value that fails its check is never given out: 15" {
    scene_keys
    # The wrap of one key under the name of the other, as a forger with the author's key would write it.
    sqlite3 "$FRA/escrow.db" "UPDATE check_value SET value = (SELECT value FROM check_value c WHERE c.key <> check_value.key)"
    ends 15 -o json -C "$FRA" reveal vbr/config --reason x --to "file:$T/pw"
    error_is KM3012
    [ ! -e "$T/pw" ]
    ends 125 -C "$FRA" exec vbr/config --reason x -- touch "$T/ran"
    [ ! -e "$T/ran" ]
}

@test "no record possible: 18, and nothing is shown" {
    scene_keys
    # No file can be written beyond its 16 KiB, as on a disk that is full.
    printf '#!/bin/sh\ntrap "" XFSZ\nulimit -f 32\nexec %s "$@"\n' "$KEYMUSTER" >"$T/cramped"
    chmod +x "$T/cramped"
    KEYMUSTER=$T/cramped ends 18 -o json -C "$FRA" reveal vbr/config --reason x --to "file:$T/pw"
    error_is KM7004
    [ ! -e "$T/pw" ]
}

@test "check: proves what was typed without a KMS" {
    scene_keys
    password_of "$FRA" vbr/config "$T/pw"
    rm "$T"/*.kms
    ends 0 -o json -C "$FRA" check vbr/config --secret "file:$T/pw"
    json .match
    printf 'something else' >"$T/no"
    ends 3 -o json -C "$FRA" check vbr/config --secret "file:$T/no"
    json '.match | not'
    printf '%s\r\n' "$(cat "$T/pw")" >"$T/crlf"
    ends 0 -C "$FRA" check vbr/config --secret "file:$T/crlf"
}

@test "an interrupted reveal leaves a store that verifies, and at most one showing a record" {
    scene_keys
    timeout -s KILL 0.05 "$KEYMUSTER" -C "$FRA" reveal vbr/config --reason x --to "file:$T/pw" || true
    ends 0 -C "$FRA" verify
}

@test "a second writer waits, then is told who writes: 11" {
    scene_keys
    start "$T/held" "$KM_TOOLS/hold_lock" "$FRA/store.lock"
    ends 11 -C "$FRA" site add x
    says pid
    ends 0 -C "$FRA" list
}
