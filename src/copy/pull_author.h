/* One author's part of pulling from one copy. */
#ifndef COPY_PULL_AUTHOR_H
#define COPY_PULL_AUTHOR_H

#include "copy/held.h"
#include "copy/pull.h"

/* A pull from one copy. Invariant: a transaction of the store runs. */
struct pull {
    struct store *store;
    struct copy *copy;
    enum pull_flags flags;
    const char *must; /* an author whose log has to verify although nobody admitted him; or NULL */
    /* The object that proved a fork, to be kept once the transaction was taken back. */
    struct buf evidence;
    char evidence_author[AUTHOR_TEXT + 1];
    char evidence_what[OBJECT_NAME];
};

/* What was found of an author. */
struct pulled {
    struct head
        head; /* the newest there; head.number 0: the copy shows none. Caller: head_release */
    int64_t new_entries;
    int64_t again, known; /* own entries recorded again, or that were there already */
    int lagging;          /* less is shown than is held here */
    int64_t good;         /* on a failure: entries that verified before it; else 0 */
};

/* Fetches a segment that head `number` lists, and checks it against what the head says of it. out
 * is emptied first. */
enum rc pull_segment(struct copy *copy, const char *author, int64_t number,
                     const struct head_segment *s, struct buf *out, struct err *err) MUST_CHECK;

/*
 * Verifies what the copy shows of an author and takes in what is new: lines, head, copy_seen. On a
 * failure lines may already be in the transaction; the caller takes them back.
 */
enum rc pull_author(struct pull *p, const char *author, struct pulled *out,
                    struct err *err) MUST_CHECK;

/*
 * After that failed and was taken back: takes in only the lines up to entry `good` that the newest
 * head lists, what older heads list beyond, and the newest of those that the lines bear out. For an
 * author who was retired, or cut here, before what does not verify.
 */
enum rc pull_author_good(struct pull *p, const char *author, int64_t good,
                         struct err *err) MUST_CHECK;

#endif
