/* root add|create|rotate|disable|enable|destroy|restore|list: root keys in a KMS. check:
 * cmd_root_check.c */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "crypt/hash.h"
#include "escrow/log.h"
#include "text/time.h"

static void
write_root(struct buf *body, const char *uuid, const char *name, const char *kms,
           const struct root_info *info, const char *ring)
{
    struct jw w;
    buf_init(body, LIMIT_BODY);
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", uuid);
    jw_str(&w, "name", name);
    jw_str(&w, "kms", kms);
    jw_str(&w, "id", info->id);
    jw_opt(&w, "alias", info->alias);
    jw_opt(&w, "crn", info->crn);
    jw_opt(&w, "ring", ring);
    jw_end_obj(&w);
}

/* root.added and what was observed, in one transaction. */
enum rc
cmd_root_record(struct ctx *ctx, const char *name, const struct object *kms,
                const struct root_info *info, char uuid[UUID_TEXT + 1], struct err *err)
{
    struct buf body;
    struct root fresh = {.state = ROOT_UNKNOWN};
    random_uuid(uuid);
    (void)snprintf(fresh.object.uuid, sizeof fresh.object.uuid, "%s", uuid);
    write_root(&body, uuid, name, kms->uuid, info, opt_get(&ctx->opts, OPT_RING));
    enum rc rc = log_begin(ctx->store, err);
    if (rc == RC_OK)
        rc = log_append(ctx->store, "root.added", &body, ctx->entry, err);
    if (rc == RC_OK)
        rc = session_observe(ctx, &fresh, info, err);
    rc = log_finish(ctx->store, rc, err);
    buf_release(&body);
    return rc;
}

struct same_root {
    const struct ctx *ctx;
    const char *kms;
    const char *id;
    char name[LIMIT_NAME + 1];
};

static enum rc
find_same(void *arg, const struct object *o, struct err *err)
{
    struct same_root *s = arg;
    struct root r;
    enum rc rc = root_load(s->ctx->store, o, &r, err);
    if (rc == RC_OK && strcmp(r.id, s->id) == 0 && strcmp(r.kms.uuid, s->kms) == 0)
        (void)snprintf(s->name, sizeof s->name, "%s", o->name);
    return rc;
}

static enum rc
refuse_known(const struct ctx *ctx, const struct object *kms, const struct root_info *info,
             struct err *err)
{
    struct same_root s = {.ctx = ctx, .kms = kms->uuid, .id = info->id};
    enum rc rc = object_each(ctx->store, "root", find_same, &s, err);
    if (rc == RC_OK && s.name[0] != '\0')
        rc = err_set(err, RC_EXISTS, "that root key is known already, as %s", s.name);
    return rc;
}

static enum rc
open_kms_option(struct ctx *ctx, struct object *kms, struct kms **out, struct err *err)
{
    const char *name = opt_get(&ctx->opts, OPT_KMS);
    if (name == NULL)
        return err_set(err, RC_USAGE, "--kms is missing: in which KMS?");
    enum rc rc = object_find(ctx->store, "kms", name, kms, err);
    return rc == RC_OK ? session_kms(ctx, kms, out, err) : rc;
}

static enum rc
run_root_create(struct ctx *ctx, struct err *err)
{
    const char *name = opt_arg(&ctx->opts, 0);
    struct object o;
    struct kms *kms = NULL;
    struct root_info info = {0};
    char uuid[UUID_TEXT + 1] = "";
    enum rc rc = cmd_new_name(ctx, "root", name, err);
    if (rc == RC_OK)
        rc = open_kms_option(ctx, &o, &kms, err);
    if (rc == RC_OK && !ctx->dry_run) {
        rc = kms_root_create(kms, name, &info, err);
        /* The alias is there but no entry: an earlier try was cut off in between. It is that root
         * key. */
        if (rc == RC_EXISTS)
            rc = kms_root_info(kms, name, &info, err);
        if (rc == RC_OK)
            rc = refuse_known(ctx, &o, &info, err);
        if (rc == RC_OK)
            rc = cmd_root_record(ctx, name, &o, &info, uuid, err);
    }
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "root.create", "root key", name, uuid, "created", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static enum rc
run_root_add(struct ctx *ctx, struct err *err)
{
    const char *name = opt_arg(&ctx->opts, 0);
    const char *key = opt_get(&ctx->opts, OPT_KEY);
    const char *ring = opt_get(&ctx->opts, OPT_RING);
    struct object o;
    struct kms *kms = NULL;
    struct root_info info = {0};
    char uuid[UUID_TEXT + 1] = "";
    enum rc rc = cmd_new_name(ctx, "root", name, err);
    if (rc == RC_OK && key == NULL)
        rc = err_set(err, RC_USAGE, "root add: --key is missing: its id or alias in the KMS");
    if (rc == RC_OK)
        rc = open_kms_option(ctx, &o, &kms, err);
    if (rc == RC_OK && ring != NULL)
        rc = kms_ring(kms, key, ring, err);
    if (rc == RC_OK)
        rc = kms_root_info(kms, key, &info, err);
    if (rc == RC_OK)
        rc = refuse_known(ctx, &o, &info, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = cmd_root_record(ctx, name, &o, &info, uuid, err);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "root.add", "root key", name, uuid, "added", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* ---- changes ---- */

static enum rc
observe_now(struct ctx *ctx, struct root *root, const struct root_info *info, struct err *err)
{
    enum rc rc = log_begin(ctx->store, err);
    if (rc == RC_OK)
        rc = session_observe(ctx, root, info, err);
    return log_finish(ctx->store, rc, err);
}

static enum rc
answer_change(struct ctx *ctx, const struct root *root, const struct root_info *info,
              struct err *err)
{
    char until[TIME_TEXT + 1] = "";
    if (info->restore_until_ms != 0)
        time_format(until, info->restore_until_ms);
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s is now %s", root->object.name, root_state_name(info->state));
        if (info->versions > 0) /* known */
            out_printf(ctx, ", version %u", info->versions);
        out_printf(ctx, "\n");
        if (until[0] != '\0')
            out_printf(ctx, "it can be restored until %s: keymuster root restore %s\n", until,
                       root->object.name);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "root.change");
    jw_str(&w, "name", root->object.name);
    jw_str(&w, "uuid", root->object.uuid);
    jw_str(&w, "state", root_state_name(info->state));
    jw_str(&w, "version", info->version);
    jw_int(&w, "versions", info->versions);
    jw_opt(&w, "restore_until", until);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
confirm_change(struct ctx *ctx, const struct root *root, enum kms_change change, struct err *err)
{
    char question[256];
    if (change == KMS_DESTROY) {
        (void)snprintf(question, sizeof question,
                       "Destroying %s makes every key wrapped only by it unrecoverable after the "
                       "restore window.",
                       root->object.name);
        return confirm_word(ctx, root->object.name, question, err);
    }
    if (change == KMS_DISABLE) {
        (void)snprintf(question, sizeof question,
                       "Disable %s? Nothing wrapped by it opens until it is enabled again.",
                       root->object.name);
        return confirm_yes(ctx, question, err);
    }
    return RC_OK;
}

/* Refused for what the root key is now, which may be what an earlier try made of it without living
 * to record it. The refusal stays the answer. */
static void
observe_refused(struct ctx *ctx, struct root *root, struct kms *kms, enum rc why)
{
    struct root_info info;
    struct err scratch = ERR_INIT;
    int for_its_state = err_exit(why) == 14 || why == RC_KMS_TOO_EARLY;
    if (for_its_state && kms_root_info(kms, root->id, &info, &scratch) == RC_OK &&
        observe_now(ctx, root, &info, &scratch) == RC_OK)
        err_ignore(session_publish(ctx, &scratch));
}

static enum rc
change_root(struct ctx *ctx, enum kms_change change, struct err *err)
{
    struct root root;
    struct kms *kms = NULL;
    struct root_info info;
    enum rc rc = root_find(ctx->store, opt_arg(&ctx->opts, 0), &root, err);
    if (rc == RC_OK && ctx->dry_run) {
        out_printf(ctx, "would change %s\n", root.object.name);
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = confirm_change(ctx, &root, change, err);
    if (rc == RC_OK)
        rc = session_kms(ctx, &root.kms, &kms, err);
    if (rc == RC_OK) {
        rc = kms_root_change(kms, root.id, change, &info, err);
        if (rc != RC_OK)
            observe_refused(ctx, &root, kms, rc);
    }
    if (rc == RC_OK)
        rc = observe_now(ctx, &root, &info, err);
    if (rc == RC_OK)
        rc = answer_change(ctx, &root, &info, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static enum rc
run_rotate(struct ctx *ctx, struct err *err)
{
    return change_root(ctx, KMS_ROTATE, err);
}

static enum rc
run_disable(struct ctx *ctx, struct err *err)
{
    return change_root(ctx, KMS_DISABLE, err);
}

static enum rc
run_enable(struct ctx *ctx, struct err *err)
{
    return change_root(ctx, KMS_ENABLE, err);
}

static enum rc
run_destroy(struct ctx *ctx, struct err *err)
{
    return change_root(ctx, KMS_DESTROY, err);
}

static enum rc
run_restore(struct ctx *ctx, struct err *err)
{
    return change_root(ctx, KMS_RESTORE, err);
}

/* ---- list ---- */

static enum rc
list_root(void *arg, const struct object *o, struct err *err)
{
    struct listing *l = arg;
    struct root r;
    char site[LIMIT_NAME + 1] = "";
    char versions[24] = "";
    char ago[AGO_TEXT] = "";
    int64_t at = 0;
    enum rc rc = root_load(l->ctx->store, o, &r, err);
    if (rc == RC_OK)
        rc = object_name(l->ctx->store, r.site, site, err);
    if (rc != RC_OK)
        return rc;
    if (l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", o->name);
        jw_str(l->w, "uuid", o->uuid);
        jw_str(l->w, "kms", r.kms.name);
        jw_str(l->w, "site", site);
        jw_str(l->w, "id", r.id);
        jw_str(l->w, "state", root_state_name(r.state));
        jw_str(l->w, "version", r.version);
        jw_int(l->w, "versions", r.versions);
        jw_opt(l->w, "observed_at", r.observed_at);
        jw_opt(l->w, "restore_until", r.restore_until);
        jw_end_obj(l->w);
        return RC_OK;
    }
    (void)snprintf(versions, sizeof versions, "%lld", (long long)r.versions);
    if (time_parse(&at, r.observed_at) == 0)
        time_ago(ago, at, clock_now_ms());
    const char *cells[] = {o->name,  r.kms.name, site,           root_state_name(r.state),
                           versions, ago,        r.restore_until};
    return cmd_table_row(l->table, cells, 7, err);
}

static enum rc
run_root_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"ROOT KEY", "KMS",      "SITE",          "STATE",
                                         "VERSION",  "OBSERVED", "RESTORE UNTIL", NULL};
    struct listing l = {.ctx = ctx};
    return cmd_list_objects(&l, "root.list", "root", titles, list_root, err);
}

static const struct opt_spec create_options[] = {
    {OPT_KMS, "kms", 0, "KMS", 0, "the KMS that makes it"},
    ONE_KMS_OPTIONS,
    OPT_END,
};
static const struct opt_spec add_options[] = {
    {OPT_KMS, "kms", 0, "KMS", 0, "the KMS that holds it"},
    {OPT_KEY, "key", 0, "ID|CRN|ALIAS", 0, "its id, CRN or alias there"},
    {OPT_RING, "ring", 0, "RING", 0,
     "its key ring, for a credential with rights on that ring only"},
    ONE_KMS_OPTIONS,
    OPT_END,
};
static const struct opt_spec change_options[] = {
    ONE_KMS_OPTIONS,
    OPT_END,
};

#define CHANGE_ROW(verb, text, flags, fn)                                                          \
    {                                                                                              \
        "root", verb, "NAME", text, change_options, 1, 1, CMD_WRITE | (flags), GROUP_SET_UP, fn,   \
            NULL                                                                                   \
    }

const struct cmd cmd_root_table[] = {
    {"root", "create", "NAME --kms KMS", "Makes a root key in a KMS and records it.",
     create_options, 1, 1, CMD_WRITE, GROUP_SET_UP, run_root_create,
     "keymuster root create mad-main --kms kp-mad\n"},
    {"root", "add", "NAME --kms KMS --key ID|CRN|ALIAS [--ring RING]",
     "Records a root key that a KMS has already.", add_options, 1, 1, CMD_WRITE, GROUP_SET_UP,
     run_root_add, NULL},
    CHANGE_ROW("rotate", "Gives a root key a new version; wraps of older versions still open.", 0,
               run_rotate),
    CHANGE_ROW("disable", "Suspends a root key; nothing wrapped by it opens meanwhile.", 0,
               run_disable),
    CHANGE_ROW("enable", "Ends a suspension.", 0, run_enable),
    CHANGE_ROW("destroy", "Destroys a root key; it can be restored for 30 days.", CMD_DESTRUCTIVE,
               run_destroy),
    CHANGE_ROW("restore", "Takes a destruction back.", 0, run_restore),
    {"root", "list", "", "Lists the root keys with their last observed state.", NULL, 0, 0,
     CMD_READ, GROUP_SET_UP, run_root_list, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
