/* A wrap (WDEK): as text from outside, and as the JSON inside, put into base64 first. */
#include "fuzz.h"

#include "kms/local.h"
#include "text/enc.h"

static void
one(const char *text)
{
    struct local_wrap w;
    struct err err = ERR_INIT;
    enum rc checked = kms_wrap_check(text, &err);
    FUZZ_CHECK(checked == RC_OK || checked == RC_BAD_VALUE);
    memset(&err, 0, sizeof err);
    enum rc rc = local_wrap_parse(&w, text, &err);
    if (rc == RC_OK) {
        FUZZ_CHECK(checked == RC_OK);
        FUZZ_CHECK(uuid_is(w.handle) && w.sealed.len > 0);
        FUZZ_PLANT(w.sealed.len != 34);
    } else {
        FUZZ_CHECK(rc == RC_BAD_VALUE || rc == RC_CIPHERTEXT);
        FUZZ_CHECK(err.msg[0] != '\0');
    }
    local_wrap_release(&w);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct buf text;
    char *plain = fuzz_text(bytes, len);
    if (plain != NULL)
        one(plain);
    buf_init(&text, 1 << 24);
    base64_encode(&text, bytes, len);
    one(buf_str(&text));
    buf_release(&text);
    free(plain);
}
