#!/usr/bin/env bats
# explain: what an error means and what to do, from one list, which the two pages of the reference repeat.
load ../lib/cli.bash

@test "a code: means, cause, do; in both cases of letters, without KM, as JSON" {
    ends 0 explain KM3005
    says 'KM3005  exit 14' 'means' 'cause' 'keymuster root enable'
    local words=$output
    for form in km3005 3005; do
        ends 0 explain "$form"
        [ "$output" = "$words" ]
    done
    [ "$(wc -L <<<"$output")" -le 80 ]
    ends 0 -o json explain KM3005
    json '.schema == "keymuster.explain/1" and .exits == [] and (.codes | length) == 1
          and (.codes[0] | .code == "KM3005" and .exit == 14 and .retryable == false
               and (.means | length) > 20 and (.causes | length) > 0 and (.do | length) > 0)'
}

@test "every code has its help, no line is too wide, and every exit status is listed" {
    ends 0 -o json explain
    json '(.codes | length) > 60 and ([.codes[].exit] - [.exits[].exit] == [])
          and (.codes | all((.means | length) > 20 and (.causes | all(length > 5)) and (.do | all(length > 5))))'
    local code
    for code in $(jq -r '.codes[].code' <<<"$output"); do
        ends 0 explain "$code"
        [ "$(wc -L <<<"$output")" -le 80 ] || { dump; return 1; }
    done
    # errlist.h is the list; none of its codes is left out
    [ "$(ask '.codes[].code' explain)" = "$(sed -nE 's/.*X\(RC_[A-Z_]+, ([0-9]{4}), .*/KM\1/p' "$KM_SOURCE/src/base/errlist.h")" ]
}

@test "an exit status: its meaning and its codes" {
    ends 0 explain 15
    says 'exit 15   integrity' KM2014 KM3012 KM4006
    silent_on KM3005 'exit 14'
    ends 0 -o json explain 15
    json '(.exits | map(.exit)) == [15] and (.codes | all(.exit == 15)) and (.codes | length) > 9'
    ends 0 explain 0
    says 'exit 0 '
    ends 0 explain 143
    says SIGTERM
}

@test "what is none is 13, and something near is named" {
    ends 13 explain KM3999
    says KM3026 KM4001
    ends 13 -o json explain KM3999
    error_is KM2011
    ends 13 explain disabled
    says KM3005
    ends 13 explain 99
    says 'by itself'
    for none in KM 0 '' KM30055 -1 KMabcd "$(printf 'x\e[2J')"; do
        tried "$KEYMUSTER" explain "$none"
        [ "$status" -eq 13 ] || [ "$status" -eq 2 ] || [ "$none" = 0 ] || { dump; return 1; }
        run grep -c $'\e' <<<"$stderr"
        [ "$output" = 0 ]
    done
    ends 2 explain KM3005 KM3006
}

@test "the page of errors is what the program says" {
    "$KEYMUSTER" explain -o json | jq -rf "$KM_SOURCE/docs/reference/errors.jq" >"$T/errors.md"
    diff "$KM_SOURCE/docs/reference/errors.md" "$T/errors.md"
}

@test "the page of exit statuses has the same rows as the program" {
    sed -nE 's/^\| ([0-9]+) \| (.*) \|$/\1 \2/p' "$KM_SOURCE/docs/reference/exit-codes.md" >"$T/page"
    ask '.exits[] | "\(.exit) \(.text)"' explain | diff "$T/page" -
}

@test "every command that an explanation names exists" {
    local words
    ask '.codes[].do[]' explain | grep -oE 'keymuster (-C DIR )?[a-z]+( [a-z-]+)?' | sed 's/ -C DIR//' | sort -u >"$T/named"
    [ "$(wc -l <"$T/named")" -gt 15 ]
    "$KEYMUSTER" help | sed -nE 's/^  ([a-z]+( [a-z-]+)?)  .*/keymuster \1/p' | sort -u >"$T/there"
    while read -r words; do
        # as it stands, or a bare verb before the rest of a sentence
        grep -qxF -e "$words" -e "${words% *}" "$T/there" || { echo "no such command: $words" >&2; return 1; }
    done <"$T/named"
}
