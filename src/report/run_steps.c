/* The steps of a run, for people: a table of all, then each with its attempts. */
#include <stdio.h>
#include <string.h>

#include "report/run_telling.h"
#include "text/time.h"

void
run_stamp(char out[RUN_STAMP], int64_t ms)
{
    out[0] = '\0';
    if (ms >= 0)
        time_format(out, ms);
}

int
run_span_of(char *out, size_t size, int64_t ms, int64_t of)
{
    char took[SPAN_TEXT] = "", most[SPAN_TEXT];
    out[0] = '\0';
    if (ms >= 0)
        sheet_span(took, ms);
    sheet_span(most, of);
    if (ms >= 0)
        (void)snprintf(out, size, "%s%s%s%s", took, of > 0 ? " of " : "", of > 0 ? most : "",
                       of > 0 && ms > of ? ", over" : "");
    return of > 0 && ms > of;
}

enum rc
run_who_fact(struct run_telling *t, const char *label, const struct entry *e, struct err *err)
{
    struct buf who;
    buf_init(&who, RUN_VALUE);
    enum rc rc = origin_who(&who, t->f->store, e, err);
    sheet_fact(&t->s, label, buf_str(&who), SHEET_PLAIN);
    buf_release(&who);
    return rc;
}

static int
is_bad(enum step_state state)
{
    return state == RUN_FAILED || state == RUN_SKIPPED || state == RUN_DOUBT;
}

static void
put_summary(struct run_telling *t)
{
    static const char *const titles[] = {"NO", "STEP", "RESULT", "BEGUN", "TOOK", NULL};
    const struct run *run = t->f->run;
    sheet_section(&t->s, "steps", "Steps");
    sheet_table(&t->s, NULL, titles);
    for (size_t i = 0; i < run->book->count; i++) {
        const struct step *s = &run->book->steps[i];
        char number[24], at[RUN_STAMP], took[2 * SPAN_TEXT + 32];
        size_t no = 0, of = 0;
        int64_t began, ended;
        if (!run_has(run, i))
            continue;
        run_place(run, i, &no, &of);
        run_facts_span(t->f, i, &began, &ended);
        int over = run_span_of(took, sizeof took, ended < 0 ? -1 : ended - began, s->budget_ms);
        (void)snprintf(number, sizeof number, "%zu", no);
        run_stamp(at, began);
        if (at[0] != '\0')
            memcpy(at + 19, "Z", 2); /* to the second */
        const char *cells[] = {number, t->s.html ? s->title : s->id,
                               step_state_name(run->steps[i].state), at, took};
        sheet_row(&t->s, cells, over || is_bad(run->steps[i].state) ? SHEET_BAD : SHEET_PLAIN);
    }
    sheet_table_end(&t->s);
}

static void
put_fields(struct run_telling *t, const struct entry *e)
{
    const struct json *v = run_facts_fields(e);
    for (; v != NULL; v = json_next(v)) {
        struct buf text;
        buf_init(&text, RUN_VALUE);
        if (json_str(v) != NULL)
            buf_adds(&text, json_str(v));
        else
            json_print(&text, v);
        sheet_fact(&t->s, json_name(v), buf_str(&text), SHEET_PLAIN);
        buf_release(&text);
    }
}

static void
put_made(struct run_telling *t, const struct run_attempt *a)
{
    struct buf text;
    buf_init(&text, RUN_VALUE);
    for (size_t i = 0; i < a->made_count; i++)
        buf_addf(&text, "%s%lld %s", i > 0 ? ", " : "", (long long)a->made[i].count,
                 a->made[i].kind);
    sheet_fact(&t->s, "in the log", buf_str(&text), SHEET_PLAIN);
    buf_release(&text);
}

static enum rc
put_attempt(struct run_telling *t, const struct run_attempt *a, const char *label,
            const struct step *s, struct err *err)
{
    char at[RUN_STAMP], took[2 * SPAN_TEXT + 32];
    int64_t status = 0;
    const struct json *body = a->ended != NULL ? a->ended->body : NULL;
    enum sheet_mark mark = is_bad(a->state) ? SHEET_BAD : SHEET_PLAIN;
    sheet_fact(&t->s, label,
               body != NULL && a->state == RUN_OPEN ? "was not done" : step_state_name(a->state),
               mark);
    sheet_fact(&t->s, "because", json_gets(body, "reason"), mark);
    run_stamp(at, a->began_ms);
    sheet_factf(&t->s, "when", SHEET_PLAIN, "%s to %s", at[0] != '\0' ? at : "?",
                a->ended != NULL ? a->ended->at : "an end that is not known");
    int over = run_span_of(took, sizeof took, a->ms, s->budget_ms);
    sheet_fact(&t->s, "took", took, over ? SHEET_BAD : SHEET_PLAIN);
    if (json_geti(body, "exit", &status) == 0)
        sheet_factf(&t->s, "exit status", mark, "%lld", (long long)status);
    put_fields(t, a->ended);
    put_made(t, a);
    return run_who_fact(t, "by", a->ended != NULL ? a->ended : a->begun, err);
}

enum rc
run_put_notes(struct run_telling *t, const char *step, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < t->f->note_count; i++) {
        const struct entry *e = t->f->notes[i];
        const char *of = json_gets(e->body, "step");
        const char *text = json_gets(e->body, "text");
        struct buf line;
        if (step == NULL ? of != NULL : (of == NULL || strcmp(of, step) != 0))
            continue;
        buf_init(&line, RUN_VALUE);
        buf_addf(&line, "%s ", e->at);
        rc = origin_who(&line, t->f->store, e, err);
        buf_addf(&line, ": %s", text != NULL ? text : "");
        sheet_fact(&t->s, "note", buf_str(&line), SHEET_PLAIN);
        buf_release(&line);
    }
    return rc;
}

static int
has_notes(const struct run_facts *f, const char *step)
{
    for (size_t i = 0; i < f->note_count; i++) {
        const char *of = json_gets(f->notes[i]->body, "step");
        if (of != NULL && strcmp(of, step) == 0)
            return 1;
    }
    return 0;
}

static enum rc
put_step(struct run_telling *t, size_t i, struct err *err)
{
    const struct run *run = t->f->run;
    const struct step *s = &run->book->steps[i];
    char heading[LIMIT_TEXT + 128], label[64];
    size_t no = 0, of = 0, tries = 0, nth = 0;
    enum rc rc = RC_OK;
    run_place(run, i, &no, &of);
    for (size_t k = 0; k < t->f->attempt_count; k++)
        tries += t->f->attempts[k].step == i;
    (void)snprintf(heading, sizeof heading, "%zu. %s (%s, %s)", no, s->title, s->id,
                   step_kind_name(s->kind));
    if (tries == 0 && !has_notes(t->f, s->id))
        return RC_OK; /* the table has said it */
    sheet_heading(&t->s, heading);
    for (size_t k = 0; rc == RC_OK && k < t->f->attempt_count; k++) {
        if (t->f->attempts[k].step != i)
            continue;
        (void)snprintf(label, sizeof label, "attempt %zu of %zu", ++nth, tries);
        rc = put_attempt(t, &t->f->attempts[k], tries > 1 ? label : "result", s, err);
    }
    return rc == RC_OK ? run_put_notes(t, s->id, err) : rc;
}

enum rc
run_put_steps(struct run_telling *t, struct err *err)
{
    const struct run *run = t->f->run;
    struct buf left;
    enum rc rc = RC_OK;
    put_summary(t);
    buf_init(&left, RUN_VALUE);
    for (size_t i = 0; rc == RC_OK && i < run->book->count; i++) {
        if (run_has(run, i))
            rc = put_step(t, i, err);
        else
            buf_addf(&left, "%s%s", left.len > 0 ? ", " : "", run->book->steps[i].title);
    }
    if (left.len > 0) {
        sheet_heading(&t->s, run->record.drill ? "Not in a drill" : "Only in a drill");
        sheet_par(&t->s, buf_str(&left), SHEET_PLAIN);
    }
    buf_release(&left);
    return rc;
}
