/*
 * A WebDAV server as a place for copies. What is written goes to a temporary name and is moved to
 * its own: with "Overwrite: F" where it is created. Measured: nginx, lighttpd, Apache and rclone
 * then refuse a name that exists; of two that come at the same time nginx and Apache may let both
 * in, so create-once is only usual there, and remote.c looks before and after. Conditions on PUT
 * are not used: half of the servers ignore them.
 */
#ifndef COPY_REMOTE_DAV_H
#define COPY_REMOTE_DAV_H

#include "copy/remote_http.h"

enum { DAV_ADDRESS = 3 * PATH_SIZE + 512 };

/* One request and its answer. */
struct dav_call {
    struct http_request q;
    struct buf url;
    struct buf destination; /* a header */
    const char *headers[3];
    const char *verb, *name; /* for messages */
};

/* name "" is the place itself. Run it, then release it, whatever came of it. */
enum rc dav_begin(struct dav_call *c, const struct remote *r, const char *method, const char *verb,
                  const char *name, struct err *err) MUST_CHECK;
void dav_end(struct dav_call *c);
/* An answer that is not what was asked for. */
enum rc dav_refused(const struct remote *r, const struct dav_call *c, struct err *err);

/* remote_dav_list.c: for remote_kind.reach and .list; folder "" is the place itself. */
enum rc dav_reach(struct remote *r, struct err *err) MUST_CHECK;
enum rc dav_list(struct remote *r, const char *folder, remote_fn fn, void *arg,
                 struct err *err) MUST_CHECK;

#endif
