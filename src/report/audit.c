#include "report/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/time.h"

enum { AGE_NONE = 5 };

const char *const audit_states[AUDIT_STATES + 1] = {
    "pre-activation", "active", "suspended", "deactivated", "compromised", "destroyed", NULL};
const char *const audit_purposes[AUDIT_PURPOSES + 2] = {
    "config-backup",  "backup-copy", "backup-job", "capacity-tier",
    "restore-secret", "other",       "another",    NULL};
const char *const audit_ages[AUDIT_AGES + 1] = {
    "first quarter", "second quarter", "third quarter", "last quarter", "over", "no end set", NULL};

/* ---- lists ---- */

enum rc
audit_list_add(struct audit_list *l, const char *const *cells, enum sheet_mark mark, int64_t number,
               struct err *err)
{
    l->total++;
    if (l->count == AUDIT_LIST)
        return RC_OK;
    if (l->count % 64 == 0) {
        struct audit_line *more = realloc(l->lines, (l->count + 64) * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        l->lines = more;
    }
    struct audit_line *line = &l->lines[l->count++];
    memset(line, 0, sizeof *line);
    line->mark = mark;
    line->number = number;
    for (size_t i = 0; l->columns[i].name != NULL; i++) {
        if (cells[i] == NULL || cells[i][0] == '\0')
            continue;
        line->cells[i] = strdup(cells[i]);
        if (line->cells[i] == NULL)
            return err_nomem(err);
    }
    return RC_OK;
}

static void
audit_list_release(struct audit_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        for (size_t c = 0; c < AUDIT_CELLS; c++)
            free(l->lines[i].cells[c]);
    }
    free(l->lines);
    l->lines = NULL;
    l->count = 0;
}

const char *
audit_shown(char out[AUDIT_SHOWN], const struct audit_column *column, const char *cell)
{
    if (cell == NULL)
        return column->kind == AUDIT_MS ? "not recorded" : "";
    if (column->kind == AUDIT_MS)
        sheet_span(out, strtoll(cell, NULL, 10));
    else if (column->kind == AUDIT_AT && strlen(cell) == TIME_TEXT)
        (void)snprintf(out, AUDIT_SHOWN, "%.10s %.5s", cell, cell + 11);
    else
        return cell;
    return out;
}

/* ---- one key ---- */

struct looking {
    struct audit *a;
    struct inventory *inv;
};

static size_t
index_of(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return count;
}

/* Which part of its time has passed. */
static size_t
age_of(const struct audit *a, const struct inventory_item *i)
{
    int64_t created = 0;
    int64_t expires = inventory_time(i, INV_EXPIRES);
    if (expires == 0 || time_parse(&created, i->key.created_at) != 0)
        return AGE_NONE;
    if (a->now_ms >= expires)
        return 4;
    if (a->now_ms <= created)
        return 0;
    return (size_t)(4 * (double)(a->now_ms - created) / (double)(expires - created));
}

static int
is_wanted(const struct audit *a, const struct inventory_item *i)
{
    int64_t until = inventory_time(i, INV_NEEDED_UNTIL);
    if (strcmp(i->key.state, "destroyed") == 0 && !i->conflict)
        return 0;
    return until == 0 || until > a->now_ms;
}

/* Whether a wrap can still be opened; *elsewhere: also when the site that the key is for is gone.
 */
static int
is_usable(const struct inventory_item *i, int *elsewhere)
{
    int usable = 0;
    *elsewhere = !purpose_must_outlive(i->key.purpose) || i->key.protects_site[0] == '\0';
    for (size_t n = 0; n < i->live_count; n++) {
        const struct root *r = i->live[n].root;
        if (r->state == ROOT_DESTROYED)
            continue;
        usable = 1;
        if (r->site[0] != '\0' && strcmp(r->site, i->key.protects_site) != 0)
            *elsewhere = 1;
    }
    return usable;
}

static void
key_name(char out[KEY_NAME_BYTES + 32], const struct key *k)
{
    (void)snprintf(out, KEY_NAME_BYTES + 32, "%s@%" PRId64, k->name, k->generation);
}

static enum rc
add_open(struct audit *a, const struct inventory_item *i, const char *what, enum sheet_mark mark,
         struct err *err)
{
    char name[KEY_NAME_BYTES + 32];
    key_name(name, &i->key);
    const char *cells[] = {name, what, i->key.uuid};
    return audit_list_add(&a->open, cells, mark, -1, err);
}

static enum rc
take_duty(struct audit *a, const struct inventory_item *i, struct err *err)
{
    static const char *const lacks[] = {[DUTY_SUCCESSOR] = "a successor",
                                        [DUTY_DELIVERY] = "the delivery of its successor",
                                        [DUTY_DRILL] = "a drill of its successor",
                                        [DUTY_CONSUMERS] = "its last user to change over"};
    char name[KEY_NAME_BYTES + 32], times[24];
    key_name(name, &i->key);
    (void)snprintf(times, sizeof times, "%" PRId64, i->duty.times);
    const char *cells[] = {name,         i->duty.since,        times,
                           i->duty.left, lacks[i->duty.lacks], i->key.uuid};
    return audit_list_add(&a->duties, cells, SHEET_PLAIN, -1, err);
}

static enum rc
take_debts(struct audit *a, const struct inventory_item *i, struct err *err)
{
    char name[KEY_NAME_BYTES + 32];
    enum rc rc = RC_OK;
    key_name(name, &i->key);
    for (size_t n = 0; rc == RC_OK && n < i->debt_count; n++) {
        const char *cells[] = {name, i->debts[n]->object.name, i->key.uuid};
        rc = audit_list_add(&a->debts, cells, SHEET_PLAIN, -1, err);
    }
    if (rc == RC_OK && i->wraps_wanting > 0) {
        char more[64];
        (void)snprintf(more, sizeof more, "%" PRId64 " further root key%s, by policy",
                       i->wraps_wanting, i->wraps_wanting == 1 ? "" : "s");
        const char *cells[] = {name, more, i->key.uuid};
        rc = audit_list_add(&a->debts, cells, SHEET_PLAIN, -1, err);
    }
    return rc;
}

struct remark {
    int yes;
    int64_t *count;
    const char *what;
    enum sheet_mark mark;
};

/* Of a key that may still be needed. */
static enum rc
take_wanted(struct audit *a, const struct inventory_item *i, struct err *err)
{
    int elsewhere = 0;
    int usable = is_usable(i, &elsewhere);
    int due = drilled_is_due(&i->drills, i->drill_every, a->now_ms);
    const struct remark remarks[] = {
        {!usable, &a->lost, "no wrap under a root key that still exists", SHEET_BAD},
        {usable && !elsewhere, &a->homebound,
         "no wrap under a KMS outside the site it is to outlive", SHEET_BAD},
        {i->drills.failing > 0, &a->failing, "its newest drill failed", SHEET_BAD},
        {i->conflict, &a->conflicts, "two sites changed it apart", SHEET_PLAIN},
        {!i->released, &a->unreleased, "not on the copy that must hold it", SHEET_PLAIN},
        {i->unconfirmed, &a->unconfirmed, "adopted, and never confirmed", SHEET_PLAIN},
        {!i->key.has_check, &a->unproven, "it has no check value", SHEET_PLAIN},
        {i->behind > 0, &a->behind, "wrapped under an older version of a root key", SHEET_PLAIN},
        {due && !i->drills.proven, &a->never, "never proven by a drill that counts", SHEET_PLAIN},
        {due && i->drills.proven, NULL, "its last proof is too old", SHEET_PLAIN},
    };
    enum rc rc = RC_OK;
    a->due += due;
    for (size_t n = 0; rc == RC_OK && n < sizeof remarks / sizeof remarks[0]; n++) {
        if (!remarks[n].yes)
            continue;
        if (remarks[n].count != NULL)
            ++*remarks[n].count;
        rc = add_open(a, i, remarks[n].what, remarks[n].mark, err);
    }
    return rc;
}

static enum rc
take_item(void *arg, const struct inventory_item *i, struct err *err)
{
    struct looking *l = arg;
    struct audit *a = l->a;
    size_t state = index_of(audit_states, AUDIT_STATES, i->key.state);
    size_t purpose = index_of(audit_purposes, AUDIT_PURPOSES, i->key.purpose);
    enum rc rc = RC_OK;
    a->keys++;
    if (state < AUDIT_STATES)
        a->states[state][purpose]++;
    a->active += state == 1;
    if (strcmp(i->key.state, "destroyed") != 0)
        a->ages[age_of(a, i)]++;
    if (i->exposed) {
        a->exposed++;
        rc = take_duty(a, i, err);
    }
    if (rc == RC_OK && (i->debt_count > 0 || i->wraps_wanting > 0)) {
        a->owing++;
        rc = take_debts(a, i, err);
    }
    if (rc != RC_OK || !is_wanted(a, i))
        return rc;
    a->wanted++;
    return take_wanted(a, i, err);
}

static enum rc
gather_keys(struct audit *a, struct err *err)
{
    struct looking l = {.a = a};
    const struct inventory_filter all = {.only = 0};
    enum rc rc = inventory_open(&l.inv, a->store,
                                INV_FIELDS | INV_WRAPS | INV_DRILLS | INV_RELEASED | INV_DUTY |
                                    INV_SHARED | INV_DEBTS,
                                err);
    if (rc == RC_OK)
        rc = inventory_each(l.inv, &all, INV_BY_NAME, 0, take_item, &l, err);
    inventory_close(l.inv);
    return rc;
}

/* ---- the whole ---- */

/* clang-format off */
static const struct audit_column
    open_columns[] = {{"key", "KEY", AUDIT_TEXT}, {"open", "WHAT IS OPEN", AUDIT_TEXT}, {"uuid", "UUID", AUDIT_TEXT}, {NULL, NULL, 0}},
    duty_columns[] = {{"key", "KEY", AUDIT_TEXT}, {"since", "SEEN SINCE", AUDIT_AT}, {"times", "TIMES SHOWN", AUDIT_INT},
        {"left", "WHO LEFT", AUDIT_TEXT}, {"lacks", "STILL LACKS", AUDIT_TEXT}, {"uuid", "UUID", AUDIT_TEXT}, {NULL, NULL, 0}},
    finding_columns[] = {{"rule", "RULE", AUDIT_TEXT}, {"kind", "ABOUT", AUDIT_TEXT}, {"object", "NAME", AUDIT_TEXT},
        {"text", "WHAT", AUDIT_TEXT}, {"fix", "WHAT PUTS IT RIGHT", AUDIT_TEXT}, {"severity", NULL, AUDIT_TEXT}, {"uuid", NULL, AUDIT_TEXT}, {NULL, NULL, 0}},
    debt_columns[] = {{"key", "KEY", AUDIT_TEXT}, {"root", "NO WRAP UNDER", AUDIT_TEXT}, {"uuid", "UUID", AUDIT_TEXT}, {NULL, NULL, 0}},
    root_columns[] = {{"root", "ROOT KEY", AUDIT_TEXT}, {"kms", "KMS", AUDIT_TEXT}, {"site", "SITE", AUDIT_TEXT}, {"state", "STATE", 0},
        {"versions", "VERSIONS", AUDIT_INT}, {"observed_at", "OBSERVED", AUDIT_AT}, {"keys", "KEYS", AUDIT_INT},
        {"behind", "BEHIND", AUDIT_INT}, {"restore_until", NULL, AUDIT_AT}, {"uuid", NULL, AUDIT_TEXT}, {NULL, NULL, 0}},
    copy_columns[] = {{"copy", "COPY", AUDIT_TEXT}, {"site", "SITE", AUDIT_TEXT}, {"url", "WHERE", AUDIT_TEXT}, {"bound", "BOUND HERE", AUDIT_YES},
        {"kept_at", "CREDENTIAL KEPT AT", AUDIT_TEXT}, {"every", "DUE EVERY", AUDIT_TEXT}, {"reached_at", "REACHED", AUDIT_AT},
        {"age_ms", "AGE", AUDIT_MS}, {"missing", "ENTRIES MISSING", AUDIT_INT}, {"overdue", NULL, AUDIT_YES}, {"uuid", NULL, AUDIT_TEXT}, {NULL, NULL, 0}},
    contradiction_columns[] = {{"copy", "COPY", AUDIT_TEXT}, {"what", "WHAT IT SHOWED", AUDIT_TEXT}, {"detail", "DETAIL", 0},
        {"author", "OF AUTHOR", AUDIT_TEXT}, {"first_at", "FIRST SEEN", AUDIT_AT}, {"at", "LAST SEEN", AUDIT_AT},
        {"agreed_since", "AGREED SINCE", AUDIT_YES}, {"reached_at", NULL, AUDIT_TEXT}, {"uuid", NULL, AUDIT_TEXT}, {NULL, NULL, 0}},
    drill_columns[] = {{"drill", "DRILL", AUDIT_TEXT}, {"at", "BEGUN", AUDIT_AT}, {"site", "SITE", AUDIT_TEXT}, {"keys", "KEYS", AUDIT_INT},
        {"proven", "PROVEN", AUDIT_INT}, {"not_proven", "NOT PROVEN", AUDIT_INT}, {"rto_ms", "RTO MEASURED", AUDIT_MS},
        {"rpo_ms", "RPO MEASURED", AUDIT_MS}, {NULL, NULL, 0}},
    reveal_columns[] = {{"at", "WHEN", AUDIT_AT}, {"key", "KEY", AUDIT_TEXT}, {"who", "WHO", AUDIT_TEXT}, {"reason", "WHY", 0},
        {"ticket", "TICKET", AUDIT_TEXT}, {"to", "TO", AUDIT_TEXT}, {"shown", "SHOWN", AUDIT_YES}, {NULL, NULL, 0}},
    changed_columns[] = {{"kind", "WHAT", AUDIT_TEXT}, {"entries", "ENTRIES", AUDIT_INT}, {NULL, NULL, 0}},
    change_columns[] = {{"at", "WHEN", AUDIT_AT}, {"kind", "WHAT", AUDIT_TEXT}, {"about", "ABOUT", AUDIT_TEXT}, {"detail", "DETAIL", 0},
        {"by", "BY AUTHOR", AUDIT_TEXT}, {NULL, NULL, 0}},
    site_columns[] = {{"site", "SITE", AUDIT_TEXT}, {"region", "REGION", AUDIT_TEXT}, {"vendor", "VENDOR", AUDIT_TEXT}, {"lost", "LOST", AUDIT_YES}, {NULL, NULL, 0}};
/* clang-format on */

static void
set_columns(struct audit *a)
{
    for (size_t i = 0; i < FINDING_SEVERITIES; i++)
        a->findings[i].columns = finding_columns;
    a->open.columns = open_columns;
    a->duties.columns = duty_columns;
    a->debts.columns = debt_columns;
    a->roots.columns = root_columns;
    a->copies.columns = copy_columns;
    a->contradictions.columns = contradiction_columns;
    a->drilled.columns = drill_columns;
    a->revealed.columns = reveal_columns;
    a->changed.columns = changed_columns;
    a->changes.columns = change_columns;
    a->sites.columns = site_columns;
}

static enum rc
take_finding(void *arg, const struct finding *f, struct err *err)
{
    struct audit *a = arg;
    const char *cells[] = {
        f->rule, f->kind, f->object, f->text, f->fix, finding_severity_name(f->severity), f->uuid};
    return audit_list_add(&a->findings[f->severity], cells,
                          f->severity == FINDING_HIGH ? SHEET_BAD : SHEET_PLAIN, -1, err);
}

enum rc
audit_gather(struct audit *a, struct err *err)
{
    set_columns(a);
    enum rc rc = chain_of(&a->chain, a->store, err);
    if (rc == RC_OK && a->store->site[0] != '\0')
        rc = object_name(a->store, a->store->site, a->site, err);
    if (rc == RC_OK)
        rc = gather_keys(a, err);
    if (rc == RC_OK)
        rc = policy_load(&a->policy, a->store, err);
    if (rc == RC_OK)
        rc = finding_each(a->store, a->now_ms, take_finding, a, err);
    return rc == RC_OK ? audit_gather_log(a, err) : rc;
}

void
audit_release(struct audit *a)
{
    struct audit_list *const lists[] = {&a->open,    &a->duties,  &a->debts,         &a->roots,
                                        &a->copies,  &a->drilled, &a->revealed,      &a->changed,
                                        &a->changes, &a->sites,   &a->contradictions};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        audit_list_release(lists[i]);
    for (size_t i = 0; i < FINDING_SEVERITIES; i++)
        audit_list_release(&a->findings[i]);
    chain_release(&a->chain);
}

/* ---- in a sentence ---- */

static void
say(struct buf *out, int64_t n, const char *one, const char *many, int *count)
{
    if (n == 0)
        return;
    buf_addf(out, "%s%" PRId64 " %s", *count > 0 ? ", " : "", n, n == 1 ? one : many);
    ++*count;
}

void
audit_verdict(struct buf *out, const struct audit *a, int *good)
{
    int said = 0;
    struct buf open;
    buf_init(&open, 4096);
    *good = 0;
    say(&open, a->lost, "has no wrap that can be opened", "have no wrap that can be opened", &said);
    say(&open, a->homebound, "has none outside the site it is to outlive",
        "have none outside the site they are to outlive", &said);
    say(&open, a->failing, "failed its newest drill", "failed their newest drill", &said);
    say(&open, a->due, "is not proven by a drill as recent as policy asks",
        "are not proven by a drill as recent as policy asks", &said);
    say(&open, a->unreleased, "is not on the copy that must hold it",
        "are not on the copy that must hold them", &said);
    say(&open, a->exposed, "was seen by a person and is not replaced",
        "were seen by a person and are not replaced", &said);
    say(&open, a->owing, "lacks a wrap it was to have", "lack a wrap they were to have", &said);
    say(&open, a->conflicts, "is in conflict between sites", "are in conflict between sites",
        &said);
    if (a->keys == 0) {
        buf_adds(out, "The escrow holds no key: there is nothing to get back, and nothing proven.");
    } else if (said > 0) {
        buf_addf(out, "Of %" PRId64 " key%s that may still be needed, %s.", a->wanted,
                 a->wanted == 1 ? "" : "s", buf_str(&open));
    } else {
        *good = a->copies_late == 0;
        buf_addf(out,
                 "All %" PRId64 " key%s that may still be needed ha%s a wrap that can be opened "
                 "and %s proven by a drill as recent as policy asks.",
                 a->wanted, a->wanted == 1 ? "" : "s", a->wanted == 1 ? "s" : "ve",
                 a->wanted == 1 ? "was" : "were");
    }
    if (a->copies_late > 0)
        buf_addf(out, " %" PRId64 " cop%s overdue.", a->copies_late,
                 a->copies_late == 1 ? "y is" : "ies are");
    if (a->copies_contradicting > 0)
        buf_addf(out, " %" PRId64 " cop%s rolled back or with another history.",
                 a->copies_contradicting, a->copies_contradicting == 1 ? "y is" : "ies are");
    const int64_t high = a->findings[FINDING_HIGH].total,
                  medium = a->findings[FINDING_MEDIUM].total;
    buf_addf(out, " Findings: %" PRId64 " high, %" PRId64 " medium, %" PRId64 " low.", high, medium,
             a->findings[FINDING_LOW].total);
    *good = *good && high + medium == 0;
    buf_release(&open);
}
