/*
 * What whoever takes up a run has to know before the first screen: how old what is known here is
 * and what cannot be known, which key it is about, where the credential is kept, and, of a run that
 * goes on, what was done last and all notes.
 */
#ifndef CLI_RUN_BRIEF_H
#define CLI_RUN_BRIEF_H

#include "cli/cmd.h"
#include "recover/run.h"

/* Appends it, a line each; with a blank line between its parts. Not yet wrapped or escaped. */
enum rc run_brief(struct buf *out, const struct ctx *ctx, const struct run *run,
                  struct err *err) MUST_CHECK;

/* When the newest entry was made that came from elsewhere: of authors at that site (UUID), or, when
 * there are none of it or site is NULL, of any other author; "" when there is none. */
enum rc run_brief_newest(const struct store *store, const char *site, char out[TIME_TEXT + 1],
                         struct err *err) MUST_CHECK;

#endif
