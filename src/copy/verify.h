/* Whether a store is what its lines say: chains, heads, trust, tables, its own key. */
#ifndef COPY_VERIFY_H
#define COPY_VERIFY_H

#include "escrow/digest.h"
#include "escrow/store.h"

struct verify_report {
    int64_t entries, heads;
    char digest[DIGEST_TEXT]; /* "" without VERIFY_TABLES */
};
enum verify_flags { VERIFY_LOG = 0, VERIFY_TABLES = 1 };
/* The first thing that is wrong: RC_CHAIN, RC_COPY_TAMPERED, RC_COPY_SIGNATURE, RC_STORE_CORRUPT.
 */
enum rc store_verify(const struct store *store, enum verify_flags flags,
                     struct verify_report *report, struct err *err) MUST_CHECK;

#endif
