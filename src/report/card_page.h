/*
 * The recovery card as one HTML page to be printed: no script, no request, black on white. What has
 * to be typed on a bare machine stands in one block, in groups of eight, each floor with a check.
 */
#ifndef REPORT_CARD_PAGE_H
#define REPORT_CARD_PAGE_H

#include "base/buf.h"

/* Rows of its tables, as card_page_row makes them, and what stands above. Plain texts, borrowed. */
struct card_page {
    struct buf floors; /* author, site, entries, newest */
    struct buf roots;  /* root key, KMS, CRN or id */
    struct buf kmss;   /* KMS, where, credential */
    struct buf copies; /* copy, where, kept at */
    struct buf lines;  /* to be typed: plain text, each ended by LF */
    const char *name, *escrow, *founder, *made;
};
void card_page_init(struct card_page *p);
void card_page_release(struct card_page *p);

/* Appends a row; NULL is a blank to be filled in by hand. */
void card_page_row(struct buf *table, const char *const *cells, size_t count);
/* Appends hex digits in groups of eight. */
void card_page_groups(struct buf *out, const char *hex);

enum rc card_page(struct buf *out, const struct card_page *p, struct err *err) MUST_CHECK;

#endif
