/* IAM's answers: a token that fits and holds for a while, or an error and no token. */
#include "fuzz.h"

#include "kms/iam.h"
#include "text/uni.h"

static void
answer(int status, const char *bytes, size_t len)
{
    struct iam iam;
    struct secret *key = NULL;
    struct err err = ERR_INIT;
    memset(&iam, 0, sizeof iam);
    FUZZ_CHECK(secret_new(&key, &err) == RC_OK);
    FUZZ_CHECK(secret_add(key, "canary-key", 10, &err) == RC_OK);
    FUZZ_CHECK(iam_init(&iam, NULL, key, &err) == RC_OK);
    enum rc rc = iam_answer(&iam, status, bytes, len, 1000, &err);
    if (rc == RC_OK) {
        FUZZ_CHECK(status == 200 && iam.token[0].len > 0);
        FUZZ_CHECK(iam.ends_ms > 1000 && iam.refresh_ms <= iam.ends_ms);
        for (int t = 0; t < 2; t++) {
            for (size_t i = 0; i < iam.token[t].len; i++)
                FUZZ_CHECK(iam.token[t].bytes[i] > ' ' && iam.token[t].bytes[i] < 0x7f);
        }
        FUZZ_PLANT(iam.token[0].len < 64);
    } else {
        FUZZ_CHECK(iam.token[0].len == 0 && iam.token[1].len == 0);
        FUZZ_CHECK(err.code == rc && err.msg[0] != '\0');
        FUZZ_CHECK(utf8_is(err.msg, strlen(err.msg)) && utf8_is(err.why, strlen(err.why)));
        FUZZ_CHECK(strstr(err.msg, "canary-key") == NULL && strstr(err.why, "canary-key") == NULL);
    }
    iam_release(&iam);
    secret_free(key);
}

void
fuzz_one(const char *bytes, size_t len)
{
    answer(200, bytes, len);
    answer(400, bytes, len);
    answer(401, bytes, len);
    answer(500, bytes, len);
}
