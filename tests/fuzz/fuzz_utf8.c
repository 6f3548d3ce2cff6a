/* UTF-8, against a second decoder; what goes to a terminal does nothing there. */
#include "fuzz.h"

#include "text/uni.h"

/* The next code point, or -1; at moves on. */
static int32_t
next(const unsigned char *s, size_t len, size_t *at)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = s[(*at)++];
    size_t more = c < 0x80 ? 0 : (c & 0xe0) == 0xc0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : 3;
    if (c >= 0x80 && (c < 0xc0 || c > 0xf7))
        return -1;
    int32_t point = more == 0 ? c : c & (0x3f >> more);
    for (size_t i = 0; i < more; i++) {
        if (*at >= len || (s[*at] & 0xc0) != 0x80)
            return -1;
        point = point << 6 | (s[(*at)++] & 0x3f);
    }
    if ((more > 0 && point < least[more + 1]) || point > 0x10ffff || point == 0 ||
        (point >= 0xd800 && point <= 0xdfff))
        return -1;
    return point;
}

static int
valid(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        if (next((const unsigned char *)text, len, &at) < 0)
            return 0;
    }
    return 1;
}

static void
harmless(const struct buf *out, int feeds)
{
    const char *text = buf_str(out);
    FUZZ_CHECK(valid(text, out->len));
    for (size_t at = 0; at < out->len;) {
        int32_t p = next((const unsigned char *)text, out->len, &at);
        FUZZ_CHECK(p >= 0x20 || (feeds && (p == '\n' || p == '\t')));
        FUZZ_CHECK(p < 0x7f || p > 0x9f);
        FUZZ_CHECK(p < 0x200b || p > 0x200f);
        FUZZ_CHECK(p < 0x202a || p > 0x202e);
        FUZZ_CHECK(p < 0x2066 || p > 0x2069);
        FUZZ_CHECK(p != 0xfeff);
    }
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct buf out;
    FUZZ_CHECK(utf8_is(bytes, len) == valid(bytes, len));
    buf_init(&out, 1 << 24);
    escape_terminal(&out, bytes, len, ESCAPE_LINE);
    harmless(&out, 0);
    FUZZ_PLANT(strstr(buf_str(&out), "\\u{202d}") != NULL);
    buf_clear(&out);
    escape_terminal(&out, bytes, len, ESCAPE_KEEP_NEWLINES);
    harmless(&out, 1);
    char *text = fuzz_text(bytes, len);
    if (text != NULL && valid(bytes, len))
        FUZZ_CHECK(utf8_width(text) >= 0);
    free(text);
    buf_release(&out);
}
