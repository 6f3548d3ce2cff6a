#include "cli/audit/list_fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "text/time.h"

/* ---- values ---- */

static enum rc
put_text(struct list_value *v, const char *text)
{
    v->type = text[0] != '\0' ? LIST_STR : LIST_NONE;
    buf_adds(&v->text, text);
    return RC_OK;
}

static enum rc
put_int(struct list_value *v, int64_t n)
{
    v->type = LIST_INT;
    v->n = n;
    return RC_OK;
}

static enum rc
put_bool(struct list_value *v, int yes)
{
    v->type = LIST_BOOL;
    v->n = yes;
    return RC_OK;
}

static enum rc
put_field(struct list_value *v, const struct list_row *r, enum inventory_field field,
          struct err *err)
{
    enum rc rc = inventory_text(r->item, field, &v->text, err);
    v->type = v->text.len > 0 ? LIST_STR : LIST_NONE;
    return rc;
}

#define TEXT_OF(f, expression)                                                                     \
    static enum rc get_##f(struct list_value *v, const struct list_row *r, struct err *err)        \
    {                                                                                              \
        (void)err;                                                                                 \
        return put_text(v, expression);                                                            \
    }
#define INT_OF(f, expression)                                                                      \
    static enum rc get_##f(struct list_value *v, const struct list_row *r, struct err *err)        \
    {                                                                                              \
        (void)err;                                                                                 \
        return put_int(v, expression);                                                             \
    }
#define BOOL_OF(f, expression)                                                                     \
    static enum rc get_##f(struct list_value *v, const struct list_row *r, struct err *err)        \
    {                                                                                              \
        (void)err;                                                                                 \
        return put_bool(v, expression);                                                            \
    }
#define FIELD_OF(f, field)                                                                         \
    static enum rc get_##f(struct list_value *v, const struct list_row *r, struct err *err)        \
    {                                                                                              \
        return put_field(v, r, field, err);                                                        \
    }

TEXT_OF(name, r->item->key.name)
TEXT_OF(uuid, r->item->key.uuid)
TEXT_OF(state, r->item->key.state)
TEXT_OF(purpose, r->item->key.purpose)
TEXT_OF(form, r->item->key.form)
TEXT_OF(origin, r->item->key.origin)
TEXT_OF(created_at, r->item->key.created_at)
TEXT_OF(last_proven_at, r->item->drills.proven ? r->item->drills.newest.at : "")
TEXT_OF(exposed_since, r->item->exposed ? r->item->duty.since : "")
INT_OF(bits, r->item->key.bits)
INT_OF(wraps, r->item->wraps)
INT_OF(behind, r->item->behind)
INT_OF(wraps_wanting, r->item->wraps_wanting)
INT_OF(copies_wanting, r->item->copies_wanting)
BOOL_OF(proven, r->item->key.has_check)
BOOL_OF(released, r->item->released)
BOOL_OF(drill_due, drilled_is_due(&r->item->drills, r->item->drill_every, r->now_ms))
BOOL_OF(unconfirmed, r->item->unconfirmed)
BOOL_OF(exposed, r->item->exposed)
BOOL_OF(conflict, r->item->conflict)
FIELD_OF(owner, INV_OWNER)
FIELD_OF(system, INV_SYSTEM)
FIELD_OF(protects, INV_PROTECTS)
FIELD_OF(expires, INV_EXPIRES)
FIELD_OF(needed_until, INV_NEEDED_UNTIL)

/* A number; for people, of two keys that share one, with the site that made it. */
static enum rc
get_generation(struct list_value *v, const struct list_row *r, struct err *err)
{
    char from[LIMIT_NAME + 1] = "";
    (void)err;
    if (r->ctx->format == OUT_TEXT && r->item->shared)
        cmd_author_site(r->ctx->store, r->item->key.author, from);
    if (from[0] == '\0')
        return put_int(v, r->item->key.generation);
    v->type = LIST_STR;
    buf_addf(&v->text, "%" PRId64 " (%s)", r->item->key.generation, from);
    return RC_OK;
}

static enum rc
get_labels(struct list_value *v, const struct list_row *r, struct err *err)
{
    (void)err;
    const struct buf *labels = &r->item->field[INV_LABELS];
    v->type = labels->len > 0 && strcmp(labels->data, "{}") != 0 ? LIST_RAW : LIST_NONE;
    buf_adds(&v->text, buf_str(labels));
    return RC_OK;
}

static enum rc
get_protects_site(struct list_value *v, const struct list_row *r, struct err *err)
{
    const char *name = "";
    enum rc rc = inventory_name(r->inv, r->item->key.protects_site, &name, err);
    (void)put_text(v, name);
    return rc;
}

static enum rc
get_proven_site(struct list_value *v, const struct list_row *r, struct err *err)
{
    const char *name = "";
    enum rc rc = r->item->drills.proven
                     ? inventory_name(r->inv, r->item->drills.newest.site, &name, err)
                     : RC_OK;
    (void)put_text(v, name);
    return rc;
}

static void
add_name(struct list_value *v, const char *name)
{
    if (v->text.len > 0)
        buf_addc(&v->text, ' ');
    buf_adds(&v->text, name);
}

static enum rc
get_roots(struct list_value *v, const struct list_row *r, struct err *err)
{
    (void)err;
    v->type = LIST_NAMES;
    for (size_t i = 0; i < r->item->root_count; i++)
        add_name(v, r->item->roots[i]->object.name);
    return RC_OK;
}

/* The KMSs of its root keys, each once: in the order of the root keys' names. */
static enum rc
get_kms(struct list_value *v, const struct list_row *r, struct err *err)
{
    (void)err;
    v->type = LIST_NAMES;
    for (size_t i = 0; i < r->item->root_count; i++) {
        const struct object *kms = &r->item->roots[i]->kms;
        size_t earlier = 0;
        while (earlier < i && strcmp(r->item->roots[earlier]->kms.uuid, kms->uuid) != 0)
            earlier++;
        if (earlier == i && kms->uuid[0] != '\0')
            add_name(v, kms->name);
    }
    return RC_OK;
}

static enum rc
get_debts(struct list_value *v, const struct list_row *r, struct err *err)
{
    (void)err;
    v->type = LIST_NAMES;
    for (size_t i = 0; i < r->item->debt_count; i++)
        add_name(v, r->item->debts[i]->object.name);
    return RC_OK;
}

/* When and where a drill proved it, for people. */
static enum rc
get_last_proven(struct list_value *v, const struct list_row *r, struct err *err)
{
    const char *name = "";
    v->type = LIST_STR;
    if (!r->item->drills.proven) {
        buf_adds(&v->text, "never");
        return RC_OK;
    }
    enum rc rc = inventory_name(r->inv, r->item->drills.newest.site, &name, err);
    buf_addf(&v->text, "%.10s %s", r->item->drills.newest.at, name);
    return rc;
}

/* What is to be done about it, for people. */
static enum rc
get_note(struct list_value *v, const struct list_row *r, struct err *err)
{
    const struct inventory_item *i = r->item;
    const struct {
        int yes;
        const char *word;
    } notes[] = {
        {i->conflict, "CONFLICT"},
        {!i->released, "not released"},
        {i->exposed, "exposed"},
        {!i->key.has_check, "unproven"},
        {i->unconfirmed, "unconfirmed"},
        {i->debt_count > 0 || i->wraps_wanting > 0 || i->copies_wanting > 0, "debt"},
        {i->drills.proven && drilled_is_due(&i->drills, i->drill_every, r->now_ms), "drill due"},
        {i->behind > 0, "behind"},
    };
    (void)err;
    v->type = LIST_STR;
    for (size_t n = 0; n < sizeof notes / sizeof notes[0]; n++) {
        if (notes[n].yes)
            add_name(v, notes[n].word);
    }
    return RC_OK;
}

/* Of a state that somebody set, which few keys have: one look each. */
static enum rc
state_why(struct list_value *v, const struct list_row *r, int reason, struct err *err)
{
    char since[TIME_TEXT + 1], why[LIMIT_TEXT + 1];
    if (strcmp(r->item->key.state, "active") == 0)
        return put_text(v, "");
    enum rc rc = key_state_why(r->ctx->store, &r->item->key, since, why, err);
    return rc == RC_OK ? put_text(v, reason ? why : since) : rc;
}

static enum rc
get_state_since(struct list_value *v, const struct list_row *r, struct err *err)
{
    return state_why(v, r, 0, err);
}

static enum rc
get_state_reason(struct list_value *v, const struct list_row *r, struct err *err)
{
    return state_why(v, r, 1, err);
}

/* ---- the table ---- */

#define NOTE_FACTS                                                                                 \
    (INV_FIELDS | INV_WRAPS | INV_DRILLS | INV_RELEASED | INV_DUTY | INV_SHARED | INV_DEBTS)

/* clang-format off */
const struct list_field list_fields[] = {
    {"name", "KEY", 0, LIST_TEXT, get_name},
    {"generation", "GEN", 0, LIST_TEXT, get_generation},
    {"uuid", "UUID", 0, 0, get_uuid},
    {"state", "STATE", INV_FIELDS, LIST_TEXT, get_state},
    {"state_since", "SINCE", INV_FIELDS, 0, get_state_since},
    {"state_reason", "REASON", INV_FIELDS, 0, get_state_reason},
    {"purpose", "PURPOSE", 0, LIST_TEXT, get_purpose},
    {"protects_site", "PROTECTS", 0, LIST_TEXT, get_protects_site},
    {"roots", "ROOT KEYS", INV_WRAPS, LIST_TEXT, get_roots},
    {"last_proven", "PROVEN", INV_DRILLS, LIST_TEXT | LIST_TEXT_ONLY, get_last_proven},
    {"note", "NOTE", NOTE_FACTS, LIST_TEXT | LIST_TEXT_ONLY, get_note},
    {"form", "FORM", 0, 0, get_form},
    {"origin", "ORIGIN", 0, 0, get_origin},
    {"bits", "BITS", 0, 0, get_bits},
    {"created_at", "CREATED", 0, 0, get_created_at},
    {"kms", "KMS", INV_WRAPS, 0, get_kms},
    {"wraps_count", "WRAPS", INV_WRAPS, 0, get_wraps},
    {"wraps_behind", "BEHIND", INV_WRAPS, 0, get_behind},
    {"proven", "CHECK VALUE", 0, 0, get_proven},
    {"released", "RELEASED", INV_RELEASED, 0, get_released},
    {"last_proven_at", "LAST PROVEN", INV_DRILLS, 0, get_last_proven_at},
    {"last_proven_site", "PROVEN AT", INV_DRILLS, 0, get_proven_site},
    {"drill_due", "DRILL DUE", INV_DRILLS, 0, get_drill_due},
    {"unconfirmed", "UNCONFIRMED", INV_FIELDS, 0, get_unconfirmed},
    {"exposed", "EXPOSED", INV_DUTY, 0, get_exposed},
    {"exposed_since", "EXPOSED SINCE", INV_DUTY, 0, get_exposed_since},
    {"conflict", "CONFLICT", INV_FIELDS | INV_SHARED, 0, get_conflict},
    {"debts", "OWED", INV_FIELDS | INV_WRAPS | INV_RELEASED | INV_DEBTS, 0, get_debts},
    {"wraps_missing", "WRAPS MISSING", INV_FIELDS | INV_WRAPS | INV_RELEASED | INV_DEBTS, 0, get_wraps_wanting},
    {"copies_missing", "COPIES MISSING", INV_FIELDS | INV_WRAPS | INV_RELEASED | INV_DEBTS, 0, get_copies_wanting},
    {"owner", "OWNER", INV_FIELDS, 0, get_owner},
    {"system", "SYSTEM", INV_FIELDS, 0, get_system},
    {"protects", "WHAT IT PROTECTS", INV_FIELDS, 0, get_protects},
    {"labels", "LABELS", INV_FIELDS, 0, get_labels},
    {"expires", "EXPIRES", INV_FIELDS, 0, get_expires},
    {"needed_until", "NEEDED UNTIL", INV_FIELDS, 0, get_needed_until},
    {NULL, NULL, 0, 0, NULL},
};
/* clang-format on */
const struct list_order list_orders[LIST_ORDERS] = {
    {"name", INV_BY_NAME},
    {"generation", INV_BY_GENERATION},
    {"state", INV_BY_STATE},
    {"created_at", INV_BY_CREATED},
    {"expires", INV_BY_EXPIRES},
    {"needed_until", INV_BY_NEEDED_UNTIL},
    {"last_proven_at", INV_BY_LAST_PROVEN},
    {"wraps_behind", INV_BY_BEHIND},
    {"wraps_count", INV_BY_WRAPS},
};

enum { FIELDS_MOST = sizeof list_fields / sizeof list_fields[0] };

enum rc
list_fields_check(const struct ctx *ctx, struct err *err)
{
    const char *names[FIELDS_MOST];
    for (size_t i = 0; i < FIELDS_MOST; i++)
        names[i] = list_fields[i].name;
    return out_check_fields(ctx, names, err);
}

int
list_fields_want(const struct ctx *ctx, const struct list_field *field)
{
    if (opt_get(&ctx->opts, OPT_FIELDS) != NULL)
        return out_wants(ctx, field->name);
    return ctx->format == OUT_TEXT ? (field->flags & LIST_TEXT) != 0
                                   : (field->flags & LIST_TEXT_ONLY) == 0;
}

_Static_assert(FIELDS_MOST <= 64, "a bit for each field");

uint64_t
list_fields_wanted(const struct ctx *ctx)
{
    uint64_t wanted = 0;
    for (const struct list_field *f = list_fields; f->name != NULL; f++) {
        if (list_fields_want(ctx, f))
            wanted |= UINT64_C(1) << (f - list_fields);
    }
    return wanted;
}

unsigned
list_fields_facts(const struct ctx *ctx)
{
    unsigned facts = 0;
    for (const struct list_field *f = list_fields; f->name != NULL; f++) {
        if (list_fields_want(ctx, f))
            facts |= f->facts;
        if (ctx->format == OUT_TEXT && f->get == get_generation && list_fields_want(ctx, f))
            facts |= INV_SHARED; /* a number that two keys share is shown with its site */
    }
    return facts;
}

enum rc
list_fields_each(const struct list_row *row, list_value_fn fn, void *arg, struct err *err)
{
    struct list_value v = {.type = LIST_NONE};
    enum rc rc = RC_OK;
    buf_init(&v.text, LIMIT_ENTRY);
    for (const struct list_field *f = list_fields; rc == RC_OK && f->name != NULL; f++) {
        if (!(row->wanted & (UINT64_C(1) << (f - list_fields))))
            continue;
        v.type = LIST_NONE;
        buf_clear(&v.text);
        rc = f->get(&v, row, err);
        if (rc == RC_OK)
            rc = buf_check(&v.text, "a field", err);
        if (rc == RC_OK)
            rc = fn(arg, f, &v, err);
    }
    buf_release(&v.text);
    return rc;
}

const char *
list_value_cell(const struct list_value *v, char number[24])
{
    switch (v->type) {
    case LIST_NONE:
        break;
    case LIST_INT:
        (void)snprintf(number, 24, "%" PRId64, v->n);
        return number;
    case LIST_BOOL:
        return v->n ? "yes" : "no";
    case LIST_STR:
    case LIST_NAMES:
    case LIST_RAW:
        return buf_str(&v->text);
    }
    return "";
}

static void
write_names(struct jw *w, const char *name, const char *text)
{
    jw_arr(w, name);
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        jw_strn(w, NULL, text, len);
        text += len + (text[len] == ' ');
    }
    jw_end_arr(w);
}

void
list_value_member(struct jw *w, const char *name, const struct list_value *v)
{
    switch (v->type) {
    case LIST_NONE:
        break;
    case LIST_STR:
        jw_str(w, name, buf_str(&v->text));
        break;
    case LIST_INT:
        jw_int(w, name, v->n);
        break;
    case LIST_BOOL:
        jw_bool(w, name, v->n != 0);
        break;
    case LIST_NAMES:
        write_names(w, name, buf_str(&v->text));
        break;
    case LIST_RAW:
        jw_raw(w, name, buf_str(&v->text), v->text.len);
        break;
    }
}
