#include "../lib/stores.h"

#include "escrow/settle.h"
#include "escrow/trust.h"
#include "escrow/view.h"

/* Takes the lines from..to of one store into another, as a pull does. */
struct carry {
    struct store *to;
    struct log_end end;
};

static enum rc
carry_line(void *arg, int64_t seq, const char *line, size_t len, struct err *err)
{
    struct carry *c = arg;
    struct entry e;
    (void)seq;
    enum rc rc = entry_parse(&e, line, len, err);
    if (rc == RC_OK)
        rc = log_receive(c->to, &e, &c->end, err);
    entry_release(&e);
    return rc;
}

static void
carry(struct store *to, const struct store *from)
{
    struct carry c = {.to = to};
    assert_ok(log_begin(to, err));
    assert_ok(log_end(to, from->self.author, &c.end, err));
    assert_ok(log_each(from, from->self.author, c.end.seq + 1, INT64_MAX / 2, carry_line, &c, err));
    assert_ok(log_commit(to, err));
}

static void
assert_standing(const struct store *s, const struct store *who, const char *standing,
                int64_t applied)
{
    struct trust t;
    assert_ok(trust_of(s, who->self.author, &t, err));
    assert_string_equal(t.standing, standing);
    assert_int_equal(t.applied, applied);
}

static void
add_site(struct store *s, const char *uuid, const char *name)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{\"uuid\":\"%s\",\"name\":\"%s\"}", uuid, name);
    stores_append(s, "site.added", body);
}

static void
retire(struct store *by, const struct store *who, int64_t upto)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{\"author\":\"%s\",\"entries\":%lld,\"last\":\"%064d\"}",
                   who->self.author, (long long)upto, 0);
    stores_append(by, "author.retired", body);
}

#define MAD "aaaaaaaa-2222-4333-8444-555555555555"

static void
test_an_author_counts_once_admitted(void **state)
{
    (void)state;
    struct store *f = stores_make("f1", NULL);
    struct store *m = stores_make("m1", &f->founder);
    struct object o;
    add_site(m, MAD, "mad");
    assert_standing(m, m, "own", 2); /* a store always applies its own log */
    carry(f, m);
    assert_standing(f, m, "unknown", 0);
    assert_rc(object_find(f, "site", "mad", &o, err), RC_NOT_FOUND);
    stores_admit(f, &m->self);
    assert_standing(f, m, "admitted", 2);
    assert_ok(object_find(f, "site", "mad", &o, err));
    carry(m, f);
    assert_standing(m, m, "admitted", 2);
    assert_standing(m, f, "founder", 2);
    char a[DIGEST_TEXT], b[DIGEST_TEXT];
    assert_ok(apply_digest(f->db, a, err));
    assert_ok(apply_digest(m->db, b, err));
    assert_string_equal(a, b);
    stores_note(m, "one more");
    assert_ok(apply_digest(m->db, b, err));
    assert_string_not_equal(a, b);
    store_close(f);
    store_close(m);
}

static void
test_admissions_chain_and_a_lower_rank_retires_nobody_above(void **state)
{
    (void)state;
    struct store *f = stores_make("f2", NULL);
    struct store *m = stores_make("m2", &f->founder);
    struct store *x = stores_make("x2", &f->founder);
    stores_admit(f, &m->self);
    stores_admit(m, &x->self);
    retire(m, f, 1); /* the founder ranks higher: nothing happens */
    retire(x, m, 1); /* so does m, for x */
    carry(f, m);
    carry(f, x);
    struct trust rank;
    const struct store *const order[] = {f, m, x};
    for (int i = 0; i < 3; i++) {
        assert_ok(trust_of(f, order[i]->self.author, &rank, err));
        assert_int_equal(rank.rank, i);
    }
    assert_standing(f, f, "founder", 2);
    assert_standing(f, m, "admitted", 3);
    assert_standing(f, x, "admitted", 2);
    /* The founder retires m at entry 1: the admission of x, entry 2, counts no longer. */
    assert_ok(trust_verify(f, err));
    retire(f, m, 1);
    assert_standing(f, m, "admitted", 1);
    assert_standing(f, x, "unknown", 0);
    assert_rc(trust_verify(f, err),
              RC_CHAIN); /* the retirement names another entry 1 than is held */
    store_close(f);
    store_close(m);
    store_close(x);
}

static int
rank_in(const struct store *s, const struct store *who)
{
    struct trust t;
    assert_ok(trust_of(s, who->self.author, &t, err));
    return (int)t.rank;
}

static int
by_author(const void *a, const void *b)
{
    const struct store *const *x = a;
    const struct store *const *y = b;
    return strcmp((*x)->self.author, (*y)->self.author);
}

/* Whoever is admitted at the same depth ranks by its id, whatever the order of admission; a second
 * admission farther from the founder changes nothing. */
static void
test_ranks_of_one_depth(void **state)
{
    (void)state;
    struct store *f = stores_make("fr", NULL);
    struct store *admitted[] = {stores_make("or", &f->founder), stores_make("tr", &f->founder),
                                stores_make("hr", &f->founder)};
    qsort(admitted, 3, sizeof admitted[0], by_author);
    for (int i = 2; i >= 0; i--)
        stores_admit(f, &admitted[i]->self);
    stores_admit(admitted[0], &admitted[1]->self);
    for (int i = 0; i < 3; i++)
        carry(f, admitted[i]);
    assert_int_equal(rank_in(f, f), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rank_in(f, admitted[i]), i + 1);
        store_close(admitted[i]);
    }
    store_close(f);
}

/* So many that what is remembered of them has to grow while it is read: each keeps its standing. */
static void
test_a_large_fleet(void **state)
{
    (void)state;
    enum { FLEET = 100 };
    static struct sign_public fleet[FLEET];
    struct store *f = stores_make("fl", NULL);
    struct trust t;
    for (int i = 0; i < FLEET; i++) {
        struct secret *key = NULL;
        assert_ok(sign_generate(&key, &fleet[i], err));
        secret_free(key);
        if (i % 4 != 3)
            stores_admit(f, &fleet[i]);
    }
    for (int i = 0; i < FLEET; i++) {
        if (i % 4 > 1)
            assert_ok(trust_override(f, fleet[i].author, i % 4 == 2 ? "block" : "trust", err));
    }
    for (int i = 0; i < FLEET; i++) {
        static const char *const standing[] = {"admitted", "admitted", "blocked", "trusted"};
        assert_ok(trust_of(f, fleet[i].author, &t, err));
        assert_string_equal(t.standing, standing[i % 4]);
        assert_ok(trust_elsewhere(f, fleet[i].author, &t, err));
        assert_string_equal(t.standing, i % 4 == 3 ? "unknown" : "admitted");
    }
    assert_int_equal(rank_in(f, f), 0);
    store_close(f);
}

/* Of several retirements the earliest entry counts; one that its author recorded after its own log
 * ended does not; nor is the founder its own spare. */
static void
test_which_retirements_count(void **state)
{
    (void)state;
    struct store *f = stores_make("fw", NULL);
    struct store *m = stores_make("mw", &f->founder);
    struct store *x = stores_make("xw", &f->founder);
    char body[512];
    (void)snprintf(body, sizeof body, "{\"author\":\"%s\",\"public_key\":\"%s\",\"spare\":true}",
                   f->self.author, f->self.text);
    stores_append(f, "author.admitted", body);
    stores_admit(f, &m->self);
    stores_admit(m, &x->self);
    stores_note(x, "two");
    retire(m, x, 1);
    carry(f, m);
    carry(f, x);
    assert_standing(f, f, "founder", 3);
    assert_int_equal(rank_in(f, f), 0);
    assert_standing(f, x, "admitted", 1);
    retire(f, m, 2); /* the admission of x is entry 2, its retirement entry 3 */
    retire(f, m, 3);
    assert_standing(f, m, "admitted", 2);
    assert_standing(f, x, "admitted", 2);
    store_close(f);
    store_close(m);
    store_close(x);
}

static void
test_the_first_spare_ranks_above_the_founder(void **state)
{
    (void)state;
    struct store *f = stores_make("f3", NULL);
    struct store *s = stores_make("s3", &f->founder);
    struct store *thief = stores_make("t3", &f->founder);
    char body[512];
    (void)snprintf(body, sizeof body, "{\"author\":\"%s\",\"public_key\":\"%s\",\"spare\":true}",
                   s->self.author, s->self.text);
    stores_append(f, "author.admitted", body);
    stores_admit(f, &thief->self);
    retire(f, s, 1); /* the thief of the founder's key tries to get rid of the spare */
    carry(s, f);
    carry(s, thief);
    assert_standing(s, s, "spare", 1);
    assert_standing(s, thief, "admitted", 1);
    retire(s, f, 2);
    assert_standing(s, f, "founder", 2);
    assert_standing(s, thief, "unknown", 0);
    store_close(f);
    store_close(s);
    store_close(thief);
}

/* With the lines that are cut off, what they said of others is gone. */
static void
test_cut(void **state)
{
    (void)state;
    struct store *f = stores_make("f10", NULL);
    struct store *m = stores_make("m10", &f->founder);
    struct object o;
    char a[DIGEST_TEXT], b[DIGEST_TEXT];
    add_site(m, MAD, "mad");
    carry(f, m);
    stores_admit(f, &m->self);
    assert_standing(f, m, "admitted", 2);
    assert_ok(log_begin(f, err));
    assert_ok(log_cut(f, 1, err));
    assert_ok(log_commit(f, err));
    assert_standing(f, f, "founder", 1);
    assert_standing(f, m, "unknown", 0);
    assert_rc(object_find(f, "site", "mad", &o, err), RC_NOT_FOUND);
    assert_ok(apply_digest(f->db, a, err));
    assert_ok(apply_digest_rebuilt(f, b, err));
    assert_string_equal(a, b);
    stores_note(f, "goes on");
    assert_standing(f, f, "founder", 2);
    store_close(f);
    store_close(m);
}

static void
test_an_author_retires_itself(void **state)
{
    (void)state;
    struct store *f = stores_make("f4", NULL);
    struct store *m = stores_make("m4", &f->founder);
    stores_admit(f, &m->self);
    stores_note(m, "counts");
    retire(m, m, 2);
    stores_note(m, "does not");
    carry(f, m);
    assert_standing(f, m, "admitted", 2);
    assert_standing(m, m, "own", 4);
    store_close(f);
    store_close(m);
}

static void
test_this_machines_word(void **state)
{
    (void)state;
    struct store *f = stores_make("f5", NULL);
    struct store *m = stores_make("m5", &f->founder);
    struct object o;
    add_site(m, MAD, "mad");
    carry(f, m);
    assert_ok(trust_override(f, m->self.author, "trust", err));
    assert_standing(f, m, "trusted", 2);
    assert_ok(object_find(f, "site", "mad", &o, err));
    assert_ok(trust_override(f, m->self.author, NULL, err)); /* its entries go with the word */
    assert_standing(f, m, "unknown", 0);
    assert_rc(object_find(f, "site", "mad", &o, err), RC_NOT_FOUND);
    retire(f, m, 1);
    assert_ok(trust_override(f, m->self.author, "trust", err)); /* whatever others say */
    assert_standing(f, m, "trusted", 2);
    assert_ok(trust_override(f, m->self.author, "block", err));
    assert_standing(f, m, "blocked", 0);
    assert_rc(object_find(f, "site", "mad", &o, err), RC_NOT_FOUND);
    stores_admit(f, &m->self);
    assert_standing(f, m, "blocked", 0);
    assert_ok(trust_override(f, m->self.author, NULL, err));
    assert_standing(f, m, "admitted", 1);
    store_close(f);
    store_close(m);
}

static void
test_a_log_of_another_escrow_is_refused(void **state)
{
    (void)state;
    struct store *f = stores_make("f6", NULL);
    struct store *other = stores_make("o6", NULL); /* the same name, another founder */
    struct carry c = {.to = f};
    assert_string_equal(f->name, other->name);
    assert_ok(log_begin(f, err));
    assert_rc(log_each(other, other->self.author, 1, 1, carry_line, &c, err), RC_COPY_FOREIGN);
    log_rollback(f);
    store_close(f);
    store_close(other);
}

static void
test_conflicts_are_seen_and_settled(void **state)
{
    (void)state;
    struct store *f = stores_make("f7", NULL);
    struct store *m = stores_make("m7", &f->founder);
    struct buf v;
    int conflict = 0;
    buf_init(&v, LIMIT_TEXT);
    add_site(f, MAD, "mad");
    stores_admit(f, &m->self);
    carry(m, f);
    stores_append(f, "site.changed",
                  "{\"uuid\":\"" MAD
                  "\",\"set\":{\"region\":{\"value\":\"one\",\"supersedes\":[]}}}");
    stores_append(m, "site.changed",
                  "{\"uuid\":\"" MAD
                  "\",\"set\":{\"region\":{\"value\":\"two\",\"supersedes\":[]}}}");
    assert_ok(field_get(f, MAD, "region", &v, &conflict, err));
    assert_string_equal(buf_str(&v), "one");
    assert_int_equal(conflict, 0);
    carry(f, m);
    assert_ok(field_get(f, MAD, "region", &v, &conflict, err));
    assert_int_equal(conflict, 1);
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", MAD);
    jw_obj(&w, "set");
    jw_obj(&w, "region");
    jw_str(&w, "value", "two");
    assert_ok(field_supersedes(f, MAD, "region", &w, err));
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_end_obj(&w);
    stores_append(f, "site.changed", buf_str(&body));
    assert_ok(field_get(f, MAD, "region", &v, &conflict, err));
    assert_string_equal(buf_str(&v), "two");
    assert_int_equal(conflict, 0);
    buf_release(&body);
    buf_release(&v);
    store_close(f);
    store_close(m);
}

static void
test_what_is_not_understood_is_kept_and_said(void **state)
{
    (void)state;
    struct store *f = stores_make("f8", NULL);
    struct stmt *q = NULL;
    stores_append(f, "later.invented", "{\"x\":1}");
    stores_append(f, "key.created", "{\"uuid\":\"not one\"}");
    assert_ok(db_query(f->db, &q, "SELECT kind, reason FROM unapplied ORDER BY kind", err));
    assert_ok(stmt_row(q, err));
    assert_string_equal(col_text(q, 0), "key.created");
    assert_ok(stmt_row(q, err));
    assert_string_equal(col_text(q, 1), "unknown kind");
    stmt_done(q);
    char a[DIGEST_TEXT], b[DIGEST_TEXT];
    assert_ok(apply_digest(f->db, a, err));
    assert_ok(apply_digest_rebuilt(f, b, err));
    assert_string_equal(a, b);
    store_close(f);
}

static void
test_verify_catches_changed_lines_and_tables(void **state)
{
    (void)state;
    struct store *f = stores_make("f9", NULL);
    int64_t count = 0;
    char a[DIGEST_TEXT], b[DIGEST_TEXT];
    add_site(f, MAD, "mad");
    assert_ok(log_verify(f, &count, err));
    assert_int_equal(count, 2);
    assert_ok(db_exec(f->db, "UPDATE object SET name = 'xxx'", err));
    assert_ok(apply_digest(f->db, a, err));
    assert_ok(apply_digest_rebuilt(f, b, err));
    assert_string_not_equal(a, b);
    assert_ok(db_exec(
        f->db, "DROP TRIGGER entry_keep; UPDATE entry SET line = replace(line, 'mad', 'xxx')",
        err));
    assert_rc(log_verify(f, &count, err), RC_CHAIN);
    store_close(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_author_counts_once_admitted),
        cmocka_unit_test(test_admissions_chain_and_a_lower_rank_retires_nobody_above),
        cmocka_unit_test(test_ranks_of_one_depth),
        cmocka_unit_test(test_a_large_fleet),
        cmocka_unit_test(test_which_retirements_count),
        cmocka_unit_test(test_the_first_spare_ranks_above_the_founder),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_an_author_retires_itself),
        cmocka_unit_test(test_this_machines_word),
        cmocka_unit_test(test_a_log_of_another_escrow_is_refused),
        cmocka_unit_test(test_conflicts_are_seen_and_settled),
        cmocka_unit_test(test_what_is_not_understood_is_kept_and_said),
        cmocka_unit_test(test_verify_catches_changed_lines_and_tables),
    };
    return cmocka_run_group_tests(tests, stores_setup, stores_teardown);
}
