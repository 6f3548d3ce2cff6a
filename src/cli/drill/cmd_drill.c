/* drill: proves from a copy alone that keys can be got back; shows nothing, records what came of
 * it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/drill/drill.h"
#include "cli/keys/bulk.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/ref.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"

enum { KINDS = 32, TOLD = 3 };

struct answer {
    struct ctx *ctx;
    struct drill_run *r;
    struct bulk b;
    struct {
        enum rc rc;
        int64_t count;
    } kinds[KINDS]; /* of failures, for people: the first few of each are told */
    size_t kind_count;
};

/* ---- one path ---- */

static const char *
outcome_of(const struct answer *a, const struct drill_job *j)
{
    if (a->ctx->dry_run && j->rc == RC_OK)
        return "planned";
    return drill_outcome_name(j->result.outcome);
}

/* One way out a line. */
static void
say_hint(struct ctx *ctx, const char *hint)
{
    char line[sizeof((struct err *)0)->hint];
    for (const char *sep = "do: "; *hint != '\0'; sep = "    ") {
        size_t len = strcspn(hint, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)len, hint);
        out_printf(ctx, "             %s", sep);
        out_text(ctx, line);
        out_printf(ctx, "\n");
        hint += len + (hint[len] == '\n');
    }
}

/* How many of this kind there were before. */
static int64_t
before(struct answer *a, enum rc rc)
{
    size_t i = 0;
    while (i < a->kind_count && a->kinds[i].rc != rc)
        i++;
    if (i == KINDS)
        return 0;
    if (i == a->kind_count) {
        a->kinds[i].rc = rc;
        a->kind_count++;
    }
    return a->kinds[i].count++;
}

static void
say_rest(const struct answer *a)
{
    for (size_t i = 0; !a->ctx->verbose && i < a->kind_count; i++) {
        if (a->kinds[i].count > TOLD)
            out_printf(a->ctx, "             and %lld more with KM%04d; each one: -v, -o json\n",
                       (long long)a->kinds[i].count - TOLD, (int)a->kinds[i].rc);
    }
}

static void
say_path(struct answer *a, const struct drill_job *j)
{
    struct ctx *ctx = a->ctx;
    const char *root = j->path.root.object.name;
    int64_t same = j->rc != RC_OK ? before(a, j->rc) : 0;
    if (same >= TOLD && !ctx->verbose)
        return;
    out_printf(ctx, "%-12s %s@%lld", outcome_of(a, j), j->path.key.name,
               (long long)j->path.key.generation);
    if (root[0] != '\0')
        out_printf(ctx, " under %s", root);
    if (j->rc == RC_OK && !ctx->dry_run && !j->counts)
        out_printf(ctx, ": it opens, but does not count for this site");
    if (j->rc != RC_OK) {
        out_printf(ctx, "  KM%04d  ", (int)j->rc);
        out_text(ctx, j->err.msg);
    }
    if (j->rc != RC_OK && j->err.why[0] != '\0') {
        out_printf(ctx, ": ");
        out_text(ctx, j->err.why);
    }
    out_printf(ctx, "\n");
    if (j->rc != RC_OK && same == 0)
        say_hint(ctx, j->err.hint);
}

static enum rc
answer_job(void *arg, const struct drill_job *j, struct err *err)
{
    struct answer *a = arg;
    if (!out_is_json(a->ctx)) {
        if (j->rc != RC_OK || a->ctx->dry_run || a->ctx->verbose)
            say_path(a, j);
        return a->ctx->out.len > 65536 ? out_flush(a->ctx, err) : RC_OK;
    }
    bulk_key(&a->b, &j->path.key);
    jw_opt(&a->b.w, "root", j->path.root.object.name);
    jw_opt(&a->b.w, "root_uuid", j->path.root.object.uuid);
    jw_str(&a->b.w, "outcome", outcome_of(a, j));
    if (j->rc == RC_OK && !a->ctx->dry_run) {
        jw_bool(&a->b.w, "counts", j->counts);
        jw_bool(&a->b.w, "compared", j->checked);
    }
    if (j->rc != RC_OK) {
        jw_str(&a->b.w, "code", j->result.code);
        jw_str(&a->b.w, "message", j->err.msg);
        jw_opt(&a->b.w, "cause", j->err.why);
        jw_opt(&a->b.w, "hint", j->err.hint);
    }
    if (!a->ctx->dry_run)
        jw_int(&a->b.w, "ms", j->result.ms);
    jw_opt(&a->b.w, "request", j->result.request);
    return bulk_key_end(&a->b, err);
}

/* ---- the whole ---- */

static void
say_seconds(struct ctx *ctx, int64_t ms)
{
    if (ms < 120000)
        out_printf(ctx, "%lld.%lld s", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
    else if (ms < INT64_C(120) * 60 * 1000)
        out_printf(ctx, "%lld min", (long long)(ms / 60000));
    else
        out_printf(ctx, "%lld h", (long long)(ms / 3600000));
}

static void
say_measured(struct ctx *ctx, const struct drill_run *r)
{
    int64_t at = 0;
    if (r->has_lag) {
        out_printf(ctx, "RPO  ");
        say_seconds(ctx, drill_rpo(r));
        if (r->lag.entries > 0)
            out_printf(ctx, ": %lld entr%s known here %s not in the copy",
                       (long long)r->lag.entries, r->lag.entries == 1 ? "y" : "ies",
                       r->lag.entries == 1 ? "is" : "are");
        else
            out_printf(ctx, ": the copy has all that is known here");
        if (time_parse(&at, r->lag.newest) == 0) {
            char ago[AGO_TEXT];
            time_ago(ago, at, clock_now_ms());
            out_printf(ctx, "; its newest entry: %s", ago);
        }
        out_printf(ctx, "\n");
    }
    if (r->rto_ms >= 0) {
        out_printf(ctx, "RTO  ");
        say_seconds(ctx, r->rto_ms);
        out_printf(ctx, " from the start to the last key\n");
    }
}

static void
say_site(struct ctx *ctx, const struct drill_run *r, const char *site)
{
    out_printf(ctx, "from ");
    out_text(ctx, r->from);
    if (site[0] != '\0')
        out_printf(ctx, ", run at %s", site);
    else
        out_printf(ctx, ", run at no site: it counts for none (--site SITE)");
    out_printf(ctx, "\n");
}

static void
say_elsewhere(struct ctx *ctx, const struct drill_elsewhere *e, const char *site)
{
    if (e->keys == 0)
        return;
    out_text(ctx, e->first);
    if (e->keys > 1)
        out_printf(ctx, " and %lld more open", (long long)e->keys - 1);
    else
        out_printf(ctx, " opens");
    out_printf(
        ctx,
        " from here, but what must outlive %s is proven at another site: keymuster drill --due at ",
        site);
    for (size_t i = 0; i < e->site_count; i++)
        out_printf(ctx, "%s%s", i > 0 ? ", " : "", e->sites[i]);
    out_printf(ctx, "\n");
}

static void
say_all(struct ctx *ctx, const struct drill_run *r, const char *site)
{
    say_site(ctx, r, site);
    say_elsewhere(ctx, &r->elsewhere, site);
    if (ctx->dry_run) {
        out_printf(ctx, "%lld key%s, %lld path%s to try\n", (long long)r->keys,
                   r->keys == 1 ? "" : "s", (long long)r->planned, r->planned == 1 ? "" : "s");
        return;
    }
    out_printf(ctx, "%lld key%s by %lld path%s: proven %lld, failed %lld, inconclusive %lld\n",
               (long long)r->keys, r->keys == 1 ? "" : "s", (long long)r->paths,
               r->paths == 1 ? "" : "s", (long long)r->proven, (long long)r->failed,
               (long long)r->inconclusive);
    if (r->uncounted > 0)
        out_printf(ctx,
                   "%lld of them open, but count for nothing: a drill counts for its site, and a "
                   "key that must outlive a site is proven at another one\n",
                   (long long)r->uncounted);
    say_measured(ctx, r);
}

static void
write_totals(struct jw *w, const struct ctx *ctx, const struct drill_run *r, const char *site,
             const char *copy_site)
{
    jw_bool(w, "dry_run", ctx->dry_run);
    jw_str(w, "drill", r->id);
    jw_str(w, "from", r->from);
    jw_opt(w, "copy", r->copy.uuid);
    jw_opt(w, "copy_site", copy_site);
    jw_opt(w, "export", ctx->export);
    jw_opt(w, "until", ctx->until);
    jw_opt(w, "site", site);
    jw_int(w, "keys", r->keys);
    jw_int(w, "planned", r->planned);
    if (opt_has(&ctx->opts, OPT_DUE))
        jw_int(w, "due_elsewhere", r->elsewhere.keys);
    if (ctx->dry_run)
        return;
    jw_int(w, "proven", r->proven);
    jw_int(w, "failed", r->failed);
    jw_int(w, "inconclusive", r->inconclusive);
    jw_int(w, "not_counting", r->uncounted);
    if (r->has_lag) {
        jw_int(w, "lost_entries", r->lag.entries);
        jw_int(w, "rpo_ms", drill_rpo(r));
        jw_opt(w, "newest_at", r->lag.newest);
    }
    if (r->rto_ms >= 0)
        jw_int(w, "rto_ms", r->rto_ms);
}

static enum rc
answer(struct answer *a, struct err *err)
{
    struct drill_run *r = a->r;
    char site[LIMIT_NAME + 1] = "", copy_site[LIMIT_NAME + 1] = "";
    enum rc rc = RC_OK;
    if (r->own->site[0] != '\0')
        rc = object_name(r->own, r->own->site, site, err);
    if (rc == RC_OK && r->copy_site[0] != '\0')
        rc = object_name(r->own, r->copy_site, copy_site, err);
    if (rc != RC_OK)
        return rc;
    if (!out_is_json(a->ctx)) {
        say_rest(a);
        say_all(a->ctx, r, site);
        return RC_OK;
    }
    bulk_totals(&a->b);
    write_totals(&a->b.w, a->ctx, r, site, copy_site);
    return bulk_end(&a->b, err);
}

/* ---- the command ---- */

static enum rc
check_usage(const struct ctx *ctx, struct err *err)
{
    const struct opts *o = &ctx->opts;
    int chosen = opt_has(o, OPT_DUE) + opt_has(o, OPT_UNPROVEN);
    if (o->arg_count > 0 && (chosen > 0 || opt_has(o, OPT_SAMPLE)))
        return err_set(err, RC_USAGE,
                       "drill: --due, --unproven and --sample choose keys; name none then");
    if (chosen > 1)
        return err_set(err, RC_USAGE, "drill: --due or --unproven, not both");
    if (o->arg_count == 0 && opt_has(o, OPT_AT))
        return err_set(err, RC_USAGE, "drill: --at goes with the name of a key");
    if (opt_has(o, OPT_COPY) && opt_has(o, OPT_FROM)) {
        (void)err_set(err, RC_USAGE, "drill: --copy names one that is bound here, --from any");
        return err_hint(err, "give one of the two");
    }
    return RC_OK;
}

static enum rc
count_kms(void *arg, const struct object *o, struct err *err)
{
    (void)o;
    (void)err;
    ++*(unsigned *)arg;
    return RC_OK;
}

/* A credential without a name is for the only KMS there is, and goes to no other. */
static enum rc
check_credential(const struct drill_run *r, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    unsigned count = 0;
    if (r->alone == NULL || opt_count(o, OPT_CREDENTIAL) != 1 ||
        !ref_is(opt_get(o, OPT_CREDENTIAL)) || r->root.object.uuid[0] != '\0')
        return RC_OK;
    enum rc rc = object_each(r->alone, "kms", count_kms, &count, err);
    if (rc != RC_OK || count < 2)
        return rc;
    (void)err_set(err, RC_USAGE, "drill: there are %u KMSs; --credential of which?", count);
    return err_hint(err, "--credential NAME=REF; which there are: keymuster kms list\n"
                         "or only one root key: --root ROOT");
}

static enum rc
drill(struct drill_run *r, struct answer *a, struct drill_keys *keys, struct err *err)
{
    struct ctx *ctx = r->ctx;
    const char *root = opt_get(&ctx->opts, OPT_ROOT);
    enum rc rc = RC_OK;
    if (ctx->dry_run) { /* the plan is made of what is known here */
        r->own = r->alone = ctx->store;
        (void)snprintf(r->from, sizeof r->from, "%s", "this store (plan only)");
    } else {
        rc = drill_from_open(r, err);
    }
    if (rc == RC_OK && root != NULL)
        rc = root_find(r->own, root, &r->root, err);
    if (rc == RC_OK)
        rc = check_credential(r, err);
    if (rc == RC_OK)
        rc = drill_choose(r, keys, err);
    if (rc == RC_OK && out_is_json(ctx))
        bulk_begin_list(&a->b, ctx, "drill", "results");
    if (rc == RC_OK)
        rc = drill_run(r, keys, err);
    if (rc == RC_OK && keys->count == 0 && !ctx->quiet)
        out_note(ctx, "no key is to be drilled");
    ctx->findings += r->failed + r->inconclusive > 0;
    if (rc == RC_OK)
        rc = answer(a, err);
    drill_from_close(r);
    return rc;
}

static enum rc
run_drill(struct ctx *ctx, struct err *err)
{
    int64_t began = clock_mono_ms();
    struct answer a = {.ctx = ctx};
    struct drill_keys keys = {0};
    struct err later = ERR_INIT;
    enum rc rc = check_usage(ctx, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = showing_memory(ctx, err);
    if (rc == RC_OK)
        rc = from_open(ctx, err);
    if (rc == RC_OK)
        rc = until_view(ctx, err);
    if (rc != RC_OK)
        return rc;
    struct drill_run *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(err);
    a.r = r;
    r->ctx = ctx;
    r->began_ms = began;
    r->began_at_ms = clock_now_ms();
    r->told = answer_job;
    r->arg = &a;
    rc = drill(r, &a, &keys, err);
    int recorded = r->paths > 0;
    drill_keys_release(&keys);
    bulk_release(&a.b);
    drill_release(r);
    free(r);
    if (recorded && !ctx->dry_run && from_publish(ctx, &later) != RC_OK && rc == RC_OK) {
        *err = later;
        rc = later.code;
    }
    return rc;
}

/* clang-format off */
static const struct opt_spec drill_options[] = {
    {OPT_COPY, "copy", 0, "COPY", 0, "a copy that is bound here; else one at this site, else any"},
    {OPT_ROOT, "root", 0, "ROOT", 0, "only by wraps under this root key"},
    {OPT_DUE, "due", 0, NULL, 0, "keys not proven for 90 days"},
    {OPT_UNPROVEN, "unproven", 0, NULL, 0, "keys never proven"},
    {OPT_SAMPLE, "sample", 0, "N", 0, "so many of them, drawn at random"},
    KEY_AT_OPTION,
    KMS_OPTIONS,
    FROM_OPTIONS,
    UNTIL_OPTION,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_drill_table[] = {
    {.verb = "drill",
     .synopsis = "[KEY...] [--copy COPY] [--root ROOT] [--due|--unproven] [--sample N] "
                 "[--from COPY|EXPORT]",
     .summary = "Proves from a copy alone that keys can be got back; shows nothing.",
     .options = drill_options,
     .args_max = -1,
     .flags = CMD_NO_STORE | CMD_WRITE,
     .group = GROUP_PROOF,
     .run = run_drill,
     .examples = "keymuster drill --due\n"
                 "keymuster drill --sample 20 --copy usb\n"
                 "keymuster drill --from /media/usb/escrow --site mad --expect ID \\\n"
                 "    --credential kp-mad=prompt\n"},
    {.verb = NULL},
};
