#!/usr/bin/env bats
# export: a signed file to lay beside a backup, that is enough with a KMS.
load ../lib/cli.bash

# The five lines of an export, by stock minisign with the key that it names; $T/m is the JSON line.
verify_export() { # FILE
    [ "$(wc -l <"$1")" -eq 5 ]
    head -n 1 "$1" >"$T/m"
    tail -n +2 "$1" >"$T/s"
    minisign -V -P "$(jq -r .public_key "$T/m")" -m "$T/m" -x "$T/s"
    grep -qx 'trusted comment: keymuster export 1' "$T/s"
}

# How many times it was registered.
registered() { # STORE
    "$KEYMUSTER" -o ndjson -C "$1" audit log | jq -s '[.[] | select(.entry.kind? == "export.made")] | length'
}

@test "five lines: jq reads them, stock minisign verifies them, everything is in" {
    new_kms kp-x
    scene_keys
    fra kms add kp-x --site mad --provider local --file "$T/kp-x.kms" --credential "file:$T/kp-x.pass" --kept-at 'safe 3'
    fra root create x-main --kms kp-x
    fra create vbr/aad --purpose other --root x-main --aad one --aad two --needed-until 2100-01-01
    ends 0 -C "$FRA" export vbr/job-sql vbr/aad vbr/job-sql@1 --file "$T/export"
    says 'exported 2 generations, 3 wraps' "$T/export"
    verify_export "$T/export"
    [ "$(jq -r .public_key "$T/m")" = "$(jq -r .founder "$USB/escrow.json")" ]
    jq -e '.type == "export" and .keymuster == 1 and .name == "Test escrow" and (.keys | length) == 2' "$T/m"
    jq -e --arg author "$(ask .author -C "$FRA" status)" --arg escrow "$(ask .escrow -C "$FRA" status)" \
        '.author == $author and .escrow == $escrow and (.how | length) > 3' "$T/m"
    jq -e '.keys[] | select(.name == "vbr/aad") | .generation == 1 and .form == "base64" and .state == "active"
        and .purpose == "other" and (.needed_until | startswith("2100-01-01")) and .check.alg == "blake2b-256"
        and .wraps[0].aad == ["one","two"] and .wraps[0].kms.kept_at == "safe 3" and .wraps[0].kms.provider == "local"
        and .wraps[0].root.name == "x-main" and (.wraps[0].kms.file | endswith("kp-x.kms"))' "$T/m"
    ask '.wraps[].ciphertext' -C "$FRA" show vbr/job-sql | sort >"$T/want"
    jq -r '.keys[] | select(.name == "vbr/job-sql") | .wraps[].ciphertext' "$T/m" | sort | cmp "$T/want" -
    sed -i 's/mad-main/mad-evil/' "$T/m"
    run minisign -V -P "$(jq -r .public_key "$T/m")" -m "$T/m" -x "$T/s"
    [ "$status" -ne 0 ]
}

@test "with nothing but the export and a KMS the password comes back" {
    scene_keys
    password_of "$FRA" vbr/config "$T/expected"
    fra export vbr/config --file "$T/export"
    rm -rf "$FRA" "$USB" "$HOME"
    mkdir "$HOME"
    verify_export "$T/export"
    jq -r '.keys[0].wraps[0].ciphertext' "$T/m" >"$T/w"
    ends 0 reveal --wrapped "file:$T/w" --root "$(jq -r '.keys[0].wraps[0].root.id' "$T/m")" \
        --kms-file "$(jq -r '.keys[0].wraps[0].kms.file' "$T/m")" --credential "file:$T/kp-mad.pass" \
        --form "$(jq -r '.keys[0].form' "$T/m")" --reason 'only an export is left' --to "file:$T/pw"
    cmp "$T/expected" "$T/pw"
}

@test "every generation still needed is in it, destroyed ones are not, retired wraps are marked" {
    scene_keys
    fra rekey vbr/job-sql
    fra rekey vbr/job-sql
    fra state vbr/job-sql@1 destroyed --reason 'no backup left' --confirm vbr/job-sql
    fra wrap retire vbr/job-sql@3 "$(ask '.wraps[0].id' -C "$FRA" show vbr/job-sql@3)" --reason 'not wanted'
    fra export vbr/job-sql --file "$T/export"
    verify_export "$T/export"
    jq -e '[.keys[].generation] == [2,3] and ([.keys[1].wraps[] | select(.retired)] | length) == 1' "$T/m"
    fra state vbr/config destroyed --reason 'no backup left' --confirm vbr/config
    ends 13 -o json -C "$FRA" export vbr/job-sql vbr/config --to "$T"
    error_is KM2011
    [ -z "$(compgen -G "$T/*.keymuster-export")" ]
}

@test "it is registered with its hash, published, and answered in JSON" {
    scene_keys
    ends 0 -o json -C "$FRA" export vbr/config --file "$T/export"
    json '.schema == "keymuster.export/1" and (.files | length) == 1 and .files[0].file == $file and .files[0].sha256 == $sum
        and .files[0].wraps == 1 and .files[0].keys == [$key]' \
        --arg file "$T/export" --arg sum "$(sha256sum <"$T/export" | cut -d' ' -f1)" --arg key "$(ask .uuid -C "$FRA" show vbr/config)"
    local entry
    entry=$(jq -r '.files[0].entry' <<<"$output")
    ask .entry.body -C "$FRA" audit log --entry "$entry" >"$T/body"
    jq -e --arg sum "$(sha256sum <"$T/export" | cut -d' ' -f1)" '.sha256 == $sum and (.keys | length) == 1 and .wraps == [1]' "$T/body"
    grep -rq export.made "$USB/log"
    ends 0 -C "$FRA" verify
    ends 0 -o ndjson -C "$FRA" export vbr/config --file "$T/export2"
    [ "$(wc -l <<<"$output")" -eq 2 ]
}

@test "--to: one file for each name, with a safe name" {
    scene_copy
    local long name
    long=$(printf 'ü%.0s' {1..128})
    for name in vbr/a vbr%2Fa .hidden 'two words' "$long" ../../up; do
        fra create "$name" --purpose other --root fra-main
    done
    mkdir "$T/out"
    ends 0 -o json -C "$FRA" export vbr/a vbr%2Fa .hidden 'two words' "$long" ../../up vbr/a --to "$T/out"
    json '.files | length == 6'
    [ "$(find "$T/out" -type f | wc -l)" -eq 6 ]
    for name in 'vbr%2Fa' 'vbr%252Fa' '%2Ehidden' 'two%20words' '%2E.%2F..%2Fup'; do
        verify_export "$T/out/$name.keymuster-export"
    done
    verify_export "$(echo "$T"/out/%C3*)"
    [ "$(jq -r '.keys[0].name' "$T/m")" = "$long" ]
    [ "$(registered "$FRA")" -eq 6 ]
}

@test "wrong command lines and places: nothing is written, nothing is recorded" {
    scene_keys
    printf 'mine\n' >"$T/there"
    ends 6 -o json -C "$FRA" export vbr/config --file "$T/there"
    error_is KM2012
    [ "$(cat "$T/there")" = mine ]
    ln -s "$T/nowhere" "$T/link"
    ends 6 -C "$FRA" export vbr/config --file "$T/link"
    ends 2 -C "$FRA" export vbr/config
    ends 2 -C "$FRA" export vbr/config --file "$T/f" --to "$T"
    ends 2 -C "$FRA" export --file "$T/f"
    ends 2 -C "$FRA" export vbr/config --to "$T/not-mounted"
    ends 13 -C "$FRA" export vbr/config vbr/none --file "$T/f"
    run ! "$KEYMUSTER" -C "$FRA" export vbr/config --file "$T/not-mounted/f"
    mkdir "$T/out"
    printf 'mine\n' >"$T/out/vbr%2Fjob-sql.keymuster-export"
    ends 6 -C "$FRA" export vbr/config vbr/job-sql --to "$T/out"
    [ "$(find "$T/out" -type f | wc -l)" -eq 1 ]
    ends 0 -C "$FRA" export vbr/config --file "$T/f" -n
    says 'would export 1 generation, 1 wrap'
    [ ! -e "$T/f" ]
    [ ! -e "$T/nowhere" ]
    [ "$(registered "$FRA")" -eq 0 ]
}

@test "nothing secret is in it" {
    scene_copy
    printf 'canary-Kj7vQ2pXz9-0123-Zz81' >"$T/secret"
    record_known vbr/canary "$T/secret" fra-main kp-fra
    mkdir "$T/out"
    fra export vbr/canary --to "$T/out"
    "$KM_TOOLS/scan" "$T/secret" "$T/out"
    verify_export "$T/out/vbr%2Fcanary.keymuster-export"
    jq -e '.keys[0].form == "bytes" and .keys[0].check.alg == "argon2id" and .keys[0].check.params.ops == 3' "$T/m"
}

@test "another author signs with its own key, and names the founder" {
    scene_two
    mad export vbr/config --file "$T/export"
    verify_export "$T/export"
    jq -e --arg founder "$(jq -r .founder "$USB/escrow.json")" '.founder == $founder and .public_key != $founder' "$T/m"
}

@test "generations of equal number, made apart, are all in it" {
    scene_two
    fra --allow-unsynced rekey vbr/job-sql --offline
    mad kms set kp-fra --credential "file:$T/kp-fra.pass" --file "$T/kp-fra.kms"
    mad --allow-unsynced rekey vbr/job-sql --offline
    fra sync
    mad sync
    fra sync
    fra export vbr/job-sql --file "$T/export"
    verify_export "$T/export"
    jq -e '[.keys[].generation] == [1,2,2]' "$T/m"
}

@test "a thousand keys on the command line" {
    scene_copy
    fra create vbr/one --purpose other --root fra-main
    local many
    mapfile -t many < <(yes vbr/one | head -n 1000)
    ends 0 -C "$FRA" export "${many[@]}" --file "$T/export"
    says 'exported 1 generation'
}

@test "status names an export that lacks a newer wrap or generation, until there is a newer export" {
    scene_keys
    stale() { ends 0 -o json -C "$FRA" status; json ".stale_exports == $1"; }
    fra export vbr/config vbr/job-sql --file "$T/one"
    stale 0
    fra root rotate mad-main
    stale 0
    fra rewrap vbr/job-sql
    stale 1
    says "$T/one is stale" 'vbr/job-sql has a newer wrap'
    fra export vbr/job-sql --file "$T/two"
    stale 0
    fra rekey vbr/job-sql
    fra rewrap vbr/config
    stale 2
    says "$T/two is stale, vbr/job-sql has a newer generation" "$T/one is stale, vbr/config has a newer wrap"
    ends 0 -C "$FRA" status
    says 'keymuster export KEY --file NEW-FILE'
    mkdir "$T/out"
    fra export vbr/config vbr/job-sql --to "$T/out"
    stale 0
    fra state vbr/job-sql@1 destroyed --reason 'no backup left' --confirm vbr/job-sql
    stale 0
}

@test "a site knows that its export is stale by what another site did" {
    scene_two
    mad export vbr/config --file "$T/export"
    mad sync
    fra sync
    ends 0 -o json -C "$FRA" status
    json '.stale_exports == 0'
    fra root rotate mad-main
    fra rewrap vbr/config
    mad sync
    ends 0 -o json -C "$MAD" status
    json '.stale_exports == 1'
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
}
