/* simulate: what would be lost with a site, a KMS, a root key and so on; for one of them, or all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/audit/list_fields.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/simulate.h"

enum { SHOWN = 500 }; /* lost keys in a text; -o ndjson has all */

struct simulating {
    struct ctx *ctx;
    struct loss_world world;
    struct inventory *inv;
    struct simulate_count *counts;
    size_t count;
    int64_t now_ms;
    struct table *table;
    struct buf doc;
    struct jw w;
    int64_t findings;
    int first; /* finding of a text */
};

/* ---- all that can be lost ---- */

static enum rc
add_loss(struct simulating *s, enum loss_kind kind, const char *name, const char *uuid,
         struct err *err)
{
    if (name[0] == '\0')
        return RC_OK;
    for (size_t i = 0; uuid[0] == '\0' && i < s->count; i++) {
        if (s->counts[i].loss.kind == kind && strcmp(s->counts[i].loss.name, name) == 0)
            return RC_OK;
    }
    struct simulate_count *more = realloc(s->counts, (s->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    s->counts = more;
    memset(&more[s->count], 0, sizeof *more);
    return loss_make(&more[s->count++].loss, &s->world, kind, name, uuid, err);
}

static enum rc
add_root(void *arg, const struct object *o, struct err *err)
{
    return add_loss(arg, LOSS_ROOT, o->name, o->uuid, err);
}

static enum rc
add_things(struct simulating *s, enum loss_kind kind, const struct loss_thing *things, size_t count,
           struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = add_loss(s, kind, things[i].object.name, things[i].object.uuid, err);
    return rc;
}

/* What several things have in common. */
static enum rc
add_common(struct simulating *s, enum loss_kind kind, const struct loss_thing *things, size_t count,
           struct err *err)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        const struct loss_thing *t = &things[i];
        rc = add_loss(s, kind,
                      kind == LOSS_REGION    ? t->region
                      : kind == LOSS_VENDOR  ? t->vendor
                      : kind == LOSS_ACCOUNT ? t->account
                                             : t->kept_at,
                      "", err);
    }
    return rc;
}

static enum rc
add_all(struct simulating *s, struct err *err)
{
    const struct loss_world *w = &s->world;
    static const enum loss_kind common[] = {LOSS_REGION, LOSS_VENDOR, LOSS_ACCOUNT,
                                            LOSS_CREDENTIAL};
    enum rc rc = add_things(s, LOSS_SITE, w->sites, w->site_count, err);
    if (rc == RC_OK)
        rc = add_things(s, LOSS_KMS, w->kmss, w->kms_count, err);
    if (rc == RC_OK)
        rc = object_each(w->store, "root", add_root, s, err);
    if (rc == RC_OK)
        rc = add_things(s, LOSS_COPY, w->copies, w->copy_count, err);
    for (size_t i = 0; rc == RC_OK && i < sizeof common / sizeof common[0]; i++) {
        rc = add_common(s, common[i], w->sites, w->site_count, err);
        if (rc == RC_OK)
            rc = add_common(s, common[i], w->kmss, w->kms_count, err);
    }
    return rc == RC_OK ? add_things(s, LOSS_PERSON, w->persons, w->person_count, err) : rc;
}

/* ---- the walk ---- */

static const char *
why(const struct simulate_key *k)
{
    return !k->lost ? "" : !k->left.wrap ? "no wrap is left" : "no copy of its record is left";
}

static enum rc
write_lost(struct simulating *s, const struct simulate_key *k, struct err *err)
{
    const struct key *key = &k->item->key;
    struct buf line;
    struct jw own;
    struct jw *w = &s->w;
    if (s->ctx->format == OUT_NDJSON) {
        session_answer(&line, &own, "simulate.key");
        w = &own;
    } else {
        jw_obj(w, NULL);
    }
    jw_str(w, "name", key->name);
    jw_int(w, "generation", key->generation);
    jw_str(w, "uuid", key->uuid);
    jw_str(w, "purpose", key->purpose);
    jw_bool(w, "lost", k->lost);
    jw_opt(w, "why", why(k));
    jw_opt(w, "through", k->left.root != NULL && !k->lost ? k->left.root->object.name : "");
    jw_end_obj(w);
    if (s->ctx->format != OUT_NDJSON)
        return out_json_part(s->ctx, &s->doc, err);
    enum rc rc = out_json_line(s->ctx, &line, err);
    buf_release(&line);
    return rc;
}

static enum rc
row_lost(struct simulating *s, const struct simulate_key *k, struct err *err)
{
    const struct key *key = &k->item->key;
    char generation[24];
    const char *site = "";
    struct buf protects;
    if (!k->lost || s->counts[0].lost > SHOWN)
        return RC_OK;
    buf_init(&protects, LIMIT_ENTRY);
    (void)snprintf(generation, sizeof generation, "%" PRId64, key->generation);
    enum rc rc = inventory_name(s->inv, key->protects_site, &site, err);
    if (rc == RC_OK)
        rc = inventory_text(k->item, INV_PROTECTS, &protects, err);
    const char *const cells[] = {key->name, generation,         key->purpose,
                                 site,      buf_str(&protects), why(k)};
    if (rc == RC_OK)
        rc = cmd_table_row(s->table, cells, sizeof cells / sizeof cells[0], err);
    buf_release(&protects);
    return rc;
}

static enum rc
take_item(void *arg, const struct inventory_item *item, struct err *err)
{
    struct simulating *s = arg;
    struct simulate_key k = {.item = item};
    int64_t until = inventory_time(item, INV_NEEDED_UNTIL);
    if (strcmp(item->key.state, "destroyed") == 0 || (until != 0 && until < s->now_ms))
        return RC_OK; /* nobody has to get it back any more */
    for (size_t i = 0; i < s->count; i++)
        simulate_count_key(&s->counts[i], &s->world, item, &k);
    if (!opt_has(&s->ctx->opts, OPT_LOSE))
        return RC_OK;
    return out_is_json(s->ctx) ? write_lost(s, &k, err) : row_lost(s, &k, err);
}

/* ---- one loss ---- */

static enum rc
tell_finding(void *arg, const struct simulate_finding *f, struct err *err)
{
    struct simulating *s = arg;
    (void)err;
    s->findings++;
    if (out_is_json(s->ctx)) {
        jw_obj(&s->w, NULL);
        jw_str(&s->w, "rule", simulate_rule_name(f->rule));
        jw_str(&s->w, "severity", f->severity);
        jw_str(&s->w, "text", f->text);
        jw_opt(&s->w, "fix", f->fix);
        jw_end_obj(&s->w);
        return RC_OK;
    }
    out_printf(s->ctx, "%s- %s: ", s->first ? "\n" : "", f->severity);
    s->first = 0;
    out_text(s->ctx, f->text);
    if (f->fix[0] != '\0') {
        out_printf(s->ctx, "\n  ");
        out_text(s->ctx, f->fix);
    }
    out_printf(s->ctx, "\n");
    return RC_OK;
}

static void
write_things(struct jw *w, const char *name, const struct loss_thing *things, size_t count,
             const unsigned char *gone, int lost)
{
    jw_arr(w, name);
    for (size_t i = 0; i < count; i++) {
        if (gone[i] == lost)
            jw_str(w, NULL, things[i].object.name);
    }
    jw_end_arr(w);
}

static enum rc
write_count(struct simulating *s, const struct simulate_count *c, struct err *err)
{
    char what[LIMIT_TEXT + 16];
    const struct loss_world *world = &s->world;
    (void)snprintf(what, sizeof what, "%s:%s", loss_kind_name(c->loss.kind), c->loss.name);
    jw_str(&s->w, "lose", what);
    jw_int(&s->w, "keys_looked_at", c->keys);
    jw_int(&s->w, "lost", c->lost);
    jw_int(&s->w, "must_outlive_lost", c->must);
    jw_int(&s->w, "touched", c->touched);
    write_things(&s->w, "kms_lost", world->kmss, world->kms_count, c->loss.kmss, 1);
    write_things(&s->w, "copies_lost", world->copies, world->copy_count, c->loss.copies, 1);
    write_things(&s->w, "copies_left", world->copies, world->copy_count, c->loss.copies, 0);
    jw_int(&s->w, "authors_left", c->authors_left);
    jw_arr(&s->w, "findings");
    enum rc rc = simulate_findings(c, world, tell_finding, s, err);
    jw_end_arr(&s->w);
    return rc;
}

static void
text_things(struct ctx *ctx, const char *title, const struct loss_thing *things, size_t count,
            const unsigned char *gone)
{
    struct buf names;
    buf_init(&names, LIMIT_ENTRY);
    for (size_t i = 0; i < count; i++) {
        if (gone[i])
            buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", things[i].object.name);
    }
    out_field(ctx, title, buf_str(&names));
    buf_release(&names);
}

static enum rc
text_one(struct simulating *s, struct err *err)
{
    struct ctx *ctx = s->ctx;
    const struct simulate_count *c = &s->counts[0];
    out_printf(ctx, "without %s ", loss_kind_name(c->loss.kind));
    out_text(ctx, c->loss.name);
    if (c->lost == 0)
        out_printf(ctx, ", %" PRId64 " of %" PRId64 " key%s would still have a way back\n\n",
                   c->keys, c->keys, c->keys == 1 ? "" : "s");
    else
        out_printf(ctx, ", %" PRId64 " of %" PRId64 " key%s would have no way back\n\n", c->lost,
                   c->keys, c->keys == 1 ? "" : "s");
    text_things(ctx, "KMS lost", s->world.kmss, s->world.kms_count, c->loss.kmss);
    text_things(ctx, "copy lost", s->world.copies, s->world.copy_count, c->loss.copies);
    int64_t keys = c->keys - c->lost;
    out_printf(ctx, "%-10s  %zu cop%s, %" PRId64 " trusted author%s, %" PRId64 " key%s\n", "left",
               c->copies_left, c->copies_left == 1 ? "y" : "ies", c->authors_left,
               c->authors_left == 1 ? "" : "s", keys, keys == 1 ? "" : "s");
    if (c->lost > 0)
        out_printf(ctx, "\n");
    enum rc rc = c->lost > 0 ? table_print(s->table, &ctx->out, err) : RC_OK;
    if (c->lost > SHOWN)
        out_printf(ctx, "and %" PRId64 " more: -o ndjson\n", c->lost - SHOWN);
    s->first = 1;
    return rc == RC_OK ? simulate_findings(c, &s->world, tell_finding, s, err) : rc;
}

static enum rc
begin_one(struct simulating *s, struct err *err)
{
    static const char *const titles[] = {"LOST KEY", "GEN", "PURPOSE", "FOR SITE",
                                         "PROTECTS", "WHY", NULL};
    s->counts = calloc(1, sizeof *s->counts);
    if (s->counts == NULL)
        return err_nomem(err);
    enum rc rc = loss_parse(&s->counts[0].loss, &s->world, opt_get(&s->ctx->opts, OPT_LOSE), err);
    s->count = rc == RC_OK;
    if (rc == RC_OK && !out_is_json(s->ctx))
        return cmd_table_new(&s->table, s->ctx, titles, err);
    if (rc == RC_OK && s->ctx->format == OUT_JSON) {
        session_answer(&s->doc, &s->w, "simulate");
        jw_arr(&s->w, "keys");
    }
    return rc;
}

static enum rc
end_one(struct simulating *s, struct err *err)
{
    if (!out_is_json(s->ctx))
        return text_one(s, err);
    if (s->ctx->format == OUT_NDJSON) {
        enum rc rc = out_flush(s->ctx, err);
        if (rc != RC_OK)
            return rc;
        session_answer(&s->doc, &s->w, "simulate");
    } else {
        jw_end_arr(&s->w);
    }
    enum rc rc = write_count(s, &s->counts[0], err);
    jw_end_obj(&s->w);
    return rc == RC_OK ? out_json(s->ctx, &s->doc, err) : rc;
}

/* ---- all of them ---- */

static enum rc
count_finding(void *arg, const struct simulate_finding *f, struct err *err)
{
    int64_t *count = arg;
    (void)f;
    (void)err;
    (*count)++;
    return RC_OK;
}

static enum rc
row_matrix(struct simulating *s, const struct simulate_count *c, struct err *err)
{
    char what[LIMIT_TEXT + 16];
    char numbers[6][24];
    int64_t findings = 0;
    enum rc rc = simulate_findings(c, &s->world, count_finding, &findings, err);
    if (rc != RC_OK)
        return rc;
    s->findings += findings;
    const int64_t values[] = {c->lost,         c->must, c->keys - c->lost, (int64_t)c->copies_left,
                              c->authors_left, findings};
    const char *cells[7] = {what};
    (void)snprintf(what, sizeof what, "%s:%s", loss_kind_name(c->loss.kind), c->loss.name);
    for (size_t i = 0; i < 6; i++) {
        (void)snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i]);
        cells[i + 1] = numbers[i];
    }
    return cmd_table_row(s->table, cells, 7, err);
}

static enum rc
end_all(struct simulating *s, struct err *err)
{
    static const char *const titles[] = {"WITHOUT",     "KEYS LOST",    "MUST OUTLIVE", "KEYS LEFT",
                                         "COPIES LEFT", "AUTHORS LEFT", "FINDINGS",     NULL};
    enum rc rc = RC_OK;
    if (out_is_json(s->ctx)) {
        session_answer(&s->doc, &s->w, "simulate.all");
        jw_arr(&s->w, "losses");
    } else {
        rc = cmd_table_new(&s->table, s->ctx, titles, err);
    }
    for (size_t i = 0; rc == RC_OK && i < s->count; i++) {
        if (!out_is_json(s->ctx)) {
            rc = row_matrix(s, &s->counts[i], err);
            continue;
        }
        jw_obj(&s->w, NULL);
        rc = write_count(s, &s->counts[i], err);
        jw_end_obj(&s->w);
    }
    if (rc == RC_OK && !out_is_json(s->ctx))
        return table_print(s->table, &s->ctx->out, err);
    jw_end_arr(&s->w);
    jw_end_obj(&s->w);
    return rc == RC_OK ? out_json(s->ctx, &s->doc, err) : rc;
}

static enum rc
run_simulate(struct ctx *ctx, struct err *err)
{
    struct simulating s = {.ctx = ctx, .now_ms = clock_now_ms()};
    int one = opt_has(&ctx->opts, OPT_LOSE);
    enum rc rc = loss_world_load(&s.world, ctx->store, err);
    if (rc == RC_OK)
        rc = inventory_open(&s.inv, ctx->store, INV_FIELDS | INV_WRAPS, err);
    if (rc == RC_OK)
        rc = one ? begin_one(&s, err) : add_all(&s, err);
    if (rc == RC_OK)
        rc = inventory_each(s.inv, NULL, INV_BY_NAME, 0, take_item, &s, err);
    for (size_t i = 0; rc == RC_OK && i < s.count; i++)
        simulate_count_rest(&s.counts[i], &s.world);
    if (rc == RC_OK)
        rc = one ? end_one(&s, err) : end_all(&s, err);
    ctx->findings += s.findings > 0;
    for (size_t i = 0; i < s.count; i++)
        loss_release(&s.counts[i].loss);
    free(s.counts);
    table_free(s.table);
    buf_release(&s.doc);
    inventory_close(s.inv);
    loss_world_release(&s.world);
    return rc;
}

static const struct opt_spec simulate_options[] = {
    {OPT_LOSE, "lose", 0, "KIND:NAME", 0,
     "site:, kms:, root:, version:, region:, vendor:, account:, copy:, credential:, person:"},
    OPT_END,
};

const struct cmd cmd_simulate_table[] = {
    {NULL, "simulate", "[--lose KIND:NAME]",
     "Says which keys would have no way back without a site, a KMS and so on.", simulate_options, 0,
     0, CMD_READ, GROUP_PROOF, run_simulate,
     "keymuster simulate\n"
     "keymuster simulate --lose site:fra\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
