#include "escrow/inventory_fact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "escrow/key_row.h"
#include "text/time.h"

enum { KEPT = 256 }; /* names and acknowledgements; more are looked up each time */

/* ---- looked up once ---- */

/* A root key by UUID, kept until inventory_close; *out NULL: not known here. */
static enum rc
inventory_root(struct inventory *inv, const char *uuid, const struct root **out, struct err *err)
{
    struct object object;
    struct err scratch = ERR_INIT;
    *out = NULL;
    for (size_t i = 0; i < inv->root_count; i++) {
        if (strcmp(inv->roots[i]->object.uuid, uuid) == 0) {
            *out = inv->roots[i];
            return RC_OK;
        }
    }
    enum rc rc = object_find(inv->store, "root", uuid, &object, &scratch);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* the fact waits for its object */
    if (rc != RC_OK) {
        *err = scratch;
        return rc;
    }
    if (inv->root_count == inv->root_room) {
        size_t room = inv->root_room == 0 ? 16 : inv->root_room * 2;
        struct root **more = realloc(inv->roots, room * sizeof(void *));
        if (more == NULL)
            return err_nomem(err);
        inv->roots = more;
        inv->root_room = room;
    }
    struct root *root = calloc(1, sizeof *root);
    if (root == NULL)
        return err_nomem(err);
    rc = root_load(inv->store, &object, root, err);
    if (rc != RC_OK) {
        free(root);
        return rc;
    }
    *out = inv->roots[inv->root_count++] = root; /* transferred */
    return RC_OK;
}

enum rc
inventory_name(struct inventory *inv, const char *uuid, const char **out, struct err *err)
{
    *out = "";
    if (uuid[0] == '\0')
        return RC_OK;
    for (size_t i = 0; i < inv->name_count; i++) {
        if (strcmp(inv->names[i].uuid, uuid) == 0) {
            *out = inv->names[i].name;
            return RC_OK;
        }
    }
    if (inv->names == NULL)
        inv->names = calloc(KEPT, sizeof *inv->names);
    if (inv->names == NULL)
        return err_nomem(err);
    size_t at = inv->name_count < KEPT ? inv->name_count++ : KEPT - 1;
    (void)snprintf(inv->names[at].uuid, sizeof inv->names[at].uuid, "%s", uuid);
    *out = inv->names[at].name;
    return object_name(inv->store, uuid, inv->names[at].name, err);
}

static enum rc
copies_of(const struct store *store, struct acknowledged *a, struct err *err)
{
    struct stmt *q = NULL;
    a->count = 0;
    enum rc rc = db_query(store->db, &q,
                          "SELECT entries FROM copy_seen WHERE author = ?1 ORDER BY entries DESC"
                          " LIMIT 32",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, a->author);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q) && a->count < COPIES_KEPT)
        a->each[a->count++] = col_int(q, 0);
    stmt_done(q);
    return rc;
}

static enum rc
acknowledged(struct inventory *inv, const struct key *key, const struct acknowledged **out,
             struct err *err)
{
    const char *site = purpose_must_outlive(key->purpose) ? key->protects_site : "";
    for (size_t i = 0; i < inv->acknowledged_count; i++) {
        const struct acknowledged *a = &inv->acknowledged[i];
        if (strcmp(a->author, key->author) == 0 && strcmp(a->site, site) == 0) {
            *out = a;
            return RC_OK;
        }
    }
    if (inv->acknowledged == NULL)
        inv->acknowledged = calloc(KEPT, sizeof *inv->acknowledged);
    if (inv->acknowledged == NULL)
        return err_nomem(err);
    size_t at = inv->acknowledged_count < KEPT ? inv->acknowledged_count++ : KEPT - 1;
    struct acknowledged *a = &inv->acknowledged[at];
    (void)snprintf(a->author, sizeof a->author, "%s", key->author);
    (void)snprintf(a->site, sizeof a->site, "%s", site);
    enum rc rc = entries_acknowledged(inv->store, key->author, site, &a->upto, err);
    *out = a;
    return rc == RC_OK ? copies_of(inv->store, a, err) : rc;
}

/* ---- fields ---- */

static const char *const field_names[INV_FIELD_COUNT] = {[INV_OWNER] = "owner",
                                                         [INV_SYSTEM] = "system",
                                                         [INV_PROTECTS] = "protects",
                                                         [INV_LABELS] = "labels",
                                                         [INV_NEEDED_UNTIL] = "needed_until",
                                                         [INV_EXPIRES] = "expires",
                                                         [INV_CONFIRMED] = "confirmed",
                                                         [INV_OWE] = "owe"};

enum rc
inventory_text(const struct inventory_item *item, enum inventory_field field, struct buf *out,
               struct err *err)
{
    const struct buf *raw = &item->field[field];
    buf_clear(out);
    return raw->len > 0 ? field_text(out, raw->data, err) : RC_OK;
}

/* A JSON string that holds a time; 0 for anything else. */
static int64_t
time_of(const char *json)
{
    char text[TIME_TEXT + 16];
    int64_t ms = 0;
    size_t len = strlen(json);
    if (len < 2 || len >= sizeof text || json[0] != '"')
        return 0;
    memcpy(text, json + 1, len - 2);
    text[len - 2] = '\0';
    return time_parse(&ms, text) == 0 ? ms : 0;
}

int64_t
inventory_time(const struct inventory_item *item, enum inventory_field field)
{
    return time_of(buf_str(&item->field[field]));
}

static void
keep_value(struct inventory_item *item, size_t field, const char *value)
{
    struct buf *kept = &item->field[field];
    int date = field == INV_NEEDED_UNTIL || field == INV_EXPIRES;
    if (kept->len > 0 && (!date || time_of(value) <= time_of(kept->data)))
        return;
    buf_clear(kept);
    buf_adds(kept, value);
}

/* One walk over all values that stand: those asked for, the state, and whether two differ. */
static enum rc
take_field(struct inventory_item *item, const char *name, const char *value, struct err *err)
{
    if (strcmp(name, "state") == 0)
        return key_row_state(&item->key, value, err);
    for (size_t i = 0; i < INV_FIELD_COUNT; i++) {
        if (strcmp(field_names[i], name) == 0) {
            keep_value(item, i, value);
            break;
        }
    }
    return RC_OK;
}

static enum rc
gather_fields(struct inventory *inv, struct inventory_item *item, struct err *err)
{
    struct stmt *q = NULL;
    for (size_t i = 0; i < INV_FIELD_COUNT; i++)
        buf_clear(&item->field[i]);
    /* The last column: another value stands beside it. That an adopted password was confirmed at
     * two sites is no contradiction. */
    enum rc rc = db_query(
        inv->store->db, &q,
        "WITH standing AS (SELECT name, value, entry FROM field f WHERE object = ?1 AND NOT EXISTS"
        " (SELECT 1 FROM superseded s WHERE s.object = f.object AND s.name = f.name"
        " AND s.entry = f.entry))"
        " SELECT name, value, name <> 'confirmed' AND EXISTS (SELECT 1 FROM field o"
        " WHERE o.object = ?1 AND o.name = standing.name AND o.value <> standing.value"
        " AND NOT EXISTS (SELECT 1 FROM superseded s WHERE s.object = ?1 AND s.name = o.name"
        " AND s.entry = o.entry)) FROM standing ORDER BY name, entry",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, item->key.uuid);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        item->conflict |= (int)col_int(q, 2);
        rc = take_field(item, col_text(q, 0), col_text(q, 1), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    for (size_t i = 0; rc == RC_OK && i < INV_FIELD_COUNT; i++)
        rc = buf_check(&item->field[i], "a field", err);
    item->unconfirmed =
        strcmp(item->key.origin, "adopted") == 0 && item->field[INV_CONFIRMED].len == 0;
    return rc;
}

/* ---- wraps ---- */

static int
is_among(const struct root *const *roots, size_t count, const struct root *root)
{
    for (size_t i = 0; i < count; i++) {
        if (roots[i] == root)
            return 1;
    }
    return 0;
}

/* By name, each once. */
static void
add_root(const struct root **roots, size_t *count, const struct root *root)
{
    size_t at = 0;
    while (at < *count && strcmp(roots[at]->object.name, root->object.name) < 0)
        at++;
    for (size_t i = at; i < *count && strcmp(roots[i]->object.name, root->object.name) == 0; i++) {
        if (roots[i] == root)
            return;
    }
    if (*count == INV_ROOTS)
        return;
    memmove(roots + at + 1, roots + at, (*count - at) * sizeof(void *));
    roots[at] = root;
    (*count)++;
}

static int
is_wanted(const struct inventory_filter *f, const struct root *r, const char *uuid,
          const char *version)
{
    if (f->root[0] != '\0' && strcmp(f->root, uuid) != 0)
        return 0;
    if (f->version != NULL && strncmp(version, f->version, strlen(f->version)) != 0)
        return 0;
    return (f->kms[0] == '\0' || (r != NULL && strcmp(r->kms.uuid, f->kms) == 0)) &&
           (f->site[0] == '\0' || (r != NULL && strcmp(r->site, f->site) == 0));
}

static int
wants_wrap(const struct inventory_filter *f)
{
    return f != NULL &&
           (f->root[0] != '\0' || f->kms[0] != '\0' || f->site[0] != '\0' || f->version != NULL);
}

/* Root keys that the key lies under by their current version, and by an older one. */
struct under {
    const struct root *current[INV_ROOTS], *older[INV_ROOTS];
    size_t current_count, older_count;
    unsigned char id[HASH_SIZE]; /* of the last wrap; any: there was one */
    char root[UUID_TEXT + 1];
    struct buf aad;
    int any;
};

/* A wrap that two entries tell of is one; they come one after the other, by its id. */
static int
is_again(struct under *u, struct stmt *q)
{
    size_t len = 0;
    const void *id = col_blob(q, 2, &len);
    int again = len == HASH_SIZE && u->any && memcmp(u->id, id, HASH_SIZE) == 0 &&
                strcmp(u->root, col_text(q, 0)) == 0 &&
                strcmp(buf_str(&u->aad), col_text(q, 3)) == 0;
    if (again || len != HASH_SIZE)
        return again;
    u->any = 1;
    memcpy(u->id, id, HASH_SIZE);
    (void)snprintf(u->root, sizeof u->root, "%s", col_text(q, 0));
    buf_clear(&u->aad);
    buf_adds(&u->aad, col_text(q, 3));
    return 0;
}

static enum rc
take_wrap(struct inventory *inv, struct inventory_item *item, struct under *u, struct stmt *q,
          const struct inventory_filter *f, int *yes, struct err *err)
{
    const struct root *r = NULL;
    char uuid[UUID_TEXT + 1], version[UUID_TEXT + 1];
    (void)snprintf(uuid, sizeof uuid, "%s", col_text(q, 0));
    (void)snprintf(version, sizeof version, "%s", col_text(q, 1));
    item->wraps++;
    enum rc rc = inventory_root(inv, uuid, &r, err);
    if (rc != RC_OK)
        return rc;
    if (wants_wrap(f) && is_wanted(f, r, uuid, version))
        *yes = 1;
    if (r == NULL)
        return RC_OK;
    add_root(item->roots, &item->root_count, r);
    if (item->live_count < (size_t)2 * INV_ROOTS) {
        item->live[item->live_count].root = r;
        memcpy(item->live[item->live_count++].version, version, sizeof version);
    }
    if (r->version[0] == '\0' || version[0] == '\0')
        return RC_OK;
    if (strcmp(r->version, version) == 0)
        add_root(u->current, &u->current_count, r);
    else
        add_root(u->older, &u->older_count, r);
    return RC_OK;
}

static enum rc
gather_wraps(struct inventory *inv, struct inventory_item *item, const struct inventory_filter *f,
             int *yes, struct err *err)
{
    struct stmt *q = NULL;
    struct under u;
    u.current_count = u.older_count = 0;
    u.any = 0;
    buf_init(&u.aad, LIMIT_ENTRY);
    item->wraps = item->behind = 0;
    item->root_count = item->live_count = 0;
    *yes = !wants_wrap(f);
    enum rc rc = db_query(inv->store->db, &q,
                          "SELECT root, version, id, aad FROM wrap WHERE key = ?1 AND NOT EXISTS"
                          " (SELECT 1 FROM wrap_retired r WHERE r.key = wrap.key"
                          " AND r.id = wrap.id) ORDER BY id, entry",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, item->key.uuid);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = is_again(&u, q) ? RC_OK : take_wrap(inv, item, &u, q, f, yes, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    if (rc == RC_OK)
        rc = buf_check(&u.aad, "a wrap", err);
    buf_release(&u.aad);
    /* An older wrap is kept beside a newer one; it is behind when there is none. */
    for (size_t i = 0; i < u.older_count; i++)
        item->behind += !is_among(u.current, u.current_count, u.older[i]);
    return rc;
}

/* Wraps that were owed when the key was made, and are still missing. */
static enum rc
gather_debts(struct inventory *inv, struct inventory_item *item, struct err *err)
{
    const struct buf *owe = &item->field[INV_OWE];
    struct json *doc = NULL;
    item->debt_count = 0;
    if (owe->len == 0)
        return RC_OK;
    enum rc rc = json_parse(&doc, owe->data, owe->len, "the debts of a key", err);
    for (const struct json *i = json_first(doc); rc == RC_OK && i != NULL; i = json_next(i)) {
        const struct root *root = NULL;
        if (json_str(i) == NULL)
            continue;
        rc = inventory_root(inv, json_str(i), &root, err);
        if (rc == RC_OK && root != NULL && !is_among(item->roots, item->root_count, root))
            add_root(item->debts, &item->debt_count, root);
    }
    json_free(doc);
    return rc;
}

/* Somebody may still have to get it back; the date by the clock of this machine. */
static int
is_wanted_still(const struct inventory_item *item)
{
    int64_t until = inventory_time(item, INV_NEEDED_UNTIL);
    return strcmp(item->key.state, "destroyed") != 0 && (until == 0 || until >= clock_now_ms());
}

/* What policy asks for beyond what was owed by name. */
static void
gather_wanting(const struct inventory *inv, struct inventory_item *item)
{
    int64_t ways = (int64_t)item->debt_count;
    item->wraps_wanting = item->copies_wanting = 0;
    if (!is_wanted_still(item))
        return;
    for (size_t i = 0; i < item->root_count; i++)
        ways += item->roots[i]->state != ROOT_DESTROYED;
    int64_t wraps = policy_of(&inv->policy, POLICY_WRAPS, item->key.purpose);
    int64_t copies = policy_of(&inv->policy, POLICY_COPIES, item->key.purpose);
    if (ways < wraps && item->wraps > 0)
        item->wraps_wanting = wraps - ways;
    if (item->released && item->copies < copies)
        item->copies_wanting = copies - item->copies;
}

/* ---- the rest ---- */

/* Another key has its name and generation; *open: and a successor does not follow all of them. */
static enum rc
gather_shared(struct inventory *inv, struct inventory_item *item, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(inv->store->db, &q,
                          "SELECT 1 FROM key WHERE name = ?1 AND generation = ?2 AND uuid <> ?3"
                          " LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, item->key.name);
    stmt_int(q, 2, item->key.generation);
    stmt_text(q, 3, item->key.uuid);
    rc = stmt_row(q, err);
    item->shared = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    if (rc != RC_OK || !item->shared)
        return rc;
    rc = db_query(inv->store->db, &q,
                  "SELECT 1 FROM key k WHERE name = ?1 AND generation = ?2 AND NOT EXISTS"
                  " (SELECT 1 FROM follows f WHERE f.former = k.uuid) LIMIT 1",
                  err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, item->key.name);
    stmt_int(q, 2, item->key.generation);
    rc = stmt_row(q, err);
    item->conflict |= rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc;
}

static enum rc
gather_drills(const struct inventory *inv, struct inventory_item *item, struct err *err)
{
    item->drill_every = policy_of(&inv->policy, POLICY_DRILL, item->key.purpose);
    return drilled_state(inv->store, &item->key, &item->drills, err);
}

static enum rc
gather_released(struct inventory *inv, struct inventory_item *item, struct err *err)
{
    const struct acknowledged *a = NULL;
    enum rc rc = acknowledged(inv, &item->key, &a, err);
    if (rc != RC_OK)
        return rc;
    item->released = item->key.seq <= a->upto;
    item->copies = 0;
    for (size_t i = 0; i < a->count; i++)
        item->copies += item->key.seq <= a->each[i];
    return RC_OK;
}

static enum rc
gather_duty(struct inventory *inv, struct inventory_item *item, struct err *err)
{
    enum rc rc = inv->duties == NULL ? duty_open(&inv->duties, inv->store, err) : RC_OK;
    return rc == RC_OK ? duty_of(inv->duties, &item->key, &item->duty, &item->exposed, err) : rc;
}

enum rc
fact_gather(struct inventory *inv, struct inventory_item *item, unsigned facts,
            const struct inventory_filter *filter, int *yes, struct err *err)
{
    enum rc rc = RC_OK;
    *yes = 1;
    if ((facts & (INV_DEBTS | INV_DRILLS)) && !inv->has_policy) {
        rc = policy_load(&inv->policy, inv->store, err);
        inv->has_policy = rc == RC_OK;
    }
    if (rc == RC_OK && (facts & INV_WRAPS))
        rc = gather_wraps(inv, item, filter, yes, err);
    if (rc != RC_OK || !*yes)
        return rc;
    if (facts & INV_FIELDS)
        rc = gather_fields(inv, item, err);
    if (rc == RC_OK && (facts & INV_SHARED))
        rc = gather_shared(inv, item, err);
    if (rc == RC_OK && (facts & INV_DRILLS))
        rc = gather_drills(inv, item, err);
    if (rc == RC_OK && (facts & INV_RELEASED))
        rc = gather_released(inv, item, err);
    if (rc == RC_OK && (facts & INV_DEBTS))
        rc = gather_debts(inv, item, err);
    if (rc == RC_OK && (facts & INV_DEBTS))
        gather_wanting(inv, item);
    if (rc == RC_OK && (facts & INV_DUTY))
        rc = gather_duty(inv, item, err);
    return rc;
}
