#!/usr/bin/env bats
# recover on a bad night: what is old, foreign, closed or away, and people who press Enter or come in twos.
# Each test is a subshell of its own, so what it sets is its own, too.
# shellcheck disable=SC2030,SC2031
load ../lib/ibm.bash
load ../lib/cli.bash
load ../lib/runs.bash
load ../lib/term.bash

setup() { fresh_home; }
teardown() {
    term_stop
    stop_started
    sim_stop
    if [ -n "${mounted-}" ]; then umount "$mounted" || true; fi
}
run_id() { ask '.items[0].run' -C "$1" recover list; }
state_of() { ask ".steps[] | select(.id == \"$2\") | .state" -C "$1" recover show "$(run_id "$1")"; }

# small.md: looks whether the root key can be had, shows the password, asks for a word. answers does it all.
book() {
    {
        cat <<'END_OF_BOOK'
# Small

```keymuster
id = small
```

## Is the KMS ready?

Expect: it is active.

### If it fails

* Look for the file.

```keymuster
id = ready
kind = check
run = kms test {kms}
```

END_OF_BOOK
        step_get 'repeat = safe'
        step_say
    } >small.md
    cat >answers <<'END_OF_ANSWERS'
[words]
key = vbr/config
kms = kp-mad
[step "get"]
do = run
to = file:got
[step "say"]
do = done
word = yes
END_OF_ANSWERS
    sed '/^\[step "say"\]/,$d' answers >few
}
# From the copy at the remote site, on a bare machine.
bare() {
    book
    lost_options
    lost+=(--evidence "$T/night")
}

@test "a copy older than the card, or of another escrow: nothing is started" {
    scene_keys
    bare
    cp -r "$USB" "$T/old"
    fra site add paris
    "$KEYMUSTER" -C "$FRA" copy card >card
    lost[1]=file://$T/old
    ends 16 -o json recover start small.md "${lost[@]}" --card card --answers answers
    error_is KM4013
    says 'the copy is older than the card' 'look for a newer copy'
    [ ! -e "$T/night" ]
    [ ! -e got ]
    lost[1]=file://$USB
    "$KEYMUSTER" -C "$T/other" init --site fra >/dev/null
    "$KEYMUSTER" -C "$T/other" copy card >other.card
    ends 15 -o json recover start small.md "${lost[@]}" --card other.card --answers answers
    says 'not the expected escrow'
    ends 15 recover start small.md "${lost[@]}" --expect 00112233445566778899aabbccddeeff --answers answers
    [ ! -e "$T/night" ]
    ends 0 recover start small.md "${lost[@]}" --card card --answers answers
    [ -s got ]
    # A store that is there already is of another escrow.
    ends 15 recover start small.md --from "file://$USB" --yes --evidence "$T/other" --answers answers
    says 'holds the records of another escrow'
}

@test "a KMS whose file goes and comes: its step fails and says why; again, it goes on" {
    scene_keys
    bare
    # It is there when the run begins, and gone when the first step looks.
    ends 20 recover start small.md "${lost[@]}" --no-input
    mv kp-mad.kms away
    ends 21 -o json -C "$T/night" recover resume --answers few
    says kp-mad.kms
    [ "$(state_of "$T/night" ready)" = failed ]
    ends 21 -C "$T/night" recover resume --answers few
    mv away kp-mad.kms
    ends 20 -C "$T/night" recover resume --answers few
    [ "$(state_of "$T/night" ready)" = done ]
    [ -s got ]
    rm got
    # And when the password is wanted.
    ends 20 recover start small.md "${lost[@]}" --no-input
    sed 's/^do = run/do = wait/' few >look
    ends 20 -C "$T/night" recover resume --answers look
    mv kp-mad.kms away
    ends 21 -C "$T/night" recover resume --answers few
    [ "$(state_of "$T/night" get)" = failed ]
    [ ! -e got ]
    mv away kp-mad.kms
    ends 0 -C "$T/night" recover resume --answers answers
    [ -s got ]
}

@test "a KMS in the cloud that is down, then up: failed steps are tried again" {
    sim_start "$T/sim"
    scene_roots
    mkdir -p "$USB"
    fra copy add usb "file://$USB" --site mad
    fra create vbr/config --purpose config-backup --root mad-main
    book
    lost=(--from "file://$USB" --site mad --yes --evidence "$T/night" --credential "kp-mad=file:$SIM_APIKEY" --ca "kp-mad=$SIM_CA"
        --endpoint "kp-mad=$SIM_KMS_MAD" --iam "kp-mad=$SIM_IAM")
    ends 20 recover start small.md "${lost[@]}" --no-input
    local fault
    for fault in '{"match": {"front": "iam"}, "status": 503, "count": -1}' '{"match": {"front": "kms"}, "status": 503, "count": -1}'; do
        sim_fault "$fault"
        ends 21 -o json -C "$T/night" --timeout 3s recover resume --answers few
        [ "$(state_of "$T/night" ready)" = failed ]
        sim_control DELETE faults >/dev/null
    done
    sed 's/^do = run/do = wait/' few >look
    ends 20 -C "$T/night" recover resume --answers look
    [ "$(state_of "$T/night" ready)" = done ]
    sim_fault '{"match": {"front": "kms"}, "status": 503, "count": -1}'
    ends 21 -C "$T/night" recover resume --answers few
    [ "$(state_of "$T/night" get)" = failed ]
    [ ! -e got ]
    sim_control DELETE faults >/dev/null
    ends 0 -C "$T/night" recover resume --answers answers
    [ "$(wc -c <got)" -eq 44 ]
}

@test "a drill that does not prove its key is a failed step" {
    scene_two
    book
    fra root disable mad-main --yes
    ends 21 -o json -C "$MAD" recover start small.md --drill --answers answers
    [ "$(state_of "$MAD" get)" = failed ]
    fra root enable mad-main
    ends 0 -o json -C "$MAD" recover resume --answers answers
    [ "$(state_of "$MAD" get)" = done ]
}

@test "a folder for records that cannot be written: refused, with the way out; elsewhere it works" {
    scene_keys
    bare
    mount_small "$T/ro" 1m
    mount -o remount,ro "$T/ro"
    local plain=("${lost[@]:0:9}")
    XDG_STATE_HOME=$T/ro ends 18 -o json recover start small.md "${plain[@]}" --answers answers
    error_is KM7004
    says --evidence
    [ ! -e got ]
    # Not even a place for it.
    env -u XDG_STATE_HOME -u HOME "$KEYMUSTER" recover start small.md "${plain[@]}" --answers answers 2>err && return 1
    grep -q -e --evidence err
    XDG_STATE_HOME=$T/ro ends 0 recover start small.md "${lost[@]}" --answers answers
    [ -s got ]
}

@test "a copy that can only be read: a warning, and the run goes on; its evidence is merged later" {
    scene_keys
    bare
    mount_small "$T/ro" 8m
    cp -r "$USB/." "$T/ro"
    mount -o remount,ro "$T/ro"
    lost[1]=file://$T/ro
    ends 0 recover start small.md "${lost[@]}" --answers answers
    says 'copies not reached'
    [ -s got ]
    local run
    run=$(run_id "$T/night")
    fra recover attach "$T/night"
    fra author admit "$(ask .author -C "$T/night" status)"
    ends 0 -o json -C "$FRA" recover show "$run"
    json '.ended_at and all(.steps[]; .state == "done" and .by)'
}

@test "two at once: here the second is told who; at two sites both go on, and each sees what the other did" {
    scene_two
    book
    ends 20 -C "$MAD" recover start small.md --answers few
    mad sync
    fra sync
    terminal 80 24
    keys "'$KEYMUSTER' -C '$MAD' recover resume" Enter
    goes_on
    until_shows 'type done'
    ends 11 -o json -C "$MAD" recover resume --answers answers
    says 'at another terminal' "by $(id -un)"
    keys p Enter
    until_shows 'recover resume'
    # Both sites do the last step, apart from each other.
    mv "$USB" "$T/away"
    ends 0 -C "$FRA" recover resume --answers answers
    sed 's/^word = yes/word = no/' answers >other
    ends 0 -C "$MAD" recover resume --answers other
    mv "$T/away" "$USB"
    fra sync
    mad sync
    fra sync
    for store in "$FRA" "$MAD"; do
        ends 0 -o json -C "$store" recover show "$(run_id "$store")"
        json '.ended_at and all(.steps[]; .state == "done")'
        "$KEYMUSTER" -o ndjson -C "$store" audit log |
            jq -se '[.[].entry | select(.kind? == "run.ended" and .body.step == "say") | .body.fields.word] | sort == ["no", "yes"]' >/dev/null
        ends 2 -o json -C "$store" recover resume "$(run_id "$store")"
        error_is KM5004
        ends 0 -C "$store" verify
    done
    # Steps that another machine did are marked with its name.
    ends 0 -C "$FRA" recover show "$(run_id "$FRA")"
    says 'done      Get it [by '
    ends 0 -C "$MAD" recover show "$(run_id "$MAD")"
    ! grep -F 'Get it [by' <<<"$output" || return 1
}

@test "a run taken up at another site: its screen tells what was done elsewhere" {
    scene_two
    book
    ends 20 -C "$MAD" recover start small.md --answers few
    mad sync
    fra sync
    terminal 80 24
    keys "'$KEYMUSTER' -C '$FRA' recover resume" Enter
    goes_on
    until_shows 'Say something'
    keys b Enter
    until_shows 'Get it [by '
    keys Enter
    until_shows 'type done'
    keys p Enter
    until_shows 'recover resume'
}

@test "Enter pressed blindly at every screen of total-loss shows and changes nothing" {
    scene_two
    terminal 80 24
    keys "'$KEYMUSTER' -C '$MAD' recover start total-loss; echo status \$?" Enter
    local i n=0
    # The words: not known yet.
    for i in {1..6}; do
        sleep 0.3
        ! term capture-pane -p -t t | grep -q 'step 1 of' || break
        keys Enter
    done
    until_shows 'step 1 of'
    local before
    before=$("$KEYMUSTER" -C "$MAD" -o ndjson audit log | jq -r 'select(.entry.kind? // "" | test("^(reveal|site|key|wrap|root)")).hash' | wc -l)
    while n=$((n + 1)) && [ "$n" -le 40 ]; do
        keys Enter Enter Enter Enter
        sleep 0.3
        # A check may ask for a word; what it is about is left open by Ctrl-C, and the run goes on with its step.
        ! term capture-pane -p -t t | tail -n 3 | grep -q 'status ' || break
        keys s Enter
        sleep 0.2
        keys blind Enter
        sleep 0.2
    done
    [ "$("$KEYMUSTER" -C "$MAD" -o ndjson audit log | jq -r 'select(.entry.kind? // "" | test("^(reveal|site|key|wrap|root)")).hash' | wc -l)" -eq "$before" ]
    # Nothing but checks was ever begun.
    "$KEYMUSTER" -o ndjson -C "$MAD" audit log | jq -r 'select(.entry.kind? == "run.begun").entry.body.step' | sort -u >begun
    ! grep -vxE 'copy|which-key|kms-ready|debts' begun || return 1
    "$KEYMUSTER" -o ndjson -C "$MAD" audit log | jq -se '[.[].entry | select(.kind? == "run.ended" and .body.result == "done") | .body.step] | unique
        - ["copy","which-key","kms-ready","debts"] == []' >/dev/null
}

@test "terminals of no size; none at all; no standard input: nothing is lost, and what to do is said" {
    scene_two
    book
    terminal 80 24
    keys "stty cols 0 rows 0; '$KEYMUSTER' -C '$MAD' recover start small.md" Enter
    until_shows "Enter: not known yet"
    keys vbr/config Enter
    sleep 0.3
    keys kp-mad Enter
    goes_on
    until_shows 'Enter runs it'
    keys p Enter
    until_shows 'recover resume'
    local status=0
    setsid "$KEYMUSTER" -C "$MAD" recover resume </dev/null >out 2>err || status=$?
    [ "$status" -eq 20 ]
    grep -q 'recover resume' err
    status=0
    setsid "$KEYMUSTER" -C "$MAD" recover start small.md </dev/null >out 2>err || status=$?
    [ "$status" -eq 18 ]
    grep -q -e '--answers' err
    grep -q -e '--no-input' err
    status=0
    setsid "$KEYMUSTER" -C "$MAD" recover resume "$(run_id "$MAD")" <&- >out 2>err || status=$?
    [ "$status" -eq 20 ]
    # Closed for a run by answers, too.
    status=0
    setsid "$KEYMUSTER" -C "$MAD" recover start small.md --answers answers <&- >out 2>err || status=$?
    [ "$status" -eq 0 ]
    [ -s got ]
    ends 0 -C "$MAD" verify
}

@test "the wrong key, or one generation off: another word, and a former step once more" {
    scene_two
    fra rekey vbr/config
    password_of "$FRA" vbr/config@1 first
    mad sync
    book
    sed 's/^key = .*/key = vbr\/confgi/' answers >wrong
    ends 21 -C "$MAD" recover start small.md --answers wrong
    says '--word WORD=VALUE'
    ends 20 -C "$MAD" recover resume --word key=vbr/config --answers few
    [ -s got ]
    ends 13 -o json -C "$MAD" recover resume --again nothing --answers few
    says 'its steps: ready get say'
    ends 2 -C "$MAD" recover resume --word nothing=x --answers few
    ends 2 -C "$MAD" recover resume --word key --answers few
    rm got
    ends 0 -C "$MAD" recover resume --word key=vbr/config@1 --again get --reason 'the backup is older' --answers answers
    cmp first got
    "$KEYMUSTER" -C "$MAD" -o ndjson audit log | jq -se '[.[].entry | select(.kind? == "run.ended" and .body.step == "get") | .body.result] == ["failed", "done", "undone", "done"]' >/dev/null
    ends 2 -C "$MAD" recover resume "$(run_id "$MAD")" --again get
    ends 0 -C "$MAD" verify
}

# Runs each way out that names a store, as copied; none may end 10 (no store) or 2.
runs_as_copied() { # PATTERN
    local line
    line=$(grep -oE "keymuster -C [^ ]+ $1.*" <<<"$stderr" | head -n 1)
    [ -n "$line" ] || { dump; return 1; }
    run --separate-stderr bash -c "\"\$KEYMUSTER\" ${line#keymuster }"
    [ "$status" -eq 0 ] || { dump; return 1; }
}

@test "from a copy alone, what is printed as a way out runs as it is copied" {
    scene_keys
    rm -r "$FRA"
    lost_options
    ends 13 reveal vbr/confg "${lost[@]}" --reason night --to -
    runs_as_copied list
    says vbr/job-sql
    ends 12 reveal vbr/config --from "$USB" --yes --credential "file:$T/kp-fra.pass" --reason night --to -
    runs_as_copied 'audit log'
    # A place that is not there: there is nothing to sync.
    ends 5 reveal vbr/config --from "$T/nowhere" --yes --reason night --to -
    says 'the same command again'
    silent_on 'keymuster sync'
}

@test "a credential of another name, a wrong passphrase, a file that is not there: what would be right" {
    scene_copy
    fra kms add kp-two --site mad --provider local --file "$T/kp-two.kms" --credential "file:$T/kp-fra.pass" --kept-at 'the red safe'
    fra root create two --kms kp-two
    fra create vbr/config --purpose config-backup --root two
    ends 4 reveal vbr/config --from "$USB" --yes --credential "kp-tow=file:$T/kp-fra.pass" --reason night --to -
    says '--credential kp-tow=...: no KMS is named so' '--credential kp-two=REF'
    ends 4 reveal vbr/config --from "$USB" --yes --credential "kp-mad=file:$T/kp-fra.pass" --reason night --to -
    silent_on 'is named so'
    ends 12 reveal vbr/config --from "$USB" --yes --credential "kp-two=file:$T/kp-mad.pass" --reason night --to -
    says 'the red safe'
    ends 2 reveal vbr/config --from "$USB" --yes --credential "kp-two=file:$T/none" --reason night --to -
    says 'the red safe'
    ends 13 reveal vbr/config --from "$USB" --yes --credential "kp-two=file:$T/kp-fra.pass" --kms-file "kp-two=$T/none" --reason night --to -
    says '--kms-file kp-two=PATH' 'kms set kp-two --file PATH'
}
