/* What a copy's place does with objects, asked once more and said in words. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include "cli/cmd.h"
#include "copy/remote.h"
#include "text/json.h"

/* Tries the place and keeps the verdict under the copy's id. */
enum rc probe_place(struct ctx *ctx, struct remote *r, const char *id, int again,
                    struct remote_verdict *out, struct err *err) MUST_CHECK;
/* Lines for people. */
void probe_lines(struct ctx *ctx, const struct remote_verdict *v);
/* Members: create_once, large_object, can_overwrite, can_remove. */
void probe_members(struct jw *w, const struct remote_verdict *v);

#endif
