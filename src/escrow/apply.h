/*
 * From accepted lines to derived tables. Every line only adds facts, named by its hash, so the
 * tables are the same whatever the order in which lines arrive. Nothing here looks at a clock or at
 * a local table.
 */
#ifndef ESCROW_APPLY_H
#define ESCROW_APPLY_H

#include "escrow/entry.h"
#include "escrow/store.h"

/* Adds the facts of one accepted line. A body that lacks something goes into `unapplied` with the
 * reason. */
enum rc apply_entry(struct db *db, const struct entry *e, struct err *err) MUST_CHECK;
/* Empties the derived tables and applies all accepted lines again. Inside a transaction. */
enum rc apply_rebuild(struct store *store, struct err *err) MUST_CHECK;
/* Notes how many entries of the log that grows are in the tables already. Inside a transaction. */
enum rc apply_note_tail(struct store *store, struct err *err) MUST_CHECK;
/* Trust if dirty, then all accepted lines not yet applied. Inside a transaction. */
enum rc apply_settle(struct store *store, struct err *err) MUST_CHECK;
/* "2:<64 hex>": apply version and SHA-256 over all derived rows in canonical order. out of 80
 * bytes. */
enum { DIGEST_TEXT = 80 };
enum rc apply_digest(struct db *db, char out[DIGEST_TEXT], struct err *err) MUST_CHECK;
/*
 * Makes the indexes (who is who, admissions and retirements) and the standing of every author again
 * from the lines alone, and compares: RC_STORE_CORRUPT. The digest takes them for granted. Also the
 * few local values that follow from the log: name, site. After log_verify.
 */
enum rc index_verify(const struct store *store, struct err *err) MUST_CHECK;
/* SHA-256 over the rows of the queries (ended by NULL), each with an ORDER BY. */
enum rc digest_rows(struct db *db, const char *const *queries, unsigned char out[HASH_SIZE],
                    struct err *err) MUST_CHECK;
/* Applies all accepted lines into a fresh temporary database and gives its digest. */
enum rc apply_digest_rebuilt(const struct store *store, char out[DIGEST_TEXT],
                             struct err *err) MUST_CHECK;

#endif
