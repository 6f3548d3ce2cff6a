# shellcheck shell=bash
# What kms.sh and kms_bulk.sh share: the simulator, a store with a root key and a copy, bare libcurl (bare_kms.c), clocks.
# Sourced from the top of the source tree. KEYMUSTER and KM_TOOLS may name another build than build/release; TMPDIR says
# on which disk the store lies.
#
#   scene             makes all of it under $top, which goes at exit, and what of background is in `started` with it
#   quiet ARG...      keymuster in that store; 3 (no copy reached) is no failure
#   once WORD...      seconds that a command took
#   median            of the numbers on standard input
#   rows COUNT NAME   imports keys NAME/1... that all have the wrap of vbr/one
#   rotate            the root key is another version, so every wrap is stale

export KEYMUSTER=${KEYMUSTER:-$PWD/build/release/keymuster} KM_TOOLS=${KM_TOOLS:-$PWD/build/release/tests}
. tests/lib/sim.bash
top=$(mktemp -d)
started=()
scene_end() {
    [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
    sim_stop
    rm -rf -- "$top"
}
trap scene_end EXIT
export HOME=$top XDG_STATE_HOME=$top/state LANG=C.UTF-8
umask 077

k() { "$KEYMUSTER" -C "$top/store" "$@"; }
quiet() { k "$@" >/dev/null 2>"$top/err" || [ $? -eq 3 ] || { cat "$top/err" >&2; exit 1; }; }
once() {
    local began=$EPOCHREALTIME
    "$@" >/dev/null 2>"$top/err" || [ $? -eq 3 ] || { echo "failed: $*" >&2; cat "$top/err" >&2; exit 1; }
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

scene() {
    gcc -O2 -D_GNU_SOURCE -o "$top/bare_kms" tests/bench/bare_kms.c -lcurl
    sim_start "$top/sim"
    quiet init --site fra
    quiet kms add kp --site fra --provider ibm --instance "$SIM_INSTANCE" --endpoint "$SIM_KMS" --iam "$SIM_IAM" --ca "$SIM_CA" \
        --credential "file:$SIM_APIKEY"
    quiet root create main --kms kp
    mkdir "$top/usb"
    quiet copy add usb "$top/usb" --site fra
    quiet create vbr/one --purpose backup-job --root main
    k -o json show vbr/one --wraps 2>/dev/null | jq -r '.wraps[0].ciphertext' >"$top/wrap"
    # shellcheck disable=SC2034 # used by the scripts
    root=$(k -o json root list | jq -r '.items[0].id')
}

rows() {
    seq "$1" | jq -cR --rawfile w "$top/wrap" --arg name "$2" '{name: "\($name)/\(.)", wrapped: ($w | rtrimstr("\n"))}' >"$top/rows"
    quiet import "$top/rows" --root main --purpose backup-job --no-prove --offline
}

rotate() {
    sim_move 3700 # rotations have an hour between them
    quiet root rotate main
}
