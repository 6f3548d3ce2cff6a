/* What every kind of place implements; only remote*.c looks in here. */
#ifndef COPY_REMOTE_KIND_H
#define COPY_REMOTE_KIND_H

#include "copy/remote.h"
#include "sys/path.h"

/*
 * One try each; remote.c makes remote.h's promises of them. Errors name the object and the place:
 * remote_closed.
 */
struct remote_kind {
    enum rc (*reach)(struct remote *r, struct err *err);
    /* Appended. RC_NOT_FOUND; RC_COPY_TAMPERED when it is larger than out->max or no object. */
    enum rc (*get)(struct remote *r, const char *name, struct buf *out, struct err *err);
    /* Whole and under this name, or not at all. RC_EXISTS when it was refused and the reason may be
     * that the name is taken: the caller looks. */
    enum rc (*create)(struct remote *r, const char *name, const void *bytes, size_t len,
                      struct err *err);
    /* The same whatever has the name. */
    enum rc (*replace)(struct remote *r, const char *name, const void *bytes, size_t len,
                       struct err *err);
    /* RC_OK, too, when it is not there. */
    enum rc (*remove)(struct remote *r, const char *name, struct err *err);
    enum rc (*list)(struct remote *r, const char *folder, remote_fn fn, void *arg, struct err *err);
    /* Whether two that create one name at the same time are told apart for certain; NULL: yes. */
    int (*only_usual)(const struct remote *r);
    /* Whether an object of this size finds room; NULL: only by writing one. */
    enum rc (*room)(const struct remote *r, size_t len, struct err *err);
    void (*close)(struct remote *r); /* NULL: nothing to close */
};

struct remote {
    const struct remote_kind *kind;
    struct buf url;            /* canonical */
    const struct store *store; /* of remote_of_store, borrowed; else NULL */
    char folder[PATH_SIZE];    /* absolute; "" when the place is no folder */
    char path[PATH_SIZE];      /* of a server's, "/..." or "~/..." */
    int look_twice;
    struct sftp *sftp;
    struct s3 *s3;
    struct http *http;
    struct secret *login[2]; /* see remote_http_login; NULL */
    struct remote_asked asked;
    struct secret *proxy_login[2];
};

extern const struct remote_kind remote_dir_kind;
extern const struct remote_kind remote_sftp_kind;
extern const struct remote_kind remote_dav_kind;
extern const struct remote_kind remote_s3_kind;

/* remote_url.c */
int remote_has_scheme(const char *url); /* as in "sftp://" */
/* RC_BAD_VALUE when there is a password in it, whatever the scheme: it would be in every log, and
 * is not repeated here. To be asked before anything else says the address. */
enum rc remote_url_is_open(const char *url, struct err *err) MUST_CHECK;
/* Undoes %XX. -1 when malformed, too long or with a NUL. */
int remote_url_decode(char out[PATH_SIZE], const char *text) MUST_CHECK;
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
/* remote_dav.c: the same. */
enum rc remote_dav_open(struct remote *r, const struct remote_server *server,
                        const struct remote_access *access, struct err *err) MUST_CHECK;
/* remote_s3_open.c: as above; the server is access->endpoint, its host is the bucket. */
enum rc remote_s3_open(struct remote *r, const struct remote_server *server,
                       const struct remote_access *access, struct err *err) MUST_CHECK;
/* The credential of a place, read by what cli/ gave. RC_COPY_NO_CREDENTIAL. */
enum rc remote_secret(struct secret **out, const struct remote *r,
                      const struct remote_access *access, struct err *err) MUST_CHECK;
/* What has a name already: mine is RC_OK, else RC_CREATE_ONCE; *torn: it is the beginning of mine.
 */
enum rc remote_settle(struct remote *r, const char *name, const void *bytes, size_t len, int *torn,
                      struct err *err) MUST_CHECK;
/* What remote_wait said, else otherwise. */
int64_t remote_timeout(int64_t otherwise);
/* The same for any reference; whose names it in messages. */
enum rc remote_read_secret(struct secret **out, const char *ref, const char *whose,
                           struct err *err) MUST_CHECK;
/* remote_login.c: r->proxy_login, where there is one. */
enum rc remote_proxy_login(struct remote *r, const struct remote_access *access,
                           struct err *err) MUST_CHECK;
/* A write that a place refuses, or has no room for: names the object and the place, and what to do.
 * The cause is what err says so far. Returns rc; codes but RC_COPY_READ_ONLY and RC_COPY_FULL are
 * left as they are. */
enum rc remote_closed(const struct remote *r, const char *verb, const char *name, enum rc rc,
                      struct err *err);
/* Calls fn for each line of text, sorted, each once. text is altered. */
enum rc remote_each_line(char *text, remote_fn fn, void *arg, struct err *err) MUST_CHECK;
/* A new name in the folder of an object, for what is not whole yet. */
void remote_temporary(char out[PATH_SIZE], const char *name);

#endif
