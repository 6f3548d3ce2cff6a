#include "copy/remote_http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    TRY_MS = 600 * 1000, /* a slow line is known by its silence, not by its length */
    ALL_MS = 900 * 1000,
    UNAUTHORIZED = 401,
    FORBIDDEN = 403,
    MISSING = 404,
    TOO_LARGE = 413,
    NO_ROOM = 507
};

enum rc
remote_http_open(struct remote *r, const struct remote_access *access, struct err *err)
{
    struct http_config config = {.ca = access != NULL ? access->ca : NULL,
                                 .proxy = access != NULL ? access->proxy : NULL,
                                 .timeout_ms = remote_timeout(ALL_MS)};
    enum rc rc = remote_proxy_login(r, access, err);
    config.proxy_login[0] = r->proxy_login[0];
    config.proxy_login[1] = r->proxy_login[1];
    return rc == RC_OK ? http_new(&r->http, &config, err) : rc;
}

void
remote_http_close(struct remote *r)
{
    http_free(r->http);
    secret_free(r->login[0]);
    secret_free(r->login[1]);
}

enum rc
remote_http_login(struct secret **out, const void *bytes, size_t len, struct err *err)
{
    enum rc rc = secret_new(out, err);
    if (rc == RC_OK)
        rc = secret_add(*out, bytes, len, err);
    return rc == RC_OK ? secret_add(*out, "", 1, err) : rc;
}

/* Room does not come by asking again. */
static int
is_permanent(const struct http_request *q)
{
    return q->status == NO_ROOM;
}

void
remote_http_request(const struct remote *r, struct http_request *q, const char *method,
                    const char *url)
{
    http_request_init(q, method, url);
    q->what = "the copy";
    q->accept = "*/*";
    q->repeatable = 1;
    q->permanent = is_permanent;
    q->try_ms = TRY_MS;
    q->login[0] = r->login[0];
    q->login[1] = r->login[1];
    q->codes = (struct http_codes){.unreachable = RC_COPY_UNREACHABLE,
                                   .untrusted = RC_COPY_UNTRUSTED,
                                   .reply = RC_COPY_REPLY,
                                   .large = RC_COPY_TAMPERED,
                                   .proxy = RC_COPY_PROXY};
}

enum rc
remote_http_run(struct remote *r, struct http_request *q, struct err *err)
{
    struct http_request *one = q;
    enum rc rc = http_run(r->http, &one, 1, err);
    if (rc == RC_OK && q->rc != RC_OK) {
        *err = q->err;
        rc = q->rc;
    }
    return rc;
}

static enum rc
meaning(const struct http_request *q, int writes)
{
    switch (q->status) {
    case UNAUTHORIZED:
        return RC_COPY_DENIED;
    case FORBIDDEN:
        return writes ? RC_COPY_READ_ONLY : RC_COPY_DENIED;
    case MISSING:
        return RC_NOT_FOUND;
    case TOO_LARGE:
    case NO_ROOM:
        return RC_COPY_FULL;
    default:
        return RC_COPY_UNREACHABLE;
    }
}

enum rc
remote_http_refused(const struct remote *r, const struct http_request *q, const char *verb,
                    const char *name, const char *cause, struct err *err)
{
    enum rc rc = meaning(q, strcmp(verb, "reading") != 0 && strcmp(verb, "listing") != 0);
    if (rc == RC_NOT_FOUND)
        return err_set(err, rc, "%.200s is not at %.250s", name, remote_url(r));
    (void)err_set(err, rc, "%s %.200s at %.250s: refused (%d)", verb, name, remote_url(r),
                  q->status);
    (void)err_why(err, "the server answers %d%s%.300s", q->status, cause[0] != '\0' ? ", " : "",
                  cause);
    if (rc == RC_COPY_READ_ONLY || rc == RC_COPY_FULL)
        return remote_closed(r, verb, name, rc, err);
    if (rc == RC_COPY_DENIED)
        return err_hint(err, "is it the right credential? keymuster copy set NAME URL "
                             "--credential REF");
    return rc;
}

int
remote_http_is_page(const struct http_request *q)
{
    char type[128];
    return http_header(q, "Content-Type", type, sizeof type) &&
           strncasecmp(type, "text/html", 9) == 0;
}
