/* Conflicts in words and in JSON: for status, show and sync -n. */
#ifndef CLI_CONFLICTS_H
#define CLI_CONFLICTS_H

#include "cli/cmd.h"
#include "escrow/conflict.h"
#include "text/jw.h"

/* Appends one sentence: what, the values and their sites, and the command that settles it. */
enum rc conflict_tell(const struct store *store, const struct conflict *c, struct buf *out,
                      struct err *err) MUST_CHECK;
/* An object: kind, object, uuid, field, values, settle. */
enum rc conflict_write(const struct store *store, const struct conflict *c, struct jw *w,
                       struct err *err) MUST_CHECK;
/* Those of one key (label "name@generation") or object: lines of the answer, or with w the member
 * "conflicts". */
enum rc conflict_show(struct ctx *ctx, const char *kind, const char *uuid, const char *label,
                      struct jw *w, struct err *err) MUST_CHECK;

#endif
