#include "cli/recover/attach.h"

#include <stdio.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "recover/attach.h"
#include "recover/join.h"

/* How its author stands here, and what is to be done about that. */
struct standing {
    struct log_author author; /* zero in a dry run that would be the first to bring him */
    int accepted;
    char next[128]; /* "": nothing */
};

static enum rc
look_up(struct ctx *ctx, const struct attached *a, struct standing *s, struct err *err)
{
    struct trust trust;
    struct err none = ERR_INIT;
    enum rc rc = log_author_get(ctx->store, a->author, &s->author, err);
    if (rc == RC_NOT_FOUND && ctx->dry_run) {
        err_clear(err);
        rc = RC_OK;
    }
    if (rc == RC_OK)
        rc = trust_of(ctx->store, a->author, &trust, err);
    if (rc != RC_OK)
        return rc;
    s->accepted = trust_accepted(&trust);
    if (!s->accepted && cmd_author_counts(ctx, &none) == RC_OK)
        (void)snprintf(s->next, sizeof s->next, "keymuster author admit %s", a->author);
    return RC_OK;
}

static enum rc
answer_json(struct ctx *ctx, const struct attached *a, const struct standing *s, struct err *err)
{
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "recover.attach");
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_str(&w, "evidence", a->dir);
    jw_str(&w, "author", a->author);
    jw_opt(&w, "name", s->author.name);
    jw_bool(&w, "admitted", s->accepted);
    jw_int(&w, "entries", a->report.new_entries);
    jw_opt(&w, "newest_at", a->report.newest_at);
    jw_opt(&w, "next", s->next);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
answer(struct ctx *ctx, const struct attached *a, struct err *err)
{
    char entries[64];
    struct standing s = {.accepted = 0};
    enum rc rc = look_up(ctx, a, &s, err);
    if (rc != RC_OK || out_is_json(ctx))
        return rc == RC_OK ? answer_json(ctx, a, &s, err) : rc;
    (void)snprintf(entries, sizeof entries, "%lld %s%s", (long long)a->report.new_entries,
                   ctx->dry_run ? "would be taken in" : "taken in",
                   a->report.new_entries == 0 ? ": nothing is new" : "");
    out_field(ctx, "evidence", a->dir);
    out_field(ctx, "author", a->author);
    out_field(ctx, "name", s.author.name);
    out_field(ctx, "entries", entries);
    if (s.accepted)
        return RC_OK;
    out_printf(ctx, "\nnobody has admitted that author: what it recorded is kept, and does not "
                    "count yet\n");
    if (s.next[0] != '\0')
        out_printf(ctx, "next, if you know whose it is:  %s\n", s.next);
    else
        out_printf(ctx,
                   "next:  attach it at a store that is admitted itself, and admit it there\n");
    return RC_OK;
}

enum rc
cmd_recover_attach(struct ctx *ctx, struct err *err)
{
    char dir[PATH_SIZE];
    struct attached a;
    const char *given = ctx->opts.arg_count > 0 ? opt_arg(&ctx->opts, 0) : NULL;
    enum rc rc = join_evidence_dir(dir, ctx->store->escrow, given, err);
    if (rc == RC_OK)
        rc = attach_evidence(ctx->store, dir, ctx->dry_run, &a, err);
    if (rc != RC_OK)
        return rc;
    if (a.report.note[0] != '\0')
        out_warn(ctx, "%s", a.report.note);
    if (a.signed_now > 0 && ctx->dry_run)
        out_note(ctx, "%lld entries there are signed first, when it is done",
                 (long long)a.signed_now);
    rc = answer(ctx, &a, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}
