#!/usr/bin/env bats
# recovery/ in a copy: what a person finds who has the disk, a KMS, and nothing else.
load ../lib/cli.bash

@test "both files are there, signed, and stock minisign agrees" {
    scene_keys
    cd "$USB/recovery"
    local key
    key=$(sed -n 's/.*minisign -V -P \([^ ]*\) .*/\1/p' START-HERE.md)
    [ "$key" = "$(jq -r .founder ../escrow.json)" ]
    minisign -V -P "$key" -m KEYS.txt
    minisign -V -P "$key" -m START-HERE.md
    sed -i s/mad-main/mad-evil/ KEYS.txt
    run minisign -V -P "$key" -m KEYS.txt
    [ "$status" -ne 0 ]
}

@test "they say what is needed: keys, roots, KMSs, AAD, form, where credentials are" {
    new_kms kp-x
    scene_keys
    fra kms add kp-x --site mad --provider local --file "$T/kp-x.kms" --credential "file:$T/kp-x.pass" --kept-at 'safe 3'
    fra create vbr/aad --purpose other --root fra-main --aad one --aad two --owner 'backup team'
    cd "$USB/recovery"
    grep -q 'kp-x: safe 3' START-HERE.md
    grep -q 'kp-mad: (nobody wrote down where)' START-HERE.md
    grep -q "$(jq -r .escrow ../escrow.json)" START-HERE.md
    for text in vbr/config@1 vbr/job-sql@1 vbr/aad@1 '\["one","two"\]' 'backup team' 'KMS         kp-mad' 'base64: the password'; do
        grep -q -- "$text" KEYS.txt
    done
    for wdek in $(ask '.wraps[].ciphertext' -C "$FRA" show vbr/job-sql); do
        grep -qF "$wdek" KEYS.txt
    done
}

@test "following KEYS.txt alone gets the password back" {
    scene_keys
    password_of "$FRA" vbr/config "$T/expected"
    cp "$USB/recovery/KEYS.txt" "$T/KEYS.txt"
    rm -rf "$FRA" "$USB" "$HOME"
    mkdir "$HOME"
    awk '/^vbr\/config@1$/ { on = 1; next } /^[^ ]/ { on = 0 } on' "$T/KEYS.txt" >"$T/page"
    awk '$1 == "wdek" { print $2 }' "$T/page" >"$T/wdek"
    local id
    id=$(sed -n 's/.*root key .* id //p' "$T/page")
    ends 0 reveal --wrapped "file:$T/wdek" --root "$id" --kms-file "$(awk '$1 == "file" { print $2 }' "$T/page")" \
        --credential "file:$T/kp-mad.pass" --reason 'only a page is left' --to "file:$T/pw"
    cmp "$T/expected" "$T/pw"
}

@test "nothing secret is in them, and names cannot fool a terminal" {
    scene_copy
    printf 'canary-Kj7vQ2pXz9-0123-Zz81' >"$T/secret"
    record_known vbr/canary "$T/secret" fra-main kp-fra
    "$KM_TOOLS/scan" "$T/secret" "$USB"
    run grep -c $'\e' "$USB/recovery/KEYS.txt"
    [ "$output" = 0 ]
}

@test "a place that takes no recovery/ is no error" {
    scene_copy
    rm -rf "$USB/recovery"
    printf 'in the way\n' >"$USB/recovery"
    ends 0 -o json -C "$FRA" create vbr/job --purpose backup-job --root fra-main
    json .released
    ends 0 -C "$FRA" copy check --deep
}
