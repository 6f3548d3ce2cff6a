/* What is not as it should be with sites, KMSs, root keys, copies, authors, runs and policy. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "copy/fresh.h"
#include "escrow/author.h"
#include "escrow/conflict.h"
#include "escrow/depend.h"
#include "escrow/export.h"
#include "kms/place.h"
#include "recover/run.h"
#include "report/finding_walk.h"
#include "text/time.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
enum { SOON_DAYS = 90 };

static void
ago_of(char out[AGO_TEXT], const struct finding_walk *w, const char *at)
{
    int64_t ms = 0;
    (void)snprintf(out, AGO_TEXT, "never");
    if (time_parse(&ms, at) == 0)
        time_ago(out, ms, w->now_ms);
}

/* ---- conflicts, sites ---- */

static enum rc
conflict(void *arg, const struct conflict *c, struct err *err)
{
    struct finding_walk *w = arg;
    char fix[FINDING_FIX];
    conflict_settling(c, fix, sizeof fix);
    if (fix[0] != '\0')
        finding_fix(w, "%s", fix);
    if (c->what == CONFLICT_FIELD)
        return finding_say(w, FINDING_CONFLICT, c->kind, c->label, c->object, err,
                           "%.64s of %s was set apart by two sites", c->field, c->label);
    return finding_say(w, FINDING_CONFLICT, c->kind, c->label, c->object, err,
                       c->what == CONFLICT_GENERATION ? "two sites made %s apart"
                                                      : "two sites named %s apart",
                       c->label);
}

static enum rc
site(void *arg, const struct object *o, struct err *err)
{
    struct finding_walk *w = arg;
    int lost = 0;
    enum rc rc = site_is_lost(w->store, o->uuid, &lost, err);
    if (rc != RC_OK || !lost)
        return rc;
    finding_fix(w, "keymuster site restored %s", o->name);
    return finding_say(w, FINDING_SITE_LOST, "site", o->name, o->uuid, err,
                       "site %s is marked lost", o->name);
}

/* ---- KMSs and root keys ---- */

static enum rc
kms(void *arg, const struct object *o, struct err *err)
{
    struct finding_walk *w = arg;
    struct depend_on on = {.root = ""};
    struct depend_count c = {0, 0};
    struct buf kept;
    int hpcs = 0;
    buf_init(&kept, LIMIT_TEXT);
    memcpy(on.kms, o->uuid, sizeof on.kms);
    enum rc rc = field_get(w->store, o->uuid, "kept_at", &kept, NULL, err);
    if (rc == RC_OK && kept.len == 0) {
        finding_fix(w, "keymuster kms set %s --kept-at TEXT", o->name);
        rc = finding_say(w, FINDING_KEPT_AT, "kms", o->name, o->uuid, err,
                         "nobody recorded where the credential of %s is kept", o->name);
    }
    buf_release(&kept);
    if (rc == RC_OK)
        rc = depend_hpcs(w->store, o, &hpcs, err);
    if (rc == RC_OK && hpcs)
        rc = depend_count(w->store, &on, &c, err);
    if (rc != RC_OK || !hpcs)
        return rc;
    if (c.keys > 0)
        finding_fix(w, "keymuster rehome --all --from ROOT --to ROOT");
    else
        finding_fix(w, "keymuster kms retire-check %s", o->name);
    return finding_say(w, FINDING_HPCS, "kms", o->name, o->uuid, err,
                       "HPCS ends on %.10s and its keys with it: %s has wraps of %" PRId64
                       " keys, %" PRId64 " of them with no wrap elsewhere",
                       PLACE_HPCS_END, o->name, c.keys, c.only);
}

static enum rc
root_destroyed(struct finding_walk *w, const struct root *r, struct err *err)
{
    struct depend_on on = {.root = ""};
    struct depend_count c = {0, 0};
    int64_t until = 0;
    memcpy(on.root, r->object.uuid, sizeof on.root);
    enum rc rc = depend_count(w->store, &on, &c, err);
    if (rc != RC_OK)
        return rc;
    int open = time_parse(&until, r->restore_until) == 0 && until >= w->now_ms;
    if (!open && c.keys == 0)
        return RC_OK;
    finding_fix(w, "keymuster root %s %s", open ? "restore" : "retire-check", r->object.name);
    return finding_say(w, FINDING_ROOT_DESTROYED, "root", r->object.name, r->object.uuid, err,
                       "root key %s is destroyed%s%.10s; %" PRId64 " keys under it, %" PRId64
                       " with no other wrap",
                       r->object.name,
                       open                          ? "; last day to restore it: "
                       : r->restore_until[0] != '\0' ? " and could be restored until "
                                                     : " and cannot be restored",
                       r->restore_until, c.keys, c.only);
}

static enum rc
root(void *arg, const struct object *o, struct err *err)
{
    struct finding_walk *w = arg;
    struct root r;
    int64_t expires = 0;
    enum rc rc = root_load(w->store, o, &r, err);
    if (rc != RC_OK)
        return rc;
    if (r.state == ROOT_DESTROYED)
        return root_destroyed(w, &r, err);
    if (r.state == ROOT_SUSPENDED) {
        finding_fix(w, "keymuster root enable %s", o->name);
        return finding_say(w, FINDING_ROOT_DISABLED, "root", o->name, o->uuid, err,
                           "root key %s is disabled: nothing under it opens", o->name);
    }
    finding_fix(w, "keymuster rehome --all --from %s --to ROOT", o->name);
    if (r.state == ROOT_DEACTIVATED)
        return finding_say(w, FINDING_ROOT_EXPIRED, "root", o->name, o->uuid, err,
                           "root key %s has expired: it opens, but does not wrap", o->name);
    if (time_parse(&expires, r.expires) == 0 && expires - w->now_ms < SOON_DAYS * DAY_MS)
        return finding_say(w, FINDING_ROOT_EXPIRES, "root", o->name, o->uuid, err,
                           "root key %s expires on %.10s: from then on it does not wrap", o->name,
                           r.expires);
    buf_clear(&w->fix);
    return RC_OK;
}

/* ---- copies ---- */

static enum rc
copies(struct finding_walk *w, struct err *err)
{
    int64_t behind = 0;
    enum rc rc = entries_unpublished(w->store, &behind, err);
    if (rc == RC_OK && w->world.copy_count == 0) {
        finding_fix(w, "keymuster copy add NAME URL --site SITE");
        return finding_say(w, FINDING_NO_COPY, "escrow", "", "", err,
                           "the escrow has no copy: this store is the only one");
    }
    if (rc == RC_OK && behind > 0) {
        finding_fix(w, "keymuster sync");
        rc = finding_say(w, FINDING_UNPUBLISHED, "escrow", "", "", err,
                         "%" PRId64 " entries of this store are on no copy yet", behind);
    }
    for (size_t i = 0; rc == RC_OK; i++) {
        const char *name = ini_name_at(w->store->conf, "copy", i);
        struct freshness f;
        char ago[AGO_TEXT];
        if (name == NULL)
            return RC_OK;
        rc = copy_freshness(w->store, name, &f, err);
        if (rc != RC_OK || !f.overdue)
            continue;
        ago_of(ago, w, f.reached_at);
        finding_fix(w, "keymuster sync %s", name);
        rc = finding_say(w, FINDING_COPY_LATE, "copy", name, "", err,
                         "copy %s is due every %s and was last reached: %s", name, f.every, ago);
    }
    return rc;
}

/* ---- authors ---- */

struct authors {
    struct finding_walk *w;
    int64_t living;
};

static enum rc
clock_of(struct finding_walk *w, const struct log_author *a, struct err *err)
{
    struct stmt *q = NULL;
    int64_t at = 0;
    enum rc rc = db_query(w->store->db, &q,
                          "SELECT json_extract(line, '$.at') FROM entry WHERE author = ?1"
                          " ORDER BY seq DESC LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, a->author);
    rc = stmt_row(q, err);
    int ahead = rc == RC_OK && stmt_more(q) && time_parse(&at, col_text(q, 0)) == 0 &&
                time_is_ahead(at, w->now_ms);
    stmt_done(q);
    if (rc != RC_OK || !ahead)
        return rc;
    char ago[AGO_TEXT];
    time_ago(ago, at, w->now_ms);
    return finding_say(w, FINDING_CLOCK, "author", a->name, a->author, err,
                       "the newest entry of author %.8s (%s) is %s; one of the two clocks is wrong",
                       a->author, a->name, ago);
}

static enum rc
author(void *arg, const struct log_author *a, struct err *err)
{
    struct authors *l = arg;
    struct trust t;
    int own = strcmp(a->author, l->w->store->self.author) == 0;
    enum rc rc = trust_of(l->w->store, a->author, &t, err);
    if (rc == RC_OK && own)
        rc = trust_elsewhere(l->w->store, a->author, &t, err);
    if (rc != RC_OK)
        return rc;
    l->living += trust_accepted(&t) && t.upto == LIMIT_NUMBER;
    if (trust_accepted(&t))
        return clock_of(l->w, a, err);
    finding_fix(l->w, "keymuster author admit %s", a->author);
    return finding_say(l->w, FINDING_NOT_ADMITTED, "author", a->name, a->author, err,
                       own ? "this store's author %.8s (%s) is not admitted: its %" PRId64
                             " entries are ignored elsewhere"
                           : "author %.8s (%s) is not admitted; its %" PRId64
                             " entries are kept and ignored",
                       a->author, a->name, a->entries);
}

static enum rc
authors(struct finding_walk *w, struct err *err)
{
    struct authors l = {w, 0};
    enum rc rc = author_each(w->store, author, &l, err);
    if (rc != RC_OK || l.living > 1)
        return rc;
    finding_fix(w, "keymuster author spare --file FILE");
    return finding_say(w, FINDING_ONE_AUTHOR, "escrow", "", "", err,
                       "only one trusted author lives: if its machine is lost, nobody can be "
                       "admitted any more");
}

/* ---- runs, exports, entries ---- */

static enum rc
approval(void *arg, const struct run *run, enum approval_finding what, const struct approval *bad,
         const char *who, struct err *err)
{
    struct finding_walk *w = arg;
    const char *id = run->record.id;
    if (what == APPROVAL_DUTY) {
        finding_fix(w, "keymuster recover countersign %.8s", id);
        return finding_say(w, FINDING_ALONE, "run", run->record.runbook, id, err,
                           "run %.8s of %s was done alone by %.100s", id, run->record.runbook, who);
    }
    return finding_say(w, FINDING_APPROVAL, "run", run->record.runbook, id, err,
                       "run %.8s is said to be %s by %.64s, which does not count: %s", id,
                       approval_word_claimed(bad), who, bad->why);
}

static enum rc export(void *arg, const struct export_stale *e, struct err *err) {
    struct finding_walk *w = arg; finding_fix(w, "keymuster export KEY --file NEW-FILE");
    return finding_say(w, FINDING_EXPORT, "export", e->name, "", err,
                       "the export %.100s is stale, %s has a newer %s", e->file, e->name,
                       e->generation ? "generation" : "wrap");
}

static enum rc
unapplied(struct finding_walk *w, struct err *err)
{
    struct stmt *q = NULL;
    int64_t count = 0;
    char kind[41] = "";
    enum rc rc =
        db_query(w->store->db, &q, "SELECT count(*), coalesce(min(kind), '') FROM unapplied", err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK) {
        count = col_int(q, 0);
        (void)snprintf(kind, sizeof kind, "%s", col_text(q, 1));
    }
    stmt_done(q);
    if (rc != RC_OK || count == 0)
        return rc;
    return finding_say(w, FINDING_UNAPPLIED, "escrow", "", "", err,
                       "%" PRId64 " entries are not understood by this version, such as %s", count,
                       kind);
}

/* ---- policy ---- */

static enum rc
count_root(void *arg, const struct object *o, struct err *err)
{
    int64_t *count = arg;
    (void)o;
    (void)err;
    (*count)++;
    return RC_OK;
}

/* A rule that nobody could keep asks for something to be made first. */
static enum rc
policy(struct finding_walk *w, struct err *err)
{
    int64_t roots = 0;
    int64_t there[POLICY_RULES] = {0};
    enum rc rc = object_each(w->store, "root", count_root, &roots, err);
    there[POLICY_WRAPS] = roots;
    there[POLICY_COPIES] = (int64_t)w->world.copy_count;
    if (rc == RC_OK && w->policy.not_understood > 0)
        rc = finding_say(w, FINDING_POLICY_UNKNOWN, "policy", "", "", err,
                         "%" PRId64 " rules of the policy are not understood by this version",
                         w->policy.not_understood);
    for (size_t i = 0; rc == RC_OK && i < 2; i++) {
        enum policy_rule rule = i == 0 ? POLICY_WRAPS : POLICY_COPIES;
        int64_t most = 0;
        for (size_t p = 0; p < POLICY_PURPOSES; p++)
            most = w->policy.value[rule][p] > most ? w->policy.value[rule][p] : most;
        if (most <= there[rule] || most <= policy_default(rule))
            continue;
        finding_fix(w, "keymuster policy set %s=NUMBER --reason TEXT", policy_rule_name(rule));
        rc = finding_say(w, FINDING_POLICY_UNMET, "policy", policy_rule_name(rule), "", err,
                         "policy asks for %" PRId64 " %s, and %s the escrow has: %" PRId64, most,
                         policy_rule_name(rule), rule == POLICY_WRAPS ? "root keys" : "copies",
                         there[rule]);
    }
    return rc;
}

enum rc
finding_things(struct finding_walk *w, struct err *err)
{
    enum rc rc = policy(w, err);
    if (rc == RC_OK)
        rc = conflict_each(w->store, conflict, w, err);
    if (rc == RC_OK)
        rc = object_each(w->store, "site", site, w, err);
    if (rc == RC_OK)
        rc = object_each(w->store, "kms", kms, w, err);
    if (rc == RC_OK)
        rc = object_each(w->store, "root", root, w, err);
    if (rc == RC_OK)
        rc = copies(w, err);
    if (rc == RC_OK)
        rc = authors(w, err);
    if (rc == RC_OK)
        rc = unapplied(w, err);
    if (rc == RC_OK)
        rc = approval_each(w->store, approval, w, err);
    return rc == RC_OK ? export_stale_each(w->store, export, w, err) : rc;
}

/* ---- the loss of a site, as a whole ---- */

struct loss_telling {
    struct finding_walk *w;
    const struct loss *loss;
    int circle; /* which is the same whatever is lost */
};

static enum rc
loss_finding(void *arg, const struct simulate_finding *f, struct err *err)
{
    struct loss_telling *l = arg;
    enum finding_rule rule = FINDING_CREDENTIAL;
    switch (f->rule) {
    case RULE_CREDENTIAL:
        break;
    case RULE_CIRCLE:
        if (!l->circle)
            return RC_OK;
        rule = FINDING_CIRCLE;
        break;
    case RULE_AUTHORS:
        rule = FINDING_AUTHORS_GONE;
        break;
    case RULE_COPIES:
        if (!l->loss->own_store)
            return RC_OK;
        rule = FINDING_COPIES_GONE;
        break;
    case RULE_OUTLIVE: /* of each key, in finding_key.c */
    case RULE_ONLY_WAY:
    case RULE_FATE:
    case RULE_COUNT:
        return RC_OK;
    }
    finding_fix(l->w, "%s", f->fix);
    if (rule == FINDING_CIRCLE)
        return finding_say(l->w, rule, "escrow", "", "", err, "%s", f->text);
    return finding_say(l->w, rule, "site", l->loss->name, l->loss->uuid, err, "without site %s: %s",
                       l->loss->name, f->text);
}

enum rc
finding_losses(struct finding_walk *w, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < w->count; i++) {
        struct loss_telling l = {w, &w->counts[i].loss, i == 0};
        simulate_count_rest(&w->counts[i], &w->world);
        rc = simulate_findings(&w->counts[i], &w->world, loss_finding, &l, err);
    }
    return rc;
}
