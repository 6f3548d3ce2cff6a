/* What entries say becomes tables: each body that is not whole is kept unapplied, with the member
 * that it lacks, and writes nothing; what may be left out may. */
#include "../lib/stores.h"
#include "base/buf.h"
#include "base/limits.h"
#include "escrow/store.h"

#define U1 "11111111-2222-4333-8444-000000000001"
#define U2 "11111111-2222-4333-8444-000000000002"
#define H1 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY                                                                                        \
    "\"uuid\":\"" U1 "\",\"name\":\"k/one\",\"generation\":1,\"purpose\":\"other\","               \
    "\"form\":\"base64\",\"origin\":\"kms\""
#define WRAP "{\"root\":\"" U2 "\",\"ciphertext\":\"abc\",\"how\":\"create\"}"
#define CHECK "{\"alg\":\"blake2b-256\",\"params\":{},\"value\":\"" H1 "\"}"

static struct store *store;

static int
setup(void **state)
{
    if (stores_setup(state) != 0)
        return -1;
    store = stores_make("apply", NULL);
    return 0;
}

static int
teardown(void **state)
{
    store_close(store);
    return stores_teardown(state);
}

static int64_t
number(const char *sql)
{
    struct stmt *q = NULL;
    assert_ok(db_query(store->db, &q, sql, err));
    assert_ok(stmt_row(q, err));
    int64_t n = stmt_more(q) ? col_int(q, 0) : -1;
    stmt_done(q);
    return n;
}

/* Rows of all tables that entries fill, but for those of what was not applied. */
static int64_t
written(void)
{
    return number("SELECT (SELECT count(*) FROM field) + (SELECT count(*) FROM superseded)"
                  " + (SELECT count(*) FROM object) + (SELECT count(*) FROM wrap)"
                  " + (SELECT count(*) FROM check_value) + (SELECT count(*) FROM follows)"
                  " + (SELECT count(*) FROM key) + (SELECT count(*) FROM wrap_retired)"
                  " + (SELECT count(*) FROM root_observed) + (SELECT count(*) FROM event) + "
                  "(SELECT count(*) FROM drill)");
}

/* Why the newest entry was not applied; "" when it was. */
static void
reason(char out[64])
{
    struct stmt *q = NULL;
    assert_ok(db_query(store->db, &q,
                       "SELECT coalesce((SELECT reason FROM unapplied WHERE entry ="
                       " (SELECT hash FROM entry ORDER BY seq DESC LIMIT 1)), '')",
                       err));
    assert_ok(stmt_row(q, err));
    (void)snprintf(out, 64, "%s", col_text(q, 0));
    stmt_done(q);
}

struct row {
    const char *kind, *body;
    const char *lacks; /* "" for one that is applied */
    int rows;          /* that it writes */
};

static void
walk(const struct row *list, size_t count)
{
    log_rollback(store); /* of a test that failed */
    for (size_t i = 0; i < count; i++) {
        char why[64];
        assert_ok(log_begin(store, err));
        int64_t before = written();
        struct buf body;
        buf_init(&body, LIMIT_BODY);
        buf_adds(&body, list[i].body);
        assert_ok(log_append(store, list[i].kind, &body, NULL, err));
        buf_release(&body);
        reason(why);
        int64_t rows = written() - before;
        if (strcmp(why, list[i].lacks) != 0 || rows != list[i].rows)
            print_error("%s %s: lacks \"%s\", %lld rows\n", list[i].kind, list[i].body, why,
                        (long long)rows);
        assert_string_equal(why, list[i].lacks);
        assert_int_equal(rows, list[i].rows);
        log_rollback(store);
    }
}

#define WALK(list) walk(list, sizeof(list) / sizeof(list)[0])

static void
test_objects(void **state)
{
    (void)state;
    static const struct row list[] = {
        {"site.added", "{\"uuid\":\"" U1 "\",\"name\":\"fra\"}", "", 1},
        {"copy.added", "{\"uuid\":\"" U1 "\",\"name\":\"usb\",\"url\":\"x\",\"site\":\"y\"}", "",
         3},
        {"site.added", "{\"name\":\"fra\"}", "uuid", 0},
        {"site.added", "{\"uuid\":7,\"name\":\"fra\"}", "uuid", 0},
        {"site.added", "{\"uuid\":\"x\",\"name\":\"fra\"}", "uuid", 0},
        {"site.added", "{\"uuid\":\"" U1 "\"}", "name", 0},
        {"site.added", "{\"uuid\":\"" U1 "\",\"name\":\"\"}", "name", 0},
        {"site.changed", "{\"uuid\":\"" U1 "\",\"set\":{}}", "", 0},
        {"site.changed", "{\"set\":{}}", "uuid", 0},
        {"site.changed", "{\"uuid\":\"" U1 "\"}", "set", 0},
        {"site.changed", "{\"uuid\":\"" U1 "\",\"set\":[]}", "set", 0},
        {"site.changed", "{\"uuid\":\"" U1 "\",\"set\":{\"a\":{\"value\":1}}}", "set", 0},
        {"site.changed", "{\"uuid\":\"" U1 "\",\"set\":{\"a\":{\"supersedes\":[]}}}", "set", 0},
        {"site.changed", "{\"uuid\":\"" U1 "\",\"set\":{\"a\":{\"value\":1,\"supersedes\":7}}}",
         "set", 0},
        {"site.changed", "{\"uuid\":\"" U1 "\",\"set\":{\"a\":{\"value\":1,\"supersedes\":[]}}}",
         "", 1},
        {"site.changed",
         "{\"uuid\":\"" U1 "\",\"set\":{\"a\":{\"value\":1,\"supersedes\":[\"" H1 "\"]},\"b\":"
         "{\"value\":2,\"supersedes\":[]}}}",
         "", 3},
        {"site.changed",
         "{\"uuid\":\"" U1
         "\",\"set\":{\"a\":{\"value\":1,\"supersedes\":[]},\"b\":{\"value\":2}}}",
         "set", 0}, /* what came before is not written either */
        {"site.changed", "{\"uuid\":\"" U1 "\",\"set\":{\"a\":{\"value\":1,\"supersedes\":[7]}}}",
         "supersedes", 0},
        {"site.changed",
         "{\"uuid\":\"" U1 "\",\"set\":{\"a\":{\"value\":1,\"supersedes\":[\"" H1 "\",\"aa\"]}}}",
         "supersedes", 0},
        {"site.changed",
         "{\"uuid\":\"" U1 "\",\"set\":{\"a\":{\"value\":1,\"supersedes\":[7]},\"b\":7}}",
         "supersedes", 0}, /* the first thing that it lacks is named */
        {"policy.changed", "{\"set\":{\"a\":{\"value\":1,\"supersedes\":[]}}}", "", 1},
        {"policy.changed", "{}", "set", 0},
        {"site.lost", "{\"site\":\"" U1 "\",\"lost\":true,\"supersedes\":[]}", "", 1},
        {"site.restored", "{\"site\":\"" U1 "\",\"lost\":false,\"supersedes\":[\"" H1 "\"]}", "",
         2},
        {"site.lost", "{\"lost\":true,\"supersedes\":[]}", "site", 0},
        {"site.lost", "{\"site\":\"" U1 "\",\"supersedes\":[]}", "lost", 0},
        {"site.lost", "{\"site\":\"" U1 "\",\"lost\":1,\"supersedes\":[]}", "lost", 0},
        {"site.lost", "{\"site\":\"" U1 "\",\"lost\":true}", "lost", 0},
        {"site.lost", "{\"site\":\"" U1 "\",\"lost\":true,\"supersedes\":1}", "lost", 0},
        {"site.lost", "{\"site\":\"" U1 "\",\"lost\":true,\"supersedes\":[1]}", "supersedes", 0},
        {"note", "{\"key\":\"" U1 "\"}", "", 1},
        {"run.begun", "{}", "", 1},
        {"run", "{}", "unknown kind", 0},
        {"note.other", "{}", "unknown kind", 0},
    };
    WALK(list);
}

static void
test_keys(void **state)
{
    (void)state;
#define MADE(rest) "{" KEY "," rest "}"
    static const struct row list[] = {
        {"key.created", MADE("\"wraps\":[]"), "", 1},
        {"key.created",
         MADE("\"wraps\":[" WRAP "],\"check\":" CHECK ",\"follows\":[\"" U2 "\"],\"bits\":256,"
              "\"protects_site\":\"" U2 "\",\"owner\":\"x\",\"labels\":{}"),
         "", 6},
        {"key.created", "{\"name\":\"k\"}", "uuid", 0},
        {"key.created", "{\"uuid\":\"" U1 "\",\"wraps\":[]}", "name", 0},
        {"key.created", "{\"uuid\":\"" U1 "\",\"name\":\"" U2 "\",\"wraps\":[]}", "name", 0},
        {"key.created", "{\"uuid\":\"" U1 "\",\"name\":\"k\",\"wraps\":[]}", "generation", 0},
        {"key.created", "{\"uuid\":\"" U1 "\",\"name\":\"k\",\"generation\":0,\"wraps\":[]}",
         "generation", 0},
        {"key.created", "{\"uuid\":\"" U1 "\",\"name\":\"k\",\"generation\":1,\"wraps\":[]}",
         "form", 0},
        {"key.created",
         "{\"uuid\":\"" U1 "\",\"name\":\"k\",\"generation\":1,\"form\":\"hex\",\"wraps\":[]}",
         "form", 0},
        {"key.created",
         "{\"uuid\":\"" U1 "\",\"name\":\"k\",\"generation\":1,\"form\":\"bytes\",\"wraps\":[]}",
         "purpose", 0},
        {"key.created",
         "{\"uuid\":\"" U1 "\",\"name\":\"k\",\"generation\":1,\"form\":\"bytes\",\"purpose\":"
         "\"other\",\"wraps\":[]}",
         "purpose", 0},
        {"key.created",
         "{\"uuid\":\"" U1
         "\",\"name\":\"k\",\"generation\":1,\"form\":\"bytes\",\"purpose\":\"other\","
         "\"origin\":\"kms\",\"wraps\":[]}",
         "", 1},
        {"key.created", MADE("\"protects_site\":\"x\",\"wraps\":[]"), "purpose", 0},
        {"key.created", MADE("\"bits\":\"256\",\"wraps\":[]"), "bits", 0},
        {"key.created", MADE("\"x\":1"), "wraps", 0},
        {"key.created", MADE("\"wraps\":7"), "wraps", 0},
        {"key.created", MADE("\"follows\":[7],\"wraps\":[]"), "follows", 0},
        {"key.created", MADE("\"follows\":[\"x\"],\"wraps\":[]"), "follows", 0},
        {"key.created", MADE("\"follows\":[\"" U2 "\",\"x\"],\"wraps\":[]"), "follows", 0},
        {"key.created", MADE("\"check\":7,\"wraps\":[]"), "check", 0},
        {"key.created", MADE("\"check\":{\"alg\":\"md5\",\"value\":\"" H1 "\"},\"wraps\":[]"),
         "check", 0},
        {"key.created", MADE("\"check\":{\"alg\":\"blake2b-256\"},\"wraps\":[]"), "check", 0},
        {"key.created", MADE("\"check\":{\"alg\":\"blake2b-256\",\"value\":\"aa\"},\"wraps\":[]"),
         "check", 0},
        {"key.created", MADE("\"check\":{\"alg\":\"argon2id\",\"value\":\"" H1 "\"},\"wraps\":[]"),
         "check", 0},
        {"key.created",
         MADE("\"check\":{\"alg\":\"argon2id\",\"params\":{\"mem\":8},\"value\":\"" H1
              "\"},\"wraps\":[]"),
         "check", 0},
        {"key.created",
         MADE("\"check\":{\"alg\":\"argon2id\",\"params\":{\"mem\":8,\"ops\":1},\"value\":\"" H1
              "\"},\"wraps\":[]"),
         "", 2},
        {"key.created", MADE("\"wraps\":[7]"), "wraps", 0},
        {"key.created", MADE("\"wraps\":[" WRAP ",{\"root\":\"" U2 "\",\"ciphertext\":\"abc\"}]"),
         "wraps", 0},
        {"key.created", MADE("\"wraps\":[{\"root\":\"" U2 "\",\"how\":\"x\"}]"), "wraps", 0},
        {"key.created", MADE("\"wraps\":[{\"ciphertext\":\"abc\",\"how\":\"x\"}]"), "wraps", 0},
        {"key.created",
         MADE("\"wraps\":[{\"root\":\"" U2
              "\",\"ciphertext\":\"abc\",\"how\":\"x\",\"aad\":\"y\"}]"),
         "wraps", 0},
        {"key.changed", "{\"key\":\"" U1 "\",\"set\":{\"a\":{\"value\":1,\"supersedes\":[]}}}", "",
         1},
        {"key.changed", "{\"set\":{}}", "key", 0},
        {"key.check", "{\"key\":\"" U1 "\",\"check\":" CHECK "}", "", 1},
        {"key.check", "{\"check\":" CHECK "}", "key", 0},
        {"key.check", "{\"key\":\"" U1 "\"}", "check", 0},
        {"wrap.added", "{\"key\":\"" U1 "\",\"wrap\":" WRAP "}", "", 1},
        {"wrap.added", "{\"wrap\":" WRAP "}", "key", 0},
        {"wrap.added", "{\"key\":\"" U1 "\"}", "wraps", 0},
        {"wrap.retired", "{\"key\":\"" U1 "\",\"wrap\":\"" H1 "\"}", "", 1},
        {"wrap.retired", "{\"wrap\":\"" H1 "\"}", "wrap", 0},
        {"wrap.retired", "{\"key\":\"" U1 "\"}", "wrap", 0},
        {"wrap.retired", "{\"key\":\"" U1 "\",\"wrap\":\"aa\"}", "wrap", 0},
    };
#undef MADE
    WALK(list);
}

static void
test_roots(void **state)
{
    (void)state;
#define SEEN(rest)                                                                                 \
    "{\"root\":\"" U1 "\",\"state\":\"active\",\"updated\":\"2026-01-01T00:00:00Z\"" rest "}"
    static const struct row list[] = {
        {"root.observed", SEEN(""), "", 1},
        {"root.observed",
         SEEN(",\"versions\":3,\"version\":\"v\",\"request\":\"r\",\"restore_until\":\"x\""), "",
         1},
        {"root.observed", SEEN(",\"versions\":\"3\""), "versions", 0},
        {"root.observed", "{\"state\":\"active\",\"updated\":\"2026-01-01T00:00:00Z\"}", "state",
         0},
        {"root.observed", "{\"root\":\"" U1 "\",\"updated\":\"2026-01-01T00:00:00Z\"}", "state", 0},
        {"root.observed",
         "{\"root\":\"" U1 "\",\"state\":\"odd\",\"updated\":\"2026-01-01T00:00:00Z\"}", "state",
         0},
        {"root.observed", "{\"root\":\"" U1 "\",\"state\":\"active\"}", "updated", 0},
        {"root.observed", "{\"root\":\"" U1 "\",\"state\":\"active\",\"updated\":\"soon\"}",
         "updated", 0},
    };
#undef SEEN
    WALK(list);
}

static void
test_drills(void **state)
{
    (void)state;
#define DRILL(rest) "{\"key\":\"" U1 "\"" rest "}"
    static const struct row list[] = {
        {"drill.result", DRILL(",\"outcome\":\"proven\""), "", 1},
        {"drill.result", DRILL(",\"outcome\":\"failed\",\"ms\":12,\"root\":\"" U2 "\""), "", 1},
        {"drill.result", DRILL(",\"outcome\":\"inconclusive\",\"code\":\"KM4017\""), "", 1},
        {"drill.result", "{\"outcome\":\"proven\"}", "key", 0},
        {"drill.result", "{\"key\":\"x\",\"outcome\":\"proven\"}", "key", 0},
        {"drill.result", DRILL(""), "outcome", 0},
        {"drill.result", DRILL(",\"outcome\":\"splendid\""), "outcome", 0},
        {"drill.result", DRILL(",\"outcome\":\"proven\",\"ms\":\"12\""), "ms", 0},
    };
#undef DRILL
    WALK(list);
}

/* What is left out is empty in the tables, not missing; what is there arrives in its column. */
static void
test_columns(void **state)
{
    (void)state;
    char why[64];
    log_rollback(store); /* of a test that failed */
    assert_ok(log_begin(store, err));
    struct buf body;
    buf_init(&body, LIMIT_BODY);
    buf_adds(
        &body,
        "{" KEY ",\"bits\":256,\"check\":{\"alg\":\"argon2id\",\"params\":{\"mem\":8,\"ops\":3},"
        "\"value\":\"" H1 "\"},\"wraps\":[" WRAP ",{\"root\":\"" U1 "\",\"ciphertext\":\"def\","
        "\"how\":\"add\",\"version\":\"v9\",\"aad\":[\"x\"]}]}");
    assert_ok(log_append(store, "key.created", &body, NULL, err));
    reason(why);
    assert_string_equal(why, "");
    assert_int_equal(
        number("SELECT bits = 256 AND protects_site = '' AND purpose = 'other' AND form = 'base64'"
               " AND origin = 'kms' AND generation = 1 AND length(created_at) = 24 FROM key"),
        1);
    assert_int_equal(number("SELECT mem * 10 + ops FROM check_value"), 83);
    assert_int_equal(
        number("SELECT count(*) FROM wrap WHERE aad = '[]' AND version = '' AND how = 'create'"),
        1);
    assert_int_equal(
        number(
            "SELECT count(*) FROM wrap WHERE aad = '[\"x\"]' AND version = 'v9' AND how = 'add'"),
        1);
    buf_clear(&body);
    buf_adds(&body, "{\"root\":\"" U1
                    "\",\"state\":\"active\",\"updated\":\"2026-01-01T00:00:00Z\",\"versions\":3,"
                    "\"version\":\"v\",\"request\":\"r\",\"restore_until\":\"u\"}");
    assert_ok(log_append(store, "root.observed", &body, NULL, err));
    assert_int_equal(
        number("SELECT state = 1 AND versions = 3 AND version = 'v' AND request = 'r' AND"
               " restore_until = 'u' FROM root_observed"),
        1);
    buf_clear(&body);
    buf_adds(&body, "{\"key\":\"" U1 "\",\"root\":\"" U2 "\",\"copy\":\"" U1 "\",\"site\":\"" U2
                    "\",\"host\":\"h\",\"outcome\":\"failed\",\"code\":\"c\",\"ms\":12,"
                    "\"request\":\"r\"}");
    assert_ok(log_append(store, "drill.result", &body, NULL, err));
    assert_int_equal(number("SELECT key = '" U1 "' AND root = '" U2 "' AND copy = '" U1
                            "' AND site = '" U2 "' AND host = 'h' AND outcome = 'failed' AND"
                            " code = 'c' AND ms = 12 AND request = 'r' AND length(at) = 24 AND"
                            " author = (SELECT author FROM author_key) AND length(entry) = 32"
                            " FROM drill"),
                     1);
    buf_clear(&body);
    buf_adds(&body, "{\"site\":\"" U2 "\"}");
    assert_ok(log_append(store, "note", &body, NULL, err));
    assert_int_equal(number("SELECT count(*) FROM event WHERE object = '" U2 "' AND kind = 'note'"),
                     1);
    buf_clear(&body);
    buf_adds(&body, "{\"key\":\"" U1 "\",\"site\":\"" U2 "\"}");
    assert_ok(log_append(store, "note", &body, NULL, err));
    assert_int_equal(number("SELECT count(*) FROM event WHERE object = '" U1 "' AND kind = 'note'"),
                     1);
    buf_clear(&body);
    buf_adds(&body, "{\"uuid\":\"" U2 "\",\"name\":\"m\",\"kept_at\":\"safe\"}");
    assert_ok(log_append(store, "kms.added", &body, NULL, err));
    assert_int_equal(
        number("SELECT count(*) FROM object WHERE kind = 'kms' AND name = 'm' AND uuid = '" U2 "'"),
        1);
    assert_int_equal(number("SELECT count(*) FROM field WHERE object = '" U2 "'"), 1);
    assert_int_equal(
        number("SELECT count(*) FROM field WHERE name = 'kept_at' AND value = '\"safe\"'"), 1);
    buf_release(&body);
    log_rollback(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_roots),   cmocka_unit_test(test_drills),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
