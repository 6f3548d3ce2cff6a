/* vbr reconcile: which generations are needed still, by whom, and where that does not fit what is
 * said of them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/out.h"
#include "cli/vbr/reconcile_uses.h"
#include "text/time.h"

enum { WHY_MOST = 3 }; /* named one by one; the others are counted */

struct need {
    struct reconciling *r;
    struct consumers *known; /* with what this run has recorded */
    struct key last;         /* the one looked at before, which may be the newest of its name */
    int has_last;
    struct table *table;
    char now[TIME_TEXT + 1];
};

/* What is said of one generation. */
struct verdict {
    const struct consumer *list; /* users first; those of other servers are among them */
    size_t all, count;           /* in it; of this server, or files */
    int there;                   /* the server has it */
    char until[TIME_TEXT + 1];
    const char *problem; /* NULL */
};

/* A key may be at several servers; what is on disk counts anyhow. */
static int
counts(const struct need *n, const struct consumer *c)
{
    return !c->uses || strcmp(c->server, n->r->s->object.uuid) == 0;
}

static const char *
problem_of(const struct verdict *v, const struct key *k, const struct record *rec,
           const struct need *n)
{
    int gone = rec != NULL && !rec->seen && !rec->removed && !n->r->incomplete;
    int past = v->until[0] != '\0' && strcmp(v->until, n->now) < 0;
    if (v->count > 0 && strcmp(k->state, "destroyed") == 0)
        return "it is destroyed";
    if (v->count > 0 && past)
        return "its needed-until date is past";
    if (gone && (v->count > 0 || (v->until[0] != '\0' && !past)))
        return "gone there";
    return NULL;
}

static void
why(const struct need *n, const struct verdict *v, struct buf *text, struct jw *w)
{
    char label[CONSUMER_NAME + 32];
    size_t said = 0, more = 0;
    for (size_t i = 0; i < v->all; i++) {
        if (!counts(n, &v->list[i]))
            continue;
        consumer_label(label, sizeof label, &v->list[i]);
        if (w != NULL)
            jw_str(w, NULL, label);
        else if (said++ < WHY_MOST)
            buf_addf(text, "%s%s", text->len > 0 ? ", " : "", label);
        else
            more++;
    }
    if (w != NULL && v->there)
        jw_str(w, NULL, "the server has it");
    if (w == NULL && more > 0)
        buf_addf(text, ", %zu more", more);
    if (w == NULL && v->there)
        buf_addf(text, "%sthe server has it", text->len > 0 ? ", " : "");
}

static enum rc
tell(struct need *n, const struct key *k, const struct verdict *v, int newest, struct err *err)
{
    struct jw *w = n->r->w;
    struct buf text;
    char label[KEY_NAME_BYTES + 24];
    if (w != NULL) {
        jw_obj(w, NULL);
        jw_str(w, "key", k->uuid);
        jw_str(w, "name", k->name);
        jw_int(w, "generation", k->generation);
        jw_bool(w, "newest", newest);
        jw_arr(w, "by");
        why(n, v, NULL, w);
        jw_end_arr(w);
        jw_opt(w, "needed_until", v->until);
        jw_opt(w, "problem", v->problem);
        jw_end_obj(w);
        return RC_OK;
    }
    buf_init(&text, LIMIT_TEXT);
    why(n, v, &text, NULL);
    if (text.len == 0 && v->until[0] != '\0')
        buf_addf(&text, "needed until %.10s", v->until);
    (void)snprintf(label, sizeof label, "%s@%lld", k->name, (long long)k->generation);
    const char *cells[] = {label, buf_str(&text), v->problem != NULL ? v->problem : ""};
    enum rc rc = cmd_table_row(n->table, cells, 3, err);
    buf_release(&text);
    return rc;
}

static enum rc
judge(struct need *n, const struct key *k, int newest, struct err *err)
{
    struct verdict v = {.list = NULL};
    const struct record *rec = reconcile_record_of(n->r, k->uuid);
    v.list = consumers_of(n->known, k->uuid, &v.all);
    for (size_t i = 0; i < v.all; i++)
        v.count += counts(n, &v.list[i]) ? 1 : 0;
    v.there = rec != NULL && rec->seen;
    if (v.count == 0 && rec == NULL)
        return RC_OK;
    enum rc rc = field_latest(n->r->ctx->store, k->uuid, "needed_until", v.until, err);
    if (rc != RC_OK)
        return rc;
    v.problem = problem_of(&v, k, rec, n);
    n->r->problems += v.problem != NULL;
    if (v.problem == NULL && (newest || (v.count == 0 && !v.there)))
        return RC_OK;
    return tell(n, k, &v, newest, err);
}

static enum rc
one_key(void *arg, const struct key *k, struct err *err)
{
    struct need *n = arg;
    enum rc rc = n->has_last ? judge(n, &n->last, strcmp(n->last.name, k->name) != 0, err) : RC_OK;
    n->last = *k;
    n->has_last = 1;
    return rc;
}

enum rc
reconcile_needed(struct reconciling *r, struct err *err)
{
    static const char *const titles[] = {"NEEDED STILL", "BY", "BUT", NULL};
    struct need n = {.r = r};
    time_format(n.now, clock_now_ms());
    enum rc rc = consumers_load(&n.known, r->ctx->store, err);
    if (rc == RC_OK && r->w == NULL)
        rc = cmd_table_new(&n.table, r->ctx, titles, err);
    if (r->w != NULL)
        jw_arr(r->w, "needed");
    if (rc == RC_OK)
        rc = key_each(r->ctx->store, NULL, one_key, &n, err);
    if (rc == RC_OK && n.has_last)
        rc = judge(&n, &n.last, 1, err);
    if (r->w != NULL)
        jw_end_arr(r->w);
    if (rc == RC_OK && n.table != NULL) {
        struct buf text;
        buf_init(&text, (size_t)64 * 1024 * 1024);
        rc = table_print(n.table, &text, err);
        if (rc == RC_OK && text.len > 0)
            buf_addf(&r->ctx->out, "\n%s", buf_str(&text));
        buf_release(&text);
    }
    if (rc == RC_OK && r->problems > 0)
        out_note(r->ctx, "needed still: export it beside the backups, set its date or state right: "
                         "keymuster state KEY --needed-until DATE");
    table_free(n.table);
    consumers_free(n.known);
    return rc;
}
