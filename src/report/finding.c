#include "report/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "report/finding_walk.h"

static const char *const severities[FINDING_SEVERITIES] = {"low", "medium", "high"};

static const struct {
    const char *name;
    enum finding_severity severity;
} rules[FINDING_RULES] = {
    /* a key would be lost with the site it is for */
    [FINDING_OUTLIVE] = {"outlive", FINDING_HIGH},
    /* all ways that survive a key's site share region, vendor or account with it */
    [FINDING_FATE] = {"fate", FINDING_MEDIUM},
    /* no wrap of a key opens now */
    [FINDING_NO_WAY] = {"no-way", FINDING_HIGH},
    /* a wrap owed since the key was made */
    [FINDING_OWED] = {"owed", FINDING_MEDIUM},
    /* fewer wraps than policy asks for */
    [FINDING_WRAPS] = {"wraps", FINDING_MEDIUM},
    /* the record is on fewer copies than policy asks for */
    [FINDING_COPIES] = {"copies", FINDING_MEDIUM},
    /* no copy that must hold a key has it */
    [FINDING_UNRELEASED] = {"unreleased", FINDING_HIGH},
    /* a key without a check value */
    [FINDING_NO_CHECK] = {"no-check", FINDING_MEDIUM},
    /* a key never proven by a drill */
    [FINDING_NEVER_DRILLED] = {"never-drilled", FINDING_MEDIUM},
    /* a proof older than policy allows */
    [FINDING_DRILL_DUE] = {"drill-due", FINDING_MEDIUM},
    /* the newest drill under a root key failed */
    [FINDING_DRILL_FAILED] = {"drill-failed", FINDING_HIGH},
    /* an adopted password that nobody compared */
    [FINDING_UNCONFIRMED] = {"unconfirmed", FINDING_MEDIUM},
    /* a person has seen a key; it must be replaced */
    [FINDING_EXPOSED] = {"exposed", FINDING_HIGH},
    /* a wrap behind its rotated root key */
    [FINDING_BEHIND] = {"behind", FINDING_LOW},
    /* a wrap behind for longer than policy allows */
    [FINDING_REWRAP_DUE] = {"rewrap-due", FINDING_MEDIUM},
    /* an active key older than its cryptoperiod */
    [FINDING_AGE] = {"age", FINDING_MEDIUM},
    /* an active key past its date */
    [FINDING_EXPIRED] = {"expired", FINDING_MEDIUM},
    /* an active key whose date is near */
    [FINDING_EXPIRES] = {"expires", FINDING_LOW},
    /* a compromised key without successor */
    [FINDING_COMPROMISED] = {"compromised", FINDING_HIGH},
    /* a key marked destroyed while its backups are kept */
    [FINDING_DESTROYED] = {"destroyed", FINDING_HIGH},
    /* a suspended key */
    [FINDING_SUSPENDED] = {"suspended", FINDING_LOW},
    /* a key whose backups are not kept any more */
    [FINDING_NOT_NEEDED] = {"not-needed", FINDING_LOW},
    /* two sites said different things */
    [FINDING_CONFLICT] = {"conflict", FINDING_HIGH},
    /* the credential of a KMS is kept in what would be lost */
    [FINDING_CREDENTIAL] = {"credential", FINDING_HIGH},
    /* a credential is kept in what it opens */
    [FINDING_CIRCLE] = {"circle", FINDING_HIGH},
    /* nobody said where a KMS's credential is kept */
    [FINDING_KEPT_AT] = {"kept-at", FINDING_LOW},
    /* the escrow has no copy */
    [FINDING_NO_COPY] = {"no-copy", FINDING_HIGH},
    /* a copy that is due */
    [FINDING_COPY_LATE] = {"copy-late", FINDING_MEDIUM},
    /* a copy was rolled back, or showed another history */
    [FINDING_COPY_CONTRADICTS] = {"copy-contradicts", FINDING_HIGH},
    /* the loss of a site would leave no copy */
    [FINDING_COPIES_GONE] = {"copies-gone", FINDING_HIGH},
    /* entries that no copy has */
    [FINDING_UNPUBLISHED] = {"unpublished", FINDING_LOW},
    /* a site marked lost */
    [FINDING_SITE_LOST] = {"site-lost", FINDING_MEDIUM},
    /* a destroyed root key */
    [FINDING_ROOT_DESTROYED] = {"root-destroyed", FINDING_HIGH},
    /* a disabled root key */
    [FINDING_ROOT_DISABLED] = {"root-disabled", FINDING_HIGH},
    /* a root key that wraps no more */
    [FINDING_ROOT_EXPIRED] = {"root-expired", FINDING_MEDIUM},
    /* a root key that expires soon */
    [FINDING_ROOT_EXPIRES] = {"root-expires", FINDING_LOW},
    /* a KMS whose service ends */
    [FINDING_HPCS] = {"hpcs", FINDING_MEDIUM},
    /* only one trusted author lives */
    [FINDING_ONE_AUTHOR] = {"one-author", FINDING_MEDIUM},
    /* the loss of a site would leave no trusted author */
    [FINDING_AUTHORS_GONE] = {"authors-gone", FINDING_MEDIUM},
    /* an author whose entries do not count */
    [FINDING_NOT_ADMITTED] = {"not-admitted", FINDING_MEDIUM},
    /* an author's clock is ahead of this one */
    [FINDING_CLOCK] = {"clock", FINDING_MEDIUM},
    /* entries that this version does not know */
    [FINDING_UNAPPLIED] = {"unapplied", FINDING_LOW},
    /* an export that lacks what the escrow has */
    [FINDING_EXPORT] = {"export", FINDING_LOW},
    /* a run that wants a countersignature */
    [FINDING_ALONE] = {"alone", FINDING_MEDIUM},
    /* an approval that does not count */
    [FINDING_APPROVAL] = {"approval", FINDING_MEDIUM},
    /* a real run with fewer approvers than policy asks for */
    [FINDING_APPROVERS] = {"approvers", FINDING_MEDIUM},
    /* keys that only the administrator could get back so far */
    [FINDING_NEVER_RECOVERED] = {"never-recovered", FINDING_LOW},
    /* the KMS was asked by somebody else to unwrap */
    [FINDING_FOREIGN_UNWRAP] = {"foreign-unwrap", FINDING_HIGH},
    /* policy asks for more than there is */
    [FINDING_POLICY_UNMET] = {"policy-unmet", FINDING_MEDIUM},
    /* a rule of policy that this version cannot read */
    [FINDING_POLICY_UNKNOWN] = {"policy-unknown", FINDING_LOW},
};

const char *
finding_severity_name(enum finding_severity severity)
{
    return severities[severity];
}

const char *
finding_rule_name(enum finding_rule rule)
{
    return rules[rule].name;
}

enum finding_severity
finding_rule_severity(enum finding_rule rule)
{
    return rules[rule].severity;
}

/* ---- saying one ---- */

static void PRINTF(2, 0) put(struct buf *out, const char *fmt, va_list args)
{
    char text[FINDING_TEXT];
    (void)vsnprintf(text, sizeof text, fmt, args);
    buf_clear(out);
    buf_adds(out, text);
}

void
finding_fix(struct finding_walk *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put(&w->fix, fmt, args);
    va_end(args);
}

enum rc
finding_say(struct finding_walk *w, enum finding_rule rule, const char *kind, const char *object,
            const char *uuid, struct err *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put(&w->text, fmt, args);
    va_end(args);
    enum rc rc = buf_check(&w->text, "a finding", err);
    if (rc == RC_OK)
        rc = buf_check(&w->fix, "a finding", err);
    const struct finding f = {.id = rule,
                              .severity = rules[rule].severity,
                              .rule = rules[rule].name,
                              .kind = kind,
                              .object = object,
                              .uuid = uuid,
                              .text = buf_str(&w->text),
                              .fix = buf_str(&w->fix)};
    if (rc == RC_OK && !(PLANTED("no-finding") && rule == FINDING_EXPOSED))
        rc = w->fn(w->arg, &f, err);
    buf_clear(&w->fix);
    return rc;
}

/* ---- the walk ---- */

static int
by_name(const void *a, const void *b)
{
    const struct recovered *x = a;
    const struct recovered *y = b;
    return strcmp(x->key.name, y->key.name);
}

static enum rc
keep_recovered(void *arg, const struct recovered *r, struct err *err)
{
    struct finding_walk *w = arg;
    struct recovered *more = realloc(w->got, (w->got_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    w->got = more;
    w->got[w->got_count++] = *r;
    return RC_OK;
}

static enum rc
load_recovered(struct finding_walk *w, struct err *err)
{
    enum rc rc = recovered_each(w->store, keep_recovered, w, err);
    if (rc == RC_OK && w->got_count > 0)
        qsort(w->got, w->got_count, sizeof *w->got, by_name);
    return rc;
}

int
finding_recovered(const struct finding_walk *w, const struct key *key)
{
    struct recovered wanted = {.key = *key};
    return w->got_count > 0 &&
           bsearch(&wanted, w->got, w->got_count, sizeof *w->got, by_name) != NULL;
}

static enum rc
open_losses(struct finding_walk *w, struct err *err)
{
    enum rc rc = loss_world_load(&w->world, w->store, err);
    if (rc != RC_OK || w->world.site_count == 0)
        return rc;
    w->counts = calloc(w->world.site_count, sizeof *w->counts);
    if (w->counts == NULL)
        return err_nomem(err);
    for (size_t i = 0; rc == RC_OK && i < w->world.site_count; i++) {
        const struct object *site = &w->world.sites[i].object;
        rc = loss_make(&w->counts[i].loss, &w->world, LOSS_SITE, site->name, site->uuid, err);
        w->count += rc == RC_OK;
    }
    return rc;
}

enum rc
finding_each(const struct store *store, int64_t now_ms, finding_fn fn, void *arg, struct err *err)
{
    struct finding_walk w = {.store = store, .now_ms = now_ms, .fn = fn, .arg = arg};
    buf_init(&w.text, LIMIT_ENTRY);
    buf_init(&w.fix, LIMIT_ENTRY);
    enum rc rc = policy_load(&w.policy, store, err);
    if (rc == RC_OK)
        rc = inventory_open(
            &w.inv, store,
            INV_FIELDS | INV_WRAPS | INV_DRILLS | INV_RELEASED | INV_DUTY | INV_DEBTS, err);
    if (rc == RC_OK)
        rc = load_recovered(&w, err);
    if (rc == RC_OK)
        rc = open_losses(&w, err);
    if (rc == RC_OK)
        rc = finding_things(&w, err);
    if (rc == RC_OK)
        rc = finding_escrow(&w, err);
    if (rc == RC_OK)
        rc = inventory_each(w.inv, NULL, INV_BY_NAME, 0, finding_key, &w, err);
    if (rc == RC_OK)
        rc = finding_losses(&w, err);
    for (size_t i = 0; i < w.count; i++)
        loss_release(&w.counts[i].loss);
    free(w.counts);
    free(w.got);
    loss_world_release(&w.world);
    inventory_close(w.inv);
    buf_release(&w.text);
    buf_release(&w.fix);
    return rc;
}
