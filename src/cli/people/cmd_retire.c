/* root retire-check, kms retire-check: may this root key, version or instance go? Yes with the
 * proofs, or no with the list. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/session.h"
#include "escrow/depend.h"
#include "escrow/drilled.h"
#include "escrow/export.h"
#include "text/uni.h"

struct retire {
    struct ctx *ctx;
    struct depend_on on;
    const char *what; /* "root key fra-main, version ...", for people */
    struct buf doc, text;
    struct jw w;
    int json;
    int64_t keys, only, exports, unpublished;
};

/* When a drill last got the key back by it. */
static enum rc
tell_drill(struct retire *r, const char *key, const char *root, struct err *err)
{
    struct drilled d = {.key = ""};
    int found = 0;
    enum rc rc = drilled_under(r->ctx->store, key, root, &d, &found, err);
    if (rc != RC_OK)
        return rc;
    if (!r->json) {
        buf_addf(&r->text, found ? "; drill %.10s: %s\n" : "; never drilled\n", d.at,
                 drill_outcome_name(d.outcome));
        return RC_OK;
    }
    if (found) {
        jw_str(&r->w, "drilled_at", d.at);
        jw_str(&r->w, "drill_outcome", drill_outcome_name(d.outcome));
    }
    return RC_OK;
}

/* A wrap that would be left, under a root key that is not destroyed. */
static enum rc
tell_other(void *arg, const struct wrap *w, struct err *err)
{
    struct retire *r = arg;
    struct object object;
    struct root root;
    struct err unknown = ERR_INIT;
    int known = 0;
    if (w->retired)
        return RC_OK;
    enum rc rc = err_unless_found(object_find(r->ctx->store, "root", w->root, &object, &unknown),
                                  &unknown, &known, err);
    if (!known)
        return rc; /* not known here, so no comfort */
    rc = root_load(r->ctx->store, &object, &root, err);
    if (rc != RC_OK)
        return rc;
    int there = r->on.root[0] != '\0' ? strcmp(object.uuid, r->on.root) == 0
                                      : strcmp(root.kms.uuid, r->on.kms) == 0;
    if (there && (r->on.version[0] == '\0' || strcmp(r->on.version, w->version) == 0))
        return RC_OK;
    if (!there && root.state == ROOT_DESTROYED)
        return RC_OK;
    if (r->json) {
        jw_obj(&r->w, NULL);
        jw_str(&r->w, "root", object.name);
        jw_opt(&r->w, "version", w->version);
        jw_str(&r->w, "how", w->how);
        jw_str(&r->w, "at", w->at);
    } else {
        buf_addf(&r->text, "  also under %s, %s %s", object.name, w->how, w->at);
    }
    rc = tell_drill(r, w->key, object.uuid, err);
    if (r->json)
        jw_end_obj(&r->w);
    return rc;
}

static enum rc
tell_key(void *arg, const struct dependent *d, struct err *err)
{
    struct retire *r = arg;
    r->keys++;
    r->only += d->only;
    if (r->json) {
        jw_obj(&r->w, NULL);
        jw_str(&r->w, "name", d->name);
        jw_int(&r->w, "generation", d->generation);
        jw_str(&r->w, "uuid", d->key);
        jw_bool(&r->w, "blocks", d->only);
        jw_arr(&r->w, "others");
    } else {
        buf_addf(&r->text, "%s@%lld%s\n", d->name, (long long)d->generation,
                 d->only ? "  NO OTHER WRAP" : "");
    }
    enum rc rc = wrap_each(r->ctx->store, d->key, tell_other, r, err);
    if (r->json) {
        jw_end_arr(&r->w);
        jw_end_obj(&r->w);
    }
    return rc;
}

struct in_export {
    const char *name;
    int found;
};

static enum rc
look_name(void *arg, const struct dependent *d, struct err *err)
{
    struct in_export *e = arg;
    (void)err;
    e->found |= strcmp(d->name, e->name) == 0;
    return RC_OK;
}

/* An export that lacks the wraps elsewhere opens nothing afterwards. */
static enum rc
tell_export(void *arg, const struct export_stale *e, struct err *err)
{
    struct retire *r = arg;
    struct in_export in = {e->name, 0};
    enum rc rc = depend_each(r->ctx->store, &r->on, look_name, &in, err);
    if (rc != RC_OK || !in.found)
        return rc;
    r->exports++;
    if (r->json) {
        jw_obj(&r->w, NULL);
        jw_str(&r->w, "file", e->file);
        jw_str(&r->w, "name", e->name);
        jw_str(&r->w, "at", e->at);
        jw_bool(&r->w, "blocks", 1);
        jw_end_obj(&r->w);
    } else {
        buf_adds(&r->text, "export ");
        escape_terminal(&r->text, e->file, strlen(e->file), ESCAPE_LINE);
        buf_addf(&r->text,
                 " of %s, made %s, lacks a newer wrap: keymuster export %s --file NEW-FILE\n",
                 e->name, e->at, e->name);
    }
    return RC_OK;
}

static const char *const hints[] = {
    "WDEKs kept elsewhere, such as in the descriptions of the backup server's passwords, are not "
    "seen from here",
    "what others keep under it in the KMS is not known here",
};

static enum rc
gather(struct retire *r, struct err *err)
{
    enum rc rc = depend_each(r->ctx->store, &r->on, tell_key, r, err);
    if (r->json) {
        jw_end_arr(&r->w);
        jw_arr(&r->w, "exports");
    }
    if (rc == RC_OK)
        rc = export_stale_each(r->ctx->store, tell_export, r, err);
    if (r->json)
        jw_end_arr(&r->w);
    if (rc == RC_OK)
        rc = entries_unpublished(r->ctx->store, &r->unpublished, err);
    return rc == RC_OK ? buf_check(&r->text, "the answer", err) : rc;
}

static void
answer_text(struct retire *r, int may)
{
    struct ctx *ctx = r->ctx;
    out_printf(ctx, "%s: ", may ? "yes" : "no");
    out_text(ctx, r->what);
    out_printf(ctx,
               may ? " may go; %lld keys have a wrap under it, each of them another one\n"
                   : " must stay; %lld keys have a wrap under it, %lld of them no other\n",
               (long long)r->keys, (long long)r->only);
    buf_add(&ctx->out, r->text.data, r->text.len);
    if (r->unpublished > 0)
        out_printf(ctx, "%lld entries are on no copy yet: keymuster sync\n",
                   (long long)r->unpublished);
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        out_printf(ctx, "note: %s\n", hints[i]);
}

static enum rc
check(struct retire *r, const char *schema, struct err *err)
{
    r->json = out_is_json(r->ctx);
    buf_init(&r->text, (size_t)64 * 1024 * 1024);
    session_answer(&r->doc, &r->w, schema);
    jw_arr(&r->w, "generations");
    enum rc rc = gather(r, err);
    int may = r->only == 0 && r->exports == 0 && r->unpublished == 0;
    r->ctx->findings += rc == RC_OK && !may;
    if (rc == RC_OK && r->json) {
        jw_bool(&r->w, "retire", may);
        jw_str(&r->w, "what", r->what);
        jw_int(&r->w, "keys", r->keys);
        jw_int(&r->w, "keys_only_here", r->only);
        jw_int(&r->w, "unpublished", r->unpublished);
        jw_arr(&r->w, "hints");
        for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
            jw_str(&r->w, NULL, hints[i]);
        jw_end_arr(&r->w);
        jw_end_obj(&r->w);
        rc = out_json(r->ctx, &r->doc, err);
    } else if (rc == RC_OK) {
        answer_text(r, may);
    }
    buf_release(&r->doc);
    buf_release(&r->text);
    return rc;
}

/* By its beginning; a version that no wrap has is a slip, not a yes. */
static enum rc
find_version(struct retire *r, const char *ref, struct err *err)
{
    struct stmt *q = NULL;
    enum rc rc = db_query(r->ctx->store->db, &q,
                          "SELECT DISTINCT version FROM wrap WHERE root = ?1 AND version <> ''"
                          " AND substr(version, 1, length(?2)) = ?2",
                          err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, r->on.root);
    stmt_text(q, 2, ref);
    rc = stmt_row(q, err);
    if (rc == RC_OK && !stmt_more(q)) {
        (void)err_set(err, RC_NOT_FOUND, "no wrap here is under version %.40s of that root key",
                      ref);
        rc = err_hint(err, "see the versions of a key's wraps: keymuster show KEY --wraps");
    } else if (rc == RC_OK) {
        (void)snprintf(r->on.version, sizeof r->on.version, "%s", col_text(q, 0));
        rc = stmt_row(q, err);
        if (rc == RC_OK && stmt_more(q))
            rc = err_set(err, RC_AMBIGUOUS, "%.40s begins more than one version", ref);
    }
    stmt_done(q);
    return rc;
}

static enum rc
run_root_retire(struct ctx *ctx, struct err *err)
{
    struct retire r = {.ctx = ctx};
    struct object o;
    char what[LIMIT_NAME + 80];
    const char *version = opt_arg(&ctx->opts, 1);
    enum rc rc = object_find(ctx->store, "root", opt_arg(&ctx->opts, 0), &o, err);
    if (rc != RC_OK)
        return rc;
    memcpy(r.on.root, o.uuid, sizeof r.on.root);
    if (version != NULL)
        rc = find_version(&r, version, err);
    (void)snprintf(what, sizeof what, "%s%s%sroot key %s", version != NULL ? "version " : "",
                   r.on.version, version != NULL ? " of " : "", o.name);
    r.what = what;
    return rc == RC_OK ? check(&r, "root.retire-check", err) : rc;
}

static enum rc
run_kms_retire(struct ctx *ctx, struct err *err)
{
    struct retire r = {.ctx = ctx};
    struct object o;
    char what[LIMIT_NAME + 16];
    enum rc rc = object_find(ctx->store, "kms", opt_arg(&ctx->opts, 0), &o, err);
    if (rc != RC_OK)
        return rc;
    memcpy(r.on.kms, o.uuid, sizeof r.on.kms);
    (void)snprintf(what, sizeof what, "KMS %s", o.name);
    r.what = what;
    return check(&r, "kms.retire-check", err);
}

const struct cmd cmd_retire_table[] = {
    {"root", "retire-check", "ROOT [VERSION]",
     "Says whether a root key, or one version of it, may go: yes with the proofs, or no with the "
     "list.",
     NULL, 1, 2, CMD_READ, GROUP_SET_UP, run_root_retire, "keymuster root retire-check fra-main\n"},
    {"kms", "retire-check", "KMS",
     "Says whether an instance may be deleted: yes with the proofs, or no with the list.", NULL, 1,
     1, CMD_READ, GROUP_SET_UP, run_kms_retire, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
