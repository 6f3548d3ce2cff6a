/*
 * Leads through a run: one screen a step, each durable in the log before it begins and after it
 * ended. At the terminal, or by a file of answers (docs/reference/runbooks.md).
 */
#ifndef CLI_RUN_PLAY_H
#define CLI_RUN_PLAY_H

#include "cli/cmd.h"
#include "recover/run.h"
#include "text/ini.h"

/*
 * From its next step on until it ends, with ctx->store. answers: NULL, or `[step "ID"]` sections.
 * RC_RUN_PAUSED, RC_RUN_FAILED with the way to resume; RC_RUN_OVER.
 */
enum rc run_play(struct ctx *ctx, struct run *run, const struct ini *answers,
                 struct err *err) MUST_CHECK;

#endif
