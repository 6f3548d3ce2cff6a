/* Running text for a screen: wrapped at blanks, by what characters take up on a terminal. */
#ifndef TEXT_FLOW_H
#define TEXT_FLOW_H

#include "base/buf.h"

/*
 * Appends text that begins at column `at` of its line, wrapped into width columns; further lines
 * begin at column indent. A word that is longer than a line stands on one of its own. Ends with a
 * line feed.
 */
void flow(struct buf *out, const char *text, size_t at, size_t indent, size_t width);

/*
 * Appends each line of text, flowed, after indent blanks. A line that begins with four blanks
 * is kept as it is; lines of a list ("* ", "1. ") hang under their first word.
 */
void flow_lines(struct buf *out, const char *text, size_t indent, size_t width);

#endif
