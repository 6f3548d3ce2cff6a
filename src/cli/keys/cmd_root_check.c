/* root check: what the KMSs say of the root keys now. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cmd_tables.h"
#include "cli/keys/root_check.h"
#include "cli/out.h"
#include "cli/reveal/show_request.h"
#include "cli/session.h"
#include "text/time.h"

struct checking {
    struct listing l; /* first: what cmd_list_objects hands on is this */
    struct root_check check;
};

static void
answer_json(struct jw *w, const struct root_checked *r)
{
    const struct root *root = &r->root;
    int asked = r->asked == RC_OK;
    jw_obj(w, NULL);
    jw_str(w, "name", root->object.name);
    jw_str(w, "uuid", root->object.uuid);
    jw_str(w, "kms", root->kms.name);
    jw_bool(w, "asked", asked);
    jw_str(w, "state", asked ? root_state_name(r->info.state) : "unknown");
    jw_str(w, "former_state", root_state_name(r->former));
    jw_opt(w, "version", root->version);
    jw_int(w, "versions", r->info.versions);
    jw_opt(w, "rotated_at", root->rotated_at);
    jw_opt(w, "expires", root->expires);
    jw_opt(w, "deleted_at", root->deleted_at);
    jw_opt(w, "deleted_by", root->deleted_by);
    jw_opt(w, "restore_until", root->restore_until);
    jw_int(w, "wraps_behind", r->behind);
    if (!asked || r->info.state == ROOT_DESTROYED) {
        jw_int(w, "keys", r->depend.keys);
        jw_int(w, "keys_only_here", r->depend.only);
    }
    if (!asked) {
        char code[16];
        (void)snprintf(code, sizeof code, "KM%04d", (int)r->asked);
        jw_str(w, "code", code);
        jw_str(w, "message", r->why.msg);
        jw_opt(w, "cause", r->why.why);
        jw_str(w, "unknown_since", r->unknown_since);
        jw_opt(w, "hint", root_unknown_hint(r->unknown_since));
    }
    jw_opt(w, "request", asked ? r->info.request : r->why.request);
    jw_end_obj(w);
}

static enum rc
check_root(void *arg, const struct object *o, struct err *err)
{
    struct checking *c = arg;
    struct root_checked r;
    char note[ROOT_NOTE], versions[24] = "", ago[AGO_TEXT] = "";
    int64_t rotated = 0;
    const char *only = opt_arg(&c->l.ctx->opts, 0);
    if (only != NULL && strcmp(only, o->name) != 0 && strcmp(only, o->uuid) != 0)
        return RC_OK;
    enum rc rc = root_check_one(&c->check, o, &r, err);
    if (rc != RC_OK)
        return rc;
    if (c->l.w != NULL) {
        answer_json(c->l.w, &r);
        return RC_OK;
    }
    root_check_note(note, &r);
    if (r.asked == RC_OK)
        (void)snprintf(versions, sizeof versions, "%u", r.info.versions);
    if (time_parse(&rotated, r.root.rotated_at) == 0)
        time_ago(ago, rotated, clock_now_ms());
    const char *cells[] = {o->name, r.asked == RC_OK ? root_state_name(r.info.state) : "unknown",
                           versions, ago, note};
    return cmd_table_row(c->l.table, cells, 5, err);
}

static enum rc
run_root_check(struct ctx *ctx, struct err *err)
{
    static const char *const titles[] = {"ROOT KEY", "STATE", "VERSION", "ROTATED", "NOTE", NULL};
    struct checking c = {.l = {.ctx = ctx}, .check = {.ctx = ctx}};
    struct object o;
    enum rc rc = RC_OK;
    if (opt_arg(&ctx->opts, 0) != NULL)
        rc = object_find(ctx->store, "root", opt_arg(&ctx->opts, 0), &o, err);
    if (rc == RC_OK && opt_has(&ctx->opts, OPT_SHOW_REQUEST))
        return show_request_roots(ctx, opt_arg(&ctx->opts, 0), err);
    if (rc == RC_OK)
        rc = cmd_list_objects(&c.l, "root.check", "root", titles, check_root, err);
    return rc == RC_OK ? session_publish(ctx, err) : rc;
}

/* clang-format off */
static const struct opt_spec check_options[] = {
    ONE_KMS_OPTIONS,
    SHOW_REQUEST_OPTION,
    OPT_END,
};
/* clang-format on */

const struct cmd cmd_root_check_table[] = {
    {"root", "check", "[NAME]",
     "Asks the KMSs for state, version and dates of root keys and records what is new.",
     check_options, 0, 1, CMD_WRITE, GROUP_SET_UP, run_root_check, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, GROUP_HELP, NULL, NULL},
};
