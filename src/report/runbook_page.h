/*
 * A runbook as one HTML page to be printed: no script, no request, black on white; a box to tick
 * and blanks for times, names and fields in each step. Whatever of HTML its author wrote into it is
 * left out.
 */
#ifndef REPORT_RUNBOOK_PAGE_H
#define REPORT_RUNBOOK_PAGE_H

#include "base/buf.h"
#include "recover/runbook.h"

/* Appends the page. printed: the date that it shows. */
enum rc runbook_page(struct buf *out, const struct runbook *r, const char *printed,
                     struct err *err) MUST_CHECK;

#endif
