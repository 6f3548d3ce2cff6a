#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "crypt/hash.h"
#include "kms/local.h"
#include "sys/lock.h"
#include "text/enc.h"
#include "text/time.h"
#include "text/uni.h"

static const int64_t DAY_MS = 24LL * 60 * 60 * 1000;
static const int64_t RESTORE_DAYS = 30;
static const int64_t PURGE_DAYS = 90;
static const int64_t LOCK_WAIT_MS = 10000;

void
local_session_end(struct local_session *s)
{
    secret_free(s->material_key);
    local_file_release(&s->file);
    lock_release(s->lock);
}

enum rc
local_session_begin(struct local_session *s, const struct local *l, int lock, struct err *err)
{
    enum rc rc = RC_OK;
    memset(s, 0, sizeof *s);
    s->local = l;
    s->lock = -1;
    if (lock) {
        char path[PATH_SIZE + 8];
        (void)snprintf(path, sizeof path, "%s.lock", l->path);
        rc = lock_take(&s->lock, path, LOCK_WAIT_MS, err);
    }
    if (rc == RC_OK)
        rc = local_file_load(&s->file, l, err);
    if (rc == RC_OK)
        rc = local_material_key(&s->material_key, l, err);
    if (rc != RC_OK)
        local_session_end(s);
    return rc;
}

/* ---- states ---- */

static int
is_purged(const struct local_root *r)
{
    return r->state == ROOT_DESTROYED && clock_now_ms() - r->deleted_ms > PURGE_DAYS * DAY_MS;
}

static int
is_restorable(const struct local_root *r)
{
    return r->state == ROOT_DESTROYED && clock_now_ms() - r->deleted_ms <= RESTORE_DAYS * DAY_MS;
}

static enum rc
purged_error(const struct local_root *r, struct err *err, const char *doing)
{
    char when[TIME_TEXT + 1];
    time_format(when, r->deleted_ms);
    (void)err_set(err, RC_ROOT_PURGED, "%s root key %s", doing, r->alias);
    return err_why(err, "it was destroyed at %s, more than %d days ago", when, (int)PURGE_DAYS);
}

static enum rc
destroyed_error(const struct local_root *r, struct err *err, const char *doing)
{
    char when[TIME_TEXT + 1], until[TIME_TEXT + 1];
    time_format(when, r->deleted_ms);
    time_format(until, r->deleted_ms + RESTORE_DAYS * DAY_MS);
    (void)err_set(err, RC_ROOT_DESTROYED, "%s root key %s", doing, r->alias);
    if (!is_restorable(r))
        return err_why(err, "it was destroyed at %s and could be restored until %s", when, until);
    (void)err_why(err, "it was destroyed at %s and can be restored until %s", when, until);
    return err_hint(err, "keymuster root restore %s", r->alias);
}

static enum rc
disabled_error(const struct local_root *r, struct err *err, const char *doing)
{
    (void)err_set(err, RC_ROOT_DISABLED, "%s root key %s", doing, r->alias);
    (void)err_why(err, "it is disabled");
    return err_hint(err, "keymuster root enable %s", r->alias);
}

/* May it wrap, unwrap, rewrap now? */
enum rc
local_use_check(const struct local_root *r, enum kms_verb verb, const char *doing, struct err *err)
{
    switch (r->state) {
    case ROOT_ACTIVE:
        return RC_OK;
    case ROOT_SUSPENDED:
        return disabled_error(r, err, doing);
    case ROOT_DEACTIVATED:
        if (verb != KMS_WRAP)
            return RC_OK;
        (void)err_set(err, RC_ROOT_EXPIRED, "%s root key %s", doing, r->alias);
        (void)err_why(err, "it is expired: it unwraps, but does not wrap");
        return err_hint(err, "use another root key: keymuster rehome --from %s --to ROOT",
                        r->alias);
    case ROOT_DESTROYED:
        return destroyed_error(r, err, doing);
    case ROOT_PREACTIVE:
    case ROOT_UNKNOWN:
    default:
        (void)err_set(err, RC_ROOT_STATE, "%s root key %s", doing, r->alias);
        return err_why(err, "it is %s", root_state_name(r->state));
    }
}

/* By id or alias. RC_KMS_NO_ROOT, RC_ROOT_PURGED. */
enum rc
local_find(struct local_root **out, const struct local_session *s, const char *root,
           const char *doing, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; i < s->file.count; i++) {
        struct local_root *r = &s->file.roots[i];
        if (strcmp(r->id, root) != 0 && strcmp(r->alias, root) != 0)
            continue;
        if (is_purged(r))
            return purged_error(r, err, doing);
        *out = r;
        return RC_OK;
    }
    (void)err_set(err, RC_KMS_NO_ROOT, "%s root key %s", doing, root);
    return err_why(err, "the KMS file %s has no such root key", s->local->path);
}

static void
info_fill(struct root_info *out, const struct local_root *r)
{
    memset(out, 0, sizeof *out);
    memcpy(out->id, r->id, sizeof out->id);
    memcpy(out->alias, r->alias, sizeof out->alias);
    memcpy(out->version, local_current(r)->id, sizeof out->version);
    out->state = r->state;
    out->versions = (unsigned)r->count;
    out->created_ms = r->created_ms;
    out->updated_ms = r->updated_ms;
    out->rotated_ms = r->rotated_ms;
    out->deleted_ms = r->deleted_ms;
    if (r->state == ROOT_DESTROYED)
        out->restore_until_ms = r->deleted_ms + RESTORE_DAYS * DAY_MS;
}

/* The real one sends a correlation id with every answer; so that records look alike, we make one.
 */
void
local_request(char out[64])
{
    memset(out, 0, 64);
    random_uuid(out);
}

/* ---- root keys ---- */

enum rc
local_root_info(void *self, const char *root, struct root_info *out, struct err *err)
{
    struct local_session s;
    struct local_root *r = NULL;
    enum rc rc = local_session_begin(&s, self, 0, err);
    if (rc != RC_OK)
        return rc;
    rc = local_find(&r, &s, root, "looking at", err);
    if (rc == RC_OK) {
        info_fill(out, r);
        local_request(out->request);
    }
    local_session_end(&s);
    return rc;
}

enum rc
local_root_each(void *self, kms_root_fn fn, void *arg, struct err *err)
{
    struct local_session s;
    struct root_info info;
    char request[64];
    enum rc rc = local_session_begin(&s, self, 0, err);
    if (rc != RC_OK)
        return rc;
    local_request(request); /* one list, one request */
    for (size_t i = 0; rc == RC_OK && i < s.file.count; i++) {
        if (is_purged(&s.file.roots[i]))
            continue;
        info_fill(&info, &s.file.roots[i]);
        memcpy(info.request, request, sizeof info.request);
        rc = fn(arg, &info, err);
    }
    local_session_end(&s);
    return rc;
}

/* Destroyed and purged root keys keep their alias: a name never comes to mean another key. */
static enum rc
alias_check(const struct local_session *s, const char *alias, struct err *err)
{
    enum rc rc = name_check(alias, "root key", err);
    if (rc != RC_OK)
        return rc;
    if (uuid_is(alias))
        return err_set(err, RC_BAD_NAME, "root key %s: a name may not look like an id", alias);
    for (size_t i = 0; i < s->file.count; i++) {
        const struct local_root *r = &s->file.roots[i];
        if (strcmp(r->alias, alias) != 0)
            continue;
        (void)err_set(err, RC_EXISTS, "creating root key %s", alias);
        return err_why(err, "the KMS has one of this name, %s (%s)", r->id,
                       root_state_name(r->state));
    }
    return RC_OK;
}

static enum rc
create(struct local_session *s, const char *alias, struct root_info *out, struct err *err)
{
    int64_t now = clock_now_ms();
    enum rc rc = alias_check(s, alias, err);
    if (rc != RC_OK)
        return rc;
    struct local_root *r = local_root_add(&s->file);
    struct local_version *v = r != NULL ? local_version_add(r) : NULL;
    if (v == NULL)
        return err_nomem(err);
    random_uuid(r->id);
    strncpy(r->alias, alias, sizeof r->alias - 1);
    r->state = ROOT_ACTIVE;
    r->created_ms = r->updated_ms = now;
    /* As in the real one, the first version's id is the root key's. */
    if ((rc = local_version_make(v, r->id, now, s->material_key, err)) != RC_OK ||
        (rc = local_file_save(s->local, &s->file, err)) != RC_OK)
        return rc;
    info_fill(out, r);
    local_request(out->request);
    return RC_OK;
}

enum rc
local_root_create(void *self, const char *alias, struct root_info *out, struct err *err)
{
    struct local_session s;
    enum rc rc = local_session_begin(&s, self, 1, err);
    if (rc != RC_OK)
        return rc;
    rc = create(&s, alias, out, err);
    local_session_end(&s);
    return rc;
}

#define BIT(state) (1u << (unsigned)(state))

/* From which states a change is possible, and where it leads (ROOT_UNKNOWN: stays). */
static const struct rule {
    const char *doing;
    unsigned from;
    enum root_state to;
} rules[] = {
    [KMS_ROTATE] = {"rotating", BIT(ROOT_ACTIVE) | BIT(ROOT_DEACTIVATED), ROOT_UNKNOWN},
    [KMS_DISABLE] = {"disabling", BIT(ROOT_ACTIVE), ROOT_SUSPENDED},
    [KMS_ENABLE] = {"enabling", BIT(ROOT_SUSPENDED), ROOT_ACTIVE},
    [KMS_DESTROY] = {"destroying",
                     BIT(ROOT_PREACTIVE) | BIT(ROOT_ACTIVE) | BIT(ROOT_SUSPENDED) |
                         BIT(ROOT_DEACTIVATED),
                     ROOT_DESTROYED},
    [KMS_RESTORE] = {"restoring", BIT(ROOT_DESTROYED), ROOT_ACTIVE},
};

static enum rc
change_check(const struct local_root *r, enum kms_change change, struct err *err)
{
    const struct rule *rule = &rules[change];
    assert(r != NULL);
    if (rule->from & BIT(r->state)) {
        if (change != KMS_RESTORE || is_restorable(r))
            return RC_OK;
        (void)destroyed_error(r, err, rule->doing); /* its reason has the dates */
        return err->code = RC_ROOT_PURGED;
    }
    if (r->state == ROOT_DESTROYED)
        return destroyed_error(r, err, rule->doing);
    if (r->state == ROOT_SUSPENDED && change == KMS_ROTATE)
        return disabled_error(r, err, rule->doing);
    (void)err_set(err, RC_ROOT_STATE, "%s root key %s", rule->doing, r->alias);
    return err_why(err, "it is %s", root_state_name(r->state));
}

static enum rc
rotate(const struct local_session *s, struct local_root *r, int64_t now, struct err *err)
{
    char id[UUID_TEXT + 1];
    struct local_version *v = local_version_add(r);
    if (v == NULL)
        return err_nomem(err);
    random_uuid(id);
    r->rotated_ms = now;
    return local_version_make(v, id, now, s->material_key, err);
}

static enum rc
change_apply(struct local_session *s, struct local_root *r, enum kms_change change, struct err *err)
{
    int64_t now = clock_now_ms();
    enum rc rc = change_check(r, change, err);
    if (rc != RC_OK)
        return rc;
    if (change == KMS_ROTATE && (rc = rotate(s, r, now, err)) != RC_OK)
        return rc;
    if (rules[change].to != ROOT_UNKNOWN)
        r->state = rules[change].to;
    if (change == KMS_DESTROY || change == KMS_RESTORE)
        r->deleted_ms = change == KMS_DESTROY ? now : 0;
    /* Always grows, even when the clock goes back: observers take the state of the later date. */
    r->updated_ms = now > r->updated_ms ? now : r->updated_ms + 1;
    return local_file_save(s->local, &s->file, err);
}

enum rc
local_root_change(void *self, const char *root, enum kms_change change, struct root_info *out,
                  struct err *err)
{
    struct local_session s;
    struct local_root *r = NULL;
    enum rc rc = local_session_begin(&s, self, 1, err);
    if (rc != RC_OK)
        return rc;
    if ((rc = local_find(&r, &s, root, rules[change].doing, err)) == RC_OK &&
        (rc = change_apply(&s, r, change, err)) == RC_OK) {
        info_fill(out, r);
        local_request(out->request);
    }
    local_session_end(&s);
    return rc;
}
