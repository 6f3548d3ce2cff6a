#include "cli/recover/run_child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ref_command.h"
#include "sys/env.h"
#include "sys/path.h"

enum { WORDS = 128 };

extern char **environ;

void
run_child_word(struct buf *out, const char *text)
{
    buf_addc(out, '"');
    for (; *text != '\0'; text++) {
        if (strchr("\"\\$`", *text) != NULL)
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
    buf_addc(out, '"');
}

NORETURN static void
become(char *const argv[], int quiet)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &plain, NULL); /* cannot fail for a valid signal */
    if (!quiet || dup2(STDERR_FILENO, STDOUT_FILENO) >= 0) {
        environ = env_for_child();
        (void)execv("/proc/self/exe", argv);
    }
    _exit(127);
}

static enum rc
wait_for(pid_t pid, int *status, struct err *err)
{
    int code = 0;
    while (waitpid(pid, &code, 0) < 0) {
        if (errno != EINTR)
            return err_errno(err, RC_IO, "waiting for a step's command");
    }
    *status = WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code);
    return RC_OK;
}

enum rc
run_child(int *status, struct store *store, const char *words, int quiet, struct err *err)
{
    char self[] = "keymuster";
    char place[] = "-C";
    char output[] = "-o";
    char json[] = "json";
    char *argv[WORDS + 6] = {self, place};
    char **split = NULL;
    size_t n = 2;
    char dir[PATH_SIZE];
    (void)snprintf(dir, sizeof dir, "%s", store->dir);
    argv[n++] = dir;
    if (quiet) {
        argv[n++] = output;
        argv[n++] = json;
    }
    enum rc rc = ref_split(&split, words, "run", err);
    for (size_t i = 0; rc == RC_OK && split[i] != NULL; i++) {
        if (i == WORDS)
            rc = err_set(err, RC_BAD_VALUE, "a step's command has more than %d words", WORDS);
        else
            argv[n++] = split[i];
    }
    if (rc == RC_OK) {
        struct err scratch = ERR_INIT;
        store_let_go(store);
        pid_t pid = fork();
        if (pid == 0)
            become(argv, quiet);
        rc = pid > 0 ? wait_for(pid, status, err)
                     : err_errno(err, RC_IO, "starting a step's command");
        enum rc opened = store_reopen(store, rc == RC_OK ? err : &scratch);
        if (rc == RC_OK)
            rc = opened;
    }
    free(split);
    return rc;
}
