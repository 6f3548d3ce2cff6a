#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/run_telling.h"

/* ---- above all: what it was, and how it went ---- */

static void
put_verdict(struct run_telling *t)
{
    const struct run_facts *f = t->f;
    char line[512], took[2 * SPAN_TEXT + 32];
    size_t number = 0, of = 0;
    int over = run_span_of(took, sizeof took, f->last_ms - f->began_ms, f->run->book->rto_ms);
    run_place(f->run, f->run->book->count, &number, &of);
    (void)snprintf(line, sizeof line, "%s of %s: %s, %s; of %zu steps %zu done, %zu skipped.",
                   f->run->record.drill ? "Drill" : "Real run", f->run->record.runbook,
                   f->finished != NULL ? "finished" : "not finished", took, of,
                   run_count(f->run, RUN_DONE), run_count(f->run, RUN_SKIPPED));
    sheet_par(&t->s, line, over || f->finished == NULL ? SHEET_BAD : SHEET_PLAIN);
    if (f->gap_count > 0)
        (void)snprintf(line, sizeof line, "%zu gap%s: see below.", f->gap_count,
                       f->gap_count == 1 ? "" : "s");
    sheet_par(&t->s, f->gap_count > 0 ? line : "No gaps.",
              f->gap_count > 0 ? SHEET_BAD : SHEET_PLAIN);
}

/* A member of run.started, whatever a version wrote there. */
static void
put_member(struct run_telling *t, const char *before, const struct json *v)
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
    for (char *c = label; *c != '\0'; c++) {
        if (*c == '_')
            *c = ' ';
    }
    if (json_type(v) == JSON_OBJECT && before[0] == '\0') {
        for (const struct json *in = json_first(v); in != NULL; in = json_next(in))
            put_member(t, label, in);
        return;
    }
    buf_init(&text, RUN_VALUE);
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
put_measured(struct run_telling *t)
{
    const struct run_facts *f = t->f;
    char took[2 * SPAN_TEXT + 32], lost[SPAN_TEXT];
    int over = run_span_of(took, sizeof took, f->last_ms - f->began_ms, f->run->book->rto_ms);
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
put_text_state(struct run_telling *t)
{
    const struct run_facts *f = t->f;
    sheet_factf(&t->s, "its text is", SHEET_PLAIN, "%s%s",
                f->text_is_current ? "the one that is in the log now"
                                   : "not the one that is in the log now",
                t->about->as_shipped ? ", and as this program has it" : "");
}

static void
put_head(struct run_telling *t)
{
    const struct run_facts *f = t->f;
    const struct run *run = f->run;
    char at[RUN_STAMP];
    sheet_fact(&t->s, "run", run->record.id, SHEET_PLAIN);
    sheet_fact(&t->s, "runbook", run->record.runbook, SHEET_PLAIN);
    sheet_fact(&t->s, "SHA-256", run->book->sha256, SHEET_PLAIN);
    put_text_state(t);
    sheet_factf(&t->s, "escrow", SHEET_PLAIN, "%s (%s)", f->store->escrow, f->store->name);
    sheet_fact(&t->s, "begun", run->record.at, SHEET_PLAIN);
    run_stamp(at, f->last_ms);
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
put_gaps(struct run_telling *t)
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

/* ---- what came out, and who agreed ---- */

static enum rc
put_shown(struct run_telling *t, struct err *err)
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
        rc = run_who_fact(t, "by", s->intended, err);
    }
    return rc;
}

static void
put_drilled(struct run_telling *t)
{
    if (t->f->drilled_count == 0)
        return;
    sheet_section(&t->s, "drilled", "Drilled");
    drill_rows_table(&t->s, t->f->drilled, t->f->drilled_count);
}

static void
put_assents(struct run_telling *t)
{
    static const char *const titles[] = {"AT", "HOW", "WHO", "STEP", "WITH KEY", NULL};
    const struct run_facts *f = t->f;
    size_t open = 0;
    const char *alone = run_facts_said(f, "alone");
    if (approval_alone(f->run, &open) == 0)
        alone = NULL; /* it was not needed */
    else if (alone == NULL)
        alone = "no reason was given";
    if (f->assent_count == 0 && alone == NULL)
        return;
    sheet_section(&t->s, "approvals", "Approvals");
    if (alone != NULL)
        sheet_fact(&t->s, "done alone", alone, SHEET_BAD);
    if (f->assent_count == 0)
        return;
    sheet_table(
        &t->s,
        "Approved: signed with the registered key of that person, and verified again for this "
        "report. Attested: only a name that was typed.",
        titles);
    for (size_t i = 0; i < f->assent_count; i++) {
        const struct run_assent *a = &f->assents[i];
        const char *cells[] = {a->e->at, assent_word(a), a->who, a->step,
                               json_gets(a->e->body, "public_key")};
        int good = assent_counts(a) && a->what != APPROVAL_ATTESTED;
        sheet_row(&t->s, cells, good ? SHEET_PLAIN : SHEET_BAD);
    }
    sheet_table_end(&t->s);
}

static void
put_sign_off(struct run_telling *t)
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
    struct run_telling t = {.f = f, .about = about};
    char title[LIMIT_TEXT + 64], foot[64], mode[64];
    (void)snprintf(title, sizeof title, "Evidence: %s", f->run->book->title);
    (void)snprintf(foot, sizeof foot, "run %.8s", f->run->record.id);
    enum rc rc = sheet_begin(&t.s, out, html, title, foot, err);
    (void)snprintf(mode, sizeof mode, "%s%s", f->run->record.drill ? "DRILL" : "REAL",
                   run_facts_blind(f) ? ", blind" : "");
    sheet_banner(&t.s, mode);
    put_verdict(&t);
    put_head(&t);
    if (rc == RC_OK)
        rc = run_put_notes(&t, NULL, err);
    put_gaps(&t);
    if (rc == RC_OK)
        rc = run_put_steps(&t, err);
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
