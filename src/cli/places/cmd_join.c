/* join: a store at another site, made from a copy. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/places/place.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "copy/memory.h"
#include "escrow/digest.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "sys/file.h"
#include "text/uni.h"

/* What the answer tells, in both formats. */
struct joined {
    struct join_seen seen;
    struct log_author self;
    struct trust trust;
    char site[LIMIT_NAME + 1];
    char digest[DIGEST_TEXT];
    char next[128];
    struct buf request;   /* for a trusted site, when the copy could not take this store's log */
    struct secret *spare; /* key, or NULL */
    struct sign_public spare_public;
};

static enum rc
gather(const struct ctx *ctx, struct joined *j, struct err *err)
{
    const struct store *store = ctx->store;
    enum rc rc = apply_digest(store->db, j->digest, err);
    if (rc == RC_OK)
        rc = log_author_get(store, store->self.author, &j->self, err);
    if (rc == RC_OK)
        rc = trust_of(store, store->self.author, &j->trust, err);
    if (rc == RC_OK)
        rc = object_name(store, store->site, j->site, err);
    if (!trust_accepted(&j->trust))
        (void)snprintf(j->next, sizeof j->next, "keymuster author admit %s", store->self.author);
    int64_t waiting = 0;
    if (rc == RC_OK)
        rc = entries_unpublished(store, &waiting, err);
    if (rc == RC_OK && waiting > 0 && !trust_accepted(&j->trust))
        rc = cmd_author_request(store, &j->request, err);
    return rc;
}

static enum rc
answer_json(struct ctx *ctx, const struct joined *j, struct err *err)
{
    const struct store *store = ctx->store;
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "join");
    jw_str(&w, "store", store->dir);
    jw_str(&w, "escrow", store->escrow);
    jw_str(&w, "name", store->name);
    jw_str(&w, "author", store->self.author);
    jw_str(&w, "author_name", j->self.name);
    jw_str(&w, "public_key", store->self.text);
    jw_str(&w, "site", j->site);
    jw_str(&w, "digest", j->digest);
    jw_int(&w, "entries", j->seen.report.new_entries);
    jw_opt(&w, "newest_at", j->seen.report.newest_at);
    jw_bool(&w, "admitted", trust_accepted(&j->trust));
    jw_opt(&w, "next", j->next);
    if (j->request.len > 0)
        jw_str(&w, "request", buf_str(&j->request));
    return out_object(ctx, &doc, &w, err);
}

static enum rc
answer(struct ctx *ctx, struct joined *j, struct err *err)
{
    char entries[32];
    enum rc rc = gather(ctx, j, err);
    if (rc != RC_OK || out_is_json(ctx))
        return rc == RC_OK ? answer_json(ctx, j, err) : rc;
    (void)snprintf(entries, sizeof entries, "%lld pulled", (long long)j->seen.report.new_entries);
    out_field(ctx, "store", ctx->store->dir);
    out_field(ctx, "escrow", ctx->store->escrow);
    out_field(ctx, "name", ctx->store->name);
    out_field(ctx, "author", ctx->store->self.author);
    out_field(ctx, "site", j->site);
    out_field(ctx, "digest", j->digest);
    out_field(ctx, "entries", entries);
    if (j->next[0] == '\0') {
        out_printf(ctx, "\nthis store is admitted, as the spare author; its file is used up: one "
                        "key, one store\n"
                        "next:  keymuster author spare --file NEW-FILE\n"
                        "       if a store was stolen: keymuster author retire ID --reason TEXT\n");
        return RC_OK;
    }
    if (j->request.len > 0) {
        out_printf(
            ctx,
            "\nthe copy could not take this store's log, so nobody finds it there. Send these "
            "lines to a trusted site;\nthere: keymuster author admit --request FILE\n\n%s\n"
            "what this store records reaches the others by a copy that it can write, or by a "
            "disk: keymuster copy add\n",
            buf_str(&j->request));
        return RC_OK;
    }
    out_printf(ctx,
               "\nnext:  at a site that is trusted already: %s\n"
               "       until then the others keep what this store records, and ignore it\n",
               j->next);
    return RC_OK;
}

/* Keeps how the copy is reached, under the name that the copy was bound by. */
static enum rc
keep_access(struct ctx *ctx, struct err *err)
{
    const char *name = ini_name_at(ctx->store->conf, "copy", 0);
    return name != NULL ? place_bind(ctx, name, err) : RC_OK;
}

/* Who may read the sealed file is not asked: on a USB disk everybody may. */
static enum rc
open_spare(struct ctx *ctx, struct joined *j, struct err *err)
{
    const char *path = opt_get(&ctx->opts, OPT_SPARE);
    const char *ref = place_credential(ctx, "spare");
    struct secret *file = NULL;
    struct secret *passphrase = NULL;
    if (path == NULL && ref != NULL)
        return err_set(err, RC_USAGE, "join: --credential spare=REF goes with --spare FILE");
    if (path == NULL)
        return RC_OK;
    struct buf text;
    buf_init(&text, SECRET_SLOT);
    enum rc rc = file_read(&text, path, err);
    if (rc == RC_OK)
        rc = secret_new(&file, err);
    if (rc == RC_OK)
        rc = secret_add(file, buf_str(&text), text.len, err);
    if (rc == RC_OK)
        rc =
            ref_read(&passphrase, ref != NULL ? ref : "prompt", "passphrase of the spare key", err);
    if (rc == RC_OK)
        rc = sign_key_unseal(&j->spare, &j->spare_public, file, passphrase, path, err);
    secret_free(passphrase);
    secret_free(file);
    buf_release(&text);
    return rc;
}

/* A copy that cannot be written is a warning: the store is there, and the author can be admitted by
 * other ways. */
static enum rc
publish(struct ctx *ctx, struct err *err)
{
    struct err failed = ERR_INIT;
    char warning[256];
    enum rc rc = from_publish(ctx, &failed);
    if (rc != RC_OK)
        *err = failed;
    memory_save(ctx->store, warning);
    if (warning[0] != '\0')
        out_warn(ctx, "%s", warning);
    return rc;
}

static enum rc
check_usage(const struct ctx *ctx, struct err *err)
{
    const char *name = opt_get(&ctx->opts, OPT_NAME);
    if (!opt_has(&ctx->opts, OPT_FROM)) {
        (void)err_set(err, RC_USAGE, "join: --from is missing");
        return err_hint(err, "say where a copy of the escrow lies: --from /media/usb/escrow");
    }
    if (!opt_has(&ctx->opts, OPT_SITE)) {
        (void)err_set(err, RC_USAGE, "join: --site is missing");
        return err_hint(err, "say at which of the escrow's sites this machine stands: --site NAME");
    }
    if (ctx->accept_risk != NULL && text_check(ctx->accept_risk, "--accept-risk", err) != RC_OK)
        return err->code;
    return name != NULL ? name_check(name, "author", err) : RC_OK;
}

/* NULL in ctx->store without a failure: it was a dry run. */
static enum rc
make_store(struct ctx *ctx, struct join *how, struct joined *j, struct err *err)
{
    struct anchor anchor;
    enum rc rc = anchor_set(&anchor, ctx, how, err);
    if (rc != RC_OK)
        return rc;
    anchor.dry = ctx->dry_run;
    rc = join_copy(&ctx->store, how, &j->seen, err);
    if (rc == RC_OK || !anchor.dry_reached)
        return rc;
    out_note(ctx, "would join escrow %s (%s), %lld entries, into %s", j->seen.identity.escrow,
             j->seen.identity.name, (long long)j->seen.report.new_entries, how->dir);
    return RC_OK;
}

static enum rc
run_join(struct ctx *ctx, struct err *err)
{
    char dir[PATH_SIZE];
    struct joined j;
    struct join how = {.url = opt_get(&ctx->opts, OPT_FROM),
                       .dir = ctx->store_dir,
                       .site = opt_get(&ctx->opts, OPT_SITE),
                       .author_name = opt_get(&ctx->opts, OPT_NAME),
                       .accept_risk = ctx->accept_risk};
    memset(&j, 0, sizeof j);
    enum rc rc = check_usage(ctx, err);
    if (rc == RC_OK)
        rc = until_check(ctx, err);
    if (rc == RC_OK && how.dir == NULL) {
        rc = store_default_dir(dir, err);
        how.dir = dir;
    }
    if (rc == RC_OK)
        rc = open_spare(ctx, &j, err);
    how.spare = j.spare;
    how.spare_public = &j.spare_public;
    if (rc == RC_OK)
        rc = make_store(ctx, &how, &j, err);
    secret_free(j.spare);
    if (rc != RC_OK || ctx->store == NULL)
        return rc;
    if (j.seen.report.note[0] != '\0')
        out_warn(ctx, "%s", j.seen.report.note);
    rc = keep_access(ctx, err);
    if (rc == RC_OK)
        rc = until_keep(ctx, err);
    if (rc == RC_OK)
        rc = publish(ctx, err);
    buf_init(&j.request, LIMIT_TEXT);
    if (rc == RC_OK)
        rc = answer(ctx, &j, err);
    buf_release(&j.request);
    return rc;
}

/* clang-format off */
static const struct opt_spec join_options[] = {
    {OPT_FROM, "from", 0, "COPY", 0, "folder or URL of a copy of the escrow"},
    {OPT_SITE, "site", 0, "SITE", 0, "the site where this machine stands"},
    {OPT_NAME, "name", 0, "NAME", 0, "name of this installation; else the host's"},
    {OPT_CARD, "card", 0, "FILE", 0, "recovery card that the copy must agree with"},
    UNTIL_OPTION,
    {OPT_EXPECT, "expect", 0, "ID", 0, "id of the escrow that the copy must be of"},
    {OPT_SPARE, "spare", 0, "FILE", 0, "key of a spare author, made by author spare"},
    {OPT_CREDENTIAL, "credential", 0, "[copy=|proxy=|spare=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,
     "of the copy, its proxy; passphrase of --spare"},
    PLACE_SERVER_OPTIONS,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_join_table[] = {
    {.verb = "join",
     .synopsis = "--from COPY --site SITE [-C DIR] [--spare FILE] [--card FILE|--expect ID]",
     .summary = "Makes a store at another site from a copy of the escrow.",
     .options = join_options,
     .flags = CMD_NO_STORE | CMD_WRITE,
     .group = GROUP_SET_UP,
     .run = run_join,
     .examples = "keymuster join --from /media/usb/escrow --site mad --card card.txt\n"},
    {.verb = NULL},
};
