/* The tables of commands, in the order of help. */
#include "cli/cmd.h"

const struct cmd *const cmd_tables[] = {
    cmd_help_table,
    NULL,
};

enum rc (*const cmd_open_store)(struct ctx *ctx, struct err *err) = NULL;
void (*const cmd_close_store)(struct ctx *ctx) = NULL;
