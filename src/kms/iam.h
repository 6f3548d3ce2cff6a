/*
 * IBM Cloud IAM: an access token for an API key, kept until shortly before it ends. The age of a
 * token is measured by the monotonic clock, for at a disaster site the wall clock may be wrong.
 */
#ifndef KMS_IAM_H
#define KMS_IAM_H

#include <stdint.h>

#include "base/secret.h"
#include "net/http.h"
#include "net/url.h"

/* Where tokens come from when nobody names another place. */
#define IAM_PUBLIC "https://iam.cloud.ibm.com"
#define IAM_PRIVATE "https://private.iam.cloud.ibm.com"

enum { IAM_TOKENS = 3 };

struct iam {
    struct http *http; /* borrowed */
    struct url url;
    /* Places for secrets are few, and a command may ask many KMSs: the API keys of all share one,
     * and only the IAM_TOKENS used last hold their tokens. A token that is longer than a place goes
     * on in a second. */
    struct secret key;      /* a view into the shared place */
    struct secret *held[2]; /* the token's; owned, may be NULL */
    const char *ahead;      /* borrowed: base address of who is asked with the first token; its
                               connection      is opened meanwhile. NULL: none */
    struct secret token[2]; /* views of it: {bytes, len}, len 0 for no more */
    int64_t refresh_ms;     /* monotonic: from here on a new one is fetched first */
    int64_t ends_ms;        /* monotonic: from here on it is of no use */
};

/* A base address, with or without /identity/token, into out. RC_BAD_VALUE. */
enum rc iam_url(struct url *out, const char *text, const char *what, struct err *err) MUST_CHECK;
/* Copies the key; the struct must not move until iam_release. RC_BAD_VALUE for what cannot be an
 * API key. */
enum rc iam_init(struct iam *iam, struct http *http, const struct secret *key,
                 struct err *err) MUST_CHECK;
void iam_release(struct iam *iam); /* wipes */

/*
 * Makes iam->token[0..1] good for the next minute; fetches when there is none, or little is left of
 * it. A failed refresh leaves a token that still holds. RC_IAM_REFUSED, RC_IAM_UNREACHABLE,
 * RC_KMS_CERTIFICATE, RC_KMS_REPLY.
 */
enum rc iam_token(struct iam *iam, struct err *err) MUST_CHECK;
/* The KMS did not take this one: the next iam_token fetches. */
void iam_forget(struct iam *iam);

/* ---- for tests ---- */
/* The form that is sent, into out (emptied). */
enum rc iam_form(struct secret *out, const unsigned char *key, size_t len,
                 struct err *err) MUST_CHECK;
/* Judges an answer: a token into iam, or the error. now_ms is monotonic. */
enum rc iam_answer(struct iam *iam, int status, const char *text, size_t len, int64_t now_ms,
                   struct err *err) MUST_CHECK;

#endif
