#include "recover/approval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/minisig.h"
#include "recover/run.h"
#include "text/enc.h"

const char *
approval_word_claimed(const struct approval *a)
{
    static const char *const words[] = {"approved", "attested", "countersigned"};
    return words[a->what];
}

const char *
approval_word(const struct approval *a)
{
    static const char *const words[] = {"not approved", "not attested", "not countersigned"};
    return a->counts ? approval_word_claimed(a) : words[a->what];
}

void
approval_release(struct run *r)
{
    free(r->players);
    free(r->approvals);
}

/* ---- what is signed ---- */

static void
put_text(struct buf *out, const struct run *r, const struct store *store, const char *what,
         const char *member, const char *value)
{
    buf_addf(out, "keymuster %s 1 escrow %s run %s %s %s runbook %s mode %s\n", what, store->escrow,
             r->record.id, member, value, r->book->sha256, r->record.drill ? "drill" : "real");
}

enum rc
approval_text(struct buf *out, const struct run *r, const struct store *store, size_t i,
              struct err *err)
{
    put_text(out, r, store, "approval", "step", r->book->steps[i].id);
    return buf_check(out, "an approval", err);
}

int
approval_was_alone(const struct run *r, size_t i)
{
    return r->steps[i].alone && (r->steps[i].state == RUN_DONE || r->steps[i].state == RUN_SKIPPED);
}

static int
wants_counter(const struct run *r, size_t i)
{
    return approval_was_alone(r, i) && !r->steps[i].countersigned;
}

int
approval_counters(const struct run *r, size_t i)
{
    size_t open = 0;
    (void)approval_alone(r, &open);
    if (open > 0)
        return wants_counter(r, i);
    return r->approvers > approval_standing(r) &&
           (r->steps[i].state == RUN_DONE || r->steps[i].state == RUN_SKIPPED);
}

enum rc
approval_counter_text(struct buf *out, const struct run *r, const struct store *store,
                      struct err *err)
{
    struct buf steps;
    buf_init(&steps, LIMIT_BODY);
    for (size_t i = 0; i < r->book->count; i++) {
        if (approval_counters(r, i))
            buf_addf(&steps, "%s%s", steps.len > 0 ? "," : "", r->book->steps[i].id);
    }
    enum rc rc = steps.len > 0
                     ? buf_check(&steps, "the steps", err)
                     : err_set(err, RC_NOT_FOUND,
                               "nothing of run %.8s waits for a countersignature", r->record.id);
    if (rc == RC_OK) {
        put_text(out, r, store, "countersignature", "steps", buf_str(&steps));
        rc = buf_check(out, "a countersignature", err);
    }
    buf_release(&steps);
    return rc;
}

/* ---- what counts ---- */

static void
refuse(struct approval *a, const char *why)
{
    a->counts = 0;
    (void)snprintf(a->why, sizeof a->why, "%.150s", why);
}

/* A key that was theirs once signs what they signed then. */
static enum rc
was_key_of(const struct store *store, const char *person, const char *key, int *yes,
           struct err *err)
{
    struct stmt *q = NULL;
    *yes = 0;
    enum rc rc = db_query(store->db, &q,
                          "SELECT 1 FROM field WHERE object = ?1 AND name = 'public_key'"
                          " AND json_extract(value, '$') = ?2 LIMIT 1",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, person);
    stmt_text(q, 2, key);
    rc = stmt_row(q, err);
    *yes = rc == RC_OK && stmt_more(q);
    stmt_done(q);
    return rc;
}

static enum rc
judge_signature(struct approval *a, const struct store *store, const struct json *body,
                const struct buf *text, struct err *err)
{
    int theirs = 0;
    struct err why = ERR_INIT;
    const char *key = json_gets(body, "public_key");
    const char *sig = json_gets(body, "signature");
    if (key == NULL || sig == NULL) {
        refuse(a, "it has no signature");
        return RC_OK;
    }
    enum rc rc = was_key_of(store, a->person, key, &theirs, err);
    if (rc != RC_OK)
        return rc;
    if (!theirs)
        refuse(a, "the key is not registered as theirs");
    else if (minisig_verify(key, text->data, text->len, sig, strlen(sig), "it", &why) != RC_OK)
        refuse(a, why.why);
    return RC_OK;
}

/* The steps that an entry says it countersigns, as its text has them. */
static void
put_steps(struct buf *out, const struct json *steps)
{
    for (const struct json *s = json_first(steps); s != NULL; s = json_next(s))
        buf_addf(out, "%s%s", out->len > 0 ? "," : "", json_str(s) != NULL ? json_str(s) : "?");
}

static enum rc
judge(struct approval *a, struct run *r, const struct store *store, const struct json *body,
      struct err *err)
{
    int plays = 0, known = 0;
    struct buf text, steps;
    struct object o;
    struct person p = {.left = ""};
    struct err none = ERR_INIT;
    enum rc rc = player_is(r, store, a->person, a->name, &plays, err);
    if (rc == RC_OK && plays)
        refuse(a, "they played it themselves");
    if (rc != RC_OK || plays || a->what == APPROVAL_ATTESTED)
        return rc;
    if (a->person[0] != '\0')
        rc = err_unless_found(object_find(store, "person", a->person, &o, &none), &none, &known,
                              err);
    if (rc == RC_OK && !known)
        refuse(a, "nobody of this name is registered");
    if (rc != RC_OK || !known)
        return rc;
    buf_init(&text, LIMIT_BODY);
    buf_init(&steps, LIMIT_BODY);
    put_steps(&steps, json_get(body, "steps"));
    if (a->what == APPROVAL_SIGNED)
        put_text(&text, r, store, "approval", "step", a->step);
    else
        put_text(&text, r, store, "countersignature", "steps", buf_str(&steps));
    rc = buf_check(&text, "an approval", err);
    if (rc == RC_OK)
        rc = judge_signature(a, store, body, &text, err);
    buf_release(&text);
    buf_release(&steps);
    if (rc == RC_OK)
        rc = person_load(store, &o, &p, err);
    if (rc == RC_OK && a->counts && p.left[0] != '\0' && strcmp(p.left, a->at) <= 0)
        refuse(a, "they had left");
    person_release(&p);
    return rc;
}

/* ---- from the log ---- */

static struct approval *
add(struct run *r, enum approval_what what, const char *step, const char *at)
{
    struct approval *more = realloc(r->approvals, (r->approval_count + 1) * sizeof *more);
    if (more == NULL)
        return NULL;
    r->approvals = more;
    struct approval *a = &more[r->approval_count++];
    *a = (struct approval){.what = what, .counts = 1};
    (void)snprintf(a->step, sizeof a->step, "%s", step != NULL ? step : "");
    (void)snprintf(a->at, sizeof a->at, "%s", at);
    return a;
}

/* By UUID, or as it was typed. */
static enum rc
name_it(struct approval *a, const struct store *store, const char *person, struct err *err)
{
    char name[LIMIT_NAME + 1];
    if (!uuid_is(person)) {
        (void)snprintf(a->name, sizeof a->name, "%s", person);
        return RC_OK;
    }
    (void)snprintf(a->person, sizeof a->person, "%s", person);
    enum rc rc = object_name(store, person, name, err);
    (void)snprintf(a->name, sizeof a->name, "%s", rc == RC_OK ? name : "");
    return rc;
}

static void
mark_countersigned(struct run *r, const struct json *steps)
{
    for (const struct json *s = json_first(steps); s != NULL; s = json_next(s)) {
        for (size_t i = 0; json_str(s) != NULL && i < r->book->count; i++) {
            if (strcmp(json_str(s), r->book->steps[i].id) == 0)
                r->steps[i].countersigned = 1;
        }
    }
}

static enum rc
take_approval(struct run *r, const struct store *store, const struct run_event *e,
              enum approval_what what, const struct json *body, struct err *err)
{
    const char *person = json_gets(body, "person");
    if (person == NULL)
        return RC_OK;
    const char *step = what == APPROVAL_COUNTERSIGNED ? NULL : json_gets(body, "step");
    struct approval *a = add(r, what, step, e->at);
    if (a == NULL)
        return err_nomem(err);
    enum rc rc = name_it(a, store, person, err);
    if (rc == RC_OK)
        rc = judge(a, r, store, body, err);
    if (rc == RC_OK && a->counts && what == APPROVAL_COUNTERSIGNED)
        mark_countersigned(r, json_get(body, "steps"));
    return rc;
}

/* As it was written down before there were entries for it. */
static enum rc
take_fields(struct run *r, const struct run_event *e, const struct json *body, struct err *err)
{
    static const char prefix[] = "attested_by_";
    const struct json *fields = json_get(body, "fields");
    for (const struct json *f = json_first(fields); f != NULL; f = json_next(f)) {
        if (json_str(f) == NULL || strncmp(json_name(f), prefix, sizeof prefix - 1) != 0)
            continue;
        struct approval *a = add(r, APPROVAL_ATTESTED, json_gets(body, "step"), e->at);
        if (a == NULL)
            return err_nomem(err);
        (void)snprintf(a->name, sizeof a->name, "%s", json_str(f));
    }
    return RC_OK;
}

enum rc
approval_take(struct run *r, const struct store *store, const struct run_event *e,
              const struct json *body, struct err *err)
{
    struct entry entry = {0};
    const char *alone = json_gets(body, "alone");
    int approved = strcmp(e->kind, "run.approved") == 0;
    int attested = strcmp(e->kind, "run.attested") == 0;
    if (strcmp(e->kind, "run.countersigned") == 0)
        return take_approval(r, store, e, APPROVAL_COUNTERSIGNED, body, err);
    if (!player_plays(e->kind) && !approved && !attested)
        return RC_OK;
    enum rc rc = entry_parse(&entry, e->line, e->len, err);
    if (rc == RC_OK)
        rc = player_take(r, &entry, err);
    entry_release(&entry);
    if (rc != RC_OK)
        return rc;
    if (approved || attested)
        return take_approval(r, store, e, approved ? APPROVAL_SIGNED : APPROVAL_ATTESTED, body,
                             err);
    if (strcmp(e->kind, "run.ended") == 0)
        return take_fields(r, e, body, err);
    if (alone != NULL)
        (void)snprintf(r->alone, sizeof r->alone, "%s", alone);
    return RC_OK;
}

static int
same_person(const struct approval *a, const char *person, const char *name)
{
    return a->person[0] != '\0' ? strcmp(a->person, person) == 0 : strcmp(a->name, name) == 0;
}

const struct approval *
approval_of(const struct run *r, size_t i, const char *person, const char *name)
{
    for (size_t k = 0; k < r->approval_count; k++) {
        const struct approval *a = &r->approvals[k];
        if (a->counts && a->what != APPROVAL_COUNTERSIGNED &&
            strcmp(a->step, r->book->steps[i].id) == 0 && same_person(a, person, name))
            return a;
    }
    return NULL;
}

/* A person counts once. */
size_t
approval_lacking(const struct run *r, size_t i)
{
    size_t lacking = (size_t)r->book->steps[i].approvers;
    for (size_t k = 0; k < r->approval_count; k++) {
        const struct approval *a = &r->approvals[k];
        if (lacking > 0 && a == approval_of(r, i, a->person, a->name))
            lacking--;
    }
    return lacking;
}

/* A step that was ended with an approval that does not count is not ended; one that was left out
 * was left out by one person alone. */
void
approval_settle(struct run *r)
{
    for (size_t i = 0; i < r->book->count; i++) {
        struct run_step *s = &r->steps[i];
        const char *why = "nobody approved it";
        s->alone |= s->state == RUN_SKIPPED && approval_lacking(r, i) > 0;
        if (s->state != RUN_DONE || s->alone || approval_lacking(r, i) == 0)
            continue;
        for (size_t k = 0; k < r->approval_count; k++) {
            if (!r->approvals[k].counts && strcmp(r->approvals[k].step, r->book->steps[i].id) == 0)
                why = r->approvals[k].why;
        }
        s->state = RUN_OPEN;
        (void)snprintf(s->reason, sizeof s->reason, "not approved: %s", why);
    }
}

size_t
approval_alone(const struct run *r, size_t *open)
{
    size_t n = 0;
    *open = 0;
    for (size_t i = 0; i < r->book->count; i++) {
        n += approval_was_alone(r, i) != 0;
        *open += wants_counter(r, i) != 0;
    }
    return n;
}

size_t
approval_standing(const struct run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->approval_count; i++) {
        const struct approval *a = &r->approvals[i];
        size_t before = 0;
        while (before < i && !(r->approvals[before].counts &&
                               same_person(&r->approvals[before], a->person, a->name)))
            before++;
        n += a->counts && before == i;
    }
    return n;
}

/* ---- over all runs ---- */

static enum rc
tell(const struct store *store, const struct run *r, approval_fn fn, void *arg, struct err *err)
{
    size_t open = 0;
    struct buf who;
    enum rc rc = RC_OK;
    buf_init(&who, LIMIT_ENTRY);
    (void)approval_alone(r, &open);
    if (open > 0 && (rc = player_names(&who, r, store, err)) == RC_OK)
        rc = fn(arg, r, APPROVAL_DUTY, NULL, buf_str(&who), err);
    for (size_t i = 0; rc == RC_OK && i < r->approval_count; i++) {
        if (!r->approvals[i].counts)
            rc = fn(arg, r, APPROVAL_BAD, &r->approvals[i], r->approvals[i].name, err);
    }
    buf_release(&who);
    return rc;
}

/* A run whose text has not arrived, or is of a later version, is nobody's to judge. */
static int
is_unreadable(enum rc rc)
{
    return rc == RC_NOT_FOUND || rc == RC_CONFIG || rc == RC_AMBIGUOUS;
}

struct walk {
    const struct store *store;
    approval_fn fn;
    void *arg;
};

static enum rc
look(void *arg, const struct run_record *record, struct err *err)
{
    const struct walk *w = arg;
    struct run *r = NULL;
    struct err unread = ERR_INIT;
    if (!record->judged)
        return RC_OK;
    enum rc rc = run_load_record(&r, w->store, record, &unread);
    if (rc == RC_OK)
        rc = tell(w->store, r, w->fn, w->arg, err);
    else if (is_unreadable(rc))
        rc = RC_OK;
    else
        *err = unread;
    run_free(r);
    return rc;
}

enum rc
approval_each(const struct store *store, approval_fn fn, void *arg, struct err *err)
{
    struct walk w = {store, fn, arg};
    return run_each(store, look, &w, err);
}

enum rc
approval_counts(const struct store *store, const struct json *body, const char *kind,
                const char *at, int *yes, struct err *err)
{
    struct run *r = NULL;
    const char *id = json_gets(body, "run");
    const char *person = json_gets(body, "person");
    const char *step = json_gets(body, "step");
    int counter = strcmp(kind, "run.countersigned") == 0;
    *yes = 0;
    if (id == NULL || !uuid_is(id) || person == NULL)
        return RC_OK;
    enum rc rc = run_load(&r, store, id, err);
    if (is_unreadable(rc)) {
        err_clear(err);
        return RC_OK;
    }
    for (size_t i = 0; rc == RC_OK && !*yes && i < r->approval_count; i++) {
        const struct approval *a = &r->approvals[i];
        *yes = a->counts && same_person(a, person, person) && strcmp(a->at, at) == 0 &&
               (a->what == APPROVAL_COUNTERSIGNED) == counter &&
               (counter || (step != NULL && strcmp(a->step, step) == 0));
    }
    run_free(r);
    return rc;
}
