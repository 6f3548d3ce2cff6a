/* What a copy's place does with objects, in words. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include "cli/cmd.h"
#include "copy/remote.h"
#include "text/jw.h"

/* Lines for people. */
void probe_lines(struct ctx *ctx, const struct remote_verdict *v);
/* Members: create_once, large_object, can_overwrite, can_remove. */
void probe_members(struct jw *w, const struct remote_verdict *v);

#endif
