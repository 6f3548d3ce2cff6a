#include "copy/fresh.h"

#include <stdio.h>
#include <string.h>

#include "copy/held.h"
#include "escrow/log.h"
#include "text/time.h"

static enum rc
reached_at(const struct store *store, const char *id, char out[TIME_TEXT + 1], struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q, "SELECT reached_at FROM copy_state WHERE copy = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, id);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(out, TIME_TEXT + 1, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

enum rc
copy_freshness(const struct store *store, const char *name, int64_t now_ms, struct freshness *out,
               struct err *err)
{
    struct mark seen = {.number = 0};
    struct log_end end;
    int64_t every = 0;
    int64_t then = 0;
    struct err scratch = ERR_INIT;
    const char *id = store_conf(store, "copy", name, "id");
    memset(out, 0, sizeof *out);
    out->every = store_conf(store, "copy", name, "every");
    enum rc rc = log_end(store, store->self.author, &end, err);
    if (rc == RC_OK && id != NULL)
        rc = seen_get(store, id, store->self.author, &seen, err);
    if (rc == RC_OK && id != NULL)
        rc = reached_at(store, id, out->reached_at, err);
    if (rc != RC_OK)
        return rc;
    out->missing = end.seq > seen.entries ? end.seq - seen.entries : 0;
    if (out->every != NULL && duration_parse(&every, out->every, "every", &scratch) == RC_OK)
        out->overdue = time_parse(&then, out->reached_at) != 0 || now_ms - then > every;
    return RC_OK;
}
