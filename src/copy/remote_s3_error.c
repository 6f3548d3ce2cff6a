/* S3: what its answers mean for a copy, and what to do about them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "copy/remote_s3.h"
#include "text/time.h"
#include "text/xml.h"

enum { MISSING = 404, BUSY = 503, NO_ROOM = 507, TOO_LARGE = 413, UNAUTHORIZED = 401 };

/* ---- the answer's own words ---- */

struct wanted {
    const char *name; /* of a leaf of Error */
    char *out;
    size_t size;
};

static int
is_word(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_") ==
           strlen(text);
}

static enum rc
take_leaf(void *arg, const char *parent, const char *name, const char *text, struct err *err)
{
    struct wanted *w = arg;
    (void)err;
    if (strcmp(parent, "Error") == 0 && strcmp(name, w->name) == 0 && w->out[0] == '\0' &&
        strlen(text) < w->size && is_word(text))
        memcpy(w->out, text, strlen(text) + 1);
    return RC_OK;
}

/* One word of an error in XML; "" where there is none. */
static void
leaf_of(char *out, size_t size, const char *name, const char *body, size_t len)
{
    struct wanted w = {name, out, size};
    struct err none = ERR_INIT;
    out[0] = '\0';
    err_ignore(xml_leaves(body, len, "an answer of S3", take_leaf, &w, &none));
}

void
s3_code(char out[S3_CODE + 1], const char *body, size_t len)
{
    leaf_of(out, S3_CODE + 1, "Code", body, len);
}

/* ---- what each code means ---- */

enum kind { READS, WRITES };

static const struct meaning {
    const char *code;
    enum rc rc[2]; /* reading or listing; writing or removing */
    const char *msg;
    const char *why;
    const char *hint;
} meanings[] = {
    {"NoSuchBucket",
     {RC_COPY_NO_BUCKET, RC_COPY_NO_BUCKET},
     "there is no bucket %s at %s",
     "it was never made, was removed, or lies at another endpoint",
     "make it at the provider, or correct the address: keymuster copy set NAME s3://BUCKET/PREFIX "
     "--endpoint URL"},
    {"AccessDenied",
     {RC_COPY_DENIED, RC_COPY_READ_ONLY},
     "bucket %s at %s: this access key may not do that",
     "a policy of the bucket or of the user forbids it; where a user may not list, even an object "
     "that is not there is answered so",
     "a copy needs s3:GetObject, s3:ListBucket and, to publish, s3:PutObject"},
    {"InvalidAccessKeyId",
     {RC_COPY_DENIED, RC_COPY_DENIED},
     "bucket %s at %s: the server does not know this access key",
     "it was deleted, is of another provider or account, or the two lines of the credential are "
     "swapped",
     "a working one: keymuster copy set NAME URL --credential REF"},
    {"SignatureDoesNotMatch",
     {RC_COPY_DENIED, RC_COPY_DENIED},
     "bucket %s at %s: the secret key is not the one of this access key",
     "the server computes another signature of the request",
     "the right secret: keymuster copy set NAME URL --credential REF\n"
     "if it is right: does something on the way alter requests, and is --region right?"},
    {"InvalidToken",
     {RC_COPY_DENIED, RC_COPY_DENIED},
     "bucket %s at %s: the session token is not valid",
     "the third line of the credential is of another session, or missing",
     "access key, secret and token of one session: keymuster copy set NAME URL --credential REF"},
    {"ExpiredToken",
     {RC_COPY_DENIED, RC_COPY_DENIED},
     "bucket %s at %s: the session token has expired",
     "session credentials last for hours",
     "new ones, best by a command that fetches them: keymuster copy set NAME URL --credential "
     "command:..."},
    {"QuotaExceeded",
     {RC_COPY_FULL, RC_COPY_FULL},
     "bucket %s at %s takes no more: its quota is used up",
     "the server says so",
     "have the quota raised, then run `keymuster sync`; nothing was left half-written"},
    {"EntityTooLarge",
     {RC_COPY_LIMIT, RC_COPY_LIMIT},
     "bucket %s at %s takes no object as large as this one",
     "the server has a limit for one object",
     "have the limit raised to 33 MiB, then run `keymuster sync`; nothing was left half-written"},
    {"SlowDown",
     {RC_COPY_UNREACHABLE, RC_COPY_UNREACHABLE},
     "bucket %s at %s is busy",
     "the server asked for a pause, also when asked again",
     "run `keymuster sync` later"},
    {"XAmzContentSHA256Mismatch",
     {RC_COPY_UNREACHABLE, RC_COPY_UNREACHABLE},
     "bucket %s at %s received other bytes than were sent",
     "something on the way alters them",
     "is there a proxy in between? It was not stored; run `keymuster sync` again"},
};

/* Codes that mean the same as one of the above. */
static const char *
same_as(const char *code)
{
    static const char *const pairs[][2] = {
        {"AllAccessDisabled", "AccessDenied"},      {"AccountProblem", "AccessDenied"},
        {"InvalidSecurity", "AccessDenied"},        {"NotSignedUp", "InvalidAccessKeyId"},
        {"TokenRefreshRequired", "ExpiredToken"},   {"InsufficientStorage", "QuotaExceeded"},
        {"StorageFull", "QuotaExceeded"},           {"ServiceUnavailable", "SlowDown"},
        {"RequestLimitExceeded", "SlowDown"},       {"TooManyRequests", "SlowDown"},
        {"BadDigest", "XAmzContentSHA256Mismatch"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strcmp(pairs[i][0], code) == 0)
            return pairs[i][1];
    }
    return code;
}

static const struct meaning *
meaning_of(const char *code, int status)
{
    code = same_as(code);
    if (status == NO_ROOM)
        code = "QuotaExceeded";
    else if (status == TOO_LARGE)
        code = "EntityTooLarge";
    else if (status == BUSY)
        code = "SlowDown";
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (strcmp(meanings[i].code, code) == 0)
            return &meanings[i];
    }
    return NULL;
}

/* "writing head/... at s3://...: " before what it means. */
static enum rc
say(const struct remote *r, const struct meaning *m, enum kind kind, const char *verb,
    const char *name, struct err *err)
{
    char text[400];
    /* Both arguments of each format are texts. */
    const char *first = strstr(m->msg, "%s");
    const char *second = strstr(first + 2, "%s");
    (void)snprintf(text, sizeof text, "%.*s%s%.*s%s%s", (int)(first - m->msg), m->msg,
                   r->s3->bucket, (int)(second - first - 2), first + 2, r->s3->endpoint.host,
                   second + 2);
    (void)err_set(err, m->rc[kind], "%s %.150s: %s", verb, name, text);
    (void)err_why(err, "%s", m->why);
    return err_hint(err, "%s", m->hint);
}

/* ---- clocks, redirects, what is no S3 ---- */

static enum rc
skewed(const struct remote *r, const struct http_request *q, struct err *err)
{
    char here[TIME_TEXT + 1];
    char there[64];
    time_format(here, clock_now_ms());
    int told = http_header(q, "Date", there, sizeof there);
    (void)err_set(err, RC_COPY_CLOCK, "%s refuses: its clock and the one here differ too much",
                  r->s3->endpoint.host);
    (void)err_why(err, "here it is %s, there %s", here, told ? there : "another time");
    return err_hint(err, "set the clock that is wrong (timedatectl); keymuster does not ask again");
}

/* Another region, or another host for this bucket: a signature would not hold there. */
static enum rc
elsewhere(const struct remote *r, const struct http_request *q, struct err *err)
{
    char region[S3_REGION + 1];
    char host[URL_HOST + 1];
    const char *body = buf_str(&q->text);
    if (!http_header(q, "x-amz-bucket-region", region, sizeof region) || !is_word(region))
        leaf_of(region, sizeof region, "Region", body, q->text.len);
    leaf_of(host, sizeof host, "Endpoint", body, q->text.len);
    (void)err_set(err, RC_CONFIG, "bucket %s is not served at %s under region %s", r->s3->bucket,
                  r->s3->endpoint.host, r->s3->region);
    (void)err_why(err, "the server answers %d%s%s%s%s; that is not followed", q->status,
                  region[0] != '\0' ? ", region " : "", region, host[0] != '\0' ? ", host " : "",
                  host);
    if (region[0] != '\0')
        return err_hint(err,
                        "keymuster copy set NAME URL --region %s, and the endpoint of that "
                        "region",
                        region);
    return err_hint(err, "keymuster copy set NAME URL --endpoint https://%s --region REGION",
                    host[0] != '\0' ? host : "HOST");
}

static enum rc
not_s3(const struct remote *r, const struct http_request *q, const char *verb, const char *name,
       struct err *err)
{
    (void)err_set(err, RC_COPY_REPLY, "%s %.150s: no S3 answers at %s", verb, name,
                  r->s3->endpoint.host);
    (void)err_why(err, "the answer is %d with %s", q->status,
                  remote_http_is_page(q) ? "a web page" : "what is no error of S3");
    return err_hint(err, "is --endpoint right, and is there a proxy or a login page in between?");
}

static void
take_request_id(const struct http_request *q, struct err *err)
{
    char id[sizeof err->request];
    if (http_header(q, "x-amz-request-id", id, sizeof id) && is_word(id))
        memcpy(err->request, id, sizeof id);
}

static enum rc
judge(const struct remote *r, const struct http_request *q, const char *code, const char *verb,
      const char *name, struct err *err)
{
    enum kind kind = strcmp(verb, "reading") == 0 || strcmp(verb, "listing") == 0 ? READS : WRITES;
    if (q->status == MISSING && strcmp(code, "NoSuchKey") == 0)
        return err_set(err, RC_NOT_FOUND, "%.200s is not at %.250s", name, remote_url(r));
    if (strcmp(code, "RequestTimeTooSkewed") == 0)
        return skewed(r, q, err);
    if ((q->status >= 300 && q->status < 400) ||
        strcmp(code, "AuthorizationHeaderMalformed") == 0 ||
        strcmp(code, "IllegalLocationConstraintException") == 0)
        return elsewhere(r, q, err);
    const struct meaning *m = meaning_of(code, q->status);
    if (m != NULL)
        return say(r, m, kind, verb, name, err);
    if (code[0] == '\0' && q->status < 500 && q->status != UNAUTHORIZED)
        return not_s3(r, q, verb, name, err);
    return remote_http_refused(r, q, verb, name, code, err);
}

enum rc
s3_refused(const struct remote *r, const struct http_request *q, const char *verb, const char *name,
           struct err *err)
{
    char code[S3_CODE + 1];
    s3_code(code, buf_str(&q->text), q->text.len);
    enum rc rc = judge(r, q, code, verb, name, err);
    take_request_id(q, err);
    return rc;
}

/* ---- an answer that pretends ---- */

/* These are read first whenever a place is opened; all others are judged by their hash or
 * signature, and have to be readable to be kept as evidence. */
static int
is_first(const char *name)
{
    return strcmp(name, "escrow.json") == 0 || strcmp(name, "copy.json") == 0;
}

enum rc
s3_check_object(const struct remote *r, const struct http_request *q, const char *name,
                struct err *err)
{
    char code[S3_CODE + 1];
    if (!is_first(name))
        return RC_OK;
    s3_code(code, buf_str(&q->text), q->text.len);
    if (code[0] == '\0' && !remote_http_is_page(q))
        return RC_OK;
    (void)err_set(err, RC_COPY_REPLY, "%.200s at %.250s is no object of a copy", name,
                  remote_url(r));
    if (code[0] != '\0')
        (void)err_why(err, "an error of S3 came in its place, as a success: %s", code);
    else
        (void)err_why(err, "a web page came in its place");
    return err_hint(err, "is --endpoint right, and is there a proxy or a login page in between? If "
                         "not, somebody put it there");
}
