/* What a loss would mean: counted over all keys in one walk, for one loss or for all of them. */
#ifndef ESCROW_SIMULATE_H
#define ESCROW_SIMULATE_H

#include "escrow/loss.h"

enum simulate_rule {
    RULE_OUTLIVE,       /* a key would be lost with the very site that it is for */
    RULE_ONLY_WAY,      /* a key that must outlive another site would have no way back meanwhile */
    RULE_CREDENTIAL,    /* the credential of a KMS that is left is kept in what is lost */
    RULE_CIRCLE,        /* a credential is kept in what it opens */
    RULE_FATE,          /* what is left shares region, account or vendor with what is lost */
    RULE_AUTHORS,       /* no author is left who could admit others */
    RULE_COPIES,        /* no copy is left, and not this store */
    RULE_POLICY_WRAPS,  /* it takes root keys of a key, and fewer are left than policy asks for */
    RULE_POLICY_COPIES, /* the same of copies */
    RULE_COUNT
};

/* keys: those that somebody may still have to get back. */
struct simulate_count {
    struct loss loss;
    int64_t keys, lost, touched;
    int64_t must;   /* lost ones of a purpose that must outlive a site */
    int64_t broken; /* of them, with the site that they are for */
    int64_t fate;   /* left ones, by what shares a fate with that site */
    int64_t circle; /* of all keys; see RULE_CIRCLE */
    int64_t wraps_short, copies_short;
    char example[RULE_COUNT][KEY_NAME_BYTES + 24]; /* a key that it is about */
    char with[RULE_COUNT][LIMIT_NAME + 1];         /* what it is about besides */
    int64_t authors_left;
    size_t copies_left, kmss_lost, copies_lost;
};

/* One key under one loss. */
struct simulate_key {
    const struct inventory_item *item;
    struct loss_left left;
    int lost;
};

/* Counts a key; the answer for it goes to out. */
void simulate_count_key(struct simulate_count *c, const struct loss_world *w,
                        const struct inventory_item *item, struct simulate_key *out);
/* What needs no walk over keys. */
void simulate_count_rest(struct simulate_count *c, const struct loss_world *w);

struct simulate_finding {
    enum simulate_rule rule;
    const char *severity; /* "high", "medium" */
    char text[1024];
    char fix[256]; /* a command; "" */
};
const char *simulate_rule_name(enum simulate_rule rule);
typedef enum rc (*simulate_finding_fn)(void *arg, const struct simulate_finding *f,
                                       struct err *err);
enum rc simulate_findings(const struct simulate_count *c, const struct loss_world *w,
                          simulate_finding_fn fn, void *arg, struct err *err) MUST_CHECK;

#endif
