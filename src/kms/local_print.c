#include "crypt/hash.h"
#include "kms/local.h"
#include "text/enc.h"
#include "text/json.h"
#include "text/time.h"

static void
put_bytes(struct jw *w, const char *name, const void *bytes, size_t len, struct buf *scratch)
{
    buf_clear(scratch);
    base64_encode(scratch, bytes, len);
    jw_strn(w, name, buf_str(scratch), scratch->len);
    if (scratch->failed) /* which the next one forgets */
        w->out->failed = scratch->failed;
}

static void
put_time(struct jw *w, const char *name, int64_t ms)
{
    char text[TIME_TEXT + 1] = "";
    if (ms != 0)
        time_format(text, ms);
    jw_str(w, name, text);
}

static void
root_print(struct jw *w, const struct local_root *r, struct buf *scratch)
{
    jw_obj(w, NULL);
    jw_str(w, "id", r->id);
    jw_str(w, "alias", r->alias);
    jw_str(w, "crn", ""); /* a local root key has none; the member is there as with the real one */
    jw_int(w, "state", r->state);
    put_time(w, "created", r->created_ms);
    put_time(w, "updated", r->updated_ms);
    put_time(w, "rotated", r->rotated_ms);
    put_time(w, "deleted", r->deleted_ms);
    jw_arr(w, "versions");
    for (size_t i = 0; i < r->count; i++) {
        const struct local_version *v = &r->versions[i];
        jw_obj(w, NULL);
        jw_str(w, "id", v->id);
        put_time(w, "created", v->created_ms);
        put_bytes(w, "material", v->material, sizeof v->material, scratch);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    jw_end_obj(w);
}

static void
roots_print(struct buf *out, const struct local_file *f, struct buf *scratch)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_arr(&w, "roots");
    for (size_t i = 0; i < f->count; i++)
        root_print(&w, &f->roots[i], scratch);
    jw_end_arr(&w);
    jw_end_obj(&w);
}

static void
envelope_print(struct buf *out, const struct local_head *head,
               const unsigned char nonce[SEAL_NONCE], const struct buf *sealed, struct buf *scratch)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_int(&w, "version", 1);
    jw_obj(&w, "kdf");
    jw_str(&w, "alg", "argon2id");
    jw_int(&w, "mem", head->mem);
    jw_int(&w, "ops", head->ops);
    jw_end_obj(&w);
    put_bytes(&w, "salt", head->salt, sizeof head->salt, scratch);
    put_bytes(&w, "key-check", head->check, sizeof head->check, scratch);
    put_bytes(&w, "nonce", nonce, SEAL_NONCE, scratch);
    put_bytes(&w, "sealed", sealed->data, sealed->len, scratch);
    jw_end_obj(&w);
    buf_addc(out, '\n');
}

enum rc
local_file_print(struct buf *out, const struct local *l, const struct local_file *f,
                 struct err *err)
{
    unsigned char nonce[SEAL_NONCE];
    struct secret *key = NULL;
    struct buf plain, sealed, scratch;
    random_bytes(nonce, sizeof nonce); /* anew each time: the key stays the same */
    buf_init(&sealed, LIMIT_SMALL_FILE);
    buf_init(&plain, LIMIT_SMALL_FILE);
    buf_init(&scratch, LIMIT_SMALL_FILE);
    roots_print(&plain, f, &scratch);
    enum rc rc = buf_check(&plain, "the list of root keys", err);
    if (rc != RC_OK || (rc = local_file_key(&key, l, err)) != RC_OK ||
        (rc = seal_bytes(&sealed, key, nonce, NULL, 0, plain.data, plain.len, err)) != RC_OK)
        goto out;
    envelope_print(out, &l->head, nonce, &sealed, &scratch);
    if ((rc = buf_check(&scratch, "the KMS file", err)) == RC_OK)
        rc = buf_check(out, "the KMS file", err);
out:
    secret_free(key);
    buf_release(&scratch);
    buf_release(&plain);
    buf_release(&sealed);
    return rc;
}

enum rc
local_file_save(const struct local *l, const struct local_file *f, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_SMALL_FILE);
    enum rc rc = local_file_print(&text, l, f, err);
    if (rc == RC_OK)
        rc = file_replace(l->path, text.data, text.len, 0600, err);
    buf_release(&text);
    return rc;
}
