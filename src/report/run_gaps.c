/* What is missing from a run that went as its runbook says. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/run_facts.h"

enum { GAP_TEXT = 8192 };

static enum rc PRINTF(5, 6) gap(struct run_facts *f, const char *code, const char *step,
                                struct err *err, const char *fmt, ...)
{
    char text[GAP_TEXT];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct run_gap *gaps = realloc(f->gaps, (f->gap_count + 1) * sizeof *gaps);
    if (gaps == NULL)
        return err_nomem(err);
    f->gaps = gaps;
    struct run_gap *g = &gaps[f->gap_count];
    *g = (struct run_gap){code, step, strdup(text)};
    if (g->text == NULL)
        return err_nomem(err);
    f->gap_count++;
    return RC_OK;
}

/* ---- of a step ---- */

static enum rc
step_ended(struct run_facts *f, size_t i, struct err *err)
{
    const struct step *s = &f->run->book->steps[i];
    const struct run_step *at = &f->run->steps[i];
    switch (at->state) {
    case RUN_SKIPPED:
        return gap(f, "skipped", s->id, err, "%s: skipped: %s", s->title, at->reason);
    case RUN_FAILED:
        return gap(f, "failed", s->id, err, "%s: failed%s%s", s->title,
                   at->reason[0] != '\0' ? ": " : "", at->reason);
    case RUN_DOUBT:
        return gap(f, "in-doubt", s->id, err, "%s: begun, and how it ended is not known", s->title);
    case RUN_OPEN:
        return gap(f, "open", s->id, err, "%s: not done yet", s->title);
    case RUN_DONE:
        break;
    }
    return at->exit == 0 ? RC_OK
                         : gap(f, "findings", s->id, err,
                               "%s: its command ended %d: done, but partly or with findings",
                               s->title, at->exit);
}

/* What went wrong before it went right. */
static enum rc
step_tried(struct run_facts *f, size_t i, struct err *err)
{
    const struct step *s = &f->run->book->steps[i];
    size_t failed = 0, doubt = 0, last = f->attempt_count;
    for (size_t k = 0; k < f->attempt_count; k++) {
        const struct run_attempt *a = &f->attempts[k];
        if (a->step != i)
            continue;
        failed += a->state == RUN_FAILED;
        doubt += a->ended == NULL;
        last = k;
    }
    /* What the last attempt came to has been said. */
    failed -= last < f->attempt_count && f->attempts[last].state == RUN_FAILED && failed > 0;
    doubt -= last < f->attempt_count && f->attempts[last].ended == NULL && doubt > 0;
    enum rc rc = RC_OK;
    if (failed > 0)
        rc = gap(f, "failed-before", s->id, err, "%s: failed %zu time%s before", s->title, failed,
                 failed == 1 ? "" : "s");
    if (rc == RC_OK && doubt > 0)
        rc = gap(f, "broken-off", s->id, err, "%s: broken off %zu time%s before", s->title, doubt,
                 doubt == 1 ? "" : "s");
    return rc;
}

static enum rc
step_took(struct run_facts *f, size_t i, struct err *err)
{
    const struct step *s = &f->run->book->steps[i];
    char took[SPAN_TEXT], budget[SPAN_TEXT];
    int64_t began, ended;
    run_facts_span(f, i, &began, &ended);
    if (s->budget_ms == 0 || began < 0 || ended < 0 || ended - began <= s->budget_ms)
        return RC_OK;
    sheet_span(took, ended - began);
    sheet_span(budget, s->budget_ms);
    return gap(f, "over-budget", s->id, err, "%s: took %s; its budget is %s", s->title, took,
               budget);
}

/* Names that were typed where a signature could be. */
static enum rc
step_agreed(struct run_facts *f, size_t i, struct err *err)
{
    const struct step *s = &f->run->book->steps[i];
    int signed_by = 0, attested = 0;
    for (size_t k = 0; k < f->assent_count; k++) {
        const struct run_assent *a = &f->assents[k];
        int its = strcmp(a->step, s->id) == 0 && assent_counts(a);
        signed_by += its && a->what == APPROVAL_SIGNED;
        attested += its && a->what == APPROVAL_ATTESTED;
    }
    if (s->approvers == 0 || f->run->steps[i].state != RUN_DONE || signed_by >= s->approvers)
        return RC_OK;
    return gap(f, "not-signed", s->id, err,
               "%s: %d of %d approvals signed, %d attested by a name that was typed", s->title,
               signed_by, s->approvers, attested);
}

static enum rc
of_steps(struct run_facts *f, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < f->run->book->count; i++) {
        if (!run_has(f->run, i))
            continue;
        if (f->finished != NULL || f->run->steps[i].state != RUN_OPEN)
            rc = step_ended(f, i, err);
        if (rc == RC_OK)
            rc = step_tried(f, i, err);
        if (rc == RC_OK)
            rc = step_took(f, i, err);
        if (rc == RC_OK)
            rc = step_agreed(f, i, err);
    }
    return rc;
}

/* ---- of the whole ---- */

static enum rc
of_signatures(struct run_facts *f, struct err *err)
{
    const char *why = run_facts_said(f, "alone");
    size_t open = 0;
    enum rc rc = RC_OK;
    for (size_t k = 0; rc == RC_OK && k < f->assent_count; k++) {
        const struct run_assent *a = &f->assents[k];
        if (!assent_counts(a))
            rc = gap(f, "not-approved", a->step, err, "%s by %s: %s", assent_word(a), a->who,
                     a->judged != NULL ? a->judged->why : "it says too little");
    }
    if (rc != RC_OK || approval_alone(f->run, &open) == 0)
        return rc;
    rc = gap(f, "alone", "", err, "done alone: %s", why != NULL ? why : "no reason was given");
    if (rc == RC_OK && open > 0)
        rc = gap(f, "not-countersigned", "", err, "nobody has countersigned it yet");
    return rc;
}

static enum rc
of_time(struct run_facts *f, struct err *err)
{
    char took[SPAN_TEXT], rto[SPAN_TEXT];
    int64_t target = f->run->book->rto_ms;
    if (f->finished == NULL) {
        size_t next = run_next(f->run);
        return next < f->run->book->count
                   ? gap(f, "goes-on", "", err, "not finished: the next step is %s",
                         f->run->book->steps[next].title)
                   : gap(f, "goes-on", "", err, "not finished");
    }
    if (target == 0 || f->last_ms - f->began_ms <= target)
        return RC_OK;
    sheet_span(took, f->last_ms - f->began_ms);
    sheet_span(rto, target);
    return gap(f, "over-rto", "", err, "the whole took %s; its target is %s", took, rto);
}

static enum rc
of_drills(struct run_facts *f, struct err *err)
{
    size_t bad = 0;
    for (size_t i = 0; i < f->drilled_count; i++)
        bad += f->drilled[i].outcome != DRILL_PROVEN;
    return bad == 0 ? RC_OK
                    : gap(f, "drill", "", err, "%zu of %zu drill results prove nothing", bad,
                          f->drilled_count);
}

/* Their times and accounts are those of whoever said them again. */
static enum rc
of_restated(struct run_facts *f, struct err *err)
{
    size_t again = origin_restated(&f->evidence);
    return again == 0 ? RC_OK
                      : gap(f, "said-again", "", err, ORIGIN_AGAIN, again, f->evidence.count);
}

enum rc
run_gaps_find(struct run_facts *f, struct err *err)
{
    const char *sha = f->started != NULL ? json_gets(f->started->body, "sha256") : NULL;
    enum rc rc = of_signatures(f, err);
    if (rc == RC_OK)
        rc = of_steps(f, err);
    if (rc == RC_OK)
        rc = of_time(f, err);
    if (rc == RC_OK)
        rc = of_drills(f, err);
    if (rc == RC_OK)
        rc = of_restated(f, err);
    if (rc == RC_OK && (sha == NULL || strcmp(sha, f->run->book->sha256) != 0))
        rc = gap(f, "text", "", err, "the run names the runbook's text %.64s, not this one",
                 sha != NULL ? sha : "by no hash");
    return rc;
}
