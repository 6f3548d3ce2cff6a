#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plant.h"
#include "crypt/hash.h"
#include "net/transfer.h"
#include "net/url.h"
#include "net/wait.h"
#include "sys/process.h"

enum {
    TRIES = 5,
    TRIES_UNCONNECTED = 3, /* nobody is there: an outage is told soon */
    TRY_MS = 30000,
    ALL_MS = 120000,
    CONNECT_MS = 10000,
    SLOW_SECONDS = 20,              /* without a byte */
    WINDOW = HTTP_CONNECTIONS_MOST, /* streams of one HTTP/2 connection, requests under way */
    CONNECTIONS = 32,               /* where the server speaks HTTP/1.1 only */
    ASIDE_MS = 300,
    HEAD_MOST = 64 * 1024,
    BODY_MOST = 1024 * 1024,
    POLL_MS = 100 /* a signal is noticed within */
};

/* TLS 1.3 has forward secrecy in every suite; of TLS 1.2 these. */
static const char suites[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* ---- a client ---- */

struct http {
    CURLM *multi;
    char *ca;
    char *pin;
    char *proxy;                         /* "": none */
    const struct secret *proxy_login[2]; /* borrowed; NULL */
    int64_t timeout_ms;
};

static enum rc
check_ca(const char *path, struct err *err)
{
    if (path == NULL || access(path, R_OK) == 0)
        return RC_OK;
    return err_errno(err, RC_CONFIG, "the certificates of --ca cannot be read: %s", path);
}

enum rc
http_check_proxy(const char *proxy, struct err *err)
{
    const char *host = proxy != NULL ? strstr(proxy, "://") : NULL;
    if (proxy == NULL)
        return RC_OK;
    if (strchr(proxy, '@') != NULL) {
        (void)err_set(err, RC_SECRET_LITERAL, "a proxy's address must not have a login in it");
        return err_hint(err, "leave it out, and say where it is: --credential proxy=REF");
    }
    if (host != NULL && (strncmp(proxy, "http://", 7) == 0 || strncmp(proxy, "https://", 8) == 0) &&
        host[3] != '\0' && strpbrk(host + 3, "?# \t\r\n") == NULL)
        return RC_OK;
    (void)err_set(err, RC_BAD_VALUE, "\"%.200s\" is no address of a proxy", proxy);
    return err_hint(err, "write http://HOST:PORT, or https://HOST:PORT");
}

enum rc
http_new(struct http **out, const struct http_config *config, struct err *err)
{
    *out = NULL;
    enum rc rc = check_ca(config->ca, err);
    if (rc == RC_OK)
        rc = http_check_proxy(config->proxy, err);
    if (rc == RC_OK)
        rc = libcurl_load(err);
    if (rc != RC_OK)
        return rc;
    struct http *h = calloc(1, sizeof *h);
    if (h == NULL)
        return err_nomem(err);
    h->multi = curl.multi_init();
    h->ca = config->ca != NULL ? strdup(config->ca) : NULL;
    h->pin = config->pin != NULL ? strdup(config->pin) : NULL;
    h->proxy = strdup(config->proxy != NULL ? config->proxy : "");
    h->timeout_ms = config->timeout_ms;
    h->proxy_login[0] = config->proxy_login[0];
    h->proxy_login[1] = config->proxy_login[1];
    if (h->multi == NULL || h->proxy == NULL || (config->ca != NULL && h->ca == NULL) ||
        (config->pin != NULL && h->pin == NULL)) {
        http_free(h);
        return err_nomem(err);
    }
    (void)curl.multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    long connections = config->connections > 0 ? (long)config->connections : CONNECTIONS;
    (void)curl.multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    /* Else libcurl closes idle ones while the last requests of a run are under way, and the next
     * run opens them again. One more for IAM. */
    (void)curl.multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, connections + 1);
    (void)curl.multi_setopt(h->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)WINDOW);
    *out = h;
    return RC_OK;
}

void
http_free(struct http *http)
{
    if (http == NULL)
        return;
    if (http->multi != NULL)
        (void)curl.multi_cleanup(http->multi);
    free(http->ca);
    free(http->pin);
    free(http->proxy);
    free(http);
}

/* ---- requests ---- */

void
http_request_init(struct http_request *r, const char *method, const char *url)
{
    memset(r, 0, sizeof *r);
    r->method = method;
    r->url = url;
    r->what = "service";
    r->wait_ms = -1;
    r->codes = (struct http_codes){.unreachable = RC_IO, .untrusted = RC_IO, .reply = RC_MALFORMED};
}

static void
wipe(struct buf *b)
{
    if (b->data != NULL)
        secret_wipe(b->data, b->cap);
    buf_release(b);
}

void
http_request_release(struct http_request *r)
{
    wipe(&r->head);
    wipe(&r->text);
}

/* The value of a header line behind its name; 0 when it has control bytes or no room. */
static int
header_value(const char *value, const char *end, char *out, size_t size)
{
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    for (const char *c = value; c < end; c++) {
        if ((unsigned char)*c < ' ' && *c != '\t')
            return 0;
    }
    size_t n = (size_t)(end - value);
    if (n >= size)
        return 0;
    memcpy(out, value, n);
    out[n] = '\0';
    return 1;
}

int
http_is_token(const char *text, size_t most)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= most &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=") ==
               strlen(text);
}

int
http_header(const struct http_request *r, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    out[0] = '\0';
    for (const char *line = buf_str(&r->head); *line != '\0';) {
        const char *end = strchr(line, '\n');
        if (end == NULL)
            end = line + strlen(line);
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return header_value(line + len + 1, end, out, size);
        line = *end == '\n' ? end + 1 : end;
    }
    return 0;
}

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

/* ---- starting a try ---- */

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

static enum rc
start(struct http *h, struct transfer *t, int64_t now)
{
    struct http_request *r = t->r;
    t->easy = curl.easy_init();
    t->too_large = t->enough = 0;
    t->proxy = h->proxy;
    t->proxy_login = h->proxy_login[0] != NULL;
    t->detail[0] = '\0';
    wipe(&r->head);
    wipe(&r->text);
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

static void
stop(struct http *h, struct transfer *t)
{
    if (t->easy != NULL) {
        (void)curl.multi_remove(h->multi, t->easy);
        curl.easy_cleanup(t->easy);
    }
    curl.list_free(t->headers);
    t->easy = NULL;
    t->headers = NULL;
}

/* ---- trying again ---- */

static int
may_repeat(const struct transfer *t, enum fault fault)
{
    const struct http_request *r = t->r;
    if (r->aside)
        return 0;
    if (fault == FAULT_UNCONNECTED)
        return r->tries < TRIES_UNCONNECTED;
    if (r->tries >= TRIES)
        return 0;
    if (fault == FAULT_BROKEN)
        return r->repeatable;
    if (fault != FAULT_NONE || (r->permanent != NULL && r->permanent(r)))
        return 0;
    if (r->status == 429)
        return 1;
    return r->status >= 500 && r->status != 501 && r->repeatable;
}

static unsigned
roll(void)
{
    unsigned char two[2];
    random_bytes(two, sizeof two);
    return (unsigned)two[0] << 8 | two[1];
}

/* When to try again, or -1 when that would be too late. */
static int64_t
next_try(struct transfer *t, int64_t now)
{
    unsigned r = roll();
    int64_t wait = wait_backoff(t->r->tries, r);
    if (t->r->wait_ms >= 0) /* a little more than asked for, so that not all come back at once */
        wait = t->r->wait_ms + (int64_t)(r % 250);
    return now + wait < t->deadline ? now + wait : -1;
}

/* ---- the window ---- */

struct engine {
    struct http *h;
    struct transfer *all;
    size_t count;
    size_t running;
    size_t window;
    size_t calm;        /* answers since it last shrank */
    int64_t held_until; /* nothing starts before */
    int64_t began;      /* monotonic */
    int64_t patience;   /* what is aside is waited for until then; 0: others are under way */
};

static void
adapt(struct engine *e, const struct http_request *r, int64_t until)
{
    if (r->status == 429) {
        if (e->calm > 0 || e->window == WINDOW) /* once for all that were under way */
            e->window = e->window > 2 ? e->window / 2 : 1;
        e->calm = 0;
        if (until > e->held_until)
            e->held_until = until;
    } else if (++e->calm >= e->window && e->window < WINDOW) {
        e->window++;
        e->calm = 0;
    }
}

static void
finish_try(struct engine *e, struct transfer *t, CURLcode code)
{
    struct http_request *r = t->r;
    char after[64];
    long status = 0;
    int64_t now = clock_mono_ms();
    enum fault fault = fault_of(t, code);
    (void)curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = fault == FAULT_NONE ? (int)status : 0;
    r->wait_ms = -1;
    if (fault == FAULT_NONE && http_header(r, "Retry-After", after, sizeof after)) {
        char date[64];
        r->wait_ms = wait_asked(after, http_header(r, "Date", date, sizeof date) ? date : NULL,
                                clock_now_ms());
    }
    if (fault == FAULT_NONE && r->status >= 300 && r->status < 400)
        fault = fault_redirected(t);
    stop(e->h, t);
    e->running--;
    if (fault == FAULT_BROKEN)
        r->lost = 1;
    int64_t again = may_repeat(t, fault) ? next_try(t, now) : -1;
    if (!r->aside)
        adapt(e, r, again);
    if (again >= 0) {
        t->not_before = again;
        return;
    }
    t->done = 1;
    r->ms = now - r->began_ms;
    r->rc = fault == FAULT_NONE ? RC_OK : r->err.code;
    if (fault == FAULT_NONE) {
        err_clear(&r->err);
        r->lost = 0;
    }
}

/* Starts what may start; the next time at which another one may, or -1. */
static int64_t
start_ready(struct engine *e)
{
    int64_t now = clock_mono_ms();
    int64_t next = -1;
    for (size_t i = 0; i < e->count && e->running < e->window; i++) {
        struct transfer *t = &e->all[i];
        if (t->done || t->easy != NULL)
            continue;
        int64_t when = t->not_before > e->held_until ? t->not_before : e->held_until;
        if (when > now) {
            if (next < 0 || when < next)
                next = when;
            continue;
        }
        if (start(e->h, t, now) == RC_OK) {
            e->running++;
            continue;
        }
        stop(e->h, t);
        t->done = 1;
        t->r->rc = t->r->err.code;
    }
    return next;
}

/* What is aside is given half as long again as the others took. */
static int
all_done(struct engine *e)
{
    int aside = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (!e->all[i].done && !e->all[i].r->aside)
            return 0;
        aside |= !e->all[i].done;
    }
    if (!aside)
        return 1;
    int64_t now = clock_mono_ms();
    int64_t more = (now - e->began) / 2;
    if (e->patience == 0)
        e->patience = now + (more < ASIDE_MS ? more : ASIDE_MS);
    return now >= e->patience;
}

static enum rc
turn(struct engine *e, struct err *err)
{
    int running = 0, left = 0;
    if (signals_pending())
        return err_set(err, RC_INTERRUPTED, "interrupted while waiting for the network");
    int64_t next = start_ready(e);
    if (curl.multi_perform(e->h->multi, &running) != CURLM_OK)
        return err_set(err, RC_INTERNAL, "the network library failed");
    for (CURLMsg *m; (m = curl.multi_read(e->h->multi, &left)) != NULL;) {
        struct transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result; /* m is gone with the handle */
        (void)curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish_try(e, t, code);
        next = 0;
    }
    if (next == 0)
        return RC_OK;
    int64_t wait = next > 0 ? next - clock_mono_ms() : POLL_MS;
    if (e->patience != 0 && wait > e->patience - clock_mono_ms())
        wait = e->patience - clock_mono_ms();
    wait = wait < 0 ? 0 : wait > POLL_MS ? POLL_MS : wait;
    (void)curl.multi_poll(e->h->multi, NULL, 0, (int)wait, NULL);
    return RC_OK;
}

/* "https://host:port/..." to "host:port", for messages. */
static void
host_of(char out[URL_HOST + 1], const char *url)
{
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    (void)snprintf(out, URL_HOST + 1, "%.*s", (int)strcspn(host, "/?#"), host);
}

static int
is_plain(const char *line)
{
    for (; *line != '\0'; line++) {
        if ((unsigned char)*line < ' ' || *line == 127)
            return 0;
    }
    return 1;
}

static enum rc
check_request(const struct http_request *r, struct err *err)
{
    int plain = is_plain(r->url) && strncmp(r->url, "https://", 8) == 0;
    for (size_t i = 0; i < r->header_count; i++)
        plain = plain && is_plain(r->headers[i]);
    return plain ? RC_OK
                 : err_set(err, RC_INTERNAL, "%s: a malformed request was not sent", r->what);
}

static void
prepare(struct engine *e, struct http_request *const *requests)
{
    int64_t now = e->began = clock_mono_ms();
    for (size_t i = 0; i < e->count; i++) {
        struct transfer *t = &e->all[i];
        struct http_request *r = t->r = requests[i];
        t->deadline = now + (e->h->timeout_ms > 0 ? e->h->timeout_ms : ALL_MS);
        host_of(t->host, r->url);
        r->rc = RC_OK;
        err_clear(&r->err);
        r->status = r->lost = 0;
        r->tries = 0;
        r->rc = check_request(r, &r->err);
        t->done = r->rc != RC_OK;
    }
}

enum rc
http_run(struct http *http, struct http_request *const *requests, size_t count, struct err *err)
{
    struct engine e = {.h = http, .count = count, .window = WINDOW};
    enum rc rc = RC_OK;
    if (count == 0)
        return RC_OK;
    e.all = calloc(count, sizeof *e.all);
    if (e.all == NULL)
        return err_nomem(err);
    prepare(&e, requests);
    while (rc == RC_OK && !all_done(&e))
        rc = turn(&e, err);
    for (size_t i = 0; i < count; i++) {
        struct transfer *t = &e.all[i];
        if (t->easy != NULL)
            t->r->lost = 1;
        stop(http, t);
        if (!t->done) {
            t->r->rc = rc;
            t->r->err = *err; /* of no interest where it was aside */
        }
    }
    free(e.all);
    return rc;
}
