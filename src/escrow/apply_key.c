/* Entries of keys, wraps and check values. */
#include <string.h>

#include "crypt/check.h"
#include "escrow/apply_in.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

static enum rc
apply_wrap(struct apply *a, const char *key, const struct json *w, struct err *err)
{
    const char *root = apply_uuid(w, "root");
    const char *ciphertext = json_gets(w, "ciphertext");
    const char *how = json_gets(w, "how");
    const char *version = json_gets(w, "version");
    const struct json *aad = json_get(w, "aad");
    if (root == NULL || ciphertext == NULL || how == NULL ||
        (aad != NULL && json_type(aad) != JSON_ARRAY))
        return apply_lacks(a, "wraps");
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
        return apply_lacks(a, "check");
    if (alg == CHECK_ARGON2ID &&
        (json_geti(params, "mem", &mem) != 0 || json_geti(params, "ops", &ops) != 0))
        return apply_lacks(a, "check");
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
            return apply_lacks(a, "follows");
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
        return apply_lacks(a, "name");
    if (json_geti(b, "generation", &generation) != 0 || generation < 1)
        return apply_lacks(a, "generation");
    if (form == NULL || (strcmp(form, "base64") != 0 && strcmp(form, "bytes") != 0))
        return apply_lacks(a, "form");
    if (purpose == NULL || origin == NULL || (site != NULL && !uuid_is(site)))
        return apply_lacks(a, "purpose");
    if (json_get(b, "bits") != NULL && json_geti(b, "bits", &bits) != 0)
        return apply_lacks(a, "bits");
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

enum rc
apply_key_created(struct apply *a, struct err *err)
{
    const struct json *b = a->e->body;
    const char *uuid = apply_uuid(b, "uuid");
    if (uuid == NULL)
        return apply_lacks(a, "uuid");
    enum rc rc = put_key(a, uuid, err);
    for (size_t i = 0; rc == RC_OK && i < sizeof key_fields / sizeof key_fields[0]; i++) {
        const struct json *value = json_get(b, key_fields[i]);
        if (value != NULL)
            rc = apply_field(a, uuid, key_fields[i], value, err);
    }
    if (rc == RC_OK)
        rc = apply_follows(a, uuid, json_get(b, "follows"), err);
    if (rc == RC_OK && json_get(b, "check") != NULL)
        rc = apply_check(a, uuid, json_get(b, "check"), err);
    const struct json *wraps = json_get(b, "wraps");
    if (wraps == NULL || json_type(wraps) != JSON_ARRAY)
        return rc == RC_OK ? apply_lacks(a, "wraps") : rc;
    for (const struct json *w = json_first(wraps); rc == RC_OK && w != NULL; w = json_next(w))
        rc = apply_wrap(a, uuid, w, err);
    return rc;
}

enum rc
apply_key_changed(struct apply *a, struct err *err)
{
    const char *key = apply_uuid(a->e->body, "key");
    return key == NULL ? apply_lacks(a, "key")
                       : apply_set(a, key, json_get(a->e->body, "set"), err);
}

enum rc
apply_key_check(struct apply *a, struct err *err)
{
    const char *key = apply_uuid(a->e->body, "key");
    return key == NULL ? apply_lacks(a, "key")
                       : apply_check(a, key, json_get(a->e->body, "check"), err);
}

enum rc
apply_wrap_added(struct apply *a, struct err *err)
{
    const char *key = apply_uuid(a->e->body, "key");
    return key == NULL ? apply_lacks(a, "key")
                       : apply_wrap(a, key, json_get(a->e->body, "wrap"), err);
}

enum rc
apply_wrap_retired(struct apply *a, struct err *err)
{
    const char *key = apply_uuid(a->e->body, "key");
    const char *wrap = json_gets(a->e->body, "wrap");
    const char *reason = json_gets(a->e->body, "reason");
    unsigned char id[HASH_SIZE];
    if (key == NULL || wrap == NULL || hex_decode(id, HASH_SIZE, wrap) != 0)
        return apply_lacks(a, "wrap");
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
