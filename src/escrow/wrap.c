#include "escrow/wrap.h"

#include <string.h>

#include "escrow/log.h"

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
    jw_end_obj(&w);
    jw_end_obj(&w);
    enum rc rc = log_append(store, "wrap.added", &body, hash_out, err);
    buf_release(&body);
    return rc;
}
