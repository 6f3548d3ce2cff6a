#include "escrow/depend.h"

#include <stdio.h>
#include <string.h>

#include "kms/place.h"

/* A wrap that is not retired, of a key that is not destroyed. */
#define LIVE                                                                                       \
    " NOT EXISTS (SELECT 1 FROM wrap_retired r WHERE r.key = w.key AND r.id = w.id)"               \
    " AND NOT EXISTS (SELECT 1 FROM field f WHERE f.object = w.key AND f.name = 'state'"           \
    " AND f.value = '\"destroyed\"' AND NOT EXISTS (SELECT 1 FROM superseded s"                    \
    " WHERE s.object = f.object AND s.name = f.name AND s.entry = f.entry)) "

/* UUIDs as a JSON array. */
struct uuids {
    const struct store *store;
    const struct depend_on *on;
    struct buf mine, dead;
};

static void
add_uuid(struct buf *list, const char *uuid)
{
    buf_addf(list, "%s\"%s\"", list->len > 1 ? "," : "", uuid);
}

static enum rc
sort_root(void *arg, const struct object *o, struct err *err)
{
    struct uuids *u = arg;
    struct root r;
    enum rc rc = root_load(u->store, o, &r, err);
    if (rc != RC_OK)
        return rc;
    if (u->on->root[0] != '\0' ? strcmp(o->uuid, u->on->root) == 0
                               : strcmp(r.kms.uuid, u->on->kms) == 0)
        add_uuid(&u->mine, o->uuid);
    if (r.state == ROOT_DESTROYED)
        add_uuid(&u->dead, o->uuid);
    return RC_OK;
}

static enum rc
walk(const struct store *store, const struct uuids *u, depend_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    struct dependent d;
    enum rc rc = db_query(
        store->db, &q,
        "WITH live AS (SELECT w.key AS key,"
        " (w.root IN (SELECT value FROM json_each(?1)) AND (?3 = '' OR w.version = ?3)) AS mine,"
        " w.root IN (SELECT value FROM json_each(?2)) AS dead FROM wrap w"
        " WHERE w.key IN (SELECT key FROM wrap WHERE root IN (SELECT value FROM json_each(?1)))"
        " AND" LIVE ")"
        " SELECT k.uuid, k.name, k.generation, max(NOT live.mine AND NOT live.dead) FROM live"
        " JOIN key k ON k.uuid = live.key GROUP BY k.uuid HAVING max(live.mine) = 1"
        " ORDER BY k.name, k.generation, k.uuid",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, buf_str(&u->mine));
    stmt_text(q, 2, buf_str(&u->dead));
    stmt_text(q, 3, u->on->version);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        (void)snprintf(d.key, sizeof d.key, "%s", col_text(q, 0));
        d.name = col_text(q, 1);
        d.generation = col_int(q, 2);
        d.only = col_int(q, 3) == 0;
        rc = fn(arg, &d, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* The lists of root keys; to be released in any case. */
static enum rc
load_uuids(struct uuids *u, struct err *err)
{
    buf_init(&u->mine, LIMIT_ENTRY);
    buf_init(&u->dead, LIMIT_ENTRY);
    buf_addc(&u->mine, '[');
    buf_addc(&u->dead, '[');
    enum rc rc = object_each(u->store, "root", sort_root, u, err);
    buf_addc(&u->mine, ']');
    buf_addc(&u->dead, ']');
    if (rc == RC_OK)
        rc = buf_check(&u->mine, "the list of root keys", err);
    return rc == RC_OK ? buf_check(&u->dead, "the list of root keys", err) : rc;
}

static void
release_uuids(struct uuids *u)
{
    buf_release(&u->mine);
    buf_release(&u->dead);
}

enum rc
depend_each(const struct store *store, const struct depend_on *on, depend_fn fn, void *arg,
            struct err *err)
{
    struct uuids u = {.store = store, .on = on};
    enum rc rc = load_uuids(&u, err);
    if (rc == RC_OK)
        rc = walk(store, &u, fn, arg, err);
    release_uuids(&u);
    return rc;
}

/* In the order of the primary key, so that nothing is held: a walk over all wraps, not a sort of
 * those that are meant. */
static enum rc
count(const struct uuids *u, struct depend_count *out, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(
        u->store->db, &q,
        "SELECT count(*), coalesce(sum(NOT other), 0) FROM (SELECT"
        " max(w.root IN (SELECT value FROM json_each(?1)) AND (?3 = '' OR w.version = ?3)) AS mine,"
        " max(NOT (w.root IN (SELECT value FROM json_each(?1)) AND (?3 = '' OR w.version = ?3))"
        " AND w.root NOT IN (SELECT value FROM json_each(?2))) AS other"
        " FROM wrap w WHERE EXISTS (SELECT 1 FROM key k WHERE k.uuid = w.key) AND" LIVE
        " GROUP BY w.key) WHERE mine",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, buf_str(&u->mine));
    stmt_text(q, 2, buf_str(&u->dead));
    stmt_text(q, 3, u->on->version);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        *out = (struct depend_count){col_int(q, 0), col_int(q, 1)};
    stmt_done(q);
    return rc;
}

enum rc
depend_count(const struct store *store, const struct depend_on *on, struct depend_count *out,
             struct err *err)
{
    struct uuids u = {.store = store, .on = on};
    *out = (struct depend_count){0, 0};
    enum rc rc = load_uuids(&u, err);
    if (rc == RC_OK)
        rc = count(&u, out, err);
    release_uuids(&u);
    return rc;
}

enum rc
depend_behind(const struct store *store, const char *root, const char *version, int64_t *count,
              struct err *err)
{
    struct stmt *q = NULL;
    *count = 0;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT count(*) FROM (SELECT w.key FROM wrap w WHERE +w.root = ?1 AND" LIVE
                 " GROUP BY w.key HAVING max(w.version = ?2) = 0)",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, root);
    stmt_text(q, 2, version);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        *count = col_int(q, 0);
    stmt_done(q);
    return rc;
}

/* ---- HPCS ---- */

struct hpcs {
    const struct store *store;
    const struct object *kms;
    int is;
};

static enum rc
look_hpcs(void *arg, const struct object *o, struct err *err)
{
    struct hpcs *h = arg;
    struct root r;
    struct crn crn;
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = root_load(h->store, o, &r, err);
    if (rc == RC_OK && strcmp(r.kms.uuid, h->kms->uuid) == 0)
        rc = field_get(h->store, o->uuid, "crn", &v, NULL, err);
    h->is |=
        rc == RC_OK && crn_parse(&crn, buf_str(&v)) == 0 && strcmp(crn.service, "hs-crypto") == 0;
    buf_release(&v);
    return rc;
}

enum rc
depend_hpcs(const struct store *store, const struct object *kms, int *is, struct err *err)
{
    struct hpcs h = {store, kms, 0};
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(store, kms->uuid, "endpoint", &v, NULL, err);
    h.is = rc == RC_OK && strstr(buf_str(&v), ".hs-crypto.") != NULL;
    buf_release(&v);
    if (rc == RC_OK && !h.is)
        rc = object_each(store, "root", look_hpcs, &h, err);
    *is = h.is;
    return rc;
}
