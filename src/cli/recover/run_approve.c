#include "cli/recover/run_approve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/layout.h"
#include "cli/out.h"
#include "cli/recover/run_entry.h"
#include "cli/recover/run_sign.h"
#include "cli/session.h"
#include "crypt/minisig.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/term.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

enum { SCREEN = 65536 };

/* ---- who plays it ---- */

enum rc
run_who(struct ctx *ctx, struct who *out, struct err *err)
{
    int asks = ctx->no_input;
    ctx->no_input |= opt_has(&ctx->opts, OPT_ANSWERS);
    enum rc rc = who_ask(ctx, out, err);
    ctx->no_input = asks;
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_ALONE))
        rc = text_check(opt_get(&ctx->opts, OPT_ALONE), "--alone", err);
    return rc;
}

enum rc
run_take_up(struct ctx *ctx, struct run *run, const struct who *who, struct err *err)
{
    const char *alone = opt_get(&ctx->opts, OPT_ALONE);
    const struct actor *actor = actor_get();
    struct player now = {.person = ""};
    struct buf body;
    struct jw w;
    int known = 0;
    (void)snprintf(now.person, sizeof now.person, "%s", who->person);
    (void)snprintf(now.login, sizeof now.login, "%.64s",
                   actor->login[0] != '\0' ? actor->login : actor->user);
    (void)snprintf(run->person, sizeof run->person, "%s", who->person);
    for (size_t i = 0; i < run->player_count; i++)
        known |= strcmp(run->players[i].person, now.person) == 0 &&
                 strcmp(run->players[i].login, now.login) == 0;
    if (alone != NULL && strcmp(alone, run->alone) == 0)
        alone = NULL;
    if (!known) {
        struct player *more = realloc(run->players, (run->player_count + 1) * sizeof *more);
        if (more == NULL)
            return err_nomem(err);
        run->players = more;
        run->players[run->player_count++] = now;
    }
    if (known && alone == NULL)
        return RC_OK;
    if (alone != NULL)
        (void)snprintf(run->alone, sizeof run->alone, "%s", alone);
    run_entry(&body, &w, run->record.id);
    jw_opt(&w, "person", run->person);
    jw_opt(&w, "alone", alone);
    return run_entry_put(ctx, "run.resumed", &body, &w, err);
}

/* ---- one approval ---- */

struct asking {
    struct ctx *ctx;
    struct run *run;
    const struct ini *answers;
    size_t step;
    int number; /* in the answers' keys */
    struct buf text;
};

/* Somebody who is to approve. object.uuid "": not registered. */
struct approver {
    struct person person;
    char name[LIMIT_TEXT + 1];
};

static const char *
given(const struct asking *a, const char *key)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s_%d", key, a->number);
    return ini_get(a->answers, "step", a->run->book->steps[a->step].id, name);
}

static enum rc
refuse_player(const struct asking *a, const struct approver *who, struct err *err)
{
    int plays = 0;
    enum rc rc = player_is(a->run, a->ctx->store, who->person.object.uuid, who->name, &plays, err);
    if (rc != RC_OK || !plays)
        return rc;
    (void)err_set(err, RC_POLICY, "%.200s plays this run, and cannot approve it as well",
                  who->name);
    return err_hint(err,
                    "somebody else approves; if nobody is there: keymuster recover resume "
                    "%.8s --alone REASON",
                    a->run->record.id);
}

/* By name. *out to person_release, whatever comes. */
static enum rc
find_approver(const struct asking *a, const char *name, struct approver *out, struct err *err)
{
    struct object o;
    struct err unknown = ERR_INIT;
    *out = (struct approver){.name = ""};
    enum rc rc = text_check(name, "the name", err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    rc = object_find(a->ctx->store, "person", name, &o, &unknown);
    if (rc == RC_OK) {
        (void)snprintf(out->name, sizeof out->name, "%s", o.name);
        rc = person_load(a->ctx->store, &o, &out->person, err);
        if (rc == RC_OK)
            rc = run_sign_may(&out->person, 0, err);
    } else if (rc == RC_NOT_FOUND) {
        rc = RC_OK;
    } else {
        *err = unknown;
    }
    return rc == RC_OK ? refuse_player(a, out, err) : rc;
}

/* The run in memory knows it, too. */
static enum rc
keep(struct run *run, const struct asking *a, const struct approver *who, enum approval_what what,
     struct err *err)
{
    struct approval *more = realloc(run->approvals, (run->approval_count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    run->approvals = more;
    struct approval *it = &more[run->approval_count++];
    *it = (struct approval){.what = what, .counts = 1};
    (void)snprintf(it->step, sizeof it->step, "%s", run->book->steps[a->step].id);
    (void)snprintf(it->person, sizeof it->person, "%s", who->person.object.uuid);
    (void)snprintf(it->name, sizeof it->name, "%s", who->name);
    time_format(it->at, clock_now_ms());
    return RC_OK;
}

/* signature NULL: attested. */
static enum rc
record(const struct asking *a, const struct approver *who, const struct buf *signature,
       struct err *err)
{
    struct buf body;
    struct jw w;
    const struct person *p = &who->person;
    run_entry(&body, &w, a->run->record.id);
    jw_str(&w, "step", a->run->book->steps[a->step].id);
    jw_str(&w, "person", p->object.uuid[0] != '\0' ? p->object.uuid : who->name);
    if (signature != NULL)
        run_sign_write(&w, p, &a->text, signature);
    enum rc rc =
        run_entry_put(a->ctx, signature != NULL ? "run.approved" : "run.attested", &body, &w, err);
    if (rc == RC_OK)
        rc = keep(a->run, a, who, signature != NULL ? APPROVAL_SIGNED : APPROVAL_ATTESTED, err);
    if (rc == RC_OK && signature == NULL)
        out_note(a->ctx, "attested by %.200s: nobody signed", who->name);
    return rc;
}

/* ---- by answers ---- */

static enum rc
lacks_signature(const struct asking *a, const struct person *p, struct err *err)
{
    (void)err_set(err, RC_RUN_PAUSED, "step %s: %s approves by their signature, which is not there",
                  a->run->book->steps[a->step].id, p->object.name);
    (void)err_hint(err,
                   "key_%d = FILE and passphrase_%d = REF, or signature_%d = FILE, made by "
                   "minisign -S of a file with exactly this line:\n%.*s",
                   a->number, a->number, a->number, (int)a->text.len - 1, a->text.data);
    return err_hint(err, "or attested_by_%d = %s, which proves less", a->number, p->object.name);
}

static enum rc
approve_given(const struct asking *a, const char *name, int attested, struct err *err)
{
    struct approver who;
    struct buf signature;
    const char *key = given(a, "key");
    const char *ref = given(a, "passphrase");
    const char *file = given(a, "signature");
    buf_init(&signature, MINISIG_TEXT);
    enum rc rc = find_approver(a, name, &who, err);
    const struct person *p = &who.person;
    if (rc != RC_OK || approval_of(a->run, a->step, p->object.uuid, who.name) != NULL)
        goto out; /* that one was recorded before */
    if (!attested && p->public_key[0] == '\0')
        out_note(a->ctx, "no key of %.200s is registered", who.name);
    if (attested || p->public_key[0] == '\0') {
        rc = record(a, &who, NULL, err);
        goto out;
    }
    if (file != NULL)
        rc = run_sign_there(&signature, p, file, &a->text, err);
    else if (key != NULL)
        rc = run_sign_here(&signature, p, key, ref != NULL ? ref : "prompt", &a->text, err);
    else
        rc = lacks_signature(a, p, err);
    if (rc == RC_OK)
        rc = record(a, &who, &signature, err);
out:
    person_release(&who.person);
    buf_release(&signature);
    return rc;
}

static enum rc
by_answers(struct asking *a, enum approve_end *end, struct err *err)
{
    const struct step *s = &a->run->book->steps[a->step];
    enum rc rc = RC_OK;
    for (a->number = 1; rc == RC_OK && a->number <= s->approvers; a->number++) {
        const char *approved = given(a, "approved_by");
        const char *attested = given(a, "attested_by");
        if (approved != NULL || attested != NULL)
            rc = approve_given(a, approved != NULL ? approved : attested, approved == NULL, err);
    }
    if (rc != RC_OK)
        return rc;
    *end = approval_lacking(a->run, a->step) == 0 ? APPROVE_DONE : APPROVE_ALONE;
    if (*end == APPROVE_DONE || a->run->alone[0] != '\0')
        return RC_OK;
    return err_set(err, RC_RUN_PAUSED,
                   "step %s: who approves it is not in the answers: approved_by_1 = NAME", s->id);
}

/* ---- at the terminal ---- */

static enum rc
say(const struct buf *text, struct err *err)
{
    int fd = -1;
    struct buf safe;
    buf_init(&safe, SCREEN);
    escape_terminal(&safe, text->data, text->len, ESCAPE_KEEP_NEWLINES);
    enum rc rc = buf_check(&safe, "a screen", err);
    if (rc == RC_OK)
        rc = term_open(&fd, err);
    if (rc == RC_OK)
        rc = file_write_fd(fd, safe.data, safe.len, "the terminal", err);
    buf_release(&safe);
    return rc;
}

static enum rc
sign_at_terminal(const struct asking *a, const struct approver *who, int here, struct err *err)
{
    char path[PATH_SIZE] = "";
    struct buf how, signature;
    const struct person *p = &who->person;
    enum rc rc = RC_OK;
    buf_init(&how, SCREEN);
    buf_init(&signature, MINISIG_TEXT);
    if (!here) {
        run_sign_how(&how, p, &a->text);
        rc = say(&how, err);
    }
    if (rc == RC_OK)
        rc = layout_ask(path, sizeof path,
                        here ? "their sealed key file (Enter: back): "
                             : "\nthe .minisig file (Enter: back): ",
                        err);
    if (rc == RC_OK && path[0] != '\0')
        rc = here ? run_sign_here(&signature, p, path, "prompt", &a->text, err)
                  : run_sign_there(&signature, p, path, &a->text, err);
    if (rc == RC_OK && path[0] != '\0')
        rc = record(a, who, &signature, err);
    buf_release(&how);
    buf_release(&signature);
    return rc;
}

static enum rc
choose_way(const struct asking *a, const struct approver *who, struct err *err)
{
    char typed[64];
    char prompt[LIMIT_TEXT + 160];
    int signs = who->person.public_key[0] != '\0';
    const char *name = who->name;
    if (signs)
        (void)snprintf(prompt, sizeof prompt,
                       "%s signs: k their key file is here | s signed elsewhere\n"
                       "or a they only said so (attested) | Enter back: ",
                       name);
    else
        (void)snprintf(prompt, sizeof prompt,
                       "%s has no registered key: what they say is only attested.\n"
                       "a write that down | Enter back: ",
                       name);
    enum rc rc = layout_ask(typed, sizeof typed, prompt, err);
    if (rc != RC_OK)
        return rc;
    if (strcmp(typed, "a") == 0)
        return record(a, who, NULL, err);
    if (signs && (strcmp(typed, "k") == 0 || strcmp(typed, "s") == 0))
        return sign_at_terminal(a, who, typed[0] == 'k', err);
    return RC_OK;
}

static enum rc
approve_typed(const struct asking *a, const char *name, struct err *err)
{
    struct approver who;
    enum rc rc = find_approver(a, name, &who, err);
    if (rc == RC_OK && approval_of(a->run, a->step, who.person.object.uuid, who.name) != NULL)
        rc = err_set(err, RC_EXISTS, "%.200s approved it already; this step wants another one",
                     who.name);
    if (rc == RC_OK)
        rc = choose_way(a, &who, err);
    person_release(&who.person);
    return rc;
}

/* What the next name, file or passphrase may put right. */
static int
is_retried(enum rc rc)
{
    static const enum rc codes[] = {
        RC_BAD_VALUE, RC_POLICY,    RC_EXISTS, RC_COPY_SIGNATURE, RC_KMS_PASSPHRASE, RC_MALFORMED,
        RC_NOT_FOUND, RC_AMBIGUOUS, RC_IO,     RC_CREDENTIAL};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] == rc)
            return 1;
    }
    return 0;
}

static enum rc
at_terminal(struct asking *a, enum approve_end *end, struct err *err)
{
    char typed[LIMIT_TEXT + 1];
    char prompt[160];
    size_t lacking;
    int may = a->run->alone[0] != '\0';
    *end = APPROVE_DONE;
    if (!may)
        out_note(a->ctx,
                 "nobody else is there: Enter, then p; keymuster recover resume %.8s --alone "
                 "REASON",
                 a->run->record.id);
    while ((lacking = approval_lacking(a->run, a->step)) > 0) {
        (void)snprintf(prompt, sizeof prompt, "who approves (%zu of %d)? name%s | Enter back: ",
                       (size_t)a->run->book->steps[a->step].approvers - lacking + 1,
                       a->run->book->steps[a->step].approvers,
                       may ? " | alone: nobody else is here" : "");
        enum rc rc = layout_ask(typed, sizeof typed, prompt, err);
        if (rc == RC_OK && (typed[0] == '\0' || (may && strcmp(typed, "alone") == 0))) {
            *end = typed[0] == '\0' ? APPROVE_BACK : APPROVE_ALONE;
            return RC_OK;
        }
        if (rc == RC_OK)
            rc = approve_typed(a, typed, err);
        if (!is_retried(rc) && rc != RC_OK)
            return rc;
        if (rc != RC_OK)
            out_warn(a->ctx, "%s%s%s", err->msg, err->why[0] != '\0' ? ": " : "", err->why);
        err_clear(err);
    }
    return RC_OK;
}

enum rc
run_approve(struct ctx *ctx, struct run *run, const struct ini *answers, size_t i,
            enum approve_end *end, struct err *err)
{
    struct asking a = {.ctx = ctx, .run = run, .answers = answers, .step = i, .number = 0};
    *end = APPROVE_BACK;
    buf_init(&a.text, LIMIT_BODY);
    enum rc rc = approval_text(&a.text, run, ctx->store, i, err);
    if (rc == RC_OK)
        rc = answers != NULL ? by_answers(&a, end, err) : at_terminal(&a, end, err);
    buf_release(&a.text);
    return rc;
}
