/* A step that is the same for several things, one by one: each is asked for, gets its key shown if
 * it needs one, and goes into the log as `run.item` before the next. */
#ifndef CLI_RUN_LOOP_H
#define CLI_RUN_LOOP_H

#include "cli/recover/run_step.h"

/*
 * Until nothing more is named. With answers: `items = A, B`, done as they stand there.
 * RC_RUN_PAUSED without anybody to ask.
 */
enum rc run_loop(struct play *p, size_t i, struct err *err) MUST_CHECK;

#endif
