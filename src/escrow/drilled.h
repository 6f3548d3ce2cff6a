/*
 * What drills found out: recording a result, and what the results say of a key.
 *
 * A drill counts for the site that it was run at; one without a site counts for none. A key that
 * must outlive a site is proven only by a drill at another site than that, under a root key whose
 * KMS is at another site, and from a copy that is not known to be at the site it protects.
 */
#ifndef ESCROW_DRILLED_H
#define ESCROW_DRILLED_H

#include "escrow/key.h"

enum drill_outcome { DRILL_PROVEN, DRILL_FAILED, DRILL_INCONCLUSIVE };
const char *drill_outcome_name(enum drill_outcome outcome);

struct drilled {
    char key[UUID_TEXT + 1];
    char root[UUID_TEXT + 1]; /* "": there was none to ask */
    char copy[UUID_TEXT + 1]; /* "": it has no id, or an export was used */
    char site[UUID_TEXT + 1]; /* where it ran; "": unknown */
    char host[256];
    enum drill_outcome outcome;
    char code[8]; /* KMnnnn; "" when proven */
    int64_t ms;
    char request[64]; /* correlation id */
    char at[TIME_TEXT + 1];
};

/* Appends drill.result in the running transaction; at is not looked at. run: UUID that the results
 * of one drill share. export, reason, ticket: may be NULL. What the whole measured: after_ms from
 * its start to this result (-1: not said); rpo_ms the age of the earliest of `lost` entries that
 * the copy lacks (-1: not known), newest the time of the newest entry in it ("": not known). */
struct drill_of {
    const char *run, *export, *until, *reason, *ticket;
    int64_t after_ms, rpo_ms, lost;
    const char *newest;
};
enum rc drilled_append(struct store *store, const struct drilled *d, const struct drill_of *of,
                       struct err *err) MUST_CHECK;

/* Newest first, by the time that each entry states. */
typedef enum rc (*drilled_fn)(void *arg, const struct drilled *d, struct err *err);
enum rc drilled_each(const struct store *store, const char *key, drilled_fn fn, void *arg,
                     struct err *err) MUST_CHECK;

/* Whether a result at this site, under this root key, from this copy would count for the key. */
enum rc drilled_counts(const struct store *store, const struct key *key, const struct drilled *d,
                       int *yes, struct err *err) MUST_CHECK;

struct drilled_state {
    int any, proven;       /* any result; one that proves it and counts */
    struct drilled last;   /* the newest result */
    struct drilled newest; /* the newest that proves it and counts */
    int64_t failing;       /* root keys with a live wrap whose newest result is failed */
    char failing_root[UUID_TEXT + 1], failing_code[8]; /* one of them */
};
enum rc drilled_state(const struct store *store, const struct key *key, struct drilled_state *out,
                      struct err *err) MUST_CHECK;
/* The newest result under one root key, at any site; *found 0: none. */
enum rc drilled_under(const struct store *store, const char *key, const char *root,
                      struct drilled *out, int *found, struct err *err) MUST_CHECK;
/* The newest time at which a drill at this site (UUID) opened it, counting or not; "": never. */
enum rc drilled_opened_at(const struct store *store, const char *key, const char *site,
                          char at[TIME_TEXT + 1], struct err *err) MUST_CHECK;
/* Never proven, or so long ago (or in the future: one of two clocks is wrong) that it is time.
 * every_ms: by policy (POLICY_DRILL). */
int drilled_is_due(const struct drilled_state *s, int64_t every_ms, int64_t now_ms);
/* A key that somebody may still have to get back: not destroyed, and its needed-until date, if it
 * has one, has not passed. */
enum rc drilled_wants(const struct store *store, const struct key *key, int64_t now_ms, int *yes,
                      struct err *err) MUST_CHECK;

#endif
