/*
 * Policy: what the escrow asks of its keys and of who uses them. It is in the log (policy.changed),
 * so that all sites judge alike, and the only place where defaults are. A rule is set for all
 * purposes, or for one, which then wins. Where two sites set one rule apart, the stricter value
 * holds until `policy set` settles it. Nothing of it stops a recovery.
 */
#ifndef ESCROW_POLICY_H
#define ESCROW_POLICY_H

#include "base/err.h"
#include "escrow/store.h"

enum policy_rule {
    POLICY_WRAPS,     /* how many root keys a key must be wrapped under */
    POLICY_COPIES,    /* how many copies must hold its record */
    POLICY_MAX_AGE,   /* cryptoperiod: how old an active key may become; milliseconds */
    POLICY_REWRAP,    /* how long a wrap may stay behind a rotated root key; milliseconds */
    POLICY_DRILL,     /* how long a proof by a drill is good for; milliseconds */
    POLICY_REASON,    /* 1: what makes a key or takes one in states a reason */
    POLICY_TICKET,    /* 1: a showing names a ticket */
    POLICY_PERSON,    /* 1: a showing names the person who sees it */
    POLICY_APPROVERS, /* how many others must stand for a real run that has ended */
    POLICY_RULES
};
/* No limit, of the rules in milliseconds. */
#define POLICY_NONE INT64_MAX

enum { POLICY_PURPOSES = 6 };
/* The i-th purpose, in the order of the documentation; NULL behind the last. */
const char *policy_purpose(size_t i);

struct policy {
    int64_t value[POLICY_RULES][POLICY_PURPOSES];
    int64_t not_understood; /* values of rules that this version does not know, or cannot read */
};
enum rc policy_load(struct policy *out, const struct store *store, struct err *err) MUST_CHECK;
/* What holds for a purpose; of one that is not known, as for "other". */
int64_t policy_of(const struct policy *p, enum policy_rule rule, const char *purpose);
/* Of a count, the greatest of all purposes. */
int64_t policy_most(const struct policy *p, enum policy_rule rule);

/* ---- as text ---- */
/* "wraps", "drill" and so on; NULL behind the last. */
const char *policy_rule_name(size_t rule);
const char *policy_rule_help(enum policy_rule rule);
/* Of a rule, as it is written: "2", "90d", "none", "yes". */
enum { POLICY_TEXT = 32 };
void policy_value_text(char out[POLICY_TEXT], enum policy_rule rule, int64_t value);
int64_t policy_default(enum policy_rule rule);

/* One setting of the command line, [PURPOSE.]RULE=VALUE; VALUE "default" takes it back. */
struct policy_setting {
    enum policy_rule rule;
    const char *purpose; /* NULL: all */
    char field[64];      /* its name in the log, RULE or RULE.PURPOSE */
    char json[POLICY_TEXT + 2];
};
/* RC_BAD_VALUE, RC_NOT_FOUND; the hint lists what there is. */
enum rc policy_setting(struct policy_setting *out, const char *text, struct err *err) MUST_CHECK;
/* The field of the log back into rule and purpose (NULL: all); -1 for one that is not known. */
int policy_field(const char *field, enum policy_rule *rule, const char **purpose);

#endif
