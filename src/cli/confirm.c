/* The two steps of the confirmation ladder: a plain yes, and a name typed. Enter is never a yes. */
#include <string.h>

#include "cli/layout.h"
#include "cli/out.h"
#include "sys/term.h"
#include "text/uni.h"

/* Asks on the terminal. flag: what would have answered, for the error. */
static enum rc
ask(const struct ctx *ctx, const char *question, const char *ending, const char *flag,
    char answer[256], struct err *err)
{
    struct buf prompt;
    int fd;
    struct err no_terminal = ERR_INIT;
    if (ctx->no_input || term_open(&fd, &no_terminal) != RC_OK) {
        (void)err_set(err, RC_NO_CONFIRM, "not confirmed, nothing was done: %s", question);
        (void)err_why(err, "%s",
                      ctx->no_input ? "--no-input forbids questions"
                                    : "there is no terminal to ask on");
        return err_hint(err, "add %s", flag);
    }
    buf_init(&prompt, 4096);
    escape_terminal(&prompt, question, strlen(question), ESCAPE_KEEP_NEWLINES);
    buf_adds(&prompt, ending);
    enum rc rc = buf_check(&prompt, "a question", err);
    if (rc == RC_OK)
        rc = layout_ask(answer, 256, buf_str(&prompt), err);
    buf_release(&prompt);
    return rc;
}

enum rc
confirm_yes(struct ctx *ctx, const char *question, struct err *err)
{
    char answer[256];
    if (opt_has(&ctx->opts, OPT_YES))
        return RC_OK;
    enum rc rc = ask(ctx, question, " [y/N] ", "--yes", answer, err);
    if (rc != RC_OK)
        return rc;
    if (strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 || strcmp(answer, "yes") == 0)
        return RC_OK;
    return err_set(err, RC_NO_CONFIRM, "not confirmed, nothing was done");
}

enum rc
confirm_word(struct ctx *ctx, const char *word, const char *question, struct err *err)
{
    char answer[256], flag[192] = "--confirm ", ending[192] = "\nType ";
    const char *given = opt_get(&ctx->opts, OPT_CONFIRM);
    if (given != NULL && strcmp(given, word) == 0)
        return RC_OK;
    if (given != NULL) {
        (void)err_set(err, RC_NO_CONFIRM, "--confirm %.64s is not the name wanted here", given);
        return err_hint(err, "--confirm %.128s", word);
    }
    strncat(flag, word, 128);
    strncat(ending, word, 128);
    strncat(ending, " to go on: ", 16);
    enum rc rc = ask(ctx, question, ending, flag, answer, err);
    if (rc != RC_OK)
        return rc;
    if (strcmp(answer, word) == 0)
        return RC_OK;
    return err_set(err, RC_NO_CONFIRM, "not confirmed, nothing was done");
}
