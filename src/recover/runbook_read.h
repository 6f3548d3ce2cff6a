/* Between the parts of the reader; see runbook.h. */
#ifndef RECOVER_RUNBOOK_READ_H
#define RECOVER_RUNBOOK_READ_H

#include "recover/markdown.h"
#include "recover/runbook.h"

/* A copy that lives as long as r. */
enum rc runbook_keep(struct runbook *r, const char **out, const char *text,
                     struct err *err) MUST_CHECK;
enum rc runbook_severe(struct runbook *r, struct err *err, int line, const char *fmt, ...)
    PRINTF(4, 5) MUST_CHECK;

/* The fenced block of a step, or of the runbook (s NULL). What is wrong in it is a finding. */
enum rc runbook_block_read(struct runbook *r, struct step *s, cmark_node *block, const char *file,
                           struct err *err) MUST_CHECK;

#endif
