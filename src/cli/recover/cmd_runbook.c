/* runbook check|add|list|show|print. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/recover/runbook_load.h"
#include "cli/session.h"
#include "escrow/runbooks.h"
#include "report/runbook_page.h"
#include "sys/file.h"
#include "text/time.h"
#include "text/uni.h"

enum { PAGE = 4 * 1024 * 1024 };

/* ---- check ---- */

static void
write_findings(struct jw *w, const struct runbook *r)
{
    jw_arr(w, "findings");
    for (size_t i = 0; i < r->finding_count; i++) {
        jw_obj(w, NULL);
        jw_int(w, "line", r->findings[i].line);
        jw_str(w, "level", r->findings[i].severe ? "error" : "warning");
        jw_str(w, "text", r->findings[i].text);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void
print_findings(struct ctx *ctx, const char *ref, const struct runbook *r)
{
    for (size_t i = 0; i < r->finding_count; i++) {
        const struct runbook_finding *f = &r->findings[i];
        out_text(ctx, ref);
        out_printf(ctx, ":%d: %s: ", f->line, f->severe ? "error" : "warning");
        out_text(ctx, f->text);
        out_printf(ctx, "\n");
    }
    if (r->severe == 0) {
        out_text(ctx, ref);
        out_printf(ctx, ": %zu steps, can be followed\n", r->count);
    }
}

/* One runbook; w: members go there, or NULL. */
static enum rc
check_one(struct ctx *ctx, const char *ref, struct jw *w, size_t *bad, struct err *err)
{
    struct runbook *r = NULL;
    enum runbook_source source;
    enum rc rc = runbook_load(ctx, &r, &source, ref, err);
    if (rc == RC_OK)
        rc = runbook_check(ctx, r, err);
    if (rc == RC_OK && w != NULL) {
        jw_obj(w, NULL);
        jw_str(w, "runbook", ref);
        jw_str(w, "sha256", r->sha256);
        jw_int(w, "steps", (int64_t)r->count);
        jw_bool(w, "good", r->severe == 0);
        write_findings(w, r);
        jw_end_obj(w);
    } else if (rc == RC_OK) {
        print_findings(ctx, ref, r);
    }
    *bad += rc == RC_OK && r->severe > 0;
    runbook_free(r);
    return rc;
}

static enum rc
run_check(struct ctx *ctx, struct err *err)
{
    struct buf doc = {0};
    struct jw w;
    size_t bad = 0;
    enum rc rc = runbook_store(ctx, err);
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "runbook.check");
        jw_arr(&w, "items");
    }
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++)
        rc = check_one(ctx, opt_arg(&ctx->opts, i), out_is_json(ctx) ? &w : NULL, &bad, err);
    if (rc == RC_OK && out_is_json(ctx)) {
        jw_end_arr(&w);
        rc = out_object(ctx, &doc, &w, err);
    }
    buf_release(&doc);
    if (rc == RC_OK && bad > 0)
        rc = err_set(err, RC_RUNBOOK, "%zu runbook%s cannot be followed", bad, bad == 1 ? "" : "s");
    return rc;
}

/* ---- add ---- */

static enum rc
answer_added(struct ctx *ctx, const struct runbook *r, int created, struct err *err)
{
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s the runbook %s, %zu steps, SHA-256 %.8s\n",
                   !created       ? "there already:"
                   : ctx->dry_run ? "would add"
                                  : "added",
                   r->id, r->count, r->sha256);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "runbook.add");
    jw_str(&w, "name", r->id);
    jw_str(&w, "sha256", r->sha256);
    jw_bool(&w, "created", created);
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_opt(&w, "entry", ctx->entry);
    write_findings(&w, r);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
add(struct ctx *ctx, const struct runbook *r, struct err *err)
{
    struct runbook_former f;
    enum rc rc = runbook_former(ctx, r->id, &f, err);
    int same = f.count == 1 && strcmp(buf_str(&f.text), r->text) == 0;
    if (rc == RC_OK && f.count > 0 && !same)
        rc = runbook_changed(ctx, buf_str(&f.text), r, "Put it in the place of the former one?",
                             err);
    runbook_former_release(&f);
    if (rc == RC_OK && !same)
        rc = runbook_record(ctx, r, NULL, err);
    return rc == RC_OK ? answer_added(ctx, r, !same, err) : rc;
}

static enum rc
run_add(struct ctx *ctx, struct err *err)
{
    const char *ref = opt_arg(&ctx->opts, 0);
    struct runbook *r = NULL;
    enum runbook_source source;
    enum rc rc = runbook_load(ctx, &r, &source, ref, err);
    if (rc == RC_OK)
        rc = runbook_check(ctx, r, err);
    if (rc == RC_OK)
        rc = runbook_refuse(r, ref, err);
    for (size_t i = 0; rc == RC_OK && i < r->finding_count && !out_is_json(ctx); i++)
        out_note(ctx, "line %d: %s", r->findings[i].line, r->findings[i].text);
    if (rc == RC_OK)
        rc = add(ctx, r, err);
    runbook_free(r);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* ---- list ---- */

struct rows {
    struct ctx *ctx;
    struct jw *w;
    struct table *table;
    char last[LIMIT_NAME + 1]; /* the name of the row before */
};

static enum rc
put_row(struct rows *l, const char *text, size_t len, const char *name, const char *at,
        enum runbook_source source, struct err *err)
{
    struct runbook *r = NULL;
    char steps[16], hash[12];
    enum rc rc = runbook_read(&r, text, len, name, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(steps, sizeof steps, "%zu", r->count);
    (void)snprintf(hash, sizeof hash, "%.8s", r->sha256);
    if (l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", name);
        jw_str(l->w, "title", r->title);
        jw_int(l->w, "steps", (int64_t)r->count);
        jw_str(l->w, "from", runbook_source_name(source));
        jw_str(l->w, "sha256", r->sha256);
        jw_opt(l->w, "at", at);
        jw_end_obj(l->w);
    } else {
        const char *cells[] = {name, r->title, steps, runbook_source_name(source), hash};
        rc = cmd_table_row(l->table, cells, sizeof cells / sizeof cells[0], err);
    }
    runbook_free(r);
    return rc;
}

static enum rc
put_recorded(void *arg, const struct runbook_entry *e, struct err *err)
{
    struct rows *l = arg;
    if (strcmp(l->last, e->name) == 0)
        out_warn(l->ctx,
                 "two sites have changed the runbook %s; keymuster runbook show %s says how to "
                 "settle it",
                 e->name, e->name);
    (void)snprintf(l->last, sizeof l->last, "%s", e->name);
    return put_row(l, e->text, strlen(e->text), e->name, e->at, RUNBOOK_LOG, err);
}

static enum rc
count_one(void *arg, const struct runbook_entry *e, struct err *err)
{
    (void)e;
    (void)err;
    ++*(size_t *)arg;
    return RC_OK;
}

/* Those of the program that none in the log replaces. */
static enum rc
put_shipped(struct rows *l, struct err *err)
{
    const char *text = NULL;
    const char *name;
    size_t len = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && (name = runbook_shipped(i, &text, &len)) != NULL; i++) {
        size_t recorded = 0;
        if (l->ctx->store != NULL)
            rc = runbook_each(l->ctx->store, name, count_one, &recorded, err);
        if (rc == RC_OK && recorded == 0)
            rc = put_row(l, text, len, name, NULL, RUNBOOK_SHIPPED, err);
    }
    return rc;
}

static enum rc
run_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"RUNBOOK", "TITLE", "STEPS", "FROM", "SHA-256", NULL};
    struct rows l = {.ctx = ctx};
    struct buf doc = {0};
    struct jw w;
    enum rc rc = runbook_store(ctx, err);
    if (rc == RC_OK && out_is_json(ctx)) {
        session_answer(&doc, &w, "runbook.list");
        jw_arr(&w, "items");
        l.w = &w;
    } else if (rc == RC_OK) {
        rc = cmd_table_new(&l.table, ctx, titles, err);
    }
    if (rc == RC_OK && ctx->store != NULL)
        rc = runbook_each(ctx->store, NULL, put_recorded, &l, err);
    if (rc == RC_OK)
        rc = put_shipped(&l, err);
    if (rc == RC_OK && l.w != NULL) {
        jw_end_arr(&w);
        rc = out_object(ctx, &doc, &w, err);
    } else if (rc == RC_OK) {
        rc = table_print(l.table, &ctx->out, err);
    }
    buf_release(&doc);
    table_free(l.table);
    return rc;
}

/* ---- show ---- */

static void
write_step(struct jw *w, const struct step *s)
{
    jw_obj(w, NULL);
    jw_str(w, "id", s->id);
    jw_str(w, "kind", step_kind_name(s->kind));
    jw_arr(w, "modes");
    if (s->modes & STEP_REAL)
        jw_str(w, NULL, "real");
    if (s->modes & STEP_DRILL)
        jw_str(w, NULL, "drill");
    jw_end_arr(w);
    jw_str(w, "title", s->title);
    jw_opt(w, "run", s->run);
    jw_opt(w, "key", s->key);
    jw_opt(w, "each", s->each);
    jw_opt(w, "why", s->why);
    jw_opt(w, "do", s->todo);
    jw_opt(w, "expect", s->expect);
    jw_opt(w, "if_it_fails", s->fails);
    jw_bool(w, "repeat_safe", s->repeat_safe);
    if (s->budget_ms > 0)
        jw_int(w, "budget_s", s->budget_ms / 1000);
    if (s->approvers > 0)
        jw_int(w, "people", s->approvers);
    jw_arr(w, "fields");
    for (size_t i = 0; i < s->field_count; i++)
        jw_str(w, NULL, s->fields[i].name);
    jw_end_arr(w);
    jw_end_obj(w);
}

static enum rc
answer_show(struct ctx *ctx, const struct runbook *r, enum runbook_source source, struct err *err)
{
    if (!out_is_json(ctx)) {
        escape_terminal(&ctx->out, r->text, r->len, ESCAPE_KEEP_NEWLINES);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "runbook.show");
    jw_str(&w, "name", r->id);
    jw_str(&w, "title", r->title);
    jw_str(&w, "from", runbook_source_name(source));
    jw_str(&w, "sha256", r->sha256);
    if (r->rto_ms > 0)
        jw_int(&w, "rto_s", r->rto_ms / 1000);
    jw_opt(&w, "review", r->review);
    jw_arr(&w, "steps");
    for (size_t i = 0; i < r->count; i++)
        write_step(&w, &r->steps[i]);
    jw_end_arr(&w);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
run_show(struct ctx *ctx, struct err *err)
{
    struct runbook *r = NULL;
    enum runbook_source source;
    enum rc rc = runbook_store(ctx, err);
    if (rc == RC_OK)
        rc = runbook_load(ctx, &r, &source, opt_arg(&ctx->opts, 0), err);
    if (rc == RC_OK)
        rc = answer_show(ctx, r, source, err);
    runbook_free(r);
    return rc;
}

/* ---- print ---- */

static enum rc
answer_print(struct ctx *ctx, const struct runbook *r, const char *path, struct err *err)
{
    if (out_is_json(ctx)) {
        struct buf doc;
        struct jw w;
        session_answer(&doc, &w, "runbook.print");
        jw_str(&w, "name", r->id);
        jw_str(&w, "sha256", r->sha256);
        jw_str(&w, "file", path);
        return out_object(ctx, &doc, &w, err);
    }
    out_printf(ctx, "%s the page: ", ctx->dry_run ? "would write" : "wrote");
    out_text(ctx, path);
    out_printf(ctx, "\n");
    return RC_OK;
}

static enum rc
print_page(struct ctx *ctx, const struct runbook *r, const char *path, struct err *err)
{
    struct buf page;
    char today[TIME_TEXT + 1];
    time_format(today, clock_now_ms());
    today[10] = '\0'; /* the date alone */
    buf_init(&page, PAGE);
    enum rc rc = runbook_page(&page, r, today, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = file_create_once(path, buf_str(&page), page.len, 0644, err);
    buf_release(&page);
    return rc == RC_OK ? answer_print(ctx, r, path, err) : rc;
}

static enum rc
run_print(struct ctx *ctx, struct err *err)
{
    const char *path = opt_get(&ctx->opts, OPT_FILE);
    const char *ref = opt_arg(&ctx->opts, 0);
    struct runbook *r = NULL;
    enum runbook_source source;
    if (path == NULL)
        return err_set(err, RC_USAGE, "runbook print: --file F is missing: the page to write");
    enum rc rc = runbook_store(ctx, err);
    if (rc == RC_OK)
        rc = runbook_load(ctx, &r, &source, ref, err);
    if (rc == RC_OK)
        rc = runbook_refuse(r, ref, err);
    if (rc == RC_OK)
        rc = print_page(ctx, r, path, err);
    runbook_free(r);
    return rc;
}

static const struct opt_spec print_options[] = {
    {OPT_FILE, "file", 0, "F", 0, "the new HTML page"},
    OPT_END,
};

const struct cmd cmd_runbook_table[] = {
    {"runbook", "list", "", "Lists the runbooks: those in the log and those of the program.", NULL,
     0, 0, CMD_READ | CMD_NO_STORE, GROUP_SET_UP, run_list, NULL},
    {"runbook", "show", "NAME|FILE", "Shows a runbook.", NULL, 1, 1, CMD_READ | CMD_NO_STORE,
     GROUP_SET_UP, run_show, "keymuster runbook show total-loss >total-loss.md\n"},
    {"runbook", "check", "NAME|FILE...", "Says what keeps people from following a runbook.", NULL,
     1, -1, CMD_READ | CMD_NO_STORE, GROUP_SET_UP, run_check,
     "keymuster runbook check total-loss.md\n"},
    {"runbook", "add", "FILE", "Puts a runbook into the log, so that it travels to all sites.",
     NULL, 1, 1, CMD_WRITE, GROUP_SET_UP, run_add, "keymuster runbook add total-loss.md\n"},
    {"runbook", "print", "NAME|FILE --file F", "Writes a page to print, with boxes to tick.",
     print_options, 1, 1, CMD_READ | CMD_NO_STORE, GROUP_SET_UP, run_print,
     "keymuster runbook print total-loss --file total-loss.html\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
