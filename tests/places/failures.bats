#!/usr/bin/env bats
# What goes wrong between a site and the place of its copy without anybody's ill will, at the kind of place in KM_PLACE: the line, the
# server, the disk there, two at once, an old image of the store. Nothing that was acknowledged is lost, and all ends by itself.
load ../lib/cli.bash
load ../lib/places.bash

setup_file() { [ "$KM_PLACE" != s3 ] || radosgw_start "$BATS_FILE_TMPDIR/rgw"; }
teardown_file() { [ "$KM_PLACE" != s3 ] || radosgw_stop; }
setup() {
    fresh_home
    place_start "$KM_PLACE" "$T/place"
}
teardown() {
    stop_started
    place_stop
    if [ -n "${mounted-}" ]; then umount "$mounted" || true; fi
}

scene() {
    scene_fra
    fra copy add far "$PLACE_URL" --site mad "${PLACE_BIND[@]}"
    fra create vbr/first --purpose backup-job --root fra-main
}
needs_line() { [ -n "$PLACE_PORT" ] || skip 'there is no line to a folder'; }

join() { # STORE
    "$KEYMUSTER" -C "$1" join --from "$PLACE_URL" --site mad --yes "${PLACE_FROM[@]}" >/dev/null 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }
}
# A stranger who joins has all that this store has.
whole() {
    ends 0 -C "$FRA" verify
    rm -rf "$T/reader"
    ends 0 -C "$T/reader" join --offline --from "$PLACE_URL" --site mad --yes "${PLACE_FROM[@]}"
    [ "$("$KEYMUSTER" -C "$FRA" -o ndjson audit log | grep -c '"seq"')" -le "$("$KEYMUSTER" -C "$T/reader" -o ndjson audit log | grep -c '"seq"')" ]
}

@test "the place is away: kept and not released; then all is published" {
    scene
    place_away
    ends 3 -o json -C "$FRA" create vbr/away --purpose backup-job --root fra-main
    json '.released == false'
    ends 5 -o json -C "$FRA" sync
    error_is KM4001
    ends 0 -o json -C "$FRA" status
    place_back
    ends 0 -o json -C "$FRA" sync
    json '.copies[0].reached'
    [ "$(ask .released -C "$FRA" show vbr/away)" = true ]
    whole
}

@test "create-once is what is expected of that kind of place, and nothing is left of the probe" {
    scene
    ends 0 -o json -C "$FRA" copy check
    json '.items[0].create_once == $v' --arg v "$PLACE_CHECK"
    place_save now
    [ -z "$(find now -name 'probe-*' -o -name '*.tmp')" ]
}

@test "the answer to a write is lost: it was carried out, the same bytes are sent again, and that is no fork" {
    needs_line
    scene
    local turn turns struck=0
    "$KEYMUSTER" -C "$FRA" --offline site add counted >/dev/null
    place_line pass
    fra sync
    turns=$(place_count turns)
    # The last quarter of what is said: segments, the head and the hint are written there.
    for ((turn = turns * 3 / 4; turn < turns; turn += 4)); do
        "$KEYMUSTER" -C "$FRA" --offline site add "at-$turn" >/dev/null
        place_line after "$turn"
        tried "$KEYMUSTER" -o json -C "$FRA" sync
        case $status in 0 | 3 | 5) ;; *) dump; return 1 ;; esac
        struck=$((struck + $(place_count struck)))
        place_line pass
        ends 0 -o json -C "$FRA" sync
        ends 0 -o json -C "$FRA" sync
    done
    [ "$struck" -ge 3 ]
    whole
    ends 0 -C "$FRA" copy check --deep
}

@test "a server that says nothing more, or a byte now and then, is given up in time" {
    needs_line
    scene
    local began
    for line in 'mute 3' 'mute 4' 'trickle 5'; do
        # shellcheck disable=SC2086 # two words
        place_line $line
        began=$SECONDS
        ends 5 -o json -C "$FRA" --timeout 2s sync
        error_is KM4001
        [ $((SECONDS - began)) -le 30 ]
        # A key is stored and not released meanwhile.
        # shellcheck disable=SC2086
        place_line $line
        ends 3 -o json -C "$FRA" --timeout 2s create "vbr/${line// /-}" --purpose backup-job --root fra-main
        json '.released == false'
    done
    place_line pass
    ends 0 -C "$FRA" sync
    whole
}

@test "the line breaks after so many bytes, either way" {
    needs_line
    scene
    local up down n way struck=0
    "$KEYMUSTER" -C "$FRA" --offline site add counted >/dev/null
    place_line pass
    fra sync
    up=$(place_count up) down=$(place_count down)
    for way in up down; do
        for n in 1 2 3 4 5 6 7; do
            "$KEYMUSTER" -C "$FRA" --offline site add "$way-$n" >/dev/null
            place_line "$way" $((n * ${!way} / 8))
            tried "$KEYMUSTER" -C "$FRA" sync
            # During the login of SFTP libcurl does not tell a broken line from a refusal; the message says so.
            case $status in
            0 | 3 | 5) ;;
            4) says KM4018 'or the line broke' || return 1 ;;
            *) dump; return 1 ;;
            esac
            struck=$((struck + $(place_count struck)))
            place_line pass
            ends 0 -C "$FRA" verify
        done
        ends 0 -C "$FRA" sync
        whole
    done
    [ "$struck" -ge 10 ]
}

@test "a slow line is no fault" {
    needs_line
    scene
    place_line delay 5
    ends 0 -C "$FRA" site add slowly
    whole
}

@test "no space at the place: nothing half-written, not released, and it goes on when there is some" {
    [ -n "$PLACE_FILES" ] || skip 'the server keeps no folder'
    mount_small "$PLACE_FILES" 384k
    chmod 700 "$PLACE_FILES"
    scene
    head -c 1m /dev/zero >"$PLACE_FILES/fill" 2>/dev/null || true
    tried "$KEYMUSTER" -o json -C "$FRA" create vbr/full --purpose backup-job --root fra-main
    [ "$status" -eq 5 ] || [ "$status" -eq 3 ]
    ends 0 -C "$FRA" verify
    ends 5 -o json -C "$FRA" sync
    case $PLACE in
        nginx) error_is KM4001 ;; # which says 500, not 507
        *) error_is KM4012 || error_is KM4009 ;;
    esac
    rm "$PLACE_FILES/fill"
    ends 0 -C "$FRA" sync
    whole
    ends 3 -C "$FRA" copy check --deep # a large segment finds no room
}

@test "the store is an old image of itself: it is noticed, and takes back what it had published" {
    scene
    cp -a "$FRA" image
    fra create vbr/later --purpose backup-job --root fra-main
    rm -rf "$FRA"
    cp -a image "$FRA"
    ends 16 -o json -C "$FRA" site add x
    error_is KM2016
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" show vbr/later
    fra site add x
    whole
}

@test "somebody else's next head is in its place: 16, both are kept, and nobody's bytes are replaced" {
    scene
    cp -a "$FRA" clone
    fra site add mine
    place_save mine
    mkdir elsewhere
    HOME=$T/elsewhere XDG_STATE_HOME=$T/elsewhere/state ends 16 -o json -C clone site add theirs
    place_save now
    diff -r mine/head now/head
    diff -r mine/newest now/newest
    ends 0 -C clone verify
    ends 0 -C "$FRA" sync
    whole
}

# A segment that the newest head in a folder promises.
promised() { # FOLDER
    local sum
    sum=$(head -n 1 "$(find "$1/head" -type f | sort | tail -n 1)" | jq -r '.segments[-1][3]')
    find "$1/log" -name "*-$sum.ndjson"
}

@test "altered, cut and missing objects are named, and put back from the store" {
    scene
    local what object
    place_save good
    for what in head log; do
        for fault in flip cut rm; do
            object=$(find "good/$what" -type f | sort | tail -n 1)
            if [ "$what" = log ]; then object=$(promised good); fi
            rm -rf now
            cp -a good now
            case $fault in
            flip) printf '\x00' | dd of="now/${object#good/}" bs=1 seek=40 conv=notrunc status=none ;;
            cut) truncate -s -5 "now/${object#good/}" ;;
            rm) rm "now/${object#good/}" ;;
            esac
            place_load now
            case $fault-$what in
            rm-head) ends 16 -o json -C "$FRA" copy check --deep ;;
            *) ends 15 -o json -C "$FRA" copy check --deep ;;
            esac
            if [ "$fault-$what" = rm-head ]; then # an older state: a person has to look first
                ends 16 -C "$FRA" sync --repair far --yes
                place_load good
            else
                ends 0 -C "$FRA" sync --repair far --yes
            fi
            rm -rf now
            place_save now
            cmp "$object" "now/${object#good/}"
            rm -rf good
            cp -a now good
        done
    done
    whole
}

@test "another escrow cannot be put at the same place" {
    scene
    place_save mine
    "$KEYMUSTER" -C other init --site fra --name other >/dev/null
    ends 15 -o json -C other copy add far "$PLACE_URL" --site fra "${PLACE_BIND[@]}"
    error_is KM4002
    place_save now
    diff -r mine now
    ends 0 -C "$FRA" sync
}

@test "two sites at once, and two commands at one site: all is there afterwards" {
    scene
    join "$MAD"
    fra author admit "$(ask .author -C "$MAD" status)"
    mad sync
    local i pids=()
    for i in {1..4}; do
        "$KEYMUSTER" -C "$FRA" site add "fra-$i" >"out.fra$i" 2>&1 3>&- &
        pids+=($!)
        "$KEYMUSTER" -C "$MAD" site add "mad-$i" >"out.mad$i" 2>&1 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || { cat out.*; return 1; }; done
    fra sync
    mad sync
    fra sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    [ "$(ask '[.items[] | select(.name | test("-[1-4]$"))] | length' -C "$FRA" site list)" -eq 8 ]
    ends 0 -C "$FRA" copy check --deep
    whole
}
