/*
 * The tables, indexes and triggers of a database, compared with those that keymuster makes. A
 * trigger or view that somebody added would act on what is read or written; a trigger that is gone
 * no longer guards. The signed log is the control; this keeps a hostile file from being worked
 * with.
 */
#ifndef DB_SCHEMA_H
#define DB_SCHEMA_H

#include "base/err.h"
#include "crypt/hash.h"

struct db;

/* RC_STORE_CORRUPT, naming the first that is altered, missing or too many. */
enum rc schema_check(struct db *db, struct err *err) MUST_CHECK;

/* SHA-256 of the newest schema, as schema_sum gives it: most databases have it, and then nothing
 * more is compared. A test holds it against the migrations. */
extern const char schema_newest[HASH_TEXT + 1];
enum rc schema_sum(struct db *db, char out[HASH_TEXT + 1], struct err *err) MUST_CHECK;

#endif
