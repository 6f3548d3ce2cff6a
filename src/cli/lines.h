/* Lines of a file that a person made, or of standard input ("-"): any length, any bytes. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

struct lines {
    FILE *file;
    const char *name; /* borrowed */
    int64_t number;   /* of the line in text, from 1 */
    struct buf text;  /* failed: the line is longer than LIMIT_ENTRY, and text is not all of it */
};

/* RC_BAD_VALUE. lines_close also after a failure. */
enum rc lines_open(struct lines *l, const char *path, struct err *err) MUST_CHECK;
void lines_close(struct lines *l);
/* The next line without its LF or CR LF (the first without a byte-order mark) into l->text; *more 0
 * when there is none. RC_BAD_VALUE, RC_INTERRUPTED, RC_NO_MEMORY. */
enum rc lines_next(struct lines *l, int *more, struct err *err) MUST_CHECK;

#endif
