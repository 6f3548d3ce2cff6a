/* What is not as it should be with policy, sites, KMSs and root keys, and what the loss of a site
 * would mean as a whole. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "escrow/conflict.h"
#include "escrow/depend.h"
#include "escrow/foreign.h"
#include "kms/place.h"
#include "report/finding_walk.h"
#include "text/time.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
enum { SOON_DAYS = 90 };

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

static enum rc
foreign(void *arg, const struct foreign *f, struct err *err)
{
    struct finding_walk *w = arg;
    const char *name = "";
    enum rc rc = inventory_name(w->inv, f->root, &name, err);
    if (rc != RC_OK)
        return rc;
    finding_fix(w, "keymuster audit kms-events --explain %s --reason TEXT", f->event);
    return finding_say(w, FINDING_FOREIGN_UNWRAP, "root", name, f->root, err,
                       "root key %s unwrapped for %.200s%s%.60s on %.19s, and nobody recorded it",
                       name, f->who[0] != '\0' ? f->who : "somebody",
                       f->address[0] != '\0' ? " at " : "", f->address, f->kms_at);
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
        int64_t most = policy_most(&w->policy, rule);
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
        rc = foreign_each(w->store, foreign, w, err);
    return rc;
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
        if (!l->loss->own_store || l->w->world.copy_count == 0)
            return RC_OK;
        rule = FINDING_COPIES_GONE;
        break;
    case RULE_OUTLIVE: /* of each key, in finding_key.c */
    case RULE_ONLY_WAY:
    case RULE_FATE:
    case RULE_POLICY_WRAPS: /* that is what a loss would mean, not how it is */
    case RULE_POLICY_COPIES:
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
