/* author list|trust|block: whose entries count. admit, request: cmd_author_admit.c; spare, renew:
 * cmd_author_key.c; retire, adopt: cmd_author_retire.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/author.h"
#include "escrow/cut.h"
#include "text/enc.h"

static enum rc
list_author(void *arg, const struct log_author *a, struct err *err)
{
    struct listing *l = arg;
    struct trust t;
    char site[LIMIT_NAME + 1];
    char shown[48];
    char entries[24];
    char quarantined[24] = "";
    int64_t held_back = 0;
    int64_t applied = 0;
    int own = strcmp(a->author, l->ctx->store->self.author) == 0;
    enum rc rc = trust_of(l->ctx->store, a->author, &t, err);
    if (rc == RC_OK)
        applied = t.applied;
    if (rc == RC_OK && own)
        rc = trust_elsewhere(l->ctx->store, a->author, &t, err);
    if (rc == RC_OK)
        rc = author_quarantined(l->ctx->store, a->author, &held_back, err);
    if (rc == RC_OK)
        rc = object_name(l->ctx->store, a->site, site, err);
    if (rc != RC_OK)
        return rc;
    const char *standing = strcmp(t.standing, "own") == 0 || strcmp(t.standing, "unknown") == 0
                               ? "not admitted"
                               : t.standing;
    int retired = trust_accepted(&t) && t.upto < LIMIT_NUMBER;
    int64_t cut = LIMIT_NUMBER; /* here alone */
    rc = cut_of(l->ctx->store, a->author, &cut, err);
    if (rc == RC_OK && retired && cut < LIMIT_NUMBER && !own)
        rc = trust_elsewhere(l->ctx->store, a->author, &t, err);
    if (rc != RC_OK)
        return rc;
    retired = trust_accepted(&t) && t.upto < LIMIT_NUMBER;
    if (l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "author", a->author);
        jw_str(l->w, "name", a->name);
        jw_str(l->w, "site", site);
        jw_str(l->w, "standing", standing);
        jw_bool(l->w, "accepted", trust_accepted(&t));
        jw_bool(l->w, "here", own);
        jw_int(l->w, "entries", a->entries);
        jw_int(l->w, "applied", applied);
        jw_int(l->w, "quarantined", held_back);
        jw_bool(l->w, "retired", retired);
        if (retired)
            jw_int(l->w, "last", t.upto);
        if (cut < LIMIT_NUMBER)
            jw_int(l->w, "last_here", cut);
        jw_str(l->w, "public_key", a->public_key);
        jw_end_obj(l->w);
        return RC_OK;
    }
    (void)snprintf(entries, sizeof entries, "%lld", (long long)a->entries);
    (void)snprintf(shown, sizeof shown, "%s%s%s", standing, retired ? ", retired" : "",
                   cut < LIMIT_NUMBER ? ", cut here" : "");
    if (held_back > 0)
        (void)snprintf(quarantined, sizeof quarantined, "%lld", (long long)held_back);
    const char *cells[] = {a->author,         a->name, site,       shown,
                           own ? "here" : "", entries, quarantined};
    return cmd_table_row(l->table, cells, 7, err);
}

static enum rc
run_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"AUTHOR", "NAME",    "SITE",        "STANDING",
                                         "HERE",   "ENTRIES", "QUARANTINED", NULL};
    struct buf doc = {0};
    struct jw w;
    struct listing l = {.ctx = ctx};
    enum rc rc = RC_OK;
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "author.list");
        jw_arr(&w, "items");
        l.w = &w;
    } else {
        rc = cmd_table_new(&l.table, ctx, titles, err);
    }
    if (rc == RC_OK)
        rc = author_each(ctx->store, list_author, &l, err);
    if (rc == RC_OK && l.w != NULL) {
        jw_end_arr(&w);
        jw_end_obj(&w);
        rc = out_json(ctx, &doc, err);
    } else if (rc == RC_OK) {
        rc = table_print(l.table, &ctx->out, err);
    }
    table_free(l.table);
    buf_release(&doc);
    return rc;
}

enum rc
cmd_author_argument(struct ctx *ctx, const char **id, struct err *err)
{
    *id = opt_arg(&ctx->opts, 0);
    if (hex_is(*id, AUTHOR_TEXT))
        return RC_OK;
    (void)err_set(err, RC_BAD_VALUE, "an author's id is %d lower-case hex digits", AUTHOR_TEXT);
    return err_hint(err,
                    "see them: keymuster author list; a new one is printed by `keymuster join`");
}

enum rc
cmd_author_counts(struct ctx *ctx, struct err *err)
{
    const struct store *store = ctx->store;
    struct trust t;
    enum rc rc = trust_elsewhere(store, store->self.author, &t, err);
    if (rc != RC_OK || (trust_accepted(&t) && t.upto == LIMIT_NUMBER))
        return rc;
    if (trust_accepted(&t)) {
        (void)err_set(err, RC_POLICY, "this store's author was retired after its entry %lld",
                      (long long)t.upto);
        (void)err_why(err, "the others ignore what it records about authors now");
        return err_hint(err, "make a store with a new author: keymuster join --from URL -C DIR");
    }
    (void)err_set(err, RC_POLICY, "this store is not admitted itself");
    (void)err_why(err, "so nobody would accept what it says about authors");
    return err_hint(err, "admit it at a trusted site: keymuster author admit %s",
                    store->self.author);
}

static enum rc
override(struct ctx *ctx, const char *verdict, const char *done, struct err *err)
{
    const char *id = NULL;
    struct log_author author;
    enum rc rc = cmd_author_argument(ctx, &id, err);
    if (rc == RC_OK)
        rc = author_find(ctx->store, id, &author, err);
    if (rc == RC_NOT_FOUND) { /* its log may come later */
        err_clear(err);
        rc = RC_OK;
        out_warn(ctx, "author %s was never heard of here; is that its id?", id);
    }
    if (rc == RC_OK && !ctx->dry_run)
        rc = trust_override(ctx->store, id, verdict, err);
    return rc == RC_OK ? cmd_answer_object(ctx, "author.override", "author", id, id, done, err)
                       : rc;
}

static enum rc
run_trust(struct ctx *ctx, struct err *err)
{
    return override(ctx, "trust", "trusted on this machine:", err);
}

/* Entries that are not held yet may be named: what follows them need not even verify then. */
static enum rc
block_after(struct ctx *ctx, const char *text, struct err *err)
{
    const char *id = NULL;
    size_t digits = strlen(text);
    enum rc rc = cmd_author_argument(ctx, &id, err);
    if (rc == RC_OK && (digits == 0 || digits > 15 || strspn(text, "0123456789") != digits))
        rc = err_set(err, RC_BAD_VALUE, "--last wants the number of an entry");
    if (rc == RC_OK && strcmp(id, ctx->store->self.author) == 0)
        rc = err_set(err, RC_USAGE, "author %s is this store's own, which always counts here", id);
    if (rc == RC_OK && !ctx->dry_run)
        rc = log_begin(ctx->store, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = log_finish(ctx->store, cut_set(ctx->store, id, strtoll(text, NULL, 10), err), err);
    return rc == RC_OK ? cmd_answer_object(ctx, "author.override", "author", id, id,
                                           "its later entries are left out on this machine:", err)
                       : rc;
}

/* As the log says it, and so as everywhere else. */
static enum rc
lift(struct ctx *ctx, struct err *err)
{
    const char *id = NULL;
    enum rc rc = cmd_author_argument(ctx, &id, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = trust_override(ctx->store, id, NULL, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = log_begin(ctx->store, err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = log_finish(ctx->store, cut_forget(ctx->store, id, err), err);
    return rc == RC_OK ? cmd_answer_object(ctx, "author.override", "author", id, id,
                                           "as everywhere else from now on:", err)
                       : rc;
}

static enum rc
run_block(struct ctx *ctx, struct err *err)
{
    const char *last = opt_get(&ctx->opts, OPT_LAST);
    if (last != NULL && opt_has(&ctx->opts, OPT_LIFT))
        return err_set(err, RC_USAGE, "author block: --last or --lift, not both");
    if (last != NULL)
        return block_after(ctx, last, err);
    return opt_has(&ctx->opts, OPT_LIFT) ? lift(ctx, err)
                                         : override(ctx, "block", "blocked on this machine:", err);
}

static const struct opt_spec block_options[] = {
    {OPT_LAST, "last", 0, "SEQ", 0, "only what it recorded after this entry"},
    {OPT_LIFT, "lift", 0, NULL, 0, "takes back what `author trust` and `author block` said of it"},
    OPT_END,
};

const struct cmd cmd_author_table[] = {
    {"author", "list", "", "Lists the authors and whether their entries count.", NULL, 0, 0,
     CMD_READ, GROUP_SET_UP, run_list, NULL},
    {"author", "trust", "ID", "Accepts an author on this machine only.", NULL, 1, 1, CMD_WRITE,
     GROUP_SET_UP, run_trust, NULL},
    {"author", "block", "ID [--last SEQ|--lift]",
     "Ignores an author, or what it recorded late, on this machine.", block_options, 1, 1,
     CMD_WRITE, GROUP_SET_UP, run_block, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
