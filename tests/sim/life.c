/* What changes a key: rotate, disable, enable, delete, restore, purge. */
#include <stdlib.h>
#include <string.h>

#include "kms.h"

static void
done(struct call *c)
{
    set_number(c->key, "updated", now());
    answer_text(c->a, 204, NULL, NULL);
}

/* 1 when `since` is at least that long ago; else the error is in the answer. */
static int
waited(struct call *c, const char *since, int64_t seconds)
{
    if (now() >= number_of(c->key, since) + seconds)
        return 1;
    fail(c, 409, "REQ_TOO_EARLY_ERR", NULL, "The request came too early");
    return 0;
}

static void
answer_with_key(struct call *c, int status)
{
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, key_public(c->instance, c->key, 0));
    answer_keys(c, status, list);
}

/* ---- rotate ---- */

static void
rotate_with(struct call *c, const cJSON *body)
{
    const cJSON *payload = cJSON_GetObjectItemCaseSensitive(body, "payload");
    int imported = truth_of(c->key, "imported");
    unsigned char fresh[32], *given = NULL;
    size_t len = sizeof fresh;
    char id[UUID_SIZE];
    random_fill(fresh, sizeof fresh);
    if (payload && !imported) {
        fail(c, 400, "INVALID_QUERY_PARAM_ERR", "payload", "A generated key takes no payload");
        return;
    }
    if (imported && !payload) {
        fail(c, 400, "KEY_PAYLOAD_REQ_ERR", "payload", "An imported key needs a payload");
        return;
    }
    if (payload) {
        given = cJSON_IsString(payload) ? base64_read(payload->valuestring, &len) : NULL;
        if (!given || (len != 16 && len != 24 && len != 32)) {
            free(given);
            fail(c, 400, "INVALID_FIELD_ERR", "payload",
                 "The field `payload` must be base64 of 16, 24 or 32 bytes");
            return;
        }
    }
    (void)key_version_new(c->key, given ? given : fresh, len, uuid_new(id));
    set_number(c->key, "rotated", now());
    free(given);
    done(c);
}

void
key_rotate(struct call *c)
{
    cJSON *body;
    int64_t last = number_of(c->key, "rotated");
    if (last && now() < last + KEY_PROTECT_HOUR) {
        fail(c, 409, "KEY_ROTATION_NOT_PERMITTED", NULL,
             "The key was rotated less than an hour ago");
        return;
    }
    if (!body_read_json(c, &body))
        return;
    rotate_with(c, body);
    cJSON_Delete(body);
}

/* ---- disable, enable ---- */

void
key_disable(struct call *c)
{
    set_number(c->key, "state", SUSPENDED);
    set_number(c->key, "disabled_at", now());
    done(c);
}

void
key_enable(struct call *c)
{
    if (!waited(c, "disabled_at", SETTLE))
        return;
    set_number(c->key, "state", ACTIVE);
    done(c);
}

/* ---- delete, restore, purge ---- */

void
key_set_for_deletion(struct call *c)
{
    if (!truth_of(c->key, "dual_auth")) {
        fail(c, 409, "NOT_DUAL_AUTH_ERR", NULL, "The key is not under dual authorisation");
        return;
    }
    set_text(c->key, "set_by", c->who);
    set_number(c->key, "set_until", now() + 7 * KEY_PROTECT_DAY);
    done(c);
}

void
key_unset_for_deletion(struct call *c)
{
    if (!truth_of(c->key, "dual_auth")) {
        fail(c, 409, "NOT_DUAL_AUTH_ERR", NULL, "The key is not under dual authorisation");
        return;
    }
    set_number(c->key, "set_until", 0);
    done(c);
}

void
key_delete(struct call *c)
{
    const char *force = query_of(c->r, "force");
    if (truth_of(c->key, "dual_auth") && (number_of(c->key, "set_until") <= now() ||
                                          strcmp(text_of(c->key, "set_by"), c->who) == 0)) {
        fail(c, 409, "AUTHORIZATIONS_NOT_MET", NULL,
             "A second person must have set the key for deletion");
        return;
    }
    if (truth_of(c->key, "retained")) {
        fail(c, 409, "PREV_KEY_DEL_ERR", NULL, "A registered resource has a retention policy");
        return;
    }
    if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(c->key, "registrations")) > 0 &&
        (!force || strcmp(force, "true") != 0)) {
        fail(c, 409, "PROTECTED_RESOURCE_ERR", NULL, "The key protects registered resources");
        return;
    }
    set_number(c->key, "state", DESTROYED);
    set_number(c->key, "deleted_at", now());
    set_text(c->key, "deleted_by", c->who);
    set_number(c->key, "set_until", 0);
    done(c);
    if (prefers(c, "return=representation"))
        answer_with_key(c, 200);
}

void
key_restore(struct call *c)
{
    int64_t at = number_of(c->key, "deleted_at"), expires = number_of(c->key, "expires");
    if (expires && now() >= expires) {
        fail(c, 400, "KEY_EXPIRED_ERR", NULL, "The key is expired");
        return;
    }
    if (now() >= at + 30 * KEY_PROTECT_DAY) {
        fail(c, 400, "KEY_RESTORE_EXPIRED", NULL,
             "The time in which the key can be restored is over");
        return;
    }
    if (!waited(c, "deleted_at", SETTLE))
        return;
    set_number(c->key, "state", ACTIVE);
    set_number(c->key, "updated", now());
    answer_with_key(c, 201);
}

void
key_purge(struct call *c)
{
    if (!waited(c, "deleted_at", PURGE_AFTER))
        return;
    answer_text(c->a, 204, NULL, NULL);
    if (prefers(c, "return=representation"))
        answer_with_key(c, 200);
    cJSON *keys = list_of(c->instance, "keys");
    cJSON_Delete(cJSON_DetachItemViaPointer(keys, c->key));
}

void
key_sync(struct call *c)
{
    int64_t synced = number_of(c->key, "synced"), updated = number_of(c->key, "updated");
    if (now() < (synced > updated ? synced : updated) + KEY_PROTECT_HOUR) {
        fail(c, 409, "REQ_TOO_EARLY_ERR", NULL, "The request came too early");
        return;
    }
    set_number(c->key, "synced", now());
    answer_text(c->a, 204, NULL, NULL);
}
