/* Rows of the inventory on their way out, in every format, as they come. */
#ifndef CLI_LIST_PRINT_H
#define CLI_LIST_PRINT_H

#include "cli/audit/list_fields.h"
#include "text/table.h"

/* Begin it zeroed but for ctx. */
struct list_print {
    struct ctx *ctx;
    struct table *table; /* text: the rows since the last one that was printed */
    size_t in_table;
    size_t rows;    /* all of them */
    struct buf doc; /* -o json */
    struct jw w;
};
/* The heading, the header line, the beginning of the document. */
enum rc list_print_begin(struct list_print *p, struct err *err) MUST_CHECK;
enum rc list_print_row(struct list_print *p, const struct list_row *row,
                       struct err *err) MUST_CHECK;
enum rc list_print_end(struct list_print *p, struct err *err) MUST_CHECK;
void list_print_release(struct list_print *p);

#endif
