/*
 * Reading goes in three steps. The scan over the raw bytes refuses what cJSON would let through
 * (it cuts strings at a NUL escape, takes raw controls, leading zeros, infinite numbers, a
 * byte-order mark, trailing text). cJSON then builds the tree. The names in the tree, now without
 * escapes, are checked for duplicates.
 */
#include "text/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/limits.h"
#include "text/jw.h"
#include "text/uni.h"

enum {
    NODES_MAX = 200000,
    NUMBER_MAX = 63, /* characters; cJSON reads a longer number only in part */
};

/* ---- the scan: each function takes one piece; -1 with the reason set at its place ---- */

struct scan {
    const char *text;
    size_t len;
    size_t at;
    unsigned depth;
    size_t nodes;
    const char *reason;
};

static int
refuse(struct scan *s, const char *reason)
{
    s->reason = reason;
    return -1;
}

/* The next byte, or -1 at the end. */
static int
peek(const struct scan *s)
{
    return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static int
take(struct scan *s, char c)
{
    if (peek(s) != (unsigned char)c)
        return 0;
    s->at++;
    return 1;
}

static void
skip_space(struct scan *s)
{
    while (take(s, ' ') || take(s, '\t') || take(s, '\n') || take(s, '\r'))
        ;
}

/* Four hex digits of a \u escape. */
static int
scan_hex4(struct scan *s, unsigned *value)
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
scan_unicode(struct scan *s)
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
scan_string(struct scan *s)
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
skip_digits(struct scan *s)
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
scan_digits(struct scan *s)
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
scan_number(struct scan *s)
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
scan_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);
    if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0)
        return refuse(s, "a value was expected");
    s->at += len;
    return 0;
}

static int scan_value(struct scan *s);

/* "name": */
static int
scan_name(struct scan *s)
{
    skip_space(s);
    if (scan_string(s) != 0)
        return -1;
    skip_space(s);
    return take(s, ':') ? 0 : refuse(s, "a colon was expected");
}

/* An array or object, from after its opening bracket to its closing one. */
static int
scan_items(struct scan *s, char close)
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
scan_bare(struct scan *s)
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
scan_value(struct scan *s)
{
    if (++s->nodes > NODES_MAX)
        return refuse(s, "more than 200000 values");
    skip_space(s);
    if (scan_bare(s) != 0)
        return -1;
    skip_space(s);
    return 0;
}

static int
scan_all(struct scan *s)
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

/* ---- the tree ---- */

static enum rc
refuse_tree(struct err *err, const char *what)
{
    return err_set(err, RC_MALFORMED, "%s is not acceptable JSON", what);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum rc
refuse_twice(struct err *err, const char *what, const char *name)
{
    struct buf shown;
    buf_init(&shown, 200);
    escape_terminal(&shown, name, strlen(name), ESCAPE_LINE);
    refuse_tree(err, what);
    err_why(err, "the member \"%s\" is there twice", buf_str(&shown));
    buf_release(&shown);
    return err->code;
}

enum { FEW = 16 };

static enum rc
check_few(const cJSON *object, const char *what, struct err *err)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        for (const cJSON *other = object->child; other != item; other = other->next) {
            if (item->string[0] == other->string[0] && strcmp(item->string, other->string) == 0)
                return refuse_twice(err, what, item->string);
        }
    }
    return RC_OK;
}

/* Sorts the names when they are many: an object of 100,000 costs no more than it should. */
static enum rc
check_names(const cJSON *object, const char *what, struct err *err)
{
    size_t count = json_count((const struct json *)object);
    if (count <= FEW)
        return check_few(object, what, err);
    const char **names = calloc(count, sizeof *names);
    if (names == NULL)
        return err_nomem(err);
    size_t n = 0;
    for (const cJSON *item = object->child; item != NULL; item = item->next)
        names[n++] = item->string;
    qsort(names, count, sizeof *names, by_text);
    enum rc rc = RC_OK;
    for (size_t i = 1; i < count && rc == RC_OK; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            rc = refuse_twice(err, what, names[i]);
    }
    free(names);
    return rc;
}

static enum rc
check_tree(const cJSON *v, const char *what, struct err *err)
{
    enum rc rc = cJSON_IsObject(v) ? check_names(v, what, err) : RC_OK;
    for (const cJSON *item = v->child; item != NULL && rc == RC_OK; item = item->next)
        rc = check_tree(item, what, err);
    return rc;
}

enum rc
json_parse(struct json **out, const char *text, size_t len, const char *what, struct err *err)
{
    *out = NULL;
    struct scan s = {.text = text, .len = len};
    if (scan_all(&s) != 0) {
        refuse_tree(err, what);
        return err_why(err, "%s, at byte %zu", s.reason, s.at + 1);
    }
    /* What the scan accepts cJSON accepts; so only memory can be the cause of a failure. */
    cJSON *tree = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
    if (tree == NULL)
        return err_nomem(err);
    enum rc rc = check_tree(tree, what, err);
    if (rc != RC_OK) {
        cJSON_Delete(tree);
        return rc;
    }
    *out = (struct json *)tree;
    return RC_OK;
}

void
json_free(struct json *doc)
{
    cJSON_Delete((cJSON *)doc);
}

/* ---- access ---- */

static const cJSON *
node(const struct json *v)
{
    return (const cJSON *)v;
}

static const struct json *
value(const cJSON *n)
{
    return (const struct json *)n;
}

enum json_type
json_type(const struct json *v)
{
    const cJSON *n = node(v);
    if (cJSON_IsBool(n))
        return JSON_BOOL;
    if (cJSON_IsNumber(n))
        return JSON_NUMBER;
    if (cJSON_IsString(n))
        return JSON_STRING;
    if (cJSON_IsArray(n))
        return JSON_ARRAY;
    return cJSON_IsObject(n) ? JSON_OBJECT : JSON_NULL;
}

const struct json *
json_get(const struct json *v, const char *name)
{
    return cJSON_IsObject(node(v)) ? value(cJSON_GetObjectItemCaseSensitive(node(v), name)) : NULL;
}

const char *
json_str(const struct json *v)
{
    return cJSON_IsString(node(v)) ? node(v)->valuestring : NULL;
}

const char *
json_gets(const struct json *v, const char *name)
{
    return json_str(json_get(v, name));
}

int
json_int(const struct json *v, int64_t *out)
{
    if (!cJSON_IsNumber(node(v)))
        return -1;
    double d = node(v)->valuedouble;
    int64_t whole = (int64_t)d; /* within 2^53, so the conversion is defined */
    if ((double)whole < d || (double)whole > d)
        return -1;
    *out = whole;
    return 0;
}

int
json_geti(const struct json *v, const char *name, int64_t *out)
{
    return json_int(json_get(v, name), out);
}

int
json_bool(const struct json *v)
{
    if (!cJSON_IsBool(node(v)))
        return -1;
    return cJSON_IsTrue(node(v)) ? 1 : 0;
}

const struct json *
json_first(const struct json *v)
{
    return v != NULL ? value(node(v)->child) : NULL;
}

const struct json *
json_next(const struct json *item)
{
    return item != NULL ? value(node(item)->next) : NULL;
}

const char *
json_name(const struct json *item)
{
    return item != NULL && node(item)->string != NULL ? node(item)->string : "";
}

size_t
json_count(const struct json *v)
{
    size_t count = 0;
    for (const struct json *item = json_first(v); item != NULL; item = json_next(item))
        count++;
    return count;
}

/* ---- printing ---- */

static void
print_number(struct jw *w, const char *name, const struct json *v)
{
    int64_t whole;
    if (json_int(v, &whole) == 0) {
        jw_int(w, name, whole);
        return;
    }
    char text[32]; /* 17 digits bring back any double */
    int len = snprintf(text, sizeof text, "%.17g", node(v)->valuedouble);
    jw_raw(w, name, text, (size_t)len);
}

static void
print_value(struct jw *w, const char *name, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_NULL:
        jw_null(w, name);
        return;
    case JSON_BOOL:
        jw_bool(w, name, json_bool(v));
        return;
    case JSON_NUMBER:
        print_number(w, name, v);
        return;
    case JSON_STRING:
        jw_str(w, name, json_str(v));
        return;
    case JSON_ARRAY:
        jw_arr(w, name);
        break;
    case JSON_OBJECT:
        jw_obj(w, name);
        break;
    }
    int object = json_type(v) == JSON_OBJECT;
    for (const struct json *item = json_first(v); item != NULL; item = json_next(item))
        print_value(w, object ? json_name(item) : NULL, item);
    object ? jw_end_obj(w) : jw_end_arr(w);
}

void
json_print(struct buf *out, const struct json *v)
{
    struct jw w;
    jw_init(&w, out);
    print_value(&w, NULL, v); /* an item's own name is its object's business */
}
