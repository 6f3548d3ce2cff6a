/*
 * Strict JSON, read; text/jw.h writes. The only user of cJSON.
 *
 * The whole input is one value; UTF-8 without byte-order mark; no duplicate member names;
 * no NUL escape; no raw control bytes; no unpaired surrogates; numbers within 2^53 and no leading
 * zeros; depth at most 32; at most 200,000 nodes. Member names are case-sensitive.
 */
#ifndef TEXT_JSON_H
#define TEXT_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct json; /* a value inside a document; borrowed until json_free of the document */

/* Parses text[0..len). what names the input in messages. RC_MALFORMED (the caller may turn it into
 * another code). */
enum rc json_parse(struct json **out, const char *text, size_t len, const char *what,
                   struct err *err) MUST_CHECK;
void json_free(struct json *doc); /* takes NULL; only the document, never an inner value */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_type json_type(const struct json *v);

/* Member of an object, or NULL (also when v is NULL or no object), so that calls can be nested. */
const struct json *json_get(const struct json *v, const char *name);
/* Text of a string, or NULL for any other value or NULL. Never contains NUL inside. */
const char *json_str(const struct json *v);
/* Shorthand for json_str(json_get(v, name)). */
const char *json_gets(const struct json *v, const char *name);
/* Whole number; -1 unless v is a whole number within 2^53. */
int json_int(const struct json *v, int64_t *out) MUST_CHECK;
int json_geti(const struct json *v, const char *name, int64_t *out) MUST_CHECK;
/* 1, 0, or -1 when v is not a boolean. */
int json_bool(const struct json *v);
/* Iteration over an array's items or an object's members: first, then next. NULL at the end. */
const struct json *json_first(const struct json *v);
const struct json *json_next(const struct json *item);
const char *json_name(const struct json *item); /* member name of an item of an object; else "" */
size_t json_count(const struct json *v);
/* Appends the value as compact JSON, members in their order. */
void json_print(struct buf *out, const struct json *v);

#endif
