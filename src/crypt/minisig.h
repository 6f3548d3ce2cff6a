/*
 * Signatures that a person makes of one line of text: at this terminal, or elsewhere with stock
 * minisign. Unlike sign.h's these may have any comments and any key id, and be prehashed or legacy
 * (`minisign -S -l`); the trusted comment counts, too.
 */
#ifndef CRYPT_MINISIG_H
#define CRYPT_MINISIG_H

#include "crypt/sign.h"

enum { MINISIG_TEXT = 4096 }; /* most bytes of a signature's four lines */

/*
 * Whether sig is one of bytes under a public key as it is registered (person_key_parse). Four lines
 * and nothing behind them but the last line feed, which may lack; printable UTF-8 and tabs.
 * RC_COPY_SIGNATURE says what is wrong; what names the signature.
 */
enum rc minisig_verify(const char *public_key, const void *bytes, size_t len, const char *sig,
                       size_t sig_len, const char *what, struct err *err) MUST_CHECK;

/*
 * Opens a sealed key file and appends its signature of bytes (prehashed), four lines. what names
 * the file. RC_KMS_PASSPHRASE; RC_BAD_VALUE: no sealed key; RC_MALFORMED: damaged;
 * RC_COPY_SIGNATURE: another key than public_key. The key itself is gone when it returns.
 */
enum rc minisig_sign(struct buf *out, const char *public_key, const struct secret *file,
                     const struct secret *passphrase, const char *trusted, const void *bytes,
                     size_t len, const char *what, struct err *err) MUST_CHECK;

#endif
