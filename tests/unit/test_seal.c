#include "../lib/unit.h"

#include "base/secret.h"
#include "crypt/hash.h"
#include "crypt/seal.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/json.h"

static struct secret *
slot(const void *bytes, size_t len)
{
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, bytes, len, err));
    return s;
}

static void
assert_hex(const struct secret *s, const char *want)
{
    char hex[2 * SECRET_SLOT + 1];
    hex_encode(hex, s->bytes, s->len);
    assert_string_equal(hex, want);
}

/* Debian's libargon2 (the reference implementation): argon2id_hash_raw(t=1, m=8 KiB, p=1, "p", salt
 * 00 to 0f). */
static void
test_derive_known_answer(void **state)
{
    (void)state;
    unsigned char salt[SEAL_SALT];
    for (unsigned char i = 0; i < SEAL_SALT; i++)
        salt[i] = i;
    struct secret *passphrase = slot("p", 1), *key = slot("", 0);
    assert_ok(seal_derive(key, passphrase, salt, 8192, 1, err));
    assert_hex(key, "67a5ccbe31335a64b0cb10fc80fa419cae30f9d722a29e855a1728c359f9a383");
    secret_free(passphrase);
    secret_free(key);
}

static void
test_derive_refuses_parameters(void **state)
{
    (void)state;
    const struct {
        unsigned long long mem, ops;
    } bad[] = {{0, 1},     {8191, 1},    {(1ULL << 30) + 1024, 1}, {8193, 1}, {~0ULL, 1}, {8192, 0},
               {8192, 11}, {8192, ~0ULL}};
    const unsigned char salt[SEAL_SALT] = {0};
    struct secret *passphrase = slot("p", 1), *key = slot("", 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_rc(seal_derive(key, passphrase, salt, bad[i].mem, bad[i].ops, err), RC_MALFORMED);
        assert_int_equal(key->len, 0);
    }
    assert_ok(seal_derive(key, passphrase, salt, 8192, 10, err));
    secret_free(passphrase);
    secret_free(key);
}

/* Python: hashlib.blake2b(b"label", key=bytes(range(32)), digest_size=32). */
static void
test_subkey_known_answer(void **state)
{
    (void)state;
    unsigned char bytes[SEAL_KEY];
    for (unsigned char i = 0; i < SEAL_KEY; i++)
        bytes[i] = i;
    struct secret *key = slot(bytes, sizeof bytes), *sub = slot("", 0);
    assert_ok(seal_subkey(sub, key, "label", err));
    assert_hex(sub, "7f8088eb65cc4626d4a3ca026af9f97dbd1b8a39b7ac12a63a07745f1fa09847");
    secret_free(key);
    secret_free(sub);
}

static void
test_every_altered_bit_is_refused(void **state)
{
    (void)state;
    const unsigned char nonce[SEAL_NONCE] = {1};
    const char plain[] = "twelve bytes";
    struct secret *key = slot("0123456789abcdef0123456789abcdef", SEAL_KEY);
    struct buf sealed, back;
    buf_init(&sealed, 100);
    buf_init(&back, 100);
    assert_ok(seal_bytes(&sealed, key, nonce, "ad", 2, plain, 12, err));
    assert_int_equal(sealed.len, 12 + SEAL_TAG);
    assert_int_equal(unseal_bytes(&back, key, nonce, "ad", 2, sealed.data, sealed.len), 0);
    assert_string_equal(buf_str(&back), plain);
    buf_clear(&back);
    for (size_t i = 0; i < 8 * sealed.len; i++) {
        sealed.data[i / 8] = (char)(sealed.data[i / 8] ^ (1 << i % 8));
        assert_int_equal(unseal_bytes(&back, key, nonce, "ad", 2, sealed.data, sealed.len), -1);
        assert_int_equal(back.len, 0);
        sealed.data[i / 8] = (char)(sealed.data[i / 8] ^ (1 << i % 8));
    }
    for (size_t len = 0; len < sealed.len; len++)
        assert_int_equal(unseal_bytes(&back, key, nonce, "ad", 2, sealed.data, len), -1);
    assert_int_equal(unseal_bytes(&back, key, nonce, "aD", 2, sealed.data, sealed.len), -1);
    assert_int_equal(unseal_bytes(&back, key, nonce, "ad", 1, sealed.data, sealed.len), -1);
    buf_release(&sealed);
    buf_release(&back);
    secret_free(key);
}

static void
test_secrets_append_and_stay_on_failure(void **state)
{
    (void)state;
    const unsigned char nonce[SEAL_NONCE] = {2};
    struct secret *key = slot("0123456789abcdef0123456789abcdef", SEAL_KEY);
    struct secret *in = slot("canary", 6), *out = slot("x", 1);
    struct buf sealed;
    buf_init(&sealed, 100);
    assert_ok(seal_secret(&sealed, key, nonce, NULL, 0, in, err));
    assert_int_equal(unseal_secret(out, key, nonce, NULL, 0, sealed.data, sealed.len - 1), -1);
    assert_int_equal(out->len, 1);
    assert_int_equal(unseal_secret(out, key, nonce, NULL, 0, sealed.data, sealed.len), 0);
    assert_int_equal(out->len, 7);
    assert_memory_equal(out->bytes, "xcanary", 7);
    /* What does not fit is refused before it is written. */
    assert_ok(random_secret(out, SECRET_SLOT - 7 - 5, err));
    assert_int_equal(unseal_secret(out, key, nonce, NULL, 0, sealed.data, sealed.len), -1);
    assert_int_equal(out->len, SECRET_SLOT - 5);
    /* Nor does a full buffer. */
    sealed.max = sealed.len + 6 + SEAL_TAG - 1;
    assert_rc(seal_secret(&sealed, key, nonce, NULL, 0, in, err), RC_BAD_VALUE);
    buf_release(&sealed);
    secret_free(key);
    secret_free(in);
    secret_free(out);
}

/* ---- Wycheproof ---- */

/* A hex member, appended. */
static void
get_hex(struct buf *out, const struct json *from, const char *name)
{
    const char *text = json_gets(from, name);
    assert_non_null(text);
    size_t len = strlen(text) / 2;
    unsigned char raw[4096];
    assert_true(len <= sizeof raw);
    assert_int_equal(hex_decode(raw, len, text), 0);
    buf_add(out, raw, len);
}

enum { KEY, IV, AAD, MSG, SEALED, TAG, PARTS };

static void
one_vector(const struct json *test)
{
    static const char *const names[] = {"key", "iv", "aad", "msg", "ct", "tag"};
    struct buf part[PARTS], out;
    buf_init(&out, 8192);
    for (int i = 0; i < PARTS; i++) {
        buf_init(&part[i], 8192);
        get_hex(&part[i], test, names[i]);
    }
    buf_add(&part[SEALED], buf_str(&part[TAG]), part[TAG].len);
    int valid = strcmp(json_gets(test, "result"), "valid") == 0;
    if (part[IV].len != SEAL_NONCE) { /* our functions take no other size */
        assert_false(valid);
    } else {
        struct secret *key = slot(buf_str(&part[KEY]), part[KEY].len);
        const unsigned char *nonce = (const unsigned char *)part[IV].data;
        int r = unseal_bytes(&out, key, nonce, buf_str(&part[AAD]), part[AAD].len,
                             buf_str(&part[SEALED]), part[SEALED].len);
        assert_int_equal(r, valid ? 0 : -1);
        assert_int_equal(out.len, valid ? part[MSG].len : 0);
        assert_memory_equal(buf_str(&out), buf_str(&part[MSG]), out.len);
        buf_clear(&out);
        assert_ok(seal_bytes(&out, key, nonce, buf_str(&part[AAD]), part[AAD].len,
                             buf_str(&part[MSG]), part[MSG].len, err));
        int same = out.len == part[SEALED].len &&
                   memcmp(buf_str(&out), buf_str(&part[SEALED]), out.len) == 0;
        assert_int_equal(same, valid);
        secret_free(key);
    }
    for (int i = 0; i < PARTS; i++)
        buf_release(&part[i]);
    buf_release(&out);
}

static void
test_wycheproof(void **state)
{
    (void)state;
    static const char path[] = KM_SHARED "/wycheproof/xchacha20_poly1305_test.json";
    struct buf text;
    struct json *doc = NULL;
    unsigned count = 0;
    buf_init(&text, 1 << 20);
    if (file_exists(path) != 1) {
        print_message("SKIP: %s is absent\n", path);
        skip();
    }
    assert_ok(file_read(&text, path, err));
    assert_ok(json_parse(&doc, buf_str(&text), text.len, "vectors", err));
    const struct json *group = json_first(json_get(doc, "testGroups"));
    for (; group != NULL; group = json_next(group)) {
        const struct json *test = json_first(json_get(group, "tests"));
        for (; test != NULL; test = json_next(test), count++)
            one_vector(test);
    }
    assert_int_equal(count, 315);
    json_free(doc);
    buf_release(&text);
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
        cmocka_unit_test(test_derive_known_answer),
        cmocka_unit_test(test_derive_refuses_parameters),
        cmocka_unit_test(test_subkey_known_answer),
        cmocka_unit_test(test_every_altered_bit_is_refused),
        cmocka_unit_test(test_secrets_append_and_stay_on_failure),
        cmocka_unit_test(test_wycheproof),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
