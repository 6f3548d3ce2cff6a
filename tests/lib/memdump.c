/*
 * For tests: what a reader of the memory would see. Runs a command, stops it at fixed points and
 * copies its whole map, as gcore would, for `scan` to search.
 *
 *   memdump [-t FILE] [-l LIMIT] DIR CMD ARG...
 *
 * Points: every write, every sync, every wait for a child, every wait for the terminal, its
 * end; DIR/<number>-<call>-<descriptor>/ gets a file for each mapping, named by its start and what
 * it is; `arena` is what is locked and kept out of dumps. Left out is the text of programs, mapped
 * from files and not writable, and what not even root can read (memfd_secret).
 * -t: the command gets a terminal of its own; each time that it waits there for input that is not
 * there, the next line of FILE is typed (its line feed, too). What the terminal got is in
 * DIR/screen. -l: RLIMIT_MEMLOCK in bytes. Exit: the command's own; 125 when it could not be done.
 * Needs root: the process is not dumpable.
 */
#define _GNU_SOURCE /* PTRACE_O_EXITKILL, posix_openpt */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

static const char *dir;
static pid_t child;
static int master = -1, slave = -1, screen = -1;
static FILE *typed;
static int stops;

static void
die(const char *what)
{
    (void)fprintf(stderr, "memdump: %s: %s\n", what, strerror(errno));
    exit(125);
}

/* ---- one copy ---- */

struct mapping {
    unsigned long start, end;
    char perms[5];
    char name[256];
    int locked, undumped;
};

/* What was never written stays a hole. Ends at the first page that cannot be read. */
static void
copy_pages(int mem, const struct mapping *m, const char *path)
{
    static const unsigned char zero[PAGE];
    unsigned char page[PAGE];
    int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        die(path);
    for (unsigned long at = m->start; at < m->end; at += PAGE) {
        if (pread(mem, page, PAGE, (off_t)at) != PAGE)
            break;
        if (memcmp(page, zero, PAGE) != 0 &&
            pwrite(out, page, PAGE, (off_t)(at - m->start)) != PAGE)
            die("writing a copy");
    }
    if (close(out) != 0)
        die("closing a copy");
}

static void
copy_mapping(int mem, const struct mapping *m, const char *folder)
{
    char path[5000];
    int text = m->name[0] == '/' && strchr(m->perms, 'w') == NULL;
    if (m->perms[0] != 'r' || text || m->end <= m->start || strncmp(m->name, "[v", 2) == 0)
        return;
    const char *slash = strrchr(m->name, '/');
    const char *base = slash != NULL ? slash + 1 : m->name[0] != '\0' ? m->name : "anonymous";
    (void)snprintf(path, sizeof path, "%s/%lx-%s", folder, m->start,
                   m->locked && m->undumped ? "arena" : base);
    copy_pages(mem, m, path);
}

static void
copy_all(const char *folder)
{
    char path[64], line[4096];
    struct mapping m = {0};
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)child);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof path, "/proc/%d/smaps", (int)child);
    FILE *maps = fopen(path, "re");
    if (mem < 0 || maps == NULL)
        die(path);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end;
        char perms[5], name[256] = "";
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %255[^\n]", &start, &end, perms, name) >= 3) {
            m = (struct mapping){.start = start, .end = end};
            memcpy(m.perms, perms, sizeof perms);
            memcpy(m.name, name, sizeof name);
        } else if (strncmp(line, "VmFlags:", 8) == 0) {
            m.locked = strstr(line, " lo") != NULL;
            m.undumped = strstr(line, " dd") != NULL;
            copy_mapping(mem, &m, folder);
        }
    }
    (void)fclose(maps);
    (void)close(mem);
}

static void
stop(const char *call, int fd)
{
    char folder[4096];
    (void)snprintf(folder, sizeof folder, "%s/%03d-%s-%d", dir, ++stops, call, fd);
    if (mkdir(folder, 0700) != 0)
        die(folder);
    copy_all(folder);
}

/* ---- the terminal ---- */

static int
is_terminal(int fd)
{
    char path[64], target[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)child, fd);
    return readlink(path, target, sizeof target - 1) > 0 &&
           (strncmp(target, "/dev/pts/", 9) == 0 || strcmp(target, "/dev/tty") == 0);
}

static void
drain(void)
{
    char bytes[4096];
    ssize_t n;
    while (master >= 0 && (n = read(master, bytes, sizeof bytes)) > 0)
        if (write(screen, bytes, (size_t)n) != n)
            die("keeping what the terminal got");
}

/* It waits there: types the next line unless something still lies there. */
static void
type(void)
{
    char line[1024];
    int waiting = 0;
    drain();
    if (master < 0 || (ioctl(slave, FIONREAD, &waiting) == 0 && waiting > 0))
        return;
    if (typed != NULL && fgets(line, sizeof line, typed) != NULL &&
        write(master, line, strlen(line)) < 0)
        die("typing");
}

static void
on_entry(unsigned long long call, const unsigned long long *args)
{
    int fd = (int)args[0];
    switch (call) {
    case SYS_write:
        stop("write", fd);
        break;
    case SYS_wait4:
        stop("wait", fd);
        break;
    case SYS_fsync:
    case SYS_fdatasync:
        stop("sync", fd);
        break;
    case SYS_pselect6: /* of one descriptor: the number after it is the first argument */
        if (is_terminal(fd - 1)) {
            stop("terminal", fd - 1);
            type();
        }
        break;
    case SYS_exit_group:
        stop("end", fd);
        break;
    default:
        break;
    }
}

static int
follow(void)
{
    int status = 0, deliver = 0;
    for (;;) {
        struct __ptrace_syscall_info info;
        if (ptrace(PTRACE_SYSCALL, child, NULL, (void *)(long)deliver) != 0)
            die("going on");
        if (waitpid(child, &status, 0) < 0)
            die("waiting");
        drain();
        deliver = 0;
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        if (WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        memset(&info, 0, sizeof info);
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            deliver = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        else if (ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info) < 0)
            die("looking at a call");
        else if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
            on_entry(info.entry.nr, (const unsigned long long *)info.entry.args);
    }
}

static void
start(char **argv, const struct rlimit *lock)
{
    if (lock != NULL && setrlimit(RLIMIT_MEMLOCK, lock) != 0)
        die("limiting locked memory");
    if (slave >= 0 && (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0 || dup2(slave, 0) < 0 ||
                       dup2(slave, 2) < 0))
        die("giving it a terminal");
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        die("starting");
    (void)raise(SIGSTOP); /* the parent sets its options first */
    (void)execv(argv[0], argv);
    die(argv[0]);
}

static void
open_terminal(const char *lines)
{
    char path[4096];
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    typed = fopen(lines, "re");
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (typed == NULL || master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        die("opening a terminal");
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    (void)snprintf(path, sizeof path, "%s/screen", dir);
    screen = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (slave < 0 || screen < 0 || ioctl(slave, TIOCSWINSZ, &size) != 0)
        die("opening a terminal");
}

int
main(int argc, char **argv)
{
    struct rlimit lock;
    const char *lines = NULL;
    const char *limit = NULL;
    int c, status = 0;
    while ((c = getopt(argc, argv, "+t:l:")) != -1) {
        if (c == 't')
            lines = optarg;
        else if (c == 'l')
            limit = optarg;
        else
            return 125;
    }
    if (argc - optind < 2) {
        (void)fprintf(stderr, "usage: memdump [-t FILE] [-l LIMIT] DIR CMD ARG...\n");
        return 125;
    }
    dir = argv[optind];
    if (mkdir(dir, 0700) != 0)
        die(dir);
    if (lines != NULL)
        open_terminal(lines);
    if (limit != NULL)
        lock.rlim_cur = lock.rlim_max = strtoul(limit, NULL, 10);
    child = fork();
    if (child < 0)
        die("fork");
    if (child == 0)
        start(argv + optind + 1, limit != NULL ? &lock : NULL);
    if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status))
        die("waiting for the start");
    if (ptrace(PTRACE_SETOPTIONS, child, NULL,
               (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) != 0)
        die("tracing");
    return follow();
}
