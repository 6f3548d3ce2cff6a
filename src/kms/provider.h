/*
 * What a provider of root keys implements; kms.c is its only caller and does what is the same for
 * all: choosing the provider, resetting operations, naming the instance in messages.
 */
#ifndef KMS_PROVIDER_H
#define KMS_PROVIDER_H

#include "kms/kms.h"

struct kms_provider {
    const char *name;
    /* NULL: nothing to check. */
    enum rc (*may_ask)(const struct kms_config *config, int confirmed, struct err *err);
    /* NULL: no rings. */
    enum rc (*ring)(void *self, const char *root, const char *ring, struct err *err);
    /* NULL: who opens it may do all. */
    enum rc (*may)(void *self, enum kms_right right, int *yes, struct err *err);
    /* NULL: nothing is sent. */
    enum rc (*show)(struct buf *out, const struct kms_config *config, const char *root,
                    const char *ring, struct kms_op *op, struct err *err);
    /* *self NULL on failure. */
    enum rc (*open)(void **self, const struct kms_config *config, struct err *err);
    void (*close)(void *self);
    /* Every op arrives reset. Fills rc, err, request and the outputs of each; outputs of a failed
     * one may be half-filled (kms.c clears them). */
    enum rc (*run)(void *self, struct kms_op *ops, size_t count, struct err *err);
    /* *out arrives zeroed in these. */
    enum rc (*root_info)(void *self, const char *root, struct root_info *out, struct err *err);
    enum rc (*root_each)(void *self, kms_root_fn fn, void *arg, struct err *err);
    enum rc (*root_create)(void *self, const char *alias, struct root_info *out, struct err *err);
    enum rc (*root_change)(void *self, const char *root, enum kms_change change,
                           struct root_info *out, struct err *err);
};

/* A provider calls it for each op that succeeded, as soon as it has. */
void kms_op_taken(struct kms_op *op);

extern const struct kms_provider local_provider; /* kms/local.c */
extern const struct kms_provider ibm_provider;   /* kms/ibm.c */

#endif
