/*
 * Findings: what is not as it should be, each with a severity, the rule that it breaks, the object
 * it is about, a sentence, and a command that puts it right. Read only; nothing is asked over a
 * network. `audit check` prints them, `report audit` files them.
 *
 * Rules and severities are stable and listed in docs/reference/audit.md; rules may be added.
 */
#ifndef REPORT_FINDING_H
#define REPORT_FINDING_H

#include "escrow/key.h"
#include "escrow/policy.h"

enum finding_severity { FINDING_LOW, FINDING_MEDIUM, FINDING_HIGH, FINDING_SEVERITIES };
/* "low", "medium", "high". */
const char *finding_severity_name(enum finding_severity severity);

enum { FINDING_TEXT = 2048, FINDING_FIX = KEY_REF + 128 };

enum finding_rule {
    /* keys */
    FINDING_OUTLIVE,
    FINDING_FATE,
    FINDING_NO_WAY,
    FINDING_OWED,
    FINDING_WRAPS,
    FINDING_COPIES,
    FINDING_UNRELEASED,
    FINDING_NO_CHECK,
    FINDING_NEVER_DRILLED,
    FINDING_DRILL_DUE,
    FINDING_DRILL_FAILED,
    FINDING_UNCONFIRMED,
    FINDING_EXPOSED,
    FINDING_BEHIND,
    FINDING_REWRAP_DUE,
    FINDING_AGE,
    FINDING_EXPIRED,
    FINDING_EXPIRES,
    FINDING_COMPROMISED,
    FINDING_DESTROYED,
    FINDING_SUSPENDED,
    FINDING_NOT_NEEDED,
    /* the rest */
    FINDING_CONFLICT,
    FINDING_CREDENTIAL,
    FINDING_CIRCLE,
    FINDING_KEPT_AT,
    FINDING_NO_COPY,
    FINDING_COPY_LATE,
    FINDING_COPY_CONTRADICTS,
    FINDING_COPIES_GONE,
    FINDING_UNPUBLISHED,
    FINDING_SITE_LOST,
    FINDING_ROOT_DESTROYED,
    FINDING_ROOT_DISABLED,
    FINDING_ROOT_EXPIRED,
    FINDING_ROOT_EXPIRES,
    FINDING_HPCS,
    FINDING_ONE_AUTHOR,
    FINDING_AUTHORS_GONE,
    FINDING_NOT_ADMITTED,
    FINDING_CLOCK,
    FINDING_UNAPPLIED,
    FINDING_EXPORT,
    FINDING_ALONE,
    FINDING_APPROVAL,
    FINDING_APPROVERS,
    FINDING_NEVER_RECOVERED,
    FINDING_FOREIGN_UNWRAP,
    FINDING_POLICY_UNMET,
    FINDING_POLICY_UNKNOWN,
    FINDING_RULES
};
/* Its name and severity; rule below FINDING_RULES. */
const char *finding_rule_name(enum finding_rule rule);
enum finding_severity finding_rule_severity(enum finding_rule rule);

/* Everything is borrowed for the call. */
struct finding {
    enum finding_rule id;
    enum finding_severity severity;
    const char *rule; /* such as "drill-due" */
    const char *kind; /* "key", "site", "kms", "root", "copy", "author", "run", "policy", "export";
                         "escrow" for the whole */
    const char *object; /* its name; of a key NAME@GEN; "" for the whole */
    const char *uuid;   /* its UUID, of an author or run its id; "" where there is none */
    const char *text;   /* a sentence without its full stop; one line, not escaped */
    const char *fix;    /* a command line; words in upper case are to be filled in; "" for none */
};
typedef enum rc (*finding_fn)(void *arg, const struct finding *f, struct err *err);

/*
 * Calls fn for each finding: first of the escrow, its sites, KMSs, root keys, copies, authors and
 * runs, then of the keys by name, generation and UUID; in the same order each time. now_ms: ages
 * and dates are judged as of then (the clock of this machine, or the --as-of of a report); the
 * tables are those of the store as it is. One walk over the keys, nothing held of them.
 */
enum rc finding_each(const struct store *store, int64_t now_ms, finding_fn fn, void *arg,
                     struct err *err) MUST_CHECK;

#endif
