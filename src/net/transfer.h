/*
 * One try of a request: started, taken back, and what is wrong with it in words. Used by http.c,
 * which decides when to try, and how often.
 */
#ifndef NET_TRANSFER_H
#define NET_TRANSFER_H

#include "net/http.h"
#include "net/libcurl.h"
#include "net/url.h"

/* What all requests of a client have in common. */
struct http {
    CURLM *multi;
    char *ca;
    char *pin;
    char *proxy;                         /* "": none */
    const struct secret *proxy_login[2]; /* borrowed; NULL */
    int64_t timeout_ms;
};

/* One request on its way. */
struct transfer {
    struct http_request *r;
    CURL *easy; /* NULL between tries */
    struct curl_slist *headers;
    char host[URL_HOST + 1];
    int64_t deadline; /* monotonic, for all tries */
    int64_t not_before;
    int done;
    int too_large;
    int enough;        /* r->start, and that is here */
    const char *proxy; /* "": none; borrowed from the client */
    int proxy_login;   /* it was given one */
    char detail[CURL_ERROR_SIZE];
};

/* Hands it to libcurl, the answer of an earlier try wiped. RC_NO_MEMORY, in the request's err, too:
 * transfer_stop it then. */
enum rc transfer_start(struct http *h, struct transfer *t, int64_t now) MUST_CHECK;
/* Takes it back, at whatever point it is. */
void transfer_stop(struct http *h, struct transfer *t);

enum fault { FAULT_NONE, FAULT_UNCONNECTED, FAULT_BROKEN, FAULT_UNTRUSTED, FAULT_REPLY, FAULT_OWN };

/* What libcurl says a try came to. Anything but FAULT_NONE: the request's err says it. */
enum fault fault_of(struct transfer *t, CURLcode code);
/* For an answer 3xx: FAULT_REPLY, which names the other host. */
enum fault fault_redirected(struct transfer *t);

#endif
