/* A request to be admitted as it comes out of a mail: what is taken names a key that signed it. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "escrow/request.h"
#include "text/enc.h"
#include "text/uni.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct request r;
    struct err err = ERR_INIT;
    char *text = malloc(len + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, bytes, len);
    text[len] = '\0';
    enum rc rc = request_read(&r, text, "input", &err);
    if (rc == RC_OK) {
        FUZZ_CHECK(hex_is(r.escrow, AUTHOR_TEXT) && hex_is(r.author.author, AUTHOR_TEXT));
        FUZZ_CHECK(name_check(r.name, "author", &err) == RC_OK);
        FUZZ_CHECK(r.site[0] == '\0' || uuid_is(r.site));
        FUZZ_CHECK(strlen(r.at) == TIME_TEXT && strlen(r.until) == TIME_TEXT);
    } else {
        FUZZ_CHECK(rc == RC_BAD_VALUE || rc == RC_COPY_SIGNATURE);
        FUZZ_CHECK(err.msg[0] != '\0' && err.hint[0] != '\0');
    }
    FUZZ_PLANT(rc == RC_BAD_VALUE && strstr(err.why, "ends too early") != NULL);
    free(text);
}
