#include "cli/vbr/vbr_config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/vbr/consumers_record.h"
#include "sys/process.h"
#include "sys/term.h"
#include "text/time.h"

enum { JOB_MS = 30 * 60 * 1000 };

static void
rest(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL); /* a signal shortens it, which is right */
}

static enum rc
wait_for(struct ctx *ctx, struct vbr_server *s, const char *session, struct err *err)
{
    struct vbr_session seen = {.over = 0};
    int64_t until = clock_mono_ms() + (ctx->timeout_ms > 0 ? ctx->timeout_ms : JOB_MS);
    int64_t pause = 250;
    enum rc rc = RC_OK;
    while (rc == RC_OK && !seen.over && clock_mono_ms() < until) {
        rc = vbr_session(s->vbr, session, &seen, err);
        if (rc == RC_OK && !seen.over)
            rest(pause);
        if (rc == RC_OK && signals_pending())
            rc = err_set(err, RC_INTERRUPTED, "interrupted; the configuration backup goes on");
        pause = pause < 5000 ? pause * 2 : 5000;
    }
    if (rc != RC_OK)
        return rc;
    if (seen.over && strcmp(seen.result, "Warning") == 0)
        out_warn(ctx, "the configuration backup ended with a warning; look at it there");
    if (seen.over && (strcmp(seen.result, "Success") == 0 || strcmp(seen.result, "Warning") == 0))
        return RC_OK;
    (void)err_set(err, RC_VBR_JOB, "the configuration backup of %s %s", s->object.name,
                  seen.over ? "failed" : "has not ended yet");
    return err_why(err, "session %s: %.32s", session, seen.over ? seen.result : seen.state);
}

static enum rc
check_config(struct vbr_server *s, const char *id, struct err *err)
{
    struct vbr_backup b;
    enum rc rc = vbr_backup_get(s->vbr, &b, err);
    if (rc == RC_OK && (!b.encrypted || strcmp(b.password, id) != 0))
        rc = err_set(err, RC_VBR_REPLY,
                     "backup server %s did not take the key for its configuration backup",
                     s->object.name);
    vbr_backup_release(&b);
    return rc;
}

/* Gives the configuration backup this password, runs it, waits for its end, and looks whether it
 * still has it. RC_VBR_JOB. */
static enum rc
use_for_config(struct ctx *ctx, struct vbr_server *s, const char *id, struct err *err)
{
    struct vbr_backup b;
    char session[UUID_TEXT + 1];
    enum rc rc = vbr_backup_get(s->vbr, &b, err);
    if (rc == RC_OK && (!b.encrypted || strcmp(b.password, id) != 0))
        rc = vbr_backup_set_key(s->vbr, &b, id, err);
    vbr_backup_release(&b);
    if (rc == RC_OK)
        rc = check_config(s, id, err);
    if (rc == RC_OK)
        rc = vbr_backup_run(s->vbr, session, err);
    if (rc == RC_OK)
        rc = wait_for(ctx, s, session, err);
    return rc == RC_OK ? check_config(s, id, err) : rc; /* nobody set another one meanwhile */
}

/* ---- whether ---- */

static int
can_ask(const struct ctx *ctx)
{
    int fd;
    struct err none = ERR_INIT;
    return opt_has(&ctx->opts, OPT_YES) || (!ctx->no_input && term_open(&fd, &none) == RC_OK);
}

/* The first key there stops a configuration backup that has none: it is offered at once. */
static enum rc
offer(struct ctx *ctx, const struct vbr_server *s, int *use, struct err *err)
{
    char question[LIMIT_NAME + 128];
    struct err no = ERR_INIT;
    if (!can_ask(ctx))
        return RC_OK;
    (void)snprintf(question, sizeof question,
                   "Give the configuration backup of %s this key, and run it now?", s->object.name);
    enum rc rc = confirm_yes(ctx, question, &no);
    *use = rc == RC_OK;
    if (rc == RC_OK || rc == RC_NO_CONFIRM)
        return RC_OK;
    *err = no;
    return rc;
}

/* Whether the configuration backup uses the former generation, or has no key and needs one now. */
static enum rc
decide(struct ctx *ctx, struct vbr_server *s, const char *former, const struct vbr_pushed *p,
       int *use, struct err *err)
{
    struct vbr_backup b;
    struct err why = ERR_INIT;
    enum rc rc = vbr_backup_get(s->vbr, &b, &why);
    int uses = rc == RC_OK && b.encrypted && strcmp(b.password, former) == 0;
    int bare = rc == RC_OK && !b.encrypted;
    vbr_backup_release(&b);
    if (rc == RC_VBR_FORBIDDEN) { /* that is another role's */
        static const char said[] =
            "this account may not see the configuration backup of %s; to give it this key: "
            "keymuster vbr push KEY --to %s --config-backup";
        if (former[0] == '\0') {
            out_note(ctx, said, s->object.name, s->object.name);
            return RC_OK;
        }
        out_warn(ctx, said, s->object.name, s->object.name); /* it may still use the former one */
        ctx->findings++;
        return RC_OK;
    }
    if (rc != RC_OK) {
        *err = why;
        return rc;
    }
    *use = uses && former[0] != '\0';
    return bare && p->first ? offer(ctx, s, use, err) : RC_OK;
}

/* Who uses it is known, too: what was seen before would still name the former generation. */
static enum rc
record_use(struct ctx *ctx, const struct vbr_server *s, const struct key *key, const char *id,
           struct err *err)
{
    struct consumers *known = NULL;
    struct consumer user = {.kind = "config-backup"};
    char now[TIME_TEXT + 1];
    time_format(now, clock_now_ms());
    memcpy(user.key, key->uuid, sizeof user.key);
    enum rc rc = vbr_observed(ctx, s, key->uuid, id, "config-backup", "", err);
    if (rc == RC_OK)
        rc = consumers_load(&known, ctx->store, err);
    if (rc == RC_OK)
        rc = consumers_record(ctx, known, s->object.uuid, "config-backup", now, &user, 1, err);
    consumers_free(known);
    return rc;
}

enum rc
vbr_config_settle(struct ctx *ctx, struct vbr_server *s, const struct key *key, const char *former,
                  struct vbr_pushed *p, int *used, struct err *err)
{
    int use = opt_has(&ctx->opts, OPT_CONFIG_BACKUP);
    enum rc rc = RC_OK;
    *used = 0;
    if (!use && strcmp(key->purpose, "config-backup") == 0)
        rc = decide(ctx, s, former, p, &use, err);
    if (rc == RC_OK && use)
        rc = use_for_config(ctx, s, p->id, err);
    if (rc == RC_OK && use)
        rc = record_use(ctx, s, key, p->id, err);
    *used = rc == RC_OK && use;
    if (*used)
        p->first = 0; /* nothing stops */
    if (rc != RC_OK) {
        char ref[KEY_REF];
        (void)err_hint(err,
                       "the key is there; go on with: keymuster vbr push %s --to %s "
                       "--config-backup",
                       key_ref_said(ref, ctx->store, key), s->object.name);
    }
    return rc;
}

enum rc
vbr_config_check(const char *purpose, const char *name, struct err *err)
{
    if (strcmp(purpose, "config-backup") == 0)
        return RC_OK;
    (void)err_set(err, RC_POLICY, "%s is no key for configuration backups", name);
    (void)err_why(err, "its purpose is %s", purpose);
    return err_hint(err, "keymuster create NAME --purpose config-backup --root ROOT");
}
