#!/usr/bin/env bash
# valgrind over unit tests and a few commands: no error, nothing definitely lost, no descriptor left open. What must be
# found is planted first. No suppressions: the libraries give no reason for one. Prints TAP.
#
#   tests/lanes/memcheck.sh [BUILD-FOLDER]
set -euo pipefail

cd -- "$(dirname -- "$0")/../.."
build=$(realpath "${1:-build/valgrind}")
jobs=$(nproc)
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
number=0 failed=0

# Left out: what takes minutes here and shows nothing more (thousands of the same calls, password hashes), what looks at
# freed memory on purpose, unit/child, whose failing exec succeeds under valgrind, unit/env, which counts the variables it was started with, and unit/term, which stood still
# there with two processes at one terminal.
units="err secret file hash check url enc uni time json ini table opt ref entry apply log trust restate db raw
       segment head newest memory liar remote deliver"

# Runs a command under valgrind; its report goes to a file.
checked() { # REPORT COMMAND...
    local report=$1
    shift
    timeout 200 valgrind --quiet --log-file="$report" --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite --track-fds=yes --child-silent-after-fork=yes "$@"
}

# What a report holds against the program: errors, and descriptors of its own.
faults() { # REPORT
    awk '
        /noted but unhandled ioctl|could cause spurious value|README_MISSING_SYSCALL/ { next } # of valgrind itself
        /Open file descriptor|Open AF_/ { at = $0; getline; if (!/inherited from parent/) print at; next }
        /FILE DESCRIPTORS|^==[0-9]+== *$/ { next }
        { print }' "$1"
}

result() { # WHAT REPORT STATUS
    local seen
    number=$((number + 1))
    seen=$(faults "$2")
    if [ "$3" -eq 0 ] && [ -z "$seen" ]; then
        printf 'ok %d %s\n' "$number" "$1"
    else
        failed=1
        printf 'not ok %d %s\n# status %d\n' "$number" "$1" "$3"
        printf '# %s\n' "${seen//$'\n'/$'\n# '}"
    fi
}

# A leak, an open descriptor and a read of what was freed: each must be reported.
planted() {
    cat >"$tmp/planted.c" <<'C'
#include <fcntl.h>
#include <stdlib.h>
int
main(int argc, char **argv)
{
    char *volatile p = malloc(8);
    if (argv[1][0] == 'l')
        p = NULL;
    if (argv[1][0] == 'd')
        (void)open("/dev/null", O_RDONLY);
    free(p);
    return argv[1][0] == 'r' && p[0] == argc + 77;
}
C
    cc -g -w -o "$tmp/planted" "$tmp/planted.c"
    local kind text missed=''
    for kind in 'leak:definitely lost' 'descriptor:Open file descriptor' 'read:Invalid read' 'none:'; do
        checked "$tmp/report" "$tmp/planted" "${kind%%:*}" || true
        text=${kind#*:}
        if [ -n "$text" ] && ! faults "$tmp/report" | grep -q "$text"; then
            missed+=" ${kind%%:*}"
        elif [ -z "$text" ] && [ -n "$(faults "$tmp/report")" ]; then
            missed+=' false-alarm'
        fi
    done
    number=$((number + 1))
    if [ -z "$missed" ]; then
        printf 'ok %d valgrind sees a planted leak, descriptor and read, and nothing where nothing is\n' "$number"
    else
        failed=1
        printf 'not ok %d not seen:%s\n' "$number" "$missed"
    fi
}

# One command must end so and be clean.
command_is() { # WANT ARG...
    local want=$1 status=0
    shift
    checked "$tmp/report" "$build/keymuster" "$@" >"$tmp/answer" 2>"$tmp/said" || status=$?
    if [ "$status" -ne "$want" ]; then
        sed 's/^/# /' "$tmp/said"
    fi
    result "keymuster $1 ${2-} ends $want" "$tmp/report" $((status - want))
}

# A key's life at one site, and what is refused.
commands() {
    export HOME=$tmp/home XDG_STATE_HOME=$tmp/home/state LANG=C.UTF-8
    mkdir -p "$HOME"
    umask 077
    echo canary-passphrase >"$tmp/pass"
    local s=(-C "$tmp/fra")
    command_is 0 init "${s[@]}" --site fra
    command_is 0 kms add kp "${s[@]}" --site fra --provider local --file "$tmp/fra.kms" --credential "file:$tmp/pass"
    command_is 0 root create main "${s[@]}" --kms kp
    command_is 0 copy add usb "$tmp/usb" "${s[@]}" --site fra
    command_is 0 create app/one "${s[@]}" --purpose other --root main --to "file:$tmp/secret"
    command_is 0 reveal app/one "${s[@]}" --reason drill --to - -o json
    command_is 0 list "${s[@]}"
    command_is 0 show app/one "${s[@]}" --wraps --history -o json
    command_is 0 status "${s[@]}"
    command_is 0 drill "${s[@]}" -o json
    command_is 0 sync "${s[@]}"
    command_is 0 verify "${s[@]}"
    command_is 13 show nothing "${s[@]}"
    command_is 2 create "${s[@]}" --no-such-option
    command_is 18 reveal app/one "${s[@]}" --reason drill --to "file:$tmp/secret"
}

planted
# Called by the shells that xargs starts.
# shellcheck disable=SC2317
one_unit() { # NAME: its status and report
    local status=0
    checked "$tmp/$1.report" "$build/tests/test_$1" >"$tmp/$1.out" 2>&1 || status=$?
    echo "$status" >"$tmp/$1.status"
}
export -f one_unit checked
export tmp build
# shellcheck disable=SC2016
tr -s ' \n' '\0\0' <<<"$units" | xargs -0 -P "$jobs" -n 1 bash -c 'one_unit "$1"' -
for name in $units; do
    result "unit/$name" "$tmp/$name.report" "$(cat -- "$tmp/$name.status")"
done
commands
printf '1..%d\n' "$number"
exit "$failed"
