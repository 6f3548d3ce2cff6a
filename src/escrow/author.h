/*
 * Authors as people see them: those whose logs are held, and those who were admitted and never
 * wrote (a spare). Which of their entries count is escrow/trust.h's to say.
 */
#ifndef ESCROW_AUTHOR_H
#define ESCROW_AUTHOR_H

#include "escrow/log.h"
#include "escrow/trust.h"

/* Both kinds; the second with entries 0, name and site as the admission says. */
enum rc author_each(const struct store *store, log_author_fn fn, void *arg,
                    struct err *err) MUST_CHECK;

/* One of them by id, or by the first AUTHOR_PREFIX or more digits of it. RC_BAD_VALUE,
 * RC_NOT_FOUND, RC_AMBIGUOUS. */
enum { AUTHOR_PREFIX = 4, AUTHOR_SHORT = 8 };
enum rc author_find(const struct store *store, const char *ref, struct log_author *out,
                    struct err *err) MUST_CHECK;

/* How many entries of an author are held and do not count: quarantined. An author's own retirement
 * is not among them, as it took effect. */
enum rc author_quarantined(const struct store *store, const char *author, int64_t *count,
                           struct err *err) MUST_CHECK;
/* Whether one entry is. */
enum rc entry_quarantined(const struct store *store, const char *author, int64_t seq, int *yes,
                          struct err *err) MUST_CHECK;

#endif
