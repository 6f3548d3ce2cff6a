/*
 * What the kinds of places that speak HTTPS share (S3, WebDAV): the client of one place, one
 * request after the other, and what a refusal means for a copy.
 */
#ifndef COPY_REMOTE_HTTP_H
#define COPY_REMOTE_HTTP_H

#include "copy/remote_kind.h"
#include "net/http.h"

/* Makes r->http; nothing is connected to yet. */
enum rc remote_http_open(struct remote *r, const struct remote_access *access,
                         struct err *err) MUST_CHECK;
/* For remote_kind.close: the client, and the login, wiped. */
void remote_http_close(struct remote *r);

/* A part of a credential as http_request.login wants it, with its NUL. */
enum rc remote_http_login(struct secret **out, const void *bytes, size_t len,
                          struct err *err) MUST_CHECK;

/* USER:PASSWORD into both parts. RC_BAD_VALUE, whose naming it. */
enum rc remote_http_user_password(struct secret *out[2], const struct secret *text,
                                  const char *whose, struct err *err) MUST_CHECK;

/* Initialises a request for a copy: its codes, its limits, the login of r. */
void remote_http_request(const struct remote *r, struct http_request *q, const char *method,
                         const char *url);
/* Runs one. RC_OK when an answer came, whatever its status. RC_COPY_TAMPERED when the answer is
 * larger than q->most; RC_COPY_REPLY when it is not HTTP, or sends elsewhere. */
enum rc remote_http_run(struct remote *r, struct http_request *q, struct err *err) MUST_CHECK;

/*
 * An answer that is not what was asked for: 401 RC_COPY_DENIED, 403 the same, or RC_COPY_READ_ONLY
 * for a write, 404 RC_NOT_FOUND, 413 and 507 RC_COPY_FULL, all else RC_COPY_UNREACHABLE. verb:
 * "reading", "writing"... cause: what the server says of it, "" for nothing.
 */
enum rc remote_http_refused(const struct remote *r, const struct http_request *q, const char *verb,
                            const char *name, const char *cause, struct err *err);
/* Whether the answer is a web page, as of a login or a proxy. */
int remote_http_is_page(const struct http_request *q);

#endif
