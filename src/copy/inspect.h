/*
 * Every object of a copy against what this store holds, and putting back what is damaged. Pulling
 * looks only at what the newest heads promise and ends at the first fault; this names them all.
 */
#ifndef COPY_INSPECT_H
#define COPY_INSPECT_H

#include "copy/copy.h"
#include "copy/head.h"

enum object_kind { OBJECT_ESCROW, OBJECT_COPY, OBJECT_HEAD, OBJECT_SEGMENT, OBJECT_RECOVERY };

/* An object that is altered, torn or missing. */
struct damaged {
    char name[OBJECT_NAME];
    enum object_kind kind;
    char author[AUTHOR_TEXT + 1]; /* head, segment */
    int64_t number;               /* head */
    struct head_segment segment;
    int missing; /* it is not there; else its bytes are others */
    int can;     /* this store can make it again, byte for byte */
};
typedef enum rc (*damaged_fn)(void *arg, const struct damaged *d, struct err *err);

/*
 * Calls fn for each one: escrow.json, copy.json, heads and segments of this store's author and of
 * those it accepts, recovery/. What is no damage but a lie ends it: RC_COPY_ROLLED_BACK,
 * RC_COPY_FORKED (another head with a good signature; kept as evidence), RC_STORE_OLD. copy: by
 * copy_open_damaged.
 */
enum rc inspect_copy(struct store *store, struct copy *copy, damaged_fn fn, void *arg,
                     struct err *err) MUST_CHECK;

/*
 * Putting back, in two steps. First what lies there is kept: under damaged/<when>/ in the copy,
 * named by kept ("" when it was missing). when: letters and digits.
 */
enum rc repair_keep(struct copy *copy, const struct damaged *d, const char *when,
                    char kept[OBJECT_NAME], struct err *err) MUST_CHECK;
/* Then, for one that can be made again and was kept, the right bytes; read back. The only way in
 * which an object of a copy is ever replaced. */
enum rc repair_put(struct store *store, struct copy *copy, const struct damaged *d,
                   struct err *err) MUST_CHECK;

#endif
