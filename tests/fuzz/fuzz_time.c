/* Times and durations: what is read lies in range, is written in one form and read again as the
 * same. */
#include "fuzz.h"

#include "text/time.h"

#define YEAR_10000 253402300800000LL

static void
in_range(int64_t ms)
{
    char text[TIME_TEXT + 1];
    char ago[AGO_TEXT];
    int64_t again = 0;
    FUZZ_CHECK(ms >= 0 && ms < YEAR_10000);
    time_format(text, ms);
    FUZZ_CHECK(time_parse(&again, text) == 0 && again == ms);
    time_ago(ago, ms, 0);
    time_ago(ago, 0, ms);
}

void
fuzz_one(const char *bytes, size_t len)
{
    int64_t ms = 0;
    int64_t end = 0;
    struct err err = ERR_INIT;
    char *text = fuzz_text(bytes, len);
    if (text == NULL)
        return;
    if (time_parse(&ms, text) == 0) {
        in_range(ms);
        FUZZ_PLANT(len > 6 && text[len - 6] == '-' && text[len - 3] == ':');
    }
    enum rc rc = date_parse(&ms, text, "--at", &err);
    FUZZ_CHECK(date_parse_end(&end, text, "--at", &err) == rc);
    if (rc == RC_OK) {
        in_range(ms);
        in_range(end);
        FUZZ_CHECK(end == (len == 10 ? ms + 24 * 3600 * 1000LL - 1 : ms));
    } else {
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, NULL);
    }
    rc = duration_parse(&ms, text, "--every", &err);
    if (rc == RC_OK)
        FUZZ_CHECK(ms >= 0 && ms <= 200LL * 365 * 24 * 3600 * 1000);
    else
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, NULL);
    free(text);
}
