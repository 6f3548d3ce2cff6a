/* What rehome and wrap add are to do: keys, each with the root key it is to be wrapped under, too.
 * The plan is complete before anything is done. */
#ifndef CLI_REHOME_H
#define CLI_REHOME_H

#include "cli/cmd.h"
#include "escrow/view.h"

enum { REHOME_TARGETS = 64 };

/* A root key to wrap under. */
struct target {
    struct root root;
    struct kms *kms; /* NULL: not asked yet */
    struct root_info info;
};

enum outcome { PLANNED, ADDED, THERE, FAILED };

/* A key to be wrapped under the new root key. */
struct job {
    struct key key;
    struct target *to;
    int64_t line; /* of the map; 0: named otherwise */
    enum outcome outcome;
    struct buf aad;        /* that of the wrap which opened; the new one has the same */
    struct buf ciphertext; /* the new wrap; empty once recorded */
    char version[UUID_TEXT + 1];
    struct buf fresh; /* what the unwrap of an older version returned; or empty */
    char fresh_root[UUID_TEXT + 1];
    char fresh_version[UUID_TEXT + 1];
};

struct rehome {
    struct ctx *ctx;
    const char *how;    /* "add", "rehome" */
    struct object from; /* uuid "": any root key */
    struct target targets[REHOME_TARGETS];
    size_t target_count;
    struct job *jobs;
    size_t count;
    int64_t added, there, failed;
    struct err first; /* of the first failure */
};

/*
 * The keys of the command line, of --map, or all; to (may be NULL): the root key for those without
 * one of their own. RC_USAGE, RC_NOT_FOUND, RC_AMBIGUOUS, RC_BAD_VALUE; an error in a map names its
 * file and line.
 */
enum rc rehome_plan(struct rehome *r, const char *to, struct err *err) MUST_CHECK;
/* How many are still to be done, under this root key or (NULL) under any. */
size_t rehome_planned(const struct rehome *r, const struct target *to);
void rehome_release(struct rehome *r);

#endif
