/* What the parts of run_play share. */
#ifndef CLI_RUN_STEP_H
#define CLI_RUN_STEP_H

#include "cli/cmd.h"
#include "cli/recover/run_entry.h"
#include "recover/run.h"
#include "text/ini.h"
#include "text/jw.h"

struct play {
    struct ctx *ctx;
    struct run *run;
    const struct ini *answers; /* NULL: somebody is at the terminal */
    int failed_here;           /* a step failed in this command, not in one before */
};

/* What the file of answers says of step i under this key, or NULL. */
const char *run_answer_to(const struct play *p, size_t i, const char *key);

/* Begins the body of an entry: run and, unless i is the book's count, step. */
void run_body(struct buf *body, struct jw *w, const struct play *p, size_t i);
#endif
