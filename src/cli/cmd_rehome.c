/* wrap add, rehome: the same key under one more root key. The former wraps stay; retiring one is an
 * act of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bulk.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/rehome.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "escrow/wrap.h"
#include "recover/unwrap.h"
#include "sys/env.h"

enum { WAVE = 64 };

static const char *const outcomes[] = {
    [PLANNED] = "planned", [ADDED] = "added", [THERE] = "there", [FAILED] = "failed"};

static enum rc
reach_target(struct rehome *r, struct target *t, struct err *err)
{
    enum rc rc = session_kms(r->ctx, &t->root.kms, &t->kms, err);
    if (rc == RC_OK)
        rc = kms_root_info(t->kms, t->root.id, &t->info, err);
    if (rc != RC_OK || t->info.state == ROOT_ACTIVE)
        return rc;
    (void)err_set(err, RC_ROOT_STATE, "root key %s is %s, it does not wrap", t->root.object.name,
                  root_state_name(t->info.state));
    if (t->info.state == ROOT_SUSPENDED)
        (void)err_hint(err, "keymuster root enable %s", t->root.object.name);
    return RC_ROOT_STATE;
}

/* The new root keys must be able to wrap before anything is unwrapped. */
static enum rc
reach(struct rehome *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->target_count; i++) {
        if (rehome_planned(r, &r->targets[i]) > 0)
            rc = reach_target(r, &r->targets[i], err);
    }
    return rc;
}

/* ---- doing ---- */

static enum rc
run_op(const struct target *to, struct kms_op *op, const struct unwrap_aad *aad, struct err *err)
{
    op->aad = aad->list;
    op->aad_count = aad->count;
    enum rc rc = kms_run(to->kms, op, 1, err);
    if (rc == RC_OK && op->rc != RC_OK) {
        *err = op->err;
        rc = op->rc;
    }
    return rc;
}

/* Wraps the payload and unwraps it again: only a wrap that gave the same bytes is recorded. */
static enum rc
wrap_and_prove(struct job *j, const struct secret *payload, struct err *err)
{
    struct unwrap_aad aad;
    struct kms_op wrap, proof;
    kms_op_init(&wrap, KMS_WRAP, j->to->root.id);
    kms_op_init(&proof, KMS_UNWRAP, j->to->root.id);
    enum rc rc = unwrap_aad_read(&aad, buf_str(&j->aad), err);
    wrap.payload = payload;
    if (rc == RC_OK)
        rc = run_op(j->to, &wrap, &aad, err);
    proof.ciphertext = buf_str(&wrap.fresh);
    if (rc == RC_OK)
        rc = run_op(j->to, &proof, &aad, err);
    if (rc == RC_OK && !secret_equal(proof.plain, payload))
        rc = err_set(err, RC_KMS_REPLY, "the wrap under %s gives another value than was wrapped",
                     j->to->root.object.name);
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
        rc = wrap_and_prove(j, payload, err);
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
        rc = append_wrap(r, j, &j->ciphertext, j->to->root.object.uuid, j->version, r->how, err);
    buf_clear(&j->fresh);
    buf_clear(&j->ciphertext);
    return rc;
}

static enum rc
observe_target(struct rehome *r, struct target *t, struct err *err)
{
    if (t->kms == NULL)
        return RC_OK;
    enum rc rc = session_observe(r->ctx, &t->root, &t->info, err);
    t->root.state = t->info.state; /* news only once */
    memcpy(t->root.version, t->info.version, sizeof t->root.version);
    return rc;
}

/* What a wave made, and what was seen of the root keys, in one transaction. */
static enum rc
commit_wave(struct rehome *r, size_t from, size_t to, struct err *err)
{
    enum rc rc = log_begin(r->ctx->store, err);
    for (size_t i = 0; rc == RC_OK && i < r->target_count; i++)
        rc = observe_target(r, &r->targets[i], err);
    for (size_t i = from; rc == RC_OK && i < to; i++) {
        if (r->jobs[i].ciphertext.len > 0)
            rc = append_job(r, &r->jobs[i], err);
    }
    return log_finish(r->ctx->store, rc, err);
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
    return r->target_count > 1
               ? err_wrap(err, "no key could be wrapped")
               : err_wrap(err, "no key could be wrapped under %s", r->targets[0].root.object.name);
}

/* ---- the answer ---- */

struct origins {
    struct bulk *b;
    const struct rehome *r;
    const struct job *job;
};

/* A wrap that can open the key. */
static enum rc
answer_origin(void *arg, const struct wrap *w, struct err *err)
{
    struct origins *o = arg;
    char root[LIMIT_NAME + 1];
    const char *from = o->r->from.uuid;
    if (w->retired || strcmp(w->root, o->job->to->root.object.uuid) == 0 ||
        (from[0] != '\0' && strcmp(w->root, from) != 0))
        return RC_OK;
    enum rc rc = object_name(o->r->ctx->store, w->root, root, err);
    if (rc == RC_OK)
        bulk_root(o->b, NULL, root, w->version);
    return rc;
}

static enum rc
answer_job(struct bulk *b, const struct rehome *r, const struct job *j, struct err *err)
{
    struct origins o = {b, r, j};
    const char *version = j->version[0] != '\0'   ? j->version
                          : j->outcome == PLANNED ? j->to->root.version
                                                  : "";
    bulk_key(b, &j->key);
    jw_str(&b->w, "outcome", outcomes[j->outcome]);
    jw_arr(&b->w, "from");
    enum rc rc = wrap_each(r->ctx->store, j->key.uuid, answer_origin, &o, err);
    jw_end_arr(&b->w);
    bulk_root(b, "to", j->to->root.object.name, version);
    return rc == RC_OK ? bulk_key_end(b, err) : rc;
}

static enum rc
answer_json(struct rehome *r, struct err *err)
{
    struct bulk b;
    enum rc rc = RC_OK;
    bulk_begin(&b, r->ctx, strcmp(r->how, "add") == 0 ? "wrap.add" : "rehome");
    for (size_t i = 0; rc == RC_OK && i < r->count; i++)
        rc = answer_job(&b, r, &r->jobs[i], err);
    bulk_totals(&b);
    jw_bool(&b.w, "dry_run", r->ctx->dry_run);
    if (r->target_count == 1)
        jw_str(&b.w, "root", r->targets[0].root.object.name);
    jw_int(&b.w, "planned", (int64_t)rehome_planned(r, NULL));
    jw_int(&b.w, "added", r->added);
    jw_int(&b.w, "there", r->there);
    jw_int(&b.w, "failed", r->failed);
    if (rc == RC_OK)
        rc = bulk_end(&b, err);
    bulk_release(&b);
    return rc;
}

static enum rc
answer(struct rehome *r, struct err *err)
{
    if (out_is_json(r->ctx))
        return answer_json(r, err);
    for (size_t i = 0; i < r->count; i++)
        out_printf(r->ctx, "%-8s %s@%lld under %s\n", outcomes[r->jobs[i].outcome],
                   r->jobs[i].key.name, (long long)r->jobs[i].key.generation,
                   r->jobs[i].to->root.object.name);
    return RC_OK;
}

static enum rc
confirm_plan(struct rehome *r, struct err *err)
{
    char question[LIMIT_NAME + 64];
    if (!opt_has(&r->ctx->opts, OPT_ALL))
        return RC_OK;
    (void)snprintf(question, sizeof question, "Wrap %zu keys under %s, too?",
                   rehome_planned(r, NULL), r->targets[0].root.object.name);
    return confirm_yes(r->ctx, question, err);
}

static enum rc
run(struct ctx *ctx, const char *how, const char *to, struct err *err)
{
    struct rehome *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(err);
    r->ctx = ctx;
    r->how = how;
    enum rc rc = rehome_plan(r, to, err);
    if (rc == RC_OK && !ctx->dry_run && rehome_planned(r, NULL) > 0) {
        rc = reach(r, err);
        if (rc == RC_OK)
            rc = confirm_plan(r, err);
        if (rc == RC_OK)
            rc = carry_out(r, err);
    }
    if (rc == RC_OK)
        rc = answer(r, err);
    if (rc == RC_OK)
        rc = session_publish(ctx, err);
    rehome_release(r);
    free(r);
    return rc;
}

static enum rc
run_wrap_add(struct ctx *ctx, struct err *err)
{
    return run(ctx, "add", opt_get(&ctx->opts, OPT_ROOT), err);
}

static enum rc
run_rehome(struct ctx *ctx, struct err *err)
{
    return run(ctx, "rehome", opt_get(&ctx->opts, OPT_TO), err);
}

/* clang-format off */
#define KMS_OPTIONS                                                                               \
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,    \
     "another credential of a KMS, for this command"},                                            \
    {OPT_KMS_FILE, "kms-file", 0, "NAME=PATH", OPT_MANY,                                          \
     "another place of a local KMS, for this command"},                                           \
    KMS_PLACE_OPTIONS

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
    {OPT_MAP, "map", 0, "FILE", 0,
     "a line for each key: KEY, or KEY, a TAB and ROOT; # begins a remark; - is standard input"},
    KEY_AT_OPTION,
    KMS_OPTIONS,
    OPT_END,
};

const struct cmd cmd_rehome_table[] = {
    {NULL, "rehome", "(KEY... | --all | --map FILE) [--to ROOT] [--from ROOT]",
     "Wraps the same key under another root key, proves it, and keeps the former wraps.",
     rehome_options, 0, -1, CMD_WRITE, GROUP_EVERY_DAY, run_rehome,
     "keymuster rehome --all --from old-main --to new-main --yes\n"
     "keymuster rehome --map moves.tsv -n\n"},
    {"wrap", "add", "KEY... --root ROOT",
     "Adds a wrap of the same key under a further root key, proved; this pays a debt.",
     add_options, 1, -1, CMD_WRITE, GROUP_EVERY_DAY, run_wrap_add,
     "keymuster wrap add vbr/config --root mad-main\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
/* clang-format on */
