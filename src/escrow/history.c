#include "escrow/history.h"

#include "db/db.h"

enum rc
history_each(const struct store *store, const char *key, log_entry_fn fn, void *arg,
             struct err *err)
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
    return log_rows(q, fn, arg, err);
}
