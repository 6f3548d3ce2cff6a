/* Key Protect v2: routes, who may, errors, and the order in which a request is judged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"

#define USABLE (IN(ACTIVE) | IN(SUSPENDED) | IN(DEACTIVATED))

static const struct route routes[] = {
    {"POST", "keys", ROLE_WRITER, ANY_STATE, CHANGES | CRYPTO, "Key could not be created",
     keys_create},
    {"POST", "keys_with_policy_overrides", ROLE_MANAGER, ANY_STATE, CHANGES | CRYPTO,
     "Key could not be created", keys_create},
    {"GET", "keys", ROLE_READER, ANY_STATE, 0, "Keys could not be retrieved", keys_list},
    {"HEAD", "keys", ROLE_READER, ANY_STATE, 0, "Keys could not be retrieved", keys_count},
    {"GET", "keys/registrations", ROLE_READER, ANY_STATE, 0, "Registrations could not be retrieved",
     registrations_list},
    {"GET", "keys/{k}", ROLE_READER_PLUS, ANY_STATE, 0, "Key could not be retrieved", key_get},
    {"PATCH", "keys/{k}", ROLE_MANAGER, USABLE, CHANGES, "Key could not be updated", key_patch},
    {"DELETE", "keys/{k}", ROLE_MANAGER, USABLE, CHANGES, "Key could not be deleted", key_delete},
    {"GET", "keys/{k}/metadata", ROLE_READER, ANY_STATE, 0, "Key could not be retrieved",
     key_metadata},
    {"GET", "keys/{k}/versions", ROLE_READER, ANY_STATE, ROOT_ONLY,
     "Key version(s) could not be retrieved", key_versions},
    {"POST", "keys/{k}/actions/wrap", ROLE_READER, IN(ACTIVE), CRYPTO | ROOT_ONLY,
     "Wrap with key could not be performed", key_wrap},
    {"POST", "keys/{k}/actions/unwrap", ROLE_READER, IN(ACTIVE) | IN(DEACTIVATED),
     CRYPTO | ROOT_ONLY, "Unwrap with key could not be performed", key_unwrap},
    {"POST", "keys/{k}/actions/rewrap", ROLE_READER, IN(ACTIVE) | IN(DEACTIVATED),
     CRYPTO | ROOT_ONLY, "Rewrap with key could not be performed", key_rewrap},
    {"POST", "keys/{k}/actions/rotate", ROLE_WRITER, IN(ACTIVE) | IN(DEACTIVATED),
     CHANGES | CRYPTO | ROOT_ONLY, "Key could not be rotated", key_rotate},
    {"POST", "keys/{k}/actions/disable", ROLE_MANAGER, IN(ACTIVE), CHANGES | ROOT_ONLY,
     "Key could not be disabled", key_disable},
    {"POST", "keys/{k}/actions/enable", ROLE_MANAGER, IN(SUSPENDED), CHANGES | ROOT_ONLY,
     "Key could not be enabled", key_enable},
    {"POST", "keys/{k}/actions/setKeyForDeletion", ROLE_WRITER, USABLE, CHANGES,
     "Action could not be performed on key", key_set_for_deletion},
    {"POST", "keys/{k}/actions/unsetKeyForDeletion", ROLE_WRITER, USABLE, CHANGES,
     "Action could not be performed on key", key_unset_for_deletion},
    {"POST", "keys/{k}/actions/sync", ROLE_WRITER, USABLE, CHANGES,
     "Could not initiate sync requests to associated resources", key_sync},
    {"POST", "keys/{k}/restore", ROLE_MANAGER, IN(DESTROYED), CHANGES, "Key could not be restored",
     key_restore},
    {"DELETE", "keys/{k}/purge", ROLE_PURGE, IN(DESTROYED), CHANGES, "Key could not be purged",
     key_purge},
    {"POST", "keys/{k}/aliases/{x}", ROLE_WRITER, USABLE, CHANGES, "Alias could not be created",
     alias_create},
    {"DELETE", "keys/{k}/aliases/{x}", ROLE_WRITER, ANY_STATE, CHANGES,
     "Alias could not be deleted", alias_delete},
    {"GET", "keys/{k}/policies", ROLE_MANAGER, ANY_STATE, 0, "Policies could not be retrieved",
     policies_get},
    {"PUT", "keys/{k}/policies", ROLE_MANAGER, USABLE, CHANGES, "Policies could not be created",
     policies_put},
    {"GET", "keys/{k}/registrations", ROLE_READER, ANY_STATE, 0,
     "Registrations could not be retrieved", registrations_list},
    {"GET", "instance/policies", ROLE_MANAGER, ANY_STATE, 0,
     "Instance policies could not be retrieved", instance_policies_get},
    {"PUT", "instance/policies", ROLE_MANAGER, ANY_STATE, CHANGES,
     "Instance policy could not be created", instance_policies_put},
    {"GET", "key_rings", ROLE_READER, ANY_STATE, 0, "Key rings could not be retrieved", rings_list},
    {"POST", "key_rings/{x}", ROLE_WRITER, ANY_STATE, CHANGES, "Key ring could not be created",
     ring_create},
    {"DELETE", "key_rings/{x}", ROLE_MANAGER, ANY_STATE, CHANGES, "Key ring could not be deleted",
     ring_delete},
};

/* ---- errors ---- */

static const char *
phrase_of(int status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 409:
        return "Conflict";
    case 410:
        return "Gone";
    case 422:
        return "Unprocessable Entity";
    case 503:
        return "Service Unavailable";
    default:
        return "Error";
    }
}

static cJSON *
error_envelope(struct call *c, int status, const char *text)
{
    cJSON *body = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(body, "metadata");
    set_text(meta, "collectionType", "application/vnd.ibm.kms.error+json");
    set_number(meta, "collectionTotal", 1);
    cJSON *one = cJSON_CreateObject();
    char other[UUID_SIZE]; /* nothing may be decided on the text: a setting makes it another each
                              time */
    set_text(one, "errorMsg", cJSON_IsTrue(setting("varied_texts")) ? uuid_new(other) : text);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "resources"), one);
    answer_json(c->a, status, body);
    return one;
}

void
fail(struct call *c, int status, const char *code, const char *target, const char *message)
{
    char text[512], padded[64], other[UUID_SIZE];
    int on_key = strcmp(code, "KEY_ROOT_REQ_ERR") == 0 || strcmp(code, "NO_BODY_ERR") == 0;
    (void)snprintf(text, sizeof text, "%s: %s: Please see 'reasons' for more details (%s)",
                   phrase_of(status),
                   on_key ? "Action could not be performed on key" : c->route->what, code);
    cJSON *one = error_envelope(c, status, text);
    if (cJSON_IsTrue(setting("no_reasons")))
        return;
    cJSON *reason = cJSON_CreateObject();
    (void)snprintf(padded, sizeof padded, " %s", code);
    set_text(reason, "code", cJSON_IsTrue(setting("blank_codes")) ? padded : code);
    set_text(reason, "message", cJSON_IsTrue(setting("varied_texts")) ? uuid_new(other) : message);
    if (!cJSON_IsTrue(setting("no_reason_status")))
        set_number(reason, "status", status);
    set_text(reason, "moreInfo", "https://cloud.ibm.com/apidocs/key-protect");
    if (target) {
        cJSON *t = cJSON_AddObjectToObject(reason, "target");
        set_text(t, "type", strcmp(code, "INVALID_QUERY_PARAM_ERR") == 0 ? "query_param" : "field");
        set_text(t, "name", target);
    }
    cJSON_AddItemToArray(cJSON_AddArrayToObject(one, "reasons"), reason);
}

/* without reasons, and so without a code */
static void
fail_bare(struct call *c, int status, const char *message)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s: %s", phrase_of(status), message);
    (void)error_envelope(c, status, text);
}

static int
unauthorized(struct call *c)
{
    fail_bare(c, 401, "The user does not have access to the specified resource");
    return 0;
}

int
body_read_json(struct call *c, cJSON **out)
{
    *out = NULL;
    const struct request *r = c->r;
    if (r->body_len == 0)
        return 1;
    cJSON *body = cJSON_ParseWithOpts(r->body, NULL, 1);
    if (cJSON_IsNull(body)) {
        cJSON_Delete(body);
        return 1;
    }
    if (!cJSON_IsObject(body)) {
        cJSON_Delete(body);
        fail(c, 400, "BAD_BODY_ERR", NULL, "The body is not valid JSON");
        return 0;
    }
    *out = body;
    return 1;
}

int
prefers(const struct call *c, const char *what)
{
    const char *p = header_of(c->r, "Prefer");
    return p && strstr(p, what) != NULL;
}

/* ---- who may ---- */

static int
has_role(const cJSON *apikey, const struct call *c)
{
    const cJSON *g;
    cJSON_ArrayForEach(g, cJSON_GetObjectItemCaseSensitive(apikey, "grants"))
    {
        static const char *const names[] = {"None",   "Reader",  "ReaderPlus",
                                            "Writer", "Manager", "KeyPurge"};
        const char *where = text_of(g, "instance"), *ring = text_of(g, "ring");
        enum role role = ROLE_NONE;
        for (enum role i = ROLE_NONE; i <= ROLE_PURGE; i++)
            if (strcmp(text_of(g, "role"), names[i]) == 0)
                role = i;
        if (strcmp(where, "*") != 0 && strcmp(where, text_of(c->instance, "id")) != 0 &&
            strcmp(where, text_of(c->instance, "name")) != 0)
            continue;
        if (*ring && (!c->ring || strcmp(ring, c->ring) != 0))
            continue;
        if (role == c->route->role ||
            (role != ROLE_PURGE && c->route->role != ROLE_PURGE && role >= c->route->role))
            return 1;
    }
    return 0;
}

/* The caller's API key by the bearer token; NULL: the error is in the answer. */
static const cJSON *
caller(struct call *c)
{
    const char *bearer = header_of(c->r, "Authorization");
    if (!bearer || strncmp(bearer, "Bearer ", 7) != 0) {
        (void)unauthorized(c);
        return NULL;
    }
    const char *jwt = bearer + 7, *dot = strchr(jwt, '.');
    if (!dot || dot == strrchr(jwt, '.')) {
        fail(c, 400, "BEARER_SUB_EXTRACTION_ERR", NULL, "The bearer token is malformed");
        return NULL;
    }
    cJSON *claims = token_read(jwt);
    const cJSON *apikey =
        claims ? find_by(list_of(state, "apikeys"), "iam_id", text_of(claims, "iam_id")) : NULL;
    int64_t until = number_of(claims, "exp");
    cJSON_Delete(claims);
    if (!apikey) {
        (void)unauthorized(c);
        return NULL;
    }
    if (now() >= until) {
        const cJSON *as = setting("expired_token_status");
        if (cJSON_IsNumber(as) && as->valueint == 401)
            (void)unauthorized(c);
        else
            answer_text(c->a, 400, "text/plain", "Bad Request: Token is expired");
        return NULL;
    }
    c->who = text_of(apikey, "iam_id");
    (void)snprintf(c->a->who, sizeof c->a->who, "%s", c->who);
    return apikey;
}

static int
instance_is_here(const cJSON *instance, const struct front *f)
{
    return strcmp(text_of(instance, "region"), f->region) == 0 &&
           strcmp(text_of(instance, "offering"), f->offering) == 0 &&
           (!*f->instance || strcmp(text_of(instance, "id"), f->instance) == 0);
}

static int
authorize(struct call *c)
{
    const cJSON *apikey = caller(c);
    if (!apikey)
        return 0;
    const char *id = header_of(c->r, "Bluemix-Instance");
    if (!id || !uuid_is(id)) {
        fail_bare(c, 400, "Bluemix-Instance must be a valid UUID");
        return 0;
    }
    (void)snprintf(c->a->instance, sizeof c->a->instance, "%s", id);
    c->instance = find_by(list_of(state, "instances"), "id", id);
    c->ring = header_of(c->r, "X-Kms-Key-Ring");
    if (!c->instance || !instance_is_here(c->instance, c->r->front) ||
        truth_of(c->instance, "network_refused") ||
        strcmp(text_of(apikey, "account"), text_of(c->instance, "account")) != 0 ||
        !has_role(apikey, c))
        return unauthorized(c);
    return 1;
}

/* ---- the order of judgement: authorisation, header, key, destroyed, state, root key; then the
 * operation's own ---- */

static int
key_allows(struct call *c)
{
    const char *other = text_of(c->r->fault, "use_key");
    c->key = key_find(c->instance, *other ? other : c->part[0], c->ring);
    if (!c->key) {
        fail(c, 404, "KEY_NOT_FOUND_ERR", NULL, "Key does not exist");
        return 0;
    }
    unsigned at = IN((unsigned)number_of(c->key, "state")), allowed = c->route->states;
    if (strcmp(text_of(c->instance, "offering"), "hpcs") == 0 && c->route->run == key_rotate)
        allowed &= ~IN(DEACTIVATED);
    if (allowed != ANY_STATE && !(allowed & at)) {
        if (at == IN(DESTROYED))
            fail(c, 410, "KEY_DELETED_ERR", NULL, "Key has already been deleted");
        else
            fail(c, 409, "KEY_ACTION_INVALID_STATE_ERR", NULL, "Key is not in a valid state");
        return 0;
    }
    if ((c->route->flags & ROOT_ONLY) && truth_of(c->key, "extractable")) {
        fail(c, 400, "KEY_ROOT_REQ_ERR", NULL,
             "Requested action can only be completed with a root key");
        return 0;
    }
    return 1;
}

static int
instance_allows(struct call *c)
{
    const cJSON *region;
    cJSON_ArrayForEach(
        region,
        setting("read_only")) if (cJSON_IsString(region) && (c->route->flags & CHANGES) &&
                                  strcmp(region->valuestring, text_of(c->instance, "region")) == 0)
    {
        fail_bare(c, 503, "The region can only be read at present");
        return 0;
    }
    if ((c->route->flags & CRYPTO) && truth_of(c->instance, "master_key_missing")) {
        fail_bare(c, 400, "rpc error: code = InvalidArgument desc = CKR_IBM_WK_NOT_INITIALIZED");
        return 0;
    }
    return 1;
}

/* ---- routes ---- */

static int
path_matches(const char *pattern, const char *path, char part[2][256])
{
    while (*pattern) {
        if (*pattern == '{') {
            char *to = part[pattern[1] == 'x'];
            size_t n = strcspn(path, "/");
            if (n == 0 || n >= 256)
                return 0;
            memcpy(to, path, n);
            to[n] = '\0';
            path += n;
            pattern += 3;
        } else if (*pattern++ != *path++) {
            return 0;
        }
    }
    return *path == '\0';
}

static const struct route *
route_for(const struct request *r, char part[2][256])
{
    const char *path = strstr(r->path, "/api/v2/"), *action = query_of(r, "action");
    if (!path)
        return NULL;
    char full[1024]; /* the older form, ?action=, as the newer one */
    int legacy = action && strcmp(r->method, "POST") == 0 && !strstr(path, "/actions/");
    (void)snprintf(full, sizeof full,
                   strcmp(legacy ? action : "", "restore") == 0 ? "%s/%s%s" : "%s%s%s", path + 8,
                   legacy ? strcmp(action, "restore") == 0 ? "" : "/actions/" : "",
                   legacy ? action : "");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(r->method, routes[i].method) == 0 && path_matches(routes[i].path, full, part))
            return &routes[i];
    return NULL;
}

void
kms_answer(struct request *r, struct answer *a)
{
    struct call c = {.r = r, .a = a};
    c.route = route_for(r, c.part);
    if (!c.route) {
        static const struct route none = {.what = "Request could not be performed"};
        c.route = &none;
        fail_bare(&c, 404, "No such path");
        return;
    }
    if (!authorize(&c))
        return;
    keys_tick(c.instance);
    if (strstr(c.route->path, "{k}") && !key_allows(&c))
        return;
    if (!instance_allows(&c))
        return;
    c.route->run(&c);
    if (a->status == 204)
        a->type = NULL;
}
