/*
 * Evidence: the accepted entries that tell of one run of a runbook, or of one drill, to be reported
 * on. By the time that each states (clocks differ: a view), then by author and number.
 */
#ifndef ESCROW_EVIDENCE_H
#define ESCROW_EVIDENCE_H

#include "escrow/entry.h"
#include "escrow/store.h"

struct evidence {
    struct evidence_entry {
        struct entry e; /* its texts live as long as this */
        char *line;
    } * list;
    size_t count, room;
};
void evidence_release(struct evidence *ev);

/*
 * Of a run: its run.* entries; showings and drill results whose reason names it ("run XXXXXXXX":
 * its command was started by a step); and those that its author's log has between the beginning of
 * a step and its end, whatever their reason.
 */
enum rc evidence_of_run(struct evidence *out, const struct store *store, const char *run,
                        struct err *err) MUST_CHECK;

/* What an author's log has between two entries, by kind. */
typedef enum rc (*evidence_kind_fn)(void *arg, const char *kind, int64_t count, struct err *err);
enum rc evidence_between(const struct store *store, const struct entry *from,
                         const struct entry *to, evidence_kind_fn fn, void *arg,
                         struct err *err) MUST_CHECK;

/* A drill: the results that share its id. */
struct drill_record {
    char id[UUID_TEXT + 1];
    char at[TIME_TEXT + 1]; /* of its first result */
    int64_t results;
};
typedef enum rc (*drill_record_fn)(void *arg, const struct drill_record *r, struct err *err);
/* By its id or the beginning of it; ref NULL: the newest. RC_NOT_FOUND names some that there are;
 * RC_AMBIGUOUS. */
enum rc drill_record_find(const struct store *store, const char *ref, struct drill_record *out,
                          struct err *err) MUST_CHECK;
enum rc evidence_of_drill(struct evidence *out, const struct store *store, const char *drill,
                          struct err *err) MUST_CHECK;

/* The head by which an author first spoke for its entry seq; *number 0: none yet. */
enum rc evidence_head(const struct store *store, const char *author, int64_t seq, int64_t *number,
                      char hash[HASH_TEXT + 1], struct err *err) MUST_CHECK;

#endif
