/* What `status` says of who got a key back, other than the administrator: of each that must outlive
 * a site, by its name, for a successor is got back the same way. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/audit/status.h"
#include "cli/out.h"
#include "cli/recover/run_blind.h"
#include "escrow/drilled.h"
#include "text/time.h"

enum { SHOWN = 3 };

static enum rc
keep(void *arg, const struct recovered *r, struct err *err)
{
    struct recoveries *l = arg;
    if (l->count == l->size) {
        size_t size = l->size == 0 ? 8 : l->size * 2;
        struct recovered *more = realloc(l->all, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        l->all = more;
        l->size = size;
    }
    l->all[l->count++] = *r;
    return RC_OK;
}

enum rc
status_recovered(struct status *s, struct err *err)
{
    return recovered_each(s->ctx->store, keep, &s->recovered, err);
}

void
status_recovered_free(struct status *s)
{
    free(s->recovered.all);
    s->recovered.all = NULL;
}

/* The newest of a name goes to the front, where the named ones are. Keys come by name. */
enum rc
status_recovered_key(struct status *s, const struct key *k, struct err *err)
{
    struct recoveries *l = &s->recovered;
    struct recovered *newest = NULL;
    int wanted = 0;
    if (!purpose_must_outlive(k->purpose) || strcmp(l->name, k->name) == 0)
        return RC_OK;
    enum rc rc = drilled_wants(s->ctx->store, k, clock_now_ms(), &wanted, err);
    if (rc != RC_OK || !wanted)
        return rc;
    memcpy(l->name, k->name, sizeof l->name);
    for (size_t i = l->named; i < l->count; i++) {
        if (strcmp(l->all[i].key.name, k->name) == 0 &&
            (newest == NULL || strcmp(l->all[i].at, newest->at) > 0))
            newest = &l->all[i];
    }
    if (newest == NULL) {
        if (l->never++ == 0)
            (void)key_ref_said(l->never_key, s->ctx->store, k);
        if (l->never == 1)
            memcpy(l->never_name, k->name, sizeof l->never_name);
        return RC_OK;
    }
    struct recovered moved = l->all[l->named];
    l->all[l->named++] = *newest;
    *newest = moved;
    return RC_OK;
}

static void
write_members(const struct recoveries *l, struct jw *w)
{
    jw_arr(w, "recovered");
    for (size_t i = 0; i < l->named; i++) {
        const struct recovered *r = &l->all[i];
        jw_obj(w, NULL);
        jw_str(w, "name", r->key.name);
        jw_str(w, "key", r->key.uuid);
        jw_str(w, "by", r->by);
        jw_str(w, "at", r->at);
        jw_int(w, "ms", r->ms);
        jw_str(w, "mode", r->real ? "real" : "drill");
        jw_str(w, "run", r->run);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    jw_int(w, "never_recovered", l->never);
}

static void
write_line(struct ctx *ctx, const struct recovered *r, int first)
{
    char ago[AGO_TEXT] = "";
    char clock[RUN_CLOCK];
    int64_t at = 0;
    if (time_parse(&at, r->at) == 0)
        time_ago(ago, at, clock_now_ms());
    run_clock(clock, r->ms);
    out_printf(ctx, "%-11s ", first ? "recovered" : "");
    out_text(ctx, r->key.name);
    out_printf(ctx, " %s by ", ago);
    out_text(ctx, r->by);
    out_printf(ctx, " in %s, %s\n", clock, r->real ? "in a real run" : "blind");
}

void
status_recovered_write(struct status *s, struct jw *w)
{
    const struct recoveries *l = &s->recovered;
    if (w != NULL) {
        write_members(l, w);
        return;
    }
    for (size_t i = 0; i < l->named && i < SHOWN; i++)
        write_line(s->ctx, &l->all[i], i == 0);
    if (l->named > SHOWN)
        out_printf(s->ctx, "%-11s and %zu more\n", "", l->named - SHOWN);
    if (l->never == 0)
        return;
    out_printf(s->ctx, "%-11s ", l->named == 0 ? "recovered" : "");
    out_text(s->ctx, l->never_name);
    if (l->never > 1)
        out_printf(s->ctx, " and %lld more", (long long)l->never - 1);
    out_printf(s->ctx,
               ": never by anyone but the administrator:\n%-11s keymuster recover start --drill "
               "--blind ",
               "");
    out_text(s->ctx, l->never_key);
    out_printf(s->ctx, "\n");
}
