/* The register: every key, as a row of the page, of CSV, or an object of JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/audit.h"
#include "text/csv.h"

/* One key as words; what is not there is "". */
enum cell {
    C_NAME,
    C_GENERATION,
    C_UUID,
    C_STATE,
    C_PURPOSE,
    C_PROTECTS_SITE,
    C_PROTECTS,
    C_SYSTEM,
    C_OWNER,
    C_ORIGIN,
    C_FORM,
    C_BITS,
    C_CREATED,
    C_EXPIRES,
    C_NEEDED,
    C_ROOTS,
    C_BEHIND,
    C_PROVEN_AT,
    C_PROVEN_SITE,
    C_DRILL_DUE,
    C_RELEASED,
    C_EXPOSED,
    C_DEBTS,
    C_CONFLICT,
    C_UNCONFIRMED,
    C_CHECK,
    C_COUNT
};
static const char *const names[C_COUNT] = {"name",
                                           "generation",
                                           "uuid",
                                           "state",
                                           "purpose",
                                           "protects_site",
                                           "protects",
                                           "system",
                                           "owner",
                                           "origin",
                                           "form",
                                           "bits",
                                           "created_at",
                                           "expires",
                                           "needed_until",
                                           "roots",
                                           "wraps_behind",
                                           "last_proven_at",
                                           "last_proven_site",
                                           "drill_due",
                                           "released",
                                           "exposed_since",
                                           "debts",
                                           "conflict",
                                           "unconfirmed",
                                           "check_value"};

struct walking {
    struct sealed *out;
    const struct audit *a;
    struct inventory *inv;
    struct sheet *s;
    struct jw *w;
    struct buf cell[C_COUNT];
};

static void
put_bool(struct walking *w, enum cell c, int yes)
{
    buf_adds(&w->cell[c], yes ? "yes" : "no");
}

static void
put_names(struct buf *out, const struct root *const *roots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_addf(out, "%s%s", i > 0 ? " " : "", roots[i]->object.name);
}

static enum rc
fill_fields(struct walking *w, const struct inventory_item *i, struct err *err)
{
    static const struct {
        enum cell cell;
        enum inventory_field field;
    } fields[] = {{C_PROTECTS, INV_PROTECTS},
                  {C_SYSTEM, INV_SYSTEM},
                  {C_OWNER, INV_OWNER},
                  {C_EXPIRES, INV_EXPIRES},
                  {C_NEEDED, INV_NEEDED_UNTIL}};
    const char *site = "", *proven = "";
    enum rc rc = RC_OK;
    for (size_t f = 0; rc == RC_OK && f < sizeof fields / sizeof fields[0]; f++)
        rc = inventory_text(i, fields[f].field, &w->cell[fields[f].cell], err);
    if (rc == RC_OK && i->key.protects_site[0] != '\0')
        rc = inventory_name(w->inv, i->key.protects_site, &site, err);
    if (rc == RC_OK && i->drills.proven && i->drills.newest.site[0] != '\0')
        rc = inventory_name(w->inv, i->drills.newest.site, &proven, err);
    buf_adds(&w->cell[C_PROTECTS_SITE], site);
    buf_adds(&w->cell[C_PROVEN_SITE], proven);
    return rc;
}

static enum rc
fill(struct walking *w, const struct inventory_item *i, struct err *err)
{
    struct buf *c = w->cell;
    for (size_t n = 0; n < C_COUNT; n++)
        buf_clear(&c[n]);
    buf_adds(&c[C_NAME], i->key.name);
    buf_addf(&c[C_GENERATION], "%" PRId64, i->key.generation);
    buf_adds(&c[C_UUID], i->key.uuid);
    buf_adds(&c[C_STATE], i->key.state);
    buf_adds(&c[C_PURPOSE], i->key.purpose);
    buf_adds(&c[C_ORIGIN], i->key.origin);
    buf_adds(&c[C_FORM], i->key.form);
    if (i->key.bits > 0)
        buf_addf(&c[C_BITS], "%" PRId64, i->key.bits);
    buf_adds(&c[C_CREATED], i->key.created_at);
    put_names(&c[C_ROOTS], i->roots, i->root_count);
    buf_addf(&c[C_BEHIND], "%" PRId64, i->behind);
    buf_adds(&c[C_PROVEN_AT], i->drills.proven ? i->drills.newest.at : "");
    put_bool(w, C_DRILL_DUE, drilled_is_due(&i->drills, i->drill_every, w->a->now_ms));
    put_bool(w, C_RELEASED, i->released);
    buf_adds(&c[C_EXPOSED], i->exposed ? i->duty.since : "");
    put_names(&c[C_DEBTS], i->debts, i->debt_count);
    put_bool(w, C_CONFLICT, i->conflict);
    put_bool(w, C_UNCONFIRMED, i->unconfirmed);
    put_bool(w, C_CHECK, i->key.has_check);
    return fill_fields(w, i, err);
}

static enum rc
walk(struct walking *w, inventory_fn fn, struct err *err)
{
    const struct inventory_filter all = {.only = 0};
    for (size_t n = 0; n < C_COUNT; n++)
        buf_init(&w->cell[n], LIMIT_ENTRY);
    enum rc rc = inventory_open(&w->inv, w->a->store,
                                INV_FIELDS | INV_WRAPS | INV_DRILLS | INV_RELEASED | INV_DUTY |
                                    INV_SHARED | INV_DEBTS,
                                err);
    if (rc == RC_OK)
        rc = inventory_each(w->inv, &all, INV_BY_NAME, 0, fn, w, err);
    inventory_close(w->inv);
    for (size_t n = 0; n < C_COUNT; n++)
        buf_release(&w->cell[n]);
    return rc;
}

/* ---- a page ---- */

static void
notes(struct buf *out, const struct inventory_item *i, int due)
{
    const struct {
        int yes;
        const char *word;
    } all[] = {{i->conflict, "conflict"},
               {!i->released, "not released"},
               {i->exposed, "exposed"},
               {!i->key.has_check, "no check value"},
               {i->unconfirmed, "unconfirmed"},
               {i->debt_count > 0 || i->wraps_wanting > 0, "debt"},
               {due, "drill due"},
               {i->behind > 0, "behind"}};
    for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) {
        if (all[n].yes)
            buf_addf(out, "%s%s", out->len > 0 ? ", " : "", all[n].word);
    }
}

/* Of a time its day. */
static void
day(struct buf *time)
{
    enum { DAY = 10 };
    if (time->len > DAY) {
        time->len = DAY;
        time->data[DAY] = '\0';
    }
}

static enum rc
row_html(void *arg, const struct inventory_item *i, struct err *err)
{
    struct walking *w = arg;
    struct buf *c = w->cell;
    struct buf name, for_what, proven, note;
    enum rc rc = fill(w, i, err);
    buf_init(&name, LIMIT_ENTRY);
    buf_init(&for_what, LIMIT_ENTRY);
    buf_init(&proven, LIMIT_ENTRY);
    buf_init(&note, LIMIT_ENTRY);
    buf_addf(&name, "%s@%" PRId64, i->key.name, i->key.generation);
    buf_addf(&for_what, "%s%s%s", i->key.purpose,
             c[C_PROTECTS_SITE].len > 0 ? ", for the loss of " : "", buf_str(&c[C_PROTECTS_SITE]));
    if (c[C_PROTECTS].len > 0)
        buf_addf(&for_what, ": %s", buf_str(&c[C_PROTECTS]));
    if (i->drills.proven)
        buf_addf(&proven, "%.10s %s", i->drills.newest.at, buf_str(&c[C_PROVEN_SITE]));
    else
        buf_adds(&proven, "never");
    notes(&note, i, drilled_is_due(&i->drills, i->drill_every, w->a->now_ms));
    day(&c[C_CREATED]);
    day(&c[C_EXPIRES]);
    day(&c[C_NEEDED]);
    if (rc == RC_OK) {
        const char *cells[] = {buf_str(&name),
                               i->key.state,
                               buf_str(&for_what),
                               buf_str(&c[C_OWNER]),
                               buf_str(&c[C_CREATED]),
                               buf_str(&c[C_EXPIRES]),
                               buf_str(&c[C_NEEDED]),
                               buf_str(&c[C_ROOTS]),
                               buf_str(&proven),
                               buf_str(&note),
                               i->key.uuid};
        sheet_row(w->s, cells, SHEET_PLAIN);
    }
    buf_release(&name);
    buf_release(&for_what);
    buf_release(&proven);
    buf_release(&note);
    return rc == RC_OK ? sealed_flow(w->out, err) : rc;
}

enum rc
audit_register_html(struct sealed *out, struct sheet *s, const struct audit *a, struct err *err)
{
    static const char *const titles[] = {"KEY",     "STATE",   "PURPOSE",      "OWNER",
                                         "CREATED", "EXPIRES", "NEEDED UNTIL", "ROOT KEYS",
                                         "PROVEN",  "NOTE",    "UUID",         NULL};
    struct walking w = {.out = out, .a = a, .s = s};
    sheet_wide(s, "Every key", titles);
    enum rc rc = walk(&w, row_html, err);
    sheet_table_end(s);
    return rc;
}

/* ---- CSV ---- */

static enum rc
row_csv(void *arg, const struct inventory_item *i, struct err *err)
{
    struct walking *w = arg;
    enum rc rc = fill(w, i, err);
    csv_cell(&w->out->out, 1, "key");
    for (size_t n = 0; n < C_COUNT; n++)
        csv_cell(&w->out->out, 0, buf_str(&w->cell[n]));
    buf_adds(&w->out->out, "\r\n");
    return rc == RC_OK ? sealed_flow(w->out, err) : rc;
}

/* Copies that contradict, behind the keys. */
static void
rows_of_copies(struct buf *out, const struct audit *a)
{
    for (size_t i = 0; i < a->contradictions.count; i++) {
        char *const *c = a->contradictions.lines[i].cells;
        const char *cells[C_COUNT] = {[C_NAME] = c[0],
                                      [C_UUID] = c[8],
                                      [C_STATE] = c[1],
                                      [C_CREATED] = c[5],
                                      [C_PROTECTS] = c[2]};
        csv_cell(out, 1, "copy");
        for (size_t n = 0; n < C_COUNT; n++)
            csv_cell(out, 0, cells[n] != NULL ? cells[n] : "");
        buf_adds(out, "\r\n");
    }
}

enum rc
audit_register_csv(struct sealed *out, const struct audit *a, struct err *err)
{
    struct walking w = {.out = out, .a = a};
    csv_cell(&out->out, 1, "record");
    for (size_t n = 0; n < C_COUNT; n++)
        csv_cell(&out->out, 0, names[n]);
    buf_adds(&out->out, "\r\n");
    enum rc rc = walk(&w, row_csv, err);
    if (rc == RC_OK)
        rows_of_copies(&out->out, a);
    return rc;
}

/* ---- JSON ---- */

static void
put_roots(struct jw *w, const char *name, const struct root *const *roots, size_t count)
{
    jw_arr(w, name);
    for (size_t i = 0; i < count; i++)
        jw_str(w, NULL, roots[i]->object.name);
    jw_end_arr(w);
}

static int
is_bool(enum cell c)
{
    return c == C_DRILL_DUE || c == C_RELEASED || c == C_CONFLICT || c == C_UNCONFIRMED ||
           c == C_CHECK;
}

static void
put_members(struct jw *j, const struct walking *w, const struct inventory_item *i)
{
    for (size_t n = 0; n < C_COUNT; n++) {
        const char *text = buf_str(&w->cell[n]);
        if (n == C_GENERATION)
            jw_int(j, names[n], i->key.generation);
        else if (n == C_BITS)
            jw_int(j, names[n], i->key.bits);
        else if (n == C_BEHIND)
            jw_int(j, names[n], i->behind);
        else if (n == C_ROOTS)
            put_roots(j, names[n], i->roots, i->root_count);
        else if (n == C_DEBTS)
            put_roots(j, names[n], i->debts, i->debt_count);
        else if (is_bool((enum cell)n))
            jw_bool(j, names[n], text[0] == 'y');
        else
            jw_opt(j, names[n], text);
    }
}

static enum rc
row_json(void *arg, const struct inventory_item *i, struct err *err)
{
    struct walking *w = arg;
    enum rc rc = fill(w, i, err);
    jw_obj(w->w, NULL);
    put_members(w->w, w, i);
    jw_end_obj(w->w);
    return rc == RC_OK ? sealed_flow(w->out, err) : rc;
}

static enum rc
row_ndjson(void *arg, const struct inventory_item *i, struct err *err)
{
    struct walking *w = arg;
    struct jw j;
    enum rc rc = fill(w, i, err);
    jw_init(&j, &w->out->out);
    jw_obj(&j, NULL);
    jw_str(&j, "schema", "keymuster.audit.key/1");
    put_members(&j, w, i);
    jw_end_obj(&j);
    buf_addc(&w->out->out, '\n');
    return rc == RC_OK ? sealed_flow(w->out, err) : rc;
}

enum rc
audit_register_ndjson(struct sealed *out, const struct audit *a, struct err *err)
{
    struct walking walking = {.out = out, .a = a};
    return walk(&walking, row_ndjson, err);
}

enum rc
audit_register_json(struct sealed *out, struct jw *w, const struct audit *a, struct err *err)
{
    struct walking walking = {.out = out, .a = a, .w = w};
    jw_arr(w, "keys");
    enum rc rc = walk(&walking, row_json, err);
    jw_end_arr(w);
    return rc;
}
