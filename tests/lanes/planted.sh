#!/usr/bin/env bash
# Prints C code with one known finding of each kind, for the analyzers to find.
#
#   tests/lanes/planted.sh tidy|cppcheck
set -euo pipefail

tidy() {
    cat <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sizes(const char *text, int a, int b, int c);
int deref(int known);
int nested(int a, int b, int c);
void lines(void);

int
sizes(const char *text, int a, int b, int c)
{
    char copy[16];
    memset(copy, sizeof copy, 0);              /* bugprone-suspicious-memset-usage */
    fopen(text, "r");                          /* cert-err33-c */
    char *word = strtok(copy, " ");            /* concurrency-mt-unsafe */
    return atoi(text) + (word != NULL) + deref(a) + nested(a, b, c); /* cert-err34-c */
}

int
deref(int known)
{
    int *p = NULL;
    return known ? 1 : *p; /* clang-analyzer-core.NullDereference */
}

int
nested(int a, int b, int c) /* readability-function-cognitive-complexity */
{
    for (int i = 0; i < a; i++) {
        for (int j = 0; j < b; j++) {
            for (int k = 0; k < c; k++) {
                if (i == j) {
                    while (c > k) {
                        if (c-- == j) {
                            b += i > j ? 1 : 0;
                        }
                    }
                }
            }
        }
    }
    return b;
}

void
lines(void) /* readability-function-size */
{
C
    for n in $(seq 101); do
        printf '    (void)printf("%%d", %d);\n' "$n"
    done
    printf '}\n'
}

cppcheck() {
    cat <<'C'
#include <stdlib.h>

int
planted(int n)
{
    char row[4];
    char *lost = malloc(8); /* memleak */
    int unset;              /* uninitvar */
    int wide = 0;           /* variableScope */
    row[4] = (char)n;       /* arrayIndexOutOfBounds */
    if (n > 0) {
        wide = n;
        lost[0] = (char)wide;
    }
    return unset + row[0];
}
C
}

"$1"
