/*
 * The Security Officer's passphrase that the restore of a configuration backup wants besides its
 * password: a key of purpose restore-secret, whose field "with" is the UUID of a key for
 * configuration backups. Which generations of the two are meant is told by time, so the field is
 * about names: the newest generation that has one speaks for all of that name.
 */
#ifndef ESCROW_OFFICER_H
#define ESCROW_OFFICER_H

#include "escrow/key.h"

#define OFFICER_PURPOSE "restore-secret"
#define OFFICER_FIELD "with"

/*
 * The passphrases that go with a key, by name, of each the generation that was the newest at `made`
 * (when the configuration backup was made; NULL or "": until that generation of the key was
 * followed by the next, or now), else the first one. None for a key that is not for configuration
 * backups.
 */
enum rc officer_each(const struct store *store, const struct key *config, const char *made,
                     key_fn fn, void *arg, struct err *err) MUST_CHECK;
/* The first of them; *count says how many there are. */
enum rc officer_of(const struct store *store, const struct key *config, const char *made,
                   struct key *out, size_t *count, struct err *err) MUST_CHECK;

#endif
