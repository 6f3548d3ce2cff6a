#!/usr/bin/env bash
# Power cuts: an ext4 image on XFS is cloned while keymuster writes into it; each clone is mounted (its journal is
# replayed, as after a cut) and looked at:
#   the store verifies; its log is the beginning of what the log became, and has all that had been acknowledged before
#   the cut; so have the copy and the files that were answered for; sync, copy check --deep and the next entry end well;
#   the newest key that was acknowledged opens.
#
#   power.sh fast|full     cuts after every sync call, every answer and before every end of a list of commands, then at
#                          random while a loop writes: 300 at least, or 3,000
#   power.sh planted       the same rig must find what weaker settings of SQLite lose: synchronous OFF, NORMAL, FULL
#
# Not simulated: a disk that keeps a later write and loses an earlier one between two syncs.
# Environment: KEYMUSTER, KM_TOOLS (powercut, kms_tool, plant-sync-*). Needs root and loop devices; says "SKIP ALL" where it cannot mount. Prints a line of sums and a TAP line.
set -euo pipefail
: "${KEYMUSTER:?}" "${KM_TOOLS:?}"

# ---- a mount namespace of its own: whatever happens, its mounts and their loop devices end with it ----

if [ "${1-}" != inside ]; then
    if [ "$(id -u)" -ne 0 ] || ! unshare -m --propagation private true 2>/dev/null; then
        echo 'SKIP ALL: mounting takes root here'
        exit 0
    fi
    exec unshare -m --propagation private "$0" inside "$@"
fi
setting=${2:?fast, full or planted}

umask 077
export LANG=C.UTF-8 TZ=UTC
# In memory, so that the host's own disk has no part in it.
top=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
live=$top/live cuts=$top/xfs/cuts
ended() {
    cd /
    umount "$live" 2>/dev/null || true
    umount "$top/xfs" 2>/dev/null || true
    rm -rf -- "$top"
}
trap ended EXIT
trap 'exit 143' TERM INT HUP

skip() {
    printf 'SKIP ALL: %s\n' "$1"
    exit 0
}

mount_all() {
    mkdir -p "$live" "$top/xfs" "$top/xfs.d"
    truncate -s 8G "$top/xfs.img"
    mkfs.xfs -q -m reflink=1 "$top/xfs.img" >/dev/null 2>&1 || skip 'XFS with reflinks cannot be made here'
    mount -o loop "$top/xfs.img" "$top/xfs" 2>/dev/null || skip 'a loop device cannot be mounted here'
    mkdir "$cuts"
    truncate -s 48M "$top/xfs/ext4.img"
    mkfs.ext4 -q "$top/xfs/ext4.img" >/dev/null 2>&1 || skip 'ext4 cannot be made here'
    mount -o loop "$top/xfs/ext4.img" "$live" || skip 'ext4 cannot be mounted here'
    mkdir "$live/home" "$live/usb"
    sync -f "$live"
}

# ---- the writer: each command's answer goes to acks; what was there when it had ended is noted beside it ----

acks=$top/acks notes=$top/notes
export HOME=$live/home XDG_STATE_HOME=$live/home/state
program=$KEYMUSTER
publish=1 # does the copy have all that is acknowledged?

entries() { "$KEYMUSTER" -C "$1" -o json verify 2>/dev/null | jq .entries; }
on_copy() { # FOLDER: entries that its newest head speaks of
    find "$1/usb/head" -type f 2>/dev/null | sort | tail -n 1 | xargs -r head -qn 1 | jq .entries
}

# One line a command: bytes of answers so far, entries of the store, entries that the copy must have from this answer
# on, a file promised. An answer promises the copy what it calls released or sent; else it may still be under way.
copied=0
note() { # [FILE]
    local file=- sum=- before=$copied
    if [ "$publish" = 1 ]; then
        copied=$(on_copy "$live")
        if tail -n 1 "$acks" | grep -qE '"released":true|"own_entries":'; then
            before=$copied
        fi
    fi
    if [ $# -gt 0 ]; then
        file=$1
        sum=$(sha256sum <"$live/$file" | cut -c 1-64)
    fi
    printf '%s %s %s %s %s\n' "$(stat -c %s "$acks")" "$(entries "$live/store")" "${before:-0}" "$file" "$sum" >>"$notes"
}

fail() {
    printf '%s\n' "$1" >&2
    cat "$top/err" >&2
    exit 1
}

# Traced, with a cut at each of its points.
traced() {
    (cd "$live" && "$KM_TOOLS/powercut" at "$top/xfs/ext4.img" "$cuts" "$acks" "$program" -o json "$@") \
        2>"$top/err" </dev/null || fail "keymuster $*"
}
do_it() { traced "$@"; note; }
do_file() { # FILE ARG...
    local file=$1
    shift
    traced "$@"
    note "$file"
}

commands() {
    local site
    for site in fra mad; do
        printf 'canary-passphrase-%s\n' "$site" >"$live/$site.pass"
        "$KM_TOOLS/kms_tool" new "$live/$site.kms" "$live/$site.pass"
    done
    printf 'canary-adopted-1234567\n' >"$live/adopted"
    sync -f "$live"
    publish=0 do_it -C store init --site fra
    publish=0 do_it -C store site add mad
    do_it -C store copy add usb ./usb --site mad
    for site in fra mad; do
        do_it -C store kms add "kp-$site" --site "$site" --provider local --file "$site.kms" --credential "file:$site.pass"
        do_it -C store root create "$site-main" --kms "kp-$site"
    done
    do_it -C store create key/1 --purpose config-backup --root mad-main --root fra-main
    do_it -C store record key/2 --purpose other --root mad-main --secret file:adopted
    do_it -C store root rotate mad-main
    do_it -C store rewrap --all --yes
    do_it -C store rekey key/1
    do_it -C store rehome key/2 --to fra-main
    do_file shown -C store reveal key/1 --reason test --to file:shown
    do_file exported -C store export key/1 --file ./exported
    do_it -C store state key/1@1 deactivated --reason test --yes
    do_file spare -C store author spare --file spare --credential file:fra.pass
    do_it -C store sync
}

# Untraced, on and on until the file `enough` is there.
loop() {
    local n=0
    cd "$live"
    while [ ! -e "$top/enough" ]; do
        n=$((n + 1))
        "$program" -o json -C store create "loop/$n" --purpose other --root mad-main >>"$acks" 2>"$top/err" </dev/null || fail "create $n"
        note
        "$program" -o json -C store site add "s$n" >>"$acks" 2>"$top/err" </dev/null || fail "site add $n"
        note
        "$program" -o json -C store rewrap "loop/$n" >>"$acks" 2>"$top/err" </dev/null || fail "rewrap $n"
        note
    done
}

at_random() { # CUTS
    loop &
    local writer=$!
    "$KM_TOOLS/powercut" now "$top/xfs/ext4.img" "$cuts" "$acks" "$1" 24
    touch "$top/enough"
    wait "$writer"
}

# ---- what a cut left ----

well() {
    if ! "$KEYMUSTER" "$@" >"$mine/out" 2>"$mine/err" </dev/null; then
        printf 'cut %s (%s): keymuster %s\n' "$number" "$why" "$*"
        cat "$mine/err"
        return 1
    fi
}

complain() {
    printf 'cut %s (%s): %s\n' "$number" "$why" "$1"
    return 1
}

# Before the store was acknowledged: it is whole, or `init` makes it.
no_store_yet() {
    if [ -e store/escrow.db ] && "$KEYMUSTER" -C store verify >/dev/null 2>&1; then
        return 0
    fi
    well -C store init --site fra && well -C store verify
}

# The beginning of what the log became, and all that was acknowledged.
log_is_whole() { # ENTRIES
    local n
    well -C store verify && well -C store -o ndjson audit log || return 1
    jq -r '.hash // empty' "$mine/out" >"$mine/hashes"
    n=$(wc -l <"$mine/hashes")
    cmp -s "$mine/hashes" <(head -n "$n" "$top/hashes") || complain 'its log is another one' || return 1
    [ "$n" -ge "$1" ] || complain "$n entries, but $1 were acknowledged"
}

promised_files() { # BYTES
    local bytes file sum
    while read -r bytes _ _ file sum; do
        if [ "$file" != - ] && [ "$bytes" -le "$1" ]; then
            sha256sum "$file" 2>/dev/null | grep -q "^$sum" || complain "$file is not as it was answered" || return 1
        fi
    done <"$notes"
}

look() { # BYTES
    local said store copy key
    read -r said store copy _ < <(awk -v b="$1" '$1 <= b' "$notes" | tail -n 1) || said=0
    if [ "$said" -eq 0 ]; then
        no_store_yet
        return
    fi
    log_is_whole "$store" || return 1
    [ "$copy" -eq 0 ] || [ "$(on_copy . || echo 0)" -ge "$copy" ] || complain "the copy lacks what was acknowledged" || return 1
    promised_files "$1" || return 1
    if head -c "$1" "$acks" | grep -q keymuster.copy.add; then
        well -C store sync && well -C store copy check --deep || return 1
    fi
    key=$(head -c "$1" "$acks" | jq -r 'select(.schema == "keymuster.create/1").name' | tail -n 1)
    [ -z "$key" ] || well -C store exec "$key" --reason 'after a cut' -- true || return 1
    well -C store site add after && well -C store verify
}

# Something that a command started may still be there for a moment.
leave() {
    local tries=0
    until umount "$live" 2>/dev/null; do
        [ $((tries += 1)) -lt 100 ] || { umount "$live"; return; }
        sleep 0.05
    done
}

# Every second line of the list from line FIRST on, in a mount namespace of its own.
look_at() { # FIRST
    mine=$top/look.$1
    local bad=0 done=0 bytes
    mkdir "$mine"
    while read -r number why bytes; do
        cd "$top"
        mount -o loop "$cuts/$number.img" "$live"
        cd "$live"
        done=$((done + 1))
        look "$bytes" >>"$mine/said" || bad=$((bad + 1))
        cd "$top"
        leave
        rm "$cuts/$number.img"
    done < <(awk -v first="$1" 'NR % 2 == first' "$cuts/list")
    echo "$done $bad" >"$mine/sums"
}

judge() { # sets cuts_done and cuts_bad
    "$KEYMUSTER" -C "$live/store" -o ndjson audit log | jq -r '.hash // empty' >"$top/hashes"
    leave
    export -f leave look_at look promised_files log_is_whole no_store_yet complain well on_copy
    export top live cuts acks notes
    local i pids=()
    for i in 0 1; do
        unshare -m --propagation private bash -euc "look_at $i" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || exit 1; done
    read -r cuts_done cuts_bad < <(cat "$top"/look.*/sums | awk '{ d += $1; b += $2 } END { print d, b }')
    if [ "$cuts_done" -ne "$(wc -l <"$cuts/list")" ]; then
        echo 'not every cut was looked at' >&2
        exit 1
    fi
}

sums() {
    printf '%s: %d cuts (%s), %d bytes of answers, %d entries, %d lost or broken\n' "$1" "$cuts_done" \
        "$(awk '{ n[$2]++ } END { for (w in n) printf "%s%s %d", s, w, n[w], s = ", " }' "$cuts/list")" \
        "$(stat -c %s "$acks")" "$(wc -l <"$top/hashes")" "$cuts_bad"
}

# ---- settings ----

# Of every STEP cuts after syncs one is looked at.
thin() { # STEP
    awk -v step="$1" '$2 != "sync" || NR % step == 0' "$cuts/list" >"$top/list"
    mv "$top/list" "$cuts/list"
}

real() { # LEAST STEP RANDOM
    mount_all
    commands
    at_random "$3"
    thin "$2"
    judge
    sums "$setting"
    cat "$top"/look.*/said
    if [ "$cuts_bad" -ne 0 ] || [ "$cuts_done" -lt "$1" ]; then
        echo "not ok 1 power cuts: $cuts_bad of $cuts_done lost or broke something"
        exit 1
    fi
    echo "ok 1 nothing is lost in $cuts_done power cuts"
}

# A weaker setting: the same rig must find a loss. Without a copy, whose own syncs would cover it up.
weaker() { # FAULT
    local i
    program=$KEYMUSTER publish=0
    [ "$1" = none ] || program=$KM_TOOLS/plant-$1
    mount_all
    do_it -C store init --site fra
    for i in 1 2 3 4 5 6; do do_it -C store site add "s$i"; done
    judge
    sums "$1"
}

case $setting in
fast) real 300 3 85 ;;
full) real 3000 1 2500 ;;
planted)
    n=0 failed=0
    for fault in sync-off sync-normal sync-full none; do
        n=$((n + 1))
        bad=none
        (weaker "$fault" && echo "$cuts_bad" >"$top/bad") && bad=$(cat "$top/bad")
        ended
        mkdir -p "$top"
        if [ "$fault" = none ] && [ "$bad" = 0 ]; then
            echo "ok $n without a fault nothing is lost in the same way"
        elif [ "$fault" != none ] && [ "$bad" != none ] && [ "$bad" -gt 0 ]; then
            echo "ok $n $fault is caught"
        else
            echo "not ok $n $fault: $bad cuts lost something"
            failed=1
        fi
    done
    exit $failed
    ;;
esac
