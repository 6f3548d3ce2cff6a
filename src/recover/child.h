/*
 * A command run with a secret (`exec`). The secret never is in its arguments; in its environment
 * only with CHILD_ENV. The command gets the original environment (sys/env.h), default signals and,
 * unless CHILD_STDIN, our standard input.
 */
#ifndef RECOVER_CHILD_H
#define RECOVER_CHILD_H

#include "base/err.h"
#include "base/secret.h"
#include "recover/template.h"

enum child_way {
    CHILD_STDIN,    /* a pipe on its standard input */
    CHILD_FD,       /* a pipe on descriptor fd */
    CHILD_TMPFILE,  /* a file in a private folder in memory; see child_plan */
    CHILD_ENV,      /* variable env */
    CHILD_TEMPLATE, /* as CHILD_TMPFILE, the file being the template filled in */
};

/*
 * Texts are borrowed. With CHILD_TMPFILE and CHILD_TEMPLATE each "{}" in the arguments (not in
 * argv[0]) becomes the file's path, and KEYMUSTER_SECRET_FILE holds it. The file is wiped and
 * removed when the command has ended.
 */
struct child_plan {
    enum child_way way;
    int fd;               /* 3 to 1023 */
    const char *env;      /* name of a variable */
    const char *template; /* path of a text with {{secret}} in it; see recover/template.h */
    struct template text; /* that, once child_check has read it */
    char *const *argv;    /* NULL-terminated, at least one */
};

/* Before anything is unwrapped: RC_EXEC_FAILED when the command is not to be found, RC_TEMPLATE
 * when the template cannot be used, RC_BAD_VALUE for a bad descriptor or name. */
enum rc child_check(struct child_plan *plan, struct err *err) MUST_CHECK;
/* What child_check has read. Takes one that it has not seen. */
void child_plan_release(struct child_plan *plan);

/*
 * Runs it to its end, passing SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 on. *status:
 * its exit status, or 128 and the number of the signal that ended it. RC_EXEC_FAILED when it did
 * not start; nothing was then handed over.
 */
enum rc child_run(const struct child_plan *plan, const struct secret *s, int *status,
                  struct err *err) MUST_CHECK;

#endif
