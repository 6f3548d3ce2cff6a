/*
 * CommonMark: parsed, as plain text (the way struct step has it), as HTML. Whoever needs libcmark
 * includes it from here, and calls nothing of it that takes memory: it ends the program where it
 * gets none, so it works in one block that is taken beforehand, and is left by a jump when that is
 * full.
 */
#ifndef RECOVER_MARKDOWN_H
#define RECOVER_MARKDOWN_H

#include <cmark.h>

#include "base/buf.h"

/* One at a time; markdown_done before the next. RC_NO_MEMORY, RC_CONFIG: more marks in it than a
 * text for people has. */
enum rc markdown_parse(cmark_node **root, const char *text, size_t len, struct err *err) MUST_CHECK;
void markdown_done(void);

/* The words of a block; a line break stays one. */
void markdown_words(struct buf *out, cmark_node *block);
/* A paragraph that begins with this word. */
int markdown_begins(cmark_node *block, const char *word);
/* A block and a blank line before it, if something stands there already. indent: blanks before each
 * line. */
void markdown_block(struct buf *out, cmark_node *block, int indent);
/* A block as HTML, without the raw HTML in it and without links that run something. */
enum rc markdown_html(struct buf *out, cmark_node *block, struct err *err) MUST_CHECK;

#endif
