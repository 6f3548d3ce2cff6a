/* wrap add, rehome: the same key under one more root key. The former wraps stay; retiring one is an
 * act of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/keys/bulk.h"
#include "cli/keys/rehome.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/vbr/vbr_hints.h"
#include "escrow/depend.h"
#include "kms/place.h"
#include "text/time.h"

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
enum rc
rehome_reach(struct rehome *r, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < r->target_count; i++) {
        if (rehome_planned(r, &r->targets[i]) > 0)
            rc = reach_target(r, &r->targets[i], err);
    }
    return rc;
}

/* ---- the answer ---- */

struct answer {
    struct rehome *r;
    struct bulk b;
    const struct job *job;
    struct vbr_hints hints;
};

/* A wrap that can open the key. */
static enum rc
answer_origin(void *arg, const struct wrap *w, struct err *err)
{
    struct answer *a = arg;
    char root[LIMIT_NAME + 1];
    const char *from = a->r->from.uuid;
    if (w->retired || strcmp(w->root, a->job->to->root.object.uuid) == 0 ||
        (from[0] != '\0' && strcmp(w->root, from) != 0))
        return RC_OK;
    enum rc rc = object_name(a->r->ctx->store, w->root, root, err);
    if (rc == RC_OK)
        bulk_root(&a->b, NULL, root, w->version);
    return rc;
}

static enum rc
answer_job(void *arg, const struct job *j, struct err *err)
{
    struct answer *a = arg;
    struct ctx *ctx = a->r->ctx;
    const char *outcome = outcomes[j->move->outcome];
    const char *version = j->move->outcome == ADDED     ? j->version
                          : j->move->outcome == PLANNED ? j->to->root.version
                                                        : "";
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%-8s %s@%lld under %s\n", outcome, j->key.name,
                   (long long)j->key.generation, j->to->root.object.name);
        return ctx->out.len > 65536 ? out_flush(ctx, err) : RC_OK;
    }
    a->job = j;
    bulk_key(&a->b, &j->key);
    jw_str(&a->b.w, "outcome", outcome);
    jw_arr(&a->b.w, "from");
    enum rc rc = wrap_each(ctx->store, j->key.uuid, answer_origin, a, err);
    jw_end_arr(&a->b.w);
    bulk_root(&a->b, "to", j->to->root.object.name, version);
    return rc == RC_OK ? bulk_key_end(&a->b, err) : rc;
}

/* How many are left, what goes if it stops now, and the pace that a date asks for. */
struct pace {
    int64_t left;       /* still to be moved */
    int64_t only;       /* with no wrap but under --from; -1: not asked */
    int64_t days, each; /* until the date; keys a day. -1: no date */
    char by[TIME_TEXT + 1];
};

static enum rc
pace_date(const struct rehome *r, struct pace *p, struct err *err)
{
    const char *date = opt_get(&r->ctx->opts, OPT_BY);
    struct root from;
    int64_t ms = 0;
    int hpcs = 0;
    enum rc rc = RC_OK;
    if (date == NULL && r->from.uuid[0] != '\0') { /* what is moved off HPCS has a date */
        rc = root_load(r->ctx->store, &r->from, &from, err);
        if (rc == RC_OK && from.kms.uuid[0] != '\0')
            rc = depend_hpcs(r->ctx->store, &from.kms, &hpcs, err);
        date = hpcs ? PLACE_HPCS_END : NULL;
    }
    if (rc == RC_OK && date != NULL)
        rc = date_parse(&ms, date, "--by", err);
    if (rc != RC_OK || date == NULL)
        return rc;
    time_format(p->by, ms);
    p->days = ms > clock_now_ms() ? (ms - clock_now_ms()) / (INT64_C(24) * 3600 * 1000) : 0;
    p->each = (p->left + (p->days > 0 ? p->days : 1) - 1) / (p->days > 0 ? p->days : 1);
    return RC_OK;
}

static enum rc
pace(const struct rehome *r, struct pace *p, struct err *err)
{
    struct depend_on on = {.root = ""};
    struct depend_count c = {0, -1};
    *p = (struct pace){.only = -1, .days = -1, .each = -1};
    for (size_t i = 0; i < r->count; i++)
        p->left += r->moves[i].outcome == PLANNED || r->moves[i].outcome == FAILED;
    memcpy(on.root, r->from.uuid, sizeof on.root);
    enum rc rc = on.root[0] != '\0' ? depend_count(r->ctx->store, &on, &c, err) : RC_OK;
    p->only = c.only;
    return rc == RC_OK ? pace_date(r, p, err) : rc;
}

static void
say_pace(const struct rehome *r, const struct pace *p)
{
    struct ctx *ctx = r->ctx;
    if (p->only < 0 && p->days < 0)
        return;
    out_printf(ctx, "%lld left", (long long)p->left);
    if (p->only >= 0)
        out_printf(ctx, "; stopped now, the loss of %s would take %lld", r->from.name,
                   (long long)p->only);
    if (p->days >= 0)
        out_printf(ctx, "; to be done by %.10s, in %lld days: %lld a day", p->by,
                   (long long)p->days, (long long)p->each);
    out_printf(ctx, "\n");
}

static enum rc
answer(struct answer *a, struct err *err)
{
    struct pace p;
    const struct rehome *r = a->r;
    struct bulk *b = &a->b;
    enum rc rc = pace(r, &p, err);
    if (rc != RC_OK)
        return rc;
    if (!out_is_json(r->ctx)) {
        say_pace(r, &p);
        return RC_OK;
    }
    bulk_totals(b);
    jw_bool(&b->w, "dry_run", r->ctx->dry_run);
    if (r->target_count == 1)
        jw_str(&b->w, "root", r->targets[0].root.object.name);
    jw_int(&b->w, "planned", (int64_t)rehome_planned(r, NULL));
    jw_int(&b->w, "added", r->added);
    jw_int(&b->w, "there", r->there);
    jw_int(&b->w, "failed", r->failed);
    jw_int(&b->w, "left", p.left);
    vbr_hints_write(&a->hints, &b->w);
    if (p.only >= 0)
        jw_int(&b->w, "lost_if_stopped", p.only);
    if (p.days >= 0) {
        jw_str(&b->w, "by", p.by);
        jw_int(&b->w, "days_left", p.days);
        jw_int(&b->w, "keys_per_day", p.each);
    }
    return bulk_end(b, err);
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

/* Nothing was done at all: that is no partial success. */
static enum rc
judge(struct rehome *r, struct err *err)
{
    if (r->failed == 0 || r->ctx->dry_run || r->added + r->there > 0) {
        r->ctx->findings += r->failed > 0;
        return RC_OK;
    }
    *err = r->first;
    return r->target_count > 1
               ? err_wrap(err, "no key could be wrapped")
               : err_wrap(err, "no key could be wrapped under %s", r->targets[0].root.object.name);
}

/* Backup servers show the wrap that must survive; of many keys all are looked at, at once. */
static enum rc
settle_hints(struct answer *a, struct err *err)
{
    const struct rehome *r = a->r;
    int all = r->count > 64;
    enum rc rc = all ? vbr_hints_add(&a->hints, NULL, err) : RC_OK;
    for (size_t i = 0; rc == RC_OK && !all && i < r->count; i++)
        rc = vbr_hints_add(&a->hints, r->moves[i].key, err);
    return rc == RC_OK ? vbr_hints_settle(&a->hints, err) : rc;
}

/* Before anything is said or done. */
static enum rc
check_by(const struct ctx *ctx, struct err *err)
{
    const char *date = opt_get(&ctx->opts, OPT_BY);
    int64_t ms = 0;
    enum rc rc = date != NULL ? date_parse(&ms, date, "--by", err) : RC_OK;
    if (rc == RC_OK && date != NULL && ms < clock_now_ms())
        return err_set(err, RC_BAD_VALUE, "--by %s: that is over", date);
    return rc;
}

static enum rc
run(struct ctx *ctx, const char *how, const char *to, struct err *err)
{
    struct answer a = {.r = calloc(1, sizeof *a.r), .hints = {.ctx = ctx}};
    struct rehome *r = a.r;
    if (r == NULL)
        return err_nomem(err);
    r->ctx = ctx;
    r->how = how;
    r->told = answer_job;
    r->arg = &a;
    enum rc rc = check_by(ctx, err);
    if (rc == RC_OK)
        rc = rehome_plan(r, to, err);
    if (rc == RC_OK && rehome_planned(r, NULL) > 0 && !(ctx->dry_run && ctx->offline))
        rc = rehome_reach(r, err);
    if (rc == RC_OK && !ctx->dry_run && rehome_planned(r, NULL) > 0)
        rc = confirm_plan(r, err);
    if (rc == RC_OK && out_is_json(ctx))
        bulk_begin(&a.b, ctx, strcmp(how, "add") == 0 ? "wrap.add" : "rehome");
    if (rc == RC_OK)
        rc = rehome_run(r, err);
    if (rc == RC_OK)
        rc = judge(r, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = settle_hints(&a, err);
    if (rc == RC_OK)
        rc = answer(&a, err);
    bulk_release(&a.b);
    vbr_hints_release(&a.hints);
    if (rc == RC_OK)
        rc = session_publish(ctx, err);
    else if (r->added > 0) /* interrupted, or one of them lied; the others are recorded */
        session_publish_rest(ctx);
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
    {OPT_BY, "by", 0, "DATE", 0, "when it must be done; says the pace that takes"},
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
