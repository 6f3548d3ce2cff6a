#include "kms/activity.h"

#include <stdio.h>
#include <string.h>

#include "crypt/hash.h"
#include "text/json.h"
#include "text/time.h"

enum { NESTED = 4 }; /* envelopes around an event */

static const char *const names[] = {[ACTIVITY_OTHER] = "other",
                                    [ACTIVITY_WRAP] = "wrap",
                                    [ACTIVITY_UNWRAP] = "unwrap",
                                    [ACTIVITY_REWRAP] = "rewrap"};

const char *
activity_what_name(enum activity_what what)
{
    return names[what];
}

/* Cut where a character begins. */
static void
copy(char *out, size_t size, const char *text)
{
    size_t n = text != NULL ? strlen(text) : 0;
    if (n >= size)
        n = size - 1;
    while (n > 0 && text[n] != '\0' && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    if (n > 0)
        memcpy(out, text, n);
    out[n] = '\0';
}

/* kms.secrets.unwrap, hs-crypto.secrets.unwrap. */
static enum activity_what
what_of(const char *action)
{
    const char *dot = action != NULL ? strrchr(action, '.') : NULL;
    if (dot == NULL || (strncmp(action, "kms.secrets.", 12) != 0 &&
                        strncmp(action, "hs-crypto.secrets.", 18) != 0))
        return ACTIVITY_OTHER;
    for (size_t i = ACTIVITY_WRAP; i <= ACTIVITY_REWRAP; i++) {
        if (strcmp(dot + 1, names[i]) == 0)
            return (enum activity_what)i;
    }
    return ACTIVITY_OTHER;
}

/* crn:v1:bluemix:public:kms:REGION:a/ACCOUNT:INSTANCE:key:ID */
static void
read_target(struct activity *out, const char *crn)
{
    size_t part = 0;
    for (const char *p = crn; p != NULL && *p != '\0'; part++) {
        size_t n = strcspn(p, ":");
        char *to = part == 7 ? out->instance : part == 9 ? out->key : NULL;
        if (to != NULL && n == UUID_TEXT) {
            memcpy(to, p, n);
            to[n] = '\0';
        }
        p += n + (p[n] == ':');
    }
}

/* "2021-07-01T00:36:53.62+0000" has no colon in its offset. */
static void
read_time(struct activity *out, const char *text)
{
    char with[48];
    int64_t ms = 0;
    size_t n = text != NULL ? strlen(text) : 0;
    if (n < 6 || n > 40)
        return;
    if (text[n - 5] == '+' || text[n - 5] == '-')
        (void)snprintf(with, sizeof with, "%.*s:%s", (int)(n - 2), text, text + n - 2);
    else
        (void)snprintf(with, sizeof with, "%s", text);
    if (time_parse(&ms, with) == 0)
        time_format(out->at, ms);
}

static void
name_event(struct activity *out)
{
    char hex[HASH_TEXT + 1];
    char all[1024];
    int n = snprintf(all, sizeof all, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n%d", names[out->what],
                     out->instance, out->key, out->request, out->at, out->id, out->who, out->done);
    sha256_hex(hex, all, n > 0 && (size_t)n < sizeof all ? (size_t)n : sizeof all - 1);
    memcpy(out->event, hex, sizeof out->event - 1);
}

static void
read_event(struct activity *out, const struct json *e)
{
    const struct json *initiator = json_get(e, "initiator");
    const char *outcome = json_gets(e, "outcome");
    const char *who = json_gets(initiator, "name");
    out->what = what_of(json_gets(e, "action"));
    if (out->what == ACTIVITY_OTHER)
        return;
    out->done = outcome != NULL && strcmp(outcome, "success") == 0;
    read_target(out, json_gets(json_get(e, "target"), "id"));
    read_time(out, json_gets(e, "eventTime"));
    copy(out->request, sizeof out->request, json_gets(e, "correlationId"));
    copy(out->id, sizeof out->id, json_gets(e, "id"));
    copy(out->who, sizeof out->who,
         who != NULL && who[0] != '\0' ? who : json_gets(initiator, "id"));
    copy(out->address, sizeof out->address, json_gets(json_get(initiator, "host"), "address"));
    name_event(out);
}

/* An envelope has the event as an object, or as the text of one. */
static enum rc
look(struct activity *out, const struct json *v, unsigned depth, struct err *err)
{
    static const char *const envelopes[] = {"_source", "_line",   "user_data", "userData",
                                            "text",    "message", "event",     "logline"};
    if (json_gets(v, "action") != NULL) {
        read_event(out, v);
        return RC_OK;
    }
    for (size_t i = 0; depth < NESTED && i < sizeof envelopes / sizeof envelopes[0]; i++) {
        const struct json *in = json_get(v, envelopes[i]);
        const char *text = json_str(in);
        struct json *doc = NULL;
        struct err scratch = ERR_INIT;
        enum rc rc = RC_OK;
        if (in != NULL && json_type(in) == JSON_OBJECT)
            rc = look(out, in, depth + 1, err);
        else if (text != NULL && text[0] == '{' &&
                 json_parse(&doc, text, strlen(text), "an event", &scratch) == RC_OK)
            rc = look(out, doc, depth + 1, err);
        json_free(doc);
        if (rc != RC_OK || out->what != ACTIVITY_OTHER)
            return rc;
    }
    return RC_OK;
}

enum rc
activity_read(struct activity *out, const char *text, size_t len, struct err *err)
{
    struct json *doc = NULL;
    memset(out, 0, sizeof *out);
    enum rc rc = json_parse(&doc, text, len, "an event", err);
    if (rc == RC_OK && json_type(doc) != JSON_OBJECT)
        rc = err_set(err, RC_MALFORMED, "an event is a JSON object");
    if (rc == RC_OK)
        rc = look(out, doc, 0, err);
    json_free(doc);
    return rc;
}
