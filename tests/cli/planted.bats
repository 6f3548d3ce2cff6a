#!/usr/bin/env bats
# What somebody planted in a store or beside its database: refused before SQLite opens anything, and left as it lies.
load ../lib/cli.bash

# Reading and writing both end so, quickly, with this code; no byte of the store changed, and the database was opened for
# reading only, once, and not by SQLite (which would read its second page or lock it).
refused() { # EXIT CODE
    local before command
    before=$(sums)
    for command in 'status' 'verify' 'sync' 'site add more' 'reveal vbr/config --reason x --to -'; do
        # shellcheck disable=SC2086
        run --separate-stderr timeout 20 strace -f -qq -o "$T/trace" -e trace=openat,fcntl,pread64 \
            "$KEYMUSTER" -o json -C "$FRA" --no-input $command
        [ "$status" -eq "$1" ] || { printf '%s\n' "$command" >&2; dump; return 1; }
        error_is "$2"
        [ -z "$output" ]
        [ "$(grep -cE 'escrow\.db", .*O_RDWR' "$T/trace")" -eq 0 ]
        [ "$(grep -cE 'F_SETLK' "$T/trace")" -eq 0 ]
    done
    [ "$(sums)" = "$before" ]
}

# Names, kinds, modes and contents of the store's folder.
sums() { (cd "$FRA" && stat -c '%n %F %a %s' -- * && find . -type f -exec sha256sum {} + | sort); }

entries() { ask .entries -C "$FRA" status; }

@test "an old journal beside the database does not take it back; the one of a killed writer does its work" {
    scene_keys
    local calls n kept=0 before
    cp -r "$FRA" "$T/good"
    "$KM_TOOLS/killat" 0 "$KEYMUSTER" -C "$FRA" --offline site add one >/dev/null 3>"$T/calls"
    calls=$(sed -n 's/^calls //p' "$T/calls")
    for ((n = calls - 90; n < calls && kept < 3; n++)); do
        rm -rf "$FRA" && cp -r "$T/good" "$FRA"
        "$KM_TOOLS/killat" "$n" "$KEYMUSTER" -C "$FRA" --offline site add one >/dev/null 2>&1 || true
        # A journal that counts: with its first record's number in place.
        [ -s "$FRA/escrow.db-journal" ] && [ "$(xxd -s 8 -l 4 -p "$FRA/escrow.db-journal")" != 00000000 ] || continue
        kept=$((kept + 1))
        cp "$FRA/escrow.db-journal" "$T/old.journal"
        ends 0 -C "$FRA" verify # its own: played back, gone
        [ ! -e "$FRA/escrow.db-journal" ]
        fra --offline site add two
        fra --offline site add three
        before=$(ask .digest -C "$FRA" status)
        cp "$T/old.journal" "$FRA/escrow.db-journal"
        # The control: SQLite itself would take the database back.
        cp -r "$FRA" "$T/control"
        ! sqlite3 "$T/control/escrow.db" "SELECT line FROM entry" 2>&1 | grep -q '"three"' || return 1
        rm -rf "$T/control"
        refused 15 KM2010
        says escrow.db-journal
        mv "$FRA/escrow.db-journal" "$FRA/escrow.db-journal.old"
        ends 0 -C "$FRA" verify
        [ "$(ask .digest -C "$FRA" status)" = "$before" ]
    done
    [ "$kept" -eq 3 ]
}

@test "a write-ahead log beside the database is not taken in" {
    scene_keys
    local before
    before=$(ask .digest -C "$FRA" status)
    # What an attacker can make without any key: a log that deletes every wrap.
    cp "$FRA/escrow.db" "$T/made.db"
    sqlite3 "$T/made.db" "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; DELETE FROM wrap;" \
        ".shell cp $T/made.db-wal $T/planted" >/dev/null
    [ -s "$T/planted" ]
    cp "$FRA/escrow.db" "$T/control.db"
    cp "$T/planted" "$T/control.db-wal"
    [ "$(sqlite3 "$T/control.db" 'SELECT count(*) FROM wrap')" -eq 0 ] # the control: SQLite takes it in
    cp "$T/planted" "$FRA/escrow.db-wal"
    refused 15 KM2010
    says escrow.db-wal
    rm "$FRA/escrow.db-wal"
    printf x >"$FRA/escrow.db-shm"
    refused 15 KM2010
    rm "$FRA/escrow.db-shm"
    ends 0 -C "$FRA" verify
    [ "$(ask .digest -C "$FRA" status)" = "$before" ]
    # Nor a database that was switched over.
    sqlite3 "$FRA/escrow.db" 'PRAGMA journal_mode=WAL' >/dev/null
    refused 15 KM2010
    says journal_mode=DELETE
    sqlite3 "$FRA/escrow.db" 'PRAGMA journal_mode=DELETE' >/dev/null
    ends 0 -C "$FRA" verify
}

@test "a table, trigger or view that keymuster did not make, or one that is gone: 15, and named" {
    scene_keys
    local sql
    cp "$FRA/escrow.db" "$T/good.db"
    for sql in 'CREATE TRIGGER more AFTER INSERT ON entry BEGIN DELETE FROM wrap; END' 'CREATE VIEW more AS SELECT 1' \
        'CREATE TABLE more (x)' 'DROP TRIGGER head_keep' 'DROP INDEX key_name' \
        'ALTER TABLE wrap RENAME TO wrap_; CREATE VIEW wrap AS SELECT * FROM wrap_ WHERE 0'; do
        cp "$T/good.db" "$FRA/escrow.db"
        sqlite3 "$FRA/escrow.db" "$sql"
        ends 15 -o json -C "$FRA" status
        error_is KM2010
        ends 15 -o json -C "$FRA" site add more
        error_is KM2010
        [[ "$stderr" =~ (more|head_keep|key_name|wrap) ]]
    done
    cp "$T/good.db" "$FRA/escrow.db"
    sqlite3 "$FRA/escrow.db" VACUUM
    ends 0 -C "$FRA" verify
    # What was dumped and read in again is the same.
    sqlite3 "$T/good.db" .dump >"$T/dump"
    rm "$FRA/escrow.db"
    { cat "$T/dump"; sqlite3 "$T/good.db" "SELECT 'PRAGMA user_version=' || user_version FROM pragma_user_version"
      printf ';PRAGMA application_id=1263358804;'; } | sqlite3 "$FRA/escrow.db"
    ends 0 -C "$FRA" verify
}

@test "something else than a file in the place of the database or its side files ends at once" {
    scene_keys
    local name
    cp -r "$FRA" "$T/good"
    again() { rm -rf "$FRA" && cp -r "$T/good" "$FRA"; }
    for name in fifo folder link device; do
        rm "$FRA/escrow.db"
        case $name in
        fifo) mkfifo "$FRA/escrow.db" ;;
        folder) mkdir "$FRA/escrow.db" ;;
        link) ln -s "$T/good/escrow.db" "$FRA/escrow.db" ;;
        device) mknod "$FRA/escrow.db" c 1 5 2>/dev/null || continue ;;
        esac
        refused 10 KM2004
        again
        case $name in
        fifo) mkfifo "$FRA/escrow.db-journal" ;;
        folder) mkdir "$FRA/escrow.db-journal" ;;
        link) ln -s "$T/good/escrow.db" "$FRA/escrow.db-journal" ;;
        device) mknod "$FRA/escrow.db-journal" c 1 5 ;;
        esac
        refused 15 KM2010
        again
    done
}

@test "a store that others can write to is not used, and the message says how to close it" {
    scene_keys
    local name
    for name in . escrow.db keymuster.conf; do
        chmod o+w "$FRA/$name"
        refused 2 KM2018
        says 'chmod go-w'
        chmod o-w "$FRA/$name"
        chmod g+w "$FRA/$name"
        refused 2 KM2018
        chmod go-w "$FRA/$name"
        ends 0 -C "$FRA" verify
    done
}
