/* status, verify: is all well, does all verify. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/audit/status.h"
#include "cli/cmd_tables.h"
#include "cli/conflicts.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/vbr/vbr_known.h"
#include "copy/fresh.h"
#include "copy/head.h"
#include "copy/verify.h"
#include "escrow/author.h"
#include "escrow/cut.h"
#include "escrow/digest.h"
#include "escrow/duty.h"
#include "escrow/export.h"
#include "escrow/foreign.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "text/enc.h"
#include "text/time.h"

/* ---- status ---- */

void
status_warn(struct status *s, const char *fmt, ...)
{
    if (s->warning_count++ >= WARNINGS_MAX)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(s->warnings[s->warning_count - 1], sizeof s->warnings[0], fmt, args);
    va_end(args);
}

static size_t
warnings_kept(const struct status *s)
{
    return s->warning_count < WARNINGS_MAX ? s->warning_count : WARNINGS_MAX;
}

/* Wraps and copies that are missing: owed when the key was made, or asked for by policy. */
static void
status_debts(struct status *s, const struct inventory_item *i)
{
    const struct key *k = &i->key;
    char ago[AGO_TEXT] = "", ref[KEY_REF];
    int64_t since = 0;
    if (time_parse(&since, k->created_at) == 0)
        time_ago(ago, since, clock_now_ms());
    for (size_t d = 0; d < i->debt_count; d++) {
        const char *root = i->debts[d]->object.name;
        s->debts++;
        status_warn(
            s,
            "debt: %s@%lld has no wrap under %s, owed since it was made %s: keymuster wrap add %s "
            "--root %s",
            k->name, (long long)k->generation, root, ago, key_ref_said(ref, s->ctx->store, k),
            root);
    }
    s->debts += i->wraps_wanting + i->copies_wanting;
    if (i->wraps_wanting > 0)
        status_warn(s,
                    "debt: %s@%lld lacks %lld of the wraps that policy asks for: keymuster wrap "
                    "add %s --root ROOT",
                    k->name, (long long)k->generation, (long long)i->wraps_wanting,
                    key_ref_said(ref, s->ctx->store, k));
    if (i->copies_wanting > 0)
        status_warn(s,
                    "debt: the record of %s@%lld is missing on %lld of the copies that policy asks "
                    "for: keymuster sync",
                    k->name, (long long)k->generation, (long long)i->copies_wanting);
}

/* Whether a wrap of it would outlive the site that it is for. */
static int
outlives(const struct inventory_item *i)
{
    for (size_t r = 0; r < i->root_count; r++) {
        const struct root *root = i->roots[r];
        if (root->site[0] != '\0' && strcmp(root->site, i->key.protects_site) != 0 &&
            root->state != ROOT_DESTROYED)
            return 1;
    }
    return 0;
}

static enum rc
status_key(void *arg, const struct inventory_item *i, struct err *err)
{
    struct status *s = arg;
    const struct key *k = &i->key;
    char ref[KEY_REF];
    int hole = 0;
    s->keys++;
    s->active += strcmp(k->state, "active") == 0;
    s->unproven += !k->has_check;
    status_debts(s, i);
    enum rc rc = status_drills_key(s, i, err);
    if (rc == RC_OK)
        rc = status_recovered_key(s, k, err);
    if (rc == RC_OK)
        rc = vbr_key_is_hole(s->ctx->store, k, &hole, err);
    if (rc != RC_OK)
        return rc;
    if (hole) {
        s->holes++;
        status_warn(
            s,
            "hole: %s@%lld is in use since %s, and nobody has its password: keymuster rekey "
            "%s --root ROOT --to DEST",
            k->name, (long long)k->generation, k->created_at, key_ref_said(ref, s->ctx->store, k));
    } else if (i->unconfirmed) {
        status_warn(s,
                    "%s@%lld is unconfirmed: type it as the backup server has it: keymuster check "
                    "%s",
                    k->name, (long long)k->generation, key_ref_said(ref, s->ctx->store, k));
    }
    if (!i->released) {
        s->unreleased++;
        status_warn(s, "%s@%lld: no copy that must hold it has it yet", k->name,
                    (long long)k->generation);
    }
    if (purpose_must_outlive(k->purpose) && !outlives(i)) {
        s->exposed_rule++;
        status_warn(s, "%s@%lld would be lost with the site it protects: no wrap at another site",
                    k->name, (long long)k->generation);
    }
    return RC_OK;
}

static enum rc
status_keys(struct status *s, struct err *err)
{
    struct inventory *inv = NULL;
    enum rc rc = inventory_open(
        &inv, s->ctx->store, INV_FIELDS | INV_WRAPS | INV_DRILLS | INV_RELEASED | INV_DEBTS, err);
    if (rc == RC_OK)
        rc = inventory_each(inv, NULL, INV_BY_NAME, 0, status_key, s, err);
    inventory_close(inv);
    return rc;
}

/* Times are for people; nothing is decided by them. But a clock that is wrong misleads people. */
static enum rc
status_clock(struct status *s, const struct log_author *a, int own, struct err *err)
{
    struct stmt *q = NULL;
    int64_t at = 0;
    int64_t now = clock_now_ms();
    enum rc rc = db_query(s->ctx->store->db, &q,
                          "SELECT json_extract(line, '$.at') FROM entry WHERE author = ?1"
                          " ORDER BY seq DESC LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, a->author);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q) && time_parse(&at, col_text(q, 0)) == 0 &&
        time_is_ahead(at, now)) {
        char ago[AGO_TEXT];
        time_ago(ago, at, now);
        status_warn(s,
                    "clock: the newest entry of %s%.8s (%s) is %s; one of the two clocks is wrong",
                    own ? "this store's author " : "author ", a->author, a->name, ago);
    }
    stmt_done(q);
    return rc;
}

/* What a retired author, or one that is cut here, recorded later: kept, shown, and counted nowhere.
 */
static enum rc
status_ended(struct status *s, const struct log_author *a, const struct trust *t, struct err *err)
{
    int64_t held_back = 0;
    int64_t cut = LIMIT_NUMBER;
    enum rc rc = author_quarantined(s->ctx->store, a->author, &held_back, err);
    if (rc == RC_OK)
        rc = cut_of(s->ctx->store, a->author, &cut, err);
    if (rc != RC_OK)
        return rc;
    if (cut <= t->upto)
        status_warn(s,
                    "author %.8s (%s): %lld entries after its entry %lld are left out here alone "
                    "(author block, --until); as elsewhere: keymuster author block %s --lift",
                    a->author, a->name, (long long)held_back, (long long)cut, a->author);
    else if (held_back > 0)
        status_warn(s,
                    "author %.8s (%s) was retired after its entry %lld; %lld later ones are "
                    "quarantined: kept, and not counted. What is genuine: keymuster author adopt "
                    "HASH",
                    a->author, a->name, (long long)t->upto, (long long)held_back);
    return RC_OK;
}

static enum rc
status_author(void *arg, const struct log_author *a, struct err *err)
{
    struct status *s = arg;
    struct trust t;
    enum rc rc = trust_of(s->ctx->store, a->author, &t, err);
    if (rc != RC_OK)
        return rc;
    int own = strcmp(a->author, s->ctx->store->self.author) == 0;
    if (own)
        rc = trust_elsewhere(s->ctx->store, a->author, &t, err);
    if (rc != RC_OK)
        return rc;
    s->authors++;
    s->living += trust_accepted(&t) && t.upto == LIMIT_NUMBER;
    if (trust_accepted(&t) && own && t.upto < LIMIT_NUMBER)
        status_warn(
            s,
            "this store's author was retired after its entry %lld: other sites ignore what it "
            "records since. Make a store with another one: keymuster join --from URL -C DIR",
            (long long)t.upto);
    if (trust_accepted(&t) && !own && t.upto < LIMIT_NUMBER)
        rc = status_ended(s, a, &t, err);
    if (!trust_accepted(&t) && own)
        status_warn(
            s,
            "this store is not admitted: other sites ignore what it records. There: keymuster "
            "author admit %s",
            a->author);
    else if (!trust_accepted(&t))
        status_warn(s, "author %.8s (%s) is not admitted; its %lld entries are kept and ignored",
                    a->author, a->name, (long long)a->entries);
    if (rc != RC_OK)
        return rc;
    return own || trust_accepted(&t) ? status_clock(s, a, own, err) : RC_OK;
}

static enum rc
status_conflict(void *arg, const struct conflict *c, struct err *err)
{
    struct status *s = arg;
    struct buf text;
    buf_init(&text, LIMIT_ENTRY);
    enum rc rc = conflict_tell(s->ctx->store, c, &text, err);
    s->conflicts++;
    if (rc == RC_OK)
        status_warn(s, "conflict: %s", buf_str(&text));
    buf_release(&text);
    return rc;
}

static enum rc
status_duty(void *arg, const struct duty *d, struct err *err)
{
    struct status *s = arg;
    char ago[AGO_TEXT] = "", next[DUTY_NEXT];
    int64_t since = 0;
    (void)err;
    s->duties++;
    duty_next(next, d);
    if (time_parse(&since, d->since) == 0)
        time_ago(ago, since, clock_now_ms());
    if (d->left[0] != '\0')
        status_warn(s, "duty: %s@%lld is known to %s, who left, and must be replaced; %s",
                    d->key.name, (long long)d->key.generation, d->left, next);
    else
        status_warn(s, "duty: %s@%lld was seen by a person %s and must be replaced; %s",
                    d->key.name, (long long)d->key.generation, ago, next);
    return RC_OK;
}

static enum rc
status_foreign(void *arg, const struct foreign *f, struct err *err)
{
    struct status *s = arg;
    char root[LIMIT_NAME + 1];
    enum rc rc = object_name(s->ctx->store, f->root, root, err);
    s->duties++;
    if (rc == RC_OK)
        status_warn(s,
                    "duty: root key %s unwrapped for %.100s on %.19s, and nobody recorded it: "
                    "keymuster audit kms-events --explain %s --reason TEXT",
                    root, f->who[0] != '\0' ? f->who : "somebody", f->kms_at, f->event);
    return rc;
}

static enum rc
status_export(void *arg, const struct export_stale *e, struct err *err)
{
    struct status *s = arg;
    (void)err;
    s->stale_exports++;
    status_warn(
        s, "the export %.100s is stale, %s has a newer %s: keymuster export KEY --file NEW-FILE",
        e->file, e->name, e->generation ? "generation" : "wrap");
    return RC_OK;
}

static enum rc
status_site(void *arg, const struct object *o, struct err *err)
{
    struct status *s = arg;
    struct buf lost;
    int conflict = 0; /* which is told by itself */
    buf_init(&lost, 16);
    enum rc rc = field_get(s->ctx->store, o->uuid, "lost", &lost, &conflict, err);
    if (rc == RC_OK && !conflict && strcmp(buf_str(&lost), "true") == 0)
        status_warn(s, "site %s is marked lost; when it is back: keymuster site restored %s",
                    o->name, o->name);
    buf_release(&lost);
    return rc;
}

static enum rc
count_unapplied(struct status *s, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(s->ctx->store->db, &q,
                          "SELECT count(*), coalesce(min(kind), '') FROM unapplied", err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK) {
        s->unapplied = col_int(q, 0);
        if (s->unapplied > 0)
            status_warn(
                s, "%lld entries are not understood by this version (such as %.40s); they are kept",
                (long long)s->unapplied, col_text(q, 1));
    }
    stmt_done(q);
    return rc;
}

/* A copy that is due says so wherever it is, also a removable one. */
static enum rc
status_copies(struct status *s, struct err *err)
{
    const struct store *store = s->ctx->store;
    for (size_t i = 0;; i++) {
        const char *name = ini_name_at(store->conf, "copy", i);
        struct freshness f;
        char ago[AGO_TEXT] = "never";
        int64_t then = 0;
        if (name == NULL)
            return RC_OK;
        enum rc rc = copy_freshness(store, name, clock_now_ms(), &f, err);
        if (rc != RC_OK)
            return rc;
        if (!f.overdue)
            continue;
        if (time_parse(&then, f.reached_at) == 0)
            time_ago(ago, then, clock_now_ms());
        status_warn(s,
                    "copy %s is due every %s and was last reached: %s; it lacks %lld entries of "
                    "this store: keymuster sync %s",
                    name, f.every, ago, (long long)f.missing, name);
    }
}

static enum rc
gather(struct status *s, struct err *err)
{
    struct store *store = s->ctx->store;
    enum rc rc = apply_digest(store->db, s->digest, err);
    if (rc == RC_OK)
        rc = status_recovered(s, err);
    if (rc == RC_OK)
        rc = status_keys(s, err);
    if (rc == RC_OK)
        rc = author_each(store, status_author, s, err);
    if (rc == RC_OK)
        rc = entries_unpublished(store, &s->unpublished, err);
    if (rc == RC_OK)
        rc = conflict_each(store, status_conflict, s, err);
    if (rc == RC_OK)
        rc = count_unapplied(s, err);
    if (rc == RC_OK)
        rc = status_roots(s, err);
    if (rc == RC_OK)
        rc = object_each(store, "site", status_site, s, err);
    if (rc == RC_OK)
        rc = duty_each(store, status_duty, s, err);
    if (rc == RC_OK)
        rc = foreign_each(store, status_foreign, s, err);
    if (rc == RC_OK)
        rc = status_runs(s, err);
    if (rc == RC_OK)
        rc = export_stale_each(store, status_export, s, err);
    if (rc == RC_OK)
        rc = status_hints(s, err);
    if (rc != RC_OK)
        return rc;
    if (s->living < 2)
        status_warn(
            s, "only one trusted author lives: if this machine is lost, nobody can be admitted "
               "any more. At the other"
               " site: keymuster join; here: keymuster author admit; or at once: keymuster author "
               "spare --file F");
    if (ini_name_at(store->conf, "copy", 0) == NULL)
        status_warn(
            s, "no copy is bound here: this store is the only one. keymuster copy add NAME URL "
               "--site SITE");
    else if (s->unpublished > 0)
        status_warn(s, "%lld entries are on no copy yet: keymuster sync",
                    (long long)s->unpublished);
    rc = status_copies(s, err);
    if (rc != RC_OK)
        return rc;
    status_drills(s);
    if (s->unproven > 0)
        status_warn(s, "%lld key%s unproven: no check value", (long long)s->unproven,
                    s->unproven == 1 ? " is" : "s are");
    return RC_OK;
}

static enum rc
status_json(struct status *s, const char *site, struct err *err)
{
    struct buf doc;
    struct jw w;
    const struct store *store = s->ctx->store;
    session_answer(&doc, &w, "status");
    jw_str(&w, "author", store->self.author);
    jw_str(&w, "escrow", store->escrow);
    jw_str(&w, "name", store->name);
    jw_str(&w, "site", site);
    jw_str(&w, "digest", s->digest);
    jw_int(&w, "keys", s->keys);
    jw_int(&w, "active", s->active);
    jw_int(&w, "unreleased", s->unreleased);
    jw_int(&w, "unproven", s->unproven);
    jw_int(&w, "authors", s->authors);
    jw_int(&w, "living_authors", s->living);
    jw_int(&w, "unpublished", s->unpublished);
    jw_int(&w, "conflicts", s->conflicts);
    jw_int(&w, "unapplied", s->unapplied);
    jw_int(&w, "duties", s->duties);
    jw_int(&w, "to_countersign", s->countersign);
    jw_int(&w, "debts", s->debts);
    jw_int(&w, "stale_exports", s->stale_exports);
    jw_int(&w, "hints_behind", s->hints_behind);
    jw_int(&w, "holes", s->holes);
    jw_int(&w, "wraps_behind", s->behind);
    jw_int(&w, "roots_destroyed", s->vanishing);
    jw_int(&w, "hpcs_keys", s->hpcs_keys);
    jw_int(&w, "hpcs_only", s->hpcs_only);
    enum rc rc = status_drills_write(s, &w, err);
    if (rc != RC_OK) {
        buf_release(&doc);
        return rc;
    }
    status_recovered_write(s, &w);
    jw_arr(&w, "warnings");
    for (size_t i = 0; i < warnings_kept(s); i++)
        jw_str(&w, NULL, s->warnings[i]);
    jw_end_arr(&w);
    jw_int(&w, "warnings_left_off", (int64_t)(s->warning_count - warnings_kept(s)));
    return out_object(s->ctx, &doc, &w, err);
}

static enum rc
status_text(struct status *s, const char *site, struct err *err)
{
    struct ctx *ctx = s->ctx;
    if (s->warning_count > 0)
        out_printf(ctx, "ATTENTION  %zu thing%s to look at\n\n", s->warning_count,
                   s->warning_count == 1 ? "" : "s");
    else
        out_printf(ctx, "all is well\n\n");
    out_field(ctx, "escrow", ctx->store->escrow);
    out_field(ctx, "name", ctx->store->name);
    out_field(ctx, "site", site);
    out_field(ctx, "author", ctx->store->self.author);
    out_field(ctx, "digest", s->digest);
    out_printf(ctx, "%-11s %lld, %lld active\n", "keys", (long long)s->keys, (long long)s->active);
    out_printf(ctx, "%-11s %lld, %lld trusted and living\n", "authors", (long long)s->authors,
               (long long)s->living);
    enum rc rc = status_drills_write(s, NULL, err);
    if (rc != RC_OK)
        return rc;
    status_recovered_write(s, NULL);
    for (size_t i = 0; i < warnings_kept(s); i++) {
        out_printf(ctx, "%s", i == 0 ? "\n" : "");
        out_line(ctx, "- ", s->warnings[i]);
    }
    if (s->warning_count > warnings_kept(s))
        out_printf(ctx, "- and %zu more; when these are settled, the next are shown\n",
                   s->warning_count - warnings_kept(s));
    return RC_OK;
}

static enum rc
run_status(struct ctx *ctx, struct err *err)
{
    struct status s = {.ctx = ctx};
    char site[LIMIT_NAME + 1] = "";
    enum rc rc = gather(&s, err);
    if (rc == RC_OK && ctx->store->site[0] != '\0')
        rc = object_name(ctx->store, ctx->store->site, site, err);
    if (rc == RC_OK)
        rc = out_is_json(ctx) ? status_json(&s, site, err) : status_text(&s, site, err);
    status_recovered_free(&s);
    return rc;
}

/* ---- verify ---- */

static enum rc
run_verify(struct ctx *ctx, struct err *err)
{
    int64_t unpublished = 0;
    int64_t bad = 0;
    struct verify_report v;
    enum rc rc = store_verify(ctx->store, opt_has(&ctx->opts, OPT_LOG) ? VERIFY_LOG : VERIFY_TABLES,
                              &v, err);
    if (rc == RC_OK)
        rc = entries_unpublished(ctx->store, &unpublished, err);
    if (rc == RC_OK)
        rc = verify_runs(ctx, &bad, err);
    if (rc != RC_OK)
        return rc;
    if (!out_is_json(ctx)) {
        out_printf(ctx, "verified    %lld entries, %lld heads\n", (long long)v.entries,
                   (long long)v.heads);
        out_field(ctx, "digest", v.digest);
        if (unpublished > 0)
            out_printf(ctx, "on no copy  %lld entries\n", (long long)unpublished);
        if (bad > 0)
            out_printf(ctx, "approvals   %lld do not count\n", (long long)bad);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "verify");
    jw_bool(&w, "verified", 1);
    jw_int(&w, "entries", v.entries);
    jw_int(&w, "heads", v.heads);
    jw_opt(&w, "digest", v.digest);
    jw_int(&w, "unpublished", unpublished);
    jw_int(&w, "bad_approvals", bad);
    return out_object(ctx, &doc, &w, err);
}

static const struct opt_spec verify_options[] = {
    {OPT_LOG, "log", 0, NULL, 0, "only the logs: chains, heads, signatures"},
    OPT_END,
};
const struct cmd cmd_status_table[] = {
    {NULL, "status", "", "Says in a screen whether all is well.", NULL, 0, 0, CMD_READ,
     GROUP_EVERY_DAY, run_status, NULL},
    {NULL, "verify", "[--log]",
     "Verifies chains, signatures, and that the tables are what the log says.", verify_options, 0,
     0, CMD_READ, GROUP_PROOF, run_verify, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
