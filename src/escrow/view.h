/* What the derived tables say: objects with their fields, keys, wraps, roots, release. Read only.
 */
#ifndef ESCROW_VIEW_H
#define ESCROW_VIEW_H

#include <stdint.h>

#include "base/buf.h"
#include "crypt/check.h"
#include "crypt/hash.h"
#include "escrow/store.h"
#include "kms/kms.h"
#include "text/json.h"

enum { KEY_NAME_BYTES = LIMIT_KEY_NAME * 4 };

/* A column that holds a hash, as hex. RC_STORE_CORRUPT when it has another length. */
enum rc col_hash(struct stmt *q, int i, char out[HASH_TEXT + 1], struct err *err) MUST_CHECK;

/* ---- objects: "site", "kms", "root", "copy", "vbr", "person" ---- */
struct object {
    char uuid[UUID_TEXT + 1];
    char kind[12];
    char name[LIMIT_NAME + 1];
    char author[AUTHOR_TEXT + 1]; /* who added it */
    char entry[HASH_TEXT + 1];
};
/* By UUID or name. RC_NOT_FOUND names the nearest; RC_AMBIGUOUS lists the UUIDs when a merge made
 * two of one name. */
enum rc object_find(const struct store *store, const char *kind, const char *ref,
                    struct object *out, struct err *err) MUST_CHECK;
typedef enum rc (*object_fn)(void *arg, const struct object *o, struct err *err);
enum rc object_each(const struct store *store, const char *kind, object_fn fn, void *arg,
                    struct err *err) MUST_CHECK;
/* Name of an object by UUID, or the UUID itself when unknown here (a fact can wait for its object).
 */
enum rc object_name(const struct store *store, const char *uuid, char out[LIMIT_NAME + 1],
                    struct err *err) MUST_CHECK;

/*
 * Current value of a changeable field as plain text (a JSON string unquoted; other JSON as it is)
 * into out, emptied first. *conflict (may be NULL): 1 when more than one different value stands;
 * out then holds the one whose entry hash is smaller, and the caller decides. No value: out stays
 * empty.
 */
enum rc field_get(const struct store *store, const char *object, const char *name, struct buf *out,
                  int *conflict, struct err *err) MUST_CHECK;
/* All current values and their entries, by entry hash. */
typedef enum rc (*field_fn)(void *arg, const char *value, const char *entry, struct err *err);
enum rc field_each(const struct store *store, const char *object, const char *name, field_fn fn,
                   void *arg, struct err *err) MUST_CHECK;
/* Appends `"supersedes":[hashes of all current values]` to a JSON object being written, for a
 * .changed entry. */
enum rc field_supersedes(const struct store *store, const char *object, const char *name,
                         struct jw *w, struct err *err) MUST_CHECK;
/* Appends a value of field_each as plain text. */
enum rc field_text(struct buf *out, const char *value, struct err *err) MUST_CHECK;
/* A field that holds a time, into out ("" when there is none); in a conflict the latest, for the
 * safe answer to how long a thing is needed. */
enum rc field_latest(const struct store *store, const char *object, const char *name,
                     char out[TIME_TEXT + 1], struct err *err) MUST_CHECK;
/* Whether a site (UUID; "" is none) is marked as lost. */
enum rc site_is_lost(const struct store *store, const char *site, int *lost,
                     struct err *err) MUST_CHECK;

/* ---- keys ---- */
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
 * What a command line calls this key, quoted for a shell: NAME of the newest generation, NAME@GEN of
 * an older one, the UUID where a name and number stand for several, or would not fit.
 */
enum { KEY_REF = KEY_NAME_BYTES + 32 };
enum rc key_ref(char out[KEY_REF], const struct store *store, const struct key *key,
                struct err *err) MUST_CHECK;
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
    const char *reason, *ticket; /* for wrap_append, as given; NULL: not. Not read */
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

/* ---- roots ---- */
struct root {
    struct object object;
    struct object kms;        /* kms.uuid "" when it is not known here yet */
    char site[UUID_TEXT + 1]; /* the KMS's site */
    char id[UUID_TEXT + 1];   /* in the KMS */
    enum root_state state;    /* last observed; ROOT_UNKNOWN */
    char version[UUID_TEXT + 1];
    int64_t versions;
    char observed_at[TIME_TEXT + 1];
    char restore_until[TIME_TEXT + 1];
    char rotated_at[TIME_TEXT + 1]; /* these as in the entry; "" where the KMS said nothing */
    char expires[TIME_TEXT + 1];
    char deleted_at[TIME_TEXT + 1];
    char deleted_by[64];
};
enum rc root_find(const struct store *store, const char *ref, struct root *out,
                  struct err *err) MUST_CHECK;
enum rc root_load(const struct store *store, const struct object *object, struct root *out,
                  struct err *err) MUST_CHECK;

/* ---- release and publication ---- */
/* How many own entries no copy has yet. */
enum rc entries_unpublished(const struct store *store, int64_t *count, struct err *err) MUST_CHECK;
/* 1 when a copy (at another site than not_site, if that is not NULL) shows this author's log up to
 * seq. */
enum rc entry_acknowledged(const struct store *store, const char *author, int64_t seq,
                           const char *not_site, int *yes, struct err *err) MUST_CHECK;
/* The last seq that is; 0: none. */
enum rc entries_acknowledged(const struct store *store, const char *author, const char *not_site,
                             int64_t *upto, struct err *err) MUST_CHECK;

#endif
