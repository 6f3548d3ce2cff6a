#!/usr/bin/env bats
# A commit that fails has three outcomes: stored, not stored, unknown. Each is found out and said.
load ../lib/cli.bash

FIVE=5 # syncs of one commit: journal, folder, journal, database, folder

# site add with strace injecting an error; extra strace options before --.
faulty() { # SITE STRACE-OPTION...
    local site=$1
    shift
    run --separate-stderr strace -f -o "$T/trace" -e trace=fdatasync,openat "$@" "$KEYMUSTER" -o json -C "$FRA" \
        --offline site add "$site"
}

@test "an error before the point of no return: not stored, and it says so" {
    fra init --site fra
    for n in 1 3 4; do
        faulty "s$n" -e "inject=fdatasync:error=EIO:when=$n"
        [ "$status" -eq 1 ]
        error_is KM2008
        says 'nothing was stored'
        ends 0 -C "$FRA" verify
        ends 0 -o json -C "$FRA" site list
        json 'all(.items[]; .name != $s)' --arg s "s$n"
    done
}

@test "an error after the point of no return: it looks again, finds it stored, and succeeds" {
    fra init --site fra
    faulty late -e "inject=fdatasync:error=EIO:when=$FIVE"
    [ "$status" -eq 0 ]
    json '.name == "late"'
    ends 0 -o json -C "$FRA" site list
    json 'any(.items[]; .name == "late")'
    ends 0 -C "$FRA" verify
}

@test "when it cannot look again it is 19 with the entry's hash, and audit log answers" {
    fra init --site fra
    faulty dry
    [ "$status" -eq 0 ]
    local opens
    opens=$(awk '/fdatasync/ { n++ } /openat/ && n < 5 { o++ } END { print o }' "$T/trace")
    faulty doubt -e "inject=fdatasync:error=EIO:when=$FIVE" -e "inject=openat:error=EIO:when=$((opens + 1))+"
    [ "$status" -eq 19 ]
    error_is KM2013
    local entry
    entry=$(tail -n 1 <<<"$stderr" | jq -r .entry)
    ends 0 -C "$FRA" audit log --entry "$entry"
    says doubt
    ends 0 -C "$FRA" verify
}

@test "a disk that is full in the middle of a commit is 5, and nothing is stored" {
    fra init --site fra
    run --separate-stderr strace -f -o "$T/trace" -e trace=pwrite64 -e inject=pwrite64:error=ENOSPC:when=2+ \
        "$KEYMUSTER" -o json -C "$FRA" --offline site add full
    [ "$status" -eq 5 ]
    error_is KM2009
    ends 0 -C "$FRA" verify
    ends 0 -o json -C "$FRA" site list
    json '.items | map(.name) == ["fra"]'
}
