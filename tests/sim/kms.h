/* Key Protect inside: one call, and the operations on keys. */
#ifndef KMS_H
#define KMS_H

#include "sim.h"

enum role { ROLE_NONE, ROLE_READER, ROLE_READER_PLUS, ROLE_WRITER, ROLE_MANAGER, ROLE_PURGE };

/* States of a key, and sets of them. */
enum { ACTIVE = 1, SUSPENDED = 2, DEACTIVATED = 3, DESTROYED = 5 };
#define IN(state) (1U << (state))
enum { ANY_STATE = 0 };

enum { CHANGES = 1, CRYPTO = 2, ROOT_ONLY = 4 };

struct call {
    struct request *r;
    struct answer *a;
    const struct route *route;
    cJSON *instance, *key;
    const char *ring;  /* asked for; NULL: any */
    char part[2][256]; /* of the path: {k}, {x} */
    const char *who;
};

struct route {
    const char *method, *path;
    enum role role;
    unsigned states; /* in which a key allows this */
    unsigned flags;
    const char *what; /* "… could not be …", in errors */
    void (*run)(struct call *c);
};

/* ---- errors ---- */

/* target: name of a field, or NULL. */
void fail(struct call *c, int status, const char *code, const char *target, const char *message);
/* The body as an object. 0: it is no JSON object, and the error is in the answer. *out is NULL when
 * there is none. */
int body_read_json(struct call *c, cJSON **out);
int prefers(const struct call *c, const char *what);

/* ---- keys.c ---- */

enum { KEY_PROTECT_HOUR = 3600, KEY_PROTECT_DAY = 86400, PURGE_AFTER = 4 * 3600, SETTLE = 30 };

void keys_tick(cJSON *instance); /* what time alone does: expiry, automatic purge */
cJSON *key_find(cJSON *instance, const char *id_or_alias, const char *ring);
cJSON *key_public(const cJSON *instance, const cJSON *key, int with_payload);
cJSON *key_version_new(cJSON *key, const unsigned char *material, size_t len, const char *id);
int alias_ok(const char *alias);
void keys_create(struct call *c);
void keys_list(struct call *c);
void keys_count(struct call *c);
void key_get(struct call *c);
void key_metadata(struct call *c);
void key_versions(struct call *c);
void key_patch(struct call *c);
void answer_keys(struct call *c, int status, cJSON *list); /* takes the list */

/* ---- life.c ---- */

void key_rotate(struct call *c);
void key_disable(struct call *c);
void key_enable(struct call *c);
void key_delete(struct call *c);
void key_restore(struct call *c);
void key_purge(struct call *c);
void key_set_for_deletion(struct call *c);
void key_unset_for_deletion(struct call *c);
void key_sync(struct call *c);

/* ---- wrap.c ---- */

void key_wrap(struct call *c);
void key_unwrap(struct call *c);
void key_rewrap(struct call *c);

/* ---- around.c: aliases, rings, policies, registrations ---- */

void alias_create(struct call *c);
void alias_delete(struct call *c);
void rings_list(struct call *c);
void ring_create(struct call *c);
void ring_delete(struct call *c);
void policies_get(struct call *c);
void policies_put(struct call *c);
void instance_policies_get(struct call *c);
void instance_policies_put(struct call *c);
void registrations_list(struct call *c);

#endif
