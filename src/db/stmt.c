/* Statements: prepared once each, every bind and step checked. */
#include <assert.h>
#include <string.h>

#include "db/db_in.h"

enum rc
db_query(struct db *db, struct stmt **out, const char *sql, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; i < db->stmt_count; i++) {
        struct stmt *q = &db->stmts[i];
        if (q->sql == sql && !q->in_use) {
            q->in_use = 1;
            q->bound = SQLITE_OK;
            q->more = 0;
            *out = q;
            return RC_OK;
        }
    }
    size_t at = 0; /* one that db_reopen gave up, or a new one */
    while (at < db->stmt_count && (db->stmts[at].sql != NULL || db->stmts[at].in_use))
        at++;
    if (at == STMT_MAX)
        return err_set(err, RC_INTERNAL, "more than %d statements", STMT_MAX);
    struct stmt *q = &db->stmts[at];
    int code = sqlite3_prepare_v3(db->raw, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->raw, NULL);
    if (code != SQLITE_OK) {
        enum rc rc = db_fail(db, code, "reading", err);
        assert(rc != RC_OK); /* there is no statement */
        return rc;
    }
    db->stmt_count += at == db->stmt_count;
    *q = (struct stmt){.db = db, .sql = sql, .raw = q->raw, .bound = SQLITE_OK, .in_use = 1};
    *out = q;
    return RC_OK;
}

static void
remember(struct stmt *q, int code)
{
    if (q->bound == SQLITE_OK)
        q->bound = code;
}

void
stmt_text(struct stmt *q, int at, const char *text)
{
    remember(q, sqlite3_bind_text(q->raw, at, text, -1, SQLITE_STATIC));
}

void
stmt_textn(struct stmt *q, int at, const char *text, size_t len)
{
    remember(q, sqlite3_bind_text64(q->raw, at, text, len, SQLITE_STATIC, SQLITE_UTF8));
}

void
stmt_blob(struct stmt *q, int at, const void *bytes, size_t len)
{
    remember(q, sqlite3_bind_blob64(q->raw, at, bytes, len, SQLITE_STATIC));
}

void
stmt_int(struct stmt *q, int at, int64_t n)
{
    remember(q, sqlite3_bind_int64(q->raw, at, n));
}

/* SQLite makes a text its own, and ends it, when it is asked for first; without memory it would then
 * answer NULL, which col_text could not tell from NULL. */
static enum rc
take_texts(struct stmt *q, struct err *err)
{
    for (int i = 0; i < sqlite3_data_count(q->raw); i++) {
        if (sqlite3_column_type(q->raw, i) == SQLITE_TEXT && sqlite3_column_text(q->raw, i) == NULL)
            return db_fail(q->db, SQLITE_NOMEM, "reading", err);
    }
    q->more = 1;
    return RC_OK;
}

enum rc
stmt_row(struct stmt *q, struct err *err)
{
    q->more = 0;
    if (q->bound != SQLITE_OK)
        return db_fail(q->db, q->bound, "reading", err);
    int code = sqlite3_step(q->raw);
    if (code == SQLITE_ROW)
        return take_texts(q, err);
    return code == SQLITE_DONE ? RC_OK : db_fail(q->db, code, "using", err);
}

int
stmt_more(const struct stmt *q)
{
    return q->more;
}

enum rc
stmt_run(struct stmt *q, struct err *err)
{
    enum rc rc;
    do
        rc = stmt_row(q, err);
    while (rc == RC_OK && q->more);
    stmt_done(q);
    return rc;
}

void
stmt_again(struct stmt *q)
{
    if (q->raw == NULL)
        return;                  /* lost by db_reopen */
    (void)sqlite3_reset(q->raw); /* repeats the error that stmt_row reported */
    (void)sqlite3_clear_bindings(q->raw);
    q->bound = SQLITE_OK;
    q->more = 0;
}

void
stmt_done(struct stmt *q)
{
    if (q == NULL)
        return;
    stmt_again(q);
    q->in_use = 0;
}

const char *
col_text(struct stmt *q, int i)
{
    const unsigned char *text = sqlite3_column_text(q->raw, i);
    return text != NULL ? (const char *)text : "";
}

const void *
col_blob(struct stmt *q, int i, size_t *len)
{
    const void *bytes = sqlite3_column_blob(q->raw, i);
    *len = (size_t)sqlite3_column_bytes(q->raw, i);
    return bytes != NULL ? bytes : ""; /* NULL, or nothing */
}

int64_t
col_int(struct stmt *q, int i)
{
    return sqlite3_column_int64(q->raw, i);
}

int
col_null(struct stmt *q, int i)
{
    return sqlite3_column_type(q->raw, i) == SQLITE_NULL;
}

int
col_count(struct stmt *q)
{
    return sqlite3_column_count(q->raw);
}
