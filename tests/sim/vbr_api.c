/* The REST API itself: login, encryption passwords, who uses them, the configuration backup,
 * sessions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vbr.h"

static const char *const revisions[] = {"1.2-rev1", "1.3-rev0", "1.3-rev1", "1.3-rev2"};
enum { REVISIONS = 4, TOKEN_LIFE = 900, WRONG_MOST = 15, BLOCKED = 300 };
#define CONFIG_JOB "99d1bf3d-e2e0-4bec-b2b3-820c0b87d212"

static int
revision_of(const char *text)
{
    for (int i = 0; text && i < REVISIONS; i++)
        if (strcmp(revisions[i], text) == 0)
            return i;
    return -1;
}

void
vbr_error(struct reply *a, int status, const char *code, const char *words)
{
    char text[256];
    (void)snprintf(text, sizeof text, "made up - %s", words);
    cJSON_Delete(a->json);
    a->json = cJSON_CreateObject();
    set_text(a->json, "errorCode", code);
    set_text(a->json, "message", text);
    a->status = status;
}

static void
give(struct reply *a, int status, const cJSON *json)
{
    a->status = status;
    a->json = json ? cJSON_Duplicate(json, 1) : NULL;
}

static void
set_date(cJSON *o, const char *name, int64_t t)
{
    char date[DATE_SIZE], with_offset[40];
    (void)snprintf(with_offset, sizeof with_offset, "%.19s.1234567+00:00", date_of(t, date));
    set_text(o, name, with_offset);
}

static cJSON *
settings(void)
{
    return cJSON_GetObjectItemCaseSensitive(state, "settings");
}

/* ---- login ---- */

static int
form_value(const char *form, const char *name, char *out, size_t size)
{
    size_t used = 0, len = strlen(name);
    const char *at = form;
    while (at && !(strncmp(at, name, len) == 0 && at[len] == '='))
        at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL;
    if (!at)
        return 0;
    for (at += len + 1; *at && *at != '&' && used + 1 < size; at++) {
        unsigned c = (unsigned char)*at;
        if (c == '%' && sscanf(at + 1, "%2x", &c) == 1)
            at += 2;
        else if (c == '+')
            c = ' ';
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return 1;
}

static void
issue(struct reply *a)
{
    unsigned char random[24];
    cJSON *one = cJSON_CreateObject(), *out = cJSON_CreateObject();
    const char *const names[] = {"access_token", "refresh_token"};
    for (int i = 0; i < 2; i++) {
        char text[80];
        random_fill(random, sizeof random);
        char *encoded = base64url_of(random, sizeof random);
        (void)snprintf(text, sizeof text, "canary-%s", encoded);
        free(encoded);
        set_text(one, names[i], text);
    }
    int64_t life = number_of(settings(), "token_life");
    life = life > 0 ? life : TOKEN_LIFE;
    set_number(one, "until", now() + life);
    cJSON_AddItemToArray(list_of(state, "tokens"), one);
    set_text(out, "access_token", text_of(one, "access_token"));
    set_text(out, "token_type", "bearer");
    set_text(out, "refresh_token", text_of(one, "refresh_token"));
    set_number(out, "expires_in", life);
    set_date(out, ".issued", now());
    set_date(out, ".expires", now() + life);
    a->json = out;
    a->status = 200;
}

static void
token(const struct ask *q, int revision, struct reply *a)
{
    char grant[40] = "", user[200] = "", password[200] = "", refresh[200] = "";
    const char *form = q->body ? q->body : "";
    int capital = revision >= 2;
    (void)form_value(form, "grant_type", grant, sizeof grant);
    (void)form_value(form, "username", user, sizeof user);
    (void)form_value(form, "password", password, sizeof password);
    (void)form_value(form, "refresh_token", refresh, sizeof refresh);
    if (!q->type || strncmp(q->type, "application/x-www-form-urlencoded", 33) != 0) {
        vbr_error(a, 400, "UnexpectedContent", "no form");
    } else if (strcmp(grant, capital ? "Refresh_token" : "refresh_token") == 0) {
        cJSON *list = list_of(state, "tokens"), *t = find_by(list, "refresh_token", refresh);
        if (!t || !*refresh) {
            vbr_error(a, 401, "InvalidToken", "refresh token unknown or used");
            return;
        }
        cJSON_Delete(cJSON_DetachItemViaPointer(list, t)); /* usable once */
        issue(a);
    } else if (strcmp(grant, capital ? "Password" : "password") != 0) {
        vbr_error(a, 400, "UnexpectedContent", "grant_type");
    } else if (strcmp(user, text_of(settings(), "user")) != 0 ||
               strcmp(password, text_of(settings(), "password")) != 0) {
        vbr_error(a, 401, "AccessDenied", "user name or password is wrong");
    } else if (truth_of(settings(), "mfa")) {
        vbr_error(a, 401, "AccessDenied", "multi-factor authentication is on for this user");
    } else {
        issue(a);
    }
}

static int
logged_in(const struct ask *q, struct reply *a)
{
    const char *bearer = q->token && strncmp(q->token, "Bearer ", 7) == 0 ? q->token + 7 : "";
    cJSON *t = find_by(list_of(state, "tokens"), "access_token", bearer);
    if (!*bearer)
        vbr_error(a, 401, "AccessDenied", "log in first");
    else if (!t)
        vbr_error(a, 401, "InvalidToken", "token unknown");
    else if (number_of(t, "until") <= now())
        vbr_error(a, 401, "ExpiredToken", "token expired");
    else
        return 1;
    return 0;
}

/* ---- who may do what ---- */

enum right {
    MAY_JOBS,
    MAY_TIERS,
    MAY_INFO,
    MAY_LIST,
    MAY_CREATE,
    MAY_CHANGE,
    MAY_VERIFY,
    MAY_CONFIG,
    MAY_RUN,
    MAY_SEE
};

static int
may(enum right right, int revision)
{
    const char *role = text_of(settings(), "role");
    int admin = strcmp(role, "Backup Administrator") == 0;
    int security = strcmp(role, "Security Administrator") == 0;
    int operator= strcmp(role, "Backup Operator") == 0;
    switch (right) {
    case MAY_INFO:
    case MAY_CONFIG:
        return admin;
    case MAY_LIST:
    case MAY_VERIFY:
        return admin || security || (operator&& revision >= 2);
    case MAY_CREATE:
    case MAY_CHANGE:
        return admin || security;
    case MAY_TIERS:
        return admin || operator|| strcmp(role, "Backup Viewer") == 0;
    case MAY_JOBS:
        return admin || operator|| strcmp(role, "Backup Viewer") == 0 ||
               (security && revision >= 2);
    case MAY_RUN:
        return admin || operator;
    case MAY_SEE:
        return admin || operator|| strcmp(role, "Backup Viewer") == 0 ||
               (security && revision >= 1);
    }
    return 0;
}

static int
allowed(enum right right, int revision, struct reply *a)
{
    if (may(right, revision))
        return 1;
    vbr_error(a, 403, "AccessDenied", "forbidden");
    return 0;
}

/* ---- encryption passwords ---- */

static cJSON *
passwords(void)
{
    return list_of(state, "passwords");
}

/* Never the secret; isImported not in the oldest revision. */
static cJSON *
model(const cJSON *p, int revision)
{
    cJSON *m = cJSON_Duplicate(p, 1);
    cJSON_DeleteItemFromObjectCaseSensitive(m, "password");
    if (revision < 1)
        cJSON_DeleteItemFromObjectCaseSensitive(m, "isImported");
    return m;
}

static void
set_hint(cJSON *p, const char *hint)
{
    size_t most = (size_t)number_of(settings(), "hint_cut");
    char *copy = strdup(hint);
    if (copy && most > 0 && strlen(copy) > most)
        copy[most] = '\0';
    set_text(p, "hint", copy ? copy : "");
    free(copy);
    set_date(p, "modificationTime", now());
}

static void
list(const struct ask *q, int revision, const cJSON *all, struct reply *a)
{
    int total = cJSON_GetArraySize(all);
    int skip = q->skip ? atoi(q->skip) : 0;
    int limit = q->limit ? atoi(q->limit) : revision == 0 ? total : 200;
    int count = 0, i = 0;
    cJSON *out = cJSON_CreateObject(), *data = cJSON_AddArrayToObject(out, "data"), *p;
    cJSON_ArrayForEach(p, all)
    {
        if (i++ < skip || count >= limit)
            continue;
        cJSON_AddItemToArray(data, model(p, revision));
        count++;
    }
    cJSON *page = cJSON_AddObjectToObject(out, "pagination");
    set_number(page, "total", total);
    set_number(page, "count", count);
    set_number(page, "skip", skip);
    set_number(page, "limit", limit);
    a->json = out;
    a->status = 200;
}

static int
is_text(const cJSON *body, const char *name)
{
    return cJSON_IsString(cJSON_GetObjectItemCaseSensitive(body, name));
}

static void
create(const cJSON *body, int revision, struct reply *a)
{
    char id[UUID_SIZE];
    if (!is_text(body, "password") || !is_text(body, "hint") || !*text_of(body, "password")) {
        vbr_error(a, 400, "UnexpectedContent", "password and hint are wanted");
        return;
    }
    cJSON *p = cJSON_CreateObject();
    set_text(p, "id", uuid_new(id));
    set_hint(p, text_of(body, "hint"));
    set_text(p, "uniqueId", text_of(body, "uniqueId"));
    set(p, "isImported", cJSON_CreateBool(truth_of(body, "isImported")));
    set_text(p, "password", text_of(body, "password"));
    cJSON_AddItemToArray(passwords(), p);
    a->json = model(p, revision);
    a->status = 201;
}

static void
verify(cJSON *p, const cJSON *body, struct reply *a)
{
    if (!is_text(body, "password")) {
        vbr_error(a, 400, "UnexpectedContent", "password is wanted");
        return;
    }
    cJSON *wrong = list_of(state, "wrong");
    if (now() < number_of(state, "blocked_until")) {
        vbr_error(a, 400, "UnknownError", "too many attempts, try again later");
        return;
    }
    while (cJSON_GetArraySize(wrong) > 0 &&
           cJSON_GetArrayItem(wrong, 0)->valuedouble < (double)(now() - 60))
        cJSON_DeleteItemFromArray(wrong, 0);
    int equal = strcmp(text_of(p, "password"), text_of(body, "password")) == 0;
    if (!equal) {
        cJSON_AddItemToArray(wrong, cJSON_CreateNumber((double)now()));
        if (cJSON_GetArraySize(wrong) >= WRONG_MOST)
            set_number(state, "blocked_until", now() + BLOCKED);
    }
    a->json = cJSON_CreateObject();
    set(a->json, "isSuccessful", cJSON_CreateBool(equal));
    set_text(a->json, "message", equal ? "made up - equal" : "made up - different");
    a->status = 200;
}

static int
in_use(const cJSON *p)
{
    cJSON *e = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(state, "config"),
                                                "encryption");
    return truth_of(e, "isEnabled") && strcmp(text_of(e, "passwordId"), text_of(p, "id")) == 0;
}

/* Behind /encryptionPasswords/{id} */
static void
one(const struct ask *q, const char *rest, cJSON *p, const cJSON *body, int revision,
    struct reply *a)
{
    int get = strcmp(q->method, "GET") == 0, post = strcmp(q->method, "POST") == 0;
    if (!p) {
        vbr_error(a, 404, "NotFound", "no such object");
    } else if (post && strcmp(rest, "/verify") == 0) {
        if (revision < 1 || truth_of(settings(), "no_verify"))
            vbr_error(a, 404, "NotFound", "no such path");
        else if (allowed(MAY_VERIFY, revision, a))
            verify(p, body, a);
    } else if (post && strcmp(rest, "/changepassword") == 0) {
        if (!allowed(MAY_CHANGE, revision, a))
            return;
        if (!is_text(body, "password") || !is_text(body, "hint")) {
            vbr_error(a, 400, "UnexpectedContent", "password and hint are wanted");
            return;
        }
        set_hint(p, text_of(body, "hint"));
        set_text(p, "password", text_of(body, "password"));
        a->json = cJSON_CreateObject();
        a->status = 200;
    } else if (*rest) {
        vbr_error(a, 404, "NotFound", "no such path");
    } else if (get) {
        if (allowed(MAY_LIST, revision, a)) {
            a->json = model(p, revision);
            a->status = 200;
        }
    } else if (strcmp(q->method, "PUT") == 0) {
        if (!allowed(MAY_CHANGE, revision, a))
            return;
        if (!is_text(body, "hint") || strcmp(text_of(body, "id"), text_of(p, "id")) != 0) {
            vbr_error(a, 400, "UnexpectedContent", "the whole model is wanted");
            return;
        }
        set_hint(p, text_of(body, "hint"));
        a->json = model(p, revision);
        a->status = 200;
    } else if (strcmp(q->method, "DELETE") == 0 && allowed(MAY_CHANGE, revision, a)) {
        if (in_use(p)) {
            vbr_error(a, 500, "UnknownError", "the password is in use");
            return;
        }
        cJSON_Delete(cJSON_DetachItemViaPointer(passwords(), p));
        a->status = 204;
    }
}

/* ---- the configuration backup ---- */

static void
config(const struct ask *q, const cJSON *body, int revision, struct reply *a)
{
    static const char *const wanted[] = {"isEnabled", "backupRepositoryId",   "restorePointsToKeep",
                                         "schedule",  "lastSuccessfulBackup", "notifications",
                                         "encryption"};
    cJSON *here = cJSON_GetObjectItemCaseSensitive(state, "config");
    if (!allowed(MAY_CONFIG, revision, a))
        return;
    if (strcmp(q->method, "PUT") == 0) {
        const cJSON *e = cJSON_GetObjectItemCaseSensitive(body, "encryption");
        int whole = is_text(e, "passwordId") && cJSON_HasObjectItem(e, "isEnabled");
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            whole = whole && cJSON_HasObjectItem(body, wanted[i]);
        if (!whole ||
            (truth_of(e, "isEnabled") && !find_by(passwords(), "id", text_of(e, "passwordId")))) {
            vbr_error(a, 400, "UnexpectedContent", "the whole model is wanted");
            return;
        }
        set(state, "config", cJSON_Duplicate(body, 1));
        here = cJSON_GetObjectItemCaseSensitive(state, "config");
    }
    give(a, 200, here);
}

/* A configuration backup does not run unencrypted once there is a password. */
static void
run_config(struct reply *a)
{
    char id[UUID_SIZE];
    cJSON *c = cJSON_GetObjectItemCaseSensitive(state, "config");
    cJSON *s = cJSON_CreateObject(), *result;
    int clear = !truth_of(cJSON_GetObjectItemCaseSensitive(c, "encryption"), "isEnabled");
    int refused = clear && cJSON_GetArraySize(passwords()) > 0;
    const char *end = text_of(settings(), "session");
    set_text(s, "id", uuid_new(id));
    set_text(s, "name", "Backup Configuration Job");
    set_text(s, "jobId", CONFIG_JOB);
    set_text(s, "sessionType", "ConfigurationBackup");
    set_date(s, "creationTime", now());
    set(s, "endTime", cJSON_CreateNull());
    set_text(s, "state", "Starting");
    set_number(s, "progressPercent", 0);
    set_number(s, "usn", 0);
    result = cJSON_AddObjectToObject(s, "result");
    set_text(result, "result", "None");
    set_text(result, "message", "");
    set(result, "isCanceled", cJSON_CreateBool(0));
    give(a, 200, s);
    set_text(s, "end", refused ? "Failed" : *end ? end : "Success");
    int64_t polls = number_of(settings(), "polls");
    set_number(s, "polls", polls > 0 ? polls : 1);
    cJSON_AddItemToArray(list_of(state, "sessions"), s);
}

static void
session(cJSON *s, struct reply *a)
{
    if (!s) {
        vbr_error(a, 404, "NotFound", "no such object");
        return;
    }
    int64_t left = number_of(s, "polls");
    if (left > 0) {
        set_number(s, "polls", left - 1);
        set_text(s, "state", "Working");
    } else if (strcmp(text_of(s, "state"), "Stopped") != 0) {
        cJSON *r = cJSON_GetObjectItemCaseSensitive(s, "result");
        const char *end = text_of(s, "end");
        set_text(s, "state", "Stopped");
        set_text(r, "result", end);
        set_text(r, "message", strcmp(end, "Failed") == 0 ? "made up - the job failed" : end);
        set_date(s, "endTime", now());
        if (strcmp(end, "Failed") != 0) {
            cJSON *last = cJSON_GetObjectItemCaseSensitive(
                cJSON_GetObjectItemCaseSensitive(state, "config"), "lastSuccessfulBackup");
            set_text(last, "sessionId", text_of(s, "id"));
            set_date(last, "lastSuccessfulTime", now());
        }
    }
    give(a, 200, s);
    cJSON_DeleteItemFromObjectCaseSensitive(a->json, "end");
    cJSON_DeleteItemFromObjectCaseSensitive(a->json, "polls");
}

static void
server_info(int revision, struct reply *a)
{
    cJSON *o = cJSON_Parse(
        "{\"vbrId\":\"0b7e2a44-9d1e-4f0a-8c55-5d0f6f3f7a01\",\"name\":\"vbr-fra.example.net\","
        "\"patches\":[],\"databaseVendor\":\"PostgreSQL\",\"sqlServerEdition\":\"\","
        "\"sqlServerVersion\":\"PostgreSQL 17.5\",\"databaseSchemaVersion\":\"9750\","
        "\"databaseContentVersion\":\"9750\"}");
    set_text(o, "buildVersion", revision == 0 ? "12.3.2.3617" : "13.0.1.180");
    if (revision > 0) {
        set(o, "veeamRegistration", cJSON_Parse("{\"isRegistered\":false}"));
        set_text(o, "platform", "Linux");
    }
    a->json = o;
    a->status = 200;
}

/* ---- finding the way ---- */

static void
route(const struct ask *q, const char *path, const cJSON *body, int revision, struct reply *a)
{
    int get = strcmp(q->method, "GET") == 0, post = strcmp(q->method, "POST") == 0;
    static const char list_path[] = "/encryptionPasswords";
    size_t n = sizeof list_path - 1;
    if (strcmp(path, "/serverInfo") == 0 && get) {
        if (allowed(MAY_INFO, revision, a))
            server_info(revision, a);
    } else if (strcmp(path, list_path) == 0 && get) {
        if (allowed(MAY_LIST, revision, a))
            list(q, revision, passwords(), a);
    } else if (strcmp(path, list_path) == 0 && post) {
        if (allowed(MAY_CREATE, revision, a))
            create(body, revision, a);
    } else if (strncmp(path, list_path, n) == 0 && path[n] == '/') {
        char id[UUID_SIZE];
        (void)snprintf(id, sizeof id, "%s", path + n + 1);
        const char *rest = strlen(path) > n + UUID_SIZE - 1 ? path + n + UUID_SIZE : "";
        one(q, rest, find_by(passwords(), "id", id), body, revision, a);
    } else if (strcmp(path, "/jobs") == 0 && get) {
        if (allowed(MAY_JOBS, revision, a))
            list(q, revision, list_of(state, "jobs"), a);
    } else if (strcmp(path, "/backupInfrastructure/scaleOutRepositories") == 0 && get) {
        if (allowed(MAY_TIERS, revision, a))
            list(q, revision, list_of(state, "tiers"), a);
    } else if (strcmp(path, "/configBackup") == 0 && !post) {
        config(q, body, revision, a);
    } else if (strcmp(path, "/configBackup/backup") == 0 && post) {
        if (allowed(MAY_RUN, revision, a))
            run_config(a);
    } else if (strncmp(path, "/sessions/", 10) == 0 && get) {
        if (allowed(MAY_SEE, revision, a))
            session(find_by(list_of(state, "sessions"), "id", path + 10), a);
    } else {
        vbr_error(a, 404, "NotFound", "no such path");
    }
}

void
vbr_answer(const struct ask *q, struct reply *a)
{
    int revision = revision_of(q->version), newest = revision_of(text_of(settings(), "revision"));
    if (revision < 0 || revision > newest) {
        vbr_error(a, 400, "NotImplemented", "API version not supported");
        return;
    }
    if (strcmp(q->path, "/api/oauth2/token") == 0 && strcmp(q->method, "POST") == 0) {
        token(q, revision, a);
        return;
    }
    if (strncmp(q->path, "/api/v1", 7) != 0) {
        vbr_error(a, 404, "NotFound", "no such path");
        return;
    }
    if (!logged_in(q, a))
        return;
    cJSON *body = q->body ? cJSON_Parse(q->body) : NULL;
    if (q->body && q->len > 0 && !body)
        vbr_error(a, 400, "UnexpectedContent", "not JSON");
    else
        route(q, q->path + 7, body, revision, a);
    cJSON_Delete(body);
}

void
vbr_restart(void)
{
    set(state, "tokens", cJSON_CreateArray());
}

void
vbr_first(void)
{
    set(state, "config",
        cJSON_Parse(
            "{\"isEnabled\":true,\"backupRepositoryId\":\"88788f9e-d8f5-4eb4-bc4f-9b3f5403bcec\","
            "\"restorePointsToKeep\":10,\"notifications\":{\"SNMPEnabled\":false},"
            "\"schedule\":{\"isEnabled\":true,\"daily\":{\"isEnabled\":true,\"localTime\":\"10:00:"
            "00\","
            "\"dailyKind\":\"Everyday\"}},\"lastSuccessfulBackup\":{\"lastSuccessfulTime\":"
            "\"2026-11-24T10:00:35.033+01:00\",\"sessionId\":\"11f2d9b0-90c8-4e1d-9a4a-"
            "0d6a5a2f6c02\"},"
            "\"encryption\":{\"isEnabled\":false,\"passwordId\":\"00000000-0000-0000-0000-"
            "000000000000\"}}"));
    set(state, "settings",
        cJSON_Parse("{\"user\":\"vbr\\\\escrow\",\"role\":\"Backup Administrator\","
                    "\"revision\":\"1.3-rev2\"}"));
}
