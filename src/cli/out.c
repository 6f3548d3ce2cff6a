#include "cli/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/plant.h"
#include "cli/layout.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/term.h"
#include "text/csv.h"
#include "text/jw.h"
#include "text/uni.h"

/* Remarks and errors are short; this bounds even a hostile server's text in them. */
enum { SHORT_TEXT = 32 * 1024 };

int
out_is_json(const struct ctx *ctx)
{
    return ctx->format == OUT_JSON || ctx->format == OUT_NDJSON;
}

/* ---- the answer ---- */

static enum rc
write_answer(struct ctx *ctx, const void *bytes, size_t len, struct err *err)
{
    if (len == 0)
        return RC_OK;
    enum rc rc = file_write_fd(ctx->out_fd, bytes, len, "the answer", err);
    if (rc == RC_OK)
        return RC_OK;
    ctx->out_failed = 1;
    if (err->os_errno == EBADF)
        (void)err_why(err, "standard output is closed");
    if (ctx->cmd != NULL && (ctx->cmd->flags & CMD_WRITE) && !ctx->dry_run) {
        rc = err->code = RC_OUTPUT_FAILED;
        (void)err_wrap(err, "what was to be done is done; only its report failed");
        (void)err_hint(err, "do not repeat it; look at what is there now");
        memcpy(err->entry, ctx->entry, sizeof err->entry);
    }
    return rc;
}

enum rc
out_json(struct ctx *ctx, const struct buf *doc, struct err *err)
{
    struct buf line;
    enum rc rc = buf_check(doc, "the answer", err);
    if (rc != RC_OK)
        return rc;
    if (doc->len == 0 || memchr(doc->data, '\n', doc->len) != NULL)
        return err_set(err, RC_INTERNAL, "the answer is not one line of JSON");
    if (ctx->format == OUT_JSON && ctx->items > 0)
        return err_set(err, RC_INTERNAL, "a second answer");
    /* Document and line feed in one write, so that lines of two processes do not mix. */
    buf_init(&line, doc->len + 1);
    buf_add(&line, doc->data, doc->len);
    buf_addc(&line, '\n');
    rc = buf_check(&line, "the answer", err);
    if (rc == RC_OK)
        rc = write_answer(ctx, line.data, line.len, err);
    if (rc == RC_OK)
        ctx->items++;
    buf_release(&line);
    return rc;
}

enum rc
out_json_line(struct ctx *ctx, const struct buf *doc, struct err *err)
{
    enum { ENOUGH = 65536 };
    enum rc rc = buf_check(doc, "the answer", err);
    if (rc != RC_OK)
        return rc;
    buf_add(&ctx->out, doc->data, doc->len);
    buf_addc(&ctx->out, '\n');
    ctx->items++;
    return ctx->out.len < ENOUGH ? RC_OK : out_flush(ctx, err);
}

enum rc
out_json_part(struct ctx *ctx, struct buf *doc, struct err *err)
{
    enum { ENOUGH = 4 * 1024 * 1024 };
    if (doc->len < ENOUGH)
        return RC_OK;
    enum rc rc = buf_check(doc, "the answer", err);
    if (rc == RC_OK)
        rc = write_answer(ctx, doc->data, doc->len, err);
    buf_clear(doc);
    return rc;
}

enum rc
out_object(struct ctx *ctx, struct buf *doc, struct jw *w, struct err *err)
{
    if (PLANTED("odd-member"))
        jw_int(w, "odd", 1);
    jw_end_obj(w);
    enum rc rc = out_json(ctx, doc, err);
    buf_release(doc);
    return rc;
}

void
out_text(struct ctx *ctx, const char *text)
{
    escape_terminal(&ctx->out, text, strlen(text), ESCAPE_LINE);
}

/* Appends a formatted text of any length. */
static void PRINTF(2, 0) add_formatted(struct buf *out, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        return;
    char *room = buf_room(out, (size_t)len + 1);
    if (room == NULL)
        return;
    (void)vsnprintf(room, (size_t)len + 1, fmt, args); /* measured above */
    buf_grown(out, (size_t)len);
}

void
out_printf(struct ctx *ctx, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_formatted(&ctx->out, fmt, args);
    va_end(args);
}

unsigned
out_width(const struct ctx *ctx)
{
    unsigned columns = 0;
    unsigned rows = 0;
    (void)ctx;
    if (!term_is_tty(1))
        return 0;
    term_size(1, &columns, &rows);
    return columns;
}

void
out_line(struct ctx *ctx, const char *before, const char *text)
{
    out_printf(ctx, "%s", before);
    out_text(ctx, text);
    out_printf(ctx, "\n");
}

void
out_field(struct ctx *ctx, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    buf_addf(&ctx->out, "%-10s  ", name);
    out_text(ctx, value);
    buf_addc(&ctx->out, '\n');
}

void
out_csv(struct ctx *ctx, int first, const char *text)
{
    csv_cell(&ctx->out, first, text);
}

enum rc
out_csv_end(struct ctx *ctx, struct err *err)
{
    enum { ENOUGH = 65536 };
    buf_adds(&ctx->out, "\r\n");
    return ctx->out.len < ENOUGH ? RC_OK : out_flush(ctx, err);
}

/* Length of the field name at list; *next is where the following one begins, or NULL. */
static size_t
field_length(const char *list, const char **next)
{
    size_t len = strcspn(list, ",");
    *next = list[len] == ',' ? list + len + 1 : NULL;
    return len;
}

int
out_wants(const struct ctx *ctx, const char *field)
{
    const char *next = opt_get(&ctx->opts, OPT_FIELDS);
    if (next == NULL)
        return 1;
    while (next != NULL) {
        const char *at = next;
        size_t len = field_length(at, &next);
        if (len == strlen(field) && strncmp(at, field, len) == 0)
            return 1;
    }
    return 0;
}

static int
field_is_known(const char *const *known, const char *at, size_t len)
{
    for (size_t i = 0; known[i] != NULL; i++) {
        if (strlen(known[i]) == len && strncmp(known[i], at, len) == 0)
            return 1;
    }
    return 0;
}

enum rc
out_check_fields(const struct ctx *ctx, const char *const *known, struct err *err)
{
    char all[512] = "";
    const char *next = opt_get(&ctx->opts, OPT_FIELDS);
    while (next != NULL) {
        const char *at = next;
        size_t len = field_length(at, &next);
        if (field_is_known(known, at, len))
            continue;
        for (size_t i = 0; known[i] != NULL; i++) {
            if (i > 0)
                strncat(all, ",", sizeof all - strlen(all) - 1);
            strncat(all, known[i], sizeof all - strlen(all) - 1);
        }
        (void)err_set(err, RC_USAGE, "--fields: there is no %.*s", len > 64 ? 64 : (int)len, at);
        return err_hint(err, "known: %s", all);
    }
    return RC_OK;
}

static unsigned
color_on(const struct ctx *ctx, int fd)
{
    return ctx->color > 0 || (ctx->color == 0 && term_is_tty(fd)) ? LAYOUT_COLOR : 0;
}

/* Text is for people: in the characters of their locale, made to fit their terminal. */
static enum rc
write_text(struct ctx *ctx, struct err *err)
{
    struct buf text;
    unsigned as_is = ctx->cmd != NULL && (ctx->cmd->flags & CMD_AS_IS) ? LAYOUT_AS_IS : 0;
    buf_init(&text, 4 * ctx->out.max);
    layout_for(&text, buf_str(&ctx->out), ctx->out_fd, as_is | color_on(ctx, ctx->out_fd));
    enum rc rc = buf_check(&text, "the answer", err);
    if (rc == RC_OK)
        rc = write_answer(ctx, text.data, text.len, err);
    buf_release(&text);
    return rc;
}

enum rc
out_flush(struct ctx *ctx, struct err *err)
{
    enum rc rc = buf_check(&ctx->out, "the answer", err);
    if (rc == RC_OK && ctx->format == OUT_TEXT && ctx->out.len > 0)
        rc = write_text(ctx, err);
    else if (rc == RC_OK)
        rc = write_answer(ctx, ctx->out.data, ctx->out.len, err);
    buf_clear(&ctx->out);
    return rc;
}

static enum rc
write_summary(struct ctx *ctx, int exit_status, struct err *err)
{
    struct buf doc;
    struct jw w;
    buf_init(&doc, ctx->summary.len + 1024);
    jw_init(&w, &doc);
    jw_obj(&w, NULL);
    jw_str(&w, "schema", "keymuster.summary/1");
    if (ctx->cmd != NULL) {
        char name[CMD_NAME];
        cmd_name(name, ctx->cmd);
        jw_str(&w, "command", name);
    }
    jw_int(&w, "exit", exit_status);
    jw_int(&w, "items", (int64_t)ctx->items);
    if (ctx->summary.len > 0)
        jw_raw(&w, "result", ctx->summary.data, ctx->summary.len);
    return out_object(ctx, &doc, &w, err);
}

enum rc
out_end(struct ctx *ctx, int exit_status, struct err *err)
{
    enum rc rc = RC_OK;
    if (ctx->out_failed)
        return RC_OK; /* said already */
    if (ctx->format == OUT_NDJSON)
        rc = write_summary(ctx, exit_status, err);
    else
        rc = out_flush(ctx, err);
    /* A network file system tells only now that it could not store what was written. */
    if (rc == RC_OK && close(STDOUT_FILENO) != 0 && errno != EBADF)
        rc = err_errno(err, RC_IO, "closing the answer");
    return rc;
}

/* ---- remarks and errors ---- */

/* Standard error takes it or not; there is nobody left to tell. */
static void
write_stderr(const struct ctx *ctx, const struct buf *text, unsigned how)
{
    struct err ignored = ERR_INIT;
    struct buf fitted;
    buf_init(&fitted, 4 * text->max);
    if (!out_is_json(ctx))
        layout_for(&fitted, buf_str(text), STDERR_FILENO, how | color_on(ctx, STDERR_FILENO));
    const struct buf *said = fitted.failed || fitted.len == 0 ? text : &fitted;
    if (said->len > 0)
        err_ignore(file_write_fd(STDERR_FILENO, said->data, said->len, "standard error", &ignored));
    buf_release(&fitted);
}

/* text as valid UTF-8 without controls but line feeds: file names may be any bytes. */
static void
json_text(struct jw *w, const char *name, const char *text)
{
    struct buf clean;
    buf_init(&clean, SHORT_TEXT);
    escape_terminal(&clean, text, strlen(text), ESCAPE_KEEP_NEWLINES);
    jw_str(w, name, buf_str(&clean));
    buf_release(&clean);
}

static void remark(struct ctx *ctx, const char *level, const char *fmt, va_list args) PRINTF(3, 0);

static void
remark(struct ctx *ctx, const char *level, const char *fmt, va_list args)
{
    struct buf text, line;
    buf_init(&text, SHORT_TEXT);
    buf_init(&line, 4 * (size_t)SHORT_TEXT);
    add_formatted(&text, fmt, args);
    if (out_is_json(ctx)) {
        struct jw w;
        jw_init(&w, &line);
        jw_obj(&w, NULL);
        jw_str(&w, "schema", "keymuster.note/1");
        jw_str(&w, "level", level);
        json_text(&w, "message", buf_str(&text));
        jw_end_obj(&w);
    } else {
        buf_adds(&line, strcmp(level, "warning") == 0 ? "keymuster: warning: " : "keymuster: ");
        escape_terminal(&line, buf_str(&text), text.len, ESCAPE_KEEP_NEWLINES);
    }
    buf_addc(&line, '\n');
    write_stderr(ctx, &line, 0);
    buf_release(&line);
    buf_release(&text);
}

void
out_note(struct ctx *ctx, const char *fmt, ...)
{
    va_list args;
    if (ctx->quiet)
        return;
    va_start(args, fmt);
    remark(ctx, "note", fmt, args);
    va_end(args);
}

void
out_warn(struct ctx *ctx, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    remark(ctx, "warning", fmt, args);
    va_end(args);
}

int
out_exit(const struct ctx *ctx, const struct err *err)
{
    int status = err_exit(err->code);
    if (err->code == RC_INTERRUPTED && signals_pending() != 0)
        return 128 + signals_pending();
    if (ctx->cmd != NULL && (ctx->cmd->flags & CMD_EXEC) && err->code != RC_INTERRUPTED)
        return 125;
    return status;
}

/* What the detector says; else what explain says of the code. */
static const char *
ways_out(const struct err *err)
{
    const struct err_help *help = err_help(err->code);
    return err->hint[0] == '\0' && help != NULL ? help->todo : err->hint;
}

/* Each line of hint as an item. */
static void
json_hints(struct jw *w, const char *hint)
{
    jw_arr(w, "hints");
    while (*hint != '\0') {
        struct buf line;
        size_t len = strcspn(hint, "\n");
        buf_init(&line, SHORT_TEXT);
        escape_terminal(&line, hint, len, ESCAPE_LINE);
        jw_str(w, NULL, buf_str(&line));
        buf_release(&line);
        hint += len + (hint[len] == '\n');
    }
    jw_end_arr(w);
}

static void
error_json(struct buf *out, const struct ctx *ctx, const struct err *err)
{
    struct jw w;
    char code[16];
    const char *msg = err->msg[0] == '\0' ? err_text(err->code) : err->msg;
    (void)snprintf(code, sizeof code, "KM%04u", (unsigned)err->code);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "schema", "keymuster.error/1");
    jw_str(&w, "code", code);
    if (PLANTED("odd-type"))
        jw_str(&w, "exit", "3");
    else
        jw_int(&w, "exit", out_exit(ctx, err));
    json_text(&w, "message", msg);
    json_text(&w, "cause", err->why[0] == '\0' ? err_text(err->code) : err->why);
    json_hints(&w, ways_out(err));
    if (err->request[0] == '\0')
        jw_null(&w, "request");
    else
        json_text(&w, "request", err->request);
    jw_bool(&w, "retryable", err_retryable(err->code));
    if (err->entry[0] != '\0')
        json_text(&w, "entry", err->entry);
    jw_end_obj(&w);
    buf_addc(out, '\n');
}

/* "  do    first line", the following ones below each other. */
static void
error_part(struct buf *out, const char *name, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        buf_addf(out, "  %-4s  ", name);
        escape_terminal(out, text, len, ESCAPE_LINE);
        buf_addc(out, '\n');
        text += len + (text[len] == '\n');
        name = "";
    }
}

static void
error_text(struct buf *out, const struct err *err)
{
    const char *msg = err->msg[0] == '\0' ? err_text(err->code) : err->msg;
    const char *dot = locale_is_utf8() ? "\xc2\xb7" : "-";
    buf_adds(out, "keymuster: ");
    escape_terminal(out, msg, strlen(msg), ESCAPE_LINE);
    buf_addc(out, '\n');
    error_part(out, "why", err->why);
    error_part(out, "do", ways_out(err));
    buf_addf(out, "  ref   KM%04u %s keymuster explain KM%04u\n", (unsigned)err->code, dot,
             (unsigned)err->code);
    if (err->request[0] != '\0') {
        buf_adds(out, "        request ");
        escape_terminal(out, err->request, strlen(err->request), ESCAPE_LINE);
        buf_addc(out, '\n');
    }
    if (err->entry[0] != '\0')
        buf_addf(out, "        entry %s\n", err->entry);
}

/* What there is to say when there is no memory to say it: code, exit status, entry. */
static void
say_without_memory(const struct ctx *ctx, const struct err *err)
{
    struct err ignored = ERR_INIT;
    char line[512];
    const char *text = err_text(err->code); /* plain ASCII */
    const char *entry = err->entry;
    int n =
        out_is_json(ctx)
            ? snprintf(line, sizeof line,
                       "{\"schema\":\"keymuster.error/1\",\"code\":\"KM%04u\",\"exit\":%d,"
                       "\"message\":\"%s\",\"cause\":\"%s\",\"hints\":[],\"request\":null,"
                       "\"retryable\":%s%s%s%s}\n",
                       (unsigned)err->code, out_exit(ctx, err), text, err_text(RC_NO_MEMORY),
                       err_retryable(err->code) ? "true" : "false",
                       entry[0] != '\0' ? ",\"entry\":\"" : "", entry, entry[0] != '\0' ? "\"" : "")
            : snprintf(line, sizeof line, "keymuster: %s\n  ref   KM%04u%s%s\n", text,
                       (unsigned)err->code, entry[0] != '\0' ? "\n        entry " : "", entry);
    if (n > 0 && (size_t)n < sizeof line)
        err_ignore(file_write_fd(STDERR_FILENO, line, (size_t)n, "standard error", &ignored));
}

void
out_error(struct ctx *ctx, const struct err *err)
{
    struct buf text;
    /* The reader of a pipe has had enough (`list | head -1`): nobody wants to hear of it. */
    if (ctx->out_failed && err->code == RC_IO && err->os_errno == EPIPE)
        return;
    buf_init(&text, 4 * (size_t)SHORT_TEXT);
    if (out_is_json(ctx))
        error_json(&text, ctx, err);
    else
        error_text(&text, err);
    if (text.failed)
        say_without_memory(ctx, err);
    else
        write_stderr(ctx, &text, LAYOUT_ERROR);
    buf_release(&text);
}

static enum out_format
format_of(const char *word)
{
    return strcmp(word, "json") == 0     ? OUT_JSON
           : strcmp(word, "ndjson") == 0 ? OUT_NDJSON
                                         : OUT_TEXT;
}

enum out_format
out_guess(int argc, char **argv)
{
    const char *value = env_get("KEYMUSTER_OUTPUT");
    enum out_format format = value == NULL ? OUT_TEXT : format_of(value);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];
        int two_words = strcmp(word, "-o") == 0 || strcmp(word, "--output") == 0;
        if (strcmp(word, "--json") == 0)
            return OUT_JSON;
        if (two_words && i + 1 < argc)
            format = format_of(argv[++i]);
        else if (strncmp(word, "--output=", 9) == 0)
            format = format_of(word + 9);
        else if (strncmp(word, "-o", 2) == 0)
            format = format_of(word + 2);
    }
    return format;
}
