#include "escrow/digest.h"

#include <stdio.h>

#include "escrow/store.h"
#include "text/enc.h"

/* Every derived table, all columns, rows in the order of their values: independent of the order of
 * arrival. */
static const char *const queries[] = {
    "SELECT 'object', uuid, kind, name, entry, author, seq FROM object ORDER BY 2, 5",
    "SELECT 'field', object, name, value, entry FROM field ORDER BY 2, 3, 5",
    "SELECT 'superseded', object, name, entry, superseded_by FROM superseded ORDER BY 2, 3, 4, 5",
    "SELECT 'key', uuid, name, generation, purpose, protects_site, form, origin, bits, created_at, "
    "entry, author, seq"
    " FROM key ORDER BY 2, 11",
    "SELECT 'follows', key, former, entry FROM follows ORDER BY 2, 3, 4",
    "SELECT 'wrap', key, id, root, version, ciphertext, aad, how, at, entry, author, seq FROM wrap "
    "ORDER BY 2, 3, 10",
    "SELECT 'wrap_retired', key, id, reason, entry FROM wrap_retired ORDER BY 2, 3, 5",
    "SELECT 'check_value', key, alg, mem, ops, value, entry FROM check_value ORDER BY 2, 7",
    "SELECT 'root_observed', root, state, version, versions, updated, restore_until, request, at, "
    "entry"
    " FROM root_observed ORDER BY 2, 10",
    "SELECT 'event', entry, author, seq, at, kind, object, body FROM event ORDER BY 2",
    "SELECT 'drill', key, root, copy, site, host, outcome, code, ms, request, at, entry, author, "
    "seq"
    " FROM drill ORDER BY 2, 12",
    "SELECT 'unapplied', entry, kind, reason FROM unapplied ORDER BY 2",
    NULL,
};

/* A value as its length and bytes, so that no two rows can look the same. */
static void
add_value(struct sha256_state *s, const void *bytes, size_t len)
{
    char prefix[24];
    int n = snprintf(prefix, sizeof prefix, "%zu:", len);
    sha256_more(s, prefix, (size_t)n);
    sha256_more(s, bytes, len);
}

static enum rc
add_table(struct db *db, const char *sql, struct sha256_state *s, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(db, &q, sql, err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        for (int i = 0; i < col_count(q); i++) {
            size_t len = 0;
            const void *bytes = col_blob(q, i, &len); /* a number as its decimal text */
            add_value(s, bytes, len);
        }
        sha256_more(s, "\n", 1);
    }
    stmt_done(q);
    return rc;
}

enum rc
digest_rows(struct db *db, const char *const *tables, unsigned char out[HASH_SIZE], struct err *err)
{
    struct sha256_state s;
    sha256_begin(&s);
    for (size_t i = 0; tables[i] != NULL; i++) {
        enum rc rc = add_table(db, tables[i], &s, err);
        if (rc != RC_OK)
            return rc;
    }
    sha256_end(&s, out);
    return RC_OK;
}

enum rc
apply_digest(struct db *db, char out[DIGEST_TEXT], struct err *err)
{
    unsigned char hash[HASH_SIZE];
    char hex[HASH_TEXT + 1];
    enum rc rc = digest_rows(db, queries, hash, err);
    if (rc != RC_OK)
        return rc;
    hex_encode(hex, hash, HASH_SIZE);
    (void)snprintf(out, DIGEST_TEXT, APPLY_VERSION ":%s", hex);
    return RC_OK;
}
