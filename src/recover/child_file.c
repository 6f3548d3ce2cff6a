#define _GNU_SOURCE /* F_OFD_SETLK: a lock of the descriptor, gone with the process */
#include "recover/child_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plant.h"
#include "sys/dir.h"
#include "sys/env.h"
#include "sys/file.h"

#define FOLDER "keymuster-"
#define FILE_NAME "secret"

#define IN_TMPFS 0x01021994UL /* statfs(2) */
#define IN_RAMFS 0x858458f6UL

static int
is_in_memory(const char *folder)
{
    struct statfs fs;
    if (folder == NULL || folder[0] != '/' || statfs(folder, &fs) != 0)
        return 0;
    unsigned long type = (unsigned long)fs.f_type & 0xffffffffUL;
    return type == IN_TMPFS || type == IN_RAMFS;
}

/* The command may have changed its length. Nobody can be told if this fails; it is gone from its
 * folder all the same. */
static void
wipe_file(int fd)
{
    static const char zeros[4096];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return;
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof zeros) {
        size_t n = st.st_size - at < (off_t)sizeof zeros ? (size_t)(st.st_size - at) : sizeof zeros;
        if (pwrite(fd, zeros, n, at) < 0)
            return;
    }
}

/* ---- what a killed run has left ---- */

/* how: F_OFD_SETLK, or F_OFD_SETLKW to wait for it. */
static int
lock(int fd, int how)
{
    struct flock whole;
    memset(&whole, 0, sizeof whole);
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return fcntl(fd, how, &whole);
}

/* A file whose maker lives is locked. One that is empty may be so just now, by somebody who is
 * about to lock it. */
static int
is_abandoned(int fd)
{
    enum { SETTLED_MS = 60000 };
    struct stat st;
    return lock(fd, F_OFD_SETLK) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_uid == geteuid() &&
           (st.st_size > 0 || (int64_t)st.st_mtime * 1000 < clock_now_ms() - SETTLED_MS);
}

static enum rc
sweep_one(void *arg, const char *name, struct err *err)
{
    const char *base = arg;
    char path[PATH_SIZE];
    (void)err;
    if (strncmp(name, FOLDER, sizeof FOLDER - 1) != 0)
        return RC_OK;
    int n = snprintf(path, sizeof path, "%s/%s/" FILE_NAME, base, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return RC_OK;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return RC_OK; /* another user's, or none */
    if (is_abandoned(fd)) {
        wipe_file(fd);
        (void)unlink(path);
        path[n - (int)sizeof FILE_NAME] = '\0';
        (void)rmdir(path);
    }
    (void)close(fd);
    return RC_OK;
}

static void
sweep(char *base)
{
    struct err none = ERR_INIT;
    err_ignore(dir_each(base, sweep_one, base, &none)); /* this run's own file is not concerned */
}

/* ---- making one ---- */

/* 0, or -1 when there can be none below base. */
static int
make_below(struct child_file *f, const char *place)
{
    char base[PATH_SIZE];
    if (!is_in_memory(place) || strlen(place) >= sizeof base)
        return -1;
    (void)snprintf(base, sizeof base, "%s", place);
    sweep(base);
    int n = snprintf(f->folder, sizeof f->folder, "%s/" FOLDER "XXXXXX", base);
    if (n < 0 || (size_t)n >= sizeof f->folder || mkdtemp(f->folder) == NULL) {
        f->folder[0] = '\0';
        return -1;
    }
    n = snprintf(f->path, sizeof f->path, "%s/" FILE_NAME, f->folder);
    if (n > 0 && (size_t)n < sizeof f->path)
        f->fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f->fd >= 0 && lock(f->fd, F_OFD_SETLKW) == 0)
        return 0;
    if (f->fd >= 0) {
        (void)close(f->fd);
        (void)unlink(f->path);
        f->fd = -1;
    }
    (void)rmdir(f->folder); /* just made, empty */
    f->folder[0] = '\0';
    return -1;
}

static enum rc
make_empty(struct child_file *f, struct err *err)
{
    if (make_below(f, env_get("XDG_RUNTIME_DIR")) == 0 || make_below(f, "/dev/shm") == 0)
        return RC_OK;
    /* Without "close on exec": the command opens it through its own table of descriptors. */
    f->fd = (int)syscall(SYS_memfd_create, "secret", 0);
    if (f->fd < 0) {
        (void)err_errno(err, RC_EXEC_FAILED, "making a file in memory for the secret");
        return err_hint(err, "use --stdin or --fd N instead");
    }
    (void)snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
    return RC_OK;
}

enum rc
child_file_make(struct child_file *f, const struct secret *s, const struct template *template,
                struct err *err)
{
    *f = (struct child_file){.fd = -1};
    enum rc rc = make_empty(f, err);
    if (rc == RC_OK && template != NULL)
        rc = template_fill(template, s, f->fd, f->path, err);
    else if (rc == RC_OK)
        rc = file_write_fd(f->fd, s->bytes, s->len, f->path, err);
    /* For the one who reads it through an inherited descriptor. */
    if (rc == RC_OK && lseek(f->fd, 0, SEEK_SET) < 0)
        rc = err_errno(err, RC_EXEC_FAILED, "going back in %s", f->path);
    if (rc == RC_OK)
        return RC_OK;
    child_file_end(f);
    return rc == RC_TEMPLATE ? rc : (err->code = RC_EXEC_FAILED);
}

void
child_file_end(struct child_file *f)
{
    if (f->fd < 0 || PLANTED("keep-file"))
        return;
    wipe_file(f->fd);
    (void)close(f->fd);
    if (f->folder[0] != '\0') {
        (void)unlink(f->path);
        (void)rmdir(f->folder);
    }
    *f = (struct child_file){.fd = -1};
}
