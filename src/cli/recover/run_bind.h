/* What --credential and the other KMS options of `recover start` say is kept for the whole run: the
 * commands of its steps, and a resumed run, find it in keymuster.conf. */
#ifndef CLI_RUN_BIND_H
#define CLI_RUN_BIND_H

#include "cli/cmd.h"

/* Runs `kms set` for each --credential. RC_USAGE when one names no KMS and there are several;
 * RC_CREDENTIAL when kms set failed. */
enum rc run_bind(struct ctx *ctx, struct err *err) MUST_CHECK;

#endif
