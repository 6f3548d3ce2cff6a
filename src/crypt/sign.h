/*
 * Ed25519 signatures in minisign's formats, so that a stranger checks them with stock minisign.
 *
 * Public key text: base64 of "Ed", key id (8 bytes), key (32 bytes); what `minisign -P` takes.
 * Author id: first 16 bytes of SHA-256 of the 32 key bytes, hex. Key id: first 8 bytes of the
 * author id's bytes. Key file (author.key): minisign's unencrypted secret key file (kdf 00 00), or
 * sealed by a passphrase (kdf "Sc"). Source of the formats: the minisign page "Signature format",
 * "Secret key format".
 */
#ifndef CRYPT_SIGN_H
#define CRYPT_SIGN_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"

enum { SIGN_PUBLIC_SIZE = 32, SIGN_PUBLIC_TEXT = 56, SIGN_KEY_ID = 8 };

struct sign_public {
    unsigned char key[SIGN_PUBLIC_SIZE];
    char text[SIGN_PUBLIC_TEXT + 1];
    char author[AUTHOR_TEXT + 1];
};

/* From the text form; -1 unless canonical and the key id fits the key. */
int sign_public_parse(struct sign_public *out, const char *text) MUST_CHECK;

/* A new key pair: the 64-byte secret into a new slot (caller: secret_free). */
enum rc sign_generate(struct secret **out, struct sign_public *pub, struct err *err) MUST_CHECK;
/* The key file's text appended to a secret, without passphrase. */
enum rc sign_key_write(struct secret *file, const struct secret *key, struct err *err) MUST_CHECK;
/* Reads a key file's text. RC_STORE_CORRUPT naming what is wrong. *out to secret_free. */
enum rc sign_key_read(struct secret **out, struct sign_public *pub, const struct secret *file,
                      struct err *err) MUST_CHECK;

/* The same sealed by a passphrase, as stock minisign reads it (scrypt, 128 MiB). */
enum rc sign_key_seal(struct secret *file, const struct secret *key,
                      const struct secret *passphrase, struct err *err) MUST_CHECK;
/*
 * Opens a sealed key file; what names it in messages. RC_BAD_VALUE: it is no such file;
 * RC_KMS_PASSPHRASE: wrong passphrase; RC_MALFORMED: the passphrase is right and the file is
 * damaged. *out to secret_free.
 */
enum rc sign_key_unseal(struct secret **out, struct sign_public *pub, const struct secret *file,
                        const struct secret *passphrase, const char *what,
                        struct err *err) MUST_CHECK;
/* The same for a key that stock minisign may have made, with a key id of its own: id takes it. */
enum rc sign_key_unseal_any(struct secret **out, struct sign_public *pub,
                            unsigned char id[SIGN_KEY_ID], const struct secret *file,
                            const struct secret *passphrase, const char *what,
                            struct err *err) MUST_CHECK;

/*
 * Appends the four lines of a .minisig (each with LF) over bytes: "untrusted comment: keymuster",
 * signature (ED, prehashed), "trusted comment: <trusted>", global signature.
 */
enum rc sign_detached(struct buf *out, const struct secret *key, const char *trusted,
                      const void *bytes, size_t len, struct err *err) MUST_CHECK;
/*
 * Verifies sig[0..sig_len) over bytes. The four lines must be exactly what sign_detached writes for
 * this trusted comment (canonical re-encoding). RC_COPY_SIGNATURE says which part is wrong; what
 * names the object.
 */
enum rc sign_verify(const struct sign_public *pub, const char *trusted, const void *bytes,
                    size_t len, const char *sig, size_t sig_len, const char *what,
                    struct err *err) MUST_CHECK;

/*
 * The same for bytes that come piece by piece, of which nothing is held: begin, more, then the hash
 * that is signed.
 */
enum { SIGN_HASH = 64 };
struct sign_state {
    unsigned char opaque[512]; /* large enough for the library's state; checked in sign.c */
};
void sign_begin(struct sign_state *s);
void sign_more(struct sign_state *s, const void *bytes, size_t len);
void sign_hash(struct sign_state *s, unsigned char out[SIGN_HASH]);
enum rc sign_hashed(struct buf *out, const struct secret *key, const char *trusted,
                    const unsigned char hash[SIGN_HASH], struct err *err) MUST_CHECK;
enum rc sign_verify_hashed(const struct sign_public *pub, const char *trusted,
                           const unsigned char hash[SIGN_HASH], const char *sig, size_t sig_len,
                           const char *what, struct err *err) MUST_CHECK;

#endif
