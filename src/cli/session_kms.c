/* The KMSs of a command: where each is, with which credential, opened once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/keys/kms_conf.h"
#include "cli/ref.h"
#include "cli/session.h"

enum { POOL_MAX = 32 };

struct pool {
    struct {
        char uuid[UUID_TEXT + 1];
        struct kms *kms;
    } open[POOL_MAX];
    size_t count;
};

static const char *
value_for(const struct ctx *ctx, enum opt_id id, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < opt_count(&ctx->opts, id); i++) {
        const char *text = opt_at(&ctx->opts, id, i);
        if (strncmp(text, name, len) == 0 && text[len] == '=')
            return text + len + 1;
    }
    return NULL;
}

/* VALUE of a repeated NAME=VALUE option for this KMS, or of UUID=VALUE, which alone counts where
 * two have the name; with bare, a lone value without a name counts, too. */
static const char *
named_value(const struct ctx *ctx, enum opt_id id, const struct object *kms, int bare)
{
    const char *value = value_for(ctx, id, kms->uuid);
    if (value == NULL && kms_name_is_own(ctx->store, kms))
        value = value_for(ctx, id, kms->name);
    if (value == NULL && bare && !ctx->bare_taken && opt_count(&ctx->opts, id) == 1 &&
        (id != OPT_CREDENTIAL || ref_is(opt_get(&ctx->opts, id))))
        value = opt_get(&ctx->opts, id);
    return value;
}

/* Where this command goes for a KMS, and whether a person said so. */
struct target {
    struct buf provider, file, endpoint, instance, iam, ca;
    int confirmed;
};

static void
target_init(struct target *t)
{
    struct buf *all[] = {&t->provider, &t->file, &t->endpoint, &t->instance, &t->iam, &t->ca};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], PATH_SIZE);
    t->confirmed = 0;
}

static void
target_release(struct target *t)
{
    struct buf *all[] = {&t->provider, &t->file, &t->endpoint, &t->instance, &t->iam, &t->ca};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_release(all[i]);
}

struct remotes {
    const struct store *store;
    unsigned count;
};

static enum rc
count_remote(void *arg, const struct object *o, struct err *err)
{
    struct remotes *r = arg;
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(r->store, o->uuid, "provider", &v, NULL, err);
    if (rc == RC_OK && strcmp(buf_str(&v), "local") != 0)
        r->count++;
    buf_release(&v);
    return rc;
}

/* VALUE of --endpoint, --iam, --ca for this KMS. One without NAME= could send a credential to the
 * address of another KMS, so it counts only where there is but one. */
static enum rc
place_option(const struct ctx *ctx, enum opt_id id, const char *option, const struct object *kms,
             const char **out, struct err *err)
{
    struct remotes remote = {ctx->store, 0};
    *out = named_value(ctx, id, kms, 0);
    if (*out != NULL || opt_count(&ctx->opts, id) == 0 || ctx->bare_taken)
        return RC_OK;
    const char *only = opt_get(&ctx->opts, id);
    const char *equals = strchr(only, '=');
    if (equals != NULL && strcspn(only, "/:") > (size_t)(equals - only))
        return RC_OK; /* of another KMS */
    enum rc rc = object_each(ctx->store, "kms", count_remote, &remote, err);
    if (rc == RC_OK && (remote.count > 1 || opt_count(&ctx->opts, id) > 1))
        return err_set(err, RC_USAGE, "%s: of which KMS? write %s %s=...", option, option,
                       kms->name);
    *out = only;
    return rc;
}

static enum rc
set_text(struct buf *out, const char *text, const char *what, struct err *err)
{
    buf_clear(out);
    buf_adds(out, text != NULL ? text : "");
    return buf_check(out, what, err);
}

/* The command line, else the binding here, else the log. A log that says something else than the
 * binding is refused. */
static enum rc
find_endpoint(const struct ctx *ctx, const struct object *kms, struct target *t, struct err *err)
{
    const char *given = NULL;
    const char *bound = kms_conf(ctx->store, kms, "endpoint");
    int conflict = 0;
    enum rc rc = place_option(ctx, OPT_ENDPOINT, "--endpoint", kms, &given, err);
    if (rc == RC_OK && given == NULL)
        rc = field_get(ctx->store, kms->uuid, "endpoint", &t->endpoint, &conflict, err);
    if (rc != RC_OK)
        return rc;
    if (conflict || (given == NULL && bound != NULL && t->endpoint.len > 0 &&
                     strcmp(buf_str(&t->endpoint), bound) != 0)) {
        (void)err_set(err, RC_ENDPOINT_DIFFERS,
                      conflict ? "KMS %s: two sites set its endpoint apart"
                               : "KMS %s: the endpoint in the log is not the one bound here",
                      kms->name);
        return err_hint(err, "if the new one is right: keymuster kms set %s --endpoint URL",
                        kms->name);
    }
    t->confirmed = given != NULL || bound != NULL;
    return t->confirmed ? set_text(&t->endpoint, given != NULL ? given : bound, "endpoint", err)
                        : RC_OK;
}

/* What never comes from a log: the command line, else the binding here. */
static enum rc
find_here(const struct ctx *ctx, const struct object *kms, enum opt_id id, const char *key,
          struct buf *out, struct err *err)
{
    char option[16];
    const char *given = NULL;
    (void)snprintf(option, sizeof option, "--%s", key);
    enum rc rc = place_option(ctx, id, option, kms, &given, err);
    if (rc == RC_OK && given == NULL)
        given = kms_conf(ctx->store, kms, key);
    return rc == RC_OK ? set_text(out, given, key, err) : rc;
}

static enum rc
find_file(const struct ctx *ctx, const struct object *kms, struct buf *out, struct err *err)
{
    const char *path = named_value(ctx, OPT_KMS_FILE, kms, 1);
    if (path == NULL)
        path = kms_conf(ctx->store, kms, "file");
    return path != NULL ? set_text(out, path, "file", err)
                        : field_get(ctx->store, kms->uuid, "file", out, NULL, err);
}

static enum rc
find_target(const struct ctx *ctx, const struct object *kms, struct target *t, struct err *err)
{
    enum rc rc = field_get(ctx->store, kms->uuid, "provider", &t->provider, NULL, err);
    if (rc == RC_OK)
        rc = kms_known(buf_str(&t->provider), kms->name, err);
    if (rc == RC_OK)
        rc = find_endpoint(ctx, kms, t, err);
    if (rc == RC_OK && strcmp(buf_str(&t->provider), "local") == 0)
        return find_file(ctx, kms, &t->file, err);
    if (rc == RC_OK)
        rc = field_get(ctx->store, kms->uuid, "instance", &t->instance, NULL, err);
    if (rc == RC_OK)
        rc = find_here(ctx, kms, OPT_IAM, "iam", &t->iam, err);
    return rc == RC_OK ? find_here(ctx, kms, OPT_CA, "ca", &t->ca, err) : rc;
}

/* The name before a reference may be a slip of the pen; the reference is then nobody's. */
static void
hint_misnamed(const struct ctx *ctx, struct err *err)
{
    for (size_t i = 0; i < opt_count(&ctx->opts, OPT_CREDENTIAL); i++) {
        const char *text = opt_at(&ctx->opts, OPT_CREDENTIAL, i);
        size_t len = strcspn(text, "=");
        char name[LIMIT_NAME + 1];
        struct object o;
        struct err scratch = ERR_INIT;
        if (ref_is(text) || text[len] == '\0' || len >= sizeof name)
            continue;
        memcpy(name, text, len);
        name[len] = '\0';
        if (strcmp(name, "copy") != 0 && strcmp(name, "spare") != 0 &&
            object_find(ctx->store, "kms", name, &o, &scratch) == RC_NOT_FOUND)
            (void)err_hint(err, "--credential %s=...: no KMS is named so", name);
        err_clear(&scratch);
    }
}

/* Where the escrow says that the credential is kept: for whoever gave another one. */
static void
hint_kept(const struct ctx *ctx, const struct object *kms, struct err *err)
{
    struct buf kept;
    buf_init(&kept, LIMIT_TEXT);
    struct err scratch = ERR_INIT;
    err_ignore(field_get(ctx->store, kms->uuid, "kept_at", &kept, NULL, &scratch));
    if (kept.len > 0)
        (void)err_hint(err, "the right one is kept at, as the escrow says: %.200s", buf_str(&kept));
    buf_release(&kept);
}

static enum rc
read_credential(const struct ctx *ctx, const struct object *kms, struct secret **out,
                struct err *err)
{
    const char *ref = named_value(ctx, OPT_CREDENTIAL, kms, 1);
    int from_conf = ref == NULL;
    if (ref == NULL)
        ref = kms_conf(ctx->store, kms, "credential");
    if (ref == NULL) {
        struct buf kept;
        buf_init(&kept, LIMIT_TEXT);
        struct err scratch = ERR_INIT;
        err_ignore(field_get(ctx->store, kms->uuid, "kept_at", &kept, NULL,
                             &scratch)); /* only for a better hint */
        (void)err_set(err, RC_KMS_NO_CREDENTIAL, "no credential for KMS %s", kms->name);
        if (kept.len > 0)
            (void)err_why(err, "the escrow says it is kept at: %.200s", buf_str(&kept));
        buf_release(&kept);
        hint_misnamed(ctx, err);
        return err_hint(err,
                        "for this command: --credential %s=REF (file:PATH, prompt, ...)\n"
                        "for good: keymuster kms set %s --credential REF",
                        kms->name, kms->name);
    }
    char what[128];
    (void)snprintf(what, sizeof what,
                   from_conf ? "keymuster.conf: credential of KMS %s" : "credential of KMS %s",
                   kms->name);
    return ref_read(out, ref, what, err);
}

/* Key rings that the log knows; a credential may have rights on one only. */
struct rings {
    const struct store *store;
    const char *kms;
    struct kms *open;
};

static enum rc
tell_ring(void *arg, const struct object *o, struct err *err)
{
    struct rings *r = arg;
    struct root root = {0};
    struct buf ring;
    buf_init(&ring, LIMIT_TEXT);
    enum rc rc = field_get(r->store, o->uuid, "ring", &ring, NULL, err);
    if (rc == RC_OK && ring.len > 0)
        rc = root_load(r->store, o, &root, err);
    if (rc == RC_OK && ring.len > 0 && strcmp(root.kms.uuid, r->kms) == 0)
        rc = kms_ring(r->open, root.id, buf_str(&ring), err);
    buf_release(&ring);
    return rc;
}

/* No credential is read for what cannot be asked, or before it is sure that it may go there: an
 * export names any provider and place it likes. */
static enum rc
open_kms(struct ctx *ctx, const struct object *kms, struct kms **out, struct err *err)
{
    struct target t;
    struct secret *credential = NULL;
    target_init(&t);
    enum rc rc = find_target(ctx, kms, &t, err);
    struct kms_config config = {.provider = buf_str(&t.provider),
                                .name = kms->name,
                                .file = buf_str(&t.file),
                                .endpoint = buf_str(&t.endpoint),
                                .instance = buf_str(&t.instance),
                                .iam = buf_str(&t.iam),
                                .ca = buf_str(&t.ca),
                                .timeout_ms = ctx->timeout_ms};
    if (rc == RC_OK)
        rc = kms_conf_network(ctx->store, &config, err);
    if (rc == RC_OK)
        rc = kms_may_ask(&config, t.confirmed, err);
    if (rc == RC_OK)
        rc = read_credential(ctx, kms, &credential, err);
    config.credential = credential;
    if (rc == RC_OK)
        rc = kms_open(out, &config, err);
    secret_free(credential);
    if (rc == RC_KMS_PASSPHRASE || rc == RC_CREDENTIAL)
        hint_kept(ctx, kms, err);
    else if (rc == RC_KMS_MISSING)
        (void)err_hint(err,
                       "say where it is: keymuster kms set %s --file PATH\n"
                       "for this command: --kms-file %s=PATH",
                       kms->name, kms->name);
    if (rc == RC_OK && strcmp(config.provider, "local") != 0) {
        struct rings r = {ctx->store, kms->uuid, *out};
        rc = object_each(ctx->store, "root", tell_ring, &r, err);
        if (rc != RC_OK) {
            kms_close(*out);
            *out = NULL;
        }
    }
    target_release(&t);
    return rc;
}

enum rc
session_show(struct ctx *ctx, const struct root *root, struct kms_op *op, struct buf *out,
             struct err *err)
{
    struct target t;
    struct buf ring;
    if (root->kms.uuid[0] == '\0')
        return err_set(err, RC_NOT_FOUND, "the KMS of root key %s is not known here yet",
                       root->object.name);
    target_init(&t);
    buf_init(&ring, LIMIT_TEXT);
    enum rc rc = find_target(ctx, &root->kms, &t, err);
    if (rc == RC_OK)
        rc = field_get(ctx->store, root->object.uuid, "ring", &ring, NULL, err);
    struct kms_config config = {.provider = buf_str(&t.provider),
                                .name = root->kms.name,
                                .endpoint = buf_str(&t.endpoint),
                                .instance = buf_str(&t.instance),
                                .iam = buf_str(&t.iam),
                                .ca = buf_str(&t.ca)};
    if (rc == RC_OK)
        rc = kms_show(out, &config, root->id, buf_str(&ring), op, err);
    buf_release(&ring);
    target_release(&t);
    return rc;
}

/* A place for one more. */
static enum rc
pool_room(struct ctx *ctx, struct err *err)
{
    if (ctx->pool == NULL)
        ctx->pool = calloc(1, sizeof *ctx->pool);
    if (ctx->pool == NULL)
        return err_nomem(err);
    if (ctx->pool->count < POOL_MAX)
        return RC_OK;
    (void)err_set(err, RC_BAD_VALUE, "more than %d KMSs in one command", POOL_MAX);
    return err_hint(err, "name keys, or root keys, of fewer KMSs");
}

enum rc
session_kms_lend(struct ctx *ctx, const struct object *kms, struct kms **open, struct err *err)
{
    enum rc rc = pool_room(ctx, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(ctx->pool->open[ctx->pool->count].uuid, UUID_TEXT + 1, "%s", kms->uuid);
    ctx->pool->open[ctx->pool->count++].kms = *open;
    *open = NULL; /* transferred */
    return RC_OK;
}

enum rc
session_kms(struct ctx *ctx, const struct object *kms, struct kms **out, struct err *err)
{
    *out = NULL;
    if (kms->uuid[0] == '\0')
        return err_set(err, RC_NOT_FOUND,
                       "the KMS of that root key is not known here yet; sync first");
    for (size_t i = 0; ctx->pool != NULL && i < ctx->pool->count; i++) {
        if (strcmp(ctx->pool->open[i].uuid, kms->uuid) == 0) {
            *out = ctx->pool->open[i].kms;
            return RC_OK;
        }
    }
    enum rc rc = pool_room(ctx, err);
    if (rc == RC_OK)
        rc = open_kms(ctx, kms, out, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(ctx->pool->open[ctx->pool->count].uuid, UUID_TEXT + 1, "%s", kms->uuid);
    ctx->pool->open[ctx->pool->count++].kms = *out;
    return RC_OK;
}

void
session_kms_close(struct ctx *ctx)
{
    for (size_t i = 0; ctx->pool != NULL && i < ctx->pool->count; i++)
        kms_close(ctx->pool->open[i].kms);
    free(ctx->pool);
    ctx->pool = NULL;
}
