/* show: all that is known of a key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/audit/list_print.h"
#include "cli/audit/show_consumers.h"
#include "cli/cmd_tables.h"
#include "cli/conflicts.h"
#include "cli/drill/drills.h"
#include "cli/keys/officer.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/vbr/vbr_known.h"

void
cmd_write_wrap(struct jw *w, const char *root, const struct wrap *wrap)
{
    jw_str(w, "root", root);
    jw_str(w, "root_uuid", wrap->root);
    jw_str(w, "id", wrap->id);
    jw_str(w, "version", wrap->version);
    jw_raw(w, "aad", wrap->aad, strlen(wrap->aad));
    jw_str(w, "ciphertext", wrap->ciphertext);
    jw_str(w, "how", wrap->how);
    jw_str(w, "at", wrap->at);
    jw_bool(w, "retired", wrap->retired);
}

static enum rc
show_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct listing *l = arg;
    char root[LIMIT_NAME + 1];
    enum rc rc = object_name(l->ctx->store, w->root, root, err);
    if (rc != RC_OK)
        return rc;
    if (l->w != NULL) {
        jw_obj(l->w, NULL);
        cmd_write_wrap(l->w, root, w);
        jw_end_obj(l->w);
        return RC_OK;
    }
    out_printf(l->ctx, "wrap        %s   version %.8s   %s, %s%s\n", root, w->version, w->how,
               w->at, w->retired ? ", retired" : "");
    if (opt_has(&l->ctx->opts, OPT_WRAPS)) {
        out_printf(l->ctx, "  aad      %s\n  wdek     ", w->aad);
        out_text(l->ctx, w->ciphertext);
        out_printf(l->ctx, "\n");
    }
    return RC_OK;
}

/* in_table: a member of JSON that list_fields has. */
static const struct {
    const char *name;
    int in_table;
} shown_fields[] = {{"confirmed", 0},    {"known_to", 0}, {"system", 1},
                    {"owner", 1},        {"protects", 1}, {"labels", 1},
                    {"needed_until", 1}, {"expires", 1},  {"accepted_risk", 0}};

static enum rc
show_field(struct ctx *ctx, const struct key *k, const char *field, struct buf *v, struct jw *w,
           struct err *err)
{
    int raw = strcmp(field, "known_to") == 0;
    enum rc rc = field_get(ctx->store, k->uuid, field, v, NULL, err);
    if (rc == RC_OK && strcmp(field, "needed_until") == 0) { /* in a conflict the later counts */
        char until[TIME_TEXT + 1] = "";
        rc = field_latest(ctx->store, k->uuid, field, until, err);
        if (until[0] != '\0') {
            buf_clear(v);
            buf_adds(v, until);
        }
    }
    if (rc != RC_OK)
        return rc;
    if (w != NULL && raw && v->len > 0)
        jw_raw(w, field, buf_str(v), v->len);
    else if (w != NULL)
        jw_opt(w, field, buf_str(v));
    else
        out_field(ctx, field, buf_str(v));
    return RC_OK;
}

/* "vbr/config@1", as a conflict calls it. */
static enum rc
show_conflicts(struct ctx *ctx, const struct inventory_item *item, struct jw *w, struct err *err)
{
    const struct key *k = &item->key;
    if (!item->conflict) { /* to look at all that there are takes its time */
        if (w != NULL) {
            jw_arr(w, "conflicts");
            jw_end_arr(w);
        }
        return RC_OK;
    }
    char label[KEY_NAME_BYTES + 24];
    (void)snprintf(label, sizeof label, "%s@%lld", k->name, (long long)k->generation);
    return conflict_show(ctx, "key", k->uuid, label, w, err);
}

/* Where it was put, and whether its hint there has the wrap that it must have. */
static enum rc
show_servers(struct ctx *ctx, const struct key *k, struct jw *w, struct err *err)
{
    struct vbr_known *all = NULL;
    size_t count = 0;
    enum rc rc = vbr_known_load(ctx->store, k->uuid, &all, &count, err);
    if (w != NULL)
        jw_arr(w, "backup_servers");
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        char server[LIMIT_NAME + 1], text[LIMIT_NAME + 80];
        int behind = 0;
        rc = object_name(ctx->store, all[i].server, server, err);
        if (rc == RC_OK)
            rc = vbr_hint_is_behind(ctx->store, &all[i], &behind, err);
        if (rc == RC_OK && w != NULL) {
            jw_obj(w, NULL);
            jw_str(w, "server", server);
            jw_str(w, "vbr_id", all[i].id);
            jw_bool(w, "hint_behind", behind);
            jw_end_obj(w);
        } else if (rc == RC_OK) {
            (void)snprintf(text, sizeof text, "%s   %s%s", server, all[i].id,
                           behind ? "   hint behind: keymuster upkeep" : "");
            out_field(ctx, "there", text);
        }
    }
    if (w != NULL)
        jw_end_arr(w);
    free(all);
    return rc;
}

static enum rc
show_fields(struct ctx *ctx, const struct key *k, struct jw *w, struct err *err)
{
    struct buf v;
    enum rc rc = RC_OK;
    buf_init(&v, LIMIT_ENTRY);
    for (size_t i = 0; rc == RC_OK && i < sizeof shown_fields / sizeof shown_fields[0]; i++)
        if (w == NULL || !shown_fields[i].in_table)
            rc = show_field(ctx, k, shown_fields[i].name, &v, w, err);
    buf_release(&v);
    return rc == RC_OK ? officer_show(ctx, k, w, err) : rc;
}

/* The members that `list` has too come from its table, so that there is one word for a thing. */
static enum rc
write_member(void *arg, const struct list_field *field, const struct list_value *v, struct err *err)
{
    (void)err;
    list_value_member(arg, field->name, v);
    return RC_OK;
}

static enum rc
show_json(const struct list_row *row, struct err *err)
{
    struct ctx *ctx = row->ctx;
    const struct key *k = &row->item->key;
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "show");
    enum rc rc = list_fields_each(row, write_member, &w, err);
    if (rc == RC_OK && opt_get(&ctx->opts, OPT_FIELDS) == NULL) {
        struct listing l = {.ctx = ctx, .w = &w};
        jw_str(&w, "entry", k->entry);
        rc = drills_show(ctx, k, &row->item->drills, &w, err);
        if (rc == RC_OK)
            rc = show_fields(ctx, k, &w, err);
        if (rc == RC_OK)
            rc = show_conflicts(ctx, row->item, &w, err);
        if (rc == RC_OK)
            rc = show_servers(ctx, k, &w, err);
        if (rc == RC_OK)
            rc = show_consumers(ctx, k, &w, err);
        jw_arr(&w, "wraps");
        if (rc == RC_OK)
            rc = wrap_each(ctx->store, k->uuid, show_wrap, &l, err);
        jw_end_arr(&w);
        if (rc == RC_OK && opt_has(&ctx->opts, OPT_HISTORY))
            rc = cmd_history(ctx, k, &w, err);
    }
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = out_json(ctx, &doc, err);
    buf_release(&doc);
    return rc;
}

/* --fields: a line each, by the names that were asked for. */
static enum rc
show_chosen(void *arg, const struct list_field *field, const struct list_value *v, struct err *err)
{
    struct ctx *ctx = arg;
    char number[24];
    (void)err;
    out_printf(ctx, "%-16s  ", field->name);
    out_text(ctx, list_value_cell(v, number));
    out_printf(ctx, "\n");
    return RC_OK;
}

static enum rc
show_duties(const struct list_row *row, struct err *err)
{
    const struct inventory_item *i = row->item;
    struct buf text;
    char next[DUTY_NEXT] = "", ref[KEY_REF];
    buf_init(&text, LIMIT_TEXT);
    (void)key_ref_said(ref, row->ctx->store, &i->key);
    if (i->exposed)
        duty_next(next, &i->duty);
    if (i->exposed && i->duty.left[0] != '\0')
        buf_addf(&text, "known to %s, who left; %s", i->duty.left, next);
    else if (i->exposed)
        buf_addf(&text, "seen by a person since %s; %s", i->duty.since, next);
    if (i->exposed && i->duty.lacks == DUTY_SUCCESSOR)
        buf_addf(&text, ": keymuster rekey %s", ref);
    out_field(row->ctx, "EXPOSED", buf_str(&text));
    for (size_t d = 0; d < i->debt_count; d++) {
        buf_clear(&text);
        buf_addf(&text, "no wrap under %s yet: keymuster wrap add %s --root %s",
                 i->debts[d]->object.name, ref, i->debts[d]->object.name);
        out_field(row->ctx, "DEBT", buf_str(&text));
    }
    enum rc rc = buf_check(&text, "a duty", err);
    buf_release(&text);
    return rc;
}

/* "suspended since 2026-11-27T...: reason" */
static enum rc
show_state(struct ctx *ctx, const struct key *k, struct err *err)
{
    char since[TIME_TEXT + 1], reason[LIMIT_TEXT + 1];
    char text[LIMIT_TEXT + TIME_TEXT + 64];
    enum rc rc = key_state_why(ctx->store, k, since, reason, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(text, sizeof text, "%s%s%s%s%s", k->state, since[0] != '\0' ? " since " : "",
                   since, reason[0] != '\0' ? ": " : "", reason);
    out_field(ctx, "state", text);
    return RC_OK;
}

static enum rc
show_row(const struct list_row *row, struct err *err)
{
    struct ctx *ctx = row->ctx;
    const struct key *k = &row->item->key;
    const char *site = "";
    char text[64];
    enum rc rc = inventory_name(row->inv, k->protects_site, &site, err);
    if (rc != RC_OK)
        return rc;
    out_field(ctx, "key", k->name);
    (void)snprintf(text, sizeof text, "%lld", (long long)k->generation);
    out_field(ctx, "generation", text);
    out_field(ctx, "uuid", k->uuid);
    rc = show_state(ctx, k, err);
    if (rc != RC_OK)
        return rc;
    out_field(ctx, "purpose", k->purpose);
    out_field(ctx, "protects", site);
    out_field(ctx, "created", k->created_at);
    out_field(ctx, "origin", k->origin);
    out_field(ctx, "form",
              strcmp(k->form, "base64") == 0
                  ? "base64: the password is the base64 text of the unwrapped bytes"
                  : "bytes: the password is the unwrapped bytes themselves");
    out_field(ctx, "proven",
              k->has_check ? "yes: it has a check value" : "no: unproven, nothing to compare with");
    out_field(ctx, "released",
              row->item->released ? "yes" : "no: no copy that must hold it has it yet");
    rc = drills_show(ctx, k, &row->item->drills, NULL, err);
    if (rc == RC_OK)
        rc = show_fields(ctx, k, NULL, err);
    if (rc == RC_OK)
        rc = show_duties(row, err);
    if (rc == RC_OK)
        rc = show_conflicts(ctx, row->item, NULL, err);
    if (rc == RC_OK)
        rc = show_servers(ctx, k, NULL, err);
    if (rc == RC_OK)
        rc = show_consumers(ctx, k, NULL, err);
    struct listing l = {.ctx = ctx};
    if (rc == RC_OK)
        rc = wrap_each(ctx->store, k->uuid, show_wrap, &l, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_HISTORY))
        rc = cmd_history(ctx, k, NULL, err);
    return rc;
}

struct showing {
    struct list_row row;
    struct list_print *print; /* CSV */
};

static enum rc
show_item(void *arg, const struct inventory_item *item, struct err *err)
{
    struct showing *s = arg;
    struct ctx *ctx = s->row.ctx;
    s->row.item = item;
    if (out_is_json(ctx))
        return show_json(&s->row, err);
    if (ctx->format == OUT_CSV)
        return list_print_row(s->print, &s->row, err);
    if (opt_get(&ctx->opts, OPT_FIELDS) != NULL)
        return list_fields_each(&s->row, show_chosen, ctx, err);
    return show_row(&s->row, err);
}

/* All facts: what is shown of one key costs nothing. */
#define ALL_FACTS                                                                                  \
    (INV_FIELDS | INV_WRAPS | INV_DRILLS | INV_RELEASED | INV_DUTY | INV_SHARED | INV_DEBTS)

static enum rc
show_keys(struct showing *s, struct err *err)
{
    struct ctx *ctx = s->row.ctx;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++) {
        struct key k;
        if (i > 0 && ctx->format == OUT_TEXT)
            out_printf(ctx, "\n");
        rc = session_key(ctx, opt_arg(&ctx->opts, i), &k, err);
        if (rc == RC_OK)
            rc = inventory_one(s->row.inv, &k, show_item, s, err);
    }
    return rc;
}

static enum rc
run_show(struct ctx *ctx, struct err *err)
{
    struct list_print print = {.ctx = ctx};
    struct showing s = {{.ctx = ctx, .now_ms = clock_now_ms(), .wanted = list_fields_wanted(ctx)},
                        &print};
    if (ctx->format == OUT_JSON && ctx->opts.arg_count > 1)
        return err_set(err, RC_USAGE, "-o json is one document; for several keys: -o ndjson");
    enum rc rc = list_fields_check(ctx, err);
    if (rc == RC_OK)
        rc = until_view(ctx, err);
    if (rc == RC_OK)
        rc = session_keys_check(ctx, ctx->opts.arg_count, err);
    if (rc == RC_OK)
        rc = inventory_open(&s.row.inv, ctx->store, ALL_FACTS, err);
    if (rc == RC_OK && ctx->format == OUT_CSV)
        rc = list_print_begin(&print, err);
    if (rc == RC_OK)
        rc = show_keys(&s, err);
    inventory_close(s.row.inv);
    list_print_release(&print);
    return rc;
}

static const struct opt_spec show_options[] = {
    {OPT_WRAPS, "wraps", 0, NULL, 0, "the wraps themselves, too"},
    {OPT_HISTORY, "history", 0, NULL, 0, "what happened to it, and who did it"},
    KEY_AT_OPTION,
    UNTIL_OPTION,
    OPT_END,
};

const struct cmd cmd_show_table[] = {
    {NULL, "show", "KEY... [--wraps] [--history]", "Shows what is known of a key; never its value.",
     show_options, 1, -1, CMD_READ | CMD_CSV, GROUP_EVERY_DAY, run_show,
     "keymuster show vbr/config --wraps\n"
     "keymuster show vbr/config@3 --fields state,roots,last_proven_at\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
