/* A lock that one process holds, by a file. */
#ifndef SYS_LOCK_H
#define SYS_LOCK_H

#include <stdint.h>

#include "base/err.h"

/*
 * Exclusive lock on path (created, 0600), waiting up to wait_ms. The holder's pid and start time
 * are written into the file; RC_STORE_BUSY names them. *lock_fd is closed by lock_release, which
 * takes -1.
 */
enum rc lock_take(int *lock_fd, const char *path, int64_t wait_ms, struct err *err) MUST_CHECK;
void lock_release(int lock_fd);

#endif
