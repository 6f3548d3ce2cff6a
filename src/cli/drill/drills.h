/* What drills found out of a key, for `show`. */
#ifndef CLI_DRILLS_H
#define CLI_DRILLS_H

#include "cli/cmd.h"
#include "escrow/drilled.h"
#include "text/jw.h"

/* Lines of text, or with w the member "drills": of each root key the newest result at each site. */
enum rc drills_show(struct ctx *ctx, const struct key *key, const struct drilled_state *state,
                    struct jw *w, struct err *err) MUST_CHECK;

#endif
