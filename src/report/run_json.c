#include <stdio.h>
#include <string.h>

#include "report/run_report.h"
#include "text/time.h"

enum { BODY_MOST = 256 * 1024 };

static void
put_raw(struct jw *w, const char *name, const struct json *v)
{
    struct buf text;
    if (v == NULL)
        return;
    buf_init(&text, BODY_MOST);
    json_print(&text, v);
    if (text.failed)
        w->out->failed = text.failed;
    else
        jw_raw(w, name, buf_str(&text), text.len);
    buf_release(&text);
}

static void
put_time(struct jw *w, const char *name, int64_t ms)
{
    char at[TIME_TEXT + 1];
    if (ms < 0)
        return;
    time_format(at, ms);
    jw_str(w, name, at);
}

static void
put_hash(struct jw *w, const char *name, const struct entry *e)
{
    char hash[HASH_TEXT + 1];
    if (e == NULL)
        return;
    report_hash(hash, e);
    jw_str(w, name, hash);
}

static enum rc
put_by(struct jw *w, const struct run_facts *f, const struct entry *e, struct err *err)
{
    char person[LIMIT_NAME + 1];
    enum rc rc = origin_person(person, f->store, e, err);
    put_raw(w, "by", e->by);
    jw_opt(w, "person", person);
    return rc;
}

/* ---- steps ---- */

static enum rc
put_attempt(struct jw *w, const struct run_facts *f, const struct run_attempt *a, struct err *err)
{
    int64_t status = 0;
    const struct json *body = a->ended != NULL ? a->ended->body : NULL;
    jw_obj(w, NULL);
    put_time(w, "begun_at", a->began_ms);
    put_time(w, "ended_at", a->ended_ms);
    if (a->ms >= 0)
        jw_int(w, "ms", a->ms);
    jw_str(w, "result", body != NULL ? json_gets(body, "result") : step_state_name(a->state));
    if (json_geti(body, "exit", &status) == 0)
        jw_int(w, "exit", status);
    jw_opt(w, "reason", json_gets(body, "reason"));
    put_raw(w, "fields", json_get(body, "fields"));
    jw_obj(w, "made");
    for (size_t i = 0; i < a->made_count; i++)
        jw_int(w, a->made[i].kind, a->made[i].count);
    jw_end_obj(w);
    enum rc rc = put_by(w, f, a->ended != NULL ? a->ended : a->begun, err);
    put_hash(w, "begun_entry", a->begun);
    put_hash(w, "ended_entry", a->ended);
    jw_end_obj(w);
    return rc;
}

static enum rc
put_notes(struct jw *w, const struct run_facts *f, const char *step, struct err *err)
{
    enum rc rc = RC_OK;
    jw_arr(w, "notes");
    for (size_t i = 0; rc == RC_OK && i < f->note_count; i++) {
        const struct entry *e = f->notes[i];
        const char *of = json_gets(e->body, "step");
        if (step == NULL ? of != NULL : (of == NULL || strcmp(of, step) != 0))
            continue;
        jw_obj(w, NULL);
        jw_str(w, "at", e->at);
        jw_str(w, "text", json_gets(e->body, "text"));
        rc = put_by(w, f, e, err);
        put_hash(w, "entry", e);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return rc;
}

static enum rc
put_step(struct jw *w, const struct run_facts *f, size_t i, struct err *err)
{
    const struct step *s = &f->run->book->steps[i];
    int64_t began, ended;
    enum rc rc = RC_OK;
    run_facts_span(f, i, &began, &ended);
    jw_obj(w, NULL);
    jw_str(w, "id", s->id);
    jw_str(w, "kind", step_kind_name(s->kind));
    jw_str(w, "title", s->title);
    jw_str(w, "state", step_state_name(f->run->steps[i].state));
    jw_opt(w, "reason", f->run->steps[i].reason);
    put_time(w, "begun_at", began);
    put_time(w, "ended_at", ended);
    if (began >= 0 && ended >= 0)
        jw_int(w, "ms", ended - began);
    if (s->budget_ms > 0) {
        jw_int(w, "budget_ms", s->budget_ms);
        jw_bool(w, "over_budget", began >= 0 && ended >= 0 && ended - began > s->budget_ms);
    }
    jw_arr(w, "attempts");
    for (size_t k = 0; rc == RC_OK && k < f->attempt_count; k++) {
        if (f->attempts[k].step == i)
            rc = put_attempt(w, f, &f->attempts[k], err);
    }
    jw_end_arr(w);
    if (rc == RC_OK)
        rc = put_notes(w, f, s->id, err);
    jw_end_obj(w);
    return rc;
}

static enum rc
put_steps(struct jw *w, const struct run_facts *f, struct err *err)
{
    enum rc rc = RC_OK;
    jw_arr(w, "steps");
    for (size_t i = 0; rc == RC_OK && i < f->run->book->count; i++) {
        if (run_has(f->run, i))
            rc = put_step(w, f, i, err);
    }
    jw_end_arr(w);
    jw_arr(w, "left_out");
    for (size_t i = 0; i < f->run->book->count; i++) {
        if (!run_has(f->run, i))
            jw_str(w, NULL, f->run->book->steps[i].id);
    }
    jw_end_arr(w);
    return rc;
}

/* ---- the rest ---- */

static enum rc
put_shown(struct jw *w, const struct run_facts *f, struct err *err)
{
    enum rc rc = RC_OK;
    jw_arr(w, "revealed");
    for (size_t i = 0; rc == RC_OK && i < f->shown_count; i++) {
        const struct run_shown *s = &f->shown[i];
        const struct json *body = s->intended->body;
        jw_obj(w, NULL);
        jw_str(w, "key", s->key);
        jw_opt(w, "key_uuid", json_gets(body, "key"));
        jw_opt(w, "to", json_gets(body, "to"));
        jw_opt(w, "terminal", json_gets(body, "terminal"));
        jw_opt(w, "reason", json_gets(body, "reason"));
        jw_str(w, "intended_at", s->intended->at);
        jw_bool(w, "shown", s->shown != NULL);
        jw_opt(w, "shown_at", s->shown != NULL ? s->shown->at : NULL);
        jw_opt(w, "closed_at", s->closed != NULL ? s->closed->at : NULL);
        jw_opt(w, "root", s->root);
        jw_opt(w, "request", s->shown != NULL ? json_gets(s->shown->body, "request") : NULL);
        rc = put_by(w, f, s->intended, err);
        put_hash(w, "entry", s->intended);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return rc;
}

static enum rc
put_assents(struct jw *w, const struct run_facts *f, struct err *err)
{
    enum rc rc = RC_OK;
    jw_opt(w, "alone", run_facts_said(f, "alone"));
    jw_arr(w, "approvals");
    for (size_t i = 0; rc == RC_OK && i < f->assent_count; i++) {
        const struct run_assent *a = &f->assents[i];
        jw_obj(w, NULL);
        jw_str(w, "at", a->e->at);
        jw_str(w, "how", assent_word(a));
        jw_str(w, "who", a->who);
        jw_opt(w, "step", a->step);
        jw_opt(w, "public_key", json_gets(a->e->body, "public_key"));
        jw_opt(w, "signature", json_gets(a->e->body, "signature"));
        rc = put_by(w, f, a->e, err);
        put_hash(w, "entry", a->e);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return rc;
}

static void
put_gaps(struct jw *w, const struct run_facts *f)
{
    jw_arr(w, "gaps");
    for (size_t i = 0; i < f->gap_count; i++) {
        jw_obj(w, NULL);
        jw_str(w, "code", f->gaps[i].code);
        jw_opt(w, "step", f->gaps[i].step);
        jw_str(w, "text", f->gaps[i].text);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void
put_head(struct jw *w, const struct run_facts *f, const struct report_about *about)
{
    const struct run *run = f->run;
    jw_str(w, "made_at", about->made_at);
    jw_str(w, "made_by", about->version);
    jw_str(w, "run", run->record.id);
    jw_str(w, "mode", run->record.drill ? "drill" : "real");
    jw_bool(w, "blind", run_facts_blind(f));
    jw_obj(w, "runbook");
    jw_str(w, "id", run->record.runbook);
    jw_str(w, "title", run->book->title);
    jw_str(w, "sha256", run->book->sha256);
    jw_str(w, "entry", run->record.text);
    jw_bool(w, "current", f->text_is_current);
    jw_bool(w, "as_shipped", about->as_shipped);
    if (run->book->rto_ms > 0)
        jw_int(w, "rto_ms", run->book->rto_ms);
    jw_end_obj(w);
    jw_obj(w, "escrow");
    jw_str(w, "id", f->store->escrow);
    jw_str(w, "name", f->store->name);
    jw_end_obj(w);
    jw_str(w, "begun_at", run->record.at);
    jw_bool(w, "finished", f->finished != NULL);
    put_time(w, f->finished != NULL ? "ended_at" : "last_at", f->last_ms);
    jw_int(w, "rto_ms", f->last_ms - f->began_ms);
    if (run->book->rto_ms > 0)
        jw_bool(w, "over_rto", f->last_ms - f->began_ms > run->book->rto_ms);
    if (run_facts_rpo(f) >= 0)
        jw_int(w, "rpo_ms", run_facts_rpo(f));
    put_raw(w, "started", f->started != NULL ? f->started->body : NULL);
    jw_obj(w, "words");
    for (size_t i = 0; i < RUN_WORDS && runbook_word(i) != NULL; i++)
        jw_opt(w, runbook_word(i), run->words[i]);
    jw_end_obj(w);
}

enum rc
run_report_json(struct jw *w, const struct run_facts *f, const struct report_about *about,
                struct err *err)
{
    put_head(w, f, about);
    put_gaps(w, f);
    enum rc rc = put_steps(w, f, err);
    if (rc == RC_OK)
        rc = put_notes(w, f, NULL, err);
    if (rc == RC_OK)
        rc = put_shown(w, f, err);
    drill_rows_json(w, "drilled", f->drilled, f->drilled_count);
    if (rc == RC_OK)
        rc = put_assents(w, f, err);
    origin_json(w, &f->origin);
    return rc;
}
