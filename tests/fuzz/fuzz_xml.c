/* What servers answer in XML: names and texts are short, whole and UTF-8. */
#include "fuzz.h"

#include "text/uni.h"
#include "text/xml.h"

static enum rc
look(void *arg, const char *parent, const char *name, const char *text, struct err *err)
{
    size_t *left = arg;
    (void)err;
    FUZZ_CHECK(strlen(parent) < XML_NAME && strlen(name) < XML_NAME);
    FUZZ_CHECK(utf8_is(text, strlen(text)));
    FUZZ_CHECK(strlen(text) <= *left); /* a reference is longer than what it stands for */
    *left -= strlen(text);
    FUZZ_PLANT(strchr(text, '<') != NULL);
    return RC_OK;
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct err err = ERR_INIT;
    size_t left = len;
    enum rc rc = xml_leaves(bytes, len, "it", look, &left, &err);
    if (rc != RC_OK)
        FUZZ_REFUSED(rc, RC_MALFORMED, &err, NULL);
}
