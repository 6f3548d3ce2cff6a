#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/run_report.h"
#include "text/time.h"

enum { VALUE = 16 * 1024, STAMP = TIME_TEXT + 1 };

struct telling {
    struct sheet s;
    const struct run_facts *f;
    const struct report_about *about;
};

static void
stamp(char out[STAMP], int64_t ms)
{
    out[0] = '\0';
    if (ms >= 0)
        time_format(out, ms);
}

/* "12 s of 5 min" */
static int
span_of(char *out, size_t size, int64_t ms, int64_t of)
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

static enum rc
who_fact(struct telling *t, const char *label, const struct entry *e, struct err *err)
{
    struct buf who;
    buf_init(&who, VALUE);
    enum rc rc = origin_who(&who, t->f->store, e, err);
    sheet_fact(&t->s, label, buf_str(&who), SHEET_PLAIN);
    buf_release(&who);
    return rc;
}

/* ---- above all: what it was, and how it went ---- */

static size_t
count_of(const struct run *run, enum step_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < run->book->count; i++)
        n += run_has(run, i) && run->steps[i].state == state;
    return n;
}

static void
put_verdict(struct telling *t)
{
    const struct run_facts *f = t->f;
    char line[512], took[2 * SPAN_TEXT + 32];
    size_t number = 0, of = 0;
    int over = span_of(took, sizeof took, f->last_ms - f->began_ms, f->run->book->rto_ms);
    run_place(f->run, f->run->book->count, &number, &of);
    (void)snprintf(line, sizeof line, "%s of %s: %s, %s; of %zu steps %zu done, %zu skipped.",
                   f->run->record.drill ? "Drill" : "Real run", f->run->record.runbook,
                   f->finished != NULL ? "finished" : "not finished", took, of,
                   count_of(f->run, RUN_DONE), count_of(f->run, RUN_SKIPPED));
    sheet_par(&t->s, line, over || f->finished == NULL ? SHEET_BAD : SHEET_PLAIN);
    if (f->gap_count > 0)
        (void)snprintf(line, sizeof line, "%zu gap%s: see below.", f->gap_count,
                       f->gap_count == 1 ? "" : "s");
    sheet_par(&t->s, f->gap_count > 0 ? line : "No gaps.",
              f->gap_count > 0 ? SHEET_BAD : SHEET_PLAIN);
}

/* A member of run.started, whatever a version wrote there. */
static void
put_member(struct telling *t, const char *before, const struct json *v)
{
    static const char *const told[] = {"run",  "runbook", "sha256", "text",
                                       "mode", "words",   "alone",  NULL};
    char label[160];
    struct buf text;
    for (size_t i = 0; before[0] == '\0' && told[i] != NULL; i++) {
        if (strcmp(told[i], json_name(v)) == 0)
            return;
    }
    (void)snprintf(label, sizeof label, "%.64s%s%.64s", before, before[0] != '\0' ? " " : "",
                   json_name(v));
    for (char *c = label; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    if (json_type(v) == JSON_OBJECT && before[0] == '\0') {
        for (const struct json *in = json_first(v); in != NULL; in = json_next(in))
            put_member(t, label, in);
        return;
    }
    buf_init(&text, VALUE);
    if (json_type(v) == JSON_BOOL)
        buf_adds(&text, json_bool(v) ? "yes" : "no");
    else if (json_str(v) != NULL)
        buf_adds(&text, json_str(v));
    else
        json_print(&text, v);
    sheet_fact(&t->s, label, buf_str(&text), SHEET_PLAIN);
    buf_release(&text);
}

static void
put_measured(struct telling *t)
{
    const struct run_facts *f = t->f;
    char took[2 * SPAN_TEXT + 32], lost[SPAN_TEXT];
    int over = span_of(took, sizeof took, f->last_ms - f->began_ms, f->run->book->rto_ms);
    sheet_factf(&t->s, "RTO measured", over ? SHEET_BAD : SHEET_PLAIN, "%s%s", took,
                f->finished != NULL ? "" : " so far");
    if (run_facts_rpo(f) < 0) {
        sheet_fact(&t->s, "RPO measured", "not recorded", SHEET_PLAIN);
        return;
    }
    sheet_span(lost, run_facts_rpo(f));
    sheet_factf(&t->s, "RPO measured", SHEET_PLAIN,
                "%s: age of the newest entry in the copy when the run began", lost);
}

static void
put_text_state(struct telling *t)
{
    const struct run_facts *f = t->f;
    sheet_factf(&t->s, "its text is", SHEET_PLAIN, "%s%s",
                f->text_is_current ? "the one that is in the log now"
                                   : "not the one that is in the log now",
                t->about->as_shipped ? ", and as this program has it" : "");
}

static void
put_head(struct telling *t)
{
    const struct run_facts *f = t->f;
    const struct run *run = f->run;
    char at[STAMP];
    sheet_fact(&t->s, "run", run->record.id, SHEET_PLAIN);
    sheet_fact(&t->s, "runbook", run->record.runbook, SHEET_PLAIN);
    sheet_fact(&t->s, "SHA-256", run->book->sha256, SHEET_PLAIN);
    put_text_state(t);
    sheet_factf(&t->s, "escrow", SHEET_PLAIN, "%s (%s)", f->store->escrow, f->store->name);
    sheet_fact(&t->s, "begun", run->record.at, SHEET_PLAIN);
    stamp(at, f->last_ms);
    sheet_fact(&t->s, f->finished != NULL ? "ended" : "last entry", at, SHEET_PLAIN);
    put_measured(t);
    for (const struct json *v = json_first(f->started != NULL ? f->started->body : NULL); v != NULL;
         v = json_next(v))
        put_member(t, "", v);
    for (size_t i = 0; i < RUN_WORDS && runbook_word(i) != NULL; i++) {
        char label[48];
        (void)snprintf(label, sizeof label, "{%s}", runbook_word(i));
        sheet_fact(&t->s, label, run->words[i], SHEET_PLAIN);
    }
    sheet_factf(&t->s, "report made", SHEET_PLAIN, "%s by keymuster %s", t->about->made_at,
                t->about->version);
}

static void
put_gaps(struct telling *t)
{
    const struct run_facts *f = t->f;
    sheet_section(&t->s, "gaps", "Gaps");
    if (f->gap_count == 0) {
        sheet_par(&t->s, "None.", SHEET_PLAIN);
        return;
    }
    for (size_t i = 0; i < f->gap_count; i++)
        sheet_fact(&t->s, f->gaps[i].code, f->gaps[i].text, SHEET_BAD);
}

/* ---- steps ---- */

static int
is_bad(enum step_state state)
{
    return state == RUN_FAILED || state == RUN_SKIPPED || state == RUN_DOUBT;
}

static void
put_summary(struct telling *t)
{
    static const char *const titles[] = {"NO", "STEP", "RESULT", "BEGUN", "TOOK", NULL};
    const struct run *run = t->f->run;
    sheet_section(&t->s, "steps", "Steps");
    sheet_table(&t->s, NULL, titles);
    for (size_t i = 0; i < run->book->count; i++) {
        const struct step *s = &run->book->steps[i];
        char number[24], at[STAMP], took[2 * SPAN_TEXT + 32];
        size_t no = 0, of = 0;
        int64_t began, ended;
        if (!run_has(run, i))
            continue;
        run_place(run, i, &no, &of);
        run_facts_span(t->f, i, &began, &ended);
        int over = span_of(took, sizeof took, ended < 0 ? -1 : ended - began, s->budget_ms);
        (void)snprintf(number, sizeof number, "%zu", no);
        stamp(at, began);
        if (at[0] != '\0')
            memcpy(at + 19, "Z", 2); /* to the second */
        const char *cells[] = {number, t->s.html ? s->title : s->id,
                               step_state_name(run->steps[i].state), at, took};
        sheet_row(&t->s, cells, over || is_bad(run->steps[i].state) ? SHEET_BAD : SHEET_PLAIN);
    }
    sheet_table_end(&t->s);
}

static void
put_fields(struct telling *t, const struct entry *e)
{
    const struct json *v = run_facts_fields(e);
    for (; v != NULL; v = json_next(v)) {
        struct buf text;
        buf_init(&text, VALUE);
        if (json_str(v) != NULL)
            buf_adds(&text, json_str(v));
        else
            json_print(&text, v);
        sheet_fact(&t->s, json_name(v), buf_str(&text), SHEET_PLAIN);
        buf_release(&text);
    }
}

static void
put_made(struct telling *t, const struct run_attempt *a)
{
    struct buf text;
    buf_init(&text, VALUE);
    for (size_t i = 0; i < a->made_count; i++)
        buf_addf(&text, "%s%lld %s", i > 0 ? ", " : "", (long long)a->made[i].count,
                 a->made[i].kind);
    sheet_fact(&t->s, "in the log", buf_str(&text), SHEET_PLAIN);
    buf_release(&text);
}

static enum rc
put_attempt(struct telling *t, const struct run_attempt *a, const char *label, const struct step *s,
            struct err *err)
{
    char at[STAMP], took[2 * SPAN_TEXT + 32];
    int64_t status = 0;
    const struct json *body = a->ended != NULL ? a->ended->body : NULL;
    enum sheet_mark mark = is_bad(a->state) ? SHEET_BAD : SHEET_PLAIN;
    sheet_fact(&t->s, label,
               body != NULL && a->state == RUN_OPEN ? "was not done" : step_state_name(a->state),
               mark);
    sheet_fact(&t->s, "because", json_gets(body, "reason"), mark);
    stamp(at, a->began_ms);
    sheet_factf(&t->s, "when", SHEET_PLAIN, "%s to %s", at[0] != '\0' ? at : "?",
                a->ended != NULL ? a->ended->at : "an end that is not known");
    int over = span_of(took, sizeof took, a->ms, s->budget_ms);
    sheet_fact(&t->s, "took", took, over ? SHEET_BAD : SHEET_PLAIN);
    if (json_geti(body, "exit", &status) == 0)
        sheet_factf(&t->s, "exit status", mark, "%lld", (long long)status);
    put_fields(t, a->ended);
    put_made(t, a);
    return who_fact(t, "by", a->ended != NULL ? a->ended : a->begun, err);
}

static enum rc
put_notes(struct telling *t, const char *step, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < t->f->note_count; i++) {
        const struct entry *e = t->f->notes[i];
        const char *of = json_gets(e->body, "step");
        const char *text = json_gets(e->body, "text");
        struct buf line;
        if (step == NULL ? of != NULL : (of == NULL || strcmp(of, step) != 0))
            continue;
        buf_init(&line, VALUE);
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
put_step(struct telling *t, size_t i, struct err *err)
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
    return rc == RC_OK ? put_notes(t, s->id, err) : rc;
}

static enum rc
put_steps(struct telling *t, struct err *err)
{
    const struct run *run = t->f->run;
    struct buf left;
    enum rc rc = RC_OK;
    put_summary(t);
    buf_init(&left, VALUE);
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

/* ---- what came out, and who agreed ---- */

static enum rc
put_shown(struct telling *t, struct err *err)
{
    const struct run_facts *f = t->f;
    enum rc rc = RC_OK;
    sheet_section(&t->s, "revealed", "Revealed");
    if (f->shown_count == 0)
        sheet_par(&t->s, "Nothing.", SHEET_PLAIN);
    for (size_t i = 0; rc == RC_OK && i < f->shown_count; i++) {
        const struct run_shown *s = &f->shown[i];
        const struct json *body = s->intended->body;
        sheet_fact(&t->s, "key", s->key, SHEET_PLAIN);
        sheet_fact(&t->s, "to", json_gets(body, "to"), SHEET_PLAIN);
        sheet_fact(&t->s, "terminal", json_gets(body, "terminal"), SHEET_PLAIN);
        sheet_fact(&t->s, "reason", json_gets(body, "reason"), SHEET_PLAIN);
        sheet_fact(&t->s, "intended", s->intended->at, SHEET_PLAIN);
        sheet_fact(&t->s, "shown", s->shown != NULL ? s->shown->at : "no: nothing was handed out",
                   SHEET_PLAIN);
        sheet_fact(&t->s, "closed", s->closed != NULL ? s->closed->at : NULL, SHEET_PLAIN);
        sheet_fact(&t->s, "under", s->root, SHEET_PLAIN);
        sheet_fact(&t->s, "request", s->shown != NULL ? json_gets(s->shown->body, "request") : NULL,
                   SHEET_PLAIN);
        rc = who_fact(t, "by", s->intended, err);
    }
    return rc;
}

static void
put_drilled(struct telling *t)
{
    if (t->f->drilled_count == 0)
        return;
    sheet_section(&t->s, "drilled", "Drilled");
    drill_rows_table(&t->s, t->f->drilled, t->f->drilled_count);
}

static void
put_assents(struct telling *t)
{
    static const char *const titles[] = {"AT", "HOW", "WHO", "STEP", "WITH KEY", NULL};
    const struct run_facts *f = t->f;
    const char *alone = run_facts_said(f, "alone");
    if (f->assent_count == 0 && alone == NULL)
        return;
    sheet_section(&t->s, "approvals", "Approvals");
    if (alone != NULL)
        sheet_fact(&t->s, "done alone", alone, SHEET_BAD);
    if (f->assent_count == 0)
        return;
    sheet_table(&t->s,
                "Signed: by a registered key; whether it is that person's, keymuster person list "
                "says. Attested: only a name that was typed.",
                titles);
    for (size_t i = 0; i < f->assent_count; i++) {
        const struct run_assent *a = &f->assents[i];
        const char *cells[] = {a->e->at, assent_name(a->kind), a->who, a->step,
                               json_gets(a->e->body, "key")};
        sheet_row(&t->s, cells, a->kind == ASSENT_ATTESTED ? SHEET_BAD : SHEET_PLAIN);
    }
    sheet_table_end(&t->s);
}

static void
put_sign_off(struct telling *t)
{
    static const char *const signed_by[] = {"", "NAME", "DATE", "SIGNATURE", NULL};
    static const char *const who[] = {"carried out by", "reviewed by", "accepted by"};
    static const char *const actions[] = {"GAP", "WHAT IS DONE ABOUT IT", "OWNER", "BY WHEN", NULL};
    const struct run_facts *f = t->f;
    const char **codes = calloc(f->gap_count + 1, sizeof *codes);
    if (!t->s.html || codes == NULL) {
        if (codes == NULL)
            t->s.out->failed = RC_NO_MEMORY;
        free(codes);
        return;
    }
    char(*labels)[160] = calloc(f->gap_count + 1, sizeof *labels);
    if (labels == NULL)
        t->s.out->failed = RC_NO_MEMORY;
    for (size_t i = 0; labels != NULL && i < f->gap_count; i++) {
        (void)snprintf(labels[i], sizeof labels[i], "%s%s%.64s", f->gaps[i].code,
                       f->gaps[i].step[0] != '\0' ? ": " : "", f->gaps[i].step);
        codes[i] = labels[i];
    }
    sheet_section(&t->s, "sign-off", "Sign-off");
    if (labels != NULL && f->gap_count > 0)
        sheet_blanks(&t->s, "Corrective actions", actions, codes, f->gap_count);
    sheet_blanks(&t->s, "Signatures", signed_by, who, sizeof who / sizeof who[0]);
    free(labels);
    free(codes);
}

enum rc
run_report_sheet(struct buf *out, int html, const struct run_facts *f,
                 const struct report_about *about, struct err *err)
{
    struct telling t = {.f = f, .about = about};
    char title[LIMIT_TEXT + 64], foot[64], mode[64];
    const char *said = f->started != NULL ? json_gets(f->started->body, "mode") : NULL;
    int blind = f->started != NULL && (json_bool(json_get(f->started->body, "blind")) == 1 ||
                                       (said != NULL && strcmp(said, "blind") == 0));
    (void)snprintf(title, sizeof title, "Evidence: %s", f->run->book->title);
    (void)snprintf(foot, sizeof foot, "run %.8s", f->run->record.id);
    enum rc rc = sheet_begin(&t.s, out, html, title, foot, err);
    (void)snprintf(mode, sizeof mode, "%s%s", f->run->record.drill ? "DRILL" : "REAL",
                   blind ? ", blind" : "");
    sheet_banner(&t.s, mode);
    put_verdict(&t);
    put_head(&t);
    if (rc == RC_OK)
        rc = put_notes(&t, NULL, err);
    put_gaps(&t);
    if (rc == RC_OK)
        rc = put_steps(&t, err);
    if (rc == RC_OK)
        rc = put_shown(&t, err);
    put_drilled(&t);
    put_assents(&t);
    origin_sheet_parties(&t.s, &f->origin);
    origin_sheet_anchors(&t.s, &f->origin);
    put_sign_off(&t);
    struct err scratch = ERR_INIT;
    enum rc end = sheet_end(&t.s, rc == RC_OK ? err : &scratch);
    return rc == RC_OK ? end : rc;
}
