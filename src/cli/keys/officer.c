#include "cli/keys/officer.h"

#include <stdio.h>
#include <string.h>

#include "cli/out.h"
#include "cli/session.h"
#include "cli/vbr/identify.h"
#include "crypt/passphrase.h"
#include "escrow/log.h"

int
officer_is(const char *purpose)
{
    return strcmp(purpose, OFFICER_PURPOSE) == 0;
}

/* ---- linking ---- */

enum rc
officer_option(const struct ctx *ctx, const char *purpose, char out[UUID_TEXT + 1], struct err *err)
{
    struct key key;
    const char *ref = opt_get(&ctx->opts, OPT_WITH);
    out[0] = '\0';
    if (ref == NULL)
        return RC_OK;
    if (!officer_is(purpose)) {
        (void)err_set(err, RC_USAGE, "--with is for a key of purpose " OFFICER_PURPOSE);
        return err_hint(err, "it names the configuration backup that a Security Officer's "
                             "passphrase goes with");
    }
    enum rc rc = key_find(ctx->store, ref, &key, err);
    if (rc != RC_OK)
        return rc;
    if (strcmp(key.purpose, "config-backup") != 0) {
        (void)err_set(err, RC_USAGE, "--with: %s is a %s key", key.name, key.purpose);
        return err_hint(err, "name the key of the configuration backup (purpose config-backup)");
    }
    (void)snprintf(out, UUID_TEXT + 1, "%s", key.uuid);
    return RC_OK;
}

enum rc
officer_link(struct ctx *ctx, const char *key, const char *with, struct err *err)
{
    struct buf body;
    struct jw w;
    int conflict = 0;
    if (with[0] == '\0')
        return RC_OK;
    buf_init(&body, LIMIT_BODY);
    enum rc rc = field_get(ctx->store, key, OFFICER_FIELD, &body, &conflict, err);
    if (rc != RC_OK || (!conflict && strcmp(buf_str(&body), with) == 0)) {
        buf_release(&body);
        return rc;
    }
    buf_clear(&body);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", key);
    jw_obj(&w, "set");
    jw_obj(&w, OFFICER_FIELD);
    jw_str(&w, "value", with);
    rc = field_supersedes(ctx->store, key, OFFICER_FIELD, &w, err);
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_end_obj(&w);
    if (rc == RC_OK)
        rc = log_append(ctx->store, "key.changed", &body, NULL, err);
    buf_release(&body);
    return rc;
}

enum rc
officer_check(struct ctx *ctx, const char *purpose, const struct secret *text, struct err *err)
{
    const char *lacks = officer_is(purpose) && text != NULL ? passphrase_lacks(text) : NULL;
    if (lacks == NULL)
        return RC_OK;
    if (ctx->accept_risk != NULL) {
        out_warn(ctx, "the passphrase %s; recorded all the same, as asked", lacks);
        return RC_OK;
    }
    (void)err_set(err, RC_POLICY, "no Security Officer can have this passphrase: it %s", lacks);
    (void)err_why(err, "the appliance wants 15 characters or more, capital and small letters, "
                       "digits and special characters, and never more than 3 of one kind in a row");
    return err_hint(err, "was it mistyped? Once more, please\n"
                         "if it is in use as it is: --accept-risk \"why\"");
}

enum rc
officer_refuse_push(const char *purpose, const char *name, struct err *err)
{
    if (!officer_is(purpose))
        return RC_OK;
    (void)err_set(err, RC_USAGE, "%s is a Security Officer's passphrase", name);
    return err_hint(err, "it is typed by that person, and is no password of a backup server");
}

/* ---- telling ---- */

struct telling {
    struct ctx *ctx;
    const struct ctx *place; /* whose command line is continued */
    struct jw *w;
    const struct key *besides;
    size_t count;
    int notes; /* on standard error; else fields of the answer */
    size_t told;
};

static enum rc
tell_one(void *arg, const struct key *key, struct err *err)
{
    struct telling *t = arg;
    struct buf text;
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->besides[i].uuid, key->uuid) == 0)
            return RC_OK;
    }
    buf_init(&text, LIMIT_ENTRY);
    identify_command(&text, t->place, key);
    enum rc rc = buf_check(&text, "a command", err);
    if (rc == RC_OK && t->w != NULL) {
        jw_obj(t->w, NULL);
        jw_str(t->w, "uuid", key->uuid);
        jw_str(t->w, "name", key->name);
        jw_int(t->w, "generation", key->generation);
        jw_str(t->w, "command", buf_str(&text));
        jw_end_obj(t->w);
    } else if (rc == RC_OK && t->notes) {
        out_note(t->ctx,
                 "with a Security Officer, the restore first asks for their passphrase, %s@%lld: "
                 "%s",
                 key->name, (long long)key->generation, buf_str(&text));
    } else if (rc == RC_OK) {
        out_field(t->ctx, "passphrase", buf_str(&text));
    }
    buf_release(&text);
    t->told++;
    return rc;
}

enum rc
officer_tell(struct ctx *ctx, const struct key *config, const struct key *besides, size_t count,
             struct err *err)
{
    struct telling t = {.ctx = ctx, .place = ctx, .besides = besides, .count = count, .notes = 1};
    return officer_each(ctx->store, config, NULL, tell_one, &t, err);
}

static void
warn_untold(struct ctx *ctx, const struct err *err)
{
    out_warn(ctx, "which passphrase that is cannot be told: %s", err->msg);
}

void
officer_tell_file(struct ctx *ctx, const struct key *config, const char *made)
{
    struct telling t = {.ctx = ctx, .place = ctx};
    struct err err = ERR_INIT;
    if (officer_each(ctx->store, config, made, tell_one, &t, &err) != RC_OK)
        warn_untold(ctx, &err);
    else if (t.told == 0)
        out_warn(ctx,
                 "that passphrase is not linked to %s here; look for it (keymuster list), or have "
                 "it recorded: keymuster record NAME --purpose " OFFICER_PURPOSE
                 " --secret prompt --root ROOT --with %s",
                 config->name, config->name);
}

void
officer_write_file(struct jw *w, struct ctx *ctx, const struct key *config, const char *made)
{
    struct err err = ERR_INIT;
    if (officer_write(w, ctx, config, made, &err) != RC_OK)
        warn_untold(ctx, &err);
}

enum rc
officer_word(const struct store *store, const char *ref, const char *made,
             char out[KEY_NAME_BYTES + 24], struct err *err)
{
    struct key config, key;
    struct err scratch = ERR_INIT;
    size_t count = 0;
    int known = 0;
    out[0] = '\0';
    if (ref == NULL)
        return RC_OK;
    enum rc rc = err_unless_found(key_find(store, ref, &config, &scratch), &scratch, &known, err);
    if (!known)
        return rc; /* the step that needs that key will say so */
    rc = officer_of(store, &config, made, &key, &count, err);
    if (rc != RC_OK || count == 0)
        return rc;
    (void)snprintf(out, KEY_NAME_BYTES + 24, "%s@%lld", key.name, (long long)key.generation);
    if (key_find(store, out, &config, &scratch) != RC_OK)
        (void)snprintf(out, KEY_NAME_BYTES + 24, "%s", key.uuid);
    return RC_OK;
}

enum rc
officer_show(struct ctx *ctx, const struct key *key, struct jw *w, struct err *err)
{
    struct key to;
    struct buf v;
    struct telling t = {.ctx = ctx, .place = ctx};
    struct err scratch = ERR_INIT;
    enum rc rc = RC_OK;
    if (!officer_is(key->purpose)) {
        size_t count = 0;
        rc = officer_of(ctx->store, key, NULL, &to, &count, err);
        if (rc != RC_OK || count == 0)
            return rc;
        return w != NULL ? officer_write(w, ctx, key, NULL, err)
                         : officer_each(ctx->store, key, NULL, tell_one, &t, err);
    }
    buf_init(&v, LIMIT_ENTRY);
    rc = field_get(ctx->store, key->uuid, OFFICER_FIELD, &v, NULL, err);
    if (rc == RC_OK && w != NULL)
        jw_opt(w, OFFICER_FIELD, buf_str(&v));
    else if (rc == RC_OK && v.len > 0)
        out_field(ctx, "goes with",
                  key_find(ctx->store, buf_str(&v), &to, &scratch) == RC_OK ? to.name
                                                                            : buf_str(&v));
    buf_release(&v);
    return rc;
}

enum rc
officer_write(struct jw *w, const struct ctx *ctx, const struct key *config, const char *made,
              struct err *err)
{
    struct telling t = {.place = ctx, .w = w};
    jw_arr(w, "officer_keys");
    enum rc rc = officer_each(ctx->store, config, made, tell_one, &t, err);
    jw_end_arr(w);
    return rc;
}
