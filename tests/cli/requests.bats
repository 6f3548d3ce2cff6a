#!/usr/bin/env bats
# What a copy is asked: as little as the promises allow. Counted for a folder; every other kind of place is asked by the
# same code.
load ../lib/cli.bash

# What a command asks of the copies, one line each, "get NAME"; the command must succeed.
asked() { # STORE COMMAND...
    local store=$1
    shift
    "$KEYMUSTER" -vv -C "$store" "$@" 2>&1 >/dev/null | sed -nE 's/^keymuster: ((get|put|remove|list) [^ ]+) at .*/\1/p' >"$T/asked"
}

# How many requests of a kind were among them.
count() { grep -c "^$1 " "$T/asked" || true; }

is() { # WHAT GETS PUTS REMOVES LISTS
    local got
    got="$(count get) $(count put) $(count remove) $(count list)"
    if [ "$got" != "$2 $3 $4 $5" ]; then
        printf '%s: asked %s, must be %s\n' "$1" "$got" "$2 $3 $4 $5" >&2
        cat "$T/asked" >&2
        return 1
    fi
}

# Time passes for what is known of the copies.
hours_pass() { # STORE
    sqlite3 "$1/escrow.db" "UPDATE copy_known SET at = '2026-01-01T00:00:00.000Z'"
}

digest_of() { ask .digest -C "$1" status; }

@test "an entry is a segment and a head, and one look at what was there before" {
    scene_keys
    fra sync
    asked "$FRA" site add one
    is 'an entry' 1 2 0 0
    grep -q '^put log/' "$T/asked"
    grep -q '^put head/' "$T/asked"
    asked "$FRA" create vbr/new --purpose backup-job --root fra-main
    is 'a key, and KEYS.txt with it' 1 4 1 0
    grep -q '^put recovery/KEYS.txt$' "$T/asked"
    grep -qx 'vbr/new@1' "$USB/recovery/KEYS.txt"
    minisign -V -P "$(jq -r .founder "$USB/escrow.json")" -m "$USB/recovery/KEYS.txt"
    ends 0 -C "$FRA" copy check --deep
}

@test "the hint lags by sixteen heads at most, and a plain sync brings it up to date" {
    scene_copy
    fra sync
    local i hints=0 hint newest
    newest=$USB/newest/$(ask .author -C "$FRA" status)
    hint=$(cat "$newest")
    for i in {1..17}; do
        asked "$FRA" site add "s$i"
        hints=$((hints + $(grep -c '^put newest/' "$T/asked" || true)))
    done
    [ "$hints" -eq 1 ]
    [ "$(cat "$newest")" -eq $((hint + 16)) ]
    # a reader finds what the hint does not say
    ends 0 -o json -C "$T/reader" join --from "file://$USB" --site mad --yes
    [ "$(ask '[.items[].entries] | max' -C "$T/reader" author list)" = "$(ask '[.items[].entries] | max' -C "$FRA" author list)" ]
    asked "$FRA" sync
    [ "$(grep -c '^put newest/' "$T/asked")" -eq 1 ]
    [ "$(cat "$newest")" -eq $((hint + 17)) ]
}

@test "two authors: one entry is still one look; nothing new is one for each" {
    scene_two
    fra sync
    mad sync
    fra sync
    asked "$FRA" site add one
    is 'an entry' 1 2 0 0
    asked "$FRA" sync --quick
    is 'nothing new' 2 0 0 0
    asked "$MAD" sync --quick # takes in what is new
    [ "$(digest_of "$FRA")" = "$(digest_of "$MAD")" ]
    asked "$MAD" sync --quick
    is 'nothing new there' 2 0 0 0
    ends 0 -o json -C "$MAD" sync --quick
    json '.copies[0].requests | .get == 2 and .put == 0 and .remove == 0 and .list == 0 and .bytes_written == 0'
    asked "$FRA" upkeep
    is 'upkeep' 2 0 0 0
}

@test "within the hour the quick sync leaves out what the plain one finds; after it, it finds it, too" {
    scene_two
    fra sync
    mad sync
    # a head of mad's is lost in the middle, and the one before it is altered
    mad site add one
    mad site add two
    fra sync
    mad site add three
    mad site add four
    local head
    head=$(find "$USB/head/$(ask .author -C "$MAD" status)" -type f | sort | tail -n 2 | head -n 1)
    mv "$head" "$T/lost"
    fra sync --quick
    ends 13 -C "$FRA" site lost four --reason R --yes --confirm four
    hours_pass "$FRA"
    ends 0 -C "$FRA" sync --quick
    [ "$(digest_of "$FRA")" = "$(digest_of "$MAD")" ]
    # the copy is rolled back in what it shows of mad: at once with a plain sync, with a quick one when the hour is over
    find "$USB/head/$(ask .author -C "$MAD" status)" -type f | sort | tail -n 1 | xargs -I {} mv {} "$T/newest"
    ends 16 -o json -C "$FRA" sync
    error_is KM4003
    hours_pass "$FRA"
    ends 16 -o json -C "$FRA" sync --quick
    error_is KM4003
}

@test "a copy that lost its newest head takes no entry: 16" {
    scene_keys
    cp -r "$USB" "$T/before"
    fra site add one
    rm -rf "$USB/head"
    cp -r "$T/before/head" "$USB/head"
    ends 16 -o json -C "$FRA" site add two
    error_is KM4003
    # and a program that does not look is caught here
    KEYMUSTER=$KM_TOOLS/plant-no-look ends 0 -C "$FRA" site add three
}

@test "another disk in the place of one is noticed, though nobody asks who it is" {
    scene_copy
    mkdir "$T/usb2"
    fra copy add usb2 "file://$T/usb2" --site mad
    fra site add one # now both are known
    asked "$FRA" site add two
    is 'an entry, twice' 2 4 0 0
    mv "$USB" "$T/swap"
    mv "$T/usb2" "$USB"
    mv "$T/swap" "$T/usb2"
    ends 15 -o json -C "$FRA" site add three
    error_is KM4006
    mv "$USB" "$T/swap"
    mv "$T/usb2" "$USB"
    mv "$T/swap" "$T/usb2"
    fra site add four
    ends 0 -C "$FRA" copy check --deep
    # the disk is away: that, and nothing worse, is said of it
    mv "$USB" "$T/away"
    mkdir "$USB"
    ends 0 -C "$FRA" site add five
    says '1 of 2 copies not reached'
}

@test "KEYS.txt that was torn is written again by the next command, altered ones by a plain sync" {
    scene_keys
    fra sync
    local key
    key=$(jq -r .founder "$USB/escrow.json")
    # its signature cannot be written
    rm "$USB/recovery/KEYS.txt.minisig"
    mkdir -p "$USB/recovery/KEYS.txt.minisig/in-the-way"
    fra create vbr/new --purpose backup-job --root fra-main
    rm -r "$USB/recovery/KEYS.txt.minisig"
    asked "$FRA" site add one # changes nothing in it
    minisign -V -P "$key" -m "$USB/recovery/KEYS.txt"
    grep -qx 'vbr/new@1' "$USB/recovery/KEYS.txt"
    asked "$FRA" site add two
    is 'an entry' 1 2 0 0
    printf 'altered\n' >>"$USB/recovery/KEYS.txt"
    ends 0 -o json -C "$FRA" copy check
    ends 15 -C "$FRA" copy check --deep
    says recovery/KEYS.txt
    fra sync
    minisign -V -P "$key" -m "$USB/recovery/KEYS.txt"
}

@test "two sites write recovery/ in turn, and both end with all keys in it" {
    scene_two
    fra create vbr/a --purpose backup-job --root fra-main
    mad create mad/b --purpose backup-job --root mad-main # has not heard of vbr/a yet
    fra sync --quick
    mad sync --quick
    fra sync --quick
    grep -qx 'vbr/a@1' "$USB/recovery/KEYS.txt"
    grep -qx 'mad/b@1' "$USB/recovery/KEYS.txt"
    asked "$FRA" sync --quick
    is 'nothing new' 2 0 0 0
}

@test "a log of 20,000 entries: as little for one more, and a restore is its segments" {
    scene_keys
    fra root rotate fra-main
    fra rewrap vbr/job-sql
    fra drill
    "$KM_TOOLS/log_tool" fill "$FRA" 20000
    fra sync
    asked "$FRA" site add one
    is 'an entry' 1 2 0 0
    asked "$FRA" create vbr/new --purpose backup-job --root fra-main
    is 'a key, and KEYS.txt with it' 1 4 1 0
    local segments most
    segments=$(head -n 1 "$(newest_head)" | jq '.segments | length')
    [ "$segments" -le 40 ] # 4 of 4,096, up to 15 of 256, up to 15 of 16 and a tail
    asked "$MAD" join --from "file://$USB" --site mad --yes
    most=$((segments + 30)) # who it is, what there is, its own first entry
    [ "$(($(count get) + $(count list)))" -le "$most" ]
    [ "$(grep -c '^get log/' "$T/asked")" -le $((segments + 1)) ] # the first one once more, for its author's key
    [ "$(ask '[.items[].entries] | max' -C "$MAD" author list)" -ge 20000 ]
    asked "$MAD" sync --quick
    is 'nothing new' 2 0 0 0
}

newest_head() { find "$USB/head" -type f | sort | tail -n 1; }

@test "a copy that has to be fresh and was not reached in time: status says so, and sync ends 3 while it is away" {
    scene_copy
    mkdir "$T/usb2"
    fra copy add usb2 "file://$T/usb2" --site mad --removable --every 1d
    fra sync
    ends 0 -C "$FRA" status
    silent_on 'is due every'
    mv "$T/usb2" "$T/away"
    ends 0 -C "$FRA" sync # it is not due yet
    sqlite3 "$FRA/escrow.db" "UPDATE copy_state SET reached_at = '2026-01-01T00:00:00.000Z'"
    ends 0 -C "$FRA" status
    says 'copy usb2 is due every 1d'
    silent_on 'copy usb is due'
    ends 3 -C "$FRA" sync
    mv "$T/away" "$T/usb2"
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" status
    silent_on 'is due every'
}

@test "copy check looks at every copy and says of each what it found; the worst is the answer" {
    scene_copy
    mkdir "$T/usb2" "$T/usb3"
    fra copy add usb2 "file://$T/usb2" --site mad
    fra copy add usb3 "file://$T/usb3" --site mad
    ends 0 -o json -C "$FRA" copy check
    json '.items | map(.verified) == [true, true, true]'
    mv "$USB" "$T/away"
    find "$T/usb2/head" -type f | sort | tail -n 1 | xargs rm
    ends 16 -o json -C "$FRA" copy check
    json '.items | map({(.name): .verified}) | add == {usb: false, usb2: false, usb3: true}'
    error_is KM4003
    ends 16 -C "$FRA" copy check
    says 'usb does not verify' 'usb2 does not verify' 'usb3 verifies'
}
