#include <stdlib.h>
#include <string.h>

#include "crypt/hash.h"
#include "kms/local.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/json.h"
#include "text/time.h"

enum { KDF_MEM = 64 * 1024 * 1024, KDF_OPS = 3 };

static const char CHECK_LABEL[] = "keymuster local 1 key-check";
static const char FILE_LABEL[] = "keymuster local 1 file";

static enum rc
broken(const struct local *l, struct err *err, const char *why)
{
    (void)err_set(err, RC_KMS_INTEGRITY, "the KMS file %s does not verify", l->path);
    (void)err_why(err, "%s", why);
    return err_hint(err, "bring back a copy of the file; an older one lacks the root keys and "
                         "versions made since");
}

/* ---- in memory ---- */

struct local_root *
local_root_add(struct local_file *f)
{
    struct local_root *grown = realloc(f->roots, (f->count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    f->roots = grown;
    memset(&grown[f->count], 0, sizeof *grown);
    return &grown[f->count++];
}

struct local_version *
local_version_add(struct local_root *root)
{
    struct local_version *grown = realloc(root->versions, (root->count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    root->versions = grown;
    memset(&grown[root->count], 0, sizeof *grown);
    return &grown[root->count++];
}

const struct local_version *
local_current(const struct local_root *root)
{
    return &root->versions[root->count - 1];
}

void
local_file_release(struct local_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->roots[i].versions);
    free(f->roots);
    memset(f, 0, sizeof *f);
}

/* ---- reading ---- */

/* The outer JSON, decoded. */
struct envelope {
    struct local_head head;
    unsigned char nonce[SEAL_NONCE];
    struct buf sealed;
};

/* Exactly len bytes from a base64 member; -1 for anything else. */
static int
get_bytes(unsigned char *out, size_t len, const struct json *from, const char *name)
{
    const char *text = json_gets(from, name);
    return text != NULL ? base64_decode_fixed(out, len, text, strlen(text)) : -1;
}

/* NULL, or what is wrong. */
static const char *
envelope_fault(struct envelope *e, const struct json *doc)
{
    int64_t version = 0;
    const struct json *kdf = json_get(doc, "kdf");
    const char *alg = json_gets(kdf, "alg");
    const char *sealed = json_gets(doc, "sealed");
    if (json_geti(doc, "version", &version) != 0)
        return "it has no version";
    if (version != 1)
        return "its version is not one that this keymuster knows";
    if (alg == NULL || strcmp(alg, "argon2id") != 0 || json_geti(kdf, "mem", &e->head.mem) != 0 ||
        json_geti(kdf, "ops", &e->head.ops) != 0 || e->head.mem < 0 || e->head.ops < 0)
        return "its key derivation is not one that this keymuster knows";
    if (get_bytes(e->head.salt, sizeof e->head.salt, doc, "salt") != 0 ||
        get_bytes(e->head.check, sizeof e->head.check, doc, "key-check") != 0 ||
        get_bytes(e->nonce, sizeof e->nonce, doc, "nonce") != 0 || sealed == NULL ||
        base64_decode(&e->sealed, sealed, strlen(sealed)) != 0)
        return "a member is missing or malformed";
    return NULL;
}

static enum rc
missing(const struct local *l, struct err *err)
{
    (void)err_set(err, RC_KMS_MISSING, "the KMS file %s is not there", l->path);
    return err_hint(err, "if it is lost, bring back a copy: a new file cannot open its wraps");
}

/* e is to be buf_release'd (sealed) whatever comes. */
static enum rc
envelope_read(struct envelope *e, const struct local *l, struct err *err)
{
    struct buf text;
    struct json *doc = NULL;
    memset(e, 0, sizeof *e);
    buf_init(&e->sealed, LIMIT_SMALL_FILE);
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = file_read(&text, l->path, err);
    if (rc == RC_NOT_FOUND)
        rc = missing(l, err);
    if (rc != RC_OK)
        goto out;
    rc = json_parse(&doc, buf_str(&text), text.len, "the KMS file", err);
    if (rc == RC_MALFORMED) {
        struct err cause = *err;
        rc = broken(l, err, cause.why[0] != '\0' ? cause.why : cause.msg);
    }
    if (rc != RC_OK)
        goto out;
    const char *fault = envelope_fault(e, doc);
    if (e->sealed.failed == RC_NO_MEMORY)
        rc = err_nomem(err);
    else if (fault != NULL)
        rc = broken(l, err, fault);
out:
    json_free(doc);
    buf_release(&text);
    return rc;
}

/* A time as text; "" is 0, never. */
static int
get_time(int64_t *out, const struct json *from, const char *name)
{
    const char *text = json_gets(from, name);
    *out = 0;
    if (text == NULL)
        return -1;
    return text[0] == '\0' ? 0 : time_parse(out, text);
}

static int
get_uuid(char out[UUID_TEXT + 1], const struct json *from)
{
    const char *text = json_gets(from, "id");
    if (text == NULL || !uuid_is(text))
        return -1;
    memcpy(out, text, UUID_TEXT + 1);
    return 0;
}

static int
version_parse(struct local_version *v, const struct json *from)
{
    if (get_uuid(v->id, from) != 0 || uuid_parse(v->raw, v->id) != 0 ||
        get_time(&v->created_ms, from, "created") != 0)
        return -1;
    return get_bytes(v->material, sizeof v->material, from, "material");
}

static int
state_known(int64_t state)
{
    return state == ROOT_PREACTIVE || state == ROOT_ACTIVE || state == ROOT_SUSPENDED ||
           state == ROOT_DEACTIVATED || state == ROOT_DESTROYED;
}

/* RC_MALFORMED says only that: the caller names the file. */
static enum rc
root_parse(struct local_root *r, const struct json *from, struct err *err)
{
    int64_t state = ROOT_UNKNOWN;
    const char *alias = json_gets(from, "alias");
    if (get_uuid(r->id, from) != 0 || alias == NULL || strlen(alias) > LIMIT_NAME ||
        json_geti(from, "state", &state) != 0 || !state_known(state) ||
        get_time(&r->created_ms, from, "created") != 0 ||
        get_time(&r->updated_ms, from, "updated") != 0 ||
        get_time(&r->rotated_ms, from, "rotated") != 0 ||
        get_time(&r->deleted_ms, from, "deleted") != 0)
        return err_set(err, RC_MALFORMED, "a root key in it is malformed");
    memcpy(r->alias, alias, strlen(alias) + 1);
    r->state = (enum root_state)state;
    const struct json *item = json_first(json_get(from, "versions"));
    for (; item != NULL; item = json_next(item)) {
        struct local_version *v = local_version_add(r);
        if (v == NULL)
            return err_nomem(err);
        if (version_parse(v, item) != 0)
            return err_set(err, RC_MALFORMED, "a root key version in it is malformed");
    }
    if (r->count == 0 || strcmp(r->versions[0].id, r->id) != 0)
        return err_set(err, RC_MALFORMED, "a root key in it has no first version");
    return RC_OK;
}

static enum rc
roots_parse(struct local_file *out, const struct buf *plain, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = json_parse(&doc, buf_str(plain), plain->len, "the list of root keys", err);
    if (rc != RC_OK)
        return rc;
    const struct json *roots = json_get(doc, "roots");
    if (roots == NULL || json_type(roots) != JSON_ARRAY)
        rc = err_set(err, RC_MALFORMED, "there is no list of root keys in it");
    for (const struct json *i = json_first(roots); rc == RC_OK && i != NULL; i = json_next(i)) {
        struct local_root *r = local_root_add(out);
        rc = r != NULL ? root_parse(r, i, err) : err_nomem(err);
    }
    json_free(doc);
    return rc;
}

enum rc
local_file_key(struct secret **out, const struct local *l, struct err *err)
{
    enum rc rc = secret_new(out, err);
    if (rc == RC_OK && (rc = seal_subkey(*out, l->key, FILE_LABEL, err)) != RC_OK) {
        secret_free(*out);
        *out = NULL;
    }
    return rc;
}

static enum rc
envelope_open(struct local_file *out, const struct envelope *e, const struct local *l,
              struct err *err)
{
    struct secret *key = NULL;
    struct buf plain;
    buf_init(&plain, LIMIT_SMALL_FILE);
    enum rc rc = local_file_key(&key, l, err);
    if (rc != RC_OK)
        goto out;
    if (unseal_bytes(&plain, key, e->nonce, NULL, 0, e->sealed.data, e->sealed.len) != 0) {
        rc = plain.failed == RC_NO_MEMORY
                 ? err_nomem(err)
                 : broken(l, err,
                          "the passphrase is right, but the sealed part was altered or damaged");
        goto out;
    }
    rc = roots_parse(out, &plain, err);
    if (rc == RC_MALFORMED) {
        struct err cause = *err;
        rc = broken(l, err, cause.msg);
    }
out:
    secret_free(key);
    buf_release(&plain);
    return rc;
}

enum rc
local_file_load(struct local_file *out, const struct local *l, struct err *err)
{
    struct envelope e;
    memset(out, 0, sizeof *out);
    enum rc rc = envelope_read(&e, l, err);
    if (rc != RC_OK)
        goto out;
    /* Another salt or passphrase than at local_file_unlock: our key is of no use to it. */
    if (e.head.mem != l->head.mem || e.head.ops != l->head.ops ||
        memcmp(e.head.salt, l->head.salt, sizeof e.head.salt) != 0 ||
        memcmp(e.head.check, l->head.check, sizeof e.head.check) != 0)
        rc = broken(l, err, "it was replaced by another KMS file while in use");
    else
        rc = envelope_open(out, &e, l, err);
out:
    buf_release(&e.sealed);
    return rc;
}

/* ---- passphrase ---- */

/* The key into l->key, and the check value that belongs to it. */
static enum rc
derive(struct local *l, const struct secret *passphrase, struct secret **check, struct err *err)
{
    enum rc rc = secret_new(&l->key, err);
    if (rc != RC_OK)
        return rc;
    rc = seal_derive(l->key, passphrase, l->head.salt, (unsigned long long)l->head.mem,
                     (unsigned long long)l->head.ops, err);
    if (rc == RC_OK)
        rc = secret_new(check, err);
    if (rc == RC_OK)
        rc = seal_subkey(*check, l->key, CHECK_LABEL, err);
    return rc;
}

/* After a failure l->key is NULL. */
static void
forget(struct local *l)
{
    secret_free(l->key);
    l->key = NULL;
}

enum rc
local_file_found(struct local *l, const struct secret *passphrase, struct err *err)
{
    struct secret *check = NULL;
    l->head.mem = KDF_MEM;
    l->head.ops = KDF_OPS;
    random_bytes(l->head.salt, sizeof l->head.salt);
    enum rc rc = derive(l, passphrase, &check, err);
    if (rc == RC_OK)
        memcpy(l->head.check, check->bytes, sizeof l->head.check);
    else
        forget(l);
    secret_free(check);
    return rc;
}

enum rc
local_file_unlock(struct local *l, const struct secret *passphrase, struct err *err)
{
    struct envelope e;
    struct local_file f = {NULL, 0};
    struct secret *check = NULL, *want = NULL;
    enum rc rc = envelope_read(&e, l, err);
    if (rc != RC_OK)
        goto out;
    l->head = e.head;
    rc = derive(l, passphrase, &check, err);
    if (rc == RC_MALFORMED)
        rc =
            broken(l, err, "its key derivation asks for more than 1 GiB or 10 passes, or for none");
    if (rc != RC_OK || (rc = secret_new(&want, err)) != RC_OK ||
        (rc = secret_add(want, l->head.check, sizeof l->head.check, err)) != RC_OK)
        goto out;
    if (!secret_equal(check, want)) {
        (void)err_set(err, RC_KMS_PASSPHRASE, "this passphrase does not open %s", l->path);
        rc = err_why(err, "the check value in the file is that of another passphrase");
        goto out;
    }
    rc = envelope_open(&f, &e, l, err);
out:
    if (rc != RC_OK)
        forget(l);
    secret_free(want);
    secret_free(check);
    local_file_release(&f);
    buf_release(&e.sealed);
    return rc;
}
