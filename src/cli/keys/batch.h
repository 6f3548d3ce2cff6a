/*
 * Calls to one KMS that go out together: an operation for each job, with its AAD and the proof that
 * judges what it unwraps.
 */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "kms/kms.h"
#include "recover/prove.h"
#include "recover/unwrap.h"

struct batch {
    void **jobs; /* the caller's, borrowed */
    struct kms_op *ops;
    struct unwrap_aad *aads;
    struct proof *proofs; /* zeroed; the caller's to fill */
    size_t count;
};

/* Room for so many. batch_release also after a failure. */
enum rc batch_new(struct batch *b, size_t most, struct err *err) MUST_CHECK;
void batch_release(struct batch *b);
/* An operation with this AAD (a JSON list), for the caller to complete; NULL when the list cannot
 * be read, which *err says. */
struct kms_op *batch_add(struct batch *b, void *job, enum kms_verb verb, const char *root,
                         const char *aad, struct err *err);
/* Runs them; each operation has its own error. Nothing to do is no call. */
void batch_run(struct batch *b, struct kms *kms);

#endif
