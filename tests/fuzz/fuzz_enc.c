/* Hex, base64, UUIDs: one text for each value, and the three base64 decoders agree. */
#include "fuzz.h"

#include "text/enc.h"

static int
decode_to_slot(const char *bytes, size_t len, const struct buf *want)
{
    struct secret *s = NULL;
    struct err err = ERR_INIT;
    FUZZ_CHECK(secret_new(&s, &err) == RC_OK);
    enum rc rc = base64_decode_to_secret(s, bytes, len, &err);
    FUZZ_CHECK(rc == RC_OK || rc == RC_BAD_VALUE);
    if (rc == RC_OK) {
        FUZZ_CHECK(s->len == want->len);
        FUZZ_CHECK(s->len == 0 || memcmp(s->bytes, want->data, s->len) == 0);
    }
    secret_free(s);
    return rc == RC_OK;
}

static void
base64(const char *bytes, size_t len)
{
    struct buf raw, text, back;
    buf_init(&raw, 1 << 22);
    buf_init(&text, 1 << 22);
    buf_init(&back, 1 << 22);
    int decoded = base64_decode(&raw, bytes, len) == 0;
    if (len <= SECRET_SLOT)
        FUZZ_CHECK(decode_to_slot(bytes, len, &raw) == decoded);
    if (decoded) {
        base64_encode(&text, buf_str(&raw), raw.len);
        FUZZ_CHECK(text.len == len && memcmp(buf_str(&text), bytes, len) == 0);
        FUZZ_PLANT(raw.len == 4);
    }
    buf_clear(&text);
    base64_encode(&text, bytes, len);
    FUZZ_CHECK(base64_decode(&back, buf_str(&text), text.len) == 0);
    FUZZ_CHECK(back.len == len && memcmp(buf_str(&back), bytes, len) == 0);
    buf_release(&raw);
    buf_release(&text);
    buf_release(&back);
}

static void
hex(const char *text, size_t len)
{
    unsigned char raw[64];
    char again[sizeof raw * 2 + 1];
    FUZZ_CHECK(!hex_is(text, len + 1));
    if (len % 2 != 0 || len / 2 > sizeof raw)
        return;
    int decoded = hex_decode(raw, len / 2, text) == 0;
    FUZZ_CHECK(decoded == hex_is(text, len));
    if (decoded) {
        hex_encode(again, raw, len / 2);
        FUZZ_CHECK(strcmp(again, text) == 0);
    }
}

static void
uuid(const char *text)
{
    unsigned char raw[16];
    char again[UUID_TEXT + 1];
    int good = uuid_parse(raw, text) == 0;
    FUZZ_CHECK(good == uuid_is(text));
    if (good) {
        uuid_format(again, raw);
        FUZZ_CHECK(strcmp(again, text) == 0);
    }
}

void
fuzz_one(const char *bytes, size_t len)
{
    char *text = fuzz_text(bytes, len);
    base64(bytes, len);
    if (text != NULL) {
        hex(text, len);
        uuid(text);
    }
    free(text);
}
