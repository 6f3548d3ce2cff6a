#include "cli/places/from.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/places/from_export.h"
#include "cli/session.h"
#include "copy/memory.h"
#include "copy/publish.h"
#include "escrow/log.h"
#include "text/enc.h"
#include "text/time.h"

/* ---- the anchor ---- */

/* Always said, also with --yes and --quiet: only a person can tell whether it is the right one. */
static enum rc
confirm_seen(void *arg, const struct join_seen *seen, struct err *err)
{
    struct anchor *a = arg;
    char ago[AGO_TEXT] = "never";
    int64_t at;
    if (time_parse(&at, seen->report.newest_at) == 0)
        time_ago(ago, at, clock_now_ms());
    out_warn(a->ctx,
             "nothing proves that this copy is yours; compare with the recovery card:\n"
             "escrow %s\nname   %s\nnewest %s (%s)",
             seen->identity.escrow, seen->identity.name, seen->report.newest_at, ago);
    if (confirm_yes(a->ctx, "Is this the right escrow?", err) == RC_OK)
        return RC_OK;
    return err_hint(err, "or name it: --expect %s, --card FILE", seen->identity.escrow);
}

/* What no card can tell, and no machine without memory knows. */
static void
tell_unknown(const struct anchor *a, const struct join_seen *seen)
{
    char ago[AGO_TEXT] = "never";
    int64_t at = 0;
    const char *made = a->expected.card.made;
    if (time_parse(&at, seen->report.newest_at) == 0)
        time_ago(ago, at, clock_now_ms());
    out_note(a->ctx,
             "the copy is no older than the card%s%.10s; its newest head: %s. Whether something "
             "newer was taken out of it since, a machine without memory cannot know: another copy "
             "or site can tell",
             made[0] != '\0' ? " of " : "", made, ago);
}

static enum rc
check_pulled(void *arg, const struct store *pulled, const struct join_seen *seen, struct err *err)
{
    struct anchor *a = arg;
    enum rc rc = a->expected.have_card ? card_check(&a->expected.card, pulled, err) : RC_OK;
    if (rc == RC_OK && a->expected.have_card)
        tell_unknown(a, seen);
    if (rc != RC_OK || !a->dry)
        return rc;
    a->dry_reached = 1;
    return err_set(err, RC_NO_CONFIRM, "only looked at");
}

static enum rc
before_pull(void *arg, struct store *store, struct err *err)
{
    struct anchor *a = arg;
    return until_before(a->ctx, store, &a->cuts, err);
}

enum rc
expected_read(struct expected *out, const struct ctx *ctx, struct err *err)
{
    const char *card = opt_get(&ctx->opts, OPT_CARD);
    const char *expect = opt_get(&ctx->opts, OPT_EXPECT);
    memset(out, 0, sizeof *out);
    if (expect != NULL && !hex_is(expect, AUTHOR_TEXT)) {
        (void)err_set(err, RC_USAGE, "--expect wants the id of an escrow: %d hex digits",
                      AUTHOR_TEXT);
        return err_hint(err, "it stands on the card and in `keymuster status`");
    }
    out->escrow = expect;
    if (card == NULL)
        return RC_OK;
    enum rc rc = card_read(&out->card, card, err);
    if (rc != RC_OK)
        return rc;
    out->have_card = 1;
    if (expect != NULL && strcmp(expect, out->card.escrow) != 0)
        return err_set(err, RC_USAGE, "--expect and --card name different escrows");
    out->escrow = out->card.escrow;
    return RC_OK;
}

enum rc
anchor_set(struct anchor *a, struct ctx *ctx, struct join *how, struct err *err)
{
    memset(a, 0, sizeof *a);
    a->ctx = ctx;
    how->confirm = confirm_seen;
    how->before = before_pull;
    how->check = check_pulled;
    how->arg = a;
    place_access(ctx, &how->access);
    enum rc rc = expected_read(&a->expected, ctx, err);
    how->expect = a->expected.escrow;
    return rc;
}

/* ---- --from ---- */

/* --site, --card and the rest mean nothing without --from. */
static enum rc
check_usage(const struct ctx *ctx, struct err *err)
{
    static const struct {
        enum opt_id id;
        const char *name;
    } only[] = {{OPT_SITE, "--site"},
                {OPT_EVIDENCE, "--evidence"},
                {OPT_CARD, "--card"},
                {OPT_EXPECT, "--expect"}};
    for (size_t i = 0; i < sizeof only / sizeof only[0]; i++) {
        if (opt_has(&ctx->opts, only[i].id))
            return err_set(err, RC_USAGE, "%s goes with --from only", only[i].name);
    }
    return RC_OK;
}

enum rc
from_no_place(enum rc rc, const char *hint, struct err *err)
{
    if (rc != RC_IO && rc != RC_READ_ONLY && rc != RC_DISK_FULL && rc != RC_STORE_NETFS)
        return rc;
    struct err cause = *err;
    (void)err_set(err, RC_NO_RECORD, "no record can be made, so nothing is shown");
    (void)err_why(err, "%s%s%s", cause.msg, cause.why[0] != '\0' ? ": " : "", cause.why);
    err->os_errno = cause.os_errno;
    return err_hint(err, "%s", hint);
}

static enum rc
from_copy(struct ctx *ctx, const char *from, struct err *err)
{
    struct anchor anchor;
    struct join_seen seen;
    struct join how = {.url = from, .site = opt_get(&ctx->opts, OPT_SITE)};
    enum rc rc = anchor_set(&anchor, ctx, &how, err);
    if (rc != RC_OK)
        return rc;
    rc = join_from(&ctx->store, &how, opt_get(&ctx->opts, OPT_EVIDENCE), &seen, err);
    if (rc == RC_OK)
        rc = memory_check(ctx->store, err);
    if (rc == RC_OK)
        rc = place_bind(ctx, seen.bound, err);
    if (rc != RC_OK)
        return from_no_place(rc, FROM_ELSEWHERE, err);
    if (seen.report.note[0] != '\0')
        out_warn(ctx, "%s", seen.report.note);
    if (ctx->verbose)
        out_note(ctx, "records are kept in %s", ctx->store->dir);
    return until_after(ctx->store, &anchor.cuts, err);
}

enum rc
from_open(struct ctx *ctx, struct err *err)
{
    const char *from = opt_get(&ctx->opts, OPT_FROM);
    enum rc rc = until_check(ctx, err);
    if (rc != RC_OK)
        return rc;
    if (from == NULL) {
        rc = check_usage(ctx, err);
        if (rc == RC_OK)
            rc = session_open(ctx, err);
        if (rc == RC_NO_STORE)
            (void)err_hint(err, "or work from a copy: --from COPY");
        return from_no_place(
            rc, "work from a copy, with records elsewhere: --from COPY [--evidence DIR]", err);
    }
    if (!from_is_export(from))
        return from_copy(ctx, from, err);
    if (!opt_has(&ctx->opts, OPT_UNTIL))
        return from_export(ctx, from, err);
    (void)err_set(err, RC_USAGE, "--until does not go with an export");
    return err_hint(err, "an export says what was known when it was made, and has no log to cut");
}

/* The copy of --from alone: the others bound to that store are of former commands. */
static enum rc
publish_back(struct ctx *ctx, const char *from, struct err *err)
{
    int made = 0;
    struct copy copy = {.remote = NULL};
    struct remote_access access;
    struct publish_report report;
    struct store *store = session_records(ctx);
    enum rc rc = publish_prepare(store, &made, err);
    place_access(ctx, &access);
    if (rc == RC_OK)
        rc = copy_open_url(store, from, &access, "from", &copy, err);
    if (rc == RC_OK)
        rc = publish_to(store, &copy, 0, &report, err);
    copy_close(&copy);
    return rc;
}

enum rc
from_publish_early(struct ctx *ctx, struct err *err)
{
    const char *from = opt_get(&ctx->opts, OPT_FROM);
    int quiet = ctx->quiet;
    if (ctx->dry_run || ctx->offline)
        return RC_OK;
    if (from != NULL && (ctx->records == NULL || ctx->view))
        return publish_back(ctx, from, err);
    ctx->quiet = 1; /* what is away is said once, at the end */
    enum rc rc = session_publish(ctx, err);
    ctx->quiet = quiet;
    return rc;
}

/* What no copy takes now is signed all the same: its folder can then be carried away as it is.
 * Best effort, for `recover attach` does it otherwise. */
static void
sign_records(struct ctx *ctx)
{
    int made = 0;
    struct err scratch = ERR_INIT;
    err_ignore(publish_prepare(session_records(ctx), &made, &scratch));
}

enum rc
from_publish(struct ctx *ctx, struct err *err)
{
    if (!opt_has(&ctx->opts, OPT_FROM))
        return session_publish(ctx, err);
    struct err failed = ERR_INIT;
    if (ctx->offline && !ctx->dry_run)
        sign_records(ctx);
    if (ctx->records != NULL && ini_name_at(ctx->records->conf, "copy", 0) == NULL) {
        sign_records(ctx);
        out_warn(ctx,
                 "an export cannot take the record; it is kept in %s, and goes to the next copy "
                 "that you work from: --from COPY; into a store: keymuster recover attach %s",
                 ctx->records->dir, ctx->records->dir);
        return RC_OK;
    }
    enum rc rc = from_publish_early(ctx, &failed);
    if (rc == RC_OK)
        return RC_OK;
    int status = err_exit(rc);
    if (status == 15 || status == 16) {
        *err = failed;
        return rc;
    }
    const char *dir = session_records(ctx)->dir;
    out_warn(ctx,
             "the records could not be published to the copy: %s%s%s; they are kept in %s, for a "
             "store later: keymuster recover attach %s",
             failed.msg, failed.why[0] != '\0' ? ": " : "", failed.why, dir, dir);
    return RC_OK;
}

/* ---- ways out that can be copied where there is no store ---- */

/* True when a hint's command looks into a store, and does so in that of the records, too. That of
 * an export has the records alone. */
static int
looks_into_store(const struct ctx *ctx, const char *words)
{
    static const char *const verbs[] = {"audit log ", "list",      "show ",     "kms list",
                                        "kms set ",   "root list", "copy list", "recover list"};
    size_t count = ctx->records != NULL && !ctx->view ? 1 : sizeof verbs / sizeof verbs[0];
    for (size_t i = 0; i < count; i++) {
        if (strncmp(words, verbs[i], strlen(verbs[i])) == 0)
            return 1;
    }
    return 0;
}

void
from_hints(const struct ctx *ctx, struct err *err)
{
    static const char program[] = "keymuster ";
    static const char sync[] = "run `keymuster sync`";
    const struct store *store = session_records(ctx);
    if (ctx->cmd == NULL || strcmp(ctx->cmd->verb, "rehome") == 0 || !opt_has(&ctx->opts, OPT_FROM))
        return;
    struct buf out;
    buf_init(&out, sizeof err->hint - 1);
    for (const char *at = err->hint; *at != '\0';) {
        if (strncmp(at, sync, sizeof sync - 1) == 0) {
            buf_adds(&out, "the same command again");
            at += sizeof sync - 1;
        } else if (store != NULL && strncmp(at, program, sizeof program - 1) == 0 &&
                   looks_into_store(ctx, at + sizeof program - 1)) {
            buf_addf(&out, "%s-C %s ", program, store->dir);
            at += sizeof program - 1;
        } else {
            buf_add(&out, at++, 1);
        }
    }
    struct err scratch = ERR_INIT;
    if (buf_check(&out, "hint", &scratch) == RC_OK) /* too long: as it was */
        memcpy(err->hint, buf_str(&out), out.len + 1);
    err_clear(&scratch);
    buf_release(&out);
}
