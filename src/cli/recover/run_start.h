/* Beginning a run: which text, which words, which key; then it is in the log. */
#ifndef CLI_RUN_START_H
#define CLI_RUN_START_H

#include "cli/cmd.h"
#include "cli/people/who.h"
#include "text/ini.h"

/*
 * As the command line says, with ctx->store. answers NULL: words are asked for. id gets the run's.
 * RC_RUNBOOK, RC_NO_CONFIRM (its text has changed), what run_pick says, RC_NO_TERMINAL.
 */
enum rc run_begin(struct ctx *ctx, const struct ini *answers, const struct who *who,
                  char id[UUID_TEXT + 1], struct err *err) MUST_CHECK;

#endif
