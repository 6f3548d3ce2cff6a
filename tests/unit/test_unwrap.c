#include "../lib/keys.h"

#include "escrow/depend.h"
#include "recover/prove.h"
#include "recover/unwrap.h"
#include "text/enc.h"

#define KEY "44444444-2222-4333-8444-555555555501"

/* The text is base64 of 32 times this byte. */
static void
assert_text(const struct unwrap *u, int fill)
{
    unsigned char bytes[32];
    struct buf want;
    memset(bytes, fill, sizeof bytes);
    buf_init(&want, 64);
    base64_encode(&want, bytes, sizeof bytes);
    assert_non_null(u->text);
    assert_int_equal(u->text->len, want.len);
    assert_memory_equal(u->text->bytes, want.data, want.len);
    buf_release(&want);
}

static void
test_own_site_comes_first(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    char here[HASH_TEXT + 1];
    keys_begin(&k, "own");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, here);
    keys_add_wrap(&k, &key, 0, 7, NULL); /* newer, but at another site */
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_text(&u, 7);
    assert_string_equal(u.wrap, here);
    assert_string_equal(u.root, KEYS_ROOT);
    assert_string_equal(u.root_name, "root-here");
    assert_int_equal(u.checked, 1);
    assert_int_equal(u.tried, 1);
    assert_string_equal(u.note, "");
    assert_int_equal(u.fresh.len, 0);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_falls_back_to_another_wrap(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    keys_begin(&k, "fall");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    keys_add_wrap(&k, &key, 0, 7, NULL);
    kms_close(k.here);
    k.here = NULL;
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_text(&u, 7);
    assert_string_equal(u.root, KEYS_ROOT_AWAY);
    assert_int_equal(u.tried, 2);
    assert_non_null(strstr(u.note, "kp-here is away"));
    unwrap_release(&u);
    /* Limited to the root key that is away, there is no falling back. */
    assert_rc(unwrap_key(k.store, &key, KEYS_ROOT, keys_open, &k, &u, err), RC_KMS_UNREACHABLE);
    assert_null(u.text);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_the_nearest_error_is_told(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    struct root_info info;
    keys_begin(&k, "near");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    keys_add_wrap(&k, &key, 0, 7, NULL);
    kms_close(k.here);
    k.here = NULL;
    assert_ok(kms_root_change(k.away, k.root_away, KMS_DISABLE, &info, err));
    struct err err = ERR_INIT;
    assert_int_equal(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, &err), RC_ROOT_DISABLED);
    assert_non_null(strstr(err.msg, "vbr/config"));
    assert_non_null(strstr(err.why, "none of 2 wraps"));
    assert_non_null(strstr(err.why, "kp-here is away"));
    assert_null(u.text);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_a_mismatch_is_never_given_out(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    keys_begin(&k, "mismatch");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 8, NULL); /* opens well, to something else */
    keys_add_wrap(&k, &key, 0, 7, NULL);
    assert_rc(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err), RC_CHECK_MISMATCH);
    assert_null(u.text);
    assert_int_equal(u.tried, 1); /* at once: not covered up by a better one */
    unwrap_release(&u);
    assert_ok(unwrap_key(k.store, &key, KEYS_ROOT_AWAY, keys_open, &k, &u, err));
    assert_text(&u, 7);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_without_a_check_value_it_is_unproven(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    keys_begin(&k, "unproven");
    keys_add(&k, KEY, "vbr/config", -1, &key);
    keys_add_wrap(&k, &key, 1, 9, NULL);
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_text(&u, 9);
    assert_int_equal(u.checked, 0);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_retired_wraps_come_last_and_still_open(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    char body[256];
    char here[HASH_TEXT + 1];
    char away[HASH_TEXT + 1];
    keys_begin(&k, "retired");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, here);
    keys_add_wrap(&k, &key, 0, 7, away);
    (void)snprintf(body, sizeof body, "{\"key\":\"" KEY "\",\"wrap\":\"%s\",\"reason\":\"x\"}",
                   here);
    stores_append(k.store, "wrap.retired", body);
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_string_equal(u.wrap, away);
    unwrap_release(&u);
    (void)snprintf(body, sizeof body, "{\"key\":\"" KEY "\",\"wrap\":\"%s\",\"reason\":\"x\"}",
                   away);
    stores_append(k.store, "wrap.retired", body);
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_string_equal(u.wrap, here);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_no_wrap_at_all(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    keys_begin(&k, "none");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    assert_rc(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err), RC_NOT_FOUND);
    unwrap_release(&u);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    assert_rc(unwrap_key(k.store, &key, KEYS_ROOT_AWAY, keys_open, &k, &u, err), RC_NOT_FOUND);
    assert_int_equal(k.opened, 0);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_a_root_not_known_here_is_passed_over(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    keys_begin(&k, "unknown");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 0, 7, NULL);
    stores_append(k.store, "wrap.added",
                  "{\"key\":\"" KEY
                  "\",\"wrap\":{\"root\":\"33333333-2222-4333-8444-5555555555ff\","
                  "\"version\":\"\",\"aad\":[],\"ciphertext\":\"e30=\",\"how\":\"add\"}}");
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_int_equal(u.tried, 2);
    assert_text(&u, 7);
    unwrap_release(&u);
    keys_end(&k);
}

static void
test_a_rotated_root_gives_a_fresh_wrap(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap u;
    struct root_info info;
    keys_begin(&k, "fresh");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    assert_ok(kms_root_change(k.here, k.root_here, KMS_ROTATE, &info, err));
    assert_ok(unwrap_key(k.store, &key, NULL, keys_open, &k, &u, err));
    assert_true(u.fresh.len > 0);
    assert_string_equal(u.fresh_version, info.version);
    assert_string_not_equal(u.version, info.version);
    assert_string_equal(u.aad, "[]");
    unwrap_release(&u);
    keys_end(&k);
}

/* More proofs at once than there are places for secrets; each has its own verdict. */
static void
test_a_batch_is_proven(void **state)
{
    enum { COUNT = 5 * SECRET_SLOTS, BAD = 17 };
    (void)state;
    struct keys k;
    struct key key;
    struct unwrap_first first;
    struct kms_op *ops = calloc(COUNT, sizeof *ops);
    struct proof *proofs = calloc(COUNT, sizeof *proofs);
    struct err e = ERR_INIT;
    char other[HASH_TEXT + 1];
    assert_non_null(ops);
    assert_non_null(proofs);
    keys_begin(&k, "batch");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    assert_ok(unwrap_first(&first, k.store, &key, NULL, err));
    assert_string_equal(first.root.object.name, "root-here");
    for (size_t i = 0; i < COUNT; i++) {
        assert_ok(proof_init(&proofs[i], k.store, &key, err));
        kms_op_init(&ops[i], KMS_UNWRAP, first.root.id);
        ops[i].ciphertext = i == BAD ? "e30=" : buf_str(&first.ciphertext);
        ops[i].take = proof_take;
        ops[i].take_arg = &proofs[i];
        assert_int_not_equal(proof_outcome(&proofs[i], &ops[i], &e), RC_OK); /* not yet tried */
    }
    unsigned live = secret_live();
    assert_ok(kms_run(k.here, ops, COUNT, err));
    assert_int_equal(secret_live(), live);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(proof_outcome(&proofs[i], &ops[i], &e) == RC_OK, i != BAD);
        kms_op_release(&ops[i]);
    }
    unwrap_first_release(&first);
    /* The wrap of another value: the check value tells. */
    keys_add_wrap(&k, &key, 1, 9, other);
    assert_ok(unwrap_first(&first, k.store, &key, KEYS_ROOT, err));
    assert_string_equal(first.wrap, other);
    kms_op_init(&ops[0], KMS_UNWRAP, first.root.id);
    ops[0].ciphertext = buf_str(&first.ciphertext);
    ops[0].take = proof_take;
    ops[0].take_arg = &proofs[0];
    assert_ok(kms_run(k.here, ops, 1, err));
    assert_int_equal(proof_outcome(&proofs[0], &ops[0], &e), RC_CHECK_MISMATCH);
    kms_op_release(&ops[0]);
    unwrap_first_release(&first);
    assert_int_equal(secret_live(), live);
    keys_end(&k);
    free(ops);
    free(proofs);
}

static void
test_what_depends_on_a_root_key(void **state)
{
    (void)state;
    struct keys k;
    struct key key;
    struct depend_count c;
    struct depend_on on = {.root = KEYS_ROOT};
    keys_begin(&k, "depend");
    keys_add(&k, KEY, "vbr/config", 7, &key);
    assert_ok(depend_count(k.store, &on, &c, err));
    assert_int_equal(c.keys, 0);
    keys_add_wrap(&k, &key, 1, 7, NULL);
    assert_ok(depend_count(k.store, &on, &c, err));
    assert_int_equal(c.keys, 1);
    assert_int_equal(c.only, 1);
    keys_add_wrap(&k, &key, 0, 7, NULL);
    assert_ok(depend_count(k.store, &on, &c, err));
    assert_int_equal(c.keys, 1);
    assert_int_equal(c.only, 0);
    keys_end(&k);
}

static void
test_aad_is_a_list_of_strings(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}",  "{\"a\":\"b\"}", "1",     "null",
                                      "[1]", "[[\"a\"]]",     "[\"a\""};
    struct unwrap_aad aad;
    assert_ok(unwrap_aad_read(&aad, "[\"one\",\"\"]", err));
    assert_int_equal(aad.count, 2);
    unwrap_aad_release(&aad);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_rc(unwrap_aad_read(&aad, bad[i], err), RC_MALFORMED);
        assert_int_equal(aad.count, 0);
        unwrap_aad_release(&aad);
    }
}

static void
test_forms(void **state)
{
    (void)state;
    struct secret *payload = NULL;
    struct secret *text = NULL;
    assert_ok(secret_new(&payload, err));
    assert_ok(secret_add(payload, "abc", 3, err));
    assert_ok(unwrap_form(&text, payload, "bytes", err));
    assert_memory_equal(text->bytes, "abc", 3);
    secret_free(text);
    assert_ok(unwrap_form(&text, payload, "base64", err));
    assert_memory_equal(text->bytes, "YWJj", 4);
    secret_free(text);
    assert_rc(unwrap_form(&text, payload, "hex", err), RC_MALFORMED);
    assert_null(text);
    secret_free(payload);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_site_comes_first),
        cmocka_unit_test(test_falls_back_to_another_wrap),
        cmocka_unit_test(test_the_nearest_error_is_told),
        cmocka_unit_test(test_a_mismatch_is_never_given_out),
        cmocka_unit_test(test_without_a_check_value_it_is_unproven),
        cmocka_unit_test(test_retired_wraps_come_last_and_still_open),
        cmocka_unit_test(test_no_wrap_at_all),
        cmocka_unit_test(test_a_root_not_known_here_is_passed_over),
        cmocka_unit_test(test_a_rotated_root_gives_a_fresh_wrap),
        cmocka_unit_test(test_a_batch_is_proven),
        cmocka_unit_test(test_what_depends_on_a_root_key),
        cmocka_unit_test(test_aad_is_a_list_of_strings),
        cmocka_unit_test(test_forms),
    };
    return cmocka_run_group_tests(tests, stores_setup, stores_teardown);
}
