#!/usr/bin/env bats
# Hints at backup servers follow the wraps: rewrap, rehome, wrap add, wrap retire; what cannot be put right at once is
# behind, is said by status and show, and is paid by upkeep. Every request and every answer is judged.
# VBR_TOKEN is read by vbr_call.
# shellcheck disable=SC2034
load ../lib/vbr_judged

scene() {
    scene_keys
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    fra vbr push vbr/job-sql
    fra vbr push vbr/config
    sleep 1.1 # its times are whole seconds
}
hint() { vbr_state ".passwords[] | select(.hint | startswith(\"$1\")).hint"; }
id_of() { vbr_state ".passwords[] | select(.hint | startswith(\"$1\")).id"; }
wrap_of() { ask "[.wraps[] | select(.root == \"$2\" and (.retired | not))][0].ciphertext" -C "$FRA" show "$1"; }
behind() { ask .hints_behind -C "$FRA" status; }
all_ok() {
    ends 0 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[].verdict] | unique == ["ok"]'
}
bodies() { "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -c --arg k "$1" 'select(.entry.kind? == $k) | .entry.body'; }

@test "rewrap, rehome, wrap add and wrap retire put the hint right, and reconcile knows that it was us" {
    scene
    [ "$(behind)" -eq 0 ]
    before=$(hint vbr/job-sql)
    fra root rotate mad-main
    ends 0 -o json -C "$FRA" rewrap vbr/job-sql
    json '.rewrapped == 1 and .hints_changed == 1 and .hints_behind == 0'
    [ "$(hint vbr/job-sql)" != "$before" ]
    [ "$(hint vbr/job-sql)" = "vbr/job-sql | $(wrap_of vbr/job-sql mad-main)" ]
    all_ok
    bodies vbr.observed | jq -se 'map(select(.part == null)) | .[-1] | .result == "hint" and (.vbr_modified | length > 0) and (.hint_wrap | length == 64)'
    ends 0 -C "$FRA" rewrap --stale --yes
    says 'hints at backup servers: 1 put right, 0 behind'
    [ "$(hint vbr/config)" = "vbr/config | $(wrap_of vbr/config mad-main)" ]
    # Nothing to do, nothing asked.
    vbr_control DELETE log >/dev/null
    ends 0 -o json -C "$FRA" rewrap --all --yes
    json '.hints_changed == 0 and .hints_behind == 0'
    [ "$(vbr_log length)" -eq 0 ]
    # A root key at the protected site is not the one that must survive.
    ends 0 -C "$FRA" rehome vbr/config --to fra-main
    [ "$(hint vbr/config)" = "vbr/config | $(wrap_of vbr/config mad-main)" ]
    [ "$(vbr_log length)" -eq 0 ]
    fra root create mad-next --kms kp-mad
    sleep 1.1
    ends 0 -o json -C "$FRA" rehome vbr/config --to mad-next
    json '.added == 1 and .hints_changed == 1'
    [ "$(hint vbr/config)" = "vbr/config | $(wrap_of vbr/config mad-next)" ]
    ends 0 -o json -C "$FRA" wrap add vbr/job-sql --root mad-next
    json '.hints_changed == 1'
    [ "$(hint vbr/job-sql)" = "vbr/job-sql | $(wrap_of vbr/job-sql mad-next)" ]
    sleep 1.1
    id=$(ask '[.wraps[] | select(.root == "mad-next")][0].id' -C "$FRA" show vbr/job-sql)
    ends 0 -o json -C "$FRA" wrap retire vbr/job-sql "$id" --reason test
    json '.retired and .hints_changed == 1'
    [ "$(hint vbr/job-sql)" = "vbr/job-sql | $(wrap_of vbr/job-sql mad-main)" ]
    all_ok
    ends 0 -C "$FRA" verify
    judge_log 0
}

@test "a server that is down leaves the hint behind: status and show say so, upkeep pays it once" {
    scene
    before=$(hint vbr/job-sql)
    fra root rotate mad-main
    vbr_fault '{"kind": "drop-before", "count": 1000}'
    ends 0 -o json -C "$FRA" --timeout 1s rewrap vbr/job-sql vbr/config
    json '.rewrapped == 2 and .hints_changed == 0 and .hints_behind == 2'
    says 'hint behind: 2 passwords at vbr-fra'
    [ "$(behind)" -eq 2 ]
    ends 0 -C "$FRA" status
    says 'hint behind: at backup server vbr-fra the hint of' 'and of 1 more'
    ends 0 -C "$FRA" show vbr/job-sql
    says 'hint behind: keymuster upkeep'
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '.backup_servers == [{server: "vbr-fra", vbr_id: .backup_servers[0].vbr_id, hint_behind: true}]'
    ends 3 -o json -C "$FRA" --timeout 1s upkeep
    json '.hints_behind == 2'
    vbr_control DELETE faults >/dev/null
    ends 0 -o json -C "$FRA" upkeep -n
    json '.hints_behind == 2 and .hints_changed == 0'
    [ "$(hint vbr/job-sql)" = "$before" ]
    ends 3 -o json -C "$FRA" --offline upkeep
    json '.hints_behind == 2'
    ends 0 -o json -C "$FRA" upkeep
    json '.hints_changed == 2 and .hints_behind == 0'
    [ "$(behind)" -eq 0 ]
    ends 0 -o json -C "$FRA" show vbr/job-sql
    json '.backup_servers[0].hint_behind == false'
    all_ok
    before=$(vbr_log length)
    ends 0 -o json -C "$FRA" upkeep
    json '.hints_changed == 0'
    [ "$(vbr_log length)" -eq "$before" ]
    judge_log 0
}

@test "a site that does not reach the server leaves it behind without failing; the other one pays it" {
    scene_two
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    fra vbr push vbr/config
    mad sync
    mad root rotate mad-main
    ends 0 -o json -C "$MAD" rewrap vbr/config
    json '.rewrapped == 1 and .hints_behind == 1'
    says 'is not bound here'
    fra sync
    [ "$(behind)" -eq 1 ]
    sleep 1.1
    ends 0 -o json -C "$FRA" upkeep
    json '.hints_changed == 1'
    all_ok
    mad sync
    [ "$(ask .hints_behind -C "$MAD" status)" -eq 0 ]
    judge_log 0
}

@test "a lost answer is looked for; a crash after the change is settled by upkeep and verify" {
    scene
    fra root rotate mad-main
    vbr_fault '{"method": "PUT", "kind": "drop-after"}'
    ends 0 -o json -C "$FRA" rewrap vbr/job-sql
    json '.hints_changed == 1'
    all_ok
    # As a crash between the change and its record would leave it.
    fra root rotate mad-main
    vbr_fault '{"skip": 1, "kind": "drop-before", "count": 1000}'
    ends 0 -C "$FRA" --timeout 1s rewrap vbr/job-sql
    vbr_control DELETE faults >/dev/null
    [ "$(behind)" -eq 1 ]
    sleep 1.1
    VBR_TOKEN=$(vbr_token)
    id=$(id_of vbr/job-sql)
    vbr_call PUT "encryptionPasswords/$id" -d "$(jq -nc --arg i "$id" --arg h "vbr/job-sql | $(wrap_of vbr/job-sql mad-main)" \
        --arg u "$(ask .uuid -C "$FRA" show vbr/job-sql)" '{id: $i, hint: $h, uniqueId: $u}')" >/dev/null
    ends 0 -o json -C "$FRA" upkeep
    [ "$(behind)" -eq 0 ]
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra # who changed it is not known
    json '[.items[] | select(.verdict != "ok") | .verdict] == ["suspect"]'
    ends 0 -C "$FRA" vbr push vbr/job-sql
    all_ok
    judge_log 0
}

@test "what somebody else changed there is neither overwritten nor vouched for; gone is gone; a cut is seen" {
    scene
    VBR_TOKEN=$(vbr_token)
    sql=$(id_of vbr/job-sql) config=$(id_of vbr/config)
    # The password was changed, and our hint left: the new wrap in it settles nothing.
    vbr_call POST "encryptionPasswords/$sql/changepassword" -d "$(jq -nc --arg h "$(hint vbr/job-sql)" '{hint: $h, password: "canary-changed"}')" >/dev/null
    # Here somebody wrote where the new password is.
    vbr_call PUT "encryptionPasswords/$config" -d "$(jq -nc --arg i "$config" '{id: $i, hint: "in the safe"}')" >/dev/null
    sleep 1.1
    fra root rotate mad-main
    ends 0 -o json -C "$FRA" rewrap vbr/job-sql vbr/config
    json '.hints_changed == 1 and .hints_behind == 1'
    says 'a hint at vbr-fra that keymuster did not write'
    [ "$(vbr_state ".passwords[] | select(.id == \"$config\").hint")" = 'in the safe' ]
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[] | select(.name == "vbr/job-sql").verdict] == ["suspect"]'
    vbr_call DELETE "encryptionPasswords/$config" >/dev/null
    ends 0 -o json -C "$FRA" upkeep
    says 'is at vbr-fra no more'
    [ "$(behind)" -eq 0 ]
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[] | select(.name == "vbr/config").verdict] == ["gone"]'
    ends 0 -o json -C "$FRA" vbr push vbr/config
    json '.made and .recorded'
    sleep 1.1
    fra root rotate mad-main
    vbr_set '{"hint_cut": 50}'
    ends 0 -o json -C "$FRA" rewrap vbr/config
    json '.hints_behind == 1'
    says 'kept 50 of'
    vbr_set '{"hint_cut": 0}'
    ends 0 -C "$FRA" vbr push vbr/config
    [ "$(behind)" -eq 0 ]
    judge_log 0
}

@test "a server whose key changed is hostile: the wraps are made, and then it is said with 15" {
    scene
    url=$(vbr_control POST fronts '{"tls": "self-signed"}' | jq -r .url)
    openssl s_client -connect "${VBR_URL#https://}" </dev/null 2>/dev/null | openssl x509 >own.pem
    pin=sha256//$(openssl x509 -in own.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
    fra vbr set vbr-fra "$VBR_URL" --pin "$pin"
    sed -i "s,^endpoint = $VBR_URL,endpoint = $url," "$FRA/keymuster.conf"
    fra root rotate mad-main
    ends 15 -o json -C "$FRA" rewrap vbr/config
    error_is KM3014 # the log names another one
    ends 15 -o json -C "$FRA" upkeep
    [ "$(ask .wraps_behind -C "$FRA" status)" -eq 0 ]
    [ "$(behind)" -eq 2 ]
    judge_log 0
}
