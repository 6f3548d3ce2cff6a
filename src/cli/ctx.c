#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/places/place.h"
#include "cli/ref.h"
#include "copy/remote.h"
#include "sys/env.h"
#include "sys/term.h"
#include "text/time.h"

/* Most text a command may answer with: a report of a large escrow fits with room to spare. */
#define OUT_MOST ((size_t)256 * 1024 * 1024)

void
ctx_init(struct ctx *ctx)
{
    *ctx = (struct ctx){
        .exit_status = -1, .out_fd = STDOUT_FILENO, .progress = "auto", .notified = -1};
    buf_init(&ctx->out, OUT_MOST);
    buf_init(&ctx->summary, OUT_MOST);
}

void
ctx_release(struct ctx *ctx)
{
    buf_release(&ctx->out);
    buf_release(&ctx->summary);
    opt_release(&ctx->opts);
    place_forget();
}

/* The option's value, else the variable's (if it is not empty), else NULL. *from names which. */
static const char *
setting(const struct ctx *ctx, enum opt_id id, const char *option, const char *variable,
        const char **from)
{
    const char *value = opt_get(&ctx->opts, id);
    *from = option;
    if (value != NULL)
        return value;
    value = variable == NULL ? NULL : env_get(variable);
    *from = variable;
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* Index of value in the choices (ended by NULL), or -1 with the error set. */
static int
choose(const char *const *choices, const char *value, const char *from, struct err *err)
{
    char known[128] = "";
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], value) == 0)
            return i;
        if (i > 0)
            strncat(known, ", ", sizeof known - strlen(known) - 1);
        strncat(known, choices[i], sizeof known - strlen(known) - 1);
    }
    (void)err_set(err, from[0] == '-' ? RC_USAGE : RC_CONFIG, "%s: there is no %.64s", from, value);
    (void)err_hint(err, "known: %s", known);
    return -1;
}

static enum rc
settle_format(struct ctx *ctx, struct err *err)
{
    static const char *const formats[] = {"text", "json", "ndjson", "csv", NULL};
    const char *from;
    const char *value = setting(ctx, OPT_OUTPUT, "--output", "KEYMUSTER_OUTPUT", &from);
    int json = opt_has(&ctx->opts, OPT_JSON);
    int chosen = json ? OUT_JSON : OUT_TEXT;
    if (value != NULL && !(json && from[0] != '-')) {
        chosen = choose(formats, value, from, err);
        if (chosen < 0)
            return err->code;
        if (json && chosen != OUT_JSON)
            return err_set(err, RC_USAGE, "--json and --output %s exclude each other", value);
    }
    ctx->format = (enum out_format)chosen;
    if (ctx->format == OUT_CSV && !(ctx->cmd->flags & CMD_CSV)) {
        char name[CMD_NAME];
        ctx->format = OUT_TEXT;
        cmd_name(name, ctx->cmd);
        (void)err_set(err, RC_USAGE, "%s does not answer in csv", name);
        return err_hint(err, "-o json, -o ndjson or -o text");
    }
    return RC_OK;
}

void
ctx_color(struct ctx *ctx)
{
    const char *no_color = env_get("NO_COLOR");
    const char *term = env_get("TERM");
    int plain = (no_color != NULL && no_color[0] != '\0') || term == NULL || term[0] == '\0' ||
                strcmp(term, "dumb") == 0 || term_accessible();
    ctx->color = plain ? -1 : 0;
}

static enum rc
settle_color(struct ctx *ctx, struct err *err)
{
    static const char *const whens[] = {"auto", "always", "never", NULL};
    const char *from;
    const char *value = setting(ctx, OPT_COLOR, "--color", "KEYMUSTER_COLOR", &from);
    int chosen = value == NULL ? 0 : choose(whens, value, from, err);
    if (chosen < 0)
        return err->code;
    if (chosen > 0)
        ctx->color = chosen == 1 ? 1 : -1;
    return RC_OK;
}

static enum rc
settle_progress(struct ctx *ctx, struct err *err)
{
    static const char *const hows[] = {"auto", "tty", "plain", "json", "none", NULL};
    const char *from;
    const char *value = setting(ctx, OPT_PROGRESS, "--progress", "KEYMUSTER_PROGRESS", &from);
    int chosen = value == NULL ? 0 : choose(hows, value, from, err);
    if (chosen < 0)
        return err->code;
    ctx->progress = hows[chosen];
    return RC_OK;
}

/* Set, and neither empty nor "0". */
static int
is_on(const char *value)
{
    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

static enum rc
check_args(const struct ctx *ctx, struct err *err)
{
    char name[CMD_NAME];
    const struct cmd *cmd = ctx->cmd;
    size_t n = ctx->opts.arg_count;
    cmd_name(name, cmd);
    /* What is too much is not repeated: it may be a secret. */
    if (n < (size_t)cmd->args_min)
        (void)err_set(err, RC_USAGE, "%s: an argument is missing", name);
    else if (cmd->args_max >= 0 && n > (size_t)cmd->args_max)
        (void)err_set(err, RC_USAGE, "%s: %zu arguments, but it takes %d at most", name, n,
                      cmd->args_max);
    else
        return RC_OK;
    return err_hint(err, "usage: keymuster %s%s%s", name, cmd->synopsis[0] == '\0' ? "" : " ",
                    cmd->synopsis);
}

/* -vv: what is asked of a copy. */
static void
say_asked(void *arg, const char *verb, const char *name, const char *url)
{
    out_note(arg, "%s %s at %s", verb, name, url);
}

enum rc
ctx_settle(struct ctx *ctx, struct err *err)
{
    const struct opts *o = &ctx->opts;
    const char *from;
    enum rc rc = settle_format(ctx, err);
    if (rc == RC_OK)
        rc = settle_color(ctx, err);
    if (rc == RC_OK)
        rc = settle_progress(ctx, err);
    if (rc == RC_OK)
        rc = check_args(ctx, err);
    const char *timeout = setting(ctx, OPT_TIMEOUT, "--timeout", "KEYMUSTER_TIMEOUT", &from);
    if (rc == RC_OK && timeout != NULL)
        rc = duration_parse(&ctx->timeout_ms, timeout, from, err);
    if (rc != RC_OK)
        return rc;
    ctx->store_dir = setting(ctx, OPT_STORE, "--store", "KEYMUSTER_STORE", &from);
    ctx->no_input = opt_has(o, OPT_NO_INPUT) || is_on(env_get("KEYMUSTER_NO_INPUT"));
    ctx->dry_run = opt_has(o, OPT_DRY_RUN);
    ctx->offline = opt_has(o, OPT_OFFLINE);
    ctx->quiet = opt_has(o, OPT_QUIET);
    ctx->verbose = opt_count(o, OPT_VERBOSE) > 1 ? 2 : opt_has(o, OPT_VERBOSE);
    ctx->unsynced = opt_has(o, OPT_ALLOW_UNSYNCED);
    ctx->reason = opt_get(o, OPT_REASON);
    ctx->ticket = opt_get(o, OPT_TICKET);
    ctx->accept_risk = opt_get(o, OPT_ACCEPT_RISK);
    ref_set_no_input(ctx->no_input);
    remote_read_secrets_by(place_secret);
    remote_wait(ctx->timeout_ms);
    remote_watch(ctx->verbose > 1 ? say_asked : NULL, ctx);
    if (opt_has(o, OPT_FIELDS) && !(ctx->cmd->flags & CMD_CSV)) {
        char name[CMD_NAME];
        cmd_name(name, ctx->cmd);
        return err_set(err, RC_USAGE, "%s has no columns to choose from: --fields", name);
    }
    if (ctx->quiet && ctx->verbose)
        return err_set(err, RC_USAGE, "--quiet and --verbose exclude each other");
    return RC_OK;
}
