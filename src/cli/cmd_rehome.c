/* wrap add, rehome: the same key under one more root key. The former wraps stay; retiring one is an
 * act of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "escrow/wrap.h"
#include "recover/unwrap.h"
#include "sys/env.h"

enum { WAVE = 64 };

enum outcome { PLANNED, ADDED, THERE, FAILED };
static const char *const outcomes[] = {
    [PLANNED] = "planned", [ADDED] = "added", [THERE] = "there", [FAILED] = "failed"};

/* A key to be wrapped under the new root key. */
struct job {
    struct key key;
    enum outcome outcome;
    struct buf aad;        /* that of the wrap which opened; the new one has the same */
    struct buf ciphertext; /* the new wrap; empty once recorded */
    char version[UUID_TEXT + 1];
    struct buf fresh; /* what the unwrap of an older version returned; or empty */
    char fresh_root[UUID_TEXT + 1];
    char fresh_version[UUID_TEXT + 1];
};

struct rehome {
    struct ctx *ctx;
    const char *how; /* "add", "rehome" */
    struct root to;
    struct kms *kms; /* of to */
    struct root_info info;
    struct object from; /* uuid "": any root key */
    struct job *jobs;
    size_t count;
    int64_t added, there, failed;
    struct err first; /* of the first failure */
};

static void
release(struct rehome *r)
{
    for (size_t i = 0; i < r->count; i++) {
        buf_release(&r->jobs[i].aad);
        buf_release(&r->jobs[i].ciphertext);
        buf_release(&r->jobs[i].fresh);
    }
    free(r->jobs);
}

/* ---- the plan ---- */

struct look {
    const struct rehome *r;
    int to, from; /* a wrap that is not retired is under it */
};

static enum rc
look_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct look *l = arg;
    (void)err;
    if (w->retired)
        return RC_OK;
    l->to |= strcmp(w->root, l->r->to.object.uuid) == 0;
    l->from |= l->r->from.uuid[0] == '\0' || strcmp(w->root, l->r->from.uuid) == 0;
    return RC_OK;
}

static enum rc
add_job(struct rehome *r, const struct key *key, int there, struct err *err)
{
    struct job *jobs = realloc(r->jobs, (r->count + 1) * sizeof *jobs);
    if (jobs == NULL)
        return err_nomem(err);
    r->jobs = jobs;
    struct job *j = &jobs[r->count++];
    memset(j, 0, sizeof *j);
    j->key = *key;
    j->outcome = there ? THERE : PLANNED;
    r->there += there;
    buf_init(&j->aad, LIMIT_BODY);
    buf_init(&j->ciphertext, LIMIT_CIPHERTEXT);
    buf_init(&j->fresh, LIMIT_CIPHERTEXT);
    return RC_OK;
}

static enum rc
plan_any(void *arg, const struct key *key, struct err *err)
{
    struct rehome *r = arg;
    struct look l = {.r = r};
    if (strcmp(key->state, "destroyed") == 0)
        return RC_OK;
    enum rc rc = wrap_each(r->ctx->store, key->uuid, look_wrap, &l, err);
    return rc == RC_OK && l.from ? add_job(r, key, l.to, err) : rc;
}

static enum rc
plan_named(struct rehome *r, const char *ref, struct err *err)
{
    struct key key;
    struct look l = {.r = r};
    enum rc rc = session_key(r->ctx, ref, &key, err);
    if (rc == RC_OK)
        rc = wrap_each(r->ctx->store, key.uuid, look_wrap, &l, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->jobs[i].key.uuid, key.uuid) == 0)
            return RC_OK; /* named twice */
    }
    if (r->from.uuid[0] == '\0' || l.from)
        return add_job(r, &key, l.to, err);
    (void)err_set(err, RC_NOT_FOUND, "%s@%lld has no wrap under %s", key.name,
                  (long long)key.generation, r->from.name);
    return err_hint(err, "see its wraps: keymuster wrap list %s", key.uuid);
}

static enum rc
plan(struct rehome *r, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    enum rc rc = RC_OK;
    if (opt_has(o, OPT_ALL) == (o->arg_count > 0))
        return err_set(err, RC_USAGE, "rehome: name keys, or give --all");
    if (opt_has(o, OPT_ALL) && opt_has(o, OPT_AT))
        return err_set(err, RC_USAGE, "rehome: --at goes with the name of a key");
    if (opt_has(o, OPT_ALL))
        return key_each(r->ctx->store, NULL, plan_any, r, err);
    for (size_t i = 0; rc == RC_OK && i < o->arg_count; i++)
        rc = plan_named(r, opt_arg(o, i), err);
    return rc;
}

static int
is_planned(const struct rehome *r)
{
    int planned = 0;
    for (size_t i = 0; i < r->count; i++)
        planned += r->jobs[i].outcome == PLANNED;
    return planned;
}

/* The new root key must be able to wrap before anything is unwrapped. */
static enum rc
reach(struct rehome *r, struct err *err)
{
    enum rc rc = session_kms(r->ctx, &r->to.kms, &r->kms, err);
    if (rc == RC_OK)
        rc = kms_root_info(r->kms, r->to.id, &r->info, err);
    if (rc != RC_OK || r->info.state == ROOT_ACTIVE)
        return rc;
    (void)err_set(err, RC_ROOT_STATE, "root key %s is %s, it does not wrap", r->to.object.name,
                  root_state_name(r->info.state));
    if (r->info.state == ROOT_SUSPENDED)
        (void)err_hint(err, "keymuster root enable %s", r->to.object.name);
    return RC_ROOT_STATE;
}

/* ---- doing ---- */

static enum rc
run_op(const struct rehome *r, struct kms_op *op, const struct unwrap_aad *aad, struct err *err)
{
    op->aad = aad->list;
    op->aad_count = aad->count;
    enum rc rc = kms_run(r->kms, op, 1, err);
    if (rc == RC_OK && op->rc != RC_OK) {
        *err = op->err;
        rc = op->rc;
    }
    return rc;
}

/* Wraps the payload and unwraps it again: only a wrap that gave the same bytes is recorded. */
static enum rc
wrap_and_prove(struct rehome *r, struct job *j, const struct secret *payload, struct err *err)
{
    struct unwrap_aad aad;
    struct kms_op wrap, proof;
    kms_op_init(&wrap, KMS_WRAP, r->to.id);
    kms_op_init(&proof, KMS_UNWRAP, r->to.id);
    enum rc rc = unwrap_aad_read(&aad, buf_str(&j->aad), err);
    wrap.payload = payload;
    if (rc == RC_OK)
        rc = run_op(r, &wrap, &aad, err);
    proof.ciphertext = buf_str(&wrap.fresh);
    if (rc == RC_OK)
        rc = run_op(r, &proof, &aad, err);
    if (rc == RC_OK && !secret_equal(proof.plain, payload))
        rc = err_set(err, RC_KMS_REPLY, "the wrap under %s gives another value than was wrapped",
                     r->to.object.name);
    if (rc == RC_OK) {
        buf_add(&j->ciphertext, wrap.fresh.data, wrap.fresh.len);
        memcpy(j->version, wrap.version, sizeof j->version);
        rc = buf_check(&j->ciphertext, "the wrap", err);
    }
    kms_op_release(&wrap);
    kms_op_release(&proof);
    unwrap_aad_release(&aad);
    return rc;
}

static enum rc
open_kms(void *arg, const struct object *kms, struct kms **out, struct err *err)
{
    return session_kms(arg, kms, out, err);
}

static enum rc
make(struct rehome *r, struct job *j, struct err *err)
{
    struct unwrap u;
    struct secret *payload = NULL;
    const char *from = r->from.uuid[0] != '\0' ? r->from.uuid : NULL;
    enum rc rc = unwrap_key(r->ctx->store, &j->key, from, open_kms, r->ctx, &u, err);
    if (rc == RC_OK && u.aad[0] == '\0')
        rc = err_set(err, RC_BAD_VALUE, "the AAD of the wrap under %s is too long to be kept",
                     u.root_name);
    if (rc == RC_OK)
        rc = unwrap_payload(&payload, u.text, j->key.form, err);
    if (rc == RC_OK) {
        buf_adds(&j->aad, u.aad);
        rc = wrap_and_prove(r, j, payload, err);
    }
    if (rc == RC_OK && u.checked && u.fresh.len > 0) {
        buf_add(&j->fresh, u.fresh.data, u.fresh.len);
        memcpy(j->fresh_root, u.root, sizeof j->fresh_root);
        memcpy(j->fresh_version, u.fresh_version, sizeof j->fresh_version);
    }
    secret_free(payload);
    unwrap_release(&u);
    return rc;
}

/* What no other key can help. */
static int
stops(enum rc rc)
{
    return rc == RC_CHECK_MISMATCH || rc == RC_KMS_REPLY || rc == RC_NO_LOCK ||
           rc == RC_NO_MEMORY || rc == RC_INTERRUPTED;
}

static enum rc
do_job(struct rehome *r, struct job *j, struct err *err)
{
    struct err why = ERR_INIT;
    if (j->outcome != PLANNED)
        return RC_OK;
    enum rc rc = make(r, j, &why);
    if (rc == RC_OK) {
        j->outcome = ADDED;
        r->added++;
        return RC_OK;
    }
    buf_clear(&j->ciphertext);
    if (rc == RC_INTERRUPTED)
        return RC_OK; /* carry_out says so, after the wave is recorded */
    j->outcome = FAILED;
    if (r->failed++ == 0)
        r->first = why;
    if (stops(rc)) {
        *err = why;
        return rc;
    }
    if (r->count > 1)
        out_warn(r->ctx, "%s@%lld: %s", j->key.name, (long long)j->key.generation, why.msg);
    return RC_OK;
}

static enum rc
append_wrap(struct rehome *r, const struct job *j, const struct buf *ciphertext, const char *root,
            const char *version, const char *how, struct err *err)
{
    struct wrap w = {.ciphertext = buf_str(ciphertext), .aad = buf_str(&j->aad)};
    memcpy(w.key, j->key.uuid, sizeof w.key);
    memcpy(w.root, root, sizeof w.root);
    memcpy(w.version, version, sizeof w.version);
    (void)snprintf(w.how, sizeof w.how, "%s", how);
    return wrap_append(r->ctx->store, &w, r->ctx->entry, err);
}

static enum rc
append_job(struct rehome *r, struct job *j, struct err *err)
{
    enum rc rc = RC_OK;
    if (j->fresh.len > 0)
        rc = append_wrap(r, j, &j->fresh, j->fresh_root, j->fresh_version, "refresh", err);
    if (rc == RC_OK)
        rc = append_wrap(r, j, &j->ciphertext, r->to.object.uuid, j->version, r->how, err);
    buf_clear(&j->fresh);
    buf_clear(&j->ciphertext);
    return rc;
}

/* What a wave made, and what was seen of the root key, in one transaction. */
static enum rc
commit_wave(struct rehome *r, size_t from, size_t to, struct err *err)
{
    enum rc rc = log_begin(r->ctx->store, err);
    if (rc == RC_OK)
        rc = session_observe(r->ctx, &r->to, &r->info, err);
    r->to.state = r->info.state; /* news only once */
    memcpy(r->to.version, r->info.version, sizeof r->to.version);
    for (size_t i = from; rc == RC_OK && i < to; i++) {
        if (r->jobs[i].ciphertext.len > 0)
            rc = append_job(r, &r->jobs[i], err);
    }
    if (rc == RC_OK)
        return log_commit(r->ctx->store, err);
    log_rollback(r->ctx->store);
    return rc;
}

/* Wave by wave, so that an interruption loses at most the key under way; run again, it goes on. */
static enum rc
carry_out(struct rehome *r, struct err *err)
{
    for (size_t from = 0; from < r->count; from += WAVE) {
        size_t to = from + WAVE < r->count ? from + WAVE : r->count;
        struct err unstored = ERR_INIT;
        enum rc rc = RC_OK;
        for (size_t i = from; rc == RC_OK && i < to && !signals_pending(); i++)
            rc = do_job(r, &r->jobs[i], err);
        enum rc stored = commit_wave(r, from, to, &unstored);
        if (rc == RC_OK && stored != RC_OK)
            *err = unstored;
        if (rc != RC_OK || stored != RC_OK)
            return rc != RC_OK ? rc : stored;
        if (signals_pending())
            return err_set(err, RC_INTERRUPTED,
                           "interrupted; %lld wraps are recorded, run it again for the rest",
                           (long long)r->added);
    }
    if (r->failed == 0 || r->added + r->there > 0) {
        r->ctx->findings += r->failed > 0;
        return RC_OK;
    }
    *err = r->first;
    return err_wrap(err, "no key could be wrapped under %s", r->to.object.name);
}

/* ---- the answer ---- */

static enum rc
answer(struct rehome *r, struct err *err)
{
    struct ctx *ctx = r->ctx;
    if (!out_is_json(ctx)) {
        for (size_t i = 0; i < r->count; i++)
            out_printf(ctx, "%-8s %s@%lld under %s\n", outcomes[r->jobs[i].outcome],
                       r->jobs[i].key.name, (long long)r->jobs[i].key.generation,
                       r->to.object.name);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, strcmp(r->how, "add") == 0 ? "wrap.add" : "rehome");
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_str(&w, "root", r->to.object.name);
    jw_int(&w, "added", r->added);
    jw_int(&w, "there", r->there);
    jw_int(&w, "failed", r->failed);
    jw_arr(&w, "keys");
    for (size_t i = 0; i < r->count; i++) {
        jw_obj(&w, NULL);
        jw_str(&w, "name", r->jobs[i].key.name);
        jw_int(&w, "generation", r->jobs[i].key.generation);
        jw_str(&w, "uuid", r->jobs[i].key.uuid);
        jw_str(&w, "outcome", outcomes[r->jobs[i].outcome]);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    enum rc rc = out_json(ctx, &doc, err);
    buf_release(&doc);
    return rc;
}

static enum rc
confirm_plan(struct rehome *r, struct err *err)
{
    char question[LIMIT_NAME + 64];
    if (!opt_has(&r->ctx->opts, OPT_ALL))
        return RC_OK;
    (void)snprintf(question, sizeof question, "Wrap %d keys under %s, too?", is_planned(r),
                   r->to.object.name);
    return confirm_yes(r->ctx, question, err);
}

static enum rc
do_all(struct rehome *r, const char *to, const char *from, struct err *err)
{
    enum rc rc = root_find(r->ctx->store, to, &r->to, err);
    if (rc == RC_OK && from != NULL)
        rc = object_find(r->ctx->store, "root", from, &r->from, err);
    if (rc == RC_OK && strcmp(r->from.uuid, r->to.object.uuid) == 0)
        rc = err_set(err, RC_USAGE, "rehome: --from and --to are the same root key");
    if (rc == RC_OK)
        rc = plan(r, err);
    if (rc == RC_OK && !r->ctx->dry_run && is_planned(r) > 0) {
        rc = reach(r, err);
        if (rc == RC_OK)
            rc = confirm_plan(r, err);
        if (rc == RC_OK)
            rc = carry_out(r, err);
    }
    if (rc == RC_OK)
        rc = answer(r, err);
    return rc == RC_OK ? session_publish(r->ctx, err) : rc;
}

static enum rc
run(struct ctx *ctx, const char *how, enum opt_id to, struct err *err)
{
    struct rehome *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(err);
    r->ctx = ctx;
    r->how = how;
    enum rc rc = opt_has(&ctx->opts, to)
                     ? do_all(r, opt_get(&ctx->opts, to), opt_get(&ctx->opts, OPT_FROM), err)
                     : err_set(err, RC_USAGE, "under which root key? %s is missing",
                               to == OPT_TO ? "--to" : "--root");
    release(r);
    free(r);
    return rc;
}

static enum rc
run_wrap_add(struct ctx *ctx, struct err *err)
{
    return run(ctx, "add", OPT_ROOT, err);
}

static enum rc
run_rehome(struct ctx *ctx, struct err *err)
{
    return run(ctx, "rehome", OPT_TO, err);
}

/* clang-format off */
#define KMS_OPTIONS                                                                               \
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,    \
     "another credential of a KMS, for this command"},                                            \
    {OPT_KMS_FILE, "kms-file", 0, "NAME=PATH", OPT_MANY,                                          \
     "another place of a local KMS, for this command"}

static const struct opt_spec add_options[] = {
    {OPT_ROOT, "root", 0, "ROOT", 0, "root key to wrap under, too"},
    KEY_AT_OPTION,
    KMS_OPTIONS,
    OPT_END,
};
static const struct opt_spec rehome_options[] = {
    {OPT_TO, "to", 0, "ROOT", 0, "root key to wrap under"},
    {OPT_FROM, "from", 0, "ROOT", 0, "only keys with a wrap under this one, which opens them"},
    {OPT_ALL, "all", 0, NULL, 0, "every key"},
    KEY_AT_OPTION,
    KMS_OPTIONS,
    OPT_END,
};

const struct cmd cmd_rehome_table[] = {
    {NULL, "rehome", "(KEY... | --all) --to ROOT [--from ROOT]",
     "Wraps the same key under another root key, proves it, and keeps the former wraps.",
     rehome_options, 0, -1, CMD_WRITE, GROUP_EVERY_DAY, run_rehome,
     "keymuster rehome --all --from old-main --to new-main --yes\n"},
    {"wrap", "add", "KEY... --root ROOT",
     "Adds a wrap of the same key under a further root key, proved; this pays a debt.",
     add_options, 1, -1, CMD_WRITE, GROUP_EVERY_DAY, run_wrap_add,
     "keymuster wrap add vbr/config --root mad-main\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
/* clang-format on */
