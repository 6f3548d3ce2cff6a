/*
 * A growing byte buffer with a hard maximum. Failure is sticky: additions after a failed one do
 * nothing, and buf_check says at the end which of "too large" and "out of memory" it was. So a
 * caller adds piece after piece and checks once.
 *
 * Invariants: len <= max; data is NULL while nothing was added, else cap > len and data[len] == 0.
 * Not for secrets: use struct secret.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "base/err.h"

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    int failed; /* 0, or the enum rc of the first failure */
};

/* max: most bytes it may ever hold, the terminating NUL not counted. */
void buf_init(struct buf *b, size_t max);
/* Frees the bytes; b may be used again after buf_init. Takes a zeroed struct, too. */
void buf_release(struct buf *b);
/* Empties, keeps the memory, forgets a failure. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *text);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* Makes room for len more bytes and returns where they go, or NULL on failure; follow with
 * buf_grown. */
char *buf_room(struct buf *b, size_t len);
void buf_grown(struct buf *b, size_t len);

/* The text, never NULL; borrowed until the next addition or release. */
const char *buf_str(const struct buf *b);

/* RC_OK, or the first failure, naming what was being built. */
enum rc buf_check(const struct buf *b, const char *what, struct err *err) MUST_CHECK;

#endif
