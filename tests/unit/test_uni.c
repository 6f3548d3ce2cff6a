#include "../lib/unit.h"

#include "base/limits.h"
#include "text/uni.h"

static void
utf8_valid(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbd",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "na\xc3\xafve"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(utf8_is(good[i], strlen(good[i])));
}

/* The forms of Unicode's table 3-7 that must not pass. */
static void
utf8_invalid(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "abc\xe9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(utf8_is(bad[i], strlen(bad[i])));
    assert_false(utf8_is("a\0b", 3));
    assert_false(utf8_is("\0", 1));
}

static void
widths(void **state)
{
    (void)state;
    assert_int_equal(utf8_width(""), 0);
    assert_int_equal(utf8_width("abc"), 3);
    assert_int_equal(utf8_width("\xc3\xa9t\xc3\xa9"), 3);
    assert_int_equal(utf8_width("e\xcc\x81"), 1);                /* combining acute */
    assert_int_equal(utf8_width("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two wide characters */
}

static void
names(void **state)
{
    (void)state;
    char longest[LIMIT_NAME + 2];
    memset(longest, 'x', sizeof longest);
    longest[LIMIT_NAME] = '\0';
    assert_ok(name_check("a", "site", err));
    assert_ok(name_check("fra-1.dc_2", "site", err));
    assert_ok(name_check(longest, "site", err));
    longest[LIMIT_NAME] = 'x';
    longest[LIMIT_NAME + 1] = '\0';
    assert_rc(name_check(longest, "site", err), RC_BAD_NAME);
    static const char *const bad[] = {"", "Fra", "a b", "a/b", "\xc3\xa9", "a\n", "a@1", "a:b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_rc(name_check(bad[i], "site", err), RC_BAD_NAME);
    struct err err = ERR_INIT;
    assert_int_equal(name_check("a\x1b[2Jb", "site", &err), RC_BAD_NAME);
    assert_string_equal(err.msg, "site \"a\\x1b[2Jb\" is not allowed");
    assert_string_equal(err.why, "character 2 is not one of the allowed ones");
    assert_non_null(strstr(err.hint, "a-z 0-9 . _ -"));
}

static void
key_names_good(void **state)
{
    (void)state;
    static const char *const good[] = {
        "vbr/config",
        "a",
        "a b",
        "a|b",
        "a |b",
        "Gro\xc3\x9f",
        "\xe6\x97\xa5\xe6\x9c\xac",
        "a@b",
        "a@1x",
        "@",
        "1",
        "a1",
        "\xd7\xa9\xd7\x9c", /* Hebrew letters are no controls */
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bg6",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_ok(key_name_check(good[i], err));
}

static void
key_names_bad(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *why;
    } bad[] = {
        {"", "empty"},
        {" a", "begins with a blank"},
        {"a ", "ends with a blank"},
        {"\xc2\xa0"
         "a",
         "begins with a blank"},                /* no-break space */
        {"a\xe3\x80\x80", "ends with a blank"}, /* ideographic space */
        {"a\tb", "control character"},
        {"a\nb", "control character"},
        {"a\x7f", "control character"},
        {"a\xc2\x85", "control character"},
        {"a\xe2\x80\xae"
         "b",
         "bidirectional"}, /* right-to-left override */
        {"a\xe2\x81\xa6"
         "b",
         "bidirectional"},           /* isolate */
        {"a\xe2\x80\x8b", "format"}, /* zero width space */
        {"\xef\xbb\xbf"
         "a",
         "format"}, /* byte-order mark */
        {"a\xe2\x80\xa8"
         "b",
         "format"},                      /* line separator */
        {"a\xf3\xa0\x81\x81", "format"}, /* a tag character */
        {"a\xe3\x85\xa4", "invisible"},  /* Hangul filler */
        {"a\xef\xb8\x8f", "invisible"},  /* variation selector */
        {"e\xcc\x81", "normal form C"},
        {"\xe2\x84\xab", "normal form C"}, /* Angstrom sign */
        {"a | b", "\" | \""},
        {"a@1", "@ and digits"},
        {"a@b@007", "@ and digits"},
        {"@1", "@ and digits"},
        {"f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "UUID"},
        {"F81D4FAE-7dec-11D0-a765-00A0C91E6BF6", "UUID"},
        {"a\xff", "UTF-8"},
        {"\xed\xa0\x80", "UTF-8"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = ERR_INIT;
        assert_int_equal(key_name_check(bad[i].name, &err), RC_BAD_NAME);
        if (strstr(err.why, bad[i].why) == NULL)
            fail_msg("\"%s\": the reason is: %s", err.msg, err.why);
    }
}

static void
key_name_length(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    for (int i = 0; i < LIMIT_KEY_NAME; i++)
        buf_adds(&b, "\xf0\x9f\x94\x91"); /* four bytes each */
    assert_ok(key_name_check(buf_str(&b), err));
    buf_addc(&b, 'x');
    struct err err = ERR_INIT;
    assert_int_equal(key_name_check(buf_str(&b), &err), RC_BAD_NAME);
    assert_string_equal(err.why, "it is longer than 128 characters");
    buf_release(&b);
}

static void
texts(void **state)
{
    (void)state;
    static char longest[LIMIT_TEXT + 2];
    memset(longest, 'x', LIMIT_TEXT);
    assert_ok(text_check(longest, "reason", err));
    longest[LIMIT_TEXT] = 'x';
    assert_rc(text_check(longest, "reason", err), RC_BAD_VALUE);
    assert_ok(text_check("ticket 17 \xe2\x80\x93 restore", "reason", err));
    assert_rc(text_check("", "reason", err), RC_BAD_VALUE);
    assert_rc(text_check("a\nb", "reason", err), RC_BAD_VALUE);
    assert_rc(text_check("a\tb", "reason", err), RC_BAD_VALUE);
    assert_rc(text_check("a\xc2\x9b", "reason", err), RC_BAD_VALUE);
    assert_rc(text_check("\xe9", "reason", err), RC_BAD_VALUE);
}

static void
assert_escaped(const char *text, size_t len, enum escape_flags flags, const char *want)
{
    struct buf b;
    buf_init(&b, 1000);
    escape_terminal(&b, text, len, flags);
    assert_string_equal(buf_str(&b), want);
    buf_release(&b);
}

static void
escapes(void **state)
{
    (void)state;
    assert_escaped("", 0, ESCAPE_LINE, "");
    assert_escaped("na\xc3\xafve \xe6\x97\xa5", 10, ESCAPE_LINE, "na\xc3\xafve \xe6\x97\xa5");
    assert_escaped("\x1b]0;x\x07", 6, ESCAPE_LINE, "\\x1b]0;x\\x07");
    assert_escaped("a\0b\x7f", 4, ESCAPE_LINE, "a\\x00b\\x7f");
    assert_escaped("a\r\n\tb", 5, ESCAPE_LINE, "a\\x0d\\x0a\\x09b");
    assert_escaped("a\r\n\tb", 5, ESCAPE_KEEP_NEWLINES, "a\\x0d\n\tb");
    assert_escaped("\xc2\x9b", 2, ESCAPE_KEEP_NEWLINES, "\\u{009B}");
    assert_escaped("\x9b", 1, ESCAPE_LINE, "\\x9b");
    assert_escaped("\xe2\x80\xae"
                   "abc",
                   6, ESCAPE_LINE, "\\u{202E}abc");
    assert_escaped("\xe2\x80\xa8\xd8\x9c", 5, ESCAPE_LINE, "\\u{2028}\\u{061C}");
    assert_escaped("\xf3\xa0\x81\x81", 4, ESCAPE_LINE, "\\u{E0041}");
    assert_escaped("\xe2\x80", 2, ESCAPE_LINE, "\\xe2\\x80");
    assert_escaped("\xed\xa0\x80", 3, ESCAPE_LINE, "\\xed\\xa0\\x80");
}

/* Whatever comes in, what goes out has no byte that a terminal acts on. */
static void
escapes_every_pair(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        char pair[2] = {(char)(i >> 8), (char)(i & 0xff)};
        struct buf b;
        buf_init(&b, 100);
        escape_terminal(&b, pair, 2, ESCAPE_LINE);
        assert_true(utf8_is(buf_str(&b), b.len));
        for (size_t k = 0; k < b.len; k++) {
            unsigned char c = (unsigned char)b.data[k];
            assert_true(c >= 0x20 && c != 0x7f);
            assert_false(c == 0xc2 && (unsigned char)b.data[k + 1] < 0xa0);
        }
        buf_release(&b);
    }
}

static void
distances(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("", ""), 0);
    assert_int_equal(edit_distance("", "abc"), 3);
    assert_int_equal(edit_distance("abc", ""), 3);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    assert_int_equal(edit_distance("saturday", "sunday"), 3);
    assert_int_equal(edit_distance("reveal", "reveal"), 0);
    assert_int_equal(edit_distance("revael", "reveal"), 1);
    assert_int_equal(edit_distance("sycn", "sync"), 1);
    assert_int_equal(edit_distance("ab", "ba"), 1);
    assert_int_equal(edit_distance("abc", "cab"), 2);
    static const char big[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert_true(edit_distance(big, "a") > 64);
    assert_true(edit_distance("a", big) > 64);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_valid),      cmocka_unit_test(utf8_invalid),
        cmocka_unit_test(widths),          cmocka_unit_test(names),
        cmocka_unit_test(key_names_good),  cmocka_unit_test(key_names_bad),
        cmocka_unit_test(key_name_length), cmocka_unit_test(texts),
        cmocka_unit_test(escapes),         cmocka_unit_test(escapes_every_pair),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
