#include "sys/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
dir_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum rc
dir_look(const char *path, int *is_dir, struct err *err)
{
    struct stat st;
    *is_dir = 0;
    if (stat(path, &st) == 0)
        *is_dir = S_ISDIR(st.st_mode);
    else if (errno == ENOMEM)
        return err_nomem(err);
    else if (errno != ENOENT && errno != ENOTDIR)
        return err_errno(err, RC_IO, "looking at %s", path);
    return RC_OK;
}

/* What shares and odd file systems answer although nothing is wrong that we could put right. */
static int
sync_unsupported(int os_errno)
{
    return os_errno == EINVAL || os_errno == ENOTSUP || os_errno == EBADF || os_errno == ENOTTY ||
           os_errno == ENOENT || os_errno == EACCES;
}

enum rc
dir_sync(const char *path, struct err *err)
{
    enum rc rc = RC_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sync_unsupported(errno) ? RC_OK : err_errno(err, RC_IO, "opening %s", path);
    if (fsync(fd) != 0 && !sync_unsupported(errno))
        rc = err_errno(err, RC_IO, "syncing %s", path);
    (void)close(fd); /* nothing was written through it */
    return rc;
}

/* Creates one folder, whose name begins at path + name_at, and syncs its parent. */
static enum rc
make_one(const char *path, size_t name_at, mode_t mode, struct err *err)
{
    if (dir_exists(path))
        return RC_OK;
    if (mkdir(path, mode) != 0) {
        if (errno == EEXIST && dir_exists(path)) /* somebody else was faster */
            return RC_OK;
        int denied = errno == EROFS || errno == EACCES || errno == EPERM;
        return err_errno(err, denied ? RC_READ_ONLY : RC_IO, "creating folder %s", path);
    }
    /* The umask may have taken bits that were asked for; a share may refuse. */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        (void)fchmod(fd, mode);
        (void)close(fd);
    }
    char parent[PATH_SIZE] = ".";
    if (name_at > 0)
        (void)snprintf(parent, sizeof parent, "%.*s", (int)name_at, path);
    return dir_sync(parent, err);
}

enum rc
dir_make(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_SIZE];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return err_set(err, RC_BAD_VALUE, "a folder's path is empty or too long");
    size_t name_at = 0;
    for (size_t i = 1; i <= len; i++) {
        part[i - 1] = path[i - 1];
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
            continue;
        part[i] = '\0';
        enum rc rc = make_one(part, name_at, mode, err);
        if (rc != RC_OK)
            return rc;
        name_at = i + 1;
    }
    return RC_OK;
}

/* One step down; the folder is made when it is missing and mode is not 0. -1 with errno. */
static int
step_down(int above, const char *name, mode_t mode)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(above, name, flags);
    if (fd >= 0 || errno != ENOENT || mode == 0)
        return fd;
    if (mkdirat(above, name, mode) != 0)
        return errno == EEXIST ? openat(above, name, flags) : -1; /* somebody else was faster */
    fd = openat(above, name, flags);
    if (fd >= 0)
        (void)fchmod(fd, mode); /* the umask may have taken bits; a share may refuse */
    if (fd >= 0 && fsync(above) != 0 && !sync_unsupported(errno)) {
        int saved = errno;
        (void)close(fd); /* nothing was written through it */
        errno = saved;
        return -1;
    }
    return fd;
}

enum rc
dir_beneath(int *fd, char path[PATH_SIZE], const char *root, const char *name, mode_t mode,
            struct err *err)
{
    char part[PATH_SIZE];
    part[0] = '\0';
    *fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const char *slash; *fd >= 0 && (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        size_t len = (size_t)(slash - name) < sizeof part ? (size_t)(slash - name) : 0;
        memcpy(part, name, len);
        part[len] = '\0';
        int below = step_down(*fd, part, mode);
        int saved = errno;
        (void)close(*fd); /* nothing was written through it */
        *fd = below;
        errno = saved;
    }
    if (*fd >= 0) {
        int n = snprintf(path, PATH_SIZE, "/proc/self/fd/%d/%s", *fd, name);
        return n > 0 && n < PATH_SIZE
                   ? RC_OK
                   : err_set(err, RC_BAD_VALUE, "a path is longer than %d bytes", PATH_SIZE - 1);
    }
    if (errno == ENOTDIR || errno == ELOOP)
        return err_set(err, RC_BAD_VALUE, "%s beneath %s is no folder, or a link", part, root);
    int denied = errno == EROFS || errno == EACCES || errno == EPERM;
    return err_errno(err,
                     denied            ? RC_READ_ONLY
                     : errno == ENOENT ? RC_NOT_FOUND
                     : errno == ENOSPC ? RC_DISK_FULL
                                       : RC_IO,
                     "opening a folder beneath %s", root);
}

static int
not_dots(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* By bytes: alphasort would sort as the locale likes. */
static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum rc
dir_each(const char *path, dir_fn fn, void *arg, struct err *err)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, not_dots, by_bytes);
    if (n < 0 && errno == ENOMEM)
        return err_nomem(err);
    if (n < 0)
        return err_errno(err, errno == ENOENT || errno == ENOTDIR ? RC_NOT_FOUND : RC_IO,
                         "reading folder %s", path);
    enum rc rc = RC_OK;
    for (int i = 0; i < n; i++) {
        if (rc == RC_OK)
            rc = fn(arg, names[i]->d_name, err);
        free(names[i]);
    }
    free(names);
    return rc;
}
