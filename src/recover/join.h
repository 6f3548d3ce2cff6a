/* Making a store from a copy: `join`, and the implicit join of --from. */
#ifndef RECOVER_JOIN_H
#define RECOVER_JOIN_H

#include "copy/identity.h"
#include "copy/pull.h"

/* What a person should see before trusting a copy that nothing anchors. */
struct join_seen {
    struct copy_identity identity;
    struct pull_report report;
    char bound[LIMIT_NAME + 1]; /* the copy's name in keymuster.conf */
};

struct join {
    const char *url;
    struct remote_access access;
    const char *dir;         /* where the store will be */
    const char *site;        /* name or UUID, or NULL (an evidence store without --site) */
    const char *author_name; /* [a-z0-9._-]{1,64}; NULL: the host's name made to fit */
    const char *expect;      /* escrow id, or NULL */
    /* join_copy only: a spare author's key that the store takes, or NULL for a key of its own. It
     * must be admitted by the log, and not have been used before unless accept_risk says why. */
    const struct secret *spare;
    const struct sign_public *spare_public;
    const char *accept_risk;
    const char *bind_name; /* name to bind the copy under in keymuster.conf; NULL: its name in the
                              log, else "from" */
    /* Asked before anything is kept when expect is NULL; anything but RC_OK ends it. May be NULL.
     */
    enum rc (*confirm)(void *arg, const struct join_seen *seen, struct err *err);
    /* Asked before every pull, for what it must know of the store. May be NULL. */
    enum rc (*before)(void *arg, struct store *store, struct err *err);
    /* Asked after every pull, before join_copy keeps anything: a card's floor. May be NULL. */
    enum rc (*check)(void *arg, const struct store *pulled, const struct join_seen *seen,
                     struct err *err);
    void *arg;
};
/*
 * Identifies the copy, pulls and verifies it into a temporary store, checks the site (RC_NOT_FOUND
 * when the pull did not bring it), appends author.joined, binds the copy, puts the store in place
 * (all or nothing). RC_NOT_ANCHORED when expect differs; RC_POLICY for a spare that was not
 * admitted, was retired, or is in use elsewhere. *out is open for writing.
 */
enum rc join_copy(struct store **out, const struct join *how, struct join_seen *seen,
                  struct err *err) MUST_CHECK;

/* The first entry of a log. former: the author that this one continues, or NULL. Inside a
 * transaction. */
enum rc join_append_first(struct store *store, const char *name, const char *site,
                          const char *former, struct err *err) MUST_CHECK;

/*
 * --from: a store under $XDG_STATE_HOME/keymuster/recover/<escrow id> (else ~/.local/state/...), or
 * evidence when that is not NULL; made by join_copy if it is not there, else opened, its copy
 * rebound if the url differs, and pulled again.
 */
enum rc join_from(struct store **out, const struct join *how, const char *evidence,
                  struct join_seen *seen, struct err *err) MUST_CHECK;

/*
 * The same store for the records alone, where there is no copy to pull from (--from EXPORT): opened
 * if it is there (RC_COPY_FOREIGN when it is another escrow's), else made with nothing in its log
 * but author.joined. site: UUID or "". A copy pulled into it later completes it.
 */
enum rc join_alone(struct store **out, const struct sign_public *founder, const char *name,
                   const char *site, const char *evidence, struct err *err) MUST_CHECK;
/* Where join_from and join_alone keep that store. */
enum rc join_evidence_dir(char out[PATH_SIZE], const char *escrow, const char *evidence,
                          struct err *err) MUST_CHECK;

#endif
