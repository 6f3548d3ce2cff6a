/* Text of the tables as mdoc, the language of manual pages. */
#ifndef MAN_MDOC_H
#define MAN_MDOC_H

#include "base/buf.h"

/* Of the generated pages: the day on which their form was last changed by hand. */
#define MDOC_DATE "November 28, 2026"

/* Running text, filled into short lines; each sentence begins one. Ends with a line feed. */
void mdoc_text(struct buf *out, const char *text);
/* One line to be shown as it is. */
void mdoc_literal(struct buf *out, const char *line, size_t len);
/* A synopsis of a command's table: "KEY... --reason TEXT [--to DEST]", as macros. */
void mdoc_synopsis(struct buf *out, const char *text);

#endif
