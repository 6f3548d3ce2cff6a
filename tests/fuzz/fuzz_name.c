/* Names and free texts as they enter. */
#include "fuzz.h"

#include "text/enc.h"
#include "text/uni.h"

static int
points(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void
key_name(const char *text, size_t len)
{
    struct err err = ERR_INIT;
    enum rc rc = key_name_check(text, &err);
    if (rc != RC_OK) {
        FUZZ_REFUSED(rc, RC_BAD_NAME, &err, NULL);
        FUZZ_CHECK(err.hint[0] != '\0' || err.why[0] != '\0');
        return;
    }
    size_t digits = 0;
    FUZZ_CHECK(utf8_is(text, len) && points(text) >= 1 && points(text) <= LIMIT_KEY_NAME);
    FUZZ_CHECK(strstr(text, " | ") == NULL && !uuid_is(text));
    FUZZ_CHECK(text[0] != ' ' && text[len - 1] != ' ');
    for (size_t i = 0; i < len; i++)
        FUZZ_CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    while (digits < len && text[len - 1 - digits] >= '0' && text[len - 1 - digits] <= '9')
        digits++;
    FUZZ_CHECK(digits == 0 || digits == len || text[len - 1 - digits] != '@');
    FUZZ_PLANT(strstr(text, "|@") != NULL);
}

void
fuzz_one(const char *bytes, size_t len)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    struct err err = ERR_INIT;
    char *text = fuzz_text(bytes, len);
    if (text == NULL)
        return;
    enum rc rc = name_check(text, "site", &err);
    FUZZ_CHECK((rc == RC_OK) == (len >= 1 && len <= LIMIT_NAME && strspn(text, plain) == len));
    if (rc != RC_OK)
        FUZZ_REFUSED(rc, RC_BAD_NAME, &err, NULL);
    key_name(text, len);
    rc = text_check(text, "--reason", &err);
    if (rc == RC_OK)
        FUZZ_CHECK(utf8_is(text, len) && len >= 1 && len <= LIMIT_TEXT &&
                   text[strcspn(text, "\n\x1b")] == '\0');
    else
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, NULL);
    free(text);
}
