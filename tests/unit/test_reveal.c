#include "../lib/keys.h"

#include "recover/reveal.h"

#define KEY "44444444-2222-4333-8444-555555555501"
#define COPY "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee"
#define COPY_UUID "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

static struct reveal
plan(const struct key *key)
{
    return (struct reveal){.key = key, .reason = "a test", .to = "stdout"};
}

/* The newest line of a kind, or "". Static. */
static const char *
newest(const struct store *s, const char *kind)
{
    static char line[LIMIT_ENTRY];
    struct stmt *q = NULL;
    char like[96];
    (void)snprintf(like, sizeof like, "%%\"kind\":\"%s\"%%", kind);
    assert_ok(
        db_query(s->db, &q, "SELECT line FROM entry WHERE line LIKE ?1 ORDER BY seq DESC", err));
    stmt_text(q, 1, like);
    assert_ok(stmt_row(q, err));
    (void)snprintf(line, sizeof line, "%s", stmt_more(q) ? col_text(q, 0) : "");
    stmt_done(q);
    return line;
}

static int64_t
seq_of(const struct store *s, const char *kind)
{
    struct stmt *q = NULL;
    char like[96];
    (void)snprintf(like, sizeof like, "%%\"kind\":\"%s\"%%", kind);
    assert_ok(db_query(s->db, &q, "SELECT max(seq) FROM entry WHERE line LIKE ?1", err));
    stmt_text(q, 1, like);
    assert_ok(stmt_row(q, err));
    int64_t seq = col_int(q, 0);
    stmt_done(q);
    return seq;
}

static void
test_three_records_in_order(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    keys_begin(&k, "order");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    struct reveal r = plan(&key);
    r.ticket = "T-1";
    r.person = "ana";
    r.unsynced = 1;
    r.unlocked = 1;
    r.accept_risk = "no lock here";
    assert_ok(reveal_intended(k.store, &r, err));
    assert_int_equal(strlen(r.intended), HASH_TEXT);
    assert_int_equal(keys_count(k.store, "reveal.shown"), 0);
    const char *line = newest(k.store, "reveal.intended");
    assert_non_null(strstr(line, "\"key\":\"" KEY "\",\"reason\":\"a test\",\"ticket\":\"T-1\","
                                 "\"to\":\"stdout\""));
    assert_non_null(strstr(line, "\"person\":\"ana\",\"allow_unsynced\":true,"
                                 "\"unlocked_memory\":true,\"accepted_risk\":\"no lock here\""));
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_ok(reveal_shown(k.store, &r, &u, err));
    assert_int_equal(keys_count(k.store, "wrap.added"), 1); /* nothing was fresh */
    line = newest(k.store, "reveal.shown");
    assert_non_null(strstr(line, r.intended));
    assert_non_null(strstr(line, "\"checked\":true"));
    assert_ok(reveal_closed(k.store, &r, "closed", err));
    assert_non_null(strstr(newest(k.store, "reveal.closed"), "\"how\":\"closed\""));
    assert_true(seq_of(k.store, "reveal.intended") < seq_of(k.store, "reveal.shown"));
    assert_true(seq_of(k.store, "reveal.shown") < seq_of(k.store, "reveal.closed"));
    /* No record holds the password. */
    for (const char *const *kind =
             (const char *const[]){"reveal.intended", "reveal.shown", "reveal.closed", NULL};
         *kind != NULL; kind++)
        assert_null(strstr(newest(k.store, *kind), "BwcHBwcH"));
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_a_fresh_wrap_is_kept_if_the_value_is_proven(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    struct root_info info;
    for (int checked = 0; checked < 2; checked++) {
        keys_begin(&k, checked ? "fresh1" : "fresh0");
        keys_add(&k, KEY, "vbr/config", checked ? 7 : -1, &key);
        keys_add_wrap(&k, &key, 1, 7, NULL);
        assert_ok(kms_root_change(k.here, k.root_here, KMS_ROTATE, &info, err));
        struct reveal r = plan(&key);
        assert_ok(reveal_intended(k.store, &r, err));
        assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
        assert_ok(reveal_shown(k.store, &r, &u, err));
        assert_int_equal(keys_count(k.store, "wrap.added"), 1 + checked);
        if (checked) {
            const char *line = newest(k.store, "wrap.added");
            assert_non_null(strstr(line, "\"how\":\"refresh\""));
            assert_non_null(strstr(line, info.version));
        }
        unwrap_release(&u);
        /* The old wrap stays; whichever is tried, the value is the same. */
        assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
        assert_int_equal(u.fresh.len > 0, !checked);
        unwrap_release(&u);
        keys_end(&k);
    }
}

static void
test_without_a_reason_nothing_is_recorded(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    keys_begin(&k, "reason");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    struct reveal r = plan(&key);
    r.reason = NULL;
    assert_rc(reveal_intended(k.store, &r, err), RC_NO_REASON);
    r.reason = "";
    assert_rc(reveal_intended(k.store, &r, err), RC_NO_REASON);
    assert_int_equal(keys_count(k.store, "reveal.intended"), 0);
    keys_end(&k);
}

static void
test_no_record_is_18_with_its_cause(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    keys_begin(&k, "readonly");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    struct reveal r = plan(&key);
    assert_ok(reveal_intended(k.store, &r, err));
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_ok(
        db_exec(k.store->db, "PRAGMA query_only = 1", err)); /* as if nothing could be written */
    struct err err = ERR_INIT;
    assert_int_equal(reveal_shown(k.store, &r, &u, &err), RC_NO_RECORD);
    assert_int_equal(err_exit(err.code), 18);
    assert_true(err.why[0] != '\0');
    assert_string_equal(err.entry, r.intended); /* what stands in the record already */
    struct reveal other = plan(&key);
    err_clear(&err);
    assert_int_equal(reveal_intended(k.store, &other, &err), RC_NO_RECORD);
    assert_string_equal(other.intended, "");
    assert_int_equal(keys_count(k.store, "reveal.intended"), 1);
    assert_int_equal(keys_count(k.store, "reveal.shown"), 0);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_a_bare_wrap_has_no_key(void **state)
{
    (void)state;
    struct keys k;
    char id[HASH_TEXT + 1];
    keys_begin(&k, "bare");
    sha256_hex(id, "x", 1);
    struct reveal r = plan(NULL);
    r.wrap = id;
    assert_ok(reveal_intended(k.store, &r, err));
    const char *line = newest(k.store, "reveal.intended");
    assert_non_null(strstr(line, id));
    assert_null(strstr(line, "\"key\""));
    struct unwrap u = {.checked = 1};
    buf_init(&u.fresh, LIMIT_CIPHERTEXT);
    buf_adds(&u.fresh, "a fresh wrap"); /* there is no key to keep it with */
    assert_ok(reveal_shown(k.store, &r, &u, err));
    assert_null(strstr(newest(k.store, "reveal.shown"), "\"key\""));
    assert_int_equal(keys_count(k.store, "wrap.added"), 0);
    assert_ok(reveal_closed(k.store, &r, "signal", err));
    line = newest(k.store, "reveal.closed");
    assert_null(strstr(line, "\"key\""));
    assert_non_null(strstr(line, r.intended));
    buf_release(&u.fresh);
    keys_end(&k);
}

/* What need not outlive a site is released by any copy, and the answer names no site. */
static void
test_a_key_of_no_site(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct err got = ERR_INIT;
    keys_begin(&k, "nosite");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    (void)snprintf(key.purpose, sizeof key.purpose, "other");
    assert_int_equal(reveal_released(k.store, &key, &got), RC_NOT_RELEASED);
    assert_non_null(strstr(got.why, "no copy has its record"));
    (void)snprintf(key.purpose, sizeof key.purpose, "config-backup");
    key.protects_site[0] = '\0';
    assert_int_equal(reveal_released(k.store, &key, &got), RC_NOT_RELEASED);
    assert_non_null(strstr(got.why, "no copy has its record"));
    keys_end(&k);
}

/* As a pull or a publication notes it. */
static void
acknowledge(struct store *s, int64_t entries)
{
    struct stmt *q = NULL;
    unsigned char hash[HASH_SIZE] = {0};
    assert_ok(log_begin(s, err));
    assert_ok(db_query(s->db, &q,
                       "INSERT INTO copy_seen (copy, author, number, entries, last, head)"
                       " VALUES (?1, ?2, 1, ?3, ?4, ?4)"
                       " ON CONFLICT (copy, author) DO UPDATE SET entries = ?3",
                       err));
    stmt_text(q, 1, COPY);
    stmt_text(q, 2, s->self.author);
    stmt_int(q, 3, entries);
    stmt_blob(q, 4, hash, HASH_SIZE);
    assert_ok(stmt_run(q, err));
    assert_ok(log_commit(s, err));
}

static void
test_released_by_a_copy_at_another_site(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    keys_begin(&k, "release");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    assert_rc(reveal_released(k.store, &key, err), RC_NOT_RELEASED);
    acknowledge(k.store, key.seq - 1); /* not far enough, and of no known site */
    assert_rc(reveal_released(k.store, &key, err), RC_NOT_RELEASED);
    acknowledge(k.store, key.seq);
    assert_rc(reveal_released(k.store, &key, err), RC_NOT_RELEASED);
    keys_object(k.store, "copy", COPY_UUID, "usb", ",\"site\":\"" KEYS_OTHER_SITE "\"");
    assert_ok(reveal_released(k.store, &key, err));
    keys_end(&k);
}

static void
test_a_copy_at_the_protected_site_does_not_release(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    keys_begin(&k, "same");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_object(k.store, "copy", COPY_UUID, "usb", ",\"site\":\"" STORES_SITE "\"");
    acknowledge(k.store, key.seq + 1);
    struct err err = ERR_INIT;
    assert_int_equal(reveal_released(k.store, &key, &err), RC_NOT_RELEASED);
    assert_int_equal(err_exit(err.code), 17);
    assert_non_null(strstr(err.why, "outside site fra"));
    assert_non_null(strstr(err.hint, "--allow-unsynced"));
    keys_end(&k);
}

static void
test_a_key_shown_before_passes(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    keys_begin(&k, "before");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    struct reveal r = plan(&key);
    assert_ok(reveal_intended(k.store, &r, err));
    assert_rc(reveal_released(k.store, &key, err), RC_NOT_RELEASED); /* an intention is none */
    struct unwrap u = {.checked = 1};
    memcpy(u.root, KEYS_ROOT, sizeof KEYS_ROOT);
    assert_ok(reveal_shown(k.store, &r, &u, err));
    assert_ok(reveal_released(k.store, &key, err));
    keys_end(&k);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_records_in_order),
        cmocka_unit_test(test_a_fresh_wrap_is_kept_if_the_value_is_proven),
        cmocka_unit_test(test_without_a_reason_nothing_is_recorded),
        cmocka_unit_test(test_no_record_is_18_with_its_cause),
        cmocka_unit_test(test_a_bare_wrap_has_no_key),
        cmocka_unit_test(test_a_key_of_no_site),
        cmocka_unit_test(test_released_by_a_copy_at_another_site),
        cmocka_unit_test(test_a_copy_at_the_protected_site_does_not_release),
        cmocka_unit_test(test_a_key_shown_before_passes),
    };
    return cmocka_run_group_tests(tests, stores_setup, stores_teardown);
}
