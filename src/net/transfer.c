#include "net/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"

enum {
    TRY_MS = 30000,
    CONNECT_MS = 10000,
    SLOW_SECONDS = 20, /* without a byte */
    HEAD_MOST = 64 * 1024,
    BODY_MOST = 1024 * 1024
};

/* TLS 1.3 has forward secrecy in every suite; of TLS 1.2 these. */
static const char suites[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

static size_t
take(struct transfer *t, struct buf *b, const char *bytes, size_t len)
{
    buf_add(b, bytes, len);
    if (b->failed == 0)
        return len;
    t->too_large = b->failed == RC_NO_MEMORY ? 0 : 1;
    return 0;
}

static size_t
on_head(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    if (len > 5 && strncmp(bytes, "HTTP/", 5) == 0) {
        buf_clear(&t->r->head); /* of an interim answer */
        return len;
    }
    return take(t, &t->r->head, bytes, len);
}

static size_t
on_text(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count, room = t->r->text.max - t->r->text.len;
    if (!t->r->start || len <= room)
        return take(t, &t->r->text, bytes, len);
    t->enough = take(t, &t->r->text, bytes, room) == room;
    return 0;
}

static int
add_header(struct transfer *t, const char *line)
{
    struct curl_slist *list = curl.list_append(t->headers, line);
    if (list == NULL)
        return -1;
    t->headers = list;
    return 0;
}

/* A header with a secret, in one or two parts, in it; none where the first is NULL. */
static int
add_secret(struct transfer *t, const char *name, const struct secret *const part[2])
{
    if (part[0] == NULL)
        return 0;
    size_t at = strlen(name);
    size_t size = at + part[0]->len + (part[1] != NULL ? part[1]->len : 0) + 1;
    char *line = malloc(size);
    if (line == NULL)
        return -1;
    memcpy(line, name, at);
    for (size_t i = 0; i < 2 && part[i] != NULL; i++) {
        memcpy(line + at, part[i]->bytes, part[i]->len);
        at += part[i]->len;
    }
    line[at] = '\0';
    int failed = add_header(t, line);
    secret_wipe(line, size);
    free(line);
    return failed;
}

static int
add_headers(struct transfer *t)
{
    char accept[128];
    const char *type = t->r->accept != NULL ? t->r->accept : "application/json";
    (void)snprintf(accept, sizeof accept, "Accept: %.100s", type);
    int failed = add_header(t, accept);
    if (t->r->sigv4 == NULL) /* there a header that is taken out is signed all the same */
        failed |= add_header(t, "Expect:");
    for (size_t i = 0; i < t->r->header_count; i++)
        failed |= add_header(t, t->r->headers[i]);
    const struct secret *const token[2] = {t->r->token, NULL};
    failed |= add_secret(t, "x-amz-security-token: ", token);
    return failed | add_secret(t, "Authorization: Bearer ", t->r->bearer);
}

static void
set_tls(const struct http *h, CURL *easy)
{
    (void)curl.easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl.easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, suites);
    (void)curl.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, h->pin == NULL ? 1L : 0L);
    (void)curl.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, h->pin == NULL ? 2L : 0L);
    if (h->ca != NULL) { /* this one alone: Debian's has a folder set besides */
        (void)curl.easy_setopt(easy, CURLOPT_CAINFO, h->ca);
        (void)curl.easy_setopt(easy, CURLOPT_CAPATH, (char *)NULL);
    }
}

static void
set_body(const struct http_request *r, CURL *easy)
{
    int posts = strcmp(r->method, "POST") == 0;
    if (strcmp(r->method, "HEAD") == 0)
        (void)curl.easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (!posts && strcmp(r->method, "GET") != 0)
        (void)curl.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    if (r->body == NULL && !posts)
        return;
    if (posts)
        (void)curl.easy_setopt(easy, CURLOPT_POST, 1L);
    (void)curl.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
    (void)curl.easy_setopt(easy, CURLOPT_POSTFIELDS, r->body != NULL ? r->body : "");
}

static void
set_limits(const struct transfer *t, CURL *easy, int64_t now)
{
    const struct http_request *r = t->r;
    int64_t ms = r->try_ms > 0 ? r->try_ms : TRY_MS;
    if (ms > t->deadline - now)
        ms = t->deadline - now;
    if (ms < 1)
        ms = 1;
    int64_t connect = ms < CONNECT_MS ? ms : CONNECT_MS;
    (void)curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)ms);
    (void)curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
    (void)curl.easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl.easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
    if (!r->start)
        (void)curl.easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->text.max);
}

/* 0 when all were taken. libcurl keeps copies of user and password until the end of the try. */
static int
set_login(const struct http_request *r, CURL *easy)
{
    if (r->login[0] == NULL)
        return 0;
    int bad =
        curl.easy_setopt(easy, CURLOPT_USERNAME, (const char *)r->login[0]->bytes) != CURLE_OK;
    bad |= curl.easy_setopt(easy, CURLOPT_PASSWORD, (const char *)r->login[1]->bytes) != CURLE_OK;
    if (r->sigv4 != NULL)
        return bad | (curl.easy_setopt(easy, CURLOPT_AWS_SIGV4, r->sigv4) != CURLE_OK);
    return bad | (curl.easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) != CURLE_OK);
}

static int
set_proxy(const struct http *h, CURL *easy)
{
    int bad = curl.easy_setopt(easy, CURLOPT_PROXY, h->proxy) != CURLE_OK;
    if (h->proxy_login[0] == NULL)
        return bad;
    const char *user = (const char *)h->proxy_login[0]->bytes;
    const char *password = (const char *)h->proxy_login[1]->bytes;
    bad |= curl.easy_setopt(easy, CURLOPT_PROXYUSERNAME, user) != CURLE_OK;
    bad |= curl.easy_setopt(easy, CURLOPT_PROXYPASSWORD, password) != CURLE_OK;
    return bad | (curl.easy_setopt(easy, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC) != CURLE_OK);
}

/* The options without which nothing may go out; each must have been taken. */
static int
set_guards(const struct http *h, const struct transfer *t, CURL *easy)
{
    int bad = 0;
    bad |= curl.easy_setopt(easy, CURLOPT_URL, t->r->url) != CURLE_OK;
    bad |= curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK;
    bad |= curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    bad |= set_proxy(h, easy);
    if (h->pin != NULL) /* in the place of what vouches for the server */
        bad |= curl.easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, h->pin) != CURLE_OK;
    bad |= curl.easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers) != CURLE_OK;
    return bad | set_login(t->r, easy);
}

enum rc
transfer_start(struct http *h, struct transfer *t, int64_t now)
{
    struct http_request *r = t->r;
    t->easy = curl.easy_init();
    t->too_large = t->enough = 0;
    t->proxy = h->proxy;
    t->proxy_login = h->proxy_login[0] != NULL;
    t->detail[0] = '\0';
    http_request_release(r);
    buf_init(&r->head, HEAD_MOST);
    buf_init(&r->text, r->most > 0 ? r->most : BODY_MOST);
    if (t->easy == NULL || add_headers(t) != 0 || set_guards(h, t, t->easy) != 0)
        return err_nomem(&r->err);
    set_tls(h, t->easy);
    set_body(r, t->easy);
    set_limits(t, t->easy, now);
    (void)curl.easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl.easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
                           r->http1 ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
    (void)curl.easy_setopt(t->easy, CURLOPT_PIPEWAIT, 1L);
    (void)curl.easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, r->fresh || !r->repeatable ? 1L : 0L);
    if (PLANTED("verbose"))
        (void)curl.easy_setopt(t->easy, CURLOPT_VERBOSE, 1L);
    (void)curl.easy_setopt(t->easy, CURLOPT_USERAGENT, "keymuster/" KM_VERSION);
    (void)curl.easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->detail);
    (void)curl.easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_head);
    (void)curl.easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    (void)curl.easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl.easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_text);
    (void)curl.easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    (void)curl.easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    if (r->tries++ == 0)
        r->began_ms = now;
    if (curl.multi_add(h->multi, t->easy) != CURLM_OK)
        return err_nomem(&r->err);
    return RC_OK;
}

void
transfer_stop(struct http *h, struct transfer *t)
{
    if (t->easy != NULL) {
        (void)curl.multi_remove(h->multi, t->easy);
        curl.easy_cleanup(t->easy);
    }
    curl.list_free(t->headers);
    t->easy = NULL;
    t->headers = NULL;
}
