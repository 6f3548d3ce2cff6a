/*
 * SFTP through libcurl: one connection to one server, one request after the other. The server's
 * host key is checked before anything is sent; without a file of known hosts or a pinned key there
 * is no connection. Measured with libcurl 7.88, libssh2 1.10 and OpenSSH 9.2: a rename onto a name
 * that exists is refused; RSA keys of a client are (SHA-1).
 */
#ifndef NET_SFTP_H
#define NET_SFTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct sftp;

/* Which error each kind of failure is, for what is kept there. */
struct sftp_codes {
    enum rc unreachable; /* no connection, broken off, too slow */
    enum rc untrusted;   /* a host key that nothing here knows */
    enum rc changed;     /* another host key than the known one */
    enum rc denied;      /* the login */
    enum rc closed;      /* the server refuses the operation */
    enum rc full;
    enum rc proxy; /* it refuses the way to the server */
};

/* Borrowed during sftp_new only, but for the login of the proxy. */
struct sftp_config {
    const char *host;
    unsigned port; /* 0: 22 */
    const char *user;
    const char *known_hosts; /* a file as of OpenSSH; NULL */
    const char *host_key;    /* "SHA256:" and base64 without its "="; NULL. Takes precedence. */
    const struct secret *credential; /* the text of a private key, or a password */
    int64_t timeout_ms; /* longest wait for one request; 0: 30 s without a byte, 600 s in all */
    const char *proxy;  /* http[s]://HOST:PORT, which is asked to CONNECT; NULL: none */
    const struct secret *proxy_login[2]; /* as in net/http.h; borrowed for the life of it */
    struct sftp_codes codes;
};

/* Connects nowhere yet. RC_CONFIG without libcurl, or when it knows no SFTP. */
enum rc sftp_new(struct sftp **out, const struct sftp_config *config, struct err *err) MUST_CHECK;
void sftp_free(struct sftp *s); /* takes NULL; wipes the credential */

/* Paths are absolute at the server, or begin with "~/" at the user's home. All may end with
 * RC_INTERRUPTED, RC_NO_MEMORY and the codes of the configuration. */

/* The whole file, appended; out->max bounds it (RC_BAD_VALUE beyond). RC_NOT_FOUND. */
enum rc sftp_get(struct sftp *s, const char *path, struct buf *out, struct err *err) MUST_CHECK;
/* The same, but no more than out has room for, whatever the size of the file. */
enum rc sftp_get_start(struct sftp *s, const char *path, struct buf *out,
                       struct err *err) MUST_CHECK;
/* Writes a file under this name, from its beginning; folders that are missing are made. */
enum rc sftp_put(struct sftp *s, const char *path, const void *bytes, size_t len,
                 struct err *err) MUST_CHECK;
/* from becomes to. RC_EXISTS when it was refused, for whatever reason: look. replace: what has the
 * name goes first, and for a moment nothing has it. */
enum rc sftp_rename(struct sftp *s, const char *from, const char *to, int replace,
                    struct err *err) MUST_CHECK;
/* RC_NOT_FOUND when it was refused, for whatever reason. */
enum rc sftp_remove(struct sftp *s, const char *path, struct err *err) MUST_CHECK;
/* Names in a folder, one a line, in no order, "." and ".." among them. RC_NOT_FOUND. */
enum rc sftp_list(struct sftp *s, const char *path, struct buf *out, struct err *err) MUST_CHECK;

#endif
