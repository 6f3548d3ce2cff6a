#include "../lib/mutate.h"
#include "../lib/unit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "text/json.h"
#include "text/jw.h"
#include "text/uni.h"

static enum rc
try_parse(const char *text, size_t len, struct err *err)
{
    struct json *doc = NULL;
    enum rc rc = json_parse(&doc, text, len, "a test", err);
    assert_int_equal(doc != NULL, rc == RC_OK);
    json_free(doc);
    return rc;
}

static struct json *
parse(const char *text)
{
    struct json *doc = NULL;
    assert_ok(json_parse(&doc, text, strlen(text), "a test", err));
    return doc;
}

static void
assert_prints(const char *text, const char *want)
{
    struct json *doc = parse(text);
    struct buf b;
    buf_init(&b, 100000);
    json_print(&b, doc);
    assert_string_equal(buf_str(&b), want);
    buf_release(&b);
    json_free(doc);
}

static void
accepted(void **state)
{
    (void)state;
    assert_prints("null", "null");
    assert_prints(" true ", "true");
    assert_prints("\t[ ]\r\n", "[]");
    assert_prints("{ }", "{}");
    assert_prints("\"\"", "\"\"");
    assert_prints("[1, -1, 0, -0, 10]", "[1,-1,0,0,10]");
    assert_prints("[1.0, 1e3, 1E+3, 25e-1, 0.5, -0.25]", "[1,1000,1000,2.5,0.5,-0.25]");
    assert_prints("{\"b\" : [true , false,null],\"a\":{\"b\":\"x\"}}",
                  "{\"b\":[true,false,null],\"a\":{\"b\":\"x\"}}");
    assert_prints("{\"a\":1,\"A\":2,\"\":3}", "{\"a\":1,\"A\":2,\"\":3}");
    assert_prints("[{\"a\":1},{\"a\":1}]", "[{\"a\":1},{\"a\":1}]");
    assert_prints("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\\u0041\"",
                  "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001fA\"");
    assert_prints("\"\\u00e9\\uD83D\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    assert_prints("\"\xef\xbb\xbf\x7f\xe2\x80\xa8\"", "\"\xef\xbb\xbf\x7f\xe2\x80\xa8\"");
}

/* What row 30 of the threat list measured cJSON to let through, and what RFC 8259 forbids. */
static const char *const forbidden[] = {
    "",
    " ",
    "\xef\xbb\xbf{}",
    "{} x",
    "{}{}",
    "1 2",
    "[1]]",
    "nul",
    "nulll",
    "True",
    "NaN",
    "Infinity",
    "-Infinity",
    "-",
    "+1",
    ".5",
    "1.",
    "1.e3",
    "1e",
    "1e+",
    "01",
    "-01",
    "00",
    "0x10",
    "1_000",
    "1e999",
    "-1e999",
    "1e16",
    "9007199254740993",
    "-9007199254740993",
    "9007199254740992.5",
    "9007199254740992.0000001",
    "9007199254740992.5e1",
    "9.007199254740993e15",
    "90071992547409930e-1",
    "0.00000009007199254740993e23",
    "1e00000000099",
    "1e99999999999999999999",
    "9007199254740993.0",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "\"",
    "\"a",
    "\"\\\"",
    "\"a\nb\"",
    "\"a\tb\"",
    "\"\x01\"",
    "\"\\x41\"",
    "\"\\'\"",
    "'a'",
    "\"\\u0000\"",
    "\"a\\u0000b\"",
    "\"\\u00\"",
    "\"\\u00g0\"",
    "\"\\U0041\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800x\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\xff\"",
    "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"",
    "\"\xe9\"",
    "\"\xe2\x80\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{\"a\" 1}",
    "{\"a\":}",
    "{a:1}",
    "{1:1}",
    "{'a':1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1]",
    "[1}",
    "{\"\\u0000\":1}",
    "{\"\\ud800\":1}",
    "// x\n1",
    "/* x */1",
    "1 // x",
    "[1] #",
    "\v1",
    "\f1",
    "\xc2\xa0"
    "1",
    "\xe2\x80\xa8"
    "1",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
    "{\"\\u00e9\":1,\"\xc3\xa9\":2}",
    "{\"a\":1,\"b\":2,\"a\":1}",
    "[[{\"x\":{\"\":1,\"\":1}}]]",
    "{\"\\/\":1,\"/\":2}",
};

static void
refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        struct err err = ERR_INIT;
        if (try_parse(forbidden[i], strlen(forbidden[i]), &err) != RC_MALFORMED)
            fail_msg("accepted: %s", forbidden[i]);
        assert_string_equal(err.msg, "a test is not acceptable JSON");
        assert_string_not_equal(err.why, "");
    }
    assert_rc(try_parse("[1\0]", 4, err), RC_MALFORMED);
    assert_rc(try_parse("[1]\0", 4, err), RC_MALFORMED);
    assert_rc(try_parse("\"a\0b\"", 5, err), RC_MALFORMED);
    assert_rc(try_parse(NULL, 0, err), RC_MALFORMED);
}

static void
reasons(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    (void)try_parse("[1,02]", 6, &err);
    assert_string_equal(err.why, "a number with a leading zero, at byte 4");
    static const char twice[] = "{\"\x7f\":1,\"\\u007f\":2}";
    (void)try_parse(twice, strlen(twice), &err);
    assert_string_equal(err.why, "the member \"\\x7f\" is there twice");
}

/* Few names and many are compared in two ways. */
static void
twice_among(void **state)
{
    (void)state;
    for (int count = 2; count < 40; count++) {
        struct buf text;
        buf_init(&text, 1000);
        buf_add(&text, "{", 1);
        for (int i = 0; i < count; i++)
            buf_addf(&text, "\"n%d\":0,", i);
        buf_addf(&text, "\"n%d\":1}", count / 2);
        assert_rc(try_parse(buf_str(&text), text.len, err), RC_MALFORMED);
        char *last = strstr(buf_str(&text), ":1}");
        last[-2] = '_';
        assert_rc(try_parse(buf_str(&text), text.len, err), RC_OK);
        buf_release(&text);
    }
}

/* The length counts, not a NUL: nothing behind it is read (a sanitizer watches). */
static void
length_counts(void **state)
{
    (void)state;
    static const char *const texts[] = {"1",         "-",      "12",   "\"a\"", "\"", "\"\\",
                                        "\"\\u00",   "tru",    "true", "[",     "[1", "[]",
                                        "{\"a\":1}", "{\"a\"", "1e",   "1."};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len = strlen(texts[i]);
        char *exact = malloc(len);
        assert_non_null(exact);
        memcpy(exact, texts[i], len);
        struct err err = ERR_INIT;
        (void)try_parse(exact, len, &err);
        free(exact);
    }
    assert_ok(try_parse("12345", 2, err));
    assert_ok(try_parse("[1]x", 3, err));
}

static void
integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {{"0", 0},
                {"-1", -1},
                {"1.0", 1},
                {"1e3", 1000},
                {"9007199254740991", 9007199254740991},
                {"9007199254740992", 9007199254740992},
                {"-9007199254740992", -9007199254740992},
                {"9007199254740989", 9007199254740989},
                {"9007199254740992.000", 9007199254740992},
                {"9.007199254740992e15", 9007199254740992},
                {"-90071992547409920e-1", -9007199254740992},
                {"0.0125e4", 125},
                {"0e99999999999999999999", 0},
                {"100000000000000000000e-20", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json *doc = parse(rows[i].text);
        int64_t n = 7;
        assert_int_equal(json_int(doc, &n), 0);
        assert_true(n == rows[i].value);
        struct buf b;
        char want[32];
        buf_init(&b, 64);
        json_print(&b, doc);
        (void)snprintf(want, sizeof want, "%" PRId64, rows[i].value);
        assert_string_equal(buf_str(&b), want);
        buf_release(&b);
        json_free(doc);
    }
    static const char *const not_whole[] = {"0.5", "-1.25", "true", "null", "\"1\"", "[1]", "{}"};
    for (size_t i = 0; i < sizeof not_whole / sizeof not_whole[0]; i++) {
        struct json *doc = parse(not_whole[i]);
        int64_t n = 7;
        assert_int_equal(json_int(doc, &n), -1);
        assert_int_equal(n, 7);
        json_free(doc);
    }
    int64_t n;
    assert_int_equal(json_int(NULL, &n), -1);
}

static void
access_values(void **state)
{
    (void)state;
    struct json *doc = parse("{\"s\":\"x\",\"n\":5,\"t\":true,\"f\":false,\"z\":null,"
                             "\"a\":[1,\"two\",[]],\"o\":{\"in\":{\"deep\":\"y\"}}}");
    int64_t n = 0;
    assert_int_equal(json_type(doc), JSON_OBJECT);
    assert_string_equal(json_gets(doc, "s"), "x");
    assert_null(json_gets(doc, "S"));
    assert_null(json_gets(doc, "n"));
    assert_int_equal(json_geti(doc, "n", &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(json_geti(doc, "none", &n), -1);
    assert_int_equal(json_bool(json_get(doc, "t")), 1);
    assert_int_equal(json_bool(json_get(doc, "f")), 0);
    assert_int_equal(json_bool(json_get(doc, "z")), -1);
    assert_int_equal(json_bool(NULL), -1);
    assert_int_equal(json_type(json_get(doc, "z")), JSON_NULL);
    assert_int_equal(json_type(json_get(doc, "t")), JSON_BOOL);
    assert_int_equal(json_type(json_get(doc, "n")), JSON_NUMBER);
    assert_int_equal(json_type(json_get(doc, "s")), JSON_STRING);
    assert_string_equal(json_gets(json_get(json_get(doc, "o"), "in"), "deep"), "y");
    assert_null(json_gets(json_get(json_get(doc, "s"), "in"), "deep"));
    const struct json *array = json_get(doc, "a");
    assert_int_equal(json_type(array), JSON_ARRAY);
    assert_int_equal(json_count(array), 3);
    assert_null(json_get(array, "s"));
    const struct json *item = json_next(json_first(array));
    assert_string_equal(json_str(item), "two");
    assert_string_equal(json_name(item), "");
    assert_null(json_first(json_next(item)));
    assert_null(json_next(json_next(item)));
    assert_int_equal(json_count(doc), 7);
    assert_string_equal(json_name(json_first(doc)), "s");
    assert_string_equal(json_name(json_next(json_first(doc))), "n");
    assert_null(json_first(json_get(doc, "s")));
    assert_null(json_first(NULL));
    assert_null(json_next(NULL));
    assert_int_equal(json_count(NULL), 0);
    struct buf b;
    buf_init(&b, 100);
    json_print(&b, json_get(doc, "a")); /* a member prints without its name */
    assert_string_equal(buf_str(&b), "[1,\"two\",[]]");
    buf_release(&b);
    json_free(doc);
    json_free(NULL);
}

static void
repeat(struct buf *b, const char *text, size_t times)
{
    while (times-- > 0)
        buf_adds(b, text);
}

static void
depth(void **state)
{
    (void)state;
    static const struct {
        const char *open;
        const char *close;
    } kinds[] = {{"[", "]"}, {"{\"a\":", "}"}};
    for (size_t i = 0; i < 2; i++) {
        for (size_t levels = 31; levels <= 33; levels++) {
            struct buf b;
            buf_init(&b, 1000);
            repeat(&b, kinds[i].open, levels);
            buf_adds(&b, "1");
            repeat(&b, kinds[i].close, levels);
            assert_rc(try_parse(b.data, b.len, err), levels <= 32 ? RC_OK : RC_MALFORMED);
            if (levels == 32) {
                struct json *doc = parse(b.data);
                struct buf again;
                buf_init(&again, 1000);
                json_print(&again, doc);
                assert_string_equal(buf_str(&again), buf_str(&b));
                buf_release(&again);
                json_free(doc);
            }
            buf_release(&b);
        }
    }
    struct buf b;
    buf_init(&b, 3000000);
    repeat(&b, "[", 1000000); /* no stack overflow, either */
    assert_rc(try_parse(b.data, b.len, err), RC_MALFORMED);
    buf_release(&b);
}

static void
nodes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000000);
    buf_adds(&b, "[0"); /* the array and 199,999 items */
    repeat(&b, ",0", 199998);
    buf_adds(&b, "]");
    assert_ok(try_parse(b.data, b.len, err));
    b.data[b.len - 1] = ',';
    buf_adds(&b, "0]");
    assert_rc(try_parse(b.data, b.len, err), RC_MALFORMED);
    buf_release(&b);
}

/* A quadratic check would need minutes for this; the test's time limit is the assertion. */
static void
many_members(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8000000);
    buf_adds(&b, "{");
    for (int i = 0; i < 190000; i++)
        buf_addf(&b, "\"name%06d\":0,", i);
    size_t before = b.len;
    buf_adds(&b, "\"last\":0}");
    assert_ok(try_parse(b.data, b.len, err));
    b.len = before;
    buf_adds(&b, "\"\\u006eame000000\":0}");
    assert_rc(try_parse(b.data, b.len, err), RC_MALFORMED);
    buf_release(&b);
}

/* ---- damage: never crash, never accept a forbidden form ---- */

static void
check_no_duplicates(const struct json *v)
{
    int object = json_type(v) == JSON_OBJECT;
    for (const struct json *i = json_first(v); i != NULL; i = json_next(i)) {
        if (object)
            assert_ptr_equal(json_get(v, json_name(i)), i);
        check_no_duplicates(i);
    }
}

/* A string from after its opening quotation mark; the place after the closing one. */
static size_t
check_string(const char *text, size_t len, size_t i)
{
    int high = 0; /* whether the last thing was a high surrogate */
    for (; i < len && text[i] != '"'; i++) {
        int was_high = high;
        high = 0;
        assert_true((unsigned char)text[i] >= 0x20);
        if (text[i] == '\\') {
            i++;
            assert_true(i < len && strchr("\"\\/bfnrtu", text[i]) != NULL);
            if (text[i] == 'u') {
                char hex[5] = "";
                assert_true(i + 4 < len);
                memcpy(hex, text + i + 1, 4);
                assert_int_equal(strspn(hex, "0123456789abcdefABCDEF"), 4);
                unsigned long unit = strtoul(hex, NULL, 16);
                assert_int_not_equal(unit, 0);
                high = unit >= 0xd800 && unit < 0xdc00;
                assert_int_equal(unit >= 0xdc00 && unit < 0xe000, was_high);
                was_high = 0;
                i += 4;
            }
        }
        assert_false(was_high);
    }
    assert_false(high);
    assert_true(i < len);
    return i + 1;
}

static size_t
check_number(const char *text, size_t len, size_t i)
{
    char token[80] = "";
    size_t n = 0;
    for (; i + n < len && n < sizeof token - 1 && strchr("0123456789+-.eE", text[i + n]) != NULL;
         n++)
        token[n] = text[i + n];
    const char *digits = token[0] == '-' ? token + 1 : token;
    assert_true(digits[0] >= '0' && digits[0] <= '9');
    assert_false(digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9');
    char *end = NULL;
    double value = strtod(token, &end);
    assert_true(*end == '\0' && end[-1] >= '0' && end[-1] <= '9');
    assert_true(value <= 9007199254740992.0 && value >= -9007199254740992.0);
    if (strspn(digits, "0123456789") == strlen(digits))
        assert_true(strtoull(digits, NULL, 10) <= 9007199254740992ULL);
    return i + n;
}

/* A second, much simpler reader, that knows what must not be in an accepted text. */
static void
check_text(const char *text, size_t len)
{
    int level = 0;
    assert_true(utf8_is(text, len));
    for (size_t i = 0; i < len;) {
        char c = text[i];
        if (c == '"') {
            i = check_string(text, len, i + 1);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            i = check_number(text, len, i);
        } else {
            assert_true(c > 0 && strchr("{}[]:, \t\r\ntruefalsn", c) != NULL);
            level += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
            assert_true(level >= 0 && level <= 32);
            i++;
        }
    }
    assert_int_equal(level, 0);
}

static void
check_accepted(const char *text, size_t len, const struct json *doc)
{
    check_text(text, len);
    check_no_duplicates(doc);
    struct buf once, twice;
    buf_init(&once, 100000);
    buf_init(&twice, 100000);
    json_print(&once, doc);
    struct json *again = NULL;
    assert_ok(json_parse(&again, once.data, once.len, "a test", err));
    json_print(&twice, again);
    assert_string_equal(buf_str(&once), buf_str(&twice));
    json_free(again);
    buf_release(&once);
    buf_release(&twice);
}

static void
mutations(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"keymuster\":1,\"author\":\"00ff\",\"seq\":17,\"at\":\"2026-11-25T02:12:38.123Z\","
        "\"by\":{\"user\":\"k\",\"from\":\"\"},\"body\":{\"n\":[1,-2.5e3,0,true,false,null]}}",
        "[\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\",\"\xc3\xa9\xf0\x9f\x98\x80\",{\"a\":1,\"b\":2,\"c\":"
        "3}]",
        "[9007199254740992,-9007199254740991,0.5,1e3,10,100]",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    };
    static const char *const pieces[] = {"\\u0000",
                                         "\\ud800",
                                         "\\udc00",
                                         "\\u0061",
                                         "\xef\xbb\xbf",
                                         "\xff",
                                         "\xc0\x80",
                                         "0",
                                         "00",
                                         "9",
                                         "e9",
                                         "e",
                                         ".",
                                         "-",
                                         "\"",
                                         "\\",
                                         ",",
                                         ":",
                                         "\"a\":1,",
                                         "[",
                                         "]",
                                         "{",
                                         "}",
                                         "\x01",
                                         "\n",
                                         " ",
                                         "\t",
                                         "null",
                                         "\xed\xa0\x80",
                                         "1e999",
                                         "\"\":0,",
                                         "/**/",
                                         "NaN"};
    enum { ROUNDS = 200000, SIZE = 1024 };
    uint64_t random = 0x9e3779b97f4a7c15;
    size_t taken = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char text[SIZE];
        size_t len = mutate(text, sizeof text, seeds[i % 4], pieces,
                            sizeof pieces / sizeof pieces[0], &random);
        struct json *doc = NULL;
        struct err err = ERR_INIT;
        enum rc rc = json_parse(&doc, text, len, "a test", &err);
        if (rc == RC_OK)
            check_accepted(text, len, doc);
        else
            assert_int_equal(rc, RC_MALFORMED);
        taken += rc == RC_OK;
        json_free(doc);
    }
    /* neither everything nor nothing, else this test tests nothing */
    assert_in_range(taken, ROUNDS / 100, ROUNDS / 2);
}

/* ---- writing ---- */

static void
writer(void **state)
{
    (void)state;
    struct buf b;
    struct jw w;
    buf_init(&b, 1000);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "s", "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9");
    jw_str(&w, "none", NULL);
    jw_strn(&w, "n", "a\0bc", 3);
    jw_opt(&w, "left out", "");
    jw_opt(&w, "left out", NULL);
    jw_opt(&w, "opt", "x");
    jw_arr(&w, "a");
    jw_int(&w, NULL, 0);
    jw_int(&w, NULL, -9007199254740992);
    jw_obj(&w, NULL);
    jw_end_obj(&w);
    jw_arr(&w, NULL);
    jw_end_arr(&w);
    jw_bool(&w, NULL, 5);
    jw_bool(&w, NULL, 0);
    jw_null(&w, NULL);
    jw_end_arr(&w);
    jw_raw(&w, "r\n", "{\"x\":1}", 7);
    jw_end_obj(&w);
    assert_string_equal(
        buf_str(&b),
        "{\"s\":\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\",\"none\":null,"
        "\"n\":\"a\\u0000b\",\"opt\":\"x\",\"a\":[0,-9007199254740992,{},[],true,"
        "false,null],\"r\\n\":{\"x\":1}}");
    assert_int_equal(w.depth, 0);
    buf_release(&b);
}

static void
writer_failure(void **state)
{
    (void)state;
    struct buf b;
    struct jw w;
    buf_init(&b, 10);
    jw_init(&w, &b);
    jw_arr(&w, NULL);
    jw_str(&w, NULL, "longer than ten bytes");
    jw_end_arr(&w);
    assert_rc(buf_check(&b, "an entry", err), RC_BAD_VALUE);
    buf_release(&b);
}

static void
writer_invalid_utf8(void **state)
{
    (void)state;
    struct buf b;
    struct jw w;
    buf_init(&b, 100);
    jw_init(&w, &b);
    jw_str(&w, NULL,
           "a\xe9"
           "b\xe2\x80\"\xf0\x9f\x98\x80\xff");
    assert_string_equal(buf_str(&b), "\"a\xef\xbf\xbd"
                                     "b\xef\xbf\xbd\xef\xbf\xbd\\\"\xf0\x9f\x98\x80\xef\xbf\xbd\"");
    buf_release(&b);
}

/* 300 hostile texts come back byte for byte, as value and as name. */
static void
writer_round_trip(void **state)
{
    (void)state;
    static const char *const parts[] = {"\"",
                                        "\\",
                                        "\",\"x\":\"",
                                        "\x01",
                                        "\x1b[2J",
                                        "\n",
                                        "\r\n",
                                        "\t",
                                        "/",
                                        "\xc2\x80",
                                        "\xe2\x80\xae",
                                        "\xef\xbb\xbf",
                                        "\xf4\x8f\xbf\xbf",
                                        "\x7f",
                                        "\\u0000",
                                        "a",
                                        "}",
                                        "]",
                                        "\\"};
    uint64_t random = 42;
    for (int i = 0; i < 300; i++) {
        struct buf text, out;
        buf_init(&text, 1000);
        buf_init(&out, 10000);
        for (uint32_t n = mutate_random(&random) % 20; n > 0; n--)
            buf_adds(&text, parts[mutate_random(&random) % (sizeof parts / sizeof parts[0])]);
        struct jw w;
        jw_init(&w, &out);
        jw_obj(&w, NULL);
        jw_str(&w, buf_str(&text), buf_str(&text));
        jw_end_obj(&w);
        struct json *doc = parse(buf_str(&out));
        assert_int_equal(json_count(doc), 1);
        assert_string_equal(json_name(json_first(doc)), buf_str(&text));
        assert_string_equal(json_str(json_first(doc)), buf_str(&text));
        json_free(doc);
        buf_release(&text);
        buf_release(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused),
        cmocka_unit_test(reasons),
        cmocka_unit_test(twice_among),
        cmocka_unit_test(length_counts),
        cmocka_unit_test(integers),
        cmocka_unit_test(access_values),
        cmocka_unit_test(depth),
        cmocka_unit_test(nodes),
        cmocka_unit_test(many_members),
        cmocka_unit_test(mutations),
        cmocka_unit_test(writer),
        cmocka_unit_test(writer_failure),
        cmocka_unit_test(writer_invalid_utf8),
        cmocka_unit_test(writer_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
