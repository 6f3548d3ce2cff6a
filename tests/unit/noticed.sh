#!/bin/sh
# noticed.sh TEST: a test with a planted fault must fail, by an assertion. Prints a TAP line; what the test said goes nowhere, for who
# counts failures would count it.
if said=$("$1" 2>&1) || ! printf '%s\n' "$said" | grep -q '^\[  FAILED  \]'; then
    printf 'not ok 1 %s: the planted fault was not noticed\n' "${1##*/}"
    exit 1
fi
printf 'ok 1 %s: the planted fault is noticed\n' "${1##*/}"
