/*
 * Whose entries count. Trust is computed from the log alone (and this machine's own overrides),
 * never stored as a decision. See docs/reference/formats.md, "Trust".
 */
#ifndef ESCROW_TRUST_H
#define ESCROW_TRUST_H

#include <stdint.h>

#include "escrow/entry.h"
#include "escrow/store.h"

/* Index of a line's bearing on trust, whatever its author; called for every line taken in. */
enum rc trust_note(struct store *store, const struct entry *e, struct err *err) MUST_CHECK;

/* Evaluates anew. *changed tells whether the table `accepted` is now another. Inside a transaction.
 */
enum rc trust_refresh(struct store *store, int *changed, struct err *err) MUST_CHECK;

/* What the table `accepted` says of an author. standing: "spare", "founder", "admitted", "trusted",
 * "own", "blocked", or "unknown" for one that nobody admitted. upto: last entry that counts.
 * applied: how many are in the tables. */
struct trust {
    char standing[16];
    int rank;
    int64_t upto;
    int64_t applied;
};
enum rc trust_of(const struct store *store, const char *author, struct trust *out,
                 struct err *err) MUST_CHECK;
/* Accepted by the log, by the founder's chain, or by `author trust`; not merely one's own. */
int trust_accepted(const struct trust *t);

/* The same as the log alone says it, and so every other site: without this machine's overrides, and
 * with the end of the own log (LIMIT_NUMBER: it goes on), all of which a store applies itself.
 * applied stays 0. */
enum rc trust_elsewhere(const struct store *store, const char *author, struct trust *out,
                        struct err *err) MUST_CHECK;

/* A retirement names the last entry that counts by its hash: RC_CHAIN when another one is held at
 * that number. */
enum rc trust_verify(const struct store *store, struct err *err) MUST_CHECK;

/* Machine-local override; verdict "trust", "block", or NULL to forget it. Its own transaction. */
enum rc trust_override(struct store *store, const char *author, const char *verdict,
                       struct err *err) MUST_CHECK;

#endif
