/* What a copy alone says: what somebody would have who has nothing but that copy. */
#ifndef COPY_ALONE_H
#define COPY_ALONE_H

#include "copy/copy.h"
#include "copy/pull.h"

/*
 * Verifies all of the copy into a store in memory. It belongs to nobody: only what the founder and
 * those that he leads to admitted counts, as far as own's cuts (escrow/cut.h) leave it. It answers
 * queries, has own's site, and borrows own's keymuster.conf, so own must stay open. What pull_from
 * says; *out NULL on failure.
 */
enum rc copy_alone(struct store **out, const struct store *own, struct copy *copy,
                   struct pull_report *report, struct err *err) MUST_CHECK;
void copy_alone_close(struct store *alone); /* takes NULL */

/* What is held here and not there: entries of admitted authors. */
struct copy_lag {
    int64_t entries;
    char since[TIME_TEXT + 1];  /* time of the earliest of them; "" for none */
    char newest[TIME_TEXT + 1]; /* of the newest entry there; "" for none */
};
enum rc copy_lag(struct copy_lag *out, const struct store *own, const struct store *alone,
                 struct err *err) MUST_CHECK;

#endif
