/* copy add|set|list|check: where the escrow's copies lie. card: cmd_card.c. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/out.h"
#include "cli/places/place.h"
#include "cli/places/probe.h"
#include "cli/places/repair.h"
#include "cli/session.h"
#include "copy/copy.h"
#include "copy/identity.h"
#include "copy/known.h"
#include "copy/publish.h"
#include "copy/pull.h"
#include "escrow/log.h"
#include "escrow/trust.h"
#include "sys/dir.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

/* ---- add, set ---- */

/* A folder copy may be made where its parent is; a parent that is missing is more likely a disk
 * that is not mounted. */
static enum rc
make_folder(struct remote *r, struct err *err)
{
    const char *folder = remote_folder(r);
    char parent[PATH_SIZE];
    if (folder == NULL || dir_exists(folder))
        return RC_OK;
    (void)snprintf(parent, sizeof parent, "%s", folder);
    char *slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent)
        return RC_OK;
    *slash = '\0';
    if (!dir_exists(parent)) {
        (void)err_set(err, RC_COPY_UNREACHABLE,
                      "neither %s nor the folder it would lie in is there", folder);
        return err_hint(err, "is the disk plugged in and mounted?");
    }
    return dir_make(folder, 0700, err);
}

static enum rc
bind_copy(struct ctx *ctx, const char *name, struct remote *r, const char *id, struct err *err)
{
    enum rc rc = store_conf_set(ctx->store, "copy", name, "url", remote_url(r), err);
    if (rc == RC_OK)
        rc = store_conf_set(ctx->store, "copy", name, "id", id, err);
    if (rc == RC_OK)
        rc = place_bind(ctx, name, err);
    const char *every = opt_get(&ctx->opts, OPT_EVERY);
    if (rc == RC_OK && every != NULL)
        rc = store_conf_set(ctx->store, "copy", name, "every", every, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_REMOVABLE))
        rc = store_conf_set(ctx->store, "copy", name, "removable", "yes", err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_WITH_PROGRAM))
        rc = store_conf_set(ctx->store, "copy", name, "program", "yes", err);
    return rc;
}

static enum rc
record_copy(struct ctx *ctx, const char *name, const char *uuid, const char *url,
            const struct object *site, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "uuid", uuid);
    jw_str(&w, "name", name);
    jw_str(&w, "url", url);
    jw_str(&w, "site", site->uuid);
    jw_bool(&w, "removable", opt_has(&ctx->opts, OPT_REMOVABLE));
    jw_opt(&w, "every", opt_get(&ctx->opts, OPT_EVERY));
    jw_opt(&w, "kept_at", opt_get(&ctx->opts, OPT_KEPT_AT));
    jw_end_obj(&w);
    enum rc rc = session_record(ctx, "copy.added", &body, NULL, err);
    buf_release(&body);
    return rc;
}

static enum rc
answer_add(struct ctx *ctx, const char *name, const char *url, const char *id,
           const struct remote_verdict *verdict, struct err *err)
{
    if (!out_is_json(ctx)) {
        out_field(ctx, "copy", name);
        out_field(ctx, "place", url);
        out_field(ctx, "id", id);
        probe_lines(ctx, verdict);
        return RC_OK;
    }
    struct buf doc;
    struct jw w;
    session_answer(&doc, &w, "copy.add");
    jw_str(&w, "name", name);
    jw_str(&w, "url", url);
    jw_str(&w, "id", id);
    probe_members(&w, verdict);
    return out_object(ctx, &doc, &w, err);
}

static enum rc
lay_out(struct ctx *ctx, struct remote *r, const char *name, const struct object *site,
        struct remote_verdict *verdict, char id[AUTHOR_TEXT + 1], struct err *err)
{
    char uuid[UUID_TEXT + 1];
    int known = 0;
    struct object there;
    struct err scratch = ERR_INIT;
    enum rc rc = copy_lay_out(ctx->store, r, id, err);
    if (rc == RC_OK)
        rc = known_probe(ctx->store, r, id, PROBE_FIRST, verdict, err);
    if (rc != RC_OK)
        return rc;
    copy_id_to_uuid(uuid, id);
    /* Another site may have recorded this very copy: then it is only bound here. */
    rc = err_unless_found(object_find(ctx->store, "copy", uuid, &there, &scratch), &scratch, &known,
                          err);
    if (rc == RC_OK && !known)
        rc = record_copy(ctx, name, uuid, remote_url(r), site, err);
    return rc == RC_OK ? bind_copy(ctx, name, r, id, err) : rc;
}

static enum rc
check_every(const struct ctx *ctx, struct err *err)
{
    int64_t ms = 0;
    const char *every = opt_get(&ctx->opts, OPT_EVERY);
    const char *kept = opt_get(&ctx->opts, OPT_KEPT_AT);
    enum rc rc = every != NULL ? duration_parse(&ms, every, "--every", err) : RC_OK;
    return rc == RC_OK && kept != NULL ? text_check(kept, "--kept-at", err) : rc;
}

static enum rc
run_add(struct ctx *ctx, struct err *err)
{
    const char *name = opt_arg(&ctx->opts, 0);
    const char *where = opt_get(&ctx->opts, OPT_SITE);
    struct remote_verdict verdict = {.create_once = ""};
    struct object site;
    struct remote *r = NULL;
    char id[AUTHOR_TEXT + 1] = "";
    struct remote_access access;
    place_access(ctx, &access);
    enum rc rc = cmd_new_name(ctx, "copy", name, err);
    if (rc == RC_OK && where == NULL)
        rc = err_set(err, RC_USAGE,
                     "copy add: --site is missing: at which site does this copy lie?");
    if (rc == RC_OK)
        rc = object_find(ctx->store, "site", where, &site, err);
    if (rc == RC_OK)
        rc = check_every(ctx, err);
    if (rc == RC_OK)
        rc = remote_open(&r, opt_arg(&ctx->opts, 1), &access, err);
    if (rc == RC_OK && ctx->dry_run) {
        out_printf(ctx, "would make %s a copy\n", remote_url(r));
        remote_close(r);
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = make_folder(r, err);
    if (rc == RC_OK)
        rc = lay_out(ctx, r, name, &site, &verdict, id, err);
    if (rc == RC_OK && remote_folder(r) != NULL &&
        fs_same_device(remote_folder(r), ctx->store->dir))
        out_warn(ctx, "%s lies on the same disk as the store: one broken disk takes both", name);
    if (rc == RC_OK)
        rc = answer_add(ctx, name, remote_url(r), id, &verdict, err);
    remote_close(r);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

static enum rc
run_set(struct ctx *ctx, struct err *err)
{
    struct object o;
    struct remote *r = NULL;
    struct copy_identity seen;
    struct remote_access access;
    enum rc rc = check_every(ctx, err);
    if (rc == RC_OK)
        rc = object_find(ctx->store, "copy", opt_arg(&ctx->opts, 0), &o, err);
    if (rc == RC_OK) {
        place_access_kept(ctx, o.name, &access);
        rc = remote_open(&r, opt_arg(&ctx->opts, 1), &access, err);
    }
    if (rc == RC_OK)
        rc = remote_reach(r, err);
    if (rc == RC_OK)
        rc = copy_identify(r, &seen, err);
    if (rc == RC_OK && strcmp(seen.escrow, ctx->store->escrow) != 0)
        rc = err_set(err, RC_COPY_FOREIGN, "%s is a copy of another escrow, %s", remote_url(r),
                     seen.escrow);
    if (rc == RC_OK) {
        char uuid[UUID_TEXT + 1] = "";
        if (seen.id[0] != '\0')
            copy_id_to_uuid(uuid, seen.id);
        if (strcmp(uuid, o.uuid) != 0) {
            rc = err_set(err, RC_EXISTS, "%s is not the copy %s, but another one", remote_url(r),
                         o.name);
            (void)err_hint(err, "make it a copy of its own: keymuster copy add NAME %s --site SITE",
                           remote_url(r));
        }
    }
    if (rc == RC_OK && !ctx->dry_run)
        rc = bind_copy(ctx, o.name, r, seen.id, err);
    if (rc == RC_OK)
        rc = cmd_answer_object(ctx, "copy.set", "copy", o.name, o.uuid, "bound here:", err);
    remote_close(r);
    return rc == RC_OK && opt_has(&ctx->opts, OPT_WITH_PROGRAM) ? session_publish(ctx, err) : rc;
}

/* ---- list ---- */

/* What this store knows of a copy without asking it. */
struct progress {
    int64_t entries; /* own ones that it has */
    char at[TIME_TEXT + 1];
    char create_once[16]; /* of the last probe; "" for none */
    char destroys[32];
};

static enum rc
copy_progress(const struct store *store, const char *uuid, struct progress *p, struct err *err)
{
    struct stmt *q = NULL;
    memset(p, 0, sizeof *p);
    enum rc rc = db_query(
        store->db, &q,
        "SELECT coalesce((SELECT entries FROM copy_seen WHERE copy = c.id AND author = ?2), 0),"
        " coalesce(s.reached_at, ''), coalesce(s.create_once, ''), coalesce(k.value, '')"
        " FROM (SELECT replace(?1, '-', '') AS id) c LEFT JOIN copy_state s ON s.copy = c.id"
        " LEFT JOIN copy_known k ON k.copy = c.id AND k.what = '" KNOWN_DESTROYS "'",
        err);
    if (rc != RC_OK)
        return rc;
    stmt_text(q, 1, uuid);
    stmt_text(q, 2, store->self.author);
    rc = stmt_row(q, err);
    if (rc == RC_OK) {
        p->entries = col_int(q, 0);
        (void)snprintf(p->at, sizeof p->at, "%s", col_text(q, 1));
        (void)snprintf(p->create_once, sizeof p->create_once, "%s", col_text(q, 2));
        (void)snprintf(p->destroys, sizeof p->destroys, "%s", col_text(q, 3));
    }
    stmt_done(q);
    return rc;
}

static enum rc
list_copy(void *arg, const struct object *o, struct err *err)
{
    struct listing *l = arg;
    const struct store *store = l->ctx->store;
    struct buf v;
    struct log_end end;
    char site[LIMIT_NAME + 1];
    struct progress p;
    char ago[AGO_TEXT] = "never";
    char behind[32];
    int64_t ms = 0;
    buf_init(&v, PATH_SIZE);
    const char *bound = store_conf(store, "copy", o->name, "url");
    enum rc rc = object_site_name(store, o->uuid, site, err);
    if (rc == RC_OK)
        rc = field_get(store, o->uuid, "url", &v, NULL, err);
    if (rc == RC_OK)
        rc = copy_progress(store, o->uuid, &p, err);
    if (rc == RC_OK)
        rc = log_end(store, store->self.author, &end, err);
    if (rc == RC_OK && l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", o->name);
        jw_str(l->w, "uuid", o->uuid);
        jw_str(l->w, "site", site);
        jw_str(l->w, "url", bound != NULL ? bound : buf_str(&v));
        jw_bool(l->w, "bound", bound != NULL);
        jw_int(l->w, "own_entries", p.entries);
        jw_int(l->w, "missing", end.seq - p.entries);
        jw_opt(l->w, "reached_at", p.at);
        jw_opt(l->w, "create_once", p.create_once);
        if (p.create_once[0] != '\0') { /* it was tried */
            jw_bool(l->w, "can_overwrite", strstr(p.destroys, "overwrites") != NULL);
            jw_bool(l->w, "can_remove", strstr(p.destroys, "removes") != NULL);
        }
        jw_end_obj(l->w);
    } else if (rc == RC_OK) {
        if (time_parse(&ms, p.at) == 0)
            time_ago(ago, ms, clock_now_ms());
        (void)snprintf(behind, sizeof behind, "%lld", (long long)(end.seq - p.entries));
        const char *cells[] = {o->name, site, bound != NULL ? bound : "not bound here",
                               bound != NULL ? behind : "", bound != NULL ? ago : ""};
        rc = cmd_table_row(l->table, cells, 5, err);
    }
    buf_release(&v);
    return rc;
}

static enum rc
run_list(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"COPY", "SITE", "PLACE", "TO SEND", "REACHED", NULL};
    struct listing l = {.ctx = ctx};
    return cmd_list_objects(&l, "copy.list", "copy", titles, list_copy, err);
}

/* ---- check ---- */

/* --deep: every object is looked at and each damaged one named, before the first ends the rest. */
static enum rc
check_objects(struct ctx *ctx, const char *name, struct err *err)
{
    struct copy copy;
    struct repair found = {0};
    enum rc rc = copy_open_damaged(ctx->store, name, &copy, err);
    if (rc != RC_OK)
        return rc;
    rc = repair_find(ctx, &copy, &found, err);
    if (rc == RC_OK && found.count > 0) {
        rc =
            err_set(err, RC_COPY_TAMPERED, "copy %s: %zu object%s altered or missing, the first %s",
                    name, found.count, found.count == 1 ? " is" : "s are", found.items[0].d.name);
        if (found.can > 0)
            (void)err_hint(err, "put back what this store has: keymuster sync --repair %s", name);
        if (found.can < found.count)
            (void)err_hint(err, "a store that holds the entries can put back the rest");
    }
    repair_release(&found);
    copy_close(&copy);
    return rc;
}

static enum rc
check_one(struct listing *l, const char *name, struct err *err)
{
    struct ctx *ctx = l->ctx;
    struct copy copy;
    struct pull_report report = {0};
    struct remote_verdict verdict = {.create_once = ""};
    int deep = opt_has(&ctx->opts, OPT_DEEP);
    enum pull_flags flags = deep ? (enum pull_flags)(PULL_DRY | PULL_DEEP) : PULL_DRY;
    enum rc rc = deep ? check_objects(ctx, name, err) : RC_OK;
    if (rc == RC_OK)
        rc = copy_open(ctx->store, name, &copy, err);
    if (rc != RC_OK)
        return rc;
    rc = pull_from(ctx->store, &copy, flags, &report, err);
    if (rc == RC_OK)
        rc = known_probe(ctx->store, copy.remote, copy.id, PROBE_AGAIN, &verdict, err);
    copy_close(&copy);
    if (rc != RC_OK)
        return rc;
    if (verdict.large == LARGE_REFUSED) {
        out_warn(ctx, "%s: a segment of a large escrow may be refused there: %s", name,
                 verdict.large_why);
        ctx->findings++;
    }
    if (report.skipped > 0) {
        out_warn(ctx, "%s: %s", name, report.note);
        ctx->findings++;
    }
    if (l->w != NULL) {
        jw_obj(l->w, NULL);
        jw_str(l->w, "name", name);
        jw_bool(l->w, "verified", 1);
        jw_int(l->w, "authors", report.authors);
        jw_int(l->w, "new_entries", report.new_entries);
        jw_int(l->w, "lagging", report.lagging);
        jw_int(l->w, "skipped", report.skipped);
        probe_members(l->w, &verdict);
        jw_opt(l->w, "newest_at", report.newest_at);
        jw_end_obj(l->w);
        return RC_OK;
    }
    out_printf(ctx, "%s verifies: %lld author%s, newest head %s\n", name, (long long)report.authors,
               report.authors == 1 ? "" : "s",
               report.newest_at[0] != '\0' ? report.newest_at : "none");
    probe_lines(ctx, &verdict);
    return RC_OK;
}

/* Each copy gets its turn, whatever came of the one before; the worst failure is the answer. */
static enum rc
check_all(struct listing *l, struct err *err)
{
    struct err worst = ERR_INIT;
    for (size_t i = 0;; i++) {
        struct err now = ERR_INIT;
        const char *name = ini_name_at(l->ctx->store->conf, "copy", i);
        enum rc rc = name != NULL ? check_one(l, name, &now) : RC_OK;
        if (name == NULL || rc == RC_INTERRUPTED) {
            *err = name == NULL ? worst : now;
            return err->code;
        }
        if (rc == RC_OK)
            continue;
        out_warn(l->ctx, "%s does not verify: %s", name, now.msg);
        if (l->w != NULL) {
            jw_obj(l->w, NULL);
            jw_str(l->w, "name", name);
            jw_bool(l->w, "verified", 0);
            jw_str(l->w, "why", now.msg);
            jw_end_obj(l->w);
        }
        /* One that is away says nothing bad of itself. */
        if (worst.code == RC_OK || worst.code == RC_COPY_UNREACHABLE ||
            err_worse_exit(err_exit(worst.code), err_exit(rc)) != err_exit(worst.code))
            worst = now;
    }
}

static enum rc
run_check(struct ctx *ctx, struct err *err)
{
    struct buf doc = {0};
    struct jw w;
    struct listing l = {.ctx = ctx};
    enum rc rc = RC_OK;
    const char *only = opt_arg(&ctx->opts, 0);
    if (only == NULL && ini_name_at(ctx->store->conf, "copy", 0) == NULL) {
        (void)err_set(err, RC_COPY_NOT_BOUND, "no copy is bound here");
        return err_hint(err, "make one: keymuster copy add NAME URL --site SITE");
    }
    if (out_is_json(ctx)) {
        session_answer(&doc, &w, "copy.check");
        jw_arr(&w, "items");
        l.w = &w;
    }
    rc = only != NULL ? check_one(&l, only, err) : check_all(&l, err);
    if (l.w != NULL && (rc == RC_OK || only == NULL)) {
        struct err scratch = ERR_INIT;
        jw_end_arr(&w);
        jw_end_obj(&w);
        enum rc said = out_json(ctx, &doc, rc == RC_OK ? err : &scratch);
        rc = rc == RC_OK ? said : rc;
    }
    buf_release(&doc);
    return rc;
}

#define PROGRAM_OPTION                                                                             \
    {                                                                                              \
        OPT_WITH_PROGRAM, "with-program", 0, NULL, 0, "lay this program down there, too, signed"   \
    }

static const struct opt_spec add_options[] = {
    {OPT_SITE, "site", 0, "SITE", 0, "where the copy lies"},
    {OPT_REMOVABLE, "removable", 0, NULL, 0, "a disk that is away most of the time"},
    {OPT_EVERY, "every", 0, "DUR", 0, "how often it has to be fresh"},
    {OPT_KEPT_AT, "kept-at", 0, "TEXT", 0, "where people find it, for the worst night"},
    PLACE_OPTIONS,
    PROGRAM_OPTION,
    OPT_END,
};
static const struct opt_spec set_options[] = {
    {OPT_REMOVABLE, "removable", 0, NULL, 0, "a disk that is away most of the time"},
    {OPT_EVERY, "every", 0, "DUR", 0, "how often it has to be fresh"},
    PLACE_OPTIONS,
    PROGRAM_OPTION,
    OPT_END,
};
static const struct opt_spec check_options[] = {
    {OPT_DEEP, "deep", 0, NULL, 0, "verify every object, not only what is new"},
    OPT_END,
};

const struct cmd cmd_copy_table[] = {
    {"copy", "add", "NAME URL --site SITE [option]...",
     "Makes a folder, share or USB disk a copy of the escrow.", add_options, 2, 2, CMD_WRITE,
     GROUP_SET_UP, run_add,
     "keymuster copy add usb file:///media/usb/escrow --site mad --removable\n"},
    {"copy", "set", "NAME URL [option]...", "Binds a copy that the log knows on this machine.",
     set_options, 2, 2, CMD_WRITE, GROUP_SET_UP, run_set, NULL},
    {"copy", "list", "", "Lists the copies and what they lack.", NULL, 0, 0, CMD_READ, GROUP_SET_UP,
     run_list, NULL},
    {"copy", "check", "[NAME] [--deep]", "Verifies a copy and tries what it promises.",
     check_options, 0, 1, CMD_WRITE, GROUP_SET_UP, run_check, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
