#include "copy/contradict.h"

#include <stdio.h>
#include <string.h>

#include "copy/held.h"
#include "escrow/log.h"
#include "text/time.h"

static const char rolled_back[] = "rolled back";

/* The same again is told of as of now. */
static enum rc
keep(struct store *store, const struct copy *copy, const struct err *what, struct err *err)
{
    struct stmt *q = NULL;
    struct buf said;
    enum rc rc = db_query(store->db, &q, "DELETE FROM evidence WHERE copy = ?1 AND what = ?2", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy->id[0] != '\0' ? copy->id : copy->name);
    stmt_text(q, 2, rolled_back);
    rc = stmt_run(q, err);
    buf_init(&said, LIMIT_TEXT);
    buf_addf(&said, "%.1000s", what->why[0] != '\0' ? what->why : what->msg);
    if (rc == RC_OK)
        rc = evidence_add(store, copy, "", rolled_back, &said, err);
    buf_release(&said);
    return rc;
}

void
contradict_keep(struct store *store, const struct copy *copy, const struct err *err)
{
    struct err scratch = ERR_INIT;
    if (err->code != RC_COPY_ROLLED_BACK || log_begin(store, &scratch) != RC_OK)
        return;
    if (keep(store, copy, err, &scratch) == RC_OK)
        err_ignore(log_commit(store, &scratch));
    else
        log_rollback(store);
}

enum rc
contradiction_each(const struct store *store, int64_t now_ms, contradiction_fn fn, void *arg,
                   struct err *err)
{
    struct stmt *q = NULL;
    char now[TIME_TEXT + 1];
    time_format(now, now_ms);
    /* copy_state and evidence have the id of copy.json; the object's UUID has the same bytes. */
    enum rc rc = db_query(
        store->db, &q,
        "SELECT coalesce(o.name, e.copy), coalesce(o.uuid, ''), e.what = ?2, e.author,"
        " CASE e.what WHEN ?2 THEN max(e.object) ELSE '' END, count(*), min(e.at), max(e.at),"
        " coalesce((SELECT reached_at FROM copy_state s WHERE s.copy = e.copy), '')"
        " FROM evidence e LEFT JOIN (SELECT name, uuid, replace(uuid, '-', '') AS id FROM object"
        " WHERE kind = 'copy' GROUP BY uuid) o ON o.id = e.copy WHERE e.at <= ?1"
        " GROUP BY e.copy, e.author, e.what = ?2 ORDER BY 1, 3, 4",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, now);
    stmt_text(q, 2, rolled_back);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct contradiction c = {.rolled_back = col_int(q, 2) != 0,
                                  .author = col_text(q, 3),
                                  .detail = col_text(q, 4),
                                  .objects = col_int(q, 5)};
        (void)snprintf(c.copy, sizeof c.copy, "%s", col_text(q, 0));
        (void)snprintf(c.uuid, sizeof c.uuid, "%s", col_text(q, 1));
        (void)snprintf(c.first_at, sizeof c.first_at, "%s", col_text(q, 6));
        (void)snprintf(c.at, sizeof c.at, "%s", col_text(q, 7));
        (void)snprintf(c.reached_at, sizeof c.reached_at, "%s", col_text(q, 8));
        c.open = strcmp(c.reached_at, c.at) <= 0; /* one width: text order */
        rc = fn(arg, &c, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}
