/* An entry about a run: begun, filled by the caller, put into the log. */
#ifndef CLI_RUN_ENTRY_H
#define CLI_RUN_ENTRY_H

#include "cli/cmd.h"
#include "text/jw.h"

/* Begins the body with the run's id. */
void run_entry(struct buf *body, struct jw *w, const char *run);
/* Ends the body and appends the entry: durable when it returns; the copies hear of it, too, if they
 * can. That one is away is said once. Releases body. */
enum rc run_entry_put(struct ctx *ctx, const char *kind, struct buf *body, struct jw *w,
                      struct err *err) MUST_CHECK;

#endif
