/*
 * Text in any encoding that Windows writes, as UTF-8: UTF-8, UTF-16 little or big end first, each
 * with a byte-order mark or without. Which it is, is found by looking at the first bytes.
 *
 * Nothing is repaired: bytes that are no UTF-8 come out as they are, and what is no UTF-16 (half a
 * character) comes out as the byte 0xFF, which is never UTF-8. So whoever checks the text sees it.
 */
#ifndef VBR_DECODE_H
#define VBR_DECODE_H

#include <stddef.h>
#include <stdio.h>

enum decode_encoding { DECODE_UTF8, DECODE_UTF16LE, DECODE_UTF16BE };

struct decode {
    FILE *file; /* borrowed, read from here on by this alone */
    enum decode_encoding encoding;
    int mark; /* there was a byte-order mark */
    unsigned char raw[4], out[4];
    size_t raw_len, raw_at; /* looked at, and not yet taken */
    size_t out_len, out_at; /* of the last character, still to be given */
    int unit;               /* read, and not part of the character before it; -1: none */
};

/* Reads three bytes at most. A failure of the stream is seen by ferror(file). */
void decode_init(struct decode *d, FILE *file);
/* The next byte of UTF-8, or EOF. */
int decode_getc(struct decode *d);

#endif
