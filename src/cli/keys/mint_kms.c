/* What a new key asks of KMSs: its value and wraps, and that each opens again. */
#include "cli/keys/mint.h"

#include <stdio.h>
#include <string.h>

#include "cli/out.h"
#include "crypt/passphrase.h"
#include "escrow/log.h"
#include "escrow/wrap.h"
#include "recover/unwrap.h"
#include "text/uni.h"

static enum rc
op_outcome(const struct kms_op *op, const struct root *root, const char *doing, struct err *err)
{
    if (op->rc == RC_OK)
        return RC_OK;
    *err = op->err;
    return err_wrap(err, "%s %s", doing, root->object.name);
}

static void
op_prepare(struct kms_op *op, enum kms_verb verb, const struct mint *m, const struct root *root)
{
    kms_op_init(op, verb, root->id);
    op->aad = m->aad;
    op->aad_count = m->aad_count;
}

/* Wraps under one root; payload NULL lets the KMS generate it. */
static enum rc
wrap_once(struct ctx *ctx, struct mint *m, struct mint_wrap *w, struct err *err)
{
    struct kms *kms = NULL;
    struct kms_op op;
    op_prepare(&op, KMS_WRAP, m, &w->root);
    op.payload = m->payload;
    enum rc rc = session_kms(ctx, &w->root.kms, &kms, err);
    if (rc == RC_OK)
        rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK)
        rc = op_outcome(&op, &w->root, "wrapping under", err);
    if (rc == RC_OK && m->payload == NULL && op.plain == NULL)
        rc = err_set(err, RC_KMS_REPLY, "the KMS generated nothing");
    if (rc == RC_OK) {
        buf_clear(&w->ciphertext);
        buf_add(&w->ciphertext, buf_str(&op.fresh), op.fresh.len);
        (void)snprintf(w->version, sizeof w->version, "%s", op.version);
        memcpy(w->request, op.request, sizeof w->request);
        rc = buf_check(&w->ciphertext, "the wrap", err);
    }
    if (rc == RC_OK && m->payload == NULL) {
        m->payload = op.plain;
        op.plain = NULL; /* transferred */
    }
    kms_op_release(&op);
    return rc;
}

/* Veeam's analyzer wants a digit in a password: draw again without one (1 in 1,546). */
static enum rc
generate(struct ctx *ctx, struct mint *m, struct err *err)
{
    for (int i = 0; i < MINT_GENERATIONS; i++) {
        enum rc rc = wrap_once(ctx, m, &m->wraps[0], err);
        if (rc == RC_OK)
            rc = unwrap_form(&m->text, m->payload, m->form, err);
        if (rc != RC_OK || secret_has_digit(m->text))
            return rc;
        secret_free(m->payload);
        secret_free(m->text);
        m->payload = NULL;
        m->text = NULL;
    }
    return err_set(err, RC_KMS_REPLY, "the KMS generated %d values without a digit",
                   MINT_GENERATIONS);
}

enum rc
mint_wrap(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    if (m->payload == NULL && officer_is(m->purpose)) {
        m->form = "bytes"; /* base64 fails the rule that a passphrase has to meet */
        m->origin = "local";
        rc = passphrase_make(&m->payload, err);
    }
    size_t first = m->payload == NULL;
    if (rc == RC_OK && first)
        rc = generate(ctx, m, err);
    for (size_t i = first; rc == RC_OK && i < m->wrap_count; i++)
        rc = wrap_once(ctx, m, &m->wraps[i], err);
    return rc;
}

static enum rc
prove_once(struct ctx *ctx, struct mint *m, struct mint_wrap *w, struct err *err)
{
    struct kms *kms = NULL;
    struct kms_op op;
    op_prepare(&op, KMS_UNWRAP, m, &w->root);
    op.ciphertext = buf_str(&w->ciphertext);
    enum rc rc = session_kms(ctx, &w->root.kms, &kms, err);
    if (rc == RC_OK)
        rc = kms_run(kms, &op, 1, err);
    if (rc == RC_OK)
        rc = op_outcome(&op, &w->root, "proving the wrap under", err);
    memcpy(w->proof, op.request, sizeof w->proof);
    if (rc == RC_OK && !secret_equal(op.plain, m->payload))
        rc = err_set(err, RC_KMS_REPLY, "the wrap under %s gives another value than was wrapped",
                     w->root.object.name);
    kms_op_release(&op);
    return rc;
}

enum rc
mint_prove(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < m->wrap_count; i++)
        rc = prove_once(ctx, m, &m->wraps[i], err);
    return rc;
}

enum rc
mint_check(struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    if (m->text == NULL)
        rc = unwrap_form(&m->text, m->payload, m->form, err);
    if (rc == RC_OK)
        rc = check_make(&m->check, m->payload, m->text, m->uuid, err);
    m->has_check = rc == RC_OK;
    return rc;
}

enum rc
mint_look(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < m->wrap_count; i++) {
        struct mint_wrap *w = &m->wraps[i];
        struct kms *kms = NULL;
        if (w->version[0] == '\0' || strcmp(w->version, w->root.version) == 0)
            continue;
        rc = session_kms(ctx, &w->root.kms, &kms, err);
        if (rc == RC_OK)
            rc = kms_root_info(kms, w->root.id, &w->seen, err);
    }
    return rc;
}

enum rc
mint_observe(struct ctx *ctx, struct mint *m, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < m->wrap_count; i++) {
        struct mint_wrap *w = &m->wraps[i];
        if (w->seen.id[0] != '\0')
            rc = session_observe(ctx, &w->root, &w->seen, err);
    }
    return rc;
}
