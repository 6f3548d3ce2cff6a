/*
 * Hints at backup servers that have an older wrap than they must have: after rewrap, rehome, wrap
 * add and wrap retire. What cannot be put right now stays behind: status and show say so, and
 * upkeep pays it.
 */
#ifndef CLI_VBR_HINTS_H
#define CLI_VBR_HINTS_H

#include "cli/vbr/vbr_known.h"
#include "text/jw.h"

struct vbr_hints {
    struct ctx *ctx;
    struct vbr_known *list; /* those behind, by what is on record */
    size_t count, size;
    int64_t changed; /* put right, and those that were right already */
    int64_t behind;  /* still */
};
void vbr_hints_release(struct vbr_hints *h);
/* Adds what is behind of a key (NULL: of every key). */
enum rc vbr_hints_add(struct vbr_hints *h, const char *key, struct err *err) MUST_CHECK;
/*
 * At the end of a command: puts them right, and says what there is to say; each server opened once;
 * with --dry-run or --offline only counts. A server that is away is a warning, one that is not
 * bound on this machine a note. A hint that somebody else wrote is left alone. RC_INTERRUPTED; what
 * is hostile (RC_VBR_PIN, RC_ENDPOINT_DIFFERS), after the others were served; and what the store
 * says.
 */
enum rc vbr_hints_settle(struct vbr_hints *h, struct err *err) MUST_CHECK;
/* The members hints_changed and hints_behind. */
void vbr_hints_write(const struct vbr_hints *h, struct jw *w);

#endif
