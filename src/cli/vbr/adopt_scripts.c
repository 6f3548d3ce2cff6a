/* vbr adopt --scripts: the KMS and the root key that a site's scripts name. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/keys/kms_conf.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "cli/vbr/adopt.h"
#include "crypt/hash.h"
#include "kms/iam.h"
#include "sys/env.h"
#include "sys/file.h"
#include "text/uni.h"

static const struct {
    enum opt_id id;
    const char *option;
} overrides[SCRIPTS_ROLES] = {
    [SCRIPTS_INSTANCE] = {OPT_INSTANCE, "--instance UUID|CRN"},
    [SCRIPTS_ROOT] = {OPT_ROOT, "--root ROOT|ID|CRN|ALIAS"},
    [SCRIPTS_ENDPOINT] = {OPT_ENDPOINT, "--endpoint URL"},
    [SCRIPTS_IAM] = {OPT_IAM, "--iam URL"},
};

void
adopt_scripts_release(struct adopt_scripts *s)
{
    scripts_release(&s->read);
}

/* ---- reading ---- */

static enum rc
read_one(struct adopt_scripts *s, const char *path, struct err *err)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return file_not_opened(path, err);
    enum rc rc = scripts_add(&s->read, f, path, err);
    (void)fclose(f); /* only read from */
    return rc;
}

/* Of what no script says as a literal: where it stands instead, and how to say it. */
static enum rc
ask_for(enum scripts_role role, const struct scripts_fact *f, struct err *err)
{
    const char *what = scripts_role_text(role);
    (void)err_set(err, RC_BAD_VALUE, "no script says %s as a literal", what);
    if (f->computed_at.file != NULL)
        (void)err_why(err, "%s line %u: %s is computed, or given from outside", f->computed_at.file,
                      f->computed_at.line, f->computed[0] != '\0' ? f->computed : "it");
    else if (f->odd.file != NULL)
        (void)err_why(err, "%s line %u: what stands there is none", f->odd.file, f->odd.line);
    else
        (void)err_why(err, "none of them uses it in a way that is known here");
    return err_hint(err, "say it: %s", overrides[role].option);
}

static enum rc
check_fact(const struct adopt_scripts *s, enum scripts_role role, struct err *err)
{
    const struct scripts_fact *f = &s->read.facts[role];
    if (opt_has(&s->ctx->opts, overrides[role].id))
        return RC_OK;
    if (f->other.file != NULL) {
        (void)err_set(err, RC_AMBIGUOUS, "the scripts disagree about %s", scripts_role_text(role));
        (void)err_why(err, "%s line %u, %s line %u", f->at.file, f->at.line, f->other.file,
                      f->other.line);
        return err_hint(err, "which is right? %s", overrides[role].option);
    }
    if (f->value[0] != '\0' || role == SCRIPTS_IAM ||
        (role == SCRIPTS_ENDPOINT && strncmp(s->read.facts[0].value, "crn:", 4) == 0))
        return RC_OK;
    return ask_for(role, f, err);
}

enum rc
adopt_scripts_read(struct adopt_scripts *s, struct err *err)
{
    const struct opts *o = &s->ctx->opts;
    struct root root;
    struct err scratch = ERR_INIT;
    enum rc rc = RC_OK;
    scripts_init(&s->read);
    for (size_t i = 0; rc == RC_OK && i < opt_count(o, OPT_SCRIPTS); i++)
        rc = read_one(s, opt_at(o, OPT_SCRIPTS, i), err);
    for (size_t i = 1; rc == RC_OK && i < o->arg_count; i++)
        rc = read_one(s, opt_arg(o, i), err);
    if (rc != RC_OK)
        return rc;
    scripts_settle(&s->read);
    for (size_t i = 0; i < s->read.secret_count; i++)
        out_warn(s->ctx,
                 "a secret lies in %s line %u; it was not read; have it replaced once the "
                 "scripts are no longer used",
                 s->read.secrets[i].file, s->read.secrets[i].line);
    const char *given = opt_get(o, OPT_ROOT);
    int known = 0;
    if (given != NULL)
        rc = err_unless_found(root_find(s->ctx->store, given, &root, &scratch), &scratch, &known,
                              err);
    if (known)
        return RC_OK; /* of that one all is known */
    for (enum scripts_role role = 0; rc == RC_OK && role < SCRIPTS_ROLES; role++)
        rc = check_fact(s, role, err);
    return rc;
}

/* ---- the KMS ---- */

/* VALUE of NAME=VALUE for this KMS; else the first without a name. */
static const char *
word_for(const struct ctx *ctx, enum opt_id id, const char *name)
{
    const char *bare = NULL;
    size_t len = strlen(name);
    for (size_t i = 0; i < opt_count(&ctx->opts, id); i++) {
        const char *text = opt_at(&ctx->opts, id, i);
        const char *equals = strchr(text, '=');
        int named = equals != NULL && strcspn(text, "/:") > (size_t)(equals - text);
        if (named && strncmp(text, name, len) == 0 && text + len == equals)
            return equals + 1;
        if (!named && bare == NULL)
            bare = text;
    }
    return bare;
}

static enum rc
same_instance(void *arg, const struct object *o, struct err *err)
{
    struct adopt_scripts *s = arg;
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(s->ctx->store, o->uuid, "instance", &v, NULL, err);
    if (rc == RC_OK && strcmp(buf_str(&v), s->words.instance) == 0)
        s->kms = *o;
    buf_release(&v);
    return rc;
}

/* --kms, else after the region; one that is free. */
static enum rc
name_kms(struct adopt_scripts *s, struct err *err)
{
    const char *given = opt_get(&s->ctx->opts, OPT_KMS);
    const char *region = s->words.region[0] != '\0' ? s->words.region : "scripts";
    enum rc rc = RC_EXISTS;
    if (given != NULL) {
        rc = cmd_new_name(s->ctx, "kms", given, err);
        if (rc == RC_OK)
            (void)snprintf(s->kms.name, sizeof s->kms.name, "%s", given);
        return rc;
    }
    for (int n = 1; rc != RC_OK && n < 10; n++) {
        if (n == 1)
            (void)snprintf(s->kms.name, sizeof s->kms.name, "kms-%.40s", region);
        else
            (void)snprintf(s->kms.name, sizeof s->kms.name, "kms-%.40s-%d", region, n);
        err_clear(err);
        rc = cmd_new_name(s->ctx, "kms", s->kms.name, err);
    }
    return rc == RC_OK ? rc : err_hint(err, "name it: --kms NAME");
}

struct sites {
    struct adopt_scripts *s;
    struct object only, there; /* the last one; the last one in the region of the KMS */
    int count, hits;
};

static enum rc
look_site(void *arg, const struct object *o, struct err *err)
{
    struct sites *l = arg;
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(l->s->ctx->store, o->uuid, "region", &v, NULL, err);
    l->only = *o;
    l->count++;
    if (rc == RC_OK && v.len > 0 && strcmp(buf_str(&v), l->s->words.region) == 0) {
        l->there = *o;
        l->hits++;
    }
    buf_release(&v);
    return rc;
}

/* Where a KMS that is new stands: --site, the site in its region, the only site. */
static enum rc
find_site(struct adopt_scripts *s, struct err *err)
{
    const char *given = opt_get(&s->ctx->opts, OPT_SITE);
    struct sites l = {.s = s};
    if (given != NULL)
        return object_find(s->ctx->store, "site", given, &s->site, err);
    enum rc rc = object_each(s->ctx->store, "site", look_site, &l, err);
    if (rc != RC_OK)
        return rc;
    if (l.hits == 1 || l.count == 1) {
        s->site = l.hits == 1 ? l.there : l.only;
        return RC_OK;
    }
    (void)err_set(err, RC_USAGE,
                  "vbr adopt: --site is missing: where does the scripts' KMS stand?");
    return err_hint(err, "sites are listed by: keymuster site list\none with the KMS's region "
                         "(site add --region) is found by itself");
}

/* Endpoint, IAM address, certificates and credential: the command line, else the log (of a KMS that
 * it knows), else the scripts. An address of a script counts as one of a log: no credential goes
 * there unless it is one of IBM's, or a person says it. */
static enum rc
take_words(struct adopt_scripts *s, struct err *err)
{
    struct ctx *ctx = s->ctx;
    const struct scripts_fact *f = s->read.facts;
    const char *ca = word_for(ctx, OPT_CA, s->kms.name);
    const char *iam = word_for(ctx, OPT_IAM, s->kms.name);
    const char *key = env_original("IBMCLOUD_API_KEY");
    struct url url;
    enum rc rc = RC_OK;
    if (iam == NULL && f[SCRIPTS_IAM].value[0] != '\0') {
        iam = f[SCRIPTS_IAM].value;
        rc = url_parse(&url, iam, "--iam", err);
        if (rc == RC_OK && !place_is_iam(url.host)) {
            (void)err_set(err, RC_ENDPOINT_UNKNOWN,
                          "the scripts take their tokens from a host that is not one of IBM's");
            (void)err_why(err, "%s line %u", f[SCRIPTS_IAM].at.file, f[SCRIPTS_IAM].at.line);
            return err_hint(err, "if the API key may go there: --iam URL");
        }
    }
    if (rc == RC_OK && iam != NULL)
        rc = iam_url(&url, iam, "--iam", err);
    if (rc == RC_OK && iam != NULL)
        (void)snprintf(s->words.iam, sizeof s->words.iam, "%s", url.base);
    if (rc == RC_OK && ca != NULL)
        rc = path_absolute(s->words.ca, ca, err);
    s->words.credential = word_for(ctx, OPT_CREDENTIAL, s->kms.name);
    if (s->words.credential == NULL && key != NULL && key[0] != '\0')
        s->words.credential = "env:IBMCLOUD_API_KEY";
    if (rc != RC_OK || s->words.credential != NULL)
        return rc;
    (void)err_set(err, RC_USAGE, "vbr adopt: --credential is missing");
    return err_hint(err, "where an API key of the scripts' KMS is: --credential file:PATH, "
                         "command:ARGV, prompt");
}

/* Of a KMS that the log knows its address counts, not the scripts'. */
static enum rc
known_place(struct adopt_scripts *s, const char *said, struct err *err)
{
    struct buf v;
    buf_init(&v, LIMIT_TEXT);
    enum rc rc = field_get(s->ctx->store, s->kms.uuid, "endpoint", &v, NULL, err);
    if (rc == RC_OK && said == NULL && v.len > 0 && v.len < sizeof s->words.endpoint)
        memcpy(s->words.endpoint, buf_str(&v), v.len + 1);
    s->confirmed = said != NULL && strcmp(buf_str(&v), s->words.endpoint) == 0;
    buf_release(&v);
    return rc;
}

/* The KMS of the instance, known or to be added; s->words. */
static enum rc
find_kms(struct adopt_scripts *s, struct err *err)
{
    const struct opts *o = &s->ctx->opts;
    const struct scripts_fact *f = s->read.facts;
    const char *instance = opt_get(o, OPT_INSTANCE);
    const char *name = opt_get(o, OPT_KMS);
    const char *said = word_for(s->ctx, OPT_ENDPOINT, name != NULL ? name : "");
    const char *endpoint = said;
    if (endpoint == NULL && f[SCRIPTS_ENDPOINT].value[0] != '\0')
        endpoint = f[SCRIPTS_ENDPOINT].value;
    enum rc rc = ibm_words_of(s->ctx, instance != NULL ? instance : f[SCRIPTS_INSTANCE].value,
                              endpoint, &s->words, err);
    if (rc == RC_OK)
        rc = object_each(s->ctx->store, "kms", same_instance, s, err);
    s->kms_new = rc == RC_OK && s->kms.uuid[0] == '\0';
    s->bound = !s->kms_new && kms_conf(s->ctx->store, &s->kms, "credential") != NULL;
    if (rc == RC_OK && !s->kms_new)
        rc = known_place(s, said, err);
    if (rc == RC_OK && s->kms_new)
        rc = name_kms(s, err);
    if (rc == RC_OK && s->kms_new)
        rc = find_site(s, err);
    if (rc == RC_OK && !s->bound)
        rc = take_words(s, err);
    return rc;
}

/* What to give where the address of the scripts is of no use. A private one is reached from IBM's
 * own network alone. */
static enum rc
say_place(const struct adopt_scripts *s, enum rc rc, struct err *err)
{
    const struct scripts_fact *f = &s->read.facts[SCRIPTS_ENDPOINT];
    struct url url;
    struct place p;
    struct err scratch = ERR_INIT;
    if (rc == RC_ENDPOINT_UNKNOWN && f->at.file != NULL) {
        (void)err_why(err, "%s line %u: the endpoint is not one of IBM's", f->at.file, f->at.line);
        (void)err_hint(err, "if the API key may go there: --endpoint URL");
    }
    if (kms_is_away(rc) && url_parse(&url, s->words.endpoint, "it", &scratch) == RC_OK &&
        place_parse(&p, url.host) == 0 && p.private_net)
        (void)err_hint(err,
                       "%s is reached from IBM's network alone; from elsewhere the public address: "
                       "--endpoint URL --iam https://iam.cloud.ibm.com",
                       url.host);
    return rc;
}

/* ---- the root key ---- */

struct same_root {
    struct adopt_scripts *s;
    const char *id;
    int found;
};

static enum rc
find_same(void *arg, const struct object *o, struct err *err)
{
    struct same_root *l = arg;
    struct root r;
    enum rc rc = root_load(l->s->ctx->store, o, &r, err);
    if (rc == RC_OK && strcmp(r.id, l->id) == 0 && strcmp(r.kms.uuid, l->s->kms.uuid) == 0) {
        l->s->root = r;
        l->found = 1;
    }
    return rc;
}

/* Its alias there where that is a name and free, else after the KMS. */
static enum rc
name_root(const struct adopt_scripts *s, const struct root_info *info, char out[LIMIT_NAME + 1],
          struct err *err)
{
    (void)snprintf(out, LIMIT_NAME + 1, "%s", info->alias);
    if (out[0] != '\0' && cmd_new_name(s->ctx, "root", out, err) == RC_OK)
        return RC_OK;
    err_clear(err);
    (void)snprintf(out, LIMIT_NAME + 1, "%.56s-root", s->kms.name);
    return cmd_new_name(s->ctx, "root", out, err);
}

/* As it would be, for --dry-run. */
static void
make_up_root(struct adopt_scripts *s, const char *name, const struct root_info *info)
{
    struct root *r = &s->root;
    memset(r, 0, sizeof *r);
    random_uuid(r->object.uuid);
    (void)snprintf(r->object.kind, sizeof r->object.kind, "root");
    (void)snprintf(r->object.name, sizeof r->object.name, "%s", name);
    r->kms = s->kms;
    memcpy(r->site, s->site.uuid, sizeof r->site);
    memcpy(r->id, info->id, sizeof r->id);
    r->state = info->state;
    memcpy(r->version, info->version, sizeof r->version);
}

/* Records and binds what is new; the KMS open is then that of the session. */
static enum rc
settle(struct adopt_scripts *s, struct kms **open, const struct root_info *info, struct err *err)
{
    struct ctx *ctx = s->ctx;
    char name[LIMIT_NAME + 1], uuid[UUID_TEXT + 1];
    struct same_root same = {.s = s, .id = info->id};
    enum rc rc = s->kms_new ? RC_OK : object_each(ctx->store, "root", find_same, &same, err);
    s->root_new = !same.found;
    if (rc == RC_OK && s->root_new)
        rc = name_root(s, info, name, err);
    if (rc == RC_OK && s->kms_new && ctx->dry_run)
        random_uuid(s->kms.uuid);
    else if (rc == RC_OK && s->kms_new)
        rc = cmd_kms_record_ibm(ctx, s->kms.name, &s->site, &s->words, s->kms.uuid, err);
    else if (rc == RC_OK && !s->bound && !ctx->dry_run)
        rc = cmd_kms_bind_ibm(ctx, &s->kms, &s->words, s->confirmed, err);
    if (rc == RC_OK && *open != NULL)
        rc = session_kms_lend(ctx, &s->kms, open, err);
    if (rc == RC_OK && s->root_new && ctx->dry_run)
        make_up_root(s, name, info);
    else if (rc == RC_OK && s->root_new)
        rc = cmd_root_record(ctx, name, &s->kms, info, uuid, err);
    if (rc == RC_OK && s->root_new && !ctx->dry_run)
        rc = root_find(ctx->store, uuid, &s->root, err);
    return rc;
}

enum rc
adopt_scripts_reach(struct adopt_scripts *s, struct err *err)
{
    struct ctx *ctx = s->ctx;
    const char *given = opt_get(&ctx->opts, OPT_ROOT);
    struct kms *open = NULL, *kms = NULL;
    struct root_info info = {.id = ""};
    struct err scratch = ERR_INIT;
    int known = 0;
    enum rc rc = RC_OK;
    if (given != NULL)
        rc = err_unless_found(root_find(ctx->store, given, &s->root, &scratch), &scratch, &known,
                              err);
    if (known) {
        s->kms = s->root.kms;
        rc = session_kms(ctx, &s->kms, &kms, err);
        ctx->bare_taken = 1;
        return rc;
    }
    if (rc == RC_OK)
        rc = find_kms(s, err);
    if (rc != RC_OK)
        return rc;
    if (s->bound)
        rc = session_kms(ctx, &s->kms, &kms, err);
    else
        rc = ibm_words_open(ctx, s->kms.name, &s->words, opt_has(&ctx->opts, OPT_ENDPOINT), &open,
                            err);
    if (rc == RC_OK)
        rc = kms_root_info(open != NULL ? open : kms,
                           given != NULL ? given : s->read.facts[SCRIPTS_ROOT].value, &info, err);
    rc = say_place(s, rc, err);
    ctx->bare_taken = 1;
    if (rc == RC_OK)
        rc = settle(s, &open, &info, err);
    kms_close(open);
    return rc;
}
