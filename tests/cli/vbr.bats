#!/usr/bin/env bats
# Backup servers, as the simulator (tests/sim/vbr.c) plays VBR's REST API: binding one, a key's way there and what proves it,
# everything that may go wrong in between. Each test ends with the judge: every request and every answer is as the interface
# description has it.
load ../lib/vbr_judged

add() { fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN" "$@"; }
scene() {
    scene_keys
    add
}
there() { vbr_state ".passwords | length"; }
bodies() { # KIND: of fra's entries
    "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -c --arg k "$1" 'select(.entry.kind? == $k) | .entry.body'
}

@test "a server is added, bound, listed and tried; the login goes to the bound address alone" {
    scene
    ends 0 -o json -C "$FRA" vbr list
    json '.items == [{name: "vbr-fra", uuid: .items[0].uuid, site: "fra", endpoint: $u, bound: true}]' --arg u "$VBR_URL"
    ends 3 -o json -C "$FRA" vbr test vbr-fra
    json '.reachable and .rest == "1.3-rev2" and .build == "13.0.1.180" and .passwords == 0 and .verify and .config_encrypted == false'
    says 'the first password stops it until it is given a key'
    ends 6 -C "$FRA" vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    ends 2 -C "$FRA" vbr add other http://127.0.0.1:1 --credential "file:$VBR_LOGIN"
    ends 2 -C "$FRA" vbr add other "$VBR_URL" --ca "$VBR_CA" --credential canary-literal
    ends 2 -C "$FRA" vbr add other "$VBR_URL" --ca "$VBR_CA" --pin x --credential "file:$VBR_LOGIN"
    printf 'nocolon\n' >bad
    ends 2 -C "$FRA" vbr add other "$VBR_URL" --ca "$VBR_CA" --credential file:bad
    ends 2 -C "$FRA" vbr set vbr-fra
    ends 13 -C "$FRA" vbr test nobody
    # At another site it is known, but not bound; an address that differs is refused until somebody says which is right.
    scene_two_now
    ends 4 -o json -C "$MAD" vbr test vbr-fra
    error_is KM8010
    mad vbr set vbr-fra https://localhost:1 --offline --credential "file:$VBR_LOGIN" --ca "$VBR_CA"
    mad sync
    fra sync
    ends 15 -o json -C "$FRA" vbr test vbr-fra
    error_is KM3014
    fra vbr set vbr-fra "$VBR_URL"
    ends 3 -C "$FRA" vbr test vbr-fra
    judge_log 0
}
scene_two_now() {
    mad join --from "file://$USB" --site mad --yes
    fra author admit "$(ask .author -C "$MAD" status)"
    fra sync
    mad sync
}

@test "two servers of one name: each has a section of its own, and none gets the login of the other" {
    local mine theirs
    scene_keys
    scene_two_now
    # Each site makes one of that name before it hears of the other's.
    fra vbr add twin "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN" --offline
    mad vbr add twin https://localhost:1 --credential "file:$VBR_LOGIN" --offline
    mad sync
    fra sync
    mine=$(ask '.items[] | select(.name == "twin" and .site == "fra").uuid' -C "$FRA" vbr list)
    theirs=$(ask '.items[] | select(.name == "twin" and .site == "mad").uuid' -C "$FRA" vbr list)
    ends 0 -o json -C "$FRA" vbr list
    json '[.items[] | select(.bound).uuid] == [$u]' --arg u "$mine"
    ends 2 -o json -C "$FRA" vbr test twin
    error_is KM1009
    ends 3 -C "$FRA" vbr test "$mine"
    ends 4 -o json -C "$FRA" vbr test "$theirs"
    error_is KM8010
    says "vbr set $theirs"
    [ "$(vbr_log '[.[] | select(.path | contains("token"))] | length')" -eq 1 ]
    fra vbr set "$theirs" --credential "file:$VBR_LOGIN" --ca "$VBR_CA" https://localhost:1 --offline
    grep -qF "[vbr \"$theirs\"]" "$FRA/keymuster.conf"
    grep -A9 '^\[vbr "twin"\]' "$FRA/keymuster.conf" | grep -qF "$mine"
    ends 3 -C "$FRA" vbr test "$mine"
    # One that was bound before sections said whose they are.
    sed -i '/^uuid = /d' "$FRA/keymuster.conf"
    ends 4 -o json -C "$FRA" vbr test "$mine"
    error_is KM8010
    judge_log 0
}

@test "push: the password, its hint and its id are there, verified and recorded; once more changes nothing" {
    scene
    ends 0 -o json -C "$FRA" vbr push vbr/config
    json '.schema == "keymuster.vbr.push/1" and .made and .verified and .recorded and .server == "vbr-fra" and .name == "vbr/config"'
    says 'it is the first password there'
    id=$(jq -r .vbr_id <<<"$output")
    # Nobody has seen it there: no duty, and none when whoever pushed it leaves.
    fra person add alice --login "$(id -un)"
    ends 0 -o json -C "$FRA" audit who alice
    json 'any(.acts[]; .what == "used" and .to == "vbr:vbr-fra") and all(.acts[]; .what != "saw")'
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    password_of "$FRA" vbr/config want
    vbr_state '.passwords[0].password' | tr -d '\n' | cmp - want
    wrap=$(ask '.wraps[] | select(.root == "mad-main").ciphertext' -C "$FRA" show vbr/config)
    vbr_state ".passwords[0] | .id == \"$id\" and .hint == \"vbr/config | $wrap\" and .uniqueId == \"$(ask .uuid -C "$FRA" show vbr/config)\"" | grep -qx true
    bodies key.delivered | jq -se --arg i "$id" 'length == 1 and (.[0] | .to == "vbr:vbr-fra" and .vbr_id == $i and .verified and .seen == false)'
    ends 0 -o json -C "$FRA" vbr push vbr/config --to vbr-fra
    json '(.made or .hint_changed or .recorded) == false and .verified'
    [ "$(there)" -eq 1 ]
    # The wrap of the site that must survive, and from the second generation on its number.
    fra rekey vbr/job-sql
    ends 0 -C "$FRA" vbr push vbr/job-sql
    says 'delivered' 'verified    yes'
    wrap=$(ask '.wraps[] | select(.root == "mad-main").ciphertext' -C "$FRA" show vbr/job-sql)
    vbr_state ".passwords[1].hint == \"vbr/job-sql@2 | $wrap\"" | grep -qx true
    ends 0 -C "$FRA" vbr push vbr/config -n
    says 'would push'
    judge_log 0
}

@test "create and rekey --to vbr:NAME: escrow first, then the server; an unreachable one before anything is made" {
    scene
    ends 0 -o json -C "$FRA" create vbr/new --purpose backup-job --root fra-main --root mad-main --to vbr:vbr-fra
    json '.created and .released'
    password_of "$FRA" vbr/new want
    vbr_state '.passwords[0].password' | tr -d '\n' | cmp - want
    ends 0 -C "$FRA" rekey vbr/new --to vbr:vbr-fra
    [ "$(there)" -eq 2 ]
    ends 13 -C "$FRA" create vbr/none --purpose backup-job --root fra-main --to vbr:nobody
    vbr_fault '{"path": "token", "kind": "drop-before", "count": 20}'
    ends 5 -o json -C "$FRA" --timeout 2s create vbr/none --purpose backup-job --root fra-main --to vbr:vbr-fra
    error_is KM8001
    ends 13 -C "$FRA" show vbr/none
    vbr_control DELETE faults >/dev/null
    # No copy has it: it does not leave.
    mv "$USB" "$T/away"
    ends 3 -o json -C "$FRA" create vbr/held --purpose backup-job --root fra-main --to vbr:vbr-fra
    json '.released == false'
    [ "$(there)" -eq 2 ]
    ends 17 -o json -C "$FRA" vbr push vbr/held
    error_is KM6003
    mv "$T/away" "$USB"
    ends 0 -C "$FRA" vbr push vbr/held
    [ "$(there)" -eq 3 ]
    judge_log 0
}

@test "an answer that is lost, a restart midway, a token that ends: finished, and never twice" {
    scene
    vbr_fault '{"method": "POST", "path": "encryptionPasswords", "kind": "drop-after"}'
    ends 0 -o json -C "$FRA" vbr push vbr/config
    json '.verified'
    [ "$(there)" -eq 1 ]
    vbr_fault '{"method": "POST", "path": "encryptionPasswords", "kind": "drop-before"}'
    ends 5 -o json -C "$FRA" vbr push vbr/job-sql
    error_is KM8001
    says 'the same command again finds out'
    ends 0 -C "$FRA" vbr push vbr/job-sql
    [ "$(there)" -eq 2 ]
    fra create vbr/third --purpose backup-job --root fra-main
    vbr_fault '{"path": "verify", "kind": "restart"}'
    ends 0 -o json -C "$FRA" --timeout 20s vbr push vbr/third
    json .verified
    [ "$(there)" -eq 3 ]
    vbr_set '{"token_life": 1, "polls": 4}'
    ends 0 -o json -C "$FRA" vbr push vbr/config --config-backup
    json .config_backup
    # A refresh token was used, and none twice.
    vbr_log '[.[] | select(.request.grant_type == "Refresh_token")] | length > 0 and all(.status == 200)' | grep -qx true
    judge_log 0
}

# One try of a push that is killed at its request N (from 0), carried out or not; 1: it was over before.
killed_at() { # KIND N
    local ended=0
    vbr_fault "{\"skip\": $2, \"kind\": \"$1\", \"kill\": \"$T/pid\"}"
    # shellcheck disable=SC2016 # the inner shell's
    sh -c 'echo $$ >pid; exec "$0" "$@"' "$KEYMUSTER" -C "$FRA" vbr push vbr/config >quiet 2>&1 || ended=$?
    vbr_control DELETE faults | jq -e '.hits == 1' >/dev/null || return 1
    [ "$ended" -eq 137 ]
}

@test "killed at every request of a push: the next one finishes it, with one password and the right one" {
    scene
    password_of "$FRA" vbr/config want
    cp -a "$FRA" before
    cp -a "$USB" before.usb
    vbr_control GET state >state.before
    local n kind steps=0
    for kind in drop-before drop-after; do
        for ((n = 0; n < 40; n++)); do
            rm -rf "$FRA" "$USB" "$XDG_STATE_HOME"
            cp -a before "$FRA"
            cp -a before.usb "$USB"
            vbr_control POST state "$(cat state.before)" >/dev/null
            killed_at "$kind" "$n" || break
            steps=$((steps + 1))
            ends 0 -C "$FRA" vbr push vbr/config
            [ "$(there)" -eq 1 ]
            vbr_state '.passwords[0].password' | tr -d '\n' | cmp - want
            ends 0 -C "$FRA" verify
        done
    done
    [ "$steps" -ge 8 ] # login, list, create, read back, verify, each both ways
    judge_log 0
}

@test "an answer that is lost, at every request of a push: the next one finishes it" {
    scene
    password_of "$FRA" vbr/config want
    local n
    for n in 0 1 2 3 4 5; do
        vbr_fault "{\"skip\": $n, \"kind\": \"drop-after\", \"count\": 50}"
        run "$KEYMUSTER" -C "$FRA" --timeout 1s vbr push vbr/config
        vbr_control DELETE faults >/dev/null
        ends 0 -C "$FRA" vbr push vbr/config
        [ "$(there)" -eq 1 ]
        vbr_state '.passwords[0].password' | tr -d '\n' | cmp - want
        ends 0 -C "$FRA" verify
    done
    judge_log 0
}

@test "what the server refuses has a name and a way out: login, second factor, role, versions, hint, lockout" {
    scene
    vbr_set '{"password": "canary-other"}'
    ends 4 -o json -C "$FRA" vbr push vbr/config
    error_is KM8004
    says 'multi-factor'
    vbr_set "$(jq -nc --rawfile p "$VBR_LOGIN" '{password: ($p | rtrimstr("\n") | sub("^[^:]*:"; "")), mfa: true}')"
    ends 4 -o json -C "$FRA" vbr test vbr-fra
    error_is KM8004
    vbr_set '{"mfa": false, "role": "Backup Operator"}'
    ends 4 -o json -C "$FRA" vbr push vbr/config
    error_is KM8005
    [ "$(there)" -eq 0 ]
    vbr_set '{"role": "Security Administrator"}'
    ends 0 -o json -C "$FRA" vbr push vbr/config
    ends 0 -C "$FRA" vbr test vbr-fra
    says 'may not see the configuration backup'
    vbr_set '{"hint_cut": 100}'
    ends 1 -o json -C "$FRA" vbr push vbr/job-sql
    error_is KM8011
    says 'kept 100 of' 'it was cut'
    bodies key.delivered | jq -se 'length == 1'
    vbr_set '{"hint_cut": 0}'
    ends 0 -o json -C "$FRA" vbr push vbr/job-sql
    json '.hint_changed and .made == false and .verified'
    # Each version, newest first; the oldest cannot verify, and says so.
    for revision in 1.3-rev1 1.3-rev0 1.2-rev1; do
        vbr_set "{\"revision\": \"$revision\", \"role\": \"Backup Administrator\"}"
        ends 3 -o json -C "$FRA" vbr test vbr-fra
        json '.rest == $r and .verify == ($r != "1.2-rev1")' --arg r "$revision"
    done
    ends 3 -o json -C "$FRA" vbr push vbr/config
    json '.verified == false'
    ends 3 -C "$FRA" vbr verify vbr/config
    says unsure
    vbr_set '{"revision": "none"}'
    ends 1 -o json -C "$FRA" vbr test vbr-fra
    error_is KM8007
}

@test "an answer that is no answer is 15, a request that the server finds wrong is 1; neither changes anything" {
    scene
    fra create vbr/odd --purpose backup-job --root fra-main
    vbr_fault '{"path": "encryptionPasswords", "kind": "malformed", "count": 1000}'
    ends 15 -o json -C "$FRA" vbr push vbr/odd
    error_is KM8006
    silent_on canary
    vbr_control DELETE faults >/dev/null
    vbr_fault '{"path": "encryptionPasswords", "status": 400, "count": 1000}'
    ends 1 -o json -C "$FRA" vbr push vbr/odd
    error_is KM8008
    says planted
    [ "$(there)" -eq 0 ]
    [ -z "$(bodies key.delivered)" ]
    vbr_control DELETE faults >/dev/null
    ends 0 -C "$FRA" vbr push vbr/odd
    judge_log 0
}

@test "a certificate nobody vouches for: refused; --ca or the pinned key alone; another key is hostile" {
    scene
    for kind in self-signed other-ca wrong-name expired; do
        url=$(vbr_control POST fronts "{\"tls\": \"$kind\"}" | jq -r .url)
        before=$(vbr_log length)
        ends 4 -o json -C "$FRA" vbr add "x-$kind" "$url" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
        error_is KM8002
        [ "$(vbr_log length)" -eq "$before" ] # nothing was sent
    done
    url=$(vbr_control POST fronts '{"tls": "self-signed"}' | jq -r .url)
    openssl s_client -connect "${url#https://}" </dev/null 2>/dev/null | openssl x509 >own.pem
    pin=sha256//$(openssl x509 -in own.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
    fra vbr add pinned "$url" --pin "$pin" --credential "file:$VBR_LOGIN"
    ends 3 -C "$FRA" vbr test pinned
    before=$(vbr_log length)
    ends 15 -o json -C "$FRA" vbr add moved "$VBR_URL" --pin "$pin" --credential "file:$VBR_LOGIN"
    error_is KM8003
    [ "$(vbr_log length)" -eq "$before" ]
    ends 15 -C "$FRA" vbr set pinned "$VBR_URL"
    fra vbr set pinned "$VBR_URL" --ca "$VBR_CA"
    ends 3 -C "$FRA" vbr test pinned
}

@test "verify: equal, changed there, gone; delivered by hand" {
    scene
    ends 0 -C "$FRA" vbr push vbr/config
    ends 0 -o json -C "$FRA" vbr verify vbr/config
    json '.verdict == "equal"'
    ends 13 -C "$FRA" vbr verify vbr/job-sql
    says 'vbr push'
    VBR_TOKEN=$(vbr_token)
    id=$(vbr_state '.passwords[0].id')
    vbr_call POST "encryptionPasswords/$id/changepassword" -d '{"hint":"x","password":"canary-changed"}' >/dev/null
    ends 3 -o json -C "$FRA" vbr verify vbr/config
    json '.verdict == "different"'
    ends 6 -o json -C "$FRA" vbr push vbr/config
    error_is KM8012
    bodies vbr.observed | jq -se '[.[].result] == ["verified", "different"]'
    vbr_call DELETE "encryptionPasswords/$id" >/dev/null
    ends 13 -o json -C "$FRA" vbr verify vbr/config
    error_is KM8009
    ends 2 -C "$FRA" vbr delivered vbr/job-sql
    ends 0 -C "$FRA" vbr delivered vbr/job-sql --evidence 'event 31600' --on vbr-fra
    ends 0 -C "$FRA" vbr delivered vbr/job-sql --evidence 'ticket 17'
    bodies key.delivered | jq -se '.[-2:] | map([.to, .evidence]) == [["vbr:vbr-fra", "event 31600"], ["by hand", "ticket 17"]]'
}

@test "the configuration backup is given the key, runs and is waited for; its failure is one" {
    scene
    ends 17 -C "$FRA" vbr push vbr/job-sql --config-backup
    ends 0 -o json -C "$FRA" vbr push vbr/config --config-backup
    json '.config_backup and .verified'
    silent_on 'no longer runs'
    [ "$(vbr_state '.config.encryption.passwordId')" = "$(vbr_state '.passwords[0].id')" ]
    [ "$(vbr_state '.sessions[-1].result.result')" = Success ]
    [ "$(vbr_state '.config.restorePointsToKeep')" = 10 ]
    ends 0 -C "$FRA" vbr test vbr-fra
    fra rekey vbr/config
    vbr_set '{"session": "Failed"}'
    ends 1 -o json -C "$FRA" vbr push vbr/config --config-backup
    error_is KM8013
    vbr_set '{"session": "Warning", "polls": 3}'
    ends 0 -o json -C "$FRA" vbr push vbr/config --config-backup
    json '.config_backup and .made == false'
    says 'ended with a warning'
    bodies vbr.observed | jq -se '[.[] | select(.part == null) | .result] == ["config-backup", "config-backup"]'
    judge_log 0
}

@test "rekey of the configuration backup's key: the job gets the new one, runs, and is looked at; the first key offers it" {
    scene
    # The first password: said, and offered where somebody can answer; --yes is one.
    ends 0 -o json -C "$FRA" create vbr/first --purpose config-backup --root mad-main --to vbr:vbr-fra --yes
    says 'the configuration backup of vbr-fra ran with it'
    silent_on 'no longer runs'
    [ "$(vbr_state '.config.encryption.passwordId')" = "$(vbr_state '.passwords[0].id')" ]
    [ "$(vbr_state '.sessions | length')" -eq 1 ]
    ends 0 -C "$FRA" rekey vbr/first --to vbr:vbr-fra
    says 'the configuration backup ran with it' 'verified    yes'
    [ "$(vbr_state '.config.encryption.passwordId')" = "$(vbr_state '.passwords[1].id')" ]
    [ "$(vbr_state '.sessions[-1].result.result')" = Success ]
    bodies vbr.observed | jq -se '[.[] | select(.part == null) | .result] == ["config-backup", "config-backup"]'
    # A key that it does not use is put there, and nothing else.
    ends 0 -C "$FRA" rekey vbr/config --to vbr:vbr-fra
    silent_on 'ran with it'
    ends 0 -C "$FRA" rekey vbr/job-sql --to vbr:vbr-fra
    [ "$(vbr_state '.config.encryption.passwordId')" = "$(vbr_state '.passwords[1].id')" ]
    ends 0 -C "$FRA" rekey vbr/config --to vbr:vbr-fra --config-backup
    says 'ran with it'
    ends 17 -C "$FRA" rekey vbr/job-sql --to vbr:vbr-fra --config-backup
    ends 2 -C "$FRA" rekey vbr/config --config-backup
    # The job fails: the key is there, and what goes on is said.
    vbr_set '{"session": "Failed"}'
    ends 1 -o json -C "$FRA" rekey vbr/config --to vbr:vbr-fra
    error_is KM8013
    says '--config-backup'
    vbr_set '{"session": "Success"}'
    ends 0 -o json -C "$FRA" vbr push vbr/config --config-backup
    json '.config_backup and .made == false'
    # Another role may not see the job.
    vbr_set '{"role": "Security Administrator"}'
    ends 3 -C "$FRA" rekey vbr/config --to vbr:vbr-fra
    says 'may not see the configuration backup'
    ends 0 -C "$FRA" verify
    judge_log 0
}

@test "the first key of a server whose configuration backup has none: without a person it is said, not done" {
    scene
    ends 0 -C "$FRA" --no-input create vbr/first --purpose config-backup --root mad-main --to vbr:vbr-fra
    says 'it is the first password there' '--config-backup'
    [ "$(vbr_state '.sessions | length')" -eq 0 ]
    judge_log 0
}

@test "remove: only when the KMS itself says that every root key was destroyed, and the name was typed" {
    scene
    fra create vbr/gone --purpose backup-job --root fra-main --root mad-main --to vbr:vbr-fra
    ends 17 -C "$FRA" vbr remove vbr/gone --confirm vbr/gone
    says '--reason is missing'
    ends 17 -o json -C "$FRA" vbr remove vbr/gone --reason R --confirm vbr/gone
    error_is KM6001
    fra root destroy fra-main --confirm fra-main
    ends 17 -C "$FRA" vbr remove vbr/gone --reason R --confirm vbr/gone
    says 'root key mad-main: active'
    fra root disable mad-main --yes
    ends 17 -C "$FRA" vbr remove vbr/gone --reason R --confirm vbr/gone
    fra root enable mad-main
    fra root destroy mad-main --confirm mad-main
    mv "$T/kp-mad.kms" "$T/kms-away"
    ends 17 -C "$FRA" vbr remove vbr/gone --reason R --confirm vbr/gone # out of reach proves nothing
    mv "$T/kms-away" "$T/kp-mad.kms"
    ends 2 -C "$FRA" vbr remove vbr/gone --reason R --confirm other
    [ "$(there)" -eq 1 ]
    ends 0 -o json -C "$FRA" vbr remove vbr/gone --reason R --confirm vbr/gone
    [ "$(there)" -eq 0 ]
    bodies vbr.observed | jq -se '.[-1] | .result == "removed" and .reason == "R"'
    ends 0 -C "$FRA" vbr remove vbr/gone --reason R --confirm vbr/gone
    says 'removed already: key vbr/gone'
    ends 13 -C "$FRA" vbr remove vbr/config --reason R --confirm vbr/config
    judge_log 0
}

@test "remove: an answer that got lost costs nothing: it is asked again, and that it is there no more is recorded" {
    scene
    fra create vbr/gone --purpose backup-job --root fra-main --to vbr:vbr-fra
    fra root destroy fra-main --confirm fra-main
    vbr_fault '{"path": "encryptionPasswords", "method": "DELETE", "kind": "drop-after"}'
    ends 0 -C "$FRA" vbr remove vbr/gone --reason R --confirm vbr/gone
    [ "$(there)" -eq 0 ]
    bodies vbr.observed | jq -se '.[-1] | .result == "gone"'
    judge_log 0
}

@test "remove: that the server does not say whether its configuration backup needs the key is said before the question" {
    scene
    fra create vbr/gone --purpose backup-job --root fra-main --to vbr:vbr-fra
    fra root destroy fra-main --confirm fra-main
    vbr_fault '{"path": "configBackup", "status": 403, "count": 1000}'
    ends 0 -C "$FRA" vbr remove vbr/gone --reason R --confirm vbr/gone
    says 'whether vbr/gone@1 encrypts the configuration backup of vbr-fra is not known'
    [ "$(there)" -eq 0 ]
}

@test "no secret is in what it says, writes or sends elsewhere" {
    scene
    password_of "$FRA" vbr/config want
    cut -d: -f2- "$VBR_LOGIN" | tr -d '\n' >login.secret
    for format in json text; do
        strace -f -s 65536 -e trace=execve,write,pwrite64,writev -o trace "$KEYMUSTER" -C "$FRA" -o "$format" -vv vbr push vbr/config >out 2>err
        strace -f -s 65536 -e trace=execve,write,pwrite64,writev -o trace2 "$KEYMUSTER" -C "$FRA" -o "$format" -vv vbr verify vbr/config >out2 2>err2
        vbr_state '.tokens[-1].access_token' | tr -d '\n' >token.secret
        for secret in want login.secret token.secret; do
            "$KM_TOOLS/scan" -x "$T/want" -x "$T/login.secret" -x "$T/token.secret" -x "$VBR_LOGIN" "$T/$secret" "$T"
        done
    done
}

@test "reconcile: one pass over the list; never escrowed, changed, hint behind, hint differs, gone, not delivered" {
    scene
    local k id
    for k in a b c d e; do fra create "vbr/$k" --purpose backup-job --root fra-main --root mad-main; done
    for k in a b c d; do fra vbr push "vbr/$k"; done
    ends 0 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[].verdict] == ["ok", "ok", "ok", "ok"]'
    sleep 1.1 # its times are whole seconds
    VBR_TOKEN=$(vbr_token)
    id() { vbr_state ".passwords[] | select(.hint | startswith(\"vbr/$1 \")).id"; }
    hint() { vbr_state ".passwords[] | select(.hint | startswith(\"vbr/$1 \")).hint"; }
    # a: another password, the hint as it was; b: rewrapped here; c: another wrap in its hint; d: removed there
    vbr_call POST "encryptionPasswords/$(id a)/changepassword" -d "$(jq -nc --arg h "$(hint a)" '{hint: $h, password: "canary-changed"}')" >/dev/null
    fra root rotate fra-main
    fra root rotate mad-main
    vbr_fault '{"kind": "drop-before", "count": 1000}'
    fra --timeout 1s rewrap vbr/b
    vbr_control DELETE faults >/dev/null
    vbr_call PUT "encryptionPasswords/$(id c)" -d "$(jq -nc --arg i "$(id c)" '{id: $i, hint: "vbr/c | bm90IHRoZSB3cmFw"}')" >/dev/null
    vbr_call DELETE "encryptionPasswords/$(id d)" >/dev/null
    vbr_call POST encryptionPasswords -d '{"password":"canary-own","hint":"123a"}' >/dev/null
    vbr_call POST encryptionPasswords -d "$(jq -nc --arg u "$(ask .uuid -C "$FRA" show vbr/e)" '{hint: "vbr/e", password: "canary-e", uniqueId: $u}')" >/dev/null
    vbr_control DELETE log >/dev/null
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[] | [.name // .hint, .verdict]] | sort == [["123a", "never escrowed"], ["vbr/a", "suspect"], ["vbr/b", "hint behind"],
        ["vbr/c", "hint differs"], ["vbr/d", "gone"], ["vbr/e", "not delivered"]]'
    [ "$(vbr_log '[.[] | select(.path | contains("/encryptionPasswords"))] | length')" -eq 1 ] # one list pass, no request a key
    # The same report from files: the REST list; an export, which has no uniqueId; nothing is asked of the server.
    jq -cS '[.items[] | [.name // .hint, .verdict]] | sort' <<<"$output" >live
    vbr_call GET encryptionPasswords | sed '$d' >page
    jq '[.data[] | {Id: .id, Description: .hint, EncryptedPassword: "", ModificationDateUtc: (.modificationTime | sub("[.][0-9]+"; ""))}]' page |
        iconv -t UTF-16 >export
    vbr_control DELETE log >/dev/null
    for file in page export; do
        ends 3 -o json -C "$FRA" vbr reconcile vbr-fra --file "$file"
        jq -cS '[.items[] | [.name // .hint, .verdict]] | sort' <<<"$output" | diff live -
    done
    [ "$(vbr_log length)" -eq 0 ]
    ends 3 -C "$FRA" vbr reconcile vbr-fra
    says '0 ok, 6 findings' 'settle it: keymuster vbr verify'
    # What settles each.
    ends 3 -C "$FRA" vbr verify vbr/a
    vbr_call POST "encryptionPasswords/$(id a)/changepassword" -d "$(jq -nc --arg h "$(hint a)" --arg p "$("$KEYMUSTER" -C "$FRA" reveal vbr/a --reason test --to - 2>/dev/null)" '{hint: $h, password: $p}')" >/dev/null
    ends 0 -C "$FRA" vbr verify vbr/a
    ends 0 -C "$FRA" vbr push vbr/b vbr/c vbr/d
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[] | select(.verdict != "ok") | .verdict] | sort == ["never escrowed", "not delivered"]'
    judge_log 0
}

@test "reconcile of a list of many pages; a hostile hint reaches no terminal" {
    scene
    jq -nc '[range(450) | {id: ("00000000-0000-4000-8000-" + ("000000000000" + tostring)[-12:]), hint: "own \(.)", uniqueId: "", isImported: false,
        modificationTime: "2026-01-01T00:00:00Z", password: "canary-x"}]' >many
    jq -nc '[{id: "10000000-0000-4000-8000-000000000000", hint: "evil \u001b[31m | bm90IHRoZSB3cmFw", uniqueId: "", isImported: false,
        modificationTime: "2026-01-01T00:00:00Z", password: "canary-x"}]' >evil
    vbr_control POST passwords "$(cat many)" >/dev/null
    vbr_control POST passwords "$(cat evil)" >/dev/null
    ends 3 -C "$FRA" vbr reconcile vbr-fra
    says '451 findings' '\x1B'
    grep -q $'\033' <<<"$output$stderr" && return 1
    [ "$(vbr_log '[.[] | select(.path | contains("/encryptionPasswords"))] | length')" -eq 3 ]
    judge_log 0
}
