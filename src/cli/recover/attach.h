/* recover attach: evidence kept in a folder, merged into this store. */
#ifndef CLI_ATTACH_H
#define CLI_ATTACH_H

#include "cli/cmd.h"

enum rc cmd_recover_attach(struct ctx *ctx, struct err *err) MUST_CHECK;

#endif
