#include "cli/session.h"

#include <stdio.h>
#include <string.h>

#include "cli/notify.h"
#include "cli/out.h"
#include "cli/ref.h"
#include "copy/memory.h"
#include "copy/publish.h"
#include "escrow/cut.h"
#include "escrow/log.h"
#include "sys/process.h"

/* ---- the store ---- */

enum rc
session_open(struct ctx *ctx, struct err *err)
{
    char dir[PATH_SIZE];
    enum rc rc = RC_OK;
    if (ctx->store_dir != NULL)
        (void)snprintf(dir, sizeof dir, "%s", ctx->store_dir);
    else
        rc = store_default_dir(dir, err);
    enum db_flags flags = (ctx->cmd->flags & CMD_WRITE) && !ctx->dry_run ? DB_WRITE : DB_READ;
    if (rc == RC_OK)
        rc = store_open(&ctx->store, dir, flags, err);
    if (rc == RC_OK && flags == DB_WRITE && !(ctx->cmd->flags & CMD_OLD_OK))
        rc = memory_check(ctx->store, err);
    if (rc == RC_OK && flags == DB_WRITE)
        notify_begin(ctx);
    return rc;
}

/* Nobody took the answer, so the command ended before it published; what is stored goes out all the
 * same. That the answer failed has been said, and is what the exit status says. */
static void
publish_late(struct ctx *ctx)
{
    struct err scratch = ERR_INIT;
    ctx->quiet = 1;
    if (ctx->store != NULL && ctx->out_failed && (ctx->cmd->flags & CMD_WRITE))
        err_ignore(session_publish(ctx, &scratch));
}

struct store *
session_records(const struct ctx *ctx)
{
    return ctx->records != NULL ? ctx->records : ctx->store;
}

void
session_say_stored(const struct ctx *ctx, struct err *err)
{
    const struct store *store = session_records(ctx);
    if (store == NULL || err->entry[0] != '\0')
        return;
    /* Another copy or another password had its turn after that, and failed in its own way. */
    if (store->in_doubt[0] != '\0') {
        (void)log_say_in_doubt(store, err);
        return;
    }
    if (store->stored[0] == '\0')
        return;
    memcpy(err->entry, store->stored, sizeof err->entry);
    (void)err_hint(err, "recorded before it failed: keymuster audit log --entry %s", err->entry);
}

void
session_close(struct ctx *ctx)
{
    publish_late(ctx);
    notify_look(ctx);
    notify_conflicts(ctx);
    session_kms_close(ctx);
    if (ctx->view)
        cut_view_close(ctx->store);
    else
        store_close(ctx->store);
    ctx->store = NULL;
    store_close(ctx->records);
    ctx->records = NULL;
}

/* ---- recording and publishing ---- */

enum rc
session_record(struct ctx *ctx, const char *kind, const struct buf *body, char *hash,
               struct err *err)
{
    if (ctx->dry_run)
        return buf_check(body, kind, err);
    return log_append_one(session_records(ctx), kind, body, hash != NULL ? hash : ctx->entry, err);
}

enum rc
session_publish(struct ctx *ctx, struct err *err)
{
    if (ctx->offline || ctx->dry_run)
        return RC_OK;
    int reached = 0;
    int bound = 0;
    enum rc rc = publish_all(session_records(ctx), &reached, &bound, err);
    if (rc == RC_OK && reached < bound && !ctx->quiet)
        out_note(ctx,
                 "%d of %d copies not reached; what is missing there goes with the next command or "
                 "`keymuster sync`",
                 bound - reached, bound);
    return rc;
}

void
session_publish_rest(struct ctx *ctx)
{
    struct err scratch = ERR_INIT;
    signals_hold(1);
    err_ignore(session_publish(ctx, &scratch));
    signals_hold(0);
}

void
session_answer(struct buf *doc, struct jw *w, const char *name)
{
    char schema[96];
    (void)snprintf(schema, sizeof schema, "keymuster.%s/1", name);
    buf_init(doc, (size_t)256 * 1024 * 1024);
    jw_init(w, doc);
    jw_obj(w, NULL);
    jw_str(w, "schema", schema);
}

/* A time as text, or "". */
static const char *
time_text(char out[TIME_TEXT + 1], int64_t ms)
{
    out[0] = '\0';
    if (ms != 0)
        time_format(out, ms);
    return out;
}

static void
put_time(struct jw *w, const char *name, int64_t ms)
{
    char text[TIME_TEXT + 1];
    jw_opt(w, name, time_text(text, ms));
}

/* Takes it over; whether it differed. */
static int
news(char *known, size_t size, const char *now)
{
    int differs = strcmp(known, now) != 0;
    (void)snprintf(known, size, "%s", now);
    return differs;
}

static int
learn(struct root *r, const struct root_info *info)
{
    char t[TIME_TEXT + 1];
    int differs = r->state != info->state;
    r->state = info->state;
    if (info->version[0] != '\0') /* a KMS does not tell that of a destroyed one */
        differs |= news(r->version, sizeof r->version, info->version);
    if (info->versions != 0) { /* not known: the answer about it was lost */
        differs |= r->versions != info->versions;
        r->versions = info->versions;
    }
    differs |= news(r->rotated_at, sizeof r->rotated_at, time_text(t, info->rotated_ms));
    differs |= news(r->expires, sizeof r->expires, time_text(t, info->expires_ms));
    differs |= news(r->deleted_at, sizeof r->deleted_at, time_text(t, info->deleted_ms));
    differs |=
        news(r->restore_until, sizeof r->restore_until, time_text(t, info->restore_until_ms));
    (void)news(r->deleted_by, sizeof r->deleted_by, info->deleted_by);
    return differs;
}

enum rc
session_observe(struct ctx *ctx, struct root *root, const struct root_info *info, struct err *err)
{
    struct buf body;
    struct jw w;
    if (!learn(root, info))
        return RC_OK;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "root", root->object.uuid);
    jw_str(&w, "state", root_state_name(info->state));
    jw_str(&w, "version", info->version);
    jw_int(&w, "versions", info->versions);
    put_time(&w, "created", info->created_ms);
    put_time(&w, "updated", info->updated_ms);
    put_time(&w, "rotated", info->rotated_ms);
    put_time(&w, "deleted", info->deleted_ms);
    jw_opt(&w, "deleted_by", info->deleted_by);
    put_time(&w, "restore_until", info->restore_until_ms);
    put_time(&w, "expires", info->expires_ms);
    jw_opt(&w, "request", info->request);
    jw_end_obj(&w);
    enum rc rc = log_append(ctx->store, "root.observed", &body, NULL, err);
    buf_release(&body);
    return rc;
}

enum rc
session_key(const struct ctx *ctx, const char *ref, struct key *out, struct err *err)
{
    const char *date = opt_get(&ctx->opts, OPT_AT);
    int64_t at = 0;
    if (date == NULL)
        return key_find(ctx->store, ref, out, err);
    enum rc rc = date_parse_end(&at, date, "--at", err);
    if (rc == RC_OK && !key_ref_is_name(ref)) {
        (void)err_set(err, RC_USAGE, "--at goes with a key's plain name; it finds the generation");
        return err_hint(err, "leave out --at: NAME@GEN and a UUID name one generation already");
    }
    return rc == RC_OK ? key_find_at(ctx->store, ref, at, out, err) : rc;
}

enum rc
session_keep_credential(struct ctx *ctx, const char *section, const char *name, const char *key,
                        const char *ref, int *kept, struct err *err)
{
    struct buf absolute;
    char bound[LIMIT_NAME + 1]; /* name may be borrowed from what store_conf_set replaces */
    *kept = ref_is_lasting(ref) || strcmp(ref, "prompt") == 0;
    if (!*kept)
        return RC_OK;
    (void)snprintf(bound, sizeof bound, "%s", name);
    buf_init(&absolute, PATH_SIZE);
    enum rc rc = ref_absolute(&absolute, ref, err);
    if (rc == RC_OK)
        rc = buf_check(&absolute, "the credential's place", err);
    if (rc == RC_OK)
        rc = store_conf_set(ctx->store, section, bound, key, buf_str(&absolute), err);
    buf_release(&absolute);
    return rc;
}

enum rc
session_keys_check(struct ctx *ctx, size_t count, struct err *err)
{
    size_t unknown = 0;
    struct err one = ERR_INIT;
    char names[sizeof err->why] = "";
    for (size_t i = 0; i < count; i++) {
        struct key key;
        struct err scratch = ERR_INIT;
        const char *ref = opt_arg(&ctx->opts, i);
        int known = 0;
        if (key_is_known(ctx->store, ref, &known, &scratch) != RC_OK || known)
            continue; /* whatever else is wrong, the command itself says better */
        size_t len = strlen(names);
        if (unknown++ == 0)
            err_ignore(key_find(ctx->store, ref, &key, &one)); /* for its words */
        if (len + strlen(ref) + 8 < sizeof names)
            (void)snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "", ref);
        else if (len + 5 < sizeof names && names[len - 1] != '.')
            (void)snprintf(names + len, sizeof names - len, " ...");
    }
    if (unknown == 0)
        return RC_OK;
    *err = one;
    if (unknown > 1) {
        (void)err_set(err, RC_NOT_FOUND, "%zu of these %zu keys are not known here", unknown,
                      count);
        (void)err_why(err, "%s", names);
        (void)err_hint(err, "nothing was done; see them all: keymuster list");
    }
    return err->code;
}
