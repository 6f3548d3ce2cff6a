#include "report/run_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/runbooks.h"
#include "text/enc.h"
#include "text/time.h"

int
assent_counts(const struct run_assent *a)
{
    return a->judged != NULL && a->judged->counts;
}

const char *
assent_word(const struct run_assent *a)
{
    static const char *const not_read[] = {"not approved", "not attested", "not countersigned"};
    return a->judged != NULL ? approval_word(a->judged) : not_read[a->what];
}

void
run_facts_free(struct run_facts *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->attempt_count; i++)
        free(f->attempts[i].made);
    for (size_t i = 0; i < f->gap_count; i++)
        free(f->gaps[i].text);
    free(f->attempts);
    free(f->shown);
    free(f->drilled);
    free(f->assents);
    free(f->notes);
    free(f->gaps);
    origin_release(&f->origin);
    evidence_release(&f->evidence);
    free(f);
}

/* Room for one more, zeroed; NULL without memory. */
static void *
one_more(void *list, size_t *count, size_t size, void **out)
{
    char *more = realloc(list, (*count + 1) * size);
    *out = NULL;
    if (more == NULL)
        return list;
    *out = memset(more + *count * size, 0, size);
    ++*count;
    return more;
}

static int64_t
ms_of(const char *text)
{
    int64_t ms = 0;
    return text != NULL && time_parse(&ms, text) == 0 ? ms : -1;
}

const struct json *
run_facts_fields(const struct entry *ended)
{
    const struct json *fields = ended != NULL ? json_get(ended->body, "fields") : NULL;
    return fields != NULL && json_type(fields) == JSON_OBJECT ? json_first(fields) : NULL;
}

/* ---- attempts ---- */

static size_t
step_number(const struct run_facts *f, const struct entry *e)
{
    const char *id = json_gets(e->body, "step");
    size_t i = 0;
    while (id != NULL && i < f->run->book->count && strcmp(f->run->book->steps[i].id, id) != 0)
        i++;
    return id != NULL ? i : f->run->book->count;
}

static struct run_attempt *
open_attempt(const struct run_facts *f, size_t step)
{
    for (size_t i = f->attempt_count; i-- > 0;) {
        if (f->attempts[i].step == step)
            return f->attempts[i].ended == NULL ? &f->attempts[i] : NULL;
    }
    return NULL;
}

static enum rc
add_attempt(struct run_facts *f, size_t step, struct run_attempt **out, struct err *err)
{
    void *fresh;
    f->attempts = one_more(f->attempts, &f->attempt_count, sizeof *f->attempts, &fresh);
    if (fresh == NULL)
        return err_nomem(err);
    *out = fresh;
    (*out)->step = step;
    (*out)->state = RUN_DOUBT;
    (*out)->began_ms = (*out)->ended_ms = (*out)->ms = -1;
    return RC_OK;
}

static enum rc
take_begun(struct run_facts *f, const struct entry *e, struct err *err)
{
    size_t step = step_number(f, e);
    struct run_attempt *a = NULL;
    if (step == f->run->book->count)
        return RC_OK;
    enum rc rc = add_attempt(f, step, &a, err);
    if (rc == RC_OK) {
        a->begun = e;
        a->began_ms = ms_of(e->at);
    }
    return rc;
}

static enum rc
take_ended(struct run_facts *f, const struct entry *e, struct err *err)
{
    size_t step = step_number(f, e);
    struct run_attempt *a = open_attempt(f, step);
    enum rc rc = RC_OK;
    if (step == f->run->book->count)
        return RC_OK;
    if (a == NULL)
        rc = add_attempt(f, step, &a, err);
    if (rc != RC_OK)
        return rc;
    a->ended = e;
    a->ended_ms = ms_of(e->at);
    a->state = step_state_of(json_gets(e->body, "result"));
    if (json_geti(e->body, "ms", &a->ms) != 0)
        a->ms = -1;
    if (a->begun == NULL && a->ms >= 0) /* what people do elsewhere began with its screen */
        a->began_ms = a->ended_ms - a->ms;
    return RC_OK;
}

struct counting {
    struct run_attempt *a;
};

static enum rc
count_kind(void *arg, const char *kind, int64_t count, struct err *err)
{
    struct run_attempt *a = ((struct counting *)arg)->a;
    void *fresh;
    a->made = one_more(a->made, &a->made_count, sizeof *a->made, &fresh);
    if (fresh == NULL)
        return err_nomem(err);
    struct run_made *m = fresh;
    (void)snprintf(m->kind, sizeof m->kind, "%s", kind);
    m->count = count;
    return RC_OK;
}

static enum rc
count_made(struct run_facts *f, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < f->attempt_count; i++) {
        struct counting c = {&f->attempts[i]};
        const struct entry *from = c.a->begun, *to = c.a->ended;
        if (from != NULL && to != NULL && strcmp(from->author, to->author) == 0)
            rc = evidence_between(f->store, from, to, count_kind, &c, err);
    }
    return rc;
}

/* ---- showings and drills ---- */

static struct run_shown *
shown_by(const struct run_facts *f, const char *intended)
{
    for (size_t i = 0; intended != NULL && i < f->shown_count; i++) {
        char hash[HASH_TEXT + 1];
        report_hash(hash, f->shown[i].intended);
        if (strcmp(hash, intended) == 0)
            return &f->shown[i];
    }
    return NULL;
}

static enum rc
take_showing(struct run_facts *f, const struct entry *e, struct err *err)
{
    struct run_shown *s = shown_by(f, json_gets(e->body, "intended"));
    const char *uuid;
    if (s != NULL && strcmp(e->kind, "reveal.shown") == 0) {
        s->shown = e;
        uuid = json_gets(e->body, "root");
        return uuid != NULL && uuid_is(uuid) ? object_name(f->store, uuid, s->root, err) : RC_OK;
    }
    if (s != NULL && strcmp(e->kind, "reveal.closed") == 0)
        s->closed = e;
    if (strcmp(e->kind, "reveal.intended") != 0)
        return RC_OK;
    void *fresh;
    f->shown = one_more(f->shown, &f->shown_count, sizeof *f->shown, &fresh);
    if (fresh == NULL)
        return err_nomem(err);
    s = fresh;
    s->intended = e;
    uuid = json_gets(e->body, "key");
    if (uuid != NULL)
        return report_key_name(f->store, uuid, s->key, err);
    uuid = json_gets(e->body, "wrap");
    (void)snprintf(s->key, sizeof s->key, "wrap %.16s", uuid != NULL ? uuid : "?");
    return RC_OK;
}

static enum rc
take_drilled(struct run_facts *f, const struct entry *e, struct err *err)
{
    void *fresh;
    f->drilled = one_more(f->drilled, &f->drilled_count, sizeof *f->drilled, &fresh);
    return fresh != NULL ? drill_row_read(fresh, f->store, e, err) : err_nomem(err);
}

/* ---- who agreed ---- */

/* What whoever reads the log anew makes of it (recover/approval.h). */
static const struct approval *
judged(const struct run *run, enum approval_what what, const struct entry *e, const char *step)
{
    for (size_t i = 0; i < run->approval_count; i++) {
        const struct approval *a = &run->approvals[i];
        if (a->what == what && strcmp(a->at, e->at) == 0 &&
            (what == APPROVAL_COUNTERSIGNED || strcmp(a->step, step) == 0))
            return a;
    }
    return NULL;
}

static enum rc
add_assent(struct run_facts *f, const struct entry *e, enum approval_what what, const char *who,
           struct err *err)
{
    void *fresh;
    const char *step = json_gets(e->body, "step");
    f->assents = one_more(f->assents, &f->assent_count, sizeof *f->assents, &fresh);
    if (fresh == NULL)
        return err_nomem(err);
    struct run_assent *a = fresh;
    a->what = what;
    a->e = e;
    a->step = step != NULL ? step : "";
    a->judged = judged(f->run, what, e, a->step);
    if (who != NULL) {
        (void)snprintf(a->who, sizeof a->who, "%s", who);
        return RC_OK;
    }
    const char *name = json_gets(e->body, "name");
    char person[LIMIT_NAME + 1];
    enum rc rc = origin_person(person, f->store, e, err);
    (void)snprintf(a->who, sizeof a->who, "%s", person[0] != '\0' ? person : name ? name : "");
    return rc;
}

/* Names that somebody typed. */
static enum rc
take_attested(struct run_facts *f, const struct entry *e, struct err *err)
{
    enum rc rc = RC_OK;
    const struct json *v = run_facts_fields(e);
    for (; rc == RC_OK && v != NULL; v = json_next(v)) {
        if (strncmp(json_name(v), "attested_by_", 12) == 0)
            rc = add_assent(f, e, APPROVAL_ATTESTED, json_str(v), err);
    }
    return rc;
}

static enum rc
take_note(struct run_facts *f, const struct entry *e, struct err *err)
{
    const struct entry **notes =
        realloc(f->notes, (f->note_count + 1) * sizeof(const struct entry *));
    if (notes == NULL)
        return err_nomem(err);
    f->notes = notes;
    notes[f->note_count++] = e;
    return RC_OK;
}

/* ---- one after the other ---- */

static enum rc
take_run_entry(struct run_facts *f, const struct entry *e, struct err *err)
{
    const char *what = e->kind + strlen("run.");
    if (strcmp(what, "started") == 0 && f->started == NULL)
        f->started = e;
    else if (strcmp(what, "finished") == 0 && f->finished == NULL)
        f->finished = e;
    else if (strcmp(what, "begun") == 0)
        return take_begun(f, e, err);
    else if (strcmp(what, "note") == 0)
        return take_note(f, e, err);
    else if (strcmp(what, "approved") == 0)
        return add_assent(f, e, APPROVAL_SIGNED, NULL, err);
    else if (strcmp(what, "attested") == 0)
        return add_assent(f, e, APPROVAL_ATTESTED, NULL, err);
    else if (strcmp(what, "countersigned") == 0)
        return add_assent(f, e, APPROVAL_COUNTERSIGNED, NULL, err);
    if (strcmp(what, "ended") != 0)
        return RC_OK;
    enum rc rc = take_ended(f, e, err);
    return rc == RC_OK ? take_attested(f, e, err) : rc;
}

static enum rc
take_all(struct run_facts *f, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < f->evidence.count; i++) {
        const struct entry *e = &f->evidence.list[i].e;
        if (strncmp(e->kind, "run.", 4) == 0) {
            rc = take_run_entry(f, e, err);
            f->last_ms = ms_of(e->at);
        } else if (strcmp(e->kind, "drill.result") == 0) {
            rc = take_drilled(f, e, err);
        } else {
            rc = take_showing(f, e, err);
        }
    }
    return rc;
}

/* How old the copy was that it began from: said by run.started, if by anything. */
static int64_t
newest_of(const struct entry *started)
{
    if (started == NULL)
        return -1;
    const struct json *copy = json_get(started->body, "copy");
    const char *const said[] = {json_gets(started->body, "newest"),
                                json_gets(started->body, "newest_at"), json_gets(copy, "newest"),
                                json_gets(copy, "newest_at")};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        if (ms_of(said[i]) >= 0)
            return ms_of(said[i]);
    }
    return -1;
}

static enum rc
same_entry(void *arg, const struct runbook_entry *e, struct err *err)
{
    struct run_facts *f = arg;
    (void)err;
    f->text_is_current |= strcmp(e->entry, f->run->record.text) == 0;
    return RC_OK;
}

enum rc
run_facts_new(struct run_facts **out, const struct store *store, const struct run *run,
              struct err *err)
{
    *out = NULL;
    struct run_facts *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_nomem(err);
    f->run = run;
    f->store = store;
    f->began_ms = f->last_ms = ms_of(run->record.at);
    enum rc rc = evidence_of_run(&f->evidence, store, run->record.id, err);
    if (rc == RC_OK)
        rc = take_all(f, err);
    if (rc == RC_OK && f->finished != NULL)
        f->last_ms = ms_of(f->finished->at);
    if (rc == RC_OK)
        rc = count_made(f, err);
    if (rc == RC_OK)
        rc = runbook_each(store, run->record.runbook, same_entry, f, err);
    if (rc == RC_OK)
        rc = origin_of(&f->origin, store, &f->evidence, err);
    f->newest_ms = newest_of(f->started);
    if (rc == RC_OK)
        rc = run_gaps_find(f, err);
    if (rc != RC_OK)
        run_facts_free(f);
    else
        *out = f;
    return rc;
}

/* ---- asked by those who write it ---- */

void
run_facts_span(const struct run_facts *f, size_t step, int64_t *began_ms, int64_t *ended_ms)
{
    *began_ms = *ended_ms = -1;
    for (size_t i = 0; i < f->attempt_count; i++) {
        const struct run_attempt *a = &f->attempts[i];
        if (a->step != step)
            continue;
        if (*began_ms < 0)
            *began_ms = a->began_ms;
        *ended_ms = a->ended_ms;
    }
}

int
run_facts_blind(const struct run_facts *f)
{
    const struct json *body = f->started != NULL ? f->started->body : NULL;
    const char *mode = json_gets(body, "mode");
    const struct json *blind = json_get(body, "blind");
    return (mode != NULL && strcmp(mode, "blind") == 0) || (blind != NULL && json_bool(blind) == 1);
}

const char *
run_facts_said(const struct run_facts *f, const char *name)
{
    for (size_t i = 0; i < f->evidence.count; i++) {
        const struct entry *e = &f->evidence.list[i].e;
        if (strncmp(e->kind, "run.", 4) == 0 && json_gets(e->body, name) != NULL)
            return json_gets(e->body, name);
    }
    return NULL;
}

int64_t
run_facts_rpo(const struct run_facts *f)
{
    if (f->newest_ms < 0 || f->began_ms < 0)
        return -1;
    return f->began_ms > f->newest_ms ? f->began_ms - f->newest_ms : 0;
}
