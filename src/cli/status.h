/* What `status` gathers; in two files, for root keys and KMSs have one of their own. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "cli/cmd.h"
#include "escrow/apply.h"
#include "escrow/view.h"

enum { WARNINGS_MAX = 32 };

struct status {
    struct ctx *ctx;
    char digest[DIGEST_TEXT];
    int64_t keys, active, unreleased, unproven, exposed_rule;
    int64_t authors, living;
    int64_t unpublished, unapplied;
    int64_t conflicts;
    int64_t duties, debts;
    int64_t stale_exports;
    int64_t behind, vanishing, hpcs_keys, hpcs_only;
    char warnings[WARNINGS_MAX][512];
    size_t warning_count; /* of all, also those that found no place */
};

void status_warn(struct status *s, const char *fmt, ...) PRINTF(2, 3);
/* Wraps that are behind, root keys about to vanish, the end of HPCS (cli/status_roots.c). */
enum rc status_roots(struct status *s, struct err *err) MUST_CHECK;

#endif
