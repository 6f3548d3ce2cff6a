/*
 * What all HTML pages share: one file that asks for nothing else. Its policy allows its own style
 * sheet, named by hash, and nothing more: no script, no picture, no request, no style attribute.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "base/buf.h"

/* Appends text as HTML; every mark in it is only a character. */
void page_text(struct buf *out, const char *text);

/* Appends everything up to the body. title: plain text. css: ours, without a "<". */
enum rc page_begin(struct buf *out, const char *title, const struct buf *css,
                   struct err *err) MUST_CHECK;
void page_end(struct buf *out);

#endif
