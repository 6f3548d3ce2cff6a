/* clang-format off */
/*
 * Faults that a test asked for. A fault:
 *   match                       {"front": "iam"|"kms", "method", "path": part of the path, "instance": part of the
 *                               header}; absent: all
 *   skip, count                 how many matching requests to let pass first, and then to hit (0 and 1; -1: for ever)
 *   status, body, type, headers, reason
 *                               the answer, instead of carrying the request out
 *   kind                        html, empty, redirect, drop-before: instead of carrying it out
 *                               drop-after, malformed, truncated, giant, cut, other-plaintext, previous, empty-after:
 *                               carried out, then so answered
 *   bytes, delay_ms, drip_ms, chunked
 *                               how the answer is sent
 *   kill PATH                   the process whose id is in this file is killed before anything is answered
 *   remove ["member"], add {"member": value}
 *                               changes of a JSON answer, after it was carried out
 *   replace ["text", "other"]   in the printed JSON of such an answer, wherever it stands
 *   use_key ID                  the request is carried out for another key (kms.c)
 */
/* clang-format on */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

cJSON *faults;
static char *previous; /* body of the last faultless answer */

static int
matches(const cJSON *match, const struct request *r)
{
    const char *front = text_of(match, "front"), *method = text_of(match, "method"),
               *path = text_of(match, "path");
    const char *instance = text_of(match, "instance"), *header = header_of(r, "Bluemix-Instance");
    if (*front && strcmp(front, r->front->of == FRONT_IAM ? "iam" : "kms") != 0)
        return 0;
    if ((*method && strcmp(method, r->method) != 0) || (*path && !strstr(r->path, path)))
        return 0;
    return !*instance || (header && strstr(header, instance));
}

cJSON *
fault_for(const struct request *r)
{
    cJSON *f;
    cJSON_ArrayForEach(f, faults)
    {
        if (!matches(cJSON_GetObjectItemCaseSensitive(f, "match"), r))
            continue;
        int64_t skip = number_of(f, "skip"),
                count = cJSON_HasObjectItem(f, "count") ? number_of(f, "count") : 1;
        if (count == 0)
            continue;
        if (skip > 0) {
            set_number(f, "skip", skip - 1);
            continue;
        }
        if (count > 0)
            set_number(f, "count", count - 1);
        set_number(f, "hits", number_of(f, "hits") + 1);
        return cJSON_Duplicate(f, 1);
    }
    return NULL;
}

static void
add_headers(const cJSON *fault, struct answer *a)
{
    cJSON *h;
    cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(fault, "headers")) if (cJSON_IsString(h))
        answer_header(a, h->string, h->valuestring);
}

/* The error envelope with one reason; with code "" as the answers without reasons are. */
static cJSON *
error_body(const char *code, int status)
{
    cJSON *body = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(body, "metadata");
    set_text(meta, "collectionType", "application/vnd.ibm.kms.error+json");
    set_number(meta, "collectionTotal", 1);
    cJSON *resource = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "resources"), resource);
    set_text(resource, "errorMsg", "Simulated fault");
    cJSON *reason = cJSON_CreateObject();
    set_text(reason, "code", code);
    set_text(reason, "message", "a fault that a test asked for");
    set_number(reason, "status", status);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(resource, "reasons"), reason);
    return body;
}

int
fault_before(const cJSON *fault, struct answer *a)
{
    const char *kind = text_of(fault, "kind"), *type = text_of(fault, "type"),
               *reason = text_of(fault, "reason");
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(fault, "body");
    int status = (int)number_of(fault, "status");
    if (strcmp(kind, "html") == 0)
        answer_text(a, status ? status : 502, "text/html",
                    "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad "
                    "Gateway</h1></body></html>");
    else if (strcmp(kind, "redirect") == 0) {
        answer_text(a, status ? status : 302, "text/html", "<html>moved</html>");
        answer_header(a, "Location", "https://127.0.0.1:1/elsewhere");
    } else if (strcmp(kind, "empty") == 0)
        answer_text(a, status ? status : 200, "application/json", NULL);
    else if (strcmp(kind, "drop-before") == 0)
        a->drop = 1;
    else if (status && cJSON_IsString(body))
        answer_text(a, status, *type ? type : "text/plain", body->valuestring);
    else if (status && body)
        answer_json(a, status, cJSON_Duplicate(body, 1));
    else if (status && *reason)
        answer_json(a, status, error_body(reason, status));
    else if (status)
        answer_text(a, status, *type ? type : "text/plain", NULL);
    else
        return 0;
    return 1;
}

static void
change_json(const cJSON *fault, struct answer *a)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(fault, "remove")) if (cJSON_IsString(m))
        cJSON_DeleteItemFromObjectCaseSensitive(a->json, m->valuestring);
    cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(fault, "add"))
        set(a->json, m->string, cJSON_Duplicate(m, 1));
    if (strcmp(text_of(fault, "kind"), "other-plaintext") == 0 &&
        cJSON_HasObjectItem(a->json, "plaintext")) {
        unsigned char other[32];
        random_fill(other, sizeof other);
        char *text = base64_of(other, sizeof other);
        set_text(a->json, "plaintext", text);
        free(text);
    }
}

static void
replace_body(struct answer *a, const char *text, size_t len)
{
    char *copy = strndup(text, len);
    answer_text(a, a->status, a->type, copy);
    free(copy);
}

static void
replace_text(const cJSON *fault, struct answer *a)
{
    const cJSON *pair = cJSON_GetObjectItemCaseSensitive(fault, "replace");
    const cJSON *from = cJSON_GetArrayItem(pair, 0), *to = cJSON_GetArrayItem(pair, 1);
    if (!a->json || !cJSON_IsString(from) || !cJSON_IsString(to) || !*from->valuestring)
        return;
    char *text = cJSON_PrintUnformatted(a->json), *rest = text, *at, *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    if (!f)
        abort();
    for (; (at = strstr(rest, from->valuestring)) != NULL; rest = at + strlen(from->valuestring))
        (void)fprintf(f, "%.*s%s", (int)(at - rest), rest, to->valuestring);
    (void)fputs(rest, f);
    (void)fclose(f);
    replace_body(a, out, len);
    free(out);
    cJSON_free(text);
}

static void
kill_client(const char *path)
{
    int pid = 0;
    FILE *f = *path ? fopen(path, "r") : NULL;
    if (f && fscanf(f, "%d", &pid) == 1 && pid > 1)
        (void)kill(pid, SIGKILL);
    if (f)
        (void)fclose(f);
}

void
fault_after(const cJSON *fault, struct answer *a)
{
    const char *kind = text_of(fault, "kind");
    int64_t bytes = number_of(fault, "bytes");
    kill_client(text_of(fault, "kill"));
    add_headers(fault, a);
    a->delay_ms = (int)number_of(fault, "delay_ms");
    a->drip_ms = (int)number_of(fault, "drip_ms");
    a->chunked = truth_of(fault, "chunked");
    if (strcmp(kind, "drop-after") == 0)
        a->drop = 1;
    else if (strcmp(kind, "cut") == 0)
        a->cut = bytes ? bytes : 1;
    else if (strcmp(kind, "giant") == 0)
        a->giant = bytes ? bytes : INT64_C(1) << 30;
    else if (strcmp(kind, "empty-after") == 0)
        answer_text(a, a->status, a->type, NULL);
    else if (strcmp(kind, "previous") == 0 && previous)
        replace_body(a, previous, strlen(previous));
    if (!a->json)
        return;
    change_json(fault, a);
    replace_text(fault, a);
    if (!a->json)
        return;
    int malformed = strcmp(kind, "malformed") == 0, truncated = strcmp(kind, "truncated") == 0;
    if (malformed || truncated) {
        char *text = cJSON_PrintUnformatted(a->json);
        size_t len = strlen(text);
        if (malformed)
            text[len - 1] = ';';
        replace_body(a, text, truncated ? len / 2 : len);
        cJSON_free(text);
    }
}

void
fault_remember(const struct answer *a)
{
    if (a->status == 200 && a->json) {
        free(previous);
        previous = cJSON_PrintUnformatted(a->json);
    }
}
