/* Rows of an import on their way: judged, stored together, and only then told. */
#include "cli/keys/import.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "escrow/log.h"

const char *
import_word(unsigned verdict)
{
    static const char *const words[IMPORT_VERDICTS] = {
        "recorded", "known",     "wrap-added", "proved",  "refused",
        "twice",    "successor", "unmanaged",  "damaged", "ambiguous"};
    return words[verdict];
}

/* Whether somebody has to do something about it. */
static int
is_trouble(unsigned verdict)
{
    return verdict == IMPORT_REFUSED || verdict == IMPORT_TWICE || verdict >= IMPORT_UNMANAGED;
}

/* ---- verdicts ---- */

static enum rc
say_text(struct import *im, const struct import_item *it, struct err *err)
{
    char line[32];
    char key[KEY_NAME_BYTES + 32];
    (void)snprintf(line, sizeof line, it->from.row > 0 ? "row %lld" : "%lld",
                   (long long)(it->from.row > 0 ? it->from.row : it->from.line));
    (void)snprintf(key, sizeof key, it->generation > 0 ? "%s@%lld" : "%s", it->name,
                   (long long)it->generation);
    const char *cells[] = {it->from.file, line, key, import_word(it->verdict), it->why};
    if (im->ctx->quiet && !is_trouble(it->verdict))
        return RC_OK;
    return cmd_table_row(im->table, cells, 5, err);
}

static void
write_item(struct jw *w, const struct import_item *it)
{
    jw_str(w, "file", it->from.file);
    jw_int(w, "line", it->from.line);
    if (it->from.row > 0)
        jw_int(w, "row", it->from.row);
    jw_opt(w, "name", it->name);
    if (it->generation > 0)
        jw_int(w, "generation", it->generation);
    jw_str(w, "verdict", import_word(it->verdict));
    jw_opt(w, "why", it->why);
    if (it->from.findings != 0) {
        jw_arr(w, "findings");
        for (unsigned f = 0; f < IMPORT_FINDINGS; f++) {
            if (it->from.findings >> f & 1)
                jw_str(w, NULL, import_finding(f));
        }
        jw_end_arr(w);
    }
    jw_end_obj(w);
}

static enum rc
say(struct import *im, const struct import_item *it, struct err *err)
{
    struct ctx *ctx = im->ctx;
    struct buf one;
    struct jw own;
    if (!out_is_json(ctx))
        return say_text(im, it, err);
    if (ctx->format != OUT_NDJSON) {
        jw_obj(&im->w, NULL);
        write_item(&im->w, it);
        return RC_OK;
    }
    session_answer(&one, &own, "import.row");
    write_item(&own, it);
    enum rc rc = out_json(ctx, &one, err);
    buf_release(&one);
    return rc;
}

/* ---- waves ---- */

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
        const struct import_item *it = &im->items[i];
        if (it->kind != NULL)
            rc = log_append(im->ctx->store, it->kind, &it->body, im->ctx->entry, err);
    }
    return log_finish(im->ctx->store, rc, err);
}

enum rc
import_end_wave(struct import *im, struct err *err)
{
    enum rc rc = store_wave(im, err);
    for (size_t i = 0; i < im->count; i++) {
        struct import_item *it = &im->items[i];
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
    return im->count == IMPORT_WAVE ||
           (im->count > 0 && clock_mono_ms() - im->began > IMPORT_WAVE_MS) ||
           seen_has(&im->waiting, name);
}

static struct import_item *
next_item(struct import *im, const struct import_from *from, const char *name)
{
    struct import_item *it = &im->items[im->count];
    if (im->count == 0)
        im->began = clock_mono_ms();
    memset(it, 0, sizeof *it);
    it->from = *from;
    it->verdict = IMPORT_REFUSED;
    (void)snprintf(it->name, sizeof it->name, "%s", name);
    buf_init(&it->body, LIMIT_BODY);
    return it;
}

static void
refuse(struct import_item *it, const struct err *why)
{
    it->verdict = IMPORT_REFUSED;
    it->generation = 0;
    it->kind = NULL;
    (void)snprintf(it->why, sizeof it->why, "%s%s%s%s", why->msg, why->why[0] != '\0' ? ": " : "",
                   why->why,
                   why->code == RC_EXISTS ? "; is it the successor? --new-generation" : "");
}

/* A dry run records nothing, so a second row of a name cannot be judged against the first. */
static enum rc
note_dry(struct import *im, struct import_item *it, struct err *err)
{
    int twice = 0;
    if (!im->ctx->dry_run || (it->verdict != RECORDING_NEW && it->verdict != IMPORT_SUCCESSOR))
        return RC_OK;
    enum rc rc = seen_add(&im->seen, it->name, &twice, err);
    if (rc == RC_OK && twice) {
        it->verdict = IMPORT_TWICE;
        it->generation = 0;
        (void)snprintf(it->why, sizeof it->why,
                       "an earlier row has this name; it is judged when that one is recorded");
    }
    return rc;
}

enum rc
import_take(struct import *im, const struct import_from *from, struct import_row *row, enum rc read,
            struct import_item **out, struct err *err)
{
    struct err scratch = ERR_INIT;
    int twice = 0;
    enum rc rc = read;
    const char *name = rc == RC_OK ? row->r.m.name : "";
    if (wave_is_full(im, name) && import_end_wave(im, &scratch) != RC_OK) {
        *err = scratch;
        import_row_release(row);
        return err->code;
    }
    struct import_item *it = next_item(im, from, name);
    if (rc == RC_OK)
        rc = import_judge(im, row, it, err);
    if (rc == RC_OK && it->kind != NULL)
        rc = seen_add(&im->waiting, name, &twice, err);
    if (rc == RC_OK)
        rc = note_dry(im, it, err);
    import_row_release(row);
    if (rc != RC_OK && !import_is_of_row(rc)) {
        buf_release(&it->body);
        return rc;
    }
    if (rc != RC_OK)
        refuse(it, err);
    err_clear(err);
    im->count++;
    if (out != NULL)
        *out = it;
    return RC_OK;
}

enum rc
import_tell(struct import *im, const struct import_from *from, const char *name, unsigned verdict,
            struct import_item **it, struct err *err)
{
    if (wave_is_full(im, name)) {
        enum rc rc = import_end_wave(im, err);
        if (rc != RC_OK)
            return rc;
    }
    *it = next_item(im, from, name);
    (*it)->verdict = verdict;
    im->count++;
    return RC_OK;
}
