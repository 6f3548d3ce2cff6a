/*
 * For tests: runs a command and tells on descriptor 3 what it took: "kib N ms N", its greatest
 * resident size and the time.
 *
 *   measure SECONDS CMD ARG...
 *
 * Exit: the command's own status, 124 when it was ended after SECONDS, 128 and the number of a
 * signal, 125 when it could not be run.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;
static volatile sig_atomic_t late;

static void
end_it(int signal_number)
{
    (void)signal_number;
    late = 1;
    (void)kill(child, SIGKILL);
}

static long long
now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int
main(int argc, char **argv)
{
    struct rusage used;
    int status = 0;
    struct sigaction alarm_action = {.sa_handler = end_it};
    if (argc < 3)
        return 125;
    long long began = now_ms();
    child = fork();
    if (child == 0) {
        (void)close(3);
        (void)execvp(argv[2], argv + 2);
        _exit(125);
    }
    if (child < 0 || sigaction(SIGALRM, &alarm_action, NULL) != 0)
        return 125;
    (void)alarm((unsigned)strtoul(argv[1], NULL, 10));
    while (wait4(child, &status, 0, &used) < 0)
        ;
    (void)dprintf(3, "kib %ld ms %lld\n", used.ru_maxrss, now_ms() - began);
    if (late)
        return 124;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
