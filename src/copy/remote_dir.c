/* A folder, share or USB disk as a place for copies. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/remote_kind.h"
#include "sys/dir.h"
#include "sys/file.h"

/* What a failure of sys/file means for a copy. Names the object and the place. */
static enum rc
explain(const struct remote *r, const char *verb, const char *name, struct err *err)
{
    const struct err cause = *err;
    enum rc rc = RC_COPY_UNREACHABLE;
    if (cause.code == RC_NO_MEMORY || cause.code == RC_INTERRUPTED || cause.code == RC_INTERNAL)
        return cause.code;
    if (cause.code == RC_DISK_FULL || cause.os_errno == EFBIG)
        rc = RC_COPY_FULL;
    else if (cause.code == RC_READ_ONLY)
        rc = RC_COPY_READ_ONLY;
    return remote_closed(r, verb, name, rc, err);
}

static enum rc
dir_reach(struct remote *r, struct err *err)
{
    if (dir_exists(r->folder))
        return RC_OK;
    (void)err_set(err, RC_COPY_UNREACHABLE, "%.400s cannot be reached", remote_url(r));
    (void)err_why(err, "the folder is not there");
    return err_hint(err, "plug in the disk or mount the share, then run `keymuster sync`");
}

static enum rc
altered(const struct remote *r, const char *name, struct err *err)
{
    const struct err cause = *err;
    (void)err_set(err, RC_COPY_TAMPERED, "%.200s at %.250s was altered", name, remote_url(r));
    return err_why(err, "%.500s", cause.msg);
}

static enum rc
dir_get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    char path[PATH_SIZE];
    enum rc rc = path_join(path, r->folder, name, err);
    if (rc != RC_OK)
        return rc;
    rc = file_read(out, path, err);
    if (rc == RC_OK)
        return rc;
    buf_clear(out);
    /* An absent disk must never look like a place from which an object was taken away. */
    if (rc == RC_NOT_FOUND) {
        struct err gone = ERR_INIT;
        if (dir_reach(r, &gone) != RC_OK) {
            *err = gone;
            return gone.code;
        }
        return err_set(err, RC_NOT_FOUND, "%.200s is not at %.250s", name, remote_url(r));
    }
    if (rc == RC_BAD_VALUE)
        return altered(r, name, err); /* larger than it can be, or no file */
    return explain(r, "reading", name, err);
}

/* The folder's own permissions say who may use the copy: its objects get the same. */
static void
modes(const struct remote *r, mode_t *file, mode_t *folder)
{
    struct stat st;
    mode_t m = stat(r->folder, &st) == 0 ? st.st_mode : 0;
    *file = 0600 | (m & 0066);
    *folder = 0700 | (m & 02077);
}

/* The folder of an object, made if need be, and the object's path through it. The place itself must
 * be there: a disk pulled out meanwhile would else be replaced by a folder on the system disk. */
static enum rc
open_parent(const struct remote *r, const char *name, int *fd, char path[PATH_SIZE], mode_t mode,
            struct err *err)
{
    enum rc rc = dir_beneath(fd, path, r->folder, name, mode, err);
    if (rc == RC_BAD_VALUE)
        return altered(r, name, err);
    return rc == RC_OK ? rc : explain(r, "writing", name, err);
}

static enum rc
write_object(struct remote *r, const char *name, const void *bytes, size_t len, int once,
             struct err *err)
{
    char path[PATH_SIZE];
    mode_t file;
    mode_t folder;
    int fd = -1;
    enum rc rc = dir_reach(r, err);
    if (rc != RC_OK)
        return rc;
    modes(r, &file, &folder);
    rc = open_parent(r, name, &fd, path, folder, err);
    if (rc != RC_OK)
        return rc;
    rc = once ? file_create_once(path, bytes, len, file, err)
              : file_replace(path, bytes, len, file, err);
    if (rc != RC_OK && rc != RC_EXISTS)
        rc = explain(r, "writing", name, err);
    (void)close(fd); /* nothing was written through it */
    return rc;
}

static enum rc
dir_create(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    return write_object(r, name, bytes, len, 1, err);
}

static enum rc
dir_replace(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    return write_object(r, name, bytes, len, 0, err);
}

static enum rc
dir_remove(struct remote *r, const char *name, struct err *err)
{
    char path[PATH_SIZE];
    int fd = -1;
    enum rc rc = dir_reach(r, err);
    if (rc == RC_OK)
        rc = dir_beneath(&fd, path, r->folder, name, 0, err);
    if (rc == RC_NOT_FOUND) {
        err_clear(err);
        return RC_OK;
    }
    if (rc != RC_OK)
        return rc == RC_BAD_VALUE ? altered(r, name, err) : explain(r, "withdrawing", name, err);
    if (unlink(path) != 0 && errno != ENOENT) {
        int closed = errno == EROFS || errno == EACCES || errno == EPERM;
        (void)err_errno(err, closed ? RC_READ_ONLY : RC_IO, "withdrawing %s", name);
        rc = explain(r, "withdrawing", name, err);
    }
    (void)close(fd); /* nothing was written through it */
    return rc;
}

static enum rc
dir_list(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err)
{
    char path[PATH_SIZE];
    int there = 0;
    enum rc rc = path_join(path, r->folder, folder, err);
    if (rc == RC_OK)
        rc = dir_look(path, &there, err);
    if (rc == RC_OK && !there) /* none; or a file, which is no listing either */
        return dir_reach(r, err);
    if (rc == RC_OK)
        rc = dir_each(path, fn, arg, err);
    return rc == RC_IO ? explain(r, "listing", folder, err) : rc;
}

/* Over a network a lock or a rename may be said to have worked twice. */
static int
dir_only_usual(const struct remote *r)
{
    const char *type = "";
    return fs_is_network(r->folder, &type);
}

static enum rc
dir_room(const struct remote *r, size_t len, struct err *err)
{
    return file_room(r->folder, len, err);
}

const struct remote_kind remote_dir_kind = {.reach = dir_reach,
                                            .get = dir_get,
                                            .create = dir_create,
                                            .replace = dir_replace,
                                            .remove = dir_remove,
                                            .list = dir_list,
                                            .only_usual = dir_only_usual,
                                            .room = dir_room};
