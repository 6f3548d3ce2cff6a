/* command:ARGV: runs a program and gives its standard output. Used by ref.c only. */
#ifndef CLI_REF_COMMAND_H
#define CLI_REF_COMMAND_H

#include <sys/types.h>

#include "base/err.h"

struct ref_command {
    pid_t pid; /* 0: none */
    int fd;    /* its output; the reader closes it before ref_command_end */
};

/*
 * Splits text at blanks ('...', "..." and \x as in sh; no expansion, no shell) and starts it with
 * the original environment and an empty standard input. RC_CREDENTIAL, RC_BAD_VALUE.
 */
enum rc ref_command_start(struct ref_command *c, const char *text, const char *what,
                          struct err *err) MUST_CHECK;
/* Waits; RC_CREDENTIAL unless it ended with 0. */
enum rc ref_command_end(struct ref_command *c, const char *what, struct err *err) MUST_CHECK;

/* The splitting alone: *words is one block, NULL-terminated, to free. RC_BAD_VALUE for an open
 * quote or no word at all. */
enum rc ref_split(char ***words, const char *text, const char *what, struct err *err) MUST_CHECK;

#endif
