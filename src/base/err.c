#define ERR_DEFINES
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/errhelp.h"

static const struct row {
    enum rc code;
    int exit;
    int retry;
    const char *name;
    const char *text;
} rows[] = {
#define ERR_ROW(name, code, exit, retry, text) {name, exit, retry, #name, text},
    ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct row *
row_of(enum rc code)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return NULL;
}

int
err_exit(enum rc code)
{
    if (code == RC_OK)
        return 0;
    const struct row *row = row_of(code);
    return row != NULL ? row->exit : 70;
}

const char *
err_text(enum rc code)
{
    const struct row *row = row_of(code);
    return row != NULL ? row->text : (code == RC_OK ? "done" : "internal error");
}

const char *
err_name(enum rc code)
{
    const struct row *row = row_of(code);
    return row != NULL ? row->name : (code == RC_OK ? "RC_OK" : "RC_INTERNAL");
}

int
err_retryable(enum rc code)
{
    const struct row *row = row_of(code);
    return row != NULL && row->retry;
}

enum rc
err_at(unsigned i)
{
    return i < ROWS ? rows[i].code : RC_OK;
}

/* A switch, so that the compiler names the code that lacks its help. */
const struct err_help *
err_help(enum rc code)
{
    switch (code) {
#define ERR_HELP(name, means, causes, todo)                                                        \
    case name: {                                                                                   \
        static const struct err_help help = {means, causes, todo};                                 \
        return &help;                                                                              \
    }
        ERR_HELP_LIST(ERR_HELP)
#undef ERR_HELP
    case RC_OK:
        break;
    }
    return NULL;
}

struct err_status
err_status_at(unsigned i)
{
    static const struct err_status list[] = {
#define ERR_EXIT(number, text) {number, text},
        ERR_EXIT_LIST(ERR_EXIT)
#undef ERR_EXIT
            {-1, NULL}};
    enum { LAST = sizeof list / sizeof list[0] - 1 };
    return list[i < LAST ? i : LAST];
}

/* Higher is worse; the order is that of docs/reference/exit-codes.md. */
static int
weight(int status)
{
    switch (status) {
    case 0:
        return 0;
    case 3:
        return 1;
    case 14:
        return 3;
    case 19:
        return 4;
    case 15:
        return 5;
    case 70:
        return 6;
    default:
        return status >= 128 ? 7 : 2;
    }
}

int
err_worse_exit(int a, int b)
{
    return weight(b) > weight(a) ? b : a;
}

void
err_clear(struct err *err)
{
    memset(err, 0, sizeof *err);
}

enum rc
err_unless_found(enum rc rc, const struct err *scratch, int *found, struct err *err)
{
    *found = rc == RC_OK;
    if (rc == RC_OK || rc == RC_NOT_FOUND || rc == RC_AMBIGUOUS)
        return RC_OK;
    *err = *scratch;
    return rc;
}

static void vset(struct err *err, enum rc code, const char *fmt, va_list args) PRINTF(3, 0);

static void
vset(struct err *err, enum rc code, const char *fmt, va_list args)
{
    err_clear(err);
    err->code = code;
    (void)vsnprintf(err->msg, sizeof err->msg, fmt, args);
}

enum rc
err_set(struct err *err, enum rc code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vset(err, code, fmt, args);
    va_end(args);
    return code;
}

enum rc
err_errno(struct err *err, enum rc code, const char *fmt, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, fmt);
    vset(err, code, fmt, args);
    va_end(args);
    err->os_errno = saved;
    if (code == RC_IO && (saved == ENOSPC || saved == EDQUOT))
        err->code = RC_DISK_FULL;
    char text[128];
    if (strerror_r(saved, text, sizeof text) == 0)
        (void)snprintf(err->why, sizeof err->why, "%s", text);
    return err->code;
}

enum rc
err_nomem(struct err *err)
{
    return err_set(err, RC_NO_MEMORY, "out of memory");
}

enum rc
err_wrap(struct err *err, const char *fmt, ...)
{
    char old[sizeof err->msg];
    memcpy(old, err->msg, sizeof old);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->msg - 3)
        (void)snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old);
    return err->code;
}

enum rc
err_why(struct err *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->why, sizeof err->why, fmt, args);
    va_end(args);
    return err->code;
}

enum rc
err_hint(struct err *err, const char *fmt, ...)
{
    size_t used = strlen(err->hint);
    if (used + 2 >= sizeof err->hint)
        return err->code;
    if (used > 0)
        err->hint[used++] = '\n';
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->hint + used, sizeof err->hint - used, fmt, args);
    va_end(args);
    return err->code;
}
