/* The audit report as a page. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/audit.h"
#include "report/chart.h"

enum { COUNT = 24, BARS = 64 };

static void
number(char out[COUNT], int64_t n)
{
    (void)snprintf(out, COUNT, "%" PRId64, n);
}

/* A list as a table, with what was left off; none: what to say instead. */
static void
put_list(struct sheet *s, const struct audit_list *l, const char *caption, const char *none)
{
    const char *titles[AUDIT_CELLS + 1] = {NULL};
    size_t columns = 0;
    for (; l->columns[columns].title != NULL; columns++)
        titles[columns] = l->columns[columns].title;
    if (l->total == 0) {
        sheet_par(s, none, SHEET_PLAIN);
        return;
    }
    if (columns > 4)
        sheet_wide(s, caption, titles);
    else
        sheet_table(s, caption, titles);
    for (size_t i = 0; i < l->count; i++) {
        char shown[AUDIT_CELLS][AUDIT_SHOWN];
        const char *cells[AUDIT_CELLS];
        for (size_t c = 0; c < columns; c++)
            cells[c] = audit_shown(shown[c], &l->columns[c], l->lines[i].cells[c]);
        sheet_row(s, cells, l->lines[i].mark);
    }
    sheet_table_end(s);
    if (l->total > (int64_t)l->count) {
        char line[160];
        (void)snprintf(line, sizeof line,
                       "These are the first %zu of %" PRId64 "; the rest is in the register and in "
                       "the log (keymuster audit log).",
                       l->count, l->total);
        sheet_par(s, line, SHEET_PLAIN);
    }
}

static void
put_head(struct sheet *s, const struct audit *a)
{
    int good = 0;
    struct buf verdict;
    buf_init(&verdict, 8192);
    audit_verdict(&verdict, a, &good);
    sheet_section(s, "verdict", "Verdict");
    sheet_par(s, buf_str(&verdict), good ? SHEET_PLAIN : SHEET_BAD);
    buf_release(&verdict);
    sheet_factf(s, "escrow", SHEET_PLAIN, "%s (%s)", a->store->escrow, a->store->name);
    sheet_fact(s, "as of", a->as_of, SHEET_PLAIN);
    sheet_factf(s, "made by", SHEET_PLAIN, "author %s%s%s, keymuster %s", a->store->self.author,
                a->site[0] != '\0' ? " at " : "", a->site, a->version);
    sheet_factf(s, "keys", SHEET_PLAIN,
                "%" PRId64 ", %" PRId64 " active, %" PRId64 " may still be needed", a->keys,
                a->active, a->wanted);
    sheet_factf(s, "drills", SHEET_PLAIN, "%" PRId64 ", in %" PRId64 " of them everything proven",
                a->drills, a->drills_good);
    sheet_factf(s, "values shown", SHEET_PLAIN, "%" PRId64, a->reveals);
    sheet_factf(s, "log", SHEET_PLAIN, "%" PRId64 " entries of %zu author%s", a->chain.entries,
                a->chain.count, a->chain.count == 1 ? "" : "s");
}

static void
put_changes(struct sheet *s, const struct audit *a)
{
    char line[200];
    sheet_section(s, "changes", "Changes");
    if (a->since_chain != NULL)
        (void)snprintf(line, sizeof line,
                       "Since the report as of %s, by its position in every author's log.",
                       a->since);
    else
        (void)snprintf(line, sizeof line,
                       "Since %s, by the times that the entries state. From an earlier report, "
                       "exactly: --since FILE.",
                       a->since);
    sheet_par(s, line, SHEET_PLAIN);
    put_list(s, &a->changed, "How many entries, by what they record", "Nothing was recorded.");
    put_list(s, &a->changes, "Those to be read one by one, newest first of each author",
             "Nothing else changed.");
}

static void
put_states(struct sheet *s, const struct audit *a)
{
    static const char *const titles[] = {"STATE",      "config-backup", "backup-copy",
                                         "backup-job", "capacity-tier", "restore-secret",
                                         "other",      "ALL",           NULL};
    struct chart_bar bars[AUDIT_STATES];
    char text[AUDIT_STATES][COUNT], cell[AUDIT_PURPOSES + 1][COUNT];
    sheet_section(s, "states", "Inventory by state");
    for (size_t i = 0; i < AUDIT_STATES; i++) {
        int64_t n = 0;
        for (size_t p = 0; p <= AUDIT_PURPOSES; p++)
            n += a->states[i][p];
        number(text[i], n);
        bars[i] = (struct chart_bar){audit_states[i], n, text[i], i == 4 ? SHEET_BAD : SHEET_PLAIN};
    }
    chart_bars(s, "c-states", "Keys by state (NIST SP 800-57)", bars, AUDIT_STATES, 0, NULL);
    sheet_wide(s, "Keys by state and purpose", titles);
    for (size_t i = 0; i < AUDIT_STATES; i++) {
        const char *cells[AUDIT_PURPOSES + 2] = {audit_states[i]};
        for (size_t p = 0; p < AUDIT_PURPOSES; p++) {
            /* A purpose that this version does not know is counted with "other". */
            int64_t more = p + 1 == AUDIT_PURPOSES ? a->states[i][AUDIT_PURPOSES] : 0;
            number(cell[p], a->states[i][p] + more);
            cells[p + 1] = cell[p];
        }
        cells[AUDIT_PURPOSES + 1] = text[i];
        sheet_row(s, cells, SHEET_PLAIN);
    }
    sheet_table_end(s);
}

static void
put_ages(struct sheet *s, const struct audit *a)
{
    static const char *const titles[] = {"PART OF THE TIME THAT HAS PASSED", "KEYS", NULL};
    struct chart_bar bars[AUDIT_AGES];
    char text[AUDIT_AGES][COUNT];
    sheet_section(s, "ages", "Age against cryptoperiod");
    sheet_par(s, "From the day a key was made to the day it expires. Destroyed keys are left out.",
              SHEET_PLAIN);
    for (size_t i = 0; i < AUDIT_AGES; i++) {
        number(text[i], a->ages[i]);
        bars[i] = (struct chart_bar){audit_ages[i], a->ages[i], text[i],
                                     i == 4 ? SHEET_BAD : SHEET_PLAIN};
    }
    chart_bars(s, "c-ages", "Keys by the part of their cryptoperiod that has passed", bars,
               AUDIT_AGES, 0, NULL);
    sheet_table(s, NULL, titles);
    for (size_t i = 0; i < AUDIT_AGES; i++) {
        const char *cells[] = {audit_ages[i], text[i]};
        sheet_row(s, cells, i == 4 && a->ages[i] > 0 ? SHEET_BAD : SHEET_PLAIN);
    }
    sheet_table_end(s);
}

/* The lines of a list that have a number to draw, beside which column `text` stands. */
static size_t
bars_of(const struct audit_list *l, size_t text, struct chart_bar bars[BARS],
        char shown[BARS][AUDIT_SHOWN])
{
    size_t count = 0;
    for (size_t i = 0; i < l->count && count < BARS; i++) {
        const struct audit_line *line = &l->lines[i];
        if (line->number < 0)
            continue;
        bars[count].label = line->cells[0] != NULL ? line->cells[0] : "";
        bars[count].value = line->number;
        bars[count].text = audit_shown(shown[count], &l->columns[text], line->cells[text]);
        bars[count].mark = line->mark;
        count++;
    }
    return count;
}

static void
put_roots(struct sheet *s, const struct audit *a)
{
    struct chart_bar bars[BARS];
    char shown[BARS][AUDIT_SHOWN];
    size_t count = bars_of(&a->roots, 7, bars, shown);
    sheet_section(s, "wraps", "Wraps by root key");
    sheet_par(s, "Behind: keys whose wraps lie under older versions of the root key only.",
              SHEET_PLAIN);
    chart_bars(s, "c-wraps", "Keys behind the root key's version", bars, count, 0, NULL);
    put_list(s, &a->roots, "Root keys, and the keys under them", "No root key is known.");
}

static void
put_copies(struct sheet *s, const struct audit *a)
{
    struct chart_bar bars[BARS];
    char shown[BARS][AUDIT_SHOWN];
    size_t count = bars_of(&a->copies, 7, bars, shown);
    sheet_section(s, "copies", "Copies");
    sheet_par(s,
              "What this store knows of each copy without asking it: when it was last reached, and "
              "how many of this author's entries it lacks. A copy reached since the moment of this "
              "report counts as reached then. Due: how often it must be reached.",
              SHEET_PLAIN);
    chart_bars(s, "c-copies", "Age of the copies bound here", bars, count, 0, NULL);
    put_list(s, &a->copies, "Copies, where they lie, and why", "There is no copy.");
    put_list(s, &a->contradictions,
             "Copies that were rolled back, or showed another history; kept as evidence",
             "No copy contradicted what this store knows.");
    put_list(s, &a->sites, "Sites", "No site is known.");
}

static void
put_drills(struct sheet *s, const struct audit *a)
{
    static const char *const lanes[] = {"proven", "inconclusive", "failed"};
    char to[12];
    int64_t all = 0;
    sheet_section(s, "drills", "Drills");
    for (size_t l = 0; l < AUDIT_OUTCOMES; l++) {
        for (size_t w = 0; w < AUDIT_WEEKS; w++)
            all += a->weeks[l][w];
    }
    (void)snprintf(to, sizeof to, "%.10s", a->as_of);
    if (all > 0)
        chart_lanes(s, "c-drills", "Results of drills in the last 53 weeks, by week", lanes,
                    AUDIT_OUTCOMES, &a->weeks[0][0], AUDIT_WEEKS, "53 weeks earlier", to);
    put_list(s, &a->drilled,
             "RTO: from the start to the last value that was right. RPO: how far the copy was "
             "behind what was known there",
             "No drill was run.");
}

static void
put_findings(struct sheet *s, const struct audit *a)
{
    struct chart_bar bars[FINDING_SEVERITIES];
    char text[FINDING_SEVERITIES][COUNT];
    int64_t all = 0;
    sheet_section(s, "findings", "Findings");
    for (size_t i = 0; i < FINDING_SEVERITIES; i++) {
        size_t severity = FINDING_SEVERITIES - 1 - i;
        int64_t n = a->findings[severity].total;
        all += n;
        number(text[i], n);
        bars[i] = (struct chart_bar){finding_severity_name((enum finding_severity)severity), n,
                                     text[i], severity == FINDING_HIGH ? SHEET_BAD : SHEET_PLAIN};
    }
    if (all == 0) {
        sheet_par(s, "None.", SHEET_PLAIN);
        return;
    }
    chart_bars(s, "c-findings", "Findings by severity", bars, FINDING_SEVERITIES, 0, NULL);
    for (size_t i = FINDING_SEVERITIES; i-- > 0;) {
        char caption[64];
        if (a->findings[i].total == 0)
            continue;
        (void)snprintf(caption, sizeof caption, "%" PRId64 " of %s severity", a->findings[i].total,
                       finding_severity_name((enum finding_severity)i));
        put_list(s, &a->findings[i], caption, "");
    }
}

static void
put_policy(struct sheet *s, const struct audit *a)
{
    const char *titles[POLICY_PURPOSES + 2] = {"RULE"};
    sheet_section(s, "policy", "Policy");
    for (size_t p = 0; p < POLICY_PURPOSES; p++)
        titles[p + 1] = policy_purpose(p);
    sheet_wide(s, "What the escrow asks of keys of each purpose", titles);
    for (size_t r = 0; r < POLICY_RULES; r++) {
        char value[POLICY_PURPOSES][POLICY_TEXT];
        const char *cells[POLICY_PURPOSES + 1] = {policy_rule_help((enum policy_rule)r)};
        for (size_t p = 0; p < POLICY_PURPOSES; p++) {
            policy_value_text(value[p], (enum policy_rule)r, a->policy.value[r][p]);
            cells[p + 1] = value[p];
        }
        sheet_row(s, cells, SHEET_PLAIN);
    }
    sheet_table_end(s);
}

static void
put_open(struct sheet *s, const struct audit *a)
{
    sheet_section(s, "open", "What is open");
    put_list(s, &a->open, "Of keys that may still be needed", "Nothing.");
    sheet_section(s, "showings", "Showings");
    put_list(s, &a->revealed, "Who had which key shown, and why; newest first",
             "No key was ever shown.");
    sheet_section(s, "duties", "Open duties");
    sheet_par(s, "A key that a person has seen must be replaced.", SHEET_PLAIN);
    put_list(s, &a->duties, "Keys to be replaced", "None.");
    sheet_section(s, "debts", "Debts");
    put_list(s, &a->debts, "Wraps that are owed", "None.");
}

static void
put_chain(struct sheet *s, const struct audit *a)
{
    sheet_section(s, "check", "How to check this report");
    sheet_par(s,
              "The file ends with a seal that names how far each author's log had got, and a "
              "signature over all bytes before it. keymuster report verify FILE checks both "
              "against a store. With stock tools: head -n -5 FILE >m; tail -n 5 FILE | head -n 4 "
              ">s; minisign -V -P KEY -m m -x s, with the author's key from the recovery card or "
              "from keymuster author list.",
              SHEET_PLAIN);
    sheet_fact(s, "signed by", a->store->self.text, SHEET_PLAIN);
    for (size_t i = 0; i < a->chain.count; i++) {
        const struct chain_point *p = &a->chain.points[i];
        sheet_factf(s, "author", SHEET_PLAIN, "%s%s%s%s", p->author, p->site[0] != '\0' ? " (" : "",
                    p->site, p->site[0] != '\0' ? ")" : "");
        sheet_factf(s, "up to entry", SHEET_PLAIN, "%" PRId64 " %s", p->entries, p->last);
    }
}

static void
put_glossary(struct sheet *s)
{
    static const char *const words[][2] = {
        {"wrap", "one wrapped form of a key, under one version of a root key of a KMS"},
        {"root key", "a key that never leaves its KMS; what is wrapped under it opens only there"},
        {"generation", "successive keys under one name"},
        {"proven", "a drill got the key back from a copy and compared it, without showing it; it "
                   "counts only where the site that the key is for may be gone"},
        {"released", "the copy that must hold the key has acknowledged its record"},
        {"duty", "a key that a person has seen must be replaced by one that is delivered and "
                 "proven"},
        {"debt", "a wrap that was to be made and is missing"},
        {"behind", "wrapped under an older version of a root key only"},
    };
    sheet_section(s, "glossary", "Words");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        sheet_fact(s, words[i][0], words[i][1], SHEET_PLAIN);
}

static void
put_sign_off(struct sheet *s)
{
    static const char *const titles[] = {"", "NAME", "DATE", "SIGNATURE", NULL};
    static const char *const who[] = {"prepared by", "reviewed by", "accepted by"};
    sheet_section(s, "sign-off", "Sign-off");
    sheet_blanks(s, "Signatures", titles, who, sizeof who / sizeof who[0]);
}

enum rc
audit_page(struct sealed *out, const struct audit *a, struct err *err)
{
    typedef void part_fn(struct sheet * s, const struct audit *a);
    static part_fn *const parts[] = {put_head,  put_findings, put_changes, put_states, put_ages,
                                     put_roots, put_copies,   put_drills,  put_open,   put_policy};
    struct sheet s;
    struct err scratch = ERR_INIT;
    char foot[64];
    (void)snprintf(foot, sizeof foot, "escrow %.8s as of %.10s", a->store->escrow, a->as_of);
    enum rc rc =
        sheet_begin(&s, &out->out, 1, "Audit report: the escrow of backup keys", foot, err);
    for (size_t i = 0; rc == RC_OK && i < sizeof parts / sizeof parts[0]; i++) {
        parts[i](&s, a);
        rc = sealed_flow(out, err);
    }
    audit_map_page(&s);
    sheet_section(&s, "register", "Register");
    if (rc == RC_OK && a->keys > 0)
        rc = audit_register_html(out, &s, a, err);
    else
        sheet_par(&s, "There is no key.", SHEET_PLAIN);
    put_chain(&s, a);
    put_glossary(&s);
    put_sign_off(&s);
    enum rc end = sheet_end(&s, rc == RC_OK ? err : &scratch);
    return rc == RC_OK ? end : rc;
}
