/*
 * rehome and wrap add: keys, each with the root key it is to be wrapped under, too.
 *
 * The plan is complete before anything is done (rehome_plan.c). Then it is carried out in waves
 * (rehome.c): a wave's calls run concurrently, each new wrap is unwrapped and compared with what
 * was wrapped, and what a wave made is one transaction. After an interruption or a kill the same
 * command goes on: what was recorded is there by then.
 */
#ifndef CLI_REHOME_H
#define CLI_REHOME_H

#include "cli/progress.h"
#include "escrow/view.h"
#include "recover/prove.h"
#include "recover/unwrap.h"

enum { REHOME_TARGETS = 64, REHOME_AWAY = 32 };

/* A root key to wrap under. */
struct target {
    struct root root;
    struct kms *kms; /* NULL: not asked yet */
    struct root_info info;
    enum rc rc; /* why it is of no use; nothing more is tried under it then */
    struct err err;
    size_t tried, same; /* in this wave; how many failed with the code in err */
};

enum outcome { PLANNED, ADDED, THERE, FAILED };

/* A key to be wrapped under the new root key; small, for there may be many. */
struct move {
    char key[UUID_TEXT + 1];
    unsigned char target;  /* index in rehome.targets */
    unsigned char outcome; /* enum outcome */
    int64_t line;          /* of the map; 0: named otherwise */
};

/* One of the wave. */
struct job {
    struct move *move;
    struct target *to;
    struct key key;
    struct unwrap_first source; /* the wrap that is opened */
    struct proof opened;        /* what came of that */
    int later;                  /* no place for its payload in this round */
    struct secret payload;      /* a view into rehome.payloads */
    struct buf aad;             /* that of the wrap which opened; the new one has the same */
    struct buf ciphertext;      /* the new wrap */
    char version[UUID_TEXT + 1];
    char opening[64], request[64], proof[64]; /* correlation ids: of the source, of making the new
                                                 wrap, and of opening that */
    int proven;
    struct buf fresh; /* what the unwrap of an older version returned; or empty */
    char fresh_root[UUID_TEXT + 1];
    char fresh_version[UUID_TEXT + 1];
};

/* Each key of the plan once its outcome is settled and recorded. version: that of the new wrap, or
 * "". */
typedef enum rc (*rehome_fn)(void *arg, const struct job *job, struct err *err);

struct rehome {
    struct ctx *ctx;
    const char *how;    /* "add", "rehome" */
    struct object from; /* uuid "": any root key */
    struct target targets[REHOME_TARGETS];
    size_t target_count;
    unsigned reasons; /* purposes whose rule for reasons was asked */
    struct move *moves;
    size_t count, room;
    size_t *named; /* hash table over the keys of those that were named: index + 1, 0 for none */
    size_t named_room;
    rehome_fn told;
    void *arg;
    int64_t added, there, failed;
    struct err first; /* of the first failure */
    /* inside: the wave */
    struct job *jobs;
    size_t job_count;
    struct secret *payloads; /* those of the wave, one behind the other, in one place */
    struct {
        char uuid[UUID_TEXT + 1];
        struct err err;
    } away[REHOME_AWAY]; /* KMSs that could not be reached, so as not to wait again */
    size_t away_count;
    struct progress progress;
};

/*
 * The keys of the command line, of --map, or all; to (may be NULL): the root key for those without
 * one of their own. RC_USAGE, RC_NOT_FOUND, RC_AMBIGUOUS, RC_BAD_VALUE; an error in a map names its
 * file and line.
 */
enum rc rehome_plan(struct rehome *r, const char *to, struct err *err) MUST_CHECK;
/* One more key, by UUID, under the root key `to`. */
enum rc rehome_plan_key(struct rehome *r, const char *to, const char *key,
                        struct err *err) MUST_CHECK;
/* Asks after the root keys that something is planned under; before rehome_run. RC_ROOT_STATE. */
enum rc rehome_reach(struct rehome *r, struct err *err) MUST_CHECK;
/* How many are still to be done, under this root key or (NULL) under any. */
size_t rehome_planned(const struct rehome *r, const struct target *to);

/*
 * Carries the plan out; with --dry-run it only tries whether each key opens. The targets must have
 * been asked. RC_INTERRUPTED, RC_CHECK_MISMATCH, RC_KMS_REPLY (what was proven besides is recorded)
 * and what the store says; other refusals are counted in failed, and warned about.
 */
enum rc rehome_run(struct rehome *r, struct err *err) MUST_CHECK;
void rehome_release(struct rehome *r);

#endif
