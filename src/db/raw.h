/* A database file, and what lies beside it, judged by its raw bytes before SQLite opens it: a
 * foreign file may be hostile, and SQLite acts on side files that anybody planted. */
#ifndef DB_RAW_H
#define DB_RAW_H

#include "base/err.h"

/* Application id of escrow.db: "KMST". */
enum { RAW_APPLICATION_ID = 1263358804 };

/*
 * The file: regular, no link, this user's, not writable by others, with the header that keymuster's
 * databases have; *version: its schema's number (user_version). Beside it: no write-ahead log, and
 * no rollback journal but one that a killed writer of this very database can have left.
 * RC_NO_STORE, RC_STORE_FOREIGN, RC_STORE_OWNER, RC_STORE_OPEN, RC_STORE_NEWER, RC_STORE_CORRUPT,
 * RC_IO. Opens and closes the file: no transaction of this process may run on it.
 */
enum rc raw_check(const char *path, int *version, struct err *err) MUST_CHECK;

#endif
