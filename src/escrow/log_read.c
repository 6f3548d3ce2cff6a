/* The log as it is read: the lines of an author, and which authors there are. */
#include <stdio.h>
#include <string.h>

#include "escrow/log.h"

enum rc
log_each(const struct store *store, const char *author, int64_t from, int64_t to, log_fn fn,
         void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT seq, line FROM entry WHERE author = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, from);
    stmt_int(q, 3, to);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        size_t len = 0;
        const char *line = col_blob(q, 1, &len);
        rc = fn(arg, col_int(q, 0), line, len, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

static void
read_author(struct stmt *q, struct log_author *a)
{
    memset(a, 0, sizeof *a);
    (void)snprintf(a->author, sizeof a->author, "%s", col_text(q, 0));
    (void)snprintf(a->public_key, sizeof a->public_key, "%s", col_text(q, 1));
    (void)snprintf(a->name, sizeof a->name, "%s", col_text(q, 2));
    (void)snprintf(a->site, sizeof a->site, "%s", col_text(q, 3));
    a->founder = (int)col_int(q, 4);
    a->entries = col_int(q, 5);
}

enum rc
log_rows(struct stmt *q, log_entry_fn fn, void *arg, struct err *err)
{
    enum rc rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct entry e = {0};
        size_t len = 0;
        const char *line = col_blob(q, 0, &len);
        rc = entry_parse(&e, line, len, err);
        if (rc == RC_OK)
            rc = fn(arg, &e, err);
        entry_release(&e);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

enum rc
log_authors(const struct store *store, log_author_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT author, public_key, name, site, founder,"
                          " (SELECT max(seq) FROM entry e WHERE e.author = k.author)"
                          " FROM author_key k ORDER BY author",
                          err);
    if (rc != RC_OK)
        return rc;
    struct log_author a;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        read_author(q, &a);
        rc = fn(arg, &a, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

enum rc
log_author_get(const struct store *store, const char *author, struct log_author *out,
               struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT author, public_key, name, site, founder,"
                          " (SELECT max(seq) FROM entry e WHERE e.author = k.author)"
                          " FROM author_key k WHERE author = ?1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    rc = stmt_row(q, err);
    if (rc == RC_OK && !stmt_more(q))
        rc = err_set(err, RC_NOT_FOUND, "no log of author %s here", author);
    else if (rc == RC_OK)
        read_author(q, out);
    stmt_done(q);
    return rc;
}
