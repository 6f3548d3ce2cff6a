/* What every kind of place implements; only remote*.c looks in here. */
#ifndef COPY_REMOTE_KIND_H
#define COPY_REMOTE_KIND_H

#include "copy/remote.h"
#include "sys/file.h"

/* Meanings as in remote.h. */
struct remote_kind {
    enum rc (*reach)(struct remote *r, struct err *err);
    enum rc (*get)(struct remote *r, const char *name, struct buf *out, struct err *err);
    enum rc (*create_once)(struct remote *r, const char *name, const void *bytes, size_t len,
                           struct err *err);
    enum rc (*put)(struct remote *r, const char *name, const void *bytes, size_t len,
                   struct err *err);
    enum rc (*withdraw)(struct remote *r, const char *name, struct err *err);
    enum rc (*list)(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err);
    enum rc (*probe)(struct remote *r, const char **verdict, struct err *err);
    void (*close)(struct remote *r); /* NULL: nothing to close */
};

struct remote {
    const struct remote_kind *kind;
    struct buf url;            /* canonical */
    const struct store *store; /* of remote_of_store, borrowed; else NULL */
    char folder[PATH_SIZE];    /* absolute; "" when the place is no folder */
    char path[PATH_SIZE];      /* of a server's, "/..." or "~/..." */
    struct sftp *sftp;
};

extern const struct remote_kind remote_dir_kind;
extern const struct remote_kind remote_sftp_kind;

/* remote_url.c */
int remote_has_scheme(const char *url); /* as in "sftp://" */
/* A folder's path out of url, and its one spelling. RC_BAD_VALUE. */
enum rc remote_folder_url(struct remote *r, const char *url, struct err *err) MUST_CHECK;
/* scheme://[USER@]HOST[:PORT]/PATH: the path and the one spelling into r, the rest into out. */
enum { REMOTE_USER = 128, REMOTE_HOST = 256 };
struct remote_server {
    char user[REMOTE_USER];
    char host[REMOTE_HOST];
    unsigned port; /* 0: not said */
};
enum rc remote_server_url(struct remote *r, const char *url, struct remote_server *out,
                          struct err *err) MUST_CHECK;

/* remote_sftp.c: r->path is set. */
enum rc remote_sftp_open(struct remote *r, const struct remote_server *server,
                         const struct remote_access *access, struct err *err) MUST_CHECK;
/* The credential of a place, read by what cli/ gave. RC_COPY_NO_CREDENTIAL. */
enum rc remote_secret(struct secret **out, const struct remote *r,
                      const struct remote_access *access, struct err *err) MUST_CHECK;
/* What has a name already, when another write of it was refused: mine is RC_OK, else
 * RC_CREATE_ONCE. torn (may be NULL): it is the beginning of mine. */
enum rc remote_settle(struct remote *r, const char *name, const void *bytes, size_t len, int *torn,
                      struct err *err) MUST_CHECK;
/* A new name in the folder of an object, for what is not whole yet. */
void remote_temporary(char out[PATH_SIZE], const char *name);

#endif
