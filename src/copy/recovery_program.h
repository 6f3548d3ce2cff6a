/*
 * recovery/program/ in a copy that is bound with `program = yes`: the program that is running, its
 * sha256sum line, each with a .minisig. For a bare machine that has the copy and no keymuster; the
 * program never reads them.
 */
#ifndef COPY_RECOVERY_PROGRAM_H
#define COPY_RECOVERY_PROGRAM_H

#include "copy/recovery_files.h"

/* Writes it where it is wanted and is missing or another one. RECOVERY_NEW: another one than was
 * written there last from here. Its own transactions. */
enum rc recovery_program_write(struct store *store, struct copy *copy, enum recovery_flags flags,
                               struct err *err) MUST_CHECK;
/* *there 1 when a program lies there, whoever put it; 0 also when that cannot be told. What was
 * seen is remembered. */
enum rc recovery_program_there(struct store *store, struct copy *copy, enum recovery_flags flags,
                               int *there, struct err *err) MUST_CHECK;

#endif
