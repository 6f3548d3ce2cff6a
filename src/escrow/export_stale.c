#include "escrow/export.h"

#include <string.h>

#include "db/db.h"

struct looking {
    const struct store *store;
    unsigned char entry[HASH_SIZE]; /* of export.made */
    int64_t count;                  /* wraps of the present key */
    int generation, wrap;           /* what the export lacks */
};

static enum rc
count_wrap(void *arg, const struct wrap *wrap, struct err *err)
{
    struct looking *l = arg;
    (void)wrap;
    (void)err;
    l->count++;
    return RC_OK;
}

/* How many wraps of a key the export says it has; -1 when the key is not in it. */
static enum rc
wraps_in(const struct looking *l, const char *key, int64_t *wraps, struct err *err)
{
    struct stmt *q = NULL;
    *wraps = -1;
    enum rc rc = db_query(l->store->db, &q,
                          "SELECT json_extract(e.body, '$.wraps[' || j.key || ']') FROM event e,"
                          " json_each(e.body, '$.keys') j WHERE e.entry = ?1 AND j.value = ?2",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, l->entry, HASH_SIZE);
    stmt_text(q, 2, key);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        *wraps = col_int(q, 0);
    stmt_done(q);
    return rc;
}

static enum rc
look_key(void *arg, const struct key *key, struct err *err)
{
    struct looking *l = arg;
    int wants = 0;
    int64_t had = -1;
    enum rc rc = export_wants(l->store, key, &wants, err);
    if (rc != RC_OK || !wants)
        return rc;
    l->count = 0;
    rc = wraps_in(l, key->uuid, &had, err);
    if (rc == RC_OK)
        rc = wrap_each(l->store, key->uuid, count_wrap, l, err);
    l->generation |= had < 0;
    l->wrap |= had >= 0 && l->count > had; /* facts only accumulate: so counting is enough */
    return rc;
}

static enum rc
look_name(const struct store *store, struct stmt *q, export_stale_fn fn, void *arg, struct err *err)
{
    struct looking l = {.store = store};
    struct export_stale stale = {
        .name = col_text(q, 0), .file = col_text(q, 1), .at = col_text(q, 2)};
    size_t len = 0;
    const void *entry = col_blob(q, 3, &len);
    if (len != HASH_SIZE)
        return err_set(err, RC_STORE_CORRUPT, "an entry's hash in the table event is malformed");
    memcpy(l.entry, entry, HASH_SIZE);
    enum rc rc = key_each(store, stale.name, look_key, &l, err);
    if (rc != RC_OK || (!l.generation && !l.wrap))
        return rc;
    stale.generation = l.generation;
    return fn(arg, &stale, err);
}

enum rc
export_stale_each(const struct store *store, export_stale_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    /* max() takes the other columns from the row that has it. */
    enum rc rc = db_query(store->db, &q,
                          "SELECT k.name, coalesce(json_extract(e.body, '$.file'), ''), e.at,"
                          " e.entry, max(e.at || e.author || printf('%020d', e.seq))"
                          " FROM event e, json_each(e.body, '$.keys') j"
                          " JOIN key k ON k.uuid = j.value WHERE e.kind = 'export.made'"
                          " GROUP BY k.name ORDER BY k.name",
                          err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = look_name(store, q, fn, arg, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

enum rc
export_names_each(const struct store *store, const char *file, export_name_fn fn, void *arg,
                  struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT DISTINCT k.name FROM event e, json_each(e.body, '$.keys') j"
                          " JOIN key k ON k.uuid = j.value WHERE e.kind = 'export.made'"
                          " AND e.author = ?1 AND json_extract(e.body, '$.file') = ?2 ORDER BY 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, store->self.author);
    stmt_text(q, 2, file);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = fn(arg, col_text(q, 0), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}
