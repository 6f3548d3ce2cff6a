/* An activity event of a KMS: what is read is texts that fit, are UTF-8, and name the same event each
 * time. */
#include "fuzz.h"

#include "kms/activity.h"
#include "text/enc.h"
#include "text/uni.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct activity a, b;
    struct err err = ERR_INIT;
    enum rc rc = activity_read(&a, bytes, len, &err);
    FUZZ_CHECK(rc == RC_OK || rc == RC_MALFORMED);
    if (rc != RC_OK)
        return;
    FUZZ_CHECK(a.key[0] == '\0' || strlen(a.key) == UUID_TEXT);
    FUZZ_CHECK(utf8_is(a.who, strlen(a.who)) && utf8_is(a.id, strlen(a.id)) &&
               utf8_is(a.address, strlen(a.address)) && utf8_is(a.request, strlen(a.request)));
    FUZZ_CHECK(a.what == ACTIVITY_OTHER ? a.event[0] == '\0' : strlen(a.event) == 16);
    FUZZ_CHECK(activity_read(&b, bytes, len, &err) == RC_OK && memcmp(&a, &b, sizeof a) == 0);
    FUZZ_PLANT(a.what == ACTIVITY_WRAP && a.who[0] != '\0');
}
