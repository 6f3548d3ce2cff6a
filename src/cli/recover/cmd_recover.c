/* recover start|resume|list|show|note: runs of runbooks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/people/who.h"
#include "cli/places/from.h"
#include "cli/places/from_export.h"
#include "cli/recover/attach.h"
#include "cli/recover/run_amend.h"
#include "cli/recover/run_approve.h"
#include "cli/recover/run_bind.h"
#include "cli/recover/run_blind.h"
#include "cli/recover/run_pick.h"
#include "cli/recover/run_play.h"
#include "cli/recover/run_screen.h"
#include "cli/recover/run_start.h"
#include "cli/session.h"
#include "escrow/runs.h"
#include "sys/file.h"
#include "sys/lock.h"
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

static enum rc
answer_run(struct ctx *ctx, const struct run *run, const char *schema, struct err *err)
{
    size_t skipped = run_count(run, RUN_SKIPPED);
    if (!out_is_json(ctx)) {
        run_screen_list(&ctx->out, run);
        out_printf(ctx, "\n%s of %s, run %.8s: %zu done, %zu skipped\n",
                   run->record.drill ? "drill" : "real run", run->record.runbook, run->record.id,
                   run_count(run, RUN_DONE), skipped);
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
    jw_opt(&w, "ended_at", run->record.finished);
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
        ctx->findings += run_count(run, RUN_SKIPPED) > 0;
        rc = answer_run(ctx, run, "recover.run", err);
    }
    lock_release(lock);
    run_free(run);
    return rc;
}

/* ---- start, resume ---- */

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
    if (rc == RC_OK)
        rc = until_keep(ctx, err);
    return rc == RC_OK ? run_bind(ctx, err) : rc;
}

static enum rc
run_start(struct ctx *ctx, struct err *err)
{
    struct ini *answers = NULL;
    struct who who = {.person = ""};
    char id[UUID_TEXT + 1] = "";
    if (ctx->dry_run)
        return err_set(err, RC_USAGE, "recover start: a rehearsal is --drill");
    enum rc rc = answers_read(ctx, &answers, err);
    if (rc == RC_OK)
        rc = open_place(ctx, err);
    if (rc == RC_OK && !opt_has(&ctx->opts, OPT_BLIND)) /* that one asks who has come back */
        rc = run_who(ctx, &who, err);
    if (rc == RC_OK)
        rc = run_begin(ctx, answers, &who, id, err);
    if (rc == RC_OK)
        rc = play(ctx, id, answers, &who, err);
    ini_free(answers);
    return rc;
}

static enum rc
run_resume(struct ctx *ctx, struct err *err)
{
    struct ini *answers = NULL;
    struct who who = {.person = ""};
    struct run_record record = {.blind = 0};
    const char *ref = ctx->opts.arg_count > 0 ? opt_arg(&ctx->opts, 0) : NULL;
    enum rc rc = answers_read(ctx, &answers, err);
    if (rc == RC_OK)
        rc = open_place(ctx, err);
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
        jw_opt(l->w, "ended_at", r->finished);
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
    UNTIL_OPTION,
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
    UNTIL_OPTION,
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
     "keymuster recover start --lost fra --bco config.bco --from /media/usb/escrow\n"
     "keymuster recover start --drill --blind vbr/config\n"},
    {"recover", "resume", "[RUN] [--from COPY] [--word WORD=VALUE] [--again STEP] [--alone REASON]",
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
     "keymuster recover attach /media/usb/evidence\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
