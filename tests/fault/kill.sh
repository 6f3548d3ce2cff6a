#!/usr/bin/env bash
# Kills a command at its system calls, one after the other, and looks at what is left each time:
#   the store verifies, what the command had acknowledged is there, the same command run again ends well, and so does
#   `copy check --deep`.
#
#   kill.sh SCENARIO STEP     every STEPth call; the scenarios are the functions begin_* and again_* below
#   kill.sh planted           the build that acknowledges before the commit (KM_PLANTED) must be caught at it
#
# Environment: KEYMUSTER, KM_TOOLS (killat, kms_tool), KM_PLANTED. Prints a line of sums and a TAP line.
set -euo pipefail
: "${KEYMUSTER:?}" "${KM_TOOLS:?}"

umask 077
# A process is killed here, not a machine: where the files lie makes no difference, and in memory syncs cost nothing.
if [ -z "${TMPDIR-}" ] && [ -w /dev/shm ]; then
    export TMPDIR=/dev/shm
fi
top=$(mktemp -d)
trap 'rm -rf -- "$top"' EXIT
export LANG=C.UTF-8

# ---- the state before: two sites, cheap KMSs, a copy, one released key, and one more entry that no copy has ----

base=$top/base
mkdir -p "$base/home" "$base/usb"
export HOME=$base/home XDG_STATE_HOME=$base/home/state
quiet() { "$KEYMUSTER" "$@" >/dev/null 2>"$top/err" || { cat "$top/err" >&2; exit 1; }; }

prepare() {
    local site
    cd "$base"
    for site in fra mad; do
        printf 'canary-passphrase-%s\n' "$site" >"$site.pass"
        "$KM_TOOLS/kms_tool" new "$site.kms" "$site.pass"
    done
    quiet -C store init --site fra
    quiet -C store site add mad
    for site in fra mad; do
        quiet -C store kms add "kp-$site" --site "$site" --provider local --file "$site.kms" --credential "file:$site.pass"
        quiet -C store root create "$site-main" --kms "kp-$site"
    done
    quiet -C store copy add usb ./usb --site mad
    quiet -C store create vbr/first --purpose backup-job --root mad-main
    quiet -C store root rotate mad-main
    quiet -C store export vbr/first --file ./exported
    head -c 32 /dev/urandom >payload
    "$KM_TOOLS/kms_tool" wrap mad.kms mad.pass mad-main payload >wdek
    # A second author, admitted, with an entry on the copy that this store has not pulled: sync goes both ways.
    quiet -C second join --from ./usb --site mad --yes
    quiet -C store author admit --yes "$("$KEYMUSTER" -o json -C second status | sed 's/.*"author":"\([0-9a-f]*\)".*/\1/')"
    quiet -C second site add pulled
    rm -rf second
    quiet -C store site add unpublished --offline
}

# ---- scenarios: the command that is killed, and what must end well afterwards ----

begin_create() { run -o json -C store create vbr/second --purpose config-backup --root mad-main --root fra-main; }
acknowledged_create() { grep -q '"created":true.*}$' out; }
there_create() { well -C store show vbr/second; }
again_create() { well -C store create vbr/second --purpose config-backup --root mad-main --root fra-main --if-missing; }

begin_rekey() { run -o json -C store rekey vbr/first; }
acknowledged_rekey() { grep -q '"created":true.*}$' out; }
there_rekey() { well -C store show vbr/first@2; }
again_rekey() { well -C store rekey vbr/first; }

begin_rewrap() { run -o json -C store rewrap vbr/first; }
acknowledged_rewrap() { grep -q '"rewrapped":1.*}$' out; }
there_rewrap() { well -C store show vbr/first --wraps && grep -q ' rewrap, ' well.out; }
again_rewrap() { well -C store rewrap vbr/first; }

begin_rehome() { run -o json -C store rehome vbr/first --to fra-main; }
acknowledged_rehome() { grep -q '"added":1.*}$' out; }
there_rehome() { well -C store show vbr/first && grep -q 'fra-main .* rehome, ' well.out; }
again_rehome() { well -C store rehome vbr/first --to fra-main; }

begin_record() { run -o json -C store record vbr/old --purpose backup-job --root mad-main --wrapped file:wdek; }
acknowledged_record() { grep -q '"created":true.*}$' out; }
there_record() { well -C store show vbr/old; }
again_record() { well -C store record vbr/old --purpose backup-job --root mad-main --wrapped file:wdek; }

begin_sync() { run -o json -C store sync; }
acknowledged_sync() { grep -q '"own_entries":.*}$' out; }
there_sync() {
    rm -rf reader && well -C reader join --from ./usb --site unpublished --yes --offline &&
        well -C store site list && grep -q '^pulled' well.out
}
again_sync() { well -C store sync; }

begin_init() { run -o json -C other init --site fra; }
acknowledged_init() { grep -q '"escrow":.*}$' out; }
there_init() { well -C other verify; }
again_init() { [ -e other/escrow.db ] || well -C other init --site fra; well -C other verify; }

begin_join() { run -o json -C other join --from ./usb --site mad --yes; }
acknowledged_join() { grep -q '"escrow":.*}$' out; }
there_join() { well -C other verify; }
again_join() { [ -e other/escrow.db ] || well -C other join --from ./usb --site mad --yes; well -C other verify; }

begin_renew() { run -o json -C store author renew --yes; }
acknowledged_renew() { grep -q '"former":.*}$' out; }
there_renew() { well -C store author list && grep -q 'founder, retired' well.out; }
# Whatever is left, the next writer has one key, and the logs of every author it ever was go on to the copy.
again_renew() {
    well -C store site add after && [ ! -e store/author.key.new ] && well -C store sync && rm -rf reader &&
        well -C reader join --from ./usb --site after --yes --offline &&
        [ "$(lines_of reader)" = "$(lines_of store)" ] && well -C store author renew --yes && [ ! -e store/author.key.new ]
}

begin_spare() { run -o json -C store author spare --file spare.key --credential file:fra.pass; }
acknowledged_spare() { grep -q '"standing":"spare".*}$' out; }
there_spare() { well -C store sync && well -C reader join --from ./usb --site mad --yes --spare spare.key --credential spare=file:fra.pass; }
again_spare() {
    rm -rf reader
    if [ -e spare.key ]; then mv spare.key used.key; fi
    well -C store author spare --file spare.key --credential file:fra.pass
}

begin_reveal() { run -o json -C store reveal vbr/first --reason test --to file:secret; }
acknowledged_reveal() { [ -s secret ]; }
there_reveal() { well -C store -o ndjson audit log && grep -q '"kind":"reveal.shown"' well.out; }
again_reveal() { rm -f secret && well -C store reveal vbr/first --reason test --to file:secret; }

begin_repair() {
    printf '!' | dd of=usb/escrow.json bs=1 seek=20 conv=notrunc status=none
    local own
    own=$("$KEYMUSTER" -o json -C store status | sed 's/.*"author":"\([0-9a-f]*\)".*/\1/')
    find "usb/log/$own" "usb/head/$own" -type f | while read -r object; do printf '!' | dd of="$object" bs=1 seek=20 conv=notrunc status=none; done
    run -o json -C store sync --repair --yes usb
}
acknowledged_repair() { grep -q '"repaired":true.*}$' out; }
there_repair() { well -C store copy check --deep && grep -rqs '!' usb/damaged; }
again_repair() { well -C store sync --repair --yes usb; }

# From an export: the store of the records is made on the way.
from_export() { echo reveal vbr/first --from ./exported --yes --credential file:mad.pass --kms-file mad.kms --reason test --to file:secret; }
# shellcheck disable=SC2046 # words
begin_from() { run -o json $(from_export); }
acknowledged_from() { [ -s secret ]; }
there_from() { well -C home/state/keymuster/recover/* -o ndjson audit log && grep -q '"kind":"reveal.shown"' well.out; }
# shellcheck disable=SC2046
again_from() { rm -f secret && well $(from_export) && well -C home/state/keymuster/recover/* verify; }

# ---- one kill ----

run() { "$KM_TOOLS/killat" "$at" "$program" "$@" >out 2>err 3>calls </dev/null || true; }

well() {
    if ! "$KEYMUSTER" "$@" >well.out 2>well.err </dev/null; then
        printf '%s killed at call %s; then keymuster %s:\n' "$scenario" "$at" "$*" >&2
        cat well.out well.err >&2
        return 1
    fi
}

# All lines that a store holds, but for the first ones of those that joined.
lines_of() { "$KEYMUSTER" -C "$1" audit log | grep -v '"author.joined"' | sort | sha256sum; }

# Nothing differs from the state before, which verifies and from which the command works (the run that counts proves it).
unchanged() { diff -rq -x keymuster.conf -x out -x err -x calls "$base" "$work" >/dev/null; }

one() { # AT: sets acked, lost and same
    at=$1
    rm -rf "$work"
    cp -r "$base" "$work"
    cd "$work"
    export HOME=$work/home XDG_STATE_HOME=$work/home/state
    sed -i "s|$base|$work|" store/keymuster.conf
    "begin_$scenario"
    acked=0
    lost=0
    same=0
    if [ "$at" -ne 0 ] && unchanged && ! "acknowledged_$scenario"; then
        same=1
        return
    fi
    well -C store verify || lost=1
    if "acknowledged_$scenario"; then
        acked=1
        "there_$scenario" || lost=1
    fi
    "again_$scenario" || lost=1
    well -C store sync || lost=1
    well -C store copy check --deep || lost=1
    well -C store verify || lost=1
}

# Every STEPth call from FIRST on, to its end; a line of sums at the end.
walk() { # FIRST STEP LAST
    local kills=0 all_acked=0 all_lost=0 all_same=0 n
    for ((n = $1; n <= $3; n += $2)); do
        one "$n"
        kills=$((kills + 1)) all_acked=$((all_acked + acked)) all_lost=$((all_lost + lost)) all_same=$((all_same + same))
    done
    printf '%d %d %d %d\n' "$kills" "$all_acked" "$all_lost" "$all_same" >"$top/sums.$1"
}

sweep() { # STEP
    local last
    work=$top/work.count
    one 0 # not killed: how many calls are there?
    last=$(sed -n 's/^calls //p' "$work/calls")
    if [ "$lost" -ne 0 ] || [ "$acked" -ne 1 ]; then
        printf 'the scenario %s does not work at all\n' "$scenario" >&2
        cat "$work/out" "$work/err" >&2
        exit 1
    fi
    (work=$top/work.a && walk 1 $((2 * $1)) "$last") &
    (work=$top/work.b && walk $((1 + $1)) $((2 * $1)) "$last") &
    wait
    read -r kills acked lost same < <(awk '{ k += $1; a += $2; l += $3; s += $4 } END { print k, a, l, s }' "$top"/sums.*)
    printf '%s: %d kills over %d system calls, %d of them before anything changed, %d acknowledged, %d lost or broken\n' \
        "$scenario" "$kills" "$last" "$same" "$acked" "$lost"
}

program=$KEYMUSTER
if [ "${1-}" = planted ]; then
    program=${KM_PLANTED:?}
    if [ ! -x "$program" ]; then
        echo "SKIP ALL: the planted build is not there"
        exit 0
    fi
    scenario=create
    (prepare)
    sweep 7 2>/dev/null
    if [ "$lost" -eq 0 ]; then
        echo 'not ok 1 the planted fault was not caught'
        exit 1
    fi
    echo 'ok 1 the build that acknowledges before the commit is caught'
    exit 0
fi

scenario=${1:?a scenario} step=${2:-1}
(prepare)
sweep "$step"
if [ "$lost" -ne 0 ] || [ "$kills" -lt 100 ] || [ $((kills - same)) -lt 20 ]; then
    echo "not ok 1 $scenario"
    exit 1
fi
echo "ok 1 $scenario survives $kills kills"
