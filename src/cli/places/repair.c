#include "cli/places/repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/out.h"
#include "cli/session.h"
#include "copy/newest.h"

enum { RECORD_MOST = 200 }; /* objects in one entry, so that it fits */

void
repair_release(struct repair *r)
{
    free(r->items);
    memset(r, 0, sizeof *r);
}

static const char *
fault(const struct repair_item *i)
{
    return i->d.missing ? "missing" : "altered";
}

static enum rc
take(void *arg, const struct damaged *d, struct err *err)
{
    struct repair *r = arg;
    struct repair_item *items = realloc(r->items, (r->count + 1) * sizeof *items);
    if (items == NULL)
        return err_nomem(err);
    r->items = items;
    items[r->count++] = (struct repair_item){.d = *d};
    r->can += (size_t)d->can;
    return RC_OK;
}

enum rc
repair_find(struct ctx *ctx, struct copy *copy, struct repair *r, struct err *err)
{
    memset(r, 0, sizeof *r);
    enum rc rc = inspect_copy(ctx->store, copy, take, r, err);
    for (size_t i = 0; i < r->count; i++)
        out_warn(ctx, "%s: %s is %s%s", copy->name, r->items[i].d.name, fault(&r->items[i]),
                 r->items[i].d.can ? "" : ", and this store does not have it");
    return rc;
}

void
repair_member(struct jw *w, const struct repair *r)
{
    jw_arr(w, "damaged");
    for (size_t i = 0; i < r->count; i++) {
        jw_obj(w, NULL);
        jw_str(w, "object", r->items[i].d.name);
        jw_str(w, "fault", fault(&r->items[i]));
        jw_bool(w, "can_repair", r->items[i].d.can);
        jw_bool(w, "repaired", r->items[i].done);
        jw_opt(w, "kept", r->items[i].kept);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

/* ---- putting back ---- */

/* The next of those put back, up to RECORD_MOST; *from moves on behind them. */
static enum rc
record_some(struct ctx *ctx, const struct copy *copy, const struct repair *r, size_t *from,
            struct err *err)
{
    struct buf body;
    struct jw w;
    size_t taken = 0;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "copy", copy->uuid);
    jw_arr(&w, "objects");
    for (; *from < r->count && taken < RECORD_MOST; ++*from) {
        const struct repair_item *i = &r->items[*from];
        if (!i->done)
            continue;
        taken++;
        jw_obj(&w, NULL);
        jw_str(&w, "object", i->d.name);
        jw_str(&w, "fault", fault(i));
        jw_opt(&w, "kept", i->kept);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    enum rc rc = taken > 0 ? session_record(ctx, "copy.repaired", &body, NULL, err) : RC_OK;
    buf_release(&body);
    return rc;
}

static void
say_failed(struct ctx *ctx, const struct copy *copy, const struct repair_item *item,
           const struct err *e)
{
    out_warn(ctx, "%s: %s is not put back: %s%s%s", copy->name, item->d.name, e->msg,
             e->why[0] != '\0' ? ": " : "", e->why);
}

/* "20261125T021238123Z": a USB disk may not take a colon. */
static void
name_now(char out[TIME_TEXT + 1])
{
    char at[TIME_TEXT + 1];
    size_t n = 0;
    time_format(at, clock_now_ms());
    for (const char *c = at; *c != '\0'; c++) {
        if (strchr("-:.", *c) == NULL)
            out[n++] = *c;
    }
    out[n] = '\0';
}

/* Everything is kept aside before anything is replaced. */
static enum rc
keep_each(struct ctx *ctx, struct copy *copy, struct repair *r, struct err *err)
{
    char when[TIME_TEXT + 1];
    name_now(when);
    for (size_t i = 0; i < r->count; i++) {
        struct repair_item *item = &r->items[i];
        struct err failed = ERR_INIT;
        enum rc rc = newest_go_on(err);
        if (rc != RC_OK)
            return rc;
        if (!item->d.can || repair_keep(copy, &item->d, when, item->kept, &failed) == RC_OK)
            continue;
        item->d.can = 0;
        say_failed(ctx, copy, item, &failed);
    }
    return RC_OK;
}

static enum rc
put_each(struct ctx *ctx, struct copy *copy, struct repair *r, struct err *err)
{
    for (size_t i = 0; i < r->count; i++) {
        struct repair_item *item = &r->items[i];
        struct err failed = ERR_INIT;
        enum rc rc = newest_go_on(err);
        if (rc != RC_OK)
            return rc;
        if (!item->d.can)
            continue;
        item->done = repair_put(ctx->store, copy, &item->d, &failed) == RC_OK;
        r->done += (size_t)item->done;
        if (!item->done)
            say_failed(ctx, copy, item, &failed);
    }
    return RC_OK;
}

enum rc
repair_all(struct ctx *ctx, struct copy *copy, struct repair *r, struct err *err)
{
    char question[160];
    size_t from = 0;
    if (r->can == 0 || ctx->dry_run)
        return RC_OK;
    (void)snprintf(question, sizeof question, "Put back %zu object%s of copy %s?", r->can,
                   r->can == 1 ? "" : "s", copy->name);
    enum rc rc = confirm_yes(ctx, question, err);
    if (rc != RC_OK)
        return rc;
    rc = keep_each(ctx, copy, r, err);
    if (rc == RC_OK)
        rc = put_each(ctx, copy, r, err);
    /* Also after an interruption: what was replaced is said. */
    struct err later = ERR_INIT;
    enum rc recorded = RC_OK;
    while (recorded == RC_OK && from < r->count)
        recorded = record_some(ctx, copy, r, &from, &later);
    if (rc == RC_OK && recorded != RC_OK) {
        *err = later;
        rc = recorded;
    }
    return rc;
}
