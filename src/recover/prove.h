/* Proving wraps in a batch: each is unwrapped, and what comes is compared with the key's check
 * value, and with what was wrapped where that is at hand. Nothing is given out. */
#ifndef RECOVER_PROVE_H
#define RECOVER_PROVE_H

#include "escrow/key.h"
#include "kms/kms.h"

/* The verdict on one value. Invariant: rc is RC_OK only after proof_take saw the right value. */
struct proof {
    const struct key *key; /* borrowed */
    struct check_value check;
    int has_check;                /* without one a wrap passes when it opens at all */
    const struct secret *payload; /* what was wrapped, borrowed; NULL: not at hand */
    enum rc rc;
    struct err err;
};

enum rc proof_init(struct proof *p, const struct store *store, const struct key *key,
                   struct err *err) MUST_CHECK;
/* Compares a value with the check value and the payload. */
enum rc proof_judge(struct proof *p, const struct secret *plain);
/* For kms_op.take, with the proof as take_arg: judges the value and frees it. */
void proof_take(void *arg, struct kms_op *op);
/* After kms_run: RC_OK when the wrap opened and its value is right. RC_CHECK_MISMATCH when it is
 * another one than the key's, RC_KMS_REPLY when it is not what was wrapped. */
enum rc proof_outcome(const struct proof *p, const struct kms_op *op, struct err *err) MUST_CHECK;

#endif
