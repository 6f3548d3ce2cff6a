/*
 * Copies that contradicted this store: rolled back behind what they once showed, or with another
 * history of an author. What each showed is kept as evidence (table `evidence`, local), and never
 * goes; a copy that was reached since then agreed again.
 */
#ifndef COPY_CONTRADICT_H
#define COPY_CONTRADICT_H

#include "copy/copy.h"

/* Keeps that the copy is rolled back, when err says so (RC_COPY_ROLLED_BACK); else does nothing. In
 * its own transaction, best effort: err is the one to report. */
void contradict_keep(struct store *store, const struct copy *copy, const struct err *err);

struct contradiction {
    char copy[LIMIT_NAME + 1]; /* its name; the id of one that the log does not name */
    char uuid[UUID_TEXT + 1];  /* "" for that */
    int rolled_back;           /* else another history */
    const char *author;        /* of that history; "" of a copy as a whole. Borrowed for the call */
    const char *detail;        /* of rolled back: what it showed; else "". Borrowed */
    int64_t objects;
    char first_at[TIME_TEXT + 1], at[TIME_TEXT + 1]; /* noticed */
    char reached_at[TIME_TEXT + 1];                  /* it agreed last; "" never */
    int open;                                        /* not since `at` */
};
typedef enum rc (*contradiction_fn)(void *arg, const struct contradiction *c, struct err *err);
/* Of those noticed up to now_ms, by name of the copy, then author. */
enum rc contradiction_each(const struct store *store, int64_t now_ms, contradiction_fn fn,
                           void *arg, struct err *err) MUST_CHECK;

#endif
