/* Identity and access management: an API key for a token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static void
iam_error(struct answer *a, const struct request *r, int status, const char *code,
          const char *message)
{
    cJSON *body = cJSON_CreateObject();
    set_text(body, "errorCode", code);
    set_text(body, "errorMessage", message);
    cJSON *context = cJSON_AddObjectToObject(body, "context");
    set_text(context, "requestId", r->correlation);
    set_text(context, "requestType", "incoming.Identity_Token");
    set_text(context, "host", "simulator");
    set_text(context, "locale", "en_US");
    answer_json(a, status, body);
}

static int
hex_of(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

static void
percent_decode(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (*s == '%' && hex_of(s[1]) >= 0 && hex_of(s[2]) >= 0) {
            *out++ = (char)(hex_of(s[1]) << 4 | hex_of(s[2]));
            s += 2;
        } else {
            *out++ = *s == '+' ? ' ' : *s;
        }
    }
    *out = '\0';
}

static cJSON *
form_read(const char *body)
{
    cJSON *form = cJSON_CreateObject();
    char *copy = strdup(body), *rest = copy, *pair;
    while ((pair = strsep(&rest, "&")) != NULL) {
        char *value = strchr(pair, '=');
        if (!value)
            continue;
        *value++ = '\0';
        percent_decode(pair);
        percent_decode(value);
        set_text(form, pair, value);
    }
    free(copy);
    return form;
}

static void
token_answer(struct answer *a, const cJSON *apikey)
{
    int64_t t = now(), life = number_of(apikey, "life");
    const char *id = text_of(apikey, "iam_id");
    cJSON *claims = cJSON_CreateObject();
    set_text(claims, "iam_id", id);
    set_text(claims, "id", id);
    set_text(claims, "realmid", "iam");
    set_text(claims, "identifier", id);
    set_text(claims, "sub", id);
    set_text(claims, "sub_type", "ServiceId");
    set_text(cJSON_AddObjectToObject(claims, "account"), "bss", text_of(apikey, "account"));
    set_number(claims, "iat", t);
    set_number(claims, "exp", t + life);
    set_text(claims, "iss", "https://simulator.invalid/identity");
    set_text(claims, "grant_type", "urn:ibm:params:oauth:grant-type:apikey");
    set_text(claims, "scope", "ibm openid");
    set_text(claims, "client_id", "default");
    char jti[UUID_SIZE];
    set_text(claims, "jti", uuid_new(jti)); /* no two tokens are equal */
    char filler[513];                       /* real ones have 1 to 2 KB */
    memset(filler, '.', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    set_text(claims, "simulator", filler);
    char *jwt = token_sign(claims);
    cJSON_Delete(claims);

    cJSON *body = cJSON_CreateObject();
    set_text(body, "access_token", jwt);
    set_text(body, "refresh_token", "not_supported");
    set_text(body, "token_type", "Bearer");
    set_number(body, "expires_in", life);
    set_number(body, "expiration", t + life);
    set_text(body, "scope", "ibm openid");
    free(jwt);
    answer_json(a, 200, body);
}

static const struct {
    const char *status, *code, *message;
    int http;
} refusals[] = {
    {"deleted", "BXNIM0415E", "Provided API key could not be found", 400},
    {"disabled", "BXNIM0462E", "The API key is disabled", 400},
    /* Which code IAM has for this is not documented: one that no client knows. */
    {"expired", "BXNIM9999E", "The API key has expired", 400},
    {"user-gone", "BXNIM0410E", "The user behind the API key is gone or not active", 400},
    {"suspended", "BXNIM0436E", "The user is suspended in this account", 401},
    {"network", "BXNIM0430E", "The address of the caller is not in the allowed range", 401},
    {"profile", "BXNIM0398E", "The trusted profile may not be assumed", 400},
};

/* The API key, projected token or caller that the form names; NULL: an error stands in the answer.
 */
static const cJSON *
who_asks(const cJSON *form, const struct request *r, struct answer *a)
{
    const char *grant = text_of(form, "grant_type"), *kind = strrchr(grant, ':');
    kind = kind ? kind + 1 : grant;
    cJSON *keys = list_of(state, "apikeys"), *key = NULL;
    if (strcmp(kind, "apikey") == 0) {
        key = find_by(keys, "key", text_of(form, "apikey"));
    } else if (strcmp(kind, "cr-token") == 0) {
        key = find_by(keys, "key", text_of(form, "cr_token"));
    } else if (strcmp(kind, "assume") == 0) {
        cJSON *claims = token_read(text_of(form, "access_token"));
        key = claims ? find_by(keys, "iam_id", text_of(claims, "iam_id")) : NULL;
        cJSON_Delete(claims);
    } else if (strcmp(kind, "refresh_token") == 0) {
        iam_error(a, r, 400, "BXNIM0408E", "The refresh token is expired");
        return NULL;
    } else {
        iam_error(a, r, 400, "BXNIM0106E", "Property missing or not valid: grant_type");
        return NULL;
    }
    const char *status = key ? text_of(key, "status") : "deleted";
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strcmp(status, refusals[i].status) == 0) {
            iam_error(a, r, refusals[i].http, refusals[i].code, refusals[i].message);
            return NULL;
        }
    return key;
}

void
iam_answer(struct request *r, struct answer *a)
{
    if (strcmp(r->path, "/identity/token") != 0 && strcmp(r->path, "/oidc/token") != 0) {
        iam_error(a, r, 404, "BXNIM0000E", "Not found");
        return;
    }
    if (strcmp(r->method, "POST") != 0) {
        iam_error(a, r, 405, "BXNIM0000E", "Method not allowed");
        return;
    }
    cJSON *form = form_read(r->body ? r->body : "");
    const char *wanted = text_of(form, "response_type"), *type = header_of(r, "Content-Type");
    if ((*wanted && strcmp(wanted, "cloud_iam") != 0) || !type ||
        strncmp(type, "application/x-www-form-urlencoded", 33) != 0) {
        iam_error(a, r, 400, "BXNIM0106E", "Property missing or not valid");
    } else {
        const cJSON *key = who_asks(form, r, a);
        if (key) {
            (void)snprintf(a->who, sizeof a->who, "%s", text_of(key, "iam_id"));
            token_answer(a, key);
        }
    }
    cJSON_Delete(form);
}
