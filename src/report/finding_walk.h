/* What the files that look for findings share; see finding.h. */
#ifndef REPORT_FINDING_WALK_H
#define REPORT_FINDING_WALK_H

#include "escrow/inventory.h"
#include "escrow/simulate.h"
#include "recover/recovered.h"
#include "report/finding.h"

struct finding_walk {
    const struct store *store;
    int64_t now_ms;
    finding_fn fn;
    void *arg;
    struct policy policy;
    struct inventory *inv;
    struct loss_world world;
    struct simulate_count *counts; /* one for each site: what its loss would mean */
    size_t count;
    struct recovered *got; /* who got what back, by the name of its key */
    size_t got_count;
    struct buf text, fix; /* of the finding that is being said */
};

/* One finding. finding_fix, when there is a command, comes first. */
void finding_fix(struct finding_walk *w, const char *fmt, ...) PRINTF(2, 3);
enum rc finding_say(struct finding_walk *w, enum finding_rule rule, const char *kind,
                    const char *object, const char *uuid, struct err *err, const char *fmt, ...)
    PRINTF(7, 8) MUST_CHECK;

/* finding_thing.c: policy, conflicts, sites, KMSs, root keys; finding_escrow.c: copies, authors,
 * runs, exports. */
enum rc finding_things(struct finding_walk *w, struct err *err) MUST_CHECK;
enum rc finding_escrow(struct finding_walk *w, struct err *err) MUST_CHECK;
/* What the loss of each site would mean; after the walk over the keys. */
enum rc finding_losses(struct finding_walk *w, struct err *err) MUST_CHECK;
/* Whether anybody but the administrator ever got a key of this name back. */
int finding_recovered(const struct finding_walk *w, const struct key *key);
/* finding_key.c */
enum rc finding_key(void *arg, const struct inventory_item *item, struct err *err) MUST_CHECK;

#endif
