#include "../lib/unit.h"

#include "text/enc.h"

/* RFC 4648 section 10 */
static const struct {
    const char *plain;
    const char *base64;
    const char *hex;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "66"},
    {"fo", "Zm8=", "666f"},
    {"foo", "Zm9v", "666f6f"},
    {"foob", "Zm9vYg==", "666f6f62"},
    {"fooba", "Zm9vYmE=", "666f6f6261"},
    {"foobar", "Zm9vYmFy", "666f6f626172"},
};

enum { VECTORS = sizeof vectors / sizeof vectors[0] };

static void
hex_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        char text[32];
        unsigned char raw[16];
        size_t len = strlen(vectors[i].plain);
        hex_encode(text, (const unsigned char *)vectors[i].plain, len);
        assert_string_equal(text, vectors[i].hex);
        assert_int_equal(hex_decode(raw, len, text), 0);
        assert_memory_equal(raw, vectors[i].plain, len);
    }
}

static void
hex_strict(void **state)
{
    (void)state;
    unsigned char raw[4];
    static const char *const bad[] = {"", "0", "001", "00ff0", "00FF", "0x00", "00f ", "00fg"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(hex_decode(raw, 2, bad[i]), -1);
    assert_int_equal(hex_decode(raw, 2, NULL), -1);
    assert_true(hex_is("00ff", 4));
    assert_false(hex_is("00ff", 3));
    assert_false(hex_is("00ff", 5));
    assert_true(hex_is("", 0));
}

static void
base64_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        struct buf b;
        buf_init(&b, 64);
        base64_encode(&b, vectors[i].plain, strlen(vectors[i].plain));
        assert_string_equal(buf_str(&b), vectors[i].base64);
        buf_clear(&b);
        buf_adds(&b, ">"); /* decoding appends */
        assert_int_equal(base64_decode(&b, vectors[i].base64, strlen(vectors[i].base64)), 0);
        assert_string_equal(buf_str(&b) + 1, vectors[i].plain);
        buf_release(&b);
    }
}

static const char *const not_canonical[] = {
    "Z",
    "Zg",
    "Zg=",
    "Zg===",
    "=",
    "==",
    "====",
    "A===",
    "Zh==",
    "Zm9=",
    "Zm8=Zm8=",
    "Zg==\n",
    "Zm 9v",
    "Zm9v\n",
    "Zm9-",
    "Zm9_",
    "Z=g=",
    "Zg=A",
    " Zm9v",
    "Zm9v====",
    "\xc3\xa9\x41\x41",
    "Zm9:",
    "Zm9@",
    "Zm9[",
    "Zm9`",
    "Zm9{",
    "Zm9.",
    "Zm9,",
};

static void
base64_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof not_canonical / sizeof not_canonical[0]; i++) {
        struct buf b;
        buf_init(&b, 64);
        buf_adds(&b, "kept");
        if (base64_decode(&b, not_canonical[i], strlen(not_canonical[i])) != -1)
            fail_msg("accepted: %s", not_canonical[i]);
        assert_string_equal(buf_str(&b), "kept");
        buf_release(&b);
    }
    struct buf b;
    buf_init(&b, 64);
    assert_int_equal(base64_decode(&b, "Zm\0v", 4), -1);
    buf_release(&b);
}

/* The alphabet, in order, is the encoding of these 48 bytes; every other byte is refused. */
static void
base64_alphabet(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct buf b;
    buf_init(&b, 200);
    assert_int_equal(base64_decode(&b, alphabet, 64), 0);
    assert_int_equal(b.len, 48);
    assert_memory_equal(b.data, "\x00\x10\x83\x10\x51\x87\x20\x92\x8b", 9);
    struct buf again;
    buf_init(&again, 64);
    base64_encode(&again, b.data, b.len);
    assert_string_equal(buf_str(&again), alphabet);
    for (int c = 1; c < 256; c++) {
        char text[4] = {'A', 'A', 'A', (char)c};
        int known = strchr(alphabet, c) != NULL || c == '=';
        buf_clear(&b);
        assert_int_equal(base64_decode(&b, text, 4), known ? 0 : -1);
    }
    buf_release(&again);
    buf_release(&b);
}

static void
base64_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    base64_encode(&b, "fooba", 5);
    assert_int_equal(b.failed, RC_BAD_VALUE);
    buf_clear(&b);
    assert_int_equal(base64_decode(&b, "Zm9vYmFy", 8), -1);
    buf_release(&b);
}

static struct secret *
secret_of(const char *text)
{
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, text, strlen(text), err));
    return s;
}

static void
assert_secret(const struct secret *s, const char *text)
{
    assert_int_equal(s->len, strlen(text));
    assert_memory_equal(s->bytes, text, s->len);
}

static void
base64_secrets(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        struct secret *plain = secret_of(vectors[i].plain);
        struct secret *text = secret_of("");
        struct secret *back = secret_of("");
        assert_ok(base64_encode_secret(text, plain, err));
        assert_secret(text, vectors[i].base64);
        assert_ok(base64_decode_secret(back, text, err));
        assert_secret(back, vectors[i].plain);
        secret_cut(back, 0);
        assert_ok(base64_decode_to_secret(back, vectors[i].base64, text->len, err));
        assert_secret(back, vectors[i].plain);
        secret_free(plain);
        secret_free(text);
        secret_free(back);
    }
    assert_int_equal(secret_live(), 0);
}

static void
base64_secrets_strict(void **state)
{
    (void)state;
    struct secret *out = secret_of("kept");
    for (size_t i = 0; i < sizeof not_canonical / sizeof not_canonical[0]; i++) {
        struct secret *in = secret_of(not_canonical[i]);
        assert_rc(base64_decode_secret(out, in, err), RC_BAD_VALUE);
        assert_rc(base64_decode_to_secret(out, not_canonical[i], in->len, err), RC_BAD_VALUE);
        assert_secret(out, "kept");
        for (size_t k = 4; k < 16; k++) /* nothing of a refused text stays behind */
            assert_int_equal(out->bytes[k], 0);
        secret_free(in);
    }
    secret_free(out);
}

static void
base64_secrets_room(void **state)
{
    (void)state;
    static char text[SECRET_SLOT + 8];
    memset(text, 'A', sizeof text);
    struct secret *in = secret_of("");
    struct secret *out = secret_of("");
    assert_ok(secret_add(in, text, SECRET_SLOT / 4 * 3 + 1, err));
    assert_rc(base64_encode_secret(out, in, err), RC_BAD_VALUE);
    secret_cut(in, SECRET_SLOT / 4 * 3);
    assert_ok(base64_encode_secret(out, in, err));
    assert_int_equal(out->len, SECRET_SLOT);
    assert_rc(base64_decode_to_secret(out, "AAAA", 4, err), RC_BAD_VALUE);
    secret_free(in);
    secret_free(out);
}

static void
uuids(void **state)
{
    (void)state;
    static const char text[] = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"; /* RFC 4122 section 3 */
    static const unsigned char want[16] = {0xf8, 0x1d, 0x4f, 0xae, 0x7d, 0xec, 0x11, 0xd0,
                                           0xa7, 0x65, 0x00, 0xa0, 0xc9, 0x1e, 0x6b, 0xf6};
    unsigned char raw[16];
    char back[UUID_TEXT + 1];
    assert_true(uuid_is(text));
    assert_int_equal(uuid_parse(raw, text), 0);
    assert_memory_equal(raw, want, 16);
    uuid_format(back, raw);
    assert_string_equal(back, text);
    static const char *const bad[] = {
        "",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf60",
        "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
        "f81d4fae7dec11d0a76500a0c91e6bf6",
        "{f81d4fae-7dec-11d0-a765-00a0c91e6b}",
        "f81d4fae-7dec-11d0-a76500-a0c91e6bf6",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bg6",
        "--------------------------------f81d",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(uuid_is(bad[i]));
        assert_int_equal(uuid_parse(raw, bad[i]), -1);
    }
    assert_false(uuid_is(NULL));
}

static int
open_arena(void **state)
{
    (void)state;
    struct err err = ERR_INIT; /* where the lock limit is low, these tests still mean something */
    return secret_arena_open(SECRET_UNLOCKED_OK, &err) == RC_OK ? 0 : -1;
}

static int
close_arena(void **state)
{
    (void)state;
    secret_arena_close();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_vectors),         cmocka_unit_test(hex_strict),
        cmocka_unit_test(base64_vectors),      cmocka_unit_test(base64_strict),
        cmocka_unit_test(base64_alphabet),     cmocka_unit_test(base64_maximum),
        cmocka_unit_test(base64_secrets),      cmocka_unit_test(base64_secrets_strict),
        cmocka_unit_test(base64_secrets_room), cmocka_unit_test(uuids),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
