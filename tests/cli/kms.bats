#!/usr/bin/env bats
# site, kms, root.
load ../lib/cli

@test "site add and list; a name twice is 6" {
    fra init --site fra
    ends 0 -o json -C "$FRA" site add mad --region eu-es --vendor ibm
    json '.name == "mad" and (.uuid | length == 36)'
    ends 6 -C "$FRA" site add mad
    says mad
    ends 0 -o json -C "$FRA" site list
    json '[.items[].name] | sort == ["fra","mad"]'
    json '.items[] | select(.name == "fra") | .here'
    ends 2 -C "$FRA" site add 'm ad'
    ends 2 -C "$FRA" site add
    ends 0 -C "$FRA" site list
    says fra mad eu-es
}

@test "kms add makes a file that is private, with the costly key derivation, and keeps the reference only" {
    fra init --site fra
    printf 'the passphrase of kp\n' >"$T/kp.pass"
    ends 0 -C "$FRA" kms add kp --site fra --provider local --file "$T/kp.kms" --credential "file:$T/kp.pass"
    [ "$(stat -c %a "$T/kp.kms")" = 600 ]
    jq -e '.kdf.alg == "argon2id" and .kdf.mem == 67108864 and .kdf.ops == 3' "$T/kp.kms" >/dev/null
    run ! grep -r 'the passphrase of kp' "$FRA" "$T/kp.kms"
    grep -q "file:$T/kp.pass" "$FRA/keymuster.conf"
    ends 0 -o json -C "$FRA" kms list
    json '.items[0].name == "kp"'
    ends 0 -C "$FRA" kms show kp
    says kp local fra
    ends 0 -C "$FRA" kms test kp
}

@test "kms add: a wrong command line is 2 or 13 and leaves no file" {
    fra init --site fra
    printf 'a passphrase\n' >"$T/kp.pass"
    ends 2 -C "$FRA" kms add kp --provider local --file "$T/kp.kms" --credential "file:$T/kp.pass"
    says --site
    ends 13 -C "$FRA" kms add kp --site nowhere --provider local --file "$T/kp.kms" --credential "file:$T/kp.pass"
    says nowhere
    ends 2 -C "$FRA" kms add kp --site fra --provider cloudy --file "$T/kp.kms" --credential "file:$T/kp.pass"
    says --provider
    ends 2 -C "$FRA" kms add kp --site fra --provider local --file "$T/kp.kms"
    says --credential
    ends 2 -C "$FRA" kms add kp --site fra --provider local --credential "file:$T/kp.pass"
    says --file
    ends 2 -C "$FRA" kms add kp --site fra --provider local --file "$T/kp.kms" --credential "file:$T/missing"
    says "$T/missing"
    [ ! -e "$T/kp.kms" ]
}

@test "a passphrase file that others can read is refused" {
    fra init --site fra
    printf 'a passphrase\n' >"$T/kp.pass"
    chmod 644 "$T/kp.pass"
    ends 2 -o json -C "$FRA" kms add kp --site fra --provider local --file "$T/kp.kms" --credential "file:$T/kp.pass"
    error_is KM1008
    [ ! -e "$T/kp.kms" ]
}

@test "every form of reference gives the same passphrase" {
    fra init --site fra
    new_kms kp
    local secret
    secret=$(cat "$T/kp.pass")
    fra kms add kp --site fra --provider local --file "$T/kp.kms" --credential "file:$T/kp.pass"
    for ref in "file:$T/kp.pass" "command:cat $T/kp.pass" env:KP_PASS credential:kp; do
        KP_PASS=$secret CREDENTIALS_DIRECTORY=$T/creds
        mkdir -p "$T/creds" && cp "$T/kp.pass" "$T/creds/kp"
        export KP_PASS CREDENTIALS_DIRECTORY
        fra kms set kp --credential "$ref"
        ends 0 -C "$FRA" kms test kp
        unset KP_PASS CREDENTIALS_DIRECTORY
    done
    ends 0 -C "$FRA" root create r1 --kms kp --credential - <"$T/kp.pass"
    ends 0 -C "$FRA" root create r2 --kms kp --credential fd:7 7<"$T/kp.pass"
}

@test "a wrong passphrase is 12" {
    scene_fra
    printf 'not the passphrase\n' >"$T/wrong"
    ends 12 -o json -C "$FRA" root create r --kms kp-fra --credential "file:$T/wrong"
    error_is KM3001
    says kp-fra
    ends 12 -C "$FRA" create vbr/x --purpose backup-job --root fra-main --credential "kp-fra=file:$T/wrong"
    ends 12 -C "$FRA" kms add again --site fra --provider local --file "$T/kp-fra.kms" --credential "file:$T/wrong"
}

@test "an altered KMS file is 15, a missing one 13; kms set never makes one" {
    scene_fra
    cp "$T/kp-fra.kms" "$T/right"
    jq -c '.sealed = (.sealed[0:20] + (if .sealed[20:21] == "A" then "B" else "A" end) + .sealed[21:])' "$T/right" \
        >"$T/kp-fra.kms"
    ends 15 -o json -C "$FRA" create vbr/x --purpose backup-job --root fra-main
    error_is KM3011
    rm "$T/kp-fra.kms"
    ends 13 -o json -C "$FRA" create vbr/x --purpose backup-job --root fra-main
    error_is KM3016
    says kp-fra.kms
    ends 13 -C "$FRA" kms set kp-fra --file "$T/other.kms" --credential "file:$T/kp-fra.pass"
    [ ! -e "$T/kp-fra.kms" ] && [ ! -e "$T/other.kms" ]
}

@test "root keys: create, list, rotate, disable, enable, destroy, restore" {
    scene_fra
    ends 0 -o json -C "$FRA" root list
    json '[.items[].name] | sort == ["fra-main","mad-main"]'
    ends 6 -C "$FRA" root create fra-main --kms kp-fra
    ends 0 -o json -C "$FRA" root rotate fra-main --yes
    json '.versions == 2 and .state == "active"'
    ends 0 -o json -C "$FRA" root disable fra-main --yes
    json '.state == "suspended"'
    ends 14 -o json -C "$FRA" create vbr/x --purpose backup-job --root fra-main
    error_is KM3005
    ends 0 -C "$FRA" root enable fra-main --yes
    ends 0 -C "$FRA" create vbr/x --purpose backup-job --root fra-main --allow-unsynced
    ends 0 -o json -C "$FRA" root destroy fra-main --confirm fra-main
    json '.state == "destroyed" and (.restore_until | length > 0)'
    ends 14 -o json -C "$FRA" create vbr/y --purpose backup-job --root fra-main
    error_is KM3007
    ends 0 -C "$FRA" root restore fra-main --yes
    ends 0 -C "$FRA" create vbr/y --purpose backup-job --root fra-main --allow-unsynced
    ends 0 -o json -C "$FRA" root check
    json '[.items[].state] == ["active","active"]'
}

@test "destroying wants the name, never yes or Enter" {
    scene_fra
    ends 2 -o json -C "$FRA" root destroy fra-main </dev/null
    error_is KM1006
    ends 2 -C "$FRA" root destroy fra-main --yes </dev/null
    ends 2 -C "$FRA" root destroy fra-main --confirm mad-main </dev/null
    ends 0 -o json -C "$FRA" root check
    json '[.items[].state] == ["active","active"]'
}

@test "root add takes a root key that the KMS has; an unknown one is 13" {
    scene_fra
    ends 13 -C "$FRA" root add other --kms kp-fra --key no-such-alias
    ends 13 -C "$FRA" root add other --kms kp-nowhere --key fra-main
    ends 6 -C "$FRA" root add other --kms kp-fra --key fra-main
    says fra-main
    ends 2 -C "$FRA" root add other --kms kp-fra
    ends 0 -C "$T/another" -o json init --site fra
    "$KEYMUSTER" -C "$T/another" kms add kp --site fra --provider local --file "$T/kp-fra.kms" --credential "file:$T/kp-fra.pass"
    ends 0 -C "$T/another" -o json root add theirs --kms kp --key fra-main
    json '.name == "theirs" and (.entry | length) == 64'
}

@test "an unreachable KMS in root check is unknown, never gone" {
    scene_fra
    rm "$T/kp-mad.kms"
    ends 0 -o json -C "$FRA" root check
    json '.items[] | select(.name == "mad-main") | .state == "unknown" and (.asked | not)'
    json '.items[] | select(.name == "fra-main") | .state == "active"'
}

@test "a literal secret in keymuster.conf is refused and not repeated" {
    scene_fra
    sed -i 's|^\( *credential *= *\).*|\1hunter2-hunter2|' "$FRA/keymuster.conf"
    ends 2 -C "$FRA" create vbr/x --purpose backup-job --root fra-main
    says keymuster.conf
    silent_on hunter2
}

@test "a keymuster.conf that is not strict INI is 2 and names the line" {
    scene_fra
    printf 'no section, no equals sign\n' >>"$FRA/keymuster.conf"
    ends 2 -o json -C "$FRA" list
    error_is KM1002
    says keymuster.conf
}
