/* The memory outside the store: what it says of the store, and what is no memory. */
#include "../lib/stores.h"

#include "copy/held.h"
#include "copy/memory.h"
#include "copy/publish.h"
#include "sys/dir.h"
#include "sys/file.h"

#define COPY_ID "00112233445566778899aabbccddeeff"
#define AUTHOR_ID "ffeeddccbbaa99887766554433221100"
#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct store *store; /* one entry, head 1 */
static struct log_end end;
static struct mark newest;
static char last[HASH_TEXT + 1], head[HASH_TEXT + 1];

static int
setup(void **state)
{
    int made = 0;
    struct err err = ERR_INIT;
    if (stores_setup(state) != 0)
        return -1;
    stores_on("memory");
    store = stores_make("memory", NULL);
    if (publish_prepare(store, &made, &err) != RC_OK || !made ||
        log_end(store, store->self.author, &end, &err) != RC_OK ||
        held_newest(store, store->self.author, LIMIT_NUMBER, &newest, NULL, &err) != RC_OK)
        return -1;
    hex_encode(last, end.hash, HASH_SIZE);
    hex_encode(head, newest.hash, HASH_SIZE);
    return 0;
}

static int
teardown(void **state)
{
    store_close(store);
    return stores_teardown(state);
}

static const char *
memory_file(void)
{
    char name[160];
    (void)snprintf(name, sizeof name, "state-memory/keymuster/%s-%s.json", store->escrow,
                   store->self.author);
    return stores_path(name);
}

static void
write_text(const char *text)
{
    assert_ok(dir_make(stores_path("state-memory/keymuster"), 0700, err));
    assert_ok(file_replace(memory_file(), text, strlen(text), 0600, err));
}

/* A memory with these numbers and hashes. */
static void
write_memory(int64_t entries, const char *entry_hash, int64_t number, const char *head_hash,
             const char *copies)
{
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "{\"type\":\"memory\",\"keymuster\":1,\"escrow\":\"%s\",\"author\":\"%s\","
                   "\"entries\":%lld,\"last\":\"%s\",\"head\":%lld,\"hash\":\"%s\",\"copies\":%s}",
                   store->escrow, store->self.author, (long long)entries, entry_hash,
                   (long long)number, head_hash, copies);
    write_text(text);
}

static int
fits(void)
{
    int yes = -1;
    assert_ok(memory_fits(store, &yes, err));
    return yes;
}

/* What memory_check says; its reason into why. */
static enum rc
check(char why[512])
{
    struct err err = ERR_INIT;
    enum rc rc = memory_check(store, &err);
    (void)snprintf(why, 512, "%s", err.why);
    return rc;
}

static void
test_verdicts(void **state)
{
    static const struct {
        int64_t entries;
        const char *last;
        int64_t head;
        const char *hash;
        const char *why; /* NULL: it fits */
    } cases[] = {
        {1, last, 1, head, NULL},
        {1, last, 0, HASH_A, NULL},                             /* before the first head */
        {0, HASH_A, 0, HASH_A, NULL},                           /* of an empty store */
        {2, HASH_A, 1, head, "remembers 2 entries and head 1"}, /* behind by entries alone */
        {1, last, 2, HASH_A, "remembers 1 entries and head 2"}, /* behind by the head alone */
        {1, HASH_A, 1, head, "another entry 1 or head 1"},      /* another entry, same head */
        {1, last, 1, HASH_A, "another entry 1 or head 1"},      /* another head, same entry */
        {2, HASH_A, 1, HASH_B, "another entry 2 or head 1"},    /* a clone that went on */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[512];
        char warning[256];
        write_memory(cases[i].entries, cases[i].last, cases[i].head, cases[i].hash, "[]");
        enum rc rc = check(why);
        assert_int_equal(rc, cases[i].why == NULL ? RC_OK : RC_STORE_OLD);
        assert_int_equal(fits(), cases[i].why == NULL);
        if (cases[i].why == NULL)
            continue;
        if (strstr(why, cases[i].why) == NULL)
            print_error("%s lacks %s\n", why, cases[i].why);
        assert_non_null(strstr(why, cases[i].why));
        memory_save(store, warning); /* must not forget */
        assert_non_null(strstr(warning, "older than what it has published"));
        assert_int_equal(check(why), RC_STORE_OLD);
    }
}

/* Each of these texts would be a reason to stop if it were believed. */
static void
test_no_memory(void **state)
{
    static const struct {
        const char *from, *to;
    } edits[] = {
        {"\"type\":\"memory\"", "\"type\":\"head\""},
        {"\"type\":\"memory\",", ""},
        {"\"keymuster\":1", "\"keymuster\":2"},
        {"\"keymuster\":1,", ""},
        {"\"escrow\":\"", "\"escrow\":\"x"},
        {"\"author\":\"", "\"author\":\"x"},
        {"\"entries\":9,", ""},
        {"\"entries\":9", "\"entries\":\"9\""},
        {"\"head\":9,", ""},
        {"\"last\":\"aa", "\"last\":\"zz"},
        {"\"last\":\"aa", "\"past\":\"aa"},
        {"\"hash\":\"bb", "\"hash\":\"b"},
        {"\"hash\":\"bb", "\"cash\":\"bb"},
        {"{\"type\"", "[{\"type\""}, /* no JSON */
    };
    (void)state;
    char why[512];
    struct buf whole;
    buf_init(&whole, LIMIT_SMALL_FILE);
    write_memory(9, HASH_A, 9, HASH_B, "[]");
    assert_int_equal(check(why), RC_STORE_OLD);
    assert_ok(file_read(&whole, memory_file(), err));
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        char text[2048];
        const char *at = strstr(buf_str(&whole), edits[i].from);
        assert_non_null(at);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - buf_str(&whole)), buf_str(&whole),
                       edits[i].to, at + strlen(edits[i].from));
        write_text(text);
        if (check(why) != RC_OK)
            print_error("%s was believed\n", edits[i].to);
        assert_int_equal(check(why), RC_OK);
        assert_int_equal(fits(), 0); /* nothing is remembered */
        assert_ok(log_begin(store, err));
        assert_ok(memory_merge(store, err));
        log_rollback(store);
    }
    buf_release(&whole);
    memory_forget(store);
    assert_int_equal(check(why), RC_OK);
    assert_int_equal(fits(), 0);
}

static int64_t
seen(const char *copy, const char *author)
{
    struct mark m;
    assert_ok(seen_get(store, copy, author, &m, err));
    return m.number;
}

/* Rows of copies: taken over if they are whole, and never lowered. */
static void
test_merge(void **state)
{
#define ROW(copy, author, rest) "[\"" copy "\",\"" author "\"," rest "]"
    static const char *const malformed[] = {
        ROW("00", AUTHOR_ID, "3,9,\"" HASH_A "\",\"" HASH_B "\""),
        "[7,\"" AUTHOR_ID "\",3,9,\"" HASH_A "\",\"" HASH_B "\"]",
        ROW(COPY_ID, "ff", "3,9,\"" HASH_A "\",\"" HASH_B "\""),
        "[\"" COPY_ID "\",7,3,9,\"" HASH_A "\",\"" HASH_B "\"]",
        ROW(COPY_ID, AUTHOR_ID, "3.5,9,\"" HASH_A "\",\"" HASH_B "\""),
        ROW(COPY_ID, AUTHOR_ID, "3,\"9\",\"" HASH_A "\",\"" HASH_B "\""),
        ROW(COPY_ID, AUTHOR_ID, "3,9,\"aa\",\"" HASH_B "\""),
        ROW(COPY_ID, AUTHOR_ID, "3,9,\"" HASH_A "\",7"),
        ROW(COPY_ID, AUTHOR_ID, "3,9,\"" HASH_A "\",\"" HASH_B "\",1"),
        ROW(COPY_ID, AUTHOR_ID, "3,9,\"" HASH_A "\""),
        "7",
    };
    (void)state;
    char copies[512];
    assert_ok(log_begin(store, err));
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        (void)snprintf(copies, sizeof copies, "[%s]", malformed[i]);
        write_memory(1, last, 1, head, copies);
        assert_ok(memory_merge(store, err));
        assert_int_equal(seen(COPY_ID, AUTHOR_ID), 0);
    }
    write_memory(1, last, 1, head,
                 "[" ROW(COPY_ID, AUTHOR_ID, "3,9,\"" HASH_A "\",\"" HASH_B "\"") "]");
    assert_ok(memory_merge(store, err));
    assert_int_equal(seen(COPY_ID, AUTHOR_ID), 3);
    write_memory(1, last, 1, head,
                 "[" ROW(COPY_ID, AUTHOR_ID, "2,8,\"" HASH_A "\",\"" HASH_B "\"") "]");
    assert_ok(memory_merge(store, err));
    assert_int_equal(seen(COPY_ID, AUTHOR_ID), 3);
    write_memory(1, last, 1, head, "7");
    assert_ok(memory_merge(store, err));
    log_rollback(store);
#undef ROW
}

/* What was saved is read back: it fits, and gives the rows of copies to a store that forgot them.
 */
static void
test_saved(void **state)
{
    (void)state;
    char warning[256] = "?";
    struct mark m = {.number = 5, .entries = 7};
    memset(m.last, 0xaa, HASH_SIZE);
    memset(m.hash, 0xbb, HASH_SIZE);
    memory_forget(store);
    assert_ok(log_begin(store, err));
    assert_ok(seen_raise(store, COPY_ID, AUTHOR_ID, &m, err));
    memory_save(store, warning);
    log_rollback(store);
    assert_string_equal(warning, "");
    assert_int_equal(fits(), 1);
    assert_int_equal(seen(COPY_ID, AUTHOR_ID), 0);
    assert_ok(log_begin(store, err));
    assert_ok(memory_merge(store, err));
    struct mark back;
    assert_ok(seen_get(store, COPY_ID, AUTHOR_ID, &back, err));
    log_rollback(store);
    assert_int_equal(back.number, 5);
    assert_int_equal(back.entries, 7);
    assert_memory_equal(back.last, m.last, HASH_SIZE);
    assert_memory_equal(back.hash, m.hash, HASH_SIZE);
    for (int i = 0; i < 260; i++) { /* more often than there is room for statements */
        memory_save(store, warning);
        assert_string_equal(warning, "");
    }
}

/* Where it lies: XDG_STATE_HOME, if it is absolute, else HOME; nowhere is said, and no failure. */
static void
test_places(void **state)
{
    (void)state;
    char warning[256];
    char path[PATH_SIZE + 200];
    assert_int_equal(setenv("HOME", stores_path("home"), 1), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", "relative", 1), 0);
    memory_save(store, warning);
    assert_string_equal(warning, "");
    (void)snprintf(path, sizeof path, "%s/.local/state/keymuster/%s-%s.json", stores_path("home"),
                   store->escrow, store->self.author);
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(fits(), 1);
    memory_forget(store);
    assert_int_not_equal(access(path, R_OK), 0);
    assert_int_equal(setenv("HOME", "relative", 1), 0);
    memory_save(store, warning);
    assert_non_null(strstr(warning, "neither XDG_STATE_HOME nor HOME"));
    assert_int_equal(fits(), 0);
    memory_forget(store);
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
    assert_int_equal(unsetenv("HOME"), 0);
    memory_save(store, warning);
    assert_non_null(strstr(warning, "neither XDG_STATE_HOME nor HOME"));
    stores_on("memory");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_merge),    cmocka_unit_test(test_saved),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
