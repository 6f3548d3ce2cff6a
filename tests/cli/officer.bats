#!/usr/bin/env bats
# The Security Officer's passphrase: made to its rule, wrapped, linked to the configuration backup's key, and handed out with it.
load ../lib/cli.bash
load ../lib/bco.bash
load ../lib/runs.bash

scene_officer() {
    scene_two
    fra create vbr/officer --purpose restore-secret --root fra-main --root mad-main --with vbr/config
    mad sync
}

# Whether a file holds a passphrase that the appliance takes, by other words than the program's.
meets_rule() { # FILE
    local text
    text=$(cat "$1")
    [ "${#text}" -ge 15 ] && [[ $text =~ [A-Z] && $text =~ [a-z] && $text =~ [0-9] && $text =~ [^A-Za-z0-9] ]] || return 1
    [[ $text =~ [A-Z]{4}|[a-z]{4}|[0-9]{4}|[^A-Za-z0-9]{4} ]] && return 1
    return 0
}

@test "it is generated to the rule, wrapped under every root, proved, and comes back byte for byte" {
    scene_copy
    fra create vbr/config --purpose config-backup --root mad-main
    ends 0 -o json -C "$FRA" create vbr/officer --purpose restore-secret --root fra-main --root mad-main --with vbr/config --to "file:$T/pw"
    json '.created and .released and .roots == ["fra-main", "mad-main"]'
    meets_rule "$T/pw"
    [ "$(stat -c %s "$T/pw")" -eq 24 ]
    ends 0 -o json -C "$FRA" show vbr/officer
    json '.form == "bytes" and .origin == "local" and .proven and .with == $c and (.wraps | length) == 2' \
        --arg c "$(ask .uuid -C "$FRA" show vbr/config)"
    for root in fra-main mad-main; do
        rm -f "$T/back"
        ends 0 -C "$FRA" reveal vbr/officer --reason test --root "$root" --to "file:$T/back"
        cmp "$T/pw" "$T/back"
    done
    ends 0 -C "$FRA" show vbr/officer
    says 'goes with   vbr/config'
    ends 0 -C "$FRA" show vbr/config
    says 'passphrase  keymuster' 'reveal vbr/officer@1'
    ends 0 -C "$FRA" verify
    # The next one is made to the rule, too, and the link is the name's.
    ends 0 -C "$FRA" rekey vbr/officer --to "file:$T/next"
    meets_rule "$T/next"
    cmp "$T/pw" "$T/next" && return 1
    ends 0 -C "$FRA" show vbr/config
    says 'reveal vbr/officer@2'
}

@test "another store, and one that was built from the log alone, say the same of the link" {
    scene_officer
    ends 0 -C "$MAD" show vbr/officer
    says 'goes with   vbr/config'
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
    ends 0 -C "$MAD" verify
}

@test "--with wants a passphrase on this side and a configuration backup on that one" {
    scene_keys
    ends 2 -C "$FRA" create vbr/x --purpose backup-job --root fra-main --with vbr/config
    ends 2 -C "$FRA" create vbr/x --purpose restore-secret --root fra-main --with vbr/job-sql
    ends 13 -C "$FRA" create vbr/x --purpose restore-secret --root fra-main --with vbr/none
    ends 13 -C "$FRA" show vbr/x
    ends 2 -C "$FRA" create vbr/x --purpose restore-secret --root fra-main --to vbr:server
    says "Security Officer's passphrase"
    # Linked later; and to another one.
    ends 0 -C "$FRA" create vbr/x --purpose restore-secret --root fra-main
    says 'would be lost with it'
    fra create vbr/config2 --purpose config-backup --root mad-main
    ends 2 -C "$FRA" state vbr/job-sql --with vbr/config
    ends 0 -C "$FRA" state vbr/x --with vbr/config
    ends 0 -C "$FRA" state vbr/x --with vbr/config2
    ends 0 -C "$FRA" show vbr/config
    silent_on vbr/x
    ends 0 -C "$FRA" show vbr/config2
    says vbr/x@1
    ends 0 -C "$FRA" verify
}

@test "an adopted one that the appliance cannot have taken is refused, unless on somebody's responsibility" {
    scene_keys
    : >"$T/values"
    for bad in 'canary-S1-short' 'canary-small-1-only' 'CANARY-capital-noDigit' 'canaryNo1Special22' 'canary-S1-aaaa-B2bb-cc'; do
        printf '%s' "$bad" >"$T/pw"
        ends 17 -o json -C "$FRA" record vbr/officer --purpose restore-secret --root mad-main --with vbr/config --secret "file:$T/pw"
        error_is KM6001
        silent_on "$bad"
    done
    ends 13 -C "$FRA" show vbr/officer
    printf 'can-ARy-7x9-Qrs-tuV' >"$T/pw"
    ends 0 -o json -C "$FRA" record vbr/officer --purpose restore-secret --root mad-main --with vbr/config --secret "file:$T/pw"
    json '.created and .proved and .released'
    ends 0 -C "$FRA" show vbr/officer
    says 'goes with   vbr/config' 'origin      adopted'
    # Once more it is no news, and a link that was forgotten is added.
    ends 0 -o json -C "$FRA" record vbr/officer --purpose restore-secret --root mad-main --with vbr/config --secret "file:$T/pw"
    json '.created | not'
    printf 'canary-weak' >"$T/weak"
    ends 0 -C "$FRA" record vbr/weak --purpose restore-secret --root mad-main --secret "file:$T/weak" --accept-risk 'an older release took it'
    says 'shorter than 15'
    ends 0 -C "$FRA" record vbr/weak --purpose restore-secret --root mad-main --secret "file:$T/weak" --with vbr/config --accept-risk again
    ends 0 -o json -C "$FRA" show vbr/config
    json '[.officer_keys[].name] == ["vbr/officer", "vbr/weak"]'
    # Of another purpose it is nobody's business.
    ends 0 -C "$FRA" record vbr/other --purpose other --root mad-main --secret "file:$T/weak"
    ends 0 -C "$FRA" verify
}

@test "reveal says which passphrase is needed next, and that very line shows it; both at once say nothing more" {
    scene_officer
    ends 0 -o json -C "$MAD" reveal vbr/config --reason test --to "file:$T/a"
    json '[.officer_keys[] | {name, generation}] == [{name: "vbr/officer", generation: 1}]'
    local line
    line=$(jq -r '.officer_keys[0].command' <<<"$output")
    says "first asks for their passphrase, vbr/officer@1: $line"
    eval "'$KEYMUSTER' ${line#keymuster} --to '-'" >"$T/got" 2>"$T/stderr"
    meets_rule "$T/got"
    ends 0 -C "$MAD" check vbr/officer --secret "file:$T/got"
    ends 0 -C "$MAD" reveal vbr/job-sql --reason test --to "file:$T/b"
    silent_on 'Security Officer'
    # From the copy alone, with nothing else left.
    rm -rf "$FRA" "$MAD"
    lost_options
    ends 0 -C "$MAD" reveal vbr/config --reason lost "${lost[@]}" --to "file:$T/c"
    says "keymuster reveal vbr/officer@1 --from file://$USB --reason 'configuration restore'"
}

@test "identify: a file that wants one names it, of the time when it was made" {
    scene_two
    first=$(ask '.wraps[0].ciphertext' -C "$FRA" show vbr/config)
    bco_make o.bco "vbr/config | $first" 13 Sections.SecurityOfficerEncryption.Id "$(bco_number 16 7)"
    bco_make w.bco "vbr/config | $first"
    ends 0 -C "$FRA" identify o.bco
    says "needs too   the Security Officer's passphrase" 'not linked to vbr/config' '--secret prompt --root ROOT --with vbr/config'
    fra create vbr/officer --purpose restore-secret --root mad-main --with vbr/config
    sleep 1.1
    between=$(date -u +%FT%TZ)
    sleep 1.1
    fra rekey vbr/officer
    ends 0 -C "$FRA" identify o.bco
    says "passphrase  keymuster -C $FRA reveal vbr/officer@2 --reason 'configuration restore'"
    bco_make o.bco "vbr/config | $first" 0e Backup.Creation.Time "$(bco_time "$between")" \
        13 Sections.SecurityOfficerEncryption.Id "$(bco_number 16 7)"
    ends 0 -o json -C "$FRA" identify o.bco
    json '.items[0] | .officer and ([.officer_keys[] | .generation] == [1])'
    ends 0 -C "$FRA" identify o.bco
    says vbr/officer@1
    ends 0 -C "$FRA" identify w.bco
    silent_on passphrase
}

@test "a generation of the key that was followed names the passphrase of its time" {
    scene_two
    fra create vbr/officer --purpose restore-secret --root mad-main --with vbr/config
    fra rekey vbr/config
    fra rekey vbr/officer
    ends 0 -o json -C "$FRA" show vbr/config@1
    json '[.officer_keys[].generation] == [1]'
    ends 0 -o json -C "$FRA" show vbr/config@2
    json '[.officer_keys[].generation] == [2]'
}

@test "drill proves it with the key that it goes with, and ready counts it" {
    scene_officer
    ends 3 -o json -C "$FRA" ready --if-lost fra
    json '[.officer_keys[] | {name, lost, drilled}] == [{name: "vbr/officer", lost: false, drilled: false}]
        and any(.lacks[]; contains("passphrase vbr/officer@1 was never drilled from elsewhere"))
        and (.sentence | contains("the Security Officer\u0027s passphrase vbr/officer@1"))'
    ends 0 -o json -C "$MAD" drill vbr/config
    json '[.results[].outcome] == ["proven", "proven"]'
    ends 0 -o json -C "$MAD" drill vbr/config vbr/officer
    json '.results | length == 2'
    ends 0 -o json -C "$MAD" drill vbr/config --root mad-main
    json '.results | length == 1'
    mad sync
    fra sync
    ends 3 -o json -C "$FRA" ready --if-lost fra
    json '(.officer_keys[0].drilled) and all(.lacks[]; contains("passphrase") | not)'
    # A wrap at the lost site alone is none.
    fra create vbr/near --purpose restore-secret --root fra-main --with vbr/config
    ends 3 -o json -C "$FRA" ready --if-lost fra
    json '.ready == false and any(.lacks[]; contains("passphrase vbr/near@1 would be lost"))'
}

@test "ready --bco: a file that wants one, and there is none; and one that wants none" {
    scene_two
    first=$(ask '.wraps[0].ciphertext' -C "$FRA" show vbr/config)
    bco_make o.bco "vbr/config | $first" 13 Sections.SecurityOfficerEncryption.Id "$(bco_number 16 7)"
    bco_make w.bco "vbr/config | $first"
    ends 3 -o json -C "$FRA" ready --if-lost fra --bco o.bco
    json 'any(.lacks[]; contains("none is escrowed with vbr/config"))'
    fra create vbr/officer --purpose restore-secret --root mad-main --with vbr/config
    ends 3 -o json -C "$FRA" ready --if-lost fra --bco w.bco
    json '.officer_keys == [] and all(.lacks[]; contains("passphrase") | not)'
    ends 3 -o json -C "$FRA" ready --if-lost fra --bco o.bco
    json '[.officer_keys[].name] == ["vbr/officer"]'
}

@test "a recovery hands out both: total-loss has its step where there is one, and only there" {
    scene_officer
    answers_total_loss
    ends 20 -C "$MAD" recover start --lost fra --answers answers # nobody said that it is to be shown
    says 'step officer'
    printf '[step "officer"]\ndo = run\nto = file:got-officer\n' >>answers
    ends 0 -o json -C "$MAD" recover start --lost fra --drill --answers answers # nothing is shown, both are proven
    json '[.steps[] | select(.id == "officer" or .id == "password") | .state] == ["done", "done"]'
    [ ! -e got-officer ]
    ends 0 -o json -C "$MAD" recover resume "$(ask '.items[] | select(.mode == "real") | .run' -C "$MAD" recover list)" --answers answers
    json '[.steps[] | select(.id == "officer") | .state] == ["done"]'
    meets_rule got-officer
    password_of "$MAD" vbr/config@1 want
    cmp got want
}

@test "total-loss without one asks for nothing of it; a key said later brings its own" {
    scene_two
    answers_total_loss
    ends 0 -o json -C "$MAD" recover start --lost fra --drill --answers answers
    json 'all(.steps[]; .id != "officer")'
    fra create vbr/other --purpose config-backup --root mad-main
    fra create vbr/officer --purpose restore-secret --root mad-main --with vbr/other
    mad sync
    sed -i '/^key = /d' answers
    printf '[step "officer"]\ndo = run\n' >>answers
    ends 20 -C "$MAD" recover start --lost fra --drill --answers answers
    ends 0 -o json -C "$MAD" recover resume --word key=vbr/other --answers answers
    json 'any(.steps[]; .id == "officer" and .state == "done")'
    ends 0 -C "$MAD" recover show "$(jq -r .run <<<"$output")"
    ends 0 -C "$MAD" verify
}
