/* exec: a key's password to a program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bare.h"
#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/officer.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/ref.h"
#include "cli/reveal/show_request.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"
#include "copy/memory.h"
#include "recover/child.h"
#include "recover/deliver.h"

static enum rc
plan_number(const char *text, int *out, struct err *err)
{
    size_t len = strlen(text);
    if (len == 0 || len > 4 || strspn(text, "0123456789") != len)
        return err_set(err, RC_USAGE, "--fd wants the number of a descriptor");
    *out = (int)strtol(text, NULL, 10);
    return RC_OK;
}

static enum rc
make_plan(const struct ctx *ctx, struct child_plan *plan, struct err *err)
{
    const struct opts *o = &ctx->opts;
    int ways = opt_has(o, OPT_STDIN) + opt_has(o, OPT_FD) + opt_has(o, OPT_TMPFILE) +
               opt_has(o, OPT_ENV) + opt_has(o, OPT_TEMPLATE);
    *plan = (struct child_plan){.way = CHILD_STDIN, .argv = o->child};
    if (o->child == NULL || o->child[0] == NULL) {
        (void)err_set(err, RC_USAGE, "exec: no command to run was given");
        return err_hint(err, "usage: keymuster exec %s", ctx->cmd->synopsis);
    }
    if (ways > 1)
        return err_set(err, RC_USAGE, "exec: one way to hand it over, not %d", ways);
    if (opt_has(o, OPT_TMPFILE))
        plan->way = CHILD_TMPFILE;
    plan->env = opt_get(o, OPT_ENV);
    if (plan->env != NULL)
        plan->way = CHILD_ENV;
    plan->template = opt_get(o, OPT_TEMPLATE);
    if (plan->template != NULL)
        plan->way = CHILD_TEMPLATE;
    if (!opt_has(o, OPT_FD))
        return RC_OK;
    plan->way = CHILD_FD;
    return plan_number(opt_get(o, OPT_FD), &plan->fd, err);
}

/* The command has standard output for itself, so our answer goes to standard error. */
static enum rc
answer_exec(struct ctx *ctx, const struct showing *s, int status, struct err *err)
{
    struct buf doc;
    struct jw w;
    if (!out_is_json(ctx))
        return RC_OK;
    session_answer(&doc, &w, "exec");
    showing_members(&w, s);
    jw_int(&w, "status", status);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
exec_one(struct ctx *ctx, struct showing *s, const struct asker *asker,
         const struct child_plan *plan, struct err *err)
{
    char how[600];
    int status = 0;
    enum rc rc = showing_open(ctx, s, asker, "exec", err);
    if (rc != RC_OK)
        return rc;
    rc = child_run(plan, s->unwrap.text, &status, err);
    if (rc == RC_OK)
        (void)snprintf(how, sizeof how, "exit %d", status);
    else
        (void)snprintf(how, sizeof how, "failed: %s", err->msg);
    showing_close(ctx, s, how);
    if (rc != RC_OK) {
        memcpy(err->entry, s->record.intended, sizeof err->entry);
        return rc;
    }
    /* From here on the status is the command's; what fails of ours can only be said. */
    ctx->exit_status = status;
    struct err later = ERR_INIT;
    if (answer_exec(ctx, s, status, &later) != RC_OK)
        out_warn(ctx, "%s", later.msg);
    err_clear(&later);
    if (from_publish(ctx, &later) != RC_OK)
        out_warn(ctx, "%s%s%s", later.msg, later.why[0] != '\0' ? ": " : "", later.why);
    return RC_OK;
}

static enum rc
run_exec(struct ctx *ctx, struct err *err)
{
    struct child_plan plan;
    struct asker asker;
    struct showing s = {.record = {.key = NULL}};
    enum rc rc = make_plan(ctx, &plan, err);
    if (rc == RC_OK)
        rc = child_check(&plan, err);
    if (rc == RC_OK)
        rc = from_open(ctx, err);
    if (rc == RC_OK)
        rc = until_view(ctx, err);
    if (rc == RC_OK)
        rc = session_key(ctx, opt_arg(&ctx->opts, 0), &s.key, err);
    if (rc == RC_OK)
        rc = showing_ask_reason(ctx, &asker, err);
    if (rc == RC_OK)
        rc = showing_ask_person(ctx, &asker, err);
    if (rc == RC_OK)
        rc = gate_showing(ctx, &s.key, &asker, err);
    if (rc != RC_OK)
        goto out;
    ctx->out_fd = 2;
    if (ctx->dry_run) {
        out_note(ctx, "would unwrap %s and run %s", s.key.name, plan.argv[0]);
        goto out;
    }
    if (plan.way == CHILD_ENV)
        out_warn(ctx, "the environment of a process can be read by its user and is inherited by "
                      "what it starts; --stdin, --fd or --tmpfile are better");
    rc = showing_memory(ctx, err);
    if (rc == RC_OK)
        rc = exec_one(ctx, &s, &asker, &plan, err);
out:
    child_plan_release(&plan);
    showing_release(&s);
    return rc;
}

/* clang-format off */
static const struct opt_spec exec_options[] = {
    {OPT_STDIN, "stdin", 0, NULL, 0, "on its standard input (else)"},
    {OPT_FD, "fd", 0, "N", 0, "on its descriptor N"},
    {OPT_TMPFILE, "tmpfile", 0, NULL, 0, "in a private file in memory; {} is its path"},
    {OPT_ENV, "env", 0, "NAME", 0, "in its environment; others may see it there"},
    {OPT_TEMPLATE, "template", 0, "FILE", 0, "as --tmpfile, FILE with each {{secret}} filled in, escaped in XML"},
    SHOWING_OPTIONS,
    FROM_OPTIONS,
    UNTIL_OPTION,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_exec_table[] = {
    {.verb = "exec",
     .synopsis = "KEY --reason TEXT [--stdin|--fd N|--tmpfile|--env NAME|--template FILE] -- CMD "
                 "[ARG]...",
     .summary = "Runs a command with a key's password; nobody sees it.",
     .options = exec_options,
     .args_min = 1,
     .args_max = 1,
     .flags = CMD_NO_STORE | CMD_WRITE | CMD_EXEC | CMD_EMERGENCY,
     .group = GROUP_WHEN_NEEDED,
     .run = run_exec,
     .examples = "keymuster exec borg/main --reason nightly --fd 5 -- borg list /repo\n"
                 "keymuster exec vbr/config --reason fire --template answer.xml -- \\\n"
                 "    RESTORE /file:{}\n"},
    {.verb = NULL},
};
