#include "copy/known.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
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

enum rc
known_enforced(const struct store *store, const char *copy, int *yes, struct err *err)
{
    struct stmt *q = NULL;
    *yes = 0;
    enum rc rc =
        db_query(store->db, &q, "SELECT create_once FROM copy_state WHERE copy = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy);
    rc = stmt_row(q, err);
    *yes = rc == RC_OK && stmt_more(q) && strcmp(col_text(q, 0), "enforced") == 0;
    stmt_done(q);
    return rc;
}
