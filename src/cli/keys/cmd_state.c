/* state: the state of a key, as in NIST SP 800-57, with a reason, and what else can change about
 * it. It never stops a recovery. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/gate.h"
#include "cli/keys/mint.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/log.h"
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
    char until[TIME_TEXT + 1], ref[KEY_REF];
    int64_t ms = 0;
    enum rc rc = field_latest(ctx->store, key->uuid, "needed_until", until, err);
    if (rc != RC_OK || time_parse(&ms, until) != 0 || ms <= clock_now_ms())
        return rc;
    (void)err_set(err, RC_POLICY, "%s@%lld is still needed", key->name, (long long)key->generation);
    (void)err_why(err, "its backups are kept until %s", until);
    return err_hint(err, "until then: keymuster state %s deactivated --reason TEXT",
                    key_ref_said(ref, ctx->store, key));
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

/* ---- what is set ---- */

/* One field that this command sets; value NULL: it is not given. */
struct setting {
    const char *field;
    enum opt_id option;
    const char *value;
};

enum { F_STATE, F_SYSTEM, F_OWNER, F_PROTECTS, F_LABELS, F_NEEDED, F_EXPIRES, F_WITH, F_COUNT };

/* A key that it is set of, and the entry that does it. */
struct changed {
    struct key key;
    char entry[HASH_TEXT + 1];
};

struct change {
    struct ctx *ctx;
    struct setting set[F_COUNT];
    char needed_until[TIME_TEXT + 1], expires[TIME_TEXT + 1];
    char with[UUID_TEXT + 1];
    size_t named; /* how many arguments are keys */
    struct changed *keys;
    size_t count;
};

/* The last of several arguments is the state, unless an option is given and it is no state's name.
 */
static enum rc
read_arguments(struct change *c, struct err *err)
{
    const struct opts *o = &c->ctx->opts;
    struct err scratch = ERR_INIT;
    const char *last = opt_arg(o, o->arg_count - 1);
    int options = 0;
    for (size_t i = F_STATE + 1; i < F_COUNT; i++)
        options |= c->set[i].value != NULL;
    c->named = o->arg_count;
    if (o->arg_count == 1 && !options)
        return err_set(err, RC_USAGE, "state: what is to be set? Give a STATE, or an option");
    if (o->arg_count == 1 || (options && check_state(last, &scratch) != RC_OK))
        return RC_OK;
    c->named--;
    c->set[F_STATE].value = last;
    return check_state(last, err);
}

static enum rc
read_settings(struct change *c, struct err *err)
{
    static const struct setting all[F_COUNT] = {
        [F_STATE] = {"state", OPT_NONE, NULL},
        [F_SYSTEM] = {"system", OPT_SYSTEM, NULL},
        [F_OWNER] = {"owner", OPT_OWNER, NULL},
        [F_PROTECTS] = {"protects", OPT_PROTECTS, NULL},
        [F_LABELS] = {"labels", OPT_LABEL, NULL},
        [F_NEEDED] = {"needed_until", OPT_NEEDED_UNTIL, NULL},
        [F_EXPIRES] = {"expires", OPT_EXPIRES, NULL},
        [F_WITH] = {OFFICER_FIELD, OPT_WITH, NULL},
    };
    const struct opts *o = &c->ctx->opts;
    memcpy(c->set, all, sizeof all);
    for (size_t i = F_STATE + 1; i < F_COUNT; i++)
        c->set[i].value = opt_get(o, c->set[i].option);
    enum rc rc = read_arguments(c, err);
    if (rc == RC_OK)
        rc = mint_check_texts(c->ctx, err);
    if (rc == RC_OK)
        rc = mint_read_when(c->ctx, OPT_NEEDED_UNTIL, "--needed-until", c->needed_until, err);
    if (rc == RC_OK)
        rc = mint_read_when(c->ctx, OPT_EXPIRES, "--expires", c->expires, err);
    if (c->set[F_NEEDED].value != NULL)
        c->set[F_NEEDED].value = c->needed_until;
    if (c->set[F_EXPIRES].value != NULL)
        c->set[F_EXPIRES].value = c->expires;
    return rc;
}

static void
write_value(const struct change *c, size_t i, const char *name, struct jw *w)
{
    if (i == F_LABELS)
        mint_write_labels(w, name, &c->ctx->opts);
    else
        jw_str(w, name, c->set[i].value);
}

/* One entry, in which each field names all the values that it replaces. */
static enum rc
append_change(const struct change *c, struct changed *k, struct err *err)
{
    struct ctx *ctx = c->ctx;
    struct buf body;
    struct jw w;
    enum rc rc = RC_OK;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", k->key.uuid);
    jw_obj(&w, "set");
    for (size_t i = 0; rc == RC_OK && i < F_COUNT; i++) {
        if (c->set[i].value == NULL)
            continue;
        jw_obj(&w, c->set[i].field);
        write_value(c, i, "value", &w);
        jw_opt(&w, "reason", ctx->reason);
        jw_opt(&w, "ticket", ctx->ticket);
        rc = field_supersedes(ctx->store, k->key.uuid, c->set[i].field, &w, err);
        jw_end_obj(&w);
    }
    jw_end_obj(&w);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = log_append(ctx->store, "key.changed", &body, k->entry, err);
    buf_release(&body);
    return rc;
}

static void
answer_text(const struct change *c, const struct key *key)
{
    struct ctx *ctx = c->ctx;
    const char *state = c->set[F_STATE].value;
    out_printf(ctx, "%s%s@%lld: ", ctx->dry_run ? "would be " : "", key->name,
               (long long)key->generation);
    if (state != NULL)
        out_printf(ctx, "%s, was %s\n", state, key->state);
    else
        out_printf(ctx, "%s\n", key->state);
    for (size_t i = F_STATE + 1; i < F_COUNT; i++) {
        if (c->set[i].value != NULL && i != F_LABELS)
            out_field(ctx, c->set[i].field, c->set[i].value);
    }
    for (size_t i = 0; i < opt_count(&ctx->opts, OPT_LABEL); i++)
        out_field(ctx, "label", opt_at(&ctx->opts, OPT_LABEL, i));
}

static enum rc
answer(const struct change *c, const struct changed *k, struct err *err)
{
    const char *state = c->set[F_STATE].value;
    const struct key *key = &k->key;
    if (!out_is_json(c->ctx)) {
        answer_text(c, key);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "state");
    jw_str(&w, "name", key->name);
    jw_int(&w, "generation", key->generation);
    jw_str(&w, "uuid", key->uuid);
    jw_str(&w, "state", state != NULL ? state : key->state);
    jw_str(&w, "former_state", key->state);
    for (size_t i = F_STATE + 1; i < F_COUNT; i++) {
        if (c->set[i].value != NULL)
            write_value(c, i, c->set[i].field, &w);
    }
    jw_opt(&w, "entry", k->entry);
    return out_object(c->ctx, &doc, &w, err);
}

/* All of them or none. */
static enum rc
set_all(struct change *c, struct err *err)
{
    struct ctx *ctx = c->ctx;
    enum rc rc = ctx->dry_run ? RC_OK : log_begin(ctx->store, err);
    for (size_t i = 0; rc == RC_OK && !ctx->dry_run && i < c->count; i++)
        rc = append_change(c, &c->keys[i], err);
    if (rc == RC_OK && !ctx->dry_run)
        rc = log_commit(ctx->store, err);
    else
        log_rollback(ctx->store);
    if (rc == RC_OK)
        memcpy(ctx->entry, c->keys[c->count - 1].entry, sizeof ctx->entry);
    for (size_t i = 0; rc == RC_OK && i < c->count; i++)
        rc = answer(c, &c->keys[i], err);
    return rc;
}

/* The keys named, each once: setting a field twice in one go would conflict with itself. */
static enum rc
find_keys(struct change *c, struct err *err)
{
    enum rc rc = session_keys_check(c->ctx, c->named, err);
    c->keys = rc == RC_OK ? calloc(c->named, sizeof *c->keys) : NULL;
    if (rc == RC_OK && c->keys == NULL)
        return err_nomem(err);
    for (size_t i = 0; rc == RC_OK && i < c->named; i++) {
        size_t same = 0;
        struct key *key = &c->keys[c->count].key;
        rc = session_key(c->ctx, opt_arg(&c->ctx->opts, i), key, err);
        while (rc == RC_OK && strcmp(c->keys[same].key.uuid, key->uuid) != 0)
            same++;
        c->count += same == c->count;
        if (rc == RC_OK)
            rc = officer_option(c->ctx, key->purpose, c->with, err);
    }
    if (c->set[F_WITH].value != NULL)
        c->set[F_WITH].value = c->with;
    return rc;
}

static enum rc
check_line(const struct change *c, struct err *err)
{
    const char *state = c->set[F_STATE].value;
    if (c->named > 1 && state != NULL && strcmp(state, "destroyed") == 0)
        return err_set(err, RC_USAGE, "state: one key at a time is marked destroyed");
    if (c->named > 1 && c->ctx->format == OUT_JSON)
        return err_set(err, RC_USAGE, "-o json is one document; for several keys: -o ndjson");
    if (c->ctx->reason == NULL)
        return state == NULL ? RC_OK : err_set(err, RC_NO_REASON, "state: --reason is missing");
    return text_check(c->ctx->reason, "--reason", err);
}

static enum rc
run_state(struct ctx *ctx, struct err *err)
{
    struct change c = {.ctx = ctx};
    enum rc rc = read_settings(&c, err);
    if (rc == RC_OK)
        rc = check_line(&c, err);
    if (rc == RC_OK)
        rc = find_keys(&c, err);
    for (size_t i = 0; rc == RC_OK && i < c.count; i++)
        rc = gate_reason(ctx, c.keys[i].key.purpose, err);
    if (rc == RC_OK && c.set[F_STATE].value != NULL &&
        strcmp(c.set[F_STATE].value, "destroyed") == 0) {
        rc = check_needed(ctx, &c.keys[0].key, err);
        if (rc == RC_OK && !ctx->dry_run)
            rc = confirm_destroyed(ctx, &c.keys[0].key, err);
    }
    if (rc == RC_OK)
        rc = set_all(&c, err);
    free(c.keys);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static const struct opt_spec state_options[] = {
    {OPT_SYSTEM, "system", 0, "TEXT", 0, "the backup server that uses it"},
    {OPT_OWNER, "owner", 0, "TEXT", 0, "who is responsible"},
    {OPT_PROTECTS, "protects", 0, "TEXT", 0, "what it encrypts"},
    {OPT_LABEL, "label", 0, "K=V", OPT_MANY, "its labels, all of them anew"},
    {OPT_NEEDED_UNTIL, "needed-until", 0, "DATE|DUR", 0, "how long its backups are kept"},
    {OPT_EXPIRES, "expires", 0, "DATE|DUR", 0, "when a successor is due"},
    OFFICER_OPTION,
    KEY_AT_OPTION,
    OPT_END,
};

const struct cmd cmd_state_table[] = {
    {NULL, "state", "KEY... [STATE --reason TEXT] [--owner TEXT] [option]...",
     "Sets the state of a key, or its owner and the like; nothing of it stops a recovery.",
     state_options, 1, -1, CMD_WRITE, GROUP_EVERY_DAY, run_state,
     "keymuster state vbr/config@1 deactivated --reason \"replaced\"\n"
     "keymuster state vbr/config --owner backup-team --needed-until 2y\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
