/* explain: what an error code or an exit status means, offline. docs/reference/errors.md is made
 * from its JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"

enum { WIDTH = 80, INDENT = 8 };

/* What was asked for: one code, one exit status, or all (both none). */
struct asked {
    enum rc code;
    int status; /* -1: none */
};

/* ---- what the argument stands for ---- */

static int
as_number(const char *text, size_t digits_min, size_t digits_max, long *out)
{
    size_t len = strlen(text);
    if (len < digits_min || len > digits_max || strspn(text, "0123456789") != len)
        return 0;
    *out = strtol(text, NULL, 10);
    return 1;
}

/* An unknown number gets its neighbours, a word the codes that speak of it. */
static void
suggest(const char *arg, long number, struct err *err)
{
    unsigned next = 0;
    while (err_at(next) != RC_OK && (long)err_at(next) < number)
        next++;
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        if (number > 0 ? i + 2 >= next && i < next + 2 : strstr(err_text(err_at(i)), arg) != NULL)
            (void)err_hint(err, "KM%04d: %s", (int)err_at(i), err_text(err_at(i)));
    }
    (void)err_hint(err, "all of them: keymuster explain");
}

static enum rc
understand(const char *arg, struct asked *out, struct err *err)
{
    long number = 0;
    const char *digits = strncasecmp(arg, "KM", 2) == 0 ? arg + 2 : arg;
    if (as_number(digits, 4, 4, &number)) {
        for (unsigned i = 0; err_at(i) != RC_OK; i++) {
            if ((long)err_at(i) == number) {
                out->code = err_at(i);
                return RC_OK;
            }
        }
    } else if (digits == arg && as_number(arg, 1, 3, &number)) {
        for (unsigned i = 0; err_status_at(i).text != NULL; i++) {
            if (err_status_at(i).number == number) {
                out->status = (int)number;
                return RC_OK;
            }
        }
        (void)err_set(err, RC_NOT_FOUND, "keymuster never ends with %ld by itself", number);
        return err_hint(err, "exec ends as its command does: 128 and more is a signal\n"
                             "all that keymuster uses: keymuster explain");
    }
    (void)err_set(err, RC_NOT_FOUND, "no such error code: %.64s", arg);
    suggest(arg, number, err);
    return err->code;
}

/* ---- text ---- */

/* A name, then the text broken between words. */
static void
put_wrapped(struct ctx *ctx, const char *name, const char *text, size_t len)
{
    size_t column = WIDTH;
    out_printf(ctx, "  %-5s ", name);
    column = INDENT;
    while (len > 0) {
        size_t word = strcspn(text, " ");
        if (word > len)
            word = len;
        if (column > INDENT && column + 1 + word > WIDTH) {
            out_printf(ctx, "\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > INDENT) {
            out_printf(ctx, " ");
            column++;
        }
        out_printf(ctx, "%.*s", (int)word, text);
        column += word;
        word += word < len; /* the blank */
        text += word;
        len -= word;
    }
    out_printf(ctx, "\n");
}

static void
put_lines(struct ctx *ctx, const char *name, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        put_wrapped(ctx, name, text, len);
        text += len + (text[len] == '\n');
        name = "";
    }
}

static void
put_short(struct ctx *ctx, enum rc code)
{
    out_printf(ctx, "KM%04d  exit %-3d  %s%s\n", (int)code, err_exit(code), err_text(code),
               err_retryable(code) ? "; the same command may work later" : "");
}

static void
answer_text(struct ctx *ctx, const struct asked *a)
{
    if (a->code != RC_OK) {
        const struct err_help *help = err_help(a->code);
        put_short(ctx, a->code);
        put_lines(ctx, "means", help->means);
        put_lines(ctx, "cause", help->causes);
        put_lines(ctx, "do", help->todo);
        return;
    }
    for (unsigned i = 0; err_status_at(i).text != NULL; i++) {
        struct err_status s = err_status_at(i);
        if (a->status < 0 || a->status == s.number)
            out_printf(ctx, "exit %-3d  %s\n", s.number, s.text);
    }
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        if (a->status < 0 || err_exit(err_at(i)) == a->status)
            put_short(ctx, err_at(i));
    }
}

/* ---- JSON ---- */

static void
write_lines(struct jw *w, const char *name, const char *text)
{
    jw_arr(w, name);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char line[512];
        (void)snprintf(line, sizeof line, "%.*s", (int)len, text);
        jw_str(w, NULL, line);
        text += len + (text[len] == '\n');
    }
    jw_end_arr(w);
}

static void
write_code(struct jw *w, enum rc code)
{
    char text[16];
    const struct err_help *help = err_help(code);
    (void)snprintf(text, sizeof text, "KM%04d", (int)code);
    jw_obj(w, NULL);
    jw_str(w, "code", text);
    jw_int(w, "exit", err_exit(code));
    jw_str(w, "text", err_text(code));
    jw_bool(w, "retryable", err_retryable(code));
    jw_str(w, "means", help->means);
    write_lines(w, "causes", help->causes);
    write_lines(w, "do", help->todo);
    jw_end_obj(w);
}

static enum rc
answer_json(struct ctx *ctx, const struct asked *a, struct err *err)
{
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "explain");
    jw_arr(&w, "exits");
    for (unsigned i = 0; a->code == RC_OK && err_status_at(i).text != NULL; i++) {
        struct err_status s = err_status_at(i);
        if (a->status >= 0 && a->status != s.number)
            continue;
        jw_obj(&w, NULL);
        jw_int(&w, "exit", s.number);
        jw_str(&w, "text", s.text);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_arr(&w, "codes");
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        enum rc code = err_at(i);
        if (a->code == RC_OK ? a->status < 0 || err_exit(code) == a->status : code == a->code)
            write_code(&w, code);
    }
    jw_end_arr(&w);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
run_explain(struct ctx *ctx, struct err *err)
{
    struct asked asked = {RC_OK, -1};
    const char *arg = opt_arg(&ctx->opts, 0);
    enum rc rc = arg != NULL ? understand(arg, &asked, err) : RC_OK;
    if (rc != RC_OK)
        return rc;
    if (out_is_json(ctx))
        return answer_json(ctx, &asked, err);
    answer_text(ctx, &asked);
    return RC_OK;
}

const struct cmd cmd_explain_table[] = {
    {NULL, "explain", "[CODE | EXIT-STATUS]",
     "Says what an error code or an exit status means, and what to do.", NULL, 0, 1, CMD_NO_STORE,
     GROUP_HELP, run_explain, "keymuster explain KM3005\nkeymuster explain 15\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
