/* What the parts of S3 (remote_s3.c, remote_s3_open.c, remote_s3_error.c) share. */
#ifndef COPY_REMOTE_S3_H
#define COPY_REMOTE_S3_H

#include "copy/remote_http.h"
#include "kms/iam.h"

enum { S3_BUCKET = 63, S3_REGION = 63, S3_CODE = 64 };

struct s3 {
    char bucket[S3_BUCKET + 1];
    char region[S3_REGION + 1];
    char sigv4[S3_REGION + 16]; /* "aws:amz:REGION:s3" */
    struct url endpoint;
    int hosted;           /* the bucket is the beginning of the endpoint's host, not of the path */
    struct secret *token; /* of a session, owned; or NULL */
    int by_iam;           /* an IBM API key: iam has it */
    struct iam iam;       /* its tokens */
    int no_conditions;    /* the server has refused one */
};

/* remote_s3_open.c. What may be said of a region: the text of the option, else what the host's name
 * says, else "us-east-1". For tests. RC_BAD_VALUE. */
enum rc s3_region(char out[S3_REGION + 1], const char *said, const char *host,
                  struct err *err) MUST_CHECK;
/* A credential's lines into r: two or three for S3's own keys, one for an API key of IBM's. */
enum rc s3_keep_credential(struct remote *r, const struct secret *credential,
                           struct err *err) MUST_CHECK;

/* remote_s3_error.c. The code of an error in XML, "" where the body is none. */
void s3_code(char out[S3_CODE + 1], const char *body, size_t len);
/* What a refusal, or a redirect, means for a copy. q has an answer. Never RC_OK. */
enum rc s3_refused(const struct remote *r, const struct http_request *q, const char *verb,
                   const char *name, struct err *err);
/* An answer 200 that is a web page or an error where a copy says what it is: RC_COPY_REPLY. */
enum rc s3_check_object(const struct remote *r, const struct http_request *q, const char *name,
                        struct err *err) MUST_CHECK;

#endif
