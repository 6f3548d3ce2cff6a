#include "cli/reveal/showing.h"
#include "base/plant.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/layout.h"
#include "cli/notify.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/session.h"
#include "sys/process.h"
#include "sys/term.h"
#include "text/time.h"
#include "text/uni.h"

/* ---- why and who ---- */

static int
can_ask(const struct ctx *ctx)
{
    int fd;
    struct err none = ERR_INIT;
    return !ctx->no_input && term_open(&fd, &none) == RC_OK;
}

enum rc
showing_ask_reason(struct ctx *ctx, struct asker *out, struct err *err)
{
    enum rc rc = RC_OK;
    out->reason[0] = '\0';
    if (ctx->reason != NULL) {
        rc = text_check(ctx->reason, "--reason", err);
        (void)snprintf(out->reason, sizeof out->reason, "%s", ctx->reason);
        return rc;
    }
    if (can_ask(ctx))
        rc = layout_ask(out->reason, sizeof out->reason, "Reason, for the record: ", err);
    if (rc != RC_OK)
        return rc;
    if (out->reason[0] != '\0')
        return text_check(out->reason, "the reason", err);
    (void)err_set(err, RC_NO_REASON, "a secret is handed out only for a reason");
    return err_hint(err, "--reason TEXT   why it is needed; goes into the record");
}

enum rc
showing_ask_person(struct ctx *ctx, struct asker *out, struct err *err)
{
    return who_ask(ctx, &out->who, err);
}

enum rc
showing_memory(struct ctx *ctx, struct err *err)
{
    return secret_arena_open(ctx->accept_risk != NULL ? SECRET_UNLOCKED_OK : SECRET_LOCKED, err);
}

void
showing_warn_watched(struct ctx *ctx, const struct deliver *d)
{
    const char *name;
    if (d->kind != DELIVER_TTY)
        return;
    switch (term_recorder(&name)) {
    case TERM_RECORDED:
        out_warn(ctx, "this session is recorded by %s: the recording will have the secret", name);
        break;
    case TERM_MULTIPLEXED:
        out_warn(ctx, "inside %s: what it records or logs will have the secret", name);
        break;
    case TERM_UNWATCHED:
        break;
    }
}

enum rc
showing_to(const struct ctx *ctx, const struct deliver *d, char out[SHOWING_TO], struct err *err)
{
    const char *name = opt_get(&ctx->opts, OPT_HANDOVER);
    (void)snprintf(out, SHOWING_TO, "%s", d != NULL ? deliver_word(d) : "");
    if (name == NULL)
        return RC_OK;
    if (d == NULL || d->kind != DELIVER_STDOUT) {
        (void)err_set(err, RC_USAGE, "--handover goes with --to -");
        return err_hint(err, "it says that a script reads the standard output, and whose");
    }
    (void)snprintf(out, SHOWING_TO, "handover:%s", name);
    return name_check(name, "backup server", err);
}

/* ---- which key ---- */

void
showing_label(char out[SHOWING_LABEL], const struct key *key)
{
    (void)snprintf(out, SHOWING_LABEL, "%s@%lld", key->name, (long long)key->generation);
}

/* ---- the gate ---- */

/* A key whose record no copy has yet may get one now: its copy may be in reach again. */
static enum rc
check_released(struct ctx *ctx, struct showing *s, struct err *err)
{
    struct err ignored = ERR_INIT;
    if (ctx->records != NULL && !ctx->view)
        return RC_OK; /* an export does not say what copies have */
    const struct store *store = session_records(ctx);
    enum rc rc = reveal_released(store, &s->key, err);
    if (rc == RC_NOT_RELEASED && from_publish_early(ctx, &ignored) == RC_OK)
        rc = reveal_released(store, &s->key, err);
    if (rc != RC_NOT_RELEASED)
        return rc;
    if (ctx->unsynced) {
        s->record.unsynced = 1;
        return RC_OK;
    }
    /* The key came from that copy, and a recovery is not stopped by where the log says it lies. */
    if (!opt_has(&ctx->opts, OPT_FROM))
        return rc;
    out_warn(ctx, "%s: %s", err->msg, err->why);
    return RC_OK;
}

static void
warn_of_state(struct ctx *ctx, const struct showing *s)
{
    if (strcmp(s->key.state, "active") != 0)
        out_warn(ctx, "%s is %s; it is handed out all the same", s->label, s->key.state);
}

static enum rc
open_kms(void *arg, const struct object *kms, struct kms **out, struct err *err)
{
    return session_kms(arg, kms, out, err);
}

/* Unwraps, and records what came of it, either way. */
static enum rc
unwrap(struct ctx *ctx, struct showing *s, const char *root, struct err *err)
{
    char how[sizeof err->msg + 16];
    enum rc rc = unwrap_key(ctx->store, &s->key, root, open_kms, ctx, &s->unwrap, err);
    if (rc == RC_OK && signals_pending())
        rc = err_set(err, RC_INTERRUPTED, "interrupted; nothing was handed out");
    if (ctx->records != NULL)
        buf_clear(&s->unwrap.fresh); /* the escrow itself renews its wraps */
    if (rc == RC_OK && PLANTED("show-first"))
        (void)!write(STDOUT_FILENO, s->unwrap.text->bytes, s->unwrap.text->len);
    if (rc == RC_OK)
        return reveal_shown(session_records(ctx), &s->record, &s->unwrap, err);
    (void)snprintf(how, sizeof how, "failed: %s", err->msg);
    showing_close(ctx, s, how);
    return rc;
}

enum rc
showing_open(struct ctx *ctx, struct showing *s, const struct asker *asker, const char *to,
             struct err *err)
{
    struct root root = {.state = ROOT_UNKNOWN};
    const char *wanted = s->any_root ? NULL : opt_get(&ctx->opts, OPT_ROOT);
    s->record = (struct reveal){.key = &s->key,
                                .reason = asker->reason,
                                .ticket = ctx->ticket,
                                .to = to,
                                .person = asker->who.person,
                                .unlocked = secret_unlocked(),
                                .accept_risk = ctx->accept_risk,
                                .export = ctx->export,
                                .signer = ctx->signer,
                                .until = ctx->until};
    showing_label(s->label, &s->key);
    enum rc rc = wanted != NULL ? root_find(ctx->store, wanted, &root, err) : RC_OK;
    if (rc == RC_OK)
        rc = check_released(ctx, s, err);
    if (rc == RC_OK)
        rc = reveal_intended(session_records(ctx), &s->record, err);
    if (rc != RC_OK)
        return rc;
    memcpy(ctx->entry, s->record.intended, sizeof ctx->entry);
    notify_look(ctx);
    warn_of_state(ctx, s);
    /* The record should be away before the secret is; a copy that cannot take it is no hindrance.
     */
    struct err later = ERR_INIT;
    err_ignore(from_publish_early(ctx, &later)); /* the end of the command says what failed */
    rc = unwrap(ctx, s, wanted != NULL ? root.object.uuid : NULL, err);
    if (rc != RC_OK)
        return rc;
    if (s->unwrap.note[0] != '\0')
        out_warn(ctx, "another wrap was used, because:\n%s", s->unwrap.note);
    if (!s->unwrap.checked)
        out_warn(ctx, "%s has no check value: nothing proves that this is the right one", s->label);
    return RC_OK;
}

void
showing_close(struct ctx *ctx, struct showing *s, const char *how)
{
    struct err failed = ERR_INIT;
    if (reveal_closed(session_records(ctx), &s->record, how, &failed) != RC_OK)
        out_warn(ctx, "how it ended could not be recorded: %s", failed.msg);
}

void
showing_release(struct showing *s)
{
    unwrap_release(&s->unwrap);
}

void
showing_members(struct jw *w, const struct showing *s)
{
    jw_str(w, "key", s->key.uuid);
    jw_str(w, "name", s->key.name);
    jw_int(w, "generation", s->key.generation);
    jw_str(w, "root", s->unwrap.root_name);
    jw_str(w, "root_uuid", s->unwrap.root);
    jw_str(w, "wrap", s->unwrap.wrap);
    jw_bool(w, "checked", s->unwrap.checked);
    jw_str(w, "to", s->record.to);
    jw_str(w, "intended", s->record.intended);
    jw_opt(w, "until", s->record.until);
    if (s->unwrap.note[0] != '\0')
        jw_str(w, "note", s->unwrap.note);
}
