/* Root keys in IBM's KMSs: asking for one or all, making one, changing its state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/hash.h"
#include "kms/ibm.h"
#include "text/enc.h"
#include "text/jw.h"

enum { PAGE = 200, PAGES_MOST = 1000 };

static const char alias_chars[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/* ---- naming ---- */

static enum rc
no_such(struct err *err, const char *root, const char *why)
{
    (void)err_set(err, RC_KMS_NO_ROOT, "looking for root key %.100s", root);
    return err_why(err, "%s", why);
}

enum rc
ibm_root_ref(char out[ALIAS_TEXT + 1], const struct ibm *ibm, const char *root, struct err *err)
{
    struct crn crn;
    if (strncmp(root, "crn:", 4) == 0) {
        if (crn_parse(&crn, root) != 0 || crn.key[0] == '\0')
            return no_such(err, root, "that is not the CRN of a key");
        if (strcmp(crn.instance, ibm->instance) != 0) {
            (void)no_such(err, root, "that CRN is of another instance than this KMS");
            return err_hint(err, "its instance is %s, that of this KMS %s", crn.instance,
                            ibm->instance);
        }
        root = crn.key;
    }
    size_t len = strlen(root);
    if (len < 2 || len > ALIAS_TEXT || strspn(root, alias_chars) != len)
        return no_such(err, root, "that is neither an id nor a CRN nor an alias");
    (void)snprintf(out, ALIAS_TEXT + 1, "%s", root);
    return RC_OK;
}

/* "/keys/ROOT" and what follows. */
static void
key_path(char out[192], const char *root, const char *tail)
{
    (void)snprintf(out, 192, "/keys/%s%s", root, tail);
}

/* ---- asking ---- */

/* 404 becomes "no such root key" where none was recorded, so nothing can have been lost. */
static enum rc
not_there(const struct ibm_error *e, struct err *err)
{
    if (e->class == '?')
        err->code = RC_KMS_NO_ROOT;
    return err->code;
}

/* The answers to metadata and versions, judged. The count of versions is a courtesy. */
static enum rc
judge_info(struct ibm *ibm, const char *root, struct ibm_call *meta,
           const struct ibm_call *versions, struct root_info *out, struct err *err)
{
    struct ibm_error e;
    char doing[ALIAS_TEXT + 40];
    (void)snprintf(doing, sizeof doing, "looking at root key %s", root);
    memset(&e, 0, sizeof e);
    enum rc rc = meta->http.rc;
    if (rc != RC_OK) {
        *err = meta->http.err;
    } else if (meta->http.status != 200) {
        ibm_error_judge(&e, meta->http.status, buf_str(&meta->http.text), meta->http.text.len);
        (void)ibm_error_set(err, &e, doing);
        ibm_explain(ibm, &e, err);
        rc = not_there(&e, err);
    } else {
        rc = ibm_reply_one(out, root, buf_str(&meta->http.text), meta->http.text.len, err);
    }
    if (rc != RC_OK) {
        memcpy(err->request, meta->request, sizeof meta->request);
        return rc;
    }
    (void)snprintf(out->request, sizeof out->request, "%s", meta->request);
    if (versions != NULL && versions->http.rc == RC_OK && versions->http.status == 200)
        out->versions = ibm_reply_versions(buf_str(&versions->http.text), versions->http.text.len);
    return RC_OK;
}

static enum rc
ask_info(struct ibm *ibm, const char *root, int with_versions, struct root_info *out,
         struct err *err)
{
    char id[ALIAS_TEXT + 1], path[192];
    enum rc rc = ibm_root_ref(id, ibm, root, err);
    struct ibm_call *c = rc == RC_OK ? calloc(2, sizeof *c) : NULL;
    if (rc != RC_OK || c == NULL)
        return rc != RC_OK ? rc : err_nomem(err);
    struct ibm_call *const both[] = {&c[0], &c[1]};
    key_path(path, id, "/metadata");
    ibm_call_init(&c[0], ibm, "GET", id, path);
    key_path(path, id, "/versions?limit=1&totalCount=true&allKeyStates=true");
    ibm_call_init(&c[1], ibm, "GET", id, path);
    rc = ibm_ask(ibm, both, with_versions ? 2 : 1, err);
    if (rc == RC_OK)
        rc = judge_info(ibm, id, &c[0], with_versions ? &c[1] : NULL, out, err);
    ibm_call_release(&c[0]);
    ibm_call_release(&c[1]);
    free(c);
    return rc;
}

enum rc
ibm_metadata(struct ibm *ibm, const char *root, struct root_info *out, struct err *err)
{
    return ask_info(ibm, root, 0, out, err);
}

enum rc
ibm_root_info(void *self, const char *root, struct root_info *out, struct err *err)
{
    return ask_info(self, root, 1, out, err);
}

int
ibm_answers(struct ibm *ibm)
{
    struct ibm_call c;
    struct err scratch = ERR_INIT;
    ibm_call_init(&c, ibm, "HEAD", NULL, "/keys");
    int yes = ibm_ask_one(ibm, &c, "counting", NULL, &scratch) == RC_OK;
    ibm_call_release(&c);
    return yes;
}

/* There is no "next": a page that is not full is the last one. */
enum rc
ibm_root_each(void *self, kms_root_fn fn, void *arg, struct err *err)
{
    struct ibm *ibm = self;
    size_t count = PAGE;
    enum rc rc = RC_OK;
    for (size_t page = 0; rc == RC_OK && count >= PAGE; page++) {
        char path[128];
        struct ibm_call c;
        if (page == PAGES_MOST)
            return err_set(err, RC_KMS_REPLY, "the KMS's list of keys does not end");
        (void)snprintf(path, sizeof path,
                       "/keys?limit=%d&offset=%zu&state=0%%2C1%%2C2%%2C3%%2C5&extractable=false",
                       PAGE, page * PAGE);
        ibm_call_init(&c, ibm, "GET", NULL, path);
        rc = ibm_ask_one(ibm, &c, "listing root keys", NULL, err);
        if (rc == RC_OK)
            rc = ibm_reply_page(buf_str(&c.http.text), c.http.text.len, fn, arg, &count, err);
        ibm_call_release(&c);
    }
    return rc;
}

/* ---- making ---- */

/* Words that stand at an alias's place in the paths of the API. */
static int
is_reserved(const char *alias)
{
    static const char *const words[] = {"allowed_ip", "key",      "keys",         "metadata",
                                        "policy",     "policies", "registration", "registrations",
                                        "ring",       "rings",    "rotate",       "wrap",
                                        "unwrap",     "rewrap",   "version",      "versions"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], alias) == 0)
            return 1;
    }
    return 0;
}

static enum rc
check_alias(const char *alias, struct err *err)
{
    size_t len = strlen(alias);
    if (len >= 2 && len <= ALIAS_TEXT && strspn(alias, alias_chars) == len && !is_reserved(alias) &&
        !uuid_is(alias))
        return RC_OK;
    (void)err_set(err, RC_BAD_NAME, "root key %.90s: Key Protect does not take this alias", alias);
    return err_hint(err, "2 to 90 of a-z A-Z 0-9 - _ (no dot), and not one of its own words");
}

static void
create_body(struct buf *out, const char *alias)
{
    static const char type[] = "application/vnd.ibm.kms.key+json";
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_obj(&w, "metadata");
    jw_str(&w, "collectionType", type);
    jw_int(&w, "collectionTotal", 1);
    jw_end_obj(&w);
    jw_arr(&w, "resources");
    jw_obj(&w, NULL);
    jw_str(&w, "type", type);
    jw_str(&w, "name", alias);
    jw_arr(&w, "aliases");
    jw_str(&w, NULL, alias);
    jw_end_arr(&w);
    jw_bool(&w, "extractable", 0);
    jw_end_obj(&w);
    jw_end_arr(&w);
    jw_end_obj(&w);
}

/* Repeated when no answer came: the alias is unique, so there is never a second key. */
enum rc
ibm_root_create(void *self, const char *alias, struct root_info *out, struct err *err)
{
    struct ibm *ibm = self;
    struct ibm_call c;
    char doing[ALIAS_TEXT + 40];
    enum rc rc = check_alias(alias, err);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(doing, sizeof doing, "creating root key %s", alias);
    ibm_call_init(&c, ibm, "POST", NULL, "/keys");
    create_body(&c.body, alias);
    rc = ibm_ask_one(ibm, &c, doing, NULL, err);
    if (rc == RC_OK && c.http.text.len > 0)
        rc = ibm_reply_one(out, alias, buf_str(&c.http.text), c.http.text.len, err);
    else if (rc == RC_OK) /* made, but not described */
        rc = ibm_metadata(ibm, alias, out, err);
    if (rc == RC_OK) {
        out->versions = 1;
        if (out->version[0] == '\0') /* the first version's id is the key's */
            memcpy(out->version, out->id, sizeof out->version);
        (void)snprintf(out->request, sizeof out->request, "%s", c.request);
    }
    ibm_call_release(&c);
    return rc;
}

/* ---- changing ---- */

static const struct change_rule {
    const char *doing;
    const char *method;
    const char *tail;
    enum root_state to; /* ROOT_UNKNOWN: stays */
} changes[] = {
    [KMS_ROTATE] = {"rotating", "POST", "/actions/rotate", ROOT_UNKNOWN},
    [KMS_DISABLE] = {"disabling", "POST", "/actions/disable", ROOT_SUSPENDED},
    [KMS_ENABLE] = {"enabling", "POST", "/actions/enable", ROOT_ACTIVE},
    [KMS_DESTROY] = {"destroying", "DELETE", "", ROOT_DESTROYED},
    [KMS_RESTORE] = {"restoring", "POST", "/restore", ROOT_ACTIVE},
};

/* Whether what was wanted is so, though the answer was lost or a repeat was refused. */
static int
happened(enum kms_change change, const struct root_info *before, const struct root_info *now)
{
    if (change != KMS_ROTATE)
        return before->state != changes[change].to && now->state == changes[change].to;
    return now->version[0] != '\0' && before->version[0] != '\0' &&
           strcmp(now->version, before->version) != 0;
}

/* After a yes, which a proxy may have said: whether it is so. */
static int
shows(enum kms_change change, const struct root_info *before, const struct root_info *now)
{
    if (change == KMS_ROTATE)
        return now->version[0] == '\0' || strcmp(now->version, before->version) != 0;
    return change == KMS_RESTORE ? now->state != ROOT_DESTROYED : now->state == changes[change].to;
}

static enum rc
refine_change(struct err *err, const struct ibm_error *e, enum kms_change change,
              const struct root_info *now)
{
    if (e->rc != RC_ROOT_STATE && e->rc != RC_ROOT_DESTROYED)
        return err->code;
    if (now->state == ROOT_DESTROYED || (now->state == ROOT_SUSPENDED && change == KMS_ROTATE))
        return ibm_error_state(err, now, KMS_WRAP);
    err->code = RC_ROOT_STATE;
    return err_why(err, "it is %s", root_state_name(now->state));
}

/* One try that no answer came to is not repeated blindly: what is so now decides. */
static enum rc
send_change(struct ibm *ibm, const char *id, enum kms_change change, const struct root_info *before,
            struct err *err)
{
    const struct change_rule *rule = &changes[change];
    char path[192], doing[ALIAS_TEXT + 40];
    struct ibm_call c;
    struct ibm_error e;
    struct root_info now = {.state = ROOT_UNKNOWN};
    struct err scratch = ERR_INIT;
    key_path(path, id, rule->tail);
    (void)snprintf(doing, sizeof doing, "%s root key %s", rule->doing, id);
    ibm_call_init(&c, ibm, rule->method, id, path);
    c.http.repeatable = change != KMS_ROTATE;
    c.http.fresh = 1;
    if (change == KMS_ROTATE)
        buf_adds(&c.body, "{}");
    enum rc rc = ibm_ask_one(ibm, &c, doing, &e, err);
    int doubtful = rc != RC_OK && (c.http.lost || c.http.status >= 500 || c.http.tries > 1);
    int state = e.class == 'S' || e.class == 'X';
    if (rc != RC_OK && rc != RC_INTERRUPTED && (doubtful || state) &&
        ibm_metadata(ibm, id, &now, &scratch) == RC_OK) {
        if (doubtful && happened(change, before, &now))
            rc = RC_OK;
        else if (state)
            rc = refine_change(err, &e, change, &now);
    } else if (rc != RC_OK && doubtful && c.http.lost) {
        (void)err_hint(err, "whether it was done is not known; ask: keymuster root check");
    }
    ibm_call_release(&c);
    return rc;
}

enum rc
ibm_root_change(void *self, const char *root, enum kms_change change, struct root_info *out,
                struct err *err)
{
    struct ibm *ibm = self;
    struct root_info before;
    enum rc rc = ibm_metadata(ibm, root, &before, err);
    if (rc == RC_OK)
        rc = send_change(ibm, before.id, change, &before, err);
    if (rc == RC_OK)
        rc = ask_info(ibm, before.id, 1, out, err);
    if (rc != RC_OK || shows(change, &before, out))
        return rc;
    (void)err_set(err, RC_KMS_REPLY, "%s root key %s", changes[change].doing, before.id);
    return err_why(err, "something said that it is done, and the KMS shows it as %s, not changed",
                   root_state_name(out->state));
}

/* ---- rights ---- */

enum rc
ibm_may(void *self, enum kms_right right, int *yes, struct err *err)
{
    static const char *const tails[] = {
        [KMS_MAY_ROTATE] = "/actions/rotate", [KMS_MAY_MANAGE] = "/actions/disable"};
    struct ibm *ibm = self;
    struct ibm_call c;
    struct ibm_error e;
    char nobody[UUID_TEXT + 1];
    random_uuid(nobody);
    if (right == KMS_MAY_USE) {
        ibm_call_init(&c, ibm, "HEAD", NULL, "/keys");
    } else {
        char path[192];
        key_path(path, nobody, tails[right]);
        ibm_call_init(&c, ibm, "POST", nobody, path);
    }
    enum rc rc = ibm_ask_one(ibm, &c, "trying a right", &e, err);
    *yes = rc == RC_OK || e.class == '?';
    if (*yes || e.status == 401 || e.status == 403) {
        err_clear(err);
        rc = RC_OK;
    }
    ibm_call_release(&c);
    return rc;
}
