/* The private file of `exec --tmpfile` and `--template`; used by child.c only. */
#ifndef RECOVER_CHILD_FILE_H
#define RECOVER_CHILD_FILE_H

#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"
#include "recover/template.h"
#include "sys/path.h"

/*
 * A file in a new folder (0700) on a file system in memory: $XDG_RUNTIME_DIR, else /dev/shm; where
 * neither is one, an anonymous file that the command inherits (folder "" then). It is locked as
 * long as its maker lives; what a killed one has left there is wiped and removed when the next is
 * made.
 */
struct child_file {
    int fd; /* -1: none */
    char folder[PATH_SIZE];
    char path[PATH_SIZE];
};

/* Holds s, or template (if it is not NULL) filled with it. RC_EXEC_FAILED, RC_TEMPLATE; nothing is
 * left then. */
enum rc child_file_make(struct child_file *f, const struct secret *s,
                        const struct template *template, struct err *err) MUST_CHECK;
/* Wipes and removes it. Takes one with fd -1. */
void child_file_end(struct child_file *f);

#endif
