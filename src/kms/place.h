/* Where IBM's KMSs are: CRNs, the host names of the three offerings, addresses. */
#ifndef KMS_PLACE_H
#define KMS_PLACE_H

#include "base/limits.h"
#include "net/url.h"

enum { REGION_TEXT = 31 };

/* crn:v1:bluemix:public:SERVICE:REGION:a/ACCOUNT:INSTANCE:key:KEY; an instance's ends "INSTANCE::".
 */
struct crn {
    char service[32]; /* "kms", "hs-crypto" */
    char region[REGION_TEXT + 1];
    char account[AUTHOR_TEXT + 1];
    char instance[UUID_TEXT + 1];
    char key[UUID_TEXT + 1]; /* "" of an instance */
};
/* 0, or -1 for anything else than a CRN of such an instance or key. */
int crn_parse(struct crn *out, const char *text) MUST_CHECK;

/* What a host name of IBM's says. Texts "" where it does not. */
struct place {
    const char
        *offering; /* "Key Protect", "Key Protect Dedicated", "Hyper Protect Crypto Services" */
    char region[REGION_TEXT + 1];
    char instance[UUID_TEXT + 1];
    int private_net;
};
/* -1 for a host of another form. */
int place_parse(struct place *out, const char *host) MUST_CHECK;

/* When Hyper Protect Crypto Services end, and every instance with its keys. */
#define PLACE_HPCS_END "2027-03-28T00:00:00.000Z"

/* Ends in one of the four suffixes of IBM's KMSs, with a name before it. */
int place_is_kms(const char *host);
/* One of IAM's two. */
int place_is_iam(const char *host);

/* A KMS's address, with or without /api/v2 or /api/v2/keys. RC_BAD_VALUE. */
enum rc place_url(struct url *out, const char *text, const char *what, struct err *err) MUST_CHECK;
/* The address that an instance of this CRN has by the documented pattern: right for Key Protect
 * Standard and for instances of the newer host form. */
void place_of_crn(char out[URL_TEXT + 1], const struct crn *crn);
/* Where tokens for this KMS come from when nobody says: the private address for a private host. */
const char *place_iam(const char *host);

#endif
