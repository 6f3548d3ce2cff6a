#include "../lib/mutate.h"
#include "../lib/unit.h"

#include "text/ini.h"
#include "text/uni.h"

static const char sample[] = "# defaults\n"
                             "\n"
                             "[defaults]\n"
                             "output = human\n"
                             "  color=never  \n"
                             "empty =\n"
                             "; a semicolon, too\n"
                             "\n"
                             "[kms \"kp-fra\"]\n"
                             "credential = file:/etc/keymuster/a = b # no comment\n"
                             "[kms \"kp-mad\"]\n"
                             "credential\t=\t\"quoted\"\n"
                             "[kms]\n"
                             "timeout = 5s";

static struct ini *
parse(const char *text)
{
    struct ini *ini = NULL;
    assert_ok(ini_parse(&ini, text, strlen(text), "a.conf", err));
    return ini;
}

static void
reads(void **state)
{
    (void)state;
    struct ini *ini = parse(sample);
    assert_string_equal(ini_get(ini, "defaults", NULL, "output"), "human");
    assert_string_equal(ini_get(ini, "defaults", NULL, "color"), "never");
    assert_string_equal(ini_get(ini, "defaults", NULL, "empty"), "");
    assert_string_equal(ini_get(ini, "kms", "kp-fra", "credential"),
                        "file:/etc/keymuster/a = b # no comment");
    assert_string_equal(ini_get(ini, "kms", "kp-mad", "credential"), "\"quoted\"");
    assert_string_equal(ini_get(ini, "kms", NULL, "timeout"), "5s");
    assert_null(ini_get(ini, "kms", "kp-fra", "timeout"));
    assert_null(ini_get(ini, "kms", "kp-par", "credential"));
    assert_null(ini_get(ini, "defaults", "x", "output"));
    assert_null(ini_get(ini, "Defaults", NULL, "output"));
    assert_true(ini_has(ini, "kms", NULL));
    assert_true(ini_has(ini, "kms", "kp-mad"));
    assert_false(ini_has(ini, "copy", NULL));
    assert_string_equal(ini_name_at(ini, "kms", 0), "kp-fra");
    assert_string_equal(ini_name_at(ini, "kms", 1), "kp-mad");
    assert_null(ini_name_at(ini, "kms", 2));
    assert_null(ini_name_at(ini, "defaults", 0));
    ini_free(ini);
    ini_free(NULL);
    ini_free(parse(""));
    ini = parse("[a]\r\nx = 1\r\n\r\n; c\r\n");
    assert_string_equal(ini_get(ini, "a", NULL, "x"), "1");
    ini_free(ini);
}

static void
refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *place;
    } bad[] = {
        {"x = 1\n", "line 1, column 1"},
        {"[a]\nx\n", "line 2, column 2"},
        {"[a]\nx y = 1\n", "line 2, column 3"},
        {"[a]\n= 1\n", "line 2, column 1"},
        {"[a]\nX = 1\n", "line 2, column 1"},
        {"[a]\nx : 1\n", "line 2, column 3"},
        {"[a]\n # no comment\n", "line 2, column 2"},
        {"[a]\nx = 1\nx = 2\n", "line 3, column 1"},
        {"[a]\nx = 1\n[b]\n[a]\n", "line 4, column 1"},
        {"[a \"n\"]\n[a \"n\"]\n", "line 2, column 1"},
        {"[]\n", "line 1, column 2"},
        {"[a\n", "line 1, column 3"},
        {"[A]\n", "line 1, column 2"},
        {"[a] x\n", "line 1, column 4"},
        {"[a] # x\n", "line 1, column 4"},
        {"[a]]\n", "line 1, column 4"},
        {"[ a]\n", "line 1, column 2"},
        {"[a ]\n", "line 1, column 3"},
        {"[a n]\n", "line 1, column 3"},
        {"[a \"\"]\n", "line 1, column 5"},
        {"[a \"n]\n", "line 1, column 5"},
        {"[a \"n\"\n", "line 1, column 7"},
        {"[a \"n\" ]\n", "line 1, column 7"},
        {"[a]\nx = 1\n  continued\n", "line 3, column 12"},
        {"[a]\nx = \x01\n", "line 2, column 5"},
        {"[a]\nx = \xc3\xa9\x7f\n", "line 2, column 6"},
        {"[a]\nx = \xff\n", "line 2, column 5"},
        {"[a]\nx = 1\ry = 2\n", "line 2, column 6"},
        {"[a]\nx = 1\r", "line 2, column 6"},
        {"# \xe9\n", "line 1, column 3"},
        {"\xef\xbb\xbf[a]\n", "line 1, column 1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = ERR_INIT;
        struct ini *ini = NULL;
        char want[64];
        (void)snprintf(want, sizeof want, "a.conf, %s", bad[i].place);
        if (ini_parse(&ini, bad[i].text, strlen(bad[i].text), "a.conf", &err) != RC_CONFIG)
            fail_msg("accepted: %s", bad[i].text);
        assert_null(ini);
        assert_string_equal(err.msg, want);
        assert_string_not_equal(err.why, "");
    }
    struct ini *ini;
    assert_rc(ini_parse(&ini, "[a]\nx = \0\n", 10, "a.conf", err), RC_CONFIG);
}

static void
too_many_lines(void **state)
{
    (void)state;
    static char text[10001];
    memset(text, '\n', 10000);
    struct ini *ini;
    assert_rc(ini_parse(&ini, text, 10000, "a.conf", err), RC_CONFIG);
    assert_ok(ini_parse(&ini, text, 9999, "a.conf", err));
    ini_free(ini);
}

static const struct ini_rule rules[] = {
    {"defaults", 0, "output"}, {"defaults", 0, "color"}, {"kms", 1, "credential"},
    {"kms", 1, "endpoint"},    {"transport", 0, NULL},   {"kms", 0, "timeout"},
    {"copy", 1, "location"},   {NULL, 0, NULL},
};

static void
assert_check(const char *text, enum rc want, const char *msg, const char *hint)
{
    struct ini *ini = parse(text);
    struct err err = ERR_INIT;
    assert_int_equal(ini_check(ini, rules, &err), want);
    assert_string_equal(err.msg, msg);
    assert_string_equal(err.hint, hint);
    ini_free(ini);
}

static void
checks(void **state)
{
    (void)state;
    assert_check("", RC_OK, "", "");
    assert_check("[defaults]\noutput = json\n[kms \"a\"]\nendpoint = x\n[kms]\ntimeout = 1\n"
                 "[transport]\n",
                 RC_OK, "", "");
    assert_check("\n[default]\n", RC_CONFIG, "a.conf, line 2: unknown section \"default\"",
                 "the nearest known name is \"defaults\"");
    assert_check("[kms \"a\"]\n\ncredentail = x\n", RC_CONFIG,
                 "a.conf, line 3: unknown key \"credentail\"",
                 "the nearest known name is \"credential\"");
    /* known, but in another kind of section */
    assert_check("[kms]\nendpoint = x\n", RC_CONFIG, "a.conf, line 2: unknown key \"endpoint\"",
                 "the nearest known name is \"timeout\"");
    assert_check("[transport]\nx = 1\n", RC_CONFIG, "a.conf, line 2: unknown key \"x\"", "");
    assert_check("[copy]\nlocation = x\n", RC_CONFIG,
                 "a.conf, line 1: the section \"copy\" needs a name", "write [copy \"NAME\"]");
    assert_check("[defaults \"a\"]\n", RC_CONFIG,
                 "a.conf, line 1: the section \"defaults\" has no name", "write [defaults]");
}

static void
assert_edit(const char *text, const char *section, const char *name, const char *key,
            const char *value, const char *want)
{
    struct buf b;
    buf_init(&b, 10000);
    assert_ok(ini_edit(&b, text, section, name, key, value, err));
    assert_string_equal(buf_str(&b), want);
    struct ini *ini = parse(buf_str(&b));
    const char *got = ini_get(ini, section, name, key);
    if (value == NULL)
        assert_null(got);
    else
        assert_string_equal(got, value);
    ini_free(ini);
    buf_release(&b);
}

static void
edits(void **state)
{
    (void)state;
    static const char text[] = "# top\n[a]\nx = 1\n; about y\n  y=2  \n\n# about b\n[b \"n\"]\n";
    assert_edit(text, "a", NULL, "x", "9",
                "# top\n[a]\nx = 9\n; about y\n  y=2  \n\n# about b\n[b \"n\"]\n");
    assert_edit(text, "a", NULL, "y", "",
                "# top\n[a]\nx = 1\n; about y\ny =\n\n# about b\n[b \"n\"]\n");
    assert_edit(text, "a", NULL, "z", "3",
                "# top\n[a]\nx = 1\n; about y\n  y=2  \nz = 3\n\n# about b\n[b \"n\"]\n");
    assert_edit(text, "b", "n", "z", "3",
                "# top\n[a]\nx = 1\n; about y\n  y=2  \n\n# about b\n[b \"n\"]\nz = 3\n");
    assert_edit(text, "b", NULL, "z", "3",
                "# top\n[a]\nx = 1\n; about y\n  y=2  \n\n# about b\n[b \"n\"]\n\n[b]\nz = 3\n");
    assert_edit(text, "a", NULL, "x", NULL,
                "# top\n[a]\n; about y\n  y=2  \n\n# about b\n[b \"n\"]\n");
    assert_edit(text, "a", NULL, "none", NULL, text);
    assert_edit(text, "c", NULL, "none", NULL, text);
    assert_edit("", "c", "n m", "x", "1 = 2", "[c \"n m\"]\nx = 1 = 2\n");
    /* no line feed at the end; line ends of Windows */
    assert_edit("[a]\nx = 1", "a", NULL, "x", "2", "[a]\nx = 2");
    assert_edit("[a]\nx = 1", "a", NULL, "y", "2", "[a]\nx = 1\ny = 2\n");
    assert_edit("[a]\nx = 1", "a", NULL, "x", NULL, "[a]\n");
    assert_edit("[a]", "b", NULL, "x", "1", "[a]\n\n[b]\nx = 1\n");
    assert_edit("[a]\r\nx = 1\r\n", "a", NULL, "x", "2", "[a]\r\nx = 2\r\n");
    assert_edit("[a]\r\nx = 1\r\n[b]\r\n", "a", NULL, "y", "2", "[a]\r\nx = 1\r\ny = 2\r\n[b]\r\n");
}

static void
edits_refused(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10000);
    static const char *const values[] = {"a\nb", "a\n[x]", " a", "a ", "a\t", "\x01", "\xff", "\r"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_rc(ini_edit(&b, "", "a", NULL, "x", values[i], err), RC_BAD_VALUE);
    assert_rc(ini_edit(&b, "", "a]", NULL, "x", "1", err), RC_BAD_VALUE);
    assert_rc(ini_edit(&b, "", "", NULL, "x", "1", err), RC_BAD_VALUE);
    assert_rc(ini_edit(&b, "", "a", "", "x", "1", err), RC_BAD_VALUE);
    assert_rc(ini_edit(&b, "", "a", "n\"", "x", "1", err), RC_BAD_VALUE);
    assert_rc(ini_edit(&b, "", "a", "n\n", "x", "1", err), RC_BAD_VALUE);
    assert_rc(ini_edit(&b, "", "a", NULL, "x =", "1", err), RC_BAD_VALUE);
    assert_rc(ini_edit(&b, "no ini", "a", NULL, "x", "1", err), RC_CONFIG);
    assert_int_equal(b.len, 0);
    buf_release(&b);
    buf_init(&b, 10);
    assert_rc(ini_edit(&b, "", "a", NULL, "x", "too long for it", err), RC_BAD_VALUE);
    buf_release(&b);
}

/* ---- damage ---- */

/* Every line of an accepted text has one of the allowed forms, judged by much simpler means. */
static void
check_accepted(const char *text, size_t len)
{
    int in_section = 0;
    assert_true(utf8_is(text, len));
    for (size_t i = 0, n; i < len; i += n + 1) {
        const char *line = text + i;
        const char *feed = memchr(line, '\n', len - i);
        n = feed != NULL ? (size_t)(feed - line) : len - i;
        size_t end = n;
        if (feed != NULL && end > 0 && line[end - 1] == '\r')
            end--;
        for (size_t k = 0; k < end; k++)
            assert_true((unsigned char)line[k] >= 0x20 || line[k] == '\t');
        size_t start = 0;
        while (start < end && (line[start] == ' ' || line[start] == '\t'))
            start++;
        if (start == end || line[0] == '#' || line[0] == ';')
            continue;
        if (line[start] == '[') {
            in_section = 1;
            assert_non_null(memchr(line, ']', end));
            continue;
        }
        assert_true(in_section);
        assert_non_null(memchr(line + start + 1, '=', end - start - 1));
    }
}

static void
mutations(void **state)
{
    (void)state;
    static const char *const seeds[] = {sample, "[a]\r\nx = 1\r\n[b \"n\"]\r\nx = 2\r\n",
                                        "[a \"\xc3\xa9\"]\nkey = v\xc3\xa9\n# c\xc3\xa9\n"};
    static const char *const pieces[] = {
        "\n",           "\r\n", "\r",   "[",   "]",       "\"",        "=",
        " = ",          "#",    ";",    "\n#", "\n[a]\n", "\nx = 1\n", "\xff",
        "\xef\xbb\xbf", "\x01", "\x7f", " ",   "\t",      "\xc3",      "[b \"n\"]\n"};
    enum { ROUNDS = 100000, SIZE = 1024 };
    uint64_t random = 0x9e3779b97f4a7c15;
    size_t taken = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char text[SIZE + 1];
        size_t len =
            mutate(text, SIZE, seeds[i % 3], pieces, sizeof pieces / sizeof pieces[0], &random);
        struct ini *ini = NULL;
        struct err why = ERR_INIT;
        enum rc rc = ini_parse(&ini, text, len, "a.conf", &why);
        ini_free(ini);
        taken += rc == RC_OK;
        if (rc != RC_OK) {
            assert_int_equal(rc, RC_CONFIG);
            continue;
        }
        check_accepted(text, len);
        text[len] = '\0'; /* what reads can be edited, and then reads as edited */
        struct buf b;
        buf_init(&b, 10000);
        assert_ok(ini_edit(&b, text, "kms", "kp-fra", "credential", "new", err));
        ini = parse(buf_str(&b));
        assert_string_equal(ini_get(ini, "kms", "kp-fra", "credential"), "new");
        ini_free(ini);
        buf_release(&b);
    }
    assert_in_range(taken, ROUNDS / 100, ROUNDS / 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),     cmocka_unit_test(refuses), cmocka_unit_test(too_many_lines),
        cmocka_unit_test(checks),    cmocka_unit_test(edits),   cmocka_unit_test(edits_refused),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
