/*
 * Files. Nothing is truncated in place: a replaced file is written under a temporary name in the
 * same folder (mode as given, O_EXCL, O_NOFOLLOW), synced, closed, renamed, and the folder is
 * synced. Links are never followed at the last component. Paths are NUL-terminated bytes. Temporary
 * names are ".keymuster-" 16 hex digits ".tmp"; a killed run may leave one.
 */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "sys/path.h"

/* Reads the whole file (regular, not a link) into out; out->max bounds it. RC_NOT_FOUND, RC_IO,
 * RC_BAD_VALUE. */
enum rc file_read(struct buf *out, const char *path, struct err *err) MUST_CHECK;
/* Says why a file that somebody named could not be opened for reading, from errno: RC_NOT_FOUND
 * with a way out, RC_IO. Returns that. */
enum rc file_not_opened(const char *path, struct err *err) MUST_CHECK;
/* The same of a file that may be longer than out->max; its size comes with it. */
enum rc file_read_start(struct buf *out, const char *path, int64_t *size,
                        struct err *err) MUST_CHECK;
/* Reads all of a descriptor. */
enum rc file_read_fd(struct buf *out, int fd, const char *what, struct err *err) MUST_CHECK;
/* The same into a secret slot, no buffer in between; one trailing LF or CR LF is NOT removed. */
enum rc file_read_secret(struct secret *out, int fd, const char *what, struct err *err) MUST_CHECK;

/* A descriptor's number as people write it: up to four digits and nothing else; -1 otherwise. */
int fd_parse(const char *text);

/* Writes all bytes to fd, going on after short writes and EINTR. */
enum rc file_write_fd(int fd, const void *bytes, size_t len, const char *what,
                      struct err *err) MUST_CHECK;

/* Replaces or creates path with exactly these bytes, durably. */
enum rc file_replace(const char *path, const void *bytes, size_t len, mode_t mode,
                     struct err *err) MUST_CHECK;

/*
 * Creates path with exactly these bytes, durably and once: RC_EXISTS when something is there.
 * Written under a temporary name, then renameat2(RENAME_NOREPLACE), or where the file system cannot
 * do that link + unlink, or at last O_EXCL under the final name; read back and compared at the end
 * (RC_IO when a share lost bytes).
 */
enum rc file_create_once(const char *path, const void *bytes, size_t len, mode_t mode,
                         struct err *err) MUST_CHECK;

/*
 * The same for a file that is written piece by piece and never held: it gets its name at the end,
 * whole and durable, or not at all. file_new_drop after any failure; it takes a zeroed struct and
 * one that has ended. RC_EXISTS when something is there; with FILE_NEW_REPLACE it is replaced.
 */
enum file_new_how { FILE_NEW_ONCE, FILE_NEW_REPLACE };
struct file_new {
    enum file_new_how how;
    int fd; /* when temp is not "" */
    char temp[PATH_SIZE], path[PATH_SIZE];
};
enum rc file_new_begin(struct file_new *f, const char *path, mode_t mode, enum file_new_how how,
                       struct err *err) MUST_CHECK;
enum rc file_new_add(struct file_new *f, const void *bytes, size_t len, struct err *err) MUST_CHECK;
enum rc file_new_end(struct file_new *f, struct err *err) MUST_CHECK;
void file_new_drop(struct file_new *f);

/* A regular file in pieces, in order; stops at the first failure of fn. RC_NOT_FOUND, RC_IO,
 * RC_BAD_VALUE. */
typedef enum rc (*file_piece_fn)(void *arg, const char *bytes, size_t len, struct err *err);
enum rc file_each_piece(const char *path, file_piece_fn fn, void *arg, struct err *err) MUST_CHECK;

/* Whether a file of len bytes has room in folder: set aside, and given back. RC_DISK_FULL; RC_IO.
 */
enum rc file_room(const char *folder, size_t len, struct err *err) MUST_CHECK;

/* 1 exists (anything), 0 not, -1 cannot tell (errno). Links are not followed. */
int file_exists(const char *path);

/* RC_CREDENTIAL_OPEN when a secret file can be read or written by group or others, or is another
 * user's. */
enum rc file_check_private(int fd, const char *path, struct err *err) MUST_CHECK;

#endif
