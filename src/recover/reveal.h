/*
 * The records around a showing. Order, each step durable before the next: reveal.intended, unwrap,
 * reveal.shown, the first byte, reveal.closed. No record possible: RC_NO_RECORD, nothing is shown.
 */
#ifndef RECOVER_REVEAL_H
#define RECOVER_REVEAL_H

#include "escrow/key.h"
#include "recover/unwrap.h"

struct reveal {
    const struct key *key; /* or NULL for a bare wrap: then wrap is its id */
    const char *wrap;
    const char *reason;      /* required */
    const char *ticket;      /* or NULL */
    const char *to;          /* "tty", "stdout", "file", "fd", "exec" */
    const char *person;      /* --as, or NULL */
    int unsynced;            /* --allow-unsynced was used */
    int unlocked;            /* memory was not locked, by --accept-risk */
    const char *accept_risk; /* its text, or NULL */
    const char *export;      /* --from EXPORT: SHA-256 of the file, and who signed it */
    const char *signer;
    const char *until;            /* --until: what was left out; NULL or "" */
    char intended[HASH_TEXT + 1]; /* set by reveal_intended */
};
enum rc reveal_intended(struct store *store, struct reveal *r, struct err *err) MUST_CHECK;
/* After unwrapping, before the first byte. A fresh wrap that came with it is recorded in the same
 * transaction. */
enum rc reveal_shown(struct store *store, const struct reveal *r, const struct unwrap *u,
                     struct err *err) MUST_CHECK;
/* how: "closed", "time", "signal", "failed: ...", "exit 0". */
enum rc reveal_closed(struct store *store, const struct reveal *r, const char *how,
                      struct err *err) MUST_CHECK;

/*
 * The release rule (design section 7): a secret leaves for the first time only after a copy has
 * acknowledged the key's record; RC_NOT_RELEASED with the ways out. A key that was shown before
 * passes.
 */
enum rc reveal_released(const struct store *store, const struct key *key,
                        struct err *err) MUST_CHECK;

#endif
