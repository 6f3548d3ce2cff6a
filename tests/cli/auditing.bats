#!/usr/bin/env bats
# docs/reference/auditing.md, followed to the letter: its shell blocks check a store, a copy and a report with stock tools, and each of them
# stops at what it is there to find.
load ../lib/cli.bash

setup_file() {
    export T=$BATS_FILE_TMPDIR/scene HOME=$BATS_FILE_TMPDIR/scene/home XDG_STATE_HOME=$BATS_FILE_TMPDIR/scene/state
    export FRA=$T/fra MAD=$T/mad USB=$T/usb TMPDIR=$BATS_FILE_TMPDIR
    umask 077
    mkdir -p "$HOME"
    scene_two
    fra create 'a "b" \ c' --purpose other --root fra-main --root mad-main
    mad create mad/job --purpose backup-job --root mad-main
    fra drill --copy usb
    fra rewrap vbr/job-sql || true
    fra sync
    mad sync
    fra sync
    fra report audit --file "$T/report.html"
    fra --offline person add unpublished
    awk '/^```sh$/ { on = 1; print "block=" ++n; next } /^```$/ { on = 0 } on' "$KM_SOURCE/docs/reference/auditing.md" >"$T/blocks"
}

setup() {
    fresh_home
    scene=$BATS_FILE_TMPDIR/scene
    cp -r "$scene/usb" "$scene/fra" "$scene/report.html" "$T"
    export STORE=$T/fra COPY=$T/usb REPORT=$T/report.html
    ESCROW=$(jq -r .escrow "$USB/escrow.json")
    export ESCROW
    own=$(sqlite3 "$STORE/escrow.db" 'SELECT author FROM author_key WHERE founder = 1')
}

follow() {
    # shellcheck disable=SC2016 # of the script
    { printf 'trap '\''echo "at $block" >&2'\'' EXIT\n'; cat "$scene/blocks"; } >"$T/script"
    run --separate-stderr bash -eu -o pipefail "$T/script"
    at=$(sed -n 's/^at //p' <<<"$stderr")
}

stops_at() { # BLOCK
    follow
    if [ "$status" -eq 0 ] || [ "$at" != "$1" ]; then
        printf 'must stop at block %s, was at %s\n' "$1" "$at" >&2
        dump
        return 1
    fi
}

# What somebody does who holds the file: the triggers are no obstacle.
alter() { # SQL
    local name
    for name in $(sqlite3 "$STORE/escrow.db" "SELECT name FROM sqlite_master WHERE type = 'trigger'"); do
        sqlite3 "$STORE/escrow.db" "DROP TRIGGER $name"
    done
    sqlite3 "$STORE/escrow.db" "$1"
}

@test "a sound store, its copy and a report" {
    follow
    if [ "$status" -ne 0 ]; then dump; fi
    [ "$status" -eq 0 ]
    [ "$at" -eq 7 ]
    says 'entries of 2 authors' 'authors: 2' '4 keys' 'store and copy agree' "signed by $own" "heads of $own:"
    # What is not published is told apart.
    local signed all
    read -r signed all <<<"$(sed -n "s/^heads of $own: \([0-9]*\) of \([0-9]*\) lines.*/\1 \2/p" <<<"$output")"
    [ "$((signed + 1))" -eq "$all" ]
    unset REPORT
    follow
    [ "$status" -eq 0 ]
    # Nothing was written into the store.
    cmp "$scene/fra/escrow.db" "$STORE/escrow.db"
}

@test "1 and 2: not keymuster's, damaged, another escrow, another key" {
    alter 'PRAGMA application_id = 1'
    stops_at 1
    cp "$scene/fra/escrow.db" "$STORE/escrow.db"
    ESCROW=00000000000000000000000000000000 stops_at 2
    alter "UPDATE author_key SET public_key = (SELECT public_key FROM author_key WHERE founder = 1)"
    stops_at 2
}

@test "3: a line that was changed, left out, put in, or hashed anew" {
    alter "UPDATE entry SET line = replace(line, 'vbr/config', 'vbr/confib') WHERE line LIKE '%vbr/config%'"
    stops_at 3
    cp "$scene/fra/escrow.db" "$STORE/escrow.db"
    alter "DELETE FROM entry WHERE author = '$own' AND seq = 5"
    stops_at 3
    cp "$scene/fra/escrow.db" "$STORE/escrow.db"
    # With the hash made to fit: the next line does not.
    sqlite3 "$STORE/escrow.db" "SELECT line FROM entry WHERE author = '$own' AND seq = 6" | tr -d '\n' | sed 's/"at":"2/"at":"3/' >"$T/line"
    alter "UPDATE entry SET line = CAST(readfile('$T/line') AS TEXT), hash = x'$(sha256sum <"$T/line" | cut -c -64)'
        WHERE author = '$own' AND seq = 6"
    stops_at 3
}

@test "4: a head that is not the author's, speaks for other lines, or follows another" {
    alter "UPDATE head SET object = replace(object, '\"number\"', '\"Number\"') WHERE author = '$own' AND number = 2"
    stops_at 4
    cp "$scene/fra/escrow.db" "$STORE/escrow.db"
    # The log cut off behind what was signed.
    alter "DELETE FROM entry WHERE author = '$own' AND seq > 7"
    stops_at 4
}

@test "5: tables that say something else than the lines" {
    local change
    for change in "UPDATE key SET purpose = 'other' WHERE name = 'vbr/config'" "DELETE FROM key WHERE name = 'vbr/job-sql'" \
        "UPDATE wrap SET ciphertext = 'x' || ciphertext WHERE key = (SELECT uuid FROM key WHERE name = 'vbr/config')" \
        "DELETE FROM drill WHERE key = (SELECT uuid FROM key WHERE name = 'vbr/job-sql')" \
        "UPDATE drill SET outcome = 'failed' WHERE key = (SELECT uuid FROM key WHERE name = 'vbr/job-sql')"; do
        cp "$scene/fra/escrow.db" "$STORE/escrow.db"
        alter "$change"
        stops_at 5 || { printf 'after: %s\n' "$change" >&2; return 1; }
    done
}

@test "6: a copy with other lines; 7: a report that was altered" {
    local segment
    segment=$(find "$COPY/log/$own" -name '*.ndjson' | sort | head -n 1)
    chmod u+w "$segment"
    cp "$segment" keep
    sed -i 's/"at":"2/"at":"3/' "$segment"
    stops_at 6
    # Under a name that fits it.
    mv "$segment" "$(sed "s/-[0-9a-f]*\.ndjson$/-$(sha256sum <"$segment" | cut -c -64).ndjson/" <<<"$segment")"
    stops_at 6
    rm -rf "$COPY"
    cp -r "$scene/usb" "$COPY"
    sed -i 's/Verdict/verdict/' "$REPORT"
    stops_at 7
    cp "$scene/report.html" "$REPORT"
    sed -i 's/"as_of":"2/"as_of":"3/' "$REPORT"
    stops_at 7
}
