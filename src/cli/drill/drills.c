#include "cli/drill/drills.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/out.h"
#include "escrow/policy.h"
#include "escrow/view.h"
#include "text/time.h"

enum { PLACES = 64 }; /* more root keys and sites than a key has */

struct showing_drills {
    struct ctx *ctx;
    const struct key *key;
    struct jw *w;
    struct {
        char root[UUID_TEXT + 1], site[UUID_TEXT + 1];
    } seen[PLACES];
    size_t count;
};

static int
seen_before(struct showing_drills *s, const struct drilled *d)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->seen[i].root, d->root) == 0 && strcmp(s->seen[i].site, d->site) == 0)
            return 1;
    }
    if (s->count == PLACES)
        return 1;
    memcpy(s->seen[s->count].root, d->root, sizeof d->root);
    memcpy(s->seen[s->count++].site, d->site, sizeof d->site);
    return 0;
}

static void
write_one(struct jw *w, const struct drilled *d, const char *root, const char *site, int counts)
{
    jw_obj(w, NULL);
    jw_str(w, "at", d->at);
    jw_opt(w, "root", root);
    jw_opt(w, "site", site);
    jw_str(w, "host", d->host);
    jw_opt(w, "copy", d->copy);
    jw_str(w, "outcome", drill_outcome_name(d->outcome));
    jw_opt(w, "code", d->code);
    jw_bool(w, "counts", counts && d->outcome == DRILL_PROVEN);
    jw_int(w, "ms", d->ms);
    jw_opt(w, "request", d->request);
    jw_end_obj(w);
}

static void
say_one(struct ctx *ctx, const struct drilled *d, const char *root, const char *site, int counts)
{
    char ago[AGO_TEXT] = "";
    int64_t at = 0;
    if (time_parse(&at, d->at) == 0)
        time_ago(ago, at, clock_now_ms());
    out_printf(ctx, "drill       %s", drill_outcome_name(d->outcome));
    if (root[0] != '\0')
        out_printf(ctx, " under %s", root);
    out_printf(ctx, " at %s on ", site[0] != '\0' ? site : "no site");
    out_text(ctx, d->host);
    out_printf(ctx, ", %s (%s)", d->at, ago);
    if (d->code[0] != '\0') {
        out_printf(ctx, "  ");
        out_text(ctx, d->code);
    }
    out_printf(ctx, "%s\n", d->outcome == DRILL_PROVEN && !counts ? "; does not count there" : "");
}

static enum rc
show_one(void *arg, const struct drilled *d, struct err *err)
{
    struct showing_drills *s = arg;
    const struct store *store = s->ctx->store;
    char root[LIMIT_NAME + 1] = "", site[LIMIT_NAME + 1] = "";
    int counts = 0;
    if (seen_before(s, d))
        return RC_OK;
    enum rc rc = d->root[0] != '\0' ? object_name(store, d->root, root, err) : RC_OK;
    if (rc == RC_OK && d->site[0] != '\0')
        rc = object_name(store, d->site, site, err);
    if (rc == RC_OK)
        rc = drilled_counts(store, s->key, d, &counts, err);
    if (rc == RC_OK && s->w != NULL)
        write_one(s->w, d, root, site, counts);
    else if (rc == RC_OK)
        say_one(s->ctx, d, root, site, counts);
    return rc;
}

enum rc
drills_show(struct ctx *ctx, const struct key *key, const struct drilled_state *state, struct jw *w,
            struct err *err)
{
    struct showing_drills s = {.ctx = ctx, .key = key, .w = w};
    struct policy policy;
    char ref[KEY_REF];
    enum rc rc = policy_load(&policy, ctx->store, err);
    if (rc == RC_OK)
        rc = key_ref(ref, ctx->store, key, err);
    if (rc != RC_OK)
        return rc;
    if (w != NULL)
        jw_arr(w, "drills");
    else if (!state->any)
        out_printf(ctx, "drill       never: keymuster drill %s\n", ref);
    else if (drilled_is_due(state, policy_of(&policy, POLICY_DRILL, key->purpose), clock_now_ms()))
        out_printf(ctx, "drill       due: %s; keymuster drill %s\n",
                   state->proven ? "the last proof is old" : "no proof counts yet", ref);
    rc = drilled_each(ctx->store, key->uuid, show_one, &s, err);
    if (w != NULL)
        jw_end_arr(w);
    return rc;
}
