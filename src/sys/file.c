#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "sys/dir.h"
#include "sys/process.h"

enum { CHUNK = 4096, TEMP_TRIES = 16 };

/* What a failed system call on a path means to the user. */
static enum rc
path_code(int os_errno)
{
    switch (os_errno) {
    case ENOENT:
    case ENOTDIR:
        return RC_NOT_FOUND;
    case EROFS:
    case EACCES:
    case EPERM:
        return RC_READ_ONLY;
    default:
        return RC_IO;
    }
}

/* After a failed read or write: RC_OK to try again, else the error. Waits for a descriptor that
 * somebody set to non-blocking. */
static enum rc
try_again(int fd, short events, const char *verb, const char *what, struct err *err)
{
    if (errno == EINTR) {
        /* A write goes on, so that no file is left half done; only waiting for input is given up.
         */
        if (events == POLLIN && signals_pending())
            return err_set(err, RC_INTERRUPTED, "interrupted while reading %s", what);
        return RC_OK;
    }
    if (errno != EAGAIN)
        return err_errno(err, RC_IO, "%s %s", verb, what);
    struct pollfd p = {fd, events, 0};
    if (poll(&p, 1, -1) < 0 && errno != EINTR)
        return err_errno(err, RC_IO, "waiting for %s", what);
    return RC_OK;
}

/* One read into at most size bytes; *got 0 at the end. */
static enum rc
read_some(size_t *got, int fd, void *to, size_t size, const char *what, struct err *err)
{
    *got = 0;
    for (;;) {
        ssize_t n = read(fd, to, size);
        if (n >= 0) {
            *got = (size_t)n;
            return RC_OK;
        }
        enum rc rc = try_again(fd, POLLIN, "reading", what, err);
        if (rc != RC_OK)
            return rc;
    }
}

enum rc
file_read_fd(struct buf *out, int fd, const char *what, struct err *err)
{
    for (;;) {
        size_t want = out->len < CHUNK ? CHUNK : out->len;
        if (want > out->max - out->len)
            want = out->max - out->len;
        char beyond = 0;
        char *to = want > 0 ? buf_room(out, want) : &beyond;
        if (to == NULL)
            return buf_check(out, what, err);
        size_t got;
        enum rc rc = read_some(&got, fd, to, want > 0 ? want : 1, what, err);
        if (want > 0)
            buf_grown(out, got);
        if (rc != RC_OK || got == 0)
            return rc;
        if (want == 0) {
            buf_addc(out, beyond); /* fails: there is one byte too many */
            return buf_check(out, what, err);
        }
    }
}

enum rc
file_read_secret(struct secret *out, int fd, const char *what, struct err *err)
{
    size_t before = out->len;
    enum rc rc;
    size_t got;
    do {
        unsigned char beyond = 0;
        size_t room = SECRET_SLOT - out->len;
        rc = read_some(&got, fd, room > 0 ? out->bytes + out->len : &beyond, room > 0 ? room : 1,
                       what, err);
        secret_wipe(&beyond, 1);
        if (rc == RC_OK && got > 0 && room == 0)
            rc = err_set(err, RC_BAD_VALUE, "%s is longer than %d bytes", what, SECRET_SLOT);
        else if (rc == RC_OK)
            out->len += got;
    } while (rc == RC_OK && got > 0);
    if (rc != RC_OK)
        secret_cut(out, before);
    return rc;
}

enum rc
file_not_opened(const char *path, struct err *err)
{
    enum rc rc = path_code(errno);
    rc = err_errno(err, rc == RC_READ_ONLY ? RC_IO : rc, "opening %s", path);
    return rc == RC_NOT_FOUND
               ? err_hint(err, "is that its path? One that does not begin with / begins here")
               : rc;
}

static enum rc
open_regular(int *fd, const char *path, struct err *err)
{
    struct stat st;
    /* A stranger may have chosen the path, and merely opening a device can do something. */
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return err_set(err, RC_BAD_VALUE, "%s is not a regular file", path);
    /* Non-blocking: it may be a FIFO by now, and opening one would wait for a writer. */
    *fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 && errno == ELOOP)
        return err_set(err, RC_BAD_VALUE, "%s is a symbolic link", path);
    if (*fd < 0)
        return file_not_opened(path, err);
    if (fstat(*fd, &st) != 0)
        return err_errno(err, RC_IO, "looking at %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, RC_BAD_VALUE, "%s is not a regular file", path);
    return RC_OK;
}

/* A file that is too large is not read up to its maximum first. */
static enum rc
check_size(struct buf *out, int fd, const char *path, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_errno(err, RC_IO, "looking at %s", path);
    if (st.st_size > 0 && (uintmax_t)st.st_size > out->max - out->len)
        (void)buf_room(out, SIZE_MAX); /* fails */
    return buf_check(out, path, err);
}

static void
close_quietly(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* was only read, or failed before */
}

enum rc
file_read(struct buf *out, const char *path, struct err *err)
{
    int fd = -1;
    enum rc rc = open_regular(&fd, path, err);
    if (rc == RC_OK)
        rc = check_size(out, fd, path, err);
    if (rc == RC_OK)
        rc = file_read_fd(out, fd, path, err);
    close_quietly(fd);
    return rc;
}

enum rc
file_read_start(struct buf *out, const char *path, int64_t *size, struct err *err)
{
    struct stat st;
    int fd = -1;
    size_t got = 1;
    enum rc rc = open_regular(&fd, path, err);
    if (rc == RC_OK && fstat(fd, &st) != 0)
        rc = err_errno(err, RC_IO, "looking at %s", path);
    if (rc == RC_OK)
        *size = st.st_size;
    while (rc == RC_OK && got > 0 && out->len < out->max) {
        size_t want = out->max - out->len < CHUNK ? out->max - out->len : CHUNK;
        char *to = buf_room(out, want);
        if (to == NULL)
            rc = buf_check(out, path, err);
        else if ((rc = read_some(&got, fd, to, want, path, err)) == RC_OK)
            buf_grown(out, got);
    }
    close_quietly(fd);
    return rc;
}

int
fd_parse(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > 4 || strspn(text, "0123456789") != len)
        return -1;
    int fd = 0;
    for (; *text != '\0'; text++)
        fd = fd * 10 + (*text - '0');
    return fd;
}

enum rc
file_write_fd(int fd, const void *bytes, size_t len, const char *what, struct err *err)
{
    const char *from = bytes;
    while (len > 0) {
        ssize_t n = write(fd, from, len);
        if (n < 0) {
            enum rc rc = try_again(fd, POLLOUT, "writing", what, err);
            if (rc != RC_OK)
                return rc;
            continue;
        }
        if (n == 0)
            return err_set(err, RC_IO, "writing %s: nothing was taken", what);
        from += n;
        len -= (size_t)n;
    }
    return RC_OK;
}

static enum rc
parent_of(char out[PATH_SIZE], const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= PATH_SIZE)
        return err_set(err, RC_BAD_VALUE, "a path is too long: %s", path);
    if (len > 0)
        memcpy(out, path, len);
    else
        out[len++] = slash == NULL ? '.' : '/';
    out[len] = '\0';
    return RC_OK;
}

static enum rc
temp_name(char out[PATH_SIZE], const char *folder, struct err *err)
{
    uint64_t number = 0;
    /* Names need not be secret: O_EXCL refuses one that is taken. */
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number = (uint64_t)clock_mono_ms() * 100000 + (uint64_t)getpid();
    char name[40];
    (void)snprintf(name, sizeof name, ".keymuster-%016llx.tmp", (unsigned long long)number);
    return path_join(out, folder, name, err);
}

/* Writes, syncs and closes fd, which is closed in any case. */
static enum rc
fill(int fd, const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    struct stat st;
    /* The umask may have taken bits that were asked for. A share without permissions may refuse;
     * the file is no more open than its mount then. */
    if (fstat(fd, &st) == 0 && (st.st_mode & 07777) != mode)
        (void)fchmod(fd, mode);
    enum rc rc = file_write_fd(fd, bytes, len, path, err);
    if (rc == RC_OK && fsync(fd) != 0)
        rc = err_errno(err, RC_IO, "syncing %s", path);
    if (rc != RC_OK) {
        close_quietly(fd);
        return rc;
    }
    if (close(fd) != 0 && errno != EINTR) /* EINTR: it is closed, and was synced */
        return err_errno(err, RC_IO, "closing %s", path);
    return RC_OK;
}

static int
open_new(const char *path, mode_t mode)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

enum rc
file_room(const char *folder, size_t len, struct err *err)
{
    char temp[PATH_SIZE];
    enum rc rc = temp_name(temp, folder, err);
    if (rc != RC_OK)
        return rc;
    int fd = open_new(temp, 0600);
    if (fd < 0)
        return err_errno(err, RC_IO, "creating %s", temp);
    errno = posix_fallocate(fd, 0, (off_t)len);
    if (errno != 0)
        rc = err_errno(err, RC_IO, "setting %zu bytes aside in %s", len, folder);
    close_quietly(fd);
    (void)unlink(temp);
    return rc;
}

/* An empty temporary file beside path. */
static enum rc
open_temp(int *fd, char temp[PATH_SIZE], const char *path, mode_t mode, struct err *err)
{
    char folder[PATH_SIZE];
    enum rc rc = parent_of(folder, path, err);
    *fd = -1;
    for (int i = 0; rc == RC_OK && *fd < 0; i++) {
        rc = temp_name(temp, folder, err);
        if (rc == RC_OK)
            *fd = open_new(temp, mode);
        if (rc == RC_OK && *fd < 0 && (errno != EEXIST || i == TEMP_TRIES))
            rc = err_errno(err, path_code(errno), "creating a file in %s", folder);
    }
    return rc;
}

/* A complete and synced temporary file beside path; temp is empty when none was left. */
static enum rc
write_temp(char temp[PATH_SIZE], const char *path, const void *bytes, size_t len, mode_t mode,
           struct err *err)
{
    int fd = -1;
    enum rc rc = open_temp(&fd, temp, path, mode, err);
    if (rc == RC_OK) {
        rc = fill(fd, path, bytes, len, mode, err);
        if (rc != RC_OK)
            (void)unlink(temp); /* the first cause is what is reported */
    }
    if (rc != RC_OK)
        temp[0] = '\0';
    return rc;
}

static enum rc
sync_parent(const char *path, struct err *err)
{
    char folder[PATH_SIZE];
    enum rc rc = parent_of(folder, path, err);
    return rc == RC_OK ? dir_sync(folder, err) : rc;
}

enum rc
file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    char temp[PATH_SIZE];
    enum rc rc = write_temp(temp, path, bytes, len, mode, err);
    if (rc != RC_OK)
        return rc;
    if (rename(temp, path) != 0) {
        rc = err_errno(err, path_code(errno), "renaming to %s", path);
        (void)unlink(temp);
        return rc;
    }
    return sync_parent(path, err);
}

static enum rc
exists(const char *path, struct err *err)
{
    (void)err_set(err, RC_EXISTS, "%s exists", path);
    (void)err_hint(err, "nothing is written over: another name, or move the old one away first");
    return err->code;
}

/* Whether the file system lacks a way of naming a file, rather than refusing this name. */
static int
unsupported(int os_errno)
{
    return os_errno == EINVAL || os_errno == ENOSYS || os_errno == EOPNOTSUPP ||
           os_errno == EPERM || os_errno == EMLINK || os_errno == EACCES;
}

/* A lost reply makes NFS report EEXIST for a link that was made. */
static int
same_file(const char *a, const char *b)
{
    struct stat sa;
    struct stat sb;
    return lstat(a, &sa) == 0 && lstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* The last resort: readers may see the file grow, and a crash leaves a part of it. */
static enum rc
create_in_place(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    int fd = open_new(path, mode);
    if (fd < 0)
        return errno == EEXIST ? exists(path, err)
                               : err_errno(err, path_code(errno), "creating %s", path);
    enum rc rc = fill(fd, path, bytes, len, mode, err);
    if (rc != RC_OK)
        (void)unlink(path);
    return rc;
}

/* How a temporary file got its final name, if at all. */
enum naming { NAMING_NONE, NAMING_MOVED, NAMING_LINKED };

/* Gives temp its name, never over another file. RC_OK with NAMING_NONE where the file system can do
 * neither. */
static enum rc
name_once(enum naming *how, const char *temp, const char *path, struct err *err)
{
    *how = NAMING_NONE;
    /* glibc declares renameat2 for GNU sources only. */
    if (syscall(SYS_renameat2, AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        *how = NAMING_MOVED;
        return RC_OK;
    }
    if (errno == EEXIST)
        return exists(path, err);
    if (!unsupported(errno))
        return err_errno(err, path_code(errno), "renaming to %s", path);
    if (link(temp, path) == 0 || (errno == EEXIST && same_file(temp, path))) {
        *how = NAMING_LINKED;
        return RC_OK;
    }
    if (errno == EEXIST)
        return exists(path, err);
    if (!unsupported(errno))
        return err_errno(err, path_code(errno), "linking %s", path);
    return RC_OK;
}

static enum rc
read_back(const char *path, const void *bytes, size_t len, struct err *err)
{
    int fd = -1;
    const char *want = bytes;
    char chunk[CHUNK];
    size_t got = 0;
    enum rc rc = open_regular(&fd, path, err);
    if (rc == RC_OK)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* ask the medium, if it helps */
    while (rc == RC_OK) {
        rc = read_some(&got, fd, chunk, sizeof chunk, path, err);
        if (rc != RC_OK || got == 0)
            break;
        if (got > len || memcmp(chunk, want, got) != 0)
            rc = err_set(err, RC_IO, "%s reads back with other bytes than were written", path);
        want += rc == RC_OK ? got : 0;
        len -= rc == RC_OK ? got : 0;
    }
    if (rc == RC_OK && len > 0)
        rc = err_set(err, RC_IO, "%s reads back %zu bytes short", path, len);
    close_quietly(fd);
    return rc;
}

enum rc
file_create_once(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    if (file_exists(path) == 1)
        return exists(path, err);
    char temp[PATH_SIZE];
    enum rc rc = write_temp(temp, path, bytes, len, mode, err);
    if (rc != RC_OK)
        return rc;
    enum naming how;
    rc = name_once(&how, temp, path, err);
    if (how != NAMING_MOVED)
        (void)unlink(temp);
    if (rc == RC_OK && how == NAMING_NONE)
        rc = create_in_place(path, bytes, len, mode, err);
    if (rc == RC_OK)
        rc = sync_parent(path, err);
    if (rc != RC_OK)
        return rc;
    rc = read_back(path, bytes, len, err);
    if (rc != RC_OK)
        (void)unlink(path); /* ours, and broken: a name is used once, so do not block it */
    return rc;
}

/* ---- piece by piece ---- */

enum rc
file_new_begin(struct file_new *f, const char *path, mode_t mode, enum file_new_how how,
               struct err *err)
{
    memset(f, 0, sizeof *f);
    f->fd = -1;
    f->how = how;
    if (strlen(path) >= PATH_SIZE)
        return err_set(err, RC_BAD_VALUE, "a path is too long: %s", path);
    memcpy(f->path, path, strlen(path) + 1);
    if (how == FILE_NEW_ONCE && file_exists(path) == 1)
        return exists(path, err);
    enum rc rc = open_temp(&f->fd, f->temp, path, mode, err);
    if (rc != RC_OK)
        f->temp[0] = '\0';
    else
        (void)fchmod(f->fd, mode); /* as in fill: the umask may have taken bits */
    return rc;
}

enum rc
file_new_add(struct file_new *f, const void *bytes, size_t len, struct err *err)
{
    return file_write_fd(f->fd, bytes, len, f->path, err);
}

void
file_new_drop(struct file_new *f)
{
    if (f->temp[0] == '\0')
        return;
    close_quietly(f->fd);
    (void)unlink(f->temp);
    f->fd = -1;
    f->temp[0] = '\0';
}

enum rc
file_new_end(struct file_new *f, struct err *err)
{
    enum naming how = NAMING_NONE;
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return err_errno(err, RC_IO, "looking at %s", f->path);
    enum rc rc = fill(f->fd, f->path, "", 0, st.st_mode & 07777, err);
    f->fd = -1;
    if (rc == RC_OK && f->how == FILE_NEW_ONCE)
        rc = name_once(&how, f->temp, f->path, err);
    else if (rc == RC_OK && rename(f->temp, f->path) == 0)
        how = NAMING_MOVED;
    else if (rc == RC_OK)
        rc = err_errno(err, path_code(errno), "renaming to %s", f->path);
    if (rc == RC_OK && how == NAMING_NONE)
        rc =
            err_set(err, RC_IO, "%s: this file system can name a new file in no safe way", f->path);
    if (how == NAMING_MOVED)
        f->temp[0] = '\0';
    file_new_drop(f);
    return rc == RC_OK ? sync_parent(f->path, err) : rc;
}

enum rc
file_each_piece(const char *path, file_piece_fn fn, void *arg, struct err *err)
{
    enum { PIECE = 65536 };
    static char piece[PIECE];
    int fd = -1;
    size_t got = 0;
    enum rc rc = open_regular(&fd, path, err);
    while (rc == RC_OK) {
        rc = read_some(&got, fd, piece, sizeof piece, path, err);
        if (rc != RC_OK || got == 0)
            break;
        rc = fn(arg, piece, got, err);
    }
    close_quietly(fd);
    return rc;
}

int
file_exists(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
}

enum rc
file_check_private(int fd, const char *path, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_errno(err, RC_IO, "looking at %s", path);
    enum rc rc = RC_OK;
    if (st.st_uid != geteuid()) {
        rc = err_set(err, RC_CREDENTIAL_OPEN, "%s belongs to another user", path);
        (void)err_why(err, "its owner is number %lu, this is %lu", (unsigned long)st.st_uid,
                      (unsigned long)geteuid());
    } else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) { /* an access list shows in these, too */
        rc = err_set(err, RC_CREDENTIAL_OPEN, "%s is open to group or others", path);
        (void)err_why(err, "its mode is %04o", (unsigned)(st.st_mode & 07777));
        (void)err_hint(err, "chmod 600 %s", path);
    }
    return rc;
}
