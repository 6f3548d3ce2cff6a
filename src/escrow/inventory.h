/*
 * The inventory: keys, each with what the other tables say of it, as far as it is asked for; which
 * of them are meant; and in what order. One walk, nothing held but what sorting needs (32 bytes a
 * key), so that a million keys are as good as one.
 */
#ifndef ESCROW_INVENTORY_H
#define ESCROW_INVENTORY_H

#include "escrow/drilled.h"
#include "escrow/duty.h"
#include "escrow/policy.h"
#include "escrow/view.h"

/* What is asked for beside the key's own row. */
enum inventory_facts {
    INV_FIELDS = 1,   /* state and everything else that can be changed, conflicts */
    INV_WRAPS = 2,    /* wraps, root keys, versions behind */
    INV_DRILLS = 4,   /* the last proof */
    INV_RELEASED = 8, /* whether the copy that must hold it does */
    INV_DUTY = 16,    /* whether somebody saw it */
    INV_SHARED = 32,  /* whether another key has its name and generation */
    INV_DEBTS = 64,   /* wraps and copies that are missing; with INV_FIELDS, INV_WRAPS and
                         INV_RELEASED */
};

enum inventory_field {
    INV_OWNER,
    INV_SYSTEM,
    INV_PROTECTS,
    INV_LABELS,
    INV_NEEDED_UNTIL,
    INV_EXPIRES,
    INV_CONFIRMED,
    INV_OWE,
    INV_FIELD_COUNT
};

enum { INV_ROOTS = 32 }; /* more than one key is ever under; others are counted, not named */

/* A wrap that is not retired, under a root key that is known here. */
struct inventory_wrap {
    const struct root *root;
    char version[UUID_TEXT + 1];
};

/* One key. Everything is borrowed for the call. */
struct inventory_item {
    struct key key; /* the state only with INV_FIELDS */
    int64_t row;
    struct buf field[INV_FIELD_COUNT]; /* JSON as in the log; "" for none. In a conflict the value
                                          of the smaller hash; of dates the later */
    int conflict;                      /* a field set apart by two sites, or (INV_SHARED) a
                                          generation made twice and not settled */
    int unconfirmed;                   /* adopted, and nobody has confirmed it */
    int64_t wraps, behind;             /* live ones; root keys that it lies under by older versions
                                          only */
    const struct root *roots[INV_ROOTS]; /* of live wraps, by name, each once */
    size_t root_count;
    struct inventory_wrap live[2 * INV_ROOTS]; /* in no order; the first ones, if there are more */
    size_t live_count;
    struct drilled_state drills;
    int64_t drill_every; /* by policy; milliseconds, POLICY_NONE */
    int released;
    int64_t copies; /* that hold its record; with INV_RELEASED, as far as is known here */
    int exposed;    /* seen, and not replaced yet */
    struct duty duty;
    int shared;                          /* another key has this name and generation */
    const struct root *debts[INV_ROOTS]; /* owed and missing */
    size_t debt_count;
    int64_t wraps_wanting, copies_wanting; /* what policy asks for besides: wraps under further root
                                              keys; copies, of a key that is released */
};

enum inventory_want {
    INV_ONLY_BEHIND = 1,
    INV_ONLY_UNPROVEN = 2, /* no check value, or never proven by a drill that counts */
    INV_ONLY_UNCONFIRMED = 4,
    INV_ONLY_EXPOSED = 8,
    INV_ONLY_CONFLICT = 16,
    INV_ONLY_DEBT = 32,
};

/* NULL, "" and 0 want anything. Root key, version, KMS and site speak of one live wrap. */
struct inventory_filter {
    const char *name, *state, *purpose;
    char protects_site[UUID_TEXT + 1];
    char root[UUID_TEXT + 1], kms[UUID_TEXT + 1], site[UUID_TEXT + 1];
    const char *version;       /* how it begins */
    const char *const *labels; /* K=V, or K for any value; ended by NULL */
    int64_t expires_by;        /* 0: any */
    char at[TIME_TEXT + 1];    /* of each name only the newest generation made by then */
    unsigned only;             /* enum inventory_want */
};

enum inventory_order {
    INV_BY_NAME,
    INV_BY_GENERATION,
    INV_BY_STATE, /* from active to destroyed */
    INV_BY_CREATED,
    INV_BY_EXPIRES,
    INV_BY_NEEDED_UNTIL,
    INV_BY_LAST_PROVEN,
    INV_BY_BEHIND,
    INV_BY_WRAPS,
};

struct inventory;
/* facts: what fn wants; what the filter and the order need is added. The store must outlive it. */
enum rc inventory_open(struct inventory **out, const struct store *store, unsigned facts,
                       struct err *err) MUST_CHECK;
void inventory_close(struct inventory *inv); /* takes NULL */

typedef enum rc (*inventory_fn)(void *arg, const struct inventory_item *item, struct err *err);
/* Keys without a value in the order asked for come last, whichever way; then by name, generation,
 * UUID. */
enum rc inventory_each(struct inventory *inv, const struct inventory_filter *filter,
                       enum inventory_order order, int descending, inventory_fn fn, void *arg,
                       struct err *err) MUST_CHECK;
/* One key, by what key_find found. */
enum rc inventory_one(struct inventory *inv, const struct key *key, inventory_fn fn, void *arg,
                      struct err *err) MUST_CHECK;

/* A field's text: a JSON string without its quotes, other JSON as it is. */
enum rc inventory_text(const struct inventory_item *item, enum inventory_field field,
                       struct buf *out, struct err *err) MUST_CHECK;
/* A field that holds a time, in milliseconds; 0 for none. */
int64_t inventory_time(const struct inventory_item *item, enum inventory_field field);
/* The name of an object, kept likewise; the UUID when it is not known here. */
enum rc inventory_name(struct inventory *inv, const char *uuid, const char **out,
                       struct err *err) MUST_CHECK;

#endif
