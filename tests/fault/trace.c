/*
 * Runs one command with one fault, under ptrace where it has to be. Counts begin at main: its
 * first own call that nothing before it makes is umask.
 *
 * x86-64 only; elsewhere the harness says so and is skipped.
 */
#define _GNU_SOURCE /* PTRACE_O_EXITKILL, memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "launch.h"
#include "oom.h"

static int out_fd = -1, err_fd = -1; /* of every run in turn */
static struct oom *oom;
static char oom_path[64];
static char still[64];             /* KM_STILL for the runs of the program under test */
static volatile sig_atomic_t late; /* the run takes too long */

static void
on_alarm(int number)
{
    (void)number;
    late = 1;
}

static int
said_fd(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) != 0)
        die("memfd: %s", strerror(errno));
    return fd;
}

void
trace_begin(const char *tools, int cheap)
{
    struct sigaction act;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_alarm; /* no SA_RESTART: waiting has to end */
    if (sigaction(SIGALRM, &act, NULL) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        die("setting up: %s", strerror(errno));
    out_fd = said_fd("out");
    err_fd = said_fd("err");
    int fd = memfd_create("oom", 0); /* inherited: the program opens it again by its number */
    if (fd < 0 || ftruncate(fd, sizeof *oom) != 0)
        die("memfd: %s", strerror(errno));
    oom = mmap(NULL, sizeof *oom, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (oom == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    (void)snprintf(oom_path, sizeof oom_path, "KM_OOM=/proc/%d/fd/%d", (int)getpid(), fd);
    launch_begin(tools, cheap, out_fd, err_fd);
}

void
trace_still(unsigned seed)
{
    static long long now_ms;
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (seed == 1) /* not before what the steps just did */
        now_ms = (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    still[0] = '\0';
    if (seed > 0)
        (void)snprintf(still, sizeof still, "KM_STILL=%lld %u", now_ms, seed);
}

/* ---- the child ---- */

struct running {
    pid_t pid;
    int master; /* of its terminal, or -1 */
    const struct fault *fault;
    struct calls *calls;
    struct outcome *o;
    int filtered;                  /* it stops at the fault's calls only; o->calls counts these */
    int in_main, inside, spoiling; /* past umask; between entry and exit; this exit is to fail */
    unsigned long long brk;        /* what a spoiled brk asked for */
};

static int
is_traced(const struct running *r)
{
    return (r->fault != NULL && r->fault->kind != FAULT_ALLOC) || r->calls != NULL ||
           r->master >= 0;
}

static int
terminal_number(int master)
{
    int unlock = 0;
    int number = 0;
    if (ioctl(master, TIOCSPTLCK, &unlock) != 0 || ioctl(master, TIOCGPTN, &number) != 0)
        die("terminal: %s", strerror(errno));
    return number;
}

__attribute__((format(printf, 2, 3))) static void
variable(struct launch *l, const char *fmt, ...)
{
    char text[1200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    launch_add(l, text);
    l->variables++;
}

static void
begin(struct running *r, const char *program, char *const argv[], const char *dir, int allocs,
      unsigned flags)
{
    static struct launch l;
    l.traced = is_traced(r);
    l.call = r->filtered ? r->fault->call : -1;
    l.terminal = r->master >= 0 ? terminal_number(r->master) : -1;
    l.words = l.variables = 0;
    l.len = 0;
    launch_add(&l, dir);
    for (; argv[l.words] != NULL; l.words++)
        launch_add(&l, argv[l.words]);
    variable(&l, "HOME=%s/home", dir);
    variable(&l, "XDG_STATE_HOME=%s/home/state", dir);
    variable(&l, "LANG=C.UTF-8");
    variable(&l, "TERM=xterm");
    variable(&l, "PATH=/usr/bin:/bin");
    if (allocs)
        variable(&l, "%s", oom_path);
    if (flags & RUN_STILL)
        variable(&l, "%s", still);
    r->pid = launch(program, &l);
}

/* ---- its terminal ---- */

static void
drain(struct running *r)
{
    struct said *s = &r->o->tty;
    struct pollfd p = {r->master, POLLIN, 0};
    while (r->master >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN)) {
        char chunk[4096];
        ssize_t n = read(r->master, chunk, sizeof chunk);
        if (n <= 0)
            return;
        size_t room = SAID - s->len;
        size_t take = (size_t)n < room ? (size_t)n : room;
        memcpy(s->text + s->len, chunk, take);
        s->len += take;
        s->text[s->len] = '\0';
    }
}

/* Whoever waits for a key gets the one that closes the screen, or ends a line. */
static void
press(const struct running *r)
{
    if (r->master >= 0 && write(r->master, "q", 1) < 0)
        die("terminal: %s", strerror(errno));
}

/* ---- from call to call ---- */

static void
get(const struct running *r, struct user_regs_struct *regs)
{
    if (ptrace(PTRACE_GETREGS, r->pid, NULL, regs) != 0 && errno != ESRCH)
        die("registers: %s", strerror(errno));
}

static void
set(const struct running *r, const struct user_regs_struct *regs)
{
    if (ptrace(PTRACE_SETREGS, r->pid, NULL, regs) != 0 && errno != ESRCH)
        die("registers: %s", strerror(errno));
}

/* No two runs make quite the same calls; an error belongs to its call, so it waits for the next. */
static int
is_hit(struct running *r, int number)
{
    const struct fault *f = r->fault;
    long from = f != NULL && r->filtered ? f->turn : f != NULL ? f->at : 0;
    if (f == NULL || f->kind == FAULT_ALLOC || !r->in_main || r->o->calls < from)
        return 0;
    if (f->kind == FAULT_KILL)
        return r->o->calls == from;
    return number == f->call && (f->sticky || !r->o->struck);
}

static void
strike(struct running *r, struct user_regs_struct *regs, int number)
{
    const struct fault *f = r->fault;
    r->o->struck = 1;
    if (f->kind == FAULT_KILL) {
        r->o->killed = 1;
        (void)kill(r->pid, SIGKILL);
        return;
    }
    if (number == SYS_write && regs->rdi == 2)
        r->o->mute = 1;
    if (number ==
        SYS_brk) { /* says how far it got, never an error; where it is while asked for less */
        r->brk = regs->rdi;
        regs->rdi = 0;
        set(r, regs);
        r->spoiling = 1;
        return;
    }
    r->spoiling = 1;
    if (f->kind == FAULT_ERROR) {
        regs->orig_rax = (unsigned long long)-1;
        set(r, regs);
    }
}

/* Returns whether it has to be stopped at its calls any longer. */
static int
entry(struct running *r)
{
    struct user_regs_struct regs;
    get(r, &regs);
    int number = (int)regs.orig_rax;
    if (number == SYS_umask)
        r->in_main = 1;
    if (!r->in_main)
        return 1;
    r->o->calls += !r->filtered || number == r->fault->call;
    if (r->calls != NULL && r->calls->count < CALLS)
        r->calls->number[r->calls->count++] = (short)number;
    if (call_changes(number) && (number != SYS_openat || (regs.rdx & O_CREAT)))
        oom->epoch++;
    if (r->master >= 0 &&
        (number == SYS_pselect6 || number == SYS_poll || (number == SYS_read && regs.rdi <= 2)))
        press(r);
    if (is_hit(r, number))
        strike(r, &regs, number);
    return r->calls != NULL || r->master >= 0 || r->spoiling || r->fault == NULL ||
           r->fault->sticky || !r->o->struck;
}

static int
leave(struct running *r)
{
    struct user_regs_struct regs;
    if (r->spoiling) {
        get(r, &regs);
        if (r->brk != 0)
            regs.rdi = r->brk; /* the caller still wants it */
        else
            regs.rax = (unsigned long long)-(long long)r->fault->os_errno;
        r->brk = 0;
        set(r, &regs);
        r->spoiling = 0;
    }
    return r->calls != NULL || r->master >= 0 || r->fault == NULL || r->fault->sticky ||
           !r->o->struck;
}

/* What the program has started is traced, too, as it inherits the filter; it is not stopped. */
static void
let_go(pid_t pid, int status)
{
    int event = status >> 16 != 0 || WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP;
    if (WIFSTOPPED(status))
        (void)ptrace(PTRACE_CONT, pid, NULL, (void *)(long)(event ? 0 : WSTOPSIG(status)));
}

/* Whether it waits, for what, or was not let run: its state and processor time, its system call. */
static void
say_where(pid_t pid)
{
    static const char *const files[] = {"stat", "syscall", "wchan"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[64];
        char text[512];
        (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
        FILE *f = fopen(path, "re");
        if (f == NULL)
            continue;
        size_t len = fread(text, 1, sizeof text - 1, f);
        text[len] = '\0';
        text[strcspn(text, "\n")] = '\0';
        (void)fclose(f);
        (void)fprintf(stderr, "hung: %s: %s\n", path, text);
    }
}

/* Waits for the process; a run that takes too long is ended. Returns 0 once it is gone. */
static int
wait_for(struct running *r, int *status)
{
    for (pid_t pid; (pid = waitpid(-1, status, __WALL)) != r->pid;) {
        if (pid > 0) {
            let_go(pid, *status);
            continue;
        }
        if (errno != EINTR)
            die("waiting: %s", strerror(errno));
        drain(r);
        if (late && !r->o->hung) {
            r->o->hung = 1;
            say_where(r->pid);
            (void)kill(-r->pid, SIGKILL);
            (void)kill(r->pid, SIGKILL);
        }
    }
    drain(r);
    return !WIFEXITED(*status) && !WIFSIGNALED(*status);
}

static void
follow(struct running *r, int *status)
{
    long deliver = 0;
    int calls = !r->filtered;
    if (!wait_for(r, status))
        return;
    if (ptrace(PTRACE_SETOPTIONS, r->pid, NULL,
               (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP |
                        PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)) != 0)
        die("options: %s", strerror(errno));
    for (;;) {
        if (ptrace(calls ? PTRACE_SYSCALL : PTRACE_CONT, r->pid, NULL, (void *)deliver) != 0 &&
            errno != ESRCH)
            die("going on: %s", strerror(errno));
        if (!wait_for(r, status))
            return;
        deliver = 0;
        if (*status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
            (void)entry(r);
            calls = r->spoiling;
            continue;
        }
        if (WSTOPSIG(*status) != (SIGTRAP | 0x80)) { /* a signal of its own: hand it on */
            deliver = WSTOPSIG(*status) == SIGTRAP ? 0 : WSTOPSIG(*status);
            continue;
        }
        if (r->filtered) {
            (void)leave(r);
            calls = 0;
            continue;
        }
        r->inside = !r->inside;
        calls = r->inside ? entry(r) : leave(r);
    }
}

/* ---- all of it ---- */

static void
take_said(struct said *s, int fd)
{
    ssize_t n = pread(fd, s->text, SAID, 0);
    s->len = n > 0 ? (size_t)n : 0;
    s->text[s->len] = '\0';
    if (ftruncate(fd, 0) != 0)
        die("memfd: %s", strerror(errno));
}

static void
count_turns(struct calls *c)
{
    static int seen[SHRT_MAX];
    memset(seen, 0, sizeof seen);
    for (long i = 0; i < c->count; i++)
        c->turn[i] = ++seen[c->number[i]];
}

static void
watch(long seconds)
{
    struct itimerval t = {{0, seconds > 0 ? 100000 : 0}, {seconds, 0}};
    late = 0;
    if (setitimer(ITIMER_REAL, &t, NULL) != 0)
        die("timer: %s", strerror(errno));
}

/* What the command has started may live on a little; it must be gone before anybody looks. */
static void
reap(struct outcome *o, pid_t group)
{
    int status = 0;
    for (pid_t pid; (pid = waitpid(-group, &status, __WALL)) > 0 || errno == EINTR;) {
        if (pid > 0)
            let_go(pid, status);
        if (late) {
            o->hung = 1;
            (void)kill(-group, SIGKILL);
        }
    }
}

static int
terminal(void)
{
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        die("no terminal: %s", strerror(errno));
    return fd;
}

void
trace_run(struct outcome *o, const char *program, char *const argv[], const char *dir,
          const struct fault *fault, struct calls *calls, unsigned flags)
{
    struct running r = {.master = -1, .fault = fault, .calls = calls, .o = o};
    int allocs = (fault != NULL && fault->kind == FAULT_ALLOC) || (flags & RUN_COUNT_ALLOCS);
    int status = 0;
    o->status = o->signal = o->hung = o->killed = o->struck = o->mute = 0;
    o->calls = o->allocs = 0;
    o->tty.len = 0;
    o->tty.text[0] = '\0';
    if (calls != NULL)
        calls->count = 0;
    oom->at = allocs && fault != NULL ? fault->at : 0;
    oom->sticky = fault != NULL && fault->sticky;
    oom->places = (flags & RUN_COUNT_ALLOCS) != 0;
    oom->count = oom->failed = 0;
    oom->epoch = 0;
    if (flags & RUN_TTY)
        r.master = terminal();
    r.filtered = fault != NULL && fault->kind != FAULT_ALLOC && calls == NULL && r.master < 0;
    watch(flags & RUN_PATIENT ? PATIENCE_SECONDS : HANG_SECONDS);
    begin(&r, program, argv, dir, allocs, flags);
    if (is_traced(&r))
        follow(&r, &status);
    else
        while (wait_for(&r, &status))
            continue;
    reap(o, r.pid);
    watch(0);
    if (calls != NULL)
        count_turns(calls);
    if (r.master >= 0)
        (void)close(r.master);
    o->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    o->signal = WIFSIGNALED(status) && !o->killed && !o->hung ? WTERMSIG(status) : 0;
    o->allocs = oom->count;
    o->alloc_place = oom->place;
    if (allocs && fault != NULL)
        o->struck = oom->failed > 0;
    take_said(&o->out, out_fd);
    take_said(&o->err, err_fd);
    /* glibc ends the program where a library that was loaded late (libcurl's) has no memory for its
     * thread's data, also at exit: judged like a kill. */
    if (o->status == 127 && strstr(o->err.text, "memory for thread-local data: ABORT") != NULL)
        o->killed = 1;
}
