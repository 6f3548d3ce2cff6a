#include "recover/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recover/screen.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/term.h"

static enum rc
other_ways(struct err *err)
{
    (void)err_hint(err, "--to file:PATH   a new file that only you can read");
    return err_hint(err, "--to - | PROGRAM   exactly its bytes, into a pipe");
}

static enum rc
parse_path(struct deliver *d, const char *path, struct err *err)
{
    size_t len = strlen(path);
    if (len == 0 || path[len - 1] == '/')
        return err_set(err, RC_BAD_VALUE, "file:PATH needs the name of a file");
    if (len >= sizeof d->path)
        return err_set(err, RC_BAD_VALUE, "the destination's path is too long");
    memcpy(d->path, path, len + 1);
    const char *slash = strrchr(d->path, '/');
    d->name = slash == NULL ? d->path : slash + 1;
    return RC_OK;
}

enum rc
deliver_parse(struct deliver *d, const char *dest, struct err *err)
{
    *d = (struct deliver){.asked = dest != NULL,
                          .kind = DELIVER_TTY,
                          .fd = -1,
                          .folder_fd = -1,
                          .show_ms = DELIVER_SHOW_MS};
    if (dest == NULL || strcmp(dest, "tty") == 0)
        return RC_OK;
    if (strcmp(dest, "-") == 0) {
        d->kind = DELIVER_STDOUT;
        return RC_OK;
    }
    if (strncmp(dest, "file:", 5) == 0) {
        d->kind = DELIVER_FILE;
        return parse_path(d, dest + 5, err);
    }
    if (strncmp(dest, "fd:", 3) == 0) {
        d->kind = DELIVER_FD;
        d->fd = fd_parse(dest + 3);
        if (d->fd >= 0)
            return RC_OK;
    }
    (void)err_set(err, RC_BAD_VALUE, "--to %.64s is no destination", dest);
    return err_hint(err, "known: - tty file:PATH fd:N");
}

const char *
deliver_word(const struct deliver *d)
{
    switch (d->kind) {
    case DELIVER_STDOUT:
        return "stdout";
    case DELIVER_TTY:
        return "tty";
    case DELIVER_FILE:
        return "file";
    case DELIVER_FD:
        return "fd";
    }
    return "unknown";
}

static enum rc
check_descriptor(int fd, const char *name, struct err *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return err_errno(err, RC_NOT_DELIVERED, "%s is not open", name);
    if ((flags & O_ACCMODE) == O_RDONLY)
        return err_set(err, RC_NOT_DELIVERED, "%s is not open for writing", name);
    if (!term_is_tty(fd))
        return RC_OK;
    (void)err_set(err, RC_TO_TERMINAL, "%s is a terminal", name);
    (void)err_why(err, "the secret would stay in its scrollback");
    (void)err_hint(err, "--to tty         shows it on a screen of its own and wipes that");
    return other_ways(err);
}

static enum rc
check_terminal(const struct deliver *d, struct err *err)
{
    int fd;
    struct err cause = ERR_INIT;
    const char *term = env_get("TERM");
    if (term != NULL && strcmp(term, "dumb") == 0) {
        (void)err_set(err, RC_NO_TERMINAL, "this terminal has no second screen");
        (void)err_why(err, "TERM is \"dumb\": what is shown could not be wiped off");
        return other_ways(err);
    }
    if (term_open(&fd, &cause) == RC_OK)
        return RC_OK;
    *err = cause;
    (void)err_set(err, RC_NO_TERMINAL, "%s",
                  d->asked ? "there is no terminal to show it on"
                           : "there is no terminal, and --to was not given");
    return other_ways(err);
}

/* Others may write in the folder: then they may replace the file before it is fetched. */
static int
others_may_write(const struct stat *st)
{
    if (st->st_mode & S_ISVTX) /* like /tmp: only the owner may rename and remove */
        return 0;
    if (st->st_mode & S_IWOTH)
        return 1;
    /* A user's private group has the user's own number. */
    return (st->st_mode & S_IWGRP) && !(st->st_gid == getegid() && st->st_gid == geteuid());
}

static enum rc
open_folder(struct deliver *d, struct err *err)
{
    char folder[PATH_SIZE] = ".";
    size_t len = (size_t)(d->name - d->path);
    struct stat st;
    if (len > 0) {
        memcpy(folder, d->path, len);
        folder[len] = '\0';
    }
    d->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->folder_fd < 0 || fstat(d->folder_fd, &st) != 0)
        return err_errno(err, RC_NOT_DELIVERED, "opening the folder %s", folder);
    if (others_may_write(&st)) {
        (void)err_set(err, RC_NOT_DELIVERED, "others can write in the folder %s", folder);
        return err_hint(err, "use a folder of your own: mkdir -m 700 FOLDER");
    }
    if (faccessat(d->folder_fd, ".", W_OK | X_OK, 0) != 0)
        return err_errno(err, RC_NOT_DELIVERED, "writing in the folder %s", folder);
    return RC_OK;
}

static enum rc
exists_error(const struct deliver *d, struct err *err)
{
    (void)err_set(err, RC_FILE_EXISTS, "%s exists", d->path);
    (void)err_why(err, "a secret is written to a new file only");
    return err_hint(err, "name another file, or remove that one first");
}

static enum rc
check_file(struct deliver *d, struct err *err)
{
    struct stat st;
    enum rc rc = open_folder(d, err);
    if (rc != RC_OK)
        return rc;
    if (fstatat(d->folder_fd, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return exists_error(d, err);
    if (errno != ENOENT)
        return err_errno(err, RC_NOT_DELIVERED, "looking for %s", d->path);
    return RC_OK;
}

enum rc
deliver_check(struct deliver *d, struct err *err)
{
    switch (d->kind) {
    case DELIVER_STDOUT:
        return check_descriptor(STDOUT_FILENO, "standard output", err);
    case DELIVER_TTY:
        return check_terminal(d, err);
    case DELIVER_FILE:
        return check_file(d, err);
    case DELIVER_FD: {
        char name[32];
        (void)snprintf(name, sizeof name, "descriptor %d", d->fd);
        return check_descriptor(d->fd, name, err);
    }
    }
    return err_set(err, RC_INTERNAL, "an unknown destination");
}

/* After the record was made every failure of writing is "recorded, but the output failed". */
static enum rc
write_secret(int fd, const struct secret *s, const char *what, struct err *err)
{
    enum rc rc = file_write_fd(fd, s->bytes, s->len, what, err);
    if (rc != RC_OK)
        rc = err->code = RC_OUTPUT_FAILED;
    return rc;
}

static enum rc
give_file(struct deliver *d, const struct secret *s, struct err *err)
{
    int fd =
        openat(d->folder_fd, d->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return exists_error(d, err);
    if (fd < 0)
        return err_errno(err, RC_OUTPUT_FAILED, "creating %s", d->path);
    enum rc rc = write_secret(fd, s, d->path, err);
    if (rc == RC_OK && fsync(fd) != 0)
        rc = err_errno(err, RC_OUTPUT_FAILED, "syncing %s", d->path);
    if (close(fd) != 0 && rc == RC_OK)
        rc = err_errno(err, RC_OUTPUT_FAILED, "closing %s", d->path);
    if (rc != RC_OK)
        (void)unlinkat(d->folder_fd, d->name, 0); /* half a secret helps nobody */
    else
        (void)fsync(d->folder_fd); /* some shares cannot; the file's own bytes are safe */
    return rc;
}

enum rc
deliver_give(struct deliver *d, const struct secret *s, struct err *err)
{
    switch (d->kind) {
    case DELIVER_STDOUT:
        return write_secret(STDOUT_FILENO, s, "standard output", err);
    case DELIVER_TTY:
        return screen_show(d, s, err);
    case DELIVER_FILE:
        return give_file(d, s, err);
    case DELIVER_FD:
        return write_secret(d->fd, s, "the descriptor", err);
    }
    return err_set(err, RC_INTERNAL, "an unknown destination");
}

void
deliver_release(struct deliver *d)
{
    if (d->folder_fd >= 0)
        (void)close(d->folder_fd); /* nothing was written through it */
    d->folder_fd = -1;
}
