/*
 * The local provider: states, versions, restore window and error classes of IBM Key Protect, in one
 * sealed file. Not imposed are its waits (enable 30 s after disable, restore 30 s after destroy,
 * rotate once an hour): drills and scripts need none. Root keys here never expire by themselves,
 * so state 3 only comes in a file made elsewhere.
 *
 * Purging is by the clock (90 days), and a clock can be wrong: so a purged root key is refused, but
 * its material stays in the file, and a corrected clock brings it back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypt/hash.h"
#include "kms/local.h"
#include "kms/provider.h"
#include "sys/file.h"

/* ---- wrap, unwrap, rewrap ---- */

static void
copy_id(char out[UUID_TEXT + 1], const struct local_version *v)
{
    memcpy(out, v->id, UUID_TEXT + 1);
}

static enum rc
run_wrap(const struct local_session *s, const struct local_root *r, struct kms_op *op)
{
    const struct local_version *v = local_current(r);
    const struct secret *payload = op->payload;
    enum rc rc = RC_OK;
    if (payload == NULL) {
        if ((rc = secret_new(&op->plain, &op->err)) != RC_OK ||
            (rc = random_secret(op->plain, SEAL_KEY, &op->err)) != RC_OK)
            return rc;
        payload = op->plain;
    }
    if (payload->len == 0 || payload->len > LIMIT_SECRET)
        return err_set(&op->err, RC_BAD_VALUE, "a payload of %zu bytes; a KMS takes 1 to %d",
                       payload->len, LIMIT_SECRET);
    rc = local_wrap_make(&op->fresh, v, s->material_key, op->aad, op->aad_count, payload, &op->err);
    if (rc == RC_OK) {
        copy_id(op->version, v);
        copy_id(op->fresh_version, v);
    }
    return rc;
}

static const struct local_version *
version_of(const struct local_root *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->versions[i].id, id) == 0)
            return &r->versions[i];
    }
    return NULL;
}

/* A handle that is not r's: whose is it? */
static enum rc
foreign_error(const struct local_session *s, const char *handle, struct err *err)
{
    (void)err_set(err, RC_CIPHERTEXT, "the wrap does not open");
    for (size_t i = 0; i < s->file.count; i++) {
        if (version_of(&s->file.roots[i], handle) != NULL)
            return err_why(err, "it was made under root key %s of this KMS",
                           s->file.roots[i].alias);
    }
    return err_why(err, "its root key version %s is not one of this KMS", handle);
}

/* Opens op's ciphertext into plain; *used is the version that made it. */
static enum rc
open_wrap(const struct local_session *s, const struct local_root *r, struct kms_op *op,
          struct secret *plain, const struct local_version **used)
{
    struct local_wrap wrap;
    enum rc rc = local_wrap_parse(&wrap, op->ciphertext, &op->err);
    if (rc != RC_OK)
        goto out;
    *used = version_of(r, wrap.handle);
    if (*used == NULL) {
        rc = foreign_error(s, wrap.handle, &op->err);
        goto out;
    }
    rc = local_wrap_open(plain, &wrap, *used, s->material_key, op->aad, op->aad_count, &op->err);
    if (rc == RC_OK)
        copy_id(op->version, *used);
out:
    local_wrap_release(&wrap);
    return rc;
}

/* Unwrap and rewrap differ in what they give back and in when they wrap anew. */
static enum rc
run_open(const struct local_session *s, const struct local_root *r, struct kms_op *op)
{
    const struct local_version *now = local_current(r), *used = NULL;
    struct secret *plain = NULL;
    if (op->ciphertext == NULL)
        return err_set(&op->err, RC_BAD_VALUE, "no wrap given");
    enum rc rc = secret_new(&plain, &op->err);
    if (rc != RC_OK || (rc = open_wrap(s, r, op, plain, &used)) != RC_OK)
        goto out;
    if (op->verb == KMS_REWRAP || used != now) {
        rc = local_wrap_make(&op->fresh, now, s->material_key, op->aad, op->aad_count, plain,
                             &op->err);
        if (rc != RC_OK)
            goto out;
        copy_id(op->fresh_version, now);
    }
    if (op->verb == KMS_UNWRAP) {
        op->plain = plain;
        plain = NULL; /* transferred */
    }
out:
    secret_free(plain);
    return rc;
}

/* Judged in the real one's order: root key, state, values, ciphertext. */
static enum rc
run_op(const struct local_session *s, struct kms_op *op)
{
    static const char *const doing[] = {"wrapping under", "unwrapping under", "rewrapping under"};
    struct local_root *r = NULL;
    enum rc rc = local_find(&r, s, op->root, doing[op->verb], &op->err);
    if (rc != RC_OK || (rc = local_use_check(r, op->verb, doing[op->verb], &op->err)) != RC_OK)
        return rc;
    rc = local_aad_check(op->aad, op->aad_count, &op->err);
    if (rc == RC_OK)
        rc = op->verb == KMS_WRAP ? run_wrap(s, r, op) : run_open(s, r, op);
    if (rc != RC_OK)
        (void)err_wrap(&op->err, "%s root key %s", doing[op->verb], r->alias);
    return rc;
}

static enum rc
local_run(void *self, struct kms_op *ops, size_t count, struct err *err)
{
    struct local_session s;
    enum rc rc = local_session_begin(&s, self, 0, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        int64_t began = clock_mono_ms();
        local_request(ops[i].request);
        ops[i].rc = run_op(&s, &ops[i]);
        ops[i].ms = clock_mono_ms() - began;
        if (ops[i].rc == RC_OK)
            kms_op_taken(&ops[i]);
        else
            memcpy(ops[i].err.request, ops[i].request, sizeof ops[i].err.request);
    }
    local_session_end(&s);
    return RC_OK;
}

/* ---- opening ---- */

static void
local_close(void *self)
{
    struct local *l = self;
    if (l == NULL)
        return;
    secret_free(l->key);
    free(l);
}

static enum rc
local_open(void **self, const struct kms_config *config, struct err *err)
{
    *self = NULL;
    if (config->file == NULL) {
        (void)err_set(err, RC_KMS_MISSING, "no file is bound to it here");
        return err_hint(err, "keymuster kms set %s --file PATH", config->name);
    }
    if (config->credential == NULL) {
        (void)err_set(err, RC_KMS_NO_CREDENTIAL, "no passphrase for %s", config->file);
        return err_hint(err, "keymuster kms set %s --credential REF", config->name);
    }
    struct local *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_nomem(err);
    enum rc rc = path_absolute(l->path, config->file, err);
    if (rc == RC_OK)
        rc = local_file_unlock(l, config->credential, err);
    if (rc != RC_OK) {
        local_close(l);
        return rc;
    }
    *self = l; /* transferred */
    return RC_OK;
}

enum rc
kms_local_create(const char *path, const struct secret *passphrase, struct err *err)
{
    struct local l = {.key = NULL};
    const struct local_file none = {NULL, 0};
    struct buf text;
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = path_absolute(l.path, path, err);
    if (rc != RC_OK)
        goto out;
    if (passphrase->len == 0) {
        rc = err_set(err, RC_BAD_VALUE, "creating %s: an empty passphrase protects nothing", path);
        goto out;
    }
    if (file_exists(l.path) == 1) { /* before the slow part; file_create_once decides */
        rc = err_set(err, RC_EXISTS, "creating the KMS file %s: something is there", l.path);
        goto out;
    }
    if ((rc = local_file_found(&l, passphrase, err)) != RC_OK ||
        (rc = local_file_print(&text, &l, &none, err)) != RC_OK)
        goto out;
    rc = file_create_once(l.path, text.data, text.len, 0600, err);
out:
    secret_free(l.key);
    buf_release(&text);
    return rc;
}

const struct kms_provider local_provider = {
    .name = "local",
    .open = local_open,
    .close = local_close,
    .run = local_run,
    .root_info = local_root_info,
    .root_each = local_root_each,
    .root_create = local_root_create,
    .root_change = local_root_change,
};
