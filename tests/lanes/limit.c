/*
 * limit SECONDS COMMAND...: runs a command and ends everything that came of it.
 *
 * What the command leaves behind (also what made itself a session of its own) becomes a child of
 * this process, which kills and awaits its children until there is none: these processes and no
 * others. Exit: the command's own status, 128+n for a signal, 124 when the time was over.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void
on_signal(int number)
{
    over = number;
}

/* Kills each child; 0 when there was none. */
static int
kill_children(void)
{
    char path[64];
    int found = 0;
    long pid;
    (void)snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    while (fscanf(f, "%ld", &pid) == 1)
        found += kill((pid_t)pid, SIGKILL) == 0;
    (void)fclose(f);
    return found;
}

int
main(int argc, char **argv)
{
    static const int ends[] = {SIGALRM, SIGTERM, SIGINT, SIGHUP};
    struct sigaction act = {.sa_handler = on_signal};
    long seconds = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
    if (seconds < 1 || seconds > 100000 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        (void)fprintf(stderr, "usage: limit SECONDS COMMAND...\n");
        return 125;
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        (void)sigaction(ends[i], &act, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execvp(argv[2], argv + 2);
        _exit(127);
    }
    (void)alarm((unsigned)seconds);
    int status = 0;
    int left = 1;
    while (pid > 0 && left && !over) {
        pid_t got = waitpid(-1, &status, 0); /* orphans, too; the command's own is what counts */
        left = !(got == pid || (got < 0 && errno == ECHILD));
    }
    /* One is awaited at a time: its own children are ours from then on. */
    while (kill_children() > 0 && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
        ;
    if (over)
        return 124;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
