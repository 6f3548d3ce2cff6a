/* What happened to a key: the accepted entries that its facts come from. */
#ifndef ESCROW_HISTORY_H
#define ESCROW_HISTORY_H

#include "escrow/log.h"
#include "escrow/store.h"

/* By the time that each entry states (clocks differ: a view, no order of events), then by author
 * and number; with the creation of its successors. The entry is borrowed for the call. */
enum rc history_each(const struct store *store, const char *key, log_entry_fn fn, void *arg,
                     struct err *err) MUST_CHECK;

#endif
