/*
 * What this store holds of heads (table `head`), what each copy once showed (`copy_seen`), and what
 * proves that somebody lied (`evidence`).
 */
#ifndef COPY_HELD_H
#define COPY_HELD_H

#include "copy/copy.h"
#include "copy/head.h"

/* A head in short. number 0: none. */
struct mark {
    int64_t number;
    int64_t entries;
    unsigned char last[HASH_SIZE];
    unsigned char hash[HASH_SIZE];
};
void mark_of(struct mark *out, const struct head *h);

/* The newest held head of an author with at most `upto` entries. object (may be NULL) is emptied
 * and gets the five lines. */
enum rc held_newest(const struct store *store, const char *author, int64_t upto, struct mark *out,
                    struct buf *object, struct err *err) MUST_CHECK;
/* The head of this number; out->number 0 when it is not held. */
enum rc held_at(const struct store *store, const char *author, int64_t number, struct mark *out,
                struct buf *object, struct err *err) MUST_CHECK;
/* Keeps a head that was verified; harmless when it is held already. Inside a transaction. */
enum rc held_add(struct store *store, const struct head *h, const struct buf *object,
                 struct err *err) MUST_CHECK;
/* The first held head with a number above `after`; out->number 0 when there is none. No statement
 * stays open, so other writers are not kept waiting while objects travel. */
enum rc held_next(const struct store *store, const char *author, int64_t after, struct mark *out,
                  struct buf *object, struct err *err) MUST_CHECK;

/* Forgets the own heads above a number, which no copy ever showed; the caller keeps them. Inside a
 * transaction. */
enum rc held_cut(struct store *store, int64_t after, struct err *err) MUST_CHECK;

/* Hash of a held line; *found 0 when it is not held. */
enum rc held_line(const struct store *store, const char *author, int64_t seq,
                  unsigned char hash[HASH_SIZE], int *found, struct err *err) MUST_CHECK;

/* What a copy showed of an author at most. copy is the id; "" is never remembered. */
enum rc seen_get(const struct store *store, const char *copy, const char *author, struct mark *out,
                 struct err *err) MUST_CHECK;
/* Never lowers. Inside a transaction. */
enum rc seen_raise(struct store *store, const char *copy, const char *author, const struct mark *m,
                   struct err *err) MUST_CHECK;
/* Notes when and where a copy was reached. Inside a transaction. */
enum rc seen_reached(struct store *store, const struct copy *copy, struct err *err) MUST_CHECK;

/* Keeps bytes that contradict what is held. Inside a transaction. */
enum rc evidence_add(struct store *store, const struct copy *copy, const char *author,
                     const char *what, const struct buf *object, struct err *err) MUST_CHECK;
/* The same in its own transaction. Best effort:
 * the error that it is evidence for counts more than a failure to keep it. */
void evidence_keep(struct store *store, const struct copy *copy, const char *author,
                   const char *what, const struct buf *object);

#endif
