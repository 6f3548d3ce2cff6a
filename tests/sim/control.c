/* clang-format off */
/*
 * What a test says to the simulator, over plain HTTP on a port of its own. Bodies and answers are JSON.
 *   GET  /sim/info              the line that was printed at start
 *   POST /sim/clock             {"advance": seconds} {"set": seconds since 1970} {"freeze": true|false}
 *   POST /sim/faults            a fault (faults.c); GET lists, DELETE lists and clears
 *   POST /sim/apikeys           {"name", "account", "status", "life", "grants": [{"instance", "ring", "role"}], "key"}
 *   POST /sim/instances         {"name", "id", "offering", "region", "account", "master_key_missing", "network_refused"}
 *   POST /sim/keys              {"instance", "id", "name", "versions": [{"id", "material"}], …}: puts a key there as it is
 *   POST /sim/settings          {"varied_texts", "no_reasons", "no_reason_status", "blank_codes", "read_only": [region],
 *                               "expired_token_status": 401|400}
 *   POST /sim/rollback          {"region", "seconds"}: forgets the keys and versions made in the last seconds
 *   POST /sim/keep              {"name"}: keeps the KMSs as they are now
 *   POST /sim/again             {"name", "fault": a fault, or absent}: as they were kept; no other faults, an empty log
 *   POST /sim/fronts            {"of": "iam" or an instance's name, "tls": kind}: one more port; its URL is the answer
 *   GET  /sim/log               the requests so far; DELETE lists and clears
 */
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"

static void
ok(struct answer *a, cJSON *body)
{
    answer_json(a, 200, body ? body : cJSON_CreateObject());
}

static void
wrong(struct answer *a, const char *what)
{
    cJSON *body = cJSON_CreateObject();
    set_text(body, "error", what);
    answer_json(a, 400, body);
}

static cJSON *
instance_named(const char *name)
{
    cJSON *instances = list_of(state, "instances"), *i = find_by(instances, "name", name);
    return i ? i : find_by(instances, "id", name);
}

/* Copies the members of `from` over those of `to`. */
static void
merge(cJSON *to, const cJSON *from)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, from) set(to, m->string, cJSON_Duplicate(m, 1));
}

static void
on_clock(struct answer *a, const cJSON *body)
{
    if (cJSON_HasObjectItem(body, "freeze"))
        clock_freeze(truth_of(body, "freeze"));
    if (cJSON_HasObjectItem(body, "set"))
        clock_move(number_of(body, "set") - now());
    clock_move(number_of(body, "advance"));
    char date[DATE_SIZE];
    cJSON *out = cJSON_CreateObject();
    set_number(out, "now", now());
    set_text(out, "date", date_of(now(), date));
    ok(a, out);
}

static void
on_fault(struct answer *a, const cJSON *body)
{
    static int count;
    cJSON *f = cJSON_Duplicate(body, 1), *out = cJSON_CreateObject();
    set_number(f, "id", ++count);
    cJSON_AddItemToArray(faults, f);
    set_number(out, "id", count);
    ok(a, out);
}

static void
on_apikey(struct answer *a, const cJSON *body)
{
    const char *name = text_of(body, "name");
    cJSON *key = find_by(list_of(state, "apikeys"), "name", name);
    if (!*name || strchr(name, '/')) {
        wrong(a, "name is missing");
        return;
    }
    if (!key)
        key = apikey_add(name, text_of(cJSON_GetArrayItem(list_of(state, "apikeys"), 0), "account"),
                         "Reader", "*");
    merge(key, body);
    apikey_write(key);
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/apikey.%s", sim_dir, name);
    cJSON *out = cJSON_CreateObject();
    set_text(out, "file", path);
    set_text(out, "iam_id", text_of(key, "iam_id"));
    ok(a, out);
}

static void
on_instance(struct answer *a, const cJSON *body)
{
    const char *name = text_of(body, "name"), *offering = text_of(body, "offering"),
               *region = text_of(body, "region");
    cJSON *i = instance_named(name);
    if (!*name) {
        wrong(a, "name is missing");
        return;
    }
    if (!i) {
        const char *account = text_of(body, "account");
        i = instance_add(name, *offering ? offering : "standard", *region ? region : "eu-de",
                         *account
                             ? account
                             : text_of(cJSON_GetArrayItem(list_of(state, "apikeys"), 0), "account"),
                         text_of(body, "id"));
    }
    merge(i, body);
    const struct front *f = front_for(i);
    cJSON *out = cJSON_CreateObject();
    set_text(out, "id", text_of(i, "id"));
    set_text(out, "url", f ? f->url : "");
    ok(a, out);
}

/* A key of known material and id, for data that were wrapped elsewhere. Members as in keys.c. */
static void
on_key(struct answer *a, const cJSON *body)
{
    cJSON *i = instance_named(text_of(body, "instance"));
    if (!i) {
        wrong(a, "no such instance");
        return;
    }
    cJSON *old = key_find(i, text_of(body, "id"), NULL), *k = old;
    if (!old) {
        char id[UUID_SIZE];
        k = cJSON_CreateObject();
        set_text(k, "id", uuid_new(id));
        set_text(k, "name", "placed");
        set_number(k, "state", ACTIVE);
        set(k, "extractable", cJSON_CreateFalse());
        set(k, "imported", cJSON_CreateTrue());
        set_text(k, "ring", "default");
        set_number(k, "created", now());
        set_number(k, "updated", now());
        cJSON_AddItemToArray(list_of(i, "keys"), k);
    }
    merge(k, body);
    cJSON_DeleteItemFromObject(k, "instance");
    cJSON *v;
    cJSON_ArrayForEach(v, list_of(k, "versions")) if (!number_of(v, "created"))
        set_number(v, "created", now());
    cJSON *out = cJSON_CreateObject();
    set_text(out, "id", text_of(k, "id"));
    ok(a, out);
}

static void
on_rollback(struct answer *a, const cJSON *body)
{
    int64_t since = now() - number_of(body, "seconds");
    cJSON *i;
    cJSON_ArrayForEach(i, list_of(state, "instances"))
    {
        if (strcmp(text_of(i, "region"), text_of(body, "region")) != 0)
            continue;
        cJSON *keys = list_of(i, "keys");
        for (int n = cJSON_GetArraySize(keys) - 1; n >= 0; n--) {
            cJSON *k = cJSON_GetArrayItem(keys, n), *versions = list_of(k, "versions");
            if (number_of(k, "created") > since) {
                cJSON_DeleteItemFromArray(keys, n);
                continue;
            }
            while (cJSON_GetArraySize(versions) > 1 &&
                   number_of(cJSON_GetArrayItem(versions, 0), "created") > since)
                cJSON_DeleteItemFromArray(versions, 0);
            if (number_of(k, "rotated") > since)
                set_number(k, "rotated",
                           cJSON_GetArraySize(versions) > 1
                               ? number_of(cJSON_GetArrayItem(versions, 0), "created")
                               : 0);
        }
    }
    ok(a, NULL);
}

static void
on_front(struct answer *a, const cJSON *body)
{
    const char *of = text_of(body, "of"), *kind = text_of(body, "tls");
    const cJSON *i = instance_named(of);
    struct front *f = NULL;
    if (strcmp(of, "iam") == 0)
        f = front_start(FRONT_IAM, "", "", "", kind);
    else if (i)
        f = front_start(FRONT_KMS, text_of(i, "region"), text_of(i, "offering"),
                        strcmp(text_of(i, "offering"), "standard") == 0 ? "" : text_of(i, "id"),
                        kind);
    if (!f) {
        wrong(a, "no such front, or kind of TLS");
        return;
    }
    cJSON *out = cJSON_CreateObject();
    set_text(out, "url", f->url);
    set_number(out, "port", f->port);
    ok(a, out);
}

static void
clear(cJSON *list)
{
    while (cJSON_GetArraySize(list) > 0)
        cJSON_DeleteItemFromArray(list, 0);
}

static cJSON *kept; /* by name */

static void
on_keep(struct answer *a, const cJSON *body)
{
    if (!kept)
        kept = cJSON_CreateObject();
    set(kept, text_of(body, "name"), cJSON_Duplicate(state, 1));
    ok(a, NULL);
}

static void
on_again(struct answer *a, const cJSON *body)
{
    const cJSON *fault = cJSON_GetObjectItemCaseSensitive(body, "fault");
    const cJSON *then = cJSON_GetObjectItemCaseSensitive(kept, text_of(body, "name"));
    if (!then) {
        wrong(a, "nothing of that name was kept");
        return;
    }
    cJSON_Delete(state);
    state = cJSON_Duplicate(then, 1);
    clear(faults);
    clear(request_log);
    if (fault)
        on_fault(a, fault);
    else
        ok(a, NULL);
}

static void
on_post(const char *what, struct answer *a, const cJSON *body)
{
    if (strcmp(what, "clock") == 0)
        on_clock(a, body);
    else if (strcmp(what, "faults") == 0)
        on_fault(a, body);
    else if (strcmp(what, "apikeys") == 0)
        on_apikey(a, body);
    else if (strcmp(what, "instances") == 0)
        on_instance(a, body);
    else if (strcmp(what, "keys") == 0)
        on_key(a, body);
    else if (strcmp(what, "rollback") == 0)
        on_rollback(a, body);
    else if (strcmp(what, "keep") == 0)
        on_keep(a, body);
    else if (strcmp(what, "again") == 0)
        on_again(a, body);
    else if (strcmp(what, "fronts") == 0)
        on_front(a, body);
    else if (strcmp(what, "settings") == 0) {
        merge(cJSON_GetObjectItem(state, "settings"), body);
        ok(a, NULL);
    } else
        wrong(a, "no such thing");
}

void
control_answer(struct request *r, struct answer *a)
{
    const char *what = strncmp(r->path, "/sim/", 5) == 0 ? r->path + 5 : "";
    cJSON *list = strcmp(what, "log") == 0      ? request_log
                  : strcmp(what, "faults") == 0 ? faults
                                                : NULL;
    if (strcmp(r->method, "POST") == 0) {
        cJSON *body = r->body_len ? cJSON_Parse(r->body) : NULL;
        if (cJSON_IsObject(body))
            on_post(what, a, body);
        else
            wrong(a, "the body is not a JSON object");
        cJSON_Delete(body);
    } else if (list && strcmp(r->method, "DELETE") == 0) {
        ok(a, cJSON_Duplicate(list, 1));
        clear(list);
    } else if (list) {
        ok(a, cJSON_Duplicate(list, 1));
    } else if (strcmp(what, "info") == 0) {
        ok(a, info());
    } else {
        wrong(a, "no such thing");
    }
}
