/* What depends on root keys: wraps under them, and keys that have no other wrap. Read only. */
#ifndef ESCROW_DEPEND_H
#define ESCROW_DEPEND_H

#include "escrow/view.h"

/* Root keys whose loss is thought of: one (its uuid), or all of a KMS. version "": all of them,
 * else only wraps under that version. */
struct depend_on {
    char root[UUID_TEXT + 1]; /* "" for all of the KMS */
    char kms[UUID_TEXT + 1];
    char version[UUID_TEXT + 1];
};

/* A key with a wrap there that is not retired; destroyed keys do not count. */
struct dependent {
    char key[UUID_TEXT + 1];
    const char *name; /* borrowed for the call */
    int64_t generation;
    int only; /* no wrap elsewhere, under a root key that is not destroyed */
};
typedef enum rc (*depend_fn)(void *arg, const struct dependent *d, struct err *err);
/* By name, generation, UUID. */
enum rc depend_each(const struct store *store, const struct depend_on *on, depend_fn fn, void *arg,
                    struct err *err) MUST_CHECK;

struct depend_count {
    int64_t keys, only;
};
enum rc depend_count(const struct store *store, const struct depend_on *on,
                     struct depend_count *out, struct err *err) MUST_CHECK;

/* Keys that are not destroyed and have a wrap under this root key, but none under that version. */
enum rc depend_behind(const struct store *store, const char *root, const char *version,
                      int64_t *count, struct err *err) MUST_CHECK;

/* Whether a KMS is of Hyper Protect Crypto Services, by its endpoint or a root key's CRN. */
enum rc depend_hpcs(const struct store *store, const struct object *kms, int *is,
                    struct err *err) MUST_CHECK;

#endif
