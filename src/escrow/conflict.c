#include "escrow/conflict.h"

#include <stdio.h>
#include <string.h>

#include "escrow/policy.h"
#include "escrow/view.h"
#include "text/enc.h"

/* ---- what the object is called ---- */

/* Kind and label of an object or a key; those of a fact that waits for its object stay the UUID. */
static enum rc
name_it(const struct store *store, struct conflict *c, struct err *err)
{
    struct stmt *q = NULL;
    (void)snprintf(c->label, sizeof c->label, "%s", c->object);
    if (strcmp(c->object, "policy") == 0) {
        (void)snprintf(c->kind, sizeof c->kind, "policy");
        (void)snprintf(c->label, sizeof c->label, "the policy");
        return RC_OK;
    }
    enum rc rc = db_query(store->db, &q,
                          "SELECT 'key', name || '@' || generation, entry FROM key WHERE uuid = ?1"
                          " UNION ALL SELECT kind, name, entry FROM object WHERE uuid = ?1"
                          " ORDER BY entry LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, c->object);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        (void)snprintf(c->kind, sizeof c->kind, "%s", col_text(q, 0));
        (void)snprintf(c->label, sizeof c->label, "%s", col_text(q, 1));
    }
    stmt_done(q);
    return rc;
}

/* What a command calls it: its name, or where that stands for several, its UUID. */
static enum rc
refer_to_it(const struct store *store, struct conflict *c, struct err *err)
{
    struct object o;
    struct key key;
    struct err several = ERR_INIT;
    if (strcmp(c->kind, "key") == 0) {
        enum rc rc = key_find(store, c->object, &key, err);
        return rc == RC_OK ? key_ref(c->ref, store, &key, err) : rc;
    }
    if (c->kind[0] != '\0' && strcmp(c->kind, "policy") != 0 &&
        object_find(store, c->kind, c->label, &o, &several) == RC_OK)
        (void)snprintf(c->ref, sizeof c->ref, "%s", c->label);
    return RC_OK;
}

/* ---- which command settles it ---- */

static const struct {
    const char *kind, *field, *before, *after;
} settling[] = {
    {"key", "state", "state", " STATE --reason TEXT"},
    {"key", "owner", "state", " --owner TEXT"},
    {"key", "protects", "state", " --protects TEXT"},
    {"key", "system", "state", " --system TEXT"},
    {"key", "labels", "state", " --label K=V"},
    {"key", "needed_until", "state", " --needed-until DATE"},
    {"key", "expires", "state", " --expires DATE"},
    {"key", "generation", "rekey", ""},
    {"kms", "kept_at", "kms set", " --kept-at TEXT"},
    {"kms", "endpoint", "kms set", " --endpoint URL"},
    {"site", "lost", "site lost", " --reason TEXT, or keymuster site restored"},
};

void
conflict_settling(const struct conflict *c, char *out, size_t size)
{
    enum policy_rule rule = POLICY_WRAPS;
    const char *purpose = NULL;
    out[0] = '\0';
    if (strcmp(c->kind, "policy") == 0 && policy_field(c->field, &rule, &purpose) == 0)
        (void)snprintf(out, size, "keymuster policy set %s%s%s=VALUE --reason TEXT",
                       purpose != NULL ? purpose : "", purpose != NULL ? "." : "",
                       policy_rule_name(rule));
    for (size_t i = 0; i < sizeof settling / sizeof settling[0]; i++) {
        if (strcmp(settling[i].kind, c->kind) == 0 && strcmp(settling[i].field, c->field) == 0)
            (void)snprintf(out, size, "keymuster %s %s%s", settling[i].before, c->ref,
                           settling[i].after);
    }
}

/* ---- the three kinds ---- */

/* Each query gives: object, kind, label, field. */
static const struct {
    enum conflict_what what;
    const char *sql;
} kinds[] = {
    /* That an adopted password was confirmed at two sites is no contradiction. */
    {CONFLICT_FIELD,
     "SELECT object, '', '', name FROM field f WHERE name <> 'confirmed' AND NOT EXISTS"
     " (SELECT 1 FROM superseded s WHERE s.object = f.object AND s.name = f.name"
     " AND s.entry = f.entry)"
     " GROUP BY object, name HAVING count(DISTINCT value) > 1 ORDER BY object, name"},
    /* A successor that follows all of them settles it. */
    {CONFLICT_GENERATION,
     "SELECT min(uuid), 'key', name || '@' || generation, 'generation' FROM key k"
     " GROUP BY name, generation HAVING count(DISTINCT uuid) > 1 AND"
     " max(NOT EXISTS (SELECT 1 FROM follows f WHERE f.former = k.uuid))"
     " ORDER BY name, generation"},
    {CONFLICT_NAME, "SELECT min(uuid), kind, name, 'name' FROM object GROUP BY kind, name"
                    " HAVING count(DISTINCT uuid) > 1 ORDER BY kind, name"},
};

static enum rc
each_of(const struct store *store, size_t at, conflict_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q, kinds[at].sql, err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct conflict c = {.what = kinds[at].what, .field = col_text(q, 3)};
        (void)snprintf(c.object, sizeof c.object, "%s", col_text(q, 0));
        (void)snprintf(c.kind, sizeof c.kind, "%s", col_text(q, 1));
        (void)snprintf(c.label, sizeof c.label, "%s", col_text(q, 2));
        memcpy(c.ref, c.object, sizeof c.object);
        if (c.what == CONFLICT_FIELD)
            rc = name_it(store, &c, err);
        if (rc == RC_OK && c.what == CONFLICT_FIELD)
            rc = refer_to_it(store, &c, err);
        if (rc == RC_OK)
            rc = fn(arg, &c, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

enum rc
conflict_each(const struct store *store, conflict_fn fn, void *arg, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < sizeof kinds / sizeof kinds[0]; i++)
        rc = each_of(store, i, fn, arg, err);
    return rc;
}

/* ---- values ---- */

struct values {
    const struct store *store;
    conflict_value_fn fn;
    void *arg;
};

static enum rc
author_of(const struct store *store, const char *entry, char out[AUTHOR_TEXT + 1], struct err *err)
{
    unsigned char hash[HASH_SIZE];
    struct stmt *q = NULL;
    out[0] = '\0';
    if (hex_decode(hash, sizeof hash, entry) != 0)
        return RC_OK;
    enum rc rc = db_query(store->db, &q, "SELECT author FROM entry WHERE hash = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, hash, sizeof hash);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(out, AUTHOR_TEXT + 1, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

static enum rc
give_value(void *arg, const char *value, const char *entry, struct err *err)
{
    const struct values *v = arg;
    char author[AUTHOR_TEXT + 1];
    enum rc rc = author_of(v->store, entry, author, err);
    return rc == RC_OK ? v->fn(v->arg, value, author, err) : rc;
}

/* UUIDs of equal names or numbers. */
static enum rc
give_uuids(const struct values *v, const struct conflict *c, struct err *err)
{
    struct stmt *q = NULL;
    int key = c->what == CONFLICT_GENERATION;
    enum rc rc = key ? db_query(v->store->db, &q,
                                "SELECT '\"' || uuid || '\"', author, min(entry) FROM key"
                                " WHERE name || '@' || generation = ?1 GROUP BY uuid ORDER BY uuid",
                                err)
                     : db_query(v->store->db, &q,
                                "SELECT '\"' || uuid || '\"', author, min(entry) FROM object"
                                " WHERE name = ?1 AND kind = ?2 GROUP BY uuid ORDER BY uuid",
                                err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, c->label);
    if (!key)
        stmt_text(q, 2, c->kind);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = v->fn(v->arg, col_text(q, 0), col_text(q, 1), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

enum rc
conflict_values(const struct store *store, const struct conflict *c, conflict_value_fn fn,
                void *arg, struct err *err)
{
    struct values v = {store, fn, arg};
    return c->what == CONFLICT_FIELD ? field_each(store, c->object, c->field, give_value, &v, err)
                                     : give_uuids(&v, c, err);
}
