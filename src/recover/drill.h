/*
 * Planning a drill: by which paths a key should be got back from a copy alone, and what came of
 * each. A path is the newest live wrap under one root key. Nothing is asked here.
 */
#ifndef RECOVER_DRILL_H
#define RECOVER_DRILL_H

#include "escrow/drilled.h"
#include "escrow/view.h"
#include "kms/kms.h"

/* One thing to find out of a key. rc RC_OK: it is to be tried; else err says why it fails untried.
 */
struct drill_path {
    struct key key;
    struct root root; /* object.uuid "": about the key as a whole */
    struct kms *kms;  /* borrowed from what `open` gave */
    char wrap[HASH_TEXT + 1];
    char *ciphertext; /* with the AAD behind its NUL; NULL when there is nothing to try */
    const char *aad;
    enum rc rc;
    struct err err;
};
void drill_path_release(struct drill_path *p);

/* Opens a KMS with what this site has. RC_KMS_NO_CREDENTIAL: none for it, so it is no path here. */
typedef enum rc (*drill_open_fn)(void *arg, const struct object *kms, struct kms **out,
                                 struct err *err);
/* Takes over the path. */
typedef enum rc (*drill_path_fn)(void *arg, struct drill_path *p, struct err *err);

/* Root keys met before, as the plan reads them: most keys are under the same few. Zeroed. */
enum { DRILL_ROOTS = 16 };
struct drill_roots {
    struct root list[DRILL_ROOTS];
    size_t next;
};

struct drill_plan {
    const struct store *own;   /* what is known here */
    const struct store *alone; /* what the copy says; may be own */
    const char *root;          /* UUID: only this one; NULL */
    drill_open_fn open;        /* NULL: every KMS counts as one that can be asked */
    drill_path_fn path;
    struct drill_roots *roots;
    void *arg;
};

/*
 * Every path of a key that should work at own's site, from the copy:
 * - not under a KMS at a site that is marked lost, or that this site has no credential for;
 * - of a key that must outlive a site, under a KMS at that site only where that is this site.
 * What should be there and is not fails untried: RC_COPY_STALE when the copy lacks a key or a wrap
 * that is known here, RC_NOT_FOUND when a wrap is owed or there is none, RC_PURPOSE_SITE when a key
 * would not outlive the site it protects, RC_KMS_NO_CREDENTIAL when nothing here opens it. So each
 * key has one path at least.
 */
enum rc drill_plan_key(const struct drill_plan *plan, const struct key *key,
                       struct err *err) MUST_CHECK;

/* A failure that says nothing of the key: what was asked is out of reach for now. */
enum drill_outcome drill_judge(enum rc rc);

/* A way out for a failure that comes without one, with the key named as own knows it. */
void drill_hint(struct err *err, const struct store *own, const struct key *key);

#endif
