#include "cli/recover/run_blind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/layout.h"
#include "cli/out.h"
#include "cli/people/who.h"
#include "cli/recover/run_entry.h"
#include "cli/ref.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"
#include "recover/recovered.h"
#include "sys/file.h"
#include "sys/term.h"
#include "text/time.h"
#include "text/uni.h"

enum { NARROW = 30, WIDE = 100, TICK_MS = 1000, PLAIN_TICK_MS = 60 * 1000 };

struct blind {
    struct ctx *ctx;
    struct run *run;
    const struct ini *answers;
    struct key key;
    char label[SHOWING_LABEL];
    struct check_value want;
    struct who who;
    int64_t began; /* as recorded */
    int fd;        /* the terminal; -1: none to ask at */
    int plain;     /* nothing is written over */
};

static int64_t
elapsed(const struct blind *b)
{
    int64_t ms = clock_now_ms() - b->began;
    return ms < 0 ? 0 : ms; /* a clock that was put back */
}

static const char *
answer(const struct blind *b, const char *key)
{
    return b->answers != NULL ? ini_get(b->answers, "blind", NULL, key) : NULL;
}

/* ---- entries ---- */

static enum rc
put_mismatch(struct blind *b, struct err *err)
{
    struct buf body;
    struct jw w;
    run_entry(&body, &w, b->run->record.id);
    jw_str(&w, "step", b->run->book->steps[0].id);
    jw_str(&w, "text", "what was typed is not the password");
    jw_opt(&w, "person", b->who.person);
    return run_entry_put(b->ctx, "run.note", &body, &w, err);
}

/* key, blind, result and person make it a recovery of that key by that person. */
static enum rc
put_ended(struct blind *b, const char *reason, struct err *err)
{
    struct buf body;
    struct jw w;
    struct run_step *s = &b->run->steps[0];
    s->state = reason == NULL ? RUN_DONE : RUN_FAILED;
    s->ms = elapsed(b);
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason != NULL ? reason : "");
    (void)snprintf(s->person, sizeof s->person, "%s", b->who.person);
    run_entry(&body, &w, b->run->record.id);
    jw_str(&w, "step", b->run->book->steps[0].id);
    jw_bool(&w, "blind", 1);
    jw_str(&w, "key", b->key.uuid);
    jw_str(&w, "result", step_state_name(s->state));
    jw_opt(&w, "person", b->who.person);
    jw_opt(&w, "reason", reason);
    jw_int(&w, "ms", s->ms);
    return run_entry_put(b->ctx, "run.ended", &body, &w, err);
}

static enum rc
put_finished(struct blind *b, struct err *err)
{
    struct buf body;
    struct jw w;
    const struct run_step *s = &b->run->steps[0];
    run_entry(&body, &w, b->run->record.id);
    jw_str(&w, "result", step_state_name(s->state));
    jw_opt(&w, "person", s->person);
    jw_int(&w, "ms", s->ms);
    return run_entry_put(b->ctx, "run.finished", &body, &w, err);
}

/* ---- at the terminal ---- */

static enum rc
say(const struct blind *b, const char *text, struct err *err)
{
    return file_write_fd(b->fd, text, strlen(text), "the terminal", err);
}

/* Shows the time until a key is pressed. */
static enum rc
wait_key(const struct blind *b, int *key, struct err *err)
{
    char clock[RUN_CLOCK], line[RUN_CLOCK + 16];
    enum rc rc = term_raw_begin(err);
    for (*key = 0; rc == RC_OK && *key == 0;) {
        run_clock(clock, elapsed(b));
        (void)snprintf(line, sizeof line, b->plain ? "%s\n" : "\r%s ", clock);
        rc = say(b, line, err);
        if (rc == RC_OK)
            *key = term_key(b->plain ? PLAIN_TICK_MS : TICK_MS);
    }
    term_restore();
    if (rc == RC_OK && *key < 0)
        rc = err_set(err, RC_INTERRUPTED, "interrupted");
    if (rc == RC_OK && !b->plain)
        rc = say(b, "\n", err);
    return rc;
}

static enum rc
ask_who(struct blind *b, struct err *err)
{
    char name[LIMIT_TEXT + 1] = "";
    const char *given = answer(b, "by");
    if (given == NULL)
        given = opt_get(&b->ctx->opts, OPT_AS);
    if (b->who.person[0] != '\0')
        return RC_OK;
    if (given == NULL && b->fd < 0)
        return err_set(err, RC_RUN_PAUSED, "nobody says who got it back: [blind] by = or --as");
    while (given == NULL && name[0] == '\0') {
        enum rc rc = layout_ask(name, sizeof name, "who got it back, for the record? ", err);
        if (rc != RC_OK)
            return rc;
    }
    return who_named(b->ctx, &b->who, given != NULL ? given : name, "the name", err);
}

/* *match -1: nothing was typed. What was typed is compared and forgotten. */
static enum rc
compare(struct blind *b, int *match, struct err *err)
{
    struct secret *typed = NULL;
    char what[SHOWING_LABEL + 16];
    const char *ref = answer(b, "typed");
    *match = -1;
    (void)snprintf(what, sizeof what, "password of %s", b->label);
    enum rc rc = ask_who(b, err);
    if (rc == RC_OK)
        rc = ref_read(&typed, ref != NULL ? ref : "prompt", what, err);
    if (rc == RC_CREDENTIAL && ref == NULL) {
        err_clear(err);
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = check_compare(match, &b->want, typed, b->key.uuid, err);
    secret_free(typed);
    return rc == RC_OK && *match == 0 ? put_mismatch(b, err) : rc;
}

static enum rc
pause_here(const struct blind *b, struct err *err)
{
    (void)err_set(err, RC_RUN_PAUSED, "the blind drill of %s is paused; its clock goes on",
                  b->label);
    memcpy(err->entry, b->ctx->store->stored, sizeof err->entry);
    return err_hint(err, "go on: keymuster -C %s recover resume %.8s", b->ctx->store->dir,
                    b->run->record.id);
}

static enum rc
give_up(struct blind *b, struct err *err)
{
    char reason[LIMIT_TEXT + 1];
    enum rc rc = layout_ask(reason, sizeof reason, "why is it given up (Enter: it is not)? ", err);
    if (rc != RC_OK || reason[0] == '\0')
        return rc;
    rc = text_check(reason, "the reason", err);
    return rc == RC_OK ? put_ended(b, reason, err) : rc;
}

static enum rc
at_terminal(struct blind *b, struct err *err)
{
    unsigned width = 0, height = 0;
    struct buf page;
    term_size(b->fd, &width, &height);
    buf_init(&page, RUN_BLIND_PAGE);
    enum rc rc = run_blind_page(b->ctx, b->run, &b->key, &page,
                                width < NARROW ? NARROW
                                : width > WIDE ? WIDE
                                               : width,
                                err);
    if (rc == RC_OK)
        rc = buf_check(&page, "the page", err);
    if (rc == RC_OK)
        rc = say(b, buf_str(&page), err);
    buf_release(&page);
    while (rc == RC_OK && b->run->steps[0].state == RUN_OPEN) {
        int key = 0;
        int match = -1;
        rc = wait_key(b, &key, err);
        if (rc == RC_OK && key == 'p')
            return pause_here(b, err);
        if (rc == RC_OK && key == 'q')
            rc = give_up(b, err);
        else if (rc == RC_OK && key == '\n')
            rc = compare(b, &match, err);
        if (rc == RC_BAD_VALUE) { /* too long for an answer, or no name */
            rc = say(b, "that does not fit; once more\n", err);
            continue;
        }
        if (rc == RC_OK && match == 0)
            rc = say(b, "NO MATCH; the clock goes on\n", err);
        else if (rc == RC_OK && match == 1)
            rc = put_ended(b, NULL, err);
    }
    return rc;
}

/* ---- without one ---- */

static enum rc
by_answers(struct blind *b, struct err *err)
{
    struct buf places;
    char clock[RUN_CLOCK];
    int match = -1;
    const char *reason = answer(b, "reason");
    buf_init(&places, RUN_BLIND_PAGE);
    enum rc rc = run_blind_places(b->ctx, &b->key, &places, err);
    run_clock(clock, elapsed(b));
    if (rc == RC_OK)
        out_note(b->ctx, "blind drill of %s, %s since it began; the colleague's page is\n%s",
                 b->label, clock, buf_str(&places));
    buf_release(&places);
    if (rc != RC_OK)
        return rc;
    if (reason != NULL) {
        rc = answer(b, "by") != NULL ? ask_who(b, err) : RC_OK;
        if (rc == RC_OK)
            rc = text_check(reason, "the reason", err);
        return rc == RC_OK ? put_ended(b, reason, err) : rc;
    }
    if (answer(b, "typed") == NULL)
        return pause_here(b, err);
    rc = compare(b, &match, err);
    if (rc == RC_OK && match == 1)
        return put_ended(b, NULL, err);
    if (rc == RC_OK)
        out_note(b->ctx, "NO MATCH; the clock goes on");
    return rc == RC_OK ? pause_here(b, err) : rc;
}

/* ---- the whole ---- */

struct counting {
    const char *run;
    int counts;
};

static enum rc
is_this(void *arg, const struct recovered *r, struct err *err)
{
    struct counting *c = arg;
    (void)err;
    c->counts |= strcmp(r->run, c->run) == 0;
    return RC_OK;
}

/* Only words: what is recorded is recorded. */
static void
tell(const struct blind *b)
{
    struct err scratch = ERR_INIT;
    char ref[KEY_REF];
    const struct run_step *s = &b->run->steps[0];
    struct counting c = {b->run->record.id, 0};
    if (s->state != RUN_DONE)
        return;
    if (recovered_each(b->ctx->store, is_this, &c, &scratch) == RC_OK && !c.counts)
        out_warn(b->ctx, "that was the administrator; status waits for somebody else");
    out_note(b->ctx, "%s knows it now, so a new one must follow: keymuster rekey %s",
             b->who.name[0] != '\0' ? b->who.name : s->person,
             key_ref_said(ref, b->ctx->store, &b->key));
    out_note(b->ctx, "what their machine recorded comes with: keymuster sync");
}

static enum rc
prepare(struct blind *b, struct err *err)
{
    struct err none = ERR_INIT;
    enum rc rc = key_find(b->ctx->store, b->run->record.key, &b->key, err);
    if (rc == RC_OK)
        rc = run_blind_check(b->ctx, &b->key, &b->want, err);
    if (rc != RC_OK)
        return rc;
    showing_label(b->label, &b->key);
    if (time_parse(&b->began, b->run->record.at) != 0)
        b->began = clock_now_ms();
    b->plain = term_is_plain();
    if (b->answers != NULL || b->ctx->no_input || term_open(&b->fd, &none) != RC_OK)
        b->fd = -1;
    if (session_publish(b->ctx, &none) != RC_OK) /* so that the page is there, and of today */
        out_warn(b->ctx, "not published: %s", none.msg);
    return RC_OK;
}

enum rc
run_blind_play(struct ctx *ctx, struct run *run, const struct ini *answers, struct err *err)
{
    struct blind b = {.ctx = ctx, .run = run, .answers = answers, .fd = -1};
    if (run->record.finished[0] != '\0') {
        (void)err_set(err, RC_RUN_OVER, "the run %.8s ended on %s", run->record.id,
                      run->record.finished);
        return err_hint(err, "see what was done: keymuster recover show %.8s", run->record.id);
    }
    enum rc rc =
        run->book->count == 1 ? RC_OK : err_set(err, RC_RUNBOOK, "this is no blind drill's text");
    if (rc == RC_OK)
        rc = prepare(&b, err);
    if (rc == RC_OK && run->steps[0].state == RUN_OPEN)
        rc = b.fd >= 0 ? at_terminal(&b, err) : by_answers(&b, err);
    /* Ctrl-C and a terminal that went away are a pause. */
    if (rc == RC_INTERRUPTED || rc == RC_NO_TERMINAL)
        return pause_here(&b, err);
    if (rc == RC_RUN_PAUSED && err->hint[0] == '\0')
        (void)err_hint(err, "go on: keymuster -C %s recover resume %.8s", ctx->store->dir,
                       run->record.id);
    if (rc == RC_OK)
        rc = put_finished(&b, err);
    if (rc != RC_OK)
        return rc;
    ctx->findings += run->steps[0].state != RUN_DONE;
    tell(&b);
    return RC_OK;
}
