/*
 * Duties: a key that a person has seen must be replaced. A duty opens by a showing (`reveal` to a
 * terminal, standard output, file or descriptor), by a blind drill in which somebody typed the
 * right value, or by a person who knew the value (--known-to); it is closed by a successor that was
 * delivered and drilled, once nobody is known that still uses the old key (escrow/consumer.h; where
 * nobody ever looked, that is not known and closes it). `exec` and the first delivery by `create`
 * open none; the latter does when the person who saw it leaves.
 */
#ifndef ESCROW_DUTY_H
#define ESCROW_DUTY_H

#include "escrow/consumer.h"
#include "escrow/key.h"

enum duty_lacks { DUTY_SUCCESSOR, DUTY_DELIVERY, DUTY_DRILL, DUTY_CONSUMERS };

struct duty {
    struct key key;
    char since[TIME_TEXT + 1]; /* first time it was seen, or when who saw it left */
    int64_t times; /* how often shown; 0: only known to a person, or seen when it was made */
    char left[LIMIT_NAME + 1]; /* somebody who has seen or known it and left; "": nobody */
    enum duty_lacks lacks;     /* what would come next */
    size_t users;              /* who is known to use the key still, */
    struct consumer user;      /* the first of them, where there is one */
};
/* Open duties, by key. */
typedef enum rc (*duty_fn)(void *arg, const struct duty *duty, struct err *err);
enum rc duty_each(const struct store *store, duty_fn fn, void *arg, struct err *err) MUST_CHECK;

/* The same for keys that the caller walks himself. The store must outlive it. */
struct duty_book;
enum rc duty_open(struct duty_book **out, const struct store *store, struct err *err) MUST_CHECK;
void duty_close(struct duty_book *book); /* takes NULL */
/* *open 1: the duty is in *out, but for out->key, which is not touched. */
enum rc duty_of(const struct duty_book *book, const struct key *key, struct duty *out, int *open,
                struct err *err) MUST_CHECK;

/* "its successor is not drilled", "still used by job SQL nightly and 2 more, seen 2026-11-28". */
enum { DUTY_NEXT = CONSUMER_NAME + 128 };
void duty_next(char out[DUTY_NEXT], const struct duty *duty);

#endif
