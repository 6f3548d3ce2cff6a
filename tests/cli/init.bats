#!/usr/bin/env bats
# init, and stores that cannot be opened or written.
load ../lib/cli

# Application id of a keymuster database: the migrations say it, so must the program.
application_id() { sqlite3 "$FRA/escrow.db" 'PRAGMA application_id'; }

@test "init makes a private store of three files, and the answer names the escrow" {
    ends 0 -o json -C "$FRA" init --site fra --name 'Our escrow'
    json '.schema == "keymuster.init/1" and (.escrow | test("^[0-9a-f]{32}$")) and (.author | test("^[0-9a-f]{32}$"))'
    [ -f "$FRA/escrow.db" ]
    [ "$(stat -c %a "$FRA")" = 700 ]
    for file in escrow.db author.key; do
        [ "$(stat -c %a "$FRA/$file")" = 600 ]
    done
    [ "$(application_id)" = 1263358804 ]
    ends 0 -o json -C "$FRA" status
    json '.author and .escrow and .digest'
    ends 0 -C "$FRA" verify
}

@test "the escrow id is a function of the founder's public key alone" {
    ends 0 -o json -C "$FRA" init --site fra
    local id key
    id=$(jq -r .escrow <<<"$output")
    key=$(jq -r .public_key <<<"$output" | base64 -d | tail -c 32 | xxd -p -c 64)
    [ "$id" = "$(printf 'keymuster escrow 1\0%b' "$(sed 's/../\\x&/g' <<<"$key")" | sha256sum | cut -c 1-32)" ]
}

@test "init at the default place, and by KEYMUSTER_STORE; -C wins" {
    KEYMUSTER_STORE=$T/elsewhere ends 0 init --site fra
    [ -f "$T/elsewhere/escrow.db" ]
    KEYMUSTER_STORE=$T/elsewhere ends 0 -C "$FRA" init --site fra
    [ -f "$FRA/escrow.db" ]
}

@test "a second init in the same place is 6 and changes nothing" {
    ends 0 -C "$FRA" init --site fra
    local before
    before=$(sha256sum "$FRA"/*)
    ends 6 -C "$FRA" init --site fra
    says "$FRA"
    [ "$before" = "$(sha256sum "$FRA"/*)" ]
    ends 6 -o json -C "$FRA" init --site other
    error_is KM2003
}

@test "init without a site, or with a name that no site can have, is 2 and leaves nothing" {
    ends 2 -C "$FRA" init
    says --site
    for name in '' Fra 'f ra' 'fra/1' "$(printf 'f%.0s' {1..65})" $'fra\n' $'fr\e[31ma' fraß; do
        ends 2 -C "$FRA" init --site "$name"
    done
    [ ! -e "$FRA" ]
    ends 0 -C "$FRA" init --site "$(printf 'f%.0s' {1..64})"
}

@test "an escrow name with control characters is 2" {
    ends 2 -o json -C "$FRA" init --site fra --name $'red\e[31m'
    silent_on $'\e'
    [ ! -e "$FRA" ]
}

@test "init --dry-run makes nothing" {
    ends 0 -C "$FRA" init --site fra --dry-run
    [ ! -e "$FRA" ]
}

@test "a foreign database is 10, a file that is none as well; neither is changed" {
    fra init --site fra
    rm -- "$FRA/escrow.db"
    sqlite3 "$FRA/escrow.db" 'CREATE TABLE t (a); PRAGMA application_id = 1234;'
    local before
    before=$(sha256sum "$FRA/escrow.db")
    ends 10 -o json -C "$FRA" list
    error_is KM2004
    ends 10 -C "$FRA" site add mad
    [ "$before" = "$(sha256sum "$FRA/escrow.db")" ]
    printf 'not a database at all, but long enough to be read as the header of one, one hundred bytes and more of it' \
        >"$FRA/escrow.db"
    ends 10 -o json -C "$FRA" list
    error_is KM2004
    : >"$FRA/escrow.db"
    ends 10 -C "$FRA" list
}

@test "a database of a newer keymuster is 2 and is not changed" {
    fra init --site fra
    sqlite3 "$FRA/escrow.db" 'PRAGMA user_version = 99'
    local before
    before=$(sha256sum "$FRA/escrow.db")
    for words in list verify 'site add mad'; do
        # shellcheck disable=SC2086
        ends 2 -o json -C "$FRA" $words
        error_is KM2005
        says newer
    done
    [ "$before" = "$(sha256sum "$FRA/escrow.db")" ]
}

@test "a second writer waits 10 s, then ends 11 and names the one who holds the lock" {
    fra init --site fra
    start "$T/held" "$KM_TOOLS/hold_lock" "$FRA/store.lock"
    local began=$SECONDS
    ends 11 -o json -C "$FRA" site add mad
    [ $((SECONDS - began)) -ge 9 ]
    [ $((SECONDS - began)) -le 20 ]
    error_is KM2002
    says "pid ${started[0]} since"
    jq -e .retryable <<<"$stderr" >/dev/null
    # Reading goes on meanwhile.
    ends 0 -C "$FRA" site list
    kill "${started[0]}"
    wait "${started[0]}" || true
    started=()
    ends 0 -C "$FRA" site add mad
}

@test "a writer waits for one that is soon done" {
    fra init --site fra
    start "$T/held" timeout 2 "$KM_TOOLS/hold_lock" "$FRA/store.lock"
    ends 0 -C "$FRA" site add mad
}

@test "another program that holds the database is 11, too" {
    fra init --site fra
    mkfifo "$T/talk"
    start "$T/held" sqlite3 "$FRA/escrow.db" ".read '|cat $T/talk'" &
    exec 8>"$T/talk"
    printf "BEGIN IMMEDIATE;\nSELECT 'held';\n" >&8
    for _ in {1..100}; do [ -s "$T/held" ] && break; sleep 0.05; done
    [ -s "$T/held" ]
    ends 11 -C "$FRA" site add mad
    says escrow.db
    exec 8>&-
}

@test "forty writers at once: all are stored, none twice" {
    fra init --site fra
    seq 40 | xargs -P 8 -I{} "$KEYMUSTER" -C "$FRA" site add site-{} >/dev/null
    ends 0 -o json -C "$FRA" site list
    json '.items | length == 41'
    ends 0 -C "$FRA" verify
}

@test "a full disk is 5, nothing is half done, and it works again when there is room" {
    mount_small "$T/small" 1m
    FRA=$T/small/fra
    fra init --site fra
    dd if=/dev/zero of="$T/small/filler" bs=4096 2>/dev/null || true
    ends 5 -o json -C "$FRA" site add mad
    error_is KM2009
    ends 5 -C "$T/small/other" init --site fra
    [ ! -e "$T/small/other" ]
    rm -- "$T/small/filler"
    ends 0 -o json -C "$FRA" site list
    json '.items | length == 1'
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" site add mad
}

@test "a read-only medium: reading works, writing is 1 and says so" {
    mount_small "$T/small" 4m
    FRA=$T/small/fra
    fra init --site fra
    mount -o remount,ro "$T/small" 2>/dev/null || skip 'a read-only mount is not permitted here'
    ends 0 -C "$FRA" site list
    ends 0 -C "$FRA" verify
    ends 1 -o json -C "$FRA" site add mad
    error_is KM2015
    ends 1 -C "$T/small/other" init --site fra
}

@test "a store on a network file system" {
    skip 'cannot be mounted here; test_file.c judges the file system types'
}

@test "a store of another user is refused with the line that helps" {
    [ "$(id -u)" -eq 0 ] || skip 'needs root to give a folder away'
    fra init --site fra
    chown -R 65534 "$FRA"
    ends 2 -o json -C "$FRA" list
    error_is KM2007
    says sudo
}

@test "an altered line in the database is 15" {
    fra init --site fra
    fra site add mad
    sqlite3 "$FRA/escrow.db" "DROP TRIGGER entry_keep;
        UPDATE entry SET line = replace(line, '\"mad\"', '\"mat\"') WHERE seq = 3;"
    ends 15 -C "$FRA" verify
}

@test "an altered derived table is found by verify" {
    fra init --site fra
    fra site add mad
    ends 0 -C "$FRA" verify
    sqlite3 "$FRA/escrow.db" "UPDATE object SET name = 'mat' WHERE name = 'mad'"
    ends 15 -C "$FRA" verify
    says digest
}

@test "a signing key that is not the author's, or is readable by others, is refused" {
    fra init --site fra
    "$KEYMUSTER" -C "$MAD" init --site mad >/dev/null
    mkdir "$USB"
    cp "$FRA/author.key" "$T/right"
    cp "$MAD/author.key" "$FRA/author.key"
    ends 15 -C "$FRA" copy add usb "file://$USB" --site fra
    cp "$T/right" "$FRA/author.key"
    chmod 644 "$FRA/author.key"
    ends 2 -C "$FRA" copy add usb2 "file://$USB" --site fra
}

@test "a key that keymuster.conf does not know is named with its line; the site of a store is in the log alone" {
    ends 0 -C "$FRA" init --site fra
    printf '[network]\nproxi = http://192.0.2.9:3128\n' >"$FRA/keymuster.conf"
    ends 2 -o json -C "$FRA" site list
    error_is KM1002
    says 'line 2: unknown key \"proxi\"' 'the nearest known name is \"proxy\"'
    printf '[store]\nsite = mad\n' >"$FRA/keymuster.conf"
    ends 2 -o json -C "$FRA" site list
    error_is KM1002
    says 'unknown key \"site\"' 'keymuster site list'
}

@test "a name that is taken: said, with where to look which there are" {
    ends 0 -C "$FRA" init --site fra
    ends 6 -o json -C "$FRA" site add fra
    error_is KM2012
    says 'the name fra is taken by another site' 'choose another name; which there are: keymuster site list'
}
