/* recover resume --word, --again: what turned out to be wrong in a run is said anew. */
#ifndef CLI_RUN_AMEND_H
#define CLI_RUN_AMEND_H

#include "cli/cmd.h"
#include "recover/run.h"

/* clang-format off */
#define RUN_AMEND_OPTIONS                                                                          \
    {OPT_WORD, "word", 0, "WORD=VALUE", OPT_MANY, "what a word in braces stands for from now on"}, \
    {OPT_AGAIN, "again", 0, "STEP", OPT_MANY, "a step, by its id, that is to be done once more"}
/* clang-format on */

/* Recorded before anything else is done. RC_USAGE, RC_BAD_VALUE; RC_NOT_FOUND: no such step. */
enum rc run_amend(struct ctx *ctx, struct run *run, struct err *err) MUST_CHECK;

#endif
