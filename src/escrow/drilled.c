#include "escrow/drilled.h"

#include <stdio.h>
#include <string.h>

#include "escrow/log.h"
#include "escrow/view.h"
#include "text/time.h"

static const char *const outcomes[] = {
    [DRILL_PROVEN] = "proven", [DRILL_FAILED] = "failed", [DRILL_INCONCLUSIVE] = "inconclusive"};

const char *
drill_outcome_name(enum drill_outcome outcome)
{
    return outcomes[outcome];
}

enum rc
drilled_append(struct store *store, const struct drilled *d, const struct drill_of *of,
               struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", d->key);
    jw_opt(&w, "root", d->root);
    jw_opt(&w, "copy", d->copy);
    jw_opt(&w, "export", of->export);
    jw_opt(&w, "until", of->until);
    jw_opt(&w, "site", d->site);
    jw_str(&w, "host", d->host);
    jw_str(&w, "outcome", outcomes[d->outcome]);
    jw_opt(&w, "code", d->code);
    jw_int(&w, "ms", d->ms);
    jw_opt(&w, "request", d->request);
    jw_str(&w, "drill", of->run);
    jw_opt(&w, "reason", of->reason);
    jw_opt(&w, "ticket", of->ticket);
    if (of->after_ms >= 0)
        jw_int(&w, "after_ms", of->after_ms);
    if (of->rpo_ms >= 0) {
        jw_int(&w, "rpo_ms", of->rpo_ms);
        jw_int(&w, "lost_entries", of->lost);
        jw_opt(&w, "newest_at", of->newest);
    }
    jw_end_obj(&w);
    enum rc rc = log_append(store, "drill.result", &body, NULL, err);
    buf_release(&body);
    return rc;
}

/* ---- reading ---- */

static void
read_row(struct stmt *q, struct drilled *d)
{
    memset(d, 0, sizeof *d);
    (void)snprintf(d->key, sizeof d->key, "%s", col_text(q, 0));
    (void)snprintf(d->root, sizeof d->root, "%s", col_text(q, 1));
    (void)snprintf(d->copy, sizeof d->copy, "%s", col_text(q, 2));
    (void)snprintf(d->site, sizeof d->site, "%s", col_text(q, 3));
    (void)snprintf(d->host, sizeof d->host, "%s", col_text(q, 4));
    d->outcome = DRILL_INCONCLUSIVE;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        if (strcmp(outcomes[i], col_text(q, 5)) == 0)
            d->outcome = (enum drill_outcome)i;
    }
    (void)snprintf(d->code, sizeof d->code, "%s", col_text(q, 6));
    d->ms = col_int(q, 7);
    (void)snprintf(d->request, sizeof d->request, "%s", col_text(q, 8));
    (void)snprintf(d->at, sizeof d->at, "%s", col_text(q, 9));
}

enum rc
drilled_each(const struct store *store, const char *key, drilled_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT key, root, copy, site, host, outcome, code, ms, request, at FROM drill"
                 " WHERE key = ?1 ORDER BY at DESC, author, seq DESC",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct drilled d;
        read_row(q, &d);
        rc = fn(arg, &d, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* ---- what they say of a key ---- */

/* A root key that is not known here is at no site that could be told from another. */
static enum rc
root_site(const struct store *store, const char *uuid, char site[UUID_TEXT + 1], struct err *err)
{
    struct object object;
    struct root root;
    site[0] = '\0';
    enum rc rc = uuid[0] == '\0' ? RC_NOT_FOUND : object_find(store, "root", uuid, &object, err);
    if (rc == RC_OK)
        rc = root_load(store, &object, &root, err);
    if (rc == RC_OK)
        memcpy(site, root.site, sizeof root.site);
    if (rc != RC_NOT_FOUND)
        return rc;
    err_clear(err);
    return RC_OK;
}

/* A copy that the log does not know may be anywhere. */
static enum rc
copy_at(const struct store *store, const char *copy, const char *site, int *yes, struct err *err)
{
    char there[UUID_TEXT + 1];
    *yes = 0;
    if (copy[0] == '\0')
        return RC_OK;
    enum rc rc = object_site(store, copy, there, err);
    *yes = rc == RC_OK && strcmp(there, site) == 0;
    return rc;
}

enum rc
drilled_counts(const struct store *store, const struct key *key, const struct drilled *d, int *yes,
               struct err *err)
{
    char under[UUID_TEXT + 1];
    int lost = 0;
    *yes = d->site[0] != '\0';
    if (!*yes || !purpose_must_outlive(key->purpose))
        return RC_OK;
    enum rc rc = root_site(store, d->root, under, err);
    if (rc == RC_OK)
        rc = copy_at(store, d->copy, key->protects_site, &lost, err);
    *yes = rc == RC_OK && !lost && strcmp(d->site, key->protects_site) != 0 && under[0] != '\0' &&
           strcmp(under, key->protects_site) != 0;
    return rc;
}

enum { ROOTS = 16 }; /* more root keys than one key is ever under */

struct judging {
    const struct store *store;
    const struct key *key;
    struct drilled_state *out;
    char seen[ROOTS][UUID_TEXT + 1];
    size_t count;
};

struct living {
    const char *root;
    int found;
};

static enum rc
look_living(void *arg, const struct wrap *w, struct err *err)
{
    struct living *l = arg;
    (void)err;
    l->found |= !w->retired && strcmp(w->root, l->root) == 0;
    return RC_OK;
}

/* Of each root key the newest conclusive result counts; one that nothing lies under any more is
 * past. */
static enum rc
judge_failing(struct judging *j, const struct drilled *d, struct err *err)
{
    struct living l = {d->root, 0};
    for (size_t i = 0; i < j->count; i++) {
        if (strcmp(j->seen[i], d->root) == 0)
            return RC_OK;
    }
    if (d->outcome == DRILL_INCONCLUSIVE || j->count == ROOTS)
        return RC_OK;
    memcpy(j->seen[j->count++], d->root, sizeof d->root);
    if (d->outcome != DRILL_FAILED || (d->root[0] == '\0' && j->count > 1))
        return RC_OK;
    enum rc rc =
        d->root[0] == '\0' ? RC_OK : wrap_each(j->store, j->key->uuid, look_living, &l, err);
    if (rc != RC_OK || (d->root[0] != '\0' && !l.found))
        return rc;
    if (j->out->failing++ == 0) {
        memcpy(j->out->failing_root, d->root, sizeof d->root);
        memcpy(j->out->failing_code, d->code, sizeof d->code);
    }
    return RC_OK;
}

static enum rc
judge(void *arg, const struct drilled *d, struct err *err)
{
    struct judging *j = arg;
    int counts = 0;
    if (!j->out->any)
        j->out->last = *d;
    j->out->any = 1;
    enum rc rc = judge_failing(j, d, err);
    if (rc != RC_OK || d->outcome != DRILL_PROVEN || j->out->proven)
        return rc;
    rc = drilled_counts(j->store, j->key, d, &counts, err);
    if (rc == RC_OK && counts) {
        j->out->newest = *d;
        j->out->proven = 1;
    }
    return rc;
}

enum rc
drilled_state(const struct store *store, const struct key *key, struct drilled_state *out,
              struct err *err)
{
    struct judging j = {.store = store, .key = key, .out = out};
    memset(out, 0, sizeof *out);
    return drilled_each(store, key->uuid, judge, &j, err);
}

struct under {
    const char *root;
    struct drilled *out;
    int found;
};

static enum rc
look_under(void *arg, const struct drilled *d, struct err *err)
{
    struct under *u = arg;
    (void)err;
    if (!u->found && strcmp(d->root, u->root) == 0) {
        *u->out = *d;
        u->found = 1;
    }
    return RC_OK;
}

enum rc
drilled_under(const struct store *store, const char *key, const char *root, struct drilled *out,
              int *found, struct err *err)
{
    struct under u = {root, out, 0};
    memset(out, 0, sizeof *out);
    enum rc rc = drilled_each(store, key, look_under, &u, err);
    *found = u.found;
    return rc;
}

struct opened {
    const char *site;
    char *at;
};

static enum rc
look_opened(void *arg, const struct drilled *d, struct err *err)
{
    struct opened *o = arg;
    (void)err;
    if (o->at[0] == '\0' && d->outcome == DRILL_PROVEN && strcmp(d->site, o->site) == 0)
        memcpy(o->at, d->at, sizeof d->at);
    return RC_OK;
}

enum rc
drilled_opened_at(const struct store *store, const char *key, const char *site,
                  char at[TIME_TEXT + 1], struct err *err)
{
    struct opened o = {site, at};
    at[0] = '\0';
    return drilled_each(store, key, look_opened, &o, err);
}

int
drilled_is_due(const struct drilled_state *s, int64_t every_ms, int64_t now_ms)
{
    int64_t at = 0;
    if (!s->proven || time_parse(&at, s->newest.at) != 0)
        return 1;
    return now_ms - at >= every_ms || time_is_ahead(at, now_ms);
}

enum rc
drilled_wants(const struct store *store, const struct key *key, int64_t now_ms, int *yes,
              struct err *err)
{
    char until[TIME_TEXT + 1];
    int64_t ms = 0;
    *yes = strcmp(key->state, "destroyed") != 0;
    enum rc rc = *yes ? field_latest(store, key->uuid, "needed_until", until, err) : RC_OK;
    if (rc == RC_OK && *yes && until[0] != '\0' && time_parse(&ms, until) == 0 && ms < now_ms)
        *yes = 0;
    return rc;
}
