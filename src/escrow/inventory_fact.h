/* What the tables say of one key, for the walk in inventory.c. */
#ifndef ESCROW_INVENTORY_FACT_H
#define ESCROW_INVENTORY_FACT_H

#include "escrow/inventory.h"

struct inventory_name_kept {
    char uuid[UUID_TEXT + 1];
    char name[LIMIT_NAME + 1];
};

enum { COPIES_KEPT = 32 }; /* as many as policy may ask for */
/* How far the log of an author is on a copy at another site than `site`. */
struct acknowledged {
    char author[AUTHOR_TEXT + 1];
    char site[UUID_TEXT + 1];
    int64_t upto;
    int64_t each[COPIES_KEPT]; /* how far on each copy, wherever it is */
    size_t count;
};

/* Root keys, names and acknowledgements are looked up once and kept: most keys share a few. */
struct inventory {
    const struct store *store;
    unsigned facts;
    struct inventory_item item;
    struct root **roots; /* each owned */
    size_t root_count, root_room;
    struct inventory_name_kept *names;
    size_t name_count;
    struct acknowledged *acknowledged;
    size_t acknowledged_count;
    struct duty_book *duties;
    struct policy policy; /* once it is wanted */
    int has_policy;
};

/* Fills item as far as facts say; its key is there. *yes 0: the filter's wrap is missing, and the
 * rest was left out. filter may be NULL. */
enum rc fact_gather(struct inventory *inv, struct inventory_item *item, unsigned facts,
                    const struct inventory_filter *filter, int *yes, struct err *err) MUST_CHECK;

#endif
