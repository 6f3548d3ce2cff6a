/* reveal --wrapped: nothing but the wrap itself is left. */
#ifndef CLI_BARE_H
#define CLI_BARE_H

#include "cli/cmd.h"

/*
 * --wrapped REF --root ID --kms-file PATH --credential REF [--aad TEXT]... [--form F] [--to DEST].
 * Records go into the store if there is one, else, as lines, into
 * $XDG_STATE_HOME/keymuster/recover/bare-reveals.ndjson; RC_NO_RECORD when neither can be written.
 */
enum rc bare_reveal(struct ctx *ctx, struct err *err) MUST_CHECK;

#endif
