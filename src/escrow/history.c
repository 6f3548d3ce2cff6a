#include "escrow/history.h"

#include "db/db.h"

enum rc
history_each(const struct store *store, const char *key, log_entry_fn fn, void *arg,
             struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT line FROM entry WHERE hash IN (" HISTORY_OF_KEY(
                              "?1") ")"
                                    " ORDER BY json_extract(line, '$.at'), author, seq",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    return log_rows(q, fn, arg, err);
}
