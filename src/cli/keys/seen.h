/* A set of names: their hashes, in a table twice as large at least. Two names of one hash are taken
 * for the same, which nobody meets by chance. */
#ifndef CLI_SEEN_H
#define CLI_SEEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct seen { /* zeroed: empty */
    uint64_t *slots;
    size_t size, count;
};

/* *there: it was in it already. RC_NO_MEMORY. */
enum rc seen_add(struct seen *s, const char *name, int *there, struct err *err) MUST_CHECK;
int seen_has(const struct seen *s, const char *name);
/* Empties it, and keeps the memory. */
void seen_clear(struct seen *s);
void seen_release(struct seen *s);

#endif
