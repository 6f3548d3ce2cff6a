/*
 * Passphrases of a Security Officer, by the composition rule of Veeam's appliance (13.0): at least
 * PASSPHRASE_LEAST characters; capital and small letters, digits and special characters; never more
 * than PASSPHRASE_RUN characters of one of these classes in a row. Base64 of a random key fails it.
 */
#ifndef CRYPT_PASSPHRASE_H
#define CRYPT_PASSPHRASE_H

#include "base/err.h"
#include "base/secret.h"

enum { PASSPHRASE_LEAST = 15, PASSPHRASE_RUN = 3, PASSPHRASE_LENGTH = 24 };

/*
 * A new one, of PASSPHRASE_LENGTH characters: each text of the alphabet that meets the rule is as
 * likely as any other (143 bits). None that is easily taken for another (I l O o 0 1). Caller:
 * secret_free. RC_NO_LOCK, RC_NO_MEMORY.
 */
enum rc passphrase_make(struct secret **out, struct err *err) MUST_CHECK;

/*
 * What of the rule a UTF-8 text does not meet, as the end of a sentence ("it ..."); NULL when it
 * does. A character outside ASCII is of no class. Never says what is in it.
 */
const char *passphrase_lacks(const struct secret *s);

#endif
