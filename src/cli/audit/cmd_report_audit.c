/* report audit|verify: the report that is filed, and whether one is genuine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/trust.h"
#include "report/audit.h"

enum { QUARTER_DAYS = 92 };

/* ---- is it genuine ---- */

/* What came of holding a seal against a store. */
struct checked {
    char site[LIMIT_NAME + 1]; /* the signer's */
    int64_t matching,
        unseen;        /* authors whose position is in the log here; that it does not reach */
    int64_t uncounted; /* of the matching: some entries do not count any more */
};

static enum rc
check_signer(const struct store *store, const struct seal *s, struct checked *out, struct err *err)
{
    struct log_author a;
    struct trust t;
    if (strcmp(s->escrow, store->escrow) != 0) {
        (void)err_set(err, RC_COPY_FOREIGN, "the report is of another escrow, %s", s->escrow);
        return err_hint(err, "ask a store of that escrow: -C DIR");
    }
    enum rc rc = log_author_get(store, s->signer.author, &a, err);
    if (rc == RC_NOT_FOUND) {
        (void)err_set(err, RC_COPY_SIGNATURE, "the report is signed by %s, unknown here",
                      s->signer.author);
        return err_hint(err, "take in what the copies have first: keymuster sync");
    }
    if (rc == RC_OK)
        rc = trust_of(store, s->signer.author, &t, err);
    if (rc != RC_OK)
        return rc;
    if (!trust_accepted(&t) && strcmp(t.standing, "own") != 0) {
        (void)err_set(err, RC_COPY_SIGNATURE, "the report is signed by %s, who is not trusted",
                      s->signer.author);
        return err_hint(err, "who is, and why: keymuster author list");
    }
    return a.site[0] != '\0' ? object_name(store, a.site, out->site, err) : RC_OK;
}

static enum rc
check_point(const struct store *store, const struct chain_point *p, struct checked *out,
            struct err *err)
{
    struct stmt *q = NULL;
    struct trust t = {.upto = 0};
    enum rc rc = db_query(store->db, &q,
                          "SELECT lower(hex(hash)) FROM entry WHERE author = ?1 AND seq = ?2", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, p->author);
    stmt_int(q, 2, p->entries);
    rc = stmt_row(q, err);
    int held = rc == RC_OK && stmt_more(q);
    int same = held && strcmp(col_text(q, 0), p->last) == 0;
    stmt_done(q);
    if (rc == RC_OK && held && !same) {
        (void)err_set(err, RC_CHAIN,
                      "the report tells of another history: entry %" PRId64
                      " of author %s is not the one here",
                      p->entries, p->author);
        return err_hint(err, "one of the two was altered; compare both with a copy: keymuster "
                             "verify, keymuster copy check");
    }
    if (rc == RC_OK)
        rc = trust_of(store, p->author, &t, err);
    out->matching += same;
    out->unseen += !held;
    out->uncounted += rc == RC_OK && same && t.upto < p->entries;
    return rc;
}

static enum rc
check_seal(const struct store *store, const struct seal *s, struct checked *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    enum rc rc = check_signer(store, s, out, err);
    for (size_t i = 0; rc == RC_OK && i < s->chain.count; i++)
        rc = check_point(store, &s->chain.points[i], out, err);
    return rc;
}

static enum rc
answer_verify(struct ctx *ctx, const struct seal *s, const struct checked *c, struct err *err)
{
    if (out_is_json(ctx)) {
        struct buf doc;
        struct jw w;
        session_answer(&doc, &w, "report.verify");
        jw_str(&w, "file", opt_arg(&ctx->opts, 0));
        jw_bool(&w, "genuine", 1);
        jw_str(&w, "format", sealed_formats[s->format]);
        jw_str(&w, "as_of", s->as_of);
        jw_str(&w, "author", s->signer.author);
        jw_opt(&w, "site", c->site);
        jw_str(&w, "sha256", s->sha256);
        jw_int(&w, "authors", (int64_t)s->chain.count);
        jw_int(&w, "matching", c->matching);
        jw_int(&w, "unseen", c->unseen);
        jw_int(&w, "uncounted", c->uncounted);
        return out_object(ctx, &doc, &w, err);
    }
    out_printf(ctx, "genuine     ");
    out_text(ctx, opt_arg(&ctx->opts, 0));
    out_printf(ctx, "\n");
    out_field(ctx, "as of", s->as_of);
    out_printf(ctx, "%-11s %s%s%s%s\n", "signed by", s->signer.author,
               c->site[0] != '\0' ? " (" : "", c->site, c->site[0] != '\0' ? ")" : "");
    out_printf(ctx, "%-11s %" PRId64 " of %zu authors as here\n", "log", c->matching,
               s->chain.count);
    out_field(ctx, "SHA-256", s->sha256);
    return RC_OK;
}

static enum rc
run_verify(struct ctx *ctx, struct err *err)
{
    struct seal s;
    struct checked c;
    enum rc rc = seal_read(&s, opt_arg(&ctx->opts, 0), err);
    if (rc != RC_OK)
        return rc;
    rc = check_seal(ctx->store, &s, &c, err);
    if (rc == RC_OK && c.unseen > 0) {
        ctx->findings = 1;
        out_warn(ctx,
                 "the logs here do not reach as far as the report for %" PRId64
                 " of its authors: keymuster sync, then verify again",
                 c.unseen);
    }
    if (rc == RC_OK && c.uncounted > 0)
        out_warn(ctx,
                 "of %" PRId64 " authors some entries that the report counted do not count "
                 "any more: keymuster author list",
                 c.uncounted);
    if (rc == RC_OK)
        rc = answer_verify(ctx, &s, &c, err);
    seal_release(&s);
    return rc;
}

/* ---- making one ---- */

struct making {
    struct ctx *ctx;
    struct audit audit;
    struct seal before; /* the report that changes are counted from */
    struct sealed out;
    enum sealed_format format;
    const char *file;
};

static enum rc
read_format(struct making *m, struct err *err)
{
    const char *asked = opt_get(&m->ctx->opts, OPT_FORMAT);
    m->file = opt_get(&m->ctx->opts, OPT_FILE);
    if (m->file == NULL)
        return err_set(err, RC_USAGE, "report audit wants --file F");
    if (asked == NULL)
        return RC_OK;
    for (size_t i = 0; sealed_formats[i] != NULL; i++) {
        if (strcmp(sealed_formats[i], asked) == 0) {
            m->format = (enum sealed_format)i;
            return RC_OK;
        }
    }
    return err_set(err, RC_USAGE, "--format is html, csv or json, not %.64s", asked);
}

/* --as-of: the log as it was then. A day is its end, as far as it has passed. */
static enum rc
read_as_of(struct making *m, struct err *err)
{
    struct audit *a = &m->audit;
    const char *asked = opt_get(&m->ctx->opts, OPT_AS_OF);
    int64_t now = cmd_time_shown();
    enum rc rc = RC_OK;
    a->now_ms = now;
    if (asked != NULL) {
        int64_t begin = 0;
        rc = date_parse_end(&a->now_ms, asked, "--as-of", err);
        if (rc == RC_OK)
            rc = date_parse(&begin, asked, "--as-of", err);
        if (rc == RC_OK && begin > now) {
            (void)err_set(err, RC_BAD_VALUE, "--as-of: %.40s has not come yet", asked);
            return err_hint(err, "a report tells of what was; leave --as-of out for now");
        }
        if (rc == RC_OK)
            rc = until_view_at(m->ctx, a->now_ms, err);
    }
    time_format(a->as_of, a->now_ms);
    a->store = m->ctx->store;
    return rc;
}

/* --since: a time, or an earlier report, which must be genuine. */
static enum rc
read_since(struct making *m, struct err *err)
{
    struct audit *a = &m->audit;
    struct err no_date = ERR_INIT;
    struct checked c;
    const char *asked = opt_get(&m->ctx->opts, OPT_SINCE);
    int64_t ms = a->now_ms - INT64_C(86400000) * QUARTER_DAYS;
    if (asked == NULL || date_parse(&ms, asked, "--since", &no_date) == RC_OK) {
        time_format(a->since, ms > 0 ? ms : 0);
        return RC_OK;
    }
    enum rc rc = seal_read(&m->before, asked, err);
    if (rc == RC_NOT_FOUND)
        return err_hint(err, "--since takes a date, or the file of an earlier report");
    if (rc == RC_OK)
        rc = check_seal(session_records(m->ctx), &m->before, &c, err);
    a->since_chain = &m->before.chain;
    memcpy(a->since, m->before.as_of, sizeof a->since);
    return rc;
}

static enum rc
write_report(struct making *m, struct err *err)
{
    const struct seal_of of = {m->format, m->audit.as_of, &m->audit.chain, session_records(m->ctx)};
    enum rc rc = sealed_begin(&m->out, m->file, FILE_NEW_ONCE, m->ctx->dry_run, err);
    if (rc != RC_OK)
        return rc;
    if (m->format == SEALED_HTML)
        rc = audit_page(&m->out, &m->audit, err);
    else if (m->format == SEALED_CSV)
        rc = audit_register_csv(&m->out, &m->audit, err);
    else
        rc = audit_json(&m->out, &m->audit, err);
    return rc == RC_OK ? sealed_end(&m->out, &of, err) : rc;
}

static enum rc
answer_audit(struct making *m, struct err *err)
{
    struct ctx *ctx = m->ctx;
    const struct audit *a = &m->audit;
    struct buf verdict, doc;
    struct jw w;
    int good = 0;
    buf_init(&verdict, 8192);
    audit_verdict(&verdict, a, &good);
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "report.file");
        jw_str(&w, "format", sealed_formats[m->format]);
        jw_str(&w, "file", m->file);
        jw_str(&w, "sha256", m->out.sha256);
        jw_int(&w, "bytes", m->out.bytes);
        jw_str(&w, "as_of", a->as_of);
        jw_int(&w, "keys", a->keys);
        jw_int(&w, "entries", a->chain.entries);
        jw_str(&w, "verdict", buf_str(&verdict));
        jw_bool(&w, "good", good);
        buf_release(&verdict);
        return out_object(ctx, &doc, &w, err);
    }
    out_printf(ctx, "%s\n\n", buf_str(&verdict));
    out_printf(ctx, "%s the report: ", ctx->dry_run ? "would write" : "wrote");
    out_text(ctx, m->file);
    out_printf(ctx, "\nas of %s, %" PRId64 " entries, signed by %s\nSHA-256 %s\n", a->as_of,
               a->chain.entries, a->store->self.author, m->out.sha256);
    buf_release(&verdict);
    return RC_OK;
}

static enum rc
run_audit(struct ctx *ctx, struct err *err)
{
    struct making m = {.ctx = ctx, .audit = {.version = KM_VERSION}};
    enum rc rc = read_format(&m, err);
    if (rc == RC_OK)
        rc = read_as_of(&m, err);
    if (rc == RC_OK)
        rc = read_since(&m, err);
    if (rc == RC_OK)
        rc = audit_gather(&m.audit, err);
    if (rc == RC_OK)
        rc = write_report(&m, err);
    if (rc == RC_OK)
        rc = answer_audit(&m, err);
    sealed_release(&m.out);
    audit_release(&m.audit);
    seal_release(&m.before);
    return rc;
}

static const struct opt_spec options[] = {
    {OPT_FILE, "file", 0, "F", 0, "a new file to write it to"},
    {OPT_FORMAT, "format", 0, "html|csv|json", 0, "else html"},
    {OPT_AS_OF, "as-of", 0, "TIME", 0, "what the log said then; the same bytes each time"},
    {OPT_SINCE, "since", 0, "DATE|FILE", 0, "changes from then, or from an earlier report, on"},
    OPT_END,
};

const struct cmd cmd_report_audit_table[] = {
    {"report", "audit", "--file F [--format html|csv|json] [--as-of TIME]",
     "The report that is filed: keys, copies, drills, what is open; signed.", options, 0, 0,
     CMD_READ, GROUP_PROOF, run_audit,
     "keymuster report audit --file 2026-q4.html --since 2026-q3.html\n"},
    {"report", "verify", "FILE", "Whether such a report is genuine and fits the log here.", NULL, 1,
     1, CMD_READ, GROUP_PROOF, run_verify, "keymuster report verify 2026-q4.html\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
