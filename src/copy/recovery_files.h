/*
 * recovery/ in a copy: START-HERE.md, KEYS.txt and scripts, each with a .minisig, for a person who
 * has the copy and a KMS and not necessarily keymuster. Nothing in them is secret; the program
 * never reads them.
 */
#ifndef COPY_RECOVERY_FILES_H
#define COPY_RECOVERY_FILES_H

#include "copy/copy.h"

/* Names of all that belongs there but recovery/program/; NULL after the last. */
const char *recovery_files_name(size_t i);
/* Of a text and its signature. */
enum recovery_state {
    RECOVERY_GOOD,    /* signed by an author who is accepted here */
    RECOVERY_OTHER,   /* so, too, but a script that is not this program's */
    RECOVERY_MISSING, /* one of the two is not there, as a writer that was killed leaves it */
    RECOVERY_ALTERED
};
enum rc recovery_files_look(const struct store *store, struct copy *copy, size_t i,
                            enum recovery_state *state, struct err *err) MUST_CHECK;
/* 1 when one of the files is not RECOVERY_GOOD; 0 also when that cannot be told. */
int recovery_files_due(const struct store *store, struct copy *copy);
/* Writes both pages anew, signed by this store's author, and the scripts that are not this
 * program's. */
enum rc recovery_files_write(struct store *store, struct copy *copy, struct err *err) MUST_CHECK;

/* Writes recovery/NAME, its signature first: whoever finds the text can tell whether it is whole.
 */
enum rc recovery_send(struct copy *copy, const struct secret *key, const char *name,
                      const struct buf *text, struct err *err) MUST_CHECK;

#endif
