/*
 * A blind drill: nobody is led. A colleague gets the page START-HERE of a copy and a clock, gets
 * one key's password back by that page alone, and types it. The run is one of a runbook of one step
 * that is in here (docs/reference/drill.md).
 */
#ifndef CLI_RUN_BLIND_H
#define CLI_RUN_BLIND_H

#include "cli/cmd.h"
#include "escrow/key.h"
#include "recover/run.h"
#include "text/ini.h"

/*
 * Before it begins: the key (the argument, `[words] key` of the answers, else asked for), its
 * runbook, and its word {key}. Caller frees *book and the words. RC_USAGE; RC_NOT_FOUND for a key
 * without a check value; RC_COPY_NOT_BOUND.
 */
enum rc run_blind_begin(struct ctx *ctx, const struct ini *answers, struct runbook **book,
                        char *words[RUN_WORDS], char key[UUID_TEXT + 1],
                        struct err *err) MUST_CHECK;

/*
 * Shows the page's place and the clock, which counts from the recorded beginning, and waits until
 * what is typed matches, or somebody gives up: then it is finished. answers: NULL, or `[blind]`
 * with by and typed (a reference), or reason. RC_RUN_PAUSED with the way to resume; RC_RUN_OVER.
 */
enum rc run_blind_play(struct ctx *ctx, struct run *run, const struct ini *answers,
                       struct err *err) MUST_CHECK;

/* What it compares with. RC_NOT_FOUND when there is none. */
enum rc run_blind_check(const struct ctx *ctx, const struct key *key, struct check_value *out,
                        struct err *err) MUST_CHECK;
/* Appends where START-HERE lies, a line each copy; then all that a terminal is told. */
enum { RUN_BLIND_PAGE = 32 * 1024 };
enum rc run_blind_places(const struct ctx *ctx, const struct key *key, struct buf *out,
                         struct err *err) MUST_CHECK;
enum rc run_blind_page(const struct ctx *ctx, const struct run *run, const struct key *key,
                       struct buf *out, size_t width, struct err *err) MUST_CHECK;

/* "0:42:10" */
enum { RUN_CLOCK = 32 };
void run_clock(char out[RUN_CLOCK], int64_t ms);
/* Who did the step, for people; "" when nobody was named. */
enum rc run_step_by(const struct ctx *ctx, const struct run_step *step, char out[LIMIT_TEXT + 1],
                    struct err *err) MUST_CHECK;

#endif
