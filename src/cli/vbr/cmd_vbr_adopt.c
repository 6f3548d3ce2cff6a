/* vbr adopt: passwords that are at a backup server already come into the escrow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/reveal/showing.h"
#include "cli/vbr/adopt.h"
#include "recover/reveal.h"
#include "vbr/description.h"

/* ---- what is there ---- */

static enum rc
take_one(void *arg, const struct vbr_password *p, struct err *err)
{
    return adopt_take(arg, p, err);
}

/* By its id, its hint, or the moniker in it. */
static int
is_named(const struct vbr_adoption *p, const char *word)
{
    long cut = description_cut(p->hint, strlen(p->hint));
    return strcmp(p->id, word) == 0 || strcmp(p->hint, word) == 0 ||
           (cut >= 0 && strlen(word) == (size_t)cut && memcmp(p->hint, word, (size_t)cut) == 0);
}

static enum rc
choose_named(struct adopting *x, const char *word, struct err *err)
{
    struct vbr_adoption *found = NULL;
    for (size_t i = 0; i < x->count; i++) {
        if (!is_named(&x->list[i], word))
            continue;
        if (found != NULL) {
            (void)err_set(err, RC_AMBIGUOUS, "several passwords at %s are called that: %s, %s",
                          x->a.s->object.name, found->id, x->list[i].id);
            return err_hint(err, "name it by its id");
        }
        found = &x->list[i];
    }
    if (found == NULL) {
        (void)err_set(err, RC_VBR_GONE, "backup server %s has no password called %.128s",
                      x->a.s->object.name, word);
        return err_hint(err,
                        "by id, hint, or what stands before \" | \" in it: keymuster vbr "
                        "reconcile %s",
                        x->a.s->object.name);
    }
    x->chosen[x->chosen_count++] = found;
    return RC_OK;
}

static enum rc
choose(struct adopting *x, struct err *err)
{
    const struct opts *o = &x->a.ctx->opts;
    enum rc rc = x->listed ? adopt_files(x, err) : vbr_each(x->a.s->vbr, take_one, x, err);
    x->chosen = rc == RC_OK ? calloc(x->count + o->arg_count, sizeof(struct vbr_adoption *)) : NULL;
    if (rc == RC_OK && x->chosen == NULL)
        return err_nomem(err);
    for (size_t i = 0; rc == RC_OK && x->a.every && i < x->count; i++)
        x->chosen[x->chosen_count++] = &x->list[i];
    for (size_t i = 1; rc == RC_OK && x->scripts == NULL && i < o->arg_count; i++)
        rc = choose_named(x, opt_arg(o, i), err);
    return rc;
}

/* ---- the command ---- */

/* Of a list in files nothing can be verified. */
static void
leave_unverified(struct adopting *x)
{
    for (size_t i = 0; i < x->chosen_count; i++)
        if (x->chosen[i]->outcome == ADOPT_OPEN)
            x->chosen[i]->outcome = ADOPT_UNSURE;
}

/* One that no copy has, all copies having just been tried, or that does not open any more, is
 * refused; the others go on. */
static enum rc
verify_one(struct adopting *x, struct vbr_adoption *p, struct err *err)
{
    const struct ctx *ctx = x->a.ctx;
    struct err why = ERR_INIT;
    enum rc rc = ctx->unsynced ? RC_OK : reveal_released(ctx->store, &p->key, &why);
    if (rc == RC_OK)
        rc = vbr_adopt_verify(&x->a, p, &why);
    if (rc == RC_NOT_RELEASED || err_exit(rc) == 14) {
        p->outcome = ADOPT_REFUSED;
        p->why = why;
        return RC_OK;
    }
    if (rc != RC_OK)
        *err = why;
    return rc;
}

/* What is verified is sent there; so a person says yes for all of them. */
static enum rc
verify_all(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    size_t waiting = 0;
    char question[LIMIT_NAME + 96];
    for (size_t i = 0; i < x->chosen_count; i++)
        waiting += x->chosen[i]->outcome == ADOPT_OPEN;
    (void)snprintf(question, sizeof question, "Have %zu password%s verified by %s? It sees them.",
                   waiting, waiting == 1 ? "" : "s", x->a.s->object.name);
    enum rc rc = waiting > 0 ? session_publish(ctx, err) : RC_OK;
    if (rc == RC_OK && x->listed) {
        leave_unverified(x);
        return RC_OK;
    }
    if (rc == RC_OK && x->a.every && x->scripts == NULL && waiting > 0)
        rc = confirm_yes(ctx, question, err);
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        if (x->chosen[i]->outcome == ADOPT_OPEN)
            rc = verify_one(x, x->chosen[i], err);
    }
    return rc;
}

static enum rc
record_all(struct adopting *x, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < x->chosen_count; i++) {
        struct vbr_adoption *p = x->chosen[i];
        rc = x->unknown            ? vbr_adopt_hole(&x->a, p, err)
             : x->a.secret != NULL ? vbr_adopt_typed(&x->a, p, err)
                                   : vbr_adopt_hint(&x->a, p, err);
    }
    return rc;
}

/* Of all of them, what ends it half way is told after what became of each: the same command goes
 * on. */
static enum rc
adopt_all(struct adopting *x, struct err *err)
{
    enum rc rc = record_all(x, err);
    if (rc == RC_OK)
        rc = adopt_second(x, err);
    if (rc == RC_OK)
        rc = verify_all(x, err);
    if (rc == RC_OK && x->chosen_count == 1 && !x->a.every &&
        x->chosen[0]->outcome == ADOPT_REFUSED) {
        *err = x->chosen[0]->why; /* the only one: that is no partial success */
        rc = err->code;
    }
    int status = err_exit(rc);
    if (rc == RC_OK || !x->a.every || status == 130 || status == 143 || status == 70)
        return rc;
    x->stopped = *err;
    err_clear(err);
    return RC_OK;
}

/* Which of them, and the options that go with that. */
static enum rc
check_choice(struct adopting *x, struct err *err)
{
    const struct opts *o = &x->a.ctx->opts;
    int scripts = opt_has(o, OPT_SCRIPTS);
    int one = x->a.secret != NULL || x->unknown || x->a.name != NULL || opt_has(o, OPT_SINCE);
    x->a.every = opt_has(o, OPT_ALL) || scripts;
    if (o->arg_count == 0 && !x->listed)
        return err_set(err, RC_USAGE,
                       "vbr adopt: name a server, or a list of it with --file EXPORT");
    if (!scripts && x->a.every == (o->arg_count > 1)) {
        (void)err_set(err, RC_USAGE, "vbr adopt: name passwords of the server, or give --all");
        return err_hint(err, "by id, by hint, or by what stands before \" | \" in it");
    }
    if (one && (x->a.every || o->arg_count != 2))
        return err_set(err, RC_USAGE,
                       "vbr adopt: --secret, --unknown, --key and --since are about one password");
    if (x->listed && (x->a.secret != NULL || x->unknown))
        return err_set(err, RC_USAGE,
                       "vbr adopt: of a list in a file only the hints are taken over");
    if (scripts && x->a.purpose == NULL) {
        (void)err_set(err, RC_USAGE, "vbr adopt: --purpose is missing");
        return err_hint(err, "what are most of them for? --purpose backup-job, backup-copy ...");
    }
    if (scripts && opt_count(o, OPT_ROOT) > 1)
        return err_set(err, RC_USAGE, "vbr adopt: --root is the scripts' root key, and one");
    if (x->a.secret != NULL && x->unknown)
        return err_set(err, RC_USAGE, "vbr adopt: --secret and --unknown exclude each other");
    return RC_OK;
}

static enum rc
read_words(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    const struct opts *o = &ctx->opts;
    const char *since = opt_get(o, OPT_SINCE), *site = opt_get(o, OPT_PROTECTS_SITE);
    const char *second = opt_get(o, OPT_SECOND);
    struct root root;
    int64_t ms = 0;
    x->a.name = opt_get(o, OPT_KEY);
    x->a.purpose = opt_get(o, OPT_PURPOSE);
    x->a.secret = opt_get(o, OPT_SECRET);
    x->unknown = opt_has(o, OPT_UNKNOWN);
    x->listed = opt_has(o, OPT_FILE);
    enum rc rc = check_choice(x, err);
    if (rc == RC_OK && since != NULL)
        rc = date_parse(&ms, since, "--since", err);
    if (rc == RC_OK && since != NULL && ms > clock_now_ms())
        rc = err_set(err, RC_BAD_VALUE, "--since %s: that is yet to come", since);
    if (rc == RC_OK && since != NULL)
        time_format(x->a.since, ms);
    if (rc == RC_OK && site == NULL && ctx->store->site[0] == '\0')
        rc = err_set(err, RC_USAGE, "--protects-site is missing, and this store stands at no site");
    if (rc == RC_OK)
        rc = object_find(ctx->store, "site", site != NULL ? site : ctx->store->site, &x->a.site,
                         err);
    if (rc == RC_OK && second != NULL)
        rc = root_find(ctx->store, second, &root, err);
    if (rc == RC_OK && x->a.secret != NULL)
        rc = who_ask(ctx, &x->a.who, err);
    return rc == RC_OK ? showing_memory(ctx, err) : rc;
}

/* On record of this server; and which password its configuration backup uses, if this account may
 * see that. */
static enum rc
look(struct adopting *x, struct err *err)
{
    struct vbr_backup b;
    struct err scratch = ERR_INIT;
    struct vbr_known *all = NULL;
    size_t count = 0, kept = 0;
    enum rc rc = vbr_known_load(x->a.ctx->store, NULL, &all, &count, err);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].server, x->a.s->object.uuid) == 0)
            all[kept++] = all[i];
    }
    x->a.known = all;
    x->a.known_count = kept;
    if (rc != RC_OK || x->listed)
        return rc;
    if (vbr_backup_get(x->a.s->vbr, &b, &scratch) == RC_OK && b.encrypted)
        memcpy(x->a.config, b.password, sizeof x->a.config);
    vbr_backup_release(&b);
    return RC_OK;
}

/* One that cannot be asked would refuse each of them. */
static enum rc
open_second(struct ctx *ctx, struct err *err)
{
    const char *second = opt_get(&ctx->opts, OPT_SECOND);
    struct root root;
    struct kms *kms = NULL;
    if (second == NULL)
        return RC_OK;
    enum rc rc = root_find(ctx->store, second, &root, err);
    return rc == RC_OK ? session_kms(ctx, &root.kms, &kms, err) : rc;
}

/* One yes for all that --scripts does, before any of it. */
static enum rc
reach_scripts(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    char question[LIMIT_NAME + 160];
    (void)snprintf(question, sizeof question,
                   x->listed ? "Take %zu passwords over by the root key of the scripts?"
                             : "Take %zu passwords over by the root key of the scripts, and have "
                               "them verified by %s, which sees them?",
                   x->chosen_count, x->a.s->object.name);
    enum rc rc = ctx->dry_run ? RC_OK : confirm_yes(ctx, question, err);
    if (rc != RC_NO_CONFIRM)
        rc = rc == RC_OK ? adopt_scripts_reach(x->scripts, err) : rc;
    else
        (void)err_hint(err, "what would be done: the same with -n");
    x->a.first = &x->scripts->root;
    return rc == RC_OK ? open_second(ctx, err) : rc;
}

static enum rc
adopt(struct adopting *x, struct err *err)
{
    struct ctx *ctx = x->a.ctx;
    enum rc rc = x->scripts != NULL ? adopt_scripts_read(x->scripts, err) : RC_OK;
    if (rc == RC_OK && !x->listed)
        rc = vbr_server_open(ctx, opt_arg(&ctx->opts, 0), x->a.s, err);
    else if (rc == RC_OK && ctx->opts.arg_count > 0)
        rc = object_find(ctx->store, "vbr", opt_arg(&ctx->opts, 0), &x->a.s->object, err);
    if (rc == RC_OK)
        rc = look(x, err);
    if (rc == RC_OK)
        rc = choose(x, err);
    if (rc == RC_OK && x->scripts != NULL)
        rc = reach_scripts(x, err);
    if (rc == RC_OK)
        rc = adopt_all(x, err);
    return rc == RC_OK ? adopt_answer(x, err) : rc;
}

static enum rc
run_adopt(struct ctx *ctx, struct err *err)
{
    struct vbr_server s = {.vbr = NULL};
    struct adopt_scripts scripts = {.ctx = ctx};
    struct adopting x = {.a = {.ctx = ctx, .s = &s}};
    x.scripts = opt_has(&ctx->opts, OPT_SCRIPTS) ? &scripts : NULL;
    enum rc rc = read_words(&x, err);
    if (rc == RC_OK)
        rc = adopt(&x, err);
    vbr_server_close(&s);
    for (size_t i = 0; i < x.count; i++)
        free(x.list[i].hint);
    free(x.list);
    free(x.chosen);
    free(x.a.known);
    adopt_scripts_release(&scripts);
    if (rc == RC_OK && x.stopped.code != RC_OK) {
        *err = x.stopped;
        rc = err->code;
    }
    if (rc == RC_OK)
        return session_publish(ctx, err);
    session_publish_rest(ctx);
    return rc;
}

/* clang-format off */
static const struct opt_spec adopt_options[] = {
    {OPT_ALL, "all", 0, NULL, 0, "every password that has a wrap in its hint"},
    {OPT_SCRIPTS, "scripts", 0, "FILE", OPT_MANY, "all, by the KMS and root key that the site's own scripts name"},
    {OPT_FILE, "file", 0, "EXPORT", OPT_MANY, "a list of its passwords, as import reads it; the server is not asked"},
    {OPT_KEY, "key", 0, "NAME", 0, "the key's name (default: as the hint has it)"},
    {OPT_PURPOSE, "purpose", 0, "PURPOSE", 0, "of a key that is not known yet"},
    {OPT_ROOT, "root", 0, "ROOT", OPT_MANY, "under which the wrap is (default: any); with --secret: to wrap under; with --scripts: the root key, also its id or CRN"},
    {OPT_SECOND, "second", 0, "ROOT", 0, "adds a wrap under this root key, too, also to what is known already"},
    {OPT_KMS, "kms", 0, "NAME", 0, "--scripts: what to call a KMS that is not known yet"},
    {OPT_SITE, "site", 0, "SITE", 0, "--scripts: where that KMS stands"},
    {OPT_INSTANCE, "instance", 0, "UUID|CRN", 0, "--scripts: the KMS's instance, where no script says it"},
    {OPT_SECRET, "secret", 0, "REF", OPT_SECRET_REF, "the password as it is known: prompt, file:PATH, ..."},
    {OPT_UNKNOWN, "unknown", 0, NULL, 0, "nobody knows it: recorded as a hole, with name and date"},
    {OPT_SINCE, "since", 0, "DATE", 0, "in use since then (default: as the server says)"},
    {OPT_PROTECTS_SITE, "protects-site", 0, "SITE", 0, "site whose loss the key is for (default: this one)"},
    {OPT_AAD, "aad", 0, "TEXT", OPT_MANY, "additional authenticated data of the wrap, in order"},
    AS_OPTION,
    {OPT_KNOWN_TO, "known-to", 0, "PERSON", OPT_MANY, "who knows the password"},
    KMS_OPTIONS,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_vbr_adopt_table[] = {
    {"vbr", "adopt",
     "SERVER (PASSWORD... | --all | --scripts FILE...) [--file EXPORT] [--secret REF | --unknown] "
     "[--second ROOT]",
     "Takes passwords over that a backup server has already: by the wrap in the hint, or typed.",
     adopt_options, 0, -1, CMD_WRITE, GROUP_SET_UP, run_adopt,
     "keymuster vbr adopt vbr-fra --all --purpose backup-job --second mad-main\n"
     "keymuster vbr adopt vbr-fra --scripts create.ps1 rewrap.ps1 unwrap.ps1 \\\n"
     "    --purpose backup-job --credential file:kp.apikey --second mad-main -n\n"
     "keymuster vbr adopt vbr-fra 123a --key vbr/old --purpose backup-job \\\n"
     "    --root mad-main --secret prompt\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
