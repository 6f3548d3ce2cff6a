/* Paths, and what kind of file system they lie on. Nothing is opened or changed. */
#ifndef SYS_PATH_H
#define SYS_PATH_H

#include "base/err.h"

/* Most bytes of a path, with its zero (PATH_MAX). */
enum { PATH_SIZE = 4096 };

/* a + "/" + b into out. RC_BAD_VALUE if too long. */
enum rc path_join(char out[PATH_SIZE], const char *a, const char *b, struct err *err) MUST_CHECK;
/* Makes a path absolute against the working folder, resolving nothing. */
enum rc path_absolute(char out[PATH_SIZE], const char *path, struct err *err) MUST_CHECK;

/*
 * Whether a folder lies on a network file system (NFS, SMB/CIFS, AFS, FUSE sshfs, 9p, ...), by
 * statfs type. 1 yes, 0 no or unknown; name of the type in *type.
 */
int fs_is_network(const char *path, const char **type);
/* The same from statfs's f_type and, for FUSE, the type in /proc/self/mountinfo ("fuse.sshfs") or
 * NULL. */
int fs_type_is_network(long magic, const char *fstype);
/* 1 when both paths lie on the same device. */
int fs_same_device(const char *a, const char *b);

#endif
