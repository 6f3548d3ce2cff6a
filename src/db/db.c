#include "db/db.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/plant.h"
#include "db/db_in.h"
#include "db/migrate.h"
#include "db/raw.h"
#include "db/schema.h"
#include "db/vfs.h"
#include "sys/file.h"

const char *
db_path(const struct db *db)
{
    return db->path;
}

/* The usual way to a damaged database: its folder was copied without the journal. */
static enum rc
hint_damaged(struct err *err)
{
    return err_hint(err,
                    "was the folder copied while it was in use? copy it again when nothing runs; "
                    "a file escrow.db-journal belongs to it\n"
                    "the copies have the log: keymuster join --from COPY --site SITE, in a new "
                    "folder");
}

static enum rc
rc_of(int code, int os)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RC_STORE_BUSY;
    case SQLITE_FULL:
        return RC_DISK_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return RC_READ_ONLY;
    case SQLITE_NOMEM:
        return RC_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return RC_STORE_CORRUPT;
    default:
        return os == ENOSPC || os == EDQUOT ? RC_DISK_FULL : RC_IO;
    }
}

static void
hint(enum rc rc, int code, struct err *err)
{
    if (rc == RC_STORE_BUSY)
        (void)err_hint(err, "another keymuster is writing; try again in a moment");
    if (rc == RC_DISK_FULL)
        (void)err_hint(err, "free some space, then run the command again; nothing was stored");
    int damaged = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
    if (rc == RC_STORE_CORRUPT && damaged)
        (void)hint_damaged(err);
}

enum rc
db_fail(struct db *db, int code, const char *doing, struct err *err)
{
    const char *text = db->raw != NULL ? sqlite3_errmsg(db->raw) : sqlite3_errstr(code);
    int os = db->raw != NULL ? sqlite3_system_errno(db->raw) : 0;
    enum rc rc = rc_of(code, os);
    (void)err_set(err, rc, "%s %s", doing, db->path);
    err->os_errno = os;
    (void)err_why(err, "%s", text);
    hint(rc, code, err);
    return rc;
}

static enum rc
settings(struct db *db, int wait_ms, struct err *err)
{
    int code = sqlite3_extended_result_codes(db->raw, 1);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(db->raw, wait_ms);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db->raw, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db->raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (code != SQLITE_OK)
        return db_fail(db, code, "setting up", err);
    enum rc rc =
        db_exec(db,
                "PRAGMA mmap_size=0; PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY; PRAGMA "
                "secure_delete=ON;"
                "PRAGMA recursive_triggers=ON; PRAGMA cell_size_check=ON; PRAGMA synchronous=EXTRA;"
                "PRAGMA journal_mode=DELETE",
                err);
    if (rc == RC_OK && PLANTED("sync-off"))
        rc = db_exec(db, "PRAGMA synchronous=OFF", err);
    if (rc == RC_OK && PLANTED("sync-normal"))
        rc = db_exec(db, "PRAGMA synchronous=NORMAL", err);
    if (rc == RC_OK && PLANTED("sync-full"))
        rc = db_exec(db, "PRAGMA synchronous=FULL", err);
    return rc;
}

/* What SQLite is to open: it may not follow a link, wherever one is, so the folder is resolved
 * here. What has no folder lies in memory. */
static enum rc
resolve(char out[PATH_SIZE], const char *path, struct err *err)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    (void)snprintf(out, PATH_SIZE, "%s", path);
    if (len == 0 || len >= sizeof folder)
        return RC_OK;
    memcpy(folder, path, len);
    folder[len] = '\0';
    char *real = realpath(folder, NULL);
    if (real == NULL)
        return err_errno(err, RC_IO, "opening %s", path);
    enum rc rc = path_join(out, real, slash + 1, err);
    free(real);
    return rc;
}

static enum rc
connect_raw(struct db *db, const char *path, int flags, int wait_ms, struct err *err)
{
    const char *vfs = vfs_name();
    if (vfs == NULL)
        return err_nomem(err);
    int code = sqlite3_open_v2(path, &db->raw, flags | SQLITE_OPEN_NOMUTEX, vfs);
    return code == SQLITE_OK ? settings(db, wait_ms, err) : db_fail(db, code, "opening", err);
}

static enum rc
open_raw(struct db **out, const char *path, int flags, int wait_ms, struct err *err)
{
    char real[PATH_SIZE];
    *out = NULL;
    enum rc rc = resolve(real, path, err);
    if (rc != RC_OK)
        return rc;
    struct db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return err_nomem(err);
    (void)snprintf(db->path, sizeof db->path, "%s", path);
    rc = connect_raw(db, real, flags | SQLITE_OPEN_NOFOLLOW, wait_ms, err);
    if (rc != RC_OK) {
        db_close(db);
        return rc;
    }
    *out = db;
    return RC_OK;
}

/* A copy of an older store, made before the first migration step touches it. */
static enum rc
keep_old(struct db *db, int version, struct err *err)
{
    char copy[PATH_SIZE + 32];
    (void)snprintf(copy, sizeof copy, "%s.v%d-before-upgrade", db->path, version);
    if (file_exists(copy) == 1)
        return RC_OK;
    struct stmt *q = NULL;
    enum rc rc = db_query(db, &q, "VACUUM INTO ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, copy);
    rc = stmt_run(q, err);
    return rc == RC_OK ? rc : err_wrap(err, "keeping a copy of the older store");
}

enum rc
db_open(struct db **out, const char *path, enum db_flags flags, int wait_ms, struct err *err)
{
    *out = NULL;
    int version = 0;
    enum rc rc = raw_check(path, &version, err);
    if (rc != RC_OK)
        return rc;
    /* Even a reader may have to roll back a journal that a killed writer left, so it opens for
     * writing if it can. */
    int writable = access(path, W_OK) == 0;
    if (flags == DB_WRITE && !writable)
        return err_errno(err, RC_READ_ONLY, "%s cannot be written", path);
    rc = open_raw(out, path, writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, wait_ms, err);
    if (rc == RC_OK)
        rc = schema_check(*out, err);
    if (rc == RC_OK && version < migration_count) {
        rc = keep_old(*out, version, err);
        if (rc == RC_OK)
            rc = migrate(*out, migrations, migration_count, err);
    }
    if (rc != RC_OK) {
        db_close(*out);
        *out = NULL;
    }
    return rc;
}

enum rc
db_create(struct db **out, const char *path, struct err *err)
{
    return db_create_at(out, path, migration_count, err);
}

enum rc
db_create_at(struct db **out, const char *path, int version, struct err *err)
{
    *out = NULL;
    int on_disk = path[0] != '\0' && path[0] != ':';
    if (on_disk && file_exists(path) == 1)
        return err_set(err, RC_EXISTS, "%s is there already", path);
    enum rc rc = open_raw(out, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0, err);
    if (rc == RC_OK)
        rc = migrate(*out, migrations, version, err);
    if (rc != RC_OK) {
        db_close(*out);
        *out = NULL;
    }
    return rc;
}

enum rc
db_copy(struct db **out, struct db *from, enum db_copy_where where, struct err *err)
{
    /* Without a name SQLite makes a temporary file, once its cache is full. */
    const char *name = where == DB_COPY_FILE ? "" : ":memory:";
    enum rc rc = open_raw(out, name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0, err);
    if (rc != RC_OK)
        return rc;
    sqlite3_backup *copying = sqlite3_backup_init((*out)->raw, "main", from->raw, "main");
    int code = sqlite3_errcode((*out)->raw);
    if (copying != NULL) {
        int step = sqlite3_backup_step(copying, -1);
        code = sqlite3_backup_finish(copying); /* says what failed, but not that it is busy */
        if (step != SQLITE_DONE && code == SQLITE_OK)
            code = step;
    }
    if (code == SQLITE_OK)
        return RC_OK;
    rc = db_fail(*out, code, "copying", err);
    db_close(*out);
    *out = NULL;
    return rc;
}

void
db_let_go(struct db *db)
{
    for (size_t i = 0; i < db->stmt_count; i++) {
        struct stmt *q = &db->stmts[i];
        (void)sqlite3_finalize(q->raw); /* repeats an error already reported */
        q->raw = NULL;
        q->sql = NULL;
        q->more = 0;
        q->bound = SQLITE_ABORT;
    }
    (void)sqlite3_close(db->raw);
    db->raw = NULL;
}

enum rc
db_reopen(struct db *db, int wait_ms, struct err *err)
{
    int version = 0;
    db_let_go(db);
    enum rc rc = raw_check(db->path, &version, err);
    if (rc != RC_OK)
        return rc;
    rc = connect_raw(db, db->path, SQLITE_OPEN_READWRITE, wait_ms, err);
    if (rc != RC_OK)
        db_let_go(db);
    return rc;
}

void
db_close(struct db *db)
{
    if (db == NULL)
        return;
    db_let_go(db);
    free(db);
}

enum rc
db_exec(struct db *db, const char *sql, struct err *err)
{
    int code = sqlite3_exec(db->raw, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? RC_OK : db_fail(db, code, "writing", err);
}

enum rc
db_begin(struct db *db, struct err *err)
{
    const char *begin = PLANTED("no-lock") ? "BEGIN DEFERRED" : "BEGIN IMMEDIATE";
    int code = sqlite3_exec(db->raw, begin, NULL, NULL, NULL);
    return code == SQLITE_OK ? RC_OK : db_fail(db, code, "starting to write", err);
}

enum rc
db_look(struct db *db, struct err *err)
{
    int code = sqlite3_exec(db->raw, "BEGIN DEFERRED", NULL, NULL, NULL);
    return code == SQLITE_OK ? RC_OK : db_fail(db, code, "starting to read", err);
}

enum rc
db_commit(struct db *db, struct err *err)
{
    int code = sqlite3_exec(db->raw, "COMMIT", NULL, NULL, NULL);
    if (code == SQLITE_OK || PLANTED("ignore-sync"))
        return RC_OK;
    enum rc rc = db_fail(db, code, "writing", err);
    /*
     * Busy and full are said before anything is decided. Any other failure may have come after the
     * point of no return (the journal's removal), so only a fresh look at the file can tell.
     */
    int primary = code & 0xff;
    int certain = primary == SQLITE_BUSY || primary == SQLITE_FULL || primary == SQLITE_CONSTRAINT;
    db_rollback(db);
    if (!certain) {
        err->code = RC_UNKNOWN_OUTCOME;
        rc = RC_UNKNOWN_OUTCOME;
    }
    return rc;
}

void
db_rollback(struct db *db)
{
    if (db != NULL && db->raw != NULL && sqlite3_get_autocommit(db->raw) == 0)
        (void)sqlite3_exec(db->raw, "ROLLBACK", NULL, NULL,
                           NULL); /* the journal does it at the next opening */
}

int64_t
db_changes(struct db *db)
{
    return sqlite3_changes64(db->raw);
}

/* "unable to get the page. error code=N": N tells a damaged page from one that was not read. */
static int
page_unread(const char *finding)
{
    static const char code[] = "error code=";
    const char *at = strstr(finding, code);
    long n = at != NULL ? strtol(at + sizeof code - 1, NULL, 10) & 0xff : SQLITE_OK;
    return n == SQLITE_IOERR || n == SQLITE_NOMEM;
}

enum rc
db_integrity(struct db *db, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(db, &q, "PRAGMA integrity_check(1)", err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK && strcmp(col_text(q, 0), "ok") != 0) {
        int unread = page_unread(col_text(q, 0));
        rc = unread ? err_set(err, RC_IO, "reading %s", db->path)
                    : err_set(err, RC_STORE_CORRUPT, "the database %s is damaged", db->path);
        (void)err_why(err, "%s", col_text(q, 0));
        if (!unread)
            (void)hint_damaged(err);
    }
    stmt_done(q);
    return rc;
}

/* ---- cutting a log ---- */

/* sql gets the text that makes it again. */
static enum rc
drop_trigger(struct db *db, const char *name, struct buf *sql, struct err *err)
{
    char drop[128];
    struct stmt *q = NULL;
    enum rc rc =
        db_query(db, &q, "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, name);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        buf_adds(sql, col_text(q, 0));
    else if (rc == RC_OK)
        rc = err_set(err, RC_STORE_CORRUPT, "%s lacks the trigger %s", db->path, name);
    stmt_done(q);
    if (rc == RC_OK)
        rc = buf_check(sql, "a trigger", err);
    (void)snprintf(drop, sizeof drop, "DROP TRIGGER %s", name);
    return rc == RC_OK ? db_exec(db, drop, err) : rc;
}

enum rc
db_delete_after(struct db *db, const char *guard, const char *sql, const char *author,
                int64_t after, struct err *err)
{
    struct buf again;
    struct stmt *q = NULL;
    buf_init(&again, LIMIT_TEXT);
    enum rc rc = guard != NULL ? drop_trigger(db, guard, &again, err) : RC_OK;
    if (rc == RC_OK)
        rc = db_query(db, &q, sql, err);
    if (rc == RC_OK) {
        stmt_text(q, 1, author);
        stmt_int(q, 2, after);
        rc = stmt_run(q, err);
    }
    if (rc == RC_OK && guard != NULL)
        rc = db_exec(db, buf_str(&again), err);
    buf_release(&again);
    return rc;
}
