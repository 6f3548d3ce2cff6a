/* audit export, metrics: the inventory for other programs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "report/audit.h"

struct exporting {
    struct ctx *ctx;
    struct audit audit;
    struct sealed out;
    const char *file, *format;
};

/* As of now, or SOURCE_DATE_EPOCH. */
static enum rc
begin(struct exporting *x, enum file_new_how how, struct err *err)
{
    struct audit *a = &x->audit;
    x->file = opt_get(&x->ctx->opts, OPT_FILE);
    if (x->file == NULL)
        return err_set(err, RC_USAGE, "--file F is missing: where to write it");
    a->store = x->ctx->store;
    a->version = KM_VERSION;
    a->now_ms = cmd_time_shown();
    time_format(a->as_of, a->now_ms);
    memcpy(a->since, a->as_of, sizeof a->since);
    return sealed_begin(&x->out, x->file, how, x->ctx->dry_run, err);
}

static void
end(struct exporting *x)
{
    sealed_release(&x->out);
    audit_release(&x->audit);
}

/* Members that both answers have; the rest is counts. */
static void
begin_answer(struct exporting *x, struct buf *doc, struct jw *w, const char *schema)
{
    session_answer(doc, w, schema);
    jw_str(w, "file", x->file);
    jw_str(w, "sha256", x->out.sha256);
    jw_int(w, "bytes", x->out.bytes);
    jw_str(w, "as_of", x->audit.as_of);
}

static void
say_file(struct exporting *x)
{
    out_printf(x->ctx, "%s ", x->ctx->dry_run ? "would write" : "wrote");
    out_text(x->ctx, x->file);
}

/* ---- audit export ---- */

static enum rc
write_export(struct exporting *x, struct cbom_count *count, struct err *err)
{
    enum rc rc;
    if (strcmp(x->format, "cbom") == 0)
        rc = audit_cbom(&x->out, &x->audit, count, err);
    else if (strcmp(x->format, "csv") == 0)
        rc = audit_register_csv(&x->out, &x->audit, err);
    else
        rc = audit_register_ndjson(&x->out, &x->audit, err);
    return rc == RC_OK ? sealed_end(&x->out, NULL, err) : rc;
}

static enum rc
answer_export(struct exporting *x, const struct cbom_count *count, struct err *err)
{
    struct buf doc;
    struct jw w;
    int cbom = strcmp(x->format, "cbom") == 0;
    if (!out_is_json(x->ctx)) {
        say_file(x);
        if (cbom)
            out_printf(x->ctx,
                       ": CycloneDX 1.6, %" PRId64 " keys, %" PRId64 " root keys, %" PRId64
                       " algorithms",
                       count->keys, count->roots, count->algorithms);
        out_printf(x->ctx, "\nSHA-256 %s\n", x->out.sha256);
        return RC_OK;
    }
    begin_answer(x, &doc, &w, "audit.export");
    jw_str(&w, "format", x->format);
    if (cbom) {
        jw_int(&w, "keys", count->keys);
        jw_int(&w, "roots", count->roots);
        jw_int(&w, "algorithms", count->algorithms);
    }
    return out_object(x->ctx, &doc, &w, err);
}

static enum rc
run_export(struct ctx *ctx, struct err *err)
{
    static const char *const formats[] = {"cbom", "ndjson", "csv"};
    struct exporting x = {.ctx = ctx, .format = opt_get(&ctx->opts, OPT_FORMAT)};
    struct cbom_count count = {0};
    size_t i = 0;
    while (i < 3 && (x.format == NULL || strcmp(formats[i], x.format) != 0))
        i++;
    if (i == 3)
        return err_set(err, RC_USAGE, "--format is cbom, ndjson or csv%s%.64s",
                       x.format != NULL ? ", not " : "", x.format != NULL ? x.format : "");
    enum rc rc = begin(&x, FILE_NEW_ONCE, err);
    if (rc == RC_OK)
        rc = write_export(&x, &count, err);
    if (rc == RC_OK)
        rc = answer_export(&x, &count, err);
    end(&x);
    return rc;
}

/* ---- metrics ---- */

static enum rc
answer_metrics(struct exporting *x, struct err *err)
{
    struct buf doc;
    struct jw w;
    if (!out_is_json(x->ctx)) {
        say_file(x);
        out_printf(x->ctx, "\n");
        return RC_OK;
    }
    begin_answer(x, &doc, &w, "metrics");
    jw_int(&w, "keys", x->audit.keys);
    return out_object(x->ctx, &doc, &w, err);
}

static enum rc
run_metrics(struct ctx *ctx, struct err *err)
{
    struct exporting x = {.ctx = ctx};
    enum rc rc = begin(&x, FILE_NEW_REPLACE, err);
    if (rc == RC_OK)
        rc = audit_gather(&x.audit, err);
    if (rc == RC_OK)
        rc = audit_metrics(&x.out, &x.audit, !opt_has(&ctx->opts, OPT_NO_PER_KEY), err);
    if (rc == RC_OK)
        rc = sealed_end(&x.out, NULL, err);
    if (rc == RC_OK)
        rc = answer_metrics(&x, err);
    end(&x);
    return rc;
}

static const struct opt_spec export_options[] = {
    {OPT_FILE, "file", 0, "F", 0, "a new file to write it to"},
    {OPT_FORMAT, "format", 0, "cbom|ndjson|csv", 0, "cbom is CycloneDX 1.6"},
    OPT_END,
};

static const struct opt_spec metrics_options[] = {
    {OPT_FILE, "file", 0, "F", 0, "the file to replace, such as node_exporter's keymuster.prom"},
    {OPT_NO_PER_KEY, "no-per-key", 0, NULL, 0, "no series for each key; for large escrows"},
    OPT_END,
};

const struct cmd cmd_audit_export_table[] = {
    {"audit", "export", "--format cbom|ndjson|csv --file F",
     "The inventory for other programs: a bill of materials, lines, a table.", export_options, 0, 0,
     CMD_READ, GROUP_PROOF, run_export,
     "keymuster audit export --format cbom --file keys.cbom.json\n"},
    {NULL, "metrics", "--file F [--no-per-key]",
     "Writes what a monitoring system watches, as Prometheus reads it.", metrics_options, 0, 0,
     CMD_READ, GROUP_PROOF, run_metrics,
     "keymuster metrics --file /var/lib/prometheus/node-exporter/keymuster.prom\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
