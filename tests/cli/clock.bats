#!/usr/bin/env bats
# Clocks that are wrong by an hour or a year: nothing is decided by them, and people are told.
load ../lib/cli.bash

setup() {
    fresh_home
    local lib
    lib=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
    [ -n "$lib" ] || skip 'libfaketime is not installed'
    ! ldd "$KEYMUSTER" | grep -q libasan || skip 'the address sanitizer does not go with libfaketime'
    # A program of the same name that runs under another clock. libfaketime looks into HOME, which is a folder of its
    # own here (keymuster's is given by XDG_STATE_HOME), because keymuster clears its environment before it asks.
    real=$KEYMUSTER
    mkdir "$T/clock"
    printf '#!/bin/sh\nexec env LD_PRELOAD=%s DONT_FAKE_MONOTONIC=1 HOME=%s %s "$@"\n' "$lib" "$T/clock" "$real" \
        >"$T/keymuster-clock"
    chmod 700 "$T/keymuster-clock"
}

# From here on the program's clock is off by that much: +1y, -1h; no argument: it is right.
clock() {
    KEYMUSTER=$real
    [ $# -eq 0 ] && return
    echo "$1" >"$T/clock/.faketimerc"
    KEYMUSTER=$T/keymuster-clock
}

year() { date -u -d "$1" +%Y; }

@test "the clock really is another one here" {
    scene_copy
    clock +1y
    fra create vbr/future --purpose other --root fra-main
    clock
    [ "$(ask .created_at -C "$FRA" show vbr/future | cut -c 1-4)" = "$(year '+1 year')" ]
}

@test "two sites a year and two apart: the same tables, in any order, and each opens what the other made" {
    scene_two
    clock +1y
    mad create mad/future --purpose backup-job --root mad-main
    mad state vbr/config suspended --reason 'by a clock ahead'
    clock -2y
    fra create fra/past --purpose backup-job --root fra-main --root mad-main
    fra sync
    fra state vbr/config active --reason 'later, by a clock behind'
    clock
    mad sync
    fra sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    # what came later counts, whatever its time says
    [ "$(ask .state -C "$MAD" show vbr/config)" = active ]
    for off in +1y -2y +1h -1h; do
        clock "$off"
        ends 0 -C "$MAD" exec fra/past --reason test -- true
        ends 0 -C "$FRA" verify
        ends 0 -C "$FRA" sync
        ends 0 -C "$FRA" copy check --deep
        ends 0 -C "$FRA" rekey fra/past
        ends 0 -o json -C "$T/reader$off" join --from "file://$USB" --site mad --yes
    done
    clock
    ends 0 -C "$FRA" verify
    mad sync
    fra sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    [ "$(ask .generation -C "$MAD" show fra/past)" -eq 5 ] # the order is the chain's
}

@test "what a clock ahead has written is shown as that, and no age is negative" {
    scene_two
    clock +1y
    mad create mad/future --purpose backup-job --root mad-main
    password_of "$MAD" mad/future "$T/pw"
    clock
    fra sync
    ends 0 -C "$FRA" status
    says 'clock: the newest entry of author' 'ahead of this clock; one of the two clocks is wrong' \
        'duty: mad/future@1 was seen by a person 36'
    ! grep -qE -- '-[0-9]+ (min|h|d)|in [0-9]+ d' <<<"$output" || { dump; return 1; }
    ends 0 -C "$FRA" show mad/future --history
    says '(ahead of this clock)'
    ends 0 -C "$FRA" copy list
    ends 0 -C "$FRA" root list
    # at the site whose clock is put right again: its own log is ahead
    ends 0 -C "$MAD" status
    says "clock: the newest entry of this store's author" 'ahead of this clock'
    ends 0 -C "$MAD" create mad/now --purpose backup-job --root mad-main
    ends 0 -C "$MAD" status
    silent_on 'clock: the newest'
    # without a card a reader judges by the age of what he sees
    ends 2 -C "$T/reader" --no-input join --from "file://$USB" --site mad
    says 'newest'
    # a clock that is a few minutes off is not worth a word
    clock +8m
    mad create mad/near --purpose backup-job --root mad-main
    clock
    ends 0 -C "$MAD" status
    silent_on 'clock: the newest'
}

@test "a clock far ahead opens no key less, and buries no root key" {
    scene_keys
    fra create vbr/kept --purpose backup-job --root fra-main --needed-until 30d --expires 2d
    fra root destroy fra-main --confirm fra-main
    clock +1y
    ends 0 -C "$FRA" exec vbr/config --reason test -- true
    ends 14 -C "$FRA" reveal vbr/kept --reason test --to "file:$T/pw"
    ends 14 -C "$FRA" root restore fra-main
    clock
    ends 0 -C "$FRA" root restore fra-main
    ends 0 -C "$FRA" exec vbr/kept --reason test -- true
    clock +1y
    ends 0 -C "$FRA" exec vbr/kept --reason 'past its dates' -- true
    ends 0 -C "$FRA" rewrap --all --yes
}

@test "a date that this clock thinks past is taken, with a warning" {
    scene_copy
    clock +1y
    ends 0 -C "$FRA" create vbr/x --purpose other --root fra-main --expires "$(date -u -d '+1 month' +%F)"
    says 'is past'
    clock
    [ "$(ask .expires -C "$FRA" show vbr/x | cut -c 1-7)" = "$(date -u -d '+1 month' +%Y-%m)" ]
}

@test "waiting and showing go by the clock that never goes back" {
    cd "$KM_SOURCE/src"
    ! grep -n clock_now_ms recover/screen.c sys/term.c || return 1
    [ "$(grep -c clock_mono_ms recover/screen.c)" -gt 1 ]
    [ "$(grep -c clock_mono_ms sys/lock.c)" -gt 1 ]
}
