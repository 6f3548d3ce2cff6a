/* The configuration backups (.bco) of a folder and of those beneath it, looked at one by one. */
#ifndef CLI_IDENTIFY_WALK_H
#define CLI_IDENTIFY_WALK_H

#include "cli/vbr/identify.h"

enum { IDENTIFY_FILES = 10000, IDENTIFY_DEPTH = 4 };

/* Borrowed for the call. A file that cannot be read is one, too; see identify_file. */
typedef enum rc (*identify_fn)(void *arg, const struct identify *found, struct err *err);
/*
 * path: a folder, or one file. In no order; links to folders are not followed; *more 1: there were
 * more than IDENTIFY_FILES, which were left out. A folder that may not be read is a warning where
 * another one led to it. RC_IO, RC_NOT_FOUND.
 */
enum rc identify_walk(struct ctx *ctx, const char *path, identify_fn fn, void *arg, int *more,
                      struct err *err) MUST_CHECK;

#endif
