/*
 * What two sites did apart and nobody has settled yet: a field set twice, one generation number for
 * two keys, one name for two objects. Derived from the tables; nothing is decided here.
 */
#ifndef ESCROW_CONFLICT_H
#define ESCROW_CONFLICT_H

#include "escrow/key.h"

enum conflict_what { CONFLICT_FIELD, CONFLICT_GENERATION, CONFLICT_NAME };

struct conflict {
    enum conflict_what what;
    char kind[12];                   /* "key", or an object's */
    char object[UUID_TEXT + 1];      /* of CONFLICT_FIELD; else of the one with the smallest UUID */
    char label[KEY_NAME_BYTES + 24]; /* "vbr/config@1", "kp-mad" */
    char ref[KEY_REF];               /* in the command that settles it */
    const char *field; /* of CONFLICT_FIELD, else "generation" or "name"; borrowed for the call */
};
/* Fields by object and name, then keys, then other objects by name. */
typedef enum rc (*conflict_fn)(void *arg, const struct conflict *c, struct err *err);
enum rc conflict_each(const struct store *store, conflict_fn fn, void *arg,
                      struct err *err) MUST_CHECK;

/* The command that settles it, its values to be filled in; "" when there is none. */
enum { CONFLICT_SETTLING = KEY_REF + 128 };
void conflict_settling(const struct conflict *c, char *out, size_t size);

/* The values that stand side by side, as JSON (UUIDs of equal names and numbers), and who set each;
 * author "" when unknown. Borrowed for the call. */
typedef enum rc (*conflict_value_fn)(void *arg, const char *value, const char *author,
                                     struct err *err);
enum rc conflict_values(const struct store *store, const struct conflict *c, conflict_value_fn fn,
                        void *arg, struct err *err) MUST_CHECK;

#endif
