#ifndef KM_DB_VFS_H
#define KM_DB_VFS_H

/*
 * How SQLite reaches files: its own VFS of this system, with two answers corrected. Where reading
 * fails on the medium it says SQLITE_IOERR_READ, not "malformed"; and a journal that cannot be
 * looked at is an error (SQLITE_IOERR_ACCESS), not a journal that is not there, for SQLite would
 * read on in a half-written file, and write over the only way back.
 */

/* Its name for sqlite3_open_v2, registered on the first call. NULL without memory. */
const char *vfs_name(void);

#endif
