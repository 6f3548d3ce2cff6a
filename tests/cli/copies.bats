#!/usr/bin/env bats
# copy, sync, join, author: two sites, disks that come and go, and copies that lie.
load ../lib/cli.bash

# The newest object of a kind in the copy.
newest() { # SUBFOLDER
    find "$USB/$1" -type f | sort | tail -n 1
}

@test "copy add lays out what a stranger can check with stock tools" {
    scene_keys
    jq -e '.type == "escrow" and .keymuster == 1 and .name == "Test escrow"' "$USB/escrow.json"
    jq -e '.type == "copy" and (.copy | length) == 32' "$USB/copy.json"
    cd "$USB"
    local f
    for f in log/*/*/*.ndjson; do
        [[ $f == *-$(sha256sum <"$f" | cut -d' ' -f1).ndjson ]]
    done
    f=$(newest head)
    head -n1 "$f" >"$T/m"
    tail -n +2 "$f" >"$T/s"
    minisign -V -P "$(jq -r .founder escrow.json)" -m "$T/m" -x "$T/s"
    # each line follows the one before it
    local prev=0000000000000000000000000000000000000000000000000000000000000000 line
    while IFS= read -r line; do
        [ "$(jq -r .prev <<<"$line")" = "$prev" ]
        prev=$(printf %s "$line" | sha256sum | cut -d' ' -f1)
    done <"$(find log -name "0000000001-*$(printf %010d "$(jq .entries "$T/m")")-*")"
    [ "$prev" = "$(jq -r .last "$T/m")" ]
}

@test "copy add: wrong places" {
    scene_fra
    ends 2 -C "$FRA" copy add usb "file://$USB"
    says --site
    ends 2 -C "$FRA" copy add usb usb --site mad
    ends 5 -C "$FRA" copy add usb "file://$T/no/such/place" --site mad
    says mounted
    printf 'a file\n' >"$T/file"
    run "$KEYMUSTER" -C "$FRA" copy add usb "file://$T/file" --site mad
    [ "$status" -ne 0 ]
    mkdir "$USB"
    ends 0 -C "$FRA" copy add usb "file://$USB" --site mad
    ends 6 -C "$FRA" copy add usb "file://$USB" --site mad
    "$KEYMUSTER" -C "$T/other" init --site fra --name 'Test escrow' >/dev/null
    ends 15 -o json -C "$T/other" copy add mine "file://$USB" --site fra
    error_is KM4002
}

@test "a disk that is away is no error, and gets all when it is back; two alternate" {
    scene_copy
    mkdir "$T/usb2"
    fra copy add usb2 "file://$T/usb2" --site mad --removable
    mv "$USB" "$T/away"
    mkdir "$USB" # the empty mount point
    ends 0 -o json -C "$FRA" create vbr/a --purpose backup-job --root fra-main
    json .released
    says '1 of 2 copies not reached'
    rmdir "$USB"
    mv "$T/away" "$USB"
    mv "$T/usb2" "$T/away2"
    ends 0 -C "$FRA" sync
    ends 5 -C "$FRA" sync usb2
    ends 0 -C "$FRA" create vbr/b --purpose backup-job --root fra-main
    mv "$T/away2" "$T/usb2"
    ends 0 -o json -C "$FRA" sync
    json '.copies | map(.reached) == [true, true]'
    ends 0 -C "$FRA" copy check --deep
    for copy in "$USB" "$T/usb2"; do
        ends 0 -o json -C "$T/reader-${copy##*/}" join --from "file://$copy" --site mad --yes
        [ "$(ask '.keys | map(.name) | join(" ")' -C "$T/reader-${copy##*/}" list)" = "vbr/a vbr/b" ]
    done
}

@test "two sites: join, admit, both write, the digests are equal" {
    scene_two
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    mad create mad/job --purpose backup-job --root mad-main
    fra create fra/job --purpose backup-job --root fra-main
    fra sync
    mad sync
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    [ "$(ask '.keys | length' -C "$FRA" list)" -eq 4 ]
    ends 0 -C "$FRA" verify
    ends 0 -C "$MAD" verify
    ends 0 -C "$MAD" status
    silent_on 'only one trusted author'
}

@test "an author that nobody admitted is kept and ignored, trusted here by a word, blocked by another" {
    scene_keys
    mad join --from "file://$USB" --site mad --yes
    mad kms set kp-mad --credential "file:$T/kp-mad.pass" --file "$T/kp-mad.kms"
    mad create mad/job --purpose backup-job --root mad-main
    fra sync
    local id
    id=$(ask .author -C "$MAD" status)
    ends 13 -C "$FRA" show mad/job
    ends 0 -C "$FRA" status
    says 'is not admitted'
    ends 0 -C "$FRA" author trust "$id"
    ends 0 -C "$FRA" show mad/job
    ends 0 -C "$FRA" author block "$id"
    ends 13 -C "$FRA" show mad/job
    ends 17 -C "$MAD" author admit "$id" # it cannot admit itself
    ends 2 -C "$FRA" author admit nonsense
    ends 13 -C "$FRA" author admit 00000000000000000000000000000000
}

@test "equal names made apart are both kept, shown with their site, and wanted by UUID" {
    scene_both
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    ends 0 -C "$FRA" list
    says '1 (fra)' '1 (mad)'
    ends 2 -C "$FRA" show both
    says UUID
    for id in $(ask '.keys[] | select(.name == "both") | .uuid' -C "$FRA" list); do
        ends 0 -C "$FRA" show "$id"
    done
}

@test "a copy that is rolled back is 16 until it has caught up" {
    scene_copy
    cp -r "$USB" "$T/old"
    fra create vbr/job --purpose backup-job --root fra-main
    mv "$USB" "$T/now"
    cp -r "$T/old" "$USB"
    ends 16 -o json -C "$FRA" sync
    error_is KM4003
    ends 16 -C "$FRA" copy check
    rm -rf "$USB"
    mv "$T/now" "$USB"
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" copy check --deep
}

@test "a cloned store is found out: 16, and nothing of either is lost" {
    scene_keys
    cp -r "$FRA" "$T/clone"
    fra site add one
    HOME=$T/home2 XDG_STATE_HOME=$T/home2/state ends 16 -C "$T/clone" site add two
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" sync
}

@test "a store that was restored from an old image is found out, and takes back what it had published" {
    scene_keys
    cp -r "$FRA" "$T/image"
    fra create vbr/later --purpose backup-job --root fra-main
    rm -rf "$FRA"
    cp -r "$T/image" "$FRA"
    ends 16 -o json -C "$FRA" site add x
    error_is KM2016
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" show vbr/later
    ends 0 -C "$FRA" site add x
    ends 0 -C "$FRA" verify
}

@test "altered, cut and missing objects are named: 15" {
    scene_keys
    local f good=$T/good
    cp -r "$USB" "$good"
    for spoil in 'flip log' 'cut log' 'rm log' 'flip head' 'cut head' 'flip escrow.json'; do
        rm -rf "$USB" "$T/reader"
        cp -r "$good" "$USB"
        f=$(newest "${spoil#* }")
        case $spoil in
            flip*) printf '\x00' | dd of="$f" bs=1 seek=40 conv=notrunc status=none ;;
            cut*) truncate -s -5 "$f" ;;
            rm*) rm "$f" ;;
        esac
        ends 15 -o json -C "$T/reader" join --from "file://$USB" --site mad --yes
        [ ! -e "$T/reader" ]
    done
}

@test "a log of a foreign author laid into a copy is skipped, and said" {
    scene_keys
    "$KEYMUSTER" -C "$T/other" init --site fra --name 'Test escrow' >/dev/null
    mkdir "$T/their"
    "$KEYMUSTER" -C "$T/other" copy add their "file://$T/their" --site fra >/dev/null
    cp -r "$T/their"/{log,head,newest} "$USB"
    ends 0 -C "$FRA" sync
    says 'another escrow'
    ends 0 -C "$FRA" verify
    [ "$(ask '.items | length' -C "$FRA" author list)" -eq 1 ]
}

@test "join: a site that the pull did not bring is 13, another escrow than expected is 15; nothing is left" {
    scene_keys
    ends 13 -C "$MAD" join --from "file://$USB" --site paris --yes
    [ ! -e "$MAD" ]
    ends 15 -o json -C "$MAD" join --from "file://$USB" --site mad --expect 00000000000000000000000000000000
    error_is KM4015
    ends 2 -C "$MAD" --no-input join --from "file://$USB" --site mad
    ends 13 -C "$MAD" join --from "file://$T" --site mad --yes
    [ ! -e "$MAD" ]
    "$KEYMUSTER" -C "$FRA" copy card >"$T/card"
    ends 0 -C "$MAD" join --from "file://$USB" --site mad --card "$T/card"
}

@test "the card as JSON holds the card as text" {
    scene_copy
    "$KEYMUSTER" -C "$FRA" copy card | grep -v ^made >"$T/card"
    ends 0 -o json -C "$FRA" copy card
    json '.schema == "keymuster.copy.card/1" and (.card | test("floor "))'
    jq -rj .card <<<"$output" | grep -v ^made | cmp - "$T/card"
}

@test "the card refuses a copy that is older than its floor" {
    scene_copy
    cp -r "$USB" "$T/old"
    fra create vbr/job --purpose backup-job --root fra-main
    "$KEYMUSTER" -C "$FRA" copy card >"$T/card"
    ends 16 -o json -C "$MAD" join --from "file://$T/old" --site mad --card "$T/card"
    error_is KM4013
    [ ! -e "$MAD" ]
}

@test "a read-only medium can be read, and publishing says so" {
    scene_keys
    mount_small "$T/medium" 4m
    cp -r "$USB"/. "$T/medium"
    mount -o remount,ro "$T/medium"
    lost_options
    lost[1]=file://$T/medium
    ends 0 exec vbr/config --reason test "${lost[@]}" -- wc -c
    [ "$output" = 44 ]
    says 'read-only'
}

@test "a full disk under the copy: nothing half-written, and the key is not released" {
    scene_fra
    mount_small "$USB" 256k
    fra copy add usb "file://$USB" --site mad
    head -c 1m /dev/zero >"$USB/fill" 2>/dev/null || true
    tried "$KEYMUSTER" -o json -C "$FRA" create vbr/job --purpose backup-job --root fra-main
    [ "$status" -eq 5 ] || [ "$status" -eq 3 ]
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" show vbr/job
    rm "$USB/fill"
    ends 0 -C "$FRA" sync
    ends 0 -o json -C "$FRA" copy list
    json '.items[0] | .create_once == "enforced" and .can_overwrite and .can_remove'
    # What lies there is whole; a disk this small is a finding.
    ends 3 -C "$FRA" copy check --deep
    says 'usb verifies' 'no object of 32 MiB finds room: No space left'
}

@test "a full disk under the store: nothing is stored, and it verifies" {
    mount_small "$T/small" 400k
    FRA=$T/small/fra
    scene_fra
    head -c 1m /dev/zero >"$T/small/fill" 2>/dev/null || true
    tried "$KEYMUSTER" -o json -C "$FRA" create vbr/job --purpose backup-job --root fra-main --allow-unsynced
    [ "$status" -eq 5 ]
    rm "$T/small/fill"
    ends 0 -C "$FRA" verify
    ends 13 -C "$FRA" show vbr/job
}

@test "a store on a read-only medium can be looked at" {
    mount_small "$T/small" 2m
    FRA=$T/small/fra
    scene_fra
    mount -o remount,ro "$T/small"
    ends 0 -C "$FRA" list
    ends 0 -C "$FRA" verify
    ends 1 -o json -C "$FRA" site add x
    error_is KM2015
}

@test "copy set: the disk has moved; another copy is not taken for it" {
    scene_keys
    mv "$USB" "$T/moved"
    ends 5 -C "$FRA" sync usb
    ends 0 -C "$FRA" copy set usb "file://$T/moved"
    ends 0 -C "$FRA" sync usb
    mkdir "$T/second"
    fra copy add second "file://$T/second" --site mad
    ends 6 -C "$FRA" copy set usb "file://$T/second"
    ends 13 -C "$FRA" copy set nowhere "file://$T/moved"
    ends 13 -C "$FRA" copy set usb "file://$T/home"
}

@test "copy add makes a cp -r of a copy one in its own right" {
    scene_keys
    cp -r "$USB" "$T/twin"
    ends 0 -C "$FRA" copy add twin "file://$T/twin" --site fra
    [ "$(jq -r .copy "$USB/copy.json")" != "$(jq -r .copy "$T/twin/copy.json")" ]
    ends 0 -C "$FRA" sync
    ends 0 -C "$FRA" copy check --deep
    ends 0 -o json -C "$FRA" copy list
    json '.items | map(.missing) == [0, 0]'
}

@test "a copy that the log knows and this machine does not is no finding" {
    scene_two
    mkdir "$T/other"
    mad copy add other "file://$T/other" --site mad
    fra sync
    ends 0 -C "$FRA" copy list
    says 'not bound here'
    ends 0 -C "$FRA" sync
}

@test "a sync that ends between two heads leaves a copy that can be read" {
    local author newest after
    scene_fra
    fra copy add usb "file://$USB" --site mad --removable
    fra create vbr/config --purpose config-backup --root mad-main
    author=$(ask .author -C "$FRA" status)
    mv "$USB" "$USB.away"
    "$KEYMUSTER" -C "$FRA" site add one >/dev/null 2>&1
    "$KEYMUSTER" -C "$FRA" site add two >/dev/null 2>&1
    mv "$USB.away" "$USB"
    # The second of the two heads cannot be written.
    newest=$(find "$USB/head/$author" -type f | sort | tail -n 1)
    after=$(printf '%s/%010d' "$(dirname "$newest")" $((10#$(basename "$newest") + 2)))
    echo something >"$after"
    ends 16 -C "$FRA" site add three
    rm "$after"
    [ "$(find "$USB/head/$author" -type f | sort | tail -n 1)" != "$newest" ]
    ends 0 -o json -C "$MAD" join --from "file://$USB" --site mad --yes
    ends 0 -o json -C "$MAD" site list
    json '[.items[].name] | index("one") and (index("two") | not)'
    # And the next one finishes it.
    ends 0 -C "$FRA" sync
    mad sync
    ends 0 -o json -C "$MAD" site list
    json '[.items[].name] | index("two") and index("three")'
}
