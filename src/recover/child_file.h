/* The private file of `exec --tmpfile` and `--template`; used by child.c only. */
#ifndef RECOVER_CHILD_FILE_H
#define RECOVER_CHILD_FILE_H

#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"
#include "sys/file.h"

/*
 * A file in a new folder (0700) on a file system in memory: $XDG_RUNTIME_DIR, else /dev/shm; where
 * neither is one, an anonymous file that the command inherits (folder "" then).
 */
struct child_file {
    int fd; /* -1: none */
    char folder[PATH_SIZE];
    char path[PATH_SIZE];
};

/* Holds s, or with template (its text, not NULL) that with each {{secret}} replaced.
 * RC_EXEC_FAILED; nothing is left then. */
enum rc child_file_make(struct child_file *f, const struct secret *s, const char *template,
                        size_t template_len, struct err *err) MUST_CHECK;
/* Wipes and removes it. Takes one with fd -1. */
void child_file_end(struct child_file *f);

/* Whether text has a {{secret}}. */
int child_file_has_place(const char *text, size_t len);

#endif
