/* kms add and kms set for --provider ibm: reading the words, trying them, binding them here. */
#ifndef CLI_KMS_IBM_H
#define CLI_KMS_IBM_H

#include "cli/cmd.h"
#include "escrow/view.h"
#include "kms/place.h"

/* What a person said of an instance, in order and checked. Texts "" where nothing was said. */
struct ibm_words {
    char instance[UUID_TEXT + 1];
    char account[AUTHOR_TEXT + 1];
    char region[REGION_TEXT + 1];
    char endpoint[URL_TEXT + 1]; /* https://HOST[:PORT][/PATH] */
    char iam[URL_TEXT + 1];
    char ca[PATH_SIZE];
    const char *credential; /* a reference */
};

/*
 * For kms add: from the command line, and for what it lacks from IBMCLOUD_API_KEY, KP_INSTANCE_ID,
 * KP_TARGET_ADDR. A CRN as --instance gives account and region, too, and for Key Protect Standard
 * the endpoint. RC_USAGE, RC_BAD_VALUE.
 */
enum rc ibm_words_add(struct ctx *ctx, struct ibm_words *out, struct err *err) MUST_CHECK;
/* For kms set: what the command line changes; the rest as it is bound here, or in the log. */
enum rc ibm_words_set(struct ctx *ctx, const struct object *kms, struct ibm_words *out,
                      struct err *err) MUST_CHECK;
/* Instance (UUID or CRN) and endpoint (NULL: as the CRN has it) as somebody else's words, such as a
 * script's. RC_BAD_VALUE, RC_USAGE. */
enum rc ibm_words_of(struct ctx *ctx, const char *instance, const char *endpoint,
                     struct ibm_words *out, struct err *err) MUST_CHECK;
/* Opens it with these words; asks nothing yet. */
enum rc ibm_words_open(struct ctx *ctx, const char *name, const struct ibm_words *w, int confirmed,
                       struct kms **out, struct err *err) MUST_CHECK;
/* Asks the instance for its root keys with these words. confirmed: see kms_may_ask. */
enum rc ibm_words_try(struct ctx *ctx, const char *name, const struct ibm_words *w, int confirmed,
                      struct err *err) MUST_CHECK;
/* The endpoint (when asked for), IAM address and certificates into keymuster.conf; the credential
 * is the caller's. */
enum rc ibm_words_bind(struct ctx *ctx, const char *name, const struct ibm_words *w, int endpoint,
                       struct err *err) MUST_CHECK;

#endif
