/* import: many keys that a KMS wrapped before, one a line; a verdict for each, stored in waves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/import_row.h"
#include "cli/lines.h"
#include "cli/out.h"
#include "escrow/log.h"
#include "sys/env.h"

enum {
    WAVE = 4096,
    WAVE_MS = 500,
    VERDICT_REFUSED = RECORDING_OTHER,
    VERDICT_TWICE,
    VERDICT_SUCCESSOR,
    VERDICTS
};

static const char *const verdict_words[VERDICTS] = {"recorded", "known", "wrap-added", "proved",
                                                    "refused",  "twice", "successor"};

/* A row that is judged; its entry, if it has one, waits for the wave's transaction. */
struct item {
    const char *file;
    int64_t line;
    char name[KEY_NAME_BYTES + 1]; /* "" when it could not be read */
    int64_t generation;            /* 0: unknown */
    unsigned verdict;
    char why[1100];
    const char *kind; /* NULL: nothing to record */
    struct buf body;
};

/* A set of names: their hashes, in a table twice as large at least. */
struct seen {
    uint64_t *slots;
    size_t size, count;
};

struct import {
    struct ctx *ctx;
    struct mint base; /* roots and protected site, as the command line says */
    const char *purpose;
    int prove;
    int succeed;                 /* another value under a known name is its next generation */
    int region_said[MINT_WRAPS]; /* the site rule has said what it has to say of this root */
    struct item items[WAVE];
    size_t count;
    struct seen waiting; /* names of this wave's new rows */
    int64_t began;       /* of this wave, clock_mono_ms */
    int64_t totals[VERDICTS];
    char newest[2][UUID_TEXT + 1]; /* newest key made: any, one that must outlive its site */
    struct seen seen;              /* names that a dry run would have recorded */
    struct table *table;
    struct buf doc;
    struct jw w;
};

/* ---- names met ---- */

static uint64_t
seen_hash(const char *name)
{
    uint64_t h = 14695981039346656037ULL; /* FNV-1a; 0 means a free slot */
    for (; *name != '\0'; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211ULL;
    return h != 0 ? h : 1;
}

static int
seen_put(uint64_t *slots, size_t size, uint64_t hash)
{
    size_t at = hash & (size - 1);
    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & (size - 1);
    int there = slots[at] == hash;
    slots[at] = hash;
    return there;
}

static enum rc
seen_add(struct seen *s, const char *name, int *there, struct err *err)
{
    if (s->count * 2 >= s->size) {
        size_t size = s->size == 0 ? 1024 : s->size * 2;
        uint64_t *slots = calloc(size, sizeof *slots);
        if (slots == NULL)
            return err_nomem(err);
        for (size_t i = 0; i < s->size; i++) {
            if (s->slots[i] != 0)
                (void)seen_put(slots, size, s->slots[i]);
        }
        free(s->slots);
        s->slots = slots;
        s->size = size;
    }
    *there = seen_put(s->slots, s->size, seen_hash(name));
    s->count += !*there;
    return RC_OK;
}

static int
seen_has(const struct seen *s, const char *name)
{
    uint64_t hash = seen_hash(name);
    for (size_t at = hash & (s->size - 1); s->size > 0 && s->slots[at] != 0;
         at = (at + 1) & (s->size - 1)) {
        if (s->slots[at] == hash)
            return 1;
    }
    return 0;
}

static void
seen_clear(struct seen *s)
{
    if (s->count > 0)
        memset(s->slots, 0, s->size * sizeof *s->slots);
    s->count = 0;
}

/* ---- what becomes of a row ---- */

/* What goes wrong with a row alone; anything else would go wrong with every row, and ends the
 * import. */
static int
is_of_row(enum rc rc)
{
    int status = err_exit(rc);
    return rc != RC_KMS_MISSING && rc != RC_KMS_INTEGRITY && rc != RC_ENDPOINT_DIFFERS &&
           rc != RC_ENDPOINT_UNKNOWN &&
           (status == 2 || status == 6 || status == 13 || status == 14 || status == 15 ||
            status == 17);
}

/* The roots that the row's wrap can be under: from..to in base.wraps. */
static enum rc
roots_of(const struct import *im, const struct import_row *row, size_t *from, size_t *to,
         struct err *err)
{
    *from = 0;
    *to = im->base.wrap_count;
    for (size_t i = 0; row->root != NULL && i < im->base.wrap_count; i++) {
        const struct object *o = &im->base.wraps[i].root.object;
        if (strcmp(o->name, row->root) == 0 || strcmp(o->uuid, row->root) == 0) {
            *from = i;
            *to = i + 1;
            return RC_OK;
        }
    }
    if (row->root != NULL)
        return err_set(err, RC_BAD_VALUE, "\"root\" is none of those given by --root");
    if (!im->prove && *to > 1)
        return err_set(err, RC_BAD_VALUE,
                       "\"root\" is missing: without proving, nothing else tells which it is");
    return RC_OK;
}

/* The very wrap is known already, and there is nothing left to prove. */
static enum rc
is_known(struct import *im, struct recording *r, size_t from, size_t to, int *known,
         struct err *err)
{
    enum rc rc = RC_OK;
    *known = 0;
    if (!r->there)
        return RC_OK;
    for (size_t i = from; rc == RC_OK && !*known && i < to; i++) {
        r->m.wraps[0].root = im->base.wraps[i].root;
        rc = recording_find_wrap(im->ctx, r, &r->m.wraps[0], known, err);
    }
    *known = *known && (!im->prove || r->known.has_check);
    return rc;
}

/* Finds the root that opens the wrap; *at is its number. */
static enum rc
find_root(struct import *im, struct recording *r, size_t from, size_t to, size_t *at,
          struct err *err)
{
    enum rc rc = RC_OK;
    struct err first = ERR_INIT;
    for (size_t i = from; i < to; i++) {
        *at = i;
        r->m.wraps[0].root = im->base.wraps[i].root;
        if (!im->prove)
            return RC_OK;
        rc = recording_prove(im->ctx, r, err);
        if (rc == RC_OK || !is_of_row(rc))
            return rc;
        if (i == from)
            first = *err;
    }
    *err = first;
    return to - from > 1 ? err_wrap(err, "under none of the root keys given") : rc;
}

static enum rc
site_rule(struct import *im, const struct recording *r, size_t root, struct err *err)
{
    if (!purpose_must_outlive(r->m.purpose) || im->region_said[root])
        return RC_OK;
    enum rc rc = mint_site_rule(im->ctx, &r->m, err);
    im->region_said[root] = rc == RC_OK;
    return rc;
}

static enum rc
judge(struct import *im, struct import_row *row, struct item *it, struct err *err)
{
    struct recording *r = &row->r;
    enum recording_verdict verdict = RECORDING_KNOWN;
    size_t from = 0, to = 0, root = 0;
    int known = 0;
    r->m.wrap_count = 1;
    r->m.wraps[0].how = "import";
    r->m.protects_site = im->base.protects_site;
    enum rc rc = roots_of(im, row, &from, &to, err);
    if (rc == RC_OK)
        rc = recording_find(im->ctx, r, err);
    if (rc == RC_OK)
        rc = is_known(im, r, from, to, &known, err);
    if (rc == RC_OK && !known)
        rc = find_root(im, r, from, to, &root, err);
    if (rc == RC_OK && !known)
        rc = recording_judge(im->ctx, r, &verdict, err);
    int succeeds = verdict == RECORDING_OTHER && im->succeed;
    if (rc == RC_OK && succeeds) {
        recording_succeed(r);
        verdict = RECORDING_NEW;
    }
    if (rc == RC_OK && verdict == RECORDING_NEW)
        rc = site_rule(im, r, root, err);
    if (rc == RC_OK && verdict == RECORDING_OTHER)
        rc = recording_refuse(r, err);
    if (rc != RC_OK)
        return rc;
    it->generation = verdict == RECORDING_NEW ? r->m.generation : r->known.generation;
    if (r->other_moniker && verdict != RECORDING_KNOWN)
        (void)snprintf(it->why, sizeof it->why, "the description's moniker is another name");
    if (verdict != RECORDING_KNOWN && !im->ctx->dry_run)
        rc = recording_body(im->ctx, r, verdict, &it->kind, &it->body, err);
    if (rc == RC_OK && verdict == RECORDING_NEW && !im->ctx->dry_run) {
        int outlive = purpose_must_outlive(r->m.purpose);
        (void)snprintf(im->newest[outlive], sizeof im->newest[outlive], "%s", r->m.uuid);
    }
    it->verdict = rc != RC_OK ? VERDICT_REFUSED : succeeds ? VERDICT_SUCCESSOR : (unsigned)verdict;
    return rc;
}

/* ---- waves ---- */

static enum rc
say(struct import *im, const struct item *it, struct err *err)
{
    struct ctx *ctx = im->ctx;
    struct buf one;
    struct jw own;
    struct jw *w = &im->w;
    if (!out_is_json(ctx)) {
        char line[24];
        char key[KEY_NAME_BYTES + 32];
        (void)snprintf(line, sizeof line, "%lld", (long long)it->line);
        (void)snprintf(key, sizeof key, it->generation > 0 ? "%s@%lld" : "%s", it->name,
                       (long long)it->generation);
        const char *cells[] = {it->file, line, key, verdict_words[it->verdict], it->why};
        return ctx->quiet && it->verdict != VERDICT_REFUSED && it->verdict != VERDICT_TWICE
                   ? RC_OK
                   : cmd_table_row(im->table, cells, 5, err);
    }
    if (ctx->format == OUT_NDJSON)
        session_answer(&one, w = &own, "import.row");
    else
        jw_obj(w, NULL);
    jw_str(w, "file", it->file);
    jw_int(w, "line", it->line);
    jw_opt(w, "name", it->name);
    if (it->generation > 0)
        jw_int(w, "generation", it->generation);
    jw_str(w, "verdict", verdict_words[it->verdict]);
    jw_opt(w, "why", it->why);
    jw_end_obj(w);
    if (ctx->format != OUT_NDJSON)
        return RC_OK;
    enum rc rc = out_json(ctx, &one, err);
    buf_release(&one);
    return rc;
}

static enum rc
store_wave(struct import *im, struct err *err)
{
    size_t news = 0;
    for (size_t i = 0; i < im->count; i++)
        news += im->items[i].kind != NULL;
    if (news == 0)
        return RC_OK;
    enum rc rc = log_begin(im->ctx->store, err);
    for (size_t i = 0; rc == RC_OK && i < im->count; i++) {
        const struct item *it = &im->items[i];
        if (it->kind != NULL)
            rc = log_append(im->ctx->store, it->kind, &it->body, im->ctx->entry, err);
    }
    return log_finish(im->ctx->store, rc, err);
}

/* Stores the wave, and only then says what became of its rows. */
static enum rc
end_wave(struct import *im, struct err *err)
{
    enum rc rc = store_wave(im, err);
    for (size_t i = 0; i < im->count; i++) {
        struct item *it = &im->items[i];
        if (rc == RC_OK) {
            im->totals[it->verdict]++;
            rc = say(im, it, err);
        }
        buf_release(&it->body);
    }
    im->count = 0;
    seen_clear(&im->waiting);
    return rc;
}

/* A row that waits in this wave is not in the tables yet, so a second of its name must come after.
 */
static int
wave_is_full(const struct import *im, const char *name)
{
    return im->count == WAVE || (im->count > 0 && clock_mono_ms() - im->began > WAVE_MS) ||
           seen_has(&im->waiting, name);
}

static struct item *
next_item(struct import *im, const struct lines *l)
{
    struct item *it = &im->items[im->count];
    if (im->count == 0)
        im->began = clock_mono_ms();
    memset(it, 0, sizeof *it);
    it->file = l->name;
    it->line = l->number;
    it->verdict = VERDICT_REFUSED;
    buf_init(&it->body, LIMIT_BODY);
    return it;
}

static void
refuse(struct item *it, const struct err *why)
{
    it->verdict = VERDICT_REFUSED;
    it->generation = 0;
    it->kind = NULL;
    (void)snprintf(it->why, sizeof it->why, "%s%s%s%s", why->msg, why->why[0] != '\0' ? ": " : "",
                   why->why,
                   why->code == RC_EXISTS ? "; is it the successor? --new-generation" : "");
}

static enum rc
take_row(struct import *im, const struct lines *l, struct err *err)
{
    struct import_row row;
    int twice = 0;
    import_row_init(&row);
    enum rc rc = l->text.failed
                     ? err_set(err, RC_BAD_VALUE, "the row is longer than %d bytes", LIMIT_ENTRY)
                     : import_row_read(&row, buf_str(&l->text), l->text.len, im->purpose, err);
    const char *name = rc == RC_OK ? row.r.m.name : "";
    enum rc stored = RC_OK;
    if (wave_is_full(im, name))
        stored = end_wave(im, err);
    struct item *it = next_item(im, l);
    (void)snprintf(it->name, sizeof it->name, "%s", name);
    if (rc == RC_OK && stored == RC_OK)
        rc = judge(im, &row, it, err);
    if (rc == RC_OK && stored == RC_OK && it->kind != NULL)
        rc = seen_add(&im->waiting, name, &twice, err);
    if (rc == RC_OK && stored == RC_OK && im->ctx->dry_run &&
        (it->verdict == RECORDING_NEW || it->verdict == VERDICT_SUCCESSOR)) {
        rc = seen_add(&im->seen, name, &twice, err);
        if (twice) {
            it->verdict = VERDICT_TWICE;
            it->generation = 0;
            (void)snprintf(it->why, sizeof it->why,
                           "an earlier row has this name; "
                           "it is judged when that one is recorded");
        }
    }
    import_row_release(&row);
    if (stored != RC_OK || (rc != RC_OK && !is_of_row(rc))) {
        buf_release(&it->body);
        return stored != RC_OK ? stored : rc;
    }
    if (rc != RC_OK)
        refuse(it, err);
    err_clear(err);
    im->count++;
    return RC_OK;
}

static int
is_blank(const struct buf *text)
{
    return !text->failed && strspn(buf_str(text), " \t") == text->len;
}

static enum rc
take_file(struct import *im, const char *path, struct err *err)
{
    struct lines l;
    int more = 1;
    enum rc rc = lines_open(&l, path, err);
    while (rc == RC_OK && (rc = lines_next(&l, &more, err)) == RC_OK && more) {
        if (!is_blank(&l.text))
            rc = take_row(im, &l, err);
        if (rc == RC_OK && signals_pending())
            rc = err_set(err, RC_INTERRUPTED, "interrupted");
    }
    lines_close(&l);
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
            rc = err_errno(err, RC_BAD_VALUE, "opening %s", opt_arg(o, i));
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
    jw_int(w, "refused", im->totals[VERDICT_REFUSED]);
    jw_int(w, "twice", im->totals[VERDICT_TWICE]);
    jw_int(w, "successors", im->totals[VERDICT_SUCCESSOR]);
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
               (long long)im->totals[RECORDING_NEW], (long long)im->totals[VERDICT_SUCCESSOR],
               (long long)im->totals[RECORDING_KNOWN], (long long)im->totals[RECORDING_WRAP],
               (long long)im->totals[RECORDING_PROVED], (long long)im->totals[VERDICT_REFUSED]);
    return rc;
}

static enum rc
carry_out(struct import *im, struct err *err)
{
    struct ctx *ctx = im->ctx;
    struct err later = ERR_INIT;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++)
        rc = take_file(im, opt_arg(&ctx->opts, i), err);
    /* What is judged is stored, also when it was the last that could be done. */
    if (rc == RC_OK)
        rc = end_wave(im, err);
    else if (end_wave(im, &later) != RC_OK && err_exit(later.code) == 19)
        *err = later;
    int64_t made = im->totals[RECORDING_NEW] + im->totals[VERDICT_SUCCESSOR];
    if (rc != RC_OK && made > 0)
        (void)err_hint(err, "%lld keys are recorded; run it again for the rest", (long long)made);
    /* With --new-generation a second row of a name is in order. */
    if (im->totals[VERDICT_REFUSED] > 0 || (im->totals[VERDICT_TWICE] > 0 && !im->succeed))
        ctx->findings++;
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
    free(im->seen.slots);
    free(im->waiting.slots);
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
     "Records many wrapped keys, one JSON object a line; -n says what would come of each.",
     import_options, 1, -1, CMD_WRITE, GROUP_EVERY_DAY, run_import,
     "keymuster import keys.ndjson --root mad-main --purpose backup-job -n\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
/* clang-format on */
