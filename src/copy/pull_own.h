/*
 * The own log, after this store was put back from an old image of itself and went on: the published
 * log left it at some entry. What was published stays; what only this store has follows it, said
 * again (escrow/restate.h), in the same transaction as the pull.
 *
 * Only for entries and heads that no copy ever showed, and only when the memory outside the store
 * does not say that this is the store that was here all the time: then somebody else writes as this
 * author, unless a person says that the whole machine was put back (PULL_IMAGE). Else, and where
 * two histories of this author were published, it is RC_COPY_FORKED by the checks that follow.
 */
#ifndef COPY_PULL_OWN_H
#define COPY_PULL_OWN_H

#include "copy/pull_author.h"

struct own_fork {
    int64_t common;   /* last entry of both histories */
    struct buf lines; /* own lines after it, each with its LF; empty: no fork */
    int64_t again;    /* recorded again */
    int64_t known;    /* not recorded, as kind and body were published already */
};

/* Looks whether the verified newest head h leaves the own log; if so, takes the log and the heads
 * back to what is common, and keeps the rest in fork and as evidence. */
enum rc own_fork_cut(struct own_fork *fork, struct pull *p, const struct head *h,
                     struct err *err) MUST_CHECK;
/* Once the published lines up to `entries` are taken in: what was cut follows them. */
enum rc own_fork_append(struct own_fork *fork, struct pull *p, int64_t entries,
                        struct err *err) MUST_CHECK;
void own_fork_release(struct own_fork *fork);

#endif
