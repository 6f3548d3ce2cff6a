/* A signature as a person brings it: whatever is accepted says the same of the same bytes and of no
 * others, and is text that can be shown and recorded. */
#include "fuzz.h"

#include "crypt/minisig.h"
#include "text/uni.h"

static const char message[] = "what is signed\n";

void
fuzz_one(const char *bytes, size_t len)
{
    struct sign_public pub;
    struct err err = ERR_INIT;
    (void)fuzz_key(&pub);
    enum rc rc = minisig_verify(pub.text, message, sizeof message - 1, bytes, len, "input", &err);
    if (rc != RC_OK)
        FUZZ_REFUSED(rc, RC_COPY_SIGNATURE, &err, NULL);
    FUZZ_PLANT(rc != RC_OK && strstr(err.why, "another key") != NULL);
    if (rc != RC_OK)
        return;
    FUZZ_CHECK(utf8_is(bytes, len) && len <= MINISIG_TEXT);
    FUZZ_CHECK(minisig_verify(pub.text, message, sizeof message - 2, bytes, len, "input", &err) ==
               RC_COPY_SIGNATURE);
}
