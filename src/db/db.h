/*
 * SQLite, wrapped. The only user of sqlite3.h. One connection, one thread; statements are constant
 * text, prepared once each, every bind and step checked. Values bound are never logged.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct db;

enum db_flags { DB_READ = 0, DB_WRITE = 1 };

/*
 * Opens an existing escrow database after checking its raw bytes and what lies beside it
 * (db/raw.h): RC_NO_STORE, RC_STORE_FOREIGN, RC_STORE_OWNER, RC_STORE_OPEN, RC_STORE_NEWER,
 * RC_STORE_CORRUPT; the last one also when its schema is not keymuster's (db/schema.h). Settings of
 * design section 6 (DELETE journal, EXTRA, secure_delete, defensive, no mmap). DB_WRITE migrates an
 * older one, keeping a VACUUM INTO copy beside it. wait_ms: how long to wait for another writer.
 */
enum rc db_open(struct db **out, const char *path, enum db_flags flags, int wait_ms,
                struct err *err) MUST_CHECK;
/* A new database with all migrations applied. RC_EXISTS. path ":memory:" or "" (temporary file) for
 * verify. */
enum rc db_create(struct db **out, const char *path, struct err *err) MUST_CHECK;
/* The same as it was at an older schema version. */
enum rc db_create_at(struct db **out, const char *path, int version, struct err *err) MUST_CHECK;
/* All of it as it is now. RC_STORE_BUSY. */
enum db_copy_where {
    DB_COPY_MEMORY,
    DB_COPY_FILE /* a file without a name, which goes with the process; only what is worked on lies
                    in memory */
};
enum rc db_copy(struct db **out, struct db *from, enum db_copy_where where,
                struct err *err) MUST_CHECK;
void db_close(struct db *db);
/*
 * Closes the file, so that this process has no lock on it; after an error SQLite may have one
 * without knowing it. All but db_reopen and db_close fails from then on (RC_IO), and so does a
 * statement that was in use.
 */
void db_let_go(struct db *db);
/* db_let_go, and opens it again as it is on disk. After a failure it stays closed. */
enum rc db_reopen(struct db *db, int wait_ms, struct err *err) MUST_CHECK;
const char *db_path(const struct db *db);

/* BEGIN IMMEDIATE; RC_STORE_BUSY. No nesting. */
enum rc db_begin(struct db *db, struct err *err) MUST_CHECK;
/*
 * RC_OK: durable. RC_UNKNOWN_OUTCOME: the commit failed in a way that leaves it open; the caller
 * reopens and looks. Any other failure: rolled back, nothing stored.
 */
enum rc db_commit(struct db *db, struct err *err) MUST_CHECK;
/* Takes back what was begun; harmless without a transaction. */
void db_rollback(struct db *db);

/* Many queries of one state, and one lock for all of them; ended by db_rollback. RC_STORE_BUSY. */
enum rc db_look(struct db *db, struct err *err) MUST_CHECK;

/* Runs constant SQL without results (schema work). */
enum rc db_exec(struct db *db, const char *sql, struct err *err) MUST_CHECK;

/*
 * A statement. Typical use:
 *     struct stmt *q = NULL;
 *     rc = db_query(db, &q, "SELECT seq, hash FROM entry WHERE author = ?1 ORDER BY seq", err);
 *     stmt_text(q, 1, author);
 *     while ((rc = stmt_row(q, err)) == RC_OK && stmt_more(q)) ... col_int(q, 0) ...
 *     stmt_done(q);
 * Binding failures are remembered and reported by stmt_row. sql must be a string literal: prepared
 * statements are cached by its address. A statement in use is prepared a second time, so loops may
 * nest.
 */
struct stmt;
enum rc db_query(struct db *db, struct stmt **out, const char *sql, struct err *err) MUST_CHECK;
void stmt_text(struct stmt *q, int at,
               const char *text); /* NULL binds NULL; the text must live until stmt_done */
void stmt_textn(struct stmt *q, int at, const char *text, size_t len);
void stmt_blob(struct stmt *q, int at, const void *bytes, size_t len);
void stmt_int(struct stmt *q, int at, int64_t n);
enum rc stmt_row(struct stmt *q, struct err *err) MUST_CHECK;
int stmt_more(const struct stmt *q); /* whether the last stmt_row found a row */
/* Runs to the end, for statements without rows, and gives the statement back. */
enum rc stmt_run(struct stmt *q, struct err *err) MUST_CHECK;
void stmt_done(struct stmt *q); /* takes NULL */
/* Binds again from scratch, for use in a loop. */
void stmt_again(struct stmt *q);

/* Columns; texts are borrowed until the next stmt_row or stmt_done. col_text and col_blob give ""
 * for NULL; col_null tells. A damaged file can hold any type and length in any column. */
const char *col_text(struct stmt *q, int i);
const void *col_blob(struct stmt *q, int i, size_t *len);
int64_t col_int(struct stmt *q, int i);
int col_null(struct stmt *q, int i);
int col_count(struct stmt *q);

int64_t db_changes(struct db *db); /* rows changed by the last statement */

/* integrity_check; RC_STORE_CORRUPT with its first line. */
enum rc db_integrity(struct db *db, struct err *err) MUST_CHECK;
/* Number of the newest migration in this program. */
int db_schema_version(void);

/*
 * Runs a DELETE whose ?1 is an author and ?2 the number after which its rows go, in a transaction.
 * guard is the trigger that forbids it otherwise, gone for that moment; NULL when there is none.
 */
enum rc db_delete_after(struct db *db, const char *guard, const char *sql, const char *author,
                        int64_t after, struct err *err) MUST_CHECK;

#endif
