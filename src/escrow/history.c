#include "escrow/history.h"

#include "db/db.h"

enum rc
history_each(const struct store *store, const char *key, history_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT line FROM entry WHERE hash IN ("
                          "SELECT entry FROM key WHERE uuid = ?1"
                          " UNION SELECT entry FROM field WHERE object = ?1"
                          " UNION SELECT entry FROM wrap WHERE key = ?1"
                          " UNION SELECT entry FROM wrap_retired WHERE key = ?1"
                          " UNION SELECT entry FROM check_value WHERE key = ?1"
                          " UNION SELECT entry FROM follows WHERE former = ?1"
                          " UNION SELECT entry FROM drill WHERE key = ?1"
                          " UNION SELECT entry FROM event WHERE object = ?1)"
                          " ORDER BY json_extract(line, '$.at'), author, seq",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
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
