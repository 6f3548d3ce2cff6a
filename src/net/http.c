#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypt/hash.h"
#include "net/transfer.h"
#include "net/url.h"
#include "net/wait.h"
#include "sys/process.h"

enum {
    TRIES = 5,
    TRIES_UNCONNECTED = 3, /* nobody is there: an outage is told soon */
    ALL_MS = 120000,
    WINDOW = HTTP_CONNECTIONS_MOST, /* streams of one HTTP/2 connection, requests under way */
    CONNECTIONS = 32,               /* where the server speaks HTTP/1.1 only */
    ASIDE_MS = 300,
    POLL_MS = 100 /* a signal is noticed within */
};

/* ---- a client ---- */

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
    transfer_stop(e->h, t);
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
        if (transfer_start(e->h, t, now) == RC_OK) {
            e->running++;
            continue;
        }
        transfer_stop(e->h, t);
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
        transfer_stop(http, t);
        if (!t->done) {
            t->r->rc = rc;
            t->r->err = *err; /* of no interest where it was aside */
        }
    }
    free(e.all);
    return rc;
}
