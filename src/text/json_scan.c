#include "text/json_scan.h"

#include <string.h>

#include "base/limits.h"
#include "text/uni.h"

enum {
    NODES_MAX = 200000,
    NUMBER_MAX = 63, /* characters; cJSON reads a longer number only in part */
};

/* Each function takes one piece; -1 with the reason set at its place. */

static int
refuse(struct json_scan *s, const char *reason)
{
    s->reason = reason;
    return -1;
}

/* The next byte, or -1 at the end. */
static int
peek(const struct json_scan *s)
{
    return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static int
take(struct json_scan *s, char c)
{
    if (peek(s) != (unsigned char)c)
        return 0;
    s->at++;
    return 1;
}

static void
skip_space(struct json_scan *s)
{
    while (take(s, ' ') || take(s, '\t') || take(s, '\n') || take(s, '\r'))
        ;
}

/* Four hex digits of a \u escape. */
static int
scan_hex4(struct json_scan *s, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(s);
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (unsigned)(c - 'A' + 10);
        else
            return refuse(s, "a \\u escape without four hex digits");
        *value = *value * 16 + digit;
        s->at++;
    }
    return 0;
}

/* What follows "\u": one unit, or a high and a low surrogate. */
static int
scan_unicode(struct json_scan *s)
{
    unsigned unit, low;
    if (scan_hex4(s, &unit) != 0)
        return -1;
    if (unit == 0)
        return refuse(s, "a NUL in a string");
    if (unit < 0xd800 || unit > 0xdfff)
        return 0;
    if (unit > 0xdbff || !take(s, '\\') || !take(s, 'u'))
        return refuse(s, "an unpaired surrogate");
    if (scan_hex4(s, &low) != 0)
        return -1;
    return low >= 0xdc00 && low <= 0xdfff ? 0 : refuse(s, "an unpaired surrogate");
}

static int
scan_string(struct json_scan *s)
{
    if (!take(s, '"'))
        return refuse(s, "a string was expected");
    for (;;) {
        int c = peek(s);
        if (c < 0)
            return refuse(s, "a string does not end");
        if (c < 0x20)
            return refuse(s, "a raw control character in a string");
        s->at++;
        if (c == '"')
            return 0;
        if (c != '\\')
            continue;
        int escape = peek(s);
        if (escape <= 0 || strchr("\"\\/bfnrtu", escape) == NULL)
            return refuse(s, "an unknown escape in a string");
        s->at++;
        if (escape == 'u' && scan_unicode(s) != 0)
            return -1;
    }
}

/* Digits; how many there were. */
static size_t
skip_digits(struct json_scan *s)
{
    size_t start = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at - start;
}

/* A number's digits from the first that is not zero, and how many stand before its point once the
 * exponent is applied: 0.0125e4 is 125 with 3. */
struct decimal {
    char digits[NUMBER_MAX + 1];
    size_t count;
    long whole;
};

static long
exponent_of(const char *text, size_t len)
{
    const long enough = 10000; /* NUMBER_MAX digits cannot bring that back in range */
    long size = 0;
    size_t i = *text == '-' || *text == '+' ? 1 : 0;
    for (; i < len; i++)
        size = size < enough ? size * 10 + (text[i] - '0') : enough;
    return *text == '-' ? -size : size;
}

static struct decimal
decimal_of(const char *text, size_t len)
{
    struct decimal d = {.count = 0};
    int after_point = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == 'e' || c == 'E') {
            d.whole += exponent_of(text + i + 1, len - i - 1);
            break;
        }
        if (c == '.')
            after_point = 1;
        if (c < '0' || c > '9')
            continue;
        if (d.count > 0 || c != '0')
            d.digits[d.count++] = c;
        if (d.count > 0 ? !after_point : after_point)
            d.whole += d.count > 0 ? 1 : -1;
    }
    return d;
}

/* Whether the number is within 2^53, judged on its digits: a double cannot tell 2^53 from 2^53 + 1.
 */
static int
is_within(const char *text, size_t len)
{
    static const char most[] = "9007199254740992";
    const long size = sizeof most - 1;
    struct decimal d = decimal_of(text, len);
    if (d.count == 0 || d.whole != size)
        return d.count == 0 || d.whole < size;
    for (size_t i = 0; i < d.count; i++) {
        int limit = i < (size_t)size ? most[i] : '0';
        if (d.digits[i] != limit)
            return d.digits[i] < limit;
    }
    return 1;
}

/* Takes a number by RFC 8259's grammar; the reason against it, or NULL. */
static const char *
scan_digits(struct json_scan *s)
{
    (void)take(s, '-');
    size_t first = s->at;
    size_t digits = skip_digits(s);
    if (digits == 0)
        return "a value was expected";
    if (digits > 1 && s->text[first] == '0')
        return "a number with a leading zero";
    if (take(s, '.') && skip_digits(s) == 0)
        return "a number without digits after its point";
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            (void)take(s, '-');
        if (skip_digits(s) == 0)
            return "a number without digits in its exponent";
    }
    return NULL;
}

static int
scan_number(struct json_scan *s)
{
    size_t start = s->at;
    const char *reason = scan_digits(s);
    if (reason == NULL && s->at - start > NUMBER_MAX)
        reason = "a number that is too long";
    if (reason == NULL && !is_within(s->text + start, s->at - start))
        reason = "a number beyond 2^53";
    if (reason == NULL)
        return 0;
    s->at = start; /* the message names the number's beginning */
    return refuse(s, reason);
}

static int
scan_word(struct json_scan *s, const char *word)
{
    size_t len = strlen(word);
    if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0)
        return refuse(s, "a value was expected");
    s->at += len;
    return 0;
}

static int scan_value(struct json_scan *s);

/* "name": */
static int
scan_name(struct json_scan *s)
{
    skip_space(s);
    if (scan_string(s) != 0)
        return -1;
    skip_space(s);
    return take(s, ':') ? 0 : refuse(s, "a colon was expected");
}

/* An array or object, from after its opening bracket to its closing one. */
static int
scan_items(struct json_scan *s, char close)
{
    if (++s->depth > LIMIT_JSON_DEPTH)
        return refuse(s, "nested too deep");
    skip_space(s);
    if (!take(s, close)) {
        do {
            if (close == '}' && scan_name(s) != 0)
                return -1;
            if (scan_value(s) != 0)
                return -1;
        } while (take(s, ','));
        if (!take(s, close))
            return refuse(s, "a comma or a closing bracket was expected");
    }
    s->depth--;
    return 0;
}

static int
scan_bare(struct json_scan *s)
{
    switch (peek(s)) {
    case '{':
        s->at++;
        return scan_items(s, '}');
    case '[':
        s->at++;
        return scan_items(s, ']');
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return scan_number(s);
    }
}

/* A value and the space around it. */
static int
scan_value(struct json_scan *s)
{
    if (++s->nodes > NODES_MAX)
        return refuse(s, "more than 200000 values");
    skip_space(s);
    if (scan_bare(s) != 0)
        return -1;
    skip_space(s);
    return 0;
}

int
json_scan(struct json_scan *s)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (s->len >= sizeof mark - 1 && memcmp(s->text, mark, sizeof mark - 1) == 0)
        return refuse(s, "a byte-order mark");
    if (!utf8_is(s->text, s->len))
        return refuse(s, "not valid UTF-8");
    if (scan_value(s) != 0)
        return -1;
    return s->at == s->len ? 0 : refuse(s, "text after the value");
}
