/* --show-request: the calls of a command as curl, for a person who wants to see or repeat them. */
#ifndef CLI_SHOW_REQUEST_H
#define CLI_SHOW_REQUEST_H

#include "cli/cmd.h"
#include "escrow/key.h"
#include "kms/kms.h"

/* One call for each wrap of the keys that is not retired, under root (UUID; NULL: any); answers. */
enum rc show_request_keys(struct ctx *ctx, const struct key *keys, size_t count, enum kms_verb verb,
                          const char *root, struct err *err) MUST_CHECK;
/* A look at each root key, or the one of that name; answers. */
enum rc show_request_roots(struct ctx *ctx, const char *name, struct err *err) MUST_CHECK;

#endif
