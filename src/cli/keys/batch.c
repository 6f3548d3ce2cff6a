#include "cli/keys/batch.h"

#include <stdlib.h>
#include <string.h>

enum rc
batch_new(struct batch *b, size_t most, struct err *err)
{
    memset(b, 0, sizeof *b);
    b->jobs = calloc(most + 1, sizeof *b->jobs);
    b->ops = calloc(most + 1, sizeof *b->ops);
    b->aads = calloc(most + 1, sizeof *b->aads);
    b->proofs = calloc(most + 1, sizeof *b->proofs);
    return b->jobs != NULL && b->ops != NULL && b->aads != NULL && b->proofs != NULL
               ? RC_OK
               : err_nomem(err);
}

void
batch_release(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        kms_op_release(&b->ops[i]);
        unwrap_aad_release(&b->aads[i]);
    }
    free(b->jobs);
    free(b->ops);
    free(b->aads);
    free(b->proofs);
}

struct kms_op *
batch_add(struct batch *b, void *job, enum kms_verb verb, const char *root, const char *aad,
          struct err *err)
{
    struct unwrap_aad *list = &b->aads[b->count];
    struct kms_op *op = &b->ops[b->count];
    if (unwrap_aad_read(list, aad, err) != RC_OK) {
        unwrap_aad_release(list);
        return NULL;
    }
    kms_op_init(op, verb, root);
    op->aad = list->list;
    op->aad_count = list->count;
    b->jobs[b->count++] = job;
    return op;
}

void
batch_run(struct batch *b, struct kms *kms)
{
    struct err scratch = ERR_INIT;
    if (b->count > 0)
        err_ignore(kms_run(kms, b->ops, b->count, &scratch));
}
