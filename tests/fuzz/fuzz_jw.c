/* Writing JSON: whatever the text, the output is valid and says the text. */
#include "fuzz.h"

#include "text/json.h"
#include "text/jw.h"
#include "text/uni.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct buf out;
    struct jw w;
    struct json *doc = NULL;
    struct err err = ERR_INIT;
    char *text = fuzz_text(bytes, len);
    if (text == NULL)
        return;
    buf_init(&out, 1 << 24);
    jw_init(&w, &out);
    jw_obj(&w, NULL);
    jw_str(&w, "whole", text);
    jw_strn(&w, "counted", bytes, len);
    jw_arr(&w, "list");
    jw_str(&w, NULL, text);
    jw_end_arr(&w);
    jw_end_obj(&w);
    FUZZ_CHECK(json_parse(&doc, buf_str(&out), out.len, "written", &err) == RC_OK);
    const char *whole = json_gets(doc, "whole");
    FUZZ_CHECK(strcmp(whole, json_gets(doc, "counted")) == 0);
    FUZZ_CHECK(strcmp(whole, json_str(json_first(json_get(doc, "list")))) == 0);
    FUZZ_CHECK(!utf8_is(text, len) || strcmp(whole, text) == 0);
    FUZZ_PLANT(strstr(text, "\"\\") != NULL && !utf8_is(text, len));
    json_free(doc);
    buf_release(&out);
    free(text);
}
