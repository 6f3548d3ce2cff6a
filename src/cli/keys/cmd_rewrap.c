/* rewrap: the same key under the newest version of its root key. The former wrap is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/bulk.h"
#include "cli/keys/rewrap.h"
#include "cli/out.h"
#include "cli/reveal/show_request.h"
#include "cli/session.h"
#include "cli/vbr/vbr_hints.h"

static const char *const outcomes[] = {[REWRAP_PLANNED] = "planned",
                                       [REWRAP_DONE] = "rewrapped",
                                       [REWRAP_CURRENT] = "current",
                                       [REWRAP_FAILED] = "failed"};

struct answer {
    struct ctx *ctx;
    struct bulk b;
    struct vbr_hints hints;
};

static enum rc
answer_job(void *arg, const struct rewrap_job *j, struct err *err)
{
    struct answer *a = arg;
    if (!out_is_json(a->ctx)) {
        if (a->ctx->dry_run && j->outcome == REWRAP_PLANNED)
            out_printf(a->ctx, "would rewrap %s@%lld\n", j->key.name, (long long)j->key.generation);
        return a->ctx->out.len > 65536 ? out_flush(a->ctx, err) : RC_OK;
    }
    const struct root *root = &j->now->root;
    const char *name = root->object.name[0] != '\0' ? root->object.name : j->root;
    bulk_key(&a->b, &j->key);
    jw_str(&a->b.w, "outcome", outcomes[j->outcome]);
    jw_arr(&a->b.w, "from");
    bulk_root(&a->b, NULL, name, j->former);
    jw_end_arr(&a->b.w);
    bulk_root(&a->b, "to", name, j->version[0] != '\0' ? j->version : j->now->info.version);
    return bulk_key_end(&a->b, err);
}

static enum rc
answer(struct answer *a, const struct rewrap *r, struct err *err)
{
    if (!out_is_json(a->ctx)) {
        out_printf(a->ctx, "rewrapped %lld, current already %lld, failed %lld\n",
                   (long long)r->made, (long long)r->current, (long long)r->failed);
        return RC_OK;
    }
    bulk_totals(&a->b);
    jw_bool(&a->b.w, "dry_run", a->ctx->dry_run);
    jw_int(&a->b.w, "planned", r->planned);
    jw_int(&a->b.w, "rewrapped", r->made);
    jw_int(&a->b.w, "current", r->current);
    jw_int(&a->b.w, "failed", r->failed);
    vbr_hints_write(&a->hints, &a->b.w);
    return bulk_end(&a->b, err);
}

/* Backup servers show the newest wrap, too. */
static enum rc
settle_hints(struct answer *a, const struct rewrap *r, struct err *err)
{
    const struct opts *o = &a->ctx->opts;
    enum rc rc = r->all ? vbr_hints_add(&a->hints, NULL, err) : RC_OK;
    for (size_t i = 0; rc == RC_OK && !r->all && i < o->arg_count; i++) {
        struct key key;
        rc = session_key(a->ctx, opt_arg(o, i), &key, err);
        if (rc == RC_OK)
            rc = vbr_hints_add(&a->hints, key.uuid, err);
    }
    return rc == RC_OK ? vbr_hints_settle(&a->hints, err) : rc;
}

/* How many there are to do, before anything is done; the question is about that number. */
static enum rc
confirm_plan(struct rewrap *r, struct err *err)
{
    char question[96];
    r->look_only = 1;
    enum rc rc = rewrap_run(r, err);
    int64_t todo = r->planned;
    r->look_only = 0;
    r->planned = r->current = r->failed = 0;
    r->of = todo;
    if (rc != RC_OK || todo == 0)
        return rc;
    (void)snprintf(question, sizeof question, "Rewrap %lld wrap%s?", (long long)todo,
                   todo == 1 ? "" : "s");
    return confirm_yes(r->ctx, question, err);
}

static enum rc
check_words(struct rewrap *r, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    r->all = opt_has(o, OPT_ALL) || opt_has(o, OPT_STALE);
    r->look_only = r->ctx->dry_run;
    if (r->all == (o->arg_count > 0)) {
        (void)err_set(err, RC_USAGE, "rewrap: name keys, or give one of --stale and --all");
        return err_hint(err, "--stale: every wrap that is behind its root key\n"
                             "--all: the same; what is current is left as it is");
    }
    if (r->all && opt_has(o, OPT_AT))
        return err_set(err, RC_USAGE, "rewrap: --at goes with the name of a key");
    return RC_OK;
}

static enum rc
show_named(struct ctx *ctx, struct err *err)
{
    size_t count = ctx->opts.arg_count;
    struct key *keys = calloc(count + 1, sizeof *keys);
    if (keys == NULL)
        return err_nomem(err);
    enum rc rc = count > 0 ? session_keys_check(ctx, count, err)
                           : err_set(err, RC_USAGE, "rewrap: --show-request goes with keys");
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = session_key(ctx, opt_arg(&ctx->opts, i), &keys[i], err);
    if (rc == RC_OK)
        rc = show_request_keys(ctx, keys, count, KMS_REWRAP, NULL, err);
    free(keys);
    return rc;
}

static enum rc
run_rewrap(struct ctx *ctx, struct err *err)
{
    if (opt_has(&ctx->opts, OPT_SHOW_REQUEST))
        return show_named(ctx, err);
    struct answer a = {.ctx = ctx, .hints = {.ctx = ctx}};
    struct rewrap *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(err);
    r->ctx = ctx;
    r->arg = &a;
    enum rc rc = check_words(r, err);
    if (rc == RC_OK && !r->all)
        rc = gate_reason_named(ctx, err);
    if (rc == RC_OK && r->all && !ctx->dry_run)
        rc = confirm_plan(r, err);
    if (rc == RC_OK && out_is_json(ctx))
        bulk_begin(&a.b, ctx, "rewrap");
    r->told = answer_job;
    if (rc == RC_OK)
        rc = rewrap_run(r, err);
    if (rc == RC_OK && !ctx->dry_run && r->failed > 0 && r->made + r->current == 0) {
        *err = r->first; /* nothing was done at all: that is no partial success */
        rc = err_wrap(err, "no wrap was renewed");
    }
    if (r->failed > 0)
        ctx->findings++;
    if (rc == RC_OK && !ctx->dry_run)
        rc = settle_hints(&a, r, err);
    if (rc == RC_OK)
        rc = answer(&a, r, err);
    bulk_release(&a.b);
    vbr_hints_release(&a.hints);
    if (rc == RC_OK && !ctx->dry_run)
        rc = session_publish(ctx, err);
    else if (r->made > 0) /* interrupted, or one of them lied; the others are recorded */
        session_publish_rest(ctx);
    rewrap_release(r);
    free(r);
    return rc;
}

/* clang-format off */
static const struct opt_spec rewrap_options[] = {
    {OPT_STALE, "stale", 0, NULL, 0, "every wrap that is behind its root key"},
    {OPT_ALL, "all", 0, NULL, 0, "every key; what is current is left as it is"},
    KEY_AT_OPTION,
    KMS_OPTIONS,
    SHOW_REQUEST_OPTION,
    OPT_END,
};

const struct cmd cmd_rewrap_table[] = {
    {NULL, "rewrap", "KEY... | --stale | --all",
     "Wraps the same key anew under the newest version of its root key.", rewrap_options, 0, -1,
     CMD_WRITE, GROUP_EVERY_DAY, run_rewrap, "keymuster rewrap --stale --yes\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
/* clang-format on */
