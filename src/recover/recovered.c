#include "recover/recovered.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "escrow/entry.h"
#include "escrow/log.h"
#include "escrow/person.h"
#include "recover/run.h"
#include "text/enc.h"
#include "text/time.h"

struct walk {
    const struct store *store;
    recovered_fn fn;
    void *arg;
    char founder[LIMIT_TEXT + 1]; /* login that made the escrow */
};

static const char *
login_of(const struct entry *e)
{
    const struct json *by = e->restates != NULL ? json_get(e->restates, "by") : e->by;
    const char *login = json_gets(by, "login");
    login = login != NULL && login[0] != '\0' ? login : json_gets(by, "user");
    return login != NULL ? login : "";
}

/* ---- the administrator ---- */

struct admin {
    const struct walk *walk;
    const struct entry *e;
    int registered; /* somebody is called that */
    int did;        /* one of them did it */
    int founder;    /* it names somebody whose login made the escrow */
};

static int
says_administrator(const char *role)
{
    static const char word[] = "administrator";
    for (; *role != '\0'; role++) {
        if (strncasecmp(role, word, sizeof word - 1) == 0)
            return 1;
    }
    return 0;
}

static enum rc
look_admin(void *arg, const struct person *p, struct err *err)
{
    struct admin *a = arg;
    (void)err;
    int did = person_did(p, a->e);
    if (says_administrator(p->role)) {
        a->registered = 1;
        a->did |= did;
    }
    a->founder |= did && person_has_login(p, a->walk->founder);
    return RC_OK;
}

static enum rc
by_admin(const struct walk *w, const struct entry *e, int *yes, struct err *err)
{
    struct admin a = {.walk = w, .e = e};
    const char *named = json_gets(e->body, "person");
    enum rc rc = person_each(w->store, look_admin, &a, err);
    *yes = a.registered ? a.did
                        : a.founder || strcmp(named != NULL ? named : login_of(e), w->founder) == 0;
    return rc;
}

static enum rc
find_founder(struct walk *w, struct err *err)
{
    struct stmt *q = NULL;
    struct entry e = {0};
    enum rc rc = db_query(w->store->db, &q,
                          "SELECT line FROM entry WHERE hash IN"
                          " (SELECT entry FROM event WHERE kind = 'escrow.created') LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        size_t len = 0;
        const char *line = col_blob(q, 0, &len);
        rc = entry_parse(&e, line, len, err);
        if (rc == RC_OK)
            (void)snprintf(w->founder, sizeof w->founder, "%s", login_of(&e));
    }
    entry_release(&e);
    stmt_done(q);
    return rc;
}

/* ---- one ---- */

/* r has run, real, key and ms. */
static enum rc
tell(const struct walk *w, struct recovered *r, const struct entry *e, struct err *err)
{
    int admin = 0;
    char name[LIMIT_NAME + 1] = "";
    const char *person = json_gets(e->body, "person");
    enum rc rc = by_admin(w, e, &admin, err);
    if (rc == RC_OK && !admin && person != NULL && uuid_is(person))
        rc = object_name(w->store, person, name, err);
    if (rc != RC_OK || admin)
        return rc;
    (void)snprintf(r->at, sizeof r->at, "%s", e->at);
    (void)snprintf(r->by, sizeof r->by, "%s",
                   name[0] != '\0'  ? name
                   : person != NULL ? person
                                    : login_of(e));
    return w->fn(w->arg, r, err);
}

/* A key that is not known here cannot be told of. */
static enum rc
find_key(const struct walk *w, const char *ref, const char *at, struct key *out, int *found,
         struct err *err)
{
    int64_t ms = 0;
    struct err unknown = ERR_INIT;
    enum rc rc = key_ref_is_name(ref) && at != NULL && time_parse(&ms, at) == 0
                     ? key_find_at(w->store, ref, ms, out, &unknown)
                     : key_find(w->store, ref, out, &unknown);
    *found = rc == RC_OK;
    if (rc == RC_OK || rc == RC_NOT_FOUND || rc == RC_AMBIGUOUS || rc == RC_BAD_VALUE)
        return RC_OK;
    *err = unknown;
    return rc;
}

/* ---- blind drills ---- */

static enum rc
look_blind(void *arg, const struct entry *e, struct err *err)
{
    const struct walk *w = arg;
    struct recovered r = {.real = 0};
    int found = 0;
    const char *run = json_gets(e->body, "run");
    const char *key = json_gets(e->body, "key");
    const char *result = json_gets(e->body, "result");
    if (run == NULL || key == NULL || !uuid_is(key) || result == NULL ||
        strcmp(result, "done") != 0)
        return RC_OK;
    (void)snprintf(r.run, sizeof r.run, "%s", run);
    if (json_geti(e->body, "ms", &r.ms) != 0)
        r.ms = 0;
    enum rc rc = find_key(w, key, NULL, &r.key, &found, err);
    return rc == RC_OK && found ? tell(w, &r, e, err) : rc;
}

static enum rc
walk_blind(struct walk *w, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(w->store->db, &q,
                          "SELECT line FROM entry WHERE hash IN (SELECT entry FROM event"
                          " WHERE kind = 'run.ended' AND json_extract(body, '$.blind') IS 1)",
                          err);
    if (rc != RC_OK)
        return rc;
    return log_rows(q, look_blind, w, err);
}

/* ---- real runs ---- */

/* Who ended the step: the entry that says so. */
static enum rc
tell_step(const struct walk *w, struct recovered *r, const char *step, int64_t began,
          struct err *err)
{
    struct stmt *q = NULL;
    struct entry e = {0};
    int64_t at = 0;
    enum rc rc =
        db_query(w->store->db, &q,
                 "SELECT line FROM entry WHERE hash IN (SELECT entry FROM event"
                 " WHERE kind = 'run.ended' AND json_extract(body, '$.run') = ?1"
                 " AND json_extract(body, '$.step') = ?2"
                 " AND json_extract(body, '$.result') = 'done') ORDER BY author, seq LIMIT 1",
                 err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, r->run);
    stmt_text(q, 2, step);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q)) {
        size_t len = 0;
        const char *line = col_blob(q, 0, &len);
        rc = entry_parse(&e, line, len, err);
        if (rc == RC_OK && time_parse(&at, e.at) == 0)
            r->ms = at > began ? at - began : 0;
        if (rc == RC_OK)
            rc = tell(w, r, &e, err);
    }
    entry_release(&e);
    stmt_done(q);
    return rc;
}

static enum rc
look_steps(const struct walk *w, const struct run *run, struct err *err)
{
    enum rc rc = RC_OK;
    int64_t began = 0;
    if (time_parse(&began, run->record.at) != 0)
        return RC_OK;
    for (size_t i = 0; rc == RC_OK && i < run->book->count; i++) {
        struct recovered r = {.real = 1};
        struct buf ref;
        struct err unsaid = ERR_INIT;
        int found = 0;
        if (run->book->steps[i].kind != STEP_REVEAL || run->steps[i].state != RUN_DONE)
            continue;
        memcpy(r.run, run->record.id, sizeof r.run);
        buf_init(&ref, LIMIT_ENTRY);
        if (run_fill(&ref, run, run->book->steps[i].key, &unsaid) == RC_OK)
            rc = find_key(w, buf_str(&ref), run->steps[i].at, &r.key, &found, err);
        if (rc == RC_OK && found)
            rc = tell_step(w, &r, run->book->steps[i].id, began, err);
        buf_release(&ref);
    }
    return rc;
}

static enum rc
look_run(void *arg, const struct run_record *record, struct err *err)
{
    struct run *run = NULL;
    struct err missing = ERR_INIT;
    const struct walk *w = arg;
    if (record->drill || record->finished[0] == '\0')
        return RC_OK;
    enum rc rc = run_load(&run, w->store, record->id, &missing);
    if (rc == RC_NOT_FOUND || rc == RC_CONFIG) /* its text has not arrived, or cannot be read */
        return RC_OK;
    if (rc != RC_OK)
        *err = missing;
    else
        rc = look_steps(w, run, err);
    run_free(run);
    return rc;
}

enum rc
recovered_each(const struct store *store, recovered_fn fn, void *arg, struct err *err)
{
    struct walk w = {.store = store, .fn = fn, .arg = arg};
    enum rc rc = find_founder(&w, err);
    if (rc == RC_OK)
        rc = walk_blind(&w, err);
    return rc == RC_OK ? run_each(store, look_run, &w, err) : rc;
}
