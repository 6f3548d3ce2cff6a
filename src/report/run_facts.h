/*
 * What the log says of a run, put in order for a report: attempts at each step, what was shown and
 * drilled, who agreed, and what a reader has to know before trusting it.
 *
 * Invariants: everything that points to an entry points into `evidence`; `run` is borrowed.
 */
#ifndef REPORT_RUN_FACTS_H
#define REPORT_RUN_FACTS_H

#include "recover/approval.h"
#include "recover/run.h"
#include "report/drill_rows.h"
#include "report/origin.h"

/* One attempt at a step: from where it was begun, or shown, to where it ended. */
struct run_attempt {
    size_t step;
    const struct entry *begun, *ended; /* one may be NULL */
    enum step_state state;             /* RUN_DOUBT: how it ended is not known */
    int64_t began_ms, ended_ms;        /* since 1970; -1: not known */
    int64_t ms;                        /* that it took; -1: not known */
    struct run_made {
        char kind[72];
        int64_t count;
    } * made; /* what its command put into the log */
    size_t made_count;
};

/* A password that left keymuster, or was about to. */
struct run_shown {
    const struct entry *intended, *shown, *closed; /* the last two may be NULL */
    char key[KEY_NAME_BYTES + 32];
    char root[LIMIT_NAME + 1];
};

struct run_assent {
    enum approval_what what;
    const struct approval *judged; /* borrowed from the run; NULL: it says too little */
    const struct entry *e;
    const char *step; /* its id; or "" */
    char who[LIMIT_TEXT + 1];
};
int assent_counts(const struct run_assent *a);
const char *assent_word(const struct run_assent *a); /* "approved", "not approved"... */

/* What is missing from a run that went as its runbook says. */
struct run_gap {
    const char *code;
    const char *step; /* its id; or "" */
    char *text;
};

struct run_facts {
    const struct run *run;
    const struct store *store;
    struct evidence evidence;
    const struct entry *started, *finished; /* finished may be NULL */
    int64_t began_ms, last_ms; /* of the run; last_ms: where it finished, else its last entry */
    int64_t newest_ms;         /* of the newest entry in the copy it began from; -1: not recorded */
    int text_is_current;       /* the runbook has not been changed since */
    struct run_attempt *attempts;
    size_t attempt_count;
    struct run_shown *shown;
    size_t shown_count;
    struct drill_row *drilled;
    size_t drilled_count;
    struct run_assent *assents;
    size_t assent_count;
    const struct entry **notes;
    size_t note_count;
    struct run_gap *gaps;
    size_t gap_count;
    struct origin origin;
};
enum rc run_facts_new(struct run_facts **out, const struct store *store, const struct run *run,
                      struct err *err) MUST_CHECK;
void run_facts_free(struct run_facts *f);

/* Of a step over all its attempts: since 1970; -1 each when nothing is known of it. */
void run_facts_span(const struct run_facts *f, size_t step, int64_t *began_ms, int64_t *ended_ms);
/* Nobody had told those who followed it that it would come. */
int run_facts_blind(const struct run_facts *f);
/* The text member `name` of the first run.* entry that has it; NULL. */
const char *run_facts_said(const struct run_facts *f, const char *name);
/* The first of the fields that were written down with the end of a step; NULL: none, or what is
 * there is no object. */
const struct json *run_facts_fields(const struct entry *ended);
/* From the newest entry in the copy that the run began from to its beginning; -1: not recorded. */
int64_t run_facts_rpo(const struct run_facts *f);

/* Adds the gaps (run_gaps.c). */
enum rc run_gaps_find(struct run_facts *f, struct err *err) MUST_CHECK;

#endif
