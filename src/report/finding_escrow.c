/* What is not as it should be with copies, authors, runs and exports. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "copy/contradict.h"
#include "copy/fresh.h"
#include "escrow/author.h"
#include "escrow/export.h"
#include "recover/run.h"
#include "report/finding_walk.h"
#include "text/time.h"

static void
ago_of(char out[AGO_TEXT], const struct finding_walk *w, const char *at)
{
    int64_t ms = 0;
    (void)snprintf(out, AGO_TEXT, "never");
    if (time_parse(&ms, at) == 0)
        time_ago(out, ms, w->now_ms);
}

/* ---- copies ---- */

static enum rc
copies(struct finding_walk *w, struct err *err)
{
    int64_t behind = 0;
    enum rc rc = entries_unpublished(w->store, &behind, err);
    if (rc == RC_OK && w->world.copy_count == 0) {
        finding_fix(w, "keymuster copy add NAME URL --site SITE");
        return finding_say(w, FINDING_NO_COPY, "escrow", "", "", err,
                           "the escrow has no copy: this store is the only one");
    }
    if (rc == RC_OK && behind > 0) {
        finding_fix(w, "keymuster sync");
        rc = finding_say(w, FINDING_UNPUBLISHED, "escrow", "", "", err,
                         "%" PRId64 " entries of this store are on no copy yet", behind);
    }
    for (size_t i = 0; rc == RC_OK; i++) {
        const char *name = ini_name_at(w->store->conf, "copy", i);
        struct freshness f;
        char ago[AGO_TEXT];
        if (name == NULL)
            return RC_OK;
        rc = copy_freshness(w->store, name, w->now_ms, &f, err);
        if (rc != RC_OK || !f.overdue)
            continue;
        ago_of(ago, w, f.reached_at);
        finding_fix(w, "keymuster sync %s", name);
        rc = finding_say(w, FINDING_COPY_LATE, "copy", name, "", err,
                         "copy %s is due every %s and was last reached: %s", name, f.every, ago);
    }
    return rc;
}

static enum rc
contradiction(void *arg, const struct contradiction *c, struct err *err)
{
    struct finding_walk *w = arg;
    if (!c->open)
        return RC_OK;
    finding_fix(w, "keymuster copy check %s", c->copy);
    if (c->rolled_back)
        return finding_say(w, FINDING_COPY_CONTRADICTS, "copy", c->copy, c->uuid, err,
                           "copy %s was found rolled back on %.10s: %.600s", c->copy, c->at,
                           c->detail);
    return finding_say(w, FINDING_COPY_CONTRADICTS, "copy", c->copy, c->uuid, err,
                       "copy %s showed another history of author %.8s on %.10s", c->copy, c->author,
                       c->at);
}

/* ---- authors ---- */

struct authors {
    struct finding_walk *w;
    int64_t living;
};

static enum rc
clock_of(struct finding_walk *w, const struct log_author *a, struct err *err)
{
    struct stmt *q = NULL;
    int64_t at = 0;
    enum rc rc = db_query(w->store->db, &q,
                          "SELECT json_extract(line, '$.at') FROM entry WHERE author = ?1"
                          " ORDER BY seq DESC LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, a->author);
    rc = stmt_row(q, err);
    int ahead = rc == RC_OK && stmt_more(q) && time_parse(&at, col_text(q, 0)) == 0 &&
                time_is_ahead(at, w->now_ms);
    stmt_done(q);
    if (rc != RC_OK || !ahead)
        return rc;
    char ago[AGO_TEXT];
    time_ago(ago, at, w->now_ms);
    return finding_say(w, FINDING_CLOCK, "author", a->name, a->author, err,
                       "the newest entry of author %.8s (%s) is %s; one of the two clocks is wrong",
                       a->author, a->name, ago);
}

static enum rc
author(void *arg, const struct log_author *a, struct err *err)
{
    struct authors *l = arg;
    struct trust t;
    int own = strcmp(a->author, l->w->store->self.author) == 0;
    enum rc rc = trust_of(l->w->store, a->author, &t, err);
    if (rc == RC_OK && own)
        rc = trust_elsewhere(l->w->store, a->author, &t, err);
    if (rc != RC_OK)
        return rc;
    l->living += trust_accepted(&t) && t.upto == LIMIT_NUMBER;
    if (trust_accepted(&t))
        return clock_of(l->w, a, err);
    finding_fix(l->w, "keymuster author admit %s", a->author);
    return finding_say(l->w, FINDING_NOT_ADMITTED, "author", a->name, a->author, err,
                       own ? "this store's author %.8s (%s) is not admitted: its %" PRId64
                             " entries are ignored elsewhere"
                           : "author %.8s (%s) is not admitted; its %" PRId64
                             " entries are kept and ignored",
                       a->author, a->name, a->entries);
}

static enum rc
authors(struct finding_walk *w, struct err *err)
{
    struct authors l = {w, 0};
    enum rc rc = author_each(w->store, author, &l, err);
    if (rc != RC_OK || l.living > 1)
        return rc;
    finding_fix(w, "keymuster author spare --file FILE");
    return finding_say(w, FINDING_ONE_AUTHOR, "escrow", "", "", err,
                       "only one trusted author lives: if its machine is lost, nobody can be "
                       "admitted any more");
}

/* ---- runs, exports, entries ---- */

static enum rc
approval(void *arg, const struct run *run, enum approval_finding what, const struct approval *bad,
         const char *who, struct err *err)
{
    struct finding_walk *w = arg;
    const char *id = run->record.id;
    if (what == APPROVAL_DUTY) {
        finding_fix(w, "keymuster recover countersign %.8s", id);
        return finding_say(w, FINDING_ALONE, "run", run->record.runbook, id, err,
                           "run %.8s of %s was done alone by %.100s", id, run->record.runbook, who);
    }
    return finding_say(w, FINDING_APPROVAL, "run", run->record.runbook, id, err,
                       "run %.8s is said to be %s by %.64s, which does not count: %s", id,
                       approval_word_claimed(bad), who, bad->why);
}

/* A real run that has ended; the strictest purpose counts, for a run gets back what it gets. */
static enum rc
approvers(void *arg, const struct run_record *record, struct err *err)
{
    struct finding_walk *w = arg;
    struct run *r = NULL;
    struct err unread = ERR_INIT;
    int64_t wanted = policy_most(&w->policy, POLICY_APPROVERS);
    if (wanted == 0 || record->drill || record->finished[0] == '\0' ||
        run_load_record(&r, w->store, record, &unread) != RC_OK)
        return RC_OK; /* one whose text is not here is nobody's to judge */
    int64_t there = (int64_t)approval_standing(r);
    run_free(r);
    if (there >= wanted)
        return RC_OK;
    finding_fix(w, "keymuster recover countersign %.8s", record->id);
    return finding_say(w, FINDING_APPROVERS, "run", record->runbook, record->id, err,
                       "%" PRId64 " other%s for run %.8s of %s; policy asks for %" PRId64, there,
                       there == 1 ? " stands" : "s stand", record->id, record->runbook, wanted);
}

static enum rc
stale_export(void *arg, const struct export_stale *e, struct err *err)
{
    struct finding_walk *w = arg;
    finding_fix(w, "keymuster export KEY --file NEW-FILE");
    return finding_say(w, FINDING_EXPORT, "export", e->name, "", err,
                       "the export %.100s is stale, %s has a newer %s", e->file, e->name,
                       e->generation ? "generation" : "wrap");
}

static enum rc
unapplied(struct finding_walk *w, struct err *err)
{
    struct stmt *q = NULL;
    int64_t count = 0;
    char kind[41] = "";
    enum rc rc =
        db_query(w->store->db, &q, "SELECT count(*), coalesce(min(kind), '') FROM unapplied", err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK) {
        count = col_int(q, 0);
        (void)snprintf(kind, sizeof kind, "%s", col_text(q, 1));
    }
    stmt_done(q);
    if (rc != RC_OK || count == 0)
        return rc;
    return finding_say(w, FINDING_UNAPPLIED, "escrow", "", "", err,
                       "%" PRId64 " entries are not understood by this version, such as %s", count,
                       kind);
}

enum rc
finding_escrow(struct finding_walk *w, struct err *err)
{
    enum rc rc = copies(w, err);
    if (rc == RC_OK)
        rc = contradiction_each(w->store, w->now_ms, contradiction, w, err);
    if (rc == RC_OK)
        rc = authors(w, err);
    if (rc == RC_OK)
        rc = unapplied(w, err);
    if (rc == RC_OK)
        rc = approval_each(w->store, approval, w, err);
    if (rc == RC_OK)
        rc = run_each(w->store, approvers, w, err);
    return rc == RC_OK ? export_stale_each(w->store, stale_export, w, err) : rc;
}
