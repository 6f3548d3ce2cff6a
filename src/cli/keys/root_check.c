#include "cli/keys/root_check.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/session.h"
#include "escrow/log.h"
#include "text/time.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* ---- since when ---- */

static void
memory_name(char out[64], const char *root)
{
    (void)snprintf(out, 64, "unknown:%s", root);
}

enum rc
root_unknown_since(const struct store *store, const char *root, char out[TIME_TEXT + 1],
                   struct err *err)
{
    char name[64];
    struct buf v;
    buf_init(&v, TIME_TEXT);
    memory_name(name, root);
    enum rc rc = store_meta(store, name, &v, err);
    (void)snprintf(out, TIME_TEXT + 1, "%s", buf_str(&v));
    buf_release(&v);
    return rc;
}

const char *
root_unknown_hint(const char *since)
{
    int64_t at = 0;
    if (time_parse(&at, since) != 0 || clock_now_ms() - at < DAY_MS)
        return "";
    return "was the instance deleted? it can be taken back for some days: ibmcloud resource "
           "reclamations";
}

/* ---- asking ---- */

static enum rc
ask(struct root_check *c, struct root_checked *r)
{
    struct kms *kms = NULL;
    for (size_t i = 0; i < c->away_count; i++) {
        if (strcmp(c->away[i].kms, r->root.kms.uuid) == 0) {
            r->why = c->away[i].err;
            return r->why.code;
        }
    }
    enum rc rc = session_kms(c->ctx, &r->root.kms, &kms, &r->why);
    if (rc == RC_OK)
        rc = kms_root_info(kms, r->root.id, &r->info, &r->why);
    int all = kms_is_away(rc) || rc == RC_IAM_REFUSED || rc == RC_KMS_CERTIFICATE;
    if (all && c->away_count < ROOT_CHECK_AWAY) {
        memcpy(c->away[c->away_count].kms, r->root.kms.uuid, sizeof c->away[0].kms);
        c->away[c->away_count++].err = r->why;
    }
    /* One that was seen before and is not there now: that is another thing than a wrong id. */
    if (rc == RC_KMS_NO_ROOT && r->root.state != ROOT_UNKNOWN)
        rc = r->why.code = RC_ROOT_UNSEEN;
    return rc;
}

static enum rc
remember(struct root_check *c, struct root_checked *r, struct err *err)
{
    char name[64];
    memory_name(name, r->root.object.uuid);
    enum rc rc = log_begin(c->ctx->store, err);
    if (rc == RC_OK && r->asked == RC_OK)
        rc = session_observe(c->ctx, &r->root, &r->info, err);
    if (rc == RC_OK)
        rc = store_meta_set(c->ctx->store, name, r->unknown_since, err);
    return log_finish(c->ctx->store, rc, err);
}

static enum rc
count(struct root_check *c, struct root_checked *r, struct err *err)
{
    struct depend_on on = {.root = ""};
    const struct root *root = &r->root;
    memcpy(on.root, root->object.uuid, sizeof on.root);
    enum rc rc = RC_OK;
    if (root->version[0] != '\0' && root->state != ROOT_DESTROYED)
        rc = depend_behind(c->ctx->store, on.root, root->version, &r->behind, err);
    if (rc == RC_OK && (r->asked != RC_OK || root->state == ROOT_DESTROYED))
        rc = depend_count(c->ctx->store, &on, &r->depend, err);
    return rc;
}

enum rc
root_check_one(struct root_check *c, const struct object *o, struct root_checked *out,
               struct err *err)
{
    char before[TIME_TEXT + 1] = "";
    memset(out, 0, sizeof *out);
    out->info.state = ROOT_UNKNOWN;
    enum rc rc = root_load(c->ctx->store, o, &out->root, err);
    if (rc == RC_OK)
        rc = root_unknown_since(c->ctx->store, o->uuid, before, err);
    if (rc != RC_OK)
        return rc;
    out->former = out->root.state;
    out->asked = ask(c, out);
    if (out->asked != RC_OK && before[0] != '\0')
        memcpy(out->unknown_since, before, sizeof before);
    else if (out->asked != RC_OK)
        time_format(out->unknown_since, clock_now_ms());
    if (!c->ctx->dry_run && (out->asked == RC_OK || before[0] == '\0'))
        rc = remember(c, out, err);
    return rc == RC_OK ? count(c, out, err) : rc;
}

/* ---- telling ---- */

static void
add(char out[ROOT_NOTE], const char *text)
{
    size_t used = strlen(out);
    (void)snprintf(out + used, ROOT_NOTE - used, "%s%s", used > 0 ? "; " : "", text);
}

static void
note_depend(char out[ROOT_NOTE], const struct root_checked *r)
{
    char text[128];
    if (r->depend.keys == 0)
        return;
    (void)snprintf(text, sizeof text, "%lld key%s under it, %lld of them with no other wrap",
                   (long long)r->depend.keys, r->depend.keys == 1 ? "" : "s",
                   (long long)r->depend.only);
    add(out, text);
}

static void
note_destroyed(char out[ROOT_NOTE], const struct root_checked *r)
{
    char text[256];
    const struct root *root = &r->root;
    (void)snprintf(text, sizeof text, "destroyed%s%s%s%s",
                   root->deleted_at[0] != '\0' ? " on " : "", root->deleted_at,
                   root->deleted_by[0] != '\0' ? " by " : "", root->deleted_by);
    add(out, text);
    if (root->restore_until[0] == '\0')
        add(out, "it cannot be restored any more");
    else {
        (void)snprintf(text, sizeof text, "it can be restored until %s: keymuster root restore %s",
                       root->restore_until, root->object.name);
        add(out, text);
    }
    note_depend(out, r);
}

void
root_check_note(char out[ROOT_NOTE], const struct root_checked *r)
{
    char text[512];
    out[0] = '\0';
    if (r->asked != RC_OK) {
        (void)snprintf(text, sizeof text, "%.250s%s%.250s", r->why.msg,
                       r->why.why[0] != '\0' ? ": " : "", r->why.why);
        add(out, text);
        (void)snprintf(text, sizeof text, "unknown since %s", r->unknown_since);
        add(out, text);
        if (root_unknown_hint(r->unknown_since)[0] != '\0')
            add(out, root_unknown_hint(r->unknown_since));
        note_depend(out, r);
        return;
    }
    if (r->root.state == ROOT_DESTROYED)
        note_destroyed(out, r);
    if (r->root.state == ROOT_SUSPENDED)
        add(out, "disabled: nothing under it opens");
    if (r->root.expires[0] != '\0') {
        (void)snprintf(text, sizeof text, "%s %s: from then on it opens, but does not wrap",
                       r->root.state == ROOT_DEACTIVATED ? "expired" : "expires", r->root.expires);
        add(out, text);
    }
    if (r->behind > 0) {
        (void)snprintf(text, sizeof text, "%lld wrap%s behind it: keymuster rewrap --stale",
                       (long long)r->behind, r->behind == 1 ? " is" : "s are");
        add(out, text);
    }
}
