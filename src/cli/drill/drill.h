/*
 * A drill: every key got back from a copy alone, compared, and shown to nobody. Which keys:
 * drill_keys.c; from which copy: drill_from.c; the paths of each: recover/drill.h. They come in
 * waves: a wave's calls run concurrently, and its results are one transaction.
 */
#ifndef CLI_DRILL_H
#define CLI_DRILL_H

#include "cli/progress.h"
#include "copy/alone.h"
#include "recover/drill.h"
#include "recover/prove.h"

enum { DRILL_KMSS = 32 };

/* A KMS, opened once; what cannot be opened, or is away, fails at once from then on. */
struct drill_kms {
    char uuid[UUID_TEXT + 1];
    struct kms *kms;
    enum rc rc;
    struct err err;
    size_t tried, away; /* in this wave; how many found it out of reach or were refused a token */
};

/* One path, and what came of it. */
struct drill_job {
    struct drill_path path;
    struct drill_kms *kms;
    struct proof proof; /* proof.key points to path.key: only while the wave is complete */
    int checked;        /* compared with a check value */
    int has_made;       /* it had none: this is the one that its value has */
    struct check_value made;
    enum rc rc;
    struct err err;
    struct drilled result;
    int64_t after_ms; /* from the start of the command, when it is proven */
    int counts;
};

/* What --due leaves to another site: keys that protect this one, so that no proof made here counts,
 * and that opened here within the time of policy. */
enum { DRILL_SITES = 4 };
struct drill_elsewhere {
    int64_t keys;
    char first[KEY_NAME_BYTES + 24];         /* NAME@GEN of one of them */
    char sites[DRILL_SITES][LIMIT_NAME + 1]; /* where wraps of them lie */
    size_t site_count;
};

/* Keys to be drilled, by UUID, in order. */
struct drill_keys {
    char (*list)[UUID_TEXT + 1];
    size_t count, room;
};

/* Each path once its result is recorded; with --dry-run what would be tried. */
typedef enum rc (*drill_told_fn)(void *arg, const struct drill_job *job, struct err *err);

struct drill_run {
    /* in */
    struct ctx *ctx;
    drill_told_fn told;
    void *arg;
    int64_t began_ms;    /* monotonic */
    int64_t began_at_ms; /* since 1970 */
    struct root root;    /* --root; object.uuid "": any */
    /* what it is done from (drill_from.c) */
    struct store *own;   /* what is known here; records go to session_records */
    struct store *alone; /* what the copy says; NULL when it could not be read */
    struct copy copy;
    char from[PATH_SIZE]; /* for people: the copy's name, or what --from says */
    char copy_site[UUID_TEXT + 1];
    enum rc from_rc; /* why it could not be read */
    struct err from_err;
    struct copy_lag lag;
    int has_lag;
    /* out */
    struct drill_elsewhere elsewhere;
    char id[UUID_TEXT + 1];
    int64_t keys, paths, proven, failed, inconclusive, uncounted, planned;
    int64_t rto_ms; /* from began_ms to the last value that was right; -1: none */
    /* inside */
    struct drill_job *jobs;
    size_t count, room;
    struct drill_roots roots;
    struct drill_kms kmss[DRILL_KMSS];
    size_t kms_count;
    struct progress progress;
};

/* The keys of the command line, or those that its options choose. RC_USAGE. */
enum rc drill_choose(struct drill_run *r, struct drill_keys *out, struct err *err) MUST_CHECK;
void drill_keys_release(struct drill_keys *k);

/* Opens the copy and reads it. RC_OK also when that failed: then from_rc says why, for that is a
 * result. RC_COPY_NOT_BOUND. */
enum rc drill_from_open(struct drill_run *r, struct err *err) MUST_CHECK;
void drill_from_close(struct drill_run *r);

/* RC_INTERRUPTED (what was found out before is recorded), RC_NO_LOCK, and what the store says. */
enum rc drill_run(struct drill_run *r, const struct drill_keys *keys, struct err *err) MUST_CHECK;
void drill_release(struct drill_run *r);

/* Age, when the drill began, of the earliest entry that the copy lacks: so much would be lost. 0:
 * nothing. Only where has_lag. */
int64_t drill_rpo(const struct drill_run *r);

#endif
