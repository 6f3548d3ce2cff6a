#!/usr/bin/env bats
# Damaged objects of a copy: each is named by `copy check --deep`, and put back by `sync --repair` where a store has it.
# shellcheck disable=SC2030,SC2031,SC2016
load ../lib/cli.bash

# A copy with two authors, several heads and segments of each; $T/good is what it should be.
scene_objects() {
    scene_two
    seq 40 | xargs -I{} "$KEYMUSTER" -C "$FRA" --offline site add place-{} >/dev/null
    fra sync
    mad site add from-mad
    mad sync
    fra sync
    cp -r "$USB" "$T/good"
}

again() { rm -rf "$USB" && cp -r "$T/good" "$USB"; }

# Everything but hints and pages for people is as it was; damaged/ and what the repair itself published come on top.
restored() {
    local name
    while read -r name; do
        case $name in ./recovery/* | ./newest/*) [ -e "$USB/$name" ] ;; *) cmp "$T/good/$name" "$USB/$name" ;; esac
    done < <(cd "$T/good" && find . -type f)
    ends 0 -C "$FRA" copy check --deep
    rm -rf "$T/reader"
    ends 0 -C "$T/reader" join --from "file://$USB" --site mad --yes --offline
    ends 0 -C "$FRA" verify
}

@test "each kind of object, altered, torn or missing, is named and put back; the damaged one is kept" {
    scene_objects
    local name what
    cd "$T/good"
    # Every object there is, but for the hints.
    find . -type f ! -path './newest/*' ! -path './recovery/*.minisig' | sed 's,^\./,,' >"$T/objects"
    cd "$T"
    [ "$(wc -l <"$T/objects")" -gt 12 ]
    while read -r name; do
        again
        printf '!' | dd of="$USB/$name" bs=1 seek=20 conv=notrunc status=none
        ends 15 -o json -C "$FRA" copy check --deep
        error_is KM4006
        says "usb: $name is altered"
    done <"$T/objects"
    # All at once.
    again
    while read -r name; do printf '!' | dd of="$USB/$name" bs=1 seek=20 conv=notrunc status=none; done <"$T/objects"
    ends 15 -C "$FRA" copy check --deep
    while read -r name; do says "usb: $name is altered"; done <"$T/objects"
    says 'sync --repair usb'
    ends 2 -C "$FRA" sync --repair
    says 'not confirmed'
    cmp -s "$T/good/escrow.json" "$USB/escrow.json" && return 1
    ends 0 -C "$FRA" sync --repair -n
    says "would put back escrow.json"
    [ ! -e "$USB/damaged" ]
    ends 0 -o json -C "$FRA" sync --repair --yes
    json '.copies[0].damaged | length == $n and all(.repaired and .fault == "altered" and (.kept | startswith("damaged/")))' \
        --argjson n "$(wc -l <"$T/objects")"
    while read -r name; do
        what=$(jq -r --arg name "$name" '.copies[0].damaged[] | select(.object == $name).kept' <<<"$output")
        [ "$(head -c 21 "$USB/$what" | tail -c 1)" = '!' ]
    done <"$T/objects"
    restored
    "$KEYMUSTER" -C "$FRA" -o ndjson audit log | jq -se --argjson n "$(wc -l <"$T/objects")" \
        '[.[].entry | select(.kind? == "copy.repaired")] | length == 1 and (.[0].body.objects | length) == $n and
            all(.[0].body.objects[]; .fault == "altered" and .kept != null)'
    # Nothing is left to do, and it says so by doing nothing.
    ends 0 -o json -C "$FRA" sync --repair
    json '.copies[0].damaged == []'
}

@test "a segment that is torn, one that is gone, escrow.json and copy.json that are gone" {
    scene_objects
    local head first second
    head=$(find "$USB/head" -type f | sort | head -n 1)
    rm "$USB/escrow.json" "$USB/copy.json"
    head=$(find "$USB/head/$(ask .author -C "$FRA" status)" -type f | sort | tail -n 1)
    first=$(find "$USB/log" -name "*-$(head -n 1 "$head" | jq -r '.segments[0][3]').ndjson")
    second=$(find "$USB/log" -name "*-$(head -n 1 "$head" | jq -r '.segments[1][3]').ndjson")
    rm "$first"
    truncate -s 100 "$second"
    ends 15 -C "$FRA" copy check --deep
    says 'escrow.json is missing' 'copy.json is missing' "$(basename "$first") is missing" "$(basename "$second") is altered"
    ends 0 -C "$FRA" sync --repair usb --yes
    says 'put back escrow.json' 'the damaged one is kept as damaged/'
    restored
}

@test "the other site's objects are put back, too, by whoever holds them" {
    scene_objects
    # All that the newest head promises is at the other site; of the earlier heads it pulled some only.
    find "$USB/log/$(ask .author -C "$FRA" status)" "$USB/head/$(ask .author -C "$FRA" status)" -type f |
        while read -r name; do printf '!' | dd of="$name" bs=1 seek=20 conv=notrunc status=none; done
    ends 3 -C "$MAD" sync --repair --yes
    says 'and this store does not have it' 'put back log/'
    ends 0 -C "$T/reader" join --from "file://$USB" --site mad --yes --offline
    ends 0 -C "$FRA" sync --repair --yes
    restored
    grep -q copy.repaired <("$KEYMUSTER" -C "$T/reader" audit log) # the other site's record of it
}

@test "what no store here holds is named, 3, and left; the others are put back" {
    scene_objects
    # mad published more, which fra has not pulled yet.
    mad site add unpulled
    cp -r "$USB/." "$T/good"
    local newest
    newest=$(find "$USB/head/$(ask .author -C "$MAD" status)" -type f | sort | tail -n 1)
    printf '!' | dd of="$newest" bs=1 seek=20 conv=notrunc status=none
    printf '!' | dd of="$USB/escrow.json" bs=1 seek=20 conv=notrunc status=none
    ends 3 -C "$FRA" sync --repair --yes
    says "${newest#"$USB/"} is altered, and this store does not have it" 'put back escrow.json'
    cmp "$T/good/escrow.json" "$USB/escrow.json"
    ends 0 -C "$MAD" sync --repair --yes
    restored
    # A folder in the place of an object cannot be kept aside.
    again
    rm "$USB/copy.json"
    mkdir "$USB/copy.json"
    ends 3 -C "$FRA" sync --repair --yes
    says 'copy.json is altered, and this store does not have it'
}

@test "lies are no damage: another escrow, another copy, an older state, a fork; nothing is replaced" {
    scene_objects
    mkdir "$T/their"
    XDG_STATE_HOME=$T/s "$KEYMUSTER" -C "$T/other" init --site fra >/dev/null
    XDG_STATE_HOME=$T/s "$KEYMUSTER" -C "$T/other" copy add their "file://$T/their" --site fra >/dev/null
    unchanged() { [ ! -e "$USB/damaged" ] && diff -r "$1" "$USB"; }
    # Another escrow at that place.
    rm -rf "$USB" && cp -r "$T/their" "$USB"
    ends 15 -o json -C "$FRA" sync --repair --yes
    error_is KM4002
    unchanged "$T/their"
    # Another copy of the same escrow.
    again
    jq -c '.copy = "00112233445566778899aabbccddeeff"' "$T/good/copy.json" >"$USB/copy.json"
    cp -r "$USB" "$T/another"
    ends 15 -C "$FRA" sync --repair --yes
    unchanged "$T/another"
    # An older state: its newest head is gone.
    again
    local newest
    newest=$(find "$USB/head/$(ask .author -C "$FRA" status)" -type f | sort | tail -n 1)
    rm "$newest"
    cp -r "$USB" "$T/older"
    ends 16 -o json -C "$FRA" sync --repair --yes
    error_is KM4003
    unchanged "$T/older"
    # A clone signed another head of that number: that is evidence.
    again
    cp -r "$FRA" "$T/clone"
    mv "$USB" "$T/away"
    fra --offline site add one
    HOME=$T/home2 XDG_STATE_HOME=$T/home2/state "$KEYMUSTER" -C "$T/clone" --offline site add two >/dev/null
    cp -r "$T/away" "$USB"
    fra sync
    cp -r "$USB" "$T/mine"
    rm -rf "$USB" && cp -r "$T/away" "$USB"
    HOME=$T/home2 XDG_STATE_HOME=$T/home2/state "$KEYMUSTER" -C "$T/clone" sync >/dev/null
    cp -r "$USB" "$T/forked"
    ends 16 -o json -C "$FRA" sync --repair --yes
    error_is KM4004
    says evidence
    unchanged "$T/forked"
    # A head in the place of another of the same author is only damage.
    rm -rf "$USB" && cp -r "$T/mine" "$USB"
    local one two
    one=$(find "$USB/head/$(ask .author -C "$FRA" status)" -type f | sort | sed -n 1p)
    two=$(find "$USB/head/$(ask .author -C "$FRA" status)" -type f | sort | sed -n 2p)
    cp "$one" "$two"
    ends 0 -C "$FRA" sync --repair --yes
    says "put back ${two#"$USB/"}"
    diff -r -x damaged -x recovery "$T/mine/head" "$USB/head" | grep -v '^Only in' && return 1
    ends 0 -C "$FRA" copy check --deep
}

@test "one hostile copy does not keep another from being repaired" {
    scene_objects
    mkdir "$T/usb2"
    fra copy add usb2 "file://$T/usb2" --site mad
    rm "$(find "$USB/head/$(ask .author -C "$FRA" status)" -type f | sort | tail -n 1)"
    printf '!' | dd of="$T/usb2/escrow.json" bs=1 seek=20 conv=notrunc status=none
    ends 16 -C "$FRA" sync --repair --yes
    ends 0 -C "$FRA" copy check usb2 --deep
}

@test "a copy that cannot be written is named and left as it is" {
    scene_objects
    [ "$(id -u)" -ne 0 ] || skip 'root writes everywhere'
    printf '!' | dd of="$USB/escrow.json" bs=1 seek=20 conv=notrunc status=none
    chmod -R a-w "$USB"
    ends 3 -C "$FRA" sync --repair --yes
    says 'escrow.json is not put back'
    chmod -R u+w "$USB"
}
