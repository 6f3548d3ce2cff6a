#include "report/drill_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
drill_facts_free(struct drill_facts *f)
{
    if (f == NULL)
        return;
    free(f->rows);
    origin_release(&f->origin);
    evidence_release(&f->evidence);
    free(f);
}

static void
take_measured(struct drill_facts *f, const struct drill_row *r)
{
    const struct json *body = r->e->body;
    const char *newest = json_gets(body, "newest_at");
    const char *from = json_gets(body, "export");
    int64_t ms = 0;
    if (r->outcome == DRILL_PROVEN && json_geti(body, "after_ms", &ms) == 0 && ms > f->took_ms)
        f->took_ms = ms;
    if (json_geti(body, "rpo_ms", &ms) == 0)
        f->rpo_ms = ms;
    if (json_geti(body, "lost_entries", &ms) == 0)
        f->lost = ms;
    if (newest != NULL)
        f->newest = newest;
    if (from != NULL)
        f->from_export = from;
}

static int
by_text(const void *va, const void *vb)
{
    return strcmp(*(const char *const *)va, *(const char *const *)vb);
}

/* A key's results need not stand together: two sites' clocks. */
static enum rc
count_keys(struct drill_facts *f, struct err *err)
{
    const char **keys = calloc(f->count + 1, sizeof *keys);
    if (keys == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < f->count; i++) {
        keys[i] = json_gets(f->evidence.list[i].e.body, "key");
        keys[i] = keys[i] != NULL ? keys[i] : "";
    }
    qsort(keys, f->count, sizeof *keys, by_text);
    for (size_t i = 0; i < f->count; i++)
        f->keys += i == 0 || strcmp(keys[i - 1], keys[i]) != 0;
    free(keys);
    return RC_OK;
}

static enum rc
take_rows(struct drill_facts *f, struct err *err)
{
    enum rc rc = RC_OK;
    f->rows = calloc(f->evidence.count + 1, sizeof *f->rows);
    if (f->rows == NULL)
        return err_nomem(err);
    for (size_t i = 0; rc == RC_OK && i < f->evidence.count; i++) {
        struct drill_row *r = &f->rows[f->count];
        rc = drill_row_read(r, f->store, &f->evidence.list[i].e, err);
        if (rc != RC_OK)
            break;
        f->count++;
        f->proven += r->outcome == DRILL_PROVEN;
        f->failed += r->outcome == DRILL_FAILED;
        f->inconclusive += r->outcome == DRILL_INCONCLUSIVE;
        f->uncounted += r->outcome == DRILL_PROVEN && !r->counts;
        take_measured(f, r);
    }
    return rc == RC_OK ? count_keys(f, err) : rc;
}

enum rc
drill_facts_new(struct drill_facts **out, const struct store *store,
                const struct drill_record *record, struct err *err)
{
    *out = NULL;
    struct drill_facts *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_nomem(err);
    f->store = store;
    f->record = *record;
    f->took_ms = f->rpo_ms = -1;
    f->newest = f->from_export = "";
    enum rc rc = evidence_of_drill(&f->evidence, store, record->id, err);
    if (rc == RC_OK)
        rc = take_rows(f, err);
    if (rc == RC_OK)
        rc = origin_of(&f->origin, store, &f->evidence, err);
    if (rc != RC_OK)
        drill_facts_free(f);
    else
        *out = f;
    return rc;
}

/* ---- for people ---- */

static void
put_measured(struct sheet *s, const struct drill_facts *f)
{
    char text[SPAN_TEXT];
    if (f->took_ms >= 0) {
        sheet_span(text, f->took_ms);
        sheet_factf(s, "RTO measured", SHEET_PLAIN, "%s from the start to the last key", text);
    } else {
        sheet_fact(s, "RTO measured", f->proven > 0 ? "not recorded" : "none: nothing was proven",
                   f->proven > 0 ? SHEET_PLAIN : SHEET_BAD);
    }
    if (f->rpo_ms < 0) {
        sheet_fact(s, "RPO measured", "not recorded", SHEET_PLAIN);
        return;
    }
    sheet_span(text, f->rpo_ms);
    if (f->lost == 0)
        sheet_fact(s, "RPO measured", "0: the copy had all that was known there", SHEET_PLAIN);
    else
        sheet_factf(s, "RPO measured", SHEET_PLAIN,
                    "%s: the copy lacked %lld entr%s that %s known there", text, (long long)f->lost,
                    f->lost == 1 ? "y" : "ies", f->lost == 1 ? "was" : "were");
}

static void
put_head(struct sheet *s, const struct drill_facts *f, const struct report_about *about)
{
    const struct drill_row *last = &f->rows[f->count - 1];
    sheet_fact(s, "drill", f->record.id, SHEET_PLAIN);
    sheet_factf(s, "escrow", SHEET_PLAIN, "%s (%s)", f->store->escrow, f->store->name);
    sheet_fact(s, "first result", f->rows[0].e->at, SHEET_PLAIN);
    sheet_fact(s, "last result", last->e->at, SHEET_PLAIN);
    if (f->from_export[0] != '\0')
        sheet_factf(s, "from export", SHEET_PLAIN, "SHA-256 %s", f->from_export);
    sheet_fact(s, "copy up to", f->newest, SHEET_PLAIN);
    put_measured(s, f);
    sheet_fact(s, "reason", last->reason, SHEET_PLAIN);
    sheet_fact(s, "ticket", json_gets(last->e->body, "ticket"), SHEET_PLAIN);
    sheet_factf(s, "report made", SHEET_PLAIN, "%s by keymuster %s", about->made_at,
                about->version);
}

static void
put_sign_off(struct sheet *s)
{
    static const char *const titles[] = {"", "NAME", "DATE", "SIGNATURE", NULL};
    static const char *const who[] = {"carried out by", "reviewed by", "accepted by"};
    if (!s->html)
        return;
    sheet_section(s, "sign-off", "Sign-off");
    sheet_blanks(s, "Signatures", titles, who, sizeof who / sizeof who[0]);
}

enum rc
drill_report_sheet(struct buf *out, int html, const struct drill_facts *f,
                   const struct report_about *about, struct err *err)
{
    struct sheet s;
    char title[96], line[512];
    size_t again = origin_restated(&f->evidence);
    (void)snprintf(title, sizeof title, "drill %.8s", f->record.id);
    enum rc rc = sheet_begin(&s, out, html, "Evidence: a drill of keys", title, err);
    int good = f->failed + f->inconclusive + f->uncounted == 0;
    sheet_banner(&s, "DRILL");
    (void)snprintf(line, sizeof line,
                   "%zu keys by %zu paths: %zu proven, %zu failed, %zu inconclusive.", f->keys,
                   f->count, f->proven, f->failed, f->inconclusive);
    sheet_par(&s, line, good ? SHEET_PLAIN : SHEET_BAD);
    if (f->uncounted > 0) {
        (void)snprintf(line, sizeof line,
                       "%zu of the proofs do not count for their keys: a key that must outlive a "
                       "site is proven at another one.",
                       f->uncounted);
        sheet_par(&s, line, SHEET_BAD);
    }
    if (again > 0) {
        (void)snprintf(line, sizeof line, ORIGIN_AGAIN, again, f->evidence.count);
        sheet_par(&s, line, SHEET_BAD);
    }
    put_head(&s, f, about);
    sheet_section(&s, "results", "Results");
    drill_rows_table(&s, f->rows, f->count);
    origin_sheet_parties(&s, &f->origin);
    origin_sheet_anchors(&s, &f->origin);
    put_sign_off(&s);
    struct err scratch = ERR_INIT;
    enum rc end = sheet_end(&s, rc == RC_OK ? err : &scratch);
    return rc == RC_OK ? end : rc;
}

/* ---- for programs ---- */

void
drill_report_json(struct jw *w, const struct drill_facts *f, const struct report_about *about)
{
    jw_str(w, "made_at", about->made_at);
    jw_str(w, "made_by", about->version);
    jw_str(w, "drill", f->record.id);
    jw_obj(w, "escrow");
    jw_str(w, "id", f->store->escrow);
    jw_str(w, "name", f->store->name);
    jw_end_obj(w);
    jw_str(w, "first_at", f->rows[0].e->at);
    jw_str(w, "last_at", f->rows[f->count - 1].e->at);
    jw_int(w, "keys", (int64_t)f->keys);
    jw_int(w, "paths", (int64_t)f->count);
    jw_int(w, "proven", (int64_t)f->proven);
    jw_int(w, "failed", (int64_t)f->failed);
    jw_int(w, "inconclusive", (int64_t)f->inconclusive);
    jw_int(w, "not_counting", (int64_t)f->uncounted);
    if (f->took_ms >= 0)
        jw_int(w, "rto_ms", f->took_ms);
    if (f->rpo_ms >= 0) {
        jw_int(w, "rpo_ms", f->rpo_ms);
        jw_int(w, "lost_entries", f->lost);
    }
    jw_opt(w, "newest_at", f->newest);
    jw_int(w, "said_again", (int64_t)origin_restated(&f->evidence));
    drill_rows_json(w, "results", f->rows, f->count);
    origin_json(w, &f->origin);
}
