/* All accepted lines into the derived tables, by escrow/apply.h: what is new, everything again, or
 * into another database to compare with. */
#ifndef ESCROW_SETTLE_H
#define ESCROW_SETTLE_H

#include "escrow/digest.h"
#include "escrow/store.h"

/* Empties the derived tables and applies all accepted lines again. Inside a transaction. */
enum rc apply_rebuild(struct store *store, struct err *err) MUST_CHECK;
/* Notes how many entries of the log that grows are in the tables already. Inside a transaction. */
enum rc apply_note_tail(struct store *store, struct err *err) MUST_CHECK;
/* Trust if dirty, then all accepted lines not yet applied. Inside a transaction. */
enum rc apply_settle(struct store *store, struct err *err) MUST_CHECK;
/* Applies all accepted lines into a fresh temporary database and gives its digest. */
enum rc apply_digest_rebuilt(const struct store *store, char out[DIGEST_TEXT],
                             struct err *err) MUST_CHECK;

#endif
