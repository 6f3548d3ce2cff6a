/* What a log takes in: the first entry binds it to escrow and key, each later one follows the one
 * before; and what verification says of lines that were altered. */
#include "../lib/stores.h"

#include "escrow/trust.h"

#define SITE2 "11111111-2222-4333-8444-000000000002"

static struct store *store;
static struct sign_public them;  /* an author of this escrow */
static struct sign_public other; /* another one */
static unsigned char first_hash[HASH_SIZE];

static int
setup(void **state)
{
    struct secret *key = NULL;
    struct err err = ERR_INIT;
    if (stores_setup(state) != 0)
        return -1;
    store = stores_make("log", NULL);
    if (sign_generate(&key, &them, &err) != RC_OK)
        return -1;
    secret_free(key);
    if (sign_generate(&key, &other, &err) != RC_OK)
        return -1;
    secret_free(key);
    return 0;
}

static int
teardown(void **state)
{
    store_close(store);
    return stores_teardown(state);
}

/* An entry of author `author`, received where `end` is. */
static enum rc
take(const char *author, int64_t seq, const unsigned char prev[HASH_SIZE], const char *kind,
     const char *text, struct log_end *end, struct err *err)
{
    struct buf body;
    struct buf line;
    struct entry e;
    buf_init(&body, LIMIT_BODY);
    buf_init(&line, LIMIT_ENTRY);
    buf_adds(&body, text);
    enum rc rc = entry_build(&line, author, seq, prev, 1767225600000, kind, &body, NULL, err);
    assert_int_equal(rc, RC_OK);
    rc = entry_parse(&e, buf_str(&line), line.len, err);
    assert_int_equal(rc, RC_OK);
    rc = log_receive(store, &e, end, err);
    entry_release(&e);
    buf_release(&body);
    buf_release(&line);
    return rc;
}

static const unsigned char zeros[HASH_SIZE];

/* The body of a first entry; escrow, key NULL: without. */
static const char *
first_body(const char *escrow, const char *key, const char *more)
{
    static char text[1024];
    int n = 0;
    text[0] = '\0';
    n += snprintf(text, sizeof text, "{\"x\":1%s", more);
    if (escrow != NULL)
        n += snprintf(text + n, sizeof text - (size_t)n, ",\"escrow\":\"%s\"", escrow);
    if (key != NULL)
        n += snprintf(text + n, sizeof text - (size_t)n, ",\"public_key\":\"%s\"", key);
    (void)snprintf(text + n, sizeof text - (size_t)n, "}");
    return text;
}

/* Refused, for this reason, with nothing taken in. */
static void
refuse(const char *kind, int64_t seq, const unsigned char prev[HASH_SIZE], const char *body,
       enum rc want, const char *text)
{
    struct err got = ERR_INIT;
    struct log_end end = {0};
    assert_ok(log_begin(store, err));
    enum rc rc = take(them.author, seq, prev, kind, body, &end, &got);
    if (rc != want || (strstr(got.msg, text) == NULL && strstr(got.why, text) == NULL))
        print_error("%s %s: %s %s (%s)\n", kind, body, err_name(rc), got.msg, got.why);
    assert_int_equal(rc, want);
    assert_true(strstr(got.msg, text) != NULL || strstr(got.why, text) != NULL);
    assert_int_equal(end.seq, 0);
    assert_ok(log_end(store, them.author, &end, err));
    assert_int_equal(end.seq, 0);
    log_rollback(store);
}

static void
test_first_entries(void **state)
{
    (void)state;
    log_rollback(store); /* of a test that failed */
    const char *here = store->escrow;
    char altered[SIGN_PUBLIC_TEXT + 1];
    memcpy(altered, them.text, sizeof altered);
    altered[3] = '*';
    refuse("note", 1, zeros, first_body(here, them.text, ""), RC_CHAIN, "begins with note");
    refuse("author.joined", 1, zeros, first_body(NULL, them.text, ""), RC_COPY_FOREIGN,
           "names escrow none");
    refuse("author.joined", 1, zeros, first_body(other.author, them.text, ""), RC_COPY_FOREIGN,
           other.author);
    refuse("author.joined", 1, zeros, first_body(here, NULL, ""), RC_CHAIN,
           "does not carry its key");
    refuse("author.joined", 1, zeros, first_body(here, altered, ""), RC_CHAIN,
           "does not carry its key");
    refuse("author.joined", 1, zeros, first_body(here, other.text, ""), RC_CHAIN,
           "does not carry its key");
    refuse("escrow.created", 1, zeros, first_body(here, them.text, ""), RC_CHAIN, "it did not");
    refuse("author.joined", 2, zeros, first_body(here, them.text, ""), RC_CHAIN,
           "where 1 was expected");
    memset(first_hash, 7, sizeof first_hash);
    refuse("author.joined", 1, first_hash, first_body(here, them.text, ""), RC_CHAIN,
           "does not follow entry 0");
}

static void
test_later_entries(void **state)
{
    (void)state;
    log_rollback(store); /* of a test that failed */
    struct log_end end = {0};
    struct log_end before;
    struct err got = ERR_INIT;
    assert_ok(log_begin(store, err));
    assert_ok(take(them.author, 1, zeros, "author.joined", first_body(store->escrow, them.text, ""),
                   &end, err));
    assert_int_equal(end.seq, 1);
    before = end;
    assert_int_equal(take(them.author, 2, end.hash, "author.joined",
                          first_body(store->escrow, them.text, ""), &end, &got),
                     RC_CHAIN);
    assert_non_null(strstr(got.msg, "begins a log again"));
    assert_int_equal(take(them.author, 2, end.hash, "escrow.created", "{}", &end, &got), RC_CHAIN);
    assert_non_null(strstr(got.msg, "begins a log again"));
    assert_int_equal(take(them.author, 3, end.hash, "note", "{}", &end, &got), RC_CHAIN);
    assert_non_null(strstr(got.msg, "entry 3 of author"));
    assert_int_equal(take(them.author, 1, end.hash, "note", "{}", &end, &got), RC_CHAIN);
    assert_non_null(strstr(got.msg, "where 2 was expected"));
    assert_int_equal(take(them.author, 2, zeros, "note", "{}", &end, &got), RC_CHAIN);
    assert_non_null(strstr(got.msg, "does not follow entry 1"));
    assert_memory_equal(&end, &before, sizeof end);
    assert_ok(take(them.author, 2, end.hash, "note", "{}", &end, err));
    assert_int_equal(end.seq, 2);
    struct log_end held;
    assert_ok(log_end(store, them.author, &held, err));
    assert_int_equal(held.seq, 2);
    assert_memory_equal(held.hash, end.hash, HASH_SIZE);
    log_rollback(store);
}

/* The name and site under which an author is listed, or none. */
static void
test_names(void **state)
{
    static const struct {
        const char *more, *name, *site;
    } cases[] = {
        {"", "", ""},
        {",\"name\":\"n1\"", "n1", ""},
        {",\"name\":\"a b\",\"author_name\":\"n2\"", "n2", ""},
        {",\"author_name\":\"n3\",\"site\":\"" SITE2 "\"", "n3", SITE2},
        {",\"author_name\":\"a b\",\"site\":\"fra\"", "", ""},
        {",\"name\":\"n4\",\"author_name\":\"n5\"", "n4", ""},
    };
    (void)state;
    log_rollback(store); /* of a test that failed */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_end end = {0};
        struct log_author a;
        assert_ok(log_begin(store, err));
        assert_ok(take(them.author, 1, zeros, "author.joined",
                       first_body(store->escrow, them.text, cases[i].more), &end, err));
        assert_ok(log_author_get(store, them.author, &a, err));
        assert_string_equal(a.name, cases[i].name);
        assert_string_equal(a.site, cases[i].site);
        assert_string_equal(a.public_key, them.text);
        assert_int_equal(a.founder, 0);
        assert_int_equal(a.entries, 1);
        log_rollback(store);
    }
    struct log_author a;
    assert_rc(log_author_get(store, them.author, &a, err), RC_NOT_FOUND);
    assert_ok(log_author_get(store, store->self.author, &a, err));
    assert_int_equal(a.founder, 1);
    assert_string_equal(a.site, STORES_SITE);
}

/* Admissions and retirements that are not whole bear on nothing. */
static void
test_what_bears_on_nothing(void **state)
{
    (void)state;
    log_rollback(store); /* of a test that failed */
#define H64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    static const struct {
        const char *kind, *format;
        int facts;
    } cases[] = {
        {"author.admitted", "{\"public_key\":\"%2$s\"}", 0},
        {"author.admitted", "{\"author\":\"x\",\"public_key\":\"%2$s\"}", 0},
        {"author.admitted", "{\"author\":\"%1$s\"}", 0},
        {"author.admitted", "{\"author\":\"%1$s\",\"public_key\":\"x%2$s\"}", 0},
        {"author.admitted", "{\"author\":\"%1$s\",\"public_key\":\"%3$s\"}", 0},
        {"author.admitted", "{\"author\":\"%1$s\",\"public_key\":\"%2$s\"}", 1},
        {"author.retired", "{\"entries\":1,\"last\":\"" H64 "\"}", 0},
        {"author.retired", "{\"author\":\"x\",\"entries\":1,\"last\":\"" H64 "\"}", 0},
        {"author.retired", "{\"author\":\"%1$s\",\"last\":\"" H64 "\"}", 0},
        {"author.retired", "{\"author\":\"%1$s\",\"entries\":-1,\"last\":\"" H64 "\"}", 0},
        {"author.retired", "{\"author\":\"%1$s\",\"entries\":1}", 0},
        {"author.retired", "{\"author\":\"%1$s\",\"entries\":1,\"last\":\"aa\"}", 0},
        {"author.retired", "{\"author\":\"%1$s\",\"entries\":0,\"last\":\"" H64 "\"}", 1},
        {"note", "{\"author\":\"%1$s\",\"entries\":0,\"public_key\":\"%2$s\",\"last\":\"" H64 "\"}",
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stmt *q = NULL;
        struct buf body;
        const char *f = cases[i].format;
        buf_init(&body, LIMIT_BODY);
        for (; *f != '\0'; f++) { /* %1$s and so on */
            const char *const values[] = {them.author, them.text, other.text};
            if (*f == '%') {
                buf_adds(&body, values[f[1] - '1']);
                f += 3;
            } else {
                buf_addc(&body, *f);
            }
        }
        assert_ok(log_begin(store, err));
        assert_ok(log_append(store, cases[i].kind, &body, NULL, err));
        assert_ok(db_query(store->db, &q, "SELECT count(*) FROM trust_fact", err));
        assert_ok(stmt_row(q, err));
        if (col_int(q, 0) != cases[i].facts)
            print_error("%s %s\n", cases[i].kind, buf_str(&body));
        assert_int_equal(col_int(q, 0), cases[i].facts);
        stmt_done(q);
        log_rollback(store);
        buf_release(&body);
    }
#undef H64
}

/* Each way to alter what is held, in a transaction that is taken back. */
static void
test_verify(void **state)
{
    static const struct {
        const char *sql, *says;
    } cases[] = {
        {"UPDATE entry SET line = replace(line, 'note', 'nope') WHERE seq = 2",
         "hash on record of entry 2"},
        {"UPDATE entry SET line = replace(line, 'three', 'thrEE') WHERE seq = 3",
         "hash on record of entry 3"},
        {"UPDATE entry SET hash = zeroblob(32) WHERE seq = 2", "hash on record of entry 2"},
        {"UPDATE entry SET line = replace(line, '\"seq\":2', '\"seq\":4') WHERE seq = 2",
         "does not follow"},
        {"UPDATE entry SET line = 'x' || line WHERE seq = 2", "entry 2 was altered"},
        {"UPDATE entry SET line = 'x' || line WHERE seq = 1", "entry 1 was altered"},
        {"UPDATE entry SET line = replace(line, '\"author\":\"', '\"author\":\"0') WHERE seq = 2",
         "entry 2 was altered"},
        {"UPDATE entry SET line = substr(line, 1, 25) || '00000000000000000000000000000000' || "
         "substr(line, 58)"
         " WHERE seq = 2",
         "entry 2 is of author 0000"},
        {"DELETE FROM entry WHERE seq = 2", "entry 3 does not follow"},
        {"DELETE FROM entry WHERE seq = 1", "entry 2 does not follow"},
        {"UPDATE entry SET seq = 4 WHERE seq = 3", "entry 4 does not follow"},
        {"DELETE FROM entry", "entries are missing"},
    };
    (void)state;
    log_rollback(store); /* of a test that failed */
    int64_t count = 0;
    stores_note(store, "two");
    stores_note(store, "three");
    assert_ok(log_verify(store, &count, err));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err got = ERR_INIT;
        assert_ok(log_begin(store, err));
        assert_ok(db_exec(store->db, "DROP TRIGGER entry_keep", err));
        assert_ok(db_exec(store->db, "DROP TRIGGER entry_stay", err));
        assert_ok(db_exec(store->db, cases[i].sql, err));
        enum rc rc = log_verify(store, &count, &got);
        if (rc != RC_CHAIN || strstr(got.msg, cases[i].says) == NULL)
            print_error("%s: %s %s\n", cases[i].sql, err_name(rc), got.msg);
        assert_int_equal(rc, RC_CHAIN);
        assert_non_null(strstr(got.msg, cases[i].says));
        assert_non_null(strstr(got.msg, store->self.author));
        log_rollback(store);
    }
    assert_ok(log_verify(store, &count, err));
}

/* Whoever can write the file can make the hash fit; the first entry still has to prove its author.
 */
static void
test_verify_first_entry(void **state)
{
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"\"kind\":\"escrow.created\"", "\"kind\":\"escrow.creator\"", "begins with"},
        {"\"public_key\":\"", "\"public_kEy\":\"", "does not carry its key"},
        {"\"escrow\":\"", "\"escroW\":\"", "belongs to another escrow"},
    };
    (void)state;
    log_rollback(store); /* of a test that failed */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err got = ERR_INIT;
        struct stmt *q = NULL;
        unsigned char hash[HASH_SIZE];
        char line[4096];
        int64_t count = 0;
        assert_ok(log_begin(store, err));
        assert_ok(db_exec(store->db, "DROP TRIGGER entry_keep", err));
        assert_ok(
            db_query(store->db, &q, "SELECT CAST(line AS TEXT) FROM entry WHERE seq = 1", err));
        assert_ok(stmt_row(q, err));
        assert_true(strlen(col_text(q, 0)) < sizeof line);
        (void)snprintf(line, sizeof line, "%s", col_text(q, 0));
        stmt_done(q);
        char *at = strstr(line, cases[i].from);
        assert_non_null(at);
        memcpy(at, cases[i].to, strlen(cases[i].to));
        sha256(hash, line, strlen(line));
        assert_ok(
            db_query(store->db, &q, "UPDATE entry SET line = ?1, hash = ?2 WHERE seq = 1", err));
        stmt_text(q, 1, line);
        stmt_blob(q, 2, hash, HASH_SIZE);
        assert_ok(stmt_run(q, err));
        assert_true(log_verify(store, &count, &got) != RC_OK);
        if (strstr(got.msg, cases[i].says) == NULL)
            print_error("%s: %s\n", cases[i].to, got.msg);
        assert_non_null(strstr(got.msg, cases[i].says));
        log_rollback(store);
    }
}

/* An entry's hash is given out and is what the log ends with; a body that is no object is not
 * recorded. */
static void
test_appending(void **state)
{
    (void)state;
    log_rollback(store); /* of a test that failed */
    char hash[HASH_TEXT + 1];
    char end_hash[HASH_TEXT + 1];
    struct log_end before;
    struct log_end end;
    struct buf body;
    struct err got = ERR_INIT;
    buf_init(&body, LIMIT_BODY);
    buf_adds(&body, "{}");
    assert_ok(log_end(store, store->self.author, &before, err));
    assert_ok(log_append_one(store, "note", &body, hash, err));
    assert_ok(log_end(store, store->self.author, &end, err));
    hex_encode(end_hash, end.hash, HASH_SIZE);
    assert_string_equal(hash, end_hash);
    assert_string_equal(store->appended, hash);
    assert_int_equal(end.seq, before.seq + 1);
    buf_clear(&body);
    buf_adds(&body, "7");
    assert_int_equal(log_append_one(store, "note", &body, NULL, &got), RC_MALFORMED);
    assert_non_null(strstr(got.msg, "recording note: "));
    assert_ok(log_end(store, store->self.author, &end, err));
    assert_int_equal(end.seq, before.seq + 1);
    log_rollback(store); /* harmless outside a transaction */
    assert_int_equal(store->lock_fd, -1);
    buf_release(&body);
}

/* The store got another author through another connection: nothing is recorded for the former one.
 */
static void
test_another_author_meanwhile(void **state)
{
    (void)state;
    log_rollback(store); /* of a test that failed */
    struct err got = ERR_INIT;
    struct store *second = stores_open("log");
    assert_ok(log_begin(second, err));
    assert_ok(store_meta_set(second, "self", other.text, err));
    assert_ok(log_commit(second, err));
    assert_int_equal(log_begin(store, &got), RC_STORE_BUSY);
    assert_non_null(strstr(got.msg, "another author"));
    assert_int_equal(store->lock_fd, -1);
    assert_ok(db_begin(store->db, err)); /* the transaction is over, too */
    assert_ok(store_meta_set(store, "self", store->self.text, err));
    assert_ok(db_commit(store->db, err));
    store_close(second);
    assert_ok(log_begin(store, err));
    log_rollback(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_entries), cmocka_unit_test(test_later_entries),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_what_bears_on_nothing),
        cmocka_unit_test(test_verify),        cmocka_unit_test(test_verify_first_entry),
        cmocka_unit_test(test_appending),     cmocka_unit_test(test_another_author_meanwhile),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
