/* Who acts, for the record: beside the account, which every entry has. */
#ifndef CLI_WHO_H
#define CLI_WHO_H

#include "base/limits.h"
#include "cli/cmd.h"

struct who {
    char person[LIMIT_TEXT +
                1]; /* UUID; or the name as given, when it is not registered; "": unknown */
    char name[LIMIT_TEXT + 1]; /* for people */
};

/*
 * --as PERSON; else the person whose account this is; else, where persons are registered and there
 * is a terminal, the answer to a question. Nobody is no error, and neither is a name that is not
 * registered: nothing recorded may stop a recovery. RC_BAD_VALUE for what is no name.
 */
enum rc who_ask(struct ctx *ctx, struct who *out, struct err *err) MUST_CHECK;

/* A name that somebody gave; what says where, for messages. RC_BAD_VALUE. */
enum rc who_named(struct ctx *ctx, struct who *out, const char *name, const char *what,
                  struct err *err) MUST_CHECK;

#define AS_OPTION                                                                                  \
    {                                                                                              \
        OPT_AS, "as", 0, "PERSON", 0, "who is acting, on a shared account"                         \
    }

#endif
