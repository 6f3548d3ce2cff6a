/*
 * completion SHELL: the script that the shell loads.
 * completion words SHELL -- WORD... HEAD TAIL: what that script asks for at TAB; not in help. The
 * first line of the answer is "files", "dirs" or empty, the others are candidates.
 */
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/complete.h"
#include "cli/completion_scripts.h"
#include "cli/out.h"
#include "cli/session.h"

static const struct {
    const char *name;
    enum complete_shell shell;
    const char *script;
} shells[] = {{"bash", COMPLETE_BASH, completion_bash},
              {"zsh", COMPLETE_ZSH, completion_zsh},
              {"fish", COMPLETE_FISH, completion_fish}};
enum { SHELLS = sizeof shells / sizeof shells[0] };

static enum rc
find_shell(const char *name, size_t *at, struct err *err)
{
    for (*at = 0; *at < SHELLS; ++*at) {
        if (strcmp(shells[*at].name, name) == 0)
            return RC_OK;
    }
    (void)err_set(err, RC_USAGE, "no such shell: %.64s", name);
    return err_hint(err, "keymuster completion bash, zsh or fish");
}

static enum rc
run_words(struct ctx *ctx, struct err *err)
{
    struct err ignored = ERR_INIT;
    struct buf lines;
    size_t at, count = ctx->opts.arg_count;
    enum rc rc = find_shell(opt_arg(&ctx->opts, 1), &at, err);
    if (rc != RC_OK)
        return rc;
    ctx->format = OUT_TEXT; /* whatever the environment says */
    struct complete c = {.shell = shells[at].shell, .store_dir = ctx->store_dir, .lines = &lines};
    buf_init(&lines, (size_t)16 * LIMIT_SMALL_FILE);
    err_ignore(complete_words(&c, (int)count - 4, ctx->opts.args + 2,
                              opt_arg(&ctx->opts, count - 2), opt_arg(&ctx->opts, count - 1),
                              &ignored)); /* at TAB nothing is said */
    out_printf(ctx, "%s\n%s", c.files ? "files" : c.dirs ? "dirs" : "", buf_str(&lines));
    buf_release(&lines);
    return RC_OK;
}

static enum rc
run_completion(struct ctx *ctx, struct err *err)
{
    struct buf doc;
    struct jw w;
    size_t at;
    if (ctx->opts.arg_count >= 4 && strcmp(opt_arg(&ctx->opts, 0), "words") == 0)
        return run_words(ctx, err);
    if (ctx->opts.arg_count != 1)
        return err_set(err, RC_USAGE, "completion takes one argument: bash, zsh or fish");
    enum rc rc = find_shell(opt_arg(&ctx->opts, 0), &at, err);
    if (rc != RC_OK)
        return rc;
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s", shells[at].script);
        return RC_OK;
    }
    session_answer(&doc, &w, "completion");
    jw_str(&w, "shell", shells[at].name);
    jw_str(&w, "script", shells[at].script);
    return out_object(ctx, &doc, &w, err);
}

const struct cmd cmd_completion_table[] = {
    {.noun = NULL,
     .verb = "completion",
     .synopsis = "bash|zsh|fish",
     .summary = "Prints what makes a shell complete commands, options and names at TAB.",
     .args_min = 1,
     .args_max = -1,
     .flags = CMD_NO_STORE | CMD_AS_IS,
     .group = GROUP_HELP,
     .run = run_completion,
     .examples = "source <(keymuster completion bash)\n"
                 "keymuster completion zsh >~/.zfunc/_keymuster\n"
                 "keymuster completion fish >~/.config/fish/completions/keymuster.fish\n"},
    {.verb = NULL},
};
