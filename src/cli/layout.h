/*
 * Text for people, made to fit: the last thing that is done to it before a terminal gets it. What
 * is longer than a line is broken between words, never within one; a word that is longer than a
 * line (a hash, a path) stands on one of its own, and so does a command, that both can be copied.
 */
#ifndef CLI_LAYOUT_H
#define CLI_LAYOUT_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Appends text, each of its lines made to fit into width columns; 0: none is touched. Further lines
 * hang below the first one's text: of "name       value" below the value, of "- item" below the
 * item. A command that no line holds is broken with " \", as a shell takes it. Escape sequences for
 * colours take no columns.
 */
void layout(struct buf *out, const char *text, unsigned width);
/* The same, for what standard output or standard error is: in the characters of the locale, and for
 * a terminal made to fit it. fd is the descriptor. */
enum {
    LAYOUT_AS_IS = 1, /* no line is touched */
    LAYOUT_COLOR = 2, /* the word that a line of note begins with is coloured */
    LAYOUT_ERROR = 4, /* the first line is an error */
};
void layout_for(struct buf *out, const char *text, int fd, unsigned how);
/* term_ask with a prompt that fits the terminal. */
enum rc layout_ask(char *out, size_t size, const char *prompt, struct err *err) MUST_CHECK;

#endif
