/* Text tables for people, by libsmartcols; below 60 columns, and for who has a table read out, one
 * block per record. Cells are escaped for a terminal. */
#ifndef TEXT_TABLE_H
#define TEXT_TABLE_H

#include "base/buf.h"
#include "base/err.h"

struct table;

/* No wrapping: libsmartcols 2.38 never comes back from some cells then. */
enum table_flags { TABLE_RIGHT = 1, TABLE_TRUNC = 2 };

/* width: columns of the screen; 0 means unlimited (output is no terminal). */
enum rc table_new(struct table **out, unsigned width, struct err *err) MUST_CHECK;
void table_free(struct table *t);
/* Before the first column: one block per record, "TITLE: value", whatever the width. */
void table_read_out(struct table *t);
/* Before the first column: cells in characters that the locale has (escape_locale). */
void table_in_locale(struct table *t);
enum rc table_column(struct table *t, const char *title, unsigned flags,
                     struct err *err) MUST_CHECK;
/* Begins a row; then one table_cell for each column, in order. NULL is an empty cell. */
enum rc table_row(struct table *t, struct err *err) MUST_CHECK;
enum rc table_cell(struct table *t, const char *text, struct err *err) MUST_CHECK;
enum rc table_print(struct table *t, struct buf *out, struct err *err) MUST_CHECK;

#endif
