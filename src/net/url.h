/* https addresses of services, as a person writes them down: scheme, host, port, path. */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/buf.h"
#include "base/err.h"

enum { URL_HOST = 253, URL_TEXT = 512 };

/* base: "https://HOST[:PORT][/PATH]", host in lower case, no slash at the end, port left out where
 * it is 443. */
struct url {
    char base[URL_TEXT + 1];
    char host[URL_HOST + 1];
    unsigned port;
    const char *path; /* inside base; "" or begins with "/" */
};

/*
 * RC_BAD_VALUE, what naming the place: another scheme than https, a user or password, a query, a
 * fragment, a byte that does not belong into a host name or path. out must not be moved or copied
 * (path points inside).
 */
enum rc url_parse(struct url *out, const char *text, const char *what, struct err *err) MUST_CHECK;
/* Appends a path as it stands in an address: bytes that do not stand for themselves as %XX. */
void url_add_path(struct buf *out, const char *path);
/* Cuts `tail` off the end of the base, where it stands there. */
void url_cut(struct url *url, const char *tail);

#endif
