/*
 * Errors. A fallible function returns enum rc and takes a struct err * last (never NULL). The
 * function that detects a failure calls err_set (or err_errno) naming operation and object; callers
 * call err_wrap when they know more. Only cli/ prints errors and exits. Clean-up code uses a
 * scratch struct err, so that the first cause survives.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"
#include "base/errlist.h"

enum rc {
    RC_OK = 0,
#define ERR_ENUM(name, code, exit, retry, text) name = (code),
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

/* All texts are NUL-terminated UTF-8 and cut, never overrun, when they are too long. */
struct err {
    enum rc code;
    int os_errno;     /* 0 where the system was not the cause */
    char msg[512];    /* what failed, on which object; lower case, no full stop */
    char why[512];    /* why; may be empty */
    char hint[768];   /* what to do, one way a line; may be empty */
    char request[64]; /* correlation id sent to a KMS; may be empty */
    char entry[65];   /* hash of the entry in doubt or already stored (exit 19, 3); may be empty */
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        RC_OK, 0, "", "", "", "", ""                                                               \
    }

/* Forgets a former failure, sets code and message. Returns code, so that `return err_set(...)`
 * reads well. */
enum rc err_set(struct err *err, enum rc code, const char *fmt, ...) PRINTF(3, 4);

/* As err_set, keeping errno and its text as the reason. ENOSPC and EDQUOT turn RC_IO into
 * RC_DISK_FULL. */
enum rc err_errno(struct err *err, enum rc code, const char *fmt, ...) PRINTF(3, 4);

/* RC_NO_MEMORY, always the same sentence. */
enum rc err_nomem(struct err *err);

/* Puts "text: " before the message. Returns err->code. */
enum rc err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* Sets the reason; replaces a former one. Returns err->code. */
enum rc err_why(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* Adds a line to what can be done. Returns err->code. */
enum rc err_hint(struct err *err, const char *fmt, ...) PRINTF(2, 3);

#if defined __clang_analyzer__ && !defined ERR_DEFINES
/* It reads one file at a time and would not know that these never return RC_OK. */
#define err_set(err, code, ...) (err_set(err, code, __VA_ARGS__), (code))
#define err_errno(err, code, ...) (err_errno(err, code, __VA_ARGS__), (code))
#define err_nomem(err) (err_nomem(err), RC_NO_MEMORY)
#define err_wrap(err, ...) (err_wrap(err, __VA_ARGS__), RC_INTERNAL)
#define err_why(err, ...) (err_why(err, __VA_ARGS__), RC_INTERNAL)
#define err_hint(err, ...) (err_hint(err, __VA_ARGS__), RC_INTERNAL)
#endif

void err_clear(struct err *err);

/*
 * What a look-up with a scratch error says of whether the thing is there. RC_OK: *found 1.
 * RC_NOT_FOUND, and RC_AMBIGUOUS (no one thing of that name): *found 0 and RC_OK. Anything else,
 * lack of memory or a store that cannot be read, is no answer: *found 0, *err is *scratch, and its
 * code comes back.
 */
enum rc err_unless_found(enum rc rc, const struct err *scratch, int *found,
                         struct err *err) MUST_CHECK;

/* Exit status, one-line text, "retry may help" of a code; an unknown code is an internal error. */
int err_exit(enum rc code);
const char *err_text(enum rc code);
int err_retryable(enum rc code);
const char *err_name(enum rc code); /* "RC_NO_STORE" */

/* The i-th code of the list, in its order; RC_OK after the last. */
enum rc err_at(unsigned i);

/* What there is to say of a code: causes and ways out, one a line. Never NULL for a code of the
 * list. */
struct err_help {
    const char *means, *causes, *todo;
};
const struct err_help *err_help(enum rc code);

/* The i-th exit status and its text, in order of numbers; text NULL after the last. */
struct err_status {
    int number;
    const char *text;
};
struct err_status err_status_at(unsigned i);

/* The exit status when both happened: signal, 70, 15, 19, 14, the others, 3, 0. */
int err_worse_exit(int a, int b);

/* Deliberate disregard of a result; say why in a comment beside it. */
static inline void
err_ignore(enum rc rc)
{
    (void)rc;
}

#endif
