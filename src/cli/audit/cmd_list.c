/* list: the inventory. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/audit/list_print.h"
#include "cli/cmd_tables.h"
#include "cli/keys/mint.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/session.h"
#include "text/time.h"

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

/* ---- which keys ---- */

enum { LABELS_MOST = 64 };

/* What the options ask for; labels end with NULL. */
struct wanted {
    struct inventory_filter filter;
    const char *labels[LABELS_MOST + 1];
    enum inventory_order order;
};

static enum rc
find_object(const struct ctx *ctx, enum opt_id id, const char *kind, char uuid[UUID_TEXT + 1],
            struct err *err)
{
    struct object o;
    const char *name = opt_get(&ctx->opts, id);
    if (name == NULL)
        return RC_OK;
    enum rc rc = object_find(ctx->store, kind, name, &o, err);
    if (rc == RC_OK)
        memcpy(uuid, o.uuid, sizeof o.uuid);
    return rc;
}

static enum rc
check_word(const char *option, const char *word, const char *const *known, struct err *err)
{
    char all[256] = "";
    if (word == NULL)
        return RC_OK;
    for (size_t i = 0; known[i] != NULL; i++) {
        if (strcmp(known[i], word) == 0)
            return RC_OK;
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", used > 0 ? ", " : "", known[i]);
    }
    (void)err_set(err, RC_BAD_VALUE, "%s: there is no %.64s", option, word);
    return err_hint(err, "known: %s", all);
}

static enum rc
read_words(const struct ctx *ctx, struct wanted *w, struct err *err)
{
    static const char *const states[] = {"pre-activation", "active",    "suspended", "deactivated",
                                         "compromised",    "destroyed", NULL};
    const char *names[LIST_ORDERS + 1];
    const char *sort = opt_get(&ctx->opts, OPT_SORT);
    w->filter.state = opt_get(&ctx->opts, OPT_STATE);
    w->filter.purpose = opt_get(&ctx->opts, OPT_PURPOSE);
    enum rc rc = check_word("--state", w->filter.state, states, err);
    if (rc == RC_OK)
        rc = check_word("--purpose", w->filter.purpose, mint_purposes, err);
    for (size_t i = 0; i < LIST_ORDERS; i++) {
        names[i] = list_orders[i].name;
        if (sort != NULL && strcmp(sort, names[i]) == 0)
            w->order = list_orders[i].order;
    }
    names[LIST_ORDERS] = NULL;
    return rc == RC_OK ? check_word("--sort", sort, names, err) : rc;
}

static enum rc
read_times(const struct ctx *ctx, struct wanted *w, struct err *err)
{
    char by[TIME_TEXT + 1] = "";
    int64_t ms = 0;
    const char *at = opt_get(&ctx->opts, OPT_AT);
    enum rc rc = mint_when(opt_get(&ctx->opts, OPT_EXPIRING), "--expiring", by, err);
    if (rc == RC_OK && by[0] != '\0' && time_parse(&ms, by) == 0)
        w->filter.expires_by = ms;
    if (rc != RC_OK || at == NULL)
        return rc;
    rc = date_parse_end(&ms, at, "--at", err);
    if (rc == RC_OK)
        time_format(w->filter.at, ms);
    return rc;
}

static enum rc
read_objects(const struct ctx *ctx, struct wanted *w, struct err *err)
{
    struct inventory_filter *f = &w->filter;
    enum rc rc = find_object(ctx, OPT_ROOT, "root", f->root, err);
    if (rc == RC_OK)
        rc = find_object(ctx, OPT_KMS, "kms", f->kms, err);
    if (rc == RC_OK)
        rc = find_object(ctx, OPT_SITE, "site", f->site, err);
    if (rc == RC_OK)
        rc = find_object(ctx, OPT_PROTECTS_SITE, "site", f->protects_site, err);
    f->version = opt_get(&ctx->opts, OPT_ROOT_VERSION);
    if (rc == RC_OK && opt_count(&ctx->opts, OPT_LABEL) > LABELS_MOST)
        rc = err_set(err, RC_USAGE, "--label: more than %d", LABELS_MOST);
    for (size_t i = 0; rc == RC_OK && i < opt_count(&ctx->opts, OPT_LABEL); i++)
        w->labels[i] = opt_at(&ctx->opts, OPT_LABEL, i);
    f->labels = w->labels[0] != NULL ? w->labels : NULL;
    return rc;
}

/* A name that no key has is a mistake, not an empty answer. */
static enum rc
read_name(const struct ctx *ctx, struct wanted *w, struct err *err)
{
    int known = 0;
    struct key k;
    const char *name = opt_arg(&ctx->opts, 0);
    if (name == NULL)
        return RC_OK;
    if (!key_ref_is_name(name)) {
        (void)err_set(err, RC_USAGE, "list takes a name, without a generation");
        return err_hint(err, "one key: keymuster show KEY");
    }
    w->filter.name = name;
    enum rc rc = key_is_known(ctx->store, name, &known, err);
    return rc == RC_OK && !known ? key_find(ctx->store, name, &k, err) : rc;
}

static enum rc
read_wanted(const struct ctx *ctx, struct wanted *w, struct err *err)
{
    static const struct {
        enum opt_id id;
        unsigned only;
    } flags[] = {{OPT_BEHIND, INV_ONLY_BEHIND},           {OPT_UNPROVEN, INV_ONLY_UNPROVEN},
                 {OPT_UNCONFIRMED, INV_ONLY_UNCONFIRMED}, {OPT_EXPOSED, INV_ONLY_EXPOSED},
                 {OPT_CONFLICT, INV_ONLY_CONFLICT},       {OPT_DEBT, INV_ONLY_DEBT}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (opt_has(&ctx->opts, flags[i].id))
            w->filter.only |= flags[i].only;
    }
    enum rc rc = read_words(ctx, w, err);
    if (rc == RC_OK)
        rc = read_times(ctx, w, err);
    if (rc == RC_OK)
        rc = read_objects(ctx, w, err);
    return rc == RC_OK ? read_name(ctx, w, err) : rc;
}

/* ---- list ---- */

struct going {
    struct list_row row;
    struct list_print print;
};

static enum rc
take_item(void *arg, const struct inventory_item *item, struct err *err)
{
    struct going *g = arg;
    g->row.item = item;
    return list_print_row(&g->print, &g->row, err);
}

static enum rc
first_made(const struct store *store, char out[TIME_TEXT + 1], struct err *err)
{
    struct stmt *q = NULL;
    out[0] = '\0';
    enum rc rc = db_query(store->db, &q, "SELECT coalesce(min(created_at), '') FROM key", err);
    if (rc != RC_OK)
        return rc;
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        (void)snprintf(out, TIME_TEXT + 1, "%s", col_text(q, 0));
    stmt_done(q);
    return rc;
}

/* An empty answer says whether there is nothing, or nothing of that kind. */
static enum rc
say_empty(struct ctx *ctx, const struct wanted *w, struct err *err)
{
    char first[TIME_TEXT + 1];
    enum rc rc = first_made(ctx->store, first, err);
    if (rc != RC_OK)
        return rc;
    if (first[0] == '\0')
        out_note(ctx, "no keys yet; make one: keymuster create NAME --purpose PURPOSE --root ROOT");
    else if (w->filter.at[0] != '\0' && strcmp(first, w->filter.at) > 0)
        out_note(ctx, "no key had been made by %s; the first one was made at %s", w->filter.at,
                 first);
    else
        out_note(ctx, "no key is like that");
    return RC_OK;
}

static enum rc
run_list(struct ctx *ctx, struct err *err)
{
    struct wanted w = {.order = INV_BY_NAME};
    struct going g = {{.ctx = ctx, .now_ms = clock_now_ms(), .wanted = list_fields_wanted(ctx)},
                      {.ctx = ctx}};
    enum rc rc = list_fields_check(ctx, err);
    if (rc == RC_OK)
        rc = until_view(ctx, err);
    if (rc == RC_OK)
        rc = read_wanted(ctx, &w, err);
    if (rc == RC_OK)
        rc = inventory_open(&g.row.inv, ctx->store, list_fields_facts(ctx), err);
    if (rc == RC_OK)
        rc = list_print_begin(&g.print, err);
    if (rc == RC_OK)
        rc = inventory_each(g.row.inv, &w.filter, w.order, opt_has(&ctx->opts, OPT_REVERSE),
                            take_item, &g, err);
    if (rc == RC_OK)
        rc = list_print_end(&g.print, err);
    if (rc == RC_OK && g.print.rows == 0)
        rc = say_empty(ctx, &w, err);
    inventory_close(g.row.inv);
    list_print_release(&g.print);
    return rc;
}

/* clang-format off */
static const struct opt_spec list_options[] = {
    {OPT_STATE, "state", 0, "STATE", 0, "only keys in this state (NIST SP 800-57)"},
    {OPT_PURPOSE, "purpose", 0, "PURPOSE", 0, "only keys of this purpose"},
    {OPT_PROTECTS_SITE, "protects-site", 0, "SITE", 0, "only keys for the loss of this site"},
    {OPT_SITE, "site", 0, "SITE", 0, "only keys with a wrap under a KMS at this site"},
    {OPT_KMS, "kms", 0, "KMS", 0, "only keys with a wrap under this KMS"},
    {OPT_ROOT, "root", 0, "ROOT", 0, "only keys with a wrap under this root key"},
    {OPT_ROOT_VERSION, "root-version", 0, "VERSION", 0, "only wraps under this version, or how it begins"},
    {OPT_LABEL, "label", 0, "K[=V]", OPT_MANY, "only keys with this label"},
    {OPT_EXPIRING, "expiring", 0, "DATE|DUR", 0, "only keys that expire by then, or have expired"},
    {OPT_BEHIND, "behind", 0, NULL, 0, "only keys with a wrap under an older version"},
    {OPT_UNPROVEN, "unproven", 0, NULL, 0, "only keys without a check value, or never proven by a drill"},
    {OPT_UNCONFIRMED, "unconfirmed", 0, NULL, 0, "only adopted passwords that nobody has confirmed"},
    {OPT_EXPOSED, "exposed", 0, NULL, 0, "only keys that a person has seen and nothing replaced"},
    {OPT_CONFLICT, "conflict", 0, NULL, 0, "only keys that two sites changed apart"},
    {OPT_DEBT, "debt", 0, NULL, 0, "only keys that lack a wrap they were to have"},
    {OPT_AT, "at", 0, "DATE", 0, "of each name the newest generation made by DATE"},
    {OPT_SORT, "sort", 0, "FIELD", 0, "by created_at, expires, last_proven_at, state, ..."},
    {OPT_REVERSE, "reverse", 0, NULL, 0, "the other way round"},
    UNTIL_OPTION,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_list_table[] = {
    {NULL, "list", "[NAME] [FILTER]...", "Lists the keys.", list_options, 0, 1, CMD_READ | CMD_CSV,
     GROUP_EVERY_DAY, run_list,
     "keymuster list --purpose config-backup --behind\n"
     "keymuster list --expiring 30d --sort expires --fields name,expires,owner\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
