/* One step of a run on the terminal: what, why, do, expect, if it fails; and what may be chosen. */
#ifndef CLI_RUN_SCREEN_H
#define CLI_RUN_SCREEN_H

#include "cli/cmd.h"
#include "recover/run.h"

enum run_choice {
    CHOOSE_AGAIN, /* show it again */
    CHOOSE_GO,
    CHOOSE_DONE, /* of a step in doubt: it was done */
    CHOOSE_UNDONE,
    CHOOSE_SKIP,
    CHOOSE_FAILED,
    CHOOSE_NOTE,
    CHOOSE_PAUSE
};

/* Shows it and asks. Enter never changes anything: it runs a check, or shows the step again.
 * RC_NO_TERMINAL, RC_INTERRUPTED. */
enum rc run_screen_step(struct ctx *ctx, const struct run *run, size_t i, enum run_choice *choice,
                        struct err *err) MUST_CHECK;
/* A page of text before the first step; RC_NO_TERMINAL, RC_INTERRUPTED. */
enum rc run_screen_page(struct ctx *ctx, const struct run *run, const struct buf *text,
                        struct err *err) MUST_CHECK;
/* After a command: what it said has to be read before the next screen. */
enum rc run_screen_ended(const struct step *s, int status, struct err *err) MUST_CHECK;
/* Appends the whole run so far, a line each step. */
void run_screen_list(struct buf *out, const struct run *run);

#endif
