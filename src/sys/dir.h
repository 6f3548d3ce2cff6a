/* Folders. Paths are NUL-terminated bytes. */
#ifndef SYS_DIR_H
#define SYS_DIR_H

#include <sys/types.h>

#include "base/err.h"
#include "sys/path.h"

/* mkdir of all missing components, with mode; the last one's parents are synced. */
enum rc dir_make(const char *path, mode_t mode, struct err *err) MUST_CHECK;
/*
 * The folder that name (with slashes, relative) lies in, beneath root, opened without following a
 * link below root, so that nobody who can write there leads a writer elsewhere. Missing ones are
 * made with mode, unless that is 0 (RC_NOT_FOUND then); RC_BAD_VALUE when something else is in the
 * way. path names the file through *fd, which the caller closes (-1 on failure).
 */
enum rc dir_beneath(int *fd, char path[PATH_SIZE], const char *root, const char *name, mode_t mode,
                    struct err *err) MUST_CHECK;
/* Syncs a folder; EINVAL, ENOTSUP, EBADF, ENOTTY, ENOENT and EACCES (seen on shares) are no
 * failure. */
enum rc dir_sync(const char *path, struct err *err) MUST_CHECK;
/* Sorted names in a folder, "." and ".." left out; calls fn for each, stops at its first failure.
 */
typedef enum rc (*dir_fn)(void *arg, const char *name, struct err *err);
enum rc dir_each(const char *path, dir_fn fn, void *arg, struct err *err) MUST_CHECK;

/* path is a folder (a link to one counts). 0 also when that cannot be found out: for a question
 * whose "no" ends in an error. */
int dir_exists(const char *path);
/* The same where "no" means that there is nothing to do; RC_IO when it cannot be found out. */
enum rc dir_look(const char *path, int *is_dir, struct err *err) MUST_CHECK;

#endif
