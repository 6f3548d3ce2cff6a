#include "cli/keys/rehome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/keys/batch.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "escrow/wrap.h"
#include "sys/process.h"

/* As many payloads of 32 bytes as one place for secrets holds. */
enum { WAVE = SECRET_SLOT / 32 };

static void
forget_jobs(struct rehome *r)
{
    for (size_t i = 0; i < r->job_count; i++) {
        struct job *j = &r->jobs[i];
        unwrap_first_release(&j->source);
        buf_release(&j->aad);
        buf_release(&j->ciphertext);
        buf_release(&j->fresh);
    }
    r->job_count = 0;
    if (r->payloads != NULL)
        secret_cut(r->payloads, 0);
}

void
rehome_release(struct rehome *r)
{
    forget_jobs(r);
    free(r->jobs);
    free(r->moves);
    free(r->named);
    secret_free(r->payloads);
}

/* ---- failures ---- */

/* What no other key can help. */
static int
stops(enum rc rc)
{
    return rc == RC_CHECK_MISMATCH || rc == RC_KMS_REPLY || rc == RC_NO_LOCK ||
           rc == RC_NO_MEMORY || rc == RC_INTERRUPTED;
}

static void
fail(struct rehome *r, struct job *j, const struct err *why)
{
    j->move->outcome = FAILED;
    if (r->failed++ == 0)
        r->first = *why;
}

/* Of one key alone the error itself is told. */
static void
fail_asked(struct rehome *r, struct job *j, const struct err *why)
{
    fail(r, j, why);
    if (r->count > 1)
        out_warn(r->ctx, "%s@%lld: %s%s%s", j->key.name, (long long)j->key.generation, why->msg,
                 why->why[0] != '\0' ? ": " : "", why->why);
}

static void
fail_under(struct rehome *r, struct job *j, const struct err *why)
{
    struct target *t = j->to;
    if (t->same == 0)
        t->err = *why;
    t->same += t->err.code == why->code;
    if (t->same < 4)
        fail_asked(r, j, why);
    else
        fail(r, j, why);
}

/* A root key under which everything failed for the same reason: the rest is not tried. */
static void
give_up(struct rehome *r, struct target *t)
{
    if (t->tried > 1 && t->same == t->tried) {
        t->rc = t->err.code;
        if (t->same > 3)
            out_warn(r->ctx, "root key %s: %zu of %zu failed so; no more is tried under it",
                     t->root.object.name, t->same, t->tried);
    }
    t->tried = t->same = 0;
}

/* ---- KMSs to open with ---- */

static enum rc
open_kms(void *arg, const struct object *kms, struct kms **out, struct err *err)
{
    struct rehome *r = arg;
    *out = NULL;
    for (size_t i = 0; i < r->away_count; i++) {
        if (strcmp(r->away[i].uuid, kms->uuid) == 0) {
            *err = r->away[i].err;
            return err->code;
        }
    }
    return session_kms(r->ctx, kms, out, err);
}

static void
note_away(struct rehome *r, const char *kms, const struct err *why)
{
    if (r->away_count == REHOME_AWAY)
        return;
    (void)snprintf(r->away[r->away_count].uuid, UUID_TEXT + 1, "%s", kms);
    r->away[r->away_count++].err = *why;
}

/* ---- opening ---- */

/* Behind those that are there; a view of it into the job. */
static enum rc
keep_payload(struct rehome *r, struct job *j, const struct secret *plain, struct err *err)
{
    if (plain->len > SECRET_SLOT - r->payloads->len) {
        j->later = 1;
        return RC_OK;
    }
    j->payload = (struct secret){.bytes = r->payloads->bytes + r->payloads->len, .len = plain->len};
    return secret_add(r->payloads, plain->bytes, plain->len, err);
}

struct taking {
    struct rehome *r;
    struct job *job;
};

static void
take(void *arg, struct kms_op *op)
{
    struct taking *t = arg;
    struct proof *p = &t->job->opened;
    if (proof_judge(p, op->plain) == RC_OK)
        p->rc = keep_payload(t->r, t->job, op->plain, &p->err);
    secret_free(op->plain);
    op->plain = NULL;
}

static int
to_open(const struct job *j)
{
    return j->move->outcome == PLANNED && j->to->rc == RC_OK && j->payload.bytes == NULL;
}

static enum rc
keep_source(struct job *j, const char *aad, const struct buf *fresh, const char *root,
            const char *version, struct err *err)
{
    buf_clear(&j->aad);
    buf_adds(&j->aad, aad);
    if (j->opened.has_check && fresh->len > 0) {
        buf_clear(&j->fresh);
        buf_add(&j->fresh, fresh->data, fresh->len);
        (void)snprintf(j->fresh_root, sizeof j->fresh_root, "%s", root);
        (void)snprintf(j->fresh_version, sizeof j->fresh_version, "%s", version);
    }
    enum rc rc = buf_check(&j->aad, "the wrap's AAD", err);
    return rc == RC_OK ? buf_check(&j->fresh, "a wrap", err) : rc;
}

/* All that this KMS is to open first, at once. Those it does not open are left as they are. */
static enum rc
open_batch(struct rehome *r, const struct object *object, struct err *err)
{
    struct batch b;
    struct kms *kms = NULL;
    struct err why = ERR_INIT;
    size_t away = 0;
    struct taking *takes = calloc(r->job_count + 1, sizeof *takes);
    enum rc rc = batch_new(&b, r->job_count, err);
    if (rc == RC_OK && takes == NULL)
        rc = err_nomem(err);
    enum rc opened = rc == RC_OK ? open_kms(r, object, &kms, &why) : rc;
    for (size_t i = 0; rc == RC_OK && opened == RC_OK && i < r->job_count; i++) {
        struct job *j = &r->jobs[i];
        struct kms_op *op = NULL;
        if (!to_open(j) || strcmp(j->source.root.kms.uuid, object->uuid) != 0)
            continue;
        takes[b.count] = (struct taking){r, j};
        op = batch_add(&b, j, KMS_UNWRAP, j->source.root.id, buf_str(&j->source.aad), &why);
        if (op == NULL)
            continue;
        op->ciphertext = buf_str(&j->source.ciphertext);
        op->take = take;
        op->take_arg = &takes[b.count - 1];
    }
    if (rc == RC_OK)
        batch_run(&b, kms);
    for (size_t i = 0; rc == RC_OK && i < b.count; i++) {
        struct job *j = b.jobs[i];
        const struct kms_op *op = &b.ops[i];
        memcpy(j->opening, op->request, sizeof j->opening);
        if (op->rc == RC_OK && j->opened.rc == RC_OK)
            rc = keep_source(j, buf_str(&j->source.aad), &op->fresh, j->source.root.object.uuid,
                             op->fresh_version, err);
        if (kms_is_away(op->rc))
            away++;
    }
    if (rc == RC_OK && b.count > 0 && away == b.count && !signals_pending())
        note_away(r, object->uuid, &b.ops[0].err);
    batch_release(&b);
    free(takes);
    return rc;
}

/* By whichever of its wraps opens. */
static enum rc
open_any(struct rehome *r, struct job *j, struct err *err)
{
    struct unwrap u;
    struct secret *payload = NULL;
    const char *from = r->from.uuid[0] != '\0' ? r->from.uuid : NULL;
    enum rc rc = unwrap_key(r->ctx->store, &j->key, from, open_kms, r, &u, err);
    if (rc == RC_OK && u.aad[0] == '\0')
        rc = err_set(err, RC_BAD_VALUE, "the AAD of the wrap under %s is too long to be kept",
                     u.root_name);
    if (rc == RC_OK)
        rc = unwrap_payload(&payload, u.text, j->key.form, err);
    if (rc == RC_OK)
        rc = keep_payload(r, j, payload, err);
    if (rc == RC_OK) {
        memcpy(j->opening, u.request, sizeof j->opening);
        rc = keep_source(j, u.aad, &u.fresh, u.root, u.fresh_version, err);
    }
    secret_free(payload);
    unwrap_release(&u);
    return rc;
}

static enum rc
open_rest(struct rehome *r, struct err *err)
{
    for (size_t i = 0; i < r->job_count && !signals_pending(); i++) {
        struct job *j = &r->jobs[i];
        struct err why = ERR_INIT;
        if (!to_open(j) || j->later)
            continue;
        int judged = j->opened.rc == RC_CHECK_MISMATCH; /* by this wrap, no other one counts */
        enum rc rc = judged ? j->opened.rc : open_any(r, j, &why);
        if (judged)
            why = j->opened.err;
        if (rc == RC_OK || rc == RC_INTERRUPTED)
            continue;
        fail_asked(r, j, &why);
        if (stops(rc)) {
            *err = why;
            return rc;
        }
    }
    return RC_OK;
}

static enum rc
open_all(struct rehome *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->job_count && !signals_pending(); i++) {
        const struct object *kms = &r->jobs[i].source.root.kms;
        size_t first = 0;
        while (strcmp(r->jobs[first].source.root.kms.uuid, kms->uuid) != 0)
            first++;
        if (first == i && kms->uuid[0] != '\0') /* each KMS once */
            rc = open_batch(r, kms, err);
    }
    return rc == RC_OK ? open_rest(r, err) : rc;
}

/* ---- wrapping and proving ---- */

static int
to_wrap(const struct job *j, const struct target *t)
{
    return j->move->outcome == PLANNED && j->to == t && t->rc == RC_OK && j->payload.bytes != NULL;
}

static enum rc
wrap_batch(struct rehome *r, struct target *t, struct err *err)
{
    struct batch b;
    struct err why = ERR_INIT;
    enum rc rc = batch_new(&b, r->job_count, err);
    for (size_t i = 0; rc == RC_OK && i < r->job_count; i++) {
        struct job *j = &r->jobs[i];
        struct kms_op *op = NULL;
        if (!to_wrap(j, t))
            continue;
        op = batch_add(&b, j, KMS_WRAP, t->root.id, buf_str(&j->aad), &why);
        if (op == NULL)
            fail_asked(r, j, &why);
        else
            op->payload = &j->payload;
    }
    t->tried = b.count;
    if (rc == RC_OK)
        batch_run(&b, t->kms);
    for (size_t i = 0; rc == RC_OK && i < b.count; i++) {
        struct job *j = b.jobs[i];
        const struct kms_op *op = &b.ops[i];
        if (op->rc == RC_OK) {
            buf_add(&j->ciphertext, op->fresh.data, op->fresh.len);
            memcpy(j->version, op->version, sizeof j->version);
            memcpy(j->request, op->request, sizeof j->request);
            rc = buf_check(&j->ciphertext, "the wrap", err);
        } else if (op->rc != RC_INTERRUPTED) {
            fail_under(r, j, &op->err);
        }
    }
    batch_release(&b);
    return rc;
}

/* Only a wrap that gave the same bytes again is recorded. */
static enum rc
judge_batch(struct rehome *r, struct batch *b, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < b->count; i++) {
        struct err why = ERR_INIT;
        struct job *j = b->jobs[i];
        enum rc proved = proof_outcome(&b->proofs[i], &b->ops[i], &why);
        j->proven = proved == RC_OK;
        memcpy(j->proof, b->ops[i].request, sizeof j->proof);
        if (proved == RC_OK || proved == RC_INTERRUPTED)
            continue;
        fail_under(r, j, &why);
        if (rc == RC_OK && stops(proved)) {
            *err = why;
            rc = proved;
        }
    }
    return rc;
}

static enum rc
prove_batch(struct rehome *r, struct target *t, struct err *err)
{
    struct batch b;
    struct err why = ERR_INIT;
    enum rc rc = batch_new(&b, r->job_count, err);
    for (size_t i = 0; rc == RC_OK && i < r->job_count; i++) {
        struct job *j = &r->jobs[i];
        struct kms_op *op = NULL;
        size_t n = b.count;
        if (!to_wrap(j, t) || j->ciphertext.len == 0)
            continue;
        rc = proof_init(&b.proofs[n], r->ctx->store, &j->key, err);
        b.proofs[n].payload = &j->payload;
        if (rc == RC_OK)
            op = batch_add(&b, j, KMS_UNWRAP, t->root.id, buf_str(&j->aad), &why);
        if (op == NULL) {
            if (rc == RC_OK)
                fail_asked(r, j, &why);
            continue;
        }
        op->ciphertext = buf_str(&j->ciphertext);
        op->take = proof_take;
        op->take_arg = &b.proofs[n];
    }
    if (rc == RC_OK) {
        batch_run(&b, t->kms);
        rc = judge_batch(r, &b, err);
    }
    batch_release(&b);
    return rc;
}

static enum rc
wrap_all(struct rehome *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->target_count && !signals_pending(); i++) {
        struct target *t = &r->targets[i];
        if (t->kms == NULL || t->rc != RC_OK)
            continue;
        rc = wrap_batch(r, t, err);
        if (rc == RC_OK && !signals_pending())
            rc = prove_batch(r, t, err);
        give_up(r, t);
    }
    return rc;
}

/* ---- recording ---- */

static enum rc
append_wrap(struct rehome *r, const struct job *j, const struct buf *ciphertext, const char *root,
            const char *version, const char *how, struct err *err)
{
    struct wrap w = {.ciphertext = buf_str(ciphertext),
                     .aad = buf_str(&j->aad),
                     .reason = r->ctx->reason,
                     .ticket = r->ctx->ticket};
    if (strcmp(how, "refresh") == 0) {
        w.requests[0] = j->opening;
    } else {
        w.requests[0] = j->fresh.len == 0 ? j->opening : NULL;
        w.requests[1] = j->request;
        w.requests[2] = j->proof;
    }
    memcpy(w.key, j->key.uuid, sizeof w.key);
    memcpy(w.root, root, UUID_TEXT + 1);
    memcpy(w.version, version, UUID_TEXT + 1);
    (void)snprintf(w.how, sizeof w.how, "%s", how);
    return wrap_append(r->ctx->store, &w, r->ctx->entry, err);
}

static enum rc
append_job(struct rehome *r, struct job *j, struct err *err)
{
    enum rc rc = RC_OK;
    if (j->fresh.len > 0)
        rc = append_wrap(r, j, &j->fresh, j->fresh_root, j->fresh_version, "refresh", err);
    return rc == RC_OK
               ? append_wrap(r, j, &j->ciphertext, j->to->root.object.uuid, j->version, r->how, err)
               : rc;
}

/* What a round made, and what was seen of the root keys, in one transaction. */
static enum rc
commit_round(struct rehome *r, struct err *err)
{
    enum rc rc = log_begin(r->ctx->store, err);
    for (size_t i = 0; rc == RC_OK && i < r->target_count; i++) {
        if (r->targets[i].kms != NULL)
            rc = session_observe(r->ctx, &r->targets[i].root, &r->targets[i].info, err);
    }
    for (size_t i = 0; rc == RC_OK && i < r->job_count; i++) {
        if (r->jobs[i].proven && r->jobs[i].move->outcome == PLANNED)
            rc = append_job(r, &r->jobs[i], err);
    }
    rc = log_finish(r->ctx->store, rc, err);
    for (size_t i = 0; rc == RC_OK && i < r->job_count; i++) {
        if (r->jobs[i].proven && r->jobs[i].move->outcome == PLANNED) {
            r->jobs[i].move->outcome = ADDED;
            r->added++;
        }
    }
    return rc;
}

/* ---- waves ---- */

static enum rc
add_job(struct rehome *r, struct move *m, struct err *err)
{
    struct err why = ERR_INIT;
    struct job *j = &r->jobs[r->job_count++];
    const char *from = r->from.uuid[0] != '\0' ? r->from.uuid : NULL;
    memset(j, 0, sizeof *j);
    j->move = m;
    j->to = &r->targets[m->target];
    buf_init(&j->aad, LIMIT_BODY);
    buf_init(&j->ciphertext, LIMIT_CIPHERTEXT);
    buf_init(&j->fresh, LIMIT_CIPHERTEXT);
    enum rc rc = key_find(r->ctx->store, m->key, &j->key, err);
    if (rc != RC_OK || m->outcome != PLANNED)
        return rc;
    if (unwrap_first(&j->source, r->ctx->store, &j->key, from, &why) != RC_OK)
        j->source.root.kms.uuid[0] = '\0'; /* unwrap_key will say why */
    return proof_init(&j->opened, r->ctx->store, &j->key, err);
}

static enum rc
tell(struct rehome *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < r->job_count; i++) {
        struct job *j = &r->jobs[i];
        if (j->move->outcome == PLANNED && j->to->rc != RC_OK)
            fail(r, j, &j->to->err); /* unasked; its warning was given */
    }
    for (size_t i = 0; rc == RC_OK && r->told != NULL && i < r->job_count; i++)
        rc = r->told(r->arg, &r->jobs[i], err);
    return rc;
}

/* Payloads that found no place come in the next round; a place holds at least one. */
static int
next_round(struct rehome *r)
{
    int more = 0;
    secret_cut(r->payloads, 0);
    for (size_t i = 0; i < r->job_count; i++) {
        struct job *j = &r->jobs[i];
        j->payload.bytes = NULL;
        j->proven = 0;
        buf_clear(&j->ciphertext);
        buf_clear(&j->fresh);
        more |= j->later && j->move->outcome == PLANNED;
        j->later = 0;
    }
    return more;
}

static enum rc
do_wave(struct rehome *r, struct err *err)
{
    enum rc rc = RC_OK;
    do {
        struct err unstored = ERR_INIT;
        rc = open_all(r, err);
        if (r->ctx->dry_run)
            continue;
        if (rc == RC_OK || stops(rc)) { /* what did open is still wrapped */
            struct err wrapping = ERR_INIT;
            enum rc wrapped = wrap_all(r, rc == RC_OK ? err : &wrapping);
            rc = rc == RC_OK ? wrapped : rc;
        }
        enum rc stored = commit_round(r, &unstored);
        if (stored != RC_OK) {
            *err = unstored;
            return stored;
        }
    } while (next_round(r) && rc == RC_OK && !signals_pending());
    progress_tell(&r->progress, r->added + r->there, r->failed);
    return rc == RC_OK ? tell(r, err) : rc;
}

enum rc
rehome_run(struct rehome *r, struct err *err)
{
    enum rc rc = RC_OK;
    r->jobs = calloc(WAVE, sizeof *r->jobs);
    if (r->jobs == NULL)
        return err_nomem(err);
    if (rehome_planned(r, NULL) > 0 && !(r->ctx->dry_run && r->ctx->offline))
        rc = secret_new(&r->payloads, err);
    progress_begin(&r->progress, r->ctx, r->ctx->dry_run ? "opened" : "moved", (int64_t)r->count);
    for (size_t i = 0; rc == RC_OK && i < r->count && !signals_pending();) {
        for (; rc == RC_OK && i < r->count && r->job_count < WAVE; i++)
            rc = add_job(r, &r->moves[i], err);
        if (rc == RC_OK && r->payloads != NULL)
            rc = do_wave(r, err);
        else if (rc == RC_OK)
            rc = tell(r, err);
        forget_jobs(r);
    }
    progress_end(&r->progress);
    if (rc == RC_OK && signals_pending())
        rc = err_set(err, RC_INTERRUPTED,
                     "interrupted; %lld wraps are recorded, run it again for the rest",
                     (long long)r->added);
    return rc;
}
