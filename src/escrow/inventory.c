#include "escrow/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/inventory_fact.h"
#include "escrow/key_row.h"
#include "text/time.h"

/* ---- which keys ---- */

static unsigned
facts_of(const struct inventory_filter *f, enum inventory_order order)
{
    unsigned facts = 0;
    if (f->state != NULL || f->labels != NULL || f->expires_by != 0 || order == INV_BY_STATE ||
        order == INV_BY_EXPIRES || order == INV_BY_NEEDED_UNTIL ||
        (f->only & (INV_ONLY_CONFLICT | INV_ONLY_UNCONFIRMED)))
        facts |= INV_FIELDS;
    if (f->root[0] != '\0' || f->kms[0] != '\0' || f->site[0] != '\0' || f->version != NULL ||
        (f->only & INV_ONLY_BEHIND) || order == INV_BY_BEHIND || order == INV_BY_WRAPS)
        facts |= INV_WRAPS;
    if ((f->only & INV_ONLY_UNPROVEN) || order == INV_BY_LAST_PROVEN)
        facts |= INV_DRILLS;
    if (f->only & INV_ONLY_EXPOSED)
        facts |= INV_DUTY;
    if (f->only & INV_ONLY_CONFLICT)
        facts |= INV_SHARED;
    if (f->only & INV_ONLY_DEBT)
        facts |= INV_DEBTS | INV_FIELDS | INV_WRAPS | INV_RELEASED;
    return facts;
}

/* {"k":"v"} has K=V; or K, with any value. */
static int
has_label(const struct json *labels, const char *wanted)
{
    const char *equals = strchr(wanted, '=');
    size_t len = equals != NULL ? (size_t)(equals - wanted) : strlen(wanted);
    for (const struct json *l = json_first(labels); l != NULL; l = json_next(l)) {
        const char *name = json_name(l);
        const char *value = json_str(l);
        if (strlen(name) == len && strncmp(name, wanted, len) == 0 &&
            (equals == NULL || (value != NULL && strcmp(value, equals + 1) == 0)))
            return 1;
    }
    return 0;
}

static enum rc
fits_labels(const struct inventory_item *i, const char *const *labels, int *fits, struct err *err)
{
    const struct buf *text = &i->field[INV_LABELS];
    struct json *doc = NULL;
    if (labels == NULL || labels[0] == NULL)
        return RC_OK;
    *fits = text->len > 0;
    if (!*fits)
        return RC_OK;
    enum rc rc = json_parse(&doc, text->data, text->len, "labels", err);
    for (size_t l = 0; rc == RC_OK && *fits && labels[l] != NULL; l++)
        *fits = has_label(doc, labels[l]);
    json_free(doc);
    return rc;
}

static int
fits_only(const struct inventory_item *i, unsigned only)
{
    return (!(only & INV_ONLY_BEHIND) || i->behind > 0) &&
           (!(only & INV_ONLY_UNPROVEN) || !i->key.has_check || !i->drills.proven) &&
           (!(only & INV_ONLY_UNCONFIRMED) || i->unconfirmed) &&
           (!(only & INV_ONLY_EXPOSED) || i->exposed) &&
           (!(only & INV_ONLY_CONFLICT) || i->conflict) &&
           (!(only & INV_ONLY_DEBT) || i->debt_count > 0 || i->wraps_wanting > 0 ||
            i->copies_wanting > 0);
}

static enum rc
fits(const struct inventory_filter *f, const struct inventory_item *i, int *yes, struct err *err)
{
    int64_t expires = f->expires_by != 0 ? inventory_time(i, INV_EXPIRES) : 0;
    *yes = (f->state == NULL || strcmp(f->state, i->key.state) == 0) &&
           (f->expires_by == 0 || (expires != 0 && expires <= f->expires_by)) &&
           fits_only(i, f->only);
    return *yes ? fits_labels(i, f->labels, yes, err) : RC_OK;
}

/* ---- the walk ---- */

/* What the row itself tells is left to SQL: it costs a million calls less. */
#define ROW_FILTER                                                                                 \
    "AND (?1 IS NULL OR purpose = ?1) AND (?2 IS NULL OR protects_site = ?2)"                      \
    " AND (?3 IS NULL OR (created_at <= ?3 AND NOT EXISTS (SELECT 1 FROM key n"                    \
    " WHERE n.name = key.name AND n.generation > key.generation AND n.created_at <= ?3)))"
#define ROW_ORDER " ORDER BY name, generation, uuid"

static enum rc
query(const struct inventory *inv, const struct inventory_filter *f, int few, struct stmt **q,
      struct err *err)
{
    struct db *db = inv->store->db;
    enum rc rc;
    if (f->name != NULL)
        rc = db_query(db, q, KEY_COLUMNS ROW_FILTER " AND name = ?4" ROW_ORDER, err);
    else if (few)
        rc = db_query(db, q,
                      KEY_COLUMNS ROW_FILTER
                      " AND uuid IN (SELECT key FROM wrap WHERE root = ?5)" ROW_ORDER,
                      err);
    else
        rc = db_query(db, q, KEY_COLUMNS ROW_FILTER ROW_ORDER, err);
    if (rc != RC_OK)
        return rc;
    stmt_text(*q, 1, f->purpose);
    stmt_text(*q, 2, f->protects_site[0] != '\0' ? f->protects_site : NULL);
    stmt_text(*q, 3, f->at[0] != '\0' ? f->at : NULL);
    if (f->name != NULL)
        stmt_text(*q, 4, f->name);
    else if (few)
        stmt_text(*q, 5, f->root);
    return RC_OK;
}

/* Whether so few keys lie under the root key that looking them up and sorting them costs less, in
 * time and in memory, than walking all. */
static enum rc
few_under(const struct inventory *inv, const char *root, int *few, struct err *err)
{
    struct stmt *q = NULL;
    *few = 0;
    if (root[0] == '\0')
        return RC_OK;
    enum rc rc =
        db_query(inv->store->db, &q,
                 "SELECT count(*) FROM (SELECT 1 FROM wrap WHERE root = ?1 LIMIT 10000)", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, root);
    rc = stmt_row(q, err);
    *few = rc == RC_OK && col_int(q, 0) < 10000;
    stmt_done(q);
    return rc;
}

struct walk {
    struct inventory *inv;
    const struct inventory_filter *filter;
    unsigned first, rest; /* facts: what tells whether it is wanted; what fn wants */
    inventory_fn fn;
    void *arg;
};

static enum rc
one_row(struct walk *w, struct stmt *q, struct err *err)
{
    struct inventory_item *item = &w->inv->item;
    int yes = 1;
    enum rc rc = key_row_read(q, &item->key, err);
    item->row = col_int(q, KEY_COLUMN_ROW);
    item->conflict = 0;
    if (rc == RC_OK)
        rc = fact_gather(w->inv, item, w->first, w->filter, &yes, err);
    if (rc == RC_OK && yes)
        rc = fits(w->filter, item, &yes, err);
    if (rc != RC_OK || !yes)
        return rc;
    rc = fact_gather(w->inv, item, w->rest & ~w->first, NULL, &yes, err);
    return rc == RC_OK ? w->fn(w->arg, item, err) : rc;
}

static enum rc
walk_all(struct walk *w, struct err *err)
{
    struct stmt *q = NULL;
    int few = 0;
    enum rc rc = few_under(w->inv, w->filter->root, &few, err);
    if (rc == RC_OK)
        rc = query(w->inv, w->filter, few, &q, err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = one_row(w, q, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* ---- another order ---- */

struct place {
    int64_t value; /* INT64_MAX: none */
    uint32_t row;
    uint32_t at; /* by name */
};

struct sorting {
    enum inventory_order order;
    int descending;
    struct place *places;
    size_t count, room;
};

static int64_t
value_of(const struct inventory_item *i, enum inventory_order order)
{
    int64_t ms = 0;
    switch (order) {
    case INV_BY_NAME:
        return 0;
    case INV_BY_GENERATION:
        return i->key.generation;
    case INV_BY_STATE:
        return key_state_rank(i->key.state);
    case INV_BY_CREATED:
        return time_parse(&ms, i->key.created_at) == 0 ? ms : INT64_MAX;
    case INV_BY_EXPIRES:
        ms = inventory_time(i, INV_EXPIRES);
        return ms != 0 ? ms : INT64_MAX;
    case INV_BY_NEEDED_UNTIL:
        ms = inventory_time(i, INV_NEEDED_UNTIL);
        return ms != 0 ? ms : INT64_MAX;
    case INV_BY_LAST_PROVEN:
        return i->drills.proven && time_parse(&ms, i->drills.newest.at) == 0 ? ms : INT64_MAX;
    case INV_BY_BEHIND:
        return i->behind;
    case INV_BY_WRAPS:
        return i->wraps;
    }
    return 0;
}

static enum rc
take_place(void *arg, const struct inventory_item *item, struct err *err)
{
    struct sorting *s = arg;
    if (s->count >= UINT32_MAX || item->row < 0 || item->row > UINT32_MAX)
        return err_set(err, RC_INTERNAL, "more keys than can be sorted");
    if (s->count == s->room) {
        size_t room = s->room == 0 ? 1024 : s->room + s->room / 2;
        struct place *more = realloc(s->places, room * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        s->places = more;
        s->room = room;
    }
    int64_t value = value_of(item, s->order);
    if (s->descending && value != INT64_MAX)
        value = -value;
    s->places[s->count] = (struct place){value, (uint32_t)item->row, (uint32_t)s->count};
    s->count++;
    return RC_OK;
}

static int
by_value(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* The keys of the places again, in their order. */
static enum rc
visit(struct walk *w, const struct sorting *s, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < s->count; i++) {
        rc = db_query(w->inv->store->db, &q, KEY_COLUMNS "AND rowid = ?1", err);
        if (rc != RC_OK)
            return rc;
        stmt_int(q, 1, s->places[i].row);
        rc = stmt_row(q, err);
        if (rc == RC_OK && stmt_more(q))
            rc = one_row(w, q, err);
        stmt_done(q);
    }
    return rc;
}

enum rc
inventory_each(struct inventory *inv, const struct inventory_filter *filter,
               enum inventory_order order, int descending, inventory_fn fn, void *arg,
               struct err *err)
{
    static const struct inventory_filter none;
    const struct inventory_filter *f = filter != NULL ? filter : &none;
    struct walk w = {inv, f, facts_of(f, INV_BY_NAME), inv->facts, fn, arg};
    if (order == INV_BY_NAME && !descending)
        return walk_all(&w, err);
    struct sorting s = {.order = order, .descending = descending};
    struct walk first = {inv, f, facts_of(f, order), 0, take_place, &s};
    enum rc rc = walk_all(&first, err);
    if (rc == RC_OK && order == INV_BY_NAME)
        for (size_t i = 0; i < s.count; i++)
            s.places[i].value = -(int64_t)i;
    if (rc == RC_OK && s.count > 0)
        qsort(s.places, s.count, sizeof *s.places, by_value);
    w.filter = &none;
    w.first = 0;
    if (rc == RC_OK)
        rc = visit(&w, &s, err);
    free(s.places);
    return rc;
}

enum rc
inventory_one(struct inventory *inv, const struct key *key, inventory_fn fn, void *arg,
              struct err *err)
{
    int yes = 1;
    inv->item.key = *key;
    inv->item.row = inv->item.conflict = 0;
    enum rc rc = fact_gather(inv, &inv->item, inv->facts, NULL, &yes, err);
    return rc == RC_OK ? fn(arg, &inv->item, err) : rc;
}

enum rc
inventory_open(struct inventory **out, const struct store *store, unsigned facts, struct err *err)
{
    struct inventory *inv = calloc(1, sizeof *inv);
    *out = NULL;
    if (inv == NULL)
        return err_nomem(err);
    inv->store = store;
    inv->facts = facts;
    for (size_t i = 0; i < INV_FIELD_COUNT; i++)
        buf_init(&inv->item.field[i], LIMIT_ENTRY);
    *out = inv;
    (void)err;
    return RC_OK;
}

void
inventory_close(struct inventory *inv)
{
    if (inv == NULL)
        return;
    for (size_t i = 0; i < inv->root_count; i++)
        free(inv->roots[i]);
    for (size_t i = 0; i < INV_FIELD_COUNT; i++)
        buf_release(&inv->item.field[i]);
    free(inv->roots);
    free(inv->names);
    free(inv->acknowledged);
    duty_close(inv->duties);
    free(inv);
}
