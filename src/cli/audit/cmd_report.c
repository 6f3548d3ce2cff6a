/* report run|drill: evidence of what was done, as text, JSON and one HTML page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/recover/runbook_load.h"
#include "cli/session.h"
#include "report/drill_report.h"
#include "sys/env.h"
#include "sys/file.h"
#include "text/enc.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_HTML };

enum { PAGE_MOST = 256 * 1024 * 1024, PAGE_MODE = 0644 };

/* What is written, and where to. */
struct making {
    struct ctx *ctx;
    enum format format;
    const char *file; /* NULL: the answer itself */
    const char *kind, *id;
    struct report_about about;
    char made_at[TIME_TEXT + 1];
};

static const char *const formats[] = {
    [FORMAT_TEXT] = "text", [FORMAT_JSON] = "json", [FORMAT_HTML] = "html"};

int64_t
cmd_time_shown(void)
{
    const char *said = env_get("SOURCE_DATE_EPOCH");
    int64_t s = 0;
    size_t n = said != NULL ? strspn(said, "0123456789") : 0;
    if (n == 0 || n > 11 || said[n] != '\0')
        return clock_now_ms();
    for (size_t i = 0; i < n; i++)
        s = s * 10 + (said[i] - '0');
    return s * 1000;
}

/* Text and JSON are answers; a page goes into a file, unless somebody asks for it. */
static enum rc
prepare(struct making *m, struct err *err)
{
    const struct opts *o = &m->ctx->opts;
    const char *asked = opt_get(o, OPT_FORMAT);
    m->file = opt_get(o, OPT_FILE);
    m->format = m->file != NULL ? FORMAT_HTML : out_is_json(m->ctx) ? FORMAT_JSON : FORMAT_TEXT;
    if (asked != NULL) {
        size_t i = 0;
        while (i < sizeof formats / sizeof formats[0] && strcmp(formats[i], asked) != 0)
            i++;
        if (i == sizeof formats / sizeof formats[0])
            return err_set(err, RC_USAGE, "--format is text, json or html, not %.64s", asked);
        m->format = (enum format)i;
    }
    if (m->file == NULL && out_is_json(m->ctx) && m->format != FORMAT_JSON)
        return err_set(err, RC_USAGE, "--format %s with -o json wants --file F",
                       formats[m->format]);
    time_format(m->made_at, cmd_time_shown());
    m->about.made_at = m->made_at;
    m->about.version = KM_VERSION;
    return RC_OK;
}

static enum rc
answer_file(struct making *m, const struct buf *text, struct err *err)
{
    struct ctx *ctx = m->ctx;
    unsigned char hash[HASH_SIZE];
    char hex[HASH_TEXT + 1];
    enum rc rc =
        ctx->dry_run ? RC_OK : file_create_once(m->file, buf_str(text), text->len, PAGE_MODE, err);
    if (rc != RC_OK)
        return rc;
    sha256(hash, buf_str(text), text->len);
    hex_encode(hex, hash, HASH_SIZE);
    if (out_is_json(ctx)) {
        struct buf doc;
        struct jw w;
        session_answer(&doc, &w, "report.file");
        jw_str(&w, m->kind, m->id);
        jw_str(&w, "format", formats[m->format]);
        jw_str(&w, "file", m->file);
        jw_str(&w, "sha256", hex);
        return out_object(ctx, &doc, &w, err);
    }
    out_printf(ctx, "%s the report: ", ctx->dry_run ? "would write" : "wrote");
    out_text(ctx, m->file);
    out_printf(ctx, "\nSHA-256 %s\n", hex);
    return RC_OK;
}

/* The whole of it, made already. */
static enum rc
deliver(struct making *m, struct buf *text, struct err *err)
{
    enum rc rc = buf_check(text, "the report", err);
    if (rc != RC_OK)
        return rc;
    if (m->file != NULL && m->format == FORMAT_JSON)
        buf_addc(text, '\n');
    if (m->file != NULL)
        return answer_file(m, text, err);
    if (m->format == FORMAT_JSON && out_is_json(m->ctx))
        return out_json(m->ctx, text, err);
    buf_add(&m->ctx->out, buf_str(text), text->len);
    if (m->format == FORMAT_JSON)
        buf_addc(&m->ctx->out, '\n');
    return RC_OK;
}

/* ---- a run ---- */

static enum rc
newest_run(void *arg, const struct run_record *r, struct err *err)
{
    char *id = arg;
    (void)err;
    if (id[0] == '\0')
        (void)snprintf(id, UUID_TEXT + 1, "%s", r->id);
    return RC_OK;
}

static int
is_shipped(const struct run *run)
{
    const char *text = NULL, *name;
    size_t len = 0;
    for (size_t i = 0; (name = runbook_shipped(i, &text, &len)) != NULL; i++) {
        if (strcmp(name, run->record.runbook) == 0)
            return len == run->book->len && memcmp(text, run->book->text, len) == 0;
    }
    return 0;
}

static enum rc
make_run(struct making *m, const struct run *run, struct err *err)
{
    struct run_facts *f = NULL;
    struct buf text;
    struct jw w;
    m->kind = "run";
    m->id = run->record.id;
    m->about.as_shipped = is_shipped(run);
    enum rc rc = run_facts_new(&f, m->ctx->store, run, err);
    if (rc != RC_OK)
        return rc;
    if (m->format == FORMAT_JSON) {
        session_answer(&text, &w, "report.run");
        rc = run_report_json(&w, f, &m->about, err);
        jw_end_obj(&w);
    } else {
        buf_init(&text, PAGE_MOST);
        rc = run_report_sheet(&text, m->format == FORMAT_HTML, f, &m->about, err);
    }
    if (rc == RC_OK)
        rc = deliver(m, &text, err);
    buf_release(&text);
    run_facts_free(f);
    return rc;
}

static enum rc
run_run(struct ctx *ctx, struct err *err)
{
    struct making m = {.ctx = ctx};
    struct run *run = NULL;
    char id[UUID_TEXT + 1] = "";
    const char *ref = ctx->opts.arg_count > 0 ? opt_arg(&ctx->opts, 0) : id;
    enum rc rc = prepare(&m, err);
    if (rc == RC_OK && ref == id)
        rc = run_each(ctx->store, newest_run, id, err);
    if (rc == RC_OK && ref[0] == '\0') {
        (void)err_set(err, RC_NOT_FOUND, "there was no run yet");
        return err_hint(err, "begin one: keymuster recover start [--drill]");
    }
    if (rc == RC_OK)
        rc = run_load(&run, ctx->store, ref, err);
    if (rc == RC_OK)
        rc = make_run(&m, run, err);
    run_free(run);
    return rc;
}

/* ---- a drill ---- */

static enum rc
run_drill(struct ctx *ctx, struct err *err)
{
    struct making m = {.ctx = ctx, .kind = "drill"};
    struct drill_record record;
    struct drill_facts *f = NULL;
    struct buf text = {0};
    struct jw w;
    enum rc rc = prepare(&m, err);
    if (rc == RC_OK)
        rc = drill_record_find(ctx->store, ctx->opts.arg_count > 0 ? opt_arg(&ctx->opts, 0) : NULL,
                               &record, err);
    if (rc == RC_OK)
        rc = drill_facts_new(&f, ctx->store, &record, err);
    if (rc != RC_OK)
        return rc;
    m.id = record.id;
    if (m.format == FORMAT_JSON) {
        session_answer(&text, &w, "report.drill");
        drill_report_json(&w, f, &m.about);
        jw_end_obj(&w);
    } else {
        buf_init(&text, PAGE_MOST);
        rc = drill_report_sheet(&text, m.format == FORMAT_HTML, f, &m.about, err);
    }
    if (rc == RC_OK)
        rc = deliver(&m, &text, err);
    buf_release(&text);
    drill_facts_free(f);
    return rc;
}

static const struct opt_spec options[] = {
    {OPT_FORMAT, "format", 0, "text|json|html", 0, "html with --file"},
    {OPT_FILE, "file", 0, "F", 0, "a new file to write it to"},
    OPT_END,
};

const struct cmd cmd_report_table[] = {
    {"report", "run", "[RUN] [--format text|json|html] [--file F]",
     "Evidence of a run: who did what when, what was shown, what is missing.", options, 0, 1,
     CMD_READ, GROUP_PROOF, run_run, "keymuster report run --file run.html\n"},
    {"report", "drill", "[DRILL] [--format text|json|html] [--file F]",
     "Evidence of a drill: what came of each key under each root key.", options, 0, 1, CMD_READ,
     GROUP_PROOF, run_drill, "keymuster report drill --file drill.html\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
