/* author.key: what is read is written again as the same key. A file sealed by a
 * passphrase is judged before any work is done for it; the work itself is not fuzzed. */
#include "fuzz.h"

/* The first line may say anything; the key is the same. */
static void
write_again(const struct secret *key)
{
    struct secret *file = NULL;
    struct secret *again = NULL;
    struct sign_public pub;
    struct err err = ERR_INIT;
    FUZZ_CHECK(secret_new(&file, &err) == RC_OK);
    FUZZ_CHECK(sign_key_write(file, key, &err) == RC_OK);
    FUZZ_CHECK(sign_key_read(&again, &pub, file, &err) == RC_OK);
    FUZZ_CHECK(secret_equal(key, again));
    secret_free(again);
    secret_free(file);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct secret *file = NULL;
    struct secret *key = NULL;
    struct sign_public pub;
    struct err err = ERR_INIT;
    if (len > SECRET_SLOT)
        return;
    FUZZ_CHECK(secret_new(&file, &err) == RC_OK);
    FUZZ_CHECK(secret_add(file, bytes, len, &err) == RC_OK);
    enum rc rc = sign_key_read(&key, &pub, file, &err);
    if (rc == RC_OK)
        write_again(key);
    else
        FUZZ_REFUSED(rc, RC_STORE_CORRUPT, &err, key);
    FUZZ_PLANT(rc != RC_OK && strstr(err.why, "not BLAKE2b") != NULL);
    secret_free(key);
    secret_free(file);
}
