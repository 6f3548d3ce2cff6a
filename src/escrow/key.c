#include "escrow/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/key_row.h"
#include "escrow/view.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

/* From least to most restrictive, so that a conflict has an answer (NIST SP 800-57 states). */
static const char *const states[] = {"active",      "pre-activation", "suspended",
                                     "deactivated", "compromised",    "destroyed"};

int
key_state_rank(const char *state)
{
    for (int i = 0; i < (int)(sizeof states / sizeof states[0]); i++) {
        if (strcmp(states[i], state) == 0)
            return i;
    }
    return -1;
}

const char *
key_state_at(int rank)
{
    return rank >= 0 && rank < (int)(sizeof states / sizeof states[0]) ? states[rank] : NULL;
}

enum rc
key_row_state(struct key *key, const char *value, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = json_parse(&doc, value, strlen(value), "a state", err);
    if (rc != RC_OK)
        return rc;
    const char *state = json_str(doc);
    if (state != NULL && key_state_rank(state) > key_state_rank(key->state))
        (void)snprintf(key->state, sizeof key->state, "%s", state);
    json_free(doc);
    return RC_OK;
}

static enum rc
worse_state(void *arg, const char *value, const char *entry, struct err *err)
{
    (void)entry;
    return key_row_state(arg, value, err);
}

enum rc
key_row_read(struct stmt *q, struct key *k, struct err *err)
{
    memset(k, 0, sizeof *k);
    (void)snprintf(k->uuid, sizeof k->uuid, "%s", col_text(q, 0));
    (void)snprintf(k->name, sizeof k->name, "%s", col_text(q, 1));
    k->generation = col_int(q, 2);
    (void)snprintf(k->purpose, sizeof k->purpose, "%s", col_text(q, 3));
    (void)snprintf(k->protects_site, sizeof k->protects_site, "%s", col_text(q, 4));
    (void)snprintf(k->form, sizeof k->form, "%s", col_text(q, 5));
    (void)snprintf(k->origin, sizeof k->origin, "%s", col_text(q, 6));
    k->bits = col_int(q, 7);
    (void)snprintf(k->created_at, sizeof k->created_at, "%s", col_text(q, 8));
    (void)snprintf(k->author, sizeof k->author, "%s", col_text(q, 10));
    k->seq = col_int(q, 11);
    k->has_check = (int)col_int(q, 12);
    (void)snprintf(k->state, sizeof k->state, "%s", "active");
    return col_hash(q, 9, k->entry, err);
}

static enum rc
read_key(const struct store *store, struct stmt *q, struct key *k, struct err *err)
{
    enum rc rc = key_row_read(q, k, err);
    return rc == RC_OK ? field_each(store, k->uuid, "state", worse_state, k, err) : rc;
}

/* The rows of a query over KEY_COLUMNS, which it ends. */
static enum rc
each_row(const struct store *store, struct stmt *q, key_fn fn, void *arg, struct err *err)
{
    enum rc rc;
    struct key k;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = read_key(store, q, &k, err);
        if (rc == RC_OK)
            rc = fn(arg, &k, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

enum rc
key_each(const struct store *store, const char *name, key_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = name == NULL
                     ? db_query(store->db, &q, KEY_COLUMNS "ORDER BY name, generation, uuid", err)
                     : db_query(store->db, &q,
                                KEY_COLUMNS "AND name = ?1 ORDER BY name, generation, uuid", err);
    if (rc != RC_OK)
        return rc;
    if (name != NULL)
        stmt_text(q, 1, name);
    return each_row(store, q, fn, arg, err);
}

enum rc
key_each_after(const struct store *store, const struct key *after, int64_t most, key_fn fn,
               void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          KEY_COLUMNS "AND (name, generation, uuid) > (?1, ?2, ?3)"
                                      " ORDER BY name, generation, uuid LIMIT ?4",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, after != NULL ? after->name : "");
    stmt_int(q, 2, after != NULL ? after->generation : 0);
    stmt_text(q, 3, after != NULL ? after->uuid : "");
    stmt_int(q, 4, most);
    return each_row(store, q, fn, arg, err);
}

/* ---- finding one ---- */

/* NAME@GEN: splits a trailing @ and digits off. 0 when there is none. */
static int64_t
split_generation(char name[KEY_NAME_BYTES + 24])
{
    char *at = strrchr(name, '@');
    if (at == NULL || at == name || at[1] == '\0' || strspn(at + 1, "0123456789") != strlen(at + 1))
        return 0;
    if (strlen(at + 1) > 9)
        return 0;
    int64_t generation = strtol(at + 1, NULL, 10);
    *at = '\0';
    return generation;
}

struct finding {
    struct key *out;
    int64_t generation; /* wanted; 0 the newest */
    int64_t until;      /* what was made later does not count */
    unsigned hits;
    unsigned all;
    char first[TIME_TEXT + 1]; /* when the earliest was made */
    char uuids[256];
};

static enum rc
find_key(void *arg, const struct key *k, struct err *err)
{
    (void)err;
    struct finding *f = arg;
    int64_t made = 0;
    f->all++;
    if (f->first[0] == '\0' || strcmp(k->created_at, f->first) < 0) /* one width: text order */
        memcpy(f->first, k->created_at, sizeof f->first);
    if (time_parse(&made, k->created_at) != 0 || made > f->until)
        return RC_OK;
    if (f->generation != 0 && k->generation != f->generation)
        return RC_OK;
    if (f->hits > 0 && k->generation > f->out->generation) {
        f->hits = 0;
        f->uuids[0] = '\0';
    }
    *f->out = *k;
    f->hits++;
    size_t used = strlen(f->uuids);
    (void)snprintf(f->uuids + used, sizeof f->uuids - used, "%s%s", used > 0 ? ", " : "", k->uuid);
    return RC_OK;
}

struct nearest {
    const char *ref;
    unsigned best;
    char name[KEY_NAME_BYTES + 1];
};

static enum rc
near_key(void *arg, const struct key *k, struct err *err)
{
    (void)err;
    struct nearest *n = arg;
    unsigned d = edit_distance(k->name, n->ref);
    if (d < n->best) {
        n->best = d;
        (void)snprintf(n->name, sizeof n->name, "%s", k->name);
    }
    return RC_OK;
}

static enum rc
key_missing(const struct store *store, const char *ref, const char *name, int64_t generation,
            unsigned all, struct err *err)
{
    struct buf shown;
    buf_init(&shown, 4096);
    escape_terminal(&shown, ref, strnlen(ref, 600), ESCAPE_LINE);
    struct nearest n = {.ref = name, .best = 4};
    struct err scratch = ERR_INIT;
    err_ignore(key_each(store, NULL, near_key, &n, &scratch)); /* only for a better hint */
    (void)err_set(err, RC_NOT_FOUND, "no key %s", buf_str(&shown));
    if (all > 0)
        (void)err_why(err, "there are %u generations of that name, but no %lld", all,
                      (long long)generation);
    else if (n.name[0] != '\0')
        (void)err_hint(err, "did you mean %s?", n.name);
    buf_release(&shown);
    return err_hint(err, "see them all: keymuster list");
}

static enum rc
find_by_uuid(const struct store *store, const char *uuid, struct key *out, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q, KEY_COLUMNS "AND uuid = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, uuid);
    rc = stmt_row(q, err);
    if (rc == RC_OK)
        rc = stmt_more(q) ? read_key(store, q, out, err)
                          : err_set(err, RC_NOT_FOUND, "no key %s", uuid);
    stmt_done(q);
    return rc;
}

static enum rc
key_not_yet(const char *name, const struct finding *f, struct err *err)
{
    char at[TIME_TEXT + 1];
    time_format(at, f->until);
    (void)err_set(err, RC_NOT_FOUND, "key %s had no generation yet at %s", name, at);
    (void)err_why(err, "the first one was made at %s", f->first);
    return err_hint(err, "see them all: keymuster list");
}

#define REF_BYTES (KEY_NAME_BYTES + 24) /* a name, '@', a generation and the end */

/* The plain name goes to name; a ref that is too long for one is not found. */
static enum rc
look_for(const struct store *store, const char *ref, struct finding *f, char name[REF_BYTES],
         struct err *err)
{
    name[0] = '\0';
    if (strlen(ref) >= REF_BYTES)
        return RC_OK;
    (void)snprintf(name, REF_BYTES, "%s", ref);
    f->generation = split_generation(name);
    return key_each(store, name, find_key, f, err);
}

static enum rc
find_by_name(const struct store *store, const char *ref, int64_t until, struct key *out,
             struct err *err)
{
    char name[REF_BYTES];
    if (strlen(ref) >= sizeof name)
        return err_set(err, RC_NOT_FOUND, "no key of such a long name");
    struct finding f = {.out = out, .until = until};
    enum rc rc = look_for(store, ref, &f, name, err);
    if (rc != RC_OK || f.hits == 1)
        return rc;
    if (f.hits == 0 && f.all > 0 && until != INT64_MAX)
        return key_not_yet(name, &f, err);
    if (f.hits == 0)
        return key_missing(store, ref, name, f.generation, f.all, err);
    (void)err_set(err, RC_AMBIGUOUS, "%s stands for %u keys", name, f.hits);
    (void)err_why(err, "two sites made generation %lld apart: %s", (long long)out->generation,
                  f.uuids);
    return err_hint(
        err, "name it by its UUID; see them: keymuster list --fields name,generation,roots,uuid");
}

enum rc
key_find(const struct store *store, const char *ref, struct key *out, struct err *err)
{
    return uuid_is(ref) ? find_by_uuid(store, ref, out, err)
                        : find_by_name(store, ref, INT64_MAX, out, err);
}

enum rc
key_find_at(const struct store *store, const char *ref, int64_t at_ms, struct key *out,
            struct err *err)
{
    return find_by_name(store, ref, at_ms, out, err);
}

enum rc
key_is_known(const struct store *store, const char *ref, int *known, struct err *err)
{
    struct key key;
    struct finding f = {.out = &key, .until = INT64_MAX};
    *known = 0;
    if (!uuid_is(ref)) {
        char name[REF_BYTES];
        enum rc rc = look_for(store, ref, &f, name, err);
        *known = rc == RC_OK && f.hits > 0;
        return rc;
    }
    struct err scratch = ERR_INIT;
    enum rc rc = find_by_uuid(store, ref, &key, &scratch);
    *known = rc == RC_OK;
    if (*known || rc == RC_NOT_FOUND)
        return RC_OK;
    *err = scratch;
    return rc;
}

enum rc
key_ref(char out[KEY_REF], const struct store *store, const struct key *key, struct err *err)
{
    struct stmt *q = NULL;
    struct buf ref;
    char word[REF_BYTES];
    enum rc rc = db_query(store->db, &q,
                          "SELECT max(generation), count(DISTINCT CASE generation WHEN ?2 THEN"
                          " uuid END) FROM key WHERE name = ?1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key->name);
    stmt_int(q, 2, key->generation);
    rc = stmt_row(q, err);
    int newest = rc == RC_OK && stmt_more(q) && col_int(q, 0) == key->generation;
    int alone = rc == RC_OK && stmt_more(q) && col_int(q, 1) == 1;
    stmt_done(q);
    if (newest)
        (void)snprintf(word, sizeof word, "%s", key->name);
    else
        (void)snprintf(word, sizeof word, "%s@%lld", key->name, (long long)key->generation);
    buf_init(&ref, KEY_REF - 1);
    escape_shell(&ref, word);
    /* A name that begins like an option would be taken for one. */
    int fits = alone && word[0] != '-' && !ref.failed;
    (void)snprintf(out, KEY_REF, "%s", fits ? buf_str(&ref) : key->uuid);
    buf_release(&ref);
    return rc;
}

const char *
key_ref_said(char out[KEY_REF], const struct store *store, const struct key *key)
{
    struct err unread = ERR_INIT; /* who said this says the cause, or meets it again */
    if (key_ref(out, store, key, &unread) != RC_OK)
        (void)snprintf(out, KEY_REF, "%s", key->uuid);
    return out;
}

int
key_ref_is_name(const char *ref)
{
    char name[REF_BYTES];
    (void)snprintf(name, sizeof name, "%s", ref); /* a longer one is no key's name anyway */
    return !uuid_is(ref) && split_generation(name) == 0;
}

/* ---- check values, release, wraps ---- */

enum rc
key_check(const struct store *store, const char *key, struct check_value *out, int *found,
          struct err *err)
{
    struct stmt *q = NULL;
    *found = 0;
    memset(out, 0, sizeof *out);
    enum rc rc = db_query(
        store->db, &q,
        "SELECT DISTINCT alg, mem, ops, value FROM check_value WHERE key = ?1 ORDER BY 1, 2, 3, 4",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        if (*found) {
            rc = err_set(err, RC_STORE_CORRUPT, "key %s has two different check values", key);
            (void)err_why(err, "two entries disagree about its value; one of them is wrong");
            break;
        }
        *found = 1;
        if (check_alg_parse(&out->alg, col_text(q, 0)) != 0)
            rc = err_set(err, RC_STORE_CORRUPT, "key %s has a check value of an unknown kind", key);
        out->mem = (unsigned long long)col_int(q, 1);
        out->ops = (unsigned long long)col_int(q, 2);
        (void)snprintf(out->value, sizeof out->value, "%s", col_text(q, 3));
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

enum rc
key_state_why(const struct store *store, const struct key *key, char since[TIME_TEXT + 1],
              char reason[LIMIT_TEXT + 1], struct err *err)
{
    struct stmt *q = NULL;
    since[0] = reason[0] = '\0';
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT coalesce(json_extract(e.line, '$.at'), ''),"
                 " coalesce(json_extract(e.line, '$.body.set.state.reason'), '') FROM field f"
                 " JOIN entry e ON e.hash = f.entry WHERE f.object = ?1 AND f.name = 'state'"
                 " AND json_extract(f.value, '$') = ?2 AND NOT EXISTS (SELECT 1 FROM superseded s"
                 " WHERE s.object = f.object AND s.name = f.name AND s.entry = f.entry)"
                 " ORDER BY 1, f.entry LIMIT 1",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key->uuid);
    stmt_text(q, 2, key->state);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        (void)snprintf(since, TIME_TEXT + 1, "%s", col_text(q, 0));
        (void)snprintf(reason, LIMIT_TEXT + 1, "%s", col_text(q, 1));
    }
    stmt_done(q);
    return rc;
}

int
purpose_must_outlive(const char *purpose)
{
    return strcmp(purpose, "config-backup") == 0 || strcmp(purpose, "backup-copy") == 0;
}

enum rc
key_released(const struct store *store, const struct key *key, int *released, struct err *err)
{
    int outlives = purpose_must_outlive(key->purpose);
    return entry_acknowledged(store, key->author, key->seq, outlives ? key->protects_site : NULL,
                              released, err);
}

enum rc
wrap_each(const struct store *store, const char *key, wrap_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT key, id, root, version, ciphertext, aad, how, at,"
                 " EXISTS (SELECT 1 FROM wrap_retired r WHERE r.key = wrap.key AND r.id = wrap.id)"
                 " FROM wrap WHERE key = ?1 GROUP BY id, root, aad"
                 " ORDER BY max(at) DESC, max(seq) DESC, id",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct wrap w = {0};
        (void)snprintf(w.key, sizeof w.key, "%s", col_text(q, 0));
        rc = col_hash(q, 1, w.id, err);
        if (rc != RC_OK)
            break;
        (void)snprintf(w.root, sizeof w.root, "%s", col_text(q, 2));
        (void)snprintf(w.version, sizeof w.version, "%s", col_text(q, 3));
        w.ciphertext = col_text(q, 4);
        w.aad = col_text(q, 5);
        (void)snprintf(w.how, sizeof w.how, "%s", col_text(q, 6));
        (void)snprintf(w.at, sizeof w.at, "%s", col_text(q, 7));
        w.retired = (int)col_int(q, 8);
        rc = fn(arg, &w, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}
