/* A database file and what lies beside it, before SQLite opens anything. */
#include "../lib/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/db.h"
#include "db/migrate.h"
#include "db/schema.h"
#include "sys/file.h"

enum { PAGE = 4096, SECTOR = 512 };

static char dir[64];
static char path[128];

static char *
beside(const char *suffix)
{
    static char side[160];
    (void)snprintf(side, sizeof side, "%s%s", path, suffix);
    return side;
}

static int
setup(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct db *db = NULL;
    (void)snprintf(dir, sizeof dir, "/tmp/keymuster-raw-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)umask(077);
    (void)snprintf(path, sizeof path, "%s/escrow.db", dir);
    if (db_create(&db, path, &e) != RC_OK)
        return -1;
    db_close(db);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    char command[160];
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static enum rc
opened(void)
{
    struct err e = ERR_INIT;
    struct db *db = NULL;
    enum rc rc = db_open(&db, path, DB_WRITE, 0, &e);
    assert_true((rc == RC_OK) == (db != NULL));
    assert_true(rc == RC_OK || e.hint[0] != '\0' || rc == RC_STORE_FOREIGN || rc == RC_NO_STORE ||
                rc == RC_STORE_OWNER);
    db_close(db);
    return rc;
}

/* The database's bytes; caller: buf_release. */
static void
content(struct buf *out)
{
    buf_init(out, 1 << 24);
    assert_ok(file_read(out, path, err));
}

static void
put(const char *name, const void *bytes, size_t len)
{
    assert_ok(file_replace(name, bytes, len, 0600, err));
}

static void
poke(size_t at, unsigned char value, enum rc want)
{
    struct buf b;
    content(&b);
    char old = b.data[at];
    b.data[at] = (char)value;
    put(path, b.data, b.len);
    if (opened() != want)
        print_error("byte %zu = %u\n", at, value);
    assert_int_equal(opened(), want);
    b.data[at] = old;
    put(path, b.data, b.len);
    assert_int_equal(opened(), RC_OK);
    buf_release(&b);
}

static void
test_the_header(void **state)
{
    (void)state;
    assert_int_equal(opened(), RC_OK);
    poke(0, 's', RC_STORE_FOREIGN);
    poke(15, 1, RC_STORE_FOREIGN);
    poke(68, 1, RC_STORE_FOREIGN);
    poke(60, 0xff, RC_STORE_NEWER); /* the number is not taken for a negative one */
    poke(63, 99, RC_STORE_NEWER);
    poke(16, 3, RC_STORE_CORRUPT); /* no such page size */
    poke(17, 1, RC_STORE_CORRUPT);
    poke(18, 2, RC_STORE_CORRUPT); /* write-ahead log */
    poke(19, 2, RC_STORE_CORRUPT);
    poke(18, 3, RC_STORE_CORRUPT);
    poke(20, 8, RC_STORE_CORRUPT);
    poke(21, 65, RC_STORE_CORRUPT);
    poke(59, 2, RC_STORE_CORRUPT); /* UTF-16 */
    put(path, "SQLite format 3", 16);
    assert_int_equal(opened(), RC_STORE_FOREIGN);
    put(path, "", 0);
    assert_int_equal(opened(), RC_STORE_FOREIGN);
}

static void
test_the_file(void **state)
{
    (void)state;
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(opened(), RC_STORE_OPEN);
    assert_int_equal(chmod(path, 0602), 0);
    assert_int_equal(opened(), RC_STORE_OPEN);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(opened(), RC_OK);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 12345), 0);
        assert_int_equal(opened(), RC_STORE_OWNER);
        assert_int_equal(chown(path, 0, 0), 0);
    }
    assert_int_equal(rename(path, beside(".real")), 0);
    assert_int_equal(symlink(beside(".real"), path), 0);
    assert_int_equal(opened(), RC_STORE_FOREIGN);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(opened(), RC_STORE_FOREIGN); /* and does not wait for a writer */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(opened(), RC_STORE_FOREIGN);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(opened(), RC_NO_STORE);
}

static void
test_a_log_that_lies_there(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"-wal", "-shm"};
    for (unsigned i = 0; i < 2; i++) {
        put(beside(suffixes[i]), "x", 1);
        assert_int_equal(opened(), RC_STORE_CORRUPT);
        put(beside(suffixes[i]), "", 0);
        assert_int_equal(opened(), RC_STORE_CORRUPT);
        assert_int_equal(unlink(beside(suffixes[i])), 0);
        assert_int_equal(symlink("/nowhere", beside(suffixes[i])), 0);
        assert_int_equal(opened(), RC_STORE_CORRUPT);
        assert_int_equal(unlink(beside(suffixes[i])), 0);
    }
    assert_int_equal(opened(), RC_OK);
}

/* ---- journals ---- */

static void
number(unsigned char *at, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(n >> (24 - 8 * i));
}

static uint32_t
read_number(const struct buf *b, size_t at)
{
    const unsigned char *p = (const unsigned char *)b->data + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A journal as SQLite writes it: one part, a record of page 2 (nonsense, checksum wrong, so that
 * SQLite stops there), then maybe one of page 1. */
struct made {
    unsigned char bytes[SECTOR + 2 * (PAGE + 8) + 64];
    size_t len;
};

static void
make(struct made *m, const struct buf *db, uint32_t records, uint32_t pages, int first,
     uint32_t counter)
{
    static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    memset(m, 0, sizeof *m);
    memcpy(m->bytes, magic, 8);
    number(m->bytes + 8, records);
    number(m->bytes + 16, pages);
    number(m->bytes + 20, SECTOR);
    number(m->bytes + 24, PAGE);
    m->len = SECTOR;
    number(m->bytes + m->len, 2);
    number(m->bytes + m->len + 4 + PAGE, 1);
    m->len += PAGE + 8;
    if (first) {
        number(m->bytes + m->len, 1);
        memcpy(m->bytes + m->len + 4, db->data, PAGE);
        number(m->bytes + m->len + 4 + 24, counter);
        m->len += PAGE + 8;
    }
}

static void
journal(const struct made *m, enum rc want)
{
    struct buf before;
    struct buf after;
    content(&before);
    put(beside("-journal"), m->bytes, m->len);
    assert_int_equal(opened(), want);
    content(&after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, after.len);
    if (m->len > 0) /* SQLite removes it when it is done with it; an empty one it leaves */
        assert_int_equal(file_exists(beside("-journal")), want != RC_OK);
    (void)unlink(beside("-journal"));
    buf_release(&before);
    buf_release(&after);
}

static void
test_journals(void **state)
{
    (void)state;
    struct buf db;
    struct made m;
    content(&db);
    uint32_t counter = read_number(&db, 24);
    uint32_t pages = read_number(&db, 28);
    make(&m, &db, 2, pages, 1, counter);
    journal(&m, RC_OK);
    make(&m, &db, 2, pages, 1, counter - 1); /* killed after the first page was written */
    journal(&m, RC_OK);
    make(&m, &db, 2, pages, 1, counter - 2); /* of an older change */
    journal(&m, RC_STORE_CORRUPT);
    make(&m, &db, 0xffffffff, pages, 1, counter - 2);
    journal(&m, RC_STORE_CORRUPT);
    make(&m, &db, 2, pages, 1, counter + 1); /* of a newer one: the database was put back */
    journal(&m, RC_STORE_CORRUPT);
    make(&m, &db, 0, pages, 0, 0); /* killed before anything was certain */
    journal(&m, RC_OK);
    make(&m, &db, 0, 1, 0, 0); /* would cut the database off */
    journal(&m, RC_STORE_CORRUPT);
    make(&m, &db, 1, pages, 0, 0);
    number(m.bytes + 24, 512);
    journal(&m, RC_STORE_CORRUPT);
    make(&m, &db, 0, pages, 0, 0);
    m.len = 10; /* not complete: it is worth nothing */
    journal(&m, RC_OK);
    m.len = 0;
    journal(&m, RC_OK);
    buf_release(&db);
}

static void
test_a_journal_that_names_a_file(void **state)
{
    (void)state;
    struct buf db;
    struct made m;
    char other[160];
    content(&db);
    (void)snprintf(other, sizeof other, "%s/other", dir);
    make(&m, &db, 2, read_number(&db, 28), 1, read_number(&db, 24));
    size_t len = strlen(other);
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += (unsigned char)other[i];
    number(m.bytes + m.len, 0x40000000 / PAGE + 1);
    memcpy(m.bytes + m.len + 4, other, len);
    number(m.bytes + m.len + 4 + len, (uint32_t)len);
    number(m.bytes + m.len + 8 + len, sum);
    memcpy(m.bytes + m.len + 12 + len, m.bytes, 8);
    m.len += 20 + len;
    put(other, "precious", 8);
    journal(&m, RC_STORE_CORRUPT);
    assert_int_equal(file_exists(other), 1);
    buf_release(&db);
}

static void
test_a_journal_of_another_kind(void **state)
{
    (void)state;
    const char *side = beside("-journal");
    assert_int_equal(symlink(path, side), 0);
    assert_int_equal(opened(), RC_STORE_CORRUPT);
    assert_int_equal(unlink(side), 0);
    assert_int_equal(mkfifo(side, 0600), 0);
    assert_int_equal(opened(), RC_STORE_CORRUPT);
    assert_int_equal(unlink(side), 0);
    assert_int_equal(mkdir(side, 0700), 0);
    assert_int_equal(opened(), RC_STORE_CORRUPT);
    assert_int_equal(rmdir(side), 0);
    put(side, "", 0);
    assert_int_equal(chmod(side, 0666), 0);
    assert_int_equal(opened(), RC_STORE_OPEN);
}

/* ---- the schema ---- */

static void
test_the_sum_of_the_newest_schema(void **state)
{
    (void)state;
    struct db *db = NULL;
    char sum[HASH_TEXT + 1];
    assert_ok(db_create(&db, ":memory:", err));
    assert_ok(schema_sum(db, sum, err));
    assert_string_equal(sum, schema_newest); /* after a migration: write it into db/schema.c */
    db_close(db);
}

static void
test_an_altered_schema(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *says;
    } cases[] = {
        {"CREATE TRIGGER added AFTER INSERT ON entry BEGIN DELETE FROM head; END", "trigger added"},
        {"CREATE VIEW added AS SELECT 1", "view added"},
        {"CREATE TABLE added (x TEXT) STRICT", "table added"},
        {"CREATE INDEX added ON entry (line)", "index added"},
        {"DROP TRIGGER entry_stay", "trigger entry_stay"},
        {"DROP TRIGGER entry_keep; CREATE TRIGGER entry_keep BEFORE UPDATE ON entry BEGIN SELECT "
         "1; "
         "END",
         "trigger entry_keep"},
        {"DROP TABLE follows", "table follows"},
        {"ALTER TABLE field ADD COLUMN more TEXT", "table field"},
        {"DROP TABLE field; CREATE TABLE field (object, name, value, entry)", "table field"},
        {"ALTER TABLE field RENAME TO field2; CREATE VIEW field AS SELECT * FROM field2",
         "view field"},
    };
    struct buf good;
    content(&good);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct db *db = NULL;
        struct err e = ERR_INIT;
        put(path, good.data, good.len);
        assert_ok(db_open(&db, path, DB_WRITE, 0, err));
        assert_ok(db_exec(db, cases[i].sql, err));
        db_close(db);
        assert_int_equal(db_open(&db, path, DB_READ, 0, &e), RC_STORE_CORRUPT);
        assert_null(db);
        if (strstr(e.why, cases[i].says) == NULL)
            print_error("%s: %s\n", cases[i].sql, e.why);
        assert_non_null(strstr(e.why, cases[i].says));
    }
    buf_release(&good);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_that_lies_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_journal_that_names_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_journal_of_another_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_sum_of_the_newest_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_altered_schema, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
