/*
 * Renewing wraps: the same key under the newest version of its root key, proven, recorded; the
 * former wrap is kept. Keys come in waves, so memory stays the same whatever their number; a wave's
 * calls run concurrently, and what they made is one transaction. After an interruption or a kill
 * the same command goes on: what was recorded is current by then.
 */
#ifndef CLI_REWRAP_H
#define CLI_REWRAP_H

#include "cli/progress.h"
#include "escrow/key.h"
#include "escrow/view.h"

enum { REWRAP_ROOTS = 512 };

enum rewrap_outcome { REWRAP_PLANNED, REWRAP_DONE, REWRAP_CURRENT, REWRAP_FAILED };

/* A root key as its KMS says it is now; asked once. */
struct rewrap_root {
    struct root root;
    struct root_info info;
    struct kms *kms;
    enum rc rc; /* why it is of no use; nothing under it is tried then */
    struct err err;
    size_t tried, same; /* in this wave; how many failed with the code in err */
};

/* The newest wrap of one key under one root, to be made anew. */
struct rewrap_job {
    struct key key;
    char root[UUID_TEXT + 1];
    struct rewrap_root *now;
    char former[UUID_TEXT + 1]; /* version of the root key that it is under now */
    char *ciphertext;           /* with the AAD behind its NUL */
    const char *aad;
    struct buf fresh;
    char version[UUID_TEXT + 1]; /* that of fresh */
    char request[64], proof[64]; /* correlation ids of making it, and of opening it */
    enum rewrap_outcome outcome;
};

/* Each job once its outcome is settled and recorded. */
typedef enum rc (*rewrap_fn)(void *arg, const struct rewrap_job *job, struct err *err);

struct rewrap {
    /* in */
    struct ctx *ctx;
    rewrap_fn told; /* may be NULL */
    void *arg;
    int all;       /* every key; else those of the command line */
    int look_only; /* nothing is renewed: outcomes are planned, current, or failed */
    int64_t of;    /* for progress; 0: not known */
    /* out */
    int64_t planned, made, current, failed; /* planned: still to be done */
    struct err first;                       /* why the first one failed */
    /* inside */
    struct rewrap_job *jobs; /* the wave */
    size_t count, room, todo;
    struct rewrap_root roots[REWRAP_ROOTS];
    size_t root_count;
    unsigned reasons; /* purposes whose rule for reasons was asked */
    struct progress progress;
};

/* RC_INTERRUPTED, RC_CHECK_MISMATCH (what was proven besides is recorded), and what the store says.
 * What a KMS refuses is counted in failed, and warned about. */
enum rc rewrap_run(struct rewrap *r, struct err *err) MUST_CHECK;
void rewrap_release(struct rewrap *r);

#endif
