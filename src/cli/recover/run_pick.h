/*
 * Which key a run is about: the generation that opens a configuration backup (--bco), or a name,
 * also as it was at a time (--key, --at).
 */
#ifndef CLI_RUN_PICK_H
#define CLI_RUN_PICK_H

#include "cli/cmd.h"
#include "text/jw.h"
#include "vbr/bco.h"
#include "vbr/description.h"

/* Rows of an option table for the commands that pick one. */
/* clang-format off */
#define PICK_OPTIONS                                                                               \
    {OPT_BCO, "bco", 0, "FILE", 0, "the configuration backup: its head says which key opens it"},  \
    {OPT_KEY, "key", 0, "KEY", 0, "the key it is about"},                                          \
    {OPT_AT, "at", 0, "DATE", 0, "with --key: the generation that was in use then"}
/* clang-format on */

struct run_pick {
    char key[KEY_NAME_BYTES + 24]; /* NAME@GEN; "": nothing was said */
    const char *file;              /* the configuration backup, borrowed; NULL: none */
    enum description_how how;
    struct bco bco; /* with a file */
};
/*
 * RC_BAD_VALUE: no configuration backup, or one that is not encrypted. RC_NOT_FOUND: this escrow
 * does not know what opens it, with the ways that are left. RC_USAGE.
 */
enum rc run_pick(struct run_pick *out, const struct ctx *ctx, struct err *err) MUST_CHECK;
/* As a member "bco" of run.started; nothing without a file. */
void run_pick_write(struct jw *w, const struct run_pick *p);

#endif
