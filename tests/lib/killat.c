/*
 * For tests: kills a command at its Nth system call, before the kernel carries it out, counted over
 * its whole life.
 *
 *   killat N CMD ARG...   N 0: does not kill; prints the number of system calls as "calls N" on
 * descriptor 3
 *
 * Exit: 137 when it was killed, else the command's own status, 125 when it could not be run. The
 * command runs as the only traced process; a process that it starts itself is not counted. strace
 * can do the same per kind of call; this counts them all in one row and costs a tenth.
 */
#define _GNU_SOURCE /* PTRACE_O_EXITKILL */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int
give_up(const char *what)
{
    (void)fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
    return 125;
}

/* Follows the child from call to call. Returns killat's exit status. */
static int
follow(pid_t pid, long kill_at)
{
    long calls = 0;
    int inside = 0; /* between entry and exit of a call */
    int status = 0;
    int deliver = 0;
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)deliver) != 0)
            return give_up("going on");
        if (waitpid(pid, &status, 0) < 0)
            return give_up("waiting");
        deliver = 0;
        if (WIFEXITED(status) || WIFSIGNALED(status))
            break;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) { /* a signal of its own: hand it on */
            deliver = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
            continue;
        }
        inside = !inside;
        if (!inside)
            continue;
        calls++;
        if (calls == kill_at && kill(pid, SIGKILL) != 0)
            return give_up("killing");
        if (calls == kill_at) {
            (void)waitpid(pid, &status, 0);
            return 137;
        }
    }
    if (kill_at == 0)
        (void)dprintf(3, "calls %ld\n", calls);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
main(int argc, char **argv)
{
    char *end = NULL;
    long kill_at = argc > 2 ? strtol(argv[1], &end, 10) : -1;
    if (kill_at < 0 || end == argv[1] || *end != '\0') {
        (void)fprintf(stderr, "usage: killat N CMD ARG...\n");
        return 125;
    }
    pid_t pid = fork();
    if (pid < 0)
        return give_up("fork");
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(give_up("traceme"));
        (void)execvp(argv[2], argv + 2);
        _exit(give_up(argv[2]));
    }
    int status = 0;
    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
        return 125;
    if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) !=
        0)
        return give_up("options");
    return follow(pid, kill_at);
}
