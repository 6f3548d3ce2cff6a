#include "db/schema.h"

#include <stdio.h>
#include <string.h>

#include "db/db.h"
#include "db/migrate.h"
#include "text/enc.h"

const char schema_newest[HASH_TEXT + 1] =
    "f484a10784005b4c02b492772ce0e9d5bb74465a808d27e5cff8341ce4eb57e5";

/* Indexes come last: what SQLite adds for a PRIMARY KEY has no text and follows from its table. */
static const char rows[] = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema "
                           "ORDER BY 1 DESC, 2, 3, 4";

enum { COLUMNS = 4 };

enum rc
schema_sum(struct db *db, char out[HASH_TEXT + 1], struct err *err)
{
    struct stmt *q = NULL;
    struct sha256_state s;
    unsigned char hash[HASH_SIZE];
    enum rc rc = db_query(db, &q, rows, err);
    if (rc != RC_OK)
        return rc;
    sha256_begin(&s);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        for (int i = 0; i < COLUMNS; i++) {
            size_t len = 0;
            const void *bytes = col_blob(q, i, &len);
            sha256_more(&s, bytes, len);
            sha256_more(&s, "", 1); /* no such text holds a zero byte */
        }
    }
    sha256_end(&s, hash);
    hex_encode(out, hash, HASH_SIZE);
    stmt_done(q);
    return rc;
}

static enum rc
say(struct db *db, struct stmt *q, const char *what, struct err *err)
{
    (void)err_set(err, RC_STORE_CORRUPT, "the database %s is not as keymuster makes it",
                  db_path(db));
    (void)err_why(err, "%s %.100s %s", col_text(q, 0), col_text(q, 1), what);
    return err_hint(err, "somebody worked on it with another program; what counts is the log, and "
                         "the copies have it: keymuster join --from COPY --site SITE, in a new "
                         "folder");
}

static int
same(struct stmt *a, struct stmt *b, int i)
{
    size_t len_a = 0;
    size_t len_b = 0;
    const void *bytes_a = col_blob(a, i, &len_a);
    const void *bytes_b = col_blob(b, i, &len_b);
    return len_a == len_b && memcmp(bytes_a, bytes_b, len_a) == 0;
}

/* Both in the same order; the first difference is named after what it is about. */
static enum rc
compare(struct db *db, struct stmt *is, struct stmt *want, struct err *err)
{
    for (;;) {
        enum rc rc = stmt_row(is, err);
        if (rc == RC_OK)
            rc = stmt_row(want, err);
        if (rc != RC_OK || (!stmt_more(is) && !stmt_more(want)))
            return rc;
        if (!stmt_more(is))
            return say(db, want, "is missing", err);
        if (!stmt_more(want))
            return say(db, is, "is not keymuster's", err);
        int order = strcmp(col_text(want, 0), col_text(is, 0));
        if (order == 0)
            order = strcmp(col_text(is, 1), col_text(want, 1));
        if (order < 0)
            return say(db, is, "is not keymuster's", err);
        if (order > 0)
            return say(db, want, "is missing", err);
        if (!same(is, want, 2) || !same(is, want, 3))
            return say(db, is, "is altered", err);
    }
}

enum rc
schema_check(struct db *db, struct err *err)
{
    char sum[HASH_TEXT + 1];
    int version = 0;
    struct db *fresh = NULL;
    struct stmt *is = NULL;
    struct stmt *want = NULL;
    enum rc rc = schema_sum(db, sum, err);
    if (rc != RC_OK || strcmp(sum, schema_newest) == 0)
        return rc;
    rc = migrate_version(db, &version, err);
    if (rc == RC_OK)
        rc = db_create_at(&fresh, ":memory:", version, err);
    if (rc == RC_OK)
        rc = db_query(db, &is, rows, err);
    if (rc == RC_OK)
        rc = db_query(fresh, &want, rows, err);
    if (rc == RC_OK)
        rc = compare(db, is, want, err);
    stmt_done(is);
    stmt_done(want);
    db_close(fresh);
    return rc;
}
