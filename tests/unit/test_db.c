#include "../lib/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "db/db.h"
#include "db/migrate.h"
#include "sys/file.h"

static char dir[64];
static char path[128];

static int
setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/keymuster-db-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/escrow.db", dir);
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

/* SQL without comments and with single blanks, so that only the meaning is compared. */
static void
normalise(struct buf *out, const char *sql)
{
    for (const char *p = sql; *p != '\0'; p++) {
        if (p[0] == '-' && p[1] == '-') {
            p += strcspn(p, "\n");
            if (*p == '\0')
                break;
        }
        int blank = strchr(" \n\t", *p) != NULL;
        if (!blank)
            buf_addc(out, *p);
        else if (out->len > 0 && out->data[out->len - 1] != ' ' && out->data[out->len - 1] != '(')
            buf_addc(out, ' ');
    }
}

static void
dump_schema(struct db *db, struct buf *out)
{
    struct stmt *q = NULL;
    assert_ok(db_query(
        db, &q, "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1, 2", err));
    struct err e = ERR_INIT;
    while (stmt_row(q, &e) == RC_OK && stmt_more(q)) {
        buf_addf(out, "%s %s ", col_text(q, 0), col_text(q, 1));
        normalise(out, col_text(q, 2));
        buf_addc(out, '\n');
    }
    stmt_done(q);
}

static void
test_migrations_add_up_to_the_schema(void **state)
{
    (void)state;
    struct db *migrated = NULL;
    struct db *whole = NULL;
    struct buf sql, a, b;
    buf_init(&sql, 1 << 20);
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    assert_ok(file_read(&sql, TEST_DATA "/../../schema/escrow.sql", err));
    assert_ok(db_create(&migrated, path, err));
    assert_ok(db_create(&whole, ":memory:", err));
    dump_schema(migrated, &a);
    /* The same database emptied, then made again from the commented whole. */
    struct stmt *q = NULL;
    struct buf drop;
    buf_init(&drop, 1 << 16);
    assert_ok(db_query(
        whole, &q,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'", err));
    struct err e = ERR_INIT;
    while (stmt_row(q, &e) == RC_OK && stmt_more(q))
        buf_addf(&drop, "DROP TABLE %s;", col_text(q, 0));
    stmt_done(q);
    assert_ok(db_exec(whole, buf_str(&drop), err));
    assert_ok(db_exec(whole, buf_str(&sql), err));
    dump_schema(whole, &b);
    assert_string_equal(buf_str(&a), buf_str(&b));
    assert_non_null(strstr(buf_str(&a), "TRIGGER entry_keep"));
    db_close(migrated);
    db_close(whole);
    buf_release(&drop);
    buf_release(&sql);
    buf_release(&a);
    buf_release(&b);
}

static void
write_file(const char *name, const char *bytes, size_t len)
{
    assert_ok(file_replace(name, bytes, len, 0600, err));
}

static void
test_identity_is_read_before_sqlite(void **state)
{
    (void)state;
    struct db *db = NULL;
    assert_rc(db_open(&db, path, DB_READ, 0, err), RC_NO_STORE);
    write_file(path, "hello", 5);
    assert_rc(db_open(&db, path, DB_READ, 0, err), RC_STORE_FOREIGN);
    char head[200] = "SQLite format 3";
    write_file(path, head, sizeof head);
    assert_rc(db_open(&db, path, DB_READ, 0, err), RC_STORE_FOREIGN);
    memcpy(head + 68, "KMST", 4);
    head[63] = 99; /* user_version */
    write_file(path, head, sizeof head);
    assert_rc(db_open(&db, path, DB_READ, 0, err), RC_STORE_NEWER);
    assert_null(db);
}

static void
test_entries_are_append_only(void **state)
{
    (void)state;
    struct db *db = NULL;
    assert_ok(db_create(&db, path, err));
    assert_ok(db_exec(
        db, "INSERT INTO entry VALUES ('0123456789abcdef0123456789abcdef', 1, zeroblob(32), 'x')",
        err));
    assert_rc(db_exec(db, "UPDATE entry SET line = 'y'", err), RC_STORE_CORRUPT);
    assert_rc(db_exec(db, "DELETE FROM entry", err), RC_STORE_CORRUPT);
    /* A gap, and REPLACE, which would delete silently without recursive triggers. */
    assert_rc(
        db_exec(
            db,
            "INSERT INTO entry VALUES ('0123456789abcdef0123456789abcdef', 3, randomblob(32), 'x')",
            err),
        RC_STORE_CORRUPT);
    assert_rc(db_exec(db,
                      "INSERT OR REPLACE INTO entry VALUES ('0123456789abcdef0123456789abcdef', 1, "
                      "randomblob(32), 'z')",
                      err),
              RC_STORE_CORRUPT);
    db_close(db);
}

static void
test_second_writer_is_told(void **state)
{
    (void)state;
    struct db *a = NULL;
    struct db *b = NULL;
    assert_ok(db_create(&a, path, err));
    assert_ok(db_open(&b, path, DB_WRITE, 50, err));
    assert_ok(db_begin(a, err));
    assert_rc(db_begin(b, err), RC_STORE_BUSY);
    db_rollback(a);
    assert_ok(db_begin(b, err));
    assert_ok(db_commit(b, err));
    db_close(a);
    db_close(b);
}

static void
test_failed_step_leaves_the_old_version(void **state)
{
    (void)state;
    struct db *db = NULL;
    struct stmt *q = NULL;
    const struct migration bad[] = {
        {db_schema_version() + 1, "bad", "CREATE TABLE later (x) STRICT; nonsense"}};
    const struct migration typed[] = {
        {db_schema_version() + 1, "later", "CREATE TABLE later (x TEXT) STRICT"}};
    assert_ok(db_create(&db, path, err));
    struct err e = ERR_INIT;
    assert_int_not_equal(migrate(db, bad, 1, &e), RC_OK);
    assert_ok(db_query(db, &q, "SELECT count(*) FROM sqlite_schema WHERE name = 'later'", err));
    assert_ok(stmt_row(q, err));
    assert_int_equal(col_int(q, 0), 0);
    stmt_done(q);
    assert_ok(migrate(db, typed, 1, err));
    assert_ok(migrate(db, typed, 1, err)); /* again: nothing to do */
    db_close(db);
    assert_rc(db_open(&db, path, DB_READ, 0, err), RC_STORE_NEWER);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_migrations_add_up_to_the_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(test_identity_is_read_before_sqlite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries_are_append_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_writer_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_step_leaves_the_old_version, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
