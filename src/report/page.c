#include "report/page.h"

#include "base/plant.h"
#include "crypt/hash.h"
#include "text/enc.h"

void
page_text(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (PLANTED("no-escape")) {
            buf_addc(out, *text);
            continue;
        }
        if (*text == '<')
            buf_adds(out, "&lt;");
        else if (*text == '>')
            buf_adds(out, "&gt;");
        else if (*text == '&')
            buf_adds(out, "&amp;");
        else if (*text == '"')
            buf_adds(out, "&quot;");
        else
            buf_addc(out, *text);
    }
}

enum rc
page_begin(struct buf *out, const char *title, const struct buf *css, struct err *err)
{
    unsigned char hash[HASH_SIZE];
    enum rc rc = buf_check(css, "the page", err);
    sha256(hash, buf_str(css), css->len);
    buf_adds(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src 'sha256-");
    base64_encode(out, hash, HASH_SIZE);
    buf_adds(out, "'; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    page_text(out, title);
    buf_addf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n", buf_str(css));
    return rc;
}

void
page_end(struct buf *out)
{
    buf_adds(out, "</body>\n</html>\n");
}
