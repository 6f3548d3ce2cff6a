/* rewrap: the same key under the newest version of its root key. The former wrap is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bulk.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "escrow/wrap.h"
#include "recover/unwrap.h"
#include "sys/env.h"

enum { WAVE = 64, ROOTS_MAX = 64 };

enum outcome { PLANNED, REWRAPPED, CURRENT, FAILED };
static const char *const outcomes[] = {
    [PLANNED] = "planned", [REWRAPPED] = "rewrapped", [CURRENT] = "current", [FAILED] = "failed"};

/* The newest wrap of one key under one root, to be made anew. */
struct job {
    struct key key;
    char root[UUID_TEXT + 1];
    char former[UUID_TEXT + 1]; /* version of the root key that it is under now */
    char *ciphertext;           /* with the AAD behind its NUL */
    const char *aad;
    struct buf fresh;
    char version[UUID_TEXT + 1]; /* that of fresh */
    enum outcome outcome;
};

/* A root key as its KMS says it is now; asked once. */
struct now {
    struct root root;
    struct root_info info;
    struct kms *kms;
    enum rc rc;
    struct err err;
};

struct rewrap {
    struct ctx *ctx;
    struct job *jobs;
    size_t count;
    struct now roots[ROOTS_MAX];
    size_t root_count;
    const struct key *key; /* whose wraps are walked */
    int64_t current, made, failed;
    struct err first; /* why the first one failed */
};

static void
release(struct rewrap *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->jobs[i].ciphertext);
        buf_release(&r->jobs[i].fresh);
    }
    free(r->jobs);
}

/* ---- the plan ---- */

static enum rc
ask_root(struct rewrap *r, const char *uuid, struct now **out, struct err *err)
{
    struct object object;
    for (size_t i = 0; i < r->root_count; i++) {
        *out = &r->roots[i];
        if (strcmp((*out)->root.object.uuid, uuid) == 0)
            return RC_OK;
    }
    if (r->root_count == ROOTS_MAX)
        return err_set(err, RC_INTERNAL, "more than %d root keys", ROOTS_MAX);
    struct now *n = &r->roots[r->root_count++];
    *out = n;
    memset(n, 0, sizeof *n);
    (void)snprintf(n->root.object.uuid, sizeof n->root.object.uuid, "%s", uuid);
    n->rc = object_find(r->ctx->store, "root", uuid, &object, &n->err);
    if (n->rc == RC_OK)
        n->rc = root_load(r->ctx->store, &object, &n->root, &n->err);
    if (n->rc == RC_OK)
        n->rc = session_kms(r->ctx, &n->root.kms, &n->kms, &n->err);
    if (n->rc == RC_OK)
        n->rc = kms_root_info(n->kms, n->root.id, &n->info, &n->err);
    if (n->rc != RC_OK)
        out_warn(r->ctx, "root key %s: %s",
                 n->root.object.name[0] != '\0' ? n->root.object.name : uuid, n->err.msg);
    return RC_OK;
}

static struct job *
job_of(struct rewrap *r, const struct wrap *w)
{
    for (size_t i = r->count; i-- > 0;) {
        struct job *j = &r->jobs[i];
        if (strcmp(j->key.uuid, w->key) != 0)
            break; /* a key's jobs stand together */
        if (strcmp(j->root, w->root) == 0)
            return j;
    }
    return NULL;
}

static enum rc
add_job(struct rewrap *r, const struct wrap *w, struct err *err)
{
    struct job *jobs = realloc(r->jobs, (r->count + 1) * sizeof *jobs);
    if (jobs == NULL)
        return err_nomem(err);
    r->jobs = jobs;
    struct job *j = &jobs[r->count];
    memset(j, 0, sizeof *j);
    j->key = *r->key;
    (void)snprintf(j->root, sizeof j->root, "%s", w->root);
    memcpy(j->former, w->version, sizeof j->former);
    buf_init(&j->fresh, LIMIT_CIPHERTEXT);
    size_t ciphertext = strlen(w->ciphertext) + 1;
    size_t aad = strlen(w->aad) + 1;
    j->ciphertext = malloc(ciphertext + aad);
    if (j->ciphertext == NULL)
        return err_nomem(err);
    memcpy(j->ciphertext, w->ciphertext, ciphertext);
    memcpy(j->ciphertext + ciphertext, w->aad, aad);
    j->aad = j->ciphertext + ciphertext;
    r->count++;
    return RC_OK;
}

/* Wraps come newest first: the first one under a root is the one to renew, and a current one
 * anywhere under that root makes it needless. */
static enum rc
plan_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct rewrap *r = arg;
    struct now *now = NULL;
    if (w->retired)
        return RC_OK;
    enum rc rc = ask_root(r, w->root, &now, err);
    if (rc != RC_OK)
        return rc;
    struct job *j = job_of(r, w);
    if (j == NULL) {
        rc = add_job(r, w, err);
        j = rc == RC_OK ? &r->jobs[r->count - 1] : NULL;
    }
    if (rc == RC_OK && now->rc == RC_OK && strcmp(w->version, now->info.version) == 0) {
        j->outcome = CURRENT;
        memcpy(j->former, w->version, sizeof j->former);
    }
    return rc;
}

static enum rc
plan_key(void *arg, const struct key *key, struct err *err)
{
    struct rewrap *r = arg;
    r->key = key;
    if (strcmp(key->state, "destroyed") == 0)
        return RC_OK;
    return wrap_each(r->ctx->store, key->uuid, plan_wrap, r, err);
}

static int
has_jobs(const struct rewrap *r, const char *uuid)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->jobs[i].key.uuid, uuid) == 0)
            return 1;
    }
    return 0;
}

static enum rc
plan(struct rewrap *r, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    int all = opt_has(o, OPT_ALL) || opt_has(o, OPT_STALE);
    enum rc rc = RC_OK;
    if (all == (o->arg_count > 0)) {
        (void)err_set(err, RC_USAGE, "rewrap: name keys, or give one of --stale and --all");
        return err_hint(err, "--stale: every wrap that is behind its root key\n"
                             "--all: the same; what is current is left as it is");
    }
    if (all && opt_has(o, OPT_AT))
        return err_set(err, RC_USAGE, "rewrap: --at goes with the name of a key");
    if (all)
        return key_each(r->ctx->store, NULL, plan_key, r, err);
    rc = session_keys_check(r->ctx, o->arg_count, err);
    for (size_t i = 0; rc == RC_OK && i < o->arg_count; i++) {
        struct key key;
        rc = session_key(r->ctx, opt_arg(o, i), &key, err);
        if (rc == RC_OK && !has_jobs(r, key.uuid)) /* named before */
            rc = plan_key(r, &key, err);
    }
    return rc;
}

/* ---- doing ---- */

static enum rc
renew(struct rewrap *r, struct job *j, const struct now *now, struct err *err)
{
    struct unwrap_aad aad;
    struct kms_op op;
    kms_op_init(&op, KMS_REWRAP, now->root.id);
    op.ciphertext = j->ciphertext;
    enum rc rc = unwrap_aad_read(&aad, j->aad, err);
    op.aad = aad.list;
    op.aad_count = aad.count;
    if (rc == RC_OK)
        rc = kms_run(now->kms, &op, 1, err);
    if (rc == RC_OK && op.rc != RC_OK) {
        *err = op.err;
        rc = op.rc;
    }
    if (rc == RC_OK)
        rc = unwrap_prove(r->ctx->store, &j->key, now->kms, now->root.id, buf_str(&op.fresh), &aad,
                          err);
    if (rc == RC_OK) {
        buf_add(&j->fresh, buf_str(&op.fresh), op.fresh.len);
        (void)snprintf(j->version, sizeof j->version, "%s", op.fresh_version);
        rc = buf_check(&j->fresh, "the fresh wrap", err);
    }
    kms_op_release(&op);
    unwrap_aad_release(&aad);
    return rc;
}

static enum rc
append_fresh(struct rewrap *r, const struct job *j, struct err *err)
{
    struct wrap w = {.ciphertext = buf_str(&j->fresh), .aad = j->aad, .how = "rewrap"};
    memcpy(w.key, j->key.uuid, sizeof w.key);
    memcpy(w.root, j->root, sizeof w.root);
    memcpy(w.version, j->version, sizeof w.version);
    return wrap_append(r->ctx->store, &w, r->ctx->entry, err);
}

/* What a wave made, and what was seen of the root keys, in one transaction. */
static enum rc
commit_wave(struct rewrap *r, size_t from, size_t to, struct err *err)
{
    enum rc rc = log_begin(r->ctx->store, err);
    for (size_t i = 0; rc == RC_OK && i < r->root_count; i++) {
        struct now *n = &r->roots[i];
        if (n->rc == RC_OK)
            rc = session_observe(r->ctx, &n->root, &n->info, err);
        if (rc == RC_OK && n->rc == RC_OK) { /* news only once */
            n->root.state = n->info.state;
            memcpy(n->root.version, n->info.version, sizeof n->root.version);
        }
    }
    for (size_t i = from; rc == RC_OK && i < to; i++) {
        if (r->jobs[i].fresh.len > 0)
            rc = append_fresh(r, &r->jobs[i], err);
    }
    return log_finish(r->ctx->store, rc, err);
}

static enum rc
do_job(struct rewrap *r, struct job *j, struct err *err)
{
    struct now *now = NULL;
    struct err why = ERR_INIT;
    enum rc rc = ask_root(r, j->root, &now, err);
    if (rc != RC_OK)
        return rc;
    if (j->outcome == CURRENT) {
        r->current++;
        return RC_OK;
    }
    enum rc made = now->rc == RC_OK ? renew(r, j, now, &why) : now->rc;
    if (made == RC_OK) {
        j->outcome = REWRAPPED;
        r->made++;
        return RC_OK;
    }
    j->outcome = FAILED;
    if (r->failed++ == 0)
        r->first = now->rc == RC_OK ? why : now->err;
    if (now->rc == RC_OK)
        out_warn(r->ctx, "%s@%lld: %s%s%s", j->key.name, (long long)j->key.generation, why.msg,
                 why.why[0] != '\0' ? ": " : "", why.why);
    if (made == RC_CHECK_MISMATCH || made == RC_NO_LOCK) {
        *err = why;
        return made;
    }
    return RC_OK;
}

/* Wave by wave, so that an interruption loses at most the wave under way; run again, it goes on. */
static enum rc
carry_out(struct rewrap *r, struct err *err)
{
    for (size_t from = 0; from < r->count; from += WAVE) {
        size_t to = from + WAVE < r->count ? from + WAVE : r->count;
        enum rc rc = RC_OK;
        for (size_t i = from; rc == RC_OK && i < to && !signals_pending(); i++)
            rc = do_job(r, &r->jobs[i], err);
        enum rc stored = commit_wave(r, from, to, err);
        if (rc != RC_OK || stored != RC_OK)
            return rc != RC_OK ? rc : stored;
        if (signals_pending())
            return err_set(
                err, RC_INTERRUPTED,
                "interrupted; %lld wraps are renewed and recorded, run it again for the rest",
                (long long)r->made);
    }
    return RC_OK;
}

/* What would come of it: a root key that cannot be asked now is known to fail. */
static enum rc
foretell(struct rewrap *r, struct err *err)
{
    for (size_t i = 0; i < r->count; i++) {
        struct now *now = NULL;
        struct job *j = &r->jobs[i];
        enum rc rc = ask_root(r, j->root, &now, err);
        if (rc != RC_OK)
            return rc;
        if (j->outcome == PLANNED && now->rc != RC_OK)
            j->outcome = FAILED;
        r->current += j->outcome == CURRENT;
        r->failed += j->outcome == FAILED;
    }
    return RC_OK;
}

static size_t
planned(const struct rewrap *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += r->jobs[i].outcome == PLANNED;
    return count;
}

static enum rc
answer_job(struct rewrap *r, struct bulk *b, const struct job *j, struct err *err)
{
    struct now *now = NULL;
    enum rc rc = ask_root(r, j->root, &now, err); /* which was asked before */
    if (rc != RC_OK)
        return rc;
    const char *name = now->root.object.name[0] != '\0' ? now->root.object.name : j->root;
    bulk_key(b, &j->key);
    jw_str(&b->w, "outcome", outcomes[j->outcome]);
    jw_arr(&b->w, "from");
    bulk_root(b, NULL, name, j->former);
    jw_end_arr(&b->w);
    bulk_root(b, "to", name, j->version[0] != '\0' ? j->version : now->info.version);
    return bulk_key_end(b, err);
}

static enum rc
answer(struct rewrap *r, struct err *err)
{
    struct bulk b;
    enum rc rc = RC_OK;
    for (size_t i = 0; r->ctx->dry_run && !out_is_json(r->ctx) && i < r->count; i++) {
        const struct job *j = &r->jobs[i];
        if (j->outcome == PLANNED)
            out_printf(r->ctx, "would rewrap %s@%lld\n", j->key.name, (long long)j->key.generation);
    }
    if (!out_is_json(r->ctx)) {
        out_printf(r->ctx, "rewrapped %lld, current already %lld, failed %lld\n",
                   (long long)r->made, (long long)r->current, (long long)r->failed);
        return RC_OK;
    }
    bulk_begin(&b, r->ctx, "rewrap");
    for (size_t i = 0; rc == RC_OK && i < r->count; i++)
        rc = answer_job(r, &b, &r->jobs[i], err);
    bulk_totals(&b);
    jw_bool(&b.w, "dry_run", r->ctx->dry_run);
    jw_int(&b.w, "planned", (int64_t)planned(r));
    jw_int(&b.w, "rewrapped", r->made);
    jw_int(&b.w, "current", r->current);
    jw_int(&b.w, "failed", r->failed);
    if (rc == RC_OK)
        rc = bulk_end(&b, err);
    bulk_release(&b);
    return rc;
}

static enum rc
confirm_plan(struct rewrap *r, struct err *err)
{
    size_t todo = planned(r);
    char question[96];
    if (r->ctx->opts.arg_count > 0 || todo == 0)
        return RC_OK;
    (void)snprintf(question, sizeof question, "Rewrap %zu wrap%s?", todo, todo == 1 ? "" : "s");
    return confirm_yes(r->ctx, question, err);
}

static enum rc
run_rewrap(struct ctx *ctx, struct err *err)
{
    struct rewrap *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(err);
    r->ctx = ctx;
    enum rc rc = plan(r, err);
    if (rc == RC_OK && ctx->dry_run)
        rc = foretell(r, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = confirm_plan(r, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = carry_out(r, err);
    if (rc == RC_OK && !ctx->dry_run && r->failed > 0 && r->made + r->current == 0) {
        *err = r->first; /* nothing was done at all: that is no partial success */
        rc = err_wrap(err, "no wrap was renewed");
    }
    if (r->failed > 0)
        ctx->findings++;
    if (rc == RC_OK)
        rc = answer(r, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = session_publish(ctx, err);
    release(r);
    free(r);
    return rc;
}

/* clang-format off */
static const struct opt_spec rewrap_options[] = {
    {OPT_STALE, "stale", 0, NULL, 0, "every wrap that is behind its root key"},
    {OPT_ALL, "all", 0, NULL, 0, "every key; what is current is left as it is"},
    KEY_AT_OPTION,
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,
     "another credential of a KMS, for this command"},
    {OPT_KMS_FILE, "kms-file", 0, "NAME=PATH", OPT_MANY,
     "another place of a local KMS, for this command"},
    KMS_PLACE_OPTIONS,
    OPT_END,
};

const struct cmd cmd_rewrap_table[] = {
    {NULL, "rewrap", "KEY... | --stale | --all",
     "Wraps the same key anew under the newest version of its root key.", rewrap_options, 0, -1,
     CMD_WRITE, GROUP_EVERY_DAY, run_rewrap, "keymuster rewrap --stale --yes\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
/* clang-format on */
