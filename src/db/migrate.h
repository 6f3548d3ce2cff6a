/* The migrations that CMake embedded, in order; each begins where the former ended. */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include "base/err.h"

struct db;

struct migration {
    int number; /* 1, 2, 3 ...; becomes user_version */
    const char *name;
    const char *sql;
};

extern const struct migration migrations[];
extern const int migration_count;

/*
 * Brings db from its user_version to that of the last row. Each step is one transaction: BEGIN
 * IMMEDIATE, re-read user_version, apply, set, check, COMMIT. A failed step leaves the database as
 * it was before that step.
 */
enum rc migrate(struct db *db, const struct migration *steps, int count,
                struct err *err) MUST_CHECK;

/* The number of the last step that a database took; 0 for an empty one. */
enum rc migrate_version(struct db *db, int *version, struct err *err) MUST_CHECK;

#endif
