/* Addresses: what is accepted is https, in one form, which is read again as itself. */
#include "fuzz.h"

#include "net/url.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct url url;
    struct url again;
    struct err err = ERR_INIT;
    char *text = fuzz_text(bytes, len);
    if (text == NULL)
        return;
    enum rc rc = url_parse(&url, text, "--endpoint", &err);
    if (rc != RC_OK) {
        FUZZ_REFUSED(rc, RC_BAD_VALUE, &err, NULL);
        free(text);
        return;
    }
    FUZZ_CHECK(strncmp(url.base, "https://", 8) == 0 && url.host[0] != '\0');
    FUZZ_CHECK(url.port >= 1 && url.port <= 65535);
    FUZZ_CHECK(url.path >= url.base && url.path <= url.base + strlen(url.base));
    FUZZ_CHECK(url.path[0] == '\0' || url.path[0] == '/');
    for (const char *p = url.base + 8; *p != '\0'; p++)
        FUZZ_CHECK((unsigned char)*p > ' ' && (unsigned char)*p < 0x7f &&
                   strchr("@?#\\\"<>", *p) == NULL);
    for (const char *p = url.host; *p != '\0'; p++)
        FUZZ_CHECK(!(*p >= 'A' && *p <= 'Z') && strchr("/", *p) == NULL);
    FUZZ_CHECK(url_parse(&again, url.base, "again", &err) == RC_OK);
    FUZZ_CHECK(strcmp(again.base, url.base) == 0 && strcmp(again.host, url.host) == 0 &&
               again.port == url.port);
    FUZZ_PLANT(url.port > 1 && url.port < 443);
    url_cut(&url, "/api/v2");
    FUZZ_CHECK(url_parse(&again, url.base, "cut", &err) == RC_OK);
    free(text);
}
