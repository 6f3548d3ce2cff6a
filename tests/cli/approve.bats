#!/usr/bin/env bats
# Approvals by a second person: signed with their key here or by stock minisign elsewhere, attested, left out alone and
# countersigned later; and what each reader of the log makes of those that do not verify.
# shellcheck disable=SC2154 # bats sets stderr
load ../lib/cli.bash
load ../lib/runs.bash
load ../lib/term.bash

teardown() {
    term_stop
    stop_started
}
until_gone() {
    for _ in {1..150}; do
        term capture-pane -p -t t | grep -qF -- "$1" || break
        sleep 0.1
    done
    until_shows '> '
}
last_of() { # STORE KIND FILTER
    "$KEYMUSTER" -o ndjson -C "$1" audit log | jq -rs --arg k "$2" "map(.entry | select(.kind? == \$k)) | last | $3"
}
run_id() { ask '.items[0].run' -C "$FRA" recover list; }
# The line that a person signs for step `agree` of the newest run.
line() {
    printf 'keymuster approval 1 escrow %s run %s step agree runbook %s mode real\n' \
        "$(ask .escrow -C "$FRA" status)" "$(run_id)" "$(sha256sum <"$T/small.md" | cut -d ' ' -f 1)"
}
answers_of() { # LINE...: of the step `agree`
    printf '[step "agree"]\ndo = done\n' >answers
    [ $# -eq 0 ] || printf '%s\n' "$@" >>answers
}
step_is() { # STORE FILTER: of the step `agree` of the newest run
    local step
    step=$(ask '.steps[] | select(.id == "agree") | tojson' -C "$1" recover show "$(ask '.items[0].run' -C "$1" recover list)")
    jq -e "$2" >/dev/null <<<"$step" || { printf '%s\n' "$step" >&2; return 1; }
}

# A runbook with a step that others approve, and three persons: alice and bob have keys as minisign makes them (without a
# passphrase), carol one of keymuster's, dora none.
scene() { # [PEOPLE]
    scene_fra
    local name
    for name in alice bob; do
        minisign -G -W -p "$T/$name.pub" -s "$T/$name.key" >/dev/null
        fra person add "$name" --key "$T/$name.pub"
    done
    printf 'canary-passphrase-carol' >carol.pass
    fra person add carol --new-key "$T/carol.key" --credential "file:$T/carol.pass"
    fra person add dora
    cat >small.md <<END
# Small

\`\`\`keymuster
id = small
\`\`\`

## Agree

* Ask.

Expect: they agree.

### If it fails

* Wait.

\`\`\`keymuster
id = agree
kind = approve
people = ${1:-1}
\`\`\`

## Use it

* Do it.

Expect: used.

### If it fails

* Ask.

\`\`\`keymuster
id = use
kind = manual
\`\`\`
END
}

@test "with the key at hand; what was signed verifies with stock minisign; status, show and audit say who" {
    scene
    answers_of 'approved_by_1 = carol' "key_1 = $T/carol.key" "passphrase_1 = file:$T/carol.pass"
    ends 20 -o json -C "$FRA" recover start small.md --as alice --answers answers
    [ "$(kinds "$FRA")" = 'run.started run.approved run.ended' ]
    step_is "$FRA" '.state == "done" and .alone == false and (.approvals | length) == 1 and .approvals[0].what == "approved" and .approvals[0].name == "carol"'
    last_of "$FRA" run.approved .body.text >text
    last_of "$FRA" run.approved .body.signature >sig
    line | cmp - text
    minisign -V -P "$(ask '.items[] | select(.name == "carol") | .public_key' -C "$FRA" person list)" -m text -x sig
    ends 0 -C "$FRA" recover show "$(run_id)"
    says 'done      Agree' 'approved by carol'
    silent_on attested alone
    ends 0 -o json -C "$FRA" audit who carol
    json '[.acts[] | .what] == ["approved"] and (.acts[0].subject | test("^run [0-9a-f]{8} step agree$"))'
    ends 0 -o json -C "$FRA" audit who alice
    json '[.acts[] | .what] == ["played", "played"] and (.acts[0].subject | test("^run [0-9a-f]{8} small$")) and (.acts[1].subject | test("step agree: done$"))'
    ends 0 -o json -C "$FRA" verify
    json '.bad_approvals == 0'
    ends 0 -o json -C "$FRA" status
    json '.to_countersign == 0 and .duties == 0'
    ends 0 -o json -C "$FRA" report run
    json 'any(.approvals[]; .how == "approved" and .public_key) and ([.gaps[].code] | contains(["not-signed"]) | not)'
    # A rehearsal is approved as one.
    ends 20 -C "$FRA" recover start small.md --drill --as alice --answers answers
    step_is "$FRA" '.state == "done" and .approvals[0].what == "approved"'
    last_of "$FRA" run.approved .body.text | grep -q ' mode drill$'
    "$KM_TOOLS/scan" "$T/carol.pass" "$FRA"/*
}

@test "on a shared account a run says who: what they saw in it is theirs, too" {
    scene_keys
    fra person add alice
    fra person add bob
    # shellcheck disable=SC2016 # a fence, no command
    printf '# Get\n\n```keymuster\nid = get\n```\n\n## Get it\n\n* Take it.\n\nExpect: a password.\n\n### If it fails\n\n* Ask.\n\n' >get.md
    # shellcheck disable=SC2016
    printf '```keymuster\nid = get\nkind = reveal\nkey = vbr/job-sql\n```\n' >>get.md
    printf '[step "get"]\ndo = run\nto = file:got\n' >answers
    ends 0 -C "$FRA" recover start get.md --as bob --answers answers
    ends 0 -o json -C "$FRA" audit who bob
    json '[.acts[].what] == ["played", "saw", "played"] and (.duties | length) == 1'
    ends 0 -o json -C "$FRA" audit who alice
    json '.acts == []'
}

@test "signed elsewhere by stock minisign, prehashed and legacy, from its keys with their own key ids" {
    scene 2
    answers_of 'approved_by_1 = alice'
    ends 20 -o json -C "$FRA" recover start small.md --answers answers
    error_is KM5002
    # The error has the line that is to be signed.
    tail -n 1 <<<"$stderr" | jq -r '.hints[]' | grep '^keymuster approval' >a
    line | cmp - a
    line >b
    minisign -S -s alice.key -m a -t 'seen on the telephone' >/dev/null
    minisign -S -l -s bob.key -m b >/dev/null
    grep -q '^RU' a.minisig
    grep -q '^RW' b.minisig
    answers_of 'approved_by_1 = alice' "signature_1 = $T/a.minisig" 'approved_by_2 = alice' "signature_2 = $T/a.minisig"
    ends 20 -C "$FRA" recover resume --answers answers
    step_is "$FRA" '.state == "open" and (.approvals | length) == 1' # one person is one
    answers_of 'approved_by_1 = alice' 'approved_by_2 = bob' "signature_2 = $T/b.minisig"
    ends 20 -C "$FRA" recover resume --answers answers
    step_is "$FRA" '.state == "done" and [.approvals[].name] == ["alice", "bob"] and ([.approvals[].what] | unique == ["approved"])'
    [ "$(kinds "$FRA")" = 'run.started run.approved run.approved run.ended' ]
    # What was approved stays so when they leave or have another key; the next one is another matter.
    minisign -G -W -p new.pub -s new.key >/dev/null
    fra person set bob --key "$T/new.pub"
    fra person left alice
    step_is "$FRA" '.state == "done" and ([.approvals[].what] | unique == ["approved"])'
    answers_of 'approved_by_1 = alice' "signature_1 = $T/a.minisig"
    ends 17 -C "$FRA" recover start small.md --answers answers
    answers_of 'approved_by_1 = bob' "signature_1 = $T/b.minisig"
    ends 15 -C "$FRA" recover resume --answers answers
    fra person set alice --returned
    # A key that stock minisign sealed, with the gigabyte of memory it wants.
    printf 'pw of dora\npw of dora\n' | minisign -G -p dora.pub -s dora.key >/dev/null 2>&1
    printf 'pw of dora\n' >dora.pass
    fra person set dora --key "$T/dora.pub"
    answers_of 'approved_by_1 = dora' "key_1 = $T/dora.key" "passphrase_1 = file:$T/dora.pass" 'attested_by_2 = alice'
    ends 20 -C "$FRA" recover start small.md --answers answers
    step_is "$FRA" '.state == "done" and [.approvals[].what] == ["approved", "attested"]'
}

@test "what is no approval: another key, another run's line, altered, cut, longer, a secret key, a wrong passphrase" {
    scene
    answers_of 'approved_by_1 = bob'
    ends 20 -C "$FRA" recover start small.md --answers answers
    line >other
    minisign -S -s bob.key -m other >/dev/null
    ends 20 -C "$FRA" recover start small.md --answers answers
    line >good
    minisign -S -s bob.key -m good >/dev/null
    minisign -S -s alice.key -m good -x by-alice >/dev/null
    printf '%s' "$(cat good)" >nolf
    minisign -S -s bob.key -m nolf >/dev/null
    sed 's/ step agree / step use /' good >step
    minisign -S -s bob.key -m step >/dev/null
    sed 's/ runbook [0-9a-f]*/ runbook 0000/' good >sha
    minisign -S -s bob.key -m sha >/dev/null
    sed 's/ mode real$/ mode drill/' good >drill
    minisign -S -s bob.key -m drill >/dev/null
    sed 's/^trusted comment: .*/&x/' good.minisig >comment
    { cat good.minisig; echo more; } >longer
    head -n 3 good.minisig >short
    sed 's/^untrusted/untrust/' good.minisig >first
    printf 'untrusted comment: \033]0;x\007\n%s\n' "$(tail -n 3 good.minisig)" >escape
    : >empty
    local file
    for file in other.minisig by-alice nolf.minisig step.minisig sha.minisig drill.minisig comment longer short first escape empty; do
        answers_of 'approved_by_1 = bob' "signature_1 = $T/$file"
        ends 15 -o json -C "$FRA" recover resume "$(run_id)" --answers answers
        error_is KM4007
    done
    answers_of 'approved_by_1 = bob' "signature_1 = $T/absent"
    ends 13 -C "$FRA" recover resume "$(run_id)" --answers answers
    answers_of 'approved_by_1 = bob' "key_1 = $T/bob.key" "passphrase_1 = file:$T/carol.pass"
    ends 2 -C "$FRA" recover resume "$(run_id)" --answers answers
    says 'not sealed by a passphrase'
    printf 'wrong' >wrong.pass
    answers_of 'approved_by_1 = carol' "key_1 = $T/carol.key" "passphrase_1 = file:$T/wrong.pass"
    ends 12 -o json -C "$FRA" recover resume "$(run_id)" --answers answers
    error_is KM3001
    answers_of 'approved_by_1 = bob' "key_1 = $T/carol.key" "passphrase_1 = file:$T/carol.pass"
    ends 15 -C "$FRA" recover resume "$(run_id)" --answers answers
    says 'not the key that is registered'
    answers_of 'approved_by_1 = bob' "key_1 = $T/carol.key" 'passphrase_1 = canary-literal'
    ends 2 -o json -C "$FRA" recover resume "$(run_id)" --answers answers
    error_is KM1005
    silent_on canary-literal
    # None of this has left anything.
    [ "$(kinds "$FRA")" = 'run.started run.started' ]
    answers_of 'approved_by_1 = bob' "signature_1 = $T/good.minisig"
    ends 20 -C "$FRA" recover resume "$(run_id)" --answers answers
    step_is "$FRA" '.state == "done"'
    # A keymuster that takes any: this one notices, on the day it reads the log.
    answers_of 'approved_by_1 = bob' "signature_1 = $T/good.minisig"
    KEYMUSTER=$KM_TOOLS/plant-any-signature ends 20 -C "$FRA" recover start small.md --answers answers
    KEYMUSTER=$KM_TOOLS/plant-any-signature step_is "$FRA" '.state == "done"'
    step_is "$FRA" '.state == "open" and .approvals[0].what == "not approved"'
}

@test "who plays the run approves nothing of it; neither does who left; who has no key only attests" {
    scene
    local account
    account=$("$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -rn 'first(inputs | .entry.by // empty) | .login // .user')
    answers_of
    ends 20 -C "$FRA" recover start small.md --as bob --answers answers
    answers_of 'approved_by_1 = bob'
    ends 17 -o json -C "$FRA" recover resume --as bob --answers answers
    error_is KM6001
    says 'plays this run' '--alone'
    ends 17 -C "$FRA" recover resume --answers answers # he began it, whoever goes on
    answers_of 'attested_by_1 = bob'
    ends 17 -C "$FRA" recover resume --answers answers
    answers_of "attested_by_1 = $account"
    ends 17 -C "$FRA" recover resume --answers answers
    fra person add erin --login "$account"
    answers_of 'attested_by_1 = erin'
    ends 17 -C "$FRA" recover resume --as bob --answers answers # it is her account
    fra person set erin --login someone.else
    fra person left carol
    answers_of 'approved_by_1 = carol' "key_1 = $T/carol.key" "passphrase_1 = file:$T/carol.pass"
    ends 17 -C "$FRA" recover resume --answers answers
    says 'carol left'
    [ "$(kinds "$FRA")" = 'run.started run.resumed' ] # the second time without his name
    answers_of 'approved_by_1 = dora'
    ends 20 -C "$FRA" recover resume --answers answers
    says 'no key of dora' 'attested by dora'
    step_is "$FRA" '.state == "done" and [.approvals[].what] == ["attested"]'
    ends 0 -C "$FRA" recover show "$(run_id)"
    says 'attested by dora'
    silent_on 'approved by'
    ends 0 -o json -C "$FRA" audit who dora
    json '[.acts[] | .what] == ["attested"]'
    # Somebody who is not registered, and so on.
    answers_of 'attested_by_1 = the fire brigade'
    ends 20 -C "$FRA" recover start small.md --answers answers
    step_is "$FRA" '.state == "done" and .approvals[0].name == "the fire brigade" and .approvals[0].person == null'
    ends 0 -o json -C "$FRA" audit who 'the fire brigade'
    json '.registered == false and [.acts[] | .what] == ["attested"]'
}

@test "alone: only with a reason, shown everywhere, a duty until another person countersigns" {
    scene
    answers_of
    ends 20 -C "$FRA" recover start small.md --as alice --answers answers
    says 'who approves it is not in the answers'
    step_is "$FRA" '.state == "open"'
    printf '[step "use"]\ndo = done\n' >>answers
    ends 0 -o json -C "$FRA" recover resume --as alice --alone 'nobody answers the telephone' --answers answers
    json '.alone == "nobody answers the telephone" and .to_countersign == 1 and .played_by == "alice"'
    local run
    run=$(run_id)
    step_is "$FRA" '.state == "done" and .alone == true and .approvals == []'
    [ "$(kinds "$FRA")" = 'run.started run.resumed run.ended run.ended run.finished' ]
    ends 0 -o json -C "$FRA" recover list
    json '.items[0].alone == true'
    ends 0 -C "$FRA" recover list
    says 'real, ALONE'
    ends 0 -C "$FRA" recover show "$run"
    says 'ALONE: no second person' 'by alice: nobody answers the telephone' "recover countersign ${run:0:8}"
    ends 0 -o json -C "$FRA" status
    json '.to_countersign == 1 and .duties == 1 and any(.warnings[]; test("^duty: run [0-9a-f]{8} of small was done alone by alice"))'
    ends 0 -o json -C "$FRA" audit who alice
    json 'any(.acts[]; .subject | test("step agree: done, alone$"))'

    ends 2 -C "$FRA" recover countersign "$run"
    ends 2 -C "$FRA" recover countersign "$run" --as bob --text --key "$T/bob.key"
    ends 13 -C "$FRA" recover countersign 00000000 --text
    "$KEYMUSTER" -C "$FRA" recover countersign "$run" --text >text
    grep -qx "keymuster countersignature 1 escrow [0-9a-f]* run $run steps agree runbook $(sha256sum <small.md | cut -d ' ' -f 1) mode real" text
    minisign -S -s alice.key -m text -x by-alice >/dev/null
    minisign -S -s bob.key -m text >/dev/null
    ends 17 -o json -C "$FRA" recover countersign "$run" --as alice --signature by-alice
    error_is KM6001
    ends 17 -C "$FRA" recover countersign "$run" --as dora --signature by-alice
    says 'no key of dora'
    ends 13 -C "$FRA" recover countersign "$run" --as nobody --signature by-alice
    ends 15 -C "$FRA" recover countersign "$run" --as bob --signature by-alice
    ends 12 -C "$FRA" recover countersign "$run" --as carol --key carol.key --credential "file:$T/kp-fra.pass"
    # In red in its evidence until then.
    ends 0 -o json -C "$FRA" report run "$run"
    json '.alone == "nobody answers the telephone" and ([.gaps[].code] | contains(["alone", "not-countersigned"]))'
    ends 0 -C "$FRA" report run "$run" --file alone.html
    grep -q '<tr class="bad"><th scope="row">done alone</th><td>nobody answers the telephone</td>' alone.html
    ends 0 -C "$FRA" -n recover countersign "$run" --as bob --signature text.minisig
    says 'would be'
    ends 0 -o json -C "$FRA" status
    json '.to_countersign == 1'
    ends 0 -o json -C "$FRA" recover countersign "$run" --as bob --signature text.minisig
    json '.steps == ["agree"] and .name == "bob" and (.entry | length) == 64'
    ends 0 -o json -C "$FRA" status
    json '.to_countersign == 0 and .duties == 0'
    ends 0 -o json -C "$FRA" report run "$run"
    json '([.gaps[].code] | contains(["alone"]) and (contains(["not-countersigned"]) | not))
        and any(.approvals[]; .how == "countersigned" and .who == "bob")'
    ends 13 -C "$FRA" recover countersign "$run" --as carol --key carol.key --credential "file:$T/carol.pass"
    ends 0 -C "$FRA" recover show "$run"
    says 'countersigned since' 'countersigned by bob'
    ends 0 -o json -C "$FRA" recover show "$run"
    json '.to_countersign == 0 and .countersignatures[0].what == "countersigned" and .countersignatures[0].name == "bob"'
    ends 0 -o json -C "$FRA" audit who bob
    json '[.acts[] | .what] == ["countersigned"]'

    # With the key at hand; and a run that began alone and had its second person after all is no duty.
    ends 0 -C "$FRA" recover start small.md --as alice --alone 'late' --answers answers
    run=$(run_id)
    ends 0 -C "$FRA" recover countersign "$run" --as carol --key carol.key --credential "file:$T/carol.pass"
    printf '[step "agree"]\ndo = done\nattested_by_1 = dora\n[step "use"]\ndo = done\n' >answers
    ends 0 -o json -C "$FRA" recover start small.md --as alice --alone 'late' --answers answers
    json '.to_countersign == 0 and .alone == "late"'
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    # Left out without anybody is no way around it.
    printf '[step "agree"]\ndo = skip\nreason = no time\n[step "use"]\ndo = done\n' >answers
    ends 3 -o json -C "$FRA" recover start small.md --as alice --answers answers
    json '.to_countersign == 1 and .steps[0].state == "skipped" and .steps[0].alone'
    ends 0 -C "$FRA" recover countersign "$(run_id)" --as carol --key carol.key --credential "file:$T/carol.pass"
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    ends 0 -C "$FRA" verify
}

# Another author writes what keymuster would not: the store's own commands refuse it, its log does not.
forge() { # KIND BODY
    "$KM_TOOLS/log_tool" append "$MAD" "$1" "$2"
}

@test "a signature that another author altered, a key that is not theirs, the player's own: not approved, for every reader" {
    scene 1
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    mad join --from "file://$USB" --site mad --yes
    mad sync
    fra author admit "$(ask .author -C "$MAD" status)"
    answers_of 'approved_by_1 = bob'
    ends 20 -C "$FRA" recover start small.md --as alice --answers answers
    line >good
    minisign -S -s bob.key -m good >/dev/null
    answers_of 'approved_by_1 = bob' "signature_1 = $T/good.minisig"
    ends 20 -C "$FRA" recover resume --as alice --answers answers
    last_of "$FRA" run.approved .body >body
    local run id
    run=$(run_id)
    mad sync
    # The same step of another run, approved by nobody but the forger.
    answers_of
    ends 20 -C "$FRA" recover start small.md --as alice --answers answers
    fra sync
    mad sync
    id=$(run_id)
    forge run.approved "$(jq -c --arg r "$id" '.run = $r' body)"
    forge run.ended "$(jq -nc --arg r "$id" '{run: $r, step: "agree", result: "done", ms: 1}')"
    mad sync
    fra sync
    for store in "$FRA" "$MAD"; do
        step_is "$store" '.state == "open" and .approvals[0].what == "not approved" and (.approvals[0].why | test("not one of this text"))'
        ends 0 -C "$store" recover show "$id"
        says '! not approved by bob: it is not one of this text'
        ends 0 -o json -C "$store" verify
        json '.bad_approvals == 1'
        says "run ${id:0:8}, step agree"
        ends 0 -o json -C "$store" status
        json 'any(.warnings[]; test("approved by bob, which does not count"))'
        ends 0 -o json -C "$store" audit who bob
        json '[.acts[].what] == ["approved", "not approved"]'
        # The true one stays.
        ends 0 -o json -C "$store" recover show "$run"
        json '.steps[0].state == "done"'
    done
    # It is asked for again.
    answers_of 'attested_by_1 = dora'
    ends 20 -C "$FRA" recover resume "$id" --as alice --answers answers
    step_is "$FRA" '.state == "done" and [.approvals[].what] == ["not approved", "attested"]'

    # One byte of the signature; a key that nobody registered; alice for herself; somebody unknown; without a signature.
    answers_of
    ends 20 -C "$FRA" recover start small.md --as alice --answers answers
    id=$(run_id)
    line >good
    minisign -S -s bob.key -m good >/dev/null
    minisign -S -s alice.key -m good -x by-alice >/dev/null
    minisign -G -W -p new.pub -s new.key >/dev/null
    minisign -S -s new.key -m good -x by-new >/dev/null
    alice=$(ask '.items[] | select(.name == "alice") | .uuid' -C "$FRA" person list)
    fra sync
    mad sync
    jq -c --arg r "$id" --rawfile s good.minisig '.run = $r | .signature = $s' body >mine
    forge run.approved "$(jq -c '.signature |= sub("file:good"; "file:goof")' mine)"
    forge run.approved "$(jq -c --rawfile s by-new --arg k "$(sed -n 2p new.pub)" '.signature = $s | .public_key = $k' mine)"
    forge run.approved "$(jq -c --rawfile s by-alice --arg k "$(sed -n 2p alice.pub)" --arg p "$alice" '.signature = $s | .public_key = $k | .person = $p' mine)"
    forge run.approved "$(jq -c '.person = "nobody"' mine)"
    forge run.approved "$(jq -c 'del(.signature)' mine)"
    forge run.attested "$(jq -c --arg p "$alice" '{run, step, person: $p}' mine)"
    forge run.approved '{"run":"x"}'
    forge run.countersigned "$(jq -c '.steps = ["agree"]' mine)"
    mad sync
    fra sync
    step_is "$FRA" '.state == "open" and [.approvals[].what] == ["not approved", "not approved", "not approved", "not approved", "not approved", "not attested"]
        and [.approvals[].why] == ["its trusted comment was altered", "the key is not registered as theirs", "they played it themselves",
        "nobody of this name is registered", "it has no signature", "they played it themselves"]'
    ends 0 -o json -C "$FRA" recover show "$id"
    json '[.countersignatures[].what] == ["not countersigned"]'
    forge run.approved "$(cat mine)"
    mad sync
    fra sync
    answers_of
    ends 20 -C "$FRA" recover resume "$id" --as alice --answers answers
    step_is "$FRA" '.state == "done"' # the true one counts, whoever wrote it down
}

@test "on a terminal: the key here, a wrong passphrase again, elsewhere, attested, back, alone" {
    scene 3
    term -f /dev/null new-session -d -s t -x 100 -y 40 "env PS1='\$ ' bash --norc"
    until_shows '$'
    keys "'$KEYMUSTER' -C '$FRA' recover start small.md --as alice; echo status \$?" Enter
    until_shows 'Enter goes on'
    keys Enter
    until_shows 'type done'
    keys 'done' Enter
    until_shows 'who approves (1 of 3)?'
    keys Enter # back, and nothing is recorded
    until_gone 'who approves'
    keys 'done' Enter
    until_shows 'who approves (1 of 3)?'
    keys alice Enter
    until_shows 'plays this run'
    keys carol Enter
    until_shows 'k their key file is here'
    keys k Enter
    until_shows 'their sealed key file'
    keys "$T/carol.key" Enter
    until_shows "passphrase of carol's key"
    keys 'canary-mistyped' Enter
    until_shows 'does not open'
    keys carol Enter
    until_shows 'k their key file is here | s signed elsewhere'
    keys k Enter
    sleep 0.3
    keys "$T/carol.key" Enter
    sleep 0.5
    keys 'canary-passphrase-carol' Enter
    until_shows 'who approves (2 of 3)?'
    keys Enter # back: what is in is on the step's screen
    until_shows '          approved by carol'
    keys 'done' Enter
    until_shows 'who approves (2 of 3)?'
    keys bob Enter
    until_shows 'bob signs: k'
    keys s Enter
    until_shows 'bring that file here'
    term capture-pane -p -J -t t | grep -m 1 '^keymuster approval 1' >text
    line | cmp - text
    minisign -S -s bob.key -m text >/dev/null
    keys "$T/text.minisig" Enter
    until_shows 'who approves (3 of 3)?'
    keys dora Enter
    until_shows 'only attested'
    keys a Enter
    until_shows 'step 2 of 2'
    term capture-pane -p -S - -t t >screen
    run ! grep -F canary screen
    keys p Enter
    until_shows 'status 20'
    step_is "$FRA" '.state == "done" and [.approvals[] | [.name, .what]] == [["carol", "approved"], ["bob", "approved"], ["dora", "attested"]]'
    [ "$(kinds "$FRA")" = 'run.started run.approved run.approved run.attested run.ended' ]
    keys clear Enter "'$KEYMUSTER' -C '$FRA' recover start small.md --as alice --alone 'a small fire'; echo status \$?" Enter
    until_shows 'Enter goes on'
    keys Enter
    until_shows 'type done'
    until_shows 'REAL ALONE small step 1 of 2'
    keys 'done' Enter
    until_shows 'alone: nobody else is here'
    keys alone Enter
    until_shows 'step 2 of 2'
    keys b Enter
    until_shows 'ALONE: no second person'
    keys Enter
    until_gone 'ALONE: no second person'
    keys p Enter
    until_shows 'status 20'
    step_is "$FRA" '.state == "done" and .alone == true'
}

@test "policy asks for approvers: a real run with fewer is a finding that countersignatures put right, and no run is stopped" {
    scene
    wanting() { ask '[.findings[] | select(.rule == "approvers") | .text] | join(";")' -C "$FRA" audit check --fail-on none; }
    fra policy set backup-job.approvers=2 --reason 'two more'
    printf '[step "agree"]\ndo = done\nattested_by_1 = dora\n[step "use"]\ndo = done\n' >answers
    ends 0 -C "$FRA" recover start small.md --drill --as alice --answers answers
    [ -z "$(wanting)" ] # a drill
    ends 0 -C "$FRA" recover start small.md --as alice --answers answers
    local run
    run=$(run_id)
    [ "$(wanting)" = "1 other stands for run ${run:0:8} of small; policy asks for 2" ]
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
    # exactly the command of the finding
    "$KEYMUSTER" -C "$FRA" recover countersign "${run:0:8}" --text >text
    grep -q ' steps agree,use runbook ' text
    ends 17 -C "$FRA" recover countersign "$run" --as alice --key alice.key
    ends 0 -o json -C "$FRA" recover countersign "$run" --as carol --key carol.key --credential "file:$T/carol.pass"
    json '.steps == ["agree", "use"]'
    [ -z "$(wanting)" ]
    ends 13 -C "$FRA" recover countersign "$run" --as bob --text
    fra policy set backup-job.approvers=3 --reason 'three more'
    [ "$(wanting)" = "2 others stand for run ${run:0:8} of small; policy asks for 3" ]
    ends 6 -C "$FRA" recover countersign "$run" --as carol --key carol.key --credential "file:$T/carol.pass"
    says 'carol stands for run'
    "$KEYMUSTER" -C "$FRA" recover countersign "$run" --text >text
    minisign -S -s bob.key -m text >/dev/null
    ends 0 -C "$FRA" recover countersign "$run" --as bob --signature text.minisig
    [ -z "$(wanting)" ]
    fra verify
}
