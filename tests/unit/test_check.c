#include "../lib/unit.h"

#include "base/secret.h"
#include "crypt/check.h"
#include "crypt/hash.h"

static const char UUID[] = "00112233-4455-4677-8899-aabbccddeeff";

/* Made with Python's hashlib: blake2b(b"keymuster check 1\0" + uuid.UUID(UUID).bytes + TEXT,
 * digest_size=32). */
static const char TEXT[] = "c2VjcmV0IG5vdCByZWFsLCBidXQgMzIgYnl0ZXMhISE=";
static const char TEXT_BLAKE2B[] =
    "d51f0c4446e6377d42d6cf2b40f4db2e4781168e9dd1983fe513ee740aacf7b3";

/* Made with Debian's libargon2 (the reference implementation), argon2id_hash_raw with t = 3, m =
 * 65536 KiB, p = 1, salt = the UUID's 16 bytes; tests/data/kms-local/make.py has the call. */
static const char ADOPTED[] = "adopted Passw0rd";
static const char ADOPTED_ARGON2ID[] =
    "7bb8966bc9e38b48e8e4f36dd74fbbd4029798a5a04b21846e58802d68d6746b";

static struct secret *
slot(const void *bytes, size_t len)
{
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, bytes, len, err));
    return s;
}

static void
test_generated_key_known_answer(void **state)
{
    (void)state;
    unsigned char bytes[32] = {0};
    struct check_value v;
    struct secret *payload = slot(bytes, sizeof bytes), *text = slot(TEXT, strlen(TEXT));
    assert_ok(check_make(&v, payload, text, UUID, err));
    assert_int_equal(v.alg, CHECK_BLAKE2B);
    assert_int_equal(v.mem, 0);
    assert_int_equal(v.ops, 0);
    assert_string_equal(v.value, TEXT_BLAKE2B);
    secret_free(payload);
    secret_free(text);
}

static void
test_adopted_password_known_answer(void **state)
{
    (void)state;
    struct check_value v;
    struct secret *text = slot(ADOPTED, strlen(ADOPTED));
    assert_ok(check_make(&v, text, text, UUID, err));
    assert_int_equal(v.alg, CHECK_ARGON2ID);
    assert_int_equal(v.mem, 67108864);
    assert_int_equal(v.ops, 3);
    assert_string_equal(v.value, ADOPTED_ARGON2ID);
    secret_free(text);
}

/* Only 32 bytes that no keyboard makes count as generated. */
static void
test_which_algorithm(void **state)
{
    (void)state;
    const struct {
        size_t len;
        unsigned char fill, odd; /* odd: the last byte */
        enum check_alg want;
    } rows[] = {
        {32, 'x', 'x', CHECK_ARGON2ID},   {32, ' ', '~', CHECK_ARGON2ID},
        {32, 'x', 0x7f, CHECK_BLAKE2B},   {32, 'x', 0x1f, CHECK_BLAKE2B},
        {32, 'x', 0xff, CHECK_BLAKE2B},   {32, 0, 'x', CHECK_BLAKE2B},
        {31, 0x80, 0x80, CHECK_ARGON2ID}, {33, 0x80, 0x80, CHECK_ARGON2ID},
    };
    struct secret *text = slot("t", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char bytes[40];
        struct check_value v;
        memset(bytes, rows[i].fill, sizeof bytes);
        bytes[rows[i].len - 1] = rows[i].odd;
        struct secret *payload = slot(bytes, rows[i].len);
        assert_ok(check_make(&v, payload, text, UUID, err));
        assert_int_equal(v.alg, rows[i].want);
        secret_free(payload);
    }
    secret_free(text);
}

static void
test_compare(void **state)
{
    (void)state;
    struct check_value v = {CHECK_BLAKE2B, 0, 0, ""};
    struct secret *right = slot(TEXT, strlen(TEXT)), *wrong = slot(TEXT, strlen(TEXT) - 1);
    int match = -1;
    strcpy(v.value, TEXT_BLAKE2B);
    assert_ok(check_compare(&match, &v, right, UUID, err));
    assert_int_equal(match, 1);
    assert_ok(check_compare(&match, &v, wrong, UUID, err));
    assert_int_equal(match, 0);
    /* The key's UUID is part of it: a value of another key never matches. */
    assert_ok(check_compare(&match, &v, right, "00112233-4455-4677-8899-aabbccddeefe", err));
    assert_int_equal(match, 0);
    for (size_t i = 0; i < HASH_TEXT; i++) {
        v.value[i] = v.value[i] == '0' ? '1' : '0';
        assert_ok(check_compare(&match, &v, right, UUID, err));
        assert_int_equal(match, 0);
        v.value[i] = TEXT_BLAKE2B[i];
    }
    secret_free(right);
    secret_free(wrong);
}

static void
test_compare_argon2id_uses_the_stored_parameters(void **state)
{
    (void)state;
    /* libargon2 as above: password "p", salt 00 to 0f, 8 KiB, 1 pass. */
    struct check_value v = {CHECK_ARGON2ID, 8192, 1,
                            "67a5ccbe31335a64b0cb10fc80fa419cae30f9d722a29e855a1728c359f9a383"};
    const char *id = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    struct secret *text = slot("p", 1);
    int match = -1;
    assert_ok(check_compare(&match, &v, text, id, err));
    assert_int_equal(match, 1);
    v.ops = 2;
    assert_ok(check_compare(&match, &v, text, id, err));
    assert_int_equal(match, 0);
    secret_free(text);
}

static void
test_compare_refuses_malformed(void **state)
{
    (void)state;
    const struct {
        unsigned long long mem, ops;
    } bad[] = {{8191, 1},      {1073742848, 1}, {67108865, 3}, {67108864, 0},
               {67108864, 11}, {~0ULL, 1},      {8192, ~0ULL}};
    struct check_value v = {CHECK_ARGON2ID, 0, 0, ""};
    struct secret *text = slot("p", 1);
    int match = 1;
    strcpy(v.value, TEXT_BLAKE2B);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        v.mem = bad[i].mem;
        v.ops = bad[i].ops;
        assert_rc(check_compare(&match, &v, text, UUID, err), RC_MALFORMED);
        assert_int_equal(match, 0);
    }
    v.alg = CHECK_BLAKE2B;
    v.value[63] = '\0';
    assert_rc(check_compare(&match, &v, text, UUID, err), RC_MALFORMED);
    strcpy(v.value, TEXT_BLAKE2B);
    v.value[0] = 'D';
    assert_rc(check_compare(&match, &v, text, UUID, err), RC_MALFORMED);
    assert_rc(check_make(&v, text, text, "00112233-4455-4677-8899-aabbccddeefg", err),
              RC_MALFORMED);
    secret_free(text);
}

static void
test_names(void **state)
{
    (void)state;
    enum check_alg alg = CHECK_BLAKE2B;
    assert_string_equal(check_alg_name(CHECK_BLAKE2B), "blake2b-256");
    assert_string_equal(check_alg_name(CHECK_ARGON2ID), "argon2id");
    assert_int_equal(check_alg_parse(&alg, "argon2id"), 0);
    assert_int_equal(alg, CHECK_ARGON2ID);
    assert_int_equal(check_alg_parse(&alg, "blake2b-256"), 0);
    assert_int_equal(alg, CHECK_BLAKE2B);
    assert_int_equal(check_alg_parse(&alg, "BLAKE2B-256"), -1);
    assert_int_equal(check_alg_parse(&alg, ""), -1);
}

static void
test_digit(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int want;
    } rows[] = {{"", 0}, {"abc/+=", 0}, {"0", 1}, {"abc9", 1}, {"5bc", 1}, {":/", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct secret *s = slot(rows[i].text, strlen(rows[i].text));
        assert_int_equal(secret_has_digit(s), rows[i].want);
        secret_free(s);
    }
}

static int
setup(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return crypt_init(&err) == RC_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    return secret_live() == 0 ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generated_key_known_answer),
        cmocka_unit_test(test_adopted_password_known_answer),
        cmocka_unit_test(test_which_algorithm),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_compare_argon2id_uses_the_stored_parameters),
        cmocka_unit_test(test_compare_refuses_malformed),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_digit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
