#include "escrow/runbooks.h"

#include <stdio.h>

#include "escrow/view.h"
#include "text/uni.h"

enum rc
runbook_each(const struct store *store, const char *name, runbook_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    struct err scratch = ERR_INIT;
    enum rc rc = db_query(
        store->db, &q,
        "SELECT e.entry, e.at, e.author, json_extract(e.body, '$.name'), json_extract(e.body,"
        " '$.text') FROM event e WHERE e.kind = 'runbook.added'"
        " AND (?1 IS NULL OR json_extract(e.body, '$.name') = ?1)"
        " AND json_type(e.body, '$.name') = 'text' AND json_type(e.body, '$.text') = 'text'"
        " AND NOT EXISTS (SELECT 1 FROM event s, json_each(s.body, '$.supersedes') j"
        " WHERE s.kind = 'runbook.added'"
        " AND json_extract(s.body, '$.name') = json_extract(e.body, '$.name')"
        " AND j.value = lower(hex(e.entry))) ORDER BY 4, 1",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, name);
    while (rc == RC_OK && (rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct runbook_entry r = {.text = col_text(q, 4)};
        (void)snprintf(r.at, sizeof r.at, "%s", col_text(q, 1));
        (void)snprintf(r.author, sizeof r.author, "%s", col_text(q, 2));
        /* Another's entry can hold any name; nobody could ask for this one. */
        if (name_check(col_text(q, 3), "runbook", &scratch) != RC_OK)
            continue;
        (void)snprintf(r.name, sizeof r.name, "%s", col_text(q, 3));
        rc = col_hash(q, 0, r.entry, err);
        if (rc == RC_OK)
            rc = fn(arg, &r, err);
    }
    stmt_done(q);
    return rc;
}
