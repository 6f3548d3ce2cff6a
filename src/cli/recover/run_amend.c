#include "cli/recover/run_amend.h"

#include <stdio.h>
#include <string.h>

#include "cli/keys/officer.h"
#include "cli/recover/run_entry.h"
#include "cli/session.h"
#include "text/jw.h"

static enum rc
set_word(struct ctx *ctx, struct run *run, const char *text, struct err *err)
{
    char word[40], officer[KEY_NAME_BYTES + 24] = "";
    struct buf body;
    struct jw w;
    size_t n = strcspn(text, "=");
    if (text[n] != '=' || n >= sizeof word) {
        (void)err_set(err, RC_USAGE, "--word wants WORD=VALUE");
        return err_hint(err, "for example: --word key=vbr/config@1");
    }
    (void)snprintf(word, sizeof word, "%.*s", (int)n, text);
    enum rc rc = run_word_set(run->words, word, text + n + 1, err);
    if (rc == RC_OK && strcmp(word, "key") == 0)
        rc = officer_word(ctx->store, text + n + 1, NULL, officer, err);
    if (rc == RC_OK && officer[0] != '\0')
        rc = run_word_set(run->words, RUN_OFFICER, officer, err);
    if (rc != RC_OK)
        return rc;
    run_entry(&body, &w, run->record.id);
    jw_obj(&w, "words");
    jw_str(&w, word, text + n + 1);
    if (officer[0] != '\0')
        jw_str(&w, RUN_OFFICER, officer);
    jw_end_obj(&w);
    return run_entry_put(ctx, "run.word", &body, &w, err);
}

static enum rc
no_step(const struct run *run, const char *id, struct err *err)
{
    struct buf all;
    buf_init(&all, sizeof err->hint - 32);
    for (size_t i = 0; i < run->book->count; i++) {
        if (run_has(run, i))
            buf_addf(&all, " %s", run->book->steps[i].id);
    }
    (void)err_set(err, RC_NOT_FOUND, "this run has no step %.64s", id);
    (void)err_hint(err, "its steps:%s", buf_str(&all));
    buf_release(&all);
    return err->code;
}

static enum rc
open_again(struct ctx *ctx, struct run *run, const char *id, struct err *err)
{
    struct buf body;
    struct jw w;
    size_t i = 0;
    while (i < run->book->count && (!run_has(run, i) || strcmp(run->book->steps[i].id, id) != 0))
        i++;
    if (i == run->book->count)
        return no_step(run, id, err);
    if (run->steps[i].state == RUN_OPEN)
        return RC_OK;
    run_entry(&body, &w, run->record.id);
    jw_str(&w, "step", id);
    jw_str(&w, "result", "undone");
    jw_str(&w, "reason", ctx->reason != NULL ? ctx->reason : "to be done once more");
    enum rc rc = run_entry_put(ctx, "run.ended", &body, &w, err);
    run->steps[i].state = RUN_OPEN;
    return rc;
}

enum rc
run_amend(struct ctx *ctx, struct run *run, struct err *err)
{
    const char *text;
    enum rc rc = RC_OK;
    if (run->record.finished[0] != '\0')
        return RC_OK; /* whoever plays it says so */
    for (size_t i = 0; rc == RC_OK && (text = opt_at(&ctx->opts, OPT_WORD, i)) != NULL; i++)
        rc = set_word(ctx, run, text, err);
    for (size_t i = 0; rc == RC_OK && (text = opt_at(&ctx->opts, OPT_AGAIN, i)) != NULL; i++)
        rc = open_again(ctx, run, text, err);
    return rc;
}
