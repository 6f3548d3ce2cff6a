#include "../lib/stores.h"

#include "escrow/author.h"
#include "escrow/restate.h"
#include "escrow/settle.h"
#include "escrow/trust.h"

#define OLD "1111111111111111111111111111111111111111111111111111111111111111"
#define NEW "2222222222222222222222222222222222222222222222222222222222222222"
#define OTHER "3333333333333333333333333333333333333333333333333333333333333333"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void
assert_body(const char *body, const char *want)
{
    struct buf line, out;
    struct entry e;
    struct restated map = {0};
    buf_init(&line, LIMIT_ENTRY);
    buf_init(&out, LIMIT_ENTRY);
    buf_addf(&line,
             "{\"keymuster\":1,\"author\":\"0123456789abcdef0123456789abcdef\",\"seq\":1,\"prev\":"
             "\"" ZEROS "\",\"at\":\"2026-11-25T02:12:38.123Z\",\"by\":{},\"kind\":\"note\","
             "\"body\":%s}",
             body);
    assert_ok(entry_parse(&e, buf_str(&line), line.len, err));
    assert_ok(restated_add(&map, OLD, NEW, err));
    restate_body(&out, &e, &map);
    assert_string_equal(buf_str(&out), want);
    entry_release(&e);
    restated_release(&map);
    buf_release(&line);
    buf_release(&out);
}

/* Whole strings only, wherever they stand; nothing else is touched. */
static void
test_names_are_exchanged(void **state)
{
    (void)state;
    assert_body("{\"s\":[\"" OLD "\",\"" OTHER "\",\"" OLD "\"]}",
                "{\"s\":[\"" NEW "\",\"" OTHER "\",\"" NEW "\"]}");
    assert_body("{\"intended\":\"" OLD "\"}", "{\"intended\":\"" NEW "\"}");
    assert_body("{\"t\":\"x" OLD "\",\"u\":\"" OLD "1\"}",
                "{\"t\":\"x" OLD "\",\"u\":\"" OLD "1\"}");
    assert_body("{\"q\":\"say \\\"" OLD "\\\" twice\"}", "{\"q\":\"say \\\"" OLD "\\\" twice\"}");
    assert_body("{}", "{}");
}

/* The entry that says another one again carries what that was, and is found by its name. */
static void
test_an_entry_is_said_again(void **state)
{
    (void)state;
    struct store *f = stores_make("r1", NULL);
    struct store *m = stores_make("r1m", &f->founder);
    struct restated map = {0};
    struct entry e;
    struct buf line;
    stores_note(m, "theirs");
    buf_init(&line, LIMIT_ENTRY);
    struct stmt *q = NULL;
    assert_ok(db_query(m->db, &q, "SELECT line FROM entry WHERE author = ?1 AND seq = 2", err));
    stmt_text(q, 1, m->self.author);
    assert_ok(stmt_row(q, err));
    size_t len = 0;
    const char *text = col_blob(q, 0, &len);
    buf_add(&line, text, len);
    stmt_done(q);
    assert_ok(entry_parse(&e, buf_str(&line), line.len, err));
    assert_ok(log_begin(f, err));
    assert_ok(restate_append(f, &e, &map, err));
    assert_ok(log_commit(f, err));
    assert_int_equal(map.count, 1);
    restated_release(&map);
    assert_ok(restated_load(f, &map, err));
    char hash[HASH_TEXT + 1];
    hex_encode(hash, e.hash, HASH_SIZE);
    assert_non_null(restated_as(&map, hash));
    assert_string_equal(restated_as(&map, hash), f->appended);
    assert_null(restated_as(&map, OTHER));
    int64_t count = 0;
    assert_ok(log_verify(f, &count, err));
    restated_release(&map);
    entry_release(&e);
    buf_release(&line);
    store_close(f);
    store_close(m);
}

/* Words in a text are no restatement, nor is a malformed member. */
static void
test_what_is_no_restatement(void **state)
{
    (void)state;
    struct store *f = stores_make("r2", NULL);
    struct restated map = {0};
    struct buf body, member;
    buf_init(&body, 1000);
    buf_init(&member, 1000);
    stores_append(f, "note", "{\"restates\":{\"entry\":\"" OTHER "\"}}");
    buf_adds(&body, "{}");
    buf_adds(&member, "{\"entry\":7}");
    assert_ok(log_begin(f, err));
    assert_ok(log_append_again(f, "note", &body, &member, NULL, err));
    assert_ok(log_commit(f, err));
    assert_ok(restated_load(f, &map, err));
    assert_int_equal(map.count, 0);
    restated_release(&map);
    buf_release(&body);
    buf_release(&member);
    store_close(f);
}

static void
test_authors_are_found_by_their_beginning(void **state)
{
    (void)state;
    struct store *f = stores_make("r3", NULL);
    struct log_author a;
    struct err e = ERR_INIT;
    assert_ok(
        db_exec(f->db,
                "INSERT INTO author_key VALUES ('aaaa1111000000000000000000000000', '', 'one',"
                " '', 0), ('aaaa2222000000000000000000000000', '', 'two', '', 0)",
                err));
    assert_ok(author_find(f, "aaaa1", &a, err));
    assert_string_equal(a.name, "one");
    assert_int_equal(author_find(f, "aaaa", &a, &e), RC_AMBIGUOUS);
    assert_non_null(strstr(e.why, "aaaa1111000000000000000000000000"));
    assert_non_null(strstr(e.why, "aaaa2222000000000000000000000000"));
    assert_rc(author_find(f, "aaa", &a, err), RC_BAD_VALUE);
    assert_rc(author_find(f, "AAAA1", &a, err), RC_BAD_VALUE);
    assert_rc(author_find(f, "aaaa33", &a, err), RC_NOT_FOUND);
    assert_rc(author_find(f, "aaaa11110000000000000000000000000", &a, err), RC_BAD_VALUE);
    store_close(f);
}

/* What the others make of a store's own log; the store itself applies all of it. */
static void
test_a_store_knows_that_it_was_retired(void **state)
{
    (void)state;
    struct store *f = stores_make("r4", NULL);
    struct trust t;
    int64_t count = 7;
    char body[300];
    assert_ok(trust_elsewhere(f, f->self.author, &t, err));
    assert_int_equal(t.upto, LIMIT_NUMBER);
    (void)snprintf(body, sizeof body, "{\"author\":\"%s\",\"entries\":1,\"last\":\"" ZEROS "\"}",
                   f->self.author);
    stores_append(f, "author.retired", body);
    stores_note(f, "after");
    assert_ok(trust_elsewhere(f, f->self.author, &t, err));
    assert_int_equal(t.upto, 1);
    assert_ok(trust_of(f, f->self.author, &t, err));
    assert_int_equal(t.upto, LIMIT_NUMBER);
    assert_int_equal(t.applied, 3);
    assert_ok(author_quarantined(f, f->self.author, &count, err));
    assert_int_equal(count, 0);
    store_close(f);
}

/* The log is taken back, its tables with it; the guard is there again. */
static void
test_the_own_log_is_cut(void **state)
{
    (void)state;
    struct store *f = stores_make("r5", NULL);
    struct log_end end;
    struct err e = ERR_INIT;
    stores_note(f, "stays");
    stores_note(f, "goes");
    assert_ok(log_begin(f, err));
    assert_ok(log_cut(f, 2, err));
    assert_ok(log_commit(f, err));
    assert_ok(log_end(f, f->self.author, &end, err));
    assert_int_equal(end.seq, 2);
    char a[DIGEST_TEXT], b[DIGEST_TEXT];
    assert_ok(apply_digest(f->db, a, err));
    assert_ok(apply_digest_rebuilt(f, b, err));
    assert_string_equal(a, b);
    stores_note(f, "goes on");
    assert_int_not_equal(db_exec(f->db, "DELETE FROM entry", &e), RC_OK);
    assert_non_null(strstr(e.why, "never deleted"));
    store_close(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_exchanged),
        cmocka_unit_test(test_an_entry_is_said_again),
        cmocka_unit_test(test_what_is_no_restatement),
        cmocka_unit_test(test_authors_are_found_by_their_beginning),
        cmocka_unit_test(test_a_store_knows_that_it_was_retired),
        cmocka_unit_test(test_the_own_log_is_cut),
    };
    return cmocka_run_group_tests(tests, stores_setup, stores_teardown);
}
