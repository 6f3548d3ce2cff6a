/* Headers of an answer: a value is one line of the head, and fits. */
#include "fuzz.h"

#include "net/http.h"

static void
look(const struct http_request *r, const char *name, size_t size)
{
    char value[256];
    memset(value, 'x', sizeof value);
    int found = http_header(r, name, value, size);
    FUZZ_CHECK(memchr(value, '\0', size) != NULL);
    FUZZ_CHECK(found || value[0] == '\0');
    for (const char *p = value; *p != '\0'; p++)
        FUZZ_CHECK(*p != '\r' && *p != '\n');
    FUZZ_CHECK(value[0] == '\0' || strstr(buf_str(&r->head), value) != NULL);
    FUZZ_PLANT(size == sizeof value && found && strcmp(value, "12") == 0);
}

void
fuzz_one(const char *bytes, size_t len)
{
    static const char *const names[] = {"Retry-After", "Correlation-Id", "Location",
                                        "Transaction-Id"};
    struct http_request r;
    http_request_init(&r, "GET", "https://kms.example/");
    char *text = fuzz_text(bytes, len);
    if (text != NULL) {
        buf_init(&r.head, 1 << 22);
        buf_add(&r.head, text, len);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            look(&r, names[i], 256);
            look(&r, names[i], 8);
        }
    }
    http_request_release(&r);
    free(text);
}
