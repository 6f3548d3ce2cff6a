/* Keys: create, list, look at. How one is kept: see key_new. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"

static const char key_type[] = "application/vnd.ibm.kms.key+json";

/* ---- time ---- */

void
keys_tick(cJSON *instance)
{
    cJSON *keys = list_of(instance, "keys");
    for (int i = cJSON_GetArraySize(keys) - 1; i >= 0; i--) {
        cJSON *k = cJSON_GetArrayItem(keys, i);
        int64_t state_now = number_of(k, "state"), expires = number_of(k, "expires");
        if (state_now == DESTROYED && now() >= number_of(k, "deleted_at") + 90 * KEY_PROTECT_DAY)
            cJSON_DeleteItemFromArray(keys, i);
        else if (state_now != DESTROYED && expires && now() >= expires)
            set_number(k, "state", DEACTIVATED);
    }
}

/* ---- looking up ---- */

static int
has_alias(const cJSON *key, const char *alias)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(
                                key, "aliases")) if (strcmp(one->valuestring, alias) == 0) return 1;
    return 0;
}

cJSON *
key_find(cJSON *instance, const char *id_or_alias, const char *ring)
{
    cJSON *k;
    cJSON_ArrayForEach(k, list_of(instance, "keys"))
    {
        if (strcmp(text_of(k, "id"), id_or_alias) != 0 && !has_alias(k, id_or_alias))
            continue;
        return !ring || strcmp(text_of(k, "ring"), ring) == 0 ? k : NULL;
    }
    return NULL;
}

/* ---- what the outside sees ---- */

static void
add_date(cJSON *o, const char *name, int64_t t)
{
    char date[DATE_SIZE];
    if (t)
        set_text(o, name, date_of(t, date));
}

static void
add_deletion(cJSON *o, const cJSON *key)
{
    int64_t at = number_of(key, "deleted_at");
    if (!at)
        return;
    add_date(o, "deletionDate", at); /* stays after a restore */
    set_text(o, "deletedBy", text_of(key, "deleted_by"));
    if (number_of(key, "state") != DESTROYED)
        return;
    add_date(o, "restoreExpirationDate", at + 30 * KEY_PROTECT_DAY);
    int64_t expires = number_of(key, "expires");
    set(o, "restoreAllowed",
        cJSON_CreateBool(now() < at + 30 * KEY_PROTECT_DAY && (!expires || now() < expires)));
    set(o, "purgeAllowed", cJSON_CreateBool(now() >= at + PURGE_AFTER));
    add_date(o, "purgeAllowedFrom", at + PURGE_AFTER);
    add_date(o, "purgeScheduledOn", at + 90 * KEY_PROTECT_DAY);
}

static void
add_dual_auth(cJSON *o, const cJSON *key)
{
    cJSON *dual = cJSON_AddObjectToObject(o, "dualAuthDelete");
    int64_t until = number_of(key, "set_until");
    set(dual, "enabled", cJSON_CreateBool(truth_of(key, "dual_auth")));
    if (truth_of(key, "dual_auth") && until > now()) {
        set(dual, "keySetForDeletion", cJSON_CreateTrue());
        add_date(dual, "authExpiration", until);
    }
}

static void
add_root_members(cJSON *o, const cJSON *key)
{
    const cJSON *version = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(key, "versions"), 0);
    if (number_of(key, "state") != DESTROYED) {
        cJSON *v = cJSON_AddObjectToObject(o, "keyVersion");
        set_text(v, "id", text_of(version, "id"));
        add_date(v, "creationDate", number_of(version, "created"));
    }
    add_dual_auth(o, key);
    const cJSON *rotation = cJSON_GetObjectItemCaseSensitive(key, "rotation");
    if (rotation)
        set(o, "rotation", cJSON_Duplicate(rotation, 1));
}

static void
add_algorithm(cJSON *o)
{
    set_text(o, "algorithmType", "Deprecated");
    cJSON *m = cJSON_AddObjectToObject(o, "algorithmMetadata");
    set_text(m, "bitLength", "256");
    set_text(m, "mode", "Deprecated");
    set_number(o, "algorithmBitSize", 256);
    set_text(o, "algorithmMode", "Deprecated");
}

cJSON *
key_public(const cJSON *instance, const cJSON *key, int with_payload)
{
    cJSON *o = cJSON_CreateObject();
    char crn[256];
    const char *service =
        strncmp(text_of(instance, "offering"), "hpcs", 4) == 0 ? "hs-crypto" : "kms";
    (void)snprintf(crn, sizeof crn, "crn:v1:bluemix:public:%s:%s:a/%s:%s:key:%s", service,
                   text_of(instance, "region"), text_of(instance, "account"),
                   text_of(instance, "id"), text_of(key, "id"));
    set_text(o, "type", key_type);
    set_text(o, "id", text_of(key, "id"));
    set_text(o, "name", text_of(key, "name"));
    const char *const copied[] = {"aliases", "description", "tags"};
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        const cJSON *m = cJSON_GetObjectItemCaseSensitive(key, copied[i]);
        if (m && !(cJSON_IsArray(m) && cJSON_GetArraySize(m) == 0))
            set(o, copied[i], cJSON_Duplicate(m, 1));
    }
    set_number(o, "state", number_of(key, "state"));
    int root = !truth_of(key, "extractable");
    set(o, "extractable", cJSON_CreateBool(!root));
    set_text(o, "crn", crn);
    set(o, "imported", cJSON_CreateBool(truth_of(key, "imported")));
    set_text(o, "keyRingID", text_of(key, "ring"));
    add_date(o, "creationDate", number_of(key, "created"));
    set_text(o, "createdBy", text_of(key, "created_by"));
    add_date(o, "lastUpdateDate", number_of(key, "updated"));
    add_date(o, "lastRotateDate", number_of(key, "rotated"));
    add_date(o, "expirationDate", number_of(key, "expires"));
    add_algorithm(o);
    if (root)
        add_root_members(o, key);
    set(o, "deleted", cJSON_CreateBool(number_of(key, "state") == DESTROYED));
    add_deletion(o, key);
    if (with_payload && !root && number_of(key, "state") != DESTROYED)
        set_text(o, "payload", text_of(key, "payload"));
    return o;
}

static cJSON *
envelope(const char *type, cJSON *list)
{
    cJSON *body = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(body, "metadata");
    set_text(meta, "collectionType", type);
    set_number(meta, "collectionTotal", cJSON_GetArraySize(list));
    if (cJSON_GetArraySize(list) > 0)
        set(body, "resources", list);
    else
        cJSON_Delete(list); /* none: the member is absent */
    return body;
}

void
answer_keys(struct call *c, int status, cJSON *list)
{
    answer_json(c->a, status, envelope(key_type, list));
}

static void
answer_key(struct call *c, int with_payload)
{
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, key_public(c->instance, c->key, with_payload));
    answer_keys(c, 200, list);
}

void
key_get(struct call *c)
{
    answer_key(c, 1);
}

void
key_metadata(struct call *c)
{
    answer_key(c, 0);
}

/* ---- paging ---- */

/* A whole number of the query. 0: it is none, and the error is in the answer. */
static int
query_number(struct call *c, const char *name, long least, long most, long *out)
{
    const char *text = query_of(c->r, name);
    if (!text)
        return 1;
    char *end;
    long v = strtol(text, &end, 10);
    if (end == text || *end || v < least || v > most) {
        fail(c, 400, "INVALID_QUERY_PARAM_ERR", name, "The query parameter is not valid");
        return 0;
    }
    *out = v;
    return 1;
}

/* A bit for each state of the query's list; without one, all but the destroyed. */
static int
query_states(struct call *c, unsigned *out)
{
    const char *text = query_of(c->r, "state");
    *out = IN(0) | IN(ACTIVE) | IN(SUSPENDED) | IN(DEACTIVATED);
    if (!text)
        return 1;
    *out = 0;
    for (const char *p = text; *p; p++) {
        if (!strchr("01235", *p) || (p[1] && (p[1] != ',' || !p[2]))) {
            fail(c, 400, "INVALID_QUERY_PARAM_ERR", "state", "The query parameter is not valid");
            return 0;
        }
        *out |= IN((unsigned)(*p - '0'));
        p += p[1] == ',';
    }
    return 1;
}

static int
selected(const struct call *c, const cJSON *k, unsigned states)
{
    const char *extractable = query_of(c->r, "extractable"), *search = query_of(c->r, "search");
    if (!(states & IN((unsigned)number_of(k, "state"))))
        return 0;
    if (c->ring && strcmp(c->ring, text_of(k, "ring")) != 0)
        return 0;
    if (extractable && (strcmp(extractable, "true") == 0) != truth_of(k, "extractable"))
        return 0;
    return !search || strstr(text_of(k, "name"), search) || has_alias(k, search) ||
           strcmp(text_of(k, "id"), search) == 0;
}

static int
by_id(const void *a, const void *b)
{
    return strcmp(text_of(*(const cJSON *const *)a, "id"), text_of(*(const cJSON *const *)b, "id"));
}

/* The keys that the query selects, by id; to be freed, but the keys are the state's. */
static const cJSON **
select_keys(struct call *c, size_t *count)
{
    unsigned states;
    if (!query_states(c, &states))
        return NULL;
    cJSON *keys = list_of(c->instance, "keys"), *k;
    const cJSON **out = calloc((size_t)cJSON_GetArraySize(keys) + 1, sizeof *out);
    if (!out)
        abort();
    *count = 0;
    cJSON_ArrayForEach(k, keys) if (selected(c, k, states)) out[(*count)++] = k;
    qsort(out, *count, sizeof *out, by_id);
    return out;
}

void
keys_list(struct call *c)
{
    long limit = 200, offset = 0;
    size_t count;
    if (!query_number(c, "limit", 1, 5000, &limit) ||
        !query_number(c, "offset", 0, 1L << 30, &offset))
        return;
    const cJSON **found = select_keys(c, &count);
    if (!found)
        return;
    cJSON *list = cJSON_CreateArray();
    for (size_t i = (size_t)offset; i < count && i < (size_t)(offset + limit); i++)
        cJSON_AddItemToArray(list, key_public(c->instance, found[i], 0));
    answer_keys(c, 200, list);
    free(found);
}

void
keys_count(struct call *c)
{
    size_t count;
    char text[32];
    const cJSON **found = select_keys(c, &count);
    if (!found)
        return;
    (void)snprintf(text, sizeof text, "%zu", count);
    answer_text(c->a, 200, "application/json", NULL);
    answer_header(c->a, "Key-Total", text);
    free(found);
}

void
key_versions(struct call *c)
{
    long limit = 200, offset = 0;
    const char *all = query_of(c->r, "allKeyStates"), *total = query_of(c->r, "totalCount");
    if (!query_number(c, "limit", 1, 5000, &limit) ||
        !query_number(c, "offset", 0, 1L << 30, &offset))
        return;
    if (number_of(c->key, "state") != ACTIVE && (!all || strcmp(all, "true") != 0)) {
        fail(c, 409, "KEY_ACTION_INVALID_STATE_ERR", NULL, "Key is not in a valid state");
        return;
    }
    const cJSON *versions = cJSON_GetObjectItemCaseSensitive(c->key, "versions"), *v;
    cJSON *list = cJSON_CreateArray();
    long i = 0;
    cJSON_ArrayForEach(v, versions)
    {
        if (i++ < offset || i > offset + limit)
            continue;
        cJSON *o = cJSON_CreateObject();
        set_text(o, "id", text_of(v, "id"));
        add_date(o, "creationDate", number_of(v, "created"));
        cJSON_AddItemToArray(list, o);
    }
    cJSON *body = envelope("application/vnd.ibm.kms.key.version+json", list);
    if (total && strcmp(total, "true") == 0)
        set_number(cJSON_GetObjectItem(body, "metadata"), "totalCount",
                   cJSON_GetArraySize(versions));
    answer_json(c->a, 200, body);
}

/* ---- create ---- */

int
alias_ok(const char *alias)
{
    static const char *const taken[] = {"allowed_ip", "key",      "keys",         "metadata",
                                        "policy",     "policies", "registration", "registrations",
                                        "ring",       "rings",    "rotate",       "wrap",
                                        "unwrap",     "rewrap",   "version",      "versions"};
    size_t n = strlen(alias);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(alias, taken[i]) == 0)
            return 0;
    return n >= 2 && n <= 90 && !uuid_is(alias) &&
           strspn(alias, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

static int
length_ok(const cJSON *o, const char *name, size_t least, size_t most, int needed)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);
    if (!m)
        return !needed;
    return cJSON_IsString(m) && strlen(m->valuestring) >= least && strlen(m->valuestring) <= most;
}

static int
aliases_ok(struct call *c, const cJSON *o)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "aliases"), *one;
    if (cJSON_GetArraySize(list) > 5) {
        fail(c, 409, "KEY_ALIAS_QUOTA_ERR", NULL, "A key has at most five aliases");
        return 0;
    }
    cJSON_ArrayForEach(one, list)
    {
        if (!cJSON_IsString(one) || !alias_ok(one->valuestring)) {
            fail(c, 400, "INVALID_FIELD_ERR", "aliases", "The alias is not valid");
            return 0;
        }
        if (key_find(c->instance, one->valuestring, NULL)) {
            fail(c, 409, "KEY_ALIAS_NOT_UNIQUE_ERR", NULL, "The alias is in use in this instance");
            return 0;
        }
    }
    return 1;
}

/* The one key that a body asks for; NULL: the error is in the answer. */
static const cJSON *
wanted_key(struct call *c, const cJSON *body)
{
    static const char *const known[] = {
        "type",           "name",        "aliases", "description",    "tags",
        "expirationDate", "extractable", "payload", "dualAuthDelete", "rotation"};
    const cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "metadata"), *m;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(body, "resources");
    const cJSON *o = cJSON_GetArrayItem(list, 0);
    int ok = strcmp(text_of(meta, "collectionType"), key_type) == 0 &&
             number_of(meta, "collectionTotal") == 1 && cJSON_GetArraySize(list) == 1 &&
             cJSON_IsObject(o);
    cJSON_ArrayForEach(m, o)
    {
        int found = 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= strcmp(m->string, known[i]) == 0;
        ok = ok && found;
    }
    if (!strstr(c->route->path, "overrides"))
        ok = ok && !cJSON_HasObjectItem(o, "rotation") && !cJSON_HasObjectItem(o, "dualAuthDelete");
    if (!ok) {
        fail(c, 400, "BAD_BODY_ERR", NULL, "The body must describe exactly one key");
        return NULL;
    }
    const char *wrong = !length_ok(o, "name", 2, 90, 1)             ? "name"
                        : !length_ok(o, "description", 2, 240, 0)   ? "description"
                        : strcmp(text_of(o, "type"), key_type) != 0 ? "type"
                        : cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(o, "tags")) > 30
                            ? "tags"
                            : NULL;
    if (wrong) {
        fail(c, 400, "INVALID_FIELD_ERR", wrong, "The field is not valid");
        return NULL;
    }
    return aliases_ok(c, o) ? o : NULL;
}

cJSON *
key_version_new(cJSON *key, const unsigned char *material, size_t len, const char *id)
{
    char *text = base64_of(material, len);
    cJSON *v = cJSON_CreateObject();
    set_text(v, "id", id);
    set_number(v, "created", now());
    set_text(v, "material", text);
    (void)cJSON_InsertItemInArray(list_of(key, "versions"), 0, v); /* newest first */
    free(text);
    return v;
}

/* Imported or fresh material. 0: the error is in the answer. */
static int
add_material(struct call *c, cJSON *key, const cJSON *o)
{
    const char *payload = text_of(o, "payload");
    unsigned char fresh[32], *given = NULL;
    size_t len = sizeof fresh;
    int imported = cJSON_HasObjectItem(o, "payload"), root = !truth_of(key, "extractable");
    random_fill(fresh, sizeof fresh);
    if (imported) {
        given = base64_read(payload, &len);
        if (!given || (root ? len != 16 && len != 24 && len != 32 : len == 0 || len > 7500)) {
            free(given);
            fail(c, 400, "INVALID_FIELD_ERR", "payload",
                 "The field `payload` must be base64 of 16, 24 or 32 bytes");
            return 0;
        }
    }
    set(key, "imported", cJSON_CreateBool(imported));
    if (root) {
        (void)key_version_new(key, given ? given : fresh, len, text_of(key, "id"));
    } else {
        char *text = base64_of(given ? given : fresh, len);
        set_text(key, "payload", text);
        free(text);
    }
    free(given);
    return 1;
}

/* In the state, a key is {id, name, aliases, description, tags, state, extractable, imported, ring,
   created, created_by, updated, rotated, expires, disabled_at, deleted_at, deleted_by, synced,
   dual_auth, set_by, set_until, rotation, versions: [{id, created, material}] newest first, payload
   of a standard key}; times are seconds, absent or 0: never. */
static cJSON *
key_new(const struct call *c, const cJSON *o)
{
    char id[UUID_SIZE];
    cJSON *k = cJSON_CreateObject();
    set_text(k, "id", uuid_new(id));
    const char *const copied[] = {"name", "aliases", "description", "tags", "rotation"};
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
        if (cJSON_HasObjectItem(o, copied[i]))
            set(k, copied[i], cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(o, copied[i]), 1));
    set_number(k, "state", ACTIVE);
    set(k, "extractable",
        cJSON_CreateBool(!cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(o, "extractable"))));
    set(k, "dual_auth",
        cJSON_CreateBool(
            truth_of(cJSON_GetObjectItemCaseSensitive(o, "dualAuthDelete"), "enabled") ||
            truth_of(c->instance, "dual_auth")));
    set_text(k, "ring", c->ring ? c->ring : "default");
    set_number(k, "created", now());
    set_number(k, "updated", now());
    set_text(k, "created_by", c->who);
    return k;
}

static int
create_allowed(const struct call *c, const cJSON *o)
{
    const cJSON *access = cJSON_GetObjectItemCaseSensitive(c->instance, "keyCreateImportAccess");
    char name[32];
    (void)snprintf(
        name, sizeof name, "%s_%s_key", cJSON_HasObjectItem(o, "payload") ? "import" : "create",
        cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(o, "extractable")) ? "root" : "standard");
    return !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(access, name));
}

static int
ring_exists(const struct call *c)
{
    return !c->ring || strcmp(c->ring, "default") == 0 ||
           find_by(list_of(c->instance, "rings"), "id", c->ring) != NULL;
}

static void
create_from(struct call *c, const cJSON *o)
{
    const char *expires = text_of(o, "expirationDate");
    int64_t until = 0;
    if (cJSON_HasObjectItem(o, "expirationDate") &&
        (!date_parse(expires, &until) || until <= now())) {
        fail(c, 400, "INVALID_FIELD_ERR", "expirationDate",
             "The field `expirationDate` must be a date to come");
    } else if (!ring_exists(c)) {
        fail(c, 404, "KEY_RING_NOT_FOUND_ERR", NULL, "The key ring does not exist");
    } else if (!create_allowed(c, o)) {
        fail(c, 409, "KEY_CREATE_IMPORT_ACCESS_ERR", NULL,
             "A policy of the instance does not allow this key");
    } else {
        cJSON *k = key_new(c, o);
        if (until)
            set_number(k, "expires", until);
        if (!add_material(c, k, o)) {
            cJSON_Delete(k);
            return;
        }
        cJSON_AddItemToArray(list_of(c->instance, "keys"), k);
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, key_public(c->instance, k, 0));
        answer_keys(c, 201, list);
    }
}

void
keys_create(struct call *c)
{
    cJSON *body;
    if (!body_read_json(c, &body))
        return;
    const cJSON *o = wanted_key(c, body);
    if (o)
        create_from(c, o);
    cJSON_Delete(body);
}

/* Moves a key to another ring. */
void
key_patch(struct call *c)
{
    cJSON *body;
    if (!body_read_json(c, &body))
        return;
    const char *ring = text_of(body, "keyRingID");
    struct call to = *c;
    to.ring = ring;
    if (!*ring) {
        fail(c, 400, "BAD_BODY_ERR", NULL, "The body must name a key ring");
    } else if (!ring_exists(&to)) {
        fail(c, 404, "KEY_RING_NOT_FOUND_ERR", NULL, "The key ring does not exist");
    } else {
        set_text(c->key, "ring", ring);
        set_number(c->key, "updated", now());
        answer_key(c, 0);
    }
    cJSON_Delete(body);
}
