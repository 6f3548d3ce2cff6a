/* CommonMark as plain text, the way struct step has it. Whoever needs
 * libcmark includes it from here. */
#ifndef RECOVER_RUNBOOK_TEXT_H
#define RECOVER_RUNBOOK_TEXT_H

#include <cmark.h>

#include "base/buf.h"

/* The words of a paragraph or heading; a line break stays one. */
void runbook_words(struct buf *out, cmark_node *block);
/* A paragraph that begins with "Expect:". */
int runbook_expects(cmark_node *block);
/* A block and a blank line before it, if something stands there already. indent: blanks before each
 * line. */
void runbook_block(struct buf *out, cmark_node *block, int indent);

#endif
