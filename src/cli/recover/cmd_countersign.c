/* recover countersign: a second person signs for the steps of a run that somebody ended
 * alone, or, where policy wants more others to stand for it, for the whole run. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/people/who.h"
#include "cli/recover/run_sign.h"
#include "cli/session.h"
#include "crypt/minisig.h"
#include "escrow/policy.h"
#include "recover/run.h"

struct signing {
    struct ctx *ctx;
    struct run *run;
    struct person person;
    struct buf text, signature;
};

/* For the whole run a person stands once. */
static enum rc
not_twice(const struct signing *s, struct err *err)
{
    size_t open = 0;
    (void)approval_alone(s->run, &open);
    for (size_t i = 0; open == 0 && i < s->run->approval_count; i++) {
        const struct approval *a = &s->run->approvals[i];
        if (!a->counts || strcmp(a->person, s->person.object.uuid) != 0)
            continue;
        (void)err_set(err, RC_EXISTS, "%s stands for run %.8s already", s->person.object.name,
                      s->run->record.id);
        return err_hint(err, "policy asks for %zu others: another one signs", s->run->approvers);
    }
    return RC_OK;
}

/* How many others policy asks for: of a real run that has ended. */
static enum rc
ask_policy(struct signing *s, struct err *err)
{
    struct policy p;
    if (s->run->record.drill || s->run->record.finished[0] == '\0')
        return RC_OK;
    enum rc rc = policy_load(&p, s->ctx->store, err);
    s->run->approvers = rc == RC_OK ? (size_t)policy_most(&p, POLICY_APPROVERS) : 0;
    return rc;
}

static enum rc
find_signer(struct signing *s, struct err *err)
{
    struct who who;
    struct object o;
    int plays = 0;
    enum rc rc = who_ask(s->ctx, &who, err);
    if (rc == RC_OK && who.person[0] == '\0') {
        (void)err_set(err, RC_USAGE, "recover countersign: who signs is not known");
        return err_hint(err, "--as PERSON: keymuster person list");
    }
    if (rc == RC_OK)
        rc = object_find(s->ctx->store, "person", who.person, &o, err);
    if (rc == RC_OK)
        rc = person_load(s->ctx->store, &o, &s->person, err);
    if (rc == RC_OK)
        rc = run_sign_may(&s->person, 1, err);
    if (rc == RC_OK)
        rc = player_is(s->run, s->ctx->store, o.uuid, o.name, &plays, err);
    if (rc != RC_OK)
        return rc;
    if (!plays)
        return not_twice(s, err);
    (void)err_set(err, RC_POLICY, "%s played run %.8s, and cannot countersign it", o.name,
                  s->run->record.id);
    return err_hint(err, "somebody else does, with their key: --as PERSON");
}

static enum rc
sign(struct signing *s, struct err *err)
{
    const struct opts *o = &s->ctx->opts;
    const char *key = opt_get(o, OPT_KEY);
    const char *file = opt_get(o, OPT_SIGNATURE);
    const char *ref = opt_get(o, OPT_CREDENTIAL);
    if (file != NULL)
        return run_sign_there(&s->signature, &s->person, file, &s->text, err);
    return run_sign_here(&s->signature, &s->person, key, ref != NULL ? ref : "prompt", &s->text,
                         err);
}

/* The steps as the text names them. */
static void
write_steps(struct jw *w, const struct run *run)
{
    jw_arr(w, "steps");
    for (size_t i = 0; i < run->book->count; i++) {
        if (approval_counters(run, i))
            jw_str(w, NULL, run->book->steps[i].id);
    }
    jw_end_arr(w);
}

static enum rc
record(struct signing *s, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "run", s->run->record.id);
    jw_str(&w, "person", s->person.object.uuid);
    write_steps(&w, s->run);
    run_sign_write(&w, &s->person, &s->text, &s->signature);
    jw_end_obj(&w);
    enum rc rc = session_record(s->ctx, "run.countersigned", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
answer(struct signing *s, struct err *err)
{
    struct ctx *ctx = s->ctx;
    struct buf doc;
    struct jw w;
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%srun %.8s is countersigned by ", ctx->dry_run ? "would be: " : "",
                   s->run->record.id);
        out_text(ctx, s->person.object.name);
        out_printf(ctx, "\n");
        return RC_OK;
    }
    session_answer(&doc, &w, "recover.countersign");
    jw_str(&w, "run", s->run->record.id);
    jw_str(&w, "person", s->person.object.uuid);
    jw_str(&w, "name", s->person.object.name);
    write_steps(&w, s->run);
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_opt(&w, "entry", ctx->entry);
    return out_object(ctx, &doc, &w, err);
}

/* Alone on standard output, so that it can be signed as it is. */
static enum rc
answer_text(struct signing *s, struct err *err)
{
    struct buf doc;
    struct jw w;
    if (!out_is_json(s->ctx)) {
        buf_add(&s->ctx->out, s->text.data, s->text.len);
        return RC_OK;
    }
    session_answer(&doc, &w, "recover.countersign");
    jw_str(&w, "run", s->run->record.id);
    write_steps(&w, s->run);
    jw_strn(&w, "text", s->text.data, s->text.len);
    return out_object(s->ctx, &doc, &w, err);
}

static enum rc
countersign(struct signing *s, struct err *err)
{
    enum rc rc = run_load(&s->run, s->ctx->store, opt_arg(&s->ctx->opts, 0), err);
    if (rc == RC_OK)
        rc = ask_policy(s, err);
    if (rc == RC_OK)
        rc = approval_counter_text(&s->text, s->run, s->ctx->store, err);
    if (rc != RC_OK || opt_has(&s->ctx->opts, OPT_TEXT))
        return rc == RC_OK ? answer_text(s, err) : rc;
    rc = find_signer(s, err);
    if (rc == RC_OK)
        rc = sign(s, err);
    if (rc == RC_OK)
        rc = record(s, err);
    if (rc == RC_OK)
        rc = answer(s, err);
    return rc == RC_OK ? session_publish(s->ctx, err) : rc;
}

static enum rc
run_countersign(struct ctx *ctx, struct err *err)
{
    const struct opts *o = &ctx->opts;
    struct signing s = {.ctx = ctx};
    if (opt_has(o, OPT_KEY) + opt_has(o, OPT_SIGNATURE) + opt_has(o, OPT_TEXT) != 1)
        return err_set(err, RC_USAGE, "recover countersign: one of --key, --signature and --text");
    if (opt_has(o, OPT_CREDENTIAL) && !opt_has(o, OPT_KEY))
        return err_set(err, RC_USAGE, "recover countersign: --credential goes with --key");
    buf_init(&s.text, LIMIT_BODY);
    buf_init(&s.signature, MINISIG_TEXT);
    enum rc rc = countersign(&s, err);
    buf_release(&s.text);
    buf_release(&s.signature);
    person_release(&s.person);
    run_free(s.run);
    return rc;
}

/* clang-format off */
static const struct opt_spec countersign_options[] = {
    AS_OPTION,
    {OPT_KEY, "key", 0, "FILE", 0, "their sealed key: sign here"},
    {OPT_CREDENTIAL, "credential", 0, "REF", OPT_SECRET_REF, "its passphrase; else asked for"},
    {OPT_SIGNATURE, "signature", 0, "FILE", 0, "what minisign -S made of the text elsewhere"},
    {OPT_TEXT, "text", 0, NULL, 0, "print the line that is to be signed, and do nothing"},
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_countersign_table[] = {
    {"recover", "countersign", "RUN [--as PERSON] --key FILE|--signature FILE|--text",
     "A second person signs for what was done alone in a run.", countersign_options, 1, 1,
     CMD_WRITE, GROUP_WHEN_NEEDED, run_countersign,
     "keymuster recover countersign 1f0c2b7a --as second.operator --key second.key\n"
     "keymuster recover countersign 1f0c2b7a --text >line; minisign -S -m line\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
