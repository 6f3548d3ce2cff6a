#include "cli/ref_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/env.h"

extern char **environ;

/* Copies one word to *to and moves *from behind it. -1 for a quote that stays open. */
static int
split_word(const char **from, char **to)
{
    const char *p = *from;
    char quote = '\0';
    for (; *p != '\0' && (quote != '\0' || strchr(" \t\n", *p) == NULL); p++) {
        if (quote == '\0' && (*p == '\'' || *p == '"')) {
            quote = *p;
        } else if (*p == quote) {
            quote = '\0';
        } else if (*p == '\\' && quote != '\'') {
            /* Inside "..." a backslash only escapes these. */
            int escapes = quote != '"' || (p[1] != '\0' && strchr("\"\\$`", p[1]) != NULL);
            if (escapes && *++p == '\0')
                return -1;
            *(*to)++ = *p;
        } else {
            *(*to)++ = *p;
        }
    }
    *(*to)++ = '\0';
    *from = p;
    return quote == '\0' ? 0 : -1;
}

enum rc
ref_split(char ***words, const char *text, const char *what, struct err *err)
{
    /* One block: pointers (no more words than every second byte), then the bytes. */
    size_t len = strlen(text);
    size_t most = len / 2 + 2;
    size_t count = 0;
    *words = malloc(most * sizeof **words + len + 1);
    if (*words == NULL)
        return err_nomem(err);
    char *to = (char *)(*words + most);
    for (text += strspn(text, " \t\n"); *text != '\0'; text += strspn(text, " \t\n")) {
        (*words)[count++] = to;
        if (split_word(&text, &to) != 0) {
            count = 0;
            break;
        }
    }
    (*words)[count] = NULL;
    if (count > 0)
        return RC_OK;
    free(*words);
    *words = NULL;
    return err_set(err, RC_BAD_VALUE, "%s: command: needs words with closed quotes", what);
}

/* In the child: never returns. Tells errno through report if the program cannot be started. */
NORETURN static void
become(char **words, int out, int report)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    int in = open("/dev/null", O_RDONLY);
    (void)sigaction(SIGPIPE, &plain, NULL); /* cannot fail for a valid signal */
    if (in >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        environ = env_for_child();
        (void)execvp(words[0], words); /* returns only on failure, see below */
    }
    int cause = errno;
    ssize_t told = write(report, &cause, sizeof cause);
    _exit(told < 0 ? 126 : 127);
}

static int
pipe_cloexec(int fds[2])
{
    if (pipe(fds) != 0)
        return -1;
    if (fcntl(fds[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(fds[1], F_SETFD, FD_CLOEXEC) == 0)
        return 0;
    (void)close(fds[0]);
    (void)close(fds[1]);
    fds[0] = fds[1] = -1;
    return -1;
}

/* Nothing was ever written through these. */
static void
close_both(int fds[2])
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
        fds[i] = -1;
    }
}

static enum rc
start_words(struct ref_command *c, char **words, const char *what, struct err *err)
{
    int out[2] = {-1, -1}, report[2] = {-1, -1};
    int cause = 0;
    enum rc rc = RC_OK;
    if (pipe_cloexec(out) != 0 || pipe_cloexec(report) != 0 || (c->pid = fork()) < 0) {
        c->pid = 0;
        rc = err_errno(err, RC_CREDENTIAL, "%s: starting %s", what, words[0]);
        goto out;
    }
    if (c->pid == 0)
        become(words, out[1], report[1]);
    (void)close(report[1]);
    report[1] = -1;
    ssize_t n;
    do
        n = read(report[0], &cause, sizeof cause);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof cause) {
        (void)waitpid(c->pid, NULL, 0); /* it ended with the report */
        c->pid = 0;
        errno = cause;
        rc = err_errno(err, RC_CREDENTIAL, "%s: running %s", what, words[0]);
        goto out;
    }
    c->fd = out[0];
    out[0] = -1; /* transferred */
out:
    close_both(out);
    close_both(report);
    return rc;
}

enum rc
ref_command_start(struct ref_command *c, const char *text, const char *what, struct err *err)
{
    char **words = NULL;
    *c = (struct ref_command){.fd = -1};
    enum rc rc = ref_split(&words, text, what, err);
    if (rc == RC_OK)
        rc = start_words(c, words, what, err);
    free(words);
    return rc;
}

enum rc
ref_command_end(struct ref_command *c, const char *what, struct err *err)
{
    int status = 0;
    pid_t got;
    do
        got = waitpid(c->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    c->pid = 0;
    if (got < 0)
        return err_errno(err, RC_CREDENTIAL, "%s: waiting for its command", what);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return RC_OK;
    (void)err_set(err, RC_CREDENTIAL, "%s: its command failed", what);
    if (WIFEXITED(status))
        return err_why(err, "it ended with status %d", WEXITSTATUS(status));
    return err_why(err, "signal %d ended it", WTERMSIG(status));
}
