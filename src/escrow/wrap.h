/* Recording a wrap. */
#ifndef ESCROW_WRAP_H
#define ESCROW_WRAP_H

#include "escrow/key.h"
#include "text/jw.h"

/* Appends wrap.added in the running transaction; of wrap, id, at and retired are not looked at.
 * hash_out (HASH_TEXT + 1) may be NULL. */
enum rc wrap_append(struct store *store, const struct wrap *wrap, char *hash_out,
                    struct err *err) MUST_CHECK;

/* The member "requests" of a wrap: correlation ids, for `audit kms-events`; nothing without any. */
void wrap_write_requests(struct jw *w, const char *const requests[WRAP_REQUESTS]);

#endif
