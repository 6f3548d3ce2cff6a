#include "escrow/wrap.h"

#include <string.h>

#include "escrow/log.h"

void
wrap_write_requests(struct jw *w, const char *const requests[WRAP_REQUESTS])
{
    size_t there = 0;
    for (size_t i = 0; i < WRAP_REQUESTS; i++) {
        if (requests[i] == NULL || requests[i][0] == '\0')
            continue;
        if (there++ == 0)
            jw_arr(w, "requests");
        jw_str(w, NULL, requests[i]);
    }
    if (there > 0)
        jw_end_arr(w);
}

enum rc
wrap_append(struct store *store, const struct wrap *wrap, char *hash_out, struct err *err)
{
    struct buf body;
    struct jw w;
    buf_init(&body, LIMIT_BODY);
    jw_init(&w, &body);
    jw_obj(&w, NULL);
    jw_str(&w, "key", wrap->key);
    jw_obj(&w, "wrap");
    jw_str(&w, "root", wrap->root);
    jw_opt(&w, "version", wrap->version);
    jw_raw(&w, "aad", wrap->aad, strlen(wrap->aad));
    jw_str(&w, "ciphertext", wrap->ciphertext);
    jw_str(&w, "how", wrap->how);
    wrap_write_requests(&w, wrap->requests);
    jw_end_obj(&w);
    jw_opt(&w, "reason", wrap->reason);
    jw_opt(&w, "ticket", wrap->ticket);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "wrap.added", &body, hash_out, err);
    buf_release(&body);
    return rc;
}
