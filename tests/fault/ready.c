/*
 * The program's side of launch.h: preloaded, it stands before main, and makes a process of its own
 * kind for each struct launch that comes. That process is the harness's child (CLONE_PARENT), as if
 * it had been started by it.
 */
#define _GNU_SOURCE /* RTLD_NEXT, CLONE_PARENT */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch.h"
#include "preload.h"

enum { STRINGS = 128, FAILED = 126 };

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

/* ---- passphrases ---- */

static int cheap;

int
crypto_pwhash_argon2id(unsigned char *const out, unsigned long long out_len, const char *const text,
                       unsigned long long len, const unsigned char *const salt,
                       unsigned long long ops, size_t mem, int alg)
{
    int (*next)(unsigned char *, unsigned long long, const char *, unsigned long long,
                const unsigned char *, unsigned long long, size_t, int) = NULL;
    look_up(&next, RTLD_NEXT, "crypto_pwhash_argon2id");
    return next(out, out_len, text, len, salt, cheap ? crypto_pwhash_argon2id_OPSLIMIT_MIN : ops,
                cheap ? crypto_pwhash_argon2id_MEMLIMIT_MIN : mem, alg);
}

int
crypto_pwhash_scryptsalsa208sha256(unsigned char *const out, unsigned long long out_len,
                                   const char *const text, unsigned long long len,
                                   const unsigned char *const salt, unsigned long long ops,
                                   size_t mem)
{
    int (*next)(unsigned char *, unsigned long long, const char *, unsigned long long,
                const unsigned char *, unsigned long long, size_t) = NULL;
    look_up(&next, RTLD_NEXT, "crypto_pwhash_scryptsalsa208sha256");
    return next(out, out_len, text, len, salt,
                cheap ? crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_MIN : ops,
                cheap ? crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_MIN : mem);
}

/* ---- a run ---- */

static void
take_terminal(int number)
{
    char name[64];
    const struct winsize size = {24, 80, 0, 0};
    (void)snprintf(name, sizeof name, "/dev/pts/%d", number);
    int fd = setsid() < 0 ? -1 : open(name, O_RDWR);
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0 || ioctl(fd, TIOCSWINSZ, &size) != 0)
        _exit(FAILED);
    for (int i = 0; i < 3; i++)
        (void)dup2(fd, i);
    (void)close(fd);
}

static void
take_files(void)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)setpgid(0, 0);
    if (null < 0 || dup2(null, 0) < 0 || dup2(LAUNCH_OUT, 1) < 0 || dup2(LAUNCH_ERR, 2) < 0)
        _exit(FAILED);
    (void)close(null);
}

/* Stops at umask and at the fault's call alone; all others run at full speed. */
static void
stop_at(int call)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_umask, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
        _exit(FAILED);
}

/* As the kernel lays them for a new program: the words, NULL, the environment, NULL. */
static char **
lay_out(struct launch *l)
{
    static char *strings[STRINGS + 2];
    char *at = l->text + strlen(l->text) + 1; /* after the folder */
    if (l->words + l->variables > STRINGS)
        _exit(FAILED);
    char **to = strings;
    for (int i = 0; i < l->words + l->variables; i++, at += strlen(at) + 1) {
        if (i == l->words)
            *to++ = NULL;
        *to++ = at;
    }
    *to = NULL;
    return strings;
}

static char **
become(struct launch *l, int *argc)
{
    void (*still)(void) = NULL;
    char **argv = lay_out(l);
    *argc = l->words;
    environ = argv + l->words + 1;
    if (chdir(l->text) != 0)
        _exit(FAILED);
    if (l->terminal >= 0)
        take_terminal(l->terminal);
    else
        take_files();
    (void)close(LAUNCH_SOCKET);
    (void)close(LAUNCH_OUT);
    (void)close(LAUNCH_ERR);
    look_up(&still, RTLD_DEFAULT, "still_begin");
    still();
    if (l->traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(FAILED);
    if (l->call >= 0)
        stop_at(l->call);
    if (l->traced)
        (void)raise(SIGSTOP);
    return argv;
}

/* Where the C library keeps the number of its thread, which fork would write anew; NULL: unknown.
 */
static void *
thread_number(void)
{
    void *at = NULL;
    return prctl(PR_GET_TID_ADDRESS, &at, 0, 0, 0) == 0 ? at : NULL;
}

static char **
serve(int *argc)
{
    static struct launch l;
    void *number = thread_number();
    unsigned long how = CLONE_PARENT | SIGCHLD;
    if (number != NULL)
        how |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    while (recv(LAUNCH_SOCKET, &l, sizeof l, 0) > 0) {
        pid_t pid = (pid_t)syscall(SYS_clone, how, NULL, NULL, number, 0);
        if (pid == 0)
            return become(&l, argc);
        if (send(LAUNCH_SOCKET, &pid, sizeof pid, 0) < 0)
            break;
    }
    _exit(0);
}

int
__libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                  void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                void (*)(void), void *) = NULL;
    look_up(&next, RTLD_NEXT, "__libc_start_main");
    const char *stands = getenv(LAUNCH_READY);
    cheap = stands != NULL && strcmp(stands, "cheap") == 0;
    if (stands != NULL)
        argv = serve(&argc);
    return next(main, argc, argv, init, fini, rtld_fini, stack_end);
}
