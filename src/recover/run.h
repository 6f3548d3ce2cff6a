/*
 * A run: one execution of a runbook, real or as a drill. What it is follows from its entries in the
 * log alone, so that it can be taken up after a crash, by another person, at another machine.
 */
#ifndef RECOVER_RUN_H
#define RECOVER_RUN_H

#include "base/buf.h"
#include "escrow/runs.h"
#include "recover/approval.h"
#include "recover/runbook.h"

enum { RUN_WORDS = 16 };

enum step_state {
    RUN_OPEN,
    RUN_DOUBT, /* begun, and how it ended is not known */
    RUN_DONE,
    RUN_FAILED,
    RUN_SKIPPED
};
const char *step_state_name(enum step_state state);
/* What a run.ended entry calls it; NULL: there is none. */
enum step_state step_state_of(const char *result);

struct run_step {
    enum step_state state;
    char at[TIME_TEXT + 1];       /* of the last entry about it */
    char reason[LIMIT_TEXT + 1];  /* why it was skipped, or what failed */
    int exit;                     /* of its command */
    int alone;                    /* an approve step that one person ended */
    int countersigned;            /* and that somebody else has signed since */
    char person[LIMIT_TEXT + 1];  /* who did it, when the entry names them: UUID or name */
    int64_t ms;                   /* how long it took, once it has ended */
    char author[AUTHOR_TEXT + 1]; /* who began or ended it last; "" nobody yet */
    char by[LIMIT_NAME + 1];      /* the name of that installation, when it is another than this */
};

struct run {
    struct run_record record;
    struct runbook *book;
    struct run_step *steps;      /* one for each of the book's */
    char *words[RUN_WORDS];      /* by number of runbook_word; NULL: not said */
    char alone[LIMIT_TEXT + 1];  /* why one person may end its approve steps; "": they may not */
    char person[LIMIT_TEXT + 1]; /* who plays it here and now, for its entries; "" */
    struct player *players;
    size_t player_count;
    struct approval *approvals; /* by time */
    size_t approval_count;
    size_t approvers; /* others that policy wants to stand for it; 0: whoever asks did not look */
};

/* RC_NOT_FOUND: no such run, or its text has not arrived. For ref see run_find. */
enum rc run_load(struct run **out, const struct store *store, const char *ref,
                 struct err *err) MUST_CHECK;
/* The same of one that was found. */
enum rc run_load_record(struct run **out, const struct store *store,
                        const struct run_record *record, struct err *err) MUST_CHECK;
void run_free(struct run *r);

/* The word that nobody is asked for: the key that the run is about brings it with it, or there is
 * none. */
#define RUN_OFFICER "officer"

/* Whether a step belongs to this run: its mode; one that shows {officer} only where there is one.
 */
int run_has(const struct run *r, size_t i);
/* The step that comes next; the book's count when there is none. */
size_t run_next(const struct run *r);
/* Its number among those of this run, from 1, and how many these are. */
void run_place(const struct run *r, size_t i, size_t *number, size_t *of);

/* How many of its steps are in this state. */
size_t run_count(const struct run *r, enum step_state state);

/* The first word in braces of a text that nobody has said yet; NULL: none. */
const char *run_unsaid(const struct run *r, const char *text);
/* A text with its words in braces filled in. RC_BAD_VALUE for one that nobody said. */
enum rc run_fill(struct buf *out, const struct run *r, const char *text,
                 struct err *err) MUST_CHECK;
/* Takes a copy; with "key" comes "name". RC_BAD_VALUE: no such word. */
enum rc run_word_set(char *words[RUN_WORDS], const char *word, const char *value,
                     struct err *err) MUST_CHECK;

#endif
