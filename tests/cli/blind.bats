#!/usr/bin/env bats
# A blind drill: a colleague gets a key back by START-HERE alone, against a clock; by answers and on a real terminal.
# What status says of who recovered a key last.
load ../lib/cli.bash
load ../lib/runs.bash
load ../lib/term.bash

teardown() {
    term_stop
    stop_started
}
# The last line: where keys are read. What is typed before a question stands there is thrown away.
until_last() { # PATTERN
    local i
    for i in {1..150}; do
        term capture-pane -p -t t 2>/dev/null | grep -v '^$' | tail -n 1 | grep -q -- "$1" && return 0
        sleep 0.1
    done
    term capture-pane -p -t t >&2
    return 1
}
unseen() { # TEXT: not on the screen, nor above it
    if term capture-pane -p -S - -t t | grep -qF -- "$1"; then
        printf 'seen: %s\n' "$1" >&2
        return 1
    fi
}
cleared() {
    keys "$@" clear Enter
    for _ in {1..150}; do
        term capture-pane -p -t t | grep -qE 'BLIND|recover' || return 0
        sleep 0.1
    done
    return 1
}
run_id() { ask '.items[0].run' -C "$1" recover list; }
blind() { # STATUS ARG...: at fra, nobody at a terminal
    local want=$1
    shift
    run --separate-stderr setsid -w "$KEYMUSTER" -o json -C "$FRA" recover start --drill --blind "$@"
    [ "$status" -eq "$want" ] || { dump; return 1; }
}

# Two keys, two persons, and what a colleague found: the password of vbr/config, and something else.
scene_blind() {
    scene_keys
    fra person add first.operator --role operator
    fra person add second.operator --role operator --login nobody-else
    "$KEYMUSTER" exec vbr/config -C "$FRA" --reason test -- cat >found 2>/dev/null
    printf 'canary-not-it' >other
    chmod 600 found other
    printf '[blind]\nby = second.operator\ntyped = file:found\n' >answers
    sed 's/found/other/' answers >wrong
}

@test "what matches ends it: who, how long, and nothing of what was typed" {
    scene_blind
    blind 0 vbr/config --answers answers
    json '.mode == "drill" and .blind and .by == "second.operator" and .ms >= 0 and ([.steps[].state] == ["done"])'
    [[ $stderr == *"$USB/recovery/START-HERE.md"* ]]
    [[ $stderr != *administrator* ]]
    [ -s "$USB/recovery/START-HERE.md" ]
    [ "$(kinds "$FRA")" = 'run.started run.ended run.finished' ]
    "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -se --arg key "$(ask .uuid -C "$FRA" show vbr/config)" \
        '[.[].entry | select(.kind? == "run.ended")] | .[0].body
        | .blind and .key == $key and .result == "done" and .ms >= 0 and (.person | length) == 36' >/dev/null
    "$KM_TOOLS/scan" -x "$T/found" "$T/found" "$T"
    ends 2 -o json -C "$FRA" recover resume "$(run_id "$FRA")"
    error_is KM5004
    ends 0 -C "$FRA" recover show "$(run_id "$FRA")"
    says 'done      Get the password back' 'second.operator' '0:00:0'
    ends 0 -C "$FRA" recover list
    says 'blind drill'
    # They know it, however they came by it.
    ends 0 -o json -C "$FRA" status
    json '.duties == 1 and any(.warnings[]; test("vbr/config@1 was seen by a person .* no successor"))'
    ends 0 -o json -C "$FRA" audit who second.operator
    json '[.acts[] | [.what, .subject]] == [["typed", "vbr/config@1"]] and (.duties | length) == 1'
    ends 0 -C "$FRA" verify
}

@test "another value is no match: noted, and the clock goes on; resumed, it counts from the beginning" {
    scene_blind
    blind 20 vbr/config --answers wrong
    error_is KM5002
    [[ $stderr == *'NO MATCH'* ]]
    tail -n 1 <<<"$stderr" | jq -e '.hints[0] | test("recover resume [0-9a-f]{8}$")'
    [ "$(kinds "$FRA")" = 'run.started run.note' ]
    sleep 1.1
    ends 0 -o json -C "$FRA" recover resume --answers answers
    json '.ms > 1000 and .by == "second.operator"'
    # Two generations: the one that was asked for, not the newest.
    blind 20 vbr/config
    fra rekey vbr/config --yes
    ends 0 -o json -C "$FRA" recover resume --answers answers
    json '[.steps[].state] == ["done"]'
}

@test "given up: failed, with the reason, and a finding" {
    scene_blind
    printf '[blind]\nby = second.operator\nreason = the safe was locked\n' >answers
    blind 3 vbr/config --answers answers
    json '.blind and .by == "second.operator" and .steps[0].state == "failed" and .steps[0].reason == "the safe was locked"'
    ends 13 -C "$FRA" recover resume
    ends 0 -o json -C "$FRA" status
    json '.duties == 0'
}

@test "what cannot be one is refused before anything is recorded" {
    scene_blind
    ends 2 -C "$FRA" recover start --blind vbr/config
    says 'recover start --drill --blind KEY'
    ends 2 -C "$FRA" recover start --drill --blind vbr/config --lost fra
    ends 13 -C "$FRA" recover start --drill --blind vbr/confug
    ends 2 -C "$FRA" --no-input recover start --drill --blind
    "$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/other" >"$T/w"
    fra record vbr/unproven --purpose backup-job --root fra-main --wrapped "file:$T/w" --form bytes --no-prove
    ends 13 -C "$FRA" recover start --drill --blind vbr/unproven
    says 'keymuster drill'
    sed -i '/^by/d' answers
    [ -z "$(kinds "$FRA")" ]
    blind 20 vbr/config --answers answers
    [[ $stderr == *'nobody says who'* ]]
    ends 0 -o json -C "$FRA" recover resume --answers answers --as first.operator
    json '.by == "first.operator"'
    # A literal is no reference, and is not repeated.
    printf '[words]\nkey = vbr/config\n[blind]\nby = x\ntyped = canary-literal\n' >answers
    blind 2 --answers answers
    [[ $stderr != *canary-literal* ]]
}

@test "begun on a bare machine, from a copy; ended at another site, where the clock and the person are the same" {
    scene_blind
    local id
    mad join --from "file://$USB" --site mad --yes
    fra author admit "$(ask .author -C "$MAD" status)"
    run --separate-stderr setsid -w "$KEYMUSTER" -o json recover start --drill --blind vbr/config --from "$USB" --site mad --yes --evidence "$T/new"
    [ "$status" -eq 20 ]
    [[ $stderr == *"$USB/recovery/START-HERE.md"* ]]
    fra author admit "$(ask .author -C "$T/new" status)"
    fra sync
    mad sync
    id=$(run_id "$MAD")
    ends 0 -o json -C "$MAD" recover resume "${id:0:8}" --answers answers
    json '.by == "second.operator" and .ms > 0'
    fra sync
    ends 0 -o json -C "$FRA" recover show "$id"
    json '.ended_at and .by == "second.operator" and .blind'
    ends 0 -o json -C "$FRA" status
    json '.duties == 1 and .recovered[0].run == $id' --arg id "$id"
    [ "$(ask .digest -C "$FRA" status)" = "$(ask .digest -C "$MAD" status)" ]
}

@test "on a terminal: a page, a clock in its place, what is typed is not seen; no match, give up, pause, kill" {
    scene_blind
    terminal 80 24
    keys "'$KEYMUSTER' -C '$FRA' recover start --drill --blind vbr/config" Enter
    until_shows 'BLIND DRILL of vbr/config@1'
    until_shows "$USB/recovery/START-HERE.md"
    until_last '^0:00:0[2-9]'
    [ "$(term capture-pane -p -t t | grep -c '^0:00:')" = 1 ]
    keys Enter
    until_shows 'who got it back'
    keys 'second.operator' Enter
    until_last '^password of vbr/config@1'
    keys 'canary-not-it' Enter
    until_shows 'NO MATCH'
    until_last '^0:0'
    unseen canary-not-it
    # Enter alone compares nothing; q that is thought better of is none.
    keys Enter
    until_last '^password of vbr/config@1'
    keys Enter
    until_last '^0:0'
    keys q
    until_shows 'why is it given up'
    keys Enter
    until_last '^0:0'
    keys C-c
    until_shows 'recover resume'
    cleared
    keys "'$KEYMUSTER' -C '$FRA' recover resume --as second.operator; echo status \$?" Enter
    until_last '^0:0'
    ends 11 -C "$FRA" recover resume
    keys p
    until_shows 'status 20'
    cleared
    keys "'$KEYMUSTER' -C '$FRA' recover resume --as second.operator; echo status \$?" Enter
    until_last '^0:0'
    pkill -KILL -f "^$KEYMUSTER -C $FRA recover resume"
    until_shows 'status 137'
    cleared 'stty sane' Enter
    keys "'$KEYMUSTER' -C '$FRA' recover resume --as second.operator; echo status \$?" Enter
    until_last '^0:0'
    keys Enter
    until_last '^password of vbr/config@1'
    term load-buffer found
    term paste-buffer -t t
    keys Enter
    until_shows 'status 0'
    until_shows 'a new one must follow'
    unseen "$(cat found)"
    [ "$(kinds "$FRA")" = 'run.started run.note run.ended run.finished' ]
}

@test "forty columns, a dumb terminal: lines, nothing written over" {
    scene_blind
    terminal 40 24 TERM=dumb LANG=C
    keys "'$KEYMUSTER' -C '$FRA' recover start --drill --blind; echo status \$?" Enter
    until_shows 'the KEY that is to be got back'
    keys vbr/config Enter
    until_shows 'q gives up'
    until_last '^0:0'
    keys q
    until_shows 'why is it given up'
    keys 'no time' Enter
    until_shows 'status 3'
}

# Who made the escrow is the administrator, as long as nobody is called that.
@test "status: who else got it back last, when, in how long; never, and the way out" {
    scene_blind
    fra create vbr/copy --purpose backup-copy --root mad-main
    ends 0 -o json -C "$FRA" status
    json '.recovered == [] and .never_recovered == 2'
    ends 0 -C "$FRA" status
    says 'vbr/config and 1 more: never by anyone but the administrator' \
        'recover start --drill --blind vbr/config'
    # By whoever has the founder's login, by name or by account, it is none.
    local founder
    founder=$("$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -rn 'first(inputs | .entry.by // empty) | .login // .user')
    sed "s/second.operator/$founder/" answers >own
    blind 0 vbr/config --answers own
    fra person set first.operator --login "$founder"
    sed "s/second.operator/first.operator/" answers >own
    blind 0 vbr/config --answers own
    [[ $stderr == *'that was the administrator'* ]]
    ends 0 -o json -C "$FRA" status
    json '.recovered == [] and .never_recovered == 2'
    # Given up is not got back.
    printf '[blind]\nby = second.operator\nreason = no time\n' >none
    blind 3 vbr/config --answers none
    ends 0 -o json -C "$FRA" status
    json '.never_recovered == 2'
    blind 20 vbr/config
    sleep 1.1
    ends 0 -C "$FRA" recover resume --answers answers
    ends 0 -o json -C "$FRA" status
    json '(.recovered | length) == 1 and .never_recovered == 1
        and (.recovered[0] | .name == "vbr/config" and .by == "second.operator" and .ms > 1000 and .mode == "drill" and (.run | length) == 36)'
    ends 0 -C "$FRA" status
    says 'vbr/config just now by second.operator in 0:00:0' ', blind' 'vbr/copy: never by anyone'
    # Its successor is got back the same way. A job's key is not asked for.
    fra rekey vbr/config --yes
    ends 0 -o json -C "$FRA" status
    json '(.recovered | length) == 1 and .never_recovered == 1'
    # Where somebody is called administrator, only they are.
    fra person add guard --role 'Backup Administrator' --login guard-login
    ends 0 -o json -C "$FRA" status
    json '.recovered[0].by == "second.operator"'
    fra person set second.operator --role administrator
    ends 0 -o json -C "$FRA" status
    json '.recovered[0].by == "first.operator"'
}

@test "status: a real run counts once it is finished, by who ended its reveal" {
    scene_blind
    mkdir k
    {
        cat <<'END'
# Small

```keymuster
id = small
rto = 1h
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
```
END
    } >small.md
    printf '[words]\nkey = vbr/config\n[step "get"]\ndo = run\nto = file:k/1\n' >half
    printf '[step "use"]\ndo = done\n' >rest
    cat half rest >drilled
    ends 0 -C "$FRA" recover start small.md --drill --answers drilled
    run env SUDO_USER=colleague "$KEYMUSTER" -C "$FRA" recover start small.md --answers half
    [ "$status" -eq 20 ]
    ends 0 -o json -C "$FRA" status
    json '.recovered == []'
    ends 0 -C "$FRA" recover resume --answers rest
    ends 0 -o json -C "$FRA" status
    json '(.recovered[0] | .by == "colleague" and .mode == "real" and .name == "vbr/config" and .ms >= 0) and .never_recovered == 0'
    ends 0 -C "$FRA" status
    says 'by colleague in 0:00:0' 'in a real run'
    # The founder's own is none; the newest of all others is told.
    sed 's/k.1/k\/2/' drilled >again
    ends 0 -C "$FRA" recover start small.md --answers again
    ends 0 -o json -C "$FRA" status
    json '.recovered[0].by == "colleague"'
    blind 0 vbr/config --answers answers
    ends 0 -o json -C "$FRA" status
    json '.recovered[0] | .by == "second.operator" and .mode == "drill"'
}
