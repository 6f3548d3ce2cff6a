#!/usr/bin/env bats
# vbr adopt: passwords that a backup server has already come into the escrow: from the WDEK in the hint, typed, or as a hole
# that nobody knows. Every request and every answer is judged.
# VBR_TOKEN is read by vbr_call.
# shellcheck disable=SC2034
load ../lib/vbr_judged

# The escrow, a server, and beside them what scripts made in former years: a store of its own stands for them.
scene() {
    scene_keys
    fra vbr add vbr-fra "$VBR_URL" --ca "$VBR_CA" --credential "file:$VBR_LOGIN"
    OLD=$T/old
    id=$(ask '.items[] | select(.name == "mad-main").id // empty' -C "$FRA" root list)
    old init --site fra
    old site add mad
    old kms add kp-mad --site mad --provider local --file "$T/kp-mad.kms" --credential "file:$T/kp-mad.pass"
    old root add mad-main --kms kp-mad --key "$id"
    old copy add c "file://$T/oldcopy" --site mad
    VBR_TOKEN=$(vbr_token)
}
old() { "$KEYMUSTER" -C "$OLD" "$@" >/dev/null 2>"$T/stderr" || { cat "$T/stderr" >&2; return 1; }; }
# One of the scripts' passwords: MONIKER; made, and put there.
script_made() {
    old create "$1" --purpose backup-job --root mad-main
    rm -f "$T/made"
    old reveal "$1" --reason test --to "file:$T/made"
    wdek=$(ask '.wraps[0].ciphertext' -C "$OLD" show "$1")
    vbr_call POST encryptionPasswords -d "$(jq -nc --arg h "$1 | $wdek" --rawfile p "$T/made" '{hint: $h, password: $p}')" >/dev/null
}
there() { # HINT PASSWORD
    vbr_call POST encryptionPasswords -d "$(jq -nc --arg h "$1" --arg p "$2" '{hint: $h, password: $p}')" >/dev/null
}
id_of() { vbr_state ".passwords[] | select(.hint | startswith(\"$1\")).id"; }
hint_of() { vbr_state ".passwords[] | select(.id == \"$1\").hint"; }
bodies() { "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -c --arg k "$1" 'select(.entry.kind? == $k) | .entry.body'; }

@test "all of them from their hints: proven, verified there, delivered, and once more nothing" {
    scene
    script_made vbr/a
    script_made vbr/b
    there 123a canary-own
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra --all --purpose backup-job -n
    json '.dry_run and ([.items[].verdict] | sort) == ["needs password", "would adopt", "would adopt"]'
    ends 13 -C "$FRA" show vbr/a
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra --all --purpose backup-job --yes
    json '.adopted == 2 and .left == 1 and ([.items[] | select(.verdict == "adopted").name] | sort) == ["vbr/a", "vbr/b"]'
    json '[.items[] | select(.verdict == "needs password").next][0] | contains("--secret prompt") and contains("--unknown")'
    json '[.items[] | select(.name == "vbr/a").next] == ["keymuster drill vbr/a"]'
    # No person saw it; that the server was shown it is on record.
    [ "$(ask .duties -C "$FRA" status)" -eq 0 ]
    bodies reveal.shown | jq -se 'length == 2'
    password_of "$FRA" vbr/b want
    cmp want made
    ends 0 -o json -C "$FRA" show vbr/a
    json '.generation == 1 and .proven and .released and (.backup_servers | length) == 1'
    # As old as the server says, not of today's date.
    since=$(vbr_state ".passwords[] | select(.id == \"$(id_of vbr/a)\").modificationTime")
    [ "$(ask .created_at -C "$FRA" show vbr/a)" = "${since:0:23}Z" ]
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[].verdict] | sort == ["never escrowed", "ok", "ok"]'
    before=$(bodies key.created | wc -l)
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra --all --purpose backup-job --yes
    json '[.items[].verdict] | sort == ["needs password", "there", "there"]'
    [ "$(bodies key.created | wc -l)" -eq "$before" ]
    ends 0 -C "$FRA" verify
    judge_log 0
}

@test "one of them, with a second wrap under another root key, which the hint then has" {
    scene
    script_made vbr/a
    fra root create fra-two --kms kp-fra
    fra root create mad-two --kms kp-mad
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra vbr/a --purpose config-backup --root mad-main --second fra-two
    json '.adopted == 1'
    ends 0 -o json -C "$FRA" show vbr/a
    json '[.wraps[].root] | sort == ["fra-two", "mad-main"]'
    ends 0 -C "$FRA" drill vbr/a
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    ends 2 -C "$FRA" vbr adopt vbr-fra
    ends 2 -C "$FRA" vbr adopt vbr-fra --all --key x
    ends 13 -o json -C "$FRA" vbr adopt vbr-fra nosuch
    error_is KM8009
    judge_log 0
}

@test "typed: asked of the server first, wrapped, confirmed by it, a duty; its hint then tells the key" {
    scene
    there 123a canary-own
    id=$(id_of 123a)
    printf 'canary-wrong' >wrong
    printf 'canary-own\n' >right
    ends 6 -o json -C "$FRA" vbr adopt vbr-fra 123a --key vbr/own --purpose backup-job --root mad-main --secret file:wrong
    error_is KM8012
    silent_on canary-wrong
    ends 13 -C "$FRA" show vbr/own
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra 123a --key vbr/own --purpose backup-job --root mad-main --second fra-main \
        --secret file:right --since 2025-03-01
    json '.items[0] | .verdict == "adopted" and .next == "keymuster rekey vbr/own --to vbr:vbr-fra"'
    ends 0 -o json -C "$FRA" show vbr/own
    json '.origin == "adopted" and (.confirmed | length > 0) and (.created_at | startswith("2025-03-01"))'
    json '[.wraps[].root] | sort == ["fra-main", "mad-main"]'
    ends 0 -C "$FRA" status
    says 'duty: vbr/own@1'
    silent_on 'unconfirmed'
    [[ $(hint_of "$id") == 'vbr/own | '* ]]
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra "$id"
    json '.items[0].verdict == "there"'
    judge_log 0
}

@test "changed there since it was escrowed: the next generation, from its date; the former one stays and is there no more" {
    scene
    fra vbr push vbr/config vbr/job-sql
    sleep 1.1
    id=$(id_of vbr/config)
    vbr_call POST "encryptionPasswords/$id/changepassword" -d "$(jq -nc --arg h "$(hint_of "$id")" '{hint: $h, password: "canary-changed"}')" >/dev/null
    ends 3 -C "$FRA" vbr reconcile vbr-fra
    ends 3 -C "$FRA" vbr verify vbr/config
    printf 'canary-changed' >now
    ends 6 -C "$FRA" vbr push vbr/config
    says "keymuster vbr adopt vbr-fra $id"
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra "$id" --root mad-main --secret file:now
    json '.items[0] | .name == "vbr/config" and .generation == 2 and .verdict == "adopted"'
    [[ $(hint_of "$id") == 'vbr/config@2 | '* ]]
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    ends 0 -o json -C "$FRA" show vbr/config@1
    json '.backup_servers == []'
    ends 0 -C "$FRA" check vbr/config --secret file:now
    [ "$(ask .hints_behind -C "$FRA" status)" -eq 0 ]
    ends 0 -C "$FRA" verify
    judge_log 0
}

@test "nobody knows it: a named hole with a date, told by status and reconcile, until a rekey" {
    scene
    fra vbr push vbr/job-sql
    there 123a canary-own
    sleep 1.1
    id=$(id_of vbr/job-sql)
    vbr_call POST "encryptionPasswords/$id/changepassword" -d "$(jq -nc --arg h "$(hint_of "$id")" '{hint: $h, password: "canary-changed"}')" >/dev/null
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra "$id" --unknown --root mad-main
    json '.items[0] | .verdict == "hole" and .name == "vbr/job-sql" and .generation == 2
        and .next == "keymuster rekey vbr/job-sql --root mad-main --to vbr:vbr-fra"'
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra "$id" --unknown
    json '.items[0].generation == 2' # and no second one
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra 123a --unknown --key vbr/own --purpose backup-job --since 2025-03-01
    json '.items[0] | .verdict == "hole" and .generation == 1'
    ends 0 -o json -C "$FRA" status
    json '.holes == 2'
    says 'hole: vbr/own@1 is in use since 2025-03-01'
    ends 3 -o json -C "$FRA" vbr reconcile vbr-fra
    json '[.items[].verdict] == ["nobody knows", "nobody knows"]'
    ends 13 -C "$FRA" reveal vbr/own --reason test --to "file:$T/none"
    ends 13 -o json -C "$FRA" show vbr/own --at 2025-02-01
    fra rewrap --all --yes
    fra rekey vbr/own --root mad-main --to vbr:vbr-fra
    ends 0 -C "$FRA" verify
    judge_log 0
}

@test "a hint whose wrap gives another password than the one in use: recorded, and said" {
    scene
    script_made vbr/a
    id=$(id_of vbr/a)
    before=$(hint_of "$id")
    vbr_call POST "encryptionPasswords/$id/changepassword" -d "$(jq -nc --arg h "$before" '{hint: $h, password: "canary-changed"}')" >/dev/null
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra vbr/a --purpose backup-job
    json '.items[0] | .verdict == "differs" and .generation == 1 and (.next | contains("--unknown"))'
    [ "$(hint_of "$id")" = "$before" ] # and not vouched for
    bodies key.delivered | jq -se 'length == 0'
    printf 'canary-changed' >now
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra "$id" --root mad-main --secret file:now
    json '.items[0] | .verdict == "adopted" and .name == "vbr/a" and .generation == 2'
    ends 0 -C "$FRA" vbr reconcile vbr-fra
    judge_log 0
}

@test "a hostile server gets nothing by its hints: a wrap of another key is not opened for it unasked" {
    scene
    wrap=$(ask '.wraps[0].ciphertext' -C "$FRA" show vbr/config)
    there "vbr/bait | $wrap" canary-own
    there "evil | bm90IHRoZSB3cmFw" canary-own
    vbr_control DELETE log >/dev/null
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra --all --purpose backup-job --yes
    json '[.items[].verdict] == ["refused", "refused"]'
    says 'which was never put there'
    [ "$(vbr_log '[.[] | select(.path | contains("verify"))] | length')" -eq 0 ]
    bodies reveal.shown | jq -se 'length == 0'
    # Somebody who means it says so; the server is asked, and says no.
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra vbr/bait
    json '.items[0].verdict == "differs"'
    bodies reveal.shown | jq -se 'length == 1'
    # What is asked of every one of them wants a yes.
    script_made vbr/a
    ends 2 -C "$FRA" --no-input vbr adopt vbr-fra --all --purpose backup-job
    [ "$(vbr_log '[.[] | select(.path | contains("verify"))] | length')" -eq 1 ]
    judge_log 0
}

@test "no copy has it: it is recorded and not shown to the server; an old server leaves it unverified" {
    scene
    script_made vbr/a
    mv "$USB" "$T/away"
    ends 17 -o json -C "$FRA" vbr adopt vbr-fra vbr/a --purpose backup-job
    error_is KM6003
    vbr_log '[.[] | select(.path | contains("verify"))] | length' | grep -qx 0
    mv "$T/away" "$USB"
    vbr_set '{"revision": "1.2-rev1"}'
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra vbr/a
    json '.items[0].verdict == "not verified"'
    vbr_set '{"revision": "1.3-rev2"}'
    ends 0 -o json -C "$FRA" vbr verify vbr/a
    json '.verdict == "equal"'
    judge_log 0
}

@test "--all goes on behind a key that no copy has, and says all of them; with a copy in reach the same command goes on" {
    scene
    script_made vbr/a
    script_made vbr/c
    script_made vbr/z
    fra vbr adopt vbr-fra vbr/z --purpose backup-job
    script_made vbr/b
    mv "$USB" "$T/away"
    ends 3 -o json -C "$FRA" vbr adopt vbr-fra --all --purpose backup-job --yes
    json '([.items[] | [.name, .verdict]] | sort) == [["vbr/a", "refused"], ["vbr/b", "refused"], ["vbr/c", "refused"], ["vbr/z", "there"]]
          and .adopted == 0 and .left == 3 and .unprotected == 3'
    json '[.items[] | select(.verdict == "refused") | (.why | contains("not been released")) and (.next | contains("keymuster sync"))] | all'
    # Recorded, and nothing was shown to the server.
    ends 0 -C "$FRA" show vbr/a vbr/b vbr/c
    [ "$(bodies reveal.intended | wc -l)" -eq 1 ]
    ends 3 -C "$FRA" vbr adopt vbr-fra --all --purpose backup-job --yes
    says 'refused         vbr/a@1' 'refused         vbr/b@1' 'still unprotected: '
    mv "$T/away" "$USB"
    ends 0 -o json -C "$FRA" vbr adopt vbr-fra --all --purpose backup-job --yes
    json '([.items[].verdict] | sort) == ["adopted", "adopted", "adopted", "there"] and .left == 0 and .unprotected == 0'
    judge_log 0
}

@test "where policy wants a reason, push, delivered and adopt want one" {
    scene
    script_made vbr/a
    fra policy set reason=yes --reason 'house rule'
    ends 17 -C "$FRA" vbr push vbr/config --to vbr-fra
    says 'vbr push: --reason is missing'
    ends 17 -C "$FRA" vbr delivered vbr/config --evidence T1
    ends 17 -C "$FRA" vbr adopt vbr-fra vbr/a --purpose backup-job
    ends 13 -C "$FRA" show vbr/a
    [ -z "$(bodies key.delivered)" ]
    fra vbr adopt vbr-fra vbr/a --purpose backup-job --reason 'taken over'
    fra vbr push vbr/config --to vbr-fra --reason 'new server'
    fra vbr delivered vbr/config --evidence T1 --reason 'typed in'
    bodies key.delivered | jq -e 'select(.evidence == "T1") | .reason == "typed in"'
    bodies key.created | jq -se 'last.reason == "taken over"'
}
