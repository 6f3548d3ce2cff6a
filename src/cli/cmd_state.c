/* state: the state of a key, as in NIST SP 800-57, with a reason. It never stops a recovery. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "text/time.h"
#include "text/uni.h"

static const char *const states[] = {"pre-activation", "active",      "suspended",
                                     "deactivated",    "compromised", "destroyed"};

static enum rc
check_state(const char *state, struct err *err)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(states[i], state) == 0)
            return RC_OK;
    }
    (void)err_set(err, RC_USAGE, "state: there is no state %.40s", state);
    return err_hint(err, "one of: pre-activation, active, suspended, deactivated, compromised, "
                         "destroyed");
}

/* A key whose backups are still kept is not to be called destroyed. */
static enum rc
check_needed(const struct ctx *ctx, const struct key *key, struct err *err)
{
    struct buf until;
    int64_t ms = 0;
    buf_init(&until, LIMIT_TEXT);
    enum rc rc = field_get(ctx->store, key->uuid, "needed_until", &until, NULL, err);
    if (rc == RC_OK && time_parse(&ms, buf_str(&until)) == 0 && ms > clock_now_ms()) {
        rc = err_set(err, RC_POLICY, "%s@%lld is still needed", key->name,
                     (long long)key->generation);
        (void)err_why(err, "its backups are kept until %s", buf_str(&until));
        (void)err_hint(err, "until then: keymuster state %s deactivated --reason TEXT", key->uuid);
    }
    buf_release(&until);
    return rc;
}

static enum rc
confirm_destroyed(struct ctx *ctx, const struct key *key, struct err *err)
{
    char question[KEY_NAME_BYTES + 128];
    (void)snprintf(
        question, sizeof question,
        "Mark %s@%lld destroyed? Its wraps stay in the log, but nobody will look for it.",
        key->name, (long long)key->generation);
    return confirm_word(ctx, key->name, question, err);
}

static enum rc
record_state(struct ctx *ctx, const struct key *key, const char *state, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", key->uuid);
    jw_obj(&w, "set");
    jw_obj(&w, "state");
    jw_str(&w, "value", state);
    jw_str(&w, "reason", ctx->reason);
    jw_opt(&w, "ticket", ctx->ticket);
    enum rc rc = field_supersedes(ctx->store, key->uuid, "state", &w, err);
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = session_record(ctx, "key.changed", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
answer(struct ctx *ctx, const struct key *key, const char *state, struct err *err)
{
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s%s@%lld: %s, was %s\n", ctx->dry_run ? "would be " : "", key->name,
                   (long long)key->generation, state, key->state);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "state");
    jw_str(&w, "name", key->name);
    jw_int(&w, "generation", key->generation);
    jw_str(&w, "uuid", key->uuid);
    jw_str(&w, "state", state);
    jw_str(&w, "former_state", key->state);
    jw_opt(&w, "entry", ctx->entry);
    jw_end_obj(&w);
    enum rc rc = out_json(ctx, &doc, err);
    buf_release(&doc);
    return rc;
}

static enum rc
run_state(struct ctx *ctx, struct err *err)
{
    const char *state = opt_arg(&ctx->opts, 1);
    struct key key;
    enum rc rc = check_state(state, err);
    if (rc == RC_OK && ctx->reason == NULL)
        rc = err_set(err, RC_NO_REASON, "state: --reason is missing");
    if (rc == RC_OK)
        rc = text_check(ctx->reason, "--reason", err);
    if (rc == RC_OK)
        rc = session_key(ctx, opt_arg(&ctx->opts, 0), &key, err);
    int destroyed = strcmp(state, "destroyed") == 0;
    if (rc == RC_OK && destroyed)
        rc = check_needed(ctx, &key, err);
    if (rc == RC_OK && destroyed && !ctx->dry_run)
        rc = confirm_destroyed(ctx, &key, err);
    if (rc == RC_OK)
        rc = record_state(ctx, &key, state, err);
    if (rc == RC_OK)
        rc = answer(ctx, &key, state, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static const struct opt_spec state_options[] = {KEY_AT_OPTION, OPT_END};

const struct cmd cmd_state_table[] = {
    {NULL, "state", "KEY STATE --reason TEXT",
     "Sets the state of a key; states only warn when a key must be got back.", state_options, 2, 2,
     CMD_WRITE | CMD_DESTRUCTIVE, GROUP_EVERY_DAY, run_state,
     "keymuster state vbr/config@1 deactivated --reason \"replaced\"\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
