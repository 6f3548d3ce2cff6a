/* What happened to a key: the accepted entries that its facts come from. */
#ifndef ESCROW_HISTORY_H
#define ESCROW_HISTORY_H

#include "escrow/log.h"
#include "escrow/store.h"

/* By the time that each entry states (clocks differ: a view, no order of events), then by author
 * and number; with the creation of its successors. The entry is borrowed for the call. */
enum rc history_each(const struct store *store, const char *key, log_entry_fn fn, void *arg,
                     struct err *err) MUST_CHECK;

/* The hashes of those entries, as SQL. key: the parameter that holds its UUID. */
#define HISTORY_OF_KEY(key)                                                                        \
    "SELECT entry FROM key WHERE uuid = " key " UNION SELECT entry FROM field WHERE object = " key \
    " UNION SELECT entry FROM wrap WHERE key = " key                                               \
    " UNION SELECT entry FROM wrap_retired WHERE key = " key                                       \
    " UNION SELECT entry FROM check_value WHERE key = " key                                        \
    " UNION SELECT entry FROM follows WHERE former = " key                                         \
    " UNION SELECT entry FROM drill WHERE key = " key                                              \
    " UNION SELECT entry FROM event WHERE object = " key

#endif
