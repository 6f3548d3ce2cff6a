/* What the derived tables say: objects with their fields, roots, release; of keys and wraps
 * escrow/key.h. Read only. */
#ifndef ESCROW_VIEW_H
#define ESCROW_VIEW_H

#include <stdint.h>

#include "base/buf.h"
#include "crypt/hash.h"
#include "escrow/store.h"
#include "kms/kms.h"
#include "text/json.h"
#include "text/jw.h"

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
/* The site of a KMS, a copy or a backup server: its UUID, "" when nothing says it. */
enum rc object_site(const struct store *store, const char *uuid, char site[UUID_TEXT + 1],
                    struct err *err) MUST_CHECK;
enum rc object_site_name(const struct store *store, const char *uuid, char name[LIMIT_NAME + 1],
                         struct err *err) MUST_CHECK;
/* A field that holds a time, into out ("" when there is none); in a conflict the latest, for the
 * safe answer to how long a thing is needed. */
enum rc field_latest(const struct store *store, const char *object, const char *name,
                     char out[TIME_TEXT + 1], struct err *err) MUST_CHECK;
/* Whether a site (UUID; "" is none) is marked as lost. */
enum rc site_is_lost(const struct store *store, const char *site, int *lost,
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
