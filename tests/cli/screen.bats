#!/usr/bin/env bats
# The showing on a real terminal, by tmux: seen while it is open, gone from screen and history afterwards.
load ../lib/cli.bash

term() { tmux -S "$T/tmux" "$@"; }

teardown() { term kill-server 2>/dev/null || true; }

# Waits until the screen shows a text.
until_shows() {
    for _ in {1..100}; do
        term capture-pane -pJ -t t 2>/dev/null | grep -qF -- "$1" && return 0
        sleep 0.1
    done
    term capture-pane -p -t t >&2
    return 1
}

# A released key of a known password, and a shell on a terminal.
scene_screen() { # COLUMNS ROWS
    scene_copy
    printf 'canary-on-screen-7731' >"$T/secret"
    record_known vbr/screen "$T/secret" fra-main kp-fra
    term -f /dev/null new-session -d -s t -x "$1" -y "$2" "PS1='$ ' exec bash --norc"
    until_shows '$'
}

typed() { term send-keys -t t "$*" Enter; }

reveal_it() { typed "'$KEYMUSTER' -C '$FRA' reveal vbr/screen --reason 'screen test'"; }

# The running keymuster, below the terminal's shell.
shower() { pgrep -P "$(term display-message -p -t t '#{pane_pid}')" -x keymuster; }

# What is typed while it still has the terminal is thrown away.
until_over() {
    for _ in {1..100}; do
        shower >/dev/null || return 0
        sleep 0.05
    done
    return 1
}

# Nothing of it on the screen, in the history, or in what the pane keeps.
no_trace() {
    local which
    for which in '' -a; do
        term capture-pane -pqJ $which -S - -t t >"$T/history"
        "$KM_TOOLS/scan" "$T/secret" "$T/history" || return 1
    done
}

kinds() { "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -r '.entry.kind // empty' | grep ^reveal | tr '\n' ' '; }

@test "reveal on a terminal: shown once, closed by q, no trace in the history" {
    scene_copy
    printf 'canary-on-screen-7731' >"$T/secret"
    record_known vbr/screen "$T/secret" fra-main kp-fra
    term -f /dev/null new-session -d -s t -x 80 -y 24 "PS1='$ ' exec bash --norc"
    until_shows '$'
    term send-keys -t t "'$KEYMUSTER' -C '$FRA' reveal vbr/screen --reason 'screen test'" Enter
    until_shows canary-on-screen-7731
    term send-keys -t t q
    until_shows 'revealed vbr/screen'
    run term capture-pane -p -S - -t t
    [[ $output != *canary-on-screen* ]]
    [[ $output == *'keymuster check'* ]]
    # No piece of it in the history or what the pane keeps, in any form.
    for which in '' -a; do
        term capture-pane -pqJ $which -S - -t t >"$T/history"
        "$KM_TOOLS/scan" "$T/secret" "$T/history" || return 1
    done
    ends 0 -o ndjson -C "$FRA" audit log
    [[ $output == *reveal.closed* ]]
}

@test "a signal closes the screen and leaves the terminal as it was" {
    scene_copy
    printf 'canary-on-screen-7731' >"$T/secret"
    record_known vbr/screen "$T/secret" fra-main kp-fra
    term -f /dev/null new-session -d -s t -x 60 -y 16 "PS1='$ ' exec bash --norc"
    until_shows '$'
    term send-keys -t t "'$KEYMUSTER' -C '$FRA' reveal vbr/screen --reason 'screen test'" Enter
    until_shows canary-on-screen-7731
    term send-keys -t t C-c
    term send-keys -t t "stty -a | grep -c ' echo '" Enter
    until_shows 1
    run term capture-pane -p -S - -t t
    [[ $output != *canary-on-screen* ]]
    ends 0 -C "$FRA" verify
}

@test "every signal closes the screen and puts the terminal back; the record says so; Ctrl-Z does nothing" {
    scene_screen 80 24
    local signal
    typed "stty -g >'$T/before'"
    for signal in INT TERM HUP QUIT; do
        typed clear
        reveal_it
        until_shows canary-on-screen-7731
        term send-keys -t t C-z
        kill "-$signal" "$(shower)"
        until_over
        typed "stty -g >'$T/after-$signal'; echo 'status '\$?"
        until_shows 'status 0'
        cmp "$T/before" "$T/after-$signal"
        no_trace
        "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -se --arg s "$signal" \
            'map(.entry | select(.kind? == "reveal.closed")) | last | .body.how == "signal"'
    done
    # two at once: the second ends it on the spot, and what is shown goes all the same
    typed clear
    reveal_it
    until_shows canary-on-screen-7731
    kill -STOP "$(shower)"
    kill -TERM "$(shower)"
    kill -INT "$(shower)"
    kill -CONT "$(shower)"
    until_over
    typed "stty -g >'$T/after-two'; echo 'status '\$?"
    until_shows 'status 0'
    cmp "$T/before" "$T/after-two"
    no_trace
    ends 0 -C "$FRA" verify
}

@test "the records are there, and at the copy, before the first byte is; how it ended comes after" {
    scene_screen 80 24
    reveal_it
    until_shows canary-on-screen-7731
    [ "$(kinds)" = 'reveal.intended reveal.shown ' ]
    grep -rqs reveal.intended "$USB/log"
    term send-keys -t t q
    until_shows 'revealed vbr/screen'
    [ "$(kinds)" = 'reveal.intended reveal.shown reveal.closed ' ]
    until_shows 'keymuster check vbr/screen'
}

@test "no record possible: the screen never comes" {
    scene_screen 80 24
    # the record would not fit: the file system of the store is full
    typed "(ulimit -f 0; trap '' XFSZ; exec '$KEYMUSTER' -C '$FRA' reveal vbr/screen --reason 'screen test')"
    until_shows KM
    no_trace
    [ "$(kinds)" = '' ]
}

@test "the terminal goes away while it is shown: the record says so, nothing goes on" {
    scene_screen 80 24
    reveal_it
    until_shows canary-on-screen-7731
    local pid
    pid=$(shower)
    term kill-session -t t
    for _ in {1..100}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    run ! kill -0 "$pid"
    [ "$(kinds)" = 'reveal.intended reveal.shown reveal.closed ' ]
    "$KEYMUSTER" -o ndjson -C "$FRA" audit log | jq -se \
        'map(.entry | select(.kind? == "reveal.closed")) | last | .body.how | . == "signal" or startswith("failed")'
    ends 0 -C "$FRA" verify
}

@test "what may record is named, before and on the screen; script has it all, and says so" {
    scene_screen 80 24
    reveal_it
    until_shows canary-on-screen-7731
    [[ $(term capture-pane -p -t t) == *'Inside tmux: a recorder there'* ]]
    term send-keys -t t q
    until_shows 'inside tmux: what it records or logs will have the secret'
    typed clear
    # no variable tells of script: it is found among the processes
    typed "env -u TMUX script -qc \"'$KEYMUSTER' -C '$FRA' reveal vbr/screen --reason recorded\" '$T/typescript'"
    until_shows canary-on-screen-7731
    [[ $(term capture-pane -p -t t) == *'This session is recorded by script, this screen too.'* ]]
    term send-keys -t t q
    until_shows 'this session is recorded by script'
    no_trace
    for _ in {1..50}; do # script writes when it ends
        if grep -qa canary-on-screen-7731 "$T/typescript"; then return 0; fi
        sleep 0.1
    done
    false # the stated limit holds no more, or this test does not look
}

@test "forty columns, no UTF-8, +: shown whole; Enter pressed before it is there closes nothing" {
    scene_screen 40 24
    typed "export LC_ALL=C"
    term send-keys -t t "'$KEYMUSTER' -C '$FRA' reveal vbr/screen --reason 'screen test'" Enter Enter Enter
    until_shows canary-on-screen-7731
    until_shows '179 s'
    term send-keys -t t +
    until_shows '23'
    term send-keys -t t Enter
    until_shows 'revealed'
    no_trace
}

@test "check compares what is typed, without echo and without showing anything" {
    scene_screen 80 24
    typed "'$KEYMUSTER' -C '$FRA' check vbr/screen"
    until_shows 'password of vbr/screen@1'
    typed canary-on-screen-7731
    until_shows 'vbr/screen@1: match'
    typed "'$KEYMUSTER' -C '$FRA' check vbr/screen; echo 'status '\$?"
    until_shows 'password of vbr/screen@1'
    typed canary-on-screen-7732
    until_shows 'vbr/screen@1: NO MATCH'
    until_shows 'status 3'
    no_trace
    [[ $(term capture-pane -p -S - -t t) != *7732* ]]
    [ "$(kinds)" = '' ] # it is no showing
}

@test "a program that shows it elsewhere, and before the record, is caught" {
    scene_screen 80 24
    KEYMUSTER=$KM_TOOLS/plant-show-first reveal_it
    until_shows '180 s'
    term send-keys -t t q
    until_shows 'revealed vbr/screen'
    run no_trace
    [ "$status" -ne 0 ]
}
