#include "copy/held.h"

#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "copy/known.h"
#include "escrow/log.h"
#include "text/time.h"

void
mark_of(struct mark *out, const struct head *h)
{
    out->number = h->number;
    out->entries = h->entries;
    memcpy(out->last, h->last, HASH_SIZE);
    memcpy(out->hash, h->hash, HASH_SIZE);
}

static void
read_hash(unsigned char out[HASH_SIZE], struct stmt *q, int column)
{
    size_t len = 0;
    const void *bytes = col_blob(q, column, &len);
    memset(out, 0, HASH_SIZE);
    if (len == HASH_SIZE)
        memcpy(out, bytes, HASH_SIZE);
}

/* One row of number, entries, last, hash and, if asked for, object; finishes the statement. */
static enum rc
read_mark(struct stmt *q, struct mark *out, struct buf *object, struct err *err)
{
    memset(out, 0, sizeof *out);
    if (object != NULL)
        buf_clear(object);
    enum rc rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        out->number = col_int(q, 0);
        out->entries = col_int(q, 1);
        read_hash(out->last, q, 2);
        read_hash(out->hash, q, 3);
        if (object != NULL) {
            buf_adds(object, col_text(q, 4));
            rc = buf_check(object, "a head", err);
        }
    }
    stmt_done(q);
    return rc;
}

enum rc
held_newest(const struct store *store, const char *author, int64_t upto, struct mark *out,
            struct buf *object, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT number, entries, last, hash, object FROM head"
                          " WHERE author = ?1 AND entries <= ?2 ORDER BY number DESC LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, upto);
    return read_mark(q, out, object, err);
}

enum rc
held_at(const struct store *store, const char *author, int64_t number, struct mark *out,
        struct buf *object, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT number, entries, last, hash, object FROM head"
                          " WHERE author = ?1 AND number = ?2",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, number);
    return read_mark(q, out, object, err);
}

enum rc
held_add(struct store *store, const struct head *h, const struct buf *object, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "INSERT INTO head (author, number, entries, last, hash, object)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, h->author);
    stmt_int(q, 2, h->number);
    stmt_int(q, 3, h->entries);
    stmt_blob(q, 4, h->last, HASH_SIZE);
    stmt_blob(q, 5, h->hash, HASH_SIZE);
    stmt_textn(q, 6, buf_str(object), object->len);
    return stmt_run(q, err);
}

enum rc
held_next(const struct store *store, const char *author, int64_t after, struct mark *out,
          struct buf *object, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT number, entries, last, hash, object FROM head"
                          " WHERE author = ?1 AND number > ?2 ORDER BY number LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, after);
    return read_mark(q, out, object, err);
}

enum rc
held_line(const struct store *store, const char *author, int64_t seq, unsigned char hash[HASH_SIZE],
          int *found, struct err *err)
{
    struct stmt *q = NULL;
    *found = 0;
    enum rc rc =
        db_query(store->db, &q, "SELECT hash FROM entry WHERE author = ?1 AND seq = ?2", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, seq);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        *found = 1;
        read_hash(hash, q, 0);
    }
    stmt_done(q);
    return rc;
}

/* ---- what copies showed ---- */

enum rc
seen_get(const struct store *store, const char *copy, const char *author, struct mark *out,
         struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT number, entries, last, head FROM copy_seen"
                          " WHERE copy = ?1 AND author = ?2",
                          err);
    if (PLANTED("no-high-water"))
        copy = "";
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy);
    stmt_text(q, 2, author);
    return read_mark(q, out, NULL, err);
}

enum rc
seen_raise(struct store *store, const char *copy, const char *author, const struct mark *m,
           struct err *err)
{
    struct stmt *q = NULL;
    if (copy[0] == '\0' || m->number == 0)
        return RC_OK;
    enum rc rc = db_query(store->db, &q,
                          "INSERT INTO copy_seen (copy, author, number, entries, last, head)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (copy, author) DO UPDATE"
                          " SET number = ?3, entries = ?4, last = ?5, head = ?6 WHERE ?3 > number",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy);
    stmt_text(q, 2, author);
    stmt_int(q, 3, m->number);
    stmt_int(q, 4, m->entries);
    stmt_blob(q, 5, m->last, HASH_SIZE);
    stmt_blob(q, 6, m->hash, HASH_SIZE);
    return stmt_run(q, err);
}

enum rc
seen_reached(struct store *store, const struct copy *copy, struct err *err)
{
    struct stmt *q = NULL;
    char now[TIME_TEXT + 1];
    if (copy->id[0] == '\0')
        return RC_OK;
    enum rc rc = db_query(store->db, &q,
                          "INSERT INTO copy_state (copy, location, create_once, reached_at)"
                          " VALUES (?1, ?2, '', ?3) ON CONFLICT (copy) DO UPDATE"
                          " SET location = ?2, reached_at = ?3",
                          err);
    if (rc != RC_OK)
        return rc;
    time_format(now, clock_now_ms());
    stmt_text(q, 1, copy->id);
    stmt_text(q, 2, remote_url(copy->remote));
    stmt_text(q, 3, now);
    rc = stmt_run(q, err);
    return rc == RC_OK && copy->place[0] != '\0'
               ? known_set(store, copy->id, "place", copy->place, err)
               : rc;
}

enum rc
held_cut(struct store *store, int64_t after, struct err *err)
{
    return db_delete_after(store->db, "head_stay",
                           "DELETE FROM head WHERE author = ?1 AND number > ?2", store->self.author,
                           after, err);
}

/* ---- evidence ---- */

enum rc
evidence_add(struct store *store, const struct copy *copy, const char *author, const char *what,
             const struct buf *object, struct err *err)
{
    struct stmt *q = NULL;
    char now[TIME_TEXT + 1];
    enum rc rc = db_query(store->db, &q,
                          "INSERT INTO evidence (copy, author, what, object, at)"
                          " SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM evidence"
                          " WHERE copy = ?1 AND author = ?2 AND what = ?3 AND object = ?4)",
                          err);
    if (rc != RC_OK)
        return rc;
    time_format(now, clock_now_ms());
    stmt_text(q, 1, copy->id[0] != '\0' ? copy->id : copy->name);
    stmt_text(q, 2, author);
    stmt_text(q, 3, what);
    stmt_textn(q, 4, buf_str(object), object->len);
    stmt_text(q, 5, now);
    return stmt_run(q, err);
}

void
evidence_keep(struct store *store, const struct copy *copy, const char *author, const char *what,
              const struct buf *object)
{
    struct err scratch = ERR_INIT;
    if (object->len == 0 || log_begin(store, &scratch) != RC_OK)
        return;
    if (evidence_add(store, copy, author, what, object, &scratch) == RC_OK)
        err_ignore(log_commit(store, &scratch)); /* the caller's error is the one to report */
    else
        log_rollback(store);
}
