/* System calls: their names, what can go wrong in them, and whether they leave something behind. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "fault.h"

enum { KINDS = 4 };

static const struct about {
    int number;
    const char *name;
    int errors[KINDS]; /* ended by 0 */
    int changes;       /* something may be left: a file, a lock, bytes on a descriptor */
} table[] = {
    {SYS_read, "read", {EIO, EINTR, 0}, 0},
    {SYS_pread64, "pread64", {EIO, EINTR, 0}, 0},
    {SYS_write, "write", {EIO, ENOSPC, EINTR, 0}, 1},
    {SYS_pwrite64, "pwrite64", {EIO, ENOSPC, EINTR, 0}, 1},
    {SYS_writev, "writev", {EIO, ENOSPC, 0}, 1},
    {SYS_openat, "openat", {EIO, EACCES, EMFILE, ENOMEM}, 1},
    {SYS_open, "open", {EIO, EACCES, EMFILE, ENOMEM}, 1},
    {SYS_close, "close", {EIO, EINTR, 0}, 1},
    {SYS_fsync, "fsync", {EIO, ENOSPC, 0}, 1},
    {SYS_fdatasync, "fdatasync", {EIO, ENOSPC, 0}, 1},
    {SYS_rename, "rename", {EIO, EACCES, ENOSPC, 0}, 1},
    {SYS_renameat, "renameat", {EIO, EACCES, ENOSPC, 0}, 1},
    {SYS_renameat2, "renameat2", {EIO, ENOSYS, ENOSPC, 0}, 1},
    {SYS_link, "link", {EIO, EPERM, ENOSPC, 0}, 1},
    {SYS_unlink, "unlink", {EIO, EACCES, 0}, 1},
    {SYS_unlinkat, "unlinkat", {EIO, EACCES, 0}, 1},
    {SYS_mkdir, "mkdir", {EIO, ENOSPC, EACCES, 0}, 1},
    {SYS_rmdir, "rmdir", {EIO, EACCES, 0}, 1},
    {SYS_ftruncate, "ftruncate", {EIO, ENOSPC, 0}, 1},
    {SYS_chmod, "chmod", {EPERM, EIO, 0}, 1},
    {SYS_fchmod, "fchmod", {EPERM, EIO, 0}, 1},
    {SYS_fchown, "fchown", {EPERM, EIO, 0}, 0},
    {SYS_newfstatat, "newfstatat", {EIO, ENOMEM, 0}, 0},
    {SYS_fstat, "fstat", {EIO, ENOMEM, 0}, 0},
    {SYS_stat, "stat", {EIO, ENOMEM, 0}, 0},
    {SYS_lstat, "lstat", {EIO, ENOMEM, 0}, 0},
    {SYS_statx, "statx", {EIO, ENOMEM, 0}, 0},
    {SYS_access, "access", {EIO, EACCES, 0}, 0},
    {SYS_faccessat, "faccessat", {EIO, EACCES, 0}, 0},
    {SYS_statfs, "statfs", {EIO, EACCES, 0}, 0},
    {SYS_fstatfs, "fstatfs", {EIO, 0}, 0},
    {SYS_lseek, "lseek", {EIO, 0}, 0},
    {SYS_getdents64, "getdents64", {EIO, ENOMEM, 0}, 0},
    {SYS_readlink, "readlink", {EIO, EACCES, 0}, 0},
    {SYS_getcwd, "getcwd", {ENOENT, ENOMEM, 0}, 0},
    {SYS_fcntl, "fcntl", {EIO, ENOLCK, 0}, 1},
    {SYS_flock, "flock", {ENOLCK, EINTR, 0}, 1},
    {SYS_fadvise64, "fadvise64", {EINVAL, 0}, 0},
    {SYS_mmap, "mmap", {ENOMEM, 0}, 0},
    {SYS_mremap, "mremap", {ENOMEM, 0}, 0},
    {SYS_brk, "brk", {ENOMEM, 0}, 0}, /* trace.c knows its own way of failing */
    {SYS_mprotect, "mprotect", {ENOMEM, 0}, 0},
    {SYS_mlock, "mlock", {ENOMEM, EPERM, 0}, 0},
    {SYS_madvise, "madvise", {EINVAL, ENOMEM, 0}, 0},
    {SYS_getrandom, "getrandom", {EINTR, 0}, 0}, /* libsodium ends the program at any other */
    {SYS_ioctl, "ioctl", {ENOTTY, EIO, 0}, 1},
    {SYS_poll, "poll", {EINTR, ENOMEM, 0}, 0},
    {SYS_ppoll, "ppoll", {EINTR, ENOMEM, 0}, 0},
    {SYS_pselect6, "pselect6", {EINTR, ENOMEM, 0}, 0},
    {SYS_pipe2, "pipe2", {EMFILE, ENFILE, 0}, 0},
    {SYS_dup, "dup", {EMFILE, 0}, 0},
    {SYS_dup2, "dup2", {EMFILE, 0}, 0},
    {SYS_dup3, "dup3", {EMFILE, 0}, 0},
    {SYS_clone, "clone", {EAGAIN, ENOMEM, 0}, 1},
    {SYS_clone3, "clone3", {EAGAIN, ENOMEM, 0}, 1},
    {SYS_fork, "fork", {EAGAIN, ENOMEM, 0}, 1},
    {SYS_vfork, "vfork", {EAGAIN, ENOMEM, 0}, 1},
    {SYS_wait4, "wait4", {EINTR, 0}, 0},
    {SYS_socket, "socket", {EMFILE, EACCES, 0}, 0},
    {SYS_connect, "connect", {EACCES, ETIMEDOUT, 0}, 0},
    {SYS_prctl, "prctl", {EINVAL, EPERM, 0}, 0},
    {SYS_prlimit64, "prlimit64", {EPERM, 0}, 0},
    {SYS_rt_sigaction, "rt_sigaction", {EINVAL, 0}, 0},
    {SYS_rt_sigprocmask, "rt_sigprocmask", {EINVAL, 0}, 0},
    {SYS_memfd_create, "memfd_create", {EMFILE, ENOSYS, 0}, 0},
    {447, "memfd_secret", {EMFILE, ENOSYS, 0}, 0},
    {SYS_clock_nanosleep, "clock_nanosleep", {EINTR, 0}, 0},
};

static const struct about *
about(int number)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].number == number)
            return &table[i];
    }
    return NULL;
}

/* Another process. */
static int
starts(int number)
{
    return number == SYS_fork || number == SYS_vfork || number == SYS_clone ||
           number == SYS_clone3;
}

/* Those that cannot fail (getpid, umask, exit_group) are not in the table. */
size_t
call_errors(int number, int errors[], size_t size, int *late)
{
    const struct about *a = about(number);
    size_t n = 0;
    *late = 0;
    if (a == NULL)
        return 0;
    for (size_t i = 0; i < KINDS && a->errors[i] != 0 && n < size; i++)
        errors[n++] = a->errors[i];
    /* A descriptor that was opened, a child that was started: their numbers would be lost. */
    *late = a->changes && number != SYS_openat && number != SYS_open && !starts(number) &&
            number != SYS_ioctl;
    return n;
}

int
call_changes(int number)
{
    const struct about *a = about(number);
    return a != NULL && a->changes && number != SYS_fcntl && number != SYS_close &&
           number != SYS_ioctl;
}

static const char *
call_name(int number)
{
    const struct about *a = about(number);
    return a != NULL ? a->name : "another call";
}

void
fault_text(char *out, size_t size, const struct fault *f)
{
    static const char *const kinds[] = {
        [FAULT_NONE] = "no fault",
        [FAULT_KILL] = "killed before",
        [FAULT_ERROR] = "error at",
        [FAULT_LATE] = "done, but reported as failed,",
        [FAULT_ALLOC] = "no memory for allocation",
    };
    int n = snprintf(out, size, "%s", kinds[f->kind]);
    if (n < 0 || f->kind == FAULT_NONE)
        return;
    out += n;
    size -= (size_t)n;
    if (f->kind == FAULT_ALLOC)
        (void)snprintf(out, size, " %ld%s", f->at, f->sticky ? " and after" : "");
    else if (f->kind == FAULT_KILL)
        (void)snprintf(out, size, " call %ld (%s)", f->at, call_name(f->call));
    else
        (void)snprintf(out, size, " call %ld (%s): %s%s", f->at, call_name(f->call),
                       strerror(f->os_errno), f->sticky ? ", and all after it" : "");
}
