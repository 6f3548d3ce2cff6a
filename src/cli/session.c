#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/keys/kms_conf.h"
#include "cli/notify.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "copy/memory.h"
#include "copy/publish.h"
#include "escrow/cut.h"
#include "escrow/log.h"
#include "sys/process.h"

enum { POOL_MAX = 32 };

struct pool {
    struct {
        char uuid[UUID_TEXT + 1];
        struct kms *kms;
    } open[POOL_MAX];
    size_t count;
};

/* ---- the store ---- */

enum rc
session_open(struct ctx *ctx, struct err *err)
{
    char dir[PATH_SIZE];
    enum rc rc = RC_OK;
    if (ctx->store_dir != NULL)
        (void)snprintf(dir, sizeof dir, "%s", ctx->store_dir);
    else
        rc = store_default_dir(dir, err);
    enum db_flags flags = (ctx->cmd->flags & CMD_WRITE) && !ctx->dry_run ? DB_WRITE : DB_READ;
    if (rc == RC_OK)
        rc = store_open(&ctx->store, dir, flags, err);
    if (rc == RC_OK && flags == DB_WRITE && !(ctx->cmd->flags & CMD_OLD_OK))
        rc = memory_check(ctx->store, err);
    if (rc == RC_OK && flags == DB_WRITE)
        notify_begin(ctx);
    return rc;
}

/* Nobody took the answer, so the command ended before it published; what is stored goes out all the
 * same. That the answer failed has been said, and is what the exit status says. */
static void
publish_late(struct ctx *ctx)
{
    struct err scratch = ERR_INIT;
    ctx->quiet = 1;
    if (ctx->store != NULL && ctx->out_failed && (ctx->cmd->flags & CMD_WRITE))
        err_ignore(session_publish(ctx, &scratch));
}

struct store *
session_records(const struct ctx *ctx)
{
    return ctx->records != NULL ? ctx->records : ctx->store;
}

void
session_say_stored(const struct ctx *ctx, struct err *err)
{
    const struct store *store = session_records(ctx);
    if (store == NULL || store->stored[0] == '\0' || err->entry[0] != '\0')
        return;
    memcpy(err->entry, store->stored, sizeof err->entry);
    (void)err_hint(err, "recorded before it failed: keymuster audit log --entry %s", err->entry);
}

void
session_close(struct ctx *ctx)
{
    publish_late(ctx);
    notify_look(ctx);
    notify_conflicts(ctx);
    for (size_t i = 0; ctx->pool != NULL && i < ctx->pool->count; i++)
        kms_close(ctx->pool->open[i].kms);
    free(ctx->pool);
    ctx->pool = NULL;
    if (ctx->view)
        cut_view_close(ctx->store);
    else
        store_close(ctx->store);
    ctx->store = NULL;
    store_close(ctx->records);
    ctx->records = NULL;
}

/* ---- KMSs ---- */

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

/* ---- recording and publishing ---- */

enum rc
session_record(struct ctx *ctx, const char *kind, const struct buf *body, char *hash,
               struct err *err)
{
    if (ctx->dry_run)
        return buf_check(body, kind, err);
    return log_append_one(session_records(ctx), kind, body, hash != NULL ? hash : ctx->entry, err);
}

enum rc
session_publish(struct ctx *ctx, struct err *err)
{
    if (ctx->offline || ctx->dry_run)
        return RC_OK;
    int reached = 0;
    int bound = 0;
    enum rc rc = publish_all(session_records(ctx), &reached, &bound, err);
    if (rc == RC_OK && reached < bound && !ctx->quiet)
        out_note(ctx,
                 "%d of %d copies not reached; what is missing there goes with the next command or "
                 "`keymuster sync`",
                 bound - reached, bound);
    return rc;
}

void
session_publish_rest(struct ctx *ctx)
{
    struct err scratch = ERR_INIT;
    signals_hold(1);
    err_ignore(session_publish(ctx, &scratch));
    signals_hold(0);
}

void
session_answer(struct buf *doc, struct jw *w, const char *name)
{
    char schema[96];
    (void)snprintf(schema, sizeof schema, "keymuster.%s/1", name);
    buf_init(doc, (size_t)256 * 1024 * 1024);
    jw_init(w, doc);
    jw_obj(w, NULL);
    jw_str(w, "schema", schema);
}

/* A time as text, or "". */
static const char *
time_text(char out[TIME_TEXT + 1], int64_t ms)
{
    out[0] = '\0';
    if (ms != 0)
        time_format(out, ms);
    return out;
}

static void
put_time(struct jw *w, const char *name, int64_t ms)
{
    char text[TIME_TEXT + 1];
    jw_opt(w, name, time_text(text, ms));
}

/* Takes it over; whether it differed. */
static int
news(char *known, size_t size, const char *now)
{
    int differs = strcmp(known, now) != 0;
    (void)snprintf(known, size, "%s", now);
    return differs;
}

static int
learn(struct root *r, const struct root_info *info)
{
    char t[TIME_TEXT + 1];
    int differs = r->state != info->state;
    r->state = info->state;
    if (info->version[0] != '\0') /* a KMS does not tell that of a destroyed one */
        differs |= news(r->version, sizeof r->version, info->version);
    if (info->versions != 0) { /* not known: the answer about it was lost */
        differs |= r->versions != info->versions;
        r->versions = info->versions;
    }
    differs |= news(r->rotated_at, sizeof r->rotated_at, time_text(t, info->rotated_ms));
    differs |= news(r->expires, sizeof r->expires, time_text(t, info->expires_ms));
    differs |= news(r->deleted_at, sizeof r->deleted_at, time_text(t, info->deleted_ms));
    differs |=
        news(r->restore_until, sizeof r->restore_until, time_text(t, info->restore_until_ms));
    (void)news(r->deleted_by, sizeof r->deleted_by, info->deleted_by);
    return differs;
}

enum rc
session_observe(struct ctx *ctx, struct root *root, const struct root_info *info, struct err *err)
{
    struct buf body;
    struct jw w;
    if (!learn(root, info))
        return RC_OK;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "root", root->object.uuid);
    jw_str(&w, "state", root_state_name(info->state));
    jw_str(&w, "version", info->version);
    jw_int(&w, "versions", info->versions);
    put_time(&w, "created", info->created_ms);
    put_time(&w, "updated", info->updated_ms);
    put_time(&w, "rotated", info->rotated_ms);
    put_time(&w, "deleted", info->deleted_ms);
    jw_opt(&w, "deleted_by", info->deleted_by);
    put_time(&w, "restore_until", info->restore_until_ms);
    put_time(&w, "expires", info->expires_ms);
    jw_opt(&w, "request", info->request);
    jw_end_obj(&w);
    enum rc rc = log_append(ctx->store, "root.observed", &body, NULL, err);
    buf_release(&body);
    return rc;
}

enum rc
session_key(const struct ctx *ctx, const char *ref, struct key *out, struct err *err)
{
    const char *date = opt_get(&ctx->opts, OPT_AT);
    int64_t at = 0;
    if (date == NULL)
        return key_find(ctx->store, ref, out, err);
    enum rc rc = date_parse_end(&at, date, "--at", err);
    if (rc == RC_OK && !key_ref_is_name(ref)) {
        (void)err_set(err, RC_USAGE, "--at goes with a key's plain name; it finds the generation");
        return err_hint(err, "leave out --at: NAME@GEN and a UUID name one generation already");
    }
    return rc == RC_OK ? key_find_at(ctx->store, ref, at, out, err) : rc;
}

enum rc
session_keep_credential(struct ctx *ctx, const char *section, const char *name, const char *key,
                        const char *ref, int *kept, struct err *err)
{
    struct buf absolute;
    char bound[LIMIT_NAME + 1]; /* name may be borrowed from what store_conf_set replaces */
    *kept = ref_is_lasting(ref) || strcmp(ref, "prompt") == 0;
    if (!*kept)
        return RC_OK;
    (void)snprintf(bound, sizeof bound, "%s", name);
    buf_init(&absolute, PATH_SIZE);
    enum rc rc = ref_absolute(&absolute, ref, err);
    if (rc == RC_OK)
        rc = buf_check(&absolute, "the credential's place", err);
    if (rc == RC_OK)
        rc = store_conf_set(ctx->store, section, bound, key, buf_str(&absolute), err);
    buf_release(&absolute);
    return rc;
}

enum rc
session_keys_check(struct ctx *ctx, size_t count, struct err *err)
{
    size_t unknown = 0;
    struct err one = ERR_INIT;
    char names[sizeof err->why] = "";
    for (size_t i = 0; i < count; i++) {
        struct key key;
        struct err scratch = ERR_INIT;
        const char *ref = opt_arg(&ctx->opts, i);
        int known = 0;
        if (key_is_known(ctx->store, ref, &known, &scratch) != RC_OK || known)
            continue; /* whatever else is wrong, the command itself says better */
        size_t len = strlen(names);
        if (unknown++ == 0)
            err_ignore(key_find(ctx->store, ref, &key, &one)); /* for its words */
        if (len + strlen(ref) + 8 < sizeof names)
            (void)snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "", ref);
        else if (len + 5 < sizeof names && names[len - 1] != '.')
            (void)snprintf(names + len, sizeof names - len, " ...");
    }
    if (unknown == 0)
        return RC_OK;
    *err = one;
    if (unknown > 1) {
        (void)err_set(err, RC_NOT_FOUND, "%zu of these %zu keys are not known here", unknown,
                      count);
        (void)err_why(err, "%s", names);
        (void)err_hint(err, "nothing was done; see them all: keymuster list");
    }
    return err->code;
}
