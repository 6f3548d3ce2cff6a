/* Finding an author's newest head at a place that may lie: neither hint nor listing proves absence.
 */
#ifndef COPY_NEWEST_H
#define COPY_NEWEST_H

#include "copy/held.h"

/* The number in newest/<author>; 0 when there is none that can be read. */
enum rc newest_hint(struct remote *r, const char *author, int64_t *number,
                    struct err *err) MUST_CHECK;

/* The head object of this number; *found 0 when it is not there. out is emptied first. */
enum rc newest_get(struct remote *r, const char *author, int64_t number, struct buf *out,
                   int *found, struct err *err) MUST_CHECK;

/*
 * Starts at the highest of hint, listing, seen and held that is there (else gallops from 1), then
 * asks upward until there is none. *number 0 when no head is there; out gets the object's bytes,
 * unverified.
 */
enum rc newest_find(struct remote *r, const char *author, int64_t seen, int64_t held,
                    int64_t *number, struct buf *out, struct err *err) MUST_CHECK;

/*
 * Of this store's author: the newest head held here (object may be NULL, else gets its bytes), and
 * whether the place shows one beyond it, or once showed it (seen). Another process that uses the
 * store may publish meanwhile: what is held is read again before anything is said to be beyond it.
 */
enum rc newest_own(const struct store *store, struct remote *r, int64_t seen, struct mark *held,
                   struct buf *object, int *beyond, struct err *err) MUST_CHECK;

/* A ten-digit number as it stands in an object's name; -1 for any other text. */
int64_t newest_number(const char *text);

/* RC_INTERRUPTED when a signal arrived; asked between objects. */
enum rc newest_go_on(struct err *err) MUST_CHECK;

#endif
