#include "db/migrate.h"

#include <stdio.h>

#include "db/db.h"

int
db_schema_version(void)
{
    return migration_count;
}

enum rc
migrate_version(struct db *db, int *version, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(db, &q, "PRAGMA user_version", err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK)
        *version = (int)col_int(q, 0);
    stmt_done(q);
    return rc;
}

static enum rc
step_body(struct db *db, const struct migration *step, struct err *err)
{
    int version = 0;
    enum rc rc = migrate_version(db, &version, err);
    if (rc != RC_OK || version >= step->number)
        return rc; /* another process was faster */
    if (version != step->number - 1)
        return err_set(err, RC_STORE_CORRUPT, "the schema version is %d where %d was expected",
                       version, step->number - 1);
    rc = db_exec(db, step->sql, err);
    if (rc != RC_OK)
        return rc;
    char sql[64]; /* a PRAGMA takes no bound value; the number is ours */
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", step->number);
    rc = db_exec(db, sql, err);
    if (rc == RC_OK)
        rc = migrate_version(db, &version, err);
    if (rc == RC_OK && version != step->number)
        rc = err_set(err, RC_STORE_CORRUPT, "the schema version was not taken");
    return rc;
}

enum rc
migrate(struct db *db, const struct migration *steps, int count, struct err *err)
{
    for (int i = 0; i < count; i++) {
        enum rc rc = db_begin(db, err);
        if (rc != RC_OK)
            return rc;
        rc = step_body(db, &steps[i], err);
        if (rc == RC_OK)
            rc = db_commit(db, err);
        if (rc != RC_OK) {
            db_rollback(db);
            (void)err_wrap(err, "migration %s", steps[i].name);
            return rc;
        }
    }
    return RC_OK;
}
