/*
 * A cryptography bill of materials: CycloneDX 1.6. The algorithms that wrap, root keys, and every
 * key under them; never a value. Own words are properties named keymuster:.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/audit.h"

enum algorithm { AES_GCM, XCHACHA, ALGORITHMS };
static const struct {
    const char *ref, *name, *primitive, *mode, *platform;
} algorithms[ALGORITHMS] = {
    [AES_GCM] = {"algorithm:aes-256-gcm", "AES-256-GCM", "ae", "gcm", "HSM"},
    [XCHACHA] = {"algorithm:xchacha20-poly1305", "XChaCha20-Poly1305", "ae", NULL, "Software"},
};

struct making {
    struct sealed *out;
    const struct audit *a;
    struct jw w;
    struct inventory *inv;
    struct cbom_count *count;
    int used[ALGORITHMS];
};

static enum rc
algorithm_of(const struct store *store, const struct root *r, enum algorithm *out, struct err *err)
{
    struct buf provider;
    buf_init(&provider, LIMIT_ENTRY);
    *out = AES_GCM;
    enum rc rc = r->kms.uuid[0] != '\0'
                     ? field_get(store, r->kms.uuid, "provider", &provider, NULL, err)
                     : RC_OK;
    if (strcmp(buf_str(&provider), "local") == 0)
        *out = XCHACHA;
    buf_release(&provider);
    return rc;
}

static void
property(struct jw *w, const char *name, const char *value)
{
    char full[64];
    if (value == NULL || value[0] == '\0')
        return;
    (void)snprintf(full, sizeof full, "keymuster:%s", name);
    jw_obj(w, NULL);
    jw_str(w, "name", full);
    jw_str(w, "value", value);
    jw_end_obj(w);
}

static void
property_int(struct jw *w, const char *name, int64_t n)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, n);
    property(w, name, text);
}

/* ---- components ---- */

static void
begin_component(struct jw *w, const char *ref, const char *name, const char *version,
                const char *asset)
{
    jw_obj(w, NULL);
    jw_str(w, "type", "cryptographic-asset");
    jw_str(w, "bom-ref", ref);
    jw_str(w, "name", name);
    jw_opt(w, "version", version);
    jw_obj(w, "cryptoProperties");
    jw_str(w, "assetType", asset);
}

static void
put_algorithm(struct making *m, enum algorithm i)
{
    struct jw *w = &m->w;
    m->count->algorithms++;
    begin_component(w, algorithms[i].ref, algorithms[i].name, NULL, "algorithm");
    jw_obj(w, "algorithmProperties");
    jw_str(w, "primitive", algorithms[i].primitive);
    jw_str(w, "parameterSetIdentifier", "256");
    jw_opt(w, "mode", algorithms[i].mode);
    jw_arr(w, "cryptoFunctions");
    jw_str(w, NULL, "encrypt");
    jw_str(w, NULL, "decrypt");
    jw_end_arr(w);
    jw_end_obj(w);
    jw_end_obj(w);
    jw_end_obj(w);
}

static void
secured_by(struct jw *w, enum algorithm i)
{
    jw_obj(w, "securedBy");
    jw_str(w, "mechanism", algorithms[i].platform);
    jw_str(w, "algorithmRef", algorithms[i].ref);
    jw_end_obj(w);
}

static enum rc
put_root(void *arg, const struct object *o, struct err *err)
{
    struct making *m = arg;
    struct jw *w = &m->w;
    struct root r;
    char ref[UUID_TEXT + 8], site[LIMIT_NAME + 1] = "";
    enum algorithm alg = AES_GCM;
    enum rc rc = root_load(m->a->store, o, &r, err);
    if (rc == RC_OK)
        rc = algorithm_of(m->a->store, &r, &alg, err);
    if (rc == RC_OK && r.site[0] != '\0')
        rc = object_name(m->a->store, r.site, site, err);
    if (rc != RC_OK)
        return rc;
    m->used[alg] = 1;
    m->count->roots++;
    (void)snprintf(ref, sizeof ref, "root:%s", o->uuid);
    begin_component(w, ref, o->name, r.version, "related-crypto-material");
    jw_obj(w, "relatedCryptoMaterialProperties");
    jw_str(w, "type", "key");
    jw_opt(w, "id", r.id);
    if (r.state != ROOT_UNKNOWN)
        jw_str(w, "state", root_state_name(r.state));
    jw_str(w, "algorithmRef", algorithms[alg].ref);
    jw_opt(w, "updateDate", r.observed_at);
    jw_int(w, "size", 256);
    jw_obj(w, "securedBy");
    jw_str(w, "mechanism", algorithms[alg].platform);
    jw_end_obj(w);
    jw_end_obj(w);
    jw_end_obj(w);
    jw_arr(w, "properties");
    property(w, "kms", r.kms.name);
    property(w, "site", site);
    jw_end_arr(w);
    jw_end_obj(w);
    return sealed_flow(m->out, err);
}

static enum rc
put_properties(struct making *m, const struct inventory_item *i, struct err *err)
{
    static const struct {
        const char *name;
        enum inventory_field field;
    } fields[] = {{"owner", INV_OWNER},
                  {"system", INV_SYSTEM},
                  {"protects", INV_PROTECTS},
                  {"needed-until", INV_NEEDED_UNTIL}};
    struct jw *w = &m->w;
    const char *site = "";
    enum rc rc = i->key.protects_site[0] != '\0'
                     ? inventory_name(m->inv, i->key.protects_site, &site, err)
                     : RC_OK;
    jw_arr(w, "properties");
    property(w, "purpose", i->key.purpose);
    property(w, "protects-site", site);
    property(w, "origin", i->key.origin);
    property(w, "form", i->key.form);
    for (size_t f = 0; rc == RC_OK && f < sizeof fields / sizeof fields[0]; f++) {
        struct buf text;
        buf_init(&text, LIMIT_ENTRY);
        rc = inventory_text(i, fields[f].field, &text, err);
        property(w, fields[f].name, buf_str(&text));
        buf_release(&text);
    }
    property_int(w, "wraps", i->wraps);
    property_int(w, "wraps-behind", i->behind);
    property(w, "last-proven", i->drills.proven ? i->drills.newest.at : "");
    property(w, "exposed-since", i->exposed ? i->duty.since : "");
    property(w, "conflict", i->conflict ? "yes" : "");
    jw_end_arr(w);
    return rc;
}

static enum rc
put_dates(struct making *m, const struct inventory_item *i, struct err *err)
{
    struct buf expires;
    buf_init(&expires, LIMIT_ENTRY);
    enum rc rc = inventory_text(i, INV_EXPIRES, &expires, err);
    jw_str(&m->w, "creationDate", i->key.created_at);
    if (inventory_time(i, INV_EXPIRES) > 0)
        jw_str(&m->w, "expirationDate", buf_str(&expires));
    buf_release(&expires);
    return rc;
}

static enum rc
put_key(void *arg, const struct inventory_item *i, struct err *err)
{
    struct making *m = arg;
    struct jw *w = &m->w;
    char ref[UUID_TEXT + 8], generation[24];
    enum algorithm alg = AES_GCM;
    enum rc rc = i->root_count > 0 ? algorithm_of(m->a->store, i->roots[0], &alg, err) : RC_OK;
    m->count->keys++;
    (void)snprintf(ref, sizeof ref, "key:%s", i->key.uuid);
    (void)snprintf(generation, sizeof generation, "%" PRId64, i->key.generation);
    begin_component(w, ref, i->key.name, generation, "related-crypto-material");
    jw_obj(w, "relatedCryptoMaterialProperties");
    jw_str(w, "type", "password");
    jw_str(w, "id", i->key.uuid);
    if (key_state_rank(i->key.state) >= 0)
        jw_str(w, "state", i->key.state);
    if (rc == RC_OK)
        rc = put_dates(m, i, err);
    if (i->key.bits > 0)
        jw_int(w, "size", i->key.bits);
    jw_str(w, "format", i->key.form);
    if (i->root_count > 0)
        secured_by(w, alg);
    jw_end_obj(w);
    jw_end_obj(w);
    if (rc == RC_OK)
        rc = put_properties(m, i, err);
    jw_end_obj(w);
    return rc == RC_OK ? sealed_flow(m->out, err) : rc;
}

/* ---- what depends on what ---- */

static enum rc
root_needs(void *arg, const struct object *o, struct err *err)
{
    struct making *m = arg;
    struct root r;
    char ref[UUID_TEXT + 8];
    enum algorithm alg = AES_GCM;
    enum rc rc = root_load(m->a->store, o, &r, err);
    if (rc == RC_OK)
        rc = algorithm_of(m->a->store, &r, &alg, err);
    (void)snprintf(ref, sizeof ref, "root:%s", o->uuid);
    jw_obj(&m->w, NULL);
    jw_str(&m->w, "ref", ref);
    jw_arr(&m->w, "dependsOn");
    jw_str(&m->w, NULL, algorithms[alg].ref);
    jw_end_arr(&m->w);
    jw_end_obj(&m->w);
    return rc;
}

static enum rc
key_needs(void *arg, const struct inventory_item *i, struct err *err)
{
    struct making *m = arg;
    char ref[UUID_TEXT + 8];
    (void)snprintf(ref, sizeof ref, "key:%s", i->key.uuid);
    jw_obj(&m->w, NULL);
    jw_str(&m->w, "ref", ref);
    jw_arr(&m->w, "dependsOn");
    for (size_t n = 0; n < i->root_count; n++) {
        (void)snprintf(ref, sizeof ref, "root:%s", i->roots[n]->object.uuid);
        jw_str(&m->w, NULL, ref);
    }
    jw_end_arr(&m->w);
    jw_end_obj(&m->w);
    return sealed_flow(m->out, err);
}

static void
put_metadata(struct making *m)
{
    struct jw *w = &m->w;
    char ref[AUTHOR_TEXT + 8];
    (void)snprintf(ref, sizeof ref, "escrow:%s", m->a->store->escrow);
    jw_str(w, "$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
    jw_str(w, "bomFormat", "CycloneDX");
    jw_str(w, "specVersion", "1.6");
    jw_int(w, "version", 1);
    jw_obj(w, "metadata");
    jw_str(w, "timestamp", m->a->as_of);
    jw_obj(w, "tools");
    jw_arr(w, "components");
    jw_obj(w, NULL);
    jw_str(w, "type", "application");
    jw_str(w, "name", "keymuster");
    jw_str(w, "version", m->a->version);
    jw_end_obj(w);
    jw_end_arr(w);
    jw_end_obj(w);
    jw_obj(w, "component");
    jw_str(w, "type", "data");
    jw_str(w, "bom-ref", ref);
    jw_str(w, "name", m->a->store->name[0] != '\0' ? m->a->store->name : "escrow");
    jw_end_obj(w);
    jw_end_obj(w);
}

static enum rc
each_key(struct making *m, unsigned facts, inventory_fn fn, struct err *err)
{
    const struct inventory_filter all = {.only = 0};
    enum rc rc = inventory_open(&m->inv, m->a->store, facts, err);
    if (rc == RC_OK)
        rc = inventory_each(m->inv, &all, INV_BY_NAME, 0, fn, m, err);
    inventory_close(m->inv);
    m->inv = NULL;
    return rc;
}

enum rc
audit_cbom(struct sealed *out, const struct audit *a, struct cbom_count *count, struct err *err)
{
    struct making m = {.out = out, .a = a, .count = count};
    memset(count, 0, sizeof *count);
    jw_init(&m.w, &out->out);
    jw_obj(&m.w, NULL);
    put_metadata(&m);
    jw_arr(&m.w, "components");
    enum rc rc = object_each(a->store, "root", put_root, &m, err);
    for (int i = 0; i < ALGORITHMS; i++) {
        if (m.used[i])
            put_algorithm(&m, (enum algorithm)i);
    }
    if (rc == RC_OK)
        rc =
            each_key(&m, INV_FIELDS | INV_WRAPS | INV_DRILLS | INV_DUTY | INV_SHARED, put_key, err);
    jw_end_arr(&m.w);
    jw_arr(&m.w, "dependencies");
    if (rc == RC_OK)
        rc = object_each(a->store, "root", root_needs, &m, err);
    if (rc == RC_OK)
        rc = each_key(&m, INV_WRAPS, key_needs, err);
    jw_end_arr(&m.w);
    jw_end_obj(&m.w);
    buf_addc(&out->out, '\n');
    return rc;
}
