#!/usr/bin/env bats
# Copies that show something else than they should, each with its own error; and a sync that was cut off.
load ../lib/cli.bash

digest() { ask .digest -C "$1" status; }

# Nothing of a refused copy was taken in, and the store is as it was.
untouched() {
    [ "$(digest "$FRA")" = "$before" ]
    ends 0 -C "$FRA" verify
}

newest_head() { find "$USB/head" -type f | sort | tail -n 1; }

# The Nth segment that the newest head promises; older tails lie there, too, and nobody asks for them any more.
promised() { # N
    local sum
    sum=$(head -n 1 "$(newest_head)" | jq -r ".segments[$1][3]")
    find "$USB/log" -name "*-$sum.ndjson"
}

# 40 more entries, so that the log lies in several segments: 16, 16, 16 and a tail.
many_entries() {
    seq 40 | xargs -I{} "$KEYMUSTER" -C "$FRA" --offline site add place-{} >/dev/null
    fra sync
}

@test "forked: the copy has another history of this author, 16, and both are kept" {
    scene_keys
    # A clone writes into the copy before this store does; their heads have one number and different bytes.
    mv "$USB" "$T/away"
    cp -r "$FRA" "$T/clone"
    fra --offline site add one
    HOME=$T/home2 XDG_STATE_HOME=$T/home2/state "$KEYMUSTER" -C "$T/clone" --offline site add two >/dev/null
    mv "$T/away" "$USB"
    HOME=$T/home2 XDG_STATE_HOME=$T/home2/state "$KEYMUSTER" -C "$T/clone" sync >/dev/null
    before=$(digest "$FRA")
    ends 16 -o json -C "$FRA" sync
    error_is KM4004 || error_is KM4016
    says usb clone
    untouched
    # A new key is stored here; it is not said to be released by that copy.
    tried "$KEYMUSTER" -o json -C "$FRA" create vbr/new --purpose backup-job --root fra-main
    [ "$status" -eq 16 ]
    ends 0 -C "$FRA" show vbr/new
    [ "$(ask .released -C "$FRA" show vbr/new)" = false ]
}

@test "a copy with a hole is 15 to a reader, and is named" {
    scene_keys
    many_entries
    local segment
    segment=$(promised 1)
    [ "$(head -n 1 "$(newest_head)" | jq '.segments | length')" -ge 4 ]
    mv "$segment" "$T/hole"
    ends 15 -o json -C "$T/reader" join --from "file://$USB" --site mad --yes
    error_is KM4005
    says "$(basename "$segment")"
    [ ! -e "$T/reader" ]
    ends 15 -C "$FRA" copy check --deep
    mv "$T/hole" "$segment"
    ends 0 -C "$T/reader" join --from "file://$USB" --site mad --yes
}

@test "tampered: a byte of a segment, of a head, of a signature; each is 15 and named" {
    scene_keys
    many_entries
    local head segment
    segment=$(promised 0)
    head=$(newest_head)
    cp -r "$USB" "$T/good"
    again() { rm -rf "$USB" && cp -r "$T/good" "$USB"; }

    sed -i '1s/fra/frb/' "$segment"
    ends 15 -o json -C "$T/reader" join --from "file://$USB" --site mad --yes
    error_is KM4006
    again
    sed -i '1s/"entries":[0-9]*/"entries":7/' "$head"
    ends 15 -o json -C "$T/reader" join --from "file://$USB" --site mad --yes
    error_is KM4007
    again
    sed -i '2s/keymuster/Keymuster/' "$head" # the comment that minisign does not sign
    ends 15 -C "$T/reader" join --from "file://$USB" --site mad --yes
    again
    printf 'one line more\n' >>"$head"
    ends 15 -C "$T/reader" join --from "file://$USB" --site mad --yes
    [ ! -e "$T/reader" ]
    again
    ends 0 -C "$T/reader" join --from "file://$USB" --site mad --yes
}

@test "one hostile copy does not keep the others from being served" {
    scene_keys
    mkdir "$T/usb2"
    fra copy add usb2 "file://$T/usb2" --site mad
    cp -r "$USB" "$T/old"
    fra site add later
    rm -rf "$USB" && cp -r "$T/old" "$USB"
    ends 16 -C "$FRA" sync
    says usb
    ends 16 -o json -C "$FRA" create vbr/new --purpose backup-job --root fra-main
    ends 0 -C "$T/reader" join --from "file://$T/usb2" --site mad --yes
    ends 0 -C "$T/reader" show vbr/new
}

@test "another author's log under this escrow's name, as a copy, is 15" {
    scene_fra
    "$KEYMUSTER" -C "$T/other" init --site fra --name 'Test escrow' >/dev/null
    mkdir "$USB"
    "$KEYMUSTER" -C "$T/other" copy add their "file://$USB" --site fra >/dev/null
    before=$(digest "$FRA")
    ends 15 -o json -C "$FRA" copy add mine "file://$USB" --site mad
    error_is KM4002
    untouched
    # and when it is disguised with our own escrow.json
    mkdir "$T/own"
    fra copy add own "file://$T/own" --site mad
    before=$(digest "$FRA")
    cp "$T/own/escrow.json" "$USB/escrow.json"
    tried "$KEYMUSTER" -o json -C "$FRA" copy add mine "file://$USB" --site mad
    [ "$status" -eq 15 ] || [ "$status" -eq 16 ]
    untouched
}

@test "a sync that is killed in the middle goes on where it stopped" {
    scene_two
    mad --offline site add from-mad
    seq 20 | xargs -I{} "$KEYMUSTER" -C "$FRA" --offline site add place-{} >/dev/null
    mad sync
    local n killed=0
    for n in 1 2 4 6; do
        run strace -f -o "$T/trace" -e trace=renameat2 -e "inject=renameat2:signal=KILL:when=$n" \
            "$KEYMUSTER" -C "$FRA" sync
        [ "$status" -eq 137 ] && killed=$((killed + 1))
        ends 0 -C "$FRA" verify
        rm -rf "$T/reader"
        ends 0 -C "$T/reader" join --from "file://$USB" --site mad --yes --offline
    done
    [ "$killed" -ge 2 ]
    ends 0 -C "$FRA" sync
    mad sync
    [ "$(digest "$FRA")" = "$(digest "$MAD")" ]
    ends 0 -C "$FRA" copy check --deep
    [ "$(ask '[.items[] | select(.name | startswith("place-"))] | length' -C "$MAD" site list)" -eq 20 ]
}
