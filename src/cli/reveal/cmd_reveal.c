/* reveal: a key's password to a person, a file or a pipe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bare.h"
#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/officer.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/ref.h"
#include "cli/reveal/answers.h"
#include "cli/reveal/show_request.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"
#include "copy/memory.h"
#include "recover/child.h"
#include "recover/deliver.h"
#include "sys/process.h"

static enum rc
check_destination(const struct ctx *ctx, const struct deliver *d, struct err *err)
{
    if (ctx->opts.arg_count < 2 || d->kind == DELIVER_TTY)
        return RC_OK;
    (void)err_set(err, RC_USAGE, "reveal: several keys go to the terminal only");
    return err_hint(err, "one command a key with --to %s", opt_get(&ctx->opts, OPT_TO));
}

/* What the record says of how it ended, and the error that tells the user. */
static enum rc
judge_delivery(struct showing *s, const struct deliver *d, enum rc rc, char how[600],
               struct err *err)
{
    static const char *const ends[] = {[DELIVER_OPEN] = "closed",
                                       [DELIVER_KEY] = "closed",
                                       [DELIVER_TIME] = "time",
                                       [DELIVER_SIGNAL] = "signal"};
    if (rc == RC_OK) {
        (void)snprintf(how, 600, "%s", ends[d->end]);
        return RC_OK;
    }
    (void)snprintf(how, 600, "failed: %s", err->msg);
    /* Whatever failed now, it stands in the record as shown: 3, with the entry. */
    memcpy(err->entry, s->record.intended, sizeof err->entry);
    err->code = RC_OUTPUT_FAILED;
    return RC_OUTPUT_FAILED;
}

static enum rc
count_shown(const struct store *store, const struct key *key, int64_t *count, struct err *err)
{
    struct stmt *q = NULL;
    *count = 0;
    enum rc rc =
        db_query(store->db, &q,
                 "SELECT count(*) FROM event WHERE object = ?1 AND kind = 'reveal.shown'", err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, key->uuid);
    rc = stmt_row(q, err);
    if (rc == RC_OK && stmt_more(q))
        *count = col_int(q, 0);
    stmt_done(q);
    return rc;
}

static void
tell_revealed(struct ctx *ctx, const struct showing *s, const struct asker *asker,
              const struct deliver *d)
{
    if (strncmp(s->record.to, "handover:", 9) == 0) {
        out_note(ctx, "handed %s over to %s; record %.12s", s->label, s->record.to + 9,
                 s->record.intended);
        return;
    }
    char at[TIME_TEXT + 1];
    int64_t times = 0;
    struct err ignored = ERR_INIT;
    const struct actor *actor = actor_get();
    const char *who = actor->login[0] != '\0' ? actor->login : actor->user;
    if (asker->who.name[0] != '\0')
        who = asker->who.name;
    time_format(at, clock_now_ms());
    err_ignore(
        count_shown(session_records(ctx), &s->key, &times, &ignored)); /* only for this text */
    out_note(ctx, "revealed %s to %s (%s) at %s, time %lld; record %.12s", s->label, who,
             d->kind == DELIVER_FILE ? d->path : s->record.to, at, (long long)times,
             s->record.intended);
    out_note(ctx, "somebody has seen it now, so a new one must follow%s%s",
             cmd_find("rekey", NULL) != NULL ? ": keymuster rekey " : ", and this one retire: ",
             s->key.name);
    out_note(ctx, "to prove what was typed without showing it again: keymuster check %s", s->label);
}

static enum rc
answer_reveal(struct answers *a, const struct showing *s, struct err *err)
{
    if (!out_is_json(a->ctx))
        return RC_OK;
    answers_one(a);
    showing_members(&a->w, s);
    enum rc rc = officer_write(&a->w, a->ctx, &s->key, NULL, err);
    struct err later = ERR_INIT;
    enum rc ended = answers_one_end(a, &later);
    if (rc == RC_OK && ended != RC_OK)
        *err = later;
    return rc == RC_OK ? ended : rc;
}

static enum rc
reveal_one(struct ctx *ctx, const struct key *key, const struct asker *asker, struct deliver *d,
           struct answers *a, struct err *err)
{
    char how[600];
    char to[SHOWING_TO];
    struct showing s = {.key = *key};
    enum rc rc = showing_to(ctx, d, to, err);
    if (rc == RC_OK)
        rc = showing_open(ctx, &s, asker, to, err);
    if (rc != RC_OK)
        goto out;
    d->title = s.label;
    rc = deliver_give(d, s.unwrap.text, err);
    d->title = NULL;
    secret_free(s.unwrap.text); /* it has no business here any more */
    s.unwrap.text = NULL;
    rc = judge_delivery(&s, d, rc, how, err);
    showing_close(ctx, &s, how);
    if (rc != RC_OK)
        goto out;
    tell_revealed(ctx, &s, asker, d);
    rc = answer_reveal(a, &s, err);
    if (rc == RC_OK && d->end == DELIVER_SIGNAL)
        rc = err_set(err, RC_INTERRUPTED, "the screen was closed by a signal");
out:
    showing_release(&s);
    return rc;
}

static enum rc
reveal_keys(struct ctx *ctx, const struct key *keys, const struct asker *asker, struct deliver *d,
            struct err *err)
{
    struct answers answers;
    struct err later = ERR_INIT;
    if (d->kind == DELIVER_STDOUT)
        ctx->out_fd = 2; /* standard output has exactly the secret's bytes */
    answers_begin(&answers, ctx, "reveal");
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++)
        rc = reveal_one(ctx, &keys[i], asker, d, &answers, err);
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++)
        rc = officer_tell(ctx, &keys[i], keys, ctx->opts.arg_count, err);
    if (answers_end(&answers, &later) != RC_OK && rc == RC_OK) {
        *err = later;
        rc = later.code;
    }
    return rc;
}

static void
say_dry(struct ctx *ctx, const struct key *keys, const char *to)
{
    char label[SHOWING_LABEL];
    for (size_t i = 0; i < ctx->opts.arg_count; i++) {
        showing_label(label, &keys[i]);
        out_note(ctx, "would unwrap %s and hand it to %s", label, to);
    }
}

static enum rc
show_requests(struct ctx *ctx, const struct key *keys, struct err *err)
{
    const char *name = opt_get(&ctx->opts, OPT_ROOT);
    struct object root = {.uuid = ""};
    enum rc rc = name != NULL ? object_find(ctx->store, "root", name, &root, err) : RC_OK;
    return rc == RC_OK ? show_request_keys(ctx, keys, ctx->opts.arg_count, KMS_UNWRAP,
                                           name != NULL ? root.uuid : NULL, err)
                       : rc;
}

static enum rc
run_reveal(struct ctx *ctx, struct err *err)
{
    struct deliver d;
    struct asker asker;
    struct key *keys = NULL;
    if (opt_has(&ctx->opts, OPT_WRAPPED))
        return bare_reveal(ctx, err);
    if (ctx->opts.arg_count == 0) {
        (void)err_set(err, RC_USAGE, "reveal: an argument is missing");
        return err_hint(err, "usage: keymuster reveal %s", ctx->cmd->synopsis);
    }
    enum rc rc = deliver_parse(&d, opt_get(&ctx->opts, OPT_TO), err);
    char to[SHOWING_TO];
    if (rc == RC_OK)
        rc = showing_to(ctx, &d, to, err);
    if (rc != RC_OK)
        return rc;
    if (!opt_has(&ctx->opts, OPT_SHOW_REQUEST))
        rc = check_destination(ctx, &d, err);
    if (rc == RC_OK)
        rc = from_open(ctx, err);
    if (rc == RC_OK)
        rc = until_view(ctx, err);
    if (rc == RC_OK)
        rc = answers_keys(ctx, &keys, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_SHOW_REQUEST)) {
        rc = show_requests(ctx, keys, err);
        goto out;
    }
    if (rc == RC_OK)
        rc = deliver_check(&d, err);
    if (rc == RC_OK)
        rc = showing_ask_reason(ctx, &asker, err);
    if (rc == RC_OK)
        rc = showing_ask_person(ctx, &asker, err);
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++)
        rc = gate_showing(ctx, &keys[i], &asker, err);
    if (rc == RC_OK && ctx->dry_run) {
        say_dry(ctx, keys, to);
        goto out;
    }
    if (rc == RC_OK)
        rc = showing_memory(ctx, err);
    if (rc != RC_OK)
        goto out;
    showing_warn_watched(ctx, &d);
    rc = reveal_keys(ctx, keys, &asker, &d, err);
    if (rc != RC_INTERRUPTED) {
        struct err later = ERR_INIT;
        if (from_publish(ctx, &later) != RC_OK && rc == RC_OK) {
            *err = later;
            rc = later.code;
        }
    }
out:
    deliver_release(&d);
    free(keys);
    return rc;
}

/* clang-format off */
static const struct opt_spec reveal_options[] = {
    {OPT_TO, "to", 0, "DEST", 0, "- tty file:PATH or fd:N; else the terminal"},
    HANDOVER_OPTION,
    SHOWING_OPTIONS,
    FROM_OPTIONS,
    UNTIL_OPTION,
    SHOW_REQUEST_OPTION,
    {OPT_WRAPPED, "wrapped", 0, "REF", 0, "nothing but this wrap is left: file:PATH or -"},
    {OPT_AAD, "aad", 0, "TEXT", OPT_MANY, "with --wrapped: its additional data, in order"},
    {OPT_FORM, "form", 0, "base64|bytes", 0, "with --wrapped; else base64"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_reveal_table[] = {
    {.verb = "reveal",
     .synopsis = "KEY... --reason TEXT [--to DEST] [--from COPY|EXPORT] [option]...",
     .summary = "Gets a key's password back, and records that it was shown.",
     .options = reveal_options,
     .args_max = -1,
     .flags = CMD_NO_STORE | CMD_WRITE | CMD_EMERGENCY,
     .group = GROUP_WHEN_NEEDED,
     .run = run_reveal,
     .examples = "keymuster reveal vbr/config --reason \"restore after fire\"\n"
                 "keymuster reveal vbr/config --reason test --to - | PROGRAM\n"
                 "keymuster reveal vbr/config --reason fire --from /media/usb/escrow \\\n"
                 "    --expect ID --credential kp-mad=prompt\n"},
    {.verb = NULL},
};
