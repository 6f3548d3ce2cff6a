/* A list of additional authenticated data. */
#include "fuzz.h"

#include "kms/local.h"
#include "recover/unwrap.h"
#include "text/json.h"

void
fuzz_one(const char *bytes, size_t len)
{
    struct unwrap_aad aad;
    struct err err = ERR_INIT;
    char *text = fuzz_text(bytes, len);
    if (text == NULL)
        return;
    memset(&aad, 0, sizeof aad);
    enum rc rc = unwrap_aad_read(&aad, text, &err);
    if (rc == RC_OK) {
        struct buf again;
        FUZZ_CHECK(aad.count <= LIMIT_AAD_COUNT);
        buf_init(&again, 1 << 24);
        struct jw w;
        jw_init(&w, &again);
        jw_arr(&w, NULL);
        for (size_t i = 0; i < aad.count; i++)
            jw_str(&w, NULL, aad.list[i]);
        jw_end_arr(&w);
        struct buf plain;
        buf_init(&plain, 1 << 24);
        if (aad.doc != NULL)
            json_print(&plain, aad.doc);
        else
            buf_adds(&plain, "[]");
        FUZZ_CHECK(strcmp(buf_str(&plain), buf_str(&again)) == 0);
        (void)!local_aad_check(aad.list, aad.count, &err);
        FUZZ_PLANT(aad.count == 3);
        buf_release(&again);
        buf_release(&plain);
    } else {
        FUZZ_CHECK(err.msg[0] != '\0' && aad.count == 0);
    }
    unwrap_aad_release(&aad);
    free(text);
}
