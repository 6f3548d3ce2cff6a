/* audit check: findings, each with severity, rule, object and the command that puts it right. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "report/finding.h"

enum { SHOWN = 10 }; /* findings of one rule that people see; others are a number */

struct kept {
    char *text, *fix; /* owned */
};

struct checking {
    struct ctx *ctx;
    struct buf doc;
    struct jw w;
    int64_t by_rule[FINDING_RULES], by_severity[FINDING_SEVERITIES];
    struct kept kept[FINDING_RULES][SHOWN];
};

/* ---- JSON and CSV ---- */

static void
write_members(struct jw *w, const struct finding *f)
{
    jw_str(w, "severity", finding_severity_name(f->severity));
    jw_str(w, "rule", f->rule);
    jw_str(w, "kind", f->kind);
    jw_opt(w, "object", f->object);
    jw_opt(w, "uuid", f->uuid);
    jw_str(w, "text", f->text);
    jw_opt(w, "fix", f->fix);
    jw_end_obj(w);
}

static enum rc
write_line(struct checking *c, const struct finding *f, struct err *err)
{
    struct buf line;
    struct jw w;
    session_answer(&line, &w, "audit.check.finding");
    write_members(&w, f);
    enum rc rc = out_json_line(c->ctx, &line, err);
    buf_release(&line);
    return rc;
}

static enum rc
write_row(struct checking *c, const struct finding *f, struct err *err)
{
    const char *const cells[] = {
        finding_severity_name(f->severity), f->rule, f->kind, f->object, f->uuid, f->text, f->fix};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        out_csv(c->ctx, i == 0, cells[i]);
    return out_csv_end(c->ctx, err);
}

static enum rc
csv_titles(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"severity", "rule", "kind", "object",
                                         "uuid",     "text", "fix"};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        out_csv(ctx, i == 0, titles[i]);
    return out_csv_end(ctx, err);
}

static void
write_counts(struct checking *c, struct jw *w)
{
    jw_obj(w, "counts");
    for (size_t s = FINDING_SEVERITIES; s-- > 0;)
        jw_int(w, finding_severity_name((enum finding_severity)s), c->by_severity[s]);
    jw_end_obj(w);
    jw_obj(w, "rules");
    for (size_t r = 0; r < FINDING_RULES; r++) {
        if (c->by_rule[r] > 0)
            jw_int(w, finding_rule_name((enum finding_rule)r), c->by_rule[r]);
    }
    jw_end_obj(w);
}

/* ---- text ---- */

static enum rc
keep(struct checking *c, const struct finding *f, struct err *err)
{
    if (c->by_rule[f->id] > SHOWN)
        return RC_OK;
    struct kept *k = &c->kept[f->id][c->by_rule[f->id] - 1];
    k->text = strdup(f->text);
    k->fix = strdup(f->fix);
    return k->text == NULL || k->fix == NULL ? err_nomem(err) : RC_OK;
}

static void
say_rule(struct checking *c, enum finding_rule rule)
{
    struct ctx *ctx = c->ctx;
    for (size_t i = 0; i < SHOWN && c->kept[rule][i].text != NULL; i++) {
        char before[64];
        (void)snprintf(before, sizeof before,
                       "- %s, %s: ", finding_severity_name(finding_rule_severity(rule)),
                       finding_rule_name(rule));
        out_line(c->ctx, before, c->kept[rule][i].text);
        if (c->kept[rule][i].fix[0] == '\0')
            continue;
        out_printf(ctx, "  ");
        out_text(ctx, c->kept[rule][i].fix); /* whole, so that it can be copied */
        out_printf(ctx, "\n");
    }
    if (c->by_rule[rule] > SHOWN)
        out_printf(ctx, "- %s, %s: and %" PRId64 " more: keymuster audit check -o ndjson\n",
                   finding_severity_name(finding_rule_severity(rule)), finding_rule_name(rule),
                   c->by_rule[rule] - SHOWN);
}

static void
say_all(struct checking *c)
{
    int64_t all = 0;
    for (size_t s = 0; s < FINDING_SEVERITIES; s++)
        all += c->by_severity[s];
    if (all == 0) {
        out_printf(c->ctx, "no findings\n");
        return;
    }
    out_printf(c->ctx,
               "%" PRId64 " finding%s: %" PRId64 " high, %" PRId64 " medium, %" PRId64 " low\n\n",
               all, all == 1 ? "" : "s", c->by_severity[FINDING_HIGH],
               c->by_severity[FINDING_MEDIUM], c->by_severity[FINDING_LOW]);
    for (size_t s = FINDING_SEVERITIES; s-- > 0;) {
        for (size_t r = 0; r < FINDING_RULES; r++) {
            if (finding_rule_severity((enum finding_rule)r) == (enum finding_severity)s)
                say_rule(c, (enum finding_rule)r);
        }
    }
}

/* ---- the command ---- */

static enum rc
take(void *arg, const struct finding *f, struct err *err)
{
    struct checking *c = arg;
    c->by_rule[f->id]++;
    c->by_severity[f->severity]++;
    switch (c->ctx->format) {
    case OUT_NDJSON:
        return write_line(c, f, err);
    case OUT_CSV:
        return write_row(c, f, err);
    case OUT_TEXT:
        return keep(c, f, err);
    case OUT_JSON:
        break;
    }
    jw_obj(&c->w, NULL);
    write_members(&c->w, f);
    return out_json_part(c->ctx, &c->doc, err);
}

/* The least severity that ends 3; FINDING_SEVERITIES: none does. */
static enum rc
read_fail_on(const struct ctx *ctx, enum finding_severity *out, struct err *err)
{
    const char *word = opt_get(&ctx->opts, OPT_FAIL_ON);
    *out = FINDING_LOW;
    if (word == NULL)
        return RC_OK;
    *out = FINDING_SEVERITIES;
    for (size_t s = 0; s < FINDING_SEVERITIES; s++) {
        if (strcmp(word, finding_severity_name((enum finding_severity)s)) == 0)
            *out = (enum finding_severity)s;
    }
    if (*out != FINDING_SEVERITIES || strcmp(word, "none") == 0)
        return RC_OK;
    (void)err_set(err, RC_USAGE, "--fail-on: there is no severity %.40s", word);
    return err_hint(err, "one of: low, medium, high, none");
}

static enum rc
begin(struct checking *c, struct err *err)
{
    if (c->ctx->format == OUT_CSV)
        return csv_titles(c->ctx, err);
    if (c->ctx->format == OUT_JSON) {
        session_answer(&c->doc, &c->w, "audit.check");
        jw_arr(&c->w, "findings");
    }
    return RC_OK;
}

static enum rc
end(struct checking *c, int64_t now_ms, struct err *err)
{
    char at[TIME_TEXT + 1];
    if (c->ctx->format == OUT_CSV)
        return RC_OK;
    if (c->ctx->format == OUT_TEXT) {
        say_all(c);
        return RC_OK;
    }
    if (c->ctx->format == OUT_NDJSON) {
        enum rc rc = out_flush(c->ctx, err);
        if (rc != RC_OK)
            return rc;
        session_answer(&c->doc, &c->w, "audit.check");
    } else {
        jw_end_arr(&c->w);
    }
    time_format(at, now_ms);
    jw_str(&c->w, "as_of", at);
    write_counts(c, &c->w);
    jw_end_obj(&c->w);
    return out_json(c->ctx, &c->doc, err);
}

static enum rc
run_audit_check(struct ctx *ctx, struct err *err)
{
    struct checking *c = calloc(1, sizeof *c);
    enum finding_severity fail_on = FINDING_LOW;
    int64_t now_ms = clock_now_ms();
    const char *as_of = opt_get(&ctx->opts, OPT_AS_OF);
    if (c == NULL)
        return err_nomem(err);
    c->ctx = ctx;
    enum rc rc = read_fail_on(ctx, &fail_on, err);
    if (rc == RC_OK && as_of != NULL)
        rc = date_parse_end(&now_ms, as_of, "--as-of", err);
    if (rc == RC_OK)
        rc = begin(c, err);
    if (rc == RC_OK)
        rc = finding_each(ctx->store, now_ms, take, c, err);
    if (rc == RC_OK)
        rc = end(c, now_ms, err);
    for (size_t s = fail_on; s < FINDING_SEVERITIES; s++)
        ctx->findings += c->by_severity[s] > 0;
    for (size_t r = 0; r < FINDING_RULES; r++) {
        for (size_t i = 0; i < SHOWN; i++) {
            free(c->kept[r][i].text);
            free(c->kept[r][i].fix);
        }
    }
    buf_release(&c->doc);
    free(c);
    return rc;
}

static const struct opt_spec audit_check_options[] = {
    {OPT_FAIL_ON, "fail-on", 0, "low|medium|high|none", 0,
     "ends 3 from this severity on; or never"},
    {OPT_AS_OF, "as-of", 0, "TIME", 0, "judges ages and dates as of then"},
    OPT_END,
};

const struct cmd cmd_audit_check_table[] = {
    {"audit", "check", "[--fail-on SEVERITY] [--as-of TIME]",
     "Says what is not as policy and good sense want it, and what puts it right.",
     audit_check_options, 0, 0, CMD_READ | CMD_CSV, GROUP_PROOF, run_audit_check,
     "keymuster audit check\n"
     "keymuster audit check --fail-on medium -o json\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
