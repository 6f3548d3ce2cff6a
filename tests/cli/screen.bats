#!/usr/bin/env bats
# The showing on a real terminal, by tmux: seen while it is open, gone from screen and history afterwards.
load ../lib/cli.bash

term() { tmux -S "$T/tmux" "$@"; }

teardown() { term kill-server 2>/dev/null || true; }

# Waits until the screen shows a text.
until_shows() {
    local i
    for i in {1..100}; do
        term capture-pane -p -t t 2>/dev/null | grep -qF -- "$1" && return 0
        sleep 0.1
    done
    term capture-pane -p -t t >&2
    return 1
}

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
        "$KM_TOOLS/scan" "$T/secret" "$T/history"
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
