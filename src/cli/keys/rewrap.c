#include "cli/keys/rewrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gate.h"
#include "cli/keys/batch.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "escrow/wrap.h"
#include "recover/prove.h"
#include "recover/unwrap.h"
#include "sys/process.h"

/* A wave: so many to be renewed, or so many looked at. */
enum { WAVE = 1024, LOOKED = 4096, PAGE = 256 };

static void
forget_jobs(struct rewrap *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->jobs[i].ciphertext);
        buf_release(&r->jobs[i].fresh);
    }
    r->count = r->todo = 0;
}

void
rewrap_release(struct rewrap *r)
{
    forget_jobs(r);
    free(r->jobs);
    r->jobs = NULL;
}

/* ---- the plan ---- */

/* A look without the network judges by what is on record. */
static enum rc
ask_kms(struct rewrap *r, struct rewrap_root *n)
{
    if (r->ctx->dry_run && r->ctx->offline) {
        n->info.state = n->root.state;
        memcpy(n->info.version, n->root.version, sizeof n->info.version);
        return RC_OK;
    }
    enum rc rc = session_kms(r->ctx, &n->root.kms, &n->kms, &n->err);
    return rc == RC_OK ? kms_root_info(n->kms, n->root.id, &n->info, &n->err) : rc;
}

static enum rc
ask_root(struct rewrap *r, const char *uuid, struct rewrap_root **out, struct err *err)
{
    struct object object;
    for (size_t i = 0; i < r->root_count; i++) {
        *out = &r->roots[i];
        if (strcmp((*out)->root.object.uuid, uuid) == 0)
            return RC_OK;
    }
    if (r->root_count == REWRAP_ROOTS)
        return err_set(err, RC_INTERNAL, "more than %d root keys", REWRAP_ROOTS);
    struct rewrap_root *n = &r->roots[r->root_count++];
    *out = n;
    memset(n, 0, sizeof *n);
    (void)snprintf(n->root.object.uuid, sizeof n->root.object.uuid, "%s", uuid);
    n->rc = object_find(r->ctx->store, "root", uuid, &object, &n->err);
    if (n->rc == RC_OK)
        n->rc = root_load(r->ctx->store, &object, &n->root, &n->err);
    if (n->rc == RC_OK)
        n->rc = ask_kms(r, n);
    if (n->rc != RC_OK)
        out_warn(r->ctx, "root key %s: %s%s%s",
                 n->root.object.name[0] != '\0' ? n->root.object.name : uuid, n->err.msg,
                 n->err.why[0] != '\0' ? ": " : "", n->err.why);
    return RC_OK;
}

static struct rewrap_job *
job_of(struct rewrap *r, const struct wrap *w)
{
    for (size_t i = r->count; i-- > 0;) {
        struct rewrap_job *j = &r->jobs[i];
        if (strcmp(j->key.uuid, w->key) != 0)
            break; /* a key's jobs stand together */
        if (strcmp(j->root, w->root) == 0)
            return j;
    }
    return NULL;
}

static enum rc
more_room(struct rewrap *r, struct err *err)
{
    size_t room = r->room > 0 ? 2 * r->room : PAGE;
    if (r->count < r->room)
        return RC_OK;
    struct rewrap_job *jobs = realloc(r->jobs, room * sizeof *jobs);
    if (jobs == NULL)
        return err_nomem(err);
    r->jobs = jobs;
    r->room = room;
    return RC_OK;
}

static enum rc
add_job(struct rewrap *r, const struct key *key, const struct wrap *w, struct rewrap_root *now,
        struct err *err)
{
    enum rc rc = more_room(r, err);
    if (rc != RC_OK)
        return rc;
    struct rewrap_job *j = &r->jobs[r->count];
    memset(j, 0, sizeof *j);
    j->key = *key;
    j->now = now;
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

struct planning {
    struct rewrap *r;
    const struct key *key;
    struct key last; /* key of the page that was planned last */
    size_t keys;
};

/* Wraps come newest first: the first one under a root is the one to renew, and a current one
 * anywhere under that root makes it needless. */
static enum rc
plan_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct planning *p = arg;
    struct rewrap_root *now = NULL;
    if (w->retired)
        return RC_OK;
    enum rc rc = ask_root(p->r, w->root, &now, err);
    if (rc != RC_OK)
        return rc;
    struct rewrap_job *j = job_of(p->r, w);
    if (j == NULL) {
        rc = add_job(p->r, p->key, w, now, err);
        j = rc == RC_OK ? &p->r->jobs[p->r->count - 1] : NULL;
    }
    if (rc == RC_OK && now->rc == RC_OK && strcmp(w->version, now->info.version) == 0) {
        j->outcome = REWRAP_CURRENT;
        memcpy(j->former, w->version, sizeof j->former);
    }
    return rc;
}

static enum rc
plan_key(void *arg, const struct key *key, struct err *err)
{
    struct planning *p = arg;
    struct rewrap *r = p->r;
    size_t from = r->count;
    p->key = key;
    p->keys++;
    enum rc rc = strcmp(key->state, "destroyed") == 0
                     ? RC_OK
                     : wrap_each(r->ctx->store, key->uuid, plan_wrap, p, err);
    size_t todo = r->todo;
    for (size_t i = from; rc == RC_OK && i < r->count; i++)
        r->todo += r->jobs[i].outcome == REWRAP_PLANNED && r->jobs[i].now->rc == RC_OK;
    if (rc == RC_OK && r->todo > todo)
        rc = gate_reason_of(r->ctx, &r->reasons, key->purpose, err);
    p->last = *key;
    return rc;
}

/* ---- doing ---- */

static void
fail(struct rewrap *r, struct rewrap_job *j, const struct err *why)
{
    j->outcome = REWRAP_FAILED;
    if (r->failed++ == 0)
        r->first = *why;
}

/* Counts failures of one kind, to tell an outage from a bad wrap. */
static void
fail_asked(struct rewrap *r, struct rewrap_job *j, const struct err *why)
{
    struct rewrap_root *n = j->now;
    if (n->same == 0)
        n->err = *why;
    n->same += n->err.code == why->code;
    fail(r, j, why);
    if (n->same < 4)
        out_warn(r->ctx, "%s@%lld: %s%s%s", j->key.name, (long long)j->key.generation, why->msg,
                 why->why[0] != '\0' ? ": " : "", why->why);
}

static enum rc
add_call(struct batch *b, struct rewrap *r, struct rewrap_job *j, int proving, struct err *err)
{
    struct err why = ERR_INIT;
    struct proof *proof = &b->proofs[b->count];
    struct kms_op *op =
        batch_add(b, j, proving ? KMS_UNWRAP : KMS_REWRAP, j->now->root.id, j->aad, &why);
    if (op == NULL) {
        fail_asked(r, j, &why);
        return RC_OK;
    }
    op->ciphertext = proving ? buf_str(&j->fresh) : j->ciphertext;
    op->take = proof_take;
    op->take_arg = proof;
    j->now->tried += !proving;
    return proof_init(proof, r->ctx->store, &j->key, err);
}

/* One call for each job of the wave in this KMS that is to be rewrapped, or (proving) whose fresh
 * wrap is to be unwrapped. */
static enum rc
fill(struct batch *b, struct rewrap *r, const struct kms *kms, int proving, struct err *err)
{
    enum rc rc = batch_new(b, r->count, err);
    for (size_t i = 0; rc == RC_OK && i < r->count; i++) {
        struct rewrap_job *j = &r->jobs[i];
        if (j->outcome == REWRAP_PLANNED && j->now->rc == RC_OK && j->now->kms == kms &&
            (j->fresh.len > 0) == proving)
            rc = add_call(b, r, j, proving, err);
    }
    return rc;
}

static enum rc
keep_fresh(struct rewrap *r, struct batch *b, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < b->count; i++) {
        struct rewrap_job *j = b->jobs[i];
        const struct kms_op *op = &b->ops[i];
        if (op->rc == RC_OK) {
            buf_add(&j->fresh, op->fresh.data, op->fresh.len);
            (void)snprintf(j->version, sizeof j->version, "%s", op->fresh_version);
            memcpy(j->request, op->request, sizeof j->request);
            rc = buf_check(&j->fresh, "the fresh wrap", err);
        } else if (op->rc != RC_INTERRUPTED) {
            fail_asked(r, j, &op->err);
        }
    }
    return rc;
}

/* What no other key can help: said at the end of the wave, after the others are recorded. */
static enum rc
judge_proofs(struct rewrap *r, struct batch *b, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < b->count; i++) {
        struct err why = ERR_INIT;
        struct rewrap_job *j = b->jobs[i];
        enum rc proved = proof_outcome(&b->proofs[i], &b->ops[i], &why);
        if (proved == RC_OK) {
            memcpy(j->proof, b->ops[i].request, sizeof j->proof);
            j->outcome = REWRAP_DONE;
            r->made++;
            continue;
        }
        buf_clear(&j->fresh);
        if (proved == RC_INTERRUPTED)
            continue;
        fail_asked(r, j, &why);
        if (rc == RC_OK && (proved == RC_CHECK_MISMATCH || proved == RC_NO_LOCK)) {
            *err = why;
            rc = proved;
        }
    }
    return rc;
}

static enum rc
renew_in(struct rewrap *r, struct kms *kms, struct err *err)
{
    struct batch b, proofs = {0};
    enum rc rc = fill(&b, r, kms, 0, err);
    if (rc == RC_OK) {
        batch_run(&b, kms);
        rc = keep_fresh(r, &b, err);
    }
    batch_release(&b);
    if (rc == RC_OK)
        rc = fill(&proofs, r, kms, 1, err);
    if (rc == RC_OK) {
        batch_run(&proofs, kms);
        rc = judge_proofs(r, &proofs, err);
    }
    batch_release(&proofs);
    return rc;
}

/* A root key under which everything failed for the same reason: the rest is not tried. A wrap that
 * does not open says nothing of the others. */
static void
give_up(struct rewrap *r, struct rewrap_root *n)
{
    int own = n->err.code == RC_CIPHERTEXT || n->err.code == RC_CHECK_MISMATCH ||
              n->err.code == RC_KMS_REJECTED || n->err.code == RC_BAD_VALUE;
    if (n->tried > 1 && n->same == n->tried && !own) {
        n->rc = n->err.code;
        if (n->same > 3)
            out_warn(r->ctx,
                     "root key %s: %zu of %zu failed so; what else is under it is not tried",
                     n->root.object.name, n->same, n->tried);
    }
    n->tried = n->same = 0;
}

static enum rc
renew(struct rewrap *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < r->root_count && rc == RC_OK && !signals_pending(); i++) {
        size_t first = 0;
        while (r->roots[first].kms != r->roots[i].kms)
            first++;
        if (r->roots[i].kms != NULL && first == i) /* each KMS once */
            rc = renew_in(r, r->roots[i].kms, err);
    }
    for (size_t i = 0; i < r->root_count; i++)
        give_up(r, &r->roots[i]);
    return rc;
}

/* ---- recording ---- */

static enum rc
append_fresh(struct rewrap *r, const struct rewrap_job *j, struct err *err)
{
    struct wrap w = {.requests = {j->request, j->proof},
                     .ciphertext = buf_str(&j->fresh),
                     .aad = j->aad,
                     .reason = r->ctx->reason,
                     .ticket = r->ctx->ticket,
                     .how = "rewrap"};
    memcpy(w.key, j->key.uuid, sizeof w.key);
    memcpy(w.root, j->root, sizeof w.root);
    memcpy(w.version, j->version, sizeof w.version);
    return wrap_append(r->ctx->store, &w, r->ctx->entry, err);
}

/* What a wave made, and what was seen of the root keys, in one transaction. */
static enum rc
commit_wave(struct rewrap *r, struct err *err)
{
    enum rc rc = log_begin(r->ctx->store, err);
    for (size_t i = 0; rc == RC_OK && i < r->root_count; i++) {
        struct rewrap_root *n = &r->roots[i];
        if (n->info.version[0] == '\0')
            continue; /* not seen */
        rc = session_observe(r->ctx, &n->root, &n->info, err);
    }
    for (size_t i = 0; rc == RC_OK && i < r->count; i++) {
        if (r->jobs[i].outcome == REWRAP_DONE)
            rc = append_fresh(r, &r->jobs[i], err);
    }
    return log_finish(r->ctx->store, rc, err);
}

/* ---- a wave ---- */

/* Under a root key that is of no use they fail unasked; its warning was given. */
static void
settle(struct rewrap *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct rewrap_job *j = &r->jobs[i];
        if (j->outcome == REWRAP_PLANNED && j->now->rc != RC_OK)
            fail(r, j, &j->now->err);
        r->current += j->outcome == REWRAP_CURRENT;
        r->planned += j->outcome == REWRAP_PLANNED;
    }
}

static enum rc
tell(struct rewrap *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && r->told != NULL && i < r->count; i++)
        rc = r->told(r->arg, &r->jobs[i], err);
    return rc;
}

static enum rc
interrupted(const struct rewrap *r, struct err *err)
{
    return err_set(err, RC_INTERRUPTED,
                   "interrupted; %lld wraps are renewed and recorded, run it again for the rest",
                   (long long)r->made);
}

static enum rc
do_wave(struct rewrap *r, struct err *err)
{
    struct err unstored = ERR_INIT;
    enum rc rc = RC_OK;
    if (!r->look_only) {
        rc = renew(r, err);
        enum rc stored = commit_wave(r, &unstored);
        if (stored != RC_OK) {
            *err = unstored; /* nothing of this wave may pass for done */
            return stored;
        }
    }
    settle(r);
    progress_tell(&r->progress, r->made, r->failed);
    if (rc == RC_OK)
        rc = tell(r, err);
    forget_jobs(r);
    return rc == RC_OK && signals_pending() ? interrupted(r, err) : rc;
}

static enum rc
full_wave(struct rewrap *r, struct err *err)
{
    return r->todo >= WAVE || r->count >= LOOKED ? do_wave(r, err) : RC_OK;
}

static enum rc
run_all(struct rewrap *r, struct err *err)
{
    struct planning p = {.r = r};
    enum rc rc = RC_OK;
    for (size_t first = 1, page = PAGE; rc == RC_OK && page == PAGE; first = 0) {
        struct key after = p.last;
        p.keys = 0;
        rc = key_each_after(r->ctx->store, first ? NULL : &after, PAGE, plan_key, &p, err);
        page = p.keys;
        if (rc == RC_OK)
            rc = full_wave(r, err);
    }
    return rc;
}

static int
named_before(const char *uuids, size_t count, const char *uuid)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(uuids + i * (UUID_TEXT + 1), uuid) == 0)
            return 1;
    }
    return 0;
}

static enum rc
run_named(struct rewrap *r, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    struct planning p = {.r = r};
    size_t count = 0;
    char *uuids = calloc(o->arg_count + 1, UUID_TEXT + 1);
    enum rc rc = uuids != NULL ? session_keys_check(r->ctx, o->arg_count, err) : err_nomem(err);
    for (size_t i = 0; rc == RC_OK && i < o->arg_count; i++) {
        struct key key;
        rc = session_key(r->ctx, opt_arg(o, i), &key, err);
        if (rc != RC_OK || named_before(uuids, count, key.uuid))
            continue;
        memcpy(uuids + count++ * (UUID_TEXT + 1), key.uuid, sizeof key.uuid);
        rc = plan_key(&p, &key, err);
        if (rc == RC_OK)
            rc = full_wave(r, err);
    }
    free(uuids);
    return rc;
}

enum rc
rewrap_run(struct rewrap *r, struct err *err)
{
    progress_begin(&r->progress, r->ctx, "rewrapped", r->look_only ? 0 : r->of);
    enum rc rc = r->all ? run_all(r, err) : run_named(r, err);
    if (rc == RC_OK && r->count > 0)
        rc = do_wave(r, err);
    progress_end(&r->progress);
    return rc;
}
