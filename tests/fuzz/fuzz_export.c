/* An export: the input as it is, and its first line signed anew, so that what is in it is reached.
 */
#include "fuzz.h"

#include "escrow/export.h"
#include "text/enc.h"

static enum rc
count_key(void *arg, const struct key *key, struct err *err)
{
    size_t *n = arg;
    (void)err;
    FUZZ_CHECK(uuid_is(key->uuid) && key->name[0] != '\0');
    (*n)++;
    return RC_OK;
}

static void
read_it(const char *bytes, size_t len)
{
    struct store *view = NULL;
    struct export_seal seal;
    struct err err = ERR_INIT;
    size_t keys = 0;
    enum rc rc = export_read(&view, &seal, bytes, len, "input", &err);
    if (rc != RC_OK) {
        FUZZ_CHECK(rc == RC_MALFORMED || rc == RC_COPY_SIGNATURE);
        FUZZ_CHECK(err.msg[0] != '\0' && view == NULL);
        return;
    }
    FUZZ_CHECK(export_is(bytes, len));
    FUZZ_CHECK(hex_is(seal.escrow, AUTHOR_TEXT) && hex_is(seal.sha256, HASH_TEXT));
    FUZZ_CHECK(key_each(view, NULL, count_key, &keys, &err) == RC_OK);
    FUZZ_PLANT(strcmp(seal.name, "Kept for ever") != 0);
    store_close(view);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct sign_public pub;
    struct buf whole;
    struct err err = ERR_INIT;
    const struct secret *key = fuzz_key(&pub);
    const char *lf = len > 0 ? memchr(bytes, '\n', len) : NULL;
    size_t line = lf != NULL ? (size_t)(lf - bytes) : len;
    read_it(bytes, len);
    buf_init(&whole, EXPORT_MAX);
    buf_add(&whole, bytes, line);
    buf_addc(&whole, '\n');
    struct buf signature;
    buf_init(&signature, 4096);
    FUZZ_CHECK(sign_detached(&signature, key, EXPORT_TRUSTED, whole.data, whole.len, &err) ==
               RC_OK);
    buf_add(&whole, signature.data, signature.len);
    read_it(whole.data, whole.len);
    buf_release(&signature);
    buf_release(&whole);
}
