/*
 * References: how a command line or keymuster.conf names a secret without containing it.
 *
 *   file:PATH        a file that only its owner can read
 *   fd:N             an open descriptor, read to its end
 *   env:NAME         a variable of the original environment (exec's child does not get it)
 *   command:ARGV     what a command prints; words split at blanks, '...' "..." \x as in sh, no
 *                    shell, no expansion
 *   credential:NAME  $CREDENTIALS_DIRECTORY/NAME (systemd)
 *   prompt           asked for on the terminal, without echo
 *   -                standard input, read to its end
 *
 * One trailing LF or CR LF is removed. An empty secret is refused.
 */
#ifndef CLI_REF_H
#define CLI_REF_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

/* True when text has the form of a reference. */
int ref_is(const char *text);
/* RC_SECRET_LITERAL with the lesson unless ref_is; what names the place ("--credential",
 * "keymuster.conf: credential of kms kp-mad"). The text is not repeated. */
enum rc ref_check(const char *text, const char *what, struct err *err) MUST_CHECK;

/* --no-input: `prompt` is then RC_NO_CONFIRM. */
void ref_set_no_input(int yes);

/*
 * Reads the secret into a new slot (caller: secret_free). what names it in prompts and messages:
 * "passphrase of kp-mad". RC_CREDENTIAL, RC_CREDENTIAL_OPEN, RC_SECRET_LITERAL, RC_NO_TERMINAL.
 */
enum rc ref_read(struct secret **out, const char *ref, const char *what,
                 struct err *err) MUST_CHECK;
/* The same for a secret that is made now: `prompt` asks twice. RC_BAD_VALUE when they differ. */
enum rc ref_read_new(struct secret **out, const char *ref, const char *what,
                     struct err *err) MUST_CHECK;

/* For texts that are no secrets (a wrap, a description): the same forms, appended to out, whose
 * maximum bounds it; files may be readable by others. Another form is RC_BAD_VALUE. */
enum rc ref_read_open(struct buf *out, const char *ref, const char *what,
                      struct err *err) MUST_CHECK;

/* Appends ref with a relative file:PATH made absolute, for keymuster.conf. */
enum rc ref_absolute(struct buf *out, const char *ref, struct err *err) MUST_CHECK;

/* Whether ref can be read again by a timer, without a person: not prompt, -, fd:N. */
int ref_is_lasting(const char *ref);

#endif
