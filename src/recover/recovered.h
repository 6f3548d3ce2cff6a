/*
 * Who has got a key back, other than the administrator: in a blind drill that matched, or in the
 * reveal step of a real run that was finished.
 *
 * The administrators are the registered persons whose role has the word "administrator"; where
 * there are none, whoever has the login that made the escrow.
 */
#ifndef RECOVER_RECOVERED_H
#define RECOVER_RECOVERED_H

#include "escrow/key.h"

struct recovered {
    char run[UUID_TEXT + 1];
    struct key key;
    char at[TIME_TEXT + 1];
    char by[LIMIT_TEXT + 1]; /* the person's name; else the login */
    int64_t ms;              /* from the beginning of the run until they had it */
    int real;
};
/* In no order. */
typedef enum rc (*recovered_fn)(void *arg, const struct recovered *r, struct err *err);
enum rc recovered_each(const struct store *store, recovered_fn fn, void *arg,
                       struct err *err) MUST_CHECK;

#endif
