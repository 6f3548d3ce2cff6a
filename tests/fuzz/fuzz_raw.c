/*
 * A database file and its journal, judged before SQLite opens anything. The input is a header of
 * 100 bytes, then the journal; what is let through SQLite opens, too, or says that it is damaged,
 * and neither file is any other's afterwards.
 */
#include "fuzz.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db/migrate.h"

/* The file itself, without its waiting for a writer. */
#define nanosleep(time, rest) ((void)(time), (void)(rest), 0)
#include "../../src/db/raw.c"
#include "sys/file.h"
#undef nanosleep

static char *database; /* a whole one, made once */
static size_t database_len;
static char path[128];
static char beside[160];

static void
make(void)
{
    struct db *db = NULL;
    struct buf whole;
    struct err err = ERR_INIT;
    (void)snprintf(path, sizeof path, "%s/escrow.db", fuzz_folder());
    (void)snprintf(beside, sizeof beside, "%s-journal", path);
    (void)umask(077);
    FUZZ_CHECK(db_create(&db, path, &err) == RC_OK);
    db_close(db);
    buf_init(&whole, 1 << 24);
    FUZZ_CHECK(file_read(&whole, path, &err) == RC_OK);
    database = whole.data;
    database_len = whole.len;
}

static void
put(const char *name, const char *bytes, size_t len)
{
    FILE *f = fopen(name, "wb");
    FUZZ_CHECK(f != NULL && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct db *db = NULL;
    struct err err = ERR_INIT;
    int version = -1;
    char header[HEADER];
    size_t head = len < HEADER ? len : HEADER;
    if (database == NULL)
        make();
    memcpy(header, database, HEADER);
    memcpy(database, bytes, head);
    put(path, database, len < HEADER ? len : database_len);
    memcpy(database, header, HEADER);
    if (len > HEADER)
        put(beside, bytes + HEADER, len - HEADER);
    enum rc rc = raw_check(path, &version, &err);
    if (rc == RC_OK) {
        FUZZ_CHECK(version >= 0 && version <= migration_count);
        rc = db_open(&db, path, DB_READ, 0, &err);
        FUZZ_CHECK(rc == RC_OK || (err.msg[0] != '\0' && db == NULL));
        FUZZ_PLANT(len >= HEADER + JOURNAL_HEADER &&
                   memcmp(bytes + HEADER, journal_magic, 8) == 0 && bytes[HEADER + 11] != 0);
        db_close(db);
    } else {
        FUZZ_CHECK(rc == RC_STORE_FOREIGN || rc == RC_STORE_CORRUPT || rc == RC_STORE_NEWER);
        FUZZ_CHECK(err.msg[0] != '\0');
    }
    (void)unlink(beside);
}
