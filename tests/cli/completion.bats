#!/usr/bin/env bats
# Completion at TAB in the real shells. Names come from logs: what stands in one must never be run.
load ../lib/cli
load ../lib/term

teardown() { term_stop; }

# shellcheck disable=SC2016,SC1003,SC2164 # names and shell lines as they are typed; cd within the test's folder
# What an attacker would call a key. Each begins with a letter of its own, so that one TAB is enough.
hostile=(
    'a $(touch PWNED)'
    'b`touch PWNED`'
    "c'; touch PWNED; '"
    'd"; touch PWNED; "'
    'e\'
    'f;touch PWNED'
    'g${PWNED:=$(touch PWNED)}'
    'h!!:s/x/y/'
    'i *'
    "j\$'\\x24(touch PWNED)'"
    'k|touch PWNED&'
    '~root'
    '{m,n}'
    'ö ü 鍵'
    '-p'
    '#q'
    '%r %B%F{red}'
    's=1:2@x'
    't "$(touch PWNED)'
)

scene_names() {
    scene_copy
    jq -Rnc --rawfile w <("$KM_TOOLS/kms_tool" wrap "$T/kp-fra.kms" "$T/kp-fra.pass" fra-main "$T/kp-fra.pass") \
        '[inputs][] | {name: ., wrapped: ($w | rtrimstr("\n")), form: "bytes"}' \
        < <(printf '%s\n' "${hostile[@]}" vbr/config vbr/job) >"$T/rows"
    fra import "$T/rows" --root fra-main --purpose other
    fra person add first.operator
    export KEYMUSTER_STORE=$FRA
    mkdir "$T/bin" "$T/work"
    shells_find "$KEYMUSTER"
    cd "$T/work"
    printf 'x' >rows.ndjson
    mkdir folder
    cat >"$T/args" <<'END'
#!/bin/sh
printf '<%s>\n' "$@" >"$0.tmp" && mv "$0.tmp" "$0.out"
END
    chmod +x "$T/args"
}

# The keymuster that the shells find. It leaves a mark when it has answered a TAB.
shells_find() { # PROGRAM
    printf '#!/bin/sh\n"%s" "$@"\ns=$?\n[ "$1" != completion ] || : >"%s/answered"\nexit $s\n' "$1" "$T" >"$T/bin/keymuster"
    chmod +x "$T/bin/keymuster"
}

shell() { # COMMAND PREPARATION
    term -f /dev/null new-session -d -s t -x 200 -y 50 "env LANG=C.UTF-8 PATH='$T/bin:$PATH' $1"
    until_shows "$prompt"
    term send-keys -t t -l "$2" \; send-keys -t t Enter \; send-keys -t t -l "clear; printf 'rea%s\n' dy" \; send-keys -t t Enter
    until_shows ready
}

in_bash() { prompt='$' shell "PS1='\$ ' bash --norc" "source <(keymuster completion bash)"; }
in_zsh() {
    "$KEYMUSTER" completion zsh >"$T/_keymuster"
    prompt='>' shell "PS1='> ' zsh -f" "fpath=($T \$fpath); autoload -Uz compinit; compinit -u -d $T/zcompdump"
}
in_fish() { prompt='>' shell "fish --no-config -C 'set -g fish_autosuggestion_enabled 0; function fish_prompt; echo \"> \"; end'" 'keymuster completion fish | source'; }

# A shell that finds files by itself does not ask; one that has the answer has yet to put it in.
until_answered() {
    for _ in {1..20}; do
        [ ! -e "$T/answered" ] || break
        sleep 0.03
    done
    sleep 0.06
}

# Types this, presses TAB, and has the words counted instead of run: the program must get exactly these.
completes() { # TYPED WORD...
    local typed=$1
    shift
    rm -f "$T/args.out"
    keys -l "keymuster $typed"
    until_shows "keymuster $typed"
    rm -f "$T/answered"
    keys Tab
    until_answered
    term send-keys -t t C-a \; send-keys -t t -l "$T/args " \; send-keys -t t Enter
    for _ in {1..100}; do
        [ -e "$T/args.out" ] && break
        sleep 0.05
    done
    if [ "$(cat "$T/args.out")" != "$(printf '<%s>\n' keymuster "$@")" ]; then
        printf 'typed: %s\n' "$typed" >&2
        cat "$T/args.out" >&2
        term capture-pane -p -t t >&2
        return 1
    fi
    [ ! -e PWNED ] && [ ! -e "$T/PWNED" ]
}

all_hostile() { # WORD that is typed before the first letter
    local name
    for name in "${hostile[@]}"; do
        case $name in
        '~'* | '{'* | '#'* | '%'* | '-'*) continue ;;
        esac
        completes "show ${1-}${name:0:1}" show "$name"
    done
}

everyday() {
    completes 'rev' reveal
    completes 'kms sho' kms show
    completes 'reveal --show-r' reveal --show-request
    completes 'show vbr/c' show vbr/config
    completes 'root rotate f' root rotate fra-main
    completes 'create x --purpose config-b' create x --purpose config-backup
    completes 'audit who f' audit who first.operator
    completes 'root create x --kms kp-m' root create x --kms kp-mad
    completes 'import ro' import rows.ndjson
    completes 'import rows.ndjson --root fra' import rows.ndjson --root fra-main
    completes 'list --sort exp' list --sort expires
    completes 'list --fields name,gen' list --fields name,generation
    completes 'audit log --kind key.cr' audit log --kind key.created
    completes "-C $T/nowhere show vbr/c" -C "$T/nowhere" show vbr/c
}

@test "bash: commands, options, names, files; a hostile name is quoted, in an open quote, too, and never run" {
    scene_names
    in_bash
    everyday
    completes 'list --purpose=config-b' list --purpose=config-backup
    completes 'root rotate fra-main --credential kp-m' root rotate fra-main --credential kp-mad=
    completes 'root rotate fra-main --credential kp-mad=pro' root rotate fra-main --credential kp-mad=prompt
    completes 'root rotate fra-main --credential file:ro' root rotate fra-main --credential file:rows.ndjson
    completes 'show vbr/config@' show vbr/config@1
    completes 'recover attach fo' recover attach folder/
    all_hostile
    all_hostile "'"
    all_hostile '"'
    completes 'show \~' show '~root'
    completes 'show %' show '%r %B%F{red}'
    completes 'show \#' show '#q'
    completes 'show \{' show '{m,n}'
}

@test "bash: a program that does not quote is caught" {
    scene_names
    shells_find "$KM_TOOLS/plant-no-quote"
    in_bash
    completes 'show vbr/c' show vbr/config
    run completes 'show a' show 'a $(touch PWNED)'
    [ "$status" -ne 0 ]
    [ -e PWNED ]
}

@test "at TAB nothing is said, asked or changed, whatever is wrong" {
    scene_names
    quiet() { # ARG...: ends 0, silent on standard error
        tried "$KEYMUSTER" completion words bash -- "$@"
        [ "$status" -eq 0 ] && [ -z "$stderr" ] || { dump; return 1; }
    }
    sha256sum "$FRA"/* >"$T/before"
    quiet show '' vbr/
    [ "$output" = $'\nvbr/config\nvbr/job' ]
    KEYMUSTER_OUTPUT=ndjson quiet show '' vbr/c
    [ "$output" = $'\nvbr/config' ]
    quiet list --fields '' ''
    grep -qx name <<<"$output"
    grep -qx needed_until <<<"$output"
    quiet list '' --fields=uuid,state_
    [ "$output" = $'\n--fields=uuid,state_since\n--fields=uuid,state_reason' ] || { dump; return 1; }
    quiet site list --fields '' ''
    [ -z "$output" ]
    quiet list --sort '' wraps_
    [ "$output" = $'\nwraps_behind\nwraps_count' ]
    quiet audit log --kind '' ru
    [ "$output" = $'\nrunbook.added\nrun' ]
    quiet -C "$T/nowhere" show '' vbr/c
    [ -z "$output" ]
    cp "$FRA/keymuster.conf" "$T/conf"
    printf '[bad\n' >"$FRA/keymuster.conf"
    quiet show '' vbr/c
    [ -z "$output" ]
    cp "$T/conf" "$FRA/keymuster.conf"
    quiet $'show\xff' '' $'\xff\x1b'
    quiet '' '' ''
    quiet "$(head -c 100000 /dev/zero | tr '\0' a)" '' a
    sha256sum "$FRA"/* | diff "$T/before" -
    strace -f -e trace=network,execve -o "$T/trace" "$KEYMUSTER" completion words bash -- show '' vbr/ >/dev/null
    run grep -cE 'socket|connect' "$T/trace"
    [ "$output" = 0 ]
    [ "$(grep -c execve "$T/trace")" -eq 1 ]
}

@test "the scripts: printed, as JSON, and for no other shell" {
    local name
    for name in bash zsh fish; do
        ends 0 completion "$name"
        says keymuster
        ends 0 -o json completion "$name"
        json '.schema == "keymuster.completion/1" and .shell == $name and (.script | length) > 500' --arg name "$name"
    done
    ends 2 completion tcsh
    says bash zsh fish
    ends 2 completion
    ends 2 completion bash zsh
}

@test "zsh: commands, options, names, files; a hostile name is quoted and never run" {
    scene_names
    in_zsh
    everyday
    completes 'list --purpose=config-b' list --purpose=config-backup
    completes 'root rotate fra-main --credential kp-mad=pro' root rotate fra-main --credential kp-mad=prompt
    completes 'root rotate fra-main --credential file:ro' root rotate fra-main --credential file:rows.ndjson
    completes 'show vbr/config@' show vbr/config@1
    completes 'recover attach fo' recover attach folder # zsh takes its slash back
    all_hostile
    all_hostile "'"
    all_hostile '"'
    completes 'show \~' show '~root'
    completes 'show %' show '%r %B%F{red}'
    completes 'show \#' show '#q'
}

@test "fish: commands, options, names, files; a hostile name is quoted and never run" {
    scene_names
    in_fish
    everyday
    completes 'list --purpose=config-b' list --purpose=config-backup
    completes 'root rotate fra-main --credential kp-mad=pro' root rotate fra-main --credential kp-mad=prompt
    completes 'root rotate fra-main --credential file:ro' root rotate fra-main --credential file:rows.ndjson
    completes 'show vbr/config@' show vbr/config@1
    completes 'recover attach fo' recover attach folder/
    all_hostile
}
