/*
 * What policy asks of a command: a refusal (17) that --accept-risk overrules, recorded. A recovery
 * (--from, a run) is never refused; it is warned.
 */
#ifndef CLI_GATE_H
#define CLI_GATE_H

#include "cli/keys/mint.h"
#include "cli/reveal/showing.h"

/* A reason, of what changes a key of this purpose. RC_NO_REASON. */
enum rc gate_reason(struct ctx *ctx, const char *purpose, struct err *err) MUST_CHECK;
/* Of many keys: *asked, 0 at first, keeps which purposes were asked about. */
enum rc gate_reason_of(struct ctx *ctx, unsigned *asked, const char *purpose,
                       struct err *err) MUST_CHECK;
/* Of the keys that are the arguments; unknown ones are all named (RC_NOT_FOUND). */
enum rc gate_reason_named(struct ctx *ctx, struct err *err) MUST_CHECK;
/* That, and enough wraps for a key that is to be made; an owed one counts. RC_POLICY. */
enum rc gate_make(struct ctx *ctx, const struct mint *m, struct err *err) MUST_CHECK;
/* Ticket and person, before a key is shown. RC_POLICY. */
enum rc gate_showing(struct ctx *ctx, const struct key *key, const struct asker *asker,
                     struct err *err) MUST_CHECK;

#endif
