/*
 * A report on its way out, as text of 80 columns or as one HTML page: the same words in the same
 * order. All texts given are plain; whatever they hold is made harmless here, for a terminal and
 * for a browser. Failures stick in the buffer.
 */
#ifndef REPORT_SHEET_H
#define REPORT_SHEET_H

#include <stdint.h>

#include "base/buf.h"

enum { SHEET_WIDTH = 80, SHEET_COLUMNS = 9 };

/* How a word is meant. SHEET_BAD is red on the page, and says the same without the colour. */
enum sheet_mark { SHEET_PLAIN, SHEET_BAD };

struct sheet {
    struct buf *out;
    int html;
    int facts, rows; /* within */
    int wide;
    const char *const *titles;
    size_t columns;
    struct buf cells; /* text: the table's, each ended by NUL; a row begins with its mark */
};

/* foot: what each printed page has below, hex digits and plain words only. */
enum rc sheet_begin(struct sheet *s, struct buf *out, int html, const char *title, const char *foot,
                    struct err *err) MUST_CHECK;
/* A large word above all, such as DRILL. */
void sheet_banner(struct sheet *s, const char *word);
/* id: for links, one word of ours. */
void sheet_section(struct sheet *s, const char *id, const char *heading);
void sheet_heading(struct sheet *s, const char *heading);
void sheet_par(struct sheet *s, const char *text, enum sheet_mark mark);

/* "label  value", one after the other. Nothing for a value that is NULL or "". */
void sheet_fact(struct sheet *s, const char *label, const char *value, enum sheet_mark mark);
void sheet_factf(struct sheet *s, const char *label, enum sheet_mark mark, const char *fmt, ...)
    PRINTF(4, 5);

/* titles: columns of them, ended by NULL, as long as the table. */
void sheet_table(struct sheet *s, const char *caption, const char *const *titles);
/* One of each column; NULL is empty. */
void sheet_row(struct sheet *s, const char *const *cells, enum sheet_mark mark);
void sheet_table_end(struct sheet *s);

/* Blanks to be filled in by hand: one row for each label, one blank for each title. */
void sheet_blanks(struct sheet *s, const char *caption, const char *const *titles,
                  const char *const *labels, size_t count);

/* A table with more columns than a narrow screen has room for: it scrolls by itself there. label
 * says what it is. Rows and end as of a table; HTML only. */
void sheet_wide(struct sheet *s, const char *label, const char *const *titles);

/* HTML: text within something of the caller's own. */
void sheet_text(struct sheet *s, const char *text);

enum rc sheet_end(struct sheet *s, struct err *err) MUST_CHECK;

/* "850 ms", "12.3 s", "5 min 10 s", "2 h 5 min", "3 d 4 h". */
enum { SPAN_TEXT = 40 };
void sheet_span(char out[SPAN_TEXT], int64_t ms);

#endif
