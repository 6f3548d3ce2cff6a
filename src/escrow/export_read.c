/* The other way: from an export's five lines to keys that the queries of view.h find. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/apply.h"
#include "escrow/export.h"
#include "escrow/log.h"
#include "text/enc.h"
#include "text/json.h"
#include "text/jw.h"
#include "text/time.h"

static const char start[] = "{\"type\":\"export\",";

int
export_is(const char *bytes, size_t len)
{
    static const char trusted[] = "\ntrusted comment: " EXPORT_TRUSTED "\n";
    enum { TAIL = 512 }; /* more than the four lines of a signature */
    size_t n = sizeof trusted - 1;
    size_t from = len > TAIL ? len - TAIL : 0;
    if (len >= sizeof start - 1 && memcmp(bytes, start, sizeof start - 1) == 0)
        return 1;
    for (; from + n <= len; from++) {
        if (memcmp(bytes + from, trusted, n) == 0)
            return 1;
    }
    return 0;
}

static enum rc
bad(const char *what, const char *why, struct err *err)
{
    (void)err_set(err, RC_MALFORMED, "%.300s is not as keymuster makes an export", what);
    (void)err_why(err, "%.400s", why);
    return err_hint(err, "it was altered or cut off: take another copy of the file, or a copy of "
                         "the escrow");
}

/* ---- the envelope ---- */

/* The only way in which this line may be written. */
static enum rc
check_canonical(const struct json *doc, const char *line, size_t len, const char *what,
                struct err *err)
{
    struct buf again;
    buf_init(&again, EXPORT_MAX);
    json_print(&again, doc);
    enum rc rc = buf_check(&again, what, err);
    if (rc == RC_OK && (again.len != len || memcmp(buf_str(&again), line, len) != 0))
        rc = bad(what, "its line is not written in the one way that keymuster writes it", err);
    buf_release(&again);
    return rc;
}

static enum rc
read_seal(struct export_seal *s, const struct json *doc, const char *what, struct err *err)
{
    char founded[AUTHOR_TEXT + 1];
    int64_t version = 0;
    int64_t ms = 0;
    const char *escrow = json_gets(doc, "escrow");
    const char *author = json_gets(doc, "author");
    const char *key = json_gets(doc, "public_key");
    const char *founder = json_gets(doc, "founder");
    const char *name = json_gets(doc, "name");
    const char *at = json_gets(doc, "at");
    if (json_geti(doc, "keymuster", &version) != 0 || version != 1)
        return bad(what, "its format is not known; a newer keymuster may have written it", err);
    if (key == NULL || sign_public_parse(&s->signer, key) != 0 || author == NULL ||
        strcmp(author, s->signer.author) != 0)
        return bad(what, "its author and the author's key do not fit each other", err);
    if (founder == NULL || sign_public_parse(&s->founder, founder) != 0)
        return bad(what, "the founder's key in it is malformed", err);
    escrow_id(founded, &s->founder);
    if (escrow == NULL || strcmp(escrow, founded) != 0)
        return bad(what, "the founder's key in it did not found its escrow", err);
    if (name == NULL || name[0] == '\0' || strlen(name) > LIMIT_TEXT)
        return bad(what, "the escrow's name in it is malformed", err);
    if (at == NULL || strlen(at) != TIME_TEXT || time_parse(&ms, at) != 0)
        return bad(what, "its time is malformed", err);
    memcpy(s->escrow, founded, sizeof s->escrow);
    memcpy(s->name, name, strlen(name) + 1);
    memcpy(s->at, at, sizeof s->at);
    return RC_OK;
}

static enum rc
open_envelope(struct export_seal *s, struct json **doc, const char *bytes, size_t len,
              const char *what, struct err *err)
{
    const char *lf = len > 0 ? memchr(bytes, '\n', len) : NULL;
    if (lf == NULL || len < sizeof start - 1 || memcmp(bytes, start, sizeof start - 1) != 0)
        return bad(what, "its first line is not that of an export", err);
    size_t line = (size_t)(lf - bytes) + 1;
    enum rc rc = json_parse(doc, bytes, line - 1, what, err);
    if (rc == RC_MALFORMED) {
        char why[sizeof err->why];
        (void)snprintf(why, sizeof why, "%.500s", err->why[0] != '\0' ? err->why : err->msg);
        rc = bad(what, why, err);
    }
    if (rc == RC_OK)
        rc = read_seal(s, *doc, what, err);
    if (rc == RC_OK)
        rc = sign_verify(&s->signer, EXPORT_TRUSTED, bytes, line, lf + 1, len - line, what, err);
    if (rc == RC_OK)
        rc = check_canonical(*doc, bytes, line - 1, what, err);
    sha256_hex(s->sha256, bytes, len);
    return rc;
}

/* ---- its facts, as the entries that would state them ---- */

struct reading {
    struct db *db;
    struct store *into; /* whose own log says again what it lacks of this; NULL: a view is made */
    int64_t said;       /* entries that it got */
    const char *author;
    int64_t seq; /* falls, so that of two wraps of one moment the first listed is the newer */
    struct buf body;
    struct jw w;
};

/* Whether the store has been told already, by whomever. */
static enum rc
known_fact(const struct store *store, const struct entry *e, int *known, struct err *err)
{
    unsigned char id[HASH_SIZE] = {0};
    const char *wrap = json_gets(e->body, "wrap");
    const char *ciphertext = json_gets(json_get(e->body, "wrap"), "ciphertext");
    const char *uuid = json_gets(e->body, "uuid");
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT 1 FROM object WHERE uuid = ?1 UNION ALL SELECT 1 FROM key WHERE"
                          " uuid = ?1 UNION ALL SELECT 1 FROM wrap WHERE key = ?2 AND id = ?3 AND"
                          " NOT ?4 UNION ALL SELECT 1 FROM wrap_retired WHERE key = ?2 AND id = ?3"
                          " AND ?4",
                          err);
    if (rc != RC_OK)
        return rc;
    if (ciphertext != NULL)
        sha256(id, ciphertext, strlen(ciphertext));
    else if (wrap != NULL && hex_decode(id, HASH_SIZE, wrap) != 0)
        memset(id, 0, sizeof id);
    const char *key = json_gets(e->body, "key");
    stmt_text(q, 1, uuid != NULL ? uuid : "");
    stmt_text(q, 2, key != NULL ? key : "");
    stmt_blob(q, 3, id, HASH_SIZE);
    stmt_int(q, 4, wrap != NULL);
    rc = stmt_row(q, err);
    *known = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc;
}

static void
begin_fact(struct reading *r)
{
    buf_clear(&r->body);
    jw_init(&r->w, &r->body);
    jw_obj(&r->w, NULL);
}

/* Into the own log, unless the store knows of it. */
static enum rc
say_again(struct reading *r, const struct entry *e, struct err *err)
{
    int known = 0;
    enum rc rc = known_fact(r->into, e, &known, err);
    if (rc != RC_OK || known)
        return rc;
    r->said++;
    return log_append(r->into, e->kind, &r->body, NULL, err);
}

/* Equal facts have equal hashes, so a root key that many wraps name is there once. */
static enum rc
end_fact(struct reading *r, const char *kind, const char *at, struct err *err)
{
    struct entry e = {.kind = kind, .at = at, .seq = r->seq--};
    struct sha256_state hash;
    struct json *doc = NULL;
    jw_end_obj(&r->w);
    enum rc rc = buf_check(&r->body, "an export", err);
    if (rc == RC_OK)
        rc = json_parse(&doc, buf_str(&r->body), r->body.len, "an export", err);
    if (rc != RC_OK)
        return rc;
    if (r->into != NULL) {
        e.body = doc;
        rc = say_again(r, &e, err);
        json_free(doc);
        return rc;
    }
    sha256_begin(&hash);
    sha256_more(&hash, kind, strlen(kind));
    sha256_more(&hash, buf_str(&r->body), r->body.len);
    sha256_end(&hash, e.hash);
    memcpy(e.author, r->author, sizeof e.author);
    e.body = doc;
    rc = apply_entry(r->db, &e, err);
    json_free(doc);
    return rc;
}

static void
put_value(struct reading *r, const struct json *from, const char *name)
{
    struct buf v;
    const struct json *value = json_get(from, name);
    if (value == NULL)
        return;
    buf_init(&v, LIMIT_ENTRY);
    json_print(&v, value);
    if (v.failed)
        r->body.failed = v.failed;
    jw_raw(&r->w, name, buf_str(&v), v.len);
    buf_release(&v);
}

static void
put_values(struct reading *r, const struct json *from, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++)
        put_value(r, from, names[i]);
}

static enum rc
add_root(struct reading *r, const struct json *wrap, const char *at, struct err *err)
{
    static const char *const root_members[] = {"uuid", "name", "id", "crn", "ring", NULL};
    static const char *const kms_members[] = {"uuid",    "name", "provider", "endpoint",
                                              "iam",     "file", "instance", "region",
                                              "kept_at", "site", NULL};
    const struct json *root = json_get(wrap, "root");
    const struct json *kms = json_get(wrap, "kms");
    enum rc rc = RC_OK;
    if (json_get(root, "name") == NULL)
        return RC_OK; /* its store did not know it either */
    begin_fact(r);
    put_values(r, root, root_members);
    jw_opt(&r->w, "kms", json_gets(kms, "uuid"));
    rc = end_fact(r, "root.added", at, err);
    if (rc != RC_OK || kms == NULL)
        return rc;
    begin_fact(r);
    put_values(r, kms, kms_members);
    rc = end_fact(r, "kms.added", at, err);
    if (rc != RC_OK || json_get(kms, "site_name") == NULL)
        return rc;
    begin_fact(r);
    jw_str(&r->w, "uuid", json_gets(kms, "site"));
    jw_str(&r->w, "name", json_gets(kms, "site_name"));
    return end_fact(r, "site.added", at, err);
}

static enum rc
add_wrap(struct reading *r, const char *key, const struct json *wrap, struct err *err)
{
    static const char *const members[] = {"version", "aad", "ciphertext", NULL};
    const char *at = json_gets(wrap, "at");
    const char *ciphertext = json_gets(wrap, "ciphertext");
    if (at == NULL || ciphertext == NULL)
        return err_set(err, RC_MALFORMED, "a wrap lacks its time or its ciphertext");
    begin_fact(r);
    jw_str(&r->w, "key", key);
    jw_obj(&r->w, "wrap");
    jw_str(&r->w, "root", json_gets(json_get(wrap, "root"), "uuid"));
    put_values(r, wrap, members);
    jw_str(&r->w, "how", "import");
    jw_end_obj(&r->w);
    enum rc rc = end_fact(r, "wrap.added", at, err);
    if (rc == RC_OK)
        rc = add_root(r, wrap, at, err);
    if (rc != RC_OK || json_bool(json_get(wrap, "retired")) != 1)
        return rc;
    char id[HASH_TEXT + 1];
    sha256_hex(id, ciphertext, strlen(ciphertext));
    begin_fact(r);
    jw_str(&r->w, "key", key);
    jw_str(&r->w, "wrap", id);
    return end_fact(r, "wrap.retired", at, err);
}

/* The first listed is the newest; in a log it has to come last. */
static enum rc
add_wraps(struct reading *r, const char *key, const struct json *wraps, struct err *err)
{
    size_t count = json_count(wraps);
    size_t n = 0;
    const struct json **all = calloc(count + 1, sizeof(const void *));
    if (all == NULL)
        return err_nomem(err);
    for (const struct json *w = json_first(wraps); w != NULL && n < count; w = json_next(w))
        all[n++] = w;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < n; i++)
        rc = add_wrap(r, key, all[r->into != NULL ? n - 1 - i : i], err);
    free(all);
    return rc;
}

/* Exports made before they named the site do not have it. */
static enum rc
add_protected(struct reading *r, const struct json *key, const char *at, struct err *err)
{
    if (json_get(key, "protects_site_name") == NULL)
        return RC_OK;
    begin_fact(r);
    jw_str(&r->w, "uuid", json_gets(key, "protects_site"));
    jw_str(&r->w, "name", json_gets(key, "protects_site_name"));
    return end_fact(r, "site.added", at, err);
}

static enum rc
add_key(struct reading *r, const struct json *key, struct err *err)
{
    static const char *const members[] = {"uuid",          "name", "generation", "purpose",
                                          "protects_site", "form", "protects",   "check",
                                          "needed_until",  "bits", NULL};
    const char *uuid = json_gets(key, "uuid");
    const char *at = json_gets(key, "created_at");
    const struct json *wraps = json_get(key, "wraps");
    if (uuid == NULL || at == NULL || wraps == NULL || json_type(wraps) != JSON_ARRAY)
        return err_set(err, RC_MALFORMED, "a key lacks its UUID, its time or its wraps");
    const char *origin = json_gets(key, "origin");
    const char *state = json_gets(key, "state");
    enum rc rc = add_protected(r, key, at, err);
    if (rc != RC_OK)
        return rc;
    begin_fact(r);
    put_values(r, key, members);
    jw_str(&r->w, "origin", origin != NULL ? origin : "kms");
    if (state != NULL && strcmp(state, "active") != 0) /* what is not said is active */
        jw_str(&r->w, "state", state);
    if (r->into != NULL)
        jw_str(&r->w, "created_at", at);
    jw_arr(&r->w, "wraps");
    jw_end_arr(&r->w);
    rc = end_fact(r, "key.created", at, err);
    return rc == RC_OK ? add_wraps(r, uuid, wraps, err) : rc;
}

/* What apply.c would not take is no export: all or nothing. */
static enum rc
check_applied(struct db *db, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(db, &q, "SELECT kind, reason FROM unapplied LIMIT 1", err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        rc = err_set(err, RC_MALFORMED, "%.40s: \"%.40s\" is missing or malformed", col_text(q, 0),
                     col_text(q, 1));
    stmt_done(q);
    return rc;
}

static enum rc
add_keys(struct reading *r, const struct json *doc, struct err *err)
{
    const struct json *keys = json_get(doc, "keys");
    enum rc rc = RC_OK;
    if (keys == NULL || json_type(keys) != JSON_ARRAY)
        return err_set(err, RC_MALFORMED, "it has no list of keys");
    buf_init(&r->body, LIMIT_ENTRY);
    for (const struct json *k = json_first(keys); rc == RC_OK && k != NULL; k = json_next(k))
        rc = add_key(r, k, err);
    return rc;
}

static enum rc
add_all(struct db *db, const struct export_seal *seal, const struct json *doc, struct err *err)
{
    struct reading r = {.db = db, .author = seal->signer.author, .seq = LIMIT_NUMBER};
    enum rc rc = db_begin(db, err);
    if (rc == RC_OK)
        rc = add_keys(&r, doc, err);
    if (rc == RC_OK)
        rc = check_applied(db, err);
    if (rc == RC_OK)
        rc = db_commit(db, err);
    buf_release(&r.body);
    return rc;
}

static enum rc
make_view(struct store **out, const struct export_seal *seal, const struct json *doc,
          const char *what, struct err *err)
{
    struct store *view = calloc(1, sizeof *view);
    if (view == NULL)
        return err_nomem(err);
    view->lock_fd = -1;
    view->founder = seal->founder;
    memcpy(view->escrow, seal->escrow, sizeof view->escrow);
    memcpy(view->name, seal->name, sizeof view->name);
    enum rc rc = db_create(&view->db, ":memory:", err);
    if (rc == RC_OK)
        rc = ini_parse(&view->conf, "", 0, what, err);
    if (rc == RC_OK)
        rc = add_all(view->db, seal, doc, err);
    if (rc == RC_MALFORMED) {
        char why[sizeof err->msg];
        (void)snprintf(why, sizeof why, "%s", err->msg);
        rc = bad(what, why, err);
    }
    if (rc == RC_OK)
        *out = view;
    else
        store_close(view);
    return rc;
}

enum rc
export_read(struct store **view, struct export_seal *seal, const char *bytes, size_t len,
            const char *what, struct err *err)
{
    struct json *doc = NULL;
    *view = NULL;
    memset(seal, 0, sizeof *seal);
    enum rc rc = open_envelope(seal, &doc, bytes, len, what, err);
    if (rc == RC_OK)
        rc = make_view(view, seal, doc, what, err);
    json_free(doc);
    return rc;
}

/* ---- into a store ---- */

/* Where those entries are from, for whoever reads the log. */
static enum rc
append_source(struct reading *r, const struct export_seal *seal, struct err *err)
{
    begin_fact(r);
    jw_str(&r->w, "text", "the entries before this one say what an export said");
    jw_int(&r->w, "entries", r->said);
    jw_str(&r->w, "export", seal->sha256);
    jw_str(&r->w, "signer", seal->signer.author);
    jw_str(&r->w, "made", seal->at);
    jw_end_obj(&r->w);
    enum rc rc = buf_check(&r->body, "a note", err);
    return rc == RC_OK ? log_append(r->into, "note", &r->body, NULL, err) : rc;
}

enum rc
export_into(struct store *store, const char *bytes, size_t len, const char *what, int64_t *said,
            struct err *err)
{
    struct export_seal seal = {.at = ""};
    struct json *doc = NULL;
    struct reading r = {.into = store, .author = seal.signer.author};
    *said = 0;
    enum rc rc = open_envelope(&seal, &doc, bytes, len, what, err);
    if (rc == RC_OK)
        rc = log_begin(store, err);
    if (rc == RC_OK) {
        rc = add_keys(&r, doc, err);
        if (rc == RC_OK && r.said > 0)
            rc = append_source(&r, &seal, err);
        rc = log_finish(store, rc, err);
        *said = rc == RC_OK ? r.said : 0;
    }
    buf_release(&r.body);
    json_free(doc);
    return rc;
}
