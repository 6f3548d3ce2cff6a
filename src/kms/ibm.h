/*
 * The ibm provider, inside: IBM Cloud Key Protect (Standard and Dedicated) and Hyper Protect Crypto
 * Services, which speak the same API.
 *
 * iam.c: tokens; place.c: hosts and CRNs; ibm_call.c: one request, or many, with token and repeats;
 * ibm_reply.c: answers that say yes; ibm_error.c: answers that say no; ibm_root.c: root keys and
 * their states; ibm.c: wrap, unwrap, rewrap, opening.
 *
 * What a failure says of a root key: see ibm_error.c. The rule above all: 401, 403, 429, 5xx, a
 * broken line and a refusal by IAM say nothing of it.
 */
#ifndef KMS_IBM_H
#define KMS_IBM_H

#include "kms/iam.h"
#include "kms/kms.h"
#include "kms/place.h"
#include "net/http.h"
#include "text/json.h"

enum { RING_TEXT = 100, ALIAS_TEXT = 90 };

struct ibm_ring {
    char root[ALIAS_TEXT + 1];
    char ring[RING_TEXT + 1];
};

struct ibm {
    struct http *http;
    struct iam iam;
    struct url url;
    char instance[UUID_TEXT + 1];
    struct ibm_ring *rings;
    size_t ring_count;
};

/* ---- ibm_error.c ---- */

/*
 * What an answer that is not a yes says. Decided by status and code alone, never by a text.
 *   R ask again   A token: once more with a new one   O operator or configuration   S state
 *   X destroyed   ? not found   T ciphertext or AAD   B the request   W too early   E exists
 */
struct ibm_error {
    char class;
    enum rc rc;
    int status;
    char code[48];   /* "" where there is none */
    char field[40];  /* what the KMS points at */
    char text[200];  /* its message, printable; only to be shown */
    const char *why; /* ours */
};
/* A service's own words, printable, in one line, cut; without words that are longer than any id: it
 * may repeat the token or API key that it was sent. */
void ibm_error_words(char *out, size_t size, const char *text);
void ibm_error_judge(struct ibm_error *out, int status, const char *text, size_t len);
/* A 5xx that stays: for http_request.permanent. */
int ibm_error_permanent(const struct http_request *r);
/* Into an error; doing ("unwrapping under root key ...") is its message. */
enum rc ibm_error_set(struct err *err, const struct ibm_error *e, const char *doing);
/* The verdict on a root key after S, X: from its metadata. Changes code, reason and hints. verb:
 * what was to be done. */
enum rc ibm_error_state(struct err *err, const struct root_info *info, enum kms_verb verb);

/* ---- ibm_reply.c ---- */

/* A yes to wrap, unwrap, rewrap: fills op's outputs. RC_KMS_REPLY. */
enum rc ibm_reply_op(struct kms_op *op, const char *text, size_t len, struct err *err) MUST_CHECK;
/* The only resource of an answer; asked is the id, or alias, that was asked for: an answer about
 * another one is RC_KMS_REPLY. */
enum rc ibm_reply_one(struct root_info *out, const char *asked, const char *text, size_t len,
                      struct err *err) MUST_CHECK;
/* Each root key of a page; *count is how many resources it has, standard keys included. */
enum rc ibm_reply_page(const char *text, size_t len, kms_root_fn fn, void *arg, size_t *count,
                       struct err *err) MUST_CHECK;
/* Number of versions, 0 where the answer does not say. */
unsigned ibm_reply_versions(const char *text, size_t len);

/* ---- ibm_call.c ---- */

/* One request. Must not move between ibm_call_init and its release. */
struct ibm_call {
    struct http_request http;
    struct buf body; /* wiped */
    char url[URL_TEXT + 256];
    char instance[64], correlation[64], ring[RING_TEXT + 32];
    const char *headers[4];
    char request[UUID_TEXT + 1];
};
/* path: behind /api/v2, "" or "/keys...". root: for its ring; may be NULL. */
void ibm_call_init(struct ibm_call *c, const struct ibm *ibm, const char *method, const char *root,
                   const char *path);
void ibm_call_release(struct ibm_call *c);
/* Asks them all, with a token that holds; those it was refused for are asked once more with a new
 * one. RC_OK: each has its answer or error. Else no token could be had, and each has that error. */
enum rc ibm_ask(struct ibm *ibm, struct ibm_call *const *calls, size_t count,
                struct err *err) MUST_CHECK;
/* One; a no or a failure becomes the error. Any 2xx is a yes. */
enum rc ibm_ask_one(struct ibm *ibm, struct ibm_call *c, const char *doing,
                    struct ibm_error *verdict, struct err *err) MUST_CHECK;
/* After an error: who was asked for what. */
void ibm_explain(const struct ibm *ibm, const struct ibm_error *e, struct err *err);

/* ---- ibm_root.c ---- */

/* What to put into a path for an id, alias or CRN. RC_KMS_NO_ROOT for what is none, or a CRN of
 * another instance. */
enum rc ibm_root_ref(char out[ALIAS_TEXT + 1], const struct ibm *ibm, const char *root,
                     struct err *err) MUST_CHECK;
/* Metadata alone. */
enum rc ibm_metadata(struct ibm *ibm, const char *root, struct root_info *out,
                     struct err *err) MUST_CHECK;
/* Whether the instance answers a count of its keys. */
int ibm_answers(struct ibm *ibm);

enum rc ibm_root_info(void *self, const char *root, struct root_info *out,
                      struct err *err) MUST_CHECK;
enum rc ibm_root_each(void *self, kms_root_fn fn, void *arg, struct err *err) MUST_CHECK;
enum rc ibm_may(void *self, enum kms_right right, int *yes, struct err *err) MUST_CHECK;
enum rc ibm_root_create(void *self, const char *alias, struct root_info *out,
                        struct err *err) MUST_CHECK;
enum rc ibm_root_change(void *self, const char *root, enum kms_change change, struct root_info *out,
                        struct err *err) MUST_CHECK;

#endif
