#include "cli/recover/run_start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/keys/officer.h"
#include "cli/layout.h"
#include "cli/out.h"
#include "cli/recover/run_blind.h"
#include "cli/recover/run_brief.h"
#include "cli/recover/run_pick.h"
#include "cli/recover/runbook_load.h"
#include "cli/session.h"
#include "recover/run.h"
#include "sys/term.h"
#include "text/jw.h"

struct starting {
    struct ctx *ctx;
    struct runbook *book;
    const struct ini *answers; /* NULL: somebody is at the terminal */
    const struct who *who;
    struct run_pick pick;
    char *words[RUN_WORDS];
    char text_entry[HASH_TEXT + 1];
    char blind[UUID_TEXT + 1]; /* --blind: the key; else "" */
    char id[UUID_TEXT + 1];
};

static enum rc
ask_word(struct starting *s, size_t i, struct err *err)
{
    char value[LIMIT_TEXT + 1];
    char prompt[160];
    const char *word = runbook_word(i);
    const char *given = s->answers != NULL ? ini_get(s->answers, "words", NULL, word) : NULL;
    if (s->words[i] != NULL)
        return RC_OK;
    if (strcmp(word, "lost") == 0 && opt_has(&s->ctx->opts, OPT_LOST))
        given = opt_get(&s->ctx->opts, OPT_LOST);
    if (strcmp(word, "key") == 0 && s->pick.key[0] != '\0')
        given = s->pick.key;
    if (given != NULL)
        return run_word_set(s->words, word, given, err);
    if (s->answers != NULL || s->ctx->no_input)
        return RC_OK; /* the step that needs it will say so */
    (void)snprintf(prompt, sizeof prompt, "%s (Enter: not known yet): ", runbook_word_means(i));
    enum rc rc = layout_ask(value, sizeof value, prompt, err);
    if (rc == RC_NO_TERMINAL)
        (void)err_hint(err, "or say what is to be answered: --answers FILE; begin it for somebody "
                            "else to go on: --no-input");
    return rc == RC_OK && value[0] != '\0' ? run_word_set(s->words, word, value, err) : rc;
}

/* Only those that the runbook uses. */
static enum rc
ask_words(struct starting *s, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && runbook_word(i) != NULL; i++) {
        char braces[40];
        (void)snprintf(braces, sizeof braces, "{%s}", runbook_word(i));
        if (strstr(s->book->text, braces) != NULL && strcmp(runbook_word(i), RUN_OFFICER) != 0)
            rc = ask_word(s, i, err);
    }
    return rc;
}

static const char *
said(const struct starting *s, const char *word)
{
    size_t i = 0;
    while (strcmp(runbook_word(i), word) != 0)
        i++;
    return s->words[i];
}

/* Of a file that says that it wants no passphrase, there is none. */
static enum rc
find_officer(struct starting *s, struct err *err)
{
    char officer[KEY_NAME_BYTES + 24] = "";
    const struct run_pick *p = &s->pick;
    enum rc rc = RC_OK;
    if (p->file == NULL || p->bco.security_officer)
        rc = officer_word(s->ctx->store, said(s, "key"), p->file != NULL ? p->bco.created : NULL,
                          officer, err);
    if (rc == RC_OK && officer[0] == '\0' && p->file != NULL && p->bco.security_officer)
        out_warn(
            s->ctx,
            "%s wants a Security Officer's passphrase, and none goes with %s here; who has it?",
            p->file, p->key);
    return rc == RC_OK && officer[0] != '\0' ? run_word_set(s->words, RUN_OFFICER, officer, err)
                                             : rc;
}

static enum rc
same_text(void *arg, const struct runbook_entry *e, struct err *err)
{
    struct starting *s = arg;
    (void)err;
    if (strcmp(e->text, s->book->text) == 0)
        (void)snprintf(s->text_entry, sizeof s->text_entry, "%s", e->entry);
    return RC_OK;
}

/* The text has to be in the log, for whoever takes the run up. */
static enum rc
keep_text(struct starting *s, struct err *err)
{
    enum rc rc = runbook_each(s->ctx->store, s->book->id, same_text, s, err);
    if (rc != RC_OK || s->text_entry[0] != '\0')
        return rc;
    return runbook_record(s->ctx, s->book, s->text_entry, err);
}

/* Whoever follows it knows the text of the last time; what is other now must not come as a
 * surprise. */
struct last_time {
    const char *runbook;
    char text[HASH_TEXT + 1];
};

static enum rc
take_last(void *arg, const struct run_record *r, struct err *err)
{
    struct last_time *l = arg;
    (void)err;
    if (l->text[0] == '\0' && strcmp(r->runbook, l->runbook) == 0)
        (void)snprintf(l->text, sizeof l->text, "%s", r->text);
    return RC_OK;
}

static enum rc
former_text(const struct starting *s, struct buf *text, struct err *err)
{
    struct last_time last = {.runbook = s->book->id};
    struct runbook_former f;
    enum rc rc = run_each(s->ctx->store, take_last, &last, err);
    if (rc != RC_OK || last.text[0] != '\0')
        return rc == RC_OK ? run_text(s->ctx->store, last.text, text, err) : rc;
    rc = runbook_former(s->ctx, s->book->id, &f, err);
    buf_adds(text, buf_str(&f.text));
    runbook_former_release(&f);
    return rc;
}

static enum rc
show_change(struct starting *s, struct err *err)
{
    struct buf former;
    buf_init(&former, LIMIT_ENTRY);
    enum rc rc = former_text(s, &former, err);
    if (rc == RC_OK && former.len > 0 && strcmp(buf_str(&former), s->book->text) != 0)
        rc = runbook_changed(s->ctx, buf_str(&former), s->book,
                             "This is not the text of the last time. Follow it all the same?", err);
    buf_release(&former);
    return rc;
}

/* How old what is known here was when it began: nothing later can be recovered by it. */
static enum rc
put_facts(struct starting *s, struct jw *w, struct err *err)
{
    char newest[TIME_TEXT + 1];
    enum rc rc = run_brief_newest(s->ctx->store, NULL, newest, err);
    jw_opt(w, "newest", newest);
    jw_opt(w, "from", opt_get(&s->ctx->opts, OPT_FROM));
    jw_opt(w, "until", s->ctx->until);
    run_pick_write(w, &s->pick);
    return rc;
}

static enum rc
put_started(struct starting *s, struct err *err)
{
    struct buf body;
    struct jw w;
    random_uuid(s->id);
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "run", s->id);
    jw_str(&w, "runbook", s->book->id);
    jw_str(&w, "sha256", s->book->sha256);
    jw_str(&w, "text", s->text_entry);
    jw_str(&w, "mode", opt_has(&s->ctx->opts, OPT_DRILL) ? "drill" : "real");
    jw_opt(&w, "person", s->who->person);
    jw_opt(&w, "alone", opt_get(&s->ctx->opts, OPT_ALONE));
    if (s->blind[0] != '\0') {
        jw_bool(&w, "blind", 1);
        jw_str(&w, "key", s->blind);
    }
    jw_obj(&w, "words");
    for (size_t i = 0; i < RUN_WORDS && runbook_word(i) != NULL; i++)
        jw_opt(&w, runbook_word(i), s->words[i]);
    jw_end_obj(&w);
    enum rc rc = put_facts(s, &w, err);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = session_record(s->ctx, "run.started", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
start_blind(struct starting *s, struct err *err)
{
    enum rc rc = run_blind_begin(s->ctx, s->answers, &s->book, s->words, s->blind, err);
    if (rc == RC_OK)
        rc = keep_text(s, err);
    return rc == RC_OK ? put_started(s, err) : rc;
}

static enum rc
start_led(struct starting *s, struct err *err)
{
    const char *ref = s->ctx->opts.arg_count > 0 ? opt_arg(&s->ctx->opts, 0) : "total-loss";
    enum runbook_source source;
    enum rc rc = runbook_load(s->ctx, &s->book, &source, ref, err);
    if (rc == RC_OK)
        rc = runbook_check(s->ctx, s->book, err);
    if (rc == RC_OK)
        rc = runbook_refuse(s->book, ref, err);
    if (rc == RC_OK)
        rc = show_change(s, err);
    if (rc == RC_OK)
        rc = run_pick(&s->pick, s->ctx, err);
    if (rc == RC_OK)
        rc = ask_words(s, err);
    if (rc == RC_OK)
        rc = find_officer(s, err);
    if (rc == RC_OK)
        rc = keep_text(s, err);
    return rc == RC_OK ? put_started(s, err) : rc;
}

enum rc
run_begin(struct ctx *ctx, const struct ini *answers, const struct who *who, char id[UUID_TEXT + 1],
          struct err *err)
{
    struct starting s = {.ctx = ctx, .answers = answers, .who = who};
    enum rc rc = opt_has(&ctx->opts, OPT_BLIND) ? start_blind(&s, err) : start_led(&s, err);
    memcpy(id, s.id, sizeof s.id);
    for (size_t i = 0; i < RUN_WORDS; i++)
        free(s.words[i]);
    runbook_free(s.book);
    return rc;
}
