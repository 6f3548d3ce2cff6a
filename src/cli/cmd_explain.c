/* explain: what an error code means, offline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"

static enum rc
find_code(const char *text, enum rc *code, struct err *err)
{
    const char *digits = strncmp(text, "KM", 2) == 0 ? text + 2 : text;
    if (strlen(digits) == 4 && strspn(digits, "0123456789") == 4) {
        long number = strtol(digits, NULL, 10);
        for (unsigned i = 0; err_at(i) != RC_OK; i++) {
            if ((long)err_at(i) == number) {
                *code = err_at(i);
                return RC_OK;
            }
        }
    }
    (void)err_set(err, RC_NOT_FOUND, "no such error code");
    return err_hint(err, "a code reads KM and four digits; all of them: keymuster explain");
}

static void
write_code(struct jw *w, enum rc code)
{
    char text[16];
    (void)snprintf(text, sizeof text, "KM%04d", (int)code);
    jw_obj(w, NULL);
    jw_str(w, "code", text);
    jw_int(w, "exit", err_exit(code));
    jw_str(w, "text", err_text(code));
    jw_bool(w, "retryable", err_retryable(code));
    jw_end_obj(w);
}

static enum rc
run_explain(struct ctx *ctx, struct err *err)
{
    enum rc only = RC_OK;
    const char *arg = opt_arg(&ctx->opts, 0);
    enum rc rc = arg != NULL ? find_code(arg, &only, err) : RC_OK;
    struct buf doc = {0};
    struct jw w;
    int json = out_is_json(ctx);
    if (rc != RC_OK)
        return rc;
    if (json) {
        session_answer(&doc, &w, "explain");
        jw_arr(&w, "codes");
    }
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        enum rc code = err_at(i);
        if (only != RC_OK && code != only)
            continue;
        if (json)
            write_code(&w, code);
        else
            out_printf(ctx, "KM%04d  exit %-3d  %s%s\n", (int)code, err_exit(code), err_text(code),
                       err_retryable(code) ? "; the same command may work later" : "");
    }
    if (json) {
        jw_end_arr(&w);
        jw_end_obj(&w);
        rc = out_json(ctx, &doc, err);
    }
    buf_release(&doc);
    return rc;
}

const struct cmd cmd_explain_table[] = {
    {NULL, "explain", "[CODE]", "Says what an error code means.", NULL, 0, 1, CMD_NO_STORE,
     GROUP_HELP, run_explain, "keymuster explain KM3005\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
