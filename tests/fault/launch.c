/* The harness's side of launch.h. */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "launch.h"

enum { PROGRAMS = 4, PATH = 512 };

static struct ready {
    char program[PATH];
    int socket;
} ready[PROGRAMS];
static char preload[3 * PATH];
static int is_cheap, out_fd, err_fd;

void
launch_begin(const char *tools, int cheap, int out, int err)
{
    (void)snprintf(
        preload, sizeof preload,
        "LD_PRELOAD=%.400s/libfault_ready.so %.400s/libfault_oom.so %.400s/libfault_still.so",
        tools, tools, tools);
    is_cheap = cheap;
    out_fd = out;
    err_fd = err;
}

void
launch_add(struct launch *l, const char *text)
{
    size_t size = strlen(text) + 1;
    if (size > sizeof l->text - l->len)
        die("too much to say to a program: %.80s", text);
    memcpy(l->text + l->len, text, size);
    l->len += size;
}

/* It goes when its socket is closed, thus with this process. */
static void
stand(struct ready *r, const char *program, char *name)
{
    int pair[2];
    static char real[] = LAUNCH_READY "=real";
    static char cheap[] = LAUNCH_READY "=cheap";
    static char bound[] = "LD_BIND_NOW=1"; /* no library looks up its functions in every run */
    char *words[] = {name, NULL};
    char *variables[] = {is_cheap ? cheap : real, bound, preload, NULL};
    if (strlen(program) >= PATH || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        die("%s: a socket: %s", program, strerror(errno));
    pid_t pid = vfork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0) {
        if (dup2(pair[1], LAUNCH_SOCKET) >= 0 && dup2(out_fd, LAUNCH_OUT) >= 0 &&
            dup2(err_fd, LAUNCH_ERR) >= 0)
            (void)execve(program, words, variables);
        _exit(126);
    }
    (void)close(pair[1]);
    (void)snprintf(r->program, sizeof r->program, "%s", program);
    r->socket = pair[0];
}

static const struct ready *
ready_for(const char *program, char *name)
{
    for (size_t i = 0; i < PROGRAMS; i++) {
        if (ready[i].program[0] == '\0')
            stand(&ready[i], program, name);
        if (strcmp(ready[i].program, program) == 0)
            return &ready[i];
    }
    die("more than %d programs", PROGRAMS);
}

pid_t
launch(const char *program, struct launch *l)
{
    const struct ready *r = ready_for(program, l->text + strlen(l->text) + 1);
    ssize_t got;
    pid_t pid = -1;
    if (send(r->socket, l, offsetof(struct launch, text) + l->len, MSG_NOSIGNAL) < 0)
        die("%s is not ready: %s", program, strerror(errno));
    do
        got = recv(r->socket, &pid, sizeof pid, 0);
    while (got < 0 && errno == EINTR);
    if (got != sizeof pid || pid <= 0)
        die("%s did not begin", program);
    return pid;
}
