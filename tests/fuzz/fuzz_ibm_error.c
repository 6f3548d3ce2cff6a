/* A no of the KMS, with every status: one class, texts that fit and can be shown, and never the
 * loss of a root key where the status alone does not say so. */
#include "fuzz.h"

#include "kms/ibm.h"
#include "text/uni.h"

static void
judge(int status, const char *bytes, size_t len)
{
    struct ibm_error e;
    struct err err = ERR_INIT;
    ibm_error_judge(&e, status, bytes, len);
    FUZZ_CHECK(strchr("RAOSX?TBWE", e.class) != NULL && e.class != '\0');
    FUZZ_CHECK(e.rc != RC_OK && e.status == status);
    FUZZ_CHECK(memchr(e.code, '\0', sizeof e.code) != NULL &&
               memchr(e.field, '\0', sizeof e.field) != NULL);
    FUZZ_CHECK(memchr(e.text, '\0', sizeof e.text) != NULL && utf8_is(e.text, strlen(e.text)));
    for (const char *p = e.text; *p != '\0'; p++)
        FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7f && *p != '\x1b');
    FUZZ_CHECK(strstr(e.text, "eyJraWQiOiJtYWRlLXVwIiwiYWxnIjoiUlMyNTYifQ") == NULL);
    if (status == 401 || status == 403 || status == 429 || status >= 500)
        FUZZ_CHECK(e.class != 'X' && e.class != 'S' && e.class != '?');
    FUZZ_CHECK(ibm_error_set(&err, &e, "unwrapping") == e.rc && err.code == e.rc &&
               err.msg[0] != '\0');
    FUZZ_PLANT(strlen(e.code) == 4);
}

void
fuzz_one(const char *bytes, size_t len)
{
    static const int statuses[] = {400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 422,
                                   424, 429, 500, 502, 503, 504, 507, 599, 300, 100};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        judge(statuses[i], bytes, len);
}
