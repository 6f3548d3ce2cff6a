#include "text/enc.h"

#include <stdint.h>
#include <string.h>

/* ---- hex ---- */

void
hex_encode(char *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

/* 0 to 15, or -1. */
static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int
hex_is(const char *text, size_t n)
{
    if (text == NULL)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (hex_value(text[i]) < 0) /* a NUL, too, ends it here */
            return 0;
    }
    return text[n] == '\0';
}

/* 2 * len digits that were checked before. */
static void
hex_digits(unsigned char *out, size_t len, const char *text)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(hex_value(text[2 * i]) * 16 + hex_value(text[2 * i + 1]));
}

int
hex_decode(unsigned char *out, size_t len, const char *text)
{
    if (!hex_is(text, 2 * len))
        return -1;
    hex_digits(out, len, text);
    return 0;
}

/* ---- base64 ----
 *
 * One implementation, fit for secrets: what depends on the content is arithmetic on masks, never a
 * branch or an address. Lengths, the number of '=' and the verdict "canonical or not" are open.
 */

/* All ones if a < b, else 0; for values below 2^31. */
static uint32_t
mask_lt(uint32_t a, uint32_t b)
{
    return (uint32_t)0 - ((a - b) >> 31);
}

static uint32_t
mask_in(uint32_t x, uint32_t first, uint32_t last)
{
    return ~mask_lt(x, first) & ~mask_lt(last, x);
}

/* The digit for 0 to 63. */
static unsigned char
digit64(uint32_t x)
{
    uint32_t c = (mask_in(x, 0, 25) & (x + 'A')) | (mask_in(x, 26, 51) & (x - 26 + 'a')) |
                 (mask_in(x, 52, 61) & (x - 52 + '0')) | (mask_in(x, 62, 62) & '+') |
                 (mask_in(x, 63, 63) & '/');
    return (unsigned char)c;
}

/* 0 to 63; all ones for what is no digit. */
static uint32_t
value64(unsigned char byte)
{
    uint32_t c = byte;
    uint32_t upper = mask_in(c, 'A', 'Z');
    uint32_t lower = mask_in(c, 'a', 'z');
    uint32_t digit = mask_in(c, '0', '9');
    uint32_t plus = mask_in(c, '+', '+');
    uint32_t slash = mask_in(c, '/', '/');
    uint32_t x = (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
                 (plus & 62) | (slash & 63);
    return x | ~(upper | lower | digit | plus | slash);
}

static size_t
encoded_len(size_t len)
{
    return len / 3 * 4 + (len % 3 != 0 ? 4 : 0);
}

static void
encode(unsigned char *out, const unsigned char *in, size_t len)
{
    size_t i = 0;
    for (; len - i >= 3; i += 3, out += 4) {
        uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        out[0] = digit64(bits >> 18);
        out[1] = digit64(bits >> 12 & 63);
        out[2] = digit64(bits >> 6 & 63);
        out[3] = digit64(bits & 63);
    }
    if (i == len)
        return;
    uint32_t bits = (uint32_t)in[i] << 16;
    if (len - i == 2)
        bits |= (uint32_t)in[i + 1] << 8;
    out[0] = digit64(bits >> 18);
    out[1] = digit64(bits >> 12 & 63);
    out[2] = (unsigned char)(len - i == 2 ? digit64(bits >> 6 & 63) : '=');
    out[3] = '=';
}

/* Number of '=' at the end: 0, 1 or 2. */
static size_t
padding(const unsigned char *in, size_t len)
{
    if (len < 4 || in[len - 1] != '=')
        return 0;
    return in[len - 2] == '=' ? 2 : 1;
}

/* Writes len / 4 * 3 less padding bytes. -1 unless canonical; out is then half-written. */
static int
decode(unsigned char *out, const unsigned char *in, size_t len)
{
    if (len % 4 != 0)
        return -1;
    size_t pad = padding(in, len);
    uint32_t bad = 0;
    for (size_t i = 0; i < len; i += 4) {
        size_t missing = i + 4 == len ? pad : 0;
        uint32_t bits = 0;
        for (size_t k = 0; k < 4; k++) {
            uint32_t v = k < 4 - missing ? value64(in[i + k]) : 0;
            bad |= v & ~(uint32_t)63;
            bits = bits << 6 | (v & 63);
        }
        for (size_t k = 0; k < 3 - missing; k++)
            *out++ = (unsigned char)(bits >> (16 - 8 * k) & 0xff);
        /* Bits that stand for no byte must be zero, else one value had several texts. */
        bad |= bits & (((uint32_t)1 << (8 * missing)) - 1);
    }
    return bad == 0 ? 0 : -1;
}

void
base64_encode(struct buf *out, const void *bytes, size_t len)
{
    size_t need = encoded_len(len);
    char *to = buf_room(out, need);
    if (to == NULL)
        return;
    encode((unsigned char *)to, bytes, len);
    buf_grown(out, need);
}

int
base64_decode(struct buf *out, const char *text, size_t len)
{
    const unsigned char *in = (const unsigned char *)text;
    if (len % 4 != 0)
        return -1;
    size_t need = len / 4 * 3 - padding(in, len);
    char *to = buf_room(out, need);
    if (to == NULL)
        return -1;
    if (decode((unsigned char *)to, in, len) != 0) {
        *to = '\0'; /* keeps data[len] == 0 */
        return -1;
    }
    buf_grown(out, need);
    return 0;
}

int
base64_decode_fixed(unsigned char *out, size_t size, const char *text, size_t len)
{
    const unsigned char *in = (const unsigned char *)text;
    if (len % 4 != 0 || len / 4 * 3 - padding(in, len) != size)
        return -1;
    return decode(out, in, len);
}

enum rc
base64_encode_secret(struct secret *out, const struct secret *in, struct err *err)
{
    size_t need = encoded_len(in->len);
    if (need > SECRET_SLOT - out->len)
        return err_set(err, RC_BAD_VALUE, "the base64 form of a secret is longer than %d bytes",
                       SECRET_SLOT);
    encode(out->bytes + out->len, in->bytes, in->len);
    out->len += need;
    return RC_OK;
}

static enum rc
decode_to_slot(struct secret *out, const unsigned char *in, size_t len, struct err *err)
{
    if (len % 4 != 0)
        return err_set(err, RC_BAD_VALUE, "a secret value is not canonical base64");
    size_t need = len / 4 * 3 - padding(in, len);
    if (need > SECRET_SLOT - out->len)
        return err_set(err, RC_BAD_VALUE, "a secret value is longer than %d bytes", SECRET_SLOT);
    if (decode(out->bytes + out->len, in, len) != 0) {
        secret_wipe(out->bytes + out->len, need);
        return err_set(err, RC_BAD_VALUE, "a secret value is not canonical base64");
    }
    out->len += need;
    return RC_OK;
}

enum rc
base64_decode_secret(struct secret *out, const struct secret *in, struct err *err)
{
    return decode_to_slot(out, in->bytes, in->len, err);
}

enum rc
base64_decode_to_secret(struct secret *out, const char *text, size_t len, struct err *err)
{
    return decode_to_slot(out, (const unsigned char *)text, len, err);
}

/* ---- UUIDs ---- */

/* Copies the 32 digits of 8-4-4-4-12 without the hyphens; -1 for another form. */
static int
uuid_digits(char digits[33], const char *text)
{
    if (text == NULL || strnlen(text, UUID_TEXT + 1) != UUID_TEXT)
        return -1;
    size_t n = 0;
    for (size_t i = 0; i < UUID_TEXT; i++) {
        int hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen != (text[i] == '-'))
            return -1;
        if (!hyphen)
            digits[n++] = text[i];
    }
    digits[n] = '\0';
    return hex_is(digits, 32) ? 0 : -1;
}

int
uuid_is(const char *text)
{
    char digits[33];
    return uuid_digits(digits, text) == 0;
}

void
uuid_format(char out[UUID_TEXT + 1], const unsigned char raw[16])
{
    static const size_t bytes[] = {4, 2, 2, 2, 6};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        hex_encode(out, raw, bytes[i]);
        out += 2 * bytes[i];
        *out++ = '-';
        raw += bytes[i];
    }
    out[-1] = '\0';
}

int
uuid_parse(unsigned char raw[16], const char *text)
{
    char digits[33];
    if (uuid_digits(digits, text) != 0)
        return -1;
    hex_digits(raw, 16, digits);
    return 0;
}

enum rc
form_encode_secret(struct secret *out, const unsigned char *in, size_t len, struct err *err)
{
    static const char digits[] = "0123456789ABCDEF";
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < len; i++) {
        unsigned char c = in[i];
        char three[3] = {'%', digits[c >> 4], digits[c & 15]};
        int open = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '.' || c == '_' || c == '~';
        rc = open ? secret_add(out, &c, 1, err) : secret_add(out, three, 3, err);
    }
    return rc;
}
