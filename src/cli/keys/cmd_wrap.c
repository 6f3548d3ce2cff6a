/* wrap list, wrap retire: the wrapped forms of a key. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/vbr/vbr_hints.h"
#include "text/uni.h"

enum { PREFIX_MIN = 4, SHORT_ID = 12 };

/* ---- list ---- */

struct wrap_listing {
    struct listing l;
    const struct key *key;
};

/* Retired, or how it stands to its root key as last seen. */
static enum rc
standing(const struct ctx *ctx, const struct wrap *w, const char **out, struct err *err)
{
    struct root root;
    int known = 0;
    struct err scratch = ERR_INIT;
    *out = w->retired ? "retired" : "unknown";
    if (w->retired)
        return RC_OK;
    enum rc rc =
        err_unless_found(root_find(ctx->store, w->root, &root, &scratch), &scratch, &known, err);
    if (!known || root.version[0] == '\0' || w->version[0] == '\0')
        return rc;
    if (root.state == ROOT_DESTROYED)
        *out = "lost";
    else
        *out = strcmp(root.version, w->version) == 0 ? "current" : "behind";
    return RC_OK;
}

static enum rc
list_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct wrap_listing *wl = arg;
    struct listing *l = &wl->l;
    char root[LIMIT_NAME + 1];
    char key[KEY_NAME_BYTES + 32];
    const char *state = "";
    enum rc rc = object_name(l->ctx->store, w->root, root, err);
    if (rc == RC_OK)
        rc = standing(l->ctx, w, &state, err);
    if (rc != RC_OK)
        return rc;
    if (l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", wl->key->name);
        jw_int(l->w, "generation", wl->key->generation);
        jw_str(l->w, "key", wl->key->uuid);
        cmd_write_wrap(l->w, root, w);
        jw_str(l->w, "standing", state);
        jw_end_obj(l->w);
        return RC_OK;
    }
    char id[SHORT_ID + 1];
    char version[9];
    (void)snprintf(id, sizeof id, "%.*s", SHORT_ID, w->id);
    (void)snprintf(version, sizeof version, "%.8s", w->version);
    (void)snprintf(key, sizeof key, "%s@%lld", wl->key->name, (long long)wl->key->generation);
    const char *const cells[] = {key, id, root, version, state, w->how, w->at};
    return cmd_table_row(l->table, cells, 7, err);
}

static enum rc
run_wrap_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"KEY",      "WRAP", "ROOT KEY", "VERSION",
                                         "STANDING", "HOW",  "MADE",     NULL};
    struct wrap_listing wl = {.l = {.ctx = ctx}};
    struct buf doc = {0};
    struct jw w;
    enum rc rc = session_keys_check(ctx, ctx->opts.arg_count, err);
    if (rc != RC_OK)
        return rc;
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "wrap.list");
        jw_arr(&w, "wraps");
        wl.l.w = &w;
    } else {
        rc = cmd_table_new(&wl.l.table, ctx, titles, err);
    }
    struct key key;
    wl.key = &key;
    for (size_t i = 0; rc == RC_OK && i < ctx->opts.arg_count; i++) {
        rc = session_key(ctx, opt_arg(&ctx->opts, i), &key, err);
        if (rc == RC_OK)
            rc = wrap_each(ctx->store, key.uuid, list_wrap, &wl, err);
    }
    if (rc == RC_OK && wl.l.w != NULL) {
        jw_end_arr(&w);
        jw_end_obj(&w);
        rc = out_json(ctx, &doc, err);
    } else if (rc == RC_OK) {
        rc = table_print(wl.l.table, &ctx->out, err);
    }
    table_free(wl.l.table);
    buf_release(&doc);
    return rc;
}

/* ---- retire ---- */

struct retire {
    struct ctx *ctx;
    struct key key;
    const char *prefix;
    char id[HASH_TEXT + 1]; /* of the one wrap that it stands for; "" before */
    int ambiguous;
    int already;    /* it is retired */
    int elsewhere;  /* its root key is at another site than the protected one */
    int left;       /* others that are not retired, under root keys that are not destroyed */
    int left_there; /* of them, at another site */
};

static enum rc
match_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct retire *r = arg;
    (void)err;
    if (strncmp(w->id, r->prefix, strlen(r->prefix)) != 0)
        return RC_OK;
    r->ambiguous |= r->id[0] != '\0' && strcmp(r->id, w->id) != 0;
    memcpy(r->id, w->id, sizeof r->id);
    r->already = w->retired;
    return RC_OK;
}

static enum rc
count_wrap(void *arg, const struct wrap *w, struct err *err)
{
    struct retire *r = arg;
    struct root root;
    int known = 0;
    struct err scratch = ERR_INIT;
    if (w->retired)
        return RC_OK;
    enum rc rc =
        err_unless_found(root_find(r->ctx->store, w->root, &root, &scratch), &scratch, &known, err);
    if (!known || root.state == ROOT_DESTROYED)
        return rc; /* the wrap waits for its root */
    int elsewhere = root.site[0] != '\0' && strcmp(root.site, r->key.protects_site) != 0;
    if (strcmp(w->id, r->id) == 0) {
        r->elsewhere |= elsewhere;
        return RC_OK;
    }
    r->left++;
    r->left_there += elsewhere;
    return RC_OK;
}

static enum rc
find_wrap(struct retire *r, struct err *err)
{
    char ref[KEY_REF];
    size_t len = strlen(r->prefix);
    if (len < PREFIX_MIN || strspn(r->prefix, "0123456789abcdef") != len) {
        (void)err_set(err, RC_USAGE, "wrap retire: want %d or more digits of a wrap's id",
                      PREFIX_MIN);
        return err_hint(err, "see them: keymuster wrap list %s",
                        key_ref_said(ref, r->ctx->store, &r->key));
    }
    enum rc rc = wrap_each(r->ctx->store, r->key.uuid, match_wrap, r, err);
    if (rc != RC_OK)
        return rc;
    if (r->id[0] != '\0' && !r->ambiguous)
        return RC_OK;
    if (r->ambiguous)
        (void)err_set(err, RC_AMBIGUOUS, "more than one wrap of %s@%lld begins with %s",
                      r->key.name, (long long)r->key.generation, r->prefix);
    else
        (void)err_set(err, RC_NOT_FOUND, "%s@%lld has no wrap that begins with %.64s", r->key.name,
                      (long long)r->key.generation, r->prefix);
    return err_hint(err, "see them: keymuster wrap list %s",
                    key_ref_said(ref, r->ctx->store, &r->key));
}

/* A key keeps a wrap that can open, and one that outlives the site it protects if it had one. */
static enum rc
check_left(struct retire *r, struct err *err)
{
    char ref[KEY_REF];
    enum rc rc = wrap_each(r->ctx->store, r->key.uuid, count_wrap, r, err);
    if (rc != RC_OK)
        return rc;
    (void)key_ref_said(ref, r->ctx->store, &r->key);
    if (r->left == 0) {
        (void)err_set(err, RC_POLICY, "it is the last wrap of %s@%lld", r->key.name,
                      (long long)r->key.generation);
        (void)err_why(err, "no other wrap is under a root key that is not destroyed");
        return err_hint(err,
                        "first add another: keymuster wrap add %s --root ROOT\n"
                        "if the key is no longer wanted: keymuster state %s destroyed "
                        "--reason TEXT",
                        ref, ref);
    }
    if (!purpose_must_outlive(r->key.purpose) || !r->elsewhere || r->left_there > 0)
        return RC_OK;
    if (r->ctx->accept_risk != NULL) {
        out_warn(r->ctx,
                 "%s@%lld would now be lost with the site it protects; recorded as an "
                 "accepted risk",
                 r->key.name, (long long)r->key.generation);
        return RC_OK;
    }
    (void)err_set(err, RC_PURPOSE_SITE, "%s@%lld would be lost with the site it protects",
                  r->key.name, (long long)r->key.generation);
    (void)err_why(err, "it is the last wrap of a %s key at another site", r->key.purpose);
    return err_hint(err,
                    "first add another: keymuster wrap add %s --root ROOT\n"
                    "or on your responsibility: --accept-risk \"why\"",
                    ref);
}

static enum rc
record_retired(struct retire *r, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", r->key.uuid);
    jw_str(&w, "wrap", r->id);
    jw_str(&w, "reason", r->ctx->reason);
    jw_opt(&w, "ticket", r->ctx->ticket);
    jw_opt(&w, "accepted_risk", r->ctx->accept_risk);
    jw_end_obj(&w);
    enum rc rc = session_record(r->ctx, "wrap.retired", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
answer_retired(struct retire *r, const struct vbr_hints *hints, struct err *err)
{
    struct ctx *ctx = r->ctx;
    if (!out_is_json(ctx)) {
        out_printf(ctx, "%s %.*s of %s@%lld; a recovery still tries it, last\n",
                   r->already     ? "retired before:"
                   : ctx->dry_run ? "would retire"
                                  : "retired",
                   SHORT_ID, r->id, r->key.name, (long long)r->key.generation);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "wrap.retire");
    jw_bool(&w, "dry_run", ctx->dry_run);
    jw_bool(&w, "retired", !r->already && !ctx->dry_run);
    jw_str(&w, "name", r->key.name);
    jw_int(&w, "generation", r->key.generation);
    jw_str(&w, "uuid", r->key.uuid);
    jw_str(&w, "wrap", r->id);
    if (!r->already)
        jw_int(&w, "left", r->left);
    vbr_hints_write(hints, &w);
    jw_opt(&w, "entry", ctx->entry);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
run_wrap_retire(struct ctx *ctx, struct err *err)
{
    struct retire r = {.ctx = ctx, .prefix = opt_arg(&ctx->opts, 1)};
    struct vbr_hints hints = {.ctx = ctx};
    enum rc rc = RC_OK;
    if (ctx->reason == NULL)
        rc = err_set(err, RC_NO_REASON, "wrap retire: --reason is missing");
    if (rc == RC_OK)
        rc = text_check(ctx->reason, "--reason", err);
    if (rc == RC_OK)
        rc = session_key(ctx, opt_arg(&ctx->opts, 0), &r.key, err);
    if (rc == RC_OK)
        rc = find_wrap(&r, err);
    if (rc == RC_OK && !r.already)
        rc = check_left(&r, err);
    if (rc == RC_OK && !r.already)
        rc = record_retired(&r, err);
    int stored = rc == RC_OK && !ctx->dry_run;
    if (stored)
        rc = vbr_hints_add(&hints, r.key.uuid, err);
    if (stored && rc == RC_OK)
        rc = vbr_hints_settle(&hints, err);
    if (rc == RC_OK)
        rc = answer_retired(&r, &hints, err);
    vbr_hints_release(&hints);
    if (rc != RC_OK && stored)
        session_publish_rest(ctx);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static const struct opt_spec at_options[] = {KEY_AT_OPTION, OPT_END};

const struct cmd cmd_wrap_table[] = {
    {"wrap", "list", "KEY...", "Lists the wraps of a key, and how each stands to its root key.",
     at_options, 1, -1, CMD_READ, GROUP_EVERY_DAY, run_wrap_list, NULL},
    {"wrap", "retire", "KEY WRAP --reason TEXT",
     "Marks a wrap as no longer wanted; the last one of a key is refused.", at_options, 2, 2,
     CMD_WRITE, GROUP_EVERY_DAY, run_wrap_retire,
     "keymuster wrap retire vbr/config 3fa9c1d2 --reason \"moved to mad-main\"\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
