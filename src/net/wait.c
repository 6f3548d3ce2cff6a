#include "net/wait.h"

#include <string.h>

#include "text/time.h"

enum { FIRST_MS = 500, MOST_MS = 30000 };

static int
two(const char *s)
{
    return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9'
               ? (s[0] - '0') * 10 + (s[1] - '0')
               : -1;
}

/* "Wed, 21 Oct 2026 07:28:00 GMT"; the two older forms are not sent any more. */
static int
http_date(int64_t *ms, const char *text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char iso[] = "0000-00-00T00:00:00Z";
    char month[4] = "";
    if (strlen(text) != 29 || strcmp(text + 25, " GMT") != 0 || text[3] != ',' || text[4] != ' ' ||
        text[7] != ' ' || text[11] != ' ' || text[16] != ' ')
        return -1;
    memcpy(month, text + 8, 3);
    const char *found = strstr(months, month);
    if (found == NULL || (found - months) % 3 != 0 || two(text + 5) < 0)
        return -1;
    int m = (int)(found - months) / 3 + 1;
    memcpy(iso, text + 12, 4);
    iso[5] = (char)('0' + m / 10);
    iso[6] = (char)('0' + m % 10);
    memcpy(iso + 8, text + 5, 2);
    memcpy(iso + 11, text + 17, 8);
    return time_parse(ms, iso);
}

int64_t
wait_asked(const char *retry_after, const char *date, int64_t now_ms)
{
    int64_t at;
    if (retry_after == NULL)
        return -1;
    size_t digits = strspn(retry_after, "0123456789");
    if (digits > 0 && retry_after[digits] == '\0') {
        int64_t seconds = 0;
        for (size_t i = 0; i < digits && seconds < 1000000; i++)
            seconds = seconds * 10 + (retry_after[i] - '0');
        return seconds * 1000;
    }
    if (http_date(&at, retry_after) != 0)
        return -1;
    int64_t from = now_ms;
    if (date != NULL && http_date(&from, date) != 0)
        from = now_ms;
    return at > from ? at - from : 0;
}

int64_t
wait_backoff(unsigned tries, unsigned roll)
{
    int64_t ms = tries > 7 ? MOST_MS : (int64_t)FIRST_MS << (tries - 1);
    if (ms > MOST_MS)
        ms = MOST_MS;
    return ms / 2 + ms / 2 * (int64_t)(roll & 0xffff) / 0xffff;
}
