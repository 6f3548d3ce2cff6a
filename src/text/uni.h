/*
 * UTF-8 and what people may see of it. Names are restricted when they enter; texts from outside are
 * escaped when they leave for a terminal.
 */
#ifndef TEXT_UNI_H
#define TEXT_UNI_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* True for valid UTF-8 (no surrogates, no overlong forms, no NUL). */
int utf8_is(const char *text, size_t len);
/* Terminal columns of a valid UTF-8 text. */
int utf8_width(const char *text);

/*
 * A name of a site, KMS, root, copy, backup server or person: [a-z0-9._-]{1,64}.
 * what names the kind in the message ("site"). RC_BAD_NAME with a hint.
 */
enum rc name_check(const char *name, const char *what, struct err *err) MUST_CHECK;
/*
 * A key name: 1 to 128 code points, NFC, no control, format or bidirectional characters, no " | ",
 * no leading or trailing blank, not ending in @ and digits, not looking like a UUID. RC_BAD_NAME
 * saying which rule.
 */
enum rc key_name_check(const char *name, struct err *err) MUST_CHECK;
/* Free text (reason, owner, ...): valid UTF-8, 1 to LIMIT_TEXT bytes, no control characters.
 * RC_BAD_VALUE. */
enum rc text_check(const char *text, const char *what, struct err *err) MUST_CHECK;

/*
 * Appends text so that a terminal shows it and does nothing else: controls (C0, C1, DEL),
 * bidirectional and other format characters and invalid bytes become \xNN or \u{NNNN}. flags: keep
 * line feeds and tabs.
 */
enum escape_flags { ESCAPE_LINE = 0, ESCAPE_KEEP_NEWLINES = 1 };
void escape_terminal(struct buf *out, const char *text, size_t len, enum escape_flags flags);

/* Whether the locale's characters are those of UTF-8; else a terminal may take some for controls.
 */
int locale_is_utf8(void);
/* Appends text in characters that every locale has: as it is where that is UTF-8, else what is not
 * ASCII becomes \u{NNNN} or \xNN. Controls stay. */
void escape_locale(struct buf *out, const char *text, size_t len);

/* A word of a command line, quoted for a shell where that is needed. */
void escape_shell(struct buf *out, const char *text);

/* Number of single-character edits between two short ASCII words, for "did you mean"; two
 * neighbours that changed places are one. */
unsigned edit_distance(const char *a, const char *b);

#endif
