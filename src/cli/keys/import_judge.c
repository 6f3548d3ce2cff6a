/* What becomes of a row of an import: the rule of recording twice, the root that opens its wrap,
 * and its entry. */
#include "cli/keys/import.h"

#include <stdio.h>
#include <string.h>

#include "cli/gate.h"

int
import_is_of_row(enum rc rc)
{
    int status = err_exit(rc);
    return rc != RC_KMS_MISSING && rc != RC_KMS_INTEGRITY && rc != RC_ENDPOINT_DIFFERS &&
           rc != RC_ENDPOINT_UNKNOWN &&
           (status == 2 || status == 6 || status == 13 || status == 14 || status == 15 ||
            status == 17);
}

/* The roots that the row's wrap can be under: from..to in base.wraps. */
static enum rc
roots_of(const struct import *im, const struct import_row *row, size_t *from, size_t *to,
         struct err *err)
{
    *from = 0;
    *to = im->base.wrap_count;
    for (size_t i = 0; row->root != NULL && i < im->base.wrap_count; i++) {
        const struct object *o = &im->base.wraps[i].root.object;
        if (strcmp(o->name, row->root) == 0 || strcmp(o->uuid, row->root) == 0) {
            *from = i;
            *to = i + 1;
            return RC_OK;
        }
    }
    if (row->root != NULL)
        return err_set(err, RC_BAD_VALUE, "\"root\" is none of those given by --root");
    if (!im->prove && *to > 1)
        return err_set(err, RC_BAD_VALUE,
                       "\"root\" is missing: without proving, nothing else tells which it is");
    return RC_OK;
}

/* The very wrap is known already, and there is nothing left to prove. */
static enum rc
is_known(struct import *im, struct recording *r, size_t from, size_t to, int *known,
         struct err *err)
{
    enum rc rc = RC_OK;
    *known = 0;
    if (!r->there)
        return RC_OK;
    for (size_t i = from; rc == RC_OK && !*known && i < to; i++) {
        r->m.wraps[0].root = im->base.wraps[i].root;
        rc = recording_find_wrap(im->ctx, r, &r->m.wraps[0], known, err);
    }
    *known = *known && (!im->prove || r->known.has_check);
    return rc;
}

/* Finds the root that opens the wrap; *at is its number. */
static enum rc
find_root(struct import *im, struct recording *r, size_t from, size_t to, size_t *at,
          struct err *err)
{
    enum rc rc = RC_OK;
    struct err first = ERR_INIT;
    for (size_t i = from; i < to; i++) {
        *at = i;
        r->m.wraps[0].root = im->base.wraps[i].root;
        if (!im->prove)
            return RC_OK;
        rc = recording_prove(im->ctx, r, err);
        if (rc == RC_OK || !import_is_of_row(rc))
            return rc;
        if (i == from)
            first = *err;
    }
    *err = first;
    return to - from > 1 ? err_wrap(err, "under none of the root keys given") : rc;
}

static enum rc
new_rules(struct import *im, const struct recording *r, size_t root, struct err *err)
{
    enum rc rc = RC_OK;
    if (purpose_must_outlive(r->m.purpose) && !im->region_said[root]) {
        rc = mint_site_rule(im->ctx, &r->m, err);
        im->region_said[root] = rc == RC_OK;
    }
    return rc == RC_OK ? gate_reason(im->ctx, r->m.purpose, err) : rc;
}

enum rc
import_judge(struct import *im, struct import_row *row, struct import_item *it, struct err *err)
{
    struct recording *r = &row->r;
    enum recording_verdict verdict = RECORDING_KNOWN;
    size_t from = 0, to = 0, root = 0;
    int known = 0;
    r->m.wrap_count = 1;
    r->m.wraps[0].how = "import";
    r->m.protects_site = im->base.protects_site;
    enum rc rc = roots_of(im, row, &from, &to, err);
    if (rc == RC_OK)
        rc = recording_find(im->ctx, r, err);
    if (rc == RC_OK)
        rc = is_known(im, r, from, to, &known, err);
    if (rc == RC_OK && !known)
        rc = find_root(im, r, from, to, &root, err);
    if (rc == RC_OK && !known)
        rc = recording_judge(im->ctx, r, &verdict, err);
    int succeeds = verdict == RECORDING_OTHER && im->succeed;
    if (rc == RC_OK && succeeds) {
        recording_succeed(r);
        verdict = RECORDING_NEW;
    }
    if (rc == RC_OK && verdict == RECORDING_NEW)
        rc = new_rules(im, r, root, err);
    if (rc == RC_OK && verdict == RECORDING_OTHER)
        rc = recording_refuse(r, err);
    if (rc != RC_OK)
        return rc;
    it->generation = verdict == RECORDING_NEW ? r->m.generation : r->known.generation;
    if (r->other_moniker && verdict != RECORDING_KNOWN)
        (void)snprintf(it->why, sizeof it->why, "the description's moniker is another name");
    if (verdict != RECORDING_KNOWN && !im->ctx->dry_run)
        rc = recording_body(im->ctx, r, verdict, &it->kind, &it->body, err);
    if (rc == RC_OK && verdict == RECORDING_NEW && !im->ctx->dry_run) {
        int outlive = purpose_must_outlive(r->m.purpose);
        (void)snprintf(im->newest[outlive], sizeof im->newest[outlive], "%s", r->m.uuid);
    }
    it->verdict = rc != RC_OK ? IMPORT_REFUSED : succeeds ? IMPORT_SUCCESSOR : (unsigned)verdict;
    return rc;
}
