/*
 * How far long work has got, on standard error, as --progress says: one line of a terminal that is
 * written anew (tty), lines (plain), lines of JSON (json), nothing. auto: tty where standard error
 * is a terminal and the person is not --quiet, else nothing.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/cmd.h"

struct progress {
    const struct ctx *ctx;
    const char *doing; /* "rewrapped" */
    int64_t of;        /* how many in all; 0: not known */
    int64_t began_ms, told_ms;
    char how; /* 't', 'p', 'j', or 0 */
    int shown;
};

void progress_begin(struct progress *p, const struct ctx *ctx, const char *doing, int64_t of);
/* As often as one likes: it is told five times a second on a terminal, else less often. */
void progress_tell(struct progress *p, int64_t done, int64_t failed);
/* Before anything else is written to the terminal: clears the line. */
void progress_end(struct progress *p);

#endif
