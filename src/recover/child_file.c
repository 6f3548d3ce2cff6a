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

#include "sys/env.h"

#define PLACE "{{secret}}"
#define IN_TMPFS 0x01021994UL /* statfs(2) */
#define IN_RAMFS 0x858458f6UL

/* The next PLACE in text[0..len), or NULL. */
static const char *
find_place(const char *text, size_t len)
{
    const char *end = text + len;
    while ((size_t)(end - text) >= sizeof PLACE - 1) {
        text = memchr(text, PLACE[0], (size_t)(end - text) - (sizeof PLACE - 2));
        if (text == NULL)
            return NULL;
        if (memcmp(text, PLACE, sizeof PLACE - 1) == 0)
            return text;
        text++;
    }
    return NULL;
}

int
child_file_has_place(const char *text, size_t len)
{
    return find_place(text, len) != NULL;
}

static int
is_in_memory(const char *folder)
{
    struct statfs fs;
    if (folder == NULL || folder[0] != '/' || statfs(folder, &fs) != 0)
        return 0;
    unsigned long type = (unsigned long)fs.f_type & 0xffffffffUL;
    return type == IN_TMPFS || type == IN_RAMFS;
}

/* 0, or -1 when there can be none below base. */
static int
make_below(struct child_file *f, const char *base)
{
    if (!is_in_memory(base))
        return -1;
    int n = snprintf(f->folder, sizeof f->folder, "%s/keymuster-XXXXXX", base);
    if (n < 0 || (size_t)n >= sizeof f->folder || mkdtemp(f->folder) == NULL) {
        f->folder[0] = '\0';
        return -1;
    }
    n = snprintf(f->path, sizeof f->path, "%s/secret", f->folder);
    if (n > 0 && (size_t)n < sizeof f->path)
        f->fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f->fd >= 0)
        return 0;
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

/* Piece by piece, so that the secret is in no other buffer. */
static enum rc
fill(const struct child_file *f, const struct secret *s, const char *text, size_t len,
     struct err *err)
{
    const char *place;
    enum rc rc = RC_OK;
    while (rc == RC_OK && (place = find_place(text, len)) != NULL) {
        rc = file_write_fd(f->fd, text, (size_t)(place - text), f->path, err);
        if (rc == RC_OK)
            rc = file_write_fd(f->fd, s->bytes, s->len, f->path, err);
        len -= (size_t)(place - text) + sizeof PLACE - 1;
        text = place + sizeof PLACE - 1;
    }
    if (rc == RC_OK)
        rc = file_write_fd(f->fd, text, len, f->path, err);
    return rc;
}

enum rc
child_file_make(struct child_file *f, const struct secret *s, const char *template,
                size_t template_len, struct err *err)
{
    *f = (struct child_file){.fd = -1};
    const char *text = template == NULL ? PLACE : template;
    enum rc rc = make_empty(f, err);
    if (rc == RC_OK)
        rc = fill(f, s, text, template == NULL ? sizeof PLACE - 1 : template_len, err);
    /* For the one who reads it through an inherited descriptor. */
    if (rc == RC_OK && lseek(f->fd, 0, SEEK_SET) < 0)
        rc = err_errno(err, RC_EXEC_FAILED, "going back in %s", f->path);
    if (rc == RC_OK)
        return RC_OK;
    child_file_end(f);
    return err->code = RC_EXEC_FAILED;
}

void
child_file_end(struct child_file *f)
{
    static const char zeros[4096];
    struct stat st;
    if (f->fd < 0)
        return;
    /* The command may have changed its length. Nobody can be told if this fails; it is gone from
     * its folder all the same. */
    if (fstat(f->fd, &st) == 0) {
        for (off_t at = 0; at < st.st_size; at += (off_t)sizeof zeros) {
            size_t n =
                st.st_size - at < (off_t)sizeof zeros ? (size_t)(st.st_size - at) : sizeof zeros;
            if (pwrite(f->fd, zeros, n, at) < 0)
                break;
        }
    }
    (void)close(f->fd);
    if (f->folder[0] != '\0') {
        (void)unlink(f->path);
        (void)rmdir(f->folder);
    }
    *f = (struct child_file){.fd = -1};
}
