#!/usr/bin/env bats
# [notify] command: told of showings, root keys that change their state, and conflicts; it never holds anything up.
load ../lib/cli.bash

# hears STORE: what is told there goes to the file told, a line each.
hears() {
    printf '#!/bin/sh\ncat >>"%s/told"\necho >>"%s/told"\necho out; echo err >&2\n' "$T" "$T" >"$T/hear"
    chmod 700 "$T/hear"
    printf '\n[notify]\ncommand = "%s/hear"\n' "$T" >>"$1/keymuster.conf"
}
# told COUNT FILTER: so many lines arrive, and the filter holds for all of them together.
told() {
    local i
    for i in {1..100}; do
        [ -e "$T/told" ] && [ "$(wc -l <"$T/told")" -ge "$1" ] && break
        sleep 0.05
    done
    [ "$(wc -l <"$T/told")" -eq "$1" ] || { printf 'not %s lines:\n' "$1" >&2; cat "$T/told" >&2; return 1; }
    jq -es "$2" "$T/told" >/dev/null || { printf 'it does not hold: %s\n' "$2" >&2; cat "$T/told" >&2; return 1; }
}

@test "a reveal and an exec are told, with who, why and where, and without the secret" {
    scene_keys
    hears "$FRA"
    ends 0 -C "$FRA" reveal vbr/config --reason 'night shift' --ticket T7 --as anna --to "file:$T/secret"
    silent_on 'nobody was notified'
    told 1 '.[0] | .schema == "keymuster.notify/1" and .event == "reveal" and .key == "vbr/config" and .generation == 1
        and .reason == "night shift" and .ticket == "T7" and .to == "file" and .person == "anna" and .site == "fra"'
    ends 0 -C "$FRA" audit log --entry "$(jq -rs '.[0].entry' told)"
    grep -qF -e "$(cat secret)" told && return 1
    ends 0 -C "$FRA" exec vbr/config --reason test -- true
    told 2 '.[1] | .event == "reveal" and .to == "exec"'
    # reading, and what nobody is told of
    fra list
    fra create vbr/other --purpose backup-job --root fra-main
    told 2 'length == 2'
    # a showing that policy or a missing reason refused was none
    ends 17 -C "$FRA" --no-input reveal vbr/config --to "file:$T/secret2"
    told 2 'length == 2'
}

@test "a root key that changes its state is told, one that is new or as before is not" {
    scene_keys
    hears "$FRA"
    fra root create fra-second --kms kp-fra
    fra root check
    fra root disable fra-main --yes
    told 1 '.[0] | .event == "root" and .root == "fra-main" and .state == "suspended" and .former_state == "active"'
    fra root check
    fra root enable fra-main
    told 2 '.[1] | .state == "active" and .former_state == "suspended"'
}

@test "a conflict is told once, by the store that pulled it" {
    scene_two
    hears "$FRA"
    mv "$USB" "$T/away"
    "$KEYMUSTER" -C "$FRA" state vbr/config --owner anna
    "$KEYMUSTER" -C "$MAD" state vbr/config --owner bert
    mv "$T/away" "$USB"
    mad sync
    [ ! -e told ]
    fra sync
    told 1 '.[0] | .event == "conflict" and .count == 1 and (.conflicts[0] | .object == "vbr/config@1" and .field == "owner" and (.settle | startswith("keymuster state ")))'
    mad create vbr/more --purpose backup-job --root mad-main
    fra sync
    told 1 'length == 1'
}

@test "a command that is missing, fails, hangs or reads nothing changes nothing and holds nothing up" {
    scene_keys
    n=0
    for command in /nowhere/at/all /bin/false '/bin/sleep 30' "sh -c 'exec 0<&-; exit 7'" "sh -c 'kill -9 \$\$'"; do
        n=$((n + 1))
        sed -i '/^\[notify\]/,$d' "$FRA/keymuster.conf"
        printf '[notify]\ncommand = %s\n' "$command" >>"$FRA/keymuster.conf"
        before=$(date +%s)
        ends 0 -C "$FRA" reveal vbr/config --reason test --to "file:$T/secret$n"
        [ -s "$T/secret$n" ]
        [ "$(($(date +%s) - before))" -lt 10 ]
        case $command in
        /nowhere*) says 'nobody was notified' '/nowhere/at/all' ;;
        *) silent_on 'nobody was notified' ;;
        esac
    done
    for pid in $(pgrep -f '^/bin/sleep 30$'); do
        [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f "$T")" ] && kill "$pid"
    done
    sed -i '/^\[notify\]/,$d' "$FRA/keymuster.conf"
    printf '[notify]\ncommand = sh -c "open\n' >>"$FRA/keymuster.conf"
    ends 0 -C "$FRA" reveal vbr/config --reason test --to "file:$T/secret"
    says 'nobody was notified'
    printf 'when = always\n' >>"$FRA/keymuster.conf"
    ends 2 -C "$FRA" list
    says when
}

@test "standard output has exactly the secret, whatever the command prints" {
    scene_keys
    hears "$FRA"
    fra reveal vbr/config --reason test --to "file:$T/secret"
    "$KEYMUSTER" -C "$FRA" reveal vbr/config --reason test --to - >one 2>rest
    cmp one secret
    told 2 'length == 2'
}
