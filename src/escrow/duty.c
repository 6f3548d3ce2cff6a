#include "escrow/duty.h"

#include <stdio.h>
#include <string.h>

#include "escrow/drilled.h"

struct walk {
    const struct store *store;
    duty_fn fn;
    void *arg;
};

/* Showings to a person: intended with such a destination, and a shown that names it. */
static enum rc
count_showings(const struct store *store, struct duty *d, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT count(*), coalesce(min(i.at), '') FROM event i WHERE i.object = ?1"
                 " AND i.kind = 'reveal.intended'"
                 " AND json_extract(i.body, '$.to') IN ('tty', 'stdout', 'file', 'fd')"
                 " AND EXISTS (SELECT 1 FROM event s WHERE s.object = i.object"
                 " AND s.kind = 'reveal.shown'"
                 " AND json_extract(s.body, '$.intended') = lower(hex(i.entry)))",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, d->key.uuid);
    rc = stmt_row(q, err);
    if (rc == RC_OK) {
        d->times = col_int(q, 0);
        (void)snprintf(d->since, sizeof d->since, "%s", col_text(q, 1));
    }
    stmt_done(q);
    return rc;
}

static enum rc
known_to_someone(const struct store *store, struct duty *d, struct err *err)
{
    struct buf known;
    buf_init(&known, LIMIT_ENTRY);
    enum rc rc = field_get(store, d->key.uuid, "known_to", &known, NULL, err);
    if (rc == RC_OK && known.len > 0 && strcmp(buf_str(&known), "[]") != 0 && d->since[0] == '\0')
        (void)snprintf(d->since, sizeof d->since, "%s", d->key.created_at);
    buf_release(&known);
    return rc;
}

/* Whether a successor was drilled: proven where it counts. */
static enum rc
is_drilled(const struct store *store, const char *key, int *yes, struct err *err)
{
    struct key successor;
    struct drilled_state s;
    enum rc rc = key_find(store, key, &successor, err);
    *yes = 0;
    if (rc == RC_NOT_FOUND) { /* the fact waits for its key */
        err_clear(err);
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = drilled_state(store, &successor, &s, err);
    *yes = rc == RC_OK && s.proven;
    return rc;
}

/* How far the best successor has come: none, made, delivered (also by exec), drilled (-1: closed).
 */
static enum rc
successor_progress(const struct store *store, const struct duty *d, int *progress, struct err *err)
{
    struct stmt *q = NULL;
    *progress = DUTY_SUCCESSOR;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT EXISTS (SELECT 1 FROM event e WHERE e.object = f.key AND (e.kind = 'key.delivered'"
        " OR (e.kind = 'reveal.intended' AND json_extract(e.body, '$.to') = 'exec'))), f.key"
        " FROM follows f WHERE f.former = ?1",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, d->key.uuid);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        int drilled = 0;
        int delivered = (int)col_int(q, 0);
        if (delivered)
            rc = is_drilled(store, col_text(q, 1), &drilled, err);
        if (rc != RC_OK)
            break;
        int now = !delivered ? DUTY_DELIVERY : !drilled ? DUTY_DRILL : -1;
        if (now == -1 || (*progress != -1 && now > *progress))
            *progress = now;
    }
    stmt_done(q);
    return rc;
}

static enum rc
look(void *arg, const struct key *key, struct err *err)
{
    struct walk *w = arg;
    struct duty d = {.key = *key};
    int progress = 0;
    enum rc rc = count_showings(w->store, &d, err);
    if (rc == RC_OK)
        rc = known_to_someone(w->store, &d, err);
    if (rc != RC_OK || d.since[0] == '\0')
        return rc;
    rc = successor_progress(w->store, &d, &progress, err);
    if (rc != RC_OK || progress == -1)
        return rc;
    d.lacks = (enum duty_lacks)progress;
    return w->fn(w->arg, &d, err);
}

enum rc
duty_each(const struct store *store, duty_fn fn, void *arg, struct err *err)
{
    struct walk w = {store, fn, arg};
    return key_each(store, NULL, look, &w, err);
}
