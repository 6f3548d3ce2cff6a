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
    printf '#!/bin/sh\necho $$ >>%s\nexec env LD_PRELOAD=%s DONT_FAKE_MONOTONIC=1 HOME=%s %s "$@"\n' "$T/clock/pids" "$lib" "$T/clock" "$real" \
        >"$T/keymuster-clock"
    chmod 700 "$T/keymuster-clock"
}

# libfaketime leaves what it shares among processes, because keymuster clears the environment in which that is named.
teardown() {
    local pid
    for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done
    if [ -s "$T/clock/pids" ]; then
        while read -r pid; do
            rm -f "/dev/shm/faketime_shm_$pid" "/dev/shm/sem.faketime_sem_$pid"
        done <"$T/clock/pids"
    fi
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

# Of each: nothing is refused that a right clock would take, nothing taken that it would refuse, nothing hangs.
@test "thirteen clocks, from the year 2000 to 9999, and ones that jump with each look: all goes on" {
    scene_two
    local off n=0 began=$SECONDS
    printf 'wrong\n' >"$T/wrong"
    for off in '@2000-01-01 00:00:00' '@2019-06-01 12:00:00' '@2037-12-31 23:59:59' '@2038-01-19 03:14:07' '@2038-01-20 00:00:00' \
        '@2040-02-29 12:00:00' '@2106-02-07 06:28:16' '@9999-12-31 23:00:00' +1y -2y '-1h' '+0 i86400.0' '+0 i-3600.0'; do
        n=$((n + 1))
        clock "$off"
        ends 0 -C "$FRA" create "key/$n" --purpose backup-job --root fra-main --root mad-main
        ends 0 -C "$FRA" exec "key/$n" --reason test -- true
        ends 0 -C "$FRA" rekey "key/$n"
        ends 0 -C "$FRA" rewrap "key/$n"
        ends 0 -C "$FRA" verify
        ends 0 -C "$FRA" status
        ends 0 -C "$FRA" sync
        ends 0 -C "$MAD" sync
        ends 0 -C "$MAD" exec "key/$n" --reason test -- true
        ends 0 -C "$FRA" copy check --deep
        ends 0 -C "$T/reader$n" join --from "file://$USB" --site mad --yes --offline
        # what is wrong stays wrong
        ends 125 -C "$FRA" exec "key/$n" --reason test --credential "kp-fra=file:$T/wrong" --root fra-main -- true
        ends 6 -C "$FRA" create "key/$n" --purpose backup-job --root fra-main
    done
    [ "$n" -eq 13 ]
    [ $((SECONDS - began)) -lt 400 ]
    clock
    ends 0 -C "$FRA" verify
    fra sync
    mad sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    [ "$(ask .generation -C "$MAD" show key/13)" -eq 2 ]
}

@test "a clock that goes back or ahead while a command runs: its waits end, its entries stand in their order" {
    scene_copy
    local off took
    for off in '+0 i-3600.0' '+0 i86400.0'; do
        "$KM_TOOLS/hold_lock" "$FRA/store.lock" >"$T/held" 3>&- &
        started+=($!)
        until [ -s "$T/held" ]; do sleep 0.05; done
        clock "$off"
        took=$SECONDS
        ends 11 -C "$FRA" site add waiting
        took=$((SECONDS - took))
        [ "$took" -ge 8 ] && [ "$took" -le 30 ]
        clock
        kill "${started[-1]}"
        wait "${started[-1]}" || true
        clock "$off"
        ends 0 -C "$FRA" site add "after${off##* }"
    done
    clock
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" sync
}

@test "IBM's KMS with a clock that is wrong: certificates are judged by it, and it says so; a token's age is not" {
    load ../lib/sim
    sim_start "$T/sim"
    fra init --site fra
    fra kms add kp-fra --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" \
        --ca "$SIM_CA" --credential "file:$SIM_APIKEY"
    fra root create fra-main --kms kp-fra
    fra create vbr/ibm --purpose other --root fra-main --allow-unsynced
    local off
    for off in '@2000-01-01 00:00:00' '@2106-02-07 06:28:16'; do
        clock "$off"
        ends 125 -C "$FRA" exec vbr/ibm --reason test --allow-unsynced -- true
        says 'is the clock here right?'
    done
    for off in -1h +1h '+0 i60.0' '+0 i-60.0'; do
        clock "$off"
        ends 0 -C "$FRA" exec vbr/ibm --reason test --allow-unsynced -- true
    done
    clock
    # The KMS's own clock two hours ahead of ours: the token it thinks expired is fetched anew.
    sim_move 7200
    ends 0 -C "$FRA" exec vbr/ibm --reason test --allow-unsynced -- true
    sim_stop
}

@test "waiting and showing go by the clock that never goes back" {
    cd "$KM_SOURCE/src"
    ! grep -n clock_now_ms recover/screen.c sys/term.c || return 1
    [ "$(grep -c clock_mono_ms recover/screen.c)" -gt 1 ]
    [ "$(grep -c clock_mono_ms sys/lock.c)" -gt 1 ]
}

@test "a proof ages: after 90 days a drill is due, and a proof from the future counts as none" {
    scene_two
    mad drill
    ends 0 -o json -C "$MAD" status
    json '.drilled == 2 and .drills_due == 0'
    clock +91d
    ends 0 -o json -C "$MAD" status
    json '.drills_due == 2 and (.warnings | any(contains("drill --due")))'
    ends 0 -o json -C "$MAD" drill --due
    json '.proven == 2'
    ends 0 -o json -C "$MAD" status
    json '.drills_due == 0'
    clock
    ends 0 -o json -C "$MAD" drill --due -n
    json '.keys == 2'
}
