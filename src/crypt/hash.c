#include "crypt/hash.h"

#include <stdint.h>

#include <sodium.h>

#include "base/clock.h"
#include "text/enc.h"

_Static_assert(sizeof(struct sha256_state) >= sizeof(crypto_hash_sha256_state),
               "struct sha256_state is too small for the library's state");
_Static_assert(_Alignof(struct sha256_state) >= _Alignof(crypto_hash_sha256_state),
               "struct sha256_state is less aligned than the library's state");
_Static_assert(HASH_SIZE == crypto_hash_sha256_BYTES, "HASH_SIZE is not SHA-256's");

enum rc
crypt_init(struct err *err)
{
    /* 1 means that it was initialised before. */
    if (sodium_init() < 0)
        return err_set(err, RC_INTERNAL, "the cryptographic library does not start");
    return RC_OK;
}

void
sha256(unsigned char out[HASH_SIZE], const void *bytes, size_t len)
{
    /* Returns 0 always, as do the three below. */
    (void)crypto_hash_sha256(out, bytes, len);
}

void
sha256_hex(char out[HASH_TEXT + 1], const void *bytes, size_t len)
{
    unsigned char hash[HASH_SIZE];
    sha256(hash, bytes, len);
    hex_encode(out, hash, sizeof hash);
}

/* The opaque words are only ever touched by the library, under its own type. */
static crypto_hash_sha256_state *
state_of(struct sha256_state *s)
{
    return (crypto_hash_sha256_state *)(void *)s->opaque;
}

void
sha256_begin(struct sha256_state *s)
{
    (void)crypto_hash_sha256_init(state_of(s));
}

void
sha256_more(struct sha256_state *s, const void *bytes, size_t len)
{
    (void)crypto_hash_sha256_update(state_of(s), bytes, len);
}

void
sha256_end(struct sha256_state *s, unsigned char out[HASH_SIZE])
{
    (void)crypto_hash_sha256_final(state_of(s), out);
}

void
random_bytes(void *out, size_t len)
{
    randombytes_buf(out, len);
}

void
random_noise(void *out, size_t len)
{
    unsigned char seed[randombytes_SEEDBYTES];
    randombytes_buf(seed, sizeof seed);
    randombytes_buf_deterministic(out, len, seed);
}

enum rc
random_secret(struct secret *out, size_t len, struct err *err)
{
    if (len > SECRET_SLOT - out->len)
        return err_set(err, RC_BAD_VALUE, "%zu random bytes do not fit a secret", len);
    randombytes_buf(out->bytes + out->len, len);
    out->len += len;
    return RC_OK;
}

void
random_uuid(char out[UUID_TEXT + 1])
{
    unsigned char raw[16];
    randombytes_buf(raw, sizeof raw);
    raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40); /* version 4, RFC 4122 section 4.4 */
    raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
    uuid_format(out, raw);
}

void
random_uuid_in_order(char out[UUID_TEXT + 1])
{
    unsigned char raw[16];
    uint64_t now = (uint64_t)clock_now_ms();
    randombytes_buf(raw, sizeof raw);
    for (int i = 0; i < 6; i++)
        raw[i] = (unsigned char)(now >> (40 - 8 * i));
    raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x70);
    raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
    uuid_format(out, raw);
}
