#!/usr/bin/env bats
# Files: whatever the umask, what a store and its commands make is private; and a path that is swapped for a symbolic
# link while a command runs (tests/lib/swapper.c) is never followed to where the link points.
load ../lib/cli

# Nothing below these is wider than 0600, or 0700 for a folder. But for exports: they are made to be laid beside a backup
# that others read, and hold what a copy holds (0644).
private() { # PATH...
    local wide
    wide=$(find "$@" \( -type f -perm /0177 -o -type d -perm /0077 \) -printf '%m %p\n' | grep -v '^644 .*/exported$' || true)
    [ -z "$wide" ] || { printf 'wider than it may be:\n%s\n' "$wide" >&2; return 1; }
}

@test "umask 000: nothing that a store and its commands make is wider than 0600, no folder than 0700" {
    mkdir "$T/own"
    cd "$T/own"
    scene_two
    umask 000
    printf 'canary-files' >"$T/secret"
    chmod 600 "$T/secret"
    fra create vbr/open --purpose other --root fra-main
    fra record vbr/adopted --purpose other --root fra-main --secret "file:$T/secret"
    fra reveal vbr/config --reason test --to "file:$T/own/shown"
    fra export vbr/config --file "$T/own/exported"
    fra author spare --file "$T/own/spare" --credential "file:$T/kp-fra.pass"
    fra kms add kp-new --site fra --provider local --file "$T/own/new.kms" --credential "file:$T/kp-fra.pass"
    fra root create new-main --kms kp-new
    fra author renew --yes
    fra sync
    "$KEYMUSTER" -C "$T/new" init --site fra >/dev/null
    mad sync
    "$KEYMUSTER" reveal vbr/config --from "$T/own/exported" --yes --credential "kp-mad=file:$T/kp-mad.pass" --reason test \
        --to "file:$T/own/second" >/dev/null 2>&1
    private "$FRA" "$MAD" "$T/new" "$T/own" "$XDG_STATE_HOME" "$USB"
    # The search can fail.
    touch "$T/own/wide"
    run private "$T/own"
    [ "$status" -ne 0 ]
}

# What the links point to: files and folders that must stay as they are.
make_outside() {
    O=$T/outside
    mkdir -p "$O/folder"
    printf 'outside\n' >"$O/file"
    cp "$FRA/escrow.db" "$O/escrow.db"
    cp "$FRA/author.key" "$O/author.key"
    cp "$FRA/keymuster.conf" "$O/keymuster.conf"
    chmod 600 "$O"/*.* "$O/file"
    outside >"$T/outside.before"
}

outside() {
    (cd "$O" && find . -printf '%p %y %m %s %T@\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

# Commands go on while PATH is swapped; they may fail, but nothing outside changes, and afterwards the store is whole.
swapped() { # PATH TARGET COMMANDS-FUNCTION
    ln -s "$2" "$1.link"
    "$KM_TOOLS/swapper" "$1" "$1.link" 60 >"$T/flips" 3>&- &
    local swapper=$!
    started+=("$swapper")
    "$3"
    kill "$swapper"
    wait "$swapper" || true
    flips=$((flips + $(cat "$T/flips")))
    [ "$(cat "$T/flips")" -gt 50 ]
    rm -f "$1.link"
    outside | diff "$T/outside.before" - >&2 || { echo "followed: $1" >&2; return 1; }
}

some_entries() {
    local i
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        timeout 20 "$KEYMUSTER" -C "$FRA" site add "s$RANDOM$RANDOM" >/dev/null 2>&1 || true
        timeout 20 "$KEYMUSTER" -C "$FRA" kms set kp-fra --credential "file:$T/kp-fra.pass" >/dev/null 2>&1 || true
    done
}

some_deliveries() {
    local i
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        timeout 20 "$KEYMUSTER" -C "$FRA" reveal vbr/config --reason test --to "file:$T/own/shown" >/dev/null 2>&1 || true
        timeout 20 "$KEYMUSTER" -C "$FRA" export vbr/config --file "$T/own/exported" >/dev/null 2>&1 || true
        [ -L "$T/own/shown" ] || rm -f "$T/own/shown"
        [ -L "$T/own/exported" ] || rm -f "$T/own/exported"
    done
}

naive() {
    local until=$((SECONDS + 20))
    until grep -q followed "$O/file" || [ "$SECONDS" -gt "$until" ]; do
        echo followed >>"$FRA/store.lock"
    done
}

@test "paths of the store swapped for links, thousands of times: none is followed" {
    scene_keys
    make_outside
    flips=0
    swapped "$FRA/store.lock" "$O/file" some_entries
    swapped "$FRA/author.key" "$O/author.key" some_entries
    swapped "$FRA/keymuster.conf" "$O/keymuster.conf" some_entries
    swapped "$FRA/escrow.db" "$O/escrow.db" some_entries
    echo "# $flips flips in the store" >&3
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" sync
    # A program that follows is caught.
    run swapped "$FRA/store.lock" "$O/file" naive
    [ "$status" -ne 0 ]
}

# The journal is SQLite's own: whoever swaps it while a transaction is written can tear the file, as they could by writing to
# it. What is promised is that nothing outside is touched, that a torn store is called one, and that the copy stays whole.
@test "the journal swapped for a link: not followed; a store torn by it is named, and its log comes back from the copy" {
    scene_keys
    make_outside
    flips=0
    swapped "$FRA/escrow.db-journal" "$O/file" some_entries
    echo "# $flips flips of the journal" >&3
    rm -f "$FRA/escrow.db-journal"
    run "$KEYMUSTER" -C "$FRA" sync
    [ "$status" -eq 0 ] || [ "$status" -eq 15 ] || [ "$status" -eq 16 ] || { echo "sync: $status: $output" >&2; return 1; }
    [ "$status" -eq 0 ] || grep -q 'KM[24]0' <<<"$output" || { echo "sync: $output" >&2; return 1; }
    ends 0 -C "$T/again" join --from "file://$USB" --site fra --yes
    ends 0 -C "$T/again" verify --log
    ends 0 -C "$T/again" show vbr/config
}

@test "paths of the copy and of what is handed out: none is followed" {
    local author
    scene_keys
    make_outside
    author=$(ask .author -C "$FRA" status)
    mkdir "$T/own"
    flips=0
    swapped "$T/own/shown" "$O/new" some_deliveries
    swapped "$T/own/exported" "$O/new" some_deliveries
    swapped "$USB/newest/$author" "$O/file" some_entries
    swapped "$USB/copy.json" "$O/file" some_entries
    swapped "$USB/recovery/KEYS.txt" "$O/file" some_entries
    swapped "$USB/head/$author/0000000000" "$O/folder" some_entries
    swapped "$USB/log/$author" "$O/folder" some_entries
    echo "# $flips flips in the copy and of outputs" >&3
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" copy check --deep
}

@test "a folder that is reached by a link is no obstacle; a link in its place inside the copy is refused, and named" {
    scene_keys
    ln -s "$FRA" "$T/way"
    ends 0 -C "$T/way" site add by-link
    ends 0 -C "$T/way" verify
    local author
    author=$(ask .author -C "$FRA" status)
    mkdir "$T/outside"
    mv "$USB/log/$author/0000000000" "$T/kept"
    ln -s "$T/outside" "$USB/log/$author/0000000000"
    ends 15 -o json -C "$FRA" site add more
    says 'was altered'
    [ -z "$(ls -A "$T/outside")" ]
    rm "$USB/log/$author/0000000000"
    mv "$T/kept" "$USB/log/$author/0000000000"
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" copy check --deep
}
