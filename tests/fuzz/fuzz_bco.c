/* Heads of configuration backups: what is read is text of the size that it says. */
#include "fuzz.h"

#include "text/time.h"
#include "text/uni.h"
#include "vbr/bco.h"

void
fuzz_one(const char *bytes, size_t len)
{
    static struct bco bco;
    struct err err = ERR_INIT;
    int64_t ms = 0;
    enum rc rc = bco_parse(&bco, bytes, len, (int64_t)len, "it", &err);
    if (rc != RC_OK) {
        FUZZ_CHECK(rc == RC_BAD_VALUE && err.msg[0] != '\0' && err.hint[0] != '\0');
        return;
    }
    FUZZ_CHECK(utf8_is(bco.hint, strlen(bco.hint)));
    FUZZ_CHECK(utf8_is(bco.product, strlen(bco.product)));
    FUZZ_CHECK(bco.created[0] == '\0' || time_parse(&ms, bco.created) == 0);
    FUZZ_CHECK(bco.guessed ? bco.hint[0] != '\0'
                           : bco.product[0] != '\0' || bco.version[0] != '\0');
    FUZZ_PLANT(bco.hint[0] != '\0' && bco.hint[0] < 'A');
}
