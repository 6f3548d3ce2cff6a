#!/usr/bin/env bats
# vbr adopt --scripts: a site that has made its passwords by scripts until now, from nothing to protected in one command. The
# KMS of the scripts is the simulator of IBM's (sim.bash), the backup server that of VBR's (vbr_judged.bash); the second
# root key lies in a local KMS at the other site.
# VBR_TOKEN is read by vbr_call.
# shellcheck disable=SC2034
load ../lib/vbr_judged
load ../lib/sim

setup() {
    fresh_home
    vbr_start "$T/vbr"
    sim_start "$T/sim"
}

teardown() {
    stop_started
    vbr_stop
    sim_stop
}

old() { "$KEYMUSTER" -C "$T/old" "$@" >/dev/null 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }; }

# An escrow with a copy, which knows neither KMS nor root key of the scripts; and what the scripts made in former years: a
# store of its own stands for them.
scene() {
    new_kms kp-mad
    fra init --site fra
    fra site add mad
    fra kms add kp-mad --site mad --provider local --file "$T/kp-mad.kms" --credential "file:$T/kp-mad.pass"
    fra root create mad-main --kms kp-mad
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    old init --site fra
    old kms add kp --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
        --credential "file:$SIM_APIKEY"
    old root create veeam --kms kp
    old copy add c "file://$T/oldcopy" --site fra
    ROOT=$(ask '.items[0].id' -C "$T/old" root list)
    VBR_TOKEN=$(vbr_token)
    scripts
}

# The site's scripts, with the simulator's places in them.
scripts() {
    local name
    for name in create.ps1 rewrap.ps1 unwrap.ps1 unwrap.sh computed.ps1; do
        sed -e "s,7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b,$SIM_INSTANCE," -e "s,3b9e1d70-2c4a-4f6e-8d15-a6b7c8d9e0f1,$ROOT," \
            -e "s,https://private.iam.cloud.ibm.com,$SIM_IAM," -e "s,https://private.eu-de.kms.cloud.ibm.com,$SIM_KMS," \
            "$KM_SOURCE/tests/data/scripts/$name" >"$T/$name"
    done
}

# One of the scripts' passwords: MONIKER; made, and put there.
script_made() {
    local wdek
    old create "$1" --purpose backup-job --root veeam
    rm -f "$T/made"
    old reveal "$1" --reason test --to "file:$T/made"
    wdek=$(ask '.wraps[0].ciphertext' -C "$T/old" show "$1")
    vbr_call POST encryptionPasswords -d "$(jq -nc --arg h "$1 | $wdek" --rawfile p "$T/made" '{hint: $h, password: $p}')" >/dev/null
}
there() { # HINT PASSWORD
    vbr_call POST encryptionPasswords -d "$(jq -nc --arg h "$1" --arg p "$2" '{hint: $h, password: $p}')" >/dev/null
}
entries() { "$KEYMUSTER" -o ndjson -C "$FRA" audit log | grep -c '"entry"'; }
bodies() { "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -c --arg k "$1" 'select(.entry.kind? == $k) | .entry.body'; }

# The command: SCRIPT..., what is in `more` besides.
adopt() { # STATUS SCRIPT...
    local want=$1
    shift
    ends "$want" -o json -C "$FRA" vbr adopt vbr-fra --scripts "$@" --purpose backup-job --site fra --credential "file:$SIM_APIKEY" \
        --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" --yes ${more[@]+"${more[@]}"}
}

@test "from nothing to protected in one command; -n first shows it and changes nothing; again it is no news" {
    scene
    script_made vbr/a
    script_made vbr/b
    there 123a canary-own
    before=$(entries)
    cp "$FRA/keymuster.conf" conf
    more=(-n --second mad-main)
    adopt 3 create.ps1 rewrap.ps1 unwrap.ps1
    json '.dry_run and .scripts.kms_added and .scripts.root_added and .scripts.root_id == $r and .scripts.instance == $i and .scripts.site == "fra"' \
        --arg r "$ROOT" --arg i "$SIM_INSTANCE"
    json '([.items[].verdict] | sort) == ["needs password", "would adopt", "would adopt"] and .unprotected == 1'
    json '.scripts.secrets | map([.file, .line]) | sort == [["create.ps1", 7], ["rewrap.ps1", 5], ["unwrap.ps1", 5]]'
    says 'a secret lies in create.ps1 line 7'
    silent_on canary-Zq4V
    [ "$(entries)" -eq "$before" ]
    cmp conf "$FRA/keymuster.conf"
    [ "$(vbr_log '[.[] | select(.path | contains("verify"))] | length')" -eq 0 ]

    more=(--second mad-main)
    adopt 3 create.ps1 rewrap.ps1 unwrap.ps1
    json '.adopted == 2 and .left == 1 and .unprotected == 1 and ([.items[] | select(.verdict == "adopted").name] | sort) == ["vbr/a", "vbr/b"]'
    ends 0 -o json -C "$FRA" show vbr/a
    json '([.wraps[].root] | sort) == ["mad-main", "veeam"] and .proven and .released and (.backup_servers | length) == 1'
    password_of "$FRA" vbr/b want
    cmp want made
    # Bound: what comes after needs no option. And on record is no secret.
    ends 0 -C "$FRA" drill vbr/a vbr/b
    ends 0 -C "$FRA" kms test "$(jq -rn --arg k "$(ask '.items[] | select(.provider == "ibm").name' -C "$FRA" kms list)" '$k')"
    grep -rqF canary-Zq4V "$FRA" && return 1
    before=$(entries)
    adopt 3 create.ps1
    json '([.items[].verdict] | sort) == ["needs password", "there", "there"] and (.scripts.kms_added or .scripts.root_added | not)'
    [ "$(entries)" -eq "$before" ]
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[].verdict] | sort == ["never escrowed", "ok", "ok"]'
    ends 0 -C "$FRA" verify
    judge_log 0
}

@test "text says who is still unprotected; the yes is asked once, before anything is done" {
    scene
    script_made vbr/a
    there 123a canary-own
    before=$(entries)
    base=(-C "$FRA" vbr adopt vbr-fra --scripts unwrap.sh --purpose backup-job --site fra --kms kp-old --credential "kp-old=file:$SIM_APIKEY"
        --endpoint "kp-old=$SIM_KMS" --iam "kp-old=$SIM_IAM" --ca "kp-old=$SIM_CA")
    ends 2 --no-input "${base[@]}"
    says 'with -n'
    [ "$(entries)" -eq "$before" ]
    ends 3 "${base[@]}" --yes
    says 'KMS kp-old: added' 'root key veeam: added' 'still unprotected: 123a' '1 adopted, 1 to look at'
    ends 3 "${base[@]}" --yes
    says 'KMS kp-old: known' 'there'
    judge_log 0
}

@test "--second also for what is known already: the missing wrap is added, the hint follows, and then it is there" {
    scene
    script_made vbr/a
    adopt 0 create.ps1
    [ "$(ask '.wraps | length' -C "$FRA" show vbr/a)" -eq 1 ]
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra --all --second mad-main -n
    json '.items[0] | .verdict == "there" and .second == "would be added"'
    [ "$(ask '.wraps | length' -C "$FRA" show vbr/a)" -eq 1 ]
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra --all --second mad-main
    json '.items[0] | .verdict == "there" and .second == "added"'
    ends 0 -o json -C "$FRA" show vbr/a --wraps
    json '[.wraps[].root] | sort == ["mad-main", "veeam"]'
    wrap=$(jq -r '.wraps[] | select(.root == "mad-main").ciphertext' <<<"$output")
    [ "$(vbr_state '.passwords[0].hint')" = "vbr/a | $wrap" ]
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra vbr/a --second mad-main
    json '.items[0] | .verdict == "there" and .second == "there"'
    ends 13 -C "$FRA" vbr adopt vbr-fra --all --second nosuch
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    ends 0 -C "$FRA" verify
    judge_log 0
}

@test "scripts that do not say it: each is named with file and line, and what to give; given, it goes on" {
    scene
    script_made vbr/a
    printf '#!/bin/sh\necho nothing\n' >none.sh
    before=$(entries)
    adopt 2 none.sh
    error_is KM1004
    says 'no script says the instance' '--instance'
    adopt 2 computed.ps1
    says 'computed.ps1 line 5: $env:KP_INSTANCE_ID is computed' '--instance'
    more=(--instance "$SIM_INSTANCE")
    adopt 2 computed.ps1
    says 'the root key' 'computed.ps1 line 6: $RootKey' '--root'
    more=(--instance "$SIM_INSTANCE" --root "$ROOT" -n)
    adopt 0 computed.ps1
    json '.items[0].verdict == "would adopt"'
    # Two that disagree; one is right.
    sed "s,$SIM_INSTANCE,$SIM_INSTANCE_MAD," rewrap.ps1 >other.ps1
    more=()
    adopt 2 create.ps1 other.ps1
    error_is KM1009
    says 'create.ps1 line 8, other.ps1 line 6' '--instance'
    # Placeholders nobody filled in.
    sed "s,$ROOT,nnnnnnnn-nnnn," create.ps1 >template.ps1
    sed "s,$SIM_INSTANCE,...," create.ps1 >dots.ps1
    adopt 2 dots.ps1
    says 'dots.ps1 line 8: what stands there is none'
    [ "$(entries)" -eq "$before" ]
    more=(--instance "$SIM_INSTANCE")
    adopt 0 create.ps1 other.ps1
    json '.adopted == 1 and .unprotected == 0'
    judge_log 0
}

@test "what is no script: encrypted, binary, huge, a folder, not there; nothing is asked of anybody" {
    scene
    vbr_control DELETE log >/dev/null
    head -c 300000 /dev/zero | tr '\0' '#' >huge.ps1
    head -c 3000 /dev/urandom >binary.ps1
    printf -- '-----BEGIN PGP MESSAGE-----\n\nhQEMA0\n' >pgp.ps1
    : >empty.ps1
    for bad in huge.ps1 binary.ps1 pgp.ps1 empty.ps1 /dev/zero; do
        adopt 2 create.ps1 "$bad"
    done
    adopt 13 create.ps1 nosuch.ps1
    adopt 1 create.ps1 "$T"
    says 'Is a directory'
    [ "$(vbr_log length)" -eq 0 ]
    # As Windows writes them.
    iconv -t UTF-16 create.ps1 >wide.ps1
    sed 's/$/\r/' rewrap.ps1 | sed $'1s/^/\xef\xbb\xbf/' >crlf.ps1
    more=(-n)
    adopt 0 wide.ps1 crlf.ps1
    json '.scripts.root_id == $r and (.scripts.secrets | length) == 2' --arg r "$ROOT"
    silent_on canary-Zq4V
}

@test "no credential goes where only a script points" {
    scene
    script_made vbr/a
    sim_control DELETE log >/dev/null
    base=(-C "$FRA" vbr adopt vbr-fra --scripts create.ps1 --purpose backup-job --site fra --credential "file:$SIM_APIKEY" --ca "$SIM_CA" --yes)
    ends 15 -o json "${base[@]}"
    error_is KM3019
    says 'create.ps1 line 10' '--iam URL'
    ends 15 -o json "${base[@]}" --iam "$SIM_IAM"
    error_is KM3019
    says 'create.ps1 line 11' '--endpoint URL'
    [ "$(sim_log length)" -eq 0 ]
    # A bare --credential is that of the scripts' KMS, and of no other.
    sed -i '/^credential = .*kp-mad/d' "$FRA/keymuster.conf"
    more=(--second mad-main)
    adopt 4 create.ps1
    error_is KM3002
    ends 13 -C "$FRA" show vbr/a
    more=(--second mad-main --credential "kp-mad=file:$T/kp-mad.pass")
    adopt 0 create.ps1
    ends 0 -o json -C "$FRA" show vbr/a
    json '[.wraps[].root] | sort == ["mad-main", "veeam"]'
}

@test "a root key that cannot open some; a hint that is cut; the rest is taken over" {
    scene
    old root create second --kms kp
    script_made vbr/a
    old create vbr/other --purpose backup-job --root second
    there "vbr/other | $(ask '.wraps[0].ciphertext' -C "$T/old" show vbr/other)" canary-x
    whole=$(vbr_state '.passwords[] | select(.hint | startswith("vbr/a")).hint')
    there "vbr/cut | ${whole:8:60}" canary-y
    adopt 3 create.ps1
    json '[.items[] | [.hint[:9], .verdict]] | sort == [["vbr/a | e", "adopted"], ["vbr/cut |", "refused"], ["vbr/other", "refused"]]'
    json '.unprotected == 2 and ([.items[] | select(.verdict == "refused").why | length > 0] | all)'
    ends 13 -C "$FRA" show vbr/cut
    # Once the other root key is known, too.
    fra root add second --kms "$(ask '.items[] | select(.provider == "ibm").name' -C "$FRA" kms list)" --key "$(ask '.items[] | select(.name == "second").id' -C "$T/old" root list)"
    adopt 3 create.ps1
    json '[.items[] | select(.hint | startswith("vbr/other")) | .verdict] == ["differs"]'
    judge_log 0
}

@test "the KMS away half way, the server away half way: told after what became of each; the same command goes on" {
    scene
    for n in a b c; do script_made "vbr/$n"; done
    # Its second unwrap and all after that.
    sim_fault '{"path": "actions/unwrap", "skip": 1, "count": 1000, "status": 503}'
    more=(--timeout 3s)
    adopt 5 create.ps1
    json '([.items[].verdict] | unique) == ["not done"] and .unprotected == 3 and ([.items[] | select(.key != null)] | length) == 1'
    sim_control DELETE faults >/dev/null
    # The server, at the second verify.
    vbr_fault '{"path": "verify", "skip": 1, "count": 1000, "status": 503}'
    adopt 5 create.ps1
    json '.adopted == 1 and .unprotected == 2 and ([.items[] | select(.verdict == "not done").why] | unique) == ["recorded; not yet verified there"]'
    vbr_control DELETE faults >/dev/null
    adopt 0 create.ps1
    json '.adopted == 2 and .unprotected == 0 and ([.items[] | .verdict] | sort) == ["adopted", "adopted", "there"]'
    [ "$(bodies key.created | wc -l)" -eq 3 ]
    [ "$(bodies key.delivered | wc -l)" -eq 3 ]
    [ "$(bodies kms.added | wc -l)" -eq 2 ]
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    ends 0 -C "$FRA" verify
}

@test "killed at every request to the KMS and to the server: again, and it is done, once" {
    scene
    script_made vbr/a
    script_made vbr/b
    cp -r "$FRA" fresh
    cp -r "$USB" freshusb
    vbr_control GET state >state
    for n in 0 1 2 3 4 5 6 7 8 9; do
        rm -rf "$FRA" "$USB" "$XDG_STATE_HOME"
        cp -r fresh "$FRA"
        cp -r freshusb "$USB"
        vbr_control POST state "$(cat state)" >/dev/null
        if [ $((n % 2)) -eq 0 ]; then
            vbr_fault "{\"skip\": $((n + 3)), \"kind\": \"drop-after\", \"kill\": \"$T/pid\"}"
        else
            sim_fault "{\"skip\": $n, \"kind\": \"drop-after\", \"count\": 1000}"
        fi
        sh -c 'echo $$ >"$0"; exec "$@"' "$T/pid" "$KEYMUSTER" -C "$FRA" vbr adopt vbr-fra --scripts create.ps1 --purpose backup-job --site fra \
            --credential "file:$SIM_APIKEY" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" --second mad-main --timeout 2s --yes >said 2>&1 || true
        vbr_control DELETE faults >/dev/null
        sim_control DELETE faults >/dev/null
        more=(--second mad-main)
        adopt 0 create.ps1
        json '.unprotected == 0 and (.items | length) == 2'
        [ "$(bodies key.created | wc -l)" -eq 2 ]
        [ "$(bodies kms.added | wc -l)" -eq 2 ]
        [ "$(bodies root.added | wc -l)" -eq 2 ]
        [ "$(bodies key.delivered | wc -l)" -eq 2 ]
        ends 0 -C "$FRA" vbr reconcile vbr-fra
        ends 0 -C "$FRA" verify
    done
}

@test "a list in a file instead of a server; a store without a copy has nothing protected" {
    scene
    script_made vbr/a
    vbr_call GET encryptionPasswords | head -n -1 >list.json
    vbr_control DELETE log >/dev/null
    base=(-o json -C "$FRA" vbr adopt vbr-fra --scripts create.ps1 --file list.json --purpose backup-job --site fra --credential "file:$SIM_APIKEY"
        --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" --yes)
    ends 0 "${base[@]}" -n
    json '.items[0].verdict == "would adopt"'
    ends 3 "${base[@]}" --second mad-main
    json '.items[0] | .verdict == "not verified" and .next == "keymuster vbr delivered vbr/a --evidence TEXT"'
    [ "$(vbr_log length)" -eq 0 ]
    ends 0 "${base[@]}"
    json '.items[0].verdict == "there" and .unprotected == 0'
    ends 0 -C "$FRA" drill vbr/a
    # Without the server's name, too, where the log knows none.
    ends 0 -C "$FRA" vbr adopt --all --file list.json --purpose backup-job
    ends 2 -C "$FRA" vbr adopt --all
    ends 2 -C "$FRA" vbr adopt --file list.json --unknown vbr-fra vbr/a
    mv "$USB" "$T/away"
    script_made vbr/b
    adopt 3 create.ps1
    json '.unprotected == 1 and ([.items[].verdict] | sort) == ["adopted", "refused"]'
    judge_log 0
}
