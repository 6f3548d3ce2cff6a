/* check: whether a password is the right one. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/officer.h"
#include "cli/keys/recording.h"
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

static enum rc
load_check(struct ctx *ctx, const struct key *key, struct check_value *out, struct err *err)
{
    int found = 0;
    char label[SHOWING_LABEL];
    enum rc rc = key_check(ctx->store, key->uuid, out, &found, err);
    if (rc != RC_OK || found)
        return rc;
    showing_label(label, key);
    (void)err_set(err, RC_NOT_FOUND, "%s has no check value to compare with", label);
    (void)err_why(err, "it was recorded without its password being seen or proven");
    return err_hint(err, "record it again without --no-prove, which finds the check value");
}

static enum rc
check_one(struct ctx *ctx, const struct key *key, const struct who *who, struct answers *a,
          struct err *err)
{
    char label[SHOWING_LABEL];
    char what[SHOWING_LABEL + 16];
    struct check_value want;
    struct secret *typed = NULL;
    int match = 0;
    const char *ref = opt_get(&ctx->opts, OPT_SECRET);
    showing_label(label, key);
    (void)snprintf(what, sizeof what, "password of %s", label);
    enum rc rc = load_check(ctx, key, &want, err);
    if (rc == RC_OK)
        rc = ref_read(&typed, ref != NULL ? ref : "prompt", what, err);
    if (rc == RC_OK)
        rc = check_compare(&match, &want, typed, key->uuid, err);
    secret_free(typed);
    if (rc != RC_OK)
        return rc;
    if (!match)
        ctx->findings++;
    else if (!ctx->dry_run)
        recording_confirm(ctx, key, who);
    if (!out_is_json(ctx)) {
        out_text(ctx, label);
        out_printf(ctx, ": %s\n", match ? "match" : "NO MATCH");
        return RC_OK;
    }
    answers_one(a);
    jw_str(&a->w, "key", key->uuid);
    jw_str(&a->w, "name", key->name);
    jw_int(&a->w, "generation", key->generation);
    jw_bool(&a->w, "match", match);
    return answers_one_end(a, err);
}

static enum rc
run_check(struct ctx *ctx, struct err *err)
{
    struct key *keys = NULL;
    struct answers answers;
    struct who who;
    if (ctx->opts.arg_count > 1 && opt_has(&ctx->opts, OPT_SECRET))
        return err_set(err, RC_USAGE, "check: --secret goes with one key");
    enum rc rc = answers_keys(ctx, &keys, err);
    if (rc == RC_OK)
        rc = who_ask(ctx, &who, err);
    if (rc != RC_OK)
        goto out;
    struct err later = ERR_INIT;
    answers_begin(&answers, ctx, "check");
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++)
        rc = check_one(ctx, &keys[i], &who, &answers, err);
    if (answers_end(&answers, &later) != RC_OK && rc == RC_OK) {
        *err = later;
        rc = later.code;
    }
out:
    free(keys);
    return rc;
}

/* clang-format off */
static const struct opt_spec check_options[] = {
    {OPT_SECRET, "secret", 0, "REF", OPT_SECRET_REF, "where to read the password; else prompt"},
    AS_OPTION,
    KEY_AT_OPTION,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_check_table[] = {
    {.verb = "check",
     .synopsis = "KEY... [--secret REF]",
     .summary = "Tells whether a password is the right one, without showing it.",
     .options = check_options,
     .args_min = 1,
     .args_max = -1,
     .flags = CMD_READ,
     .group = GROUP_WHEN_NEEDED,
     .run = run_check,
     .examples = "keymuster check vbr/config\n"},
    {.verb = NULL},
};
