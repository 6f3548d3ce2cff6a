/* What differs between two texts, line by line, for people. */
#ifndef TEXT_DIFF_H
#define TEXT_DIFF_H

#include "base/buf.h"

/*
 * Appends lines with "- " (only in before), "+ " (only in after) and "  " (in both: at most three
 * beside a change; "  ..." for those left out). Nothing when the texts are equal. Lines behind the
 * 4,000th are not compared, which the last line then says.
 */
enum rc diff_lines(struct buf *out, const char *before, const char *after,
                   struct err *err) MUST_CHECK;

#endif
