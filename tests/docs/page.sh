#!/usr/bin/env bash
# Plays the commands of a page of docs/ in a fresh place and compares what they say with what the page says that they say.
#
#   page.sh PAGE [--left|--wrong]     --left: the place is left, and said; --wrong: something in it must be found wrong
#
# In a page, a block ```console has commands behind "$ ", a "> " going on with one, and below each what it says; ```sh has commands
# alone. All run in one shell. Each must end 0; `# ends 3` behind a command says otherwise. Each line that the page has as said must be said,
# in that order, once it is made the same: UUIDs, hashes, times, durations, sizes and the home folder are placeholders, blanks are one.
# Lines of HTML comment, which no reader sees:
#
#   <!-- scene NAME -->       scene_NAME (scenes.bash) made what is there before; the last word wins
#   <!-- run COMMAND -->      what happens outside the page: a disk is lost, a colleague answers
#   <!-- as SED-SCRIPT -->    how the commands are changed from here on where the page speaks of what a test cannot have
#
# Environment: KEYMUSTER, KM_TOOLS, KM_SOURCE as in tests/lib/cli.bash. Prints what went wrong and a TAP line; a page without commands is wrong.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
: "${KEYMUSTER:?}" "${KM_SOURCE:=$here/../..}"
page=$(realpath -- "${1:?a page}")
mode=${2-}
top=$(mktemp -d)
started=()
finish() {
    local pid
    for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done
    command -v sim_stop >/dev/null && sim_stop
    command -v vbr_stop >/dev/null && vbr_stop
    if [ "$mode" = --left ]; then echo "left in $top"; else rm -rf -- "$top"; fi
}
trap finish EXIT
# shellcheck source=tests/docs/scenes.bash
. "$here/scenes.bash"

same() { # the page has its own home folder
    sed -E -e "s:$HOME|/home/operator:HOME:g" -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g' -e 's/[0-9a-f]{12,64}/HASH/g' \
        -e 's/20[0-9]{2}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z)?/DATE/g' -e 's/just now|[0-9.]+ (ms|s|min|h|d) ago/AGO/g' \
        -e 's/[0-9.]+ (ms|s|min|h|d|KiB|MiB)\b/AMOUNT/g' -e 's/[[:space:]]+/ /g' -e 's/ $//'
}

umask 077
for name in $(compgen -e | grep -E '^(KEYMUSTER_|XDG_|SSH_CONNECTION$|NO_COLOR$|COLUMNS$|RESTIC_|LC_|LANGUAGE$)'); do unset "$name"; done
mkdir -p "$top/home" "$top/bin"
ln -s -- "$(realpath -- "$KEYMUSTER")" "$top/bin/keymuster"
export HOME=$top/home PATH=$top/bin:$PATH LANG=C.UTF-8 TZ=UTC
cd "$HOME"

commands=0 wrong=0 as=(-e "")
complain() { # LINE TEXT
    printf '%s:%s: %s\n' "${page##*/}" "$1" "$2" | sed 's/^/# /'
    wrong=$((wrong + 1))
}

# What a command said must hold these lines, in that order.
compare() { # LINE
    awk 'NR == FNR { want[++n] = $0; next } i < n && $0 == want[i + 1] { i++ } END { if (i < n) { print want[i + 1]; exit 1 } }' \
        <(same <"$top/want" | grep -v '^ *$') <(same <"$top/said") >"$top/missing" ||
        complain "$1" "it does not say: $(cat "$top/missing")
$(sed 's/^/    /' "$top/said")"
}

run() { # LINE COMMAND; what it is to say is in want
    local want=0 status=0 command=$2
    case $command in
        *'# ends '*) want=${command##*# ends } ;;
    esac
    command=$(sed -E "${as[@]}" <<<"$command")
    commands=$((commands + 1))
    eval "$command" >"$top/said" 2>&1 </dev/null || status=$?
    if [ "$status" -ne "$want" ]; then
        complain "$1" "$command ended $status, not $want
$(sed 's/^/    /' "$top/said")"
    elif [ -s "$top/want" ]; then
        compare "$1"
    fi
}

number=0 block='' command='' began=0 backslash=\\
: >"$top/want"
flush() {
    [ -z "$command" ] || run "$began" "$command"
    command=''
    : >"$top/want"
}
while IFS= read -r line <&7 || [ -n "$line" ]; do
    number=$((number + 1))
    case $block-$line in
        '-<!-- scene '*) line=${line#<!-- scene }; "scene_${line% -->}" >"$top/scene" 2>&1 || { cat "$top/scene"; complain "$number" 'the scene cannot be made'; } ;;
        '-<!-- run '*) line=${line#<!-- run }; eval "${line% -->}" >"$top/said" 2>&1 </dev/null || { complain "$number" "$line"; cat "$top/said"; } ;;
        '-<!-- as '*) line=${line#<!-- as }; as+=(-e "$(eval "printf %s \"${line% -->}\"")") ;;
        '-```console') block=console ;;
        '-```sh') block='sh' ;;
        '-```'*) block=other ;;
        *-'```') flush; block='' ;;
        'console-$ '*) flush; command=${line#'$ '}; began=$number ;;
        'console-> '*) command+=$'\n'${line#'> '} ;;
        console-*)
            # A line that goes on has a backslash at the end of the one before.
            if [ "${command: -1}" = "$backslash" ]; then command+=$'\n'$line; else printf '%s\n' "$line" >>"$top/want"; fi ;;
        sh-*)
            if [ -z "$command" ] || [ "${command: -1}" != "$backslash" ]; then flush; began=$number; command=$line; else command+=$'\n'$line; fi ;;
    esac
done 7<"$page"
[ -z "$block" ] || complain "$number" 'a block does not end'
[ "$commands" -gt 0 ] || complain 1 'it has no commands'
ok=$((wrong == 0))
[ "$mode" != --wrong ] || ok=$((wrong > 0))
[ "$ok" -eq 1 ] || printf 'not '
printf 'ok 1 %s: %d commands, %d wrong\n' "${page##*/}" "$commands" "$wrong"
[ "$ok" -eq 1 ]
