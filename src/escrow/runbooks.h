/* Runbooks in the log (`runbook.added`): the current ones, which no later entry names as replaced.
 */
#ifndef ESCROW_RUNBOOKS_H
#define ESCROW_RUNBOOKS_H

#include "escrow/store.h"

struct runbook_entry {
    char name[LIMIT_NAME + 1];
    char entry[HASH_TEXT + 1];
    char at[TIME_TEXT + 1];
    char author[AUTHOR_TEXT + 1];
    const char *text; /* borrowed for the call */
};
/* name NULL: all; by name, then entry: two of one name are a conflict, as two sites made them. */
typedef enum rc (*runbook_fn)(void *arg, const struct runbook_entry *r, struct err *err);
enum rc runbook_each(const struct store *store, const char *name, runbook_fn fn, void *arg,
                     struct err *err) MUST_CHECK;

#endif
