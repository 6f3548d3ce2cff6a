/* kms add|set|list|show|test: key management instances and this machine's bindings to them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/conflicts.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "crypt/hash.h"
#include "text/uni.h"

static enum rc
absolute_file(struct ctx *ctx, char out[PATH_SIZE], struct err *err)
{
    const char *file = opt_get(&ctx->opts, OPT_FILE);
    if (file == NULL)
        return err_set(err, RC_USAGE, "kms add: --file is missing; a local KMS is a file");
    return path_absolute(out, file, err);
}

/* Creates the file where it is absent, else checks that this passphrase opens it. */
static enum rc
try_or_create(const char *name, const char *path, const char *ref, int may_create, struct err *err)
{
    struct secret *passphrase = NULL;
    struct kms *kms = NULL;
    char what[128];
    (void)snprintf(what, sizeof what, "passphrase of KMS %s", name);
    int there = file_exists(path);
    int create = there == 0 && may_create;
    enum rc rc =
        create ? ref_read_new(&passphrase, ref, what, err) : ref_read(&passphrase, ref, what, err);
    if (rc == RC_OK && create)
        rc = kms_local_create(path, passphrase, err);
    if (rc == RC_OK) {
        struct kms_config config = {
            .provider = "local", .name = name, .file = path, .credential = passphrase};
        rc = kms_open(&kms, &config, err);
    }
    kms_close(kms);
    secret_free(passphrase);
    return rc;
}

/* Keeps where the credential is, when it can be read again there. */
static enum rc
bind_credential(struct ctx *ctx, const char *name, const char *ref, struct err *err)
{
    if (!ref_is_lasting(ref) && strcmp(ref, "prompt") != 0) {
        out_note(ctx,
                 "%s can be read only once, so it is not kept; later: keymuster kms set %s "
                 "--credential REF",
                 ref, name);
        return RC_OK;
    }
    struct buf absolute;
    buf_init(&absolute, PATH_SIZE);
    enum rc rc = ref_absolute(&absolute, ref, err);
    if (rc == RC_OK)
        rc = buf_check(&absolute, "the credential's place", err);
    if (rc == RC_OK)
        rc = store_conf_set(ctx->store, "kms", name, "credential", buf_str(&absolute), err);
    buf_release(&absolute);
    return rc;
}

static void
write_kms(struct buf *body, const struct ctx *ctx, const char *uuid, const char *name,
          const char *site, const char *path)
{
    struct jw w;
    buf_init(body, LIMIT_BODY);
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", uuid);
    jw_str(&w, "name", name);
    jw_str(&w, "site", site);
    jw_str(&w, "provider", "local");
    jw_str(&w, "file", path);
    jw_opt(&w, "region", opt_get(&ctx->opts, OPT_REGION));
    jw_opt(&w, "kept_at", opt_get(&ctx->opts, OPT_KEPT_AT));
    jw_end_obj(&w);
}

static enum rc
check_kms_options(const struct ctx *ctx, struct object *site, struct err *err)
{
    const char *provider = opt_get(&ctx->opts, OPT_PROVIDER);
    const char *where = opt_get(&ctx->opts, OPT_SITE);
    const char *kept = opt_get(&ctx->opts, OPT_KEPT_AT);
    if (where == NULL)
        return err_set(err, RC_USAGE, "kms add: --site is missing: where does this KMS stand?");
    if (provider == NULL || strcmp(provider, "local") != 0) {
        (void)err_set(err, RC_USAGE, "kms add: --provider %s",
                      provider == NULL ? "is missing" : "is not known");
        return err_hint(err, "known in this version: --provider local --file PATH");
    }
    if (opt_get(&ctx->opts, OPT_CREDENTIAL) == NULL) {
        (void)err_set(err, RC_USAGE, "kms add: --credential is missing");
        return err_hint(
            err, "say where its passphrase is: --credential file:PATH, command:ARGV, prompt");
    }
    enum rc rc = kept != NULL ? text_check(kept, "--kept-at", err) : RC_OK;
    return rc == RC_OK ? object_find(ctx->store, "site", where, site, err) : rc;
}

static enum rc
run_kms_add(struct ctx *ctx, struct err *err)
{
    const char *name = opt_arg(&ctx->opts, 0);
    const char *ref = opt_get(&ctx->opts, OPT_CREDENTIAL);
    char path[PATH_SIZE];
    char uuid[UUID_TEXT + 1];
    struct object site;
    struct buf body;
    enum rc rc = cmd_new_name(ctx, "kms", name, err);
    if (rc == RC_OK)
        rc = check_kms_options(ctx, &site, err);
    if (rc == RC_OK)
        rc = absolute_file(ctx, path, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = try_or_create(name, path, ref, 1, err);
    if (rc != RC_OK)
        return rc;
    random_uuid(uuid);
    write_kms(&body, ctx, uuid, name, site.uuid, path);
    rc = session_record(ctx, "kms.added", &body, NULL, err);
    buf_release(&body);
    if (rc == RC_OK && !ctx->dry_run)
        rc = store_conf_set(ctx->store, "kms", name, "file", path, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = bind_credential(ctx, name, ref, err);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "kms.add", "KMS", name, uuid, "added", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* The endpoint that the log names, where another one or two of them stand there. */
static enum rc
record_endpoint(struct ctx *ctx, const struct object *kms, const char *url, struct err *err)
{
    struct buf v;
    struct jw w;
    int conflict = 0;
    buf_init(&v, LIMIT_BODY);
    enum rc rc = field_get(ctx->store, kms->uuid, "endpoint", &v, &conflict, err);
    if (rc != RC_OK || (!conflict && strcmp(buf_str(&v), url) == 0)) {
        buf_release(&v);
        return rc;
    }
    buf_clear(&v);
    jw_init(&w, &v);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", kms->uuid);
    jw_obj(&w, "set");
    jw_obj(&w, "endpoint");
    jw_str(&w, "value", url);
    jw_opt(&w, "reason", ctx->reason);
    rc = field_supersedes(ctx->store, kms->uuid, "endpoint", &w, err);
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = session_record(ctx, "kms.changed", &v, NULL, err);
    buf_release(&v);
    return rc;
}

/* Here and in the log; the place where a credential goes is told by the command line alone. */
static enum rc
set_endpoint(struct ctx *ctx, const struct object *kms, struct err *err)
{
    const char *url = opt_get(&ctx->opts, OPT_ENDPOINT);
    if (url == NULL)
        return RC_OK;
    enum rc rc = record_endpoint(ctx, kms, url, err);
    return rc == RC_OK && !ctx->dry_run
               ? store_conf_set(ctx->store, "kms", kms->name, "endpoint", url, err)
               : rc;
}

static enum rc
check_endpoint(const struct ctx *ctx, struct err *err)
{
    const char *url = opt_get(&ctx->opts, OPT_ENDPOINT);
    if (url == NULL)
        return RC_OK;
    if (strncmp(url, "https://", 8) != 0 || url[8] == '\0')
        return err_set(err, RC_BAD_VALUE, "--endpoint: want https://HOST");
    return text_check(url, "--endpoint", err);
}

static enum rc
run_kms_set(struct ctx *ctx, struct err *err)
{
    const char *ref = opt_get(&ctx->opts, OPT_CREDENTIAL);
    const char *file = opt_get(&ctx->opts, OPT_FILE);
    struct object kms;
    struct buf hint;
    char path[PATH_SIZE] = "";
    buf_init(&hint, PATH_SIZE);
    enum rc rc = object_find(ctx->store, "kms", opt_arg(&ctx->opts, 0), &kms, err);
    if (rc == RC_OK && ref == NULL && file == NULL && !opt_has(&ctx->opts, OPT_ENDPOINT))
        rc = err_set(err, RC_USAGE,
                     "kms set: nothing to set; give --credential, --file, --endpoint");
    if (rc == RC_OK)
        rc = check_endpoint(ctx, err);
    if (rc == RC_OK && ref == NULL)
        ref = store_conf(ctx->store, "kms", kms.name, "credential");
    if (rc == RC_OK && file == NULL)
        file = store_conf(ctx->store, "kms", kms.name, "file");
    if (rc == RC_OK && file == NULL) {
        rc = field_get(ctx->store, kms.uuid, "file", &hint, NULL, err);
        file = buf_str(&hint);
    }
    if (rc == RC_OK)
        rc = path_absolute(path, file, err);
    if (rc == RC_OK && ref != NULL)
        rc = try_or_create(kms.name, path, ref, 0, err);
    if (rc == RC_OK && ref == NULL && file_exists(path) != 1) {
        (void)err_set(err, RC_KMS_MISSING, "the file of KMS %s is not there: %s", kms.name, path);
        rc = RC_KMS_MISSING;
    }
    if (rc == RC_OK && !ctx->dry_run)
        rc = store_conf_set(ctx->store, "kms", kms.name, "file", path, err);
    if (rc == RC_OK && !ctx->dry_run && opt_get(&ctx->opts, OPT_CREDENTIAL) != NULL)
        rc = bind_credential(ctx, kms.name, ref, err);
    buf_release(&hint);
    if (rc == RC_OK)
        rc = set_endpoint(ctx, &kms, err);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "kms.set", "KMS", kms.name, kms.uuid, "bound here:", err);
    return rc == RC_OK && ctx->entry[0] != '\0' ? session_publish(ctx, err) : rc;
}

/* ---- list, show, test ---- */

static enum rc
list_kms(void *arg, const struct object *o, struct err *err)
{
    struct listing *l = arg;
    const struct store *store = l->ctx->store;
    struct buf v;
    char site[LIMIT_NAME + 1];
    char provider[32];
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(store, o->uuid, "site", &v, NULL, err);
    if (rc == RC_OK)
        rc = object_name(store, buf_str(&v), site, err);
    if (rc == RC_OK)
        rc = field_get(store, o->uuid, "provider", &v, NULL, err);
    if (rc == RC_OK) {
        (void)snprintf(provider, sizeof provider, "%s", buf_str(&v));
        rc = field_get(store, o->uuid, "kept_at", &v, NULL, err);
    }
    const char *bound = store_conf(store, "kms", o->name, "credential");
    if (rc == RC_OK && l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", o->name);
        jw_str(l->w, "uuid", o->uuid);
        jw_str(l->w, "site", site);
        jw_str(l->w, "provider", provider);
        jw_bool(l->w, "bound", bound != NULL);
        jw_opt(l->w, "kept_at", buf_str(&v));
        jw_end_obj(l->w);
    } else if (rc == RC_OK) {
        const char *cells[] = {o->name, site, provider, bound != NULL ? "yes" : "no credential",
                               buf_str(&v)};
        rc = cmd_table_row(l->table, cells, 5, err);
    }
    buf_release(&v);
    return rc;
}

static enum rc
run_kms_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {
        "KMS", "SITE", "PROVIDER", "BOUND HERE", "CREDENTIAL KEPT AT", NULL};
    struct listing l = {.ctx = ctx};
    return cmd_list_objects(&l, "kms.list", "kms", titles, list_kms, err);
}

static enum rc
run_kms_show(struct ctx *ctx, struct err *err)
{
    static const char *const fields[] = {"provider", "file",   "endpoint", "instance",
                                         "account",  "region", "iam",      "kept_at"};
    struct object kms;
    struct buf v, doc = {0};
    struct jw w;
    char site[LIMIT_NAME + 1];
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = object_find(ctx->store, "kms", opt_arg(&ctx->opts, 0), &kms, err);
    if (rc == RC_OK)
        rc = field_get(ctx->store, kms.uuid, "site", &v, NULL, err);
    if (rc == RC_OK)
        rc = object_name(ctx->store, buf_str(&v), site, err);
    int json = out_is_json(ctx);
    const char *bound = rc == RC_OK ? store_conf(ctx->store, "kms", kms.name, "credential") : NULL;
    if (rc == RC_OK && json) {
        session_answer(&doc, &w, "kms.show");
        jw_str(&w, "name", kms.name);
        jw_str(&w, "uuid", kms.uuid);
        jw_str(&w, "site", site);
        jw_opt(&w, "credential", bound);
    } else if (rc == RC_OK) {
        out_field(ctx, "kms", kms.name);
        out_field(ctx, "uuid", kms.uuid);
        out_field(ctx, "site", site);
        out_field(ctx, "credential", bound != NULL ? bound : "none bound here");
    }
    for (size_t i = 0; rc == RC_OK && i < sizeof fields / sizeof fields[0]; i++) {
        rc = field_get(ctx->store, kms.uuid, fields[i], &v, NULL, err);
        if (rc == RC_OK && json)
            jw_opt(&w, fields[i], buf_str(&v));
        else if (rc == RC_OK)
            out_field(ctx, fields[i], buf_str(&v));
    }
    if (rc == RC_OK)
        rc = conflict_show(ctx, "kms", kms.uuid, kms.name, json ? &w : NULL, err);
    if (rc == RC_OK && json) {
        jw_end_obj(&w);
        rc = out_json(ctx, &doc, err);
    }
    buf_release(&doc);
    buf_release(&v);
    return rc;
}

static enum rc
count_root(void *arg, const struct root_info *info, struct err *err)
{
    (void)info;
    (void)err;
    ++*(unsigned *)arg;
    return RC_OK;
}

static enum rc
run_kms_test(struct ctx *ctx, struct err *err)
{
    struct object o;
    struct kms *kms = NULL;
    unsigned roots = 0;
    int64_t start = clock_mono_ms();
    enum rc rc = object_find(ctx->store, "kms", opt_arg(&ctx->opts, 0), &o, err);
    if (rc == RC_OK)
        rc = session_kms(ctx, &o, &kms, err);
    if (rc == RC_OK)
        rc = kms_root_each(kms, count_root, &roots, err);
    if (rc != RC_OK)
        return rc;
    long long ms = clock_mono_ms() - start;
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s answers: %u root key%s, %lld ms\n", o.name, roots,
                   roots == 1 ? "" : "s", ms);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "kms.test");
    jw_str(&w, "name", o.name);
    jw_bool(&w, "reachable", 1);
    jw_int(&w, "roots", roots);
    jw_int(&w, "milliseconds", ms);
    jw_end_obj(&w);
    rc = out_json(ctx, &doc, err);
    buf_release(&doc);
    return rc;
}

static const struct opt_spec add_options[] = {
    {OPT_SITE, "site", 0, "SITE", 0, "where the KMS stands"},
    {OPT_PROVIDER, "provider", 0, "local", 0, "kind of KMS"},
    {OPT_FILE, "file", 0, "PATH", 0, "the local KMS; made if it is not there"},
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF,
     "where its passphrase is: file:PATH, prompt, ..."},
    {OPT_KEPT_AT, "kept-at", 0, "TEXT", 0,
     "where people keep that credential, for the worst night"},
    {OPT_REGION, "region", 0, "REGION", 0, "region of the instance"},
    OPT_END,
};
static const struct opt_spec set_options[] = {
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF,
     "where its passphrase is: file:PATH, prompt, ..."},
    {OPT_FILE, "file", 0, "PATH", 0, "where the local KMS lies on this machine"},
    {OPT_ENDPOINT, "endpoint", 0, "URL", 0, "where it answers, for every site; settles a conflict"},
    OPT_END,
};
static const struct opt_spec test_options[] = {
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF | OPT_NAMED_REF,
     "another credential, for this command"},
    {OPT_KMS_FILE, "kms-file", 0, "NAME=PATH", OPT_MANY,
     "another place of the local KMS, for this command"},
    OPT_END,
};

const struct cmd cmd_kms_table[] = {
    {"kms", "add",
     "NAME --site SITE --provider local --file PATH --credential REF [--kept-at TEXT]",
     "Adds a KMS to the escrow and binds its credential on this machine.", add_options, 1, 1,
     CMD_WRITE, GROUP_SET_UP, run_kms_add,
     "keymuster kms add kp-mad --site mad --provider local --file ~/mad.kms \\\n"
     "    --credential prompt --kept-at \"vault of mad\"\n"},
    {"kms", "set", "NAME [--credential REF] [--file PATH] [--endpoint URL]",
     "Binds a KMS that the log knows on this machine.", set_options, 1, 1, CMD_WRITE, GROUP_SET_UP,
     run_kms_set, "keymuster kms set kp-mad --credential file:/etc/keymuster/kp-mad.pass\n"},
    {"kms", "list", "", "Lists the KMSs.", NULL, 0, 0, CMD_READ, GROUP_SET_UP, run_kms_list, NULL},
    {"kms", "show", "NAME", "Shows one KMS.", NULL, 1, 1, CMD_READ, GROUP_SET_UP, run_kms_show,
     NULL},
    {"kms", "test", "NAME", "Tries whether a KMS answers with this machine's credential.",
     test_options, 1, 1, CMD_READ, GROUP_SET_UP, run_kms_test, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
