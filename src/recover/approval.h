/*
 * Who else stands for a run: approvals of its `approve` steps, and countersignatures of those that
 * one person ended alone. What counts is judged anew each time the log is read.
 *
 * An approval is signed with the registered key of a person, over one line of text; what somebody
 * only said, and somebody else wrote down, is attested. Nobody does either for a run that they
 * play.
 */
#ifndef RECOVER_APPROVAL_H
#define RECOVER_APPROVAL_H

#include "escrow/runs.h"
#include "recover/player.h"

struct run;

enum approval_what { APPROVAL_SIGNED, APPROVAL_ATTESTED, APPROVAL_COUNTERSIGNED };

struct approval {
    enum approval_what what;
    char step[LIMIT_NAME + 1];  /* "" for a countersignature */
    char person[UUID_TEXT + 1]; /* "": not registered */
    char name[LIMIT_TEXT + 1];
    char at[TIME_TEXT + 1];
    int counts;
    char why[160]; /* it does not */
};
/* "approved", "attested", "countersigned"; "not approved" for one that does not count. */
const char *approval_word(const struct approval *a);
/* The same as if it counted. */
const char *approval_word_claimed(const struct approval *a);

/* While a run is read: takes what one event says; then what follows from all. */
enum rc approval_take(struct run *r, const struct store *store, const struct run_event *e,
                      const struct json *body, struct err *err) MUST_CHECK;
void approval_settle(struct run *r);
void approval_release(struct run *r);

/* How many approvals or attestations a step still wants. */
size_t approval_lacking(const struct run *r, size_t i);
/* One that counts, of this step and person (name: of one not registered); NULL. */
const struct approval *approval_of(const struct run *r, size_t i, const char *person,
                                   const char *name);

/* Appends what is to be signed, one line with its line feed: of a step; of a countersignature, by
 * the names of its steps with a comma between (RC_NOT_FOUND: none). */
enum rc approval_text(struct buf *out, const struct run *r, const struct store *store, size_t i,
                      struct err *err) MUST_CHECK;
enum rc approval_counter_text(struct buf *out, const struct run *r, const struct store *store,
                              struct err *err) MUST_CHECK;
/* Whether a countersignature is about this step: ended alone and not countersigned; where there is
 * none of these, but policy wants more others to stand for the run (run.approvers, set by who asks
 * for it), every step that has ended. */
int approval_counters(const struct run *r, size_t i);
/* Others who stand for a run by what counts, each person once. */
size_t approval_standing(const struct run *r);
/* How many steps were ended alone (also left out without who was to approve), and how many of these
 * nobody has countersigned. */
size_t approval_alone(const struct run *r, size_t *open);
int approval_was_alone(const struct run *r, size_t i);

/* ---- over all runs ---- */
enum approval_finding { APPROVAL_DUTY, APPROVAL_BAD };
/* who: of a duty those who played it; of a bad one whose it is said to be, and why it does not
 * count. */
typedef enum rc (*approval_fn)(void *arg, const struct run *run, enum approval_finding what,
                               const struct approval *bad, const char *who, struct err *err);
/* Runs that want a countersignature, and approvals that do not verify, newest run first. */
enum rc approval_each(const struct store *store, approval_fn fn, void *arg,
                      struct err *err) MUST_CHECK;
/* Whether an approval or countersignature in the log counts, by its entry's time and body. */
enum rc approval_counts(const struct store *store, const struct json *body, const char *kind,
                        const char *at, int *yes, struct err *err) MUST_CHECK;

#endif
