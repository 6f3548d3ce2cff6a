#include "escrow/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/log.h"
#include "escrow/view.h"
#include "text/enc.h"

enum { SHORT_ID = 8, REF_LEAST = 4, NAMED = 5 };

void
evidence_release(struct evidence *ev)
{
    for (size_t i = 0; i < ev->count; i++) {
        entry_release(&ev->list[i].e);
        free(ev->list[i].line);
    }
    free(ev->list);
    memset(ev, 0, sizeof *ev);
}

static enum rc
add(struct evidence *ev, const char *line, size_t len, struct err *err)
{
    if (ev->count == ev->room) {
        size_t room = ev->room == 0 ? 64 : 2 * ev->room;
        struct evidence_entry *list = realloc(ev->list, room * sizeof *list);
        if (list == NULL)
            return err_nomem(err);
        ev->list = list;
        ev->room = room;
    }
    struct evidence_entry *e = &ev->list[ev->count];
    e->line = malloc(len + 1);
    if (e->line == NULL)
        return err_nomem(err);
    memcpy(e->line, line, len);
    e->line[len] = '\0';
    enum rc rc = entry_parse(&e->e, e->line, len, err);
    if (rc == RC_OK)
        ev->count++;
    else
        free(e->line);
    return rc;
}

static enum rc
take_rows(struct evidence *ev, struct stmt *q, struct err *err)
{
    enum rc rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        size_t len = 0;
        const char *line = col_blob(q, 0, &len);
        rc = add(ev, line, len, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* ---- a run ---- */

/* Whether a reason names the run: its command was started by a step. reason may be NULL. */
static int
evidence_names(const char *reason, const char *run)
{
    char begins[SHORT_ID + 8];
    (void)snprintf(begins, sizeof begins, "run %.8s", run);
    size_t len = strlen(begins);
    return reason != NULL && strncmp(reason, begins, len) == 0 &&
           (reason[len] == '\0' || reason[len] == ',');
}

/* Those of the run itself, and what says that it belongs to it. */
static enum rc
take_named(struct evidence *ev, const struct store *store, const char *run, struct err *err)
{
    char named[SHORT_ID + 8];
    struct stmt *q = NULL;
    enum rc rc =
        db_query(store->db, &q,
                 "WITH shown AS (SELECT entry FROM event WHERE kind = 'reveal.intended'"
                 " AND (json_extract(body, '$.reason') = ?2"
                 " OR substr(json_extract(body, '$.reason'), 1, 13) = ?2 || ','))"
                 " SELECT line FROM entry WHERE hash IN ("
                 "SELECT entry FROM event WHERE kind LIKE 'run.%'"
                 " AND json_extract(body, '$.run') = ?1"
                 " UNION SELECT entry FROM shown"
                 " UNION SELECT entry FROM event WHERE kind IN ('reveal.shown', 'reveal.closed')"
                 " AND json_extract(body, '$.intended') IN (SELECT lower(hex(entry)) FROM shown)"
                 " UNION SELECT d.entry FROM drill d JOIN entry e ON e.hash = d.entry"
                 " WHERE json_extract(e.line, '$.body.reason') = ?2"
                 " OR substr(json_extract(e.line, '$.body.reason'), 1, 13) = ?2 || ',')",
                 err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(named, sizeof named, "run %.8s", run);
    stmt_text(q, 1, run);
    stmt_text(q, 2, named);
    return take_rows(ev, q, err);
}

static int
in_order(const void *va, const void *vb)
{
    const struct entry *a = &((const struct evidence_entry *)va)->e;
    const struct entry *b = &((const struct evidence_entry *)vb)->e;
    int d = strcmp(a->at, b->at);
    if (d == 0)
        d = strcmp(a->author, b->author);
    return d != 0 ? d : (a->seq > b->seq) - (a->seq < b->seq);
}

static int
has(const struct evidence *ev, const struct entry *e)
{
    for (size_t i = 0; i < ev->count; i++) {
        if (memcmp(ev->list[i].e.hash, e->hash, HASH_SIZE) == 0)
            return 1;
    }
    return 0;
}

struct walking {
    struct evidence *ev;
    const char *run;
};

/* What a step's command did beside the log's other business: a showing, a result. Those that name
 * the run are there already. */
static enum rc
take_between(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct walking *w = arg;
    struct entry e = {0};
    (void)seq;
    enum rc rc = entry_parse(&e, line, len, err);
    if (rc != RC_OK)
        return rc;
    int wanted = strncmp(e.kind, "reveal.", 7) == 0 || strcmp(e.kind, "drill.result") == 0;
    if (wanted && !evidence_names(json_gets(e.body, "reason"), w->run) &&
        (strcmp(e.kind, "drill.result") == 0 || !has(w->ev, &e)))
        rc = add(w->ev, line, len, err);
    entry_release(&e);
    return rc;
}

static int
same_step(const struct entry *a, const struct entry *b)
{
    const char *one = json_gets(a->body, "step");
    const char *two = json_gets(b->body, "step");
    return strcmp(a->author, b->author) == 0 && one != NULL && two != NULL && strcmp(one, two) == 0;
}

/* The end of a step that began at i; NULL: none in the same log before it began again. */
static const struct entry *
end_of(const struct evidence *ev, size_t i, size_t own)
{
    const struct entry *from = &ev->list[i].e;
    for (size_t k = i + 1; k < own; k++) {
        const struct entry *e = &ev->list[k].e;
        if (strcmp(e->kind, "run.begun") == 0 && same_step(from, e))
            return NULL;
        if (strcmp(e->kind, "run.ended") == 0 && same_step(from, e))
            return e;
    }
    return NULL;
}

static enum rc
take_steps(struct evidence *ev, const struct store *store, const char *run, struct err *err)
{
    struct walking w = {ev, run};
    size_t own = ev->count;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < own; i++) {
        if (strcmp(ev->list[i].e.kind, "run.begun") != 0)
            continue;
        const struct entry *to = end_of(ev, i, own);
        char author[AUTHOR_TEXT + 1];
        int64_t from = ev->list[i].e.seq;
        memcpy(author, ev->list[i].e.author, sizeof author);
        if (to != NULL) /* what is added moves the list: nothing points into it */
            rc = log_each(store, author, from + 1, to->seq - 1, take_between, &w, err);
    }
    return rc;
}

enum rc
evidence_of_run(struct evidence *out, const struct store *store, const char *run, struct err *err)
{
    memset(out, 0, sizeof *out);
    enum rc rc = take_named(out, store, run, err);
    if (rc == RC_OK && out->count > 0)
        qsort(out->list, out->count, sizeof *out->list, in_order);
    if (rc == RC_OK)
        rc = take_steps(out, store, run, err);
    if (rc == RC_OK && out->count > 0)
        qsort(out->list, out->count, sizeof *out->list, in_order);
    if (rc != RC_OK)
        evidence_release(out);
    return rc;
}

enum rc
evidence_between(const struct store *store, const struct entry *from, const struct entry *to,
                 evidence_kind_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT json_extract(line, '$.kind') AS kind, count(*) FROM entry"
                          " WHERE author = ?1 AND seq > ?2 AND seq < ?3"
                          " AND kind NOT LIKE 'run.%' GROUP BY kind ORDER BY kind",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, from->author);
    stmt_int(q, 2, from->seq);
    stmt_int(q, 3, to->seq);
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        rc = fn(arg, col_text(q, 0), col_int(q, 1), err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

/* ---- a drill ---- */

/* Newest first. */
static enum rc
drill_record_each(const struct store *store, drill_record_fn fn, void *arg, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(store->db, &q,
                          "SELECT json_extract(e.line, '$.body.drill') AS id, min(d.at), count(*)"
                          " FROM drill d JOIN entry e ON e.hash = d.entry"
                          " GROUP BY id ORDER BY 2 DESC, id",
                          err);
    if (rc != RC_OK)
        return rc;
    while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) {
        struct drill_record r = {.results = col_int(q, 2)};
        if (!uuid_is(col_text(q, 0)))
            continue; /* nobody said which drill it was of */
        (void)snprintf(r.id, sizeof r.id, "%s", col_text(q, 0));
        (void)snprintf(r.at, sizeof r.at, "%s", col_text(q, 1));
        rc = fn(arg, &r, err);
        if (rc != RC_OK)
            break;
    }
    stmt_done(q);
    return rc;
}

struct search {
    const char *ref;
    struct drill_record *out;
    size_t found, seen;
    struct buf newest; /* the first few, for whoever named none of them */
};

static enum rc
match(void *arg, const struct drill_record *r, struct err *err)
{
    struct search *s = arg;
    (void)err;
    int fits = s->ref != NULL ? strncmp(r->id, s->ref, strlen(s->ref)) == 0 : s->found == 0;
    if (fits && s->found++ == 0)
        *s->out = *r;
    if (s->seen++ < NAMED)
        buf_addf(&s->newest, "%s%.8s (%.16s)", s->seen == 1 ? "" : ", ", r->id, r->at);
    return RC_OK;
}

static enum rc
not_one(const struct search *s, struct err *err)
{
    if (s->found > 1) {
        (void)err_set(err, RC_AMBIGUOUS, "%s names %zu drills", s->ref, s->found);
        return err_hint(err, "say more of its id");
    }
    (void)err_set(err, RC_NOT_FOUND, s->ref != NULL ? "no drill %s" : "there was no drill yet",
                  s->ref);
    if (s->seen == 0)
        return err_hint(err, "make one: keymuster drill");
    return err_hint(err, "the newest: %s", buf_str(&s->newest));
}

enum rc
drill_record_find(const struct store *store, const char *ref, struct drill_record *out,
                  struct err *err)
{
    struct search s = {.ref = ref, .out = out};
    if (ref != NULL && strlen(ref) < REF_LEAST)
        return err_set(err, RC_BAD_VALUE, "%s is too short for a drill: %d characters of its id",
                       ref, REF_LEAST);
    buf_init(&s.newest, 1024);
    enum rc rc = drill_record_each(store, match, &s, err);
    if (rc == RC_OK && s.found != 1)
        rc = not_one(&s, err);
    buf_release(&s.newest);
    return rc;
}

enum rc
evidence_of_drill(struct evidence *out, const struct store *store, const char *drill,
                  struct err *err)
{
    struct stmt *q = NULL;
    memset(out, 0, sizeof *out);
    enum rc rc = db_query(store->db, &q,
                          "SELECT e.line FROM drill d JOIN entry e ON e.hash = d.entry"
                          " WHERE json_extract(e.line, '$.body.drill') = ?1"
                          " ORDER BY d.at, d.author, d.seq",
                          err);
    if (rc == RC_OK) {
        stmt_text(q, 1, drill);
        rc = take_rows(out, q, err);
    }
    if (rc != RC_OK)
        evidence_release(out);
    return rc;
}

enum rc
evidence_head(const struct store *store, const char *author, int64_t seq, int64_t *number,
              char hash[HASH_TEXT + 1], struct err *err)
{
    struct stmt *q = NULL;
    *number = 0;
    hash[0] = '\0';
    enum rc rc = db_query(store->db, &q,
                          "SELECT number, hash FROM head WHERE author = ?1 AND entries >= ?2"
                          " ORDER BY number LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, author);
    stmt_int(q, 2, seq);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        *number = col_int(q, 0);
        rc = col_hash(q, 1, hash, err);
    }
    stmt_done(q);
    return rc;
}
