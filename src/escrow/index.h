/* The indexes of the log, held against its lines. */
#ifndef ESCROW_INDEX_H
#define ESCROW_INDEX_H

#include "escrow/store.h"

/*
 * Makes the indexes (who is who, admissions and retirements) and the standing of every author again
 * from the lines alone, and compares: RC_STORE_CORRUPT. The digest takes them for granted. Also the
 * few local values that follow from the log: name, site. After log_verify.
 */
enum rc index_verify(const struct store *store, struct err *err) MUST_CHECK;

#endif
