#include "cli/drill/drill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/keys/batch.h"
#include "cli/keys/kms_conf.h"
#include "cli/keys/mint.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "sys/process.h"
#include "text/time.h"

enum { WAVE = 512 };

static void
forget_jobs(struct drill_run *r)
{
    for (size_t i = 0; i < r->count; i++)
        drill_path_release(&r->jobs[i].path);
    r->count = 0;
}

void
drill_release(struct drill_run *r)
{
    forget_jobs(r);
    free(r->jobs);
    r->jobs = NULL;
}

/* ---- the plan ---- */

static enum rc
has_credential(const struct drill_run *r, const struct object *kms, struct err *err)
{
    if (opt_has(&r->ctx->opts, OPT_CREDENTIAL) || kms_conf(r->own, kms, "credential") != NULL)
        return RC_OK;
    (void)err_set(err, RC_KMS_NO_CREDENTIAL, "no credential for KMS %s", kms->name);
    return err_hint(err, "keymuster kms set %s --credential REF", kms->name);
}

static struct drill_kms *
kms_of(struct drill_run *r, const struct object *kms)
{
    for (size_t i = 0; i < r->kms_count; i++) {
        if (strcmp(r->kmss[i].uuid, kms->uuid) == 0)
            return &r->kmss[i];
    }
    return NULL;
}

static enum rc
open_kms(void *arg, const struct object *kms, struct kms **out, struct err *err)
{
    struct drill_run *r = arg;
    struct drill_kms *k = kms_of(r, kms);
    *out = NULL;
    if (r->ctx->dry_run)
        return has_credential(r, kms, err);
    if (k == NULL && r->kms_count == DRILL_KMSS)
        return err_set(err, RC_INTERNAL, "more than %d KMSs in one drill", DRILL_KMSS);
    if (k == NULL) {
        k = &r->kmss[r->kms_count++];
        memset(k, 0, sizeof *k);
        memcpy(k->uuid, kms->uuid, sizeof k->uuid);
        k->rc = session_kms(r->ctx, kms, &k->kms, &k->err);
    }
    *out = k->kms;
    if (k->rc != RC_OK)
        *err = k->err;
    return k->rc;
}

static enum rc
add_job(void *arg, struct drill_path *path, struct err *err)
{
    struct drill_run *r = arg;
    if (r->count == r->room) {
        size_t room = r->room > 0 ? 2 * r->room : WAVE;
        struct drill_job *jobs = realloc(r->jobs, room * sizeof *jobs);
        if (jobs == NULL) {
            drill_path_release(path);
            return err_nomem(err);
        }
        r->jobs = jobs;
        r->room = room;
    }
    struct drill_job *j = &r->jobs[r->count++];
    memset(j, 0, sizeof *j);
    j->path = *path; /* transferred */
    j->rc = path->rc;
    j->err = path->err;
    j->kms = path->kms != NULL ? kms_of(r, &path->root.kms) : NULL;
    return RC_OK;
}

/* The copy could not be read: that is the result for every key. */
static enum rc
add_unread(struct drill_run *r, const struct key *key, struct err *err)
{
    struct drill_path path = {.key = *key, .rc = r->from_rc, .err = r->from_err};
    return add_job(r, &path, err);
}

static enum rc
plan_key(struct drill_run *r, const char *uuid, struct err *err)
{
    struct key key;
    struct drill_plan plan = {.own = r->own,
                              .alone = r->alone,
                              .root = r->root.object.uuid[0] != '\0' ? r->root.object.uuid : NULL,
                              .open = open_kms,
                              .path = add_job,
                              .roots = &r->roots,
                              .arg = r};
    int here = 0;
    enum rc rc = key_is_known(r->own, uuid, &here, err);
    if (rc == RC_OK)
        rc = key_find(here ? r->own : r->alone, uuid, &key, err);
    if (rc != RC_OK)
        return rc;
    r->keys++;
    return r->from_rc != RC_OK ? add_unread(r, &key, err) : drill_plan_key(&plan, &key, err);
}

/* As many as fill a wave. */
static enum rc
plan_wave(struct drill_run *r, const struct drill_keys *keys, size_t *next, struct err *err)
{
    enum rc rc = db_look(r->own->db, err);
    while (rc == RC_OK && *next < keys->count && r->count < WAVE)
        rc = plan_key(r, keys->list[(*next)++], err);
    db_rollback(r->own->db);
    return rc;
}

/* ---- doing ---- */

/* What the copy has counts, else what is known here; two that differ are a failure. */
static enum rc
find_check(const struct drill_run *r, struct drill_job *j)
{
    struct check_value known;
    int has = 0;
    j->rc = proof_init(&j->proof, r->alone, &j->path.key, &j->err);
    if (j->rc == RC_OK && r->alone != r->own)
        j->rc = key_check(r->own, j->path.key.uuid, &known, &has, &j->err);
    if (j->rc != RC_OK || !has)
        return j->rc;
    if (j->proof.has_check && strcmp(j->proof.check.value, known.value) != 0) {
        (void)err_set(&j->err, RC_CHECK_MISMATCH,
                      "key %s: the copy has another check value than is known here",
                      j->path.key.name);
        return j->rc = err_hint(&j->err, "treat the copy as hostile: keymuster verify, keymuster "
                                         "copy check --deep");
    }
    j->proof.check = known;
    j->proof.has_check = 1;
    return RC_OK;
}

/* A key without a check value gets one from the first drill. */
static void
make_check(struct drill_job *j, const struct secret *plain)
{
    struct proof *p = &j->proof;
    struct secret *text = NULL;
    err_clear(&p->err);
    p->rc = unwrap_form(&text, plain, j->path.key.form, &p->err);
    if (p->rc == RC_OK)
        p->rc = check_make(&j->made, plain, text, j->path.key.uuid, &p->err);
    j->has_made = p->rc == RC_OK;
    secret_free(text);
}

struct taking {
    struct drill_run *r;
    struct drill_job *j;
};

/* A check value of an adopted password costs 0.1 s, so a signal is heeded in between. */
static void
take(void *arg, struct kms_op *op)
{
    struct taking *t = arg;
    struct drill_job *j = t->j;
    int64_t began = clock_mono_ms();
    if (signals_pending())
        j->proof.rc = err_set(&j->proof.err, RC_INTERRUPTED, "interrupted");
    else if (j->proof.has_check)
        (void)proof_judge(&j->proof, op->plain);
    else
        make_check(j, op->plain);
    secret_free(op->plain);
    op->plain = NULL;
    j->result.ms = op->ms + clock_mono_ms() - began;
    if (j->proof.rc == RC_OK)
        t->r->rto_ms = j->after_ms = clock_mono_ms() - t->r->began_ms;
}

static void
collect(const struct drill_run *r, struct drill_job *j, const struct kms_op *op)
{
    j->checked = j->proof.has_check;
    j->rc = proof_outcome(&j->proof, op, &j->err);
    memcpy(j->result.request, op->request, sizeof j->result.request);
    if (op->rc != RC_OK)
        j->result.ms = op->ms;
    if (op->rc == RC_OK && j->rc == RC_CHECK_MISMATCH) {
        char ref[KEY_REF];
        (void)err_hint(&j->err,
                       "treat the wrap as hostile, and get the key back by another one\n"
                       "see them: keymuster show %s --wraps",
                       key_ref_said(ref, r->own, &j->path.key));
    }
    j->kms->tried++;
    j->kms->away += kms_is_away(j->rc) || j->rc == RC_IAM_REFUSED;
}

static enum rc
fill(struct batch *b, struct drill_run *r, const struct drill_kms *k, struct taking *takings,
     struct err *err)
{
    enum rc rc = batch_new(b, r->count, err);
    if (rc == RC_OK)
        rc = db_look(r->own->db, err);
    for (size_t i = 0; rc == RC_OK && i < r->count; i++) {
        struct drill_job *j = &r->jobs[i];
        if (j->kms != k || j->rc != RC_OK || find_check(r, j) != RC_OK)
            continue;
        struct taking *t = &takings[b->count];
        struct kms_op *op = batch_add(b, j, KMS_UNWRAP, j->path.root.id, j->path.aad, &j->err);
        if (op == NULL) {
            j->rc = j->err.code;
            continue;
        }
        *t = (struct taking){r, j};
        op->ciphertext = j->path.ciphertext;
        op->take = take;
        op->take_arg = t;
    }
    db_rollback(r->own->db);
    return rc;
}

/* A KMS that nobody reached in this wave is not asked again. */
static void
give_up(struct drill_run *r, struct drill_kms *k)
{
    const struct drill_job *j = NULL;
    for (size_t i = 0; i < r->count && k->tried > 0 && k->away == k->tried; i++) {
        if (r->jobs[i].kms == k && r->jobs[i].rc != RC_OK)
            j = &r->jobs[i];
    }
    if (j != NULL) {
        k->rc = j->rc;
        k->err = j->err;
        k->kms = NULL;
    }
    k->tried = k->away = 0;
}

static enum rc
ask(struct drill_run *r, struct drill_kms *k, struct err *err)
{
    struct batch b = {0};
    struct taking *takings = calloc(r->count + 1, sizeof *takings);
    enum rc rc = takings != NULL ? fill(&b, r, k, takings, err) : err_nomem(err);
    if (rc == RC_OK)
        batch_run(&b, k->kms);
    for (size_t i = 0; rc == RC_OK && i < b.count; i++)
        collect(r, b.jobs[i], &b.ops[i]);
    batch_release(&b);
    free(takings);
    give_up(r, k);
    return rc;
}

/* Two wraps of a key without a check value must at least agree. A key's jobs stand together. */
static void
compare_made(struct drill_run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        struct drill_job *a = &r->jobs[i];
        for (size_t k = i + 1; a->has_made && k < r->count; k++) {
            struct drill_job *b = &r->jobs[k];
            if (strcmp(a->path.key.uuid, b->path.key.uuid) != 0)
                break;
            if (!b->has_made)
                continue;
            b->has_made = 0; /* one entry is enough */
            if (strcmp(a->made.value, b->made.value) == 0)
                continue;
            (void)err_set(&a->err, RC_CHECK_MISMATCH, "key %s: its wraps give different values",
                          a->path.key.name);
            (void)err_why(&a->err, "it has no check value that could tell which is the right one");
            (void)err_hint(&a->err, "record it again from where it is in use: keymuster record");
            b->err = a->err;
            a->rc = b->rc = RC_CHECK_MISMATCH;
            a->has_made = 0;
        }
    }
}

/* ---- recording ---- */

int64_t
drill_rpo(const struct drill_run *r)
{
    int64_t at = 0;
    if (r->lag.entries == 0 || time_parse(&at, r->lag.since) != 0)
        return 0;
    return r->began_at_ms > at ? r->began_at_ms - at : 0;
}

static enum rc
settle(struct drill_run *r, struct drill_job *j, struct err *err)
{
    struct drilled *d = &j->result;
    drill_hint(&j->err, r->own, &j->path.key);
    memcpy(d->key, j->path.key.uuid, sizeof d->key);
    memcpy(d->root, j->path.root.object.uuid, sizeof d->root);
    memcpy(d->copy, r->copy.uuid, sizeof d->copy);
    memcpy(d->site, r->own->site, sizeof d->site);
    (void)snprintf(d->host, sizeof d->host, "%s", actor_get()->host);
    d->outcome = drill_judge(j->rc);
    d->code[0] = '\0';
    if (j->rc != RC_OK)
        (void)snprintf(d->code, sizeof d->code, "KM%04d", (int)j->rc);
    if (d->request[0] == '\0')
        (void)snprintf(d->request, sizeof d->request, "%s", j->err.request);
    return drilled_counts(r->alone != NULL ? r->alone : r->own, &j->path.key, d, &j->counts, err);
}

static enum rc
append_check(struct store *store, const struct drill_job *j, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", j->path.key.uuid);
    jw_str(&w, "wrap", j->path.wrap);
    mint_write_check(&w, &j->made);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "key.check", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
commit_wave(struct drill_run *r, struct err *err)
{
    struct ctx *ctx = r->ctx;
    struct store *store = session_records(ctx);
    struct drill_of of = {.run = r->id,
                          .export = ctx->export,
                          .until = ctx->until,
                          .reason = ctx->reason,
                          .ticket = ctx->ticket,
                          .rpo_ms = r->has_lag ? drill_rpo(r) : -1,
                          .lost = r->lag.entries,
                          .newest = r->lag.newest};
    enum rc rc = log_begin(store, err);
    for (size_t i = 0; rc == RC_OK && i < r->count; i++) {
        struct drill_job *j = &r->jobs[i];
        if (j->rc == RC_INTERRUPTED)
            continue;
        if (j->has_made)
            rc = append_check(store, j, err);
        of.after_ms = j->result.outcome == DRILL_PROVEN ? j->after_ms : -1;
        if (rc == RC_OK)
            rc = drilled_append(store, &j->result, &of, err);
    }
    return log_finish(store, rc, err);
}

static void
count(struct drill_run *r, const struct drill_job *j)
{
    if (j->rc == RC_INTERRUPTED)
        return;
    r->paths++;
    r->proven += j->result.outcome == DRILL_PROVEN;
    r->failed += j->result.outcome == DRILL_FAILED;
    r->inconclusive += j->result.outcome == DRILL_INCONCLUSIVE;
    r->uncounted += j->result.outcome == DRILL_PROVEN && !j->counts;
    r->planned += j->rc == RC_OK;
}

/* ---- a wave ---- */

static enum rc
interrupted(const struct drill_run *r, struct err *err)
{
    return err_set(err, RC_INTERRUPTED,
                   "interrupted; %lld results are recorded, run it again for the rest",
                   (long long)r->paths);
}

/* What no other key can help. */
static enum rc
find_stop(const struct drill_run *r, struct err *err)
{
    for (size_t i = 0; i < r->count; i++) {
        enum rc rc = r->jobs[i].rc;
        if (rc == RC_NO_LOCK || rc == RC_NO_MEMORY) {
            *err = r->jobs[i].err;
            return rc;
        }
    }
    return RC_OK;
}

static enum rc
do_wave(struct drill_run *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !r->ctx->dry_run && rc == RC_OK && i < r->kms_count; i++) {
        if (r->kmss[i].kms != NULL && !signals_pending())
            rc = ask(r, &r->kmss[i], err);
    }
    for (size_t i = 0; rc == RC_OK && i < r->count; i++) { /* a signal came before its turn */
        struct drill_job *j = &r->jobs[i];
        if (!r->ctx->dry_run && j->rc == RC_OK && j->proof.key == NULL)
            j->rc = err_set(&j->err, RC_INTERRUPTED, "interrupted");
    }
    compare_made(r);
    for (size_t i = 0; rc == RC_OK && i < r->count; i++)
        rc = settle(r, &r->jobs[i], err);
    if (rc == RC_OK && !r->ctx->dry_run)
        rc = commit_wave(r, err);
    for (size_t i = 0; rc == RC_OK && i < r->count; i++) {
        count(r, &r->jobs[i]);
        if (r->told != NULL && r->jobs[i].rc != RC_INTERRUPTED)
            rc = r->told(r->arg, &r->jobs[i], err);
    }
    if (rc == RC_OK)
        rc = find_stop(r, err);
    int64_t bad = r->failed + r->inconclusive;
    progress_tell(&r->progress, r->keys > bad ? r->keys - bad : 0, bad);
    forget_jobs(r);
    return rc == RC_OK && signals_pending() ? interrupted(r, err) : rc;
}

/* While it runs, KMSs are looked up in what the copy says, and records go where they belong. */
enum rc
drill_run(struct drill_run *r, const struct drill_keys *keys, struct err *err)
{
    struct ctx *ctx = r->ctx;
    struct store *records = ctx->records;
    enum rc rc = RC_OK;
    random_uuid_in_order(r->id);
    r->rto_ms = -1;
    progress_begin(&r->progress, ctx, "drilled", (int64_t)keys->count);
    if (ctx->records == NULL)
        ctx->records = r->own;
    if (r->alone != NULL)
        ctx->store = r->alone;
    for (size_t i = 0; rc == RC_OK && i < keys->count;) {
        rc = plan_wave(r, keys, &i, err);
        if (rc == RC_OK && r->count >= WAVE)
            rc = do_wave(r, err);
    }
    if (rc == RC_OK && r->count > 0)
        rc = do_wave(r, err);
    ctx->store = r->own;
    ctx->records = records;
    progress_end(&r->progress);
    return rc;
}
