/* What the local KMS needs: XChaCha20-Poly1305 (IETF form), Argon2id, keyed BLAKE2b. */
#ifndef CRYPT_SEAL_H
#define CRYPT_SEAL_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

enum { SEAL_KEY = 32, SEAL_NONCE = 24, SEAL_TAG = 16, SEAL_SALT = 16 };

/* Appends a 32-byte key from a passphrase. mem in bytes (8 KiB to 1 GiB, whole KiB), ops in passes
 * (1 to 10); else RC_MALFORMED. */
enum rc seal_derive(struct secret *key, const struct secret *passphrase,
                    const unsigned char salt[SEAL_SALT], unsigned long long mem,
                    unsigned long long ops, struct err *err) MUST_CHECK;
/* A subkey: BLAKE2b-256 keyed with key over the label. Appended to out. */
enum rc seal_subkey(struct secret *out, const struct secret *key, const char *label,
                    struct err *err) MUST_CHECK;

/* Ciphertext and tag appended to out. ad may be empty. */
enum rc seal_bytes(struct buf *out, const struct secret *key, const unsigned char nonce[SEAL_NONCE],
                   const void *ad, size_t ad_len, const void *bytes, size_t len,
                   struct err *err) MUST_CHECK;
/* -1 when it does not open; out then holds nothing. out->failed when it was memory that lacked. */
int unseal_bytes(struct buf *out, const struct secret *key, const unsigned char nonce[SEAL_NONCE],
                 const void *ad, size_t ad_len, const void *sealed, size_t len) MUST_CHECK;
/* The same, the plain bytes coming from and going to slots. */
enum rc seal_secret(struct buf *out, const struct secret *key,
                    const unsigned char nonce[SEAL_NONCE], const void *ad, size_t ad_len,
                    const struct secret *in, struct err *err) MUST_CHECK;
int unseal_secret(struct secret *out, const struct secret *key,
                  const unsigned char nonce[SEAL_NONCE], const void *ad, size_t ad_len,
                  const void *sealed, size_t len) MUST_CHECK;

#endif
