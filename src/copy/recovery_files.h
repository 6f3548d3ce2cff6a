/*
 * recovery/ in a copy: START-HERE.md, KEYS.txt, scripts, runbooks and SHA256SUMS of these two, each
 * with a .minisig, for a person who
 * has the copy and a KMS and not necessarily keymuster. Nothing in them is secret; the program
 * never reads them.
 */
#ifndef COPY_RECOVERY_FILES_H
#define COPY_RECOVERY_FILES_H

#include "copy/copy.h"

#define RECOVERY_TRUSTED "keymuster recovery 1"

/* Of a text and its signature. */
enum recovery_state {
    RECOVERY_GOOD,    /* signed by an author who is accepted here */
    RECOVERY_OTHER,   /* so, too, but not what this program and this log would lay there */
    RECOVERY_MISSING, /* one of the two is not there, as a writer that was killed leaves it */
    RECOVERY_ALTERED
};
/* All that belongs there but recovery/program/. name: below recovery/. */
typedef enum rc (*recovery_fn)(void *arg, const char *name, enum recovery_state state,
                               struct err *err);
enum rc recovery_files_each(const struct store *store, struct copy *copy, recovery_fn fn, void *arg,
                            struct err *err) MUST_CHECK;

enum recovery_flags {
    RECOVERY_NEW = 0,  /* what says something else than was last written there from here */
    RECOVERY_LOOK = 1, /* also what is not as it should be: each file is looked at */
    RECOVERY_PAGES = 2 /* and both pages anew */
};
/* Writes the pages, and the scripts and runbooks that are not what they should be, each signed by
 * this store's author. Nothing is asked of the copy when nothing is to be written. Its own
 * transactions. */
enum rc recovery_files_write(struct store *store, struct copy *copy, enum recovery_flags flags,
                             struct err *err) MUST_CHECK;

/* Writes recovery/NAME without its former signature, then the new one: a writer that is broken off
 * leaves a text without any, and never one that looks altered. */
enum rc recovery_send(struct copy *copy, const struct secret *key, const char *name,
                      const struct buf *text, struct err *err) MUST_CHECK;

#endif
