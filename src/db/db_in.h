/* A connection and its statements from inside: db.c and stmt.c. */
#ifndef DB_DB_IN_H
#define DB_DB_IN_H

#include <sqlite3.h>

#include "db/db.h"
#include "sys/path.h"

enum { STMT_MAX = 256 };

struct stmt {
    struct db *db;
    const char *sql; /* its address is the key of the cache */
    sqlite3_stmt *raw;
    int bound;  /* first failure of a bind, or SQLITE_OK */
    int more;   /* the last step found a row */
    int in_use; /* given out, not yet done */
};

struct db {
    sqlite3 *raw;
    char path[PATH_SIZE];
    struct stmt stmts[STMT_MAX];
    size_t stmt_count;
};

/* What SQLite said becomes our code; the texts are SQLite's own and hold no bound value. */
enum rc db_fail(struct db *db, int code, const char *doing, struct err *err);

#endif
