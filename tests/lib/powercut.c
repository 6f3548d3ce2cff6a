/*
 * For tests: power cuts. A cut is a clone (FICLONE: atomic, and without the page cache of what is
 * mounted from the image) of a file system's image, made while something writes into that file
 * system.
 *
 *   powercut at IMAGE FOLDER ACKS CMD ARG...   runs the command traced, its standard output added
 * to ACKS; a cut after each sync call, after each write to its standard output and before its end
 *   powercut now IMAGE FOLDER ACKS COUNT MS    COUNT cuts, each after a random wait of at most MS
 *
 * FOLDER, on the file system that IMAGE lies on, gets the cuts (NUMBER.img) and a line for each in
 * `list`: NUMBER, why, and how many bytes ACKS had before the cut: what they acknowledge must be
 * there. Exit: at: the command's own; now: 0; 125 when it could not be done.
 */
#define _GNU_SOURCE /* PTRACE_O_EXITKILL */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int image = -1, acks = -1, list = -1;
static const char *folder;
static int next_cut;

static void
die(const char *what)
{
    (void)fprintf(stderr, "powercut: %s: %s\n", what, strerror(errno));
    exit(125);
}

/* What is acknowledged is looked at first, so that all of it came before the cut. */
static void
cut(const char *why)
{
    char path[4096];
    struct stat st;
    int fd;
    if (fstat(acks, &st) != 0)
        die("looking at what was acknowledged");
    do {
        (void)snprintf(path, sizeof path, "%s/%05d.img", folder, ++next_cut);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0 || ioctl(fd, FICLONE, image) != 0)
        die(path);
    if (close(fd) != 0 || dprintf(list, "%05d %s %lld\n", next_cut, why, (long long)st.st_size) < 0)
        die("noting a cut");
}

static void
open_all(char **argv)
{
    char path[4096];
    image = open(argv[2], O_RDONLY | O_CLOEXEC);
    folder = argv[3];
    acks = open(argv[4], O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)snprintf(path, sizeof path, "%s/list", folder);
    list = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (image < 0 || acks < 0 || list < 0)
        die("opening image, acknowledgements or list");
}

/* ---- while a command runs ---- */

static int
is_sync(unsigned long long call)
{
    return call == SYS_fsync || call == SYS_fdatasync || call == SYS_msync || call == SYS_syncfs ||
           call == SYS_sync_file_range;
}

static void
at_call(pid_t pid)
{
    struct __ptrace_syscall_info info;
    static unsigned long long call, first;
    memset(&info, 0, sizeof info);
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) < 0)
        die("looking at a call");
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        call = info.entry.nr;
        first = info.entry.args[0];
        if (call == SYS_exit_group)
            cut("end");
    } else if (is_sync(call)) {
        cut("sync");
    } else if (call == SYS_write && first == STDOUT_FILENO) {
        cut("answer");
    }
}

static int
follow(pid_t pid)
{
    int status = 0, deliver = 0;
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)deliver) != 0)
            die("going on");
        if (waitpid(pid, &status, 0) < 0)
            die("waiting");
        deliver = 0;
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        if (WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        if (WSTOPSIG(status) == (SIGTRAP | 0x80))
            at_call(pid);
        else
            deliver = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    }
}

static int
run(char **argv)
{
    int status = 0;
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        if (dup2(acks, STDOUT_FILENO) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            die("starting");
        (void)raise(SIGSTOP); /* the parent sets its options first */
        (void)execv(argv[0], argv);
        die(argv[0]);
    }
    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
        die("waiting for the start");
    if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) !=
        0)
        die("tracing");
    return follow(pid);
}

/* ---- at random ---- */

static void
at_random(long count, long most_ms)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    srandom((unsigned)now.tv_nsec);
    for (long i = 0; i < count; i++) {
        long us = random() % (most_ms * 1000);
        struct timespec wait = {us / 1000000, us % 1000000 * 1000};
        (void)nanosleep(&wait, NULL);
        cut("random");
    }
}

int
main(int argc, char **argv)
{
    if (argc > 5 && strcmp(argv[1], "at") == 0) {
        open_all(argv);
        return run(argv + 5);
    }
    long count = argc == 7 ? strtol(argv[5], NULL, 10) : 0;
    long ms = argc == 7 ? strtol(argv[6], NULL, 10) : 0;
    if (count < 1 || ms < 1 || strcmp(argv[1], "now") != 0) {
        (void)fprintf(stderr,
                      "usage: powercut at IMAGE FOLDER ACKS CMD ARG... | powercut now IMAGE "
                      "FOLDER ACKS COUNT MS\n");
        return 125;
    }
    open_all(argv);
    at_random(count, ms);
    return 0;
}
