/*
 * recovery/ in a copy: START-HERE.md and KEYS.txt, each with a .minisig, for a person who has the
 * copy and a KMS and not necessarily keymuster. Nothing in them is secret; the program never reads
 * them.
 */
#ifndef COPY_RECOVERY_FILES_H
#define COPY_RECOVERY_FILES_H

#include "copy/copy.h"

/* Writes both anew, signed by this store's author. */
enum rc recovery_files_write(struct store *store, struct copy *copy, struct err *err) MUST_CHECK;

#endif
