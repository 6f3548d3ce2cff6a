/* A folder, share or USB disk as a place for copies. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/remote_kind.h"
#include "crypt/hash.h"
#include "text/enc.h"

enum { PROBE_TEXT = 16 };

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
    (void)err_set(err, rc, "%s %.200s at %.250s", verb, name, remote_url(r));
    err->os_errno = cause.os_errno;
    (void)err_why(err, "%.500s", cause.why[0] != '\0' ? cause.why : cause.msg);
    if (rc == RC_COPY_FULL)
        (void)err_hint(err, "free some space there, then run `keymuster sync`; nothing was left "
                            "half-written under a final name");
    if (rc == RC_COPY_READ_ONLY)
        (void)err_hint(err, "the place can be read; to publish there, make it writable for this "
                            "user and run `keymuster sync`");
    return rc;
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
other_bytes(const struct remote *r, const char *name, struct err *err)
{
    (void)err_set(err, RC_CREATE_ONCE, "%.200s at %.250s exists with other bytes", name,
                  remote_url(r));
    return err_hint(err, "objects of a copy are written once; what is there was left as it is");
}

/* Something has the name already: mine, the torn beginning of mine, or another's. */
static enum rc
settle_existing(struct remote *r, const char *name, const char *path, const void *bytes, size_t len,
                mode_t mode, struct err *err)
{
    struct buf there;
    buf_init(&there, len);
    enum rc rc = file_read(&there, path, err);
    if (rc == RC_BAD_VALUE || (rc == RC_OK && memcmp(buf_str(&there), bytes, there.len) != 0)) {
        rc = other_bytes(r, name, err);
    } else if (rc == RC_OK && there.len < len) {
        rc = file_replace(path, bytes, len, mode, err);
        buf_clear(&there);
        if (rc == RC_OK)
            rc = file_read(&there, path, err);
        if (rc == RC_OK && (there.len != len || memcmp(buf_str(&there), bytes, len) != 0))
            rc = err_set(err, RC_IO, "%s reads back with other bytes than were written", path);
        if (rc != RC_OK)
            rc = explain(r, "writing", name, err);
    } else if (rc != RC_OK) {
        rc = explain(r, "reading", name, err);
    }
    buf_release(&there);
    return rc;
}

static enum rc
dir_create_once(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
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
    rc = file_create_once(path, bytes, len, file, err);
    if (rc == RC_EXISTS)
        rc = settle_existing(r, name, path, bytes, len, file, err);
    else if (rc != RC_OK)
        rc = explain(r, "writing", name, err);
    (void)close(fd); /* nothing was written through it */
    return rc;
}

static int
same_there(const char *path, const void *bytes, size_t len)
{
    struct err scratch = ERR_INIT;
    struct buf there;
    buf_init(&there, len);
    int same = file_read(&there, path, &scratch) == RC_OK && there.len == len &&
               memcmp(buf_str(&there), bytes, len) == 0;
    buf_release(&there);
    return same;
}

static enum rc
dir_put(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
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
    if (!same_there(path, bytes, len))
        rc = file_replace(path, bytes, len, file, err);
    if (rc != RC_OK)
        rc = explain(r, "writing", name, err);
    (void)close(fd); /* nothing was written through it */
    return rc;
}

static enum rc
dir_withdraw(struct remote *r, const char *name, struct err *err)
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
    enum rc rc = path_join(path, r->folder, folder, err);
    if (rc == RC_OK && !dir_exists(path)) /* none; or a file, which is no listing either */
        return dir_reach(r, err);
    if (rc != RC_OK)
        return rc;
    rc = dir_each(path, fn, arg, err);
    return rc == RC_IO ? explain(r, "listing", folder, err) : rc;
}

/* A second creation under the same name, with other bytes. */
static enum rc
probe_again(const char *path, const char *first, const char *second, const char **verdict,
            struct err *err)
{
    struct err again = ERR_INIT;
    struct buf there;
    buf_init(&there, LIMIT_SMALL_FILE);
    enum rc made = file_create_once(path, second, PROBE_TEXT, 0600, &again);
    enum rc rc = file_read(&there, path, err);
    int kept = there.len == PROBE_TEXT && memcmp(buf_str(&there), first, PROBE_TEXT) == 0;
    const char *type = "";
    if (rc == RC_OK && made == RC_EXISTS && kept)
        *verdict = fs_is_network(path, &type) ? "usual" : "enforced";
    else if (rc == RC_OK && kept)
        *verdict = "refused";
    else if (rc == RC_OK)
        *verdict = "ignored";
    buf_release(&there);
    return rc;
}

static enum rc
dir_probe(struct remote *r, const char **verdict, struct err *err)
{
    char path[PATH_SIZE];
    char name[6 + 2 * PROBE_TEXT + 1] = "probe-";
    unsigned char raw[PROBE_TEXT];
    random_bytes(raw, sizeof raw);
    hex_encode(name + 6, raw, sizeof raw);
    enum rc rc = dir_reach(r, err);
    if (rc == RC_OK)
        rc = path_join(path, r->folder, name, err);
    if (rc != RC_OK)
        return rc;
    rc = file_create_once(path, "probe, first one", PROBE_TEXT, 0600, err);
    if (rc != RC_OK)
        return explain(r, "writing", name, err);
    rc = probe_again(path, "probe, first one", "probe, other one", verdict, err);
    if (rc != RC_OK)
        rc = explain(r, "reading", name, err);
    if (unlink(path) != 0 && rc == RC_OK)
        rc = err_errno(err, RC_COPY_UNREACHABLE, "removing %s at %.300s", name, remote_url(r));
    return rc;
}

const struct remote_kind remote_dir_kind = {dir_reach,    dir_get,  dir_create_once, dir_put,
                                            dir_withdraw, dir_list, dir_probe,       NULL};
