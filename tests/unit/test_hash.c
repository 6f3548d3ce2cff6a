#include "../lib/unit.h"

#include <stdlib.h>

#include "base/secret.h"
#include "crypt/hash.h"
#include "text/enc.h"

/* NIST's examples for SHA-256 (FIPS 180-4): "abc", the 448-bit message, and one million "a". */
static void
test_sha256_known_answers(void **state)
{
    (void)state;
    char hex[HASH_TEXT + 1];
    sha256_hex(hex, "", 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex(hex, "abc", 3);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sha256_hex(hex, two, strlen(two));
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void
test_sha256_in_pieces(void **state)
{
    (void)state;
    struct sha256_state s;
    unsigned char out[HASH_SIZE];
    char hex[HASH_TEXT + 1], piece[1000];
    memset(piece, 'a', sizeof piece);
    sha256_begin(&s);
    for (int i = 0; i < 1000; i++)
        sha256_more(&s, piece, sizeof piece);
    sha256_end(&s, out);
    hex_encode(hex, out, sizeof out);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Every split of a message gives the hash of the whole. */
static void
test_sha256_every_split(void **state)
{
    (void)state;
    char message[150];
    unsigned char whole[HASH_SIZE], split[HASH_SIZE];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)i;
    sha256(whole, message, sizeof message);
    for (size_t i = 0; i <= sizeof message; i++) {
        struct sha256_state s;
        sha256_begin(&s);
        sha256_more(&s, message, i);
        sha256_more(&s, message + i, sizeof message - i);
        sha256_end(&s, split);
        assert_memory_equal(split, whole, HASH_SIZE);
    }
}

static void
test_uuid_is_version_4(void **state)
{
    (void)state;
    char a[UUID_TEXT + 1], b[UUID_TEXT + 1];
    for (int i = 0; i < 1000; i++) {
        random_uuid(a);
        random_uuid(b);
        assert_true(uuid_is(a));
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        assert_string_not_equal(a, b);
    }
}

static void
test_uuid_in_order_is_version_7(void **state)
{
    (void)state;
    char a[UUID_TEXT + 1], b[UUID_TEXT + 1];
    random_uuid_in_order(a);
    for (int i = 0; i < 1000; i++) {
        random_uuid_in_order(b);
        assert_true(uuid_is(b));
        assert_int_equal(b[14], '7');
        assert_non_null(strchr("89ab", b[19]));
        assert_string_not_equal(a, b);
        assert_true(strncmp(a, b, 13) <= 0); /* the milliseconds */
        memcpy(a, b, sizeof a);
    }
}

/* No two blocks of the stream cipher alike, in one call or in two. */
static void
test_noise_repeats_nowhere(void **state)
{
    (void)state;
    enum { BLOCK = 64, BLOCKS = 256 };
    static unsigned char noise[2 * BLOCKS][BLOCK];
    random_noise(noise, BLOCKS * BLOCK);
    random_noise(noise[BLOCKS], BLOCKS * BLOCK);
    for (size_t i = 0; i < 2 * (size_t)BLOCKS; i++) {
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(noise[i], noise[k], 16);
    }
}

static void
test_random_secret_appends_within_the_slot(void **state)
{
    (void)state;
    struct secret *s = NULL;
    static const unsigned char zero[SECRET_SLOT];
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, "ab", 2, err));
    assert_ok(random_secret(s, 32, err));
    assert_int_equal(s->len, 34);
    assert_memory_equal(s->bytes, "ab", 2);
    assert_memory_not_equal(s->bytes + 2, zero, 32);
    assert_rc(random_secret(s, SECRET_SLOT - 33, err), RC_BAD_VALUE);
    assert_int_equal(s->len, 34);
    assert_ok(random_secret(s, SECRET_SLOT - 34, err));
    assert_rc(random_secret(s, 1, err), RC_BAD_VALUE);
    secret_free(s);
    assert_int_equal(secret_live(), 0);
}

static int
setup(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return crypt_init(&err) == RC_OK && crypt_init(&err) == RC_OK ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_known_answers),
        cmocka_unit_test(test_sha256_in_pieces),
        cmocka_unit_test(test_sha256_every_split),
        cmocka_unit_test(test_uuid_is_version_4),
        cmocka_unit_test(test_uuid_in_order_is_version_7),
        cmocka_unit_test(test_noise_repeats_nowhere),
        cmocka_unit_test(test_random_secret_appends_within_the_slot),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
