#!/usr/bin/env bats
# What a person sees on a real terminal (tmux) of 40, 80 and 132 columns, without UTF-8, without a capable terminal, with the
# terminal read out: no word is torn, nothing that a terminal would act upon, no secret left behind.
load ../lib/cli.bash
load ../lib/term.bash

teardown() {
    term_stop
    stop_started
}

WIDE=132

# A store with names and texts as people have them, its copy, and a known password.
scene_screens() {
    scene_keys
    fra create 'büro/schlüssel für die Straße' --purpose backup-job --root fra-main --owner 'Jürgen Müller' \
        --protects 'the database of the road maintenance depot, and what else is there: 北京'
    printf 'canary-on-screen-4242' >"$T/secret"
    record_known vbr/screen "$T/secret" fra-main kp-fra
    cp "$KEYMUSTER" "$T/keymuster"
    export KEYMUSTER=$T/keymuster PATH=$T:$PATH
}

# Words wider than the screen may be broken by the terminal, on a line of their own; nothing else may.
torn() { # COLUMNS FILE: prints each joined line that was wider
    KM_COLUMNS=$1 perl -CSD -Mutf8 -ne '
        sub wide { my $w = 0; $w += $_ =~ /[\x{1100}-\x{115f}\x{2e80}-\x{a4cf}\x{ac00}-\x{d7a3}\x{ff00}-\x{ff60}]/ ? 2 : 1 for split //, $_[0]; $w }
        s/\s+$//; s/^\s+//; print "$_\n" if wide($_) > $ENV{KM_COLUMNS} && /\s/' "$2"
}

# Runs commands, each by itself, in one terminal; its whole history is judged, joined as it was written.
play() { # COLUMNS ROWS COMMAND...
    local columns=$1 rows=$2 i=0 command
    shift 2
    echo "cd '$T' || exit" >play.sh
    for command; do printf '%s\n' "$command" "echo end $((++i))"; done >>play.sh
    echo 'echo all was played; read -r _' >>play.sh
    term -f /dev/null start-server \; set-option -g history-limit 100000 \; \
        new-session -d -s t -x "$columns" -y "$rows" "bash --norc play.sh"
    until_shows 'all was played'
    term capture-pane -p -J -S - -t t | sed 's/ *$//' >"seen.$columns"
    term capture-pane -p -e -S - -t t >"seen.$columns.raw"
    term_stop
}

fits() { # COLUMNS
    torn "$1" "seen.$1" >broken
    [ ! -s broken ] || { echo "wider than $1 columns:" >&2; cat broken >&2; return 1; }
}

every_help() {
    "$KEYMUSTER" help | sed -n 's/^  \([a-z-]*\( [a-z-]*\)\{0,1\}\)  .*/\1/p' >commands
    [ "$(wc -l <commands)" -gt 80 ]
    sed 's/^/keymuster help /' commands
}

looked_at=(
    'keymuster' 'keymuster -C fra list' "keymuster -C fra list --fields name,uuid,state,protects" 'keymuster -C fra show vbr/config'
    "keymuster -C fra show 'büro/schlüssel für die Straße' --wraps --history" 'keymuster -C fra status' 'keymuster -C fra verify'
    'keymuster -C fra simulate' 'keymuster -C fra simulate --lose site:mad' 'keymuster -C fra simulate --lose site:fra'
    'keymuster -C fra ready --if-lost fra' 'keymuster -C fra doctor' 'keymuster -C fra audit check' 'keymuster -C fra drill'
    'keymuster -C fra site list' 'keymuster -C fra kms list' 'keymuster -C fra root list' 'keymuster -C fra copy list'
    'keymuster -C fra author list' 'keymuster -C fra policy show' 'keymuster -C fra person list' 'keymuster -C fra wrap list vbr/config'
    'keymuster -C fra root check' 'keymuster -C fra copy check usb' 'keymuster -C fra runbook list' 'keymuster explain KM3001' 'keymuster explain 15'
    'keymuster -C fra show vbr/gone' 'keymuster frobnicate' 'keymuster -C nowhere status' 'keymuster -C fra create x --purpose nonsense --root fra-main'
    'keymuster -C fra create one/two --purpose backup-job --root fra-main' 'keymuster -C fra root destroy mad-main -n'
    'keymuster -C fra recover list' 'keymuster version' 'keymuster -C fra sync' 'keymuster -C fra metrics --file m.prom'
    '(cd usb && keymuster)' '(cd fra && keymuster)'
)

@test "40, 80 and 132 columns: no line is wider, no word is torn, what is to be copied is whole" {
    scene_screens
    local help columns id
    mapfile -t help < <(every_help)
    id=$("$KEYMUSTER" -o json -C "$FRA" status | jq -r .author)
    for columns in 40 80 "$WIDE"; do
        play "$columns" 24 "${looked_at[@]}" "${help[@]}"
        fits "$columns"
        grep -q "end $((${#looked_at[@]} + ${#help[@]}))" "seen.$columns"
        grep -qE "(^|  )$id\$" "seen.$columns"
        # colours, and nothing else that is no text
        sed "s/$(printf '\033')\[[0-9;]*m//g" "seen.$columns.raw" | grep -q "$(printf '\033')" && return 1
    done
    # in a copy, the emergency line is first
    (cd "$USB" && "$KEYMUSTER" | head -n 1) | grep -q '^EMERGENCY'
    (cd "$FRA" && "$KEYMUSTER" | head -n 1) | grep -q '^This folder is a store'
    (mkdir empty && cd empty && "$KEYMUSTER" | head -n 1) | grep -q '^keymuster keeps'
    # a command that no line holds can be copied all the same
    sed -n '/^EMERGENCY/,/^or to/p' seen.40 | grep -A 3 'keymuster recover' | sed '/^or to/,$d; s/^ *keymuster/echo/' >copied
    [ "$(wc -l <copied)" -gt 1 ]
    [ "$(bash copied)" = 'recover start --lost SITE --from ./ --site HERE --credential REF' ]
}

@test "a program that ignores the width is caught" {
    scene_screens
    cp "$KM_TOOLS/plant-no-width" "$T/keymuster"
    play 40 24 'keymuster -C fra status'
    run fits 40
    [ "$status" -ne 0 ]
}

# A shell on a terminal of no known width: COLUMNS counts, else 80; a pipe is never touched.
@test "no width known: COLUMNS, else 80; TERM unset, unknown, dumb; output to a pipe as ever" {
    scene_screens
    local wide env
    play 100 30 'stty cols 0; keymuster -C fra status; stty cols 100'
    torn 80 seen.100 >broken
    [ ! -s broken ]
    play 100 30 'export COLUMNS=44; stty cols 0; keymuster -C fra status; stty cols 100'
    torn 44 seen.100 >broken
    [ ! -s broken ]
    for env in '-u TERM' TERM=dumb TERM=no-such-terminal TERM= NO_COLOR=1 CLICOLOR_FORCE=1; do
        play 80 24 "env $env keymuster -C fra status" "env $env keymuster -C fra list" "env $env keymuster -C fra show vbr/none"
        fits 80
        case $env in
        TERM=no-such-terminal | CLICOLOR_FORCE=1) ;; # coloured as any
        *) grep -q "$(printf '\033')" seen.80.raw && return 1 ;;
        esac
    done
    ends 0 -C "$FRA" status
    wide=$(awk '{ if (length > n) n = length } END { print n }' <<<"$output")
    [ "$wide" -gt 120 ]
    # the reader of a pipe goes away, standard input or output is closed
    bash -c 'set -o pipefail; "$0" -C fra list | head -n 1' "$KEYMUSTER" 2>noise || true
    [ ! -s noise ]
    "$KEYMUSTER" -C fra status <&- >/dev/null
    run bash -c '"$0" -C fra status >&-' "$KEYMUSTER"
    [ "$status" -ne 0 ]
    [[ $output == *'standard output is closed'* ]]
}

# Nothing but ASCII from these commands, on a terminal and in a pipe.
ascii_in() { # LOCALE
    local command
    for command in 'list' 'status' 'show büro/schlüssel\ für\ die\ Straße' 'show bü' 'simulate --lose site:fra' 'audit check' 'drill -n' 'help'; do
        LC_ALL=$1 bash -c "'$KEYMUSTER' -C '$FRA' $command" >said 2>&1 || true
        [ -s said ]
        LC_ALL=C grep -qaP '[\x80-\xff]' said && { cat said >&2; return 1; }
    done
    return 0
}

@test "a locale that is not UTF-8: nothing but ASCII as text, the name still told; JSON and CSV are UTF-8" {
    scene_screens
    local locale
    for locale in C POSIX en_US.ISO-8859-1 de_DE; do
        ascii_in "$locale"
    done
    LC_ALL=C ends 0 -C "$FRA" list
    [[ $output == *'b\u{00FC}ro/schl\u{00FC}ssel f\u{00FC}r die Stra\u{00DF}e'* ]]
    # columns stand below each other
    [ "$(awk 'NR < 6 && match($0, /STATE|active/) { print RSTART }' <<<"$output" | sort -u | wc -l)" -eq 1 ]
    LC_ALL=C "$KEYMUSTER" -C "$FRA" -o json list | jq -e '.keys[] | select(.name == "büro/schlüssel für die Straße")' >/dev/null
    LC_ALL=C "$KEYMUSTER" -C "$FRA" -o csv list | grep -q 'büro/schlüssel'
    # what ssh brings along and this machine has not is UTF-8 all the same
    LC_ALL=xx_YY.UTF-8 ends 0 -C "$FRA" list
    [[ $output == *'büro/schlüssel'* ]]
    # the pages of a copy are UTF-8 whoever writes them
    LC_ALL=C fra create 'bär' --purpose backup-job --root fra-main
    grep -rqF 'bär' "$USB/recovery/KEYS.txt"
    # a password that is not ASCII: no byte of it that a terminal could act upon
    printf 'canary-\xc3\x9bber' >"$T/umlaut"
    record_known vbr/umlaut "$T/umlaut" fra-main kp-fra
    terminal 80 24 LC_ALL=C
    keys "'$KEYMUSTER' -C '$FRA' reveal vbr/umlaut --reason test" Enter
    until_shows 'This locale is not UTF-8: its 12 bytes as hex digits; to see the text:'
    until_shows 63616e6172792dc39b626572
    keys q
    until_shows 'revealed vbr/umlaut'
    # a program that does not look at the locale is caught
    KEYMUSTER=$KM_TOOLS/plant-no-locale run ascii_in C
    [ "$status" -ne 0 ]
}

# Whether a terminal was sent an escape sequence; what it was sent is in typescript.
sent() { # COMMAND ANSWER...
    local answer
    {
        sleep 0.7 # what is typed before a question is thrown away
        for answer in "${@:2}"; do
            printf '%s\n' "$answer"
            sleep 0.7
        done
    } | script -qec "$1" typescript >/dev/null || true
    LC_ALL=C grep -qa "$(printf '\033')" typescript
}

# Colours are for the word that a line begins with, and for a terminal; they say nothing that the word does not.
@test "colours: on a terminal, and where --color says always; not with NO_COLOR, dumb, a pipe" {
    scene_screens
    local red=$'\033[31m' yellow=$'\033[33m' off=$'\033[0m'
    export TERM=xterm
    run sent "'$KEYMUSTER' -C '$FRA' audit check"
    [ "$status" -eq 0 ]
    grep -qF -- "$yellow- medium,$off" typescript
    run sent "'$KEYMUSTER' -C '$FRA' status"
    grep -qF -- "${yellow}ATTENTION $off" typescript
    run sent "'$KEYMUSTER' -C '$FRA' show vbr/none"
    grep -qF -- "${red}keymuster:$off no key vbr/none" typescript
    local env
    for env in NO_COLOR=1 TERM=dumb KEYMUSTER_COLOR=never KEYMUSTER_ACCESSIBLE=1; do
        run sent "env $env '$KEYMUSTER' -C '$FRA' audit check"
        [ "$status" -eq 1 ] || { echo "coloured with $env" >&2; return 1; }
    done
    # the option goes before the environment; a pipe is coloured only when asked for; the rest is the same
    run "$KEYMUSTER" -C "$FRA" audit check
    local plain=$output
    [[ $plain != *$'\033'* && $plain == *'- medium,'* ]]
    NO_COLOR=1 run "$KEYMUSTER" -C "$FRA" --color always audit check
    [[ $output == *"$yellow- medium,$off"* ]]
    [ "$(sed 's/\x1b\[[0-9]*m//g' <<<"$output")" = "$plain" ]
    # what is for programs is never coloured
    run "$KEYMUSTER" -C "$FRA" --color always -o json audit check
    [[ $output != *$'\033'* ]]
}

@test "the terminal is read out: blocks, a line a state, nothing written over; so with TERM=dumb" {
    scene_screens
    local env
    export KEYMUSTER_ACCESSIBLE=1
    ends 0 -C "$FRA" list
    [[ $output == *'KEY: vbr/config'* && $output == *'STATE: active'* ]]
    KEYMUSTER_ACCESSIBLE=0 ends 0 -C "$FRA" list
    [[ $output != *'KEY: '* ]]
    for env in KEYMUSTER_ACCESSIBLE=1 TERM=dumb; do
        # many keys with progress, a question without echo, a run
        run sent "env -u KEYMUSTER_ACCESSIBLE $env '$KEYMUSTER' -C '$FRA' drill"
        [ "$status" -eq 1 ]
        run sent "env -u KEYMUSTER_ACCESSIBLE $env '$KEYMUSTER' -C '$FRA' check vbr/screen" canary-on-screen-4242
        [ "$status" -eq 1 ]
        grep -qa match typescript
        run sent "env -u KEYMUSTER_ACCESSIBLE $env '$KEYMUSTER' -C '$FRA' recover start --drill" '' '' '' '' '' p
        [ "$status" -eq 1 ]
        grep -qa 'step 1 of' typescript
    done
    # else the step clears the screen, and this test can see it
    unset KEYMUSTER_ACCESSIBLE
    run sent "'$KEYMUSTER' -C '$FRA' recover start --drill" '' '' '' '' '' p
    [ "$status" -eq 0 ]
    KEYMUSTER_ACCESSIBLE=1 run sent "'$KM_TOOLS/plant-no-accessible' -C '$FRA' recover start --drill" '' '' '' '' '' p
    [ "$status" -eq 0 ]
}

@test "a secret, read out: on a screen of its own, the time said once, gone afterwards; a resize while it is up and while a question waits" {
    scene_screens
    terminal 80 24 KEYMUSTER_ACCESSIBLE=1
    keys "keymuster -C fra reveal vbr/screen" Enter
    until_shows 'Reason, for the record'
    term resize-window -t t -x 40 -y 24
    keys 'looking' Enter
    until_shows canary-on-screen-4242
    until_shows 'Closes in 180 s.'
    term resize-window -t t -x 132 -y 40
    sleep 1.5
    term capture-pane -p -t t >shown
    grep -q canary-on-screen-4242 shown
    [ "$(grep -c 'Closes in' shown)" -eq 1 ]
    keys +
    until_shows 'Closes in 23'
    keys q
    until_shows 'revealed vbr/screen'
    local which
    for which in '' -a; do
        term capture-pane -pqJ $which -S - -t t >after
        "$KM_TOOLS/scan" "$T/secret" after
    done
}
