#include "vbr/decode.h"

static int
raw_getc(struct decode *d)
{
    if (d->raw_at < d->raw_len)
        return d->raw[d->raw_at++];
    /* The stream is this thread's alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    return getc_unlocked(d->file);
}

static int
look(struct decode *d)
{
    int c = raw_getc(d);
    if (c != EOF)
        d->raw[d->raw_len++] = (unsigned char)c;
    d->raw_at = d->raw_len;
    return c;
}

void
decode_init(struct decode *d, FILE *file)
{
    *d = (struct decode){.file = file, .unit = -1};
    int a = look(d);
    int b = a != EOF ? look(d) : EOF;
    d->mark = 1;
    if (a == 0xff && b == 0xfe) {
        d->encoding = DECODE_UTF16LE;
    } else if (a == 0xfe && b == 0xff) {
        d->encoding = DECODE_UTF16BE;
    } else if (a == 0xef && b == 0xbb && look(d) == 0xbf) {
        d->encoding = DECODE_UTF8;
    } else {
        d->mark = 0;
        d->raw_at = 0;
        if (b != EOF && (a == 0) != (b == 0)) /* each list begins with a character of ASCII */
            d->encoding = b == 0 ? DECODE_UTF16LE : DECODE_UTF16BE;
    }
}

/* A unit of UTF-16, EOF, or -2 for half of one. */
static int
next_unit(struct decode *d)
{
    if (d->unit >= 0) {
        int unit = d->unit;
        d->unit = -1;
        return unit;
    }
    int a = raw_getc(d);
    int b = a != EOF ? raw_getc(d) : EOF;
    if (a == EOF)
        return EOF;
    if (b == EOF)
        return -2;
    return d->encoding == DECODE_UTF16LE ? a | b << 8 : a << 8 | b;
}

static void
put(struct decode *d, unsigned code)
{
    d->out_at = 0;
    d->out_len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (d->out_len == 1) {
        d->out[0] = (unsigned char)code;
        return;
    }
    for (size_t i = d->out_len - 1; i > 0; i--) {
        d->out[i] = (unsigned char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    d->out[0] = (unsigned char)(lead[d->out_len] | code);
}

static void
put_broken(struct decode *d)
{
    d->out[0] = 0xff;
    d->out_at = 0;
    d->out_len = 1;
}

int
decode_getc(struct decode *d)
{
    if (d->encoding == DECODE_UTF8)
        return raw_getc(d);
    if (d->out_at < d->out_len)
        return d->out[d->out_at++];
    int unit = next_unit(d);
    if (unit == EOF)
        return EOF;
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        put_broken(d);
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
        int low = next_unit(d);
        if (low >= 0xdc00 && low <= 0xdfff) {
            put(d, 0x10000U + ((unsigned)(unit - 0xd800) << 10) + (unsigned)(low - 0xdc00));
        } else {
            put_broken(d);
            d->unit = low >= 0 ? low : -1;
        }
    } else {
        put(d, (unsigned)unit);
    }
    return d->out[d->out_at++];
}
