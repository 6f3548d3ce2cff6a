/*
 * Check values: prove that an unwrapped value is the right one without storing it. See
 * docs/reference/formats.md.
 *
 * Which of the two algorithms: blake2b-256 if the payload is 32 bytes and not all printable ASCII
 * (so it has the entropy of a generated key); else argon2id (64 MiB, 3 passes), so that a stolen
 * copy is no fast guessing oracle.
 */
#ifndef CRYPT_CHECK_H
#define CRYPT_CHECK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"

enum check_alg { CHECK_BLAKE2B, CHECK_ARGON2ID };

struct check_value {
    enum check_alg alg;
    unsigned long long mem; /* bytes; argon2id only */
    unsigned long long ops; /* passes; argon2id only */
    char value[HASH_TEXT + 1];
};

/* payload decides the algorithm; text is the password exactly as delivered. */
enum rc check_make(struct check_value *out, const struct secret *payload, const struct secret *text,
                   const char uuid[UUID_TEXT + 1], struct err *err) MUST_CHECK;
/* *match 1 or 0, in constant time. Parameters beyond 1 GiB or 10 passes: RC_MALFORMED. */
enum rc check_compare(int *match, const struct check_value *want, const struct secret *text,
                      const char uuid[UUID_TEXT + 1], struct err *err) MUST_CHECK;
/* "blake2b-256" / "argon2id"; parse returns -1 for any other. */
const char *check_alg_name(enum check_alg alg);
int check_alg_parse(enum check_alg *out, const char *name) MUST_CHECK;

/* True when the text holds a decimal digit (Veeam's analyzer wants one in a generated password). */
int secret_has_digit(const struct secret *s);

#endif
