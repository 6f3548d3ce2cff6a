/* Answers that say yes. Strict where a wrong answer would be recorded, lenient elsewhere. */
#include <stdio.h>
#include <string.h>

#include "kms/ibm.h"
#include "text/enc.h"
#include "text/time.h"

enum { GENERATED = 32, RESTORE_DAYS = 30 };

static enum rc
odd(struct err *err, const char *why)
{
    (void)err_set(err, RC_KMS_REPLY, "the KMS's answer cannot be used");
    return err_why(err, "%s", why);
}

static enum rc
parse(struct json **doc, const char *text, size_t len, struct err *err)
{
    struct err inner = ERR_INIT;
    enum rc rc = json_parse(doc, text, len, "the answer", &inner);
    if (rc == RC_NO_MEMORY)
        return err_nomem(err);
    if (rc != RC_OK || json_type(*doc) != JSON_OBJECT) {
        json_free(*doc);
        *doc = NULL;
        return odd(err, len == 0 ? "it is empty" : "it is not JSON");
    }
    return RC_OK;
}

/* An id, or "" where it is missing or of another form. */
static void
keep_id(char out[UUID_TEXT + 1], const char *text)
{
    (void)snprintf(out, UUID_TEXT + 1, "%s", text != NULL && uuid_is(text) ? text : "");
}

/* ---- wrap, unwrap, rewrap ---- */

/* A wrap is kept byte by byte, so it must be a word that keeps: printable, without blanks. */
static enum rc
take_ciphertext(struct kms_op *op, const char *text, struct err *err)
{
    size_t len = strlen(text);
    if (len == 0 || len > LIMIT_CIPHERTEXT)
        return odd(err, len == 0 ? "its ciphertext is empty" : "its ciphertext is too long");
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return odd(err, "its ciphertext has characters that no wrap has");
    }
    buf_clear(&op->fresh);
    buf_add(&op->fresh, text, len);
    return buf_check(&op->fresh, "the wrap", err);
}

static enum rc
take_plaintext(struct kms_op *op, const char *text, struct err *err)
{
    if (text == NULL)
        return odd(err, "it has no plaintext");
    secret_free(op->plain);
    op->plain = NULL;
    enum rc rc = secret_new(&op->plain, err);
    if (rc != RC_OK)
        return rc;
    rc = base64_decode_to_secret(op->plain, text, strlen(text), err);
    if (rc == RC_BAD_VALUE)
        return odd(err, "its plaintext is not base64");
    if (rc == RC_OK && (op->plain->len == 0 || op->plain->len > LIMIT_SECRET))
        return odd(err, "its plaintext has a length that none has");
    if (rc == RC_OK && op->verb == KMS_WRAP && op->plain->len != GENERATED)
        return odd(err, "the key it generated is not of 32 bytes");
    return rc;
}

enum rc
ibm_reply_op(struct kms_op *op, const char *text, size_t len, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = parse(&doc, text, len, err);
    if (rc != RC_OK)
        return rc;
    const char *ciphertext = json_gets(doc, "ciphertext");
    const char *plaintext = json_gets(doc, "plaintext");
    const char *version = json_gets(json_get(doc, "keyVersion"), "id");
    const char *newer = json_gets(json_get(doc, "rewrappedKeyVersion"), "id");
    keep_id(op->version, version);
    keep_id(op->fresh_version, op->verb == KMS_WRAP ? version : newer);
    if (op->verb != KMS_UNWRAP && ciphertext == NULL)
        rc = odd(err, "it has no ciphertext");
    if (rc == RC_OK && ciphertext != NULL)
        rc = take_ciphertext(op, ciphertext, err);
    if (rc == RC_OK && (op->verb == KMS_UNWRAP || (op->verb == KMS_WRAP && op->payload == NULL)))
        rc = take_plaintext(op, plaintext, err);
    json_free(doc);
    return rc;
}

/* ---- root keys ---- */

/* RFC 3339; also the form with an offset without its colon that is seen. 0 for anything else. */
static int64_t
time_of(const struct json *resource, const char *name)
{
    char mended[48];
    int64_t ms = 0;
    const char *text = json_gets(resource, name);
    size_t len = text != NULL ? strlen(text) : 0;
    if (text == NULL || time_parse(&ms, text) == 0)
        return text == NULL ? 0 : ms;
    if (len < 6 || len + 2 > sizeof mended || (text[len - 5] != '+' && text[len - 5] != '-'))
        return 0;
    (void)snprintf(mended, sizeof mended, "%.*s:%s", (int)(len - 2), text, text + len - 2);
    return time_parse(&ms, mended) == 0 ? ms : 0;
}

/* Only what is destroyed has an end of its restoring; the dates of a former destruction stay. */
static void
take_destruction(struct root_info *out, const struct json *r)
{
    if (out->state != ROOT_DESTROYED)
        return;
    const char *by = json_gets(r, "deletedBy");
    for (size_t n = 0; by != NULL && by[n] > ' ' && by[n] < 127 && n + 1 < sizeof out->deleted_by;
         n++)
        out->deleted_by[n] = by[n]; /* *out came zeroed */
    out->deleted_ms = time_of(r, "deletionDate");
    if (json_bool(json_get(r, "restoreAllowed")) == 0)
        return;
    out->restore_until_ms = time_of(r, "restoreExpirationDate");
    if (out->restore_until_ms == 0 && out->deleted_ms != 0)
        out->restore_until_ms = out->deleted_ms + (int64_t)RESTORE_DAYS * 86400000;
}

/* One key resource. RC_KMS_REPLY when id or state is missing or odd. */
static enum rc
ibm_reply_root(struct root_info *out, const struct json *r, struct err *err)
{
    static const enum root_state states[] = {ROOT_PREACTIVE,   ROOT_ACTIVE,  ROOT_SUSPENDED,
                                             ROOT_DEACTIVATED, ROOT_UNKNOWN, ROOT_DESTROYED};
    int64_t state = -1;
    const char *alias = json_str(json_first(json_get(r, "aliases")));
    const char *crn = json_gets(r, "crn");
    memset(out, 0, sizeof *out);
    keep_id(out->id, json_gets(r, "id"));
    if (out->id[0] == '\0')
        return odd(err, "a key in it has no id");
    if (json_geti(r, "state", &state) != 0 || state < 0 || state > 5)
        return odd(err, "a key in it has no state that is known");
    out->state = states[state];
    if (alias != NULL && strlen(alias) < sizeof out->alias)
        (void)snprintf(out->alias, sizeof out->alias, "%s", alias);
    if (crn != NULL && strlen(crn) < sizeof out->crn)
        (void)snprintf(out->crn, sizeof out->crn, "%s", crn);
    keep_id(out->version, json_gets(json_get(r, "keyVersion"), "id"));
    out->created_ms = time_of(r, "creationDate");
    out->updated_ms = time_of(r, "lastUpdateDate");
    out->rotated_ms = time_of(r, "lastRotateDate");
    out->expires_ms = time_of(r, "expirationDate");
    take_destruction(out, r);
    return RC_OK;
}

static int
has_alias(const struct json *r, const char *alias)
{
    for (const struct json *a = json_first(json_get(r, "aliases")); a != NULL; a = json_next(a)) {
        const char *text = json_str(a);
        if (text != NULL && strcmp(text, alias) == 0)
            return 1;
    }
    return 0;
}

/* The CRN, where there is one, names the same key. */
static int
same_crn(const struct root_info *info)
{
    struct crn crn;
    return info->crn[0] == '\0' || crn_parse(&crn, info->crn) != 0 ||
           strcmp(crn.key, info->id) == 0;
}

enum rc
ibm_reply_one(struct root_info *out, const char *asked, const char *text, size_t len,
              struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = parse(&doc, text, len, err);
    if (rc != RC_OK)
        return rc;
    const struct json *r = json_first(json_get(doc, "resources"));
    if (r == NULL)
        rc = odd(err, "it has no key");
    if (rc == RC_OK)
        rc = ibm_reply_root(out, r, err);
    if (rc == RC_OK && uuid_is(asked) && strcmp(out->id, asked) != 0)
        rc = odd(err, "it is about another key than the one asked for");
    if (rc == RC_OK && !same_crn(out))
        rc = odd(err, "its CRN is that of another key");
    if (rc == RC_OK && json_bool(json_get(r, "extractable")) == 1) {
        (void)err_set(err, RC_KMS_REJECTED, "key %s is no root key", out->id);
        rc = err_why(err, "it is a standard key, whose material can be read");
    }
    if (rc == RC_OK && !uuid_is(asked) && has_alias(r, asked) && strlen(asked) < sizeof out->alias)
        (void)snprintf(out->alias, sizeof out->alias, "%s", asked);
    json_free(doc);
    return rc;
}

enum rc
ibm_reply_page(const char *text, size_t len, kms_root_fn fn, void *arg, size_t *count,
               struct err *err)
{
    struct json *doc = NULL;
    struct root_info info;
    *count = 0;
    enum rc rc = parse(&doc, text, len, err);
    const struct json *r = rc == RC_OK ? json_first(json_get(doc, "resources")) : NULL;
    if (rc == RC_OK && r == NULL && json_get(doc, "metadata") == NULL)
        rc = odd(err, "it is no list of keys");
    for (; rc == RC_OK && r != NULL; r = json_next(r)) {
        ++*count;
        if (json_bool(json_get(r, "extractable")) == 1)
            continue;
        rc = ibm_reply_root(&info, r, err);
        if (rc == RC_OK && fn != NULL)
            rc = fn(arg, &info, err);
    }
    json_free(doc);
    return rc;
}

unsigned
ibm_reply_versions(const char *text, size_t len)
{
    struct json *doc = NULL;
    struct err scratch = ERR_INIT;
    int64_t total = 0;
    if (json_parse(&doc, text, len, "", &scratch) != RC_OK)
        return 0;
    if (json_geti(json_get(doc, "metadata"), "totalCount", &total) != 0)
        total = 0;
    json_free(doc);
    return total > 0 && total < 1000000 ? (unsigned)total : 0;
}
