/* One author's part of publishing to one copy. */
#ifndef COPY_PUBLISH_AUTHOR_H
#define COPY_PUBLISH_AUTHOR_H

#include "copy/held.h"
#include "copy/publish.h"

struct publish {
    struct store *store;
    struct copy *copy;
    struct publish_report *report;
};

/*
 * Sends what the copy lacks of this author, as far as heads are held. *shown: what the copy shows
 * now, to be remembered (number 0: no head is held, nothing was sent).
 */
enum rc publish_author(struct publish *p, const char *author, struct mark *shown,
                       struct err *err) MUST_CHECK;

#endif
