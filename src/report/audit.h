/*
 * What the audit report says: counts and short lists, gathered in one walk over the keys and a few
 * questions to the log, none of them as long as the escrow; the register itself is walked again
 * when it is written. All of it as of one moment, which is given, so that the same store says the
 * same again.
 */
#ifndef REPORT_AUDIT_H
#define REPORT_AUDIT_H

#include "escrow/inventory.h"
#include "report/finding.h"
#include "report/sealed.h"
#include "report/sheet.h"

enum {
    AUDIT_STATES = 6,   /* NIST SP 800-57: pre-activation to destroyed */
    AUDIT_PURPOSES = 6, /* and one more row for what else a log may say */
    AUDIT_AGES = 6,     /* parts of the cryptoperiod that have passed */
    AUDIT_WEEKS = 53,
    AUDIT_OUTCOMES = 3,
    AUDIT_CELLS = 12,
    AUDIT_LIST = 500 /* rows that a list keeps */
};
extern const char *const audit_states[AUDIT_STATES + 1];
extern const char *const audit_purposes[AUDIT_PURPOSES + 2];
extern const char *const audit_ages[AUDIT_AGES + 1];

/* How a cell is told: to programs as it is (numbers as numbers), to people shorter. */
enum audit_kind { AUDIT_TEXT, AUDIT_AT, AUDIT_INT, AUDIT_MS, AUDIT_YES };
struct audit_column {
    const char *name;  /* member of JSON; NULL ends a list of columns */
    const char *title; /* for people; NULL, and so of all behind it: only for programs */
    enum audit_kind kind;
};

/* Rows of words, the first ones of perhaps many. */
struct audit_list {
    const struct audit_column *columns;
    struct audit_line {
        char *cells[AUDIT_CELLS]; /* owned; NULL: empty */
        enum sheet_mark mark;
        int64_t number; /* to draw; -1: none */
    } * lines;
    size_t count;
    int64_t total; /* with those that are not here */
};
/* Copies the cells, one for each column; beyond the most there is room for only total grows. */
enum rc audit_list_add(struct audit_list *l, const char *const *cells, enum sheet_mark mark,
                       int64_t number, struct err *err) MUST_CHECK;

struct audit {
    const struct store *store; /* perhaps a view of an earlier time */
    int64_t now_ms;            /* as of */
    char as_of[TIME_TEXT + 1];
    const char *version; /* of keymuster */
    char site[LIMIT_NAME + 1];
    struct chain chain;
    /* What the changes are counted from: an earlier report, or a time. */
    const struct chain *since_chain; /* borrowed; NULL: by the time */
    char since[TIME_TEXT + 1];

    int64_t keys, active, wanted;
    int64_t states[AUDIT_STATES][AUDIT_PURPOSES + 1];
    int64_t ages[AUDIT_AGES];
    /* Of the keys that may still be needed: */
    int64_t lost;      /* no wrap under a root key that is not destroyed */
    int64_t homebound; /* must outlive a site, and no wrap lies under a KMS elsewhere */
    int64_t due;       /* not proven by a drill that counts as often as policy asks; of these: */
    int64_t never;     /* never at all */
    int64_t failing;   /* the newest drill under a root key failed */
    int64_t unreleased, unconfirmed, unproven, exposed, owing, conflicts, behind;
    int64_t copies_late, copies_contradicting;
    int64_t drilled_at, proven_at; /* of the newest drill, of the newest without a failure; 0 */
    int64_t rto_ms, rpo_ms;        /* of the newest that has them; -1 */
    int64_t reveals, drills, drills_good;
    int64_t weeks[AUDIT_OUTCOMES][AUDIT_WEEKS]; /* proven, inconclusive, failed; oldest first */

    struct policy policy;
    struct audit_list findings[FINDING_SEVERITIES];
    struct audit_list open; /* keys and what is open about them */
    struct audit_list duties, debts;
    struct audit_list roots, copies, drilled, revealed, changed, changes, sites, contradictions;
};
/* as_of, now_ms, since and version are set. Changes of a report before are since_chain's. */
enum rc audit_gather(struct audit *a, struct err *err) MUST_CHECK;
void audit_release(struct audit *a);
/* audit_log.c: what the entries say. */
enum rc audit_gather_log(struct audit *a, struct err *err) MUST_CHECK;
enum rc audit_gather_changes(struct audit *a, struct err *err) MUST_CHECK;

/* A cell for people: "2026-11-25 02:12", "3 h 5 min". out lives as long as the answer. */
enum { AUDIT_SHOWN = 40 };
const char *audit_shown(char out[AUDIT_SHOWN], const struct audit_column *column, const char *cell);

/* One or more sentences; *good: nothing is open. */
void audit_verdict(struct buf *out, const struct audit *a, int *good);

/* The register, a row for each key. */
enum rc audit_register_html(struct sealed *out, struct sheet *s, const struct audit *a,
                            struct err *err) MUST_CHECK;
enum rc audit_register_csv(struct sealed *out, const struct audit *a, struct err *err) MUST_CHECK;
/* A line for each. */
enum rc audit_register_ndjson(struct sealed *out, const struct audit *a,
                              struct err *err) MUST_CHECK;
enum rc audit_register_json(struct sealed *out, struct jw *w, const struct audit *a,
                            struct err *err) MUST_CHECK;

enum rc audit_page(struct sealed *out, const struct audit *a, struct err *err) MUST_CHECK;
/* One object on one line, with its LF. */
enum rc audit_json(struct sealed *out, const struct audit *a, struct err *err) MUST_CHECK;

/* cbom.c: a bill of materials, CycloneDX 1.6; counts what is in it. */
struct cbom_count {
    int64_t keys, roots, algorithms;
};
enum rc audit_cbom(struct sealed *out, const struct audit *a, struct cbom_count *count,
                   struct err *err) MUST_CHECK;
/* metrics.c: Prometheus' text format 0.0.4. per_key: a series for each key. All was gathered. */
enum rc audit_metrics(struct sealed *out, const struct audit *a, int per_key,
                      struct err *err) MUST_CHECK;

/* Which facts the report gives evidence of, by framework; see audit_map.c. */
void audit_map_page(struct sheet *s);
void audit_map_json(struct jw *w);

#endif
