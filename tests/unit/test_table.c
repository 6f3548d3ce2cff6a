#include "../lib/unit.h"

#include <stdlib.h>

#include "text/table.h"
#include "text/uni.h"

/* Rows end with NULL in their first cell. */
static void
assert_table(unsigned width, const char *const rows[][3], const char *want)
{
    struct table *t = NULL;
    assert_ok(table_new(&t, width, err));
    assert_ok(table_column(t, "KEY", 0, err));
    assert_ok(table_column(t, "GEN", TABLE_RIGHT, err));
    assert_ok(table_column(t, "WHAT", TABLE_TRUNC, err));
    for (size_t r = 0; rows[r][0] != NULL; r++) {
        assert_ok(table_row(t, err));
        for (size_t c = 0; c < 3; c++)
            assert_ok(table_cell(t, rows[r][c], err));
    }
    struct buf b;
    buf_init(&b, 100000);
    assert_ok(table_print(t, &b, err));
    assert_string_equal(buf_str(&b), want);
    assert_ok(table_print(t, &b, err)); /* again, appended */
    assert_int_equal(b.len, 2 * strlen(want));
    buf_release(&b);
    table_free(t);
}

static void
wide(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"vbr/config", "3", "configuration backup"}, {"a", "12", NULL}, {NULL, NULL, NULL}};
    static const char want[] = "KEY        GEN WHAT\n"
                               "vbr/config   3 configuration backup\n"
                               "a           12 \n";
    assert_table(80, rows, want);
    assert_table(60, rows, want);
    assert_table(0, rows, want);
}

/* Without a column that may be cut, what does not fit would be broken by the terminal. */
static void
too_wide(void **state)
{
    (void)state;
    for (unsigned width = 61; width < 64; width++) {
        struct table *t = NULL;
        struct buf b;
        char key[41];
        memset(key, 'k', 40);
        key[40] = '\0';
        assert_ok(table_new(&t, width, err));
        assert_ok(table_column(t, "KEY", 0, err));
        assert_ok(table_column(t, "ROOT", 0, err));
        assert_ok(table_row(t, err));
        assert_ok(table_cell(t, key, err));
        assert_ok(table_cell(t, "12345678901234567890\xc3\xa9", err)); /* 21 columns, 62 in all */
        buf_init(&b, 1000);
        assert_ok(table_print(t, &b, err));
        assert_int_equal(strncmp(buf_str(&b), "KEY   kkkk", 10) == 0, width < 62);
        buf_release(&b);
        table_free(t);
    }
}

static void
narrow(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"vbr/config", "3", "configuration backup"}, {"a", "12", NULL}, {NULL, NULL, NULL}};
    assert_table(59, rows,
                 "KEY   vbr/config\n"
                 "GEN   3\n"
                 "WHAT  configuration backup\n"
                 "\n"
                 "KEY   a\n"
                 "GEN   12\n");
}

static void
empty(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{NULL, NULL, NULL}};
    assert_table(80, rows, "");
    assert_table(20, rows, "");
    table_free(NULL);
}

static void
escaped(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"a\x1b[2J", "\\x1b", "b\nc\xe2\x80\xae"},
                                          {NULL, NULL, NULL}};
    assert_table(80, rows,
                 "KEY       GEN WHAT\n"
                 "a\\x1b[2J \\x1b b\\x0ac\\u{202E}\n");
    assert_table(40, rows,
                 "KEY   a\\x1b[2J\n"
                 "GEN   \\x1b\n"
                 "WHAT  b\\x0ac\\u{202E}\n");
}

/* Columns line up by what the eye sees, whatever the locale of the process (here: none set). */
static void
wide_characters(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"\xc3\xa9t\xc3\xa9", "1", "\xc3\xa0"},
                                          {"\xe6\x97\xa5\xe6\x9c\xac", "2", "x"},
                                          {"abcdef", "3", "y"},
                                          {NULL, NULL, NULL}};
    assert_table(80, rows,
                 "KEY    GEN WHAT\n"
                 "\xc3\xa9t\xc3\xa9      1 \xc3\xa0\n"
                 "\xe6\x97\xa5\xe6\x9c\xac     2 x\n"
                 "abcdef   3 y\n");
}

/* A column that may be cut keeps every line within the screen. */
static void
cut_to_width(void **state)
{
    (void)state;
    struct table *t = NULL;
    struct buf b;
    buf_init(&b, 100000);
    assert_ok(table_new(&t, 70, err));
    assert_ok(table_column(t, "KEY", 0, err));
    assert_ok(table_column(t, "WHAT", TABLE_TRUNC, err));
    assert_ok(table_row(t, err));
    assert_ok(table_cell(t, "vbr/config", err));
    char text[401] = "";
    for (int i = 0; i < 200; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 3);
    assert_ok(table_cell(t, text, err));
    assert_ok(table_print(t, &b, err));
    char *feed = strchr(b.data, '\n');
    assert_non_null(feed);
    char *line = feed + 1;
    line[strcspn(line, "\n")] = '\0';
    assert_true(utf8_is(line, strlen(line)));
    assert_int_equal(utf8_width(line), 70);
    buf_release(&b);
    table_free(t);
}

static void
too_small_a_buffer(void **state)
{
    (void)state;
    struct table *t = NULL;
    struct buf b;
    buf_init(&b, 5);
    assert_ok(table_new(&t, 0, err));
    assert_ok(table_column(t, "KEY", 0, err));
    assert_ok(table_row(t, err));
    assert_ok(table_cell(t, "vbr/config", err));
    assert_rc(table_print(t, &b, err), RC_BAD_VALUE);
    buf_release(&b);
    table_free(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide),         cmocka_unit_test(too_wide),
        cmocka_unit_test(narrow),       cmocka_unit_test(empty),
        cmocka_unit_test(escaped),      cmocka_unit_test(wide_characters),
        cmocka_unit_test(cut_to_width), cmocka_unit_test(too_small_a_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
