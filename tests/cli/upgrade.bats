#!/usr/bin/env bats
# A store of an earlier schema (tests/data/v3) meets this version, and what this version wrote meets the earlier one.
load ../lib/cli.bash

setup() {
    fresh_home
    cp -r "$KM_SOURCE/tests/data/v3/." "$T"
    chmod -R u=rwX,go= "$T"
    sed -i "s|/srv/kept/|$T/|" "$T/fra/keymuster.conf"
}
drills() { sqlite3 -readonly "$1" 'SELECT outcome, code, ms, at FROM drill ORDER BY at, key'; }
version() { sqlite3 -readonly "$1" 'PRAGMA user_version'; }

@test "the first command upgrades the store, loses no row, says the same digest, and leaves a copy of it as it was" {
    [ "$(version "$FRA/escrow.db")" -eq 3 ]
    sha256sum <"$FRA/escrow.db" >before
    ends 0 -o json -C "$FRA" list
    json '.keys | map(.name) == ["vbr/config", "vbr/job-sql"]'
    [ "$(version "$FRA/escrow.db")" -gt 3 ]
    drills "$FRA/escrow.db" | diff "$T/drills" -
    [ "$(ask .digest -C "$FRA" status)" = "$(cat "$T/digest")" ]
    ends 0 -C "$FRA" verify
    [ "$(version "$FRA/escrow.db.v3-before-upgrade")" -eq 3 ]
    drills "$FRA/escrow.db.v3-before-upgrade" | diff "$T/drills" -
    [ "$(stat -c %a "$FRA/escrow.db.v3-before-upgrade")" = 600 ]
    # And goes on.
    fra create vbr/new --purpose backup-job --root mad-main
    fra drill
    ends 0 -C "$FRA" verify
}

@test "a row that an upgrade lost would be seen" {
    fra list
    sqlite3 "$FRA/escrow.db" "DELETE FROM drill WHERE outcome = 'failed'"
    drills "$FRA/escrow.db" | diff "$T/drills" - && return 1
    ends 15 -C "$FRA" verify
}

@test "an upgrade with no room, or where nothing can be written, leaves the store as it was" {
    mount_small "$T/small" 640k
    cp -a "$FRA/." "$T/small"
    dd if=/dev/zero of="$T/small/ballast" bs=4096 2>/dev/null || true
    sha256sum <"$T/small/escrow.db" >before
    tried "$KEYMUSTER" -C "$T/small" list
    [ "$status" -ne 0 ]
    says 'disk is full' 'free some space'
    sha256sum <"$T/small/escrow.db" | diff before -
    rm "$T/small/ballast"
    rm -f "$T"/small/*before-upgrade*
    mount -o remount,size=4m "$T/small"
    ends 0 -C "$T/small" verify
    drills "$T/small/escrow.db" | diff "$T/drills" -
}

@test "downgrade: a store that a newer version wrote is refused with a clear word, untouched, and its copy of before opens" {
    # As the version of tomorrow would leave it.
    fra list
    sqlite3 "$FRA/escrow.db" "PRAGMA user_version = $(($(version "$FRA/escrow.db") + 1))"
    sha256sum <"$FRA/escrow.db" >before
    for words in list 'upkeep' 'metrics --file m'; do
        # shellcheck disable=SC2086
        ends 2 -o json -C "$FRA" $words
        error_is KM2005
        says 'newer keymuster' 'use the newer program'
    done
    sha256sum <"$FRA/escrow.db" | diff before -
    # What it says to go back by: the copy that the upgrade made.
    mv "$FRA/escrow.db.v3-before-upgrade" "$FRA/escrow.db"
    ends 0 -C "$FRA" verify
    drills "$FRA/escrow.db" | diff "$T/drills" -
}
