/* How fresh a copy is kept (`copy add --every`): a setting of this machine, judged by its clock. */
#ifndef COPY_FRESH_H
#define COPY_FRESH_H

#include "base/err.h"
#include "base/limits.h"
#include "escrow/store.h"

struct freshness {
    char reached_at[TIME_TEXT + 1]; /* "" when it never was, or is not known */
    int64_t missing;                /* own entries that it has not got */
    const char *every; /* as set; NULL without; borrowed until the next store_conf_set */
    int overdue;       /* it was not reached for longer than that */
};
/* Of a copy bound here, as of now_ms. Nothing is asked of it. */
enum rc copy_freshness(const struct store *store, const char *name, int64_t now_ms,
                       struct freshness *out, struct err *err) MUST_CHECK;

#endif
