#include "escrow/apply.h"

#include <stdio.h>
#include <string.h>

#include "crypt/check.h"
#include "kms/kms.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

/* One line being applied. reason is set by the first thing that its body lacks; then none of its
 * facts are written. */
struct apply {
    struct db *db;
    const struct entry *e;
    const char *reason;
    int judging;        /* first pass: looks at the body, writes nothing */
    struct buf scratch; /* values as compact JSON */
};

typedef enum rc (*apply_fn)(struct apply *a, struct err *err);

static enum rc
lacks(struct apply *a, const char *member)
{
    if (a->reason == NULL)
        a->reason = member;
    return RC_OK;
}

static const char *
uuid_member(const struct json *v, const char *name)
{
    const char *text = json_gets(v, name);
    return text != NULL && uuid_is(text) ? text : NULL;
}

/* ---- changeable fields ---- */

static enum rc
put_field(struct apply *a, const char *object, const char *name, const struct json *value,
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
            return lacks(a, "supersedes");
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

static enum rc
apply_set(struct apply *a, const char *object, const struct json *set, struct err *err)
{
    if (set == NULL || json_type(set) != JSON_OBJECT)
        return lacks(a, "set");
    enum rc rc = RC_OK;
    for (const struct json *f = json_first(set); rc == RC_OK && f != NULL; f = json_next(f)) {
        const struct json *value = json_get(f, "value");
        const struct json *list = json_get(f, "supersedes");
        if (value == NULL || list == NULL || json_type(list) != JSON_ARRAY)
            return lacks(a, "set");
        rc = put_field(a, object, json_name(f), value, err);
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
    const char *uuid = uuid_member(a->e->body, "uuid");
    const char *name = json_gets(a->e->body, "name");
    char kind[12];
    kind_word(a->e->kind, kind);
    struct err scratch = ERR_INIT;
    if (uuid == NULL)
        return lacks(a, "uuid");
    if (name == NULL || name_check(name, kind, &scratch) != RC_OK)
        return lacks(a, "name");
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
            rc = put_field(a, uuid, json_name(m), m, err);
    }
    return rc;
}

static enum rc
apply_object_changed(struct apply *a, struct err *err)
{
    const char *uuid = uuid_member(a->e->body, "uuid");
    if (uuid == NULL)
        return lacks(a, "uuid");
    return apply_set(a, uuid, json_get(a->e->body, "set"), err);
}

static enum rc
apply_policy(struct apply *a, struct err *err)
{
    return apply_set(a, "policy", json_get(a->e->body, "set"), err);
}

/* ---- keys, wraps, check values ---- */

static enum rc
apply_wrap(struct apply *a, const char *key, const struct json *w, struct err *err)
{
    const char *root = uuid_member(w, "root");
    const char *ciphertext = json_gets(w, "ciphertext");
    const char *how = json_gets(w, "how");
    const char *version = json_gets(w, "version");
    const struct json *aad = json_get(w, "aad");
    if (root == NULL || ciphertext == NULL || how == NULL ||
        (aad != NULL && json_type(aad) != JSON_ARRAY))
        return lacks(a, "wraps");
    unsigned char id[HASH_SIZE];
    buf_clear(&a->scratch);
    if (aad != NULL)
        json_print(&a->scratch, aad);
    else
        buf_adds(&a->scratch, "[]");
    enum rc rc = buf_check(&a->scratch, "the AAD", err);
    if (rc != RC_OK || a->judging)
        return rc;
    sha256(id, ciphertext, strlen(ciphertext));
    struct stmt *q = NULL;
    rc = db_query(a->db, &q,
                  "INSERT OR IGNORE INTO wrap (key, id, root, version, ciphertext, aad, how, "
                  "at, entry, author,"
                  " seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                  err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    stmt_blob(q, 2, id, HASH_SIZE);
    stmt_text(q, 3, root);
    stmt_text(q, 4, version != NULL ? version : "");
    stmt_text(q, 5, ciphertext);
    stmt_textn(q, 6, buf_str(&a->scratch), a->scratch.len);
    stmt_text(q, 7, how);
    stmt_text(q, 8, a->e->at);
    stmt_blob(q, 9, a->e->hash, HASH_SIZE);
    stmt_text(q, 10, a->e->author);
    stmt_int(q, 11, a->e->seq);
    return stmt_run(q, err);
}

static enum rc
apply_check(struct apply *a, const char *key, const struct json *c, struct err *err)
{
    enum check_alg alg;
    const char *name = json_gets(c, "alg");
    const char *value = json_gets(c, "value");
    const struct json *params = json_get(c, "params");
    int64_t mem = 0;
    int64_t ops = 0;
    if (name == NULL || check_alg_parse(&alg, name) != 0 || value == NULL ||
        !hex_is(value, HASH_TEXT))
        return lacks(a, "check");
    if (alg == CHECK_ARGON2ID &&
        (json_geti(params, "mem", &mem) != 0 || json_geti(params, "ops", &ops) != 0))
        return lacks(a, "check");
    if (a->judging)
        return RC_OK;
    struct stmt *q = NULL;
    enum rc rc = db_query(a->db, &q,
                          "INSERT OR IGNORE INTO check_value (key, alg, mem, ops, value, entry)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    stmt_text(q, 2, name);
    stmt_int(q, 3, mem);
    stmt_int(q, 4, ops);
    stmt_text(q, 5, value);
    stmt_blob(q, 6, a->e->hash, HASH_SIZE);
    return stmt_run(q, err);
}

static enum rc
apply_follows(struct apply *a, const char *key, const struct json *list, struct err *err)
{
    for (const struct json *i = json_first(list); i != NULL; i = json_next(i)) {
        const char *former = json_str(i);
        if (former == NULL || !uuid_is(former))
            return lacks(a, "follows");
        if (a->judging)
            continue;
        struct stmt *q = NULL;
        enum rc rc =
            db_query(a->db, &q,
                     "INSERT OR IGNORE INTO follows (key, former, entry) VALUES (?1, ?2, ?3)", err);
        if (rc != RC_OK)
            return rc;
        stmt_text(q, 1, key);
        stmt_text(q, 2, former);
        stmt_blob(q, 3, a->e->hash, HASH_SIZE);
        rc = stmt_run(q, err);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* When the key was made: said by whoever took it over from an export, else it is the entry's time.
 */
static const char *
made_at(const struct entry *e)
{
    int64_t ms = 0;
    const char *at = json_gets(e->body, "created_at");
    return at != NULL && strlen(at) == TIME_TEXT && time_parse(&ms, at) == 0 ? at : e->at;
}

static enum rc
put_key(struct apply *a, const char *uuid, struct err *err)
{
    const struct json *b = a->e->body;
    const char *name = json_gets(b, "name");
    const char *purpose = json_gets(b, "purpose");
    const char *form = json_gets(b, "form");
    const char *origin = json_gets(b, "origin");
    const char *site = json_gets(b, "protects_site");
    int64_t generation = 0;
    int64_t bits = 0;
    struct err scratch = ERR_INIT;
    enum rc named = name != NULL ? key_name_check(name, &scratch) : RC_BAD_NAME;
    if (named == RC_NO_MEMORY) /* says nothing of the name */
        return err_nomem(err);
    if (named != RC_OK)
        return lacks(a, "name");
    if (json_geti(b, "generation", &generation) != 0 || generation < 1)
        return lacks(a, "generation");
    if (form == NULL || (strcmp(form, "base64") != 0 && strcmp(form, "bytes") != 0))
        return lacks(a, "form");
    if (purpose == NULL || origin == NULL || (site != NULL && !uuid_is(site)))
        return lacks(a, "purpose");
    if (json_get(b, "bits") != NULL && json_geti(b, "bits", &bits) != 0)
        return lacks(a, "bits");
    if (a->judging)
        return RC_OK;
    struct stmt *q = NULL;
    enum rc rc = db_query(
        a->db, &q,
        "INSERT OR IGNORE INTO key (uuid, name, generation, purpose, protects_site, form, origin,"
        " bits, created_at, entry, author, seq)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, uuid);
    stmt_text(q, 2, name);
    stmt_int(q, 3, generation);
    stmt_text(q, 4, purpose);
    stmt_text(q, 5, site != NULL ? site : "");
    stmt_text(q, 6, form);
    stmt_text(q, 7, origin);
    stmt_int(q, 8, bits);
    stmt_text(q, 9, made_at(a->e));
    stmt_blob(q, 10, a->e->hash, HASH_SIZE);
    stmt_text(q, 11, a->e->author);
    stmt_int(q, 12, a->e->seq);
    return stmt_run(q, err);
}

/* Members of key.created that can change later, so they are fields from the start. */
static const char *const key_fields[] = {"system",   "owner",        "protects", "labels",
                                         "state",    "needed_until", "expires",  "owe",
                                         "known_to", "accepted_risk"};

static enum rc
apply_key_created(struct apply *a, struct err *err)
{
    const struct json *b = a->e->body;
    const char *uuid = uuid_member(b, "uuid");
    if (uuid == NULL)
        return lacks(a, "uuid");
    enum rc rc = put_key(a, uuid, err);
    for (size_t i = 0; rc == RC_OK && i < sizeof key_fields / sizeof key_fields[0]; i++) {
        const struct json *value = json_get(b, key_fields[i]);
        if (value != NULL)
            rc = put_field(a, uuid, key_fields[i], value, err);
    }
    if (rc == RC_OK)
        rc = apply_follows(a, uuid, json_get(b, "follows"), err);
    if (rc == RC_OK && json_get(b, "check") != NULL)
        rc = apply_check(a, uuid, json_get(b, "check"), err);
    const struct json *wraps = json_get(b, "wraps");
    if (wraps == NULL || json_type(wraps) != JSON_ARRAY)
        return rc == RC_OK ? lacks(a, "wraps") : rc;
    for (const struct json *w = json_first(wraps); rc == RC_OK && w != NULL; w = json_next(w))
        rc = apply_wrap(a, uuid, w, err);
    return rc;
}

static enum rc
apply_key_changed(struct apply *a, struct err *err)
{
    const char *key = uuid_member(a->e->body, "key");
    return key == NULL ? lacks(a, "key") : apply_set(a, key, json_get(a->e->body, "set"), err);
}

static enum rc
apply_key_check(struct apply *a, struct err *err)
{
    const char *key = uuid_member(a->e->body, "key");
    return key == NULL ? lacks(a, "key") : apply_check(a, key, json_get(a->e->body, "check"), err);
}

static enum rc
apply_wrap_added(struct apply *a, struct err *err)
{
    const char *key = uuid_member(a->e->body, "key");
    return key == NULL ? lacks(a, "key") : apply_wrap(a, key, json_get(a->e->body, "wrap"), err);
}

static enum rc
apply_wrap_retired(struct apply *a, struct err *err)
{
    const char *key = uuid_member(a->e->body, "key");
    const char *wrap = json_gets(a->e->body, "wrap");
    const char *reason = json_gets(a->e->body, "reason");
    unsigned char id[HASH_SIZE];
    if (key == NULL || wrap == NULL || hex_decode(id, HASH_SIZE, wrap) != 0)
        return lacks(a, "wrap");
    if (a->judging)
        return RC_OK;
    struct stmt *q = NULL;
    enum rc rc = db_query(
        a->db, &q,
        "INSERT OR IGNORE INTO wrap_retired (key, id, reason, entry) VALUES (?1, ?2, ?3, ?4)", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    stmt_blob(q, 2, id, HASH_SIZE);
    stmt_text(q, 3, reason != NULL ? reason : "");
    stmt_blob(q, 4, a->e->hash, HASH_SIZE);
    return stmt_run(q, err);
}

static enum rc
apply_root_observed(struct apply *a, struct err *err)
{
    const struct json *b = a->e->body;
    const char *root = uuid_member(b, "root");
    const char *state = json_gets(b, "state");
    const char *updated = json_gets(b, "updated");
    const char *until = json_gets(b, "restore_until");
    const char *version = json_gets(b, "version");
    const char *request = json_gets(b, "request");
    int64_t versions = 0;
    int64_t ms = 0;
    if (root == NULL || state == NULL || root_state_parse(state) == ROOT_UNKNOWN)
        return lacks(a, "state");
    if (updated == NULL || time_parse(&ms, updated) != 0)
        return lacks(a, "updated");
    if (json_get(b, "versions") != NULL && json_geti(b, "versions", &versions) != 0)
        return lacks(a, "versions");
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
    const char *site = uuid_member(b, "site");
    const struct json *list = json_get(b, "supersedes");
    const struct json *lost = json_get(b, "lost");
    if (site == NULL)
        return lacks(a, "site");
    if (json_bool(lost) < 0 || list == NULL || json_type(list) != JSON_ARRAY)
        return lacks(a, "lost");
    enum rc rc = put_field(a, site, "lost", lost, err);
    return rc == RC_OK ? put_superseded(a, site, "lost", list, err) : rc;
}

/* ---- drills ---- */

static enum rc
apply_drill(struct apply *a, struct err *err)
{
    const struct json *b = a->e->body;
    const char *key = uuid_member(b, "key");
    const char *root = uuid_member(b, "root");
    const char *copy = uuid_member(b, "copy");
    const char *site = uuid_member(b, "site");
    const char *host = json_gets(b, "host");
    const char *outcome = json_gets(b, "outcome");
    const char *code = json_gets(b, "code");
    const char *request = json_gets(b, "request");
    int64_t ms = 0;
    if (key == NULL)
        return lacks(a, "key");
    if (outcome == NULL || (strcmp(outcome, "proven") != 0 && strcmp(outcome, "failed") != 0 &&
                            strcmp(outcome, "inconclusive") != 0))
        return lacks(a, "outcome");
    if (json_get(b, "ms") != NULL && json_geti(b, "ms", &ms) != 0)
        return lacks(a, "ms");
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
    const char *object = uuid_member(a->e->body, "key");
    if (object == NULL)
        object = uuid_member(a->e->body, "site");
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
