/* recover start|resume|list|show|note: runs of runbooks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attach.h"
#include "cli/cmd_tables.h"
#include "cli/from.h"
#include "cli/from_export.h"
#include "cli/out.h"
#include "cli/run_approve.h"
#include "cli/run_amend.h"
#include "cli/run_bind.h"
#include "cli/run_brief.h"
#include "cli/run_pick.h"
#include "cli/run_blind.h"
#include "cli/run_play.h"
#include "cli/run_screen.h"
#include "cli/runbook_load.h"
#include "cli/session.h"
#include "cli/who.h"
#include "escrow/runs.h"
#include "sys/file.h"
#include "sys/term.h"
#include "text/uni.h"

/* ---- who plays it ---- */

/* One person at a time, as far as this machine can tell. */
static enum rc
take_run(const struct ctx *ctx, const char *id, int *lock, struct err *err)
{
    char name[UUID_TEXT + 16];
    char path[PATH_SIZE];
    (void)snprintf(name, sizeof name, "run-%.8s.lock", id);
    enum rc rc = path_join(path, ctx->store->dir, name, err);
    if (rc == RC_OK)
        rc = lock_take(lock, path, 0, err);
    if (rc == RC_STORE_BUSY)
        (void)err_hint(err, "somebody follows this run at another terminal");
    return rc;
}

static enum rc
answers_read(const struct ctx *ctx, struct ini **out, struct err *err)
{
    const char *path = opt_get(&ctx->opts, OPT_ANSWERS);
    struct buf text;
    *out = NULL;
    if (path == NULL)
        return RC_OK;
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = file_read(&text, path, err);
    if (rc == RC_OK)
        rc = ini_parse(out, buf_str(&text), text.len, path, err);
    buf_release(&text);
    return rc;
}

static void
write_steps(struct jw *w, const struct run *run)
{
    jw_arr(w, "steps");
    for (size_t i = 0; i < run->book->count; i++) {
        const struct run_step *at = &run->steps[i];
        if (!run_has(run, i))
            continue;
        jw_obj(w, NULL);
        jw_str(w, "id", run->book->steps[i].id);
        jw_str(w, "kind", step_kind_name(run->book->steps[i].kind));
        jw_str(w, "state", step_state_name(at->state));
        jw_opt(w, "reason", at->reason);
        if (at->exit != 0)
            jw_int(w, "exit", at->exit);
        jw_opt(w, "at", at->at);
        run_approve_write(w, run, i);
        jw_opt(w, "author", at->author);
        jw_opt(w, "by", at->by);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

/* Members, or lines of text: who got which key back, and in what time. */
static enum rc
write_blind(struct ctx *ctx, const struct run *run, struct jw *w, struct err *err)
{
    char by[LIMIT_TEXT + 1], clock[RUN_CLOCK];
    const struct run_step *s = &run->steps[0];
    int ended = s->state == RUN_DONE || s->state == RUN_FAILED;
    if (!run->record.blind)
        return RC_OK;
    enum rc rc = run_step_by(ctx, s, by, err);
    run_clock(clock, s->ms);
    if (w == NULL) {
        out_field(ctx, "by", by);
        out_field(ctx, "time", ended ? clock : NULL);
        return rc;
    }
    jw_bool(w, "blind", 1);
    jw_str(w, "key", run->record.key);
    jw_opt(w, "by", by);
    jw_opt(w, "person", s->person);
    if (ended)
        jw_int(w, "ms", s->ms);
    return rc;
}

static size_t
count_of(const struct run *run, enum step_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < run->book->count; i++)
        n += run_has(run, i) && run->steps[i].state == state;
    return n;
}

static enum rc
answer_run(struct ctx *ctx, const struct run *run, const char *schema, struct err *err)
{
    size_t skipped = count_of(run, RUN_SKIPPED);
    if (!out_is_json(ctx)) {
        run_screen_list(&ctx->out, run);
        out_printf(ctx, "\n%s of %s, run %.8s: %zu done, %zu skipped\n",
                   run->record.drill ? "drill" : "real run", run->record.runbook, run->record.id,
                   count_of(run, RUN_DONE), skipped);
        enum rc rc = write_blind(ctx, run, NULL, err);
        return rc == RC_OK ? run_alone_list(ctx, run, err) : rc;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, schema);
    jw_str(&w, "run", run->record.id);
    jw_str(&w, "runbook", run->record.runbook);
    jw_str(&w, "sha256", run->book->sha256);
    jw_str(&w, "mode", run->record.drill ? "drill" : "real");
    jw_str(&w, "at", run->record.at);
    jw_opt(&w, "finished", run->record.finished);
    write_steps(&w, run);
    enum rc rc = run_alone_write(ctx, &w, run, err);
    if (rc == RC_OK)
        rc = write_blind(ctx, run, &w, err);
    if (rc == RC_OK)
        return out_object(ctx, &doc, &w, err);
    buf_release(&doc);
    return rc;
}

/* Plays it to its end, or to a pause. Steps that were left out are findings. */
static enum rc
play(struct ctx *ctx, const char *id, const struct ini *answers, const struct who *who,
     struct err *err)
{
    struct run *run = NULL;
    int lock = -1;
    enum rc rc = run_load(&run, ctx->store, id, err);
    if (rc == RC_OK)
        rc = take_run(ctx, run->record.id, &lock, err);
    if (rc == RC_OK && run->record.finished[0] == '\0')
        rc = run_take_up(ctx, run, who, err);
    if (rc == RC_OK)
        rc = run_amend(ctx, run, err);
    if (rc == RC_OK)
        rc = run->record.blind ? run_blind_play(ctx, run, answers, err)
                               : run_play(ctx, run, answers, err);
    if (rc == RC_OK) {
        ctx->findings += count_of(run, RUN_SKIPPED) > 0;
        rc = answer_run(ctx, run, "recover.run", err);
    }
    lock_release(lock);
    run_free(run);
    return rc;
}

/* ---- start ---- */

struct starting {
    struct ctx *ctx;
    struct runbook *book;
    struct ini *answers;
    struct run_pick pick;
    struct who who;
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
    enum rc rc = term_ask(value, sizeof value, prompt, err);
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
        if (strstr(s->book->text, braces) != NULL)
            rc = ask_word(s, i, err);
    }
    return rc;
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
    jw_opt(&w, "person", s->who.person);
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
    enum rc rc = answers_read(s->ctx, &s->answers, err);
    if (rc == RC_OK)
        rc = run_blind_begin(s->ctx, s->answers, &s->book, s->words, s->blind, err);
    if (rc == RC_OK)
        rc = keep_text(s, err);
    return rc == RC_OK ? put_started(s, err) : rc;
}

static enum rc
start(struct starting *s, struct err *err)
{
    const char *ref = s->ctx->opts.arg_count > 0 ? opt_arg(&s->ctx->opts, 0) : "total-loss";
    enum runbook_source source;
    enum rc rc = runbook_load(s->ctx, &s->book, &source, ref, err);
    if (rc == RC_OK)
        rc = runbook_check(s->ctx, s->book, err);
    if (rc == RC_OK)
        rc = runbook_refuse(s->book, ref, err);
    if (rc == RC_OK)
        rc = answers_read(s->ctx, &s->answers, err);
    if (rc == RC_OK)
        rc = show_change(s, err);
    if (rc == RC_OK)
        rc = run_pick(&s->pick, s->ctx, err);
    if (rc == RC_OK)
        rc = ask_words(s, err);
    if (rc == RC_OK)
        rc = keep_text(s, err);
    return rc == RC_OK ? put_started(s, err) : rc;
}

/* The store, of its own at a bare machine; with what the KMS options say kept in it. */
static enum rc
open_place(struct ctx *ctx, struct err *err)
{
    enum rc rc = from_open(ctx, err);
    if (rc == RC_OK && ctx->records != NULL)
        rc = from_export_keep(ctx, opt_get(&ctx->opts, OPT_FROM), err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_FROM))
        out_note(ctx, "this machine's store is %s; for other commands: keymuster -C %s",
                 ctx->store->dir, ctx->store->dir);
    return rc == RC_OK ? run_bind(ctx, err) : rc;
}

static enum rc
run_start(struct ctx *ctx, struct err *err)
{
    struct starting s = {.ctx = ctx};
    if (ctx->dry_run)
        return err_set(err, RC_USAGE, "recover start: a rehearsal is --drill");
    enum rc rc = open_place(ctx, err);
    if (rc == RC_OK && !opt_has(&ctx->opts, OPT_BLIND)) /* that one asks who has come back */
        rc = run_who(ctx, &s.who, err);
    if (rc == RC_OK)
        rc = opt_has(&ctx->opts, OPT_BLIND) ? start_blind(&s, err) : start(&s, err);
    if (rc == RC_OK)
        rc = play(ctx, s.id, s.answers, &s.who, err);
    for (size_t i = 0; i < RUN_WORDS; i++)
        free(s.words[i]);
    runbook_free(s.book);
    ini_free(s.answers);
    return rc;
}

static enum rc
run_resume(struct ctx *ctx, struct err *err)
{
    struct ini *answers = NULL;
    struct who who = {.person = ""};
    struct run_record record = {.blind = 0};
    const char *ref = ctx->opts.arg_count > 0 ? opt_arg(&ctx->opts, 0) : NULL;
    enum rc rc = open_place(ctx, err);
    if (rc == RC_OK)
        rc = answers_read(ctx, &answers, err);
    if (rc == RC_OK)
        rc = run_find(ctx->store, ref, &record, err);
    if (rc == RC_OK && !record.blind)
        rc = run_who(ctx, &who, err);
    if (rc == RC_OK)
        rc = play(ctx, record.id, answers, &who, err);
    ini_free(answers);
    return rc;
}

/* ---- list, show, note ---- */

struct listing_runs {
    struct jw *w;
    struct table *table;
};

static enum rc
list_run(void *arg, const struct run_record *r, struct err *err)
{
    struct listing_runs *l = arg;
    char id[9];
    const char *mode = r->blind ? "blind drill" : r->drill ? "drill" : "real";
    if (l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "run", r->id);
        jw_str(l->w, "runbook", r->runbook);
        jw_str(l->w, "mode", r->drill ? "drill" : "real");
        jw_bool(l->w, "alone", r->alone);
        if (r->blind)
            jw_bool(l->w, "blind", 1);
        jw_str(l->w, "at", r->at);
        jw_opt(l->w, "finished", r->finished);
        jw_end_obj(l->w);
        return RC_OK;
    }
    (void)snprintf(id, sizeof id, "%.8s", r->id);
    const char *cells[] = {id, r->runbook,
                           !r->alone  ? mode
                           : r->drill ? "drill, ALONE"
                                      : "real, ALONE",
                           r->at, r->finished[0] != '\0' ? r->finished : "goes on"};
    return cmd_table_row(l->table, cells, sizeof cells / sizeof cells[0], err);
}

static enum rc
run_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"RUN", "RUNBOOK", "MODE", "BEGUN", "ENDED", NULL};
    struct listing_runs l = {.w = NULL};
    struct buf doc = {0};
    struct jw w;
    enum rc rc = RC_OK;
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "recover.list");
        jw_arr(&w, "items");
        l.w = &w;
    } else {
        rc = cmd_table_new(&l.table, ctx, titles, err);
    }
    if (rc == RC_OK)
        rc = run_each(ctx->store, list_run, &l, err);
    if (rc == RC_OK && l.w != NULL) {
        jw_end_arr(&w);
        rc = out_object(ctx, &doc, &w, err);
    } else if (rc == RC_OK) {
        rc = table_print(l.table, &ctx->out, err);
        if (rc == RC_OK && ctx->out.len == 0)
            out_note(ctx, "none yet");
    }
    buf_release(&doc);
    table_free(l.table);
    return rc;
}

static enum rc
run_show(struct ctx *ctx, struct err *err)
{
    struct run *run = NULL;
    enum rc rc = run_load(&run, ctx->store, opt_arg(&ctx->opts, 0), err);
    if (rc == RC_OK)
        rc = answer_run(ctx, run, "recover.show", err);
    run_free(run);
    return rc;
}

static enum rc
run_note(struct ctx *ctx, struct err *err)
{
    struct run_record r;
    struct buf body;
    struct jw w;
    const char *text = opt_arg(&ctx->opts, 1);
    enum rc rc = run_find(ctx->store, opt_arg(&ctx->opts, 0), &r, err);
    if (rc == RC_OK)
        rc = text_check(text, "the note", err);
    if (rc != RC_OK)
        return rc;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "run", r.id);
    jw_str(&w, "text", text);
    jw_end_obj(&w);
    rc = session_record(ctx, "run.note", &body, NULL, err);
    buf_release(&body);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "recover.note", "run", r.runbook, r.id, "noted in", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static const struct opt_spec start_options[] = {
    FROM_OPTIONS,
    KMS_OPTIONS,
    PICK_OPTIONS,
    {OPT_DRILL, "drill", 0, NULL, 0,
     "rehearse it: nothing is shown, steps for a real loss are left out"},
    {OPT_BLIND, "blind", 0, NULL, 0,
     "with --drill: a colleague gets KEY back by START-HERE alone, against a clock"},
    {OPT_LOST, "lost", 0, "SITE", 0, "the site that is lost"},
    ALONE_OPTION,
    AS_OPTION,
    {OPT_ANSWERS, "answers", 0, "FILE", 0, "what to answer where nobody is asked"},
    OPT_END,
};
static const struct opt_spec resume_options[] = {
    FROM_OPTIONS,
    KMS_OPTIONS,
    ALONE_OPTION,
    AS_OPTION,
    RUN_AMEND_OPTIONS,
    {OPT_ANSWERS, "answers", 0, "FILE", 0, "what to answer where nobody is asked"},
    OPT_END,
};

const struct cmd cmd_recover_table[] = {
    {"recover", "start",
     "[RUNBOOK] [--lost SITE] [--bco FILE] [--drill [--blind [KEY]]] [--from COPY] "
     "[--alone REASON]",
     "Leads through a runbook step by step; total-loss, if none is named.", start_options, 0, 1,
     CMD_NO_STORE | CMD_WRITE | CMD_EMERGENCY, GROUP_WHEN_NEEDED, run_start,
     "keymuster recover start --lost fra --from /media/usb/escrow --site mad\n"
     "keymuster recover start --lost fra --bco /mnt/config.bco --from /media/usb/escrow\n"
     "keymuster recover start --drill --blind vbr/config\n"},
    {"recover", "resume",
     "[RUN] [--from COPY] [--word WORD=VALUE] [--again STEP] [--alone REASON]",
     "Goes on with a run that was paused or broken off.", resume_options, 0, 1,
     CMD_NO_STORE | CMD_WRITE | CMD_EMERGENCY, GROUP_WHEN_NEEDED, run_resume, NULL},
    {"recover", "list", "", "Lists the runs.", NULL, 0, 0, CMD_READ, GROUP_WHEN_NEEDED, run_list,
     NULL},
    {"recover", "show", "RUN", "Shows what was done in a run.", NULL, 1, 1, CMD_READ,
     GROUP_WHEN_NEEDED, run_show, NULL},
    {"recover", "note", "RUN TEXT", "Adds a note to a run.", NULL, 2, 2, CMD_WRITE,
     GROUP_WHEN_NEEDED, run_note, NULL},
    {"recover", "attach", "[DIR]",
     "Merges evidence that --from kept in a folder because its copy could not take it.", NULL, 0, 1,
     CMD_WRITE, GROUP_WHEN_NEEDED, cmd_recover_attach,
     "  keymuster recover attach /media/usb/evidence\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
