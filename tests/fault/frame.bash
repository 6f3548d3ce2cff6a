# shellcheck shell=bash
# Walks a table of commands and lays faults at their requests, for requests.sh and vbr.sh.
#
#   frame_run STOP [ARG...]   STOP ends a worker's server; ARG as behind the setting "planted" or "one". The script has
#     rows, begin NUMBER, walk   fills names; starts a worker's server; lays the faults of names[row], and adds to faults, requests, bad
#     setting, top, JOBS, LEAST  as in its head
# Sets program, and only, only_n, only_kind ("" for all). KM_FAULT_ROWS: only these rows. Prints a line of sums and a TAP line; ends the script.
# What it is given and what it sets is the script's.
# shellcheck disable=SC2034,SC2064,SC2154

frame_worker() { # STOP NUMBER
    trap "$1" EXIT
    faults=0 bad=0 requests=0 walked=0
    begin "$2"
    for ((row = 0; row < ${#names[@]}; row++)); do
        if [[ -n $only && " $only " != *" ${names[row]} "* ]]; then continue; fi
        mkdir "$top/claim.$row" 2>/dev/null || continue
        walk
        walked=$((walked + 1))
    done
    echo "$walked $requests $faults $bad" >"$top/sums.$2"
}

frame_run() {
    local stop=$1 job pid pids=() ok what
    shift
    rows
    only=${KM_FAULT_ROWS-}
    program=$KEYMUSTER
    case $setting in
        planted)
            program=$KM_TOOLS/plant-$1
            only=$2 only_kind=$3 JOBS=1
            ;;
        one)
            only=$1 only_n=$2 only_kind=$3 JOBS=1
            echo "left in $top"
            ;;
    esac
    for ((job = 0; job < JOBS; job++)); do
        frame_worker "$stop" "$job" >"$top/out.$job" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || true; done
    cat "$top"/out.*
    read -r walked requests faults bad < <(cat "$top"/sums.* | awk '{ w += $1; r += $2; f += $3; b += $4 } END { print w + 0, r + 0, f + 0, b + 0 }')
    [ "$(find "$top" -name 'sums.*' | wc -l)" -eq "$JOBS" ] || { echo 'a worker gave up'; bad=$((bad + 1)); }
    printf '%s: %d faults at %d requests of %d commands, %d wrong, %d s\n' "$setting" "$faults" "$requests" "$walked" "$bad" "$SECONDS"
    case $setting in
        planted) ok=$((bad > 0)) what="${program##*/} is caught" ;;
        one) ok=$((bad == 0)) what="$only $only_n $only_kind" ;;
        *) ok=$((bad == 0 && faults >= LEAST)) what="faults at every request: at least $LEAST wanted" ;;
    esac
    if [ "$ok" -eq 0 ]; then
        echo "not ok 1 $what"
        exit 1
    fi
    echo "ok 1 $what"
}
