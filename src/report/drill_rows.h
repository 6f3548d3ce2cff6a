/* Results of drills, as rows of a report. */
#ifndef REPORT_DRILL_ROWS_H
#define REPORT_DRILL_ROWS_H

#include "escrow/drilled.h"
#include "escrow/entry.h"
#include "report/sheet.h"
#include "text/jw.h"

struct drill_row {
    const struct entry *e; /* borrowed */
    char key[KEY_NAME_BYTES + 32];
    char root[LIMIT_NAME + 1], site[LIMIT_NAME + 1], copy[LIMIT_NAME + 1];
    enum drill_outcome outcome;
    int counts; /* a proof, and one that counts for the key */
    int64_t ms;
    const char *host, *code, *request, *reason; /* of the entry's; or "" */
};
/* Names are looked up in store; what it does not know keeps its UUID. */
enum rc drill_row_read(struct drill_row *out, const struct store *store, const struct entry *e,
                       struct err *err) MUST_CHECK;

/* count is not 0. */
void drill_rows_table(struct sheet *s, const struct drill_row *rows, size_t count);
/* An array of that name. */
void drill_rows_json(struct jw *w, const char *name, const struct drill_row *rows, size_t count);

/* Name and generation of a key, or its UUID. */
enum rc report_key_name(const struct store *store, const char *uuid, char out[KEY_NAME_BYTES + 32],
                        struct err *err) MUST_CHECK;
/* The hash of an entry as text. */
void report_hash(char out[HASH_TEXT + 1], const struct entry *e);

#endif
