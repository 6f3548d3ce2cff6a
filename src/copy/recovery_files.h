/*
 * recovery/ in a copy: START-HERE.md and KEYS.txt, each with a .minisig, for a person who has the
 * copy and a KMS and not necessarily keymuster. Nothing in them is secret; the program never reads
 * them.
 */
#ifndef COPY_RECOVERY_FILES_H
#define COPY_RECOVERY_FILES_H

#include "copy/copy.h"

/* 1 when one of the files is not there; 0 also when that cannot be told. */
int recovery_files_missing(struct copy *copy);
/* Writes both anew, signed by this store's author. */
enum rc recovery_files_write(struct store *store, struct copy *copy, struct err *err) MUST_CHECK;

/* Writes recovery/NAME and its signature. */
enum rc recovery_send(struct copy *copy, const struct secret *key, const char *name,
                      const struct buf *text, struct err *err) MUST_CHECK;

#endif
