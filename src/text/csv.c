#include "text/csv.h"

#include <string.h>

/* A spreadsheet runs a cell that begins so, also in its full-width forms. */
static int
is_formula(const char *text)
{
    static const char *const wide[] = {"\uff1d", "\uff0b", "\uff0d", "\uff20"};
    if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (strncmp(text, wide[i], strlen(wide[i])) == 0)
            return 1;
    }
    return 0;
}

void
csv_cell(struct buf *out, int first, const char *text)
{
    if (!first)
        buf_addc(out, ',');
    if (text == NULL)
        return;
    if (strpbrk(text, ",\"\r\n") == NULL && !is_formula(text)) {
        buf_adds(out, text);
        return;
    }
    buf_addc(out, '"');
    if (is_formula(text))
        buf_addc(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buf_addc(out, '"');
        buf_addc(out, *text);
    }
    buf_addc(out, '"');
}
