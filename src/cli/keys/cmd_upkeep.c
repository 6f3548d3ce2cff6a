/* upkeep: what a timer does. Root keys are looked at, wraps that are behind renewed, hints at
 * backup servers put right, exports that lack something written anew in their place, the copies
 * synchronised. Each part goes on when
 * another one could not do all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_tables.h"
#include "cli/keys/rewrap.h"
#include "cli/keys/root_check.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/vbr/vbr_hints.h"
#include "escrow/export.h"
#include "sys/file.h"

struct upkeep {
    struct ctx *ctx;
    struct root_check check;
    struct jw *w; /* JSON; NULL: text */
    int64_t asked, unknown;
    struct buf files; /* stale exports, each ended by NUL */
    int64_t refreshed, left;
    struct err hostile; /* a backup server that is not the one it was; said at the end */
};

/* ---- root keys ---- */

static enum rc
look_root(void *arg, const struct object *o, struct err *err)
{
    struct upkeep *u = arg;
    struct root_checked r;
    char note[ROOT_NOTE];
    enum rc rc = root_check_one(&u->check, o, &r, err);
    if (rc != RC_OK)
        return rc;
    root_check_note(note, &r);
    u->asked++;
    u->unknown += r.asked != RC_OK;
    if (u->w != NULL) {
        jw_obj(u->w, NULL);
        jw_str(u->w, "name", o->name);
        jw_str(u->w, "state", r.asked == RC_OK ? root_state_name(r.info.state) : "unknown");
        jw_opt(u->w, "note", note);
        jw_end_obj(u->w);
    } else if (note[0] != '\0') {
        out_printf(u->ctx, "root key %s: ", o->name);
        out_text(u->ctx, note);
        out_printf(u->ctx, "\n");
    }
    return RC_OK;
}

static enum rc
look_roots(struct upkeep *u, struct err *err)
{
    if (u->w != NULL)
        jw_arr(u->w, "roots");
    int ask = !(u->ctx->dry_run && u->ctx->offline);
    enum rc rc = ask ? object_each(u->ctx->store, "root", look_root, u, err) : RC_OK;
    if (u->w != NULL)
        jw_end_arr(u->w);
    else
        out_printf(u->ctx, "root keys: %lld asked, %lld unknown\n", (long long)u->asked,
                   (long long)u->unknown);
    u->ctx->findings += u->unknown > 0;
    return rc;
}

/* ---- wraps ---- */

static enum rc
rewrap_stale(struct upkeep *u, struct err *err)
{
    struct rewrap *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(err);
    r->ctx = u->ctx;
    r->all = 1;
    r->look_only = u->ctx->dry_run;
    if (u->ctx->reason == NULL) /* where policy wants one: that is why a timer renews */
        u->ctx->reason = "upkeep";
    enum rc rc = rewrap_run(r, err);
    if (rc != RC_OK && r->made > 0)
        session_publish_rest(u->ctx);
    u->ctx->findings += r->failed > 0;
    if (u->w != NULL) {
        jw_obj(u->w, "rewrap");
        jw_int(u->w, "planned", r->planned);
        jw_int(u->w, "rewrapped", r->made);
        jw_int(u->w, "current", r->current);
        jw_int(u->w, "failed", r->failed);
        jw_end_obj(u->w);
    } else {
        out_printf(u->ctx, "wraps: %lld %s, %lld current already, %lld failed\n",
                   (long long)(u->ctx->dry_run ? r->planned : r->made),
                   u->ctx->dry_run ? "would be renewed" : "renewed", (long long)r->current,
                   (long long)r->failed);
    }
    rewrap_release(r);
    free(r);
    return rc;
}

/* ---- hints at backup servers ---- */

static enum rc
pay_hints(struct upkeep *u, struct err *err)
{
    struct vbr_hints h = {.ctx = u->ctx};
    enum rc rc = vbr_hints_add(&h, NULL, err);
    if (rc == RC_OK)
        rc = vbr_hints_settle(&h, err);
    u->ctx->findings += h.behind > 0 && !u->ctx->dry_run;
    if (rc == RC_VBR_PIN || rc == RC_ENDPOINT_DIFFERS) {
        u->hostile = *err;
        err_clear(err);
        rc = RC_OK;
    }
    if (u->w != NULL)
        vbr_hints_write(&h, u->w);
    vbr_hints_release(&h);
    return rc;
}

/* ---- exports ---- */

static enum rc
take_stale(void *arg, const struct export_stale *e, struct err *err)
{
    struct upkeep *u = arg;
    for (size_t at = 0; at < u->files.len; at += strlen(u->files.data + at) + 1) {
        if (strcmp(u->files.data + at, e->file) == 0)
            return RC_OK;
    }
    buf_add(&u->files, e->file, strlen(e->file) + 1);
    return buf_check(&u->files, "the list of exports", err);
}

struct names {
    char **list;
    size_t count;
};

static enum rc
take_name(void *arg, const char *name, struct err *err)
{
    struct names *n = arg;
    char **more = realloc(n->list, (n->count + 1) * sizeof *more);
    if (more == NULL)
        return err_nomem(err);
    n->list = more;
    n->list[n->count] = strdup(name);
    if (n->list[n->count] == NULL)
        return err_nomem(err);
    n->count++;
    return RC_OK;
}

/* Only over an export of this store's own that lies there still: a path in a log is no order to
 * write. */
static int
lies_there(const char *file)
{
    struct buf bytes;
    struct err scratch = ERR_INIT;
    buf_init(&bytes, EXPORT_MAX);
    int yes = file[0] == '/' && file_read(&bytes, file, &scratch) == RC_OK &&
              export_is(buf_str(&bytes), bytes.len);
    buf_release(&bytes);
    return yes;
}

static enum rc
write_anew(struct upkeep *u, const char *file, const struct names *n, struct err *err)
{
    struct export_file made;
    struct buf body;
    enum rc rc = export_make(u->ctx->store, (const char *const *)n->list, n->count, &made, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&body, LIMIT_BODY);
    rc = export_entry(&body, &made, file, err);
    if (rc == RC_OK && !u->ctx->dry_run)
        rc = file_replace(file, buf_str(&made.file), made.file.len, 0644, err);
    if (rc == RC_OK)
        rc = session_record(u->ctx, "export.made", &body, NULL, err);
    buf_release(&body);
    export_release(&made);
    return rc;
}

static enum rc
refresh_one(struct upkeep *u, const char *file, struct err *err)
{
    struct names n = {NULL, 0};
    struct err why = ERR_INIT;
    int done = 0;
    enum rc rc = export_names_each(u->ctx->store, file, take_name, &n, err);
    if (rc == RC_OK && n.count > 0 && lies_there(file)) {
        done = write_anew(u, file, &n, &why) == RC_OK;
        if (!done)
            out_warn(u->ctx, "export %s: %s", file, why.msg);
    }
    for (size_t i = 0; i < n.count; i++)
        free(n.list[i]);
    free(n.list);
    u->refreshed += done;
    u->left += !done;
    if (rc == RC_OK && u->w != NULL) {
        jw_obj(u->w, NULL);
        jw_str(u->w, "file", file);
        jw_bool(u->w, "refreshed", done);
        jw_end_obj(u->w);
    } else if (rc == RC_OK) {
        out_printf(u->ctx,
                   done ? u->ctx->dry_run ? "would refresh " : "refreshed " : "stale, not here: ");
        out_text(u->ctx, file);
        out_printf(u->ctx, "\n");
    }
    return rc;
}

static enum rc
refresh_exports(struct upkeep *u, struct err *err)
{
    buf_init(&u->files, (size_t)1024 * 1024);
    if (u->w != NULL)
        jw_arr(u->w, "exports");
    enum rc rc = export_stale_each(u->ctx->store, take_stale, u, err);
    for (size_t at = 0; rc == RC_OK && at < u->files.len; at += strlen(u->files.data + at) + 1)
        rc = refresh_one(u, u->files.data + at, err);
    if (u->w != NULL)
        jw_end_arr(u->w);
    buf_release(&u->files);
    return rc;
}

/* ---- copies ---- */

static enum rc
sync_copies(struct upkeep *u, struct err *err)
{
    if (u->ctx->offline || ini_name_at(u->ctx->store->conf, "copy", 0) == NULL)
        return RC_OK;
    if (u->w != NULL)
        jw_obj(u->w, "sync");
    enum rc rc = cmd_sync_all(u->ctx, 1, u->w, err);
    if (rc == RC_COPY_UNREACHABLE) { /* the rest is done all the same */
        out_warn(u->ctx, "sync: %s", err->msg);
        u->ctx->findings++;
        err_clear(err);
        rc = RC_OK;
    }
    if (u->w != NULL)
        jw_end_obj(u->w);
    return rc;
}

static enum rc
run_upkeep(struct ctx *ctx, struct err *err)
{
    struct upkeep u = {.ctx = ctx, .check = {.ctx = ctx}};
    struct buf doc = {0};
    struct jw w;
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "upkeep");
        jw_bool(&w, "dry_run", ctx->dry_run);
        u.w = &w;
    }
    enum rc rc = look_roots(&u, err);
    if (rc == RC_OK)
        rc = rewrap_stale(&u, err);
    if (rc == RC_OK)
        rc = pay_hints(&u, err);
    if (rc == RC_OK)
        rc = refresh_exports(&u, err);
    if (rc == RC_OK)
        rc = sync_copies(&u, err);
    if (rc == RC_OK && u.w != NULL)
        rc = out_object(ctx, &doc, &w, err);
    else
        buf_release(&doc);
    if (rc == RC_OK && u.hostile.code != RC_OK) {
        *err = u.hostile;
        rc = err->code;
    }
    return rc;
}

/* clang-format off */
static const struct opt_spec upkeep_options[] = {
    KMS_OPTIONS,
    OPT_END,
};

const struct cmd cmd_upkeep_table[] = {
    {NULL, "upkeep", "",
     "Looks at the root keys, renews wraps that are behind, refreshes exports, synchronises: for a timer.",
     upkeep_options, 0, 0, CMD_WRITE, GROUP_EVERY_DAY, run_upkeep,
     "keymuster upkeep -n\n"
     "keymuster upkeep -o json >>/var/log/keymuster-upkeep.json\n"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
/* clang-format on */
