/* A minisign block over fixed bytes: of all texts only the one that keymuster itself writes is
 * good. */
#include "fuzz.h"

static const char message[] = "what is signed\n";
static const char trusted[] = "keymuster head 1";

void
fuzz_one(const char *bytes, size_t len)
{
    struct sign_public pub;
    struct buf good;
    struct err err = ERR_INIT;
    const struct secret *key = fuzz_key(&pub);
    buf_init(&good, 4096);
    FUZZ_CHECK(sign_detached(&good, key, trusted, message, sizeof message - 1, &err) == RC_OK);
    enum rc rc = sign_verify(&pub, trusted, message, sizeof message - 1, bytes, len, "input", &err);
    FUZZ_CHECK((rc == RC_OK) == (len == good.len && memcmp(bytes, good.data, len) == 0));
    if (rc != RC_OK)
        FUZZ_REFUSED(rc, RC_COPY_SIGNATURE, &err, NULL);
    /* Four lines, the second long enough: the parts were taken out. */
    FUZZ_PLANT(rc != RC_OK && strstr(err.why, "another key") != NULL);
    buf_clear(&good);
    FUZZ_CHECK(sign_detached(&good, key, trusted, bytes, len, &err) == RC_OK);
    FUZZ_CHECK(sign_verify(&pub, trusted, bytes, len, good.data, good.len, "input", &err) == RC_OK);
    buf_release(&good);
}
