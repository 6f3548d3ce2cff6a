/* A store with a site, a local KMS, root keys and keys, for tests of unwrapping and revealing. */
#ifndef TESTS_LIB_KEYS_H
#define TESTS_LIB_KEYS_H

#include "crypt/check.h"
#include "escrow/key.h"
#include "escrow/view.h"
#include "kms/kms.h"
#include "stores.h"

#define KEYS_KMS "22222222-2222-4333-8444-555555555501"
#define KEYS_KMS_AWAY "22222222-2222-4333-8444-555555555502"
#define KEYS_ROOT "33333333-2222-4333-8444-555555555501"
#define KEYS_ROOT_AWAY "33333333-2222-4333-8444-555555555502"
#define KEYS_OTHER_SITE "11111111-2222-4333-8444-555555555599"

/* KMS "here" at STORES_SITE and "away" at KEYS_OTHER_SITE, each a file; NULL: out of reach. */
struct keys {
    struct store *store;
    struct kms *here, *away;
    char root_here[UUID_TEXT + 1], root_away[UUID_TEXT + 1];
    unsigned opened; /* how often a KMS was asked for */
};

static inline struct kms *
keys_kms(const char *name, char root[UUID_TEXT + 1])
{
    char file[80];
    struct kms *kms = NULL;
    struct secret *pass = NULL;
    struct root_info info;
    (void)snprintf(file, sizeof file, "%s.kms", name);
    assert_ok(secret_new(&pass, err));
    assert_ok(secret_add(pass, "a passphrase", 12, err));
    assert_ok(kms_local_create(stores_path(file), pass, err));
    struct kms_config config = {
        .provider = "local", .name = name, .file = stores_path(file), .credential = pass};
    assert_ok(kms_open(&kms, &config, err));
    secret_free(pass);
    assert_ok(kms_root_create(kms, "main", &info, err));
    memcpy(root, info.id, UUID_TEXT + 1);
    return kms;
}

static inline void
keys_object(struct store *s, const char *kind, const char *uuid, const char *name, const char *more)
{
    char body[512];
    char added[32];
    (void)snprintf(body, sizeof body, "{\"uuid\":\"%s\",\"name\":\"%s\"%s}", uuid, name, more);
    (void)snprintf(added, sizeof added, "%s.added", kind);
    stores_append(s, added, body);
}

static inline void
keys_root(struct store *s, const char *uuid, const char *name, const char *kms, const char *id)
{
    char more[256];
    (void)snprintf(more, sizeof more, ",\"kms\":\"%s\",\"id\":\"%s\"", kms, id);
    keys_object(s, "root", uuid, name, more);
}

static inline void
keys_begin(struct keys *k, const char *name)
{
    char file[80];
    memset(k, 0, sizeof *k);
    k->store = stores_make(name, NULL);
    assert_ok(log_begin(k->store, err));
    assert_ok(store_meta_set(k->store, "site", STORES_SITE, err));
    assert_ok(log_commit(k->store, err));
    memcpy(k->store->site, STORES_SITE, sizeof STORES_SITE);
    (void)snprintf(file, sizeof file, "%s-here", name);
    k->here = keys_kms(file, k->root_here);
    (void)snprintf(file, sizeof file, "%s-away", name);
    k->away = keys_kms(file, k->root_away);
    keys_object(k->store, "site", STORES_SITE, "fra", "");
    keys_object(k->store, "site", KEYS_OTHER_SITE, "mad", "");
    keys_object(k->store, "kms", KEYS_KMS, "kp-here",
                ",\"provider\":\"local\",\"site\":\"" STORES_SITE "\"");
    keys_object(k->store, "kms", KEYS_KMS_AWAY, "kp-away",
                ",\"provider\":\"local\",\"site\":\"" KEYS_OTHER_SITE "\"");
    keys_root(k->store, KEYS_ROOT, "root-here", KEYS_KMS, k->root_here);
    keys_root(k->store, KEYS_ROOT_AWAY, "root-away", KEYS_KMS_AWAY, k->root_away);
}

static inline void
keys_end(struct keys *k)
{
    kms_close(k->here);
    kms_close(k->away);
    store_close(k->store);
}

/* As unwrap_open_fn: arg is the struct keys. */
static inline enum rc
keys_open(void *arg, const struct object *kms, struct kms **out, struct err *err)
{
    struct keys *k = arg;
    k->opened++;
    *out = strcmp(kms->uuid, KEYS_KMS) == 0 ? k->here : k->away;
    if (*out == NULL)
        return err_set(err, RC_KMS_UNREACHABLE, "KMS %s is away", kms->name);
    return RC_OK;
}

/* The wrap of 32 bytes of `fill` under a root key, or of fresh ones (*plain, if not NULL). */
static inline void
keys_wrap(struct kms *kms, const char *root, int fill, const char *aad, char out[LIMIT_CIPHERTEXT])
{
    unsigned char bytes[32];
    struct secret *payload = NULL;
    struct kms_op op;
    memset(bytes, fill, sizeof bytes);
    assert_ok(secret_new(&payload, err));
    assert_ok(secret_add(payload, bytes, sizeof bytes, err));
    kms_op_init(&op, KMS_WRAP, root);
    op.payload = payload;
    op.aad = &aad;
    op.aad_count = aad != NULL;
    assert_ok(kms_run(kms, &op, 1, err));
    assert_int_equal(op.rc, RC_OK);
    (void)snprintf(out, LIMIT_CIPHERTEXT, "%s", buf_str(&op.fresh));
    kms_op_release(&op);
    secret_free(payload);
}

/* Check value of 32 bytes of `fill` as the key `uuid` in form base64. */
static inline void
keys_check(struct check_value *out, const char *uuid, int fill)
{
    unsigned char bytes[32];
    struct secret *payload = NULL;
    struct secret *text = NULL;
    memset(bytes, fill, sizeof bytes);
    assert_ok(secret_new(&payload, err));
    assert_ok(secret_new(&text, err));
    assert_ok(secret_add(payload, bytes, sizeof bytes, err));
    assert_ok(base64_encode_secret(text, payload, err));
    assert_ok(check_make(out, payload, text, uuid, err));
    secret_free(payload);
    secret_free(text);
}

/* A key with a check value (check_fill >= 0) and no wraps yet. */
static inline void
keys_add(struct keys *k, const char *uuid, const char *name, int check_fill, struct key *out)
{
    char body[1024];
    char check[256] = "";
    if (check_fill >= 0) {
        struct check_value v;
        keys_check(&v, uuid, check_fill);
        (void)snprintf(check, sizeof check,
                       "\"check\":{\"alg\":\"blake2b-256\",\"params\":{},\"value\":\"%s\"},",
                       v.value);
    }
    (void)snprintf(
        body, sizeof body,
        "{\"uuid\":\"%s\",\"name\":\"%s\",\"generation\":1,\"purpose\":\"config-backup\","
        "\"protects_site\":\"" STORES_SITE "\",\"form\":\"base64\",\"origin\":\"kms\","
        "\"bits\":256,%s\"wraps\":[]}",
        uuid, name, check);
    stores_append(k->store, "key.created", body);
    assert_ok(key_find(k->store, uuid, out, err));
}

/* A wrap of `fill` recorded with a key. id (may be NULL): its id. */
static inline void
keys_add_wrap(struct keys *k, const struct key *key, int here, int fill, char *id)
{
    char body[LIMIT_CIPHERTEXT + 512];
    char ciphertext[LIMIT_CIPHERTEXT];
    keys_wrap(here ? k->here : k->away, here ? k->root_here : k->root_away, fill, NULL, ciphertext);
    (void)snprintf(body, sizeof body,
                   "{\"key\":\"%s\",\"wrap\":{\"root\":\"%s\",\"version\":\"\",\"aad\":[],"
                   "\"ciphertext\":\"%s\",\"how\":\"add\"}}",
                   key->uuid, here ? KEYS_ROOT : KEYS_ROOT_AWAY, ciphertext);
    stores_append(k->store, "wrap.added", body);
    if (id != NULL)
        sha256_hex(id, ciphertext, strlen(ciphertext));
}

static inline int
keys_count(const struct store *s, const char *kind)
{
    struct stmt *q = NULL;
    char like[96];
    (void)snprintf(like, sizeof like, "%%\"kind\":\"%s\"%%", kind);
    assert_ok(db_query(s->db, &q, "SELECT count(*) FROM entry WHERE line LIKE ?1", err));
    stmt_text(q, 1, like);
    assert_ok(stmt_row(q, err));
    int n = (int)col_int(q, 0);
    stmt_done(q);
    return n;
}

#endif
