/* A Veeam description, "moniker | WDEK": what is taken for the wrap stands at the end of the text.
 */
#include "fuzz.h"

#include "cli/keys/recording.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct recording r;
    struct err err = ERR_INIT;
    recording_init(&r);
    r.m.name = "vbr/config";
    enum rc rc = recording_description(&r, bytes, len, "--description", &err);
    const struct buf *wrap = &r.m.wraps[0].ciphertext;
    if (rc == RC_OK) {
        FUZZ_CHECK(kms_wrap_check(buf_str(wrap), &err) == RC_OK);
        size_t end = len;
        while (end > 0 && strchr(" \t\r\n", bytes[end - 1]) != NULL)
            end--;
        FUZZ_CHECK(wrap->len <= end && memcmp(bytes + end - wrap->len, wrap->data, wrap->len) == 0);
        FUZZ_CHECK(memcmp(bytes + end - wrap->len - 3, " | ", 3) == 0);
        if (!r.other_moniker)
            FUZZ_CHECK(end - wrap->len - 3 == strlen("vbr/config"));
        FUZZ_PLANT(end - wrap->len - 3 == 5);
    } else {
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, NULL);
    }
    recording_release(&r);
}
