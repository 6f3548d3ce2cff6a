/* Keys as files: the author's, for the store itself (others: escrow/store.h), and sealed ones. */
#ifndef ESCROW_STORE_KEY_H
#define ESCROW_STORE_KEY_H

#include "base/err.h"
#include "base/secret.h"
#include "crypt/sign.h"

/* Creates or replaces a key file, 0600, durably. */
enum rc key_file_write(const char *path, const struct secret *key, struct err *err) MUST_CHECK;

/* A new pair for somebody else, sealed by a passphrase, so that nothing but that has to be kept
 * from others: its file at path, made once. RC_EXISTS; as sign_key_seal. */
enum rc key_file_make(const char *path, const struct secret *passphrase, struct sign_public *pub,
                      struct err *err) MUST_CHECK;

#endif
