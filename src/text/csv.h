/* CSV (RFC 4180) that a spreadsheet may open. */
#ifndef TEXT_CSV_H
#define TEXT_CSV_H

#include "base/buf.h"

/* One cell, quoted where RFC 4180 wants it, with an apostrophe before what a spreadsheet would run;
 * first: begins a row, which ends with CR LF. text NULL: empty. */
void csv_cell(struct buf *out, int first, const char *text);

#endif
