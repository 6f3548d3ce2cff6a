/*
 * A copy: the escrow's objects at a remote place. Its only identity is the random id in copy.json;
 * the object "copy" of the log has the same 16 bytes as its UUID.
 */
#ifndef COPY_COPY_H
#define COPY_COPY_H

#include "base/limits.h"
#include "copy/remote.h"
#include "escrow/store.h"

/* An opened copy of this store's escrow. */
struct copy {
    struct remote *remote;
    char id[AUTHOR_TEXT + 1];  /* copy.json; "" without one */
    char uuid[UUID_TEXT + 1];  /* the same as a UUID; "" without one */
    char name[LIMIT_NAME + 1]; /* as bound here; for messages */
    int assumed;               /* its identity was not read now: copy_open_again */
    char place[HASH_TEXT + 1]; /* stands for the place where it was; "" when it was not */
};
/* Opens a copy bound in keymuster.conf as [copy "name"] url = ... and checks that it is this
 * escrow's (RC_COPY_FOREIGN) and still the copy that was bound (id; RC_COPY_TAMPERED otherwise).
 * RC_COPY_NOT_BOUND, RC_COPY_UNREACHABLE. */
enum rc copy_open(struct store *store, const char *name, struct copy *out,
                  struct err *err) MUST_CHECK;
/* The same without asking who it is where that was read lately: at a server within the hour, in a
 * folder when neither of the two objects has been touched since (another disk has others). For
 * commands that publish what they did. */
enum rc copy_open_again(struct store *store, const char *name, struct copy *out,
                        struct err *err) MUST_CHECK;
/* Asks it of a copy that was opened so, before something bad is said of it. */
enum rc copy_confirm(struct store *store, struct copy *copy, struct err *err) MUST_CHECK;
/* Opens any place as a copy of this escrow (--from). name is for messages. */
enum rc copy_open_url(struct store *store, const char *url, const struct remote_access *access,
                      const char *name, struct copy *out, struct err *err) MUST_CHECK;
/* What keymuster.conf says of how a copy is reached; borrowed until the next store_conf_set. */
void copy_access(const struct store *store, const char *name, struct remote_access *out);
/* Whether a copy bound here is at a site (UUID) by what the log says. Of "" none is. */
enum rc copy_is_at(const struct store *store, const char *name, const char *site, int *there,
                   struct err *err) MUST_CHECK;
void copy_close(struct copy *c);
/*
 * As copy_open, but escrow.json or copy.json may be damaged or gone: the binding says which copy
 * lies there. What soundly says that it is another copy or escrow is still refused.
 */
enum rc copy_open_damaged(struct store *store, const char *name, struct copy *out,
                          struct err *err) MUST_CHECK;

/*
 * Makes a place a copy: creates escrow.json and copy.json where they are missing (create-once),
 * adopts an id that this store does not know, replaces one already bound to another location (a `cp
 * -r`). Gives the id. Foreign escrow: RC_COPY_FOREIGN.
 */
enum rc copy_lay_out(struct store *store, struct remote *r, char id[AUTHOR_TEXT + 1],
                     struct err *err) MUST_CHECK;

#endif
