#!/usr/bin/env bats
# The scripts of recovery/ for a person who has no keymuster, against the simulator. The PowerShell one cannot run here:
# only its syntax is looked at (powershell.bats).
load ../lib/ibm

# Keys as KMS and person make them: a generated one with AAD, two generations, one that a person chose; then all is lost
# but the copy, an export and a reader's API key.
scene_lost() {
    scene_roots
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra create vbr/job --purpose backup-job --root fra-main --root mad-main --aad one --aad 'two, "three"'
    password_of "$FRA" vbr/job "$T/job.1"
    fra rekey vbr/job
    password_of "$FRA" vbr/job "$T/job.2"
    printf 'canary-7 Grüße, it is\\"quoted"' >"$T/chosen"
    fra record vbr/chosen --purpose other --root mad-main --secret "file:$T/chosen"
    fra export vbr/job --file "$T/job.export"
    rm -rf "$FRA"
}

without() { # SOURCE [WORD...]
    sh "$USB/recovery/recover-without-keymuster.sh" "$@" --iam "$SIM_IAM" --ca "$SIM_CA" --apikey-file "$SIM_APIKEY_READER"
}

# The same, at the endpoint of mad, which has to be named: the simulator's host is not IBM's.
at_mad() { without "$@" --endpoint "$SIM_KMS_MAD"; }

@test "from a copy, KEYS.txt and an export: every form of password, byte for byte" {
    scene_lost
    local source
    for source in "$USB" "$USB/recovery/KEYS.txt"; do
        at_mad "$source" vbr/job@1 >"$T/got"
        cmp "$T/got" "$T/job.1"
        at_mad "$source" vbr/job >"$T/got"
        cmp "$T/got" "$T/job.2"
        at_mad "$source" vbr/chosen >"$T/got"
        cmp "$T/got" "$T/chosen"
    done
    at_mad "$T/job.export" vbr/job@1 >"$T/got"
    cmp "$T/got" "$T/job.1"
    at_mad "$USB" "$(jq -rs 'map(select(.body.name == "vbr/chosen"))[0].body.uuid' "$USB"/log/*/*/*.ndjson)" --to "$T/file"
    cmp "$T/file" "$T/chosen"
    [ "$(stat -c %a "$T/file")" = 600 ]
    run --separate-stderr at_mad "$USB" vbr/chosen --to "$T/file"
    [ "$status" -eq 2 ] && [ -z "$output" ]
    without "$USB" >"$T/list"
    [ "$(cut -d ' ' -f 1 "$T/list" | sort | paste -sd ' ')" = 'vbr/chosen@1 vbr/job@1 vbr/job@2' ]
}

@test "API key, token and password are in no argument, environment or file" {
    scene_lost
    mkdir "$T/tmp"
    TMPDIR=$T/tmp strace -f -qq -s 65536 -v -e trace=execve -o "$T/execs" sh "$USB/recovery/recover-without-keymuster.sh" "$USB" \
        vbr/chosen --iam "$SIM_IAM" --ca "$SIM_CA" --apikey-file "$SIM_APIKEY_READER" --endpoint "$SIM_KMS_MAD" >"$T/got"
    cmp "$T/got" "$T/chosen"
    grep -q curl "$T/execs"
    "$KM_TOOLS/scan" "$T/chosen" "$T/execs" "$T/tmp"
    "$KM_TOOLS/scan" "$SIM_APIKEY_READER" "$T/execs" "$T/tmp"
    run grep -c Bearer "$T/execs"
    [ "$output" = 0 ]
    [ -z "$(ls -A "$T/tmp")" ]
}

@test "a host that the copy names and that is not IBM's gets nothing" {
    scene_lost
    local before
    before=$(sim_log length)
    run --separate-stderr without "$USB" vbr/job
    [ "$status" -eq 14 ] && [ -z "$output" ]
    [[ $stderr == *"not IBM's"* ]]
    [ "$(sim_log length)" = "$before" ]
}

@test "another value than the recorded one is not given out; what is refused says why" {
    scene_lost
    sed -i 's/"value":"[0-9a-f]\{8\}/"value":"00000000/' "$USB"/log/*/*/*.ndjson
    run --separate-stderr at_mad "$USB" vbr/job
    [ "$status" -eq 15 ] && [ -z "$output" ]
    run --separate-stderr at_mad "$USB" vbr/none
    [ "$status" -eq 13 ] && [ -z "$output" ]
    run --separate-stderr at_mad "$T/chosen" vbr/job
    [ "$status" -eq 3 ]
    run --separate-stderr at_mad "$T" vbr/job
    [ "$status" -eq 3 ]
    printf 'canary-not-a-key' >"$T/wrong"
    run --separate-stderr sh "$USB/recovery/recover-without-keymuster.sh" "$USB" vbr/job --iam "$SIM_IAM" --ca "$SIM_CA" \
        --endpoint "$SIM_KMS_MAD" --apikey-file "$T/wrong"
    [ "$status" -eq 4 ]
    [[ $stderr == *BXNIM0415E* && $stderr != *canary* ]]
    run --separate-stderr at_mad "$USB" vbr/job --root 11111111-1111-4111-8111-111111111111
    [ "$status" -eq 14 ]
    run --separate-stderr sh "$USB/recovery/recover-without-keymuster.sh" "$USB" vbr/job --iam https://127.0.0.1:1 --ca "$SIM_CA" \
        --endpoint "$SIM_KMS_MAD" --apikey-file "$SIM_APIKEY"
    [ "$status" -eq 5 ]
    run --separate-stderr sh "$USB/recovery/recover-without-keymuster.sh"
    [ "$status" -eq 2 ]
    [[ $stderr == *SOURCE* ]]
}

@test "with rights on one key ring only: copy, page and export name the ring" {
    fra init --site fra
    add kp fra "$SIM_KMS" "$SIM_INSTANCE"
    local id source
    sim_token >"$T/token"
    SIM_TOKEN=$(cat "$T/token") sim_call POST key_rings/team '{}' >/dev/null
    id=$(SIM_TOKEN=$(cat "$T/token") sim_call POST keys '{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":1},
        "resources":[{"type":"application/vnd.ibm.kms.key+json","name":"ringed","extractable":false}]}' -H 'X-Kms-Key-Ring: team' |
        head -n 1 | jq -r '.resources[0].id')
    fra root add ringed --kms kp --key "$id" --ring team
    mkdir "$USB"
    fra copy add usb "file://$USB" --site fra
    fra create vbr/job --purpose backup-job --root ringed
    password_of "$FRA" vbr/job "$T/pw"
    fra export vbr/job --file "$T/job.export"
    sim_control POST apikeys "{\"name\": \"ringed\", \"grants\": [{\"instance\": \"$SIM_INSTANCE\", \"ring\": \"team\", \"role\": \"Reader\"}]}" >/dev/null
    for source in "$USB" "$USB/recovery/KEYS.txt" "$T/job.export"; do
        sh "$USB/recovery/recover-without-keymuster.sh" "$source" vbr/job --iam "$SIM_IAM" --ca "$SIM_CA" --endpoint "$SIM_KMS" \
            --apikey-file "$SIM_DIR/apikey.ringed" >"$T/got"
        cmp "$T/got" "$T/pw"
    done
    rm -rf "$FRA" # and keymuster itself, from the export
    ends 0 reveal vbr/job --from "$T/job.export" --yes --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
        --credential "file:$SIM_DIR/apikey.ringed" --reason test --to "file:$T/again"
    cmp "$T/again" "$T/pw"
}

@test "the scripts are in the copy, signed; sync puts a newer program's in their place" {
    scene_copy
    local name key
    key=$(jq -r .founder "$USB/escrow.json")
    for name in recover-without-keymuster.sh powershell/{unwrap-offline,keymuster-ssh,create-key,rewrap-key,recover-key,export-keys}.ps1; do
        cmp "$KM_SOURCE/recovery/$name" "$USB/recovery/$name"
        minisign -V -P "$key" -m "$USB/recovery/$name"
        if [[ $name != *-ssh.ps1 && $name != *-key.ps1 && $name != *-keys.ps1 || $name == *recover-key.ps1 ]]; then # it says "the scripts beside it"
            grep -qF "$name" "$USB/recovery/START-HERE.md"
        fi
        printf '# older\n' >"$USB/recovery/$name"
        ends 15 -C "$FRA" copy check --deep
        says "recovery/$name"
        fra sync
        cmp "$KM_SOURCE/recovery/$name" "$USB/recovery/$name"
        rm "$USB/recovery/$name.minisig"
        fra sync
        minisign -V -P "$key" -m "$USB/recovery/$name"
    done
    local before
    before=$(stat -c '%i %Y' "$USB/recovery/recover-without-keymuster.sh")
    fra create vbr/more --purpose backup-job --root fra-main
    [ "$before" = "$(stat -c '%i %Y' "$USB/recovery/recover-without-keymuster.sh")" ]
}

# Looking at all entries once for each key took more than five minutes.
@test "a copy of many keys is read in seconds; what came later is each key's own" {
    mkdir -p big/log/a/0000000000
    seq 8000 | jq -c '{author: "a", seq: ., at: "2026-01-01T00:00:00.000Z", kind: "key.created", body: {uuid: "key-\(.)", name: "bulk/\(.)",
        generation: 1, form: "base64", wraps: [{root: "r", ciphertext: "first"}]}},
        {author: "a", seq: (. + 10000), at: "2026-01-02T00:00:00.000Z", kind: "wrap.added", body: {key: "key-\(.)", wrap: {root: "r2", ciphertext: "later"}}},
        {author: "a", seq: (. + 20000), at: "2026-01-02T00:00:00.000Z", kind: "key.check", body: {key: "key-\(.)", check: {alg: "x"}}}' \
        >big/log/a/0000000000/all.ndjson
    jq -nc '{author: "a", seq: 30000, at: "2026-01-01T00:00:00.000Z", kind: "root.added", body: {uuid: "r2", kms: "k", id: "id-2"}},
        {author: "a", seq: 30001, at: "2026-01-01T00:00:00.000Z", kind: "kms.added", body: {uuid: "k", name: "kp", provider: "local"}}' \
        >>big/log/a/0000000000/all.ndjson
    timeout 60 sh "$KM_SOURCE/recovery/recover-without-keymuster.sh" big >list
    [ "$(wc -l <list)" -eq 8000 ]
    grep -qx 'bulk/7999@1   key-7999   ?, kp' list
}
