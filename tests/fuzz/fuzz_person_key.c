/* A person's public key: its file, or its line; what comes out is one canonical text. */
#include "fuzz.h"

#include "escrow/person.h"
#include "text/enc.h"

void
fuzz_one(const char *bytes, size_t len)
{
    char key[SIGN_PUBLIC_TEXT + 1] = "";
    char again[SIGN_PUBLIC_TEXT + 1] = "";
    struct buf raw;
    int rc = person_key_parse(key, bytes, len);
    FUZZ_CHECK(rc == 0 || rc == -1 || rc == -2);
    FUZZ_CHECK(rc == 0 || key[0] == '\0');
    if (rc != 0)
        return;
    FUZZ_CHECK(strlen(key) == SIGN_PUBLIC_TEXT);
    FUZZ_CHECK(person_key_parse(again, key, strlen(key)) == 0 && strcmp(again, key) == 0);
    buf_init(&raw, 64);
    FUZZ_CHECK(base64_decode(&raw, key, strlen(key)) == 0 && raw.len == 42 &&
               memcmp(raw.data, "Ed", 2) == 0);
    FUZZ_PLANT(len > SIGN_PUBLIC_TEXT + 2 && (raw.data[20] & 0x3f) == 0);
    buf_release(&raw);
}
