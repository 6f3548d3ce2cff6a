/* A store gets a new author: the old log admits it and ends. */
#ifndef RECOVER_RENEW_H
#define RECOVER_RENEW_H

#include "escrow/store.h"

/*
 * One transaction: author.admitted and author.retired in the old log, its last head signed with the
 * old key, author.joined in the new one. A run that is killed leaves the store with the old author
 * or with the new one; the next opening for writing finishes. store->self is the new one on
 * success.
 */
enum rc author_renew(struct store *store, const char *reason, struct err *err) MUST_CHECK;

#endif
