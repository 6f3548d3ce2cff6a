# shellcheck shell=bash
# A real terminal (tmux) for tests: what is typed and what is seen. A file that loads this ends it in its teardown: term_stop.
#
#   terminal COLUMNS ROWS [VARIABLE=VALUE...]   one with a shell in it
#   keys WORD...       types, as tmux send-keys
#   until_shows TEXT   waits until it is on the screen; until_shows_twice TEXT
#   goes_on            past the page that says what has to be known before a run goes on

term() { tmux -S "$T/tmux" "$@"; }
term_stop() {
    term kill-server 2>/dev/null || true
    while term list-sessions >/dev/null 2>&1; do sleep 0.05; done
}
terminal() {
    term -f /dev/null new-session -d -s t -x "$1" -y "$2" "env ${*:3} PS1='\$ ' bash --norc"
    until_shows '$'
}
keys() { term send-keys -t t "$@"; }
until_shows_times() { # COUNT TEXT
    local screen line seen
    for _ in {1..400}; do
        screen=$(term capture-pane -p -J -t t 2>/dev/null) || true
        seen=0
        while IFS= read -r line; do
            [[ $line != *"$2"* ]] || seen=$((seen + 1))
        done <<<"$screen"
        [ "$seen" -lt "$1" ] || return 0
        sleep 0.05
    done
    term capture-pane -p -t t >&2
    return 1
}
until_shows() { until_shows_times 1 "$1"; }
until_shows_twice() { until_shows_times 2 "$1"; }
goes_on() {
    until_shows 'Enter goes on'
    keys Enter
}
