/* Public keys as text: one text for each key, and the id is the key's. */
#include "fuzz.h"

#include "crypt/hash.h"
#include "text/enc.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct sign_public pub;
    char id[HASH_TEXT + 1];
    struct buf raw;
    char *text = fuzz_text(bytes, len);
    if (text == NULL)
        return;
    if (sign_public_parse(&pub, text) == 0) {
        FUZZ_CHECK(strcmp(pub.text, text) == 0);
        sha256_hex(id, pub.key, SIGN_PUBLIC_SIZE);
        FUZZ_CHECK(strncmp(id, pub.author, AUTHOR_TEXT) == 0 && strlen(pub.author) == AUTHOR_TEXT);
    }
    /* The same with the id put right, so that the rest is reached. */
    buf_init(&raw, 128);
    if (base64_decode(&raw, text, len) == 0 && raw.len == 42) {
        unsigned char hash[HASH_SIZE];
        struct buf whole;
        buf_init(&whole, 128);
        sha256(hash, raw.data + 10, SIGN_PUBLIC_SIZE);
        memcpy(raw.data + 2, hash, 8);
        base64_encode(&whole, raw.data, raw.len);
        int good = sign_public_parse(&pub, buf_str(&whole)) == 0;
        FUZZ_CHECK(good == (memcmp(raw.data, "Ed", 2) == 0));
        FUZZ_PLANT(good && raw.data[41] != '\x7a');
        buf_release(&whole);
    }
    buf_release(&raw);
    free(text);
}
