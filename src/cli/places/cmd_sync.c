/* sync: pulls what copies have, publishes what they lack. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/places/repair.h"
#include "cli/preview.h"
#include "cli/session.h"
#include "copy/fresh.h"
#include "copy/known.h"
#include "copy/memory.h"
#include "copy/publish.h"
#include "copy/pull.h"
#include "escrow/log.h"
#include "text/uni.h"

enum { COPIES_MAX = 64 };

struct result {
    const char *name;
    int reached;
    int quick;    /* it was looked at thoroughly within the hour */
    int left_out; /* --repair: it lies */
    int damaged;  /* --repair: not all could be put back */
    struct pull_report pulled;
    struct publish_report sent;
    struct remote_asked asked;
    struct repair repair;
};

struct syncing {
    struct ctx *ctx;
    int quick; /* --quick */
    struct result r[COPIES_MAX];
    size_t count;
    size_t away;            /* not reached, and not a removable one */
    struct preview preview; /* of a dry run */
};

static int
is_removable(const struct ctx *ctx, const char *name)
{
    const char *v = store_conf(ctx->store, "copy", name, "removable");
    return v != NULL && strcmp(v, "yes") == 0;
}

/* A removable copy that is away is no finding until it is due; what cannot be told is. */
static int
is_due(const struct ctx *ctx, const char *name)
{
    struct freshness f;
    struct err scratch = ERR_INIT;
    return copy_freshness(ctx->store, name, clock_now_ms(), &f, &scratch) != RC_OK || f.overdue;
}

static enum rc
choose(struct syncing *s, struct err *err)
{
    const struct ctx *ctx = s->ctx;
    int all = ctx->opts.arg_count == 0;
    for (size_t i = 0; s->count < COPIES_MAX; i++) {
        const char *name = all ? ini_name_at(ctx->store->conf, "copy", i) : opt_arg(&ctx->opts, i);
        if (name == NULL)
            break;
        s->r[s->count++].name = name;
    }
    if (s->count > 0)
        return RC_OK;
    (void)err_set(err, RC_COPY_NOT_BOUND, "no copy is bound here");
    return err_hint(err, "make one: keymuster copy add NAME URL --site SITE");
}

static enum rc
exchange_with(struct syncing *s, struct copy *copy, struct result *r, int publish, struct err *err)
{
    enum pull_flags flags = s->ctx->accept_risk != NULL ? PULL_IMAGE : PULL_STORE;
    if (publish)
        return publish_to(s->ctx->store, copy, !r->quick, &r->sent, err);
    return s->ctx->dry_run
               ? pull_preview(s->ctx->store, copy, &r->pulled, preview_look, &s->preview, err)
               : pull_from(s->ctx->store, copy, r->quick ? PULL_QUICK : flags, &r->pulled, err);
}

/* Who said that this store is an old image of itself, and why. */
static enum rc
record_risk(struct syncing *s, struct err *err)
{
    int64_t again = 0;
    struct buf body;
    struct jw w;
    for (size_t i = 0; i < s->count; i++)
        again += s->r[i].pulled.again;
    if (s->ctx->accept_risk == NULL || again == 0)
        return RC_OK;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "text", "this store was restored from an old image; what only it had follows");
    jw_str(&w, "accepted_risk", s->ctx->accept_risk);
    jw_end_obj(&w);
    enum rc rc = session_record(s->ctx, "note", &body, NULL, err);
    buf_release(&body);
    return rc;
}

/* --quick, and the thorough look is not due. */
static enum rc
is_quick(const struct syncing *s, struct result *r, struct err *err)
{
    struct known all = {.value = ""};
    const char *id = store_conf(s->ctx->store, "copy", r->name, "id");
    r->quick = 0;
    if (!s->quick || s->ctx->dry_run || opt_has(&s->ctx->opts, OPT_REPAIR) ||
        s->ctx->accept_risk != NULL || id == NULL)
        return RC_OK;
    enum rc rc = known_get(s->ctx->store, id, KNOWN_ALL, &all, err);
    r->quick = rc == RC_OK && all.recent;
    return rc;
}

static void
count_asked(struct result *r, const struct copy *copy)
{
    struct remote_asked now;
    remote_asked(copy->remote, &now);
    r->asked.gets += now.gets;
    r->asked.puts += now.puts;
    r->asked.removes += now.removes;
    r->asked.lists += now.lists;
    r->asked.get_bytes += now.get_bytes;
    r->asked.put_bytes += now.put_bytes;
}

/* An unreachable copy is no failure while there are others; a hostile one is. */
static enum rc
each(struct syncing *s, struct result *r, int publish, struct err *err)
{
    struct copy copy;
    enum rc rc = RC_OK;
    if (r->left_out || (publish && !r->reached))
        return RC_OK;
    if (!publish)
        rc = is_quick(s, r, err);
    if (rc == RC_OK)
        rc = r->quick ? copy_open_again(s->ctx->store, r->name, &copy, err)
                      : copy_open(s->ctx->store, r->name, &copy, err);
    if (rc == RC_OK) {
        r->reached = 1;
        rc = exchange_with(s, &copy, r, publish, err);
        count_asked(r, &copy);
        copy_close(&copy);
    }
    if (rc == RC_OK && !publish && r->pulled.note[0] != '\0')
        out_warn(s->ctx, "%s: %s", r->name, r->pulled.note);
    if (rc == RC_COPY_UNREACHABLE && s->ctx->opts.arg_count == 0) {
        r->reached = 0;
        s->away += !is_removable(s->ctx, r->name) || is_due(s->ctx, r->name);
        out_note(s->ctx, "copy %s is away: %s%s%s", r->name, err->msg,
                 err->why[0] != '\0' ? ": " : "", err->why);
        return RC_OK;
    }
    return rc;
}

/* What came of one copy: the worst failure is the answer. */
static void
weigh(struct syncing *s, struct result *r, enum rc got, const struct err *now, struct err *worst)
{
    if (got == RC_OK)
        return;
    r->reached = 0; /* nothing is sent to a copy that does not verify */
    /* Named already; what could be put back is. */
    if (r->damaged && err_exit(got) == 15) {
        out_note(s->ctx, "%s: nothing is exchanged with it: %s", r->name, now->msg);
        return;
    }
    if (worst->code == RC_OK ||
        err_worse_exit(err_exit(worst->code), err_exit(got)) != err_exit(worst->code)) {
        *worst = *now;
        worst->code = got;
    }
}

static enum rc
exchange(struct syncing *s, struct err *err)
{
    int made = 0;
    int rounds = s->ctx->dry_run ? 1 : 2;
    enum rc rc = RC_OK;
    struct err worst = ERR_INIT;
    /* Each copy gets its turn, whatever came of the one before; the worst failure is the answer. */
    for (int publish = 0; publish < rounds; publish++) {
        if (publish && worst.code == RC_OK)
            rc = record_risk(s, err);
        if (publish && worst.code == RC_OK && rc == RC_OK)
            rc = publish_prepare(s->ctx->store, &made, err);
        if (rc != RC_OK)
            return rc;
        for (size_t i = 0; i < s->count; i++) {
            struct err now = ERR_INIT;
            enum rc got = each(s, &s->r[i], publish, &now);
            if (got == RC_INTERRUPTED) {
                *err = now;
                return got;
            }
            weigh(s, &s->r[i], got, &now, &worst);
        }
    }
    if (worst.code != RC_OK)
        *err = worst;
    return worst.code;
}

/* ---- --repair ---- */

static enum rc
repair_one(struct syncing *s, struct result *r, struct err *err)
{
    struct copy copy;
    enum rc rc = copy_open_damaged(s->ctx->store, r->name, &copy, err);
    if (rc == RC_OK) {
        rc = repair_find(s->ctx, &copy, &r->repair, err);
        if (rc == RC_OK)
            rc = repair_all(s->ctx, &copy, &r->repair, err);
        copy_close(&copy);
    }
    if (rc == RC_COPY_UNREACHABLE && s->ctx->opts.arg_count == 0)
        return RC_OK; /* the exchange says so, and counts it */
    return rc;
}

/* Before anything is exchanged, for that ends at the first damage. A copy that stays damaged is a
 * finding. With one that lies nothing is exchanged, and it is the answer after the others had their
 * turn. */
static enum rc
repair_copies(struct syncing *s, struct err *hostile)
{
    enum rc first = RC_OK;
    for (size_t i = 0; i < s->count; i++) {
        struct result *r = &s->r[i];
        struct err failed = ERR_INIT;
        enum rc rc = repair_one(s, r, &failed);
        r->left_out = rc != RC_OK;
        r->damaged = r->repair.done < r->repair.count;
        if (rc == RC_OK && r->damaged && !s->ctx->dry_run)
            s->ctx->findings++;
        if (rc != RC_OK && first == RC_OK) {
            *hostile = failed;
            first = rc;
        }
        if (rc == RC_INTERRUPTED || rc == RC_NO_CONFIRM)
            break;
    }
    return first;
}

static void
say_repaired(struct ctx *ctx, const struct result *r)
{
    for (size_t i = 0; i < r->repair.count; i++) {
        const struct repair_item *item = &r->repair.items[i];
        if (item->done)
            out_printf(ctx, "%s: put back %s%s%s\n", r->name, item->d.name,
                       item->kept[0] != '\0' ? "; the damaged one is kept as " : "", item->kept);
        else if (ctx->dry_run && item->d.can)
            out_printf(ctx, "%s: would put back %s\n", r->name, item->d.name);
    }
}

/* ---- the answer ---- */

static void
add_member(struct jw *w, const struct ctx *ctx, const struct result *r)
{
    jw_obj(w, NULL);
    jw_str(w, "name", r->name);
    jw_bool(w, "reached", r->reached);
    jw_int(w, "pulled", r->pulled.new_entries);
    jw_int(w, "again", r->pulled.again);
    jw_int(w, "lagging", r->pulled.lagging);
    jw_int(w, "skipped", r->pulled.skipped);
    jw_int(w, "sent_segments", r->sent.segments);
    jw_int(w, "sent_heads", r->sent.heads);
    jw_int(w, "own_entries", r->sent.own_entries);
    jw_obj(w, "requests");
    jw_int(w, "get", r->asked.gets);
    jw_int(w, "put", r->asked.puts);
    jw_int(w, "remove", r->asked.removes);
    jw_int(w, "list", r->asked.lists);
    jw_int(w, "bytes_read", r->asked.get_bytes);
    jw_int(w, "bytes_written", r->asked.put_bytes);
    jw_end_obj(w);
    if (opt_has(&ctx->opts, OPT_REPAIR))
        repair_member(w, &r->repair);
    jw_end_obj(w);
}

static void
say_exchanged(struct ctx *ctx, const struct result *r)
{
    long long taken = r->pulled.new_entries;
    long long sent = r->sent.segments + r->sent.heads;
    out_printf(ctx, "%s: %s %lld entr%s, %s %lld object%s\n", r->name,
               ctx->dry_run ? "would take" : "took", taken, taken == 1 ? "y" : "ies",
               ctx->dry_run ? "send" : "sent", sent, sent == 1 ? "" : "s");
}

/* Text, or with w members of an object. */
static enum rc
answer(struct syncing *s, struct jw *w, struct err *err)
{
    struct ctx *ctx = s->ctx;
    int json = w != NULL;
    if (json) {
        jw_bool(w, "dry_run", ctx->dry_run);
        jw_arr(w, "copies");
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct result *r = &s->r[i];
        if (r->sent.note[0] != '\0')
            out_note(ctx, "%s: recovery/ there is not up to date: %s", r->name, r->sent.note);
        if (json) {
            add_member(w, ctx, r);
            continue;
        }
        say_repaired(ctx, r);
        if (r->reached)
            say_exchanged(ctx, r);
    }
    if (json)
        jw_end_arr(w);
    return ctx->dry_run ? preview_answer(&s->preview, w, err) : RC_OK;
}

/* An old image of the store forgot what its copies once showed; the memory beside it did not. */
static enum rc
recall(struct ctx *ctx, struct err *err)
{
    if (ctx->dry_run)
        return RC_OK;
    enum rc rc = log_begin(ctx->store, err);
    if (rc == RC_OK)
        rc = memory_merge(ctx->store, err);
    return log_finish(ctx->store, rc, err);
}

static enum rc
sync_all(struct syncing *s, struct jw *w, struct err *err)
{
    struct ctx *ctx = s->ctx;
    size_t reached = 0;
    enum rc rc = choose(s, err);
    if (rc == RC_OK && ctx->accept_risk != NULL)
        rc = text_check(ctx->accept_risk, "--accept-risk", err);
    if (rc == RC_OK && ctx->dry_run)
        rc = preview_begin(&s->preview, ctx, err);
    if (rc == RC_OK)
        rc = recall(ctx, err);
    struct err hostile = ERR_INIT;
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_REPAIR))
        err_ignore(repair_copies(s, &hostile)); /* kept in hostile until the others were served */
    if (hostile.code == RC_INTERRUPTED || hostile.code == RC_NO_CONFIRM) {
        *err = hostile;
        rc = hostile.code;
    }
    if (rc == RC_OK)
        rc = exchange(s, err);
    if (rc == RC_OK && hostile.code != RC_OK) {
        *err = hostile;
        rc = hostile.code;
    }
    for (size_t i = 0; i < s->count; i++)
        reached += (size_t)s->r[i].reached;
    if (rc == RC_OK && reached == 0 && s->away > 0)
        rc = err_set(err, RC_COPY_UNREACHABLE, "no copy could be reached");
    if (rc != RC_OK)
        return rc;
    ctx->findings += s->away > 0;
    return answer(s, w, err);
}

enum rc
cmd_sync_all(struct ctx *ctx, int quick, struct jw *w, struct err *err)
{
    struct syncing s = {.ctx = ctx, .quick = quick};
    enum rc rc = sync_all(&s, w, err);
    preview_release(&s.preview);
    for (size_t i = 0; i < s.count; i++)
        repair_release(&s.r[i].repair);
    return rc;
}

static enum rc
run_sync(struct ctx *ctx, struct err *err)
{
    struct buf doc;
    struct jw w;
    int quick = opt_has(&ctx->opts, OPT_QUICK);
    if (ctx->offline)
        return err_set(err, RC_USAGE,
                       "sync --offline: there is nothing that sync could do offline");
    if (!out_is_json(ctx))
        return cmd_sync_all(ctx, quick, NULL, err);
    session_answer(&doc, &w, "sync");
    enum rc rc = cmd_sync_all(ctx, quick, &w, err);
    if (rc == RC_OK)
        return out_object(ctx, &doc, &w, err);
    buf_release(&doc);
    return rc;
}

static const struct opt_spec sync_options[] = {
    {OPT_QUICK, "quick", 0, NULL, 0,
     "ask only for what is new, if a copy was looked at thoroughly within the hour"},
    {OPT_REPAIR, "repair", 0, NULL, 0, "first put back objects that are altered or missing"},
    OPT_END,
};

const struct cmd cmd_sync_table[] = {
    {NULL, "sync", "[COPY...]", "Takes in what the copies have and gives them what they lack.",
     sync_options, 0, COPIES_MAX, CMD_WRITE | CMD_OLD_OK, GROUP_EVERY_DAY, run_sync, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
