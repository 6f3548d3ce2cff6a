/* SHA-256 (FIPS 180-4) and random bytes. */
#ifndef CRYPT_HASH_H
#define CRYPT_HASH_H

#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"

enum { HASH_SIZE = 32 };

/* Once per process, before anything else here. */
enum rc crypt_init(struct err *err) MUST_CHECK;

void sha256(unsigned char out[HASH_SIZE], const void *bytes, size_t len);
/* As lower-case hex. */
void sha256_hex(char out[HASH_TEXT + 1], const void *bytes, size_t len);

struct sha256_state {
    unsigned long long opaque[16]; /* large enough for the library's state; checked in hash.c */
};
void sha256_begin(struct sha256_state *s);
void sha256_more(struct sha256_state *s, const void *bytes, size_t len);
void sha256_end(struct sha256_state *s, unsigned char out[HASH_SIZE]);

void random_bytes(void *out, size_t len);
/* Megabytes that cannot be compressed, all from 32 random bytes: the kernel gives 256 a call. Not
 * for keys. len: less than 256 GiB. */
void random_noise(void *out, size_t len);
/* len bytes appended to a secret. */
enum rc random_secret(struct secret *out, size_t len, struct err *err) MUST_CHECK;
/* Version 4 UUID as text. */
void random_uuid(char out[UUID_TEXT + 1]);
/* Version 7 UUID as text: milliseconds, then 74 random bits, so that what is made in a row lies
 * side by side in an index. Nothing reads the time in it. RFC 9562 section 5.7. */
void random_uuid_in_order(char out[UUID_TEXT + 1]);

#endif
