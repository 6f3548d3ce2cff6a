/* A cell from outside, in a table for people: it stays in its line and does nothing to a terminal.
 */
#include "fuzz.h"

#include "text/table.h"
#include "text/uni.h"

static void
print(const char *text, unsigned width, unsigned flags)
{
    struct table *t = NULL;
    struct buf out;
    struct err err = ERR_INIT;
    buf_init(&out, 1 << 24);
    FUZZ_CHECK(table_new(&t, width, &err) == RC_OK);
    FUZZ_CHECK(table_column(t, "NAME", flags, &err) == RC_OK);
    FUZZ_CHECK(table_column(t, "STATE", 0, &err) == RC_OK);
    FUZZ_CHECK(table_row(t, &err) == RC_OK);
    FUZZ_CHECK(table_cell(t, text, &err) == RC_OK);
    FUZZ_CHECK(table_cell(t, "active", &err) == RC_OK);
    FUZZ_CHECK(table_print(t, &out, &err) == RC_OK);
    FUZZ_CHECK(utf8_is(buf_str(&out), out.len));
    size_t lines = 0;
    for (size_t i = 0; i < out.len; i++) {
        lines += out.data[i] == '\n';
        FUZZ_CHECK(out.data[i] == '\n' ||
                   ((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7f));
    }
    if (width == 0)
        FUZZ_CHECK(lines == 2);
    FUZZ_PLANT(width == 0 && text[0] == '\x1b' && strlen(text) == 3);
    table_free(t);
    buf_release(&out);
}

void
fuzz_one(const char *bytes, size_t len)
{
    char *text = len <= 4096 ? fuzz_text(bytes, len) : NULL;
    if (text == NULL)
        return;
    print(text, 0, 0);
    print(text, 80, TABLE_TRUNC);
    print(text, 40, TABLE_RIGHT);
    free(text);
}
