/* What two sites with the same lines can compare: a hash over the derived tables. */
#ifndef ESCROW_DIGEST_H
#define ESCROW_DIGEST_H

#include "crypt/hash.h"
#include "db/db.h"

/* "2:<64 hex>": apply version and SHA-256 over all derived rows in canonical order. out of 80
 * bytes. */
enum { DIGEST_TEXT = 80 };
enum rc apply_digest(struct db *db, char out[DIGEST_TEXT], struct err *err) MUST_CHECK;
/* SHA-256 over the rows of the queries (ended by NULL), each with an ORDER BY. */
enum rc digest_rows(struct db *db, const char *const *queries, unsigned char out[HASH_SIZE],
                    struct err *err) MUST_CHECK;

#endif
