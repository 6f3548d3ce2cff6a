/* Hex, base64 (RFC 4648 section 4, with padding) and UUIDs. Decoders are strict: canonical text
 * only, whole input. */
#ifndef TEXT_ENC_H
#define TEXT_ENC_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"

/* out holds 2 * len + 1. Lower case. */
void hex_encode(char *out, const unsigned char *bytes, size_t len);
/* text is exactly 2 * len lower-case digits. Returns 0, or -1 for anything else. */
int hex_decode(unsigned char *out, size_t len, const char *text) MUST_CHECK;
/* True when text is exactly n lower-case hex digits. */
int hex_is(const char *text, size_t n);

void base64_encode(struct buf *out, const void *bytes, size_t len);
/* Appends the bytes. -1 (and nothing useful in out) unless text is canonical base64. */
int base64_decode(struct buf *out, const char *text, size_t len) MUST_CHECK;
/* The same for exactly `size` bytes, without memory of its own: a failure is one of the text. */
int base64_decode_fixed(unsigned char *out, size_t size, const char *text, size_t len) MUST_CHECK;
/* The same for secrets; no table look-ups indexed by secret bytes. The output is appended. */
enum rc base64_encode_secret(struct secret *out, const struct secret *in,
                             struct err *err) MUST_CHECK;
enum rc base64_decode_secret(struct secret *out, const struct secret *in,
                             struct err *err) MUST_CHECK;
/* Decodes open text straight into a slot (a plaintext in a KMS reply). RC_BAD_VALUE if not
 * canonical. */
enum rc base64_decode_to_secret(struct secret *out, const char *text, size_t len,
                                struct err *err) MUST_CHECK;

/* Appends a value of a form or an address: all but the unreserved as %XX. RC_BAD_VALUE when it is
 * too long for a slot. */
enum rc form_encode_secret(struct secret *out, const unsigned char *in, size_t len,
                           struct err *err) MUST_CHECK;

/* 8-4-4-4-12 lower-case hex. */
int uuid_is(const char *text);
/* 16 raw bytes <-> text. uuid_parse returns -1 for anything but the form above. */
void uuid_format(char out[UUID_TEXT + 1], const unsigned char raw[16]);
int uuid_parse(unsigned char raw[16], const char *text) MUST_CHECK;

#endif
