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

@test "sync puts them back where they are missing, and says so when it cannot" {
    scene_keys
    fra sync
    local before key
    before=$(sha256sum "$USB/recovery/KEYS.txt")
    fra sync # nothing new: nothing is written
    [ "$before" = "$(sha256sum "$USB/recovery/KEYS.txt")" ]
    rm "$USB/recovery/START-HERE.md.minisig" "$USB/recovery/KEYS.txt"
    ends 0 -C "$FRA" sync
    key=$(jq -r .founder "$USB/escrow.json")
    minisign -V -P "$key" -m "$USB/recovery/KEYS.txt"
    minisign -V -P "$key" -m "$USB/recovery/START-HERE.md"
    rm -rf "$USB/recovery"
    printf 'in the way\n' >"$USB/recovery"
    ends 3 -C "$FRA" --offline create vbr/late --purpose backup-job --root fra-main
    ends 0 -C "$FRA" sync
    says 'recovery/ there is not up to date'
    rm "$USB/recovery"
    ends 0 -C "$FRA" sync
    grep -q '^vbr/late@1$' "$USB/recovery/KEYS.txt"
}

@test "every key and generation is named; commands, age and founder are in START-HERE" {
    scene_keys
    fra rekey vbr/job-sql
    cd "$USB/recovery"
    ask '.keys[] | "\(.name)@\(.generation)"' -C "$FRA" list | while read -r key; do
        grep -qxF "$key" KEYS.txt
    done
    grep -qxF vbr/job-sql@2 KEYS.txt
    for text in 'keymuster exec' 'keymuster reveal' 'keymuster join' '--from PLACE' '--card FILE' \
        "written on $(date -u +%Y-%m-%d)" 'Without keymuster' "$(jq -r .founder ../escrow.json)" 'Test escrow'; do
        grep -qF -- "$text" START-HERE.md
    done
}

@test "a store that nobody admitted does not sign them" {
    scene_keys
    mad join --from "file://$USB" --site mad --yes
    mad site add third
    mad sync
    minisign -V -P "$(jq -r .founder "$USB/escrow.json")" -m "$USB/recovery/KEYS.txt"
}

@test "a copy that cannot be written is no error for a recovery" {
    scene_keys
    password_of "$FRA" vbr/config "$T/expected"
    fra sync
    lost_options
    rm -rf "$FRA"
    chmod -R a-w "$USB"
    ends 0 reveal vbr/config "${lost[@]}" --reason lost --to "file:$T/pw"
    chmod -R u+w "$USB"
    cmp "$T/expected" "$T/pw"
}

# What stock tools say of the program in the copy.
program_is_whole() {
    local key
    key=$(jq -r .founder "$USB/escrow.json")
    (cd "$USB/recovery/program" && sha256sum --strict -c keymuster.sha256) &&
        minisign -V -P "$key" -m "$USB/recovery/program/keymuster" &&
        minisign -V -P "$key" -m "$USB/recovery/program/keymuster.sha256"
}

@test "copy add --with-program lays the program down, signed; it runs from there and recovers" {
    scene_fra
    mkdir "$USB"
    fra copy add usb "file://$USB" --site mad --with-program
    fra create vbr/config --purpose config-backup --root mad-main
    password_of "$FRA" vbr/config "$T/expected"
    program_is_whole
    cmp "$KEYMUSTER" "$USB/recovery/program/keymuster"
    [ "$(stat -c %a "$USB/recovery/program/keymuster")" = 755 ]
    [ -z "$(ls -A "$USB/recovery/program" | grep -vxE 'keymuster(\.sha256)?(\.minisig)?')" ]
    local key
    key=$(jq -r .founder "$USB/escrow.json")
    for text in program/keymuster 'sha256sum -c keymuster.sha256' "minisign -V -P $key -m program/keymuster"; do
        grep -qF "$text" "$USB/recovery/START-HERE.md"
    done
    rm -rf "$FRA"
    lost_options
    "$USB/recovery/program/keymuster" reveal vbr/config "${lost[@]}" --reason lost --to "file:$T/pw"
    cmp "$T/expected" "$T/pw"
}

@test "copy set --with-program does so later; sync puts back what is missing or another program" {
    scene_copy
    [ ! -e "$USB/recovery/program" ]
    run grep -c program/keymuster "$USB/recovery/START-HERE.md"
    [ "$output" = 0 ]
    ends 0 -C "$FRA" copy set usb "file://$USB" --with-program
    program_is_whole
    grep -q program/keymuster "$USB/recovery/START-HERE.md"
    local before
    before=$(stat -c '%i %Y' "$USB/recovery/program/"*)
    fra sync # nothing new: nothing is written
    [ "$before" = "$(stat -c '%i %Y' "$USB/recovery/program/"*)" ]
    for name in keymuster keymuster.minisig keymuster.sha256 keymuster.sha256.minisig; do
        rm "$USB/recovery/program/$name"
        fra sync
        program_is_whole
    done
    cp "$KEYMUSTER" "$T/newer" # another build
    printf x >>"$T/newer"
    "$T/newer" -C "$FRA" sync
    program_is_whole
    cmp "$T/newer" "$USB/recovery/program/keymuster"
}

@test "a program that cannot be laid down is no failure, and is never read" {
    scene_keys
    mkdir -p "$USB/recovery"
    printf 'in the way\n' >"$USB/recovery/program"
    ends 0 -C "$FRA" copy set usb "file://$USB" --with-program
    ends 0 -C "$FRA" sync
    says 'recovery/ there is not up to date'
    fra create vbr/late --purpose backup-job --root fra-main # the other files are kept up all the same
    grep -q '^vbr/late@1$' "$USB/recovery/KEYS.txt"
    rm "$USB/recovery/program"
    fra sync
    program_is_whole
    printf 'altered' >"$USB/recovery/program/keymuster"
    ends 0 -C "$FRA" copy check --deep
    ends 0 -C "$FRA" verify
    ends 2 -C "$FRA" copy set usb "file://$USB" --with-program=no
}
