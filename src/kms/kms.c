#include "kms/kms.h"

#include <stdlib.h>
#include <string.h>

#include "kms/provider.h"
#include "text/enc.h"
#include "text/json.h"

struct kms {
    const struct kms_provider *provider;
    void *self;
    char name[LIMIT_NAME + 1]; /* for messages */
};

static const struct kms_provider *const providers[] = {&local_provider, &ibm_provider};

/* ---- states ---- */

static const struct {
    enum root_state state;
    const char *name;
} states[] = {
    {ROOT_PREACTIVE, "preactive"},     {ROOT_ACTIVE, "active"},       {ROOT_SUSPENDED, "suspended"},
    {ROOT_DEACTIVATED, "deactivated"}, {ROOT_DESTROYED, "destroyed"},
};

const char *
root_state_name(enum root_state state)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (states[i].state == state)
            return states[i].name;
    }
    return "unknown";
}

enum root_state
root_state_parse(const char *name)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(states[i].name, name) == 0)
            return states[i].state;
    }
    return ROOT_UNKNOWN;
}

/* ---- operations ---- */

void
kms_op_init(struct kms_op *op, enum kms_verb verb, const char *root)
{
    memset(op, 0, sizeof *op);
    op->verb = verb;
    op->root = root;
    buf_init(&op->fresh, LIMIT_CIPHERTEXT);
}

void
kms_op_release(struct kms_op *op)
{
    secret_free(op->plain);
    op->plain = NULL;
    buf_release(&op->fresh);
}

void
kms_op_taken(struct kms_op *op)
{
    if (op->verb == KMS_UNWRAP && op->take != NULL)
        op->take(op->take_arg, op);
}

/* Leaves rc, err and request. */
static void
op_clear_outputs(struct kms_op *op)
{
    secret_free(op->plain);
    op->plain = NULL;
    buf_clear(&op->fresh);
    op->version[0] = '\0';
    op->fresh_version[0] = '\0';
}

enum rc
kms_run(struct kms *kms, struct kms_op *ops, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        op_clear_outputs(&ops[i]);
        err_clear(&ops[i].err);
        ops[i].rc = RC_OK;
        ops[i].request[0] = '\0';
        ops[i].ms = 0;
    }
    enum rc rc = kms->provider->run(kms->self, ops, count, err);
    if (rc != RC_OK) {
        /* Nothing was tried: no operation may look as if it had succeeded. */
        (void)err_wrap(err, "KMS %s", kms->name);
        for (size_t i = 0; i < count; i++) {
            ops[i].rc = rc;
            ops[i].err = *err;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (ops[i].rc == RC_OK)
            continue;
        op_clear_outputs(&ops[i]);
        if (rc == RC_OK)
            (void)err_wrap(&ops[i].err, "KMS %s", kms->name);
    }
    return rc;
}

/* ---- instances ---- */

static const struct kms_provider *
provider_of(const char *name)
{
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
        if (strcmp(providers[i]->name, name) == 0)
            return providers[i];
    }
    return NULL;
}

enum rc
kms_known(const char *provider, const char *name, struct err *err)
{
    if (provider_of(provider) != NULL)
        return RC_OK;
    return err_set(err, RC_CONFIG, "KMS %s: this keymuster has no provider \"%.64s\"", name,
                   provider);
}

enum rc
kms_may_ask(const struct kms_config *config, int confirmed, struct err *err)
{
    enum rc rc = kms_known(config->provider, config->name, err);
    if (rc != RC_OK)
        return rc;
    const struct kms_provider *provider = provider_of(config->provider);
    rc = provider->may_ask != NULL ? provider->may_ask(config, confirmed, err) : RC_OK;
    return rc == RC_OK ? RC_OK : err_wrap(err, "KMS %s", config->name);
}

enum rc
kms_open(struct kms **out, const struct kms_config *config, struct err *err)
{
    *out = NULL;
    enum rc rc = kms_known(config->provider, config->name, err);
    if (rc != RC_OK)
        return rc;
    const struct kms_provider *provider = provider_of(config->provider);
    struct kms *kms = calloc(1, sizeof *kms);
    if (kms == NULL)
        return err_nomem(err);
    kms->provider = provider;
    strncpy(kms->name, config->name, sizeof kms->name - 1);
    rc = provider->open(&kms->self, config, err);
    if (rc != RC_OK) {
        free(kms);
        return err_wrap(err, "KMS %s", config->name);
    }
    *out = kms; /* transferred */
    return RC_OK;
}

void
kms_close(struct kms *kms)
{
    if (kms == NULL)
        return;
    kms->provider->close(kms->self);
    free(kms);
}

static enum rc
named(const struct kms *kms, enum rc rc, struct err *err)
{
    return rc == RC_OK ? RC_OK : err_wrap(err, "KMS %s", kms->name);
}

enum rc
kms_ring(struct kms *kms, const char *root, const char *ring, struct err *err)
{
    if (kms->provider->ring == NULL)
        return RC_OK;
    return named(kms, kms->provider->ring(kms->self, root, ring, err), err);
}

int
kms_is_away(enum rc rc)
{
    return rc == RC_KMS_UNREACHABLE || rc == RC_IAM_UNREACHABLE || rc == RC_KMS_BUSY ||
           rc == RC_KMS_MISSING;
}

enum rc
kms_root_info(struct kms *kms, const char *root, struct root_info *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    out->state = ROOT_UNKNOWN;
    return named(kms, kms->provider->root_info(kms->self, root, out, err), err);
}

enum rc
kms_root_each(struct kms *kms, kms_root_fn fn, void *arg, struct err *err)
{
    return kms->provider->root_each(kms->self, fn, arg, err);
}

enum rc
kms_root_create(struct kms *kms, const char *alias, struct root_info *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    out->state = ROOT_UNKNOWN;
    return named(kms, kms->provider->root_create(kms->self, alias, out, err), err);
}

enum rc
kms_root_change(struct kms *kms, const char *root, enum kms_change change, struct root_info *out,
                struct err *err)
{
    memset(out, 0, sizeof *out);
    out->state = ROOT_UNKNOWN;
    return named(kms, kms->provider->root_change(kms->self, root, change, out, err), err);
}

enum rc
kms_may(struct kms *kms, enum kms_right right, int *yes, struct err *err)
{
    *yes = 1;
    return kms->provider->may != NULL
               ? named(kms, kms->provider->may(kms->self, right, yes, err), err)
               : RC_OK;
}

enum rc
kms_show(struct buf *out, const struct kms_config *config, const char *root, const char *ring,
         struct kms_op *op, struct err *err)
{
    enum rc rc = kms_known(config->provider, config->name, err);
    if (rc != RC_OK)
        return rc;
    const struct kms_provider *provider = provider_of(config->provider);
    if (provider->show == NULL)
        return err_set(err, RC_CONFIG, "KMS %s: it is a file; nothing is sent to it", config->name);
    rc = provider->show(out, config, root, ring, op, err);
    return rc == RC_OK ? RC_OK : err_wrap(err, "KMS %s", config->name);
}

/* ---- wraps ---- */

static enum rc
wrap_bad(struct err *err, const char *why)
{
    (void)err_set(err, RC_BAD_VALUE, "the wrap is malformed");
    return err_why(err, "%s", why);
}

enum rc
kms_wrap_check(const char *ciphertext, struct err *err)
{
    struct buf raw;
    struct json *doc = NULL;
    struct err inner = ERR_INIT;
    enum rc rc;
    size_t len = strlen(ciphertext);
    if (len == 0)
        return wrap_bad(err, "it is empty");
    if (len > LIMIT_CIPHERTEXT)
        return wrap_bad(err, "it is longer than any wrap");
    buf_init(&raw, LIMIT_CIPHERTEXT);
    if (base64_decode(&raw, ciphertext, len) != 0) {
        rc = raw.failed == RC_NO_MEMORY ? err_nomem(err) : wrap_bad(err, "it is not base64");
        goto out;
    }
    rc = json_parse(&doc, buf_str(&raw), raw.len, "a wrap", &inner);
    if (rc == RC_MALFORMED)
        rc = wrap_bad(err, "it is base64, but not of JSON");
    else if (rc != RC_OK)
        *err = inner;
    else if (json_type(doc) != JSON_OBJECT)
        rc = wrap_bad(err, "it is base64 of JSON, but not of an object");
out:
    json_free(doc);
    buf_release(&raw);
    return rc;
}
