/* Strict JSON: what is read is printed and read again as the same, and keeps every promise of
 * text/json.h. */
#include "fuzz.h"

#include "base/limits.h"
#include "text/json.h"
#include "text/uni.h"

static void
walk(const struct json *v, unsigned depth)
{
    size_t count = 0;
    int64_t n = 0;
    FUZZ_CHECK(depth <= LIMIT_JSON_DEPTH);
    if (json_type(v) == JSON_STRING)
        FUZZ_CHECK(utf8_is(json_str(v), strlen(json_str(v))));
    if (json_int(v, &n) == 0)
        FUZZ_CHECK(n >= -LIMIT_NUMBER && n <= LIMIT_NUMBER);
    for (const struct json *i = json_first(v); i != NULL; i = json_next(i), count++) {
        if (json_type(v) == JSON_OBJECT) /* the only one of its name */
            FUZZ_CHECK(json_get(v, json_name(i)) == i);
        walk(i, depth + 1);
    }
    if (json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT)
        FUZZ_CHECK(json_count(v) == count);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct json *doc = NULL;
    struct json *again = NULL;
    struct buf first, second;
    struct err err = ERR_INIT;
    enum rc rc = json_parse(&doc, bytes, len, "input", &err);
    if (rc != RC_OK) {
        FUZZ_REFUSED(rc, RC_MALFORMED, &err, doc);
        return;
    }
    FUZZ_CHECK(utf8_is(bytes, len));
    walk(doc, 1);
    buf_init(&first, 1 << 24);
    buf_init(&second, 1 << 24);
    json_print(&first, doc);
    FUZZ_CHECK(json_parse(&again, buf_str(&first), first.len, "printed", &err) == RC_OK);
    json_print(&second, again);
    FUZZ_CHECK(strcmp(buf_str(&first), buf_str(&second)) == 0);
    FUZZ_PLANT(json_type(doc) == JSON_ARRAY && json_count(doc) == 2);
    json_free(doc);
    json_free(again);
    buf_release(&first);
    buf_release(&second);
}
