/* keymuster itself, for a step of a runbook: a command with the terminal that this one has. */
#ifndef CLI_RUN_CHILD_H
#define CLI_RUN_CHILD_H

#include "base/buf.h"
#include "base/err.h"
#include "escrow/store.h"

/* Appends a text so that it is one word of what run_child takes. */
void run_child_word(struct buf *out, const char *text);
/*
 * Runs it on this store with these words (as in sh: quotes, no expansion), waits, and gives its
 * exit status, 128+n for a signal. quiet: its answer, as JSON, goes to standard error, because this
 * command has one of its own. The store's database is closed meanwhile, so that the command waits
 * for no lock of this process. RC_IO when it cannot be started; RC_BAD_VALUE for an open quote.
 */
enum rc run_child(int *status, struct store *store, const char *words, int quiet,
                  struct err *err) MUST_CHECK;

#endif
