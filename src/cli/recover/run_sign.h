/* How a person signs one line of text: with their sealed key at this machine, or elsewhere with
 * stock minisign; and the entry that keeps it. */
#ifndef CLI_RUN_SIGN_H
#define CLI_RUN_SIGN_H

#include "cli/cmd.h"
#include "escrow/person.h"
#include "text/jw.h"

/*
 * Signs with a sealed key file; the passphrase comes from a reference. RC_KMS_PASSPHRASE,
 * RC_COPY_SIGNATURE (another key), RC_NOT_FOUND and what ref_read says.
 */
enum rc run_sign_here(struct buf *signature, const struct person *p, const char *file,
                      const char *ref, const struct buf *text, struct err *err) MUST_CHECK;
/* Takes a signature that minisign made of the text. RC_COPY_SIGNATURE says why it is none. */
enum rc run_sign_there(struct buf *signature, const struct person *p, const char *file,
                       const struct buf *text, struct err *err) MUST_CHECK;
/* Appends how to do that elsewhere, for people. */
void run_sign_how(struct buf *out, const struct person *p, const struct buf *text);

/* Refuses somebody who has left (RC_POLICY), or with need_key has no key. */
enum rc run_sign_may(const struct person *p, int need_key, struct err *err) MUST_CHECK;

/* Appends the members public_key, text and signature. */
void run_sign_write(struct jw *w, const struct person *p, const struct buf *text,
                    const struct buf *signature);

#endif
