#!/usr/bin/env bats
# recover attach: what was done on a bare machine whose copy could not be written, merged into a store afterwards.
# shellcheck disable=SC2030,SC2031
load ../lib/cli.bash

# A password was shown at the remote site from a copy that could not take the record; its evidence lies in $E.
scene_evidence() {
    scene_keys
    E=$T/evidence
    cp -r "$USB" "$T/there"
    lost_options
    lost[1]=file://$T/there
    # What is written to that copy gets lost with it.
    ends 0 reveal vbr/config "${lost[@]}" --evidence "$E" --reason 'the worst night' --to "file:$T/pw" --offline
    rm -rf "$T/there"
    author=$(ask .author -C "$E" status)
}
seen_by() { "$KEYMUSTER" -C "$1" -o ndjson audit log | jq -se --arg a "$author" 'any(.[]; .entry.author? == $a and .entry.kind == "reveal.shown")' >/dev/null; }
duties() { ask .duties -C "$1" status; }

@test "evidence of a bare machine is merged, does not count until admitted, and then travels" {
    scene_evidence
    ! seen_by "$FRA" || return 1
    local before
    before=$(duties "$FRA")
    ends 0 -o json -C "$FRA" recover attach "$E" --dry-run
    json '.dry_run and .entries > 0 and .admitted == false'
    ! seen_by "$FRA" || return 1
    ends 0 -o json -C "$FRA" recover attach "$E"
    json '.author == $a and .entries == 4 and .admitted == false and .next == "keymuster author admit " + $a' --arg a "$author"
    seen_by "$FRA"
    [ "$(duties "$FRA")" = "$before" ]
    # The same again is no news, and says so; in words, too.
    ends 0 -C "$FRA" recover attach "$E"
    says 'nothing is new' "keymuster author admit $author" 'does not count yet'
    fra author admit "$author"
    [ "$(duties "$FRA")" = $((before + 1)) ]
    ends 0 -o json -C "$FRA" recover attach "$E"
    json '.entries == 0 and .admitted and (has("next") | not)'
    # Whoever works from the copy hears of it.
    mad join --from "file://$USB" --site mad --yes
    seen_by "$MAD"
    ends 0 -C "$FRA" verify
    ends 0 -C "$E" verify
}

@test "from a disk: the folder, the one above it, a state folder; read only; more of it later" {
    scene_evidence
    mkdir -p "$T/disk" "$T/state/keymuster/recover"
    cp -r "$E" "$T/state/keymuster/recover/$(ask .escrow -C "$FRA" status)"
    ends 0 -o json -C "$FRA" recover attach "$T/state"
    json '.entries == 4'
    # The machine goes on; what it recorded since follows. Signed there, so that a disk that is only read will do.
    "$KEYMUSTER" -C "$E" site add lyon --offline >/dev/null
    cp -r "$E" "$T/disk/what-was-done"
    ends 0 -o json -C "$FRA" recover attach "$T/disk" -n
    says 'signed first'
    json '.entries == 0'
    rm -r "$T/disk/what-was-done"
    ends 0 -o json -C "$FRA" recover attach "$E"
    json '.entries == 1'
    # Older than what is known is no harm.
    ends 0 -o json -C "$FRA" recover attach "$T/state"
    json '.entries == 0'
    mount_small "$T/ro" 8m
    "$KEYMUSTER" -C "$E" site add nice --offline >/dev/null
    cp -r "$E" "$T/ro/evidence"
    mount -o remount,ro "$T/ro"
    ends 1 -o json -C "$FRA" recover attach "$T/ro/evidence"
    error_is KM2015
    says 'signing what is not signed yet' 'make a copy of the folder that is yours'
    "$KEYMUSTER" -C "$FRA" recover attach "$E" >/dev/null
    mount -o remount,rw "$T/ro"
    rm -r "$T/ro/evidence"
    cp -r "$E" "$T/ro/evidence"
    mount -o remount,ro "$T/ro"
    mad join --from "file://$USB" --site mad --yes
    ends 0 -o json -C "$MAD" recover attach "$T/ro"
    json '.entries == 6 and .admitted == false and (has("next") | not)'
    ends 0 -C "$MAD" verify
}

@test "the records of an export are merged alike" {
    scene_keys
    fra export vbr/config --file "$T/export"
    ends 0 exec vbr/config --from "$T/export" --expect "$(ask .escrow -C "$FRA" status)" --evidence "$T/evidence" \
        --reason test --credential "kp-mad=file:$T/kp-mad.pass" -- true
    says "recover attach $T/evidence"
    author=$(ask .author -C "$T/evidence" status)
    # It is signed as it lies, so a copy of it on any disk is whole.
    cp -r "$T/evidence" "$T/carried"
    rm "$T/carried/author.key"
    ends 0 -o json -C "$FRA" recover attach "$T/carried"
    json '.entries == 4'
    fra author admit "$author"
    ends 0 -o ndjson -C "$FRA" audit log
    jq -se --arg a "$author" --arg sum "$(sha256sum <"$T/export" | cut -d' ' -f1)" \
        'any(.[]; .entry.author? == $a and .entry.body.export? == $sum)' <<<"$output" >/dev/null
}

@test "a whole run on a bare machine shows where its evidence was attached" {
    scene_keys
    cp -r "$USB" "$T/there"
    lost_options
    lost[1]=file://$T/there
    ends 20 recover start total-loss "${lost[@]}" --lost fra --evidence "$T/evidence" --no-input --offline
    rm -r "$T/there"
    local run
    run=$(ask '.items[0].run' -C "$T/evidence" recover list)
    ends 13 -C "$FRA" recover show "$run"
    fra recover attach "$T/evidence"
    fra author admit "$(ask .author -C "$T/evidence" status)"
    ends 0 -o json -C "$FRA" recover list
    json '.items[0].run == $r and .items[0].runbook == "total-loss"' --arg r "$run"
    ends 0 -C "$FRA" recover show "$run"
}

@test "another escrow's, an altered one, this store itself, a copy, nothing: refused, and nothing is taken in" {
    scene_evidence
    "$KEYMUSTER" -C "$T/other" init --site fra >/dev/null
    ends 15 -o json -C "$FRA" recover attach "$T/other"
    error_is KM4002
    ends 2 -C "$FRA" recover attach "$FRA"
    says 'is this store itself'
    ends 10 -C "$FRA" recover attach "$USB"
    says 'it is a copy' 'copy set'
    ends 10 -C "$FRA" recover attach "$T/nowhere"
    ends 10 -C "$FRA" recover attach
    says "$HOME/state/keymuster/recover"
    # Signed as it is, then one byte of what was done is changed.
    ends 0 -o json -C "$FRA" recover attach "$E" -n
    cp -r "$E" "$T/altered"
    mad join --from "file://$USB" --site mad --yes
    "$KEYMUSTER" -C "$MAD" recover attach "$T/altered" >/dev/null
    local keep="CREATE TRIGGER entry_keep BEFORE UPDATE ON entry BEGIN SELECT raise(ABORT, 'entries are never changed'); END"
    grep -qF "$keep" "$KM_SOURCE/migrations/0001_base.sql"
    sqlite3 "$T/altered/escrow.db" "DROP TRIGGER entry_keep; UPDATE entry SET line = replace(line, 'the worst night', 'the best night!')
        WHERE line LIKE '%worst night%'; $keep;"
    local entries
    entries=$("$KEYMUSTER" -C "$FRA" -o ndjson audit log | wc -l)
    ends 15 -o json -C "$FRA" recover attach "$T/altered"
    says altered
    [ "$("$KEYMUSTER" -C "$FRA" -o ndjson audit log | wc -l)" -eq "$entries" ]
    mkdir "$T/two" && cp -r "$E" "$T/two/a" && cp -r "$E" "$T/two/b"
    ends 2 -C "$FRA" recover attach "$T/two"
    says 'there are 2 stores'
    ends 0 -C "$FRA" verify
}
