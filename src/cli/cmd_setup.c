/* init, site add|list: the first day. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "copy/memory.h"
#include "crypt/hash.h"
#include "escrow/log.h"
#include "sys/term.h"
#include "text/uni.h"

/* ---- init ---- */

static enum rc
append_created(struct store *store, const char *site_uuid, const char *site, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "escrow", store->escrow);
    jw_str(&w, "name", store->name);
    jw_str(&w, "public_key", store->self.text);
    jw_str(&w, "author_name", site);
    jw_str(&w, "site", site_uuid);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "escrow.created", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static void
write_site(struct buf *body, const struct ctx *ctx, const char *uuid, const char *name)
{
    struct jw w;
    buf_init(body, LIMIT_BODY);
    jw_init(&w, body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", uuid);
    jw_str(&w, "name", name);
    jw_opt(&w, "region", opt_get(&ctx->opts, OPT_REGION));
    jw_opt(&w, "vendor", opt_get(&ctx->opts, OPT_VENDOR));
    jw_end_obj(&w);
}

/* The first two entries and the local values, in one transaction. */
static enum rc
found(struct ctx *ctx, struct store *store, const char *site, struct err *err)
{
    char uuid[UUID_TEXT + 1];
    struct buf body;
    random_uuid(uuid);
    write_site(&body, ctx, uuid, site);
    enum rc rc = log_begin(store, err);
    if (rc == RC_OK)
        rc = append_created(store, uuid, site, err);
    if (rc == RC_OK)
        rc = log_append(store, "site.added", &body, NULL, err);
    if (rc == RC_OK)
        rc = store_meta_set(store, "site", uuid, err);
    rc = log_finish(store, rc, err);
    buf_release(&body);
    return rc;
}

static enum rc
answer_init(struct ctx *ctx, const char *site, struct err *err)
{
    const struct store *store = ctx->store;
    if (out_is_json(ctx)) {
        struct buf doc;
        struct jw w;
        session_answer(&doc, &w, "init");
        jw_str(&w, "store", store->dir);
        jw_str(&w, "escrow", store->escrow);
        jw_str(&w, "name", store->name);
        jw_str(&w, "author", store->self.author);
        jw_str(&w, "public_key", store->self.text);
        jw_str(&w, "site", site);
        return out_object(ctx, &doc, &w, err);
    }
    out_field(ctx, "store", store->dir);
    out_field(ctx, "escrow", store->escrow);
    out_field(ctx, "author", store->self.author);
    out_field(ctx, "site", site);
    out_printf(
        ctx,
        "\nnext:  keymuster site add NAME                      the site that must survive this "
        "one\n"
        "       keymuster kms add NAME --site SITE ...       a KMS there\n"
        "       keymuster copy add NAME URL --site SITE      where the escrow's copy will lie\n");
    return RC_OK;
}

static enum rc
run_init(struct ctx *ctx, struct err *err)
{
    char dir[PATH_SIZE];
    const char *site = opt_get(&ctx->opts, OPT_SITE);
    const char *name = opt_get(&ctx->opts, OPT_NAME);
    struct store *store = NULL;
    if (site == NULL) {
        (void)err_set(err, RC_USAGE, "init: --site is missing");
        return err_hint(err, "name the place where this machine stands: keymuster init --site fra");
    }
    enum rc rc = name_check(site, "site", err);
    if (rc == RC_OK && name != NULL)
        rc = text_check(name, "the name of the escrow", err);
    if (rc == RC_OK && ctx->store_dir == NULL)
        rc = store_default_dir(dir, err);
    else
        (void)snprintf(dir, sizeof dir, "%s", ctx->store_dir != NULL ? ctx->store_dir : "");
    if (rc != RC_OK)
        return rc;
    if (ctx->dry_run) {
        out_printf(ctx, "would make a store in %s\n", dir);
        return RC_OK;
    }
    char made[LIMIT_NAME + 16];
    (void)snprintf(made, sizeof made, "escrow %s", site);
    rc = store_create(&store, dir, NULL, name != NULL ? name : made, err);
    if (rc != RC_OK)
        return rc;
    rc = found(ctx, store, site, err);
    if (rc != RC_OK) {
        store_discard(store);
        return rc;
    }
    rc = store_place(&store, dir, err);
    ctx->store = store;
    if (rc != RC_OK)
        return rc;
    char warning[256];
    memory_save(store, warning);
    if (warning[0] != '\0')
        out_warn(ctx, "%s", warning);
    return answer_init(ctx, site, err);
}

/* ---- site ---- */

static enum rc
refuse_existing(struct ctx *ctx, const char *kind, const char *name, struct err *err)
{
    struct object o;
    struct err scratch = ERR_INIT;
    enum rc rc = object_find(ctx->store, kind, name, &o, &scratch);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc != RC_OK && rc != RC_AMBIGUOUS) {
        *err = scratch;
        return rc;
    }
    (void)err_set(err, RC_EXISTS, "the name %s is taken by another %s", name, kind);
    return err_hint(err, "choose another name; which there are: keymuster %s list", kind);
}

enum rc
cmd_new_name(struct ctx *ctx, const char *kind, const char *name, struct err *err)
{
    enum rc rc = name_check(name, kind, err);
    return rc == RC_OK ? refuse_existing(ctx, kind, name, err) : rc;
}

enum rc
cmd_answer_object(struct ctx *ctx, const char *schema, const char *kind, const char *name,
                  const char *uuid, const char *done, struct err *err)
{
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s%s %s %s\n", ctx->dry_run ? "would be " : "", done, kind, name);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, schema);
    jw_str(&w, "name", name);
    jw_str(&w, "uuid", uuid);
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_opt(&w, "entry", ctx->entry);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
run_site_add(struct ctx *ctx, struct err *err)
{
    const char *name = opt_arg(&ctx->opts, 0);
    char uuid[UUID_TEXT + 1];
    struct buf body;
    enum rc rc = cmd_new_name(ctx, "site", name, err);
    if (rc != RC_OK)
        return rc;
    random_uuid(uuid);
    write_site(&body, ctx, uuid, name);
    rc = session_record(ctx, "site.added", &body, NULL, err);
    buf_release(&body);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "site.add", "site", name, uuid, "added", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static enum rc
list_site(void *arg, const struct object *o, struct err *err)
{
    struct listing *l = arg;
    struct buf region, vendor;
    buf_init(&region, LIMIT_TEXT);
    buf_init(&vendor, LIMIT_TEXT);
    int own = strcmp(o->uuid, l->ctx->store->site) == 0;
    enum rc rc = field_get(l->ctx->store, o->uuid, "region", &region, NULL, err);
    if (rc == RC_OK)
        rc = field_get(l->ctx->store, o->uuid, "vendor", &vendor, NULL, err);
    if (rc == RC_OK && l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", o->name);
        jw_str(l->w, "uuid", o->uuid);
        jw_bool(l->w, "here", own);
        jw_opt(l->w, "region", buf_str(&region));
        jw_opt(l->w, "vendor", buf_str(&vendor));
        jw_end_obj(l->w);
    } else if (rc == RC_OK) {
        const char *cells[] = {o->name, own ? "here" : "", buf_str(&region), buf_str(&vendor)};
        rc = cmd_table_row(l->table, cells, 4, err);
    }
    buf_release(&region);
    buf_release(&vendor);
    return rc;
}

enum rc
cmd_table_row(struct table *t, const char *const *cells, size_t count, struct err *err)
{
    enum rc rc = table_row(t, err);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = table_cell(t, cells[i], err);
    return rc;
}

enum rc
cmd_table_new(struct table **out, const struct ctx *ctx, const char *const *titles, struct err *err)
{
    enum rc rc = table_new(out, out_width(ctx), err);
    if (rc == RC_OK)
        table_in_locale(*out);
    if (rc == RC_OK && term_accessible())
        table_read_out(*out);
    for (size_t i = 0; rc == RC_OK && titles[i] != NULL; i++)
        rc = table_column(*out, titles[i], 0, err);
    return rc;
}

enum rc
cmd_list_objects(struct listing *l, const char *schema, const char *kind, const char *const *titles,
                 object_fn fn, struct err *err)
{
    struct ctx *ctx = l->ctx;
    struct buf doc = {0};
    struct jw w;
    enum rc rc = RC_OK;
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, schema);
        jw_arr(&w, "items");
        l->w = &w;
    } else {
        rc = cmd_table_new(&l->table, ctx, titles, err);
    }
    if (rc == RC_OK)
        rc = object_each(ctx->store, kind, fn, l, err);
    if (rc == RC_OK && l->w != NULL) {
        jw_end_arr(&w);
        jw_end_obj(&w);
        rc = out_json(ctx, &doc, err);
    } else if (rc == RC_OK) {
        rc = table_print(l->table, &ctx->out, err);
        if (rc == RC_OK && ctx->out.len == 0 && !ctx->quiet)
            out_note(ctx, "none yet");
    }
    l->w = NULL;
    table_free(l->table);
    l->table = NULL;
    buf_release(&doc);
    return rc;
}

static enum rc
run_site_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"SITE", "HERE", "REGION", "VENDOR", NULL};
    struct listing l = {.ctx = ctx};
    return cmd_list_objects(&l, "site.list", "site", titles, list_site, err);
}

/* ---- lost, restored ---- */

static enum rc
mark_site(struct ctx *ctx, int lost, struct err *err)
{
    struct object site;
    struct buf body;
    struct jw w;
    enum rc rc = object_find(ctx->store, "site", opt_arg(&ctx->opts, 0), &site, err);
    if (rc == RC_OK && lost && ctx->reason == NULL)
        rc = err_set(err, RC_NO_REASON, "site lost: --reason is missing: what happened?");
    if (rc == RC_OK && ctx->reason != NULL)
        rc = text_check(ctx->reason, "--reason", err);
    if (rc != RC_OK)
        return rc;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "site", site.uuid);
    jw_bool(&w, "lost", lost);
    jw_opt(&w, "reason", ctx->reason);
    rc = field_supersedes(ctx->store, site.uuid, "lost", &w, err);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = session_record(ctx, lost ? "site.lost" : "site.restored", &body, NULL, err);
    buf_release(&body);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, lost ? "site.lost" : "site.restored", "site", site.name,
                               site.uuid, lost ? "marked lost:" : "marked restored:", err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static enum rc
run_site_lost(struct ctx *ctx, struct err *err)
{
    return mark_site(ctx, 1, err);
}

static enum rc
run_site_restored(struct ctx *ctx, struct err *err)
{
    return mark_site(ctx, 0, err);
}

static const struct opt_spec init_options[] = {
    {OPT_SITE, "site", 0, "SITE", 0, "the place where this machine stands"},
    {OPT_NAME, "name", 0, "TEXT", 0, "name of the escrow, for people; never changes"},
    {OPT_REGION, "region", 0, "REGION", 0, "region of the site"},
    {OPT_VENDOR, "vendor", 0, "VENDOR", 0, "who runs it"},
    OPT_END,
};
static const struct opt_spec site_options[] = {
    {OPT_REGION, "region", 0, "REGION", 0, "region of the site"},
    {OPT_VENDOR, "vendor", 0, "VENDOR", 0, "who runs it"},
    OPT_END,
};

const struct cmd cmd_setup_table[] = {
    {NULL, "init", "--site SITE [--name TEXT]", "Makes a store and founds an escrow.", init_options,
     0, 0, CMD_NO_STORE, GROUP_SET_UP, run_init,
     "keymuster init --site fra --name \"backup keys\"\n"},
    {"site", "add", "SITE [--region R] [--vendor V]", "Adds a place that can be lost as a whole.",
     site_options, 1, 1, CMD_WRITE, GROUP_SET_UP, run_site_add,
     "keymuster site add mad --region eu-es --vendor ibm\n"},
    {"site", "list", "", "Lists the sites.", NULL, 0, 0, CMD_READ, GROUP_SET_UP, run_site_list,
     NULL},
    {"site", "lost", "SITE --reason TEXT", "Marks a site as lost, for every store of the escrow.",
     NULL, 1, 1, CMD_WRITE | CMD_EMERGENCY, GROUP_SET_UP, run_site_lost,
     "keymuster site lost fra --reason \"fire\"\n"},
    {"site", "restored", "SITE", "Takes the mark back when the site has returned.", NULL, 1, 1,
     CMD_WRITE, GROUP_SET_UP, run_site_restored, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
