#include "text/flow.h"

#include <string.h>

#include "text/uni.h"

enum { KEPT = 4 }; /* blanks before a line that is kept as it is */

/* Terminal columns of the first len bytes. */
static size_t
columns(const char *text, size_t len)
{
    char word[256];
    if (len >= sizeof word)
        return len;
    memcpy(word, text, len);
    word[len] = '\0';
    int width = utf8_width(word);
    return width > 0 ? (size_t)width : 0;
}

/* The first len bytes of text. */
static void
flow_some(struct buf *out, const char *text, size_t len, size_t at, size_t indent, size_t width)
{
    const char *end = text + len;
    for (int first = 1; text < end; first = 0) {
        size_t n = strcspn(text, " ");
        if (n > (size_t)(end - text))
            n = (size_t)(end - text);
        size_t wide = columns(text, n);
        if (!first && at + 1 + wide > width) {
            buf_addf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            buf_addc(out, ' ');
            at++;
        }
        buf_add(out, text, n);
        at += wide;
        text += n;
        while (text < end && *text == ' ')
            text++;
    }
    buf_addc(out, '\n');
}

void
flow(struct buf *out, const char *text, size_t at, size_t indent, size_t width)
{
    flow_some(out, text, strlen(text), at, indent, width);
}

/* Columns that an item's mark takes up: "* " two, "12. " four; 0: no item. */
static size_t
mark_len(const char *line)
{
    size_t digits = strspn(line, "0123456789");
    if (digits > 0 && line[digits] == '.' && line[digits + 1] == ' ')
        return digits + 2;
    return line[0] == '*' && line[1] == ' ' ? 2 : 0;
}

void
flow_lines(struct buf *out, const char *text, size_t indent, size_t width)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        size_t blanks = strspn(text, " ");
        if (len == 0) {
            buf_addc(out, '\n');
        } else if (blanks >= KEPT) {
            buf_addf(out, "%*s%.*s\n", (int)indent, "", (int)len, text);
        } else {
            size_t mark = mark_len(text + blanks);
            buf_addf(out, "%*s%.*s", (int)(indent + blanks), "", (int)mark, text + blanks);
            flow_some(out, text + blanks + mark, len - blanks - mark, indent + blanks + mark,
                      indent + blanks + mark, width);
        }
        text += len + (text[len] == '\n');
    }
}
