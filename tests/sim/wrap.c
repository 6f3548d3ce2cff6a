/*
 * Wrap, unwrap, rewrap. A ciphertext is base64 of {"ciphertext", "iv", "version": "4.0.0",
 * "handle": the key's id}; inside, AES-GCM under the material of a version of the root key, iv of
 * 16 bytes, tag of 12 bytes behind the text. The additional data are bound as: how many (4 bytes,
 * big endian), then each one's length (4 bytes) and bytes; none at all is no additional data. Keys
 * of the same material open each other's ciphertexts, whatever the handle says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"

enum { PLAINTEXT_MAX = 4096, AAD_COUNT_MAX = 126, AAD_MAX = 255 };

struct aad {
    unsigned char *bytes;
    size_t len;
};

static void
put_number(unsigned char *p, size_t n)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(n >> (24 - 8 * i));
}

/* Characters, not bytes: a character's continuation bytes do not count. */
static size_t
characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static int
aad_read(struct call *c, const cJSON *body, struct aad *out)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(body, "aad"), *one;
    *out = (struct aad){0};
    if (!list || cJSON_IsNull(list))
        return 1;
    int count = cJSON_GetArraySize(list), ok = cJSON_IsArray(list) && count <= AAD_COUNT_MAX;
    size_t size = 4;
    cJSON_ArrayForEach(one, list)
    {
        ok = ok && cJSON_IsString(one) && characters(one->valuestring) <= AAD_MAX;
        size += ok ? 4 + strlen(one->valuestring) : 0;
    }
    if (!ok) {
        fail(c, 400, "INVALID_FIELD_ERR", "aad",
             "The field `aad` must be at most 126 strings of at most 255 characters");
        return 0;
    }
    if (count == 0)
        return 1;
    out->bytes = malloc(size);
    if (!out->bytes)
        abort();
    put_number(out->bytes, (size_t)count);
    out->len = 4;
    cJSON_ArrayForEach(one, list)
    {
        size_t n = strlen(one->valuestring);
        put_number(out->bytes + out->len, n);
        memcpy(out->bytes + out->len + 4, one->valuestring, n);
        out->len += 4 + n;
    }
    return 1;
}

static int
fields_ok(struct call *c, const cJSON *body, const char *first)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, body) if (strcmp(m->string, first) != 0 && strcmp(m->string, "aad") != 0)
    {
        fail(c, 400, "BAD_BODY_ERR", NULL, "The body has a field that is not known");
        return 0;
    }
    return 1;
}

/* ---- sealing and opening ---- */

static char *
seal(const cJSON *key, const cJSON *version, const unsigned char *text, size_t len,
     const struct aad *aad)
{
    size_t key_len = 0;
    unsigned char *material = base64_read(text_of(version, "material"), &key_len), iv[IV_LEN];
    unsigned char *sealed = malloc(len + TAG_LEN);
    if (!sealed || !material)
        abort();
    random_fill(iv, sizeof iv);
    gcm_seal(sealed, material, key_len, iv, aad->bytes, aad->len, text, len);
    char *inner = base64_of(sealed, len + TAG_LEN), *iv_text = base64_of(iv, sizeof iv);
    cJSON *o = cJSON_CreateObject();
    set_text(o, "ciphertext", inner);
    set_text(o, "iv", iv_text);
    set_text(o, "version", "4.0.0");
    set_text(o, "handle", text_of(key, "id"));
    char *json = cJSON_PrintUnformatted(o);
    char *out = base64_of((const unsigned char *)json, strlen(json));
    cJSON_free(json);
    cJSON_Delete(o);
    free(inner);
    free(iv_text);
    free(sealed);
    free(material);
    return out;
}

struct opened {
    unsigned char *text;
    size_t len;
    const cJSON *version;
};

/* Tries each version of the key; no version opens what was changed, or wrapped by another material
 * or other data. */
static int
open_with_any(const cJSON *key, const unsigned char *iv, size_t iv_len, const unsigned char *sealed,
              size_t len, const struct aad *aad, struct opened *out)
{
    const cJSON *v;
    cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(key, "versions"))
    {
        size_t key_len = 0;
        unsigned char *material = base64_read(text_of(v, "material"), &key_len);
        int ok = material && gcm_open(out->text, material, key_len, iv, iv_len, aad->bytes,
                                      aad->len, sealed, len);
        free(material);
        if (ok) {
            out->len = len - TAG_LEN;
            out->version = v;
            return 1;
        }
    }
    return 0;
}

/* The ciphertext of the body. 0: the error is in the answer. */
static int
unseal(struct call *c, const cJSON *body, const struct aad *aad, struct opened *out)
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(body, "ciphertext");
    size_t json_len = 0, len = 0, iv_len = 0;
    unsigned char *json = cJSON_IsString(given) ? base64_read(given->valuestring, &json_len) : NULL;
    cJSON *o = json ? cJSON_ParseWithLength((char *)json, json_len) : NULL;
    unsigned char *sealed = base64_read(text_of(o, "ciphertext"), &len),
                  *iv = base64_read(text_of(o, "iv"), &iv_len);
    int known = strcmp(text_of(o, "version"), "4.0.0") == 0 ||
                strcmp(text_of(o, "version"), "3.0.0") == 0,
        ok = 0;
    if (!o || !known || !sealed || !iv || len < TAG_LEN || iv_len == 0) {
        fail(c, 400, "INVALID_FIELD_ERR", "ciphertext", "The field `ciphertext` cannot be decoded");
    } else {
        out->text = malloc(len + 1);
        if (!out->text)
            abort();
        ok = open_with_any(c->key, iv, iv_len, sealed, len, aad, out);
        if (!ok)
            fail(c, 422, "UNPROCESSABLE_CIPHERTEXT_ERR", NULL,
                 "The ciphertext could not be processed");
    }
    free(json);
    free(sealed);
    free(iv);
    cJSON_Delete(o);
    return ok;
}

static const cJSON *
current_version(const struct call *c)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(c->key, "versions"), 0);
}

static void
add_version(cJSON *answer, const char *name, const cJSON *version)
{
    set_text(cJSON_AddObjectToObject(answer, name), "id", text_of(version, "id"));
}

static void
add_sealed(cJSON *answer, const struct call *c, const unsigned char *text, size_t len,
           const struct aad *aad)
{
    char *sealed = seal(c->key, current_version(c), text, len, aad);
    set_text(answer, "ciphertext", sealed);
    free(sealed);
}

/* ---- the actions ---- */

static void
wrap_with(struct call *c, const cJSON *body, const struct aad *aad)
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(body, "plaintext");
    size_t len = 32;
    unsigned char fresh[32], *text = NULL;
    random_fill(fresh, sizeof fresh);
    if (given) {
        text = cJSON_IsString(given) && strlen(given->valuestring) <= PLAINTEXT_MAX
                   ? base64_read(given->valuestring, &len)
                   : NULL;
        if (!text || len == 0) {
            free(text);
            fail(c, 400, "INVALID_FIELD_ERR", "plaintext",
                 "The field `plaintext` must be base64, at most 4096 characters");
            return;
        }
    }
    cJSON *answer = cJSON_CreateObject();
    if (!given) {
        char *made = base64_of(fresh, sizeof fresh);
        set_text(answer, "plaintext", made);
        free(made);
    }
    add_sealed(answer, c, given ? text : fresh, len, aad);
    add_version(answer, "keyVersion", current_version(c));
    answer_json(c->a, 200, answer);
    free(text);
}

void
key_wrap(struct call *c)
{
    cJSON *body;
    struct aad aad;
    if (!body_read_json(c, &body))
        return;
    if (fields_ok(c, body, "plaintext") && aad_read(c, body, &aad)) {
        wrap_with(c, body, &aad);
        free(aad.bytes);
    }
    cJSON_Delete(body);
}

static void
unwrap_or_rewrap(struct call *c, int rewrap)
{
    cJSON *body;
    struct aad aad;
    struct opened opened = {0};
    if (!body_read_json(c, &body))
        return;
    if (!body) {
        fail(c, 400, "NO_BODY_ERR", NULL, "The action needs a body");
        return;
    }
    if (fields_ok(c, body, "ciphertext") && aad_read(c, body, &aad)) {
        if (unseal(c, body, &aad, &opened)) {
            cJSON *answer = cJSON_CreateObject();
            if (!rewrap) {
                char *text = base64_of(opened.text, opened.len);
                set_text(answer, "plaintext", text);
                free(text);
            }
            if (rewrap || opened.version != current_version(c)) {
                add_sealed(answer, c, opened.text, opened.len, &aad);
                add_version(answer, "rewrappedKeyVersion", current_version(c));
            }
            add_version(answer, "keyVersion", opened.version);
            answer_json(c->a, 200, answer);
        }
        free(opened.text);
        free(aad.bytes);
    }
    cJSON_Delete(body);
}

void
key_unwrap(struct call *c)
{
    unwrap_or_rewrap(c, 0);
}

void
key_rewrap(struct call *c)
{
    unwrap_or_rewrap(c, 1);
}
