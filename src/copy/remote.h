/*
 * Where the objects of a copy lie, whatever the kind of place: a folder, share or USB disk, an SFTP
 * or WebDAV server, a bucket of S3, behind the same functions. Names are relative, of fixed
 * patterns that we make ourselves, with '/' between parts.
 */
#ifndef COPY_REMOTE_H
#define COPY_REMOTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct remote;
struct store; /* escrow's */

/* How a place that is no folder is reached; all NULL for one that is. Borrowed during remote_open.
 * keymuster.conf keeps each under its name, with "-" for "_". */
struct remote_access {
    const char *credential;       /* a reference, see cli/ref.h */
    const char *known_hosts;      /* SFTP: a file as of OpenSSH */
    const char *host_key;         /* SFTP: "SHA256:..." */
    const char *endpoint;         /* S3: https://... */
    const char *region;           /* S3 */
    const char *iam;              /* S3 with an API key of IBM's: where tokens come from */
    const char *ca;               /* a file; else the system's */
    const char *proxy;            /* as in net/http.h */
    const char *proxy_credential; /* a reference, to USER:PASSWORD */
};
/* How a reference is read: cli/ does that. Set once, before the first remote_open. */
typedef enum rc (*remote_secret_fn)(struct secret **out, const char *ref, const char *what,
                                    struct err *err);
void remote_read_secrets_by(remote_secret_fn fn);
/* Longest wait for one request to a server, in milliseconds, as --timeout says it; 0: as the kind
 * of place has it. Before the first remote_open. */
void remote_wait(int64_t timeout_ms);

/*
 * "file:///path", "/path" or "a/path" (a word with a slash and no scheme);
 * "sftp://[USER@]HOST[:PORT]/PATH",
 * "/~/PATH" from the user's home; "s3://BUCKET[/PREFIX]". Nothing is touched or connected to yet.
 * access may be NULL. RC_BAD_VALUE; RC_COPY_NO_CREDENTIAL; what reading a credential may end with.
 */
enum rc remote_open(struct remote **out, const char *url, const struct remote_access *access,
                    struct err *err) MUST_CHECK;
/* What another store holds, to be pulled from; it is only read, and has to outlive this. */
enum rc remote_of_store(struct remote **out, const struct store *store, struct err *err) MUST_CHECK;
void remote_close(struct remote *r);            /* takes NULL */
const char *remote_url(const struct remote *r); /* canonical: file:///abs/path */
/* Local folder of the place, or NULL when it is not one. */
const char *remote_folder(const struct remote *r);

/* RC_OK when the place can be reached (the folder is there). RC_COPY_UNREACHABLE. */
enum rc remote_reach(struct remote *r, struct err *err) MUST_CHECK;

/* The whole object into out (emptied first; out->max bounds it). RC_NOT_FOUND when it is not there.
 */
enum rc remote_get(struct remote *r, const char *name, struct buf *out, struct err *err) MUST_CHECK;
/*
 * Creates an object once. RC_OK also when the same bytes are there already, and when what is there
 * is a strict prefix of these bytes (my own torn write): it is then replaced. Other bytes:
 * RC_CREATE_ONCE. The result is read back. RC_COPY_READ_ONLY, RC_COPY_FULL, RC_COPY_UNREACHABLE.
 */
enum rc remote_create_once(struct remote *r, const char *name, const void *bytes, size_t len,
                           struct err *err) MUST_CHECK;
/* From now on before a creation and after it the name is read: where a second creation is not
 * refused for certain. */
void remote_look_twice(struct remote *r, int yes);
/* Replaces an object (hints and recovery/ only). */
enum rc remote_put(struct remote *r, const char *name, const void *bytes, size_t len,
                   struct err *err) MUST_CHECK;
/* Takes an object of recovery/ away, if it is there; durable with the next remote_put beside it. */
enum rc remote_withdraw(struct remote *r, const char *name, struct err *err) MUST_CHECK;
/* Names of what lies directly under a folder name ("head", "log/<author>"); none for a missing
 * folder. Sorted. A hint: never proves absence. */
typedef enum rc (*remote_fn)(void *arg, const char *name, struct err *err);
enum rc remote_list(struct remote *r, const char *folder, remote_fn fn, void *arg,
                    struct err *err) MUST_CHECK;

/* What a place does with objects, tried with some of no meaning, which are taken away again where
 * that is allowed. */
struct remote_verdict {
    /* A second creation under a name: "enforced", refused and told apart for certain; "usual",
     * refused, though two at the same moment may both succeed; "refused", and not because of the
     * name; "ignored", it overwrites. "read-only": nothing can be written there. */
    const char *create_once;
    /* An object of REMOTE_LARGE bytes: there is room (a folder), it came and went, or not. */
    enum remote_large { LARGE_UNTRIED, LARGE_ROOM, LARGE_TAKEN, LARGE_REFUSED } large;
    char large_why[160];
    int overwrites; /* this account can put other bytes in the place of what is there */
    int removes;    /* it can take objects away */
};
enum { REMOTE_LARGE = 32 * 1024 * 1024 }; /* bytes; the largest segment is hardly larger */
/* PROBE_AGAIN leaves the large object out where it could not be taken away, PROBE_QUICK in any
 * case. */
enum probe_how { PROBE_FIRST, PROBE_AGAIN, PROBE_QUICK };
/* RC_OK, too, for a place that refuses to be written to. */
enum rc remote_probe(struct remote *r, enum probe_how how, struct remote_verdict *out,
                     struct err *err) MUST_CHECK;
/* What was asked of a place since it was opened: objects read (found or not), written, taken away,
 * folders listed. A kind of place may need more than one round trip for one of them. */
struct remote_asked {
    int64_t gets, puts, removes, lists;
    int64_t get_bytes, put_bytes;
};
void remote_asked(const struct remote *r, struct remote_asked *out);
/* Called before each; NULL ends it. For -vv. */
typedef void (*remote_watch_fn)(void *arg, const char *verb, const char *name, const char *url);
void remote_watch(remote_watch_fn fn, void *arg);

/* A folder of this machine: create-once holds there without a probe. */
int remote_is_local(const struct remote *r);

#endif
