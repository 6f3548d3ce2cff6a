/* S3: the address, the region, the credential. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/remote_s3.h"

static const char IBM_SUFFIX[] = ".cloud-object-storage.appdomain.cloud";

static int
ends_with(const char *text, const char *tail)
{
    size_t len = strlen(text);
    size_t n = strlen(tail);
    return len > n && strcmp(text + len - n, tail) == 0;
}

/* ---- region ---- */

static int
is_region(const char *text, size_t len)
{
    return len > 0 && len <= S3_REGION &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= len;
}

/* "[BUCKET.]s3.[dualstack.|private.|direct.]REGION.amazonaws.com", the same at IBM. The label, or
 * NULL; len gets its length. */
static const char *
region_in(const char *host, size_t *len)
{
    static const char *const between[] = {"dualstack.", "private.", "direct."};
    if (!ends_with(host, ".amazonaws.com") && !ends_with(host, ".amazonaws.com.cn") &&
        !ends_with(host, IBM_SUFFIX))
        return NULL;
    const char *at = strncmp(host, "s3.", 3) == 0 ? host : strstr(host, ".s3.");
    if (at == NULL)
        return NULL;
    at += *at == '.' ? 4 : 3;
    for (size_t i = 0; i < sizeof between / sizeof between[0]; i++) {
        if (strncmp(at, between[i], strlen(between[i])) == 0)
            at += strlen(between[i]);
    }
    *len = strcspn(at, ".");
    return strncmp(at, "amazonaws.", 10) != 0 && is_region(at, *len) ? at : NULL;
}

enum rc
s3_region(char out[S3_REGION + 1], const char *said, const char *host, struct err *err)
{
    size_t len = said != NULL ? strlen(said) : 0;
    if (said != NULL && !is_region(said, len)) {
        (void)err_set(err, RC_BAD_VALUE, "--region: \"%.80s\" is no region", said);
        return err_hint(err, "it reads like eu-central-1");
    }
    const char *region = said != NULL ? said : region_in(host, &len);
    if (region == NULL) {
        region = "us-east-1";
        len = strlen(region);
    }
    (void)snprintf(out, S3_REGION + 1, "%.*s", (int)len, region);
    return RC_OK;
}

/* ---- address ---- */

static enum rc
bad_address(const struct remote *r, const char *why, struct err *err)
{
    (void)err_set(err, RC_BAD_VALUE, "%.300s is no place for a copy", remote_url(r));
    (void)err_why(err, "%s", why);
    return err_hint(err, "write s3://BUCKET/PREFIX --endpoint https://HOST");
}

static enum rc
take_bucket(struct remote *r, const struct remote_server *server, struct err *err)
{
    const char *name = server->host;
    size_t len = strlen(name);
    if (server->user[0] != '\0' || server->port > 0)
        return bad_address(r, "a user or a port has no place in it; the server is --endpoint", err);
    if (len < 3 || len > S3_BUCKET ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != len)
        return bad_address(r, "a bucket's name has 3 to 63 of a-z 0-9 . -", err);
    if (r->path[0] != '/')
        return bad_address(r, "a prefix does not begin with ~", err);
    (void)snprintf(r->s3->bucket, sizeof r->s3->bucket, "%s", name);
    return RC_OK;
}

static enum rc
take_endpoint(struct remote *r, const struct remote_access *access, struct err *err)
{
    struct s3 *s3 = r->s3;
    if (access == NULL || access->endpoint == NULL) {
        (void)err_set(err, RC_BAD_VALUE, "%.300s: at which server? --endpoint is missing",
                      remote_url(r));
        return err_hint(err, "for example --endpoint https://s3.eu-central-1.amazonaws.com or "
                             "https://s3.eu-de.cloud-object-storage.appdomain.cloud");
    }
    enum rc rc = url_parse(&s3->endpoint, access->endpoint, "--endpoint", err);
    if (rc == RC_OK)
        rc = s3_region(s3->region, access->region, s3->endpoint.host, err);
    if (rc != RC_OK)
        return rc;
    size_t len = strlen(s3->bucket);
    s3->hosted = strncmp(s3->endpoint.host, s3->bucket, len) == 0 && s3->endpoint.host[len] == '.';
    (void)snprintf(s3->sigv4, sizeof s3->sigv4, "aws:amz:%s:s3", s3->region);
    return RC_OK;
}

/* ---- credential ---- */

static enum rc
bad_credential(const struct remote *r, const char *why, struct err *err)
{
    (void)err_set(err, RC_CREDENTIAL, "the credential of %.250s cannot be used", remote_url(r));
    (void)err_why(err, "%s", why);
    return err_hint(err, "access key, line feed, secret key; a session token on a third line; at "
                         "IBM also an API key alone");
}

struct lines {
    const unsigned char *at[3];
    size_t len[3];
    size_t count;
};

/* 0 when there are more than three, or one is empty or has what cannot be in a header. */
static int
split(struct lines *out, const struct secret *s)
{
    memset(out, 0, sizeof *out);
    for (size_t at = 0; at < s->len;) {
        const unsigned char *line = s->bytes + at;
        const unsigned char *lf = memchr(line, '\n', s->len - at);
        size_t len = lf != NULL ? (size_t)(lf - line) : s->len - at;
        at += len + 1;
        if (len > 0 && line[len - 1] == '\r')
            len--;
        if (len == 0 || out->count == 3)
            return 0;
        for (size_t i = 0; i < len; i++) {
            if (line[i] <= ' ' || line[i] >= 127)
                return 0;
        }
        out->at[out->count] = line;
        out->len[out->count++] = len;
    }
    return out->count > 0;
}

static enum rc
keep_keys(struct remote *r, const struct lines *l, struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < 2; i++)
        rc = remote_http_login(&r->login[i], l->at[i], l->len[i], err);
    if (rc == RC_OK && l->count == 3)
        rc = secret_new(&r->s3->token, err);
    return rc == RC_OK && l->count == 3 ? secret_add(r->s3->token, l->at[2], l->len[2], err) : rc;
}

enum rc
s3_keep_credential(struct remote *r, const struct secret *credential, struct err *err)
{
    struct lines l;
    struct s3 *s3 = r->s3;
    if (!split(&l, credential))
        return bad_credential(r, "it has no line, an empty one, more than three, or blanks", err);
    if (l.count > 1)
        return keep_keys(r, &l, err);
    /* What stands alone goes to IBM: only where it can be meant so. */
    if (s3->iam.url.base[0] == '\0' && !ends_with(s3->endpoint.host, IBM_SUFFIX))
        return bad_credential(r, "it has one line alone, and the endpoint is not IBM's", err);
    s3->by_iam = 1;
    return iam_init(&s3->iam, r->http, credential, err);
}

/* Where tokens come from: said, else IBM's own address. */
static enum rc
take_iam(struct remote *r, const struct remote_access *access, struct err *err)
{
    struct s3 *s3 = r->s3;
    int within = strstr(s3->endpoint.host, ".private.") != NULL ||
                 strstr(s3->endpoint.host, ".direct.") != NULL;
    const char *where = access->iam;
    if (where == NULL && ends_with(s3->endpoint.host, IBM_SUFFIX))
        where = within ? IAM_PRIVATE : IAM_PUBLIC;
    return where != NULL ? iam_url(&s3->iam.url, where, "--iam", err) : RC_OK;
}

enum rc
remote_s3_open(struct remote *r, const struct remote_server *server,
               const struct remote_access *access, struct err *err)
{
    struct secret *credential = NULL;
    r->s3 = calloc(1, sizeof *r->s3);
    if (r->s3 == NULL)
        return err_nomem(err);
    enum rc rc = take_bucket(r, server, err);
    if (rc == RC_OK)
        rc = take_endpoint(r, access, err);
    if (rc == RC_OK)
        rc = take_iam(r, access, err);
    if (rc == RC_OK)
        rc = remote_secret(&credential, r, access, err);
    if (rc == RC_OK)
        rc = remote_http_open(r, access, err);
    if (rc == RC_OK)
        rc = s3_keep_credential(r, credential, err);
    secret_free(credential);
    return rc;
}
