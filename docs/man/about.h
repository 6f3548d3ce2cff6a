/*
 * What people wrote of each command (docs/man/commands/): the tables of the program have its
 * synopsis, options and examples, and nothing of it is said here a second time.
 *
 *   == NAME            begins a command, such as "kms add"
 *   TEXT               a paragraph of its DESCRIPTION; an empty line ends it
 *   exit N TEXT        when it ends N
 *   env NAME TEXT      file PATH TEXT
 *   eg TEXT            a sentence for the next example of the table,
 *   run COMMAND        or for this one, which the table has not
 *   see NAME(N)        doc PATH       a page to go on with
 *
 * Each of these is one line. In all of it `word` is a word that is typed.
 */
#ifndef MAN_ABOUT_H
#define MAN_ABOUT_H

#include "base/buf.h"

struct about {
    const char *at, *end; /* its lines; borrowed from the text */
};

/* 0 when the text says nothing of the command. */
int about_find(struct about *out, const char *text, const char *command);

/* The next line after (NULL: the first) that begins with the word and a blank, or NULL. text: what
 * follows them, without the line feed; to be released. */
const char *about_next(struct buf *text, const struct about *a, const char *word,
                       const char *after);
int about_has(const struct about *a, const char *word);

/* The paragraphs. */
void about_description(struct buf *page, const struct about *a);
/* Lines "WORD NAME TEXT" as items of a list, which the caller begins and ends: .It MACRO NAME. */
void about_items(struct buf *page, const struct about *a, const char *word, const char *macro);

#endif
