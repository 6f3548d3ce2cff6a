/* list, show: the inventory. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/conflicts.h"
#include "cli/drills.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/until.h"

struct counts {
    struct ctx *ctx;
    int64_t wraps;  /* not retired */
    int64_t behind; /* of them, under an older version of their root */
    char roots[256];
    struct drilled_state drills;
    char proven_site[LIMIT_NAME + 1];
    struct root *last; /* a root met before: most keys are under the same few */
};

static enum rc
count_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct counts *c = arg;
    struct root *r = c->last;
    struct object o;
    struct err scratch = ERR_INIT;
    enum rc rc = RC_OK;
    if (w->retired)
        return RC_OK;
    c->wraps++;
    if (strcmp(r->object.uuid, w->root) != 0) {
        if (object_find(c->ctx->store, "root", w->root, &o, &scratch) != RC_OK)
            return RC_OK; /* the wrap waits for its root */
        rc = root_load(c->ctx->store, &o, r, err);
    }
    if (rc != RC_OK)
        return rc;
    if (r->version[0] != '\0' && w->version[0] != '\0' && strcmp(r->version, w->version) != 0)
        c->behind++;
    size_t used = strlen(c->roots);
    if (strstr(c->roots, r->object.name) == NULL)
        (void)snprintf(c->roots + used, sizeof c->roots - used, "%s%s", used > 0 ? " " : "",
                       r->object.name);
    return RC_OK;
}

/* The site of the author who made it: tells two equal names apart. */
void
cmd_author_site(const struct store *store, const char *author, char out[LIMIT_NAME + 1])
{
    struct stmt *q = NULL;
    struct err scratch = ERR_INIT;
    out[0] = '\0';
    if (db_query(store->db, &q, "SELECT site FROM author_key WHERE author = ?1", &scratch) != RC_OK)
        return;
    stmt_text(q, 1, author);
    char uuid[UUID_TEXT + 1] = "";
    if (stmt_row(q, &scratch) == RC_OK && stmt_more(q))
        (void)snprintf(uuid, sizeof uuid, "%s", col_text(q, 0));
    stmt_done(q);
    if (object_name(store, uuid, out, &scratch) != RC_OK)
        out[0] = '\0';
}

static int
shares_generation(const struct store *store, const struct key *k)
{
    struct stmt *q = NULL;
    struct err scratch = ERR_INIT;
    int shared = 0;
    if (db_query(store->db, &q,
                 "SELECT count(DISTINCT uuid) FROM key WHERE name = ?1 AND generation = ?2",
                 &scratch) != RC_OK)
        return 0;
    stmt_text(q, 1, k->name);
    stmt_int(q, 2, k->generation);
    if (stmt_row(q, &scratch) == RC_OK && stmt_more(q))
        shared = col_int(q, 0) > 1;
    stmt_done(q);
    return shared;
}

/* What drills say of it; where it was last proven, by name. */
static enum rc
count_drills(struct counts *c, const struct key *k, struct err *err)
{
    const struct store *store = c->ctx->store;
    enum rc rc = drilled_state(store, k, &c->drills, err);
    c->proven_site[0] = '\0';
    return rc == RC_OK && c->drills.proven
               ? object_name(store, c->drills.newest.site, c->proven_site, err)
               : rc;
}

static void
write_key(struct jw *w, const struct key *k, const struct counts *c, const char *site, int released)
{
    jw_str(w, "name", k->name);
    jw_int(w, "generation", k->generation);
    jw_str(w, "uuid", k->uuid);
    jw_str(w, "purpose", k->purpose);
    jw_str(w, "state", k->state);
    jw_str(w, "protects_site", site);
    jw_str(w, "form", k->form);
    jw_str(w, "origin", k->origin);
    jw_int(w, "bits", k->bits);
    jw_str(w, "created_at", k->created_at);
    jw_int(w, "wraps_count", c->wraps);
    jw_int(w, "wraps_behind", c->behind);
    jw_bool(w, "proven", k->has_check);
    jw_bool(w, "released", released);
    if (c->drills.proven) {
        jw_str(w, "last_proven_at", c->drills.newest.at);
        jw_str(w, "last_proven_site", c->proven_site);
    }
    jw_bool(w, "drill_due", drilled_is_due(&c->drills, clock_now_ms()));
}

/* Columns of the table and of CSV, by the names that --fields takes. */
enum { COLUMNS = 9 };
static const char *const columns[COLUMNS + 1] = {"name",          "generation", "state",  "purpose",
                                                 "protects_site", "roots",      "proven", "note",
                                                 "uuid",          NULL};
static const char *const titles[COLUMNS] = {"KEY",       "GEN",    "STATE", "PURPOSE", "PROTECTS",
                                            "ROOT KEYS", "PROVEN", "NOTE",  "UUID"};

/* The UUID is wide, so people get it only when they ask; CSV has everything. */
static int
wants(const struct ctx *ctx, size_t column)
{
    if (ctx->format == OUT_TEXT && opt_get(&ctx->opts, OPT_FIELDS) == NULL)
        return column != COLUMNS - 1;
    return out_wants(ctx, columns[column]);
}

/* One row of cells, in the order of the columns, as CSV or into the table. */
static enum rc
put_cells(struct listing *l, const char *const cells[COLUMNS], struct err *err)
{
    const char *kept[COLUMNS];
    size_t count = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (wants(l->ctx, i))
            kept[count++] = cells[i];
    }
    if (l->table != NULL)
        return cmd_table_row(l->table, kept, count, err);
    for (size_t i = 0; i < count; i++)
        out_csv(l->ctx, i == 0, kept[i]);
    return out_csv_end(l->ctx, err);
}

static enum rc
begin_cells(struct listing *l, struct err *err)
{
    struct ctx *ctx = l->ctx;
    if (ctx->format == OUT_CSV)
        return put_cells(l, columns, err);
    enum rc rc = table_new(&l->table, cmd_width(ctx), err);
    for (size_t i = 0; rc == RC_OK && i < COLUMNS; i++) {
        if (wants(ctx, i))
            rc = table_column(l->table, titles[i], 0, err);
    }
    return rc;
}

static enum rc
list_key(void *arg, const struct key *k, struct err *err)
{
    struct listing *l = arg;
    struct counts c = {.ctx = l->ctx, .last = l->last};
    char site[LIMIT_NAME + 1];
    int released = 0;
    const char *purpose = opt_get(&l->ctx->opts, OPT_PURPOSE);
    if (purpose != NULL && strcmp(purpose, k->purpose) != 0)
        return RC_OK;
    enum rc rc = wrap_each(l->ctx->store, k->uuid, count_wrap, &c, err);
    if (rc == RC_OK)
        rc = object_name(l->ctx->store, k->protects_site, site, err);
    if (rc == RC_OK)
        rc = count_drills(&c, k, err);
    if (rc == RC_OK)
        rc = key_released(l->ctx->store, k, &released, err);
    if (rc != RC_OK)
        return rc;
    if (l->ctx->format == OUT_NDJSON) {
        struct buf item;
        struct jw w;
        session_answer(&item, &w, "key");
        write_key(&w, k, &c, site, released);
        jw_end_obj(&w);
        rc = out_json(l->ctx, &item, err);
        buf_release(&item);
        return rc;
    }
    if (l->w != NULL) {
        jw_obj(l->w, NULL);
        write_key(l->w, k, &c, site, released);
        jw_end_obj(l->w);
        return RC_OK;
    }
    char generation[LIMIT_NAME + 32];
    char from[LIMIT_NAME + 1] = "";
    if (shares_generation(l->ctx->store, k))
        cmd_author_site(l->ctx->store, k->author, from);
    (void)snprintf(generation, sizeof generation, from[0] != '\0' ? "%lld (%s)" : "%lld",
                   (long long)k->generation, from);
    int due = c.drills.proven && drilled_is_due(&c.drills, clock_now_ms());
    char note[96], proven[LIMIT_NAME + 32];
    struct buf confirmed;
    buf_init(&confirmed, LIMIT_TEXT);
    rc = field_get(l->ctx->store, k->uuid, "confirmed", &confirmed, NULL, err);
    int unconfirmed = strcmp(k->origin, "adopted") == 0 && confirmed.len == 0;
    buf_release(&confirmed);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(proven, sizeof proven, c.drills.proven ? "%.10s %s" : "never",
                   c.drills.newest.at, c.proven_site);
    (void)snprintf(note, sizeof note, "%s%s%s%s%s", released ? "" : "not released ",
                   k->has_check ? "" : "unproven ", unconfirmed ? "unconfirmed " : "",
                   due ? "drill due " : "", c.behind > 0 ? "behind" : "");
    const char *const cells[COLUMNS] = {k->name, generation, k->state, k->purpose, site,
                                        c.roots, proven,     note,     k->uuid};
    return put_cells(l, cells, err);
}

static enum rc
run_list(struct ctx *ctx, struct err *err)
{
    struct buf doc = {0};
    struct jw w;
    struct root last = {0};
    struct listing l = {.ctx = ctx, .last = &last};
    enum rc rc = out_check_fields(ctx, columns, err);
    if (rc == RC_OK)
        rc = until_view(ctx, err);
    if (rc == RC_OK && ctx->format == OUT_JSON) {
        session_answer(&doc, &w, "list");
        jw_opt(&w, "until", ctx->until);
        jw_arr(&w, "keys");
        l.w = &w;
    } else if (rc == RC_OK && ctx->format != OUT_NDJSON) {
        rc = begin_cells(&l, err);
    }
    if (rc == RC_OK)
        rc = key_each(ctx->store, NULL, list_key, &l, err);
    if (rc == RC_OK && l.w != NULL) {
        jw_end_arr(&w);
        jw_end_obj(&w);
        rc = out_json(ctx, &doc, err);
    } else if (rc == RC_OK && l.table != NULL) {
        rc = table_print(l.table, &ctx->out, err);
        if (rc == RC_OK && ctx->out.len == 0 && !ctx->quiet)
            out_note(ctx,
                     "no keys yet; make one: keymuster create NAME --purpose PURPOSE --root ROOT");
    }
    table_free(l.table);
    buf_release(&doc);
    return rc;
}

/* ---- show ---- */

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

static const char *const shown_fields[] = {"confirmed",    "known_to", "system",
                                           "owner",        "protects", "labels",
                                           "needed_until", "expires",  "accepted_risk"};

static enum rc
show_field(struct ctx *ctx, const struct key *k, const char *field, struct buf *v, struct jw *w,
           struct err *err)
{
    int raw = strcmp(field, "labels") == 0 || strcmp(field, "known_to") == 0;
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
show_conflicts(struct ctx *ctx, const struct key *k, struct jw *w, struct err *err)
{
    char label[KEY_NAME_BYTES + 24];
    (void)snprintf(label, sizeof label, "%s@%lld", k->name, (long long)k->generation);
    return conflict_show(ctx, "key", k->uuid, label, w, err);
}

static enum rc
show_fields(struct ctx *ctx, const struct key *k, struct jw *w, struct err *err)
{
    struct buf v;
    enum rc rc = RC_OK;
    buf_init(&v, LIMIT_ENTRY);
    for (size_t i = 0; rc == RC_OK && i < sizeof shown_fields / sizeof shown_fields[0]; i++)
        rc = show_field(ctx, k, shown_fields[i], &v, w, err);
    buf_release(&v);
    return rc;
}

static enum rc
show_json(struct ctx *ctx, const struct key *k, const struct counts *c, const char *site,
          int released, struct err *err)
{
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "show");
    write_key(&w, k, c, site, released);
    jw_str(&w, "entry", k->entry);
    enum rc rc = drills_show(ctx, k, &c->drills, &w, err);
    if (rc == RC_OK)
        rc = show_fields(ctx, k, &w, err);
    if (rc == RC_OK)
        rc = show_conflicts(ctx, k, &w, err);
    struct listing l = {.ctx = ctx, .w = &w};
    jw_arr(&w, "wraps");
    if (rc == RC_OK)
        rc = wrap_each(ctx->store, k->uuid, show_wrap, &l, err);
    jw_end_arr(&w);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_HISTORY))
        rc = cmd_history(ctx, k, &w, err);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = out_json(ctx, &doc, err);
    buf_release(&doc);
    return rc;
}

static enum rc
show_key(struct ctx *ctx, const char *ref, struct err *err)
{
    struct key k;
    struct root last = {0};
    struct counts c = {.ctx = ctx, .last = &last};
    char site[LIMIT_NAME + 1];
    char text[64];
    int released = 0;
    enum rc rc = session_key(ctx, ref, &k, err);
    if (rc == RC_OK)
        rc = wrap_each(ctx->store, k.uuid, count_wrap, &c, err);
    if (rc == RC_OK)
        rc = object_name(ctx->store, k.protects_site, site, err);
    if (rc == RC_OK)
        rc = count_drills(&c, &k, err);
    if (rc == RC_OK)
        rc = key_released(ctx->store, &k, &released, err);
    if (rc != RC_OK)
        return rc;
    if (out_is_json(ctx))
        return show_json(ctx, &k, &c, site, released, err);
    out_field(ctx, "key", k.name);
    (void)snprintf(text, sizeof text, "%lld", (long long)k.generation);
    out_field(ctx, "generation", text);
    out_field(ctx, "uuid", k.uuid);
    out_field(ctx, "state", k.state);
    out_field(ctx, "purpose", k.purpose);
    out_field(ctx, "protects", site);
    out_field(ctx, "created", k.created_at);
    out_field(ctx, "origin", k.origin);
    out_field(ctx, "form",
              strcmp(k.form, "base64") == 0
                  ? "base64: the password is the base64 text of the unwrapped bytes"
                  : "bytes: the password is the unwrapped bytes themselves");
    out_field(ctx, "proven",
              k.has_check ? "yes: it has a check value" : "no: unproven, nothing to compare with");
    out_field(ctx, "released", released ? "yes" : "no: no copy that must hold it has it yet");
    rc = drills_show(ctx, &k, &c.drills, NULL, err);
    if (rc == RC_OK)
        rc = show_fields(ctx, &k, NULL, err);
    if (rc == RC_OK)
        rc = show_conflicts(ctx, &k, NULL, err);
    struct listing l = {.ctx = ctx};
    if (rc == RC_OK)
        rc = wrap_each(ctx->store, k.uuid, show_wrap, &l, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_HISTORY))
        rc = cmd_history(ctx, &k, NULL, err);
    return rc;
}

static enum rc
run_show(struct ctx *ctx, struct err *err)
{
    enum rc rc = RC_OK;
    if (ctx->format == OUT_JSON && ctx->opts.arg_count > 1)
        return err_set(err, RC_USAGE, "-o json is one document; for several keys: -o ndjson");
    rc = until_view(ctx, err);
    if (rc == RC_OK)
        rc = session_keys_check(ctx, ctx->opts.arg_count, err);
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++) {
        if (i > 0 && !out_is_json(ctx))
            out_printf(ctx, "\n");
        rc = show_key(ctx, opt_arg(&ctx->opts, i), err);
    }
    return rc;
}

static const struct opt_spec list_options[] = {
    {OPT_PURPOSE, "purpose", 0, "PURPOSE", 0, "only keys of this purpose"},
    UNTIL_OPTION,
    OPT_END,
};
static const struct opt_spec show_options[] = {
    {OPT_WRAPS, "wraps", 0, NULL, 0, "the wraps themselves, too"},
    {OPT_HISTORY, "history", 0, NULL, 0, "what happened to it, and who did it"},
    KEY_AT_OPTION,
    UNTIL_OPTION,
    OPT_END,
};

const struct cmd cmd_list_table[] = {
    {NULL, "list", "[--purpose PURPOSE]", "Lists the keys.", list_options, 0, 0, CMD_READ | CMD_CSV,
     GROUP_EVERY_DAY, run_list, NULL},
    {NULL, "show", "KEY... [--wraps] [--history]", "Shows what is known of a key; never its value.",
     show_options, 1, -1, CMD_READ, GROUP_EVERY_DAY, run_show,
     "keymuster show vbr/config --wraps\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
