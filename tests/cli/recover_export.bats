#!/usr/bin/env bats
# recover start --from EXPORT: no copy is left, but an export beside the backup, a KMS, and an empty disk.
load ../lib/cli.bash
load ../lib/runs.bash

# Everything of the first site is gone but an export of the configuration backup's key, two generations of it.
scene_export() {
    scene_keys
    fra wrap add vbr/config --root fra-main
    fra rekey vbr/config
    password_of "$FRA" vbr/config@1 "$T/first.pw"
    password_of "$FRA" vbr/config "$T/config.pw"
    escrow=$(ask .escrow -C "$FRA" status)
    uuid=$(ask .uuid -C "$FRA" show vbr/config)
    created=$(ask .created_at -C "$FRA" show vbr/config@1)
    fra export vbr/config --file "$T/export"
    E=$T/night
    lost=(--from "$T/export" --expect "$escrow" --site mad --evidence "$E" --credential "kp-mad=file:$T/kp-mad.pass"
        --kms-file "kp-mad=$T/kp-mad.kms")
}

answers_of() { # skip the copy's check where there is none yet
    answers_total_loss '[step "copy"]' 'do = skip' 'reason = only an export is left'
}

@test "total-loss from an export to its end: shown, replaced, on a new disk, merged into the escrow afterwards" {
    scene_export
    answers_of
    # The site that is lost takes its KMS, its store and the copy with it; the store turns up again much later.
    mv "$FRA" "$T/fra-later"
    mv "$USB" "$T/usb-later"
    rm -rf "$HOME" && mkdir "$HOME"
    ends 21 recover start total-loss "${lost[@]}" --lost fra --answers answers
    says 'this store knows what an export of' '2 generations of 1 keys' 'copy add NAME URL' "recover attach $E"
    says 'copy add' # the step "sync" failed: there is no copy
    cmp "$T/config.pw" got
    ends 0 -o json -C "$E" show vbr/config
    json '.generation == 3'
    mkdir "$T/disk"
    "$KEYMUSTER" -C "$E" copy add disk "file://$T/disk" --site mad >/dev/null
    ends 3 -o json -C "$E" recover resume --answers answers
    json '[.steps[] | select(.state != "done") | .id] == ["copy"]'
    ends 0 -C "$E" verify
    ends 0 -o json -C "$E" copy check --deep
    # What it was told is what the escrow knows: same keys, same dates.
    ends 0 -o json -C "$E" show vbr/config@2
    json '.uuid == $u' --arg u "$uuid"
    ends 0 -o json -C "$E" show vbr/config@1
    json '.created_at == $c' --arg c "$created"
    # The old store is found: it learns of everything, and nothing contradicts.
    mv "$T/fra-later" "$FRA"
    mv "$T/usb-later" "$USB"
    fra recover attach "$E"
    fra author admit "$(ask .author -C "$E" status)"
    ends 0 -o json -C "$FRA" status
    json '.conflicts == 0 or .conflicts == []'
    ends 0 -o json -C "$FRA" show vbr/config
    json '.generation == 3'
    ends 0 -o json -C "$FRA" recover list
    json '.items[0].ended_at'
    ends 0 -C "$FRA" verify
    ends 0 -C "$FRA" reveal vbr/config --reason compare --root mad-main --to file:new.pw
    ends 0 -C "$E" check vbr/config --secret file:new.pw
}

@test "the disk that it wrote is a copy from which others go on once they trust its author" {
    scene_export
    ends 20 recover start total-loss "${lost[@]}" --no-input
    mkdir "$T/disk"
    "$KEYMUSTER" -C "$E" copy add disk "file://$T/disk" --site mad >/dev/null
    # Nobody has admitted that author, so its word counts where a person says so.
    local there=(--from "file://$T/disk" --expect "$escrow" --evidence "$T/else" --credential "kp-mad=file:$T/kp-mad.pass" --reason test)
    ends 125 exec vbr/config "${there[@]}" -- true
    "$KEYMUSTER" -C "$T/else" author trust "$(ask .author -C "$E" status)" >/dev/null
    ends 0 exec vbr/config "${there[@]}" -- cmp - "$T/config.pw"
    ends 0 -o json -C "$T/else" recover list
    json '.items | length == 1'
}

@test "again with a newer export only what is new is told; a drill and every generation can be got" {
    scene_export
    ends 20 -o json recover start total-loss "${lost[@]}" --drill --no-input
    local before after
    before=$(ask .entries -C "$E" status)
    fra rewrap vbr/config
    fra wrap add vbr/config@1 --root fra-main
    ends 20 -o json recover start total-loss "${lost[@]}" --drill --no-input
    ends 0 -C "$E" exec vbr/config@1 --reason test --allow-unsynced -- cmp - "$T/first.pw"
    ends 0 -C "$E" exec vbr/config --reason test --allow-unsynced -- cmp - "$T/config.pw"
    "$KEYMUSTER" -C "$E" -o ndjson audit log | jq -se '[.[].entry | select(.kind? == "key.created")] | length == 2' >/dev/null
    rm "$T/export"
    fra root rotate mad-main
    fra rewrap vbr/config
    fra export vbr/config --file "$T/export"
    ends 20 recover start total-loss "${lost[@]}" --drill --no-input
    "$KEYMUSTER" -C "$E" -o ndjson audit log | jq -se '[.[].entry | select(.kind? == "key.created")] | length == 2' >/dev/null
    "$KEYMUSTER" -C "$E" -o ndjson audit log | jq -se '[.[].entry | select(.kind? == "note")] | length == 2' >/dev/null
    # The newest wrap is the one that is tried first, as in the store that made the export.
    [ "$(ask '[.wraps[].ciphertext] | first' -C "$E" show vbr/config --wraps)" = "$(ask '[.wraps[].ciphertext] | first' -C "$FRA" show vbr/config --wraps)" ]
    ends 0 -o json -C "$E" root check mad-main
    ends 0 -C "$E" verify
}

@test "an export of an older program lacks the protected site and the origin: a new key can be made all the same" {
    scene_export
    head -n 1 "$T/export" | jq -c 'del(.keys[] | .protects_site, .protects_site_name, .origin, .bits)' >"$T/old"
    minisign -S -s "$FRA/author.key" -m "$T/old" -x "$T/old.sig" -c keymuster -t 'keymuster export 1' >/dev/null
    cat "$T/old.sig" >>"$T/old"
    lost[1]=$T/old
    ends 20 recover start total-loss "${lost[@]}" --no-input
    ends 3 -o json -C "$E" rekey vbr/config
    ends 0 -o json -C "$E" show vbr/config
    json '.generation == 3'
    ends 0 -o json -C "$E" verify
    json '.unapplied == 0 or (has("unapplied") | not)'
    fra recover attach "$E"
    fra author admit "$(ask .author -C "$E" status)"
    ends 0 -o json -C "$FRA" status
    json '.conflicts == 0 or .conflicts == []'
}

@test "a rehearsal from an export proves the key and shows nothing" {
    scene_export
    answers_of
    sed -i '/^\[step "sync"\]/{n;s/.*/do = skip\nreason = no disk here/}' answers
    # It proves from what the export said, as long as there is no copy.
    ends 3 -o json recover start total-loss "${lost[@]}" --drill --answers answers
    json '.mode == "drill" and ([.steps[] | select(.state != "done") | .id] == ["copy", "sync"])'
    [ ! -e got ]
    "$KEYMUSTER" -C "$E" -o ndjson audit log | jq -se 'any(.[]; .entry.kind? == "drill.result" and .entry.body.outcome == "proven")' >/dev/null
}
