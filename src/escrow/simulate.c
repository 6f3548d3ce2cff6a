#include "escrow/simulate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- one key ---- */

static const struct loss_thing *
thing(const struct loss_thing *things, size_t count, const char *uuid)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(things[i].object.uuid, uuid) == 0)
            return &things[i];
    }
    return NULL;
}

/* What two sites have in common that can fail as a whole; NULL: nothing that is known. */
static const char *
shared_fate(const struct loss_thing *a, const struct loss_thing *b)
{
    if (a == NULL || b == NULL || a == b)
        return NULL;
    if (a->region[0] != '\0' && strcmp(a->region, b->region) == 0)
        return "region";
    return a->vendor[0] != '\0' && strcmp(a->vendor, b->vendor) == 0 ? "vendor" : NULL;
}

/* Whether a root key that is left shares region, vendor or account with the site that the key is
 * for. */
static const char *
root_fate(const struct loss_world *w, const struct root *r, const char *site)
{
    const struct loss_thing *kms = thing(w->kmss, w->kms_count, r->kms.uuid);
    const char *fate =
        shared_fate(thing(w->sites, w->site_count, r->site), thing(w->sites, w->site_count, site));
    if (fate != NULL || kms == NULL || kms->account[0] == '\0')
        return fate;
    for (size_t i = 0; i < w->kms_count; i++) {
        if (strcmp(w->kmss[i].site, site) == 0 && strcmp(w->kmss[i].account, kms->account) == 0)
            return "account";
    }
    return NULL;
}

static void
remember(struct simulate_count *c, enum simulate_rule rule, const struct key *k, const char *with)
{
    if (c->example[rule][0] != '\0')
        return;
    (void)snprintf(c->example[rule], sizeof c->example[rule], "%s@%" PRId64, k->name,
                   k->generation);
    (void)snprintf(c->with[rule], sizeof c->with[rule], "%s", with);
}

/* All that is left of it shares a fate with its site. */
static void
count_fate(struct simulate_count *c, const struct loss_world *w, const struct inventory_item *item)
{
    const char *fate = NULL;
    for (size_t i = 0; i < item->live_count; i++) {
        const struct root *r = item->live[i].root;
        if (loss_takes_root(&c->loss, w, r) || r->state == ROOT_DESTROYED)
            continue;
        fate = root_fate(w, r, item->key.protects_site);
        if (fate == NULL)
            return;
    }
    if (fate == NULL)
        return;
    c->fate++;
    remember(c, RULE_FATE, &item->key, fate);
}

static void
count_circle(struct simulate_count *c, const struct loss_world *w,
             const struct inventory_item *item)
{
    for (size_t i = 0; i < item->live_count; i++) {
        const struct loss_thing *kms = thing(w->kmss, w->kms_count, item->live[i].root->kms.uuid);
        if (kms != NULL && kms->kept_at[0] != '\0' && loss_mentions(kms->kept_at, item->key.name)) {
            c->circle++;
            remember(c, RULE_CIRCLE, &item->key, kms->object.name);
            return;
        }
    }
}

/* What a key must have by policy, where that is more than the one that is asked for anyway. */
static int
falls_short(const struct loss_world *w, enum policy_rule rule, const struct key *k, int64_t left,
            int64_t gone)
{
    int64_t asked = policy_of(&w->policy, rule, k->purpose);
    return gone > 0 && left < asked && asked > policy_default(rule);
}

static void
count_policy(struct simulate_count *c, const struct loss_world *w, const struct key *k,
             const struct loss_left *left)
{
    if (falls_short(w, POLICY_WRAPS, k, left->roots, left->roots_gone)) {
        c->wraps_short++;
        remember(c, RULE_POLICY_WRAPS, k, "");
    }
    if (falls_short(w, POLICY_COPIES, k, left->copies, left->copies_gone)) {
        c->copies_short++;
        remember(c, RULE_POLICY_COPIES, k, "");
    }
}

void
simulate_count_key(struct simulate_count *c, const struct loss_world *w,
                   const struct inventory_item *item, struct simulate_key *out)
{
    out->item = item;
    loss_left(&c->loss, w, item, &out->left);
    out->lost = !out->left.wrap || !out->left.record;
    int must = purpose_must_outlive(item->key.purpose);
    int its_site = must && loss_takes_site(&c->loss, w, item->key.protects_site);
    c->keys++;
    c->touched += out->left.touched;
    c->lost += out->lost;
    c->must += out->lost && must;
    if (out->lost && its_site) {
        c->broken++;
        remember(c, RULE_OUTLIVE, &item->key, !out->left.wrap ? "wrap" : "record");
    } else if (out->lost && must) {
        remember(c, RULE_ONLY_WAY, &item->key, "");
    } else if (its_site) {
        count_fate(c, w, item);
    }
    if (w->strict)
        count_policy(c, w, &item->key, &out->left);
    count_circle(c, w, item);
}

void
simulate_count_rest(struct simulate_count *c, const struct loss_world *w)
{
    for (size_t i = 0; i < w->kms_count; i++)
        c->kmss_lost += c->loss.kmss[i];
    for (size_t i = 0; i < w->copy_count; i++)
        c->copies_lost += c->loss.copies[i];
    c->copies_left = w->copy_count - c->copies_lost;
    for (size_t i = 0; i < w->author_count; i++)
        c->authors_left += !loss_takes_site(&c->loss, w, w->authors[i].site);
}

/* ---- findings ---- */

static const char *const rules[] = {[RULE_OUTLIVE] = "outlive",
                                    [RULE_ONLY_WAY] = "only-way",
                                    [RULE_CREDENTIAL] = "credential",
                                    [RULE_CIRCLE] = "circle",
                                    [RULE_FATE] = "fate",
                                    [RULE_AUTHORS] = "authors",
                                    [RULE_COPIES] = "copies",
                                    [RULE_POLICY_WRAPS] = "policy-wraps",
                                    [RULE_POLICY_COPIES] = "policy-copies"};

const char *
simulate_rule_name(enum simulate_rule rule)
{
    return rules[rule];
}

/* What is lost that a text names: a site, a KMS, a copy; "" for none. */
static const char *
lost_name_in(const struct simulate_count *c, const struct loss_world *w, const char *text)
{
    for (size_t i = 0; i < w->site_count; i++) {
        if (c->loss.sites[i] && loss_mentions(text, w->sites[i].object.name))
            return w->sites[i].object.name;
    }
    for (size_t i = 0; i < w->kms_count; i++) {
        if (c->loss.kmss[i] && loss_mentions(text, w->kmss[i].object.name))
            return w->kmss[i].object.name;
    }
    for (size_t i = 0; i < w->copy_count; i++) {
        if (c->loss.copies[i] && loss_mentions(text, w->copies[i].object.name))
            return w->copies[i].object.name;
    }
    return "";
}

static enum rc
credentials(const struct simulate_count *c, const struct loss_world *w, simulate_finding_fn fn,
            void *arg, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < w->kms_count; i++) {
        const struct loss_thing *k = &w->kmss[i];
        const char *in = c->loss.kmss[i] ? "" : lost_name_in(c, w, k->kept_at);
        if (in[0] == '\0')
            continue;
        struct simulate_finding f = {.rule = RULE_CREDENTIAL, .severity = "high"};
        (void)snprintf(f.text, sizeof f.text,
                       "the credential of %s, which is left, is kept at \"%.400s\", and %s is lost",
                       k->object.name, k->kept_at, in);
        (void)snprintf(f.fix, sizeof f.fix, "keymuster kms set %s --kept-at TEXT", k->object.name);
        rc = fn(arg, &f, err);
    }
    return rc;
}

static enum rc
about_keys(const struct simulate_count *c, simulate_finding_fn fn, void *arg, struct err *err)
{
    enum rc rc = RC_OK;
    if (c->broken > 0) {
        struct simulate_finding f = {.rule = RULE_OUTLIVE, .severity = "high"};
        int wrap = strcmp(c->with[RULE_OUTLIVE], "wrap") == 0;
        (void)snprintf(f.text, sizeof f.text,
                       "%" PRId64 " that must outlive the site would be lost with it, such as %s: "
                       "no %s is left",
                       c->broken, c->example[RULE_OUTLIVE], wrap ? "wrap" : "copy of its record");
        (void)snprintf(f.fix, sizeof f.fix, "%s",
                       wrap ? "keymuster wrap add KEY --root ROOT-ELSEWHERE" : "keymuster sync");
        rc = fn(arg, &f, err);
    }
    if (rc == RC_OK && c->must > c->broken) {
        struct simulate_finding f = {.rule = RULE_ONLY_WAY, .severity = "medium"};
        (void)snprintf(f.text, sizeof f.text,
                       "%" PRId64 " that must outlive a site have no other way back, such as %s",
                       c->must - c->broken, c->example[RULE_ONLY_WAY]);
        (void)snprintf(f.fix, sizeof f.fix, "keymuster wrap add KEY --root ANOTHER-ROOT");
        rc = fn(arg, &f, err);
    }
    if (rc == RC_OK && c->fate > 0) {
        struct simulate_finding f = {.rule = RULE_FATE, .severity = "medium"};
        (void)snprintf(f.text, sizeof f.text,
                       "%" PRId64 " that must outlive the site would be left only by what shares "
                       "its %s, such as %s",
                       c->fate, c->with[RULE_FATE], c->example[RULE_FATE]);
        (void)snprintf(f.fix, sizeof f.fix, "keymuster wrap add KEY --root ROOT-ELSEWHERE");
        rc = fn(arg, &f, err);
    }
    if (rc == RC_OK && c->circle > 0) {
        struct simulate_finding f = {.rule = RULE_CIRCLE, .severity = "high"};
        (void)snprintf(f.text, sizeof f.text, "the credential of %s is kept in what it opens: %s",
                       c->with[RULE_CIRCLE], c->example[RULE_CIRCLE]);
        (void)snprintf(f.fix, sizeof f.fix, "keymuster kms set %s --kept-at TEXT",
                       c->with[RULE_CIRCLE]);
        rc = fn(arg, &f, err);
    }
    return rc;
}

static enum rc
about_policy(const struct simulate_count *c, simulate_finding_fn fn, void *arg, struct err *err)
{
    enum rc rc = RC_OK;
    if (c->wraps_short > 0) {
        struct simulate_finding f = {.rule = RULE_POLICY_WRAPS,
                                     .severity = "medium",
                                     .fix = "keymuster wrap add KEY --root ANOTHER-ROOT"};
        (void)snprintf(f.text, sizeof f.text,
                       "%" PRId64 " would have fewer wraps than policy asks for, such as %s",
                       c->wraps_short, c->example[RULE_POLICY_WRAPS]);
        rc = fn(arg, &f, err);
    }
    if (rc == RC_OK && c->copies_short > 0) {
        struct simulate_finding f = {.rule = RULE_POLICY_COPIES,
                                     .severity = "medium",
                                     .fix = "keymuster copy add NAME URL --site SITE-ELSEWHERE"};
        (void)snprintf(f.text, sizeof f.text,
                       "%" PRId64 " would be on fewer copies than policy asks for, such as %s",
                       c->copies_short, c->example[RULE_POLICY_COPIES]);
        rc = fn(arg, &f, err);
    }
    return rc;
}

enum rc
simulate_findings(const struct simulate_count *c, const struct loss_world *w,
                  simulate_finding_fn fn, void *arg, struct err *err)
{
    enum rc rc = about_keys(c, fn, arg, err);
    if (rc == RC_OK)
        rc = credentials(c, w, fn, arg, err);
    if (rc == RC_OK)
        rc = about_policy(c, fn, arg, err);
    if (rc == RC_OK && c->authors_left == 0) {
        struct simulate_finding f = {RULE_AUTHORS, "medium",
                                     "no trusted author would be left: nobody could admit another",
                                     "keymuster author spare --file FILE"};
        rc = fn(arg, &f, err);
    }
    if (rc == RC_OK && c->copies_left == 0 && (c->loss.own_store || c->copies_lost > 0)) {
        struct simulate_finding f = {RULE_COPIES, "high", "no copy would be left",
                                     "keymuster copy add NAME URL --site SITE-ELSEWHERE"};
        rc = fn(arg, &f, err);
    }
    return rc;
}
