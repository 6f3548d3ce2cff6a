#include "text/table.h"

#include <assert.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>

#include "text/uni.h"

enum {
    NARROW = 60, /* columns; below, a table is unreadable */
    COLUMNS_MAX = 32,
    CELL_MAX = 64 * 1024, /* bytes, escaped */
};

struct table_column {
    char *title;
    unsigned flags;
};

/* cells: row after row, column_count each; NULL is empty. A row may be short: the rest is empty. */
struct table {
    unsigned width;
    int read_out, in_locale; /* see table_read_out, table_in_locale */
    struct table_column columns[COLUMNS_MAX];
    size_t column_count;
    char **cells;
    size_t cell_room;
    size_t row_count;
    size_t filled; /* cells of the last row */
};

enum rc
table_new(struct table **out, unsigned width, struct err *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return err_nomem(err);
    (*out)->width = width;
    return RC_OK;
}

void
table_free(struct table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->column_count; i++)
        free(t->columns[i].title);
    for (size_t i = 0; i < t->row_count * t->column_count; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

void
table_read_out(struct table *t)
{
    t->read_out = 1;
}

void
table_in_locale(struct table *t)
{
    t->in_locale = 1;
}

/* A copy that a terminal can show; the caller frees it. */
static enum rc
escaped(const struct table *t, char **out, const char *text, struct err *err)
{
    struct buf b, safe;
    buf_init(&b, CELL_MAX);
    buf_init(&safe, CELL_MAX);
    escape_terminal(&b, text, strlen(text), ESCAPE_LINE);
    enum rc rc = buf_check(&b, "a table cell", err);
    if (rc == RC_OK && t->in_locale) {
        escape_locale(&safe, buf_str(&b), b.len);
        rc = buf_check(&safe, "a table cell", err);
    }
    if (rc == RC_OK && (*out = strdup(buf_str(t->in_locale ? &safe : &b))) == NULL)
        rc = err_nomem(err);
    buf_release(&b);
    buf_release(&safe);
    return rc;
}

enum rc
table_column(struct table *t, const char *title, unsigned flags, struct err *err)
{
    assert(t->row_count == 0 && t->column_count < COLUMNS_MAX);
    struct table_column *c = &t->columns[t->column_count];
    if (escaped(t, &c->title, title, err) != RC_OK)
        return err->code;
    c->flags = flags;
    t->column_count++;
    return RC_OK;
}

enum rc
table_row(struct table *t, struct err *err)
{
    assert(t->column_count > 0);
    size_t used = t->row_count * t->column_count;
    if (used + t->column_count > t->cell_room) {
        size_t room = (t->cell_room + t->column_count) * 2;
        char **cells = realloc(t->cells, room * sizeof *cells);
        if (cells == NULL)
            return err_nomem(err);
        t->cells = cells;
        t->cell_room = room;
    }
    for (size_t i = 0; i < t->column_count; i++)
        t->cells[used + i] = NULL;
    t->row_count++;
    t->filled = 0;
    return RC_OK;
}

enum rc
table_cell(struct table *t, const char *text, struct err *err)
{
    assert(t->row_count > 0 && t->filled < t->column_count);
    size_t at = (t->row_count - 1) * t->column_count + t->filled;
    if (text != NULL && *text != '\0' && escaped(t, &t->cells[at], text, err) != RC_OK)
        return err->code;
    t->filled++;
    return RC_OK;
}

static const char *
cell(const struct table *t, size_t row, size_t column)
{
    const char *text = t->cells[row * t->column_count + column];
    return text != NULL ? text : "";
}

/* ---- narrow, or read out: "TITLE  value" lines, an empty line between records ---- */

static void
pad(struct buf *out, int columns)
{
    for (; columns > 0; columns--)
        buf_addc(out, ' ');
}

static void
print_blocks(const struct table *t, struct buf *out)
{
    int widest = 0;
    for (size_t c = 0; c < t->column_count; c++) {
        int width = utf8_width(t->columns[c].title);
        widest = width > widest ? width : widest;
    }
    for (size_t r = 0; r < t->row_count; r++) {
        if (r > 0)
            buf_addc(out, '\n');
        for (size_t c = 0; c < t->column_count; c++) {
            const char *title = t->columns[c].title;
            if (*cell(t, r, c) == '\0')
                continue;
            buf_adds(out, title);
            if (t->read_out)
                buf_adds(out, ": ");
            else
                pad(out, widest - utf8_width(title) + 2);
            buf_adds(out, cell(t, r, c));
            buf_addc(out, '\n');
        }
    }
}

/* ---- wide: libsmartcols ---- */

static int
scols_flags(unsigned flags)
{
    return ((flags & TABLE_RIGHT) != 0 ? SCOLS_FL_RIGHT : 0) |
           ((flags & TABLE_TRUNC) != 0 ? SCOLS_FL_TRUNC : 0);
}

/* 0, or -1 without memory: the library's other failures are misuse. */
static int
fill(const struct table *t, struct libscols_table *s)
{
    /* The cells are escaped already; the library would escape our backslashes again. */
    if (scols_table_enable_noencoding(s, 1) != 0)
        return -1;
    scols_table_set_termforce(s, t->width > 0 ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    if (t->width > 0)
        scols_table_set_termwidth(s, t->width);
    for (size_t c = 0; c < t->column_count; c++) {
        const struct table_column *column = &t->columns[c];
        if (scols_table_new_column(s, column->title, 0, scols_flags(column->flags)) == NULL)
            return -1;
    }
    for (size_t r = 0; r < t->row_count; r++) {
        struct libscols_line *line = scols_table_new_line(s, NULL);
        if (line == NULL)
            return -1;
        for (size_t c = 0; c < t->column_count; c++) {
            if (scols_line_set_data(line, c, cell(t, r, c)) != 0)
                return -1;
        }
    }
    return 0;
}

static enum rc
print_wide(const struct table *t, struct buf *out, struct err *err)
{
    enum rc rc = RC_OK;
    char *text = NULL;
    struct libscols_table *s = scols_new_table();
    if (s == NULL || fill(t, s) != 0 || scols_print_table_to_string(s, &text) != 0) {
        rc = err_nomem(err);
        goto out;
    }
    if (text != NULL)
        buf_adds(out, text);
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        buf_addc(out, '\n');
out:
    free(text);
    scols_unref_table(s);
    return rc;
}

/* The library measures by the locale. Ours is UTF-8 whatever the environment says, as in
 * utf8_width; else a column with an accent would be cut in the middle of a character. */
static enum rc
print_wide_utf8(const struct table *t, struct buf *out, struct err *err)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (utf8 == (locale_t)0) {
        if (errno == ENOMEM)
            return err_nomem(err);
        return print_wide(t, out, err); /* no such locale here: widths may be off, no more */
    }
    locale_t before = uselocale(utf8);
    enum rc rc = print_wide(t, out, err);
    uselocale(before);
    freelocale(utf8);
    return rc;
}

/* Whether its lines are wider than the terminal, and no column may be cut: it would break them. */
static int
is_too_wide(const struct table *t)
{
    size_t all = t->column_count > 0 ? t->column_count - 1 : 0;
    for (size_t c = 0; c < t->column_count; c++) {
        int widest = utf8_width(t->columns[c].title);
        if ((t->columns[c].flags & TABLE_TRUNC) != 0)
            return 0;
        for (size_t r = 0; r < t->row_count; r++) {
            int width = utf8_width(cell(t, r, c));
            widest = width > widest ? width : widest;
        }
        all += (size_t)widest;
    }
    return all > t->width;
}

enum rc
table_print(struct table *t, struct buf *out, struct err *err)
{
    if (t->row_count == 0)
        return RC_OK; /* the caller says what an empty list means */
    if (t->read_out || (t->width > 0 && (t->width < NARROW || is_too_wide(t)))) {
        print_blocks(t, out);
        return buf_check(out, "a table", err);
    }
    if (print_wide_utf8(t, out, err) != RC_OK)
        return err->code;
    return buf_check(out, "a table", err);
}
