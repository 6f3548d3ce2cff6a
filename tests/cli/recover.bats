#!/usr/bin/env bats
# recover: a runbook followed step by step, by answers and on a real terminal; broken off and taken up again.
load ../lib/cli.bash
load ../lib/runs.bash
load ../lib/term.bash

teardown() {
    term_stop
    stop_started
}
run_id() { ask '.items[0].run' -C "$1" recover list; }

# A runbook of a check, an action, a reveal and a manual step, and its answers.
scene_small() {
    scene_two
    {
        cat <<'END'
# Small

```keymuster
id = small
rto = 1h
```

## Look

Expect: good.

### If it fails

* Ask.

```keymuster
id = look
kind = check
run = verify
repeat = safe
```

## Mark

Expect: marked.

### If it fails

* Look at the name.

```keymuster
id = mark
kind = action
run = site lost {lost} --reason "a small fire"
modes = real
```

END
        step_get
        cat <<'END'

## Use it

* Type it in.

Expect: it opens.

### If it fails

* Compare.

```keymuster
id = use
kind = manual
fields = server text, restored number, state choice:good|bad, typed check:{key} optional
```
END
    } >small.md
    cat >answers <<'END'
[words]
key = vbr/config
lost = fra
[step "mark"]
do = run
[step "get"]
do = run
to = file:got
[step "use"]
do = done
server = new-vbr
restored = 12
state = good
END
}

@test "by a file of answers to its end; each step is begun and ended in the log, in that order" {
    scene_small
    password_of "$FRA" vbr/config want
    ends 0 -o json -C "$MAD" recover start small.md --answers answers
    json '.runbook == "small" and .mode == "real" and ([.steps[].state] | unique == ["done"]) and (.steps | length) == 4'
    cmp want got
    [ "$(kinds "$MAD")" = 'run.started run.begun run.ended run.begun run.ended run.begun run.ended run.ended run.finished' ]
    "$KEYMUSTER" -o ndjson -C "$MAD" audit log | jq -se 'any(.[]; .entry.kind? == "run.ended" and .entry.body.step == "use" and .entry.body.ms >= 0
        and .entry.body.fields == {server: "new-vbr", restored: "12", state: "good"})' >/dev/null
    # The runbook's text went into the log, too; the other site sees the run.
    fra sync
    ends 0 -o json -C "$FRA" recover show "$(run_id "$MAD")"
    json '.ended_at and ([.steps[] | select(.state != "done")] == [])'
    ends 2 -o json -C "$MAD" recover resume "$(run_id "$MAD")"
    error_is KM5004
    ends 13 -C "$MAD" recover resume
    ends 13 -C "$MAD" recover show 00000000
    ends 2 -C "$MAD" recover show 12
    ends 0 -C "$MAD" verify
}

@test "what the answers lack pauses it; a failed step stops it; both go on, at another site, too" {
    scene_small
    sed '/^\[step "mark"\]/,$d' answers >few
    ends 20 -o json -C "$MAD" recover start small.md --answers few
    error_is KM5002
    tail -n 1 <<<"$stderr" | jq -e '.hints[0] | test("recover resume [0-9a-f]{8}$")'
    silent_on 'recorded before it failed'
    sed 's/^lost = .*/lost = nowhere/' answers >wrong
    ends 21 -o json -C "$MAD" recover start small.md --answers wrong
    error_is KM5003
    [ "$(kinds "$MAD")" = 'run.started run.begun run.ended run.started run.begun run.ended run.begun run.ended' ]
    # The first one, from the other site, by the beginning of its id.
    mad sync
    fra sync
    local id
    id=$(ask '.items[1].run' -C "$MAD" recover list)
    rm -f got
    ends 0 -o json -C "$FRA" recover resume "${id:0:8}" --answers answers
    json '[.steps[].state] | unique == ["done"]'
    [ -s got ]
    # A word that nobody said: the step that needs it says so, and takes it when it is said.
    sed '/^lost = /d' answers >unsaid
    ends 20 -C "$MAD" recover start small.md --answers unsaid
    says 'nobody says what {lost} is'
    rm -f got
    ends 0 -C "$MAD" recover resume --answers answers
    # Without anybody and without answers it stays where it was.
    ends 21 -C "$MAD" --no-input recover resume "$(ask '.items[1].run' -C "$MAD" recover list)"
}

@test "a step left out wants a reason, shows, and ends 3; answers that do not fit pause it" {
    scene_small
    sed 's/^do = run/do = skip/' answers >skip
    ends 20 -o json -C "$MAD" recover start small.md --answers skip
    error_is KM5002
    sed 's/^do = run/do = skip\nreason = it is only a test/' answers >skip
    ends 3 -C "$MAD" recover start small.md --answers skip
    says 'skipped   Mark (it is only a test)' '2 skipped'
    sed 's/^restored = .*/restored = many/; s/^to = .*/to = file:got2/' answers >bad
    ends 20 -C "$MAD" recover start small.md --answers bad
    says 'restored does not fit'
    sed 's/^state = good/state = goo/; s/^to = .*/to = file:got3/' answers >bad
    ends 20 -C "$MAD" recover start small.md --answers bad
    printf 'no section\n' >bad
    ends 2 -C "$MAD" recover start small.md --answers bad
    ends 2 -C "$MAD" recover start small.md --answers skip --dry-run
    ends 13 -C "$MAD" recover start no-such-runbook
    sed 's/^run = verify/run = sh/' small.md >shell.md
    ends 2 -C "$MAD" recover start shell.md --answers answers
    says 'never a shell'
}

@test "a drill leaves out what is for a real loss, and shows nothing" {
    scene_small
    ends 0 -o json -C "$MAD" recover start small.md --drill --answers answers
    json '.mode == "drill" and ([.steps[].id] == ["look","get","use"])'
    [ ! -e got ]
    ends 0 -o ndjson -C "$MAD" audit log
    [[ $output == *drill.result* ]]
    [[ $output != *reveal.* ]]
    ends 0 -o json -C "$MAD" site list
    json 'all(.items[]; .lost != true)'
}

@test "from a copy alone, on a bare machine: total-loss to its end, by answers" {
    scene_keys
    password_of "$FRA" vbr/config want
    rm -rf "$FRA" "$T/kp-fra.kms" "$HOME"
    mkdir "$HOME"
    answers_total_loss
    ends 0 -o json recover start total-loss --from "file://$USB" --site mad --yes --lost fra --evidence "$T/new" \
        --credential "kp-mad=file:$T/kp-mad.pass" --kms-file "kp-mad=$T/kp-mad.kms" --answers answers
    json '.runbook == "total-loss" and (.steps | length) == 18 and all(.steps[]; .state == "done")'
    cmp want got
    ends 0 -o json -C "$T/new" show vbr/config
    json '.generation == 2'
}

@test "on a terminal: one screen a step; Enter never changes anything; notes, pause, resume" {
    scene_small
    terminal 80 24
    keys "'$KEYMUSTER' -C '$MAD' recover start small.md" Enter
    until_shows "configuration backup's key"
    keys 'vbr/config' Enter
    until_shows 'the site that is lost'
    keys fra Enter
    goes_on
    until_shows 'Enter runs it'
    term capture-pane -p -t t >screen
    grep -q '^REAL small step 1 of 4 0:00 of 1:00 run [0-9a-f]\{8\}$' screen
    grep -q '\$ keymuster verify' screen
    keys Enter
    until_shows 'it ended well'
    keys Enter
    until_shows 'type run'
    for i in 1 2 3 4; do
        keys Enter
        until_shows 'step 2 of 4'
    done
    keys n Enter
    until_shows 'note:'
    keys 'the operator looked twice' Enter
    for i in {1..50}; do
        [[ $(kinds "$MAD") != *run.note ]] || break
        sleep 0.1
    done
    sleep 0.3
    keys b Enter
    until_shows 'done      Look'
    keys Enter
    until_shows 'type run'
    [ "$(kinds "$MAD")" = 'run.started run.begun run.ended run.note' ]
    keys C-c
    until_shows 'recover resume'
    keys clear Enter "'$KEYMUSTER' -C '$MAD' recover resume; echo status \$?" Enter
    until_shows 'the operator looked twice'
    goes_on
    until_shows 'step 2 of 4'
    # Nobody else takes it at the same time.
    ends 11 -C "$MAD" recover resume
    keys run Enter
    until_shows 'it ended well'
    keys Enter
    until_shows 'type show'
    keys p Enter
    until_shows 'status 20'
}

@test "killed while a step runs: in doubt, and said so; then gone on with" {
    scene_small
    printf 'canary-on-screen-7731' >"$T/secret"
    record_known vbr/screen "$T/secret" fra-main kp-fra
    fra wrap add vbr/screen --root mad-main
    mad sync
    sed 's/vbr\/config/vbr\/screen/' answers >answers2
    sed '/^\[step "get"\]/,$d' answers2 >before
    ends 20 -C "$MAD" recover start small.md --answers before
    terminal 80 24
    keys "'$KEYMUSTER' -C '$MAD' recover resume" Enter
    goes_on
    until_shows 'type show'
    keys show Enter
    until_shows canary-on-screen-7731
    pkill -KILL -f "^$KEYMUSTER -C $MAD recover resume"
    for i in {1..100}; do # what it had started closes its screen
        pgrep -f -- "-C $MAD reveal" >/dev/null || break
        sleep 0.1
    done
    # Somebody goes on at another terminal.
    term_stop
    terminal 80 24
    ends 0 -o json -C "$MAD" recover show "$(run_id "$MAD")"
    json '.steps[] | select(.id == "get") | .state == "in doubt"'
    keys "'$KEYMUSTER' -C '$MAD' recover resume; echo status \$?" Enter
    goes_on
    until_shows 'IN DOUBT'
    until_shows 'Find out first'
    keys d Enter
    until_shows 'why?'
    keys 'it was on the screen' Enter
    until_shows 'type done'
    keys done Enter
    until_shows 'server:'
    keys new-vbr Enter
    until_shows 'restored:'
    keys many Enter
    until_shows 'once more'
    keys 3 Enter
    until_shows 'state good|bad:'
    keys good Enter
    until_shows 'compare typed now?'
    keys y Enter
    until_shows 'vbr/screen'
    sleep 0.3
    keys 'canary-on-screen-7731' Enter
    until_shows 'status 0'
    "$KEYMUSTER" -o ndjson -C "$MAD" audit log | jq -se 'any(.[]; .entry.kind? == "run.ended" and .entry.body.step == "use" and .entry.body.fields.typed == "matches")' >/dev/null
    "$KM_TOOLS/scan" "$T/secret" "$MAD"/*
}

@test "forty columns, a dumb terminal, no UTF-8" {
    scene_small
    terminal 40 24 TERM=dumb LANG=C
    keys "'$KEYMUSTER' -C '$MAD' recover start small.md --lost fra" Enter
    until_shows "yet):"
    keys 'vbr/config' Enter
    goes_on
    until_shows 'Enter runs it'
    term capture-pane -p -t t >screen
    ! grep -qE '.{41}' screen || return 1
    keys p Enter
    until_shows 'recover resume'
}
