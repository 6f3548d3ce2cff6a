/* Asking the KMSs for their root keys: what they say is recorded when it is news, and since when
 * one cannot be asked is remembered on this machine. */
#ifndef CLI_ROOT_CHECK_H
#define CLI_ROOT_CHECK_H

#include "cli/cmd.h"
#include "escrow/depend.h"

enum { ROOT_CHECK_AWAY = 32 };

/* Over several root keys; zero it. */
struct root_check {
    struct ctx *ctx;
    struct {
        char kms[UUID_TEXT + 1];
        struct err err;
    } away[ROOT_CHECK_AWAY]; /* so as not to wait for the same KMS again */
    size_t away_count;
};

/* What came of one. */
struct root_checked {
    struct root root; /* as known now */
    enum root_state former;
    struct root_info info; /* if asked is RC_OK */
    enum rc asked;
    struct err why;
    char unknown_since[TIME_TEXT + 1]; /* "" when it could be asked */
    int64_t behind;                    /* wraps that are behind its current version */
    struct depend_count depend;        /* of a destroyed, or unknown one */
};
/* A KMS that refuses or is away is a result, not an error. Nothing is written with --dry-run. */
enum rc root_check_one(struct root_check *c, const struct object *o, struct root_checked *out,
                       struct err *err) MUST_CHECK;
/* One sentence for people, "" when there is nothing to say. Of NOTE_TEXT bytes. */
enum { ROOT_NOTE = 1024 };
void root_check_note(char out[ROOT_NOTE], const struct root_checked *r);

/* Since when a root key could not be asked, as root check remembers it; "" when it could. */
enum rc root_unknown_since(const struct store *store, const char *root, char out[TIME_TEXT + 1],
                           struct err *err) MUST_CHECK;
/* What to do about it, after a day; else "". */
const char *root_unknown_hint(const char *since);

#endif
