/*
 * An SFTP server as a place for copies. What is written once goes to a temporary name and is
 * renamed: OpenSSH refuses a name that exists, and so a head has one author's bytes or another's,
 * never both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/remote_kind.h"
#include "net/sftp.h"

enum { LISTING = 8 * 1024 * 1024 };

enum rc
remote_sftp_open(struct remote *r, const struct remote_server *server,
                 const struct remote_access *access, struct err *err)
{
    struct secret *credential = NULL;
    if (server->user[0] == '\0') {
        (void)err_set(err, RC_BAD_VALUE, "%.300s names no user", remote_url(r));
        return err_hint(err, "write sftp://USER@HOST/path");
    }
    enum rc rc = remote_secret(&credential, r, access, err);
    if (rc != RC_OK)
        return rc;
    rc = remote_proxy_login(r, access, err);
    struct sftp_config config = {.host = server->host,
                                 .port = server->port,
                                 .user = server->user,
                                 .known_hosts = access->known_hosts,
                                 .host_key = access->host_key,
                                 .credential = credential,
                                 .timeout_ms = remote_timeout(0),
                                 .proxy = access->proxy,
                                 .proxy_login = {r->proxy_login[0], r->proxy_login[1]},
                                 .codes = {.unreachable = RC_COPY_UNREACHABLE,
                                           .untrusted = RC_COPY_UNTRUSTED,
                                           .changed = RC_COPY_HOST_KEY,
                                           .denied = RC_COPY_DENIED,
                                           .closed = RC_COPY_READ_ONLY,
                                           .full = RC_COPY_FULL,
                                           .proxy = RC_COPY_PROXY}};
    if (rc == RC_OK)
        rc = sftp_new(&r->sftp, &config, err);
    secret_free(credential);
    return rc;
}

static void
close_sftp(struct remote *r)
{
    sftp_free(r->sftp);
}

/* Where an object lies at the server. */
static enum rc
path_of(char out[PATH_SIZE], const struct remote *r, const char *name, struct err *err)
{
    size_t len = strlen(r->path);
    int n = snprintf(out, PATH_SIZE, "%s%s%s", r->path,
                     len > 0 && r->path[len - 1] == '/' ? "" : "/", name);
    return n > 0 && n < PATH_SIZE ? RC_OK
                                  : err_set(err, RC_BAD_VALUE, "%.100s is too long", r->path);
}

/* A server that answers, whether the folder is there or not: a copy may be about to be made. */
static enum rc
sftp_reach(struct remote *r, struct err *err)
{
    struct buf names;
    struct err none = ERR_INIT;
    buf_init(&names, LISTING);
    enum rc rc = sftp_list(r->sftp, r->path, &names, &none);
    buf_release(&names);
    if (rc == RC_OK || rc == RC_NOT_FOUND || rc == RC_BAD_VALUE || rc == RC_COPY_READ_ONLY)
        return RC_OK;
    *err = none;
    return rc;
}

static enum rc
get(struct remote *r, const char *name, struct buf *out, struct err *err)
{
    char path[PATH_SIZE];
    enum rc rc = path_of(path, r, name, err);
    if (rc == RC_OK)
        rc = sftp_get(r->sftp, path, out, err);
    if (rc == RC_OK)
        return rc;
    buf_clear(out);
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_NOT_FOUND, "%.200s is not at %.250s", name, remote_url(r));
    if (rc == RC_BAD_VALUE)
        return err_set(err, RC_COPY_TAMPERED, "%.200s at %.250s was altered: it is too large", name,
                       remote_url(r));
    if (rc == RC_COPY_READ_ONLY) /* reading is refused, so it is of no use at all */
        err->code = rc = RC_COPY_DENIED;
    return rc;
}

static void
forget(struct remote *r, const char *path)
{
    struct err none = ERR_INIT;
    err_ignore(sftp_remove(r->sftp, path, &none)); /* a leftover harms nobody */
}

/* The bytes under a temporary name beside the object, then its name. */
static enum rc
put_by(struct remote *r, const char *name, const void *bytes, size_t len, int replace,
       struct err *err)
{
    char temporary[PATH_SIZE];
    char from[PATH_SIZE];
    char to[PATH_SIZE];
    remote_temporary(temporary, name);
    enum rc rc = path_of(from, r, temporary, err);
    if (rc == RC_OK)
        rc = path_of(to, r, name, err);
    if (rc == RC_OK)
        rc = sftp_put(r->sftp, from, bytes, len, err);
    if (rc == RC_OK)
        rc = sftp_rename(r->sftp, from, to, replace, err);
    if (rc == RC_EXISTS || rc == RC_COPY_FULL)
        forget(r, from);
    return rc == RC_COPY_READ_ONLY || rc == RC_COPY_FULL
               ? remote_closed(r, "writing", name, rc, err)
               : rc;
}

static enum rc
create(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    return put_by(r, name, bytes, len, 0, err);
}

static enum rc
replace(struct remote *r, const char *name, const void *bytes, size_t len, struct err *err)
{
    enum rc rc = put_by(r, name, bytes, len, 1, err);
    return rc == RC_EXISTS ? remote_closed(r, "writing", name, RC_COPY_READ_ONLY, err) : rc;
}

static enum rc
take_away(struct remote *r, const char *name, struct err *err)
{
    char path[PATH_SIZE];
    struct buf there;
    enum rc rc = path_of(path, r, name, err);
    if (rc == RC_OK)
        rc = sftp_remove(r->sftp, path, err);
    if (rc != RC_NOT_FOUND)
        return rc;
    /* Not there, or it cannot be taken away. */
    buf_init(&there, LISTING);
    rc = get(r, name, &there, err);
    buf_release(&there);
    if (rc == RC_NOT_FOUND) {
        err_clear(err);
        return RC_OK;
    }
    return rc == RC_OK || rc == RC_COPY_TAMPERED
               ? remote_closed(r, "withdrawing", name, RC_COPY_READ_ONLY, err)
               : rc;
}

/* ---- listing ---- */

static enum rc
list(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err)
{
    char path[PATH_SIZE];
    struct buf names;
    buf_init(&names, LISTING);
    enum rc rc = path_of(path, r, folder, err);
    if (rc == RC_OK)
        rc = sftp_list(r->sftp, path, &names, err);
    if (rc == RC_NOT_FOUND) {
        err_clear(err);
        rc = RC_OK; /* no folder, no names */
    } else if (rc == RC_OK && names.len > 0) {
        rc = remote_each_line(names.data, fn, arg, err);
    }
    buf_release(&names);
    return rc;
}

const struct remote_kind remote_sftp_kind = {.reach = sftp_reach,
                                             .get = get,
                                             .create = create,
                                             .replace = replace,
                                             .remove = take_away,
                                             .list = list,
                                             .close = close_sftp};
