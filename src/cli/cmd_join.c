/* join: a store at another site, made from a copy. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/from.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "cli/session.h"
#include "copy/memory.h"
#include "escrow/apply.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "text/uni.h"

/* What the answer tells, in both formats. */
struct joined {
    struct join_seen seen;
    struct log_author self;
    struct trust trust;
    char site[LIMIT_NAME + 1];
    char digest[DIGEST_TEXT];
    char next[128];
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
    (void)snprintf(j->next, sizeof j->next, "keymuster author admit %s", store->self.author);
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
    jw_opt(&w, "newest", j->seen.report.newest_at);
    jw_bool(&w, "admitted", trust_accepted(&j->trust));
    jw_str(&w, "next", j->next);
    jw_end_obj(&w);
    enum rc rc = out_json(ctx, &doc, err);
    buf_release(&doc);
    return rc;
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
    out_printf(ctx,
               "\nnext:  at a site that is trusted already: %s\n"
               "       until then the others keep what this store records, and ignore it\n",
               j->next);
    return RC_OK;
}

/* Keeps where the copy's credential is, under the name that the copy was bound by. */
static enum rc
keep_credential(struct ctx *ctx, struct err *err)
{
    const char *ref = opt_get(&ctx->opts, OPT_CREDENTIAL);
    const char *name = ini_name_at(ctx->store->conf, "copy", 0);
    if (ref == NULL || name == NULL)
        return RC_OK;
    char bound[LIMIT_NAME + 1]; /* name is borrowed from what store_conf_set replaces */
    (void)snprintf(bound, sizeof bound, "%s", name);
    if (strncmp(ref, "copy=", 5) == 0)
        ref += 5;
    if (!ref_is_lasting(ref) && strcmp(ref, "prompt") != 0)
        return RC_OK;
    struct buf absolute;
    buf_init(&absolute, PATH_SIZE);
    enum rc rc = ref_absolute(&absolute, ref, err);
    if (rc == RC_OK)
        rc = buf_check(&absolute, "the credential's place", err);
    if (rc == RC_OK)
        rc = store_conf_set(ctx->store, "copy", bound, "credential", buf_str(&absolute), err);
    buf_release(&absolute);
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
    return name != NULL ? name_check(name, "author", err) : RC_OK;
}

static enum rc
run_join(struct ctx *ctx, struct err *err)
{
    char dir[PATH_SIZE];
    struct anchor anchor;
    struct joined j;
    struct join how = {.url = opt_get(&ctx->opts, OPT_FROM),
                       .dir = ctx->store_dir,
                       .site = opt_get(&ctx->opts, OPT_SITE),
                       .author_name = opt_get(&ctx->opts, OPT_NAME)};
    memset(&j, 0, sizeof j);
    enum rc rc = check_usage(ctx, err);
    if (rc == RC_OK && how.dir == NULL) {
        rc = store_default_dir(dir, err);
        how.dir = dir;
    }
    if (rc == RC_OK)
        rc = anchor_set(&anchor, ctx, &how, err);
    if (rc != RC_OK)
        return rc;
    anchor.dry = ctx->dry_run;
    rc = join_copy(&ctx->store, &how, &j.seen, err);
    if (rc != RC_OK && anchor.dry_reached) {
        out_note(ctx, "would join escrow %s (%s), %lld entries, into %s", j.seen.identity.escrow,
                 j.seen.identity.name, (long long)j.seen.report.new_entries, how.dir);
        return RC_OK;
    }
    if (rc != RC_OK)
        return rc;
    if (j.seen.report.note[0] != '\0')
        out_warn(ctx, "%s", j.seen.report.note);
    rc = keep_credential(ctx, err);
    if (rc == RC_OK)
        rc = publish(ctx, err);
    return rc == RC_OK ? answer(ctx, &j, err) : rc;
}

/* clang-format off */
static const struct opt_spec join_options[] = {
    {OPT_FROM, "from", 0, "COPY", 0, "folder or URL of a copy of the escrow"},
    {OPT_SITE, "site", 0, "SITE", 0, "the site where this machine stands"},
    {OPT_NAME, "name", 0, "NAME", 0, "name of this installation; else the host's"},
    {OPT_CARD, "card", 0, "FILE", 0, "recovery card that the copy must agree with"},
    {OPT_EXPECT, "expect", 0, "ID", 0, "id of the escrow that the copy must be of"},
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF | OPT_NAMED_REF,
     "credential of the copy, where it needs one"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_join_table[] = {
    {.verb = "join",
     .synopsis = "--from COPY --site SITE [-C DIR] [--card FILE|--expect ID]",
     .summary = "Makes a store at another site from a copy of the escrow.",
     .options = join_options,
     .flags = CMD_NO_STORE | CMD_WRITE,
     .group = GROUP_SET_UP,
     .run = run_join,
     .examples = "  keymuster join --from /media/usb/escrow --site mad --card card.txt\n"},
    {.verb = NULL},
};
