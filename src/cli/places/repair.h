/* Damaged objects of a copy: named by `copy check --deep`, put back by `sync --repair`. */
#ifndef CLI_REPAIR_H
#define CLI_REPAIR_H

#include "cli/cmd.h"
#include "copy/inspect.h"
#include "text/jw.h"

struct repair_item {
    struct damaged d;
    int done;               /* it was put back */
    char kept[OBJECT_NAME]; /* where the damaged one lies now; "" for one that was missing */
};
struct repair {
    struct repair_item *items;
    size_t count;
    size_t can;  /* of these, this store can make again */
    size_t done; /* were put back */
};
void repair_release(struct repair *r); /* takes a zeroed one */

/* Finds all of one copy, and warns of each. What inspect_copy ends with is the answer. */
enum rc repair_find(struct ctx *ctx, struct copy *copy, struct repair *r,
                    struct err *err) MUST_CHECK;
/* The member "damaged" of an answer. */
void repair_member(struct jw *w, const struct repair *r);

/*
 * Puts back what can be, after a plain yes, and records it (copy.repaired). One that fails is named
 * and the others follow. RC_NO_CONFIRM. Nothing with --dry-run.
 */
enum rc repair_all(struct ctx *ctx, struct copy *copy, struct repair *r,
                   struct err *err) MUST_CHECK;

#endif
