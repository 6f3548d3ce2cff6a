/* show: who uses a key, and what needs it still. */
#ifndef CLI_SHOW_CONSUMERS_H
#define CLI_SHOW_CONSUMERS_H

#include "cli/cmd.h"
#include "escrow/key.h"
#include "text/jw.h"

/* As lines, or with w as "used_by", "needed_by" and "use_seen" of an object that is begun. */
enum rc show_consumers(struct ctx *ctx, const struct key *k, struct jw *w,
                       struct err *err) MUST_CHECK;

#endif
