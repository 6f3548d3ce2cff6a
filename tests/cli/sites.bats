#!/usr/bin/env bats
# More than one site that writes: disks exchanged, a primary that comes back, failback, and copies of which each author
# reaches only one.
load ../lib/cli.bash

id_of() { ask .author -C "$1" status; }
digest_of() { ask .digest -C "$1" status; }
same_digest() { # STORE...
    local store first
    first=$(digest_of "$1")
    for store in "$@"; do
        [ "$(digest_of "$store")" = "$first" ] || { printf 'the digests differ: %s\n' "$store" >&2; return 1; }
    done
}
# A file of the copy below head/, the newest of an author.
newest_head() { find "$1/head/$2" -type f | sort | tail -n 1; }

@test "swapped disks: two copies of one escrow at each other's place are named, nothing is mixed, swapped back all is well" {
    scene_fra
    mkdir "$T/a" "$T/b"
    fra copy add monday "file://$T/a" --site mad --removable
    fra copy add tuesday "file://$T/b" --site mad --removable
    fra site add later
    mv "$T/a" "$T/x"; mv "$T/b" "$T/a"; mv "$T/x" "$T/b"
    local before
    before=$(find "$T/a" "$T/b" -type f -exec sha256sum {} + | sort)
    ends 15 -o json -C "$FRA" sync
    says monday 'not the copy that was bound' 'that is the copy tuesday'
    fra --offline site add meanwhile
    ends 15 -C "$FRA" copy check monday
    ends 15 -C "$FRA" copy check tuesday
    [ "$(find "$T/a" "$T/b" -type f -exec sha256sum {} + | sort)" = "$before" ]
    mv "$T/a" "$T/x"; mv "$T/b" "$T/a"; mv "$T/x" "$T/b"
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" copy check
    ends 0 -C "$FRA" verify
    # Bound anew at their new places instead, which is as good.
    mv "$T/a" "$T/x"; mv "$T/b" "$T/a"; mv "$T/x" "$T/b"
    fra copy set monday "file://$T/b"
    fra copy set tuesday "file://$T/a"
    fra site add at-last
    ends 0 -C "$FRA" copy check
}

@test "swapped disks of two escrows: 15 at both, neither takes a line of the other, neither disk is written" {
    scene_keys
    mkdir "$T/usb2"
    "$KEYMUSTER" -C "$T/other" init --site fra --name 'Another escrow' >/dev/null
    "$KEYMUSTER" -C "$T/other" copy add usb "file://$T/usb2" --site fra --removable >/dev/null 2>&1
    mv "$USB" "$T/x"; mv "$T/usb2" "$USB"; mv "$T/x" "$T/usb2"
    local before other_digest
    before=$(find "$USB" "$T/usb2" -type f -exec sha256sum {} + | sort)
    other_digest=$(digest_of "$T/other")
    ends 15 -C "$FRA" sync
    says 'another escrow'
    ends 15 -C "$T/other" sync
    ends 15 -C "$FRA" drill
    says 'another escrow'
    lost_options
    ends 15 drill "${lost[@]}" --expect "$(ask .escrow -C "$FRA" status)"
    [ "$(find "$USB" "$T/usb2" -type f -exec sha256sum {} + | sort)" = "$before" ]
    [ "$(digest_of "$T/other")" = "$other_digest" ]
    [ "$(ask '[.items[].author] | length' -C "$FRA" author list)" -eq 1 ]
    mv "$USB" "$T/x"; mv "$T/usb2" "$USB"; mv "$T/x" "$T/usb2"
    ends 0 -C "$FRA" sync
    ends 0 -C "$T/other" sync
}

@test "a primary that comes back with entries nobody had: not retired they count; retired they are kept, and adopted" {
    scene_two
    local fra_id mad_id
    fra_id=$(id_of "$FRA") mad_id=$(id_of "$MAD")
    # The line is cut: the primary goes on alone, the other site too.
    fra --offline site add only-at-fra
    ends 3 -C "$FRA" --offline create vbr/alone --purpose backup-job --root fra-main
    mad site lost fra --reason fire --confirm fra
    mad create vbr/second --purpose backup-job --root mad-main
    # It comes back, not retired: all of it counts, and both sites are the same.
    ends 0 -C "$FRA" sync
    ends 0 -C "$MAD" sync
    same_digest "$FRA" "$MAD"
    ends 0 -C "$MAD" show vbr/alone
    mad site restored fra --reason rebuilt || mad site restored fra --reason rebuilt --confirm fra
    fra sync
    # Cut again; this time the other site ends its log, for which it needs the rank of a spare.
    printf 'canary-spare-%s\n' "$(head -c 12 /dev/urandom | base64)" >"$T/spare.pass"
    fra author spare --file "$T/spare.key" --credential "file:$T/spare.pass" --site mad
    mad sync
    local last
    last=$(ask ".items[] | select(.author == \"$fra_id\").entries" -C "$MAD" author list)
    fra --offline site add late-at-fra
    ends 3 -C "$FRA" --offline create vbr/late --purpose backup-job --root fra-main
    ends 0 -C "$T/new" join --from "file://$USB" --site mad --yes --spare "$T/spare.key" --credential "spare=file:$T/spare.pass"
    ends 0 -C "$T/new" author retire "$fra_id" --reason 'site lost' --confirm "$fra_id"
    mad sync
    # The primary is back: what it had recorded is kept at the others and does not count.
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" status
    says "was retired after its entry $last"
    ends 0 -C "$MAD" sync
    ends 0 -C "$T/new" sync
    same_digest "$MAD" "$T/new"
    ends 13 -C "$MAD" show vbr/late
    ends 0 -C "$MAD" status
    says quarantined
    # Adopted, it counts everywhere, once.
    local hash
    hash=$("$KEYMUSTER" -C "$MAD" -o ndjson audit log |
        jq -r 'select(.quarantined == true and .entry.kind == "key.created").hash')
    ends 0 -C "$MAD" author adopt "$hash" --yes
    ends 0 -C "$T/new" sync
    same_digest "$MAD" "$T/new"
    ends 0 -C "$T/new" show vbr/late
    # Failback: the rebuilt primary joins under a new author, is admitted, and all three agree.
    ends 0 -C "$T/back" join --from "file://$USB" --site fra --yes --name fra-again
    ends 0 -C "$T/new" author admit "$(id_of "$T/back")"
    "$KEYMUSTER" -C "$T/back" sync >/dev/null
    "$KEYMUSTER" -C "$T/back" site add after-failback >/dev/null
    mad sync
    ends 0 -C "$T/new" sync
    same_digest "$MAD" "$T/new" "$T/back"
    local store
    for store in "$FRA" "$MAD" "$T/new" "$T/back"; do
        ends 0 -C "$store" verify
    done
    : "$mad_id"
}

@test "two copies of which each author reaches only one: a third author between them, or a disk, carries all to all" {
    scene_fra
    mkdir "$T/north" "$T/south"
    fra copy add north "file://$T/north" --site fra
    # The relay reaches both; south is its own.
    "$KEYMUSTER" -C "$T/relay" join --from "file://$T/north" --site mad --yes --name relay >/dev/null 2>&1
    fra author admit "$(id_of "$T/relay")"
    "$KEYMUSTER" -C "$T/relay" sync >/dev/null
    "$KEYMUSTER" -C "$T/relay" copy add south "file://$T/south" --site mad >/dev/null 2>&1
    mad join --from "file://$T/south" --site mad --yes --name mad-store
    # Nobody carries the log of an author who is not admitted, so the founder admits it by a request, which travels by
    # mail; or the relay does, who sees it.
    "$KEYMUSTER" -C "$T/relay" sync >/dev/null
    fra sync
    ends 13 -C "$FRA" author admit "$(id_of "$MAD")"
    says '--request'
    "$KEYMUSTER" -C "$MAD" author request >"$T/request" 2>/dev/null
    ends 0 -C "$FRA" author admit --request "$T/request" --yes
    "$KEYMUSTER" -C "$T/relay" sync >/dev/null
    mad sync
    fra site add from-fra
    mad site add from-mad
    "$KEYMUSTER" -C "$T/relay" site add from-relay >/dev/null
    "$KEYMUSTER" -C "$T/relay" sync >/dev/null
    fra sync
    mad sync
    same_digest "$FRA" "$MAD" "$T/relay"
    [ "$(ask '[.items[].name] | sort | tostring' -C "$MAD" site list)" = '["fra","from-fra","from-mad","from-relay","mad"]' ]
    # The copies have each other's heads, byte for byte.
    local id
    for id in "$(id_of "$FRA")" "$(id_of "$MAD")" "$(id_of "$T/relay")"; do
        cmp "$(newest_head "$T/north" "$id")" "$(newest_head "$T/south" "$id")"
    done
    # The relay is gone: a disk carried from one to the other does the same.
    rm -rf "$T/relay"
    mkdir "$T/disk"
    fra site add by-disk
    fra copy add disk "file://$T/disk" --site fra --removable
    mad copy add disk "file://$T/disk" --site mad --removable
    mad site add back-by-disk
    fra sync
    mad sync
    same_digest "$FRA" "$MAD"
    ends 0 -C "$FRA" site list
    says back-by-disk by-disk
    # Each copy alone brings a bare machine to the same.
    lost_options
    local copy
    for copy in north south disk; do
        lost[1]=file://$T/$copy
        ends 0 -C "$T/bare-$copy" join --from "file://$T/$copy" --site mad --yes
    done
    ends 0 -C "$FRA" verify
    ends 0 -C "$MAD" verify
}
