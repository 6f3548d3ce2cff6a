/* One author's part of publishing to one copy. */
#ifndef COPY_PUBLISH_AUTHOR_H
#define COPY_PUBLISH_AUTHOR_H

#include "copy/held.h"
#include "copy/publish.h"

struct publish {
    struct store *store;
    struct copy *copy;
    struct publish_report *report;
    int every; /* a thorough look */
};

/* What the copy shows now of an author, to be remembered. */
struct published {
    struct mark shown; /* number 0: no head is held, nothing was sent */
    int looked;        /* the head that was known was asked for and is there, or a newer one is */
    int64_t hint;      /* what was written into newest/<author>; 0: nothing was */
};
/*
 * Sends what the copy lacks of this author, as far as heads are held. Asks for the head that the
 * copy showed last before anything is sent, else when that was last done an hour ago; for the one
 * after, of its own author, where creating it would not tell that somebody else did.
 */
enum rc publish_author(struct publish *p, const char *author, struct published *out,
                       struct err *err) MUST_CHECK;

#endif
