#include <string.h>

#include "crypt/hash.h"
#include "kms/local.h"
#include "text/enc.h"
#include "text/json.h"
#include "text/jw.h"
#include "text/uni.h"

/* The associated data of a wrap begins with it, zero byte included. */
static const char LABEL[] = "keymuster local 1";

enum { AAD_MAX = LIMIT_AAD_COUNT * (8 + LIMIT_AAD_TEXT) };
enum { AD_MAX = sizeof LABEL + LOCAL_UUID + 8 + AAD_MAX };

/* ---- material ---- */

enum rc
local_material_key(struct secret **out, const struct local *l, struct err *err)
{
    enum rc rc = secret_new(out, err);
    if (rc == RC_OK &&
        (rc = seal_subkey(*out, l->key, "keymuster local 1 material", err)) != RC_OK) {
        secret_free(*out);
        *out = NULL;
    }
    return rc;
}

enum rc
local_version_make(struct local_version *v, const char *id, int64_t now_ms,
                   const struct secret *material_key, struct err *err)
{
    struct secret *fresh = NULL;
    struct buf sealed;
    buf_init(&sealed, SEAL_KEY + SEAL_TAG);
    memset(v, 0, sizeof *v);
    memcpy(v->id, id, sizeof v->id);
    v->created_ms = now_ms;
    enum rc rc = uuid_parse(v->raw, id) == 0 ? secret_new(&fresh, err)
                                             : err_set(err, RC_INTERNAL, "no UUID for a version");
    if (rc != RC_OK || (rc = random_secret(fresh, SEAL_KEY, err)) != RC_OK)
        goto out;
    random_bytes(v->material, SEAL_NONCE);
    rc = seal_secret(&sealed, material_key, v->material, v->raw, sizeof v->raw, fresh, err);
    if (rc == RC_OK)
        memcpy(v->material + SEAL_NONCE, sealed.data, sealed.len);
out:
    secret_free(fresh);
    buf_release(&sealed);
    return rc;
}

static enum rc
material_open(struct secret **out, const struct local_version *v, const struct secret *material_key,
              struct err *err)
{
    enum rc rc = secret_new(out, err);
    if (rc != RC_OK)
        return rc;
    if (unseal_secret(*out, material_key, v->material, v->raw, sizeof v->raw,
                      v->material + SEAL_NONCE, LOCAL_MATERIAL - SEAL_NONCE) == 0)
        return RC_OK;
    secret_free(*out);
    *out = NULL;
    return err_set(err, RC_KMS_INTEGRITY, "root key version %s does not open", v->id);
}

/* ---- associated data ---- */

enum rc
local_aad_check(const char *const *aad, size_t count, struct err *err)
{
    if (count > LIMIT_AAD_COUNT)
        return err_set(err, RC_BAD_VALUE, "%zu AAD strings; a KMS takes %d at most", count,
                       LIMIT_AAD_COUNT);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(aad[i]);
        /* Characters in the real one; bytes are the stricter count. */
        if (len > LIMIT_AAD_TEXT)
            return err_set(err, RC_BAD_VALUE,
                           "AAD string %zu has %zu bytes; a KMS takes %d at most", i + 1, len,
                           LIMIT_AAD_TEXT);
        if (!utf8_is(aad[i], len))
            return err_set(err, RC_BAD_VALUE, "AAD string %zu is not UTF-8", i + 1);
    }
    return RC_OK;
}

static void
add_le64(struct buf *out, uint64_t n)
{
    for (int i = 0; i < 8; i++)
        buf_addc(out, (char)(unsigned char)(n >> (8 * i) & 0xff));
}

/* Each part has a fixed size or its length before it, so no two lists give the same bytes. */
static enum rc
aad_bytes(struct buf *out, const struct local_version *v, const char *const *aad, size_t count,
          struct err *err)
{
    buf_add(out, LABEL, sizeof LABEL);
    buf_add(out, v->raw, sizeof v->raw);
    add_le64(out, count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(aad[i]);
        add_le64(out, len);
        buf_add(out, aad[i], len);
    }
    return buf_check(out, "the associated data", err);
}

/* ---- wraps ---- */

static void
wrap_print(struct buf *json, const char *handle, const unsigned char nonce[SEAL_NONCE],
           const struct buf *sealed)
{
    struct jw w;
    jw_init(&w, json);
    jw_obj(&w, NULL);
    jw_int(&w, "version", 1);
    jw_str(&w, "handle", handle);
    jw_base64(&w, "nonce", nonce, SEAL_NONCE);
    jw_base64(&w, "ciphertext", sealed->data, sealed->len);
    jw_end_obj(&w);
}

enum rc
local_wrap_make(struct buf *out, const struct local_version *v, const struct secret *material_key,
                const char *const *aad, size_t count, const struct secret *plain, struct err *err)
{
    unsigned char nonce[SEAL_NONCE];
    struct secret *key = NULL;
    struct buf ad, sealed, json;
    buf_init(&ad, AD_MAX);
    buf_init(&sealed, LIMIT_SECRET + SEAL_TAG);
    buf_init(&json, LIMIT_CIPHERTEXT);
    random_bytes(nonce, sizeof nonce);
    enum rc rc = aad_bytes(&ad, v, aad, count, err);
    if (rc != RC_OK || (rc = material_open(&key, v, material_key, err)) != RC_OK ||
        (rc = seal_secret(&sealed, key, nonce, ad.data, ad.len, plain, err)) != RC_OK)
        goto out;
    wrap_print(&json, v->id, nonce, &sealed);
    if ((rc = buf_check(&json, "a wrap", err)) != RC_OK)
        goto out;
    base64_encode(out, json.data, json.len);
    rc = buf_check(out, "a wrap", err);
out:
    secret_free(key);
    buf_release(&json);
    buf_release(&sealed);
    buf_release(&ad);
    return rc;
}

/* 0, or -1 when members are missing or of another form. */
static int
wrap_members(struct local_wrap *out, const struct json *doc)
{
    int64_t version = 0;
    const char *handle = json_gets(doc, "handle");
    const char *nonce_text = json_gets(doc, "nonce");
    const char *sealed = json_gets(doc, "ciphertext");
    if (json_geti(doc, "version", &version) != 0 || version != 1 || handle == NULL ||
        !uuid_is(handle) || nonce_text == NULL || sealed == NULL)
        return -1;
    memcpy(out->handle, handle, sizeof out->handle);
    if (base64_decode_fixed(out->nonce, SEAL_NONCE, nonce_text, strlen(nonce_text)) != 0)
        return -1;
    return base64_decode(&out->sealed, sealed, strlen(sealed));
}

enum rc
local_wrap_parse(struct local_wrap *out, const char *text, struct err *err)
{
    struct buf raw;
    struct json *doc = NULL;
    memset(out, 0, sizeof *out);
    buf_init(&out->sealed, LIMIT_SECRET + SEAL_TAG);
    buf_init(&raw, LIMIT_CIPHERTEXT);
    enum rc rc = kms_wrap_check(text, err);
    if (rc != RC_OK)
        goto out;
    if (base64_decode(&raw, text, strlen(text)) != 0) { /* was decoded a moment ago */
        rc = err_nomem(err);
        goto out;
    }
    if ((rc = json_parse(&doc, raw.data, raw.len, "a wrap", err)) != RC_OK)
        goto out;
    if (wrap_members(out, doc) == 0)
        goto out;
    if (out->sealed.failed == RC_NO_MEMORY) {
        rc = err_nomem(err);
    } else {
        (void)err_set(err, RC_CIPHERTEXT, "the wrap does not open");
        rc = err_why(err, "it was not made by a local KMS, or was altered");
    }
out:
    json_free(doc);
    buf_release(&raw);
    return rc;
}

void
local_wrap_release(struct local_wrap *w)
{
    buf_release(&w->sealed);
}

enum rc
local_wrap_open(struct secret *plain, const struct local_wrap *w, const struct local_version *v,
                const struct secret *material_key, const char *const *aad, size_t count,
                struct err *err)
{
    struct secret *key = NULL;
    struct buf ad;
    buf_init(&ad, AD_MAX);
    enum rc rc = aad_bytes(&ad, v, aad, count, err);
    if (rc != RC_OK || (rc = material_open(&key, v, material_key, err)) != RC_OK)
        goto out;
    if (unseal_secret(plain, key, w->nonce, ad.data, ad.len, w->sealed.data, w->sealed.len) != 0) {
        (void)err_set(err, RC_CIPHERTEXT, "the wrap does not open");
        rc = err_why(err, "the AAD strings or their order differ from those it was made with, or "
                          "the wrap was altered");
    }
out:
    secret_free(key);
    buf_release(&ad);
    return rc;
}
