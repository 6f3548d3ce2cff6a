/* What the derived tables say of keys and of their wraps. Read only. */
#ifndef ESCROW_KEY_H
#define ESCROW_KEY_H

#include <stdint.h>

#include "crypt/check.h"
#include "crypt/hash.h"
#include "escrow/store.h"

enum { KEY_NAME_BYTES = LIMIT_KEY_NAME * 4 };

struct key {
    char uuid[UUID_TEXT + 1];
    char name[KEY_NAME_BYTES + 1];
    int64_t generation;
    char purpose[24];
    char protects_site[UUID_TEXT + 1];
    char form[8];    /* "base64" or "bytes" */
    char origin[12]; /* "kms", "local", "adopted" */
    int64_t bits;
    char created_at[TIME_TEXT + 1];
    char entry[HASH_TEXT + 1];
    char author[AUTHOR_TEXT + 1];
    int64_t seq;
    char state[24]; /* NIST SP 800-57; the more restrictive one in a conflict */
    int has_check;
};
/* NAME (newest generation), NAME@GEN or UUID. RC_NOT_FOUND, RC_AMBIGUOUS. */
enum rc key_find(const struct store *store, const char *ref, struct key *out,
                 struct err *err) MUST_CHECK;
/* The same as it was at a time, by the times that the entries state: only generations made up to
 * then. ref must be a plain name (key_ref_is_name). */
enum rc key_find_at(const struct store *store, const char *ref, int64_t at_ms, struct key *out,
                    struct err *err) MUST_CHECK;
/* Only whether key_find would find one or several: one look at the index, where key_find reads
 * every key to tell which name was meant. */
enum rc key_is_known(const struct store *store, const char *ref, int *known,
                     struct err *err) MUST_CHECK;
/*
 * What a command line calls this key, quoted for a shell: NAME of the newest generation, NAME@GEN
 * of an older one, the UUID where a name and number stand for several, or would not fit.
 */
enum { KEY_REF = KEY_NAME_BYTES + 32 };
enum rc key_ref(char out[KEY_REF], const struct store *store, const struct key *key,
                struct err *err) MUST_CHECK;
/* The same for a hint or warning: the UUID where the store cannot be read. Returns out. */
const char *key_ref_said(char out[KEY_REF], const struct store *store, const struct key *key);
/* 1 for NAME, 0 for NAME@GEN and UUID. */
int key_ref_is_name(const char *ref);
/* By name, then generation, then UUID. name NULL: all. */
typedef enum rc (*key_fn)(void *arg, const struct key *key, struct err *err);
enum rc key_each(const struct store *store, const char *name, key_fn fn, void *arg,
                 struct err *err) MUST_CHECK;
/* The next ones behind `after` in that order (NULL: from the first), at most `most`: for a walk
 * that writes, or waits for a KMS, in between. */
enum rc key_each_after(const struct store *store, const struct key *after, int64_t most, key_fn fn,
                       void *arg, struct err *err) MUST_CHECK;
/* The check value; *found 0 when there is none. Two that differ: RC_STORE_CORRUPT. */
enum rc key_check(const struct store *store, const char *key, struct check_value *out, int *found,
                  struct err *err) MUST_CHECK;
/* From least (0, active) to most restrictive (destroyed); -1: no such state. */
int key_state_rank(const char *state);
/* The state of that rank, or NULL. */
const char *key_state_at(int rank);
/* Since when it is in this state, and why, as the entry says that set it; "" for the state that it
 * was made in. reason of LIMIT_TEXT + 1. */
enum rc key_state_why(const struct store *store, const struct key *key, char since[TIME_TEXT + 1],
                      char reason[LIMIT_TEXT + 1], struct err *err) MUST_CHECK;
/* Keys of this purpose are needed when the site they protect is gone. */
int purpose_must_outlive(const char *purpose);
/* 1 when a copy holds the entry that made the key; for config-backup and backup-copy one at another
 * site. */
enum rc key_released(const struct store *store, const struct key *key, int *released,
                     struct err *err) MUST_CHECK;

/* ---- wraps ---- */
enum { WRAP_REQUESTS = 3 };
struct wrap {
    const char *requests[WRAP_REQUESTS]; /* for wrap_append: what a KMS was asked to open the key,
                                            to make the wrap and to prove it, by correlation id;
                                            NULL or "": nothing. Not read */
    const char *reason, *ticket;         /* for wrap_append, as given; NULL: not. Not read */
    char key[UUID_TEXT + 1];
    char id[HASH_TEXT + 1]; /* SHA-256 of the ciphertext's text */
    char root[UUID_TEXT + 1];
    char version[UUID_TEXT + 1];
    const char *ciphertext; /* borrowed for the call */
    const char *aad;        /* JSON array of strings; borrowed for the call */
    char how[12];
    char at[TIME_TEXT + 1];
    int retired;
};
typedef enum rc (*wrap_fn)(void *arg, const struct wrap *wrap, struct err *err);
/* Newest first (by author's order and time of the entry); retired ones too. */
enum rc wrap_each(const struct store *store, const char *key, wrap_fn fn, void *arg,
                  struct err *err) MUST_CHECK;

#endif
