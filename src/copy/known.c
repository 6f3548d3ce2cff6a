#include "copy/known.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "escrow/log.h"
#include "text/time.h"

enum rc
known_get(const struct store *store, const char *copy, const char *what, struct known *out,
          struct err *err)
{
    struct stmt *q = NULL;
    int64_t at = 0;
    memset(out, 0, sizeof *out);
    if (copy[0] == '\0')
        return RC_OK;
    enum rc rc = db_query(store->db, &q,
                          "SELECT value, at FROM copy_known WHERE copy = ?1 AND what = ?2", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy);
    stmt_text(q, 2, what);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q) && time_parse(&at, col_text(q, 1)) == 0) {
        int64_t now = clock_now_ms();
        (void)snprintf(out->value, sizeof out->value, "%s", col_text(q, 0));
        out->recent = at <= now && now - at < KNOWN_RECENT_MS; /* a clock may be set back */
    }
    stmt_done(q);
    return rc;
}

enum rc
known_set(struct store *store, const char *copy, const char *what, const char *value,
          struct err *err)
{
    struct stmt *q = NULL;
    char now[TIME_TEXT + 1];
    if (copy[0] == '\0')
        return RC_OK;
    enum rc rc = db_query(store->db, &q,
                          "INSERT INTO copy_known (copy, what, value, at) VALUES (?1, ?2, ?3, ?4)"
                          " ON CONFLICT (copy, what) DO UPDATE SET value = ?3, at = ?4",
                          err);
    if (rc != RC_OK)
        return rc;
    time_format(now, clock_now_ms());
    stmt_text(q, 1, copy);
    stmt_text(q, 2, what);
    stmt_text(q, 3, value);
    stmt_text(q, 4, now);
    return stmt_run(q, err);
}

enum rc
known_looked(struct store *store, const char *copy, const char *author, struct err *err)
{
    char what[AUTHOR_TEXT + 8];
    (void)snprintf(what, sizeof what, "head/%s", author);
    return known_set(store, copy, what, "", err);
}

enum rc
known_drop(struct store *store, const char *copy, const char *what, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q, "DELETE FROM copy_known WHERE copy = ?1 AND what = ?2", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy);
    stmt_text(q, 2, what);
    return stmt_run(q, err);
}

static enum rc
verdict_get(const struct store *store, const char *copy, char verdict[KNOWN_VALUE], struct err *err)
{
    struct stmt *q = NULL;
    verdict[0] = '\0';
    enum rc rc = db_query(store->db, &q, "SELECT create_once FROM copy_state WHERE copy = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(verdict, KNOWN_VALUE, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

enum rc
known_enforced(const struct store *store, const struct copy *copy, int *yes, struct err *err)
{
    char verdict[KNOWN_VALUE];
    enum rc rc = verdict_get(store, copy->id, verdict, err);
    *yes = rc == RC_OK && (strcmp(verdict, "enforced") == 0 ||
                           (verdict[0] == '\0' && remote_is_local(copy->remote)));
    return rc;
}

static enum rc
set_verdict(struct store *store, const struct remote *r, const char *copy,
            const struct remote_verdict *v, struct err *err)
{
    struct stmt *q = NULL;
    char now[TIME_TEXT + 1];
    char destroys[32];
    time_format(now, clock_now_ms());
    enum rc rc = db_query(
        store->db, &q,
        "INSERT INTO copy_state (copy, location, create_once, reached_at) VALUES (?1, ?2, ?3, "
        "?4)"
        " ON CONFLICT (copy) DO UPDATE SET location = ?2, create_once = ?3, reached_at = ?4",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy);
    stmt_text(q, 2, remote_url(r));
    stmt_text(q, 3, v->create_once);
    stmt_text(q, 4, now);
    rc = stmt_run(q, err);
    if (rc == RC_OK && v->large != LARGE_UNTRIED)
        rc = known_set(store, copy, KNOWN_LARGE, v->large == LARGE_REFUSED ? "no" : "yes", err);
    (void)snprintf(destroys, sizeof destroys, "%s%s", v->overwrites ? "overwrites " : "",
                   v->removes ? "removes" : "");
    return rc == RC_OK ? known_set(store, copy, KNOWN_DESTROYS, destroys, err) : rc;
}

enum rc
known_probe(struct store *store, struct remote *r, const char *copy, enum probe_how how,
            struct remote_verdict *out, struct err *err)
{
    enum rc rc = remote_probe(r, how, out, err);
    if (rc == RC_OK)
        rc = log_begin(store, err);
    return rc == RC_OK ? log_finish(store, set_verdict(store, r, copy, out, err), err) : rc;
}

enum rc
known_probe_once(struct store *store, const struct copy *copy, struct err *err)
{
    char verdict[KNOWN_VALUE];
    struct remote_verdict found;
    enum rc rc = verdict_get(store, copy->id, verdict, err);
    if (rc != RC_OK || copy->id[0] == '\0' || verdict[0] != '\0' || remote_is_local(copy->remote))
        return rc;
    return known_probe(store, copy->remote, copy->id, PROBE_QUICK, &found, err);
}
