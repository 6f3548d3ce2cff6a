#include "recover/prove.h"
#include "base/plant.h"

#include <string.h>

#include "base/plant.h"
#include "recover/unwrap.h"

enum rc
proof_init(struct proof *p, const struct store *store, const struct key *key, struct err *err)
{
    memset(p, 0, sizeof *p);
    p->key = key;
    p->rc = err_set(&p->err, RC_INTERNAL, "key %s: its wrap was not proven", key->name);
    return key_check(store, key->uuid, &p->check, &p->has_check, err);
}

enum rc
proof_judge(struct proof *p, const struct secret *plain)
{
    struct secret *text = NULL;
    int match = 1;
    err_clear(&p->err);
    p->rc = RC_OK;
    if (p->payload != NULL && !secret_equal(plain, p->payload))
        return p->rc = err_set(&p->err, RC_KMS_REPLY,
                               "key %s: the new wrap gives another value than was wrapped",
                               p->key->name);
    enum rc rc = unwrap_form(&text, plain, p->key->form, &p->err);
    if (rc == RC_OK && p->has_check && p->payload == NULL)
        rc = check_compare(&match, &p->check, text, p->key->uuid, &p->err);
    if (rc == RC_OK && !match && !PLANTED("no-compare"))
        rc = err_set(&p->err, RC_CHECK_MISMATCH,
                     "key %s: the wrap gives another value than the right one", p->key->name);
    secret_free(text);
    return p->rc = rc;
}

void
proof_take(void *arg, struct kms_op *op)
{
    struct proof *p = arg;
    (void)proof_judge(p, op->plain);
    secret_free(op->plain);
    op->plain = NULL;
}

enum rc
proof_outcome(const struct proof *p, const struct kms_op *op, struct err *err)
{
    if ((op->rc == RC_OK && p->rc == RC_OK) || PLANTED("no-proof"))
        return RC_OK;
    *err = op->rc != RC_OK ? op->err : p->err;
    return op->rc != RC_OK ? op->rc : p->rc;
}
