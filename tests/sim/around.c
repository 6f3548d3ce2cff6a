/* What stands around keys: aliases, rings, policies, registrations. */
#include <stdlib.h>
#include <string.h>

#include "kms.h"

static cJSON *
envelope(const char *type, cJSON *list)
{
    cJSON *body = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(body, "metadata");
    set_text(meta, "collectionType", type);
    set_number(meta, "collectionTotal", cJSON_GetArraySize(list));
    if (cJSON_GetArraySize(list) > 0)
        set(body, "resources", list);
    else
        cJSON_Delete(list);
    return body;
}

/* ---- aliases ---- */

void
alias_create(struct call *c)
{
    const char *alias = c->part[1];
    cJSON *aliases = list_of(c->key, "aliases");
    if (!alias_ok(alias)) {
        fail(c, 400, "INVALID_FIELD_ERR", "alias", "The alias is not valid");
    } else if (key_find(c->instance, alias, NULL)) {
        fail(c, 409, "KEY_ALIAS_NOT_UNIQUE_ERR", NULL, "The alias is in use in this instance");
    } else if (cJSON_GetArraySize(aliases) >= 5) {
        fail(c, 409, "KEY_ALIAS_QUOTA_ERR", NULL, "A key has at most five aliases");
    } else {
        char date[DATE_SIZE];
        cJSON_AddItemToArray(aliases, cJSON_CreateString(alias));
        cJSON *list = cJSON_CreateArray(), *o = cJSON_CreateObject();
        set_text(o, "keyId", text_of(c->key, "id"));
        set_text(o, "alias", alias);
        set_text(o, "createdBy", c->who);
        set_text(o, "creationDate", date_of(now(), date));
        cJSON_AddItemToArray(list, o);
        answer_json(c->a, 201, envelope("application/vnd.ibm.kms.alias+json", list));
    }
}

void
alias_delete(struct call *c)
{
    cJSON *aliases = list_of(c->key, "aliases");
    for (int i = 0; i < cJSON_GetArraySize(aliases); i++)
        if (strcmp(cJSON_GetArrayItem(aliases, i)->valuestring, c->part[1]) == 0) {
            cJSON_DeleteItemFromArray(aliases, i);
            answer_text(c->a, 204, NULL, NULL);
            return;
        }
    fail(c, 404, "KEY_ALIAS_NOT_FOUND_ERR", NULL, "The key has no such alias");
}

/* ---- rings ---- */

void
rings_list(struct call *c)
{
    cJSON *list = cJSON_Duplicate(list_of(c->instance, "rings"), 1), *first = cJSON_CreateObject();
    set_text(first, "id", "default");
    (void)cJSON_InsertItemInArray(list, 0, first);
    answer_json(c->a, 200, envelope("application/vnd.ibm.kms.key_ring+json", list));
}

void
ring_create(struct call *c)
{
    const char *id = c->part[1];
    cJSON *rings = list_of(c->instance, "rings");
    char date[DATE_SIZE];
    if (strcmp(id, "default") == 0 || find_by(rings, "id", id)) {
        fail(c, 409, "KEY_RING_NOT_UNIQUE_ERR", NULL, "The key ring exists");
    } else if (cJSON_GetArraySize(rings) >= 49) {
        fail(c, 409, "KEY_RING_QUOTA_ERR", NULL, "An instance has at most 50 key rings");
    } else {
        cJSON *o = cJSON_CreateObject();
        set_text(o, "id", id);
        set_text(o, "creationDate", date_of(now(), date));
        set_text(o, "createdBy", c->who);
        cJSON_AddItemToArray(rings, o);
        answer_text(c->a, 201, "application/json", NULL);
    }
}

void
ring_delete(struct call *c)
{
    cJSON *rings = list_of(c->instance, "rings"), *ring = find_by(rings, "id", c->part[1]), *k;
    if (!ring) {
        fail(c, 404, "KEY_RING_NOT_FOUND_ERR", NULL, "The key ring does not exist");
        return;
    }
    cJSON_ArrayForEach(
        k, list_of(c->instance, "keys")) if (strcmp(text_of(k, "ring"), c->part[1]) == 0)
    {
        fail(c, 409, "KEY_RING_NOT_EMPTY_ERR", NULL, "The key ring holds keys");
        return;
    }
    cJSON_Delete(cJSON_DetachItemViaPointer(rings, ring));
    answer_text(c->a, 204, NULL, NULL);
}

/* ---- policies ---- */

static const char policy_type[] = "application/vnd.ibm.kms.policy+json";

static void
add_policy(cJSON *list, const char *which, const char *name, cJSON *value)
{
    if (which && strcmp(which, name) != 0) {
        cJSON_Delete(value);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    set_text(o, "type", policy_type);
    set(o, name, value);
    cJSON_AddItemToArray(list, o);
}

void
policies_get(struct call *c)
{
    const char *which = query_of(c->r, "policy");
    cJSON *list = cJSON_CreateArray();
    const cJSON *rotation = cJSON_GetObjectItemCaseSensitive(c->key, "rotation");
    if (rotation)
        add_policy(list, which, "rotation", cJSON_Duplicate(rotation, 1));
    if (truth_of(c->key, "dual_auth")) {
        cJSON *dual = cJSON_CreateObject();
        set(dual, "enabled", cJSON_CreateTrue());
        add_policy(list, which, "dualAuthDelete", dual);
    }
    answer_json(c->a, 200, envelope(policy_type, list));
}

/* The resources of a policy body. NULL: the error is in the answer. */
static const cJSON *
policies_of(struct call *c, const cJSON *body)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(body, "resources");
    if (!cJSON_IsArray(list)) {
        fail(c, 400, "BAD_BODY_ERR", NULL, "The body must hold resources");
        return NULL;
    }
    if (number_of(cJSON_GetObjectItemCaseSensitive(body, "metadata"), "collectionTotal") !=
        cJSON_GetArraySize(list)) {
        fail(c, 400, "COLLECTION_TOTAL_MISMATCH_ERR", NULL,
             "collectionTotal is not the number of resources");
        return NULL;
    }
    return list;
}

void
policies_put(struct call *c)
{
    cJSON *body;
    if (!body_read_json(c, &body))
        return;
    const cJSON *list = policies_of(c, body), *o;
    cJSON_ArrayForEach(o, list)
    {
        const cJSON *rotation = cJSON_GetObjectItemCaseSensitive(o, "rotation");
        const cJSON *dual = cJSON_GetObjectItemCaseSensitive(o, "dualAuthDelete");
        int64_t months = number_of(rotation, "interval_month");
        if (rotation && (months < 1 || months > 12)) {
            fail(c, 400, "INVALID_FIELD_ERR", "interval_month",
                 "The interval must be 1 to 12 months");
            cJSON_Delete(body);
            return;
        }
        if (rotation)
            set(c->key, "rotation", cJSON_Duplicate(rotation, 1));
        if (truth_of(dual, "enabled"))
            set(c->key, "dual_auth", cJSON_CreateTrue()); /* never taken away again */
    }
    if (list)
        policies_get(c);
    cJSON_Delete(body);
}

void
instance_policies_get(struct call *c)
{
    const cJSON *kept = cJSON_GetObjectItemCaseSensitive(c->instance, "policies");
    answer_json(c->a, 200,
                envelope(policy_type, kept ? cJSON_Duplicate(kept, 1) : cJSON_CreateArray()));
}

/* Two of them act here: keyCreateImportAccess and dualAuthDelete (for keys made later). The others
 * are only kept. */
void
instance_policies_put(struct call *c)
{
    cJSON *body;
    if (!body_read_json(c, &body))
        return;
    const cJSON *list = policies_of(c, body), *o;
    cJSON_ArrayForEach(o, list)
    {
        const cJSON *data = cJSON_GetObjectItemCaseSensitive(o, "policy_data");
        const char *type = text_of(o, "policy_type");
        cJSON *policies = list_of(c->instance, "policies"),
              *old = find_by(policies, "policy_type", type);
        if (old)
            cJSON_Delete(cJSON_DetachItemViaPointer(policies, old));
        cJSON_AddItemToArray(policies, cJSON_Duplicate(o, 1));
        if (strcmp(type, "keyCreateImportAccess") == 0)
            set(c->instance, type,
                truth_of(data, "enabled")
                    ? cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(data, "attributes"), 1)
                    : cJSON_CreateObject());
        if (strcmp(type, "dualAuthDelete") == 0)
            set(c->instance, "dual_auth", cJSON_CreateBool(truth_of(data, "enabled")));
    }
    if (list)
        answer_text(c->a, 204, NULL, NULL);
    cJSON_Delete(body);
}

/* ---- registrations: a test may give a key some, by the control front ---- */

void
registrations_list(struct call *c)
{
    cJSON *list = cJSON_CreateArray(), *k;
    const cJSON *one;
    cJSON_ArrayForEach(k, list_of(c->instance, "keys"))
    {
        if (c->key && c->key != k)
            continue;
        cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(k, "registrations"))
            cJSON_AddItemToArray(list, cJSON_Duplicate(one, 1));
    }
    answer_json(c->a, 200, envelope("application/vnd.ibm.kms.registration+json", list));
}
