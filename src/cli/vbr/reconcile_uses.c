#include "cli/vbr/reconcile_uses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/out.h"
#include "cli/vbr/consumers_record.h"
#include "cli/vbr/identify_walk.h"
#include "text/time.h"

static const char *const part_names[USE_PARTS] = {"jobs", "tiers", "config-backup", "export",
                                                  "files"};

/* ---- collecting ---- */

static enum rc
add(struct uses *u, enum use_part part, const char *kind, struct use **out, struct err *err)
{
    if (u->count == u->size) {
        size_t size = u->size == 0 ? 64 : u->size * 2;
        struct use *more = realloc(u->list, size * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        u->list = more;
        u->size = size;
    }
    struct use *one = *out = &u->list[u->count++];
    memset(one, 0, sizeof *one);
    one->part = part;
    (void)snprintf(one->c.kind, sizeof one->c.kind, "%s", kind);
    one->c.uses = part != PART_FILES;
    return RC_OK;
}

struct taking {
    struct reconciling *r;
    enum use_part part;
};

static enum rc
take(void *arg, const struct vbr_use *v, struct err *err)
{
    struct taking *t = arg;
    struct uses *u = t->r->uses;
    struct use *one = NULL;
    if (strcmp(v->seen, u->seen[t->part]) > 0 && v->seen[0] != '\0')
        memcpy(u->seen[t->part], v->seen, sizeof v->seen);
    if (v->password[0] == '\0' && v->hint[0] == '\0')
        return RC_OK;
    enum rc rc = add(u, t->part, v->kind, &one, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(one->c.name, sizeof one->c.name, "%s", v->name);
    memcpy(one->c.id, v->id, sizeof one->c.id);
    memcpy(one->password, v->password, sizeof one->password);
    if (v->hint[0] == '\0')
        return RC_OK;
    struct key key; /* where the list has the id too, that one counts */
    enum description_how how;
    struct err scratch = ERR_INIT;
    rc = description_key_of(t->r->ctx->store, t->r->wraps, v->hint, "", &key, &how, &scratch);
    if (rc == RC_OK && how != DESCRIPTION_NONE)
        memcpy(one->c.key, key.uuid, sizeof one->c.key);
    if (rc == RC_OK || rc == RC_AMBIGUOUS)
        return RC_OK;
    *err = scratch;
    return rc;
}

/* What may not be seen, or cannot be read, leaves the report of passwords whole. */
static enum rc
settle(struct reconciling *r, enum use_part part, size_t before, enum rc rc, struct err *err)
{
    struct uses *u = r->uses;
    static const char *const what[] = {[PART_JOBS] = "the jobs",
                                       [PART_TIERS] = "the scale-out repositories",
                                       [PART_CONFIG] = "the configuration backup"};
    u->looked[part] = rc == RC_OK;
    if (rc == RC_OK)
        return RC_OK;
    u->count = before;
    if (rc == RC_VBR_FORBIDDEN || rc == RC_VBR_GONE)
        out_note(r->ctx, "this account may not see %s of %s: whether they use a key is not told",
                 what[part], r->s->object.name);
    else if (rc == RC_VBR_REPLY || rc == RC_VBR_REJECTED)
        out_warn(r->ctx, "%s of %s cannot be read: %s", what[part], r->s->object.name, err->msg);
    else
        return rc;
    r->ctx->findings += rc == RC_VBR_REPLY || rc == RC_VBR_REJECTED;
    err_clear(err);
    return RC_OK;
}

static enum rc
ask_config(struct reconciling *r, struct err *err)
{
    struct vbr_backup b;
    struct use *one = NULL;
    enum rc rc = vbr_backup_get(r->s->vbr, &b, err);
    if (rc == RC_OK && b.encrypted && b.password[0] != '\0') {
        rc = add(r->uses, PART_CONFIG, "config-backup", &one, err);
        if (rc == RC_OK)
            memcpy(one->password, b.password, sizeof one->password);
    }
    vbr_backup_release(&b);
    return rc;
}

static enum rc
ask(struct reconciling *r, struct err *err)
{
    struct taking t = {r, PART_JOBS};
    size_t before = r->uses->count;
    enum rc rc = settle(r, PART_JOBS, before, vbr_each_job(r->s->vbr, take, &t, err), err);
    before = r->uses->count;
    t.part = PART_TIERS;
    if (rc == RC_OK)
        rc = settle(r, PART_TIERS, before, vbr_each_tier(r->s->vbr, take, &t, err), err);
    before = r->uses->count;
    if (rc == RC_OK)
        rc = settle(r, PART_CONFIG, before, ask_config(r, err), err);
    return rc;
}

static enum rc
read_lists(struct reconciling *r, struct err *err)
{
    struct uses *u = r->uses;
    const struct opts *o = &r->ctx->opts;
    struct taking t = {r, PART_EXPORT};
    int whole = 0, all = opt_has(o, OPT_CONSUMERS);
    enum rc rc = RC_OK;
    u->seen[PART_EXPORT][0] = '\0';
    for (size_t i = 0; rc == RC_OK && i < opt_count(o, OPT_CONSUMERS); i++) {
        rc = vbr_uses_file(opt_at(o, OPT_CONSUMERS, i), take, &t, &whole, err);
        all = all && whole;
    }
    u->looked[PART_EXPORT] = all;
    if (rc == RC_OK && !all && opt_has(o, OPT_CONSUMERS)) {
        out_warn(r->ctx, "the list of what uses keys is cut: it ends without the configuration "
                         "backup, and nothing is recorded of it");
        r->ctx->findings++;
    }
    return rc;
}

/* A configuration backup on disk. */
static enum rc
take_file(void *arg, const struct identify *found, struct err *err)
{
    struct reconciling *r = arg;
    struct use *one = NULL;
    const char *slash = strrchr(found->source, '/');
    if (found->failed.code != RC_OK || found->how == DESCRIPTION_NONE)
        return RC_OK;
    enum rc rc = add(r->uses, PART_FILES, "backup-file", &one, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(one->c.name, sizeof one->c.name, "%.*s", CONSUMER_NAME,
                   slash != NULL ? slash + 1 : found->source);
    memcpy(one->c.key, found->key.uuid, sizeof one->c.key);
    return RC_OK;
}

static enum rc
read_files(struct reconciling *r, struct err *err)
{
    const struct opts *o = &r->ctx->opts;
    int more = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < opt_count(o, OPT_BCO); i++)
        rc = identify_walk(r->ctx, opt_at(o, OPT_BCO, i), take_file, r, &more, err);
    r->uses->looked[PART_FILES] = opt_has(o, OPT_BCO) && !more;
    return rc;
}

static int
by_password(const void *a, const void *b)
{
    return strcmp(((const struct use *)a)->password, ((const struct use *)b)->password);
}

enum rc
uses_collect(struct reconciling *r, struct err *err)
{
    struct uses *u = r->uses = calloc(1, sizeof *u);
    if (u == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < USE_PARTS; i++)
        time_format(u->seen[i], clock_now_ms());
    enum rc rc = consumers_load(&u->before, r->ctx->store, err);
    if (rc == RC_OK && r->s->vbr != NULL && !opt_has(&r->ctx->opts, OPT_CONSUMERS))
        rc = ask(r, err);
    if (rc == RC_OK)
        rc = read_lists(r, err);
    if (rc == RC_OK)
        rc = read_files(r, err);
    if (u->count > 0)
        qsort(u->list, u->count, sizeof *u->list, by_password);
    return rc;
}

/* ---- joining ---- */

/* Those of a password, inside u. */
static const struct use *
of_password(const struct uses *u, const char *password, size_t *count)
{
    struct use key = {.part = PART_JOBS};
    *count = 0;
    if (u == NULL || u->count == 0 || password[0] == '\0')
        return NULL;
    (void)snprintf(key.password, sizeof key.password, "%s", password);
    const struct use *first = bsearch(&key, u->list, u->count, sizeof *u->list, by_password);
    if (first == NULL)
        return NULL;
    while (first > u->list && by_password(first - 1, &key) == 0)
        first--;
    while (first + *count < u->list + u->count && by_password(first + *count, &key) == 0)
        ++*count;
    return first;
}

void
uses_join(struct uses *u, const char *password, const char *key)
{
    size_t count = 0;
    const struct use *first = of_password(u, password, &count);
    for (size_t i = 0; i < count; i++)
        memcpy(u->list[(size_t)(first - u->list) + i].c.key, key, UUID_TEXT + 1);
}

/* Whether it was looked who uses keys, in this run. */
static int
looked_at_any(const struct uses *u)
{
    int known = 0;
    for (size_t i = 0; u != NULL && i < PART_FILES; i++)
        known |= u->looked[i];
    return known;
}

void
uses_tell(const struct uses *u, const char *id, char *out, size_t size)
{
    size_t count = 0;
    const struct use *list = of_password(u, id, &count);
    out[0] = '\0';
    if (count == 0)
        return;
    consumer_label(out, size, &list[0].c);
    size_t used = strlen(out);
    if (count > 1 && used < size)
        (void)snprintf(out + used, size - used, " and %zu more", count - 1);
}

void
uses_write(const struct uses *u, const char *id, struct jw *w)
{
    size_t count = 0;
    const struct use *list = of_password(u, id, &count);
    if (!looked_at_any(u) || id[0] == '\0')
        return;
    jw_arr(w, "used_by");
    for (size_t i = 0; i < count; i++) {
        jw_obj(w, NULL);
        jw_str(w, "kind", list[i].c.kind);
        jw_str(w, "name", list[i].c.name);
        jw_opt(w, "id", list[i].c.id);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

void
uses_free(struct uses *u)
{
    if (u == NULL)
        return;
    consumers_free(u->before);
    free(u->list);
    free(u);
}

/* ---- recording ---- */

static enum rc
record_part(struct reconciling *r, enum use_part part, struct err *err)
{
    struct uses *u = r->uses;
    struct consumer *list = calloc(u->count + 1, sizeof *list);
    size_t count = 0;
    if (list == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < u->count; i++)
        if (u->list[i].part == part && u->list[i].c.key[0] != '\0')
            list[count++] = u->list[i].c;
    char now[TIME_TEXT + 1];
    time_format(now, clock_now_ms());
    if (u->seen[part][0] == '\0' || strcmp(u->seen[part], now) > 0) /* a clock that is ahead */
        memcpy(u->seen[part], now, sizeof now);
    enum rc rc = consumers_record(r->ctx, u->before, r->s->object.uuid, part_names[part],
                                  u->seen[part], list, count, err);
    free(list);
    return rc;
}

enum rc
uses_record(struct reconciling *r, struct err *err)
{
    size_t unknown = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < r->uses->count; i++) {
        struct use *one = &r->uses->list[i];
        const struct record *rec =
            one->c.key[0] == '\0' ? reconcile_record(r, one->password, err) : NULL;
        if (rec != NULL) /* put there, and not in the list */
            memcpy(one->c.key, rec->key, sizeof one->c.key);
        unknown += one->c.key[0] == '\0';
    }
    if (unknown > 0)
        out_warn(r->ctx, "%zu of what uses a key there %s one that this escrow does not know",
                 unknown, unknown == 1 ? "uses" : "use");
    for (size_t part = 0; rc == RC_OK && part < USE_PARTS; part++)
        if (r->uses->looked[part] && (!r->incomplete || part == PART_FILES))
            rc = record_part(r, (enum use_part)part, err);
    return rc;
}
