#include "escrow/settle.h"

#include <stdio.h>

#include "escrow/apply.h"
#include "escrow/digest.h"
#include "escrow/log.h"
#include "escrow/trust.h"

struct feed {
    struct db *to;
    int64_t done;
};

static enum rc
feed_line(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct feed *f = arg;
    struct entry e;
    enum rc rc = entry_parse(&e, line, len, err);
    if (rc != RC_OK) {
        const struct err why = *err;
        return rc != RC_MALFORMED
                   ? rc
                   : err_set(err, RC_CHAIN, "entry %lld is damaged: %s", (long long)seq, why.msg);
    }
    rc = apply_entry(f->to, &e, err);
    f->done = seq;
    entry_release(&e);
    return rc;
}

struct todo {
    char author[AUTHOR_TEXT + 1];
    int64_t upto;
    int64_t applied;
};

/* The next author with accepted lines that are not applied; *found 0 at the end. */
static enum rc
next_todo(const struct store *store, struct todo *t, int *found, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT a.author, min(a.upto, (SELECT coalesce(max(seq), 0) FROM entry e"
                          " WHERE e.author = a.author)) AS last, a.applied FROM accepted a"
                          " WHERE a.applied < last ORDER BY a.rank LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    *found = rc == RC_OK && stmt_more(q);
    if (*found) {
        (void)snprintf(t->author, sizeof t->author, "%s", col_text(q, 0));
        t->upto = col_int(q, 1);
        t->applied = col_int(q, 2);
    }
    stmt_done(q);
    return rc;
}

static enum rc
note_applied(struct store *store, const char *author, int64_t applied, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q, "UPDATE accepted SET applied = ?2 WHERE author = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, applied);
    return stmt_run(q, err);
}

static enum rc
apply_rest(struct store *store, struct err *err)
{
    for (;;) {
        struct todo t;
        int found = 0;
        enum rc rc = next_todo(store, &t, &found, err);
        if (rc != RC_OK || !found)
            return rc;
        struct feed f = {store->db, t.applied};
        rc = log_each(store, t.author, t.applied + 1, t.upto, feed_line, &f, err);
        if (rc == RC_OK && f.done != t.upto)
            rc = err_set(err, RC_CHAIN, "entries of author %s are missing", t.author);
        if (rc == RC_OK)
            rc = note_applied(store, t.author, t.upto, err);
        if (rc != RC_OK)
            return rc;
    }
}

enum rc
apply_rebuild(struct store *store, struct err *err)
{
    enum rc rc = db_exec(
        store->db,
        "DELETE FROM object; DELETE FROM field; DELETE FROM superseded; DELETE FROM key;"
        "DELETE FROM follows; DELETE FROM wrap; DELETE FROM wrap_retired; DELETE FROM check_value;"
        "DELETE FROM root_observed; DELETE FROM event; DELETE FROM drill;"
        "DELETE FROM unapplied;"
        "UPDATE accepted SET applied = 0",
        err);
    return rc == RC_OK ? apply_rest(store, err) : rc;
}

enum rc
apply_note_tail(struct store *store, struct err *err)
{
    int known = store->tail.known;
    store->tail.known = 0;
    return known ? note_applied(store, store->tail.author, store->tail.applied, err) : RC_OK;
}

enum rc
apply_settle(struct store *store, struct err *err)
{
    int changed = 0;
    enum rc rc = apply_note_tail(store, err);
    if (rc == RC_OK && store->trust_dirty) {
        rc = trust_refresh(store, &changed, err);
        store->trust_dirty = 0;
    }
    if (rc != RC_OK)
        return rc;
    return changed ? apply_rebuild(store, err) : apply_rest(store, err);
}

struct rebuilt {
    const struct store *store;
    struct feed feed;
};

static enum rc
rebuild_author(void *arg, const struct log_author *author, struct err *err)
{
    struct rebuilt *r = arg;
    struct trust t;
    enum rc rc = trust_of(r->store, author->author, &t, err);
    if (rc == RC_OK && t.applied > 0)
        rc = log_each(r->store, author->author, 1, t.applied, feed_line, &r->feed, err);
    return rc;
}

enum rc
apply_digest_rebuilt(const struct store *store, char out[DIGEST_TEXT], struct err *err)
{
    struct rebuilt r = {store, {NULL, 0}};
    enum rc rc = db_create(&r.feed.to, "", err);
    if (rc == RC_OK)
        rc = db_begin(r.feed.to, err);
    if (rc == RC_OK)
        rc = log_authors(store, rebuild_author, &r, err);
    if (rc == RC_OK)
        rc = db_commit(r.feed.to, err);
    if (rc == RC_OK)
        rc = apply_digest(r.feed.to, out, err);
    db_close(r.feed.to);
    return rc;
}
