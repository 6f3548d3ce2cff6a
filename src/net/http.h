/*
 * HTTPS, the only user of libcurl, which is loaded when the first client is made (never at start:
 * it costs more than the rest of a start, and one of its libraries reads the environment).
 *
 * https only; peer and host verified; TLS 1.2 or later with forward secrecy; no redirects, no
 * cookies, no .netrc, no proxy but a configured one; every answer has a largest size. Requests go
 * out concurrently, over HTTP/2 where the server offers it, in a window that starts wide and
 * shrinks on 429.
 *
 * Repeats: connection errors, 429 and 5xx except 501, at most four of them, Retry-After first, else
 * doubling with jitter. Never after a certificate failure. A request that may not be repeated is
 * repeated only when it cannot have been acted on (no connection, 429).
 *
 * Secrets: what is received and sent passes through buffers that are wiped when they are freed; a
 * bearer token is never in a message or a log.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct http; /* a client: its connections */

enum { HTTP_CONNECTIONS_MOST = 100 };

/* Which error each kind of failure is, for the service that is asked. */
struct http_codes {
    enum rc unreachable; /* no connection, broken off, too slow */
    enum rc untrusted;   /* certificate, protocol version, ciphers */
    enum rc reply;       /* not HTTP, too large, a redirect */
    enum rc large;       /* too large; RC_OK: as reply */
    enum rc proxy;       /* the proxy refuses; RC_OK: as unreachable */
};

struct http_config {
    const char *ca;    /* PEM file that replaces the system's; NULL */
    const char *pin;   /* sha256//BASE64 of the only public key that is taken, whatever vouches for
                          it; NULL */
    const char *proxy; /* http[s]://HOST:PORT; NULL: none. RC_SECRET_LITERAL with a login in it */
    const struct secret *proxy_login[2]; /* user and password, each with its NUL, borrowed for the
                                            life of the client; NULL */
    int64_t timeout_ms;   /* longest wait for one request, repeats included; 0: 30 s a try, 120 s in
                             all */
    unsigned connections; /* at once to one host that speaks HTTP/1.1 only, HTTP_CONNECTIONS_MOST
                             at most; 0: the usual */
};

struct http_request {
    /* in; borrowed during http_run */
    const char *method; /* "GET" ... */
    const char *url;    /* https://... */
    const char *what;   /* the service, for messages: "KMS", "IAM" */
    const char *const *headers;
    size_t header_count;            /* "Name: value", no CR, LF */
    const struct secret *bearer[2]; /* Authorization: Bearer, both parts together; NULL */
    const struct secret *login[2];  /* user and password, each with its NUL; NULL. As Basic, or: */
    const char *sigv4;              /* "aws:amz:REGION:s3": they sign. The caller gives the header
                                       x-amz-content-sha256; libcurl 7.88 does not. NULL */
    const struct secret *token;     /* X-Amz-Security-Token: signed with the rest; NULL */
    const char *accept;             /* NULL: application/json */
    const void *body;               /* NULL: none */
    size_t body_len;
    size_t most;    /* largest body of the answer; 0: 1 MiB */
    int start;      /* what is beyond `most` is left at the server, and is no error */
    int repeatable; /* doing it twice is as doing it once */
    int fresh;      /* on a connection of its own: one that was used before may turn out to be
                       closed, and libcurl then sends again by itself, unseen */
    int http1;      /* HTTP/1.1 only: an answer that comes before the body was read arrives */
    int aside;      /* only so that its connection is open for what comes next: tried once, and
                       hardly waited for; never the only one of a run */
    int64_t try_ms; /* one try; 0: 30 s */
    struct http_codes codes;
    enum rc other_key; /* a public key that is not the pinned one; 0: codes.untrusted */
    /* A 429 or 5xx that will not change; may be NULL. */
    int (*permanent)(const struct http_request *r);

    /* out */
    enum rc rc; /* RC_OK: an answer came, whatever its status */
    struct err err;
    int status;
    struct buf head; /* header lines as received, without the status line */
    struct buf text; /* body */
    int lost;        /* no answer, but it may have been acted on */
    unsigned tries;
    int64_t began_ms, ms; /* monotonic; from the first try to the end of the last */
    int64_t wait_ms;      /* what the last answer's Retry-After asked for, else -1 */
};

/* RC_CONFIG when libcurl is not installed or lacks what is needed, or the CA file cannot be read.
 */
enum rc http_new(struct http **out, const struct http_config *config, struct err *err) MUST_CHECK;
/* Whether it is the address of a proxy, or NULL. RC_BAD_VALUE, RC_SECRET_LITERAL. */
enum rc http_check_proxy(const char *proxy, struct err *err) MUST_CHECK;
void http_free(struct http *http); /* takes NULL */

void http_request_init(struct http_request *r, const char *method, const char *url);
void http_request_release(struct http_request *r); /* wipes the answer */

/* Runs them all, concurrently. RC_OK when each was tried, whatever came of it; RC_INTERRUPTED,
 * RC_NO_MEMORY otherwise (those that have no answer carry that error, too). */
enum rc http_run(struct http *http, struct http_request *const *requests, size_t count,
                 struct err *err) MUST_CHECK;

/* Whether text is a bearer token of at most `most` bytes, and nothing that could end a header. NULL
 * is none. */
int http_is_token(const char *text, size_t most);

/* Value of a header of the answer, any case of letters, into out, "" where there is none. 1 when
 * there is one that fits and has no control bytes. */
int http_header(const struct http_request *r, const char *name, char *out, size_t size);

#endif
