/* Runs of runbooks in the log: `run.started`, `run.word`, `run.begun`, `run.ended`, `run.note`,
 * `run.finished`; who approved: `run.approved`, `run.attested`, `run.countersigned`; who took it
 * up: `run.resumed`.
 */
#ifndef ESCROW_RUNS_H
#define ESCROW_RUNS_H

#include "escrow/store.h"

struct run_record {
    char id[UUID_TEXT + 1];
    char runbook[LIMIT_NAME + 1];
    char text[HASH_TEXT + 1]; /* entry that has the runbook's text */
    char at[TIME_TEXT + 1];
    char finished[TIME_TEXT + 1]; /* "" while it goes on */
    int drill;
    int alone;               /* a step of it was ended without a second person */
    int judged;              /* that, or somebody approved or left out a step: recover/approval.h */
    int blind;               /* nobody was led: a key was got back by the page START-HERE */
    char key[UUID_TEXT + 1]; /* blind: which; else "" */
};
typedef enum rc (*run_fn)(void *arg, const struct run_record *r, struct err *err);
/* Newest first. */
enum rc run_each(const struct store *store, run_fn fn, void *arg, struct err *err) MUST_CHECK;
/* By its id or the beginning of it; ref NULL: the newest that goes on. RC_NOT_FOUND, RC_AMBIGUOUS.
 */
enum rc run_find(const struct store *store, const char *ref, struct run_record *out,
                 struct err *err) MUST_CHECK;

/* What happened in it, in the order of the times that the entries state. All borrowed for the call;
 * body is JSON, line the whole entry. */
struct run_event {
    const char *kind, *at, *author, *body;
    const char *line;
    size_t len;
};
typedef enum rc (*run_event_fn)(void *arg, const struct run_event *e, struct err *err);
enum rc run_events(const struct store *store, const char *run, run_event_fn fn, void *arg,
                   struct err *err) MUST_CHECK;

/* The runbook's text of an entry, into out. RC_NOT_FOUND. */
enum rc run_text(const struct store *store, const char *entry, struct buf *out,
                 struct err *err) MUST_CHECK;

#endif
