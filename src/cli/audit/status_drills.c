/* What `status` says of drills: how much was ever proven, when, and what failed since. */
#include <string.h>

#include "base/clock.h"
#include "cli/audit/status.h"
#include "cli/out.h"
#include "escrow/drilled.h"
#include "text/time.h"

enum { NAMED = 3 }; /* keys that failed; the rest is a number */

static enum rc
warn_failing(struct status *s, const struct key *k, const struct drilled_state *d, struct err *err)
{
    char root[LIMIT_NAME + 1] = "";
    enum rc rc =
        d->failing_root[0] != '\0' ? object_name(s->ctx->store, d->failing_root, root, err) : RC_OK;
    if (rc == RC_OK && s->drills_failing++ < NAMED) {
        char ref[KEY_REF];
        status_warn(s, "drill: %s@%lld could not be got back%s%s (%s): keymuster drill %s", k->name,
                    (long long)k->generation, root[0] != '\0' ? " under " : "", root,
                    d->failing_code, key_ref_said(ref, s->ctx->store, k));
    }
    return rc;
}

enum rc
status_drills_key(struct status *s, const struct inventory_item *item, struct err *err)
{
    const struct drilled_state *d = &item->drills;
    int wanted = 0;
    int64_t now = clock_now_ms();
    enum rc rc = drilled_wants(s->ctx->store, &item->key, now, &wanted, err);
    if (rc != RC_OK || !wanted)
        return rc;
    if (d->proven && strcmp(d->newest.at, s->drilled_at) > 0) {
        memcpy(s->drilled_at, d->newest.at, sizeof s->drilled_at);
        memcpy(s->drilled_site, d->newest.site, sizeof s->drilled_site);
    }
    s->drilled += d->proven;
    s->never_drilled += !d->proven;
    s->drills_due += d->proven && drilled_is_due(d, item->drill_every, now);
    return d->failing > 0 ? warn_failing(s, &item->key, d, err) : RC_OK;
}

/* A key that was never drilled is counted, in the line below; one that was, and is not any more, is
 * a warning. */
void
status_drills(struct status *s)
{
    if (s->drills_failing > NAMED)
        status_warn(s,
                    "drill: %lld more keys could not be got back: keymuster list, keymuster drill",
                    (long long)s->drills_failing - NAMED);
    if (s->drills_due > 0)
        status_warn(
            s,
            "%lld key%s not proven by a drill for as long as policy allows: keymuster drill --due",
            (long long)s->drills_due, s->drills_due == 1 ? " was" : "s were");
}

enum rc
status_drills_write(struct status *s, struct jw *w, struct err *err)
{
    char site[LIMIT_NAME + 1] = "";
    int64_t at = 0;
    enum rc rc =
        s->drilled_site[0] != '\0' ? object_name(s->ctx->store, s->drilled_site, site, err) : RC_OK;
    if (rc != RC_OK)
        return rc;
    if (w != NULL) {
        jw_int(w, "drilled", s->drilled);
        jw_int(w, "never_drilled", s->never_drilled);
        jw_int(w, "drills_due", s->drills_due);
        jw_int(w, "drills_failing", s->drills_failing);
        jw_opt(w, "last_drill_at", s->drilled_at);
        jw_opt(w, "last_drill_site", site);
        return RC_OK;
    }
    if (s->drilled + s->never_drilled == 0)
        return RC_OK;
    out_printf(s->ctx, "%-11s %lld proven by drills", "drills", (long long)s->drilled);
    if (time_parse(&at, s->drilled_at) == 0) {
        char ago[AGO_TEXT];
        time_ago(ago, at, clock_now_ms());
        out_printf(s->ctx, ", the last %s at %s", ago, site);
    }
    if (s->never_drilled > 0)
        out_printf(s->ctx, "; %lld never: keymuster drill --unproven", (long long)s->never_drilled);
    out_printf(s->ctx, "\n");
    return RC_OK;
}
