#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

cJSON *state;
static const char *state_path;

void
state_load(const char *path)
{
    state_path = path;
    FILE *f = path ? fopen(path, "r") : NULL;
    if (f) {
        char *text = calloc(1, 1 << 24);
        if (text && fread(text, 1, (1 << 24) - 1, f) > 0)
            state = cJSON_Parse(text);
        free(text);
        (void)fclose(f);
        if (!state) {
            (void)fprintf(stderr, "kms_sim: %s is not JSON\n", path);
            exit(1);
        }
    }
    if (!state)
        state = cJSON_CreateObject();
    if (!cJSON_HasObjectItem(state, "settings"))
        (void)cJSON_AddObjectToObject(state, "settings");
}

void
state_save(void)
{
    if (!state_path)
        return;
    char temp[4096];
    (void)snprintf(temp, sizeof temp, "%s.new", state_path);
    char *text = cJSON_Print(state);
    FILE *f = fopen(temp, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0 || rename(temp, state_path) != 0)
        perror(state_path);
    cJSON_free(text);
}

/* ---- the clock ---- */

int64_t
now(void)
{
    const cJSON *frozen = setting("frozen");
    if (cJSON_IsNumber(frozen))
        return (int64_t)frozen->valuedouble;
    return (int64_t)time(NULL) + number_of(cJSON_GetObjectItem(state, "settings"), "clock_offset");
}

void
clock_move(int64_t seconds)
{
    cJSON *settings = cJSON_GetObjectItem(state, "settings");
    const char *which = cJSON_IsNumber(setting("frozen")) ? "frozen" : "clock_offset";
    set_number(settings, which, number_of(settings, which) + seconds);
}

void
clock_freeze(int on)
{
    cJSON *settings = cJSON_GetObjectItem(state, "settings");
    int64_t t = now();
    cJSON_DeleteItemFromObject(settings, "frozen");
    set_number(settings, "clock_offset", t - (int64_t)time(NULL));
    if (on)
        set_number(settings, "frozen", t);
}

const char *
date_of(int64_t t, char out[DATE_SIZE])
{
    time_t when = (time_t)t;
    struct tm tm;
    (void)gmtime_r(&when, &tm);
    (void)strftime(out, DATE_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

int
date_parse(const char *text, int64_t *t)
{
    struct tm tm = {0};
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &used) != 6)
        return 0;
    text += used;
    if (*text == '.')
        text += 1 + strspn(text + 1, "0123456789");
    if (strcmp(text, "Z") != 0 && strcmp(text, "+00:00") != 0)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *t = (int64_t)timegm(&tm);
    return 1;
}

const char *
uuid_new(char out[UUID_SIZE])
{
    unsigned char b[16];
    random_fill(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (size_t i = 0; i < sizeof b; i++)
        at += (size_t)snprintf(out + at, UUID_SIZE - at,
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
    return out;
}

int
uuid_is(const char *text)
{
    if (strlen(text) != UUID_SIZE - 1)
        return 0;
    for (int i = 0; i < UUID_SIZE - 1; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-'
                                                    : !strchr("0123456789abcdefABCDEF", text[i]))
            return 0;
    return 1;
}

/* ---- JSON ---- */

const char *
text_of(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}

int64_t
number_of(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

int
truth_of(const cJSON *o, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, name));
}

void
set(cJSON *o, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(o, name);
    (void)cJSON_AddItemToObject(o, name, value);
}

void
set_number(cJSON *o, const char *name, int64_t value)
{
    set(o, name, cJSON_CreateNumber((double)value));
}

void
set_text(cJSON *o, const char *name, const char *value)
{
    set(o, name, cJSON_CreateString(value));
}

cJSON *
list_of(cJSON *o, const char *name)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(o, name);
    return list ? list : cJSON_AddArrayToObject(o, name);
}

cJSON *
find_by(cJSON *list, const char *member, const char *value)
{
    cJSON *o;
    cJSON_ArrayForEach(o, list) if (strcmp(text_of(o, member), value) == 0) return o;
    return NULL;
}

const cJSON *
setting(const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItem(state, "settings"), name);
}
