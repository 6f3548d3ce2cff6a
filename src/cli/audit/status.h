/* What `status` gathers; in two files, for root keys and KMSs have one of their own. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "cli/cmd.h"
#include "escrow/digest.h"
#include "escrow/inventory.h"
#include "recover/recovered.h"
#include "text/jw.h"

enum { WARNINGS_MAX = 32 };

/* all[0..named) are the newest of each key's name that is wanted; the rest is in no order. */
struct recoveries {
    struct recovered *all;
    size_t count, size, named;
    int64_t never;           /* names that nobody got back */
    char never_key[KEY_REF]; /* the first of them, as a command line calls it */
    char never_name[KEY_NAME_BYTES + 1];
    char name[KEY_NAME_BYTES + 1]; /* of the key before */
};

struct status {
    struct ctx *ctx;
    char digest[DIGEST_TEXT];
    int64_t keys, active, unreleased, unproven, exposed_rule;
    int64_t authors, living;
    int64_t unpublished, unapplied;
    int64_t conflicts;
    int64_t duties, debts;
    int64_t countersign; /* of the duties: runs that were done alone */
    int64_t stale_exports;
    int64_t hints_behind, holes;
    int64_t drilled, never_drilled, drills_due, drills_failing;
    char drilled_at[TIME_TEXT + 1]; /* of the newest proof */
    char drilled_site[UUID_TEXT + 1];
    int64_t behind, vanishing, hpcs_keys, hpcs_only;
    struct recoveries recovered;
    char warnings[WARNINGS_MAX][512];
    size_t warning_count; /* of all, also those that found no place */
};

void status_warn(struct status *s, const char *fmt, ...) PRINTF(2, 3);
/* What drills say of a key; then of all (cli/audit/status_drills.c). */
enum rc status_drills_key(struct status *s, const struct inventory_item *item,
                          struct err *err) MUST_CHECK;
void status_drills(struct status *s);
/* Members, or a line of text. */
enum rc status_drills_write(struct status *s, struct jw *w, struct err *err) MUST_CHECK;
/* Who got keys back (cli/audit/status_recovered.c): first of all, then of each key by name, then
 * the members, or lines of text. */
enum rc status_recovered(struct status *s, struct err *err) MUST_CHECK;
enum rc status_recovered_key(struct status *s, const struct key *k, struct err *err) MUST_CHECK;
void status_recovered_write(struct status *s, struct jw *w);
void status_recovered_free(struct status *s);
/* Wraps that are behind, root keys about to vanish, the end of HPCS (cli/audit/status_roots.c). */
enum rc status_roots(struct status *s, struct err *err) MUST_CHECK;
/* Hints at backup servers that have an older wrap (cli/audit/status_hints.c). */
enum rc status_hints(struct status *s, struct err *err) MUST_CHECK;
/* Runs done alone, approvals that do not count (cli/audit/status_runs.c). */
enum rc status_runs(struct status *s, struct err *err) MUST_CHECK;
/* Of verify: each of the latter is a warning. */
enum rc verify_runs(struct ctx *ctx, int64_t *bad, struct err *err) MUST_CHECK;

#endif
