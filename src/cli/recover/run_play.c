#include "cli/recover/run_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/keys/officer.h"
#include "cli/layout.h"
#include "cli/out.h"
#include "cli/recover/run_approve.h"
#include "cli/recover/run_brief.h"
#include "cli/recover/run_child.h"
#include "cli/recover/run_loop.h"
#include "cli/recover/run_screen.h"
#include "cli/recover/run_step.h"
#include "cli/session.h"
#include "sys/term.h"
#include "text/enc.h"
#include "text/jw.h"
#include "text/time.h"
#include "text/uni.h"

const char *
run_answer_to(const struct play *p, size_t i, const char *key)
{
    const char *id = p->run->book->steps[i].id;
    return p->answers != NULL ? ini_get(p->answers, "step", id, key) : NULL;
}

/* ---- entries ---- */

void
run_body(struct buf *body, struct jw *w, const struct play *p, size_t i)
{
    run_entry(body, w, p->run->record.id);
    if (i < p->run->book->count)
        jw_str(w, "step", p->run->book->steps[i].id);
    jw_opt(w, "person", p->run->person);
}

static enum rc
put_begun(struct play *p, size_t i, struct err *err)
{
    struct buf body;
    struct jw w;
    run_body(&body, &w, p, i);
    p->run->steps[i].state = RUN_DOUBT;
    return run_entry_put(p->ctx, "run.begun", &body, &w, err);
}

/* How a step ended. fields: a JSON object made here, or NULL. */
struct end {
    enum step_state state;
    const char *reason;
    const char *alone; /* why without a second person; or NULL */
    int exit;          /* -1: no command */
    const struct buf *fields;
    int64_t ms;
};

static enum rc
put_ended(struct play *p, size_t i, const struct end *e, struct err *err)
{
    struct buf body;
    struct jw w;
    struct run_step *s = &p->run->steps[i];
    run_body(&body, &w, p, i);
    jw_str(&w, "result", e->state == RUN_OPEN ? "undone" : step_state_name(e->state));
    jw_opt(&w, "reason", e->reason);
    jw_opt(&w, "alone", e->alone);
    if (e->exit >= 0)
        jw_int(&w, "exit", e->exit);
    if (e->fields != NULL && e->fields->len > 0)
        jw_raw(&w, "fields", buf_str(e->fields), e->fields->len);
    jw_int(&w, "ms", e->ms);
    enum rc rc = run_entry_put(p->ctx, "run.ended", &body, &w, err);
    s->state = e->state;
    s->alone = e->alone != NULL;
    s->exit = e->exit > 0 ? e->exit : 0;
    (void)snprintf(s->reason, sizeof s->reason, "%s", e->reason != NULL ? e->reason : "");
    return rc;
}

static enum rc
put_note(struct play *p, size_t i, const char *text, struct err *err)
{
    struct buf body;
    struct jw w;
    run_body(&body, &w, p, i);
    jw_str(&w, "text", text);
    return run_entry_put(p->ctx, "run.note", &body, &w, err);
}

static enum rc
put_finished(struct play *p, struct err *err)
{
    struct buf body;
    struct jw w;
    int64_t began = 0;
    run_body(&body, &w, p, p->run->book->count);
    if (time_parse(&began, p->run->record.at) == 0)
        jw_int(&w, "ms", clock_now_ms() - began);
    return run_entry_put(p->ctx, "run.finished", &body, &w, err);
}

/* ---- words in braces ---- */

static enum rc
put_word(struct play *p, const char *word, const char *value, struct err *err)
{
    struct buf body;
    struct jw w;
    enum rc rc = run_word_set(p->run->words, word, value, err);
    if (rc != RC_OK)
        return rc;
    run_body(&body, &w, p, p->run->book->count);
    jw_obj(&w, "words");
    jw_str(&w, word, value);
    jw_end_obj(&w);
    return run_entry_put(p->ctx, "run.word", &body, &w, err);
}

/* The passphrase that goes with a key comes with it. */
static enum rc
put_officer(struct play *p, const char *key, struct err *err)
{
    char officer[KEY_NAME_BYTES + 24];
    enum rc rc = officer_word(p->ctx->store, key, NULL, officer, err);
    return rc == RC_OK && officer[0] != '\0' ? put_word(p, RUN_OFFICER, officer, err) : rc;
}

static const char *
means(const char *word)
{
    size_t i = 0;
    while (runbook_word(i) != word)
        i++;
    return runbook_word_means(i);
}

/* What was not known when the run began is asked for by the step that needs it. */
static enum rc
need_words(struct play *p, size_t i, const char *text, struct err *err)
{
    char value[LIMIT_TEXT + 1];
    char prompt[160];
    const char *word;
    enum rc rc = RC_OK;
    while (rc == RC_OK && (word = run_unsaid(p->run, text)) != NULL) {
        const char *given = p->answers != NULL ? ini_get(p->answers, "words", NULL, word) : NULL;
        value[0] = '\0';
        if (given != NULL)
            (void)snprintf(value, sizeof value, "%s", given);
        else if (p->answers != NULL)
            return err_set(err, RC_RUN_PAUSED, "step %s: nobody says what {%s} is: %s",
                           p->run->book->steps[i].id, word, means(word));
        (void)snprintf(prompt, sizeof prompt, "%s: ", means(word));
        while (rc == RC_OK && value[0] == '\0')
            rc = layout_ask(value, sizeof value, prompt, err);
        if (rc == RC_OK)
            rc = put_word(p, word, value, err);
        if (rc == RC_OK && strcmp(word, "key") == 0)
            rc = put_officer(p, value, err);
    }
    return rc;
}

/* ---- fields ---- */

static int
fits(const struct step_field *f, const char *text)
{
    int64_t ms = 0;
    struct err scratch = ERR_INIT;
    size_t len = strlen(text);
    switch (f->type) {
    case FIELD_NUMBER:
        return len > 0 && strspn(text, "0123456789") == len;
    case FIELD_TIME:
        return time_parse(&ms, text) == 0 || date_parse(&ms, text, f->name, &scratch) == RC_OK;
    case FIELD_SHA256:
        return len == HASH_TEXT && strspn(text, "0123456789abcdef") == len;
    case FIELD_CHOICE:
        for (const char *at = f->of; at != NULL; at = strchr(at, '|')) {
            at += *at == '|';
            if (strncmp(at, text, len) == 0 && (at[len] == '|' || at[len] == '\0') && len > 0)
                return 1;
        }
        return 0;
    case FIELD_TEXT:
    case FIELD_CHECK:
        break;
    }
    return text_check(text, f->name, &scratch) == RC_OK;
}

/* A key that a page names, as one word of a command. */
static enum rc
add_key(struct buf *words, const struct play *p, const char *text, struct err *err)
{
    struct buf key;
    buf_init(&key, LIMIT_TEXT);
    enum rc rc = run_fill(&key, p->run, text, err);
    if (rc == RC_OK)
        run_child_word(words, buf_str(&key));
    buf_release(&key);
    return rc;
}

/* What somebody types is compared by keymuster check, which asks for it itself. */
static enum rc
compare(struct play *p, size_t i, const struct step_field *f, char out[LIMIT_TEXT + 1],
        struct err *err)
{
    struct buf words;
    int status = 0;
    buf_init(&words, 4096);
    buf_adds(&words, "check ");
    enum rc rc = need_words(p, i, f->of, err);
    if (rc == RC_OK)
        rc = add_key(&words, p, f->of, err);
    if (rc == RC_OK)
        rc = run_child(&status, p->ctx->store, buf_str(&words), out_is_json(p->ctx), err);
    buf_release(&words);
    (void)snprintf(out, LIMIT_TEXT + 1, "%s", status == 0 ? "matches" : "does not match");
    return rc;
}

/* "" for one that is left out. RC_RUN_PAUSED without anybody to ask. */
static enum rc
ask_field(struct play *p, size_t i, const struct step_field *f, char out[LIMIT_TEXT + 1],
          struct err *err)
{
    char prompt[LIMIT_NAME + 64];
    const char *given = run_answer_to(p, i, f->name);
    out[0] = '\0';
    if (given != NULL && fits(f, given)) {
        (void)snprintf(out, LIMIT_TEXT + 1, "%s", given);
        return RC_OK;
    }
    if (given != NULL || (p->answers != NULL && !f->optional))
        return err_set(err, RC_RUN_PAUSED, "step %s: %s %s", p->run->book->steps[i].id, f->name,
                       given != NULL ? "does not fit its type" : "is not in the answers");
    if (p->answers != NULL)
        return RC_OK;
    if (f->type == FIELD_CHECK) {
        (void)snprintf(prompt, sizeof prompt, "compare %s now? [y/N] ", f->name);
        enum rc rc = layout_ask(out, LIMIT_TEXT, prompt, err);
        int yes = out[0] == 'y' || out[0] == 'Y';
        out[0] = '\0';
        return rc == RC_OK && yes ? compare(p, i, f, out, err) : rc;
    }
    (void)snprintf(prompt, sizeof prompt, "%s%s%s%s: ", f->name, f->type == FIELD_CHOICE ? " " : "",
                   f->type == FIELD_CHOICE ? f->of : "", f->optional ? " (Enter: none)" : "");
    for (;;) {
        enum rc rc = layout_ask(out, LIMIT_TEXT, prompt, err);
        if (rc != RC_OK || (out[0] == '\0' && f->optional) || fits(f, out))
            return rc;
        out_note(p->ctx, "%s does not fit; once more", f->name);
    }
}

static enum rc
ask_fields(struct play *p, size_t i, struct buf *fields, struct err *err)
{
    const struct step *s = &p->run->book->steps[i];
    struct jw w;
    enum rc rc = RC_OK;
    jw_init(&w, fields);
    jw_obj(&w, NULL);
    for (size_t k = 0; rc == RC_OK && k < s->field_count; k++) {
        char value[LIMIT_TEXT + 1];
        rc = ask_field(p, i, &s->fields[k], value, err);
        if (rc == RC_OK)
            jw_opt(&w, s->fields[k].name, value);
    }
    jw_end_obj(&w);
    return rc == RC_OK ? buf_check(fields, "the fields", err) : rc;
}

/* ---- doing a step ---- */

/* The command of a step, or of its kind. */
static enum rc
command_of(const struct play *p, size_t i, struct buf *words, struct err *err)
{
    const struct step *s = &p->run->book->steps[i];
    const char *to = run_answer_to(p, i, "to");
    if (s->run != NULL)
        return run_fill(words, p->run, s->run, err);
    buf_adds(words, p->run->record.drill ? "drill " : "reveal --allow-unsynced ");
    enum rc rc = add_key(words, p, s->key, err);
    buf_addf(words, " --reason \"run %.8s, step %s\"", p->run->record.id, s->id);
    if (to != NULL && !p->run->record.drill) {
        buf_adds(words, " --to ");
        run_child_word(words, to);
    }
    if (uuid_is(p->run->person) && !p->run->record.drill)
        buf_addf(words, " --as %s", p->run->person);
    return rc == RC_OK ? buf_check(words, "a step's command", err) : rc;
}

static enum rc
do_command(struct play *p, size_t i, struct err *err)
{
    struct buf words;
    int64_t began = clock_mono_ms();
    struct end end = {.state = RUN_DONE};
    const struct step *s = &p->run->book->steps[i];
    buf_init(&words, 8192);
    enum rc rc = need_words(p, i, s->run != NULL ? s->run : s->key, err);
    if (rc == RC_OK)
        rc = command_of(p, i, &words, err);
    if (rc == RC_OK)
        rc = put_begun(p, i, err);
    if (rc == RC_OK)
        rc = run_child(&end.exit, p->ctx->store, buf_str(&words), out_is_json(p->ctx), err);
    buf_release(&words);
    if (rc != RC_OK)
        return rc;
    end.ms = clock_mono_ms() - began;
    /* 3 is done with findings; of a password: it did not come out, or was not proven. */
    if (end.exit != 0 && (end.exit != 3 || s->kind == STEP_REVEAL || s->findings_fail))
        end.state = RUN_FAILED;
    p->failed_here |= end.state == RUN_FAILED;
    rc = put_ended(p, i, &end, err);
    return rc == RC_OK && p->answers == NULL ? run_screen_ended(s, end.exit, err) : rc;
}

/* What people do elsewhere: it has begun when its screen was shown. */
static enum rc
do_by_hand(struct play *p, size_t i, int64_t shown, struct err *err)
{
    struct buf fields;
    struct end end = {.state = RUN_DONE, .exit = -1, .fields = &fields};
    enum approve_end approved = APPROVE_DONE;
    enum rc rc = RC_OK;
    if (p->run->book->steps[i].kind == STEP_APPROVE)
        rc = run_approve(p->ctx, p->run, p->answers, i, &approved, err);
    if (rc != RC_OK || approved == APPROVE_BACK)
        return rc;
    end.alone = approved == APPROVE_ALONE ? p->run->alone : NULL;
    buf_init(&fields, LIMIT_BODY / 2);
    if (p->run->book->steps[i].kind == STEP_LOOP)
        rc = run_loop(p, i, err);
    if (rc == RC_OK)
        rc = ask_fields(p, i, &fields, err);
    end.ms = clock_mono_ms() - shown;
    if (rc == RC_OK)
        rc = put_ended(p, i, &end, err);
    buf_release(&fields);
    return rc;
}

static int
has_command(const struct step *s)
{
    return s->kind == STEP_CHECK || s->kind == STEP_ACTION || s->kind == STEP_REVEAL;
}

static enum rc
ask_text(struct play *p, size_t i, const char *key, const char *prompt, char out[LIMIT_TEXT + 1],
         struct err *err)
{
    const char *given = run_answer_to(p, i, key);
    if (given != NULL) {
        (void)snprintf(out, LIMIT_TEXT + 1, "%s", given);
        return RC_OK;
    }
    if (p->answers != NULL)
        return err_set(err, RC_RUN_PAUSED, "step %s: %s = is not in the answers",
                       p->run->book->steps[i].id, key);
    do {
        enum rc rc = layout_ask(out, LIMIT_TEXT, prompt, err);
        if (rc != RC_OK)
            return rc;
    } while (out[0] == '\0');
    return text_check(out, key, err);
}

static enum rc
end_with_reason(struct play *p, size_t i, enum step_state state, struct err *err)
{
    char reason[LIMIT_TEXT + 1];
    struct end end = {.state = state, .reason = reason, .exit = -1};
    enum rc rc = ask_text(p, i, "reason", "why? ", reason, err);
    if (state == RUN_SKIPPED && approval_lacking(p->run, i) > 0)
        end.alone = reason; /* somebody else stands for that, too */
    return rc == RC_OK ? put_ended(p, i, &end, err) : rc;
}

static enum rc
take_note(struct play *p, size_t i, struct err *err)
{
    char text[LIMIT_TEXT + 1];
    enum rc rc = ask_text(p, i, "note", "note: ", text, err);
    return rc == RC_OK ? put_note(p, i, text, err) : rc;
}

/* ---- what comes next ---- */

static enum rc
pause_here(struct play *p, size_t i, struct err *err)
{
    int failed = p->run->steps[i].state == RUN_FAILED;
    (void)err_set(err, failed ? RC_RUN_FAILED : RC_RUN_PAUSED, "%s at step %s: %s",
                  failed ? "stopped" : "paused", p->run->book->steps[i].id,
                  p->run->book->steps[i].title);
    memcpy(err->entry, p->ctx->store->stored, sizeof err->entry);
    if (failed)
        (void)err_hint(err, "it goes on as below; with another word: --word WORD=VALUE, with a "
                            "former step once more: --again STEP");
    return err_hint(err, "go on: keymuster -C %s recover resume %.8s", p->ctx->store->dir,
                    p->run->record.id);
}

/* Without anybody there: what the file says of the step; a check is safe and is run anyway. */
static enum run_choice
answered(const struct play *p, size_t i)
{
    const struct step *s = &p->run->book->steps[i];
    const char *act = run_answer_to(p, i, "do");
    if (p->run->steps[i].state == RUN_FAILED && p->failed_here)
        return CHOOSE_PAUSE;
    if (p->run->steps[i].state == RUN_DOUBT && !s->repeat_safe && s->kind != STEP_CHECK)
        return CHOOSE_PAUSE; /* somebody has to find out */
    if (act == NULL)
        return s->kind == STEP_CHECK || s->kind == STEP_NOTE ? CHOOSE_GO : CHOOSE_PAUSE;
    if (strcmp(act, "skip") == 0)
        return CHOOSE_SKIP;
    return strcmp(act, "run") == 0 || strcmp(act, "done") == 0 ? CHOOSE_GO : CHOOSE_PAUSE;
}

static enum rc
carry_out(struct play *p, size_t i, enum run_choice choice, int64_t shown, struct err *err)
{
    switch (choice) {
    case CHOOSE_GO:
        return has_command(&p->run->book->steps[i]) ? do_command(p, i, err)
                                                    : do_by_hand(p, i, shown, err);
    case CHOOSE_DONE: /* in doubt, and it turned out that it was done */
        return end_with_reason(p, i, RUN_DONE, err);
    case CHOOSE_UNDONE:
        return end_with_reason(p, i, RUN_OPEN, err);
    case CHOOSE_SKIP:
        return end_with_reason(p, i, RUN_SKIPPED, err);
    case CHOOSE_FAILED:
        return end_with_reason(p, i, RUN_FAILED, err);
    case CHOOSE_NOTE:
        return take_note(p, i, err);
    case CHOOSE_PAUSE:
        return pause_here(p, i, err);
    case CHOOSE_AGAIN:
        break;
    }
    return RC_OK;
}

static enum rc
play_step(struct play *p, size_t i, struct err *err)
{
    enum run_choice choice = CHOOSE_AGAIN;
    int64_t shown = clock_mono_ms();
    if (p->answers != NULL) {
        choice = answered(p, i);
    } else {
        enum rc rc = run_screen_step(p->ctx, p->run, i, &choice, err);
        if (rc != RC_OK)
            return rc;
    }
    return carry_out(p, i, choice, shown, err);
}

/* What has to be known before the first screen; a file of answers knows it. */
static enum rc
say_first(struct play *p, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = p->answers == NULL ? run_brief(&text, p->ctx, p->run, err) : RC_OK;
    if (rc == RC_OK && p->answers == NULL)
        rc = run_screen_page(p->ctx, p->run, &text, err);
    buf_release(&text);
    return rc;
}

enum rc
run_play(struct ctx *ctx, struct run *run, const struct ini *answers, struct err *err)
{
    struct play p = {.ctx = ctx, .run = run, .answers = answers};
    enum rc rc;
    size_t i = 0;
    if (run->record.finished[0] != '\0') {
        (void)err_set(err, RC_RUN_OVER, "the run %.8s ended on %s", run->record.id,
                      run->record.finished);
        return err_hint(err, "see what was done: keymuster recover show %.8s", run->record.id);
    }
    rc = say_first(&p, err);
    while ((i = run_next(run)) < run->book->count) {
        if (rc == RC_OK)
            rc = play_step(&p, i, err);
        /* Ctrl-C and a terminal that went away are a pause. */
        if (rc == RC_INTERRUPTED || rc == RC_NO_TERMINAL)
            return pause_here(&p, i, err);
        if (rc == RC_RUN_PAUSED && err->hint[0] == '\0')
            (void)err_hint(err, "go on: keymuster -C %s recover resume %.8s", ctx->store->dir,
                           run->record.id);
        if (rc != RC_OK)
            return rc;
    }
    return put_finished(&p, err);
}
