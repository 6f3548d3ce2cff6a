/*
 * recovery/ in a copy: START-HERE.md and KEYS.txt, each with a .minisig, for a person who has the
 * copy and a KMS and not necessarily keymuster. Nothing in them is secret; the program never reads
 * them.
 */
#ifndef COPY_RECOVERY_FILES_H
#define COPY_RECOVERY_FILES_H

#include "copy/copy.h"

/* 1 when one of the files is not there or does not fit its signature, as a writer that was killed
 * leaves it; 0 also when that cannot be told. */
int recovery_files_due(const struct store *store, struct copy *copy);
/* Names of the two texts; NULL after the last. */
const char *recovery_files_name(size_t i);
/* *good: 1 when the text is signed by an author who is accepted here, or is not there (which
 * recovery_files_due tells). */
enum rc recovery_files_good(const struct store *store, struct copy *copy, size_t i, int *good,
                            struct err *err) MUST_CHECK;
/* Writes both anew, signed by this store's author. */
enum rc recovery_files_write(struct store *store, struct copy *copy, struct err *err) MUST_CHECK;

/* Writes recovery/NAME, its signature first: whoever finds the text can tell whether it is whole.
 */
enum rc recovery_send(struct copy *copy, const struct secret *key, const char *name,
                      const struct buf *text, struct err *err) MUST_CHECK;

#endif
