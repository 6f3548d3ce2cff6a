/* The Security Officer's passphrase beside a configuration backup's key (escrow/officer.h): linking
 * the two, and what people are told of it. */
#ifndef CLI_OFFICER_H
#define CLI_OFFICER_H

#include "cli/cmd.h"
#include "escrow/officer.h"
#include "text/jw.h"

/* Row of an option table. */
/* clang-format off */
#define OFFICER_OPTION                                                                             \
    {OPT_WITH, "with", 0, "KEY", 0,                                                                \
     "restore-secret: the configuration backup's key that it goes with"}
/* clang-format on */

/* Whether a key of this purpose is a Security Officer's passphrase. */
int officer_is(const char *purpose);
/* --with, as the UUID of a key for configuration backups; "" when it is not given. RC_USAGE for
 * another purpose than restore-secret, RC_NOT_FOUND. */
enum rc officer_option(const struct ctx *ctx, const char *purpose, char out[UUID_TEXT + 1],
                       struct err *err) MUST_CHECK;
/* key.changed, in the running transaction: this passphrase goes with that key. Nothing for "", and
 * where that is on record. */
enum rc officer_link(struct ctx *ctx, const char *key, const char *with,
                     struct err *err) MUST_CHECK;
/* An adopted passphrase that the appliance cannot have taken: RC_POLICY unless --accept-risk. Any
 * text of another purpose, and NULL, pass. */
enum rc officer_check(struct ctx *ctx, const char *purpose, const struct secret *text,
                      struct err *err) MUST_CHECK;
/* A passphrase is no password of a backup server: RC_USAGE. */
enum rc officer_refuse_push(const char *purpose, const char *name, struct err *err) MUST_CHECK;

/* After a configuration backup's key was handed out: which passphrases are needed too, with the
 * line that shows each; not those among `besides`. */
enum rc officer_tell(struct ctx *ctx, const struct key *config, const struct key *besides,
                     size_t count, struct err *err) MUST_CHECK;
/* The same of a configuration backup that says that it wants one, as lines of an answer or as the
 * member; also when none is linked. What fails is only a warning. */
void officer_tell_file(struct ctx *ctx, const struct key *config, const char *made);
void officer_write_file(struct jw *w, struct ctx *ctx, const struct key *config, const char *made);
/* NAME@GEN (UUID where that is ambiguous) of the first that goes with the key `ref`; "" when there
 * is none, or no such key. made as in officer_each. */
enum rc officer_word(const struct store *store, const char *ref, const char *made,
                     char out[KEY_NAME_BYTES + 24], struct err *err) MUST_CHECK;
/* For `show`: what a passphrase goes with, or which go with a key. Members with w, else lines. */
enum rc officer_show(struct ctx *ctx, const struct key *key, struct jw *w,
                     struct err *err) MUST_CHECK;
/* Member "officer_keys": name, generation, uuid, command of each. made as in officer_each. */
enum rc officer_write(struct jw *w, const struct ctx *ctx, const struct key *config,
                      const char *made, struct err *err) MUST_CHECK;

#endif
