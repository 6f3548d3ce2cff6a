/* kms add|set|list|show|test: key management instances and this machine's bindings to them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/conflicts.h"
#include "cli/keys/kms_conf.h"
#include "cli/keys/kms_ibm.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "crypt/hash.h"
#include "sys/file.h"
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
    int kept = 0;
    enum rc rc = session_keep_credential(ctx, "kms", name, "credential", ref, &kept, err);
    if (rc == RC_OK && !kept)
        out_note(ctx,
                 "%s can be read only once, so it is not kept; later: keymuster kms set %s "
                 "--credential REF",
                 ref, name);
    return rc;
}

/* A local KMS has a file, one of IBM's the rest. */
struct addition {
    const char *name;
    const char *ref; /* of the credential */
    struct object site;
    char path[PATH_SIZE];
    int remote;
    struct ibm_words ibm;
};

static void
write_kms(struct buf *body, const struct ctx *ctx, const char *uuid, const struct addition *a)
{
    struct jw w;
    buf_init(body, LIMIT_BODY);
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", uuid);
    jw_str(&w, "name", a->name);
    jw_str(&w, "site", a->site.uuid);
    jw_str(&w, "provider", a->remote ? "ibm" : "local");
    jw_opt(&w, "file", a->path);
    jw_opt(&w, "endpoint", a->ibm.endpoint);
    jw_opt(&w, "instance", a->ibm.instance);
    jw_opt(&w, "account", a->ibm.account);
    jw_opt(&w, "region", a->remote ? a->ibm.region : opt_get(&ctx->opts, OPT_REGION));
    jw_opt(&w, "kept_at", opt_get(&ctx->opts, OPT_KEPT_AT));
    jw_end_obj(&w);
}

/* An option of the other provider is a misunderstanding, not to be passed over. */
static enum rc
check_options(const struct ctx *ctx, const char *command, int remote, struct err *err)
{
    static const struct {
        enum opt_id id;
        const char *name;
        int remote;
    } options[] = {{OPT_FILE, "--file", 0},
                   {OPT_INSTANCE, "--instance", 1},
                   {OPT_IAM, "--iam", 1},
                   {OPT_CA, "--ca", 1}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].remote != remote && opt_has(&ctx->opts, options[i].id))
            return err_set(err, RC_USAGE, "%s: %s is not for a KMS of provider %s", command,
                           options[i].name, remote ? "ibm" : "local");
    }
    return RC_OK;
}

static enum rc
check_kms_options(const struct ctx *ctx, struct addition *a, struct err *err)
{
    const char *provider = opt_get(&ctx->opts, OPT_PROVIDER);
    const char *where = opt_get(&ctx->opts, OPT_SITE);
    const char *kept = opt_get(&ctx->opts, OPT_KEPT_AT);
    if (where == NULL)
        return err_set(err, RC_USAGE, "kms add: --site is missing: where does this KMS stand?");
    a->remote = provider != NULL && strcmp(provider, "ibm") == 0;
    if (provider == NULL || (strcmp(provider, "local") != 0 && !a->remote)) {
        (void)err_set(err, RC_USAGE, "kms add: --provider %s",
                      provider == NULL ? "is missing" : "is not known");
        return err_hint(err, "known in this version: --provider local --file PATH\n"
                             "--provider ibm --instance UUID|CRN --endpoint URL");
    }
    if (!a->remote && opt_has(&ctx->opts, OPT_ENDPOINT))
        return err_set(err, RC_USAGE, "kms add: a local KMS has no --endpoint, but a --file");
    enum rc rc = check_options(ctx, "kms add", a->remote, err);
    if (rc == RC_OK && !a->remote && opt_get(&ctx->opts, OPT_CREDENTIAL) == NULL) {
        (void)err_set(err, RC_USAGE, "kms add: --credential is missing");
        return err_hint(
            err, "say where its passphrase is: --credential file:PATH, command:ARGV, prompt");
    }
    if (rc == RC_OK && kept != NULL)
        rc = text_check(kept, "--kept-at", err);
    return rc == RC_OK ? object_find(ctx->store, "site", where, &a->site, err) : rc;
}

/* Tries it; a local KMS is made if it is not there. */
static enum rc
prepare_kms(struct ctx *ctx, struct addition *a, struct err *err)
{
    enum rc rc = a->remote ? ibm_words_add(ctx, &a->ibm, err) : absolute_file(ctx, a->path, err);
    a->ref = a->remote ? a->ibm.credential : opt_get(&ctx->opts, OPT_CREDENTIAL);
    if (rc != RC_OK || ctx->dry_run)
        return rc;
    return a->remote ? ibm_words_try(ctx, a->name, &a->ibm, 1, err)
                     : try_or_create(a->name, a->path, a->ref, 1, err);
}

static enum rc
bind_kms(struct ctx *ctx, const struct addition *a, const char *uuid, struct err *err)
{
    struct object kms = {.kind = "kms"};
    if (ctx->dry_run)
        return RC_OK;
    (void)snprintf(kms.uuid, sizeof kms.uuid, "%s", uuid);
    enum rc rc = a->remote ? ibm_words_bind(ctx, a->name, &a->ibm, 1, err)
                           : store_conf_set(ctx->store, "kms", a->name, "file", a->path, err);
    if (rc == RC_OK)
        rc = bind_credential(ctx, a->name, a->ref, err);
    return rc == RC_OK ? kms_conf_own(ctx->store, &kms, a->name, err) : rc;
}

/* kms.added, and the binding here. */
static enum rc
record_kms(struct ctx *ctx, const struct addition *a, char uuid[UUID_TEXT + 1], struct err *err)
{
    struct buf body;
    random_uuid(uuid);
    write_kms(&body, ctx, uuid, a);
    enum rc rc = session_record(ctx, "kms.added", &body, NULL, err);
    buf_release(&body);
    return rc == RC_OK ? bind_kms(ctx, a, uuid, err) : rc;
}

enum rc
cmd_kms_record_ibm(struct ctx *ctx, const char *name, const struct object *site,
                   const struct ibm_words *w, char uuid[UUID_TEXT + 1], struct err *err)
{
    struct addition a = {.name = name, .ref = w->credential, .site = *site, .remote = 1, .ibm = *w};
    return record_kms(ctx, &a, uuid, err);
}

enum rc
cmd_kms_bind_ibm(struct ctx *ctx, const struct object *kms, const struct ibm_words *w, int endpoint,
                 struct err *err)
{
    char section[LIMIT_NAME + 1];
    kms_section(ctx->store, kms, section);
    enum rc rc = ibm_words_bind(ctx, section, w, endpoint, err);
    if (rc == RC_OK)
        rc = bind_credential(ctx, section, w->credential, err);
    return rc == RC_OK ? kms_conf_own(ctx->store, kms, section, err) : rc;
}

static enum rc
run_kms_add(struct ctx *ctx, struct err *err)
{
    struct addition a = {.name = opt_arg(&ctx->opts, 0)};
    char uuid[UUID_TEXT + 1];
    enum rc rc = cmd_new_name(ctx, "kms", a.name, err);
    if (rc == RC_OK)
        rc = check_kms_options(ctx, &a, err);
    if (rc == RC_OK)
        rc = prepare_kms(ctx, &a, err);
    if (rc == RC_OK)
        rc = record_kms(ctx, &a, uuid, err);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "kms.add", "KMS", a.name, uuid, "added", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* A field of it in the log, where another value or two of them stand there. */
static enum rc
record_field(struct ctx *ctx, const struct object *kms, const char *field, const char *text,
             struct err *err)
{
    struct buf v;
    struct jw w;
    int conflict = 0;
    buf_init(&v, LIMIT_BODY);
    enum rc rc = field_get(ctx->store, kms->uuid, field, &v, &conflict, err);
    if (rc != RC_OK || (!conflict && strcmp(buf_str(&v), text) == 0)) {
        buf_release(&v);
        return rc;
    }
    buf_clear(&v);
    jw_init(&w, &v);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", kms->uuid);
    jw_obj(&w, "set");
    jw_obj(&w, field);
    jw_str(&w, "value", text);
    jw_opt(&w, "reason", ctx->reason);
    rc = field_supersedes(ctx->store, kms->uuid, field, &w, err);
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
set_endpoint(struct ctx *ctx, const struct object *kms, const char *url, struct err *err)
{
    char section[LIMIT_NAME + 1];
    if (url == NULL)
        return RC_OK;
    kms_section(ctx->store, kms, section);
    enum rc rc = record_field(ctx, kms, "endpoint", url, err);
    return rc == RC_OK && !ctx->dry_run
               ? store_conf_set(ctx->store, "kms", section, "endpoint", url, err)
               : rc;
}

/* Told by the command line, not merely by the binding or the log. */
static int
confirms_endpoint(const struct ctx *ctx, const struct object *kms)
{
    return opt_has(&ctx->opts, OPT_ENDPOINT) || kms_conf(ctx->store, kms, "endpoint") != NULL;
}

static enum rc
set_ibm(struct ctx *ctx, const struct object *kms, struct err *err)
{
    struct ibm_words w;
    char section[LIMIT_NAME + 1];
    int given = opt_has(&ctx->opts, OPT_ENDPOINT);
    kms_section(ctx->store, kms, section);
    enum rc rc = ibm_words_set(ctx, kms, &w, err);
    if (rc == RC_OK && w.credential != NULL && !ctx->dry_run)
        rc = ibm_words_try(ctx, kms->name, &w, confirms_endpoint(ctx, kms), err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = ibm_words_bind(ctx, section, &w, 0, err);
    if (rc == RC_OK && !ctx->dry_run && opt_has(&ctx->opts, OPT_CREDENTIAL))
        rc = bind_credential(ctx, section, opt_get(&ctx->opts, OPT_CREDENTIAL), err);
    return rc == RC_OK ? set_endpoint(ctx, kms, given ? w.endpoint : NULL, err) : rc;
}

static enum rc
local_path(struct ctx *ctx, const struct object *kms, char out[PATH_SIZE], struct err *err)
{
    struct buf hint;
    const char *file = opt_get(&ctx->opts, OPT_FILE);
    enum rc rc = RC_OK;
    buf_init(&hint, PATH_SIZE);
    if (file == NULL)
        file = kms_conf(ctx->store, kms, "file");
    if (file == NULL) {
        rc = field_get(ctx->store, kms->uuid, "file", &hint, NULL, err);
        file = buf_str(&hint);
    }
    if (rc == RC_OK)
        rc = path_absolute(out, file, err);
    buf_release(&hint);
    return rc;
}

static enum rc
set_local(struct ctx *ctx, const struct object *kms, struct err *err)
{
    const char *ref = opt_get(&ctx->opts, OPT_CREDENTIAL);
    const char *endpoint = opt_get(&ctx->opts, OPT_ENDPOINT);
    char path[PATH_SIZE] = "", section[LIMIT_NAME + 1];
    struct url url = {.base = ""};
    kms_section(ctx->store, kms, section);
    if (endpoint != NULL && place_url(&url, endpoint, "--endpoint", err) != RC_OK)
        return err->code;
    if (ref == NULL)
        ref = kms_conf(ctx->store, kms, "credential");
    enum rc rc = local_path(ctx, kms, path, err);
    if (rc == RC_OK && ref != NULL)
        rc = try_or_create(kms->name, path, ref, 0, err);
    else if (rc == RC_OK && file_exists(path) != 1)
        rc = err_set(err, RC_KMS_MISSING, "the file of KMS %s is not there: %s", kms->name, path);
    if (rc == RC_OK && !ctx->dry_run)
        rc = store_conf_set(ctx->store, "kms", section, "file", path, err);
    if (rc == RC_OK && !ctx->dry_run && opt_has(&ctx->opts, OPT_CREDENTIAL))
        rc = bind_credential(ctx, section, ref, err);
    return rc == RC_OK ? set_endpoint(ctx, kms, endpoint != NULL ? url.base : NULL, err) : rc;
}

static enum rc
is_remote(struct ctx *ctx, const struct object *kms, int *remote, struct err *err)
{
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(ctx->store, kms->uuid, "provider", &v, NULL, err);
    *remote = strcmp(buf_str(&v), "ibm") == 0;
    buf_release(&v);
    return rc;
}

static enum rc
run_kms_set(struct ctx *ctx, struct err *err)
{
    static const enum opt_id settable[] = {OPT_CREDENTIAL, OPT_FILE, OPT_ENDPOINT, OPT_IAM, OPT_CA};
    struct object kms;
    int remote = 0, any = 0;
    enum rc rc = object_find(ctx->store, "kms", opt_arg(&ctx->opts, 0), &kms, err);
    for (size_t i = 0; i < sizeof settable / sizeof settable[0]; i++)
        any |= opt_has(&ctx->opts, settable[i]);
    const char *kept = opt_get(&ctx->opts, OPT_KEPT_AT);
    if (rc == RC_OK && !any && kept == NULL)
        rc = err_set(err, RC_USAGE,
                     "kms set: nothing to set; give --credential, --file, --endpoint, --iam, --ca "
                     "or --kept-at");
    if (rc == RC_OK && kept != NULL)
        rc = text_check(kept, "--kept-at", err);
    if (rc == RC_OK)
        rc = is_remote(ctx, &kms, &remote, err);
    if (rc == RC_OK)
        rc = check_options(ctx, "kms set", remote, err);
    if (rc == RC_OK && any)
        rc = remote ? set_ibm(ctx, &kms, err) : set_local(ctx, &kms, err);
    if (rc == RC_OK && kept != NULL)
        rc = record_field(ctx, &kms, "kept_at", kept, err);
    if (rc == RC_OK && any && !ctx->dry_run) {
        char section[LIMIT_NAME + 1];
        kms_section(ctx->store, &kms, section);
        rc = kms_conf_own(ctx->store, &kms, section, err);
    }
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "kms.set", "KMS", kms.name, kms.uuid,
                               any ? "bound here:" : "changed", err);
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
    enum rc rc = object_site_name(store, o->uuid, site, err);
    if (rc == RC_OK)
        rc = field_get(store, o->uuid, "provider", &v, NULL, err);
    if (rc == RC_OK) {
        (void)snprintf(provider, sizeof provider, "%s", buf_str(&v));
        rc = field_get(store, o->uuid, "kept_at", &v, NULL, err);
    }
    const char *bound = kms_conf(store, o, "credential");
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
        rc = object_site_name(ctx->store, kms.uuid, site, err);
    int json = out_is_json(ctx);
    const char *bound = rc == RC_OK ? kms_conf(ctx->store, &kms, "credential") : NULL;
    if (rc == RC_OK && json) {
        session_answer(&doc, &w, "kms.show");
        jw_str(&w, "name", kms.name);
        jw_str(&w, "uuid", kms.uuid);
        jw_str(&w, "site", site);
        jw_opt(&w, "credential", bound);
        jw_opt(&w, "iam_here", kms_conf(ctx->store, &kms, "iam"));
        jw_opt(&w, "ca_here", kms_conf(ctx->store, &kms, "ca"));
    } else if (rc == RC_OK) {
        out_field(ctx, "kms", kms.name);
        out_field(ctx, "uuid", kms.uuid);
        out_field(ctx, "site", site);
        out_field(ctx, "credential", bound != NULL ? bound : "none bound here");
        out_field(ctx, "iam here", kms_conf(ctx->store, &kms, "iam"));
        out_field(ctx, "ca here", kms_conf(ctx->store, &kms, "ca"));
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
    jw_int(&w, "ms", ms);
    return out_object(ctx, &doc, &w, err);
}

/* clang-format off */
static const struct opt_spec add_options[] = {
    {OPT_SITE, "site", 0, "SITE", 0, "where the KMS stands"},
    {OPT_PROVIDER, "provider", 0, "local|ibm", 0, "kind of KMS"},
    {OPT_FILE, "file", 0, "PATH", 0, "the local KMS; made if it is not there"},
    {OPT_INSTANCE, "instance", 0, "UUID|CRN", 0, "IBM: the instance (else KP_INSTANCE_ID)"},
    {OPT_ENDPOINT, "endpoint", 0, "URL", 0, "IBM: where it answers (else KP_TARGET_ADDR)"},
    {OPT_IAM, "iam", 0, "URL", 0, "IBM: where tokens come from; not IBM's public address"},
    {OPT_CA, "ca", 0, "FILE", 0, "IBM: certificates that vouch for both, not the system's"},
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF,
     "where its passphrase or API key is: file:PATH, prompt, ... (else IBMCLOUD_API_KEY)"},
    {OPT_KEPT_AT, "kept-at", 0, "TEXT", 0,
     "where people keep that credential, for the worst night"},
    {OPT_REGION, "region", 0, "REGION", 0, "region of the instance"},
    OPT_END,
};
static const struct opt_spec set_options[] = {
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF,
     "where its passphrase or API key is: file:PATH, prompt, ..."},
    {OPT_FILE, "file", 0, "PATH", 0, "where the local KMS lies on this machine"},
    {OPT_ENDPOINT, "endpoint", 0, "URL", 0, "where it answers, for every site; settles a conflict"},
    {OPT_IAM, "iam", 0, "URL", 0, "IBM: where tokens come from, on this machine"},
    {OPT_CA, "ca", 0, "FILE", 0, "IBM: certificates that vouch for it, on this machine"},
    {OPT_KEPT_AT, "kept-at", 0, "TEXT", 0,
     "where people keep its credential, for every site; settles a conflict"},
    OPT_END,
};
static const struct opt_spec test_options[] = {
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF | OPT_NAMED_REF,
     "another credential, for this command"},
    {OPT_KMS_FILE, "kms-file", 0, "NAME=PATH", OPT_MANY,
     "another place of the local KMS, for this command"},
    KMS_PLACE_OPTIONS,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_kms_table[] = {
    {"kms", "add",
     "NAME --site SITE --provider local|ibm (--file PATH | --instance UUID|CRN --endpoint URL) "
     "--credential REF [--kept-at TEXT]",
     "Adds a KMS to the escrow, tries it, and binds its credential on this machine.", add_options,
     1, 1, CMD_WRITE, GROUP_SET_UP, run_kms_add,
     "keymuster kms add kp-mad --site mad --provider local --file ~/mad.kms \\\n"
     "    --credential prompt --kept-at \"vault of mad\"\n"
     "keymuster kms add kp-fra --site fra --provider ibm --instance CRN \\\n"
     "    --endpoint https://eu-de.kms.cloud.ibm.com --credential file:kp.apikey\n"},
    {"kms", "set",
     "NAME [--credential REF] [--file PATH] [--endpoint URL] [--iam URL] [--ca FILE] "
     "[--kept-at TEXT]",
     "Binds a KMS that the log knows on this machine; changes where its credential is kept.",
     set_options, 1, 1, CMD_WRITE, GROUP_SET_UP, run_kms_set,
     "keymuster kms set kp-mad --credential file:/etc/keymuster/kp-mad.pass\n"},
    {"kms", "list", "", "Lists the KMSs.", NULL, 0, 0, CMD_READ, GROUP_SET_UP, run_kms_list, NULL},
    {"kms", "show", "NAME", "Shows one KMS.", NULL, 1, 1, CMD_READ, GROUP_SET_UP, run_kms_show,
     NULL},
    {"kms", "test", "NAME", "Tries whether a KMS answers with this machine's credential.",
     test_options, 1, 1, CMD_READ, GROUP_SET_UP, run_kms_test, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
