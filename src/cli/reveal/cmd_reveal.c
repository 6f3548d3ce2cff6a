/* reveal, exec, check: a key's password to a person, to a program, or compared only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bare.h"
#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/officer.h"
#include "cli/keys/recording.h"
#include "cli/keys/until.h"
#include "cli/out.h"
#include "cli/places/from.h"
#include "cli/ref.h"
#include "cli/reveal/show_request.h"
#include "cli/reveal/showing.h"
#include "cli/session.h"
#include "copy/memory.h"
#include "recover/child.h"
#include "recover/deliver.h"
#include "sys/process.h"

/* ---- several keys ---- */

/* The keys of the arguments, all found before anything is done with the first. Caller: free. */
static enum rc
find_keys(struct ctx *ctx, struct key **out, struct err *err)
{
    size_t n = ctx->opts.arg_count;
    *out = calloc(n, sizeof **out);
    if (*out == NULL)
        return err_nomem(err);
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < n; i++)
        rc = session_key(ctx, opt_arg(&ctx->opts, i), &(*out)[i], err);
    return rc;
}

/*
 * Answers of one key or several. -o json is one document: an object for one key, for several one
 * with "results"; ndjson has one a key; text is made by the caller.
 */
struct answers {
    struct ctx *ctx;
    const char *schema;
    int many;
    struct buf doc;
    struct jw w;
};

static void
answers_begin(struct answers *a, struct ctx *ctx, const char *schema)
{
    *a = (struct answers){.ctx = ctx, .schema = schema};
    a->many = ctx->format == OUT_JSON && ctx->opts.arg_count > 1;
    if (a->many) {
        session_answer(&a->doc, &a->w, schema);
        jw_arr(&a->w, "results");
    }
}

/* Begins one answer; write members with a->w, then answers_one_end. */
static void
answers_one(struct answers *a)
{
    if (a->many)
        jw_obj(&a->w, NULL);
    else
        session_answer(&a->doc, &a->w, a->schema);
}

static enum rc
answers_one_end(struct answers *a, struct err *err)
{
    jw_end_obj(&a->w);
    if (a->many)
        return RC_OK;
    enum rc rc = out_json(a->ctx, &a->doc, err);
    buf_release(&a->doc);
    return rc;
}

/* Also after a failure: what was answered until then is told. */
static enum rc
answers_end(struct answers *a, struct err *err)
{
    enum rc rc = RC_OK;
    if (a->many) {
        jw_end_arr(&a->w);
        jw_end_obj(&a->w);
        rc = out_json(a->ctx, &a->doc, err);
    }
    buf_release(&a->doc);
    return rc;
}

/* ---- reveal ---- */

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
        rc = find_keys(ctx, &keys, err);
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

/* ---- exec ---- */

static enum rc
plan_number(const char *text, int *out, struct err *err)
{
    size_t len = strlen(text);
    if (len == 0 || len > 4 || strspn(text, "0123456789") != len)
        return err_set(err, RC_USAGE, "--fd wants the number of a descriptor");
    *out = (int)strtol(text, NULL, 10);
    return RC_OK;
}

static enum rc
make_plan(const struct ctx *ctx, struct child_plan *plan, struct err *err)
{
    const struct opts *o = &ctx->opts;
    int ways = opt_has(o, OPT_STDIN) + opt_has(o, OPT_FD) + opt_has(o, OPT_TMPFILE) +
               opt_has(o, OPT_ENV) + opt_has(o, OPT_TEMPLATE);
    *plan = (struct child_plan){.way = CHILD_STDIN, .argv = o->child};
    if (o->child == NULL || o->child[0] == NULL) {
        (void)err_set(err, RC_USAGE, "exec: no command to run was given");
        return err_hint(err, "usage: keymuster exec %s", ctx->cmd->synopsis);
    }
    if (ways > 1)
        return err_set(err, RC_USAGE, "exec: one way to hand it over, not %d", ways);
    if (opt_has(o, OPT_TMPFILE))
        plan->way = CHILD_TMPFILE;
    plan->env = opt_get(o, OPT_ENV);
    if (plan->env != NULL)
        plan->way = CHILD_ENV;
    plan->template = opt_get(o, OPT_TEMPLATE);
    if (plan->template != NULL)
        plan->way = CHILD_TEMPLATE;
    if (!opt_has(o, OPT_FD))
        return RC_OK;
    plan->way = CHILD_FD;
    return plan_number(opt_get(o, OPT_FD), &plan->fd, err);
}

/* The command has standard output for itself, so our answer goes to standard error. */
static enum rc
answer_exec(struct ctx *ctx, const struct showing *s, int status, struct err *err)
{
    struct buf doc;
    struct jw w;
    if (!out_is_json(ctx))
        return RC_OK;
    session_answer(&doc, &w, "exec");
    showing_members(&w, s);
    jw_int(&w, "status", status);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
exec_one(struct ctx *ctx, struct showing *s, const struct asker *asker,
         const struct child_plan *plan, struct err *err)
{
    char how[600];
    int status = 0;
    enum rc rc = showing_open(ctx, s, asker, "exec", err);
    if (rc != RC_OK)
        return rc;
    rc = child_run(plan, s->unwrap.text, &status, err);
    if (rc == RC_OK)
        (void)snprintf(how, sizeof how, "exit %d", status);
    else
        (void)snprintf(how, sizeof how, "failed: %s", err->msg);
    showing_close(ctx, s, how);
    if (rc != RC_OK) {
        memcpy(err->entry, s->record.intended, sizeof err->entry);
        return rc;
    }
    /* From here on the status is the command's; what fails of ours can only be said. */
    ctx->exit_status = status;
    struct err later = ERR_INIT;
    if (answer_exec(ctx, s, status, &later) != RC_OK)
        out_warn(ctx, "%s", later.msg);
    err_clear(&later);
    if (from_publish(ctx, &later) != RC_OK)
        out_warn(ctx, "%s%s%s", later.msg, later.why[0] != '\0' ? ": " : "", later.why);
    return RC_OK;
}

static enum rc
run_exec(struct ctx *ctx, struct err *err)
{
    struct child_plan plan;
    struct asker asker;
    struct showing s = {.record = {.key = NULL}};
    enum rc rc = make_plan(ctx, &plan, err);
    if (rc == RC_OK)
        rc = child_check(&plan, err);
    if (rc == RC_OK)
        rc = from_open(ctx, err);
    if (rc == RC_OK)
        rc = until_view(ctx, err);
    if (rc == RC_OK)
        rc = session_key(ctx, opt_arg(&ctx->opts, 0), &s.key, err);
    if (rc == RC_OK)
        rc = showing_ask_reason(ctx, &asker, err);
    if (rc == RC_OK)
        rc = showing_ask_person(ctx, &asker, err);
    if (rc == RC_OK)
        rc = gate_showing(ctx, &s.key, &asker, err);
    if (rc != RC_OK)
        goto out;
    ctx->out_fd = 2;
    if (ctx->dry_run) {
        out_note(ctx, "would unwrap %s and run %s", s.key.name, plan.argv[0]);
        goto out;
    }
    if (plan.way == CHILD_ENV)
        out_warn(ctx, "the environment of a process can be read by its user and is inherited by "
                      "what it starts; --stdin, --fd or --tmpfile are better");
    rc = showing_memory(ctx, err);
    if (rc == RC_OK)
        rc = exec_one(ctx, &s, &asker, &plan, err);
out:
    child_plan_release(&plan);
    showing_release(&s);
    return rc;
}

/* ---- check ---- */

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
    enum rc rc = find_keys(ctx, &keys, err);
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

/* ---- the table ---- */

/* clang-format off */
#define GATE_OPTIONS                                                                               \
    {OPT_ROOT, "root", 0, "ROOT", 0, "use only wraps under this root key"},                        \
    KEY_AT_OPTION,                                                                                 \
    AS_OPTION,                                                                                     \
    {OPT_CREDENTIAL, "credential", 0, "[NAME=]REF", OPT_MANY | OPT_SECRET_REF | OPT_NAMED_REF,     \
     "credential of the KMS NAME"},                                                                \
    {OPT_KMS_FILE, "kms-file", 0, "[NAME=]PATH", OPT_MANY, "file of the local KMS NAME"},   \
    KMS_PLACE_OPTIONS

static const struct opt_spec reveal_options[] = {
    {OPT_TO, "to", 0, "DEST", 0, "- tty file:PATH or fd:N; else the terminal"},
    HANDOVER_OPTION,
    GATE_OPTIONS,
    FROM_OPTIONS,
    UNTIL_OPTION,
    SHOW_REQUEST_OPTION,
    {OPT_WRAPPED, "wrapped", 0, "REF", 0, "nothing but this wrap is left: file:PATH or -"},
    {OPT_AAD, "aad", 0, "TEXT", OPT_MANY, "with --wrapped: its additional data, in order"},
    {OPT_FORM, "form", 0, "base64|bytes", 0, "with --wrapped; else base64"},
    OPT_END,
};
static const struct opt_spec exec_options[] = {
    {OPT_STDIN, "stdin", 0, NULL, 0, "on its standard input (else)"},
    {OPT_FD, "fd", 0, "N", 0, "on its descriptor N"},
    {OPT_TMPFILE, "tmpfile", 0, NULL, 0, "in a private file in memory; {} is its path"},
    {OPT_ENV, "env", 0, "NAME", 0, "in its environment; others may see it there"},
    {OPT_TEMPLATE, "template", 0, "FILE", 0, "as --tmpfile, FILE with each {{secret}} filled in, escaped in XML"},
    GATE_OPTIONS,
    FROM_OPTIONS,
    UNTIL_OPTION,
    OPT_END,
};
static const struct opt_spec check_options[] = {
    {OPT_SECRET, "secret", 0, "REF", OPT_SECRET_REF, "where to read the password; else prompt"},
    AS_OPTION,
    KEY_AT_OPTION,
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
    {.verb = "exec",
     .synopsis = "KEY --reason TEXT [--stdin|--fd N|--tmpfile|--env NAME|--template FILE] -- CMD "
                 "[ARG]...",
     .summary = "Runs a command with a key's password; nobody sees it.",
     .options = exec_options,
     .args_min = 1,
     .args_max = 1,
     .flags = CMD_NO_STORE | CMD_WRITE | CMD_EXEC | CMD_EMERGENCY,
     .group = GROUP_WHEN_NEEDED,
     .run = run_exec,
     .examples = "keymuster exec borg/main --reason nightly --fd 5 -- borg list /repo\n"
                 "keymuster exec vbr/config --reason fire --template answer.xml -- \\\n"
                 "    RESTORE /file:{}\n"},
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
