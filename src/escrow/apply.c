#include "escrow/apply.h"

#include <stdio.h>
#include <string.h>

#include "escrow/apply_in.h"
#include "kms/kms.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

typedef enum rc (*apply_fn)(struct apply *a, struct err *err);

enum rc
apply_lacks(struct apply *a, const char *member)
{
    if (a->reason == NULL)
        a->reason = member;
    return RC_OK;
}

const char *
apply_uuid(const struct json *v, const char *name)
{
    const char *text = json_gets(v, name);
    return text != NULL && uuid_is(text) ? text : NULL;
}

/* ---- changeable fields ---- */

enum rc
apply_field(struct apply *a, const char *object, const char *name, const struct json *value,
            struct err *err)
{
    buf_clear(&a->scratch);
    json_print(&a->scratch, value);
    enum rc rc = buf_check(&a->scratch, "a field", err);
    if (rc != RC_OK)
        return rc;
    if (a->judging)
        return RC_OK;
    struct stmt *q = NULL;
    rc = db_query(
        a->db, &q,
        "INSERT OR IGNORE INTO field (object, name, value, entry) VALUES (?1, ?2, ?3, ?4)", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, object);
    stmt_text(q, 2, name);
    stmt_textn(q, 3, buf_str(&a->scratch), a->scratch.len);
    stmt_blob(q, 4, a->e->hash, HASH_SIZE);
    return stmt_run(q, err);
}

static enum rc
put_superseded(struct apply *a, const char *object, const char *name, const struct json *list,
               struct err *err)
{
    for (const struct json *i = json_first(list); i != NULL; i = json_next(i)) {
        unsigned char hash[HASH_SIZE];
        const char *text = json_str(i);
        if (text == NULL || hex_decode(hash, HASH_SIZE, text) != 0)
            return apply_lacks(a, "supersedes");
        if (a->judging)
            continue;
        struct stmt *q = NULL;
        enum rc rc =
            db_query(a->db, &q,
                     "INSERT OR IGNORE INTO superseded (object, name, entry, superseded_by)"
                     " VALUES (?1, ?2, ?3, ?4)",
                     err);
        if (rc != RC_OK)
            return rc;
        stmt_text(q, 1, object);
        stmt_text(q, 2, name);
        stmt_blob(q, 3, hash, HASH_SIZE);
        stmt_blob(q, 4, a->e->hash, HASH_SIZE);
        rc = stmt_run(q, err);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc
apply_set(struct apply *a, const char *object, const struct json *set, struct err *err)
{
    if (set == NULL || json_type(set) != JSON_OBJECT)
        return apply_lacks(a, "set");
    enum rc rc = RC_OK;
    for (const struct json *f = json_first(set); rc == RC_OK && f != NULL; f = json_next(f)) {
        const struct json *value = json_get(f, "value");
        const struct json *list = json_get(f, "supersedes");
        if (value == NULL || list == NULL || json_type(list) != JSON_ARRAY)
            return apply_lacks(a, "set");
        rc = apply_field(a, object, json_name(f), value, err);
        if (rc == RC_OK)
            rc = put_superseded(a, object, json_name(f), list, err);
    }
    return rc;
}

/* ---- objects: site, kms, root, copy, vbr, person ---- */

/* "site.added" -> "site"; out of 12 bytes. */
static void
kind_word(const char *kind, char out[12])
{
    (void)snprintf(out, 12, "%.*s", (int)strcspn(kind, "."), kind);
}

static enum rc
apply_object_added(struct apply *a, struct err *err)
{
    const char *uuid = apply_uuid(a->e->body, "uuid");
    const char *name = json_gets(a->e->body, "name");
    char kind[12];
    kind_word(a->e->kind, kind);
    struct err scratch = ERR_INIT;
    if (uuid == NULL)
        return apply_lacks(a, "uuid");
    if (name == NULL || name_check(name, kind, &scratch) != RC_OK)
        return apply_lacks(a, "name");
    if (a->judging)
        return RC_OK;
    struct stmt *q = NULL;
    enum rc rc = db_query(a->db, &q,
                          "INSERT OR IGNORE INTO object (uuid, kind, name, entry, author, seq)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, uuid);
    stmt_text(q, 2, kind);
    stmt_text(q, 3, name);
    stmt_blob(q, 4, a->e->hash, HASH_SIZE);
    stmt_text(q, 5, a->e->author);
    stmt_int(q, 6, a->e->seq);
    rc = stmt_run(q, err);
    for (const struct json *m = json_first(a->e->body); rc == RC_OK && m != NULL;
         m = json_next(m)) {
        if (strcmp(json_name(m), "uuid") != 0 && strcmp(json_name(m), "name") != 0)
            rc = apply_field(a, uuid, json_name(m), m, err);
    }
    return rc;
}

static enum rc
apply_object_changed(struct apply *a, struct err *err)
{
    const char *uuid = apply_uuid(a->e->body, "uuid");
    if (uuid == NULL)
        return apply_lacks(a, "uuid");
    return apply_set(a, uuid, json_get(a->e->body, "set"), err);
}

static enum rc
apply_policy(struct apply *a, struct err *err)
{
    return apply_set(a, "policy", json_get(a->e->body, "set"), err);
}

/* ---- root keys and sites ---- */

static enum rc
apply_root_observed(struct apply *a, struct err *err)
{
    const struct json *b = a->e->body;
    const char *root = apply_uuid(b, "root");
    const char *state = json_gets(b, "state");
    const char *updated = json_gets(b, "updated");
    const char *until = json_gets(b, "restore_until");
    const char *version = json_gets(b, "version");
    const char *request = json_gets(b, "request");
    int64_t versions = 0;
    int64_t ms = 0;
    if (root == NULL || state == NULL || root_state_parse(state) == ROOT_UNKNOWN)
        return apply_lacks(a, "state");
    if (updated == NULL || time_parse(&ms, updated) != 0)
        return apply_lacks(a, "updated");
    if (json_get(b, "versions") != NULL && json_geti(b, "versions", &versions) != 0)
        return apply_lacks(a, "versions");
    if (a->judging)
        return RC_OK;
    struct stmt *q = NULL;
    enum rc rc =
        db_query(a->db, &q,
                 "INSERT OR IGNORE INTO root_observed (root, state, version, versions, updated,"
                 " restore_until, request, at, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, root);
    stmt_int(q, 2, root_state_parse(state));
    stmt_text(q, 3, version != NULL ? version : "");
    stmt_int(q, 4, versions);
    stmt_text(q, 5, updated);
    stmt_text(q, 6, until != NULL ? until : "");
    stmt_text(q, 7, request != NULL ? request : "");
    stmt_text(q, 8, a->e->at);
    stmt_blob(q, 9, a->e->hash, HASH_SIZE);
    return stmt_run(q, err);
}

/* A site is lost until another entry says otherwise: the field "lost" of the site, true or false.
 */
static enum rc
apply_site_lost(struct apply *a, struct err *err)
{
    const struct json *b = a->e->body;
    const char *site = apply_uuid(b, "site");
    const struct json *list = json_get(b, "supersedes");
    const struct json *lost = json_get(b, "lost");
    if (site == NULL)
        return apply_lacks(a, "site");
    if (json_bool(lost) < 0 || list == NULL || json_type(list) != JSON_ARRAY)
        return apply_lacks(a, "lost");
    enum rc rc = apply_field(a, site, "lost", lost, err);
    return rc == RC_OK ? put_superseded(a, site, "lost", list, err) : rc;
}

/* ---- drills ---- */

static enum rc
apply_drill(struct apply *a, struct err *err)
{
    const struct json *b = a->e->body;
    const char *key = apply_uuid(b, "key");
    const char *root = apply_uuid(b, "root");
    const char *copy = apply_uuid(b, "copy");
    const char *site = apply_uuid(b, "site");
    const char *host = json_gets(b, "host");
    const char *outcome = json_gets(b, "outcome");
    const char *code = json_gets(b, "code");
    const char *request = json_gets(b, "request");
    int64_t ms = 0;
    if (key == NULL)
        return apply_lacks(a, "key");
    if (outcome == NULL || (strcmp(outcome, "proven") != 0 && strcmp(outcome, "failed") != 0 &&
                            strcmp(outcome, "inconclusive") != 0))
        return apply_lacks(a, "outcome");
    if (json_get(b, "ms") != NULL && json_geti(b, "ms", &ms) != 0)
        return apply_lacks(a, "ms");
    if (a->judging)
        return RC_OK;
    struct stmt *q = NULL;
    enum rc rc = db_query(
        a->db, &q,
        "INSERT OR IGNORE INTO drill (key, root, copy, site, host, outcome, code, ms, request, at,"
        " entry, author, seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    stmt_text(q, 2, root != NULL ? root : "");
    stmt_text(q, 3, copy != NULL ? copy : "");
    stmt_text(q, 4, site != NULL ? site : "");
    stmt_text(q, 5, host != NULL ? host : "");
    stmt_text(q, 6, outcome);
    stmt_text(q, 7, code != NULL ? code : "");
    stmt_int(q, 8, ms);
    stmt_text(q, 9, request != NULL ? request : "");
    stmt_text(q, 10, a->e->at);
    stmt_blob(q, 11, a->e->hash, HASH_SIZE);
    stmt_text(q, 12, a->e->author);
    stmt_int(q, 13, a->e->seq);
    return stmt_run(q, err);
}

/* ---- what only happened ---- */

static enum rc
apply_event(struct apply *a, struct err *err)
{
    const char *object = apply_uuid(a->e->body, "key");
    if (object == NULL)
        object = apply_uuid(a->e->body, "site");
    buf_clear(&a->scratch);
    json_print(&a->scratch, a->e->body);
    enum rc rc = buf_check(&a->scratch, "the body", err);
    if (rc != RC_OK || a->judging)
        return rc;
    struct stmt *q = NULL;
    rc = db_query(a->db, &q,
                  "INSERT OR IGNORE INTO event (entry, author, seq, at, kind, object, body)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                  err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, a->e->hash, HASH_SIZE);
    stmt_text(q, 2, a->e->author);
    stmt_int(q, 3, a->e->seq);
    stmt_text(q, 4, a->e->at);
    stmt_text(q, 5, a->e->kind);
    stmt_text(q, 6, object != NULL ? object : "");
    stmt_textn(q, 7, buf_str(&a->scratch), a->scratch.len);
    return stmt_run(q, err);
}

static const struct {
    const char *kind; /* a trailing '.' stands for all kinds that begin so */
    apply_fn fn;
} kinds[] = {
    {"escrow.created", apply_event},
    {"author.joined", apply_event},
    {"author.admitted", apply_event},
    {"author.retired", apply_event},
    {"site.added", apply_object_added},
    {"site.changed", apply_object_changed},
    {"kms.added", apply_object_added},
    {"kms.changed", apply_object_changed},
    {"root.added", apply_object_added},
    {"root.changed", apply_object_changed},
    {"copy.added", apply_object_added},
    {"copy.changed", apply_object_changed},
    {"vbr.added", apply_object_added},
    {"vbr.changed", apply_object_changed},
    {"person.added", apply_object_added},
    {"person.changed", apply_object_changed},
    {"site.lost", apply_site_lost},
    {"site.restored", apply_site_lost},
    {"policy.changed", apply_policy},
    {"root.observed", apply_root_observed},
    {"key.created", apply_key_created},
    {"key.changed", apply_key_changed},
    {"key.check", apply_key_check},
    {"key.delivered", apply_event},
    {"wrap.added", apply_wrap_added},
    {"wrap.retired", apply_wrap_retired},
    {"reveal.intended", apply_event},
    {"reveal.shown", apply_event},
    {"reveal.closed", apply_event},
    {"drill.result", apply_drill},
    {"runbook.added", apply_event},
    {"run.", apply_event},
    {"vbr.observed", apply_event},
    {"export.made", apply_event},
    {"copy.repaired", apply_event},
    {"copy.rollback-accepted", apply_event},
    {"note", apply_event},
};

static apply_fn
find_kind(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t n = strlen(kinds[i].kind);
        if (kinds[i].kind[n - 1] == '.' ? strncmp(kind, kinds[i].kind, n) == 0
                                        : strcmp(kind, kinds[i].kind) == 0)
            return kinds[i].fn;
    }
    return NULL;
}

const char *
apply_kind_at(size_t i)
{
    return i < sizeof kinds / sizeof kinds[0] ? kinds[i].kind : NULL;
}

static enum rc
put_unapplied(struct apply *a, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(a->db, &q,
                 "INSERT OR IGNORE INTO unapplied (entry, kind, reason) VALUES (?1, ?2, ?3)", err);
    if (rc != RC_OK)
        return rc;
    stmt_blob(q, 1, a->e->hash, HASH_SIZE);
    stmt_text(q, 2, a->e->kind);
    stmt_text(q, 3, a->reason);
    return stmt_run(q, err);
}

enum rc
apply_entry(struct db *db, const struct entry *e, struct err *err)
{
    struct apply a = {.db = db, .e = e, .judging = 1};
    buf_init(&a.scratch, LIMIT_ENTRY);
    apply_fn fn = find_kind(e->kind);
    enum rc rc = RC_OK;
    if (fn == NULL)
        a.reason = "unknown kind";
    else
        rc = fn(&a, err);
    a.judging = 0;
    if (rc == RC_OK)
        rc = a.reason != NULL ? put_unapplied(&a, err) : fn(&a, err);
    buf_release(&a.scratch);
    return rc;
}
