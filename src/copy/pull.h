/*
 * Pulling: verifies what a copy shows and takes it in. All checks of one author come before its
 * first line is stored; lines, heads and copy_seen of all authors of one copy are stored in one
 * transaction.
 */
#ifndef COPY_PULL_H
#define COPY_PULL_H

#include "copy/copy.h"

enum pull_flags {
    PULL_STORE = 0,
    PULL_DRY = 1,   /* verify and count only (sync -n, copy check) */
    PULL_DEEP = 2,  /* fetch and verify every segment of every newest head, not only what is new
                       (copy check --deep) */
    PULL_QUICK = 8, /* of an author whose newest head this copy showed: only whether there is a next
                       one; no listing. For between two thorough looks */
    PULL_IMAGE = 4, /* a person says that this store is an old image of itself (copy/pull_own.h) */
};

struct pull_report {
    int64_t authors;     /* that the copy knows */
    int64_t new_entries; /* taken in, or that would be */
    int64_t lagging; /* accepted authors of whom the copy shows less than is held here: normal */
    int64_t skipped; /* logs of authors not admitted that do not verify: reported, not fatal */
    char newest_at[TIME_TEXT + 1]; /* newest head's time, of any author; "" when empty */
    int64_t again;                 /* own entries that only this store had, recorded again */
    char note[512]; /* what was skipped and why; own entries that came from there or were recorded
                       again; authors of whom others have seen more */
};
/*
 * RC_COPY_ROLLED_BACK, RC_COPY_FORKED, RC_COPY_GAP, RC_COPY_TAMPERED, RC_COPY_SIGNATURE,
 * RC_SIGNED_AS_ME, RC_SPLIT_VIEW; each names author and object. Nothing is stored then. Own author:
 * a log that extends mine is taken in (this store was restored from an old image), and what only
 * this store had follows it (copy/pull_own.h); one that differs from what this store has published
 * is RC_COPY_FORKED.
 */
enum rc pull_from(struct store *store, struct copy *copy, enum pull_flags flags,
                  struct pull_report *report, struct err *err) MUST_CHECK;

/* The same, where the log of this author has to verify, admitted or not: whose evidence it is. */
enum rc pull_evidence(struct store *store, struct copy *copy, const char *author,
                      enum pull_flags flags, struct pull_report *report,
                      struct err *err) MUST_CHECK;

/* Verifies, calls look while the store is what it would be, and takes all back (PULL_DRY). */
typedef enum rc (*pull_look_fn)(void *arg, struct err *err);
enum rc pull_preview(struct store *store, struct copy *copy, struct pull_report *report,
                     pull_look_fn look, void *arg, struct err *err) MUST_CHECK;

#endif
