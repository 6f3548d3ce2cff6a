/* One row of `import`: a JSON object on one line, as docs/reference/import.md says. */
#ifndef CLI_IMPORT_ROW_H
#define CLI_IMPORT_ROW_H

#include "cli/keys/recording.h"

struct import_row {
    struct json *doc;   /* r's texts point into it */
    struct recording r; /* all but the root of the wrap */
    const char *root;   /* name of the root key, or NULL: whichever opens it */
};
/* Takes a row that import_row_release may have left. */
void import_row_init(struct import_row *row);
void import_row_release(struct import_row *row);
/* Reads a line; purpose (may be NULL) is for a row without one. RC_BAD_VALUE, RC_BAD_NAME. */
enum rc import_row_read(struct import_row *row, const char *line, size_t len, const char *purpose,
                        struct err *err) MUST_CHECK;

#endif
