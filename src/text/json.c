/*
 * Reading goes in three steps. The scan over the raw bytes refuses what cJSON would let through
 * (it cuts strings at a NUL escape, takes raw controls, leading zeros, infinite numbers, a
 * byte-order mark, trailing text). cJSON then builds the tree. The names in the tree, now without
 * escapes, are checked for duplicates.
 */
#include "text/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/limits.h"
#include "text/json_scan.h"
#include "text/jw.h"
#include "text/uni.h"

/* ---- the tree ---- */

static enum rc
refuse_tree(struct err *err, const char *what)
{
    return err_set(err, RC_MALFORMED, "%s is not acceptable JSON", what);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum rc
refuse_twice(struct err *err, const char *what, const char *name)
{
    struct buf shown;
    buf_init(&shown, 200);
    escape_terminal(&shown, name, strlen(name), ESCAPE_LINE);
    refuse_tree(err, what);
    err_why(err, "the member \"%s\" is there twice", buf_str(&shown));
    buf_release(&shown);
    return err->code;
}

enum { FEW = 16 };

static enum rc
check_few(const cJSON *object, const char *what, struct err *err)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        for (const cJSON *other = object->child; other != item; other = other->next) {
            if (item->string[0] == other->string[0] && strcmp(item->string, other->string) == 0)
                return refuse_twice(err, what, item->string);
        }
    }
    return RC_OK;
}

/* Sorts the names when they are many: an object of 100,000 costs no more than it should. */
static enum rc
check_names(const cJSON *object, const char *what, struct err *err)
{
    size_t count = json_count((const struct json *)object);
    if (count <= FEW)
        return check_few(object, what, err);
    const char **names = calloc(count, sizeof *names);
    if (names == NULL)
        return err_nomem(err);
    size_t n = 0;
    for (const cJSON *item = object->child; item != NULL; item = item->next)
        names[n++] = item->string;
    qsort(names, count, sizeof *names, by_text);
    enum rc rc = RC_OK;
    for (size_t i = 1; i < count && rc == RC_OK; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            rc = refuse_twice(err, what, names[i]);
    }
    free(names);
    return rc;
}

static enum rc
check_tree(const cJSON *v, const char *what, struct err *err)
{
    enum rc rc = cJSON_IsObject(v) ? check_names(v, what, err) : RC_OK;
    for (const cJSON *item = v->child; item != NULL && rc == RC_OK; item = item->next)
        rc = check_tree(item, what, err);
    return rc;
}

enum rc
json_parse(struct json **out, const char *text, size_t len, const char *what, struct err *err)
{
    *out = NULL;
    struct json_scan s = {.text = text, .len = len};
    if (json_scan(&s) != 0) {
        refuse_tree(err, what);
        return err_why(err, "%s, at byte %zu", s.reason, s.at + 1);
    }
    /* What the scan accepts cJSON accepts; so only memory can be the cause of a failure. */
    cJSON *tree = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
    if (tree == NULL)
        return err_nomem(err);
    enum rc rc = check_tree(tree, what, err);
    if (rc != RC_OK) {
        cJSON_Delete(tree);
        return rc;
    }
    *out = (struct json *)tree;
    return RC_OK;
}

void
json_free(struct json *doc)
{
    cJSON_Delete((cJSON *)doc);
}

/* ---- access ---- */

static const cJSON *
node(const struct json *v)
{
    return (const cJSON *)v;
}

static const struct json *
value(const cJSON *n)
{
    return (const struct json *)n;
}

enum json_type
json_type(const struct json *v)
{
    const cJSON *n = node(v);
    if (cJSON_IsBool(n))
        return JSON_BOOL;
    if (cJSON_IsNumber(n))
        return JSON_NUMBER;
    if (cJSON_IsString(n))
        return JSON_STRING;
    if (cJSON_IsArray(n))
        return JSON_ARRAY;
    return cJSON_IsObject(n) ? JSON_OBJECT : JSON_NULL;
}

const struct json *
json_get(const struct json *v, const char *name)
{
    return cJSON_IsObject(node(v)) ? value(cJSON_GetObjectItemCaseSensitive(node(v), name)) : NULL;
}

const char *
json_str(const struct json *v)
{
    return cJSON_IsString(node(v)) ? node(v)->valuestring : NULL;
}

const char *
json_gets(const struct json *v, const char *name)
{
    return json_str(json_get(v, name));
}

int
json_int(const struct json *v, int64_t *out)
{
    if (!cJSON_IsNumber(node(v)))
        return -1;
    double d = node(v)->valuedouble;
    int64_t whole = (int64_t)d; /* within 2^53, so the conversion is defined */
    if ((double)whole < d || (double)whole > d)
        return -1;
    *out = whole;
    return 0;
}

int
json_geti(const struct json *v, const char *name, int64_t *out)
{
    return json_int(json_get(v, name), out);
}

int
json_bool(const struct json *v)
{
    if (!cJSON_IsBool(node(v)))
        return -1;
    return cJSON_IsTrue(node(v)) ? 1 : 0;
}

const struct json *
json_first(const struct json *v)
{
    return v != NULL ? value(node(v)->child) : NULL;
}

const struct json *
json_next(const struct json *item)
{
    return item != NULL ? value(node(item)->next) : NULL;
}

const char *
json_name(const struct json *item)
{
    return item != NULL && node(item)->string != NULL ? node(item)->string : "";
}

size_t
json_count(const struct json *v)
{
    size_t count = 0;
    for (const struct json *item = json_first(v); item != NULL; item = json_next(item))
        count++;
    return count;
}

/* ---- printing ---- */

static void
print_number(struct jw *w, const char *name, const struct json *v)
{
    int64_t whole;
    if (json_int(v, &whole) == 0) {
        jw_int(w, name, whole);
        return;
    }
    char text[32]; /* 17 digits bring back any double */
    int len = snprintf(text, sizeof text, "%.17g", node(v)->valuedouble);
    jw_raw(w, name, text, (size_t)len);
}

static void
print_value(struct jw *w, const char *name, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_NULL:
        jw_null(w, name);
        return;
    case JSON_BOOL:
        jw_bool(w, name, json_bool(v));
        return;
    case JSON_NUMBER:
        print_number(w, name, v);
        return;
    case JSON_STRING:
        jw_str(w, name, json_str(v));
        return;
    case JSON_ARRAY:
        jw_arr(w, name);
        break;
    case JSON_OBJECT:
        jw_obj(w, name);
        break;
    }
    int object = json_type(v) == JSON_OBJECT;
    for (const struct json *item = json_first(v); item != NULL; item = json_next(item))
        print_value(w, object ? json_name(item) : NULL, item);
    object ? jw_end_obj(w) : jw_end_arr(w);
}

void
json_print(struct buf *out, const struct json *v)
{
    struct jw w;
    jw_init(&w, out);
    print_value(&w, NULL, v); /* an item's own name is its object's business */
}
