#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/audit/status.h"
#include "cli/keys/root_check.h"
#include "kms/place.h"
#include "text/time.h"

enum { SOON_DAYS = 90, DAY_MS = 24 * 3600 * 1000 };

/* Days from now, rounded down; negative: over. */
static int64_t
days_until(const char *at)
{
    int64_t ms = 0;
    if (time_parse(&ms, at) != 0)
        return -1;
    ms -= clock_now_ms();
    return ms < 0 ? -1 : ms / DAY_MS;
}

static enum rc
status_destroyed(struct status *s, const struct root *r, struct err *err)
{
    struct depend_on on = {.root = ""};
    struct depend_count c;
    int64_t days = days_until(r->restore_until);
    memcpy(on.root, r->object.uuid, sizeof on.root);
    enum rc rc = depend_count(s->ctx->store, &on, &c, err);
    if (rc != RC_OK)
        return rc;
    if (days >= 0)
        status_warn(
            s,
            "root key %s is destroyed%s%s; last day to restore it: %.10s (in %lld days): keymuster "
            "root restore %s; %lld keys under it, %lld with no other wrap",
            r->object.name, r->deleted_by[0] != '\0' ? " by " : "", r->deleted_by, r->restore_until,
            (long long)days, r->object.name, (long long)c.keys, (long long)c.only);
    else if (c.keys > 0)
        status_warn(s,
                    "root key %s is destroyed and %s%.10s; %lld keys under it, %lld with no other "
                    "wrap: keymuster root retire-check %s",
                    r->object.name,
                    r->restore_until[0] != '\0'
                        ? "by the clock here (the KMS decides: keymuster root check) its last day "
                          "to be restored was "
                        : "cannot be restored",
                    r->restore_until, (long long)c.keys, (long long)c.only, r->object.name);
    s->vanishing++;
    return RC_OK;
}

static enum rc
status_behind(struct status *s, const struct root *r, struct err *err)
{
    int64_t behind = 0;
    enum rc rc = r->version[0] != '\0' && r->state != ROOT_DESTROYED
                     ? depend_behind(s->ctx->store, r->object.uuid, r->version, &behind, err)
                     : RC_OK;
    s->behind += behind;
    if (rc == RC_OK && behind > 0)
        status_warn(
            s, "%lld wrap%s behind the current version of root key %s: keymuster rewrap --stale",
            (long long)behind, behind == 1 ? " is" : "s are", r->object.name);
    return rc;
}

static enum rc
status_root(void *arg, const struct object *o, struct err *err)
{
    struct status *s = arg;
    struct root r;
    char since[TIME_TEXT + 1];
    enum rc rc = root_load(s->ctx->store, o, &r, err);
    if (rc == RC_OK && r.state == ROOT_DESTROYED)
        rc = status_destroyed(s, &r, err);
    else if (rc == RC_OK && r.state == ROOT_SUSPENDED)
        status_warn(s, "root key %s is disabled: nothing under it opens", o->name);
    else if (rc == RC_OK && r.state == ROOT_DEACTIVATED)
        status_warn(s,
                    "root key %s has expired: it opens, but does not wrap: keymuster rehome --all "
                    "--from %s --to ROOT",
                    o->name, o->name);
    else if (rc == RC_OK && days_until(r.expires) >= 0 && days_until(r.expires) < SOON_DAYS)
        status_warn(s, "root key %s expires on %.10s (in %lld days): from then on it does not wrap",
                    o->name, r.expires, (long long)days_until(r.expires));
    if (rc == RC_OK)
        rc = status_behind(s, &r, err);
    if (rc == RC_OK)
        rc = root_unknown_since(s->ctx->store, o->uuid, since, err);
    if (rc == RC_OK && root_unknown_hint(since)[0] != '\0')
        status_warn(s, "root key %s could not be asked since %s; %s", o->name, since,
                    root_unknown_hint(since));
    return rc;
}

/* The end of HPCS, and what still depends on it. */
static enum rc
status_kms(void *arg, const struct object *o, struct err *err)
{
    struct status *s = arg;
    struct depend_on on = {.root = ""};
    struct depend_count c = {0, 0};
    int is = 0;
    enum rc rc = depend_hpcs(s->ctx->store, o, &is, err);
    if (rc != RC_OK || !is)
        return rc;
    memcpy(on.kms, o->uuid, sizeof on.kms);
    rc = depend_count(s->ctx->store, &on, &c, err);
    s->hpcs_keys += c.keys;
    s->hpcs_only += c.only;
    if (rc != RC_OK)
        return rc;
    if (c.keys == 0)
        status_warn(s,
                    "HPCS ends on %.10s; KMS %s is of it, and nothing depends on it any more: "
                    "keymuster kms retire-check %s",
                    PLACE_HPCS_END, o->name, o->name);
    else
        status_warn(
            s,
            "HPCS ends on %.10s (in %lld days) and its keys with it: KMS %s still has wraps of "
            "%lld keys, %lld of them with no wrap elsewhere: keymuster rehome --all --from ROOT "
            "--to ROOT",
            PLACE_HPCS_END, (long long)days_until(PLACE_HPCS_END), o->name, (long long)c.keys,
            (long long)c.only);
    return RC_OK;
}

enum rc
status_roots(struct status *s, struct err *err)
{
    enum rc rc = object_each(s->ctx->store, "root", status_root, s, err);
    return rc == RC_OK ? object_each(s->ctx->store, "kms", status_kms, s, err) : rc;
}
