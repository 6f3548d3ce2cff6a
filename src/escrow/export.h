/*
 * An export: one signed file with all that is needed to get the generations of some keys back,
 * apart from the KMS itself. Nothing in it is secret. Five lines; see docs/reference/formats.md.
 */
#ifndef ESCROW_EXPORT_H
#define ESCROW_EXPORT_H

#include "escrow/key.h"

#define EXPORT_TRUSTED "keymuster export 1"
/* What JSON of 200,000 nodes (text/json.h) comes to, with room. */
enum { EXPORT_MAX = 24 * 1024 * 1024 };

/* One generation in it. */
struct exported {
    char key[UUID_TEXT + 1];
    int64_t wraps; /* how many, retired ones too */
};
struct export_file {
    struct buf file;            /* the five lines */
    char sha256[HASH_TEXT + 1]; /* of all five */
    struct exported *keys;      /* every generation that is not destroyed */
    size_t key_count;
};

/* Makes one of all generations with these names (key names, not references), and reads it back as
 * export_read does. On failure out needs no release. */
enum rc export_make(const struct store *store, const char *const *names, size_t count,
                    struct export_file *out, struct err *err) MUST_CHECK;
void export_release(struct export_file *x); /* takes a zeroed struct */

/* The body of export.made; file names the export for people. */
enum rc export_entry(struct buf *out, const struct export_file *x, const char *file,
                     struct err *err) MUST_CHECK;

/* A generation belongs into an export: it is not destroyed, or two sites differ on that. */
enum rc export_wants(const struct store *store, const struct key *key, int *wants,
                     struct err *err) MUST_CHECK;

/* ---- reading one ---- */

/* What a verified export says of itself. Who may sign for that escrow it cannot say: the caller
 * anchors signer and escrow. */
struct export_seal {
    struct sign_public signer, founder;
    char escrow[AUTHOR_TEXT + 1]; /* the founder's */
    char name[LIMIT_TEXT + 1];
    char at[TIME_TEXT + 1];
    char sha256[HASH_TEXT + 1]; /* of all five lines */
};
/* The bytes look like an export, sound or not. */
int export_is(const char *bytes, size_t len);
/*
 * Verifies the five lines (signature, canonical re-encoding, ids that fit their keys) and lays the
 * keys out as a store in memory that answers queries and can do nothing else; caller: store_close.
 * RC_COPY_SIGNATURE, RC_MALFORMED. what names the file.
 */
enum rc export_read(struct store **view, struct export_seal *seal, const char *bytes, size_t len,
                    const char *what, struct err *err) MUST_CHECK;

/*
 * Says in the store's own log what the verified export says and nothing there says yet: its sites,
 * KMSs, root keys, keys and wraps under their own UUIDs; all or nothing, and a note of the source.
 * *said: how many entries. The caller has anchored it.
 */
enum rc export_into(struct store *store, const char *bytes, size_t len, const char *what,
                    int64_t *said, struct err *err) MUST_CHECK;

/* An export that lacks what its escrow has now, of one name. Of each name only the newest export
 * counts, by the time that its entry states. */
struct export_stale {
    const char *name; /* of the key; all three are borrowed for the call */
    const char *file;
    const char *at;
    int generation; /* a generation is missing; else a wrap */
};
typedef enum rc (*export_stale_fn)(void *arg, const struct export_stale *stale, struct err *err);
/* By name. */
enum rc export_stale_each(const struct store *store, export_stale_fn fn, void *arg,
                          struct err *err) MUST_CHECK;

/* The names that this store's own author ever exported into that file, each once; RC_OK with none
 * for a file that it did not write. */
typedef enum rc (*export_name_fn)(void *arg, const char *name, struct err *err);
enum rc export_names_each(const struct store *store, const char *file, export_name_fn fn, void *arg,
                          struct err *err) MUST_CHECK;

#endif
