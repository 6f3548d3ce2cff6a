/*
 * [notify] command in keymuster.conf: run after a durable record of a showing, of a root key that
 * changed its state, and when a pull brought a conflict. It gets one JSON object on its standard
 * input, without any secret; its output goes nowhere, and nobody waits for it. That it cannot be
 * started is a warning; nothing it does can hold a command up or change how it ends.
 */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#include "cli/cmd.h"

/* From here on what is recorded is told. By session_open. */
void notify_begin(struct ctx *ctx);
/* Tells what was recorded since it was asked last. Before a secret is unwrapped, and when the
 * command ends. */
void notify_look(struct ctx *ctx);
/* Conflicts that were not told before; when the command ends. */
void notify_conflicts(struct ctx *ctx);

#endif
