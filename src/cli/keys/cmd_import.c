/* import: many keys that a KMS wrapped before; what a file is, is found by looking. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd_tables.h"
#include "cli/keys/import_list.h"
#include "cli/out.h"
#include "sys/file.h"
#include "sys/process.h"

/* What the files said of themselves, for the list is to be whole. */
struct import_files {
    struct import_list *list;
    int64_t total;   /* as a server's list says; the largest */
    int64_t of_list; /* rows of its pages */
    int incomplete;
};

/* ---- files ---- */

static enum rc
take_row(struct import *im, struct import_files *files, const struct keylist_row *r,
         const char *path, struct err *err)
{
    const struct import_from from = {path, r->line, 0, 0};
    struct import_row row;
    if (r->kind != KEYLIST_OWN)
        return import_list_add(files->list, r, path, err);
    import_row_init(&row);
    enum rc rc = r->text->failed
                     ? err_set(err, RC_BAD_VALUE, "the row is longer than %d bytes", LIMIT_ENTRY)
                     : import_row_read(&row, buf_str(r->text), r->text->len, im->purpose, err);
    return import_take(im, &from, &row, rc, NULL, err);
}

static enum rc
take_rows(struct import *im, struct import_files *files, struct keylist *l, const char *path,
          struct err *err)
{
    struct keylist_row *row = malloc(sizeof *row); /* too large for a stack */
    int more = 1;
    enum rc rc = row != NULL ? RC_OK : err_nomem(err);
    while (rc == RC_OK && (rc = keylist_next(l, row, &more, err)) == RC_OK && more) {
        rc = take_row(im, files, row, path, err);
        if (rc == RC_OK && signals_pending())
            rc = err_set(err, RC_INTERRUPTED, "interrupted");
    }
    if (rc == RC_OK && keylist_total(l) >= 0) {
        files->of_list += row->number;
        if (keylist_total(l) > files->total)
            files->total = keylist_total(l);
    }
    if (rc == RC_OK && keylist_incomplete(l)) {
        files->incomplete = 1;
        out_warn(im->ctx, "%s is not whole: what is missing is not looked at", path);
    }
    free(row);
    return rc;
}

static enum rc
take_file(struct import *im, struct import_files *files, const char *path, struct err *err)
{
    struct keylist *l = NULL;
    FILE *f = NULL;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        f = fdopen(fd, "r");
    if (f == NULL) {
        enum rc rc = file_not_opened(path, err);
        if (fd >= 0)
            (void)close(fd); /* nothing was read */
        return rc;
    }
    enum rc rc = keylist_open(&l, f, path, err);
    if (rc == RC_OK)
        rc = take_rows(im, files, l, path, err);
    keylist_close(l);
    (void)fclose(f); /* only read from */
    return rc;
}

/* ---- the command ---- */

static enum rc
prepare_kms(struct import *im, struct err *err)
{
    struct kms *kms = NULL;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && im->prove && i < im->base.wrap_count; i++)
        rc = session_kms(im->ctx, &im->base.wraps[i].root.kms, &kms, err);
    if (rc != RC_OK)
        (void)err_hint(err, "to record the rows unproven: --no-prove");
    return rc;
}

static enum rc
prepare(struct import *im, struct err *err)
{
    struct ctx *ctx = im->ctx;
    const struct opts *o = &ctx->opts;
    const char *site = opt_get(o, OPT_PROTECTS_SITE);
    enum rc rc = RC_OK;
    im->purpose = opt_get(o, OPT_PURPOSE);
    im->prove = !opt_has(o, OPT_NO_PROVE);
    im->succeed = opt_has(o, OPT_NEW_GENERATION);
    if (opt_count(o, OPT_ROOT) == 0)
        return err_set(err, RC_USAGE, "import: --root is missing: under which root keys?");
    if (im->purpose != NULL && !mint_is_purpose(im->purpose))
        return err_set(err, RC_USAGE, "--purpose: there is no such purpose");
    for (size_t i = 0; rc == RC_OK && i < opt_count(o, OPT_ROOT); i++)
        rc = mint_root(ctx, &im->base, opt_at(o, OPT_ROOT, i), "import", err);
    if (rc == RC_OK && site == NULL && ctx->store->site[0] == '\0')
        rc = err_set(err, RC_USAGE, "--protects-site is missing, and this store stands at no site");
    if (rc == RC_OK)
        rc = object_find(ctx->store, "site", site != NULL ? site : ctx->store->site,
                         &im->base.protects_site, err);
    /* a misspelt file is told before anything is done */
    for (size_t i = 0; rc == RC_OK && i < o->arg_count; i++) {
        if (strcmp(opt_arg(o, i), "-") != 0 && access(opt_arg(o, i), R_OK) != 0)
            rc = file_not_opened(opt_arg(o, i), err);
    }
    return rc == RC_OK ? prepare_kms(im, err) : rc;
}

/* Entries of one author are acknowledged in order, so the newest key stands for all of them. */
static enum rc
release_rule(struct import *im, struct err *err)
{
    enum rc rc = RC_OK;
    int all = 1;
    for (size_t i = 0; rc == RC_OK && i < 2; i++) {
        struct key key;
        int released = 0;
        if (im->newest[i][0] == '\0')
            continue;
        rc = key_find(im->ctx->store, im->newest[i], &key, err);
        if (rc == RC_OK)
            rc = key_released(im->ctx->store, &key, &released, err);
        all = all && released;
    }
    if (rc != RC_OK || all || im->ctx->unsynced)
        return rc;
    im->ctx->findings++;
    out_warn(im->ctx,
             "what was recorded is stored here, but not all of it is released: no copy, or "
             "none at another site than the protected one, has acknowledged it yet");
    out_note(im->ctx, "reach a copy:  keymuster sync          (see: keymuster copy list)");
    return RC_OK;
}

static void
write_totals(struct import *im, struct jw *w)
{
    jw_bool(w, "dry_run", im->ctx->dry_run);
    jw_int(w, "recorded", im->totals[RECORDING_NEW]);
    jw_int(w, "known", im->totals[RECORDING_KNOWN]);
    jw_int(w, "wraps_added", im->totals[RECORDING_WRAP]);
    jw_int(w, "proved", im->totals[RECORDING_PROVED]);
    jw_int(w, "refused", im->totals[IMPORT_REFUSED]);
    jw_int(w, "twice", im->totals[IMPORT_TWICE]);
    jw_int(w, "successors", im->totals[IMPORT_SUCCESSOR]);
    jw_int(w, "unmanaged", im->totals[IMPORT_UNMANAGED]);
    jw_int(w, "damaged", im->totals[IMPORT_DAMAGED]);
    jw_int(w, "ambiguous", im->totals[IMPORT_AMBIGUOUS]);
}

static enum rc
answer(struct import *im, struct err *err)
{
    struct ctx *ctx = im->ctx;
    struct jw w;
    enum rc rc = RC_OK;
    switch (ctx->format) {
    case OUT_JSON:
        jw_end_arr(&im->w);
        write_totals(im, &im->w);
        jw_end_obj(&im->w);
        return out_json(ctx, &im->doc, err);
    case OUT_NDJSON:
        jw_init(&w, &ctx->summary);
        jw_obj(&w, NULL);
        write_totals(im, &w);
        jw_end_obj(&w);
        return RC_OK;
    case OUT_TEXT:
    case OUT_CSV:
        break;
    }
    if (im->table != NULL)
        rc = table_print(im->table, &ctx->out, err);
    out_printf(ctx,
               "\n%srecorded %lld, successors %lld, known %lld, wraps added %lld, proved %lld, "
               "refused %lld\n",
               ctx->dry_run ? "dry run, nothing is stored: " : "",
               (long long)im->totals[RECORDING_NEW], (long long)im->totals[IMPORT_SUCCESSOR],
               (long long)im->totals[RECORDING_KNOWN], (long long)im->totals[RECORDING_WRAP],
               (long long)im->totals[RECORDING_PROVED], (long long)im->totals[IMPORT_REFUSED]);
    for (unsigned v = IMPORT_UNMANAGED; v < IMPORT_VERDICTS; v++) {
        if (im->totals[v] > 0)
            out_printf(ctx, "%s %lld\n", import_word(v), (long long)im->totals[v]);
    }
    return rc;
}

/* Rows that somebody has to look at, and pages that are not here. */
static void
count_findings(struct import *im, const struct import_files *files)
{
    struct ctx *ctx = im->ctx;
    int64_t trouble = im->totals[IMPORT_REFUSED] + im->totals[IMPORT_UNMANAGED] +
                      im->totals[IMPORT_DAMAGED] + im->totals[IMPORT_AMBIGUOUS];
    /* With --new-generation a second row of a name is in order. */
    if (trouble > 0 || (im->totals[IMPORT_TWICE] > 0 && !im->succeed) || files->incomplete)
        ctx->findings++;
    if (files->total > files->of_list) {
        ctx->findings++;
        out_warn(ctx, "the server's list has %lld passwords, and %lld are here: pages are missing",
                 (long long)files->total, (long long)files->of_list);
    }
}

static enum rc
carry_out(struct import *im, struct err *err)
{
    struct ctx *ctx = im->ctx;
    struct err later = ERR_INIT;
    struct import_files files = {NULL, -1, 0, 0};
    enum rc rc = import_list_new(&files.list, err);
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++)
        rc = take_file(im, &files, opt_arg(&ctx->opts, i), err);
    if (rc == RC_OK)
        rc = import_list_take(files.list, im, err);
    import_list_free(files.list);
    /* What is judged is stored, also when it was the last that could be done. */
    if (rc == RC_OK)
        rc = import_end_wave(im, err);
    else if (import_end_wave(im, &later) != RC_OK && err_exit(later.code) == 19)
        *err = later;
    int64_t made = im->totals[RECORDING_NEW] + im->totals[IMPORT_SUCCESSOR];
    if (rc != RC_OK && made > 0)
        (void)err_hint(err, "%lld keys are recorded; run it again for the rest", (long long)made);
    count_findings(im, &files);
    return rc == RC_OK ? RC_OK : err->code;
}

static enum rc
run_import(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"FILE", "LINE", "KEY", "VERDICT", "WHY", NULL};
    struct err later = ERR_INIT;
    struct import *im = calloc(1, sizeof *im);
    if (im == NULL)
        return err_nomem(err);
    im->ctx = ctx;
    mint_init(&im->base);
    session_answer(&im->doc, &im->w, "import");
    jw_arr(&im->w, "rows");
    enum rc rc = prepare(im, err);
    if (rc == RC_OK && !out_is_json(ctx))
        rc = cmd_table_new(&im->table, ctx, titles, err);
    if (rc != RC_OK)
        goto out;
    rc = carry_out(im, err);
    if ((rc == RC_OK || ctx->format != OUT_JSON) && answer(im, &later) != RC_OK && rc == RC_OK) {
        *err = later;
        rc = err->code;
    }
    if (rc == RC_OK)
        rc = session_publish(ctx, err);
    if (rc == RC_OK)
        rc = release_rule(im, err);
out:
    table_free(im->table);
    mint_release(&im->base);
    buf_release(&im->doc);
    seen_release(&im->seen);
    seen_release(&im->waiting);
    free(im);
    return rc;
}

/* clang-format off */
static const struct opt_spec import_options[] = {
    {OPT_ROOT, "root", 0, "ROOT", OPT_MANY, "root key that the wraps are under; several are tried in order"},
    {OPT_PURPOSE, "purpose", 0, "PURPOSE", 0, "for rows without one"},
    {OPT_PROTECTS_SITE, "protects-site", 0, "SITE", 0, "site whose loss the keys are for (default: this one)"},
    {OPT_NO_PROVE, "no-prove", 0, NULL, 0, "do not unwrap them once; the keys are then unproven"},
    {OPT_NEW_GENERATION, "new-generation", 0, NULL, 0, "another value under a known name is its successor"},
    KMS_OPTIONS,
    OPT_END,
};

const struct cmd cmd_import_table[] = {
    {NULL, "import", "FILE... --root ROOT [--purpose PURPOSE] [--no-prove]",
     "Records many wrapped keys: a JSON object a line, or an export of VBR's; -n: a dry run.",
     import_options, 1, -1, CMD_WRITE, GROUP_EVERY_DAY, run_import,
     "keymuster import keys.ndjson --root mad-main --purpose backup-job -n\n"
     "keymuster import VBREncryptionKey.json --root mad-main --purpose backup-job\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
/* clang-format on */
