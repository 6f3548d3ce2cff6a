#include "cli/gate.h"

#include <string.h>

#include "cli/out.h"
#include "escrow/policy.h"
#include "text/uni.h"

enum rc
gate_reason(struct ctx *ctx, const char *purpose, struct err *err)
{
    struct policy p;
    if (ctx->reason != NULL)
        return text_check(ctx->reason, "--reason", err);
    if (ctx->accept_risk != NULL)
        return RC_OK;
    enum rc rc = policy_load(&p, ctx->store, err);
    if (rc != RC_OK || !policy_of(&p, POLICY_REASON, purpose))
        return rc;
    (void)err_set(err, RC_NO_REASON, "%s%s%s: --reason is missing",
                  ctx->cmd->noun != NULL ? ctx->cmd->noun : "", ctx->cmd->noun != NULL ? " " : "",
                  ctx->cmd->verb);
    return err_why(err, "policy wants one for every command that changes a %s key", purpose);
}

enum rc
gate_reason_of(struct ctx *ctx, unsigned *asked, const char *purpose, struct err *err)
{
    unsigned i = 0;
    while (i < POLICY_PURPOSES && strcmp(policy_purpose(i), purpose) != 0)
        i++;
    if (*asked & 1U << i)
        return RC_OK;
    *asked |= 1U << i;
    return gate_reason(ctx, purpose, err);
}

enum rc
gate_reason_named(struct ctx *ctx, struct err *err)
{
    unsigned asked = 0;
    enum rc rc = session_keys_check(ctx, ctx->opts.arg_count, err);
    for (size_t i = 0; rc == RC_OK && ctx->reason == NULL && i < ctx->opts.arg_count; i++) {
        struct key key;
        rc = session_key(ctx, opt_arg(&ctx->opts, i), &key, err);
        if (rc == RC_OK)
            rc = gate_reason_of(ctx, &asked, key.purpose, err);
    }
    return rc == RC_OK && ctx->reason != NULL ? text_check(ctx->reason, "--reason", err) : rc;
}

enum rc
gate_make(struct ctx *ctx, const struct mint *m, struct err *err)
{
    struct policy p;
    enum rc rc = gate_reason(ctx, m->purpose, err);
    if (rc == RC_OK)
        rc = policy_load(&p, ctx->store, err);
    if (rc != RC_OK)
        return rc;
    int64_t wanted = policy_of(&p, POLICY_WRAPS, m->purpose);
    int64_t there = (int64_t)(m->wrap_count + m->owed_count);
    if (there >= wanted)
        return RC_OK;
    if (ctx->accept_risk != NULL) {
        out_warn(ctx,
                 "%s gets %lld of the %lld wraps that policy asks for; recorded as an accepted "
                 "risk",
                 m->name, (long long)there, (long long)wanted);
        return RC_OK;
    }
    (void)err_set(err, RC_POLICY, "%s would have too few wraps", m->name);
    (void)err_why(err, "policy asks for %lld root keys of a %s key; %lld were given",
                  (long long)wanted, m->purpose, (long long)there);
    return err_hint(err, "name more of them: --root NAME (see: keymuster root list)\n"
                         "one that is out of reach is booked as a debt: --owe NAME\n"
                         "or on your responsibility: --accept-risk \"why\"\n"
                         "the rule itself: keymuster policy show");
}

enum rc
gate_showing(struct ctx *ctx, const struct key *key, const struct asker *asker, struct err *err)
{
    struct policy p;
    enum rc rc = policy_load(&p, ctx->store, err);
    if (rc != RC_OK)
        return rc;
    int ticket = policy_of(&p, POLICY_TICKET, key->purpose) != 0 && ctx->ticket == NULL;
    int person = policy_of(&p, POLICY_PERSON, key->purpose) != 0 && asker->who.person[0] == '\0';
    if (!ticket && !person)
        return RC_OK;
    if (ctx->accept_risk != NULL || opt_has(&ctx->opts, OPT_FROM)) {
        out_warn(ctx, "policy asks for %s%s%s; it is shown all the same, and recorded",
                 ticket ? "a ticket" : "", ticket && person ? " and " : "",
                 person ? "the person who sees it" : "");
        return RC_OK;
    }
    (void)err_set(err, RC_POLICY, "%s is not handed out without %s", key->name,
                  ticket ? "a ticket" : "a person's name");
    (void)err_why(err, "policy asks for %s when a %s key is shown",
                  ticket ? "a ticket" : "the person who sees it", key->purpose);
    return err_hint(err, ticket ? "--ticket REF\nor on your responsibility: --accept-risk \"why\""
                                : "--as PERSON   who is acting (see: keymuster person list)\n"
                                  "or on your responsibility: --accept-risk \"why\"");
}
