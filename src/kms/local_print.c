#include "crypt/hash.h"
#include "kms/local.h"
#include "sys/file.h"
#include "text/enc.h"
#include "text/jw.h"
#include "text/time.h"

static void
put_time(struct jw *w, const char *name, int64_t ms)
{
    char text[TIME_TEXT + 1] = "";
    if (ms != 0)
        time_format(text, ms);
    jw_str(w, name, text);
}

static void
root_print(struct jw *w, const struct local_root *r)
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
        jw_base64(w, "material", v->material, sizeof v->material);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    jw_end_obj(w);
}

static void
roots_print(struct buf *out, const struct local_file *f)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_arr(&w, "roots");
    for (size_t i = 0; i < f->count; i++)
        root_print(&w, &f->roots[i]);
    jw_end_arr(&w);
    jw_end_obj(&w);
}

static void
envelope_print(struct buf *out, const struct local_head *head,
               const unsigned char nonce[SEAL_NONCE], const struct buf *sealed)
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
    jw_base64(&w, "salt", head->salt, sizeof head->salt);
    jw_base64(&w, "key-check", head->check, sizeof head->check);
    jw_base64(&w, "nonce", nonce, SEAL_NONCE);
    jw_base64(&w, "sealed", sealed->data, sealed->len);
    jw_end_obj(&w);
    buf_addc(out, '\n');
}

enum rc
local_file_print(struct buf *out, const struct local *l, const struct local_file *f,
                 struct err *err)
{
    unsigned char nonce[SEAL_NONCE];
    struct secret *key = NULL;
    struct buf plain, sealed;
    random_bytes(nonce, sizeof nonce); /* anew each time: the key stays the same */
    buf_init(&sealed, LIMIT_SMALL_FILE);
    buf_init(&plain, LIMIT_SMALL_FILE);
    roots_print(&plain, f);
    enum rc rc = buf_check(&plain, "the list of root keys", err);
    if (rc != RC_OK || (rc = local_file_key(&key, l, err)) != RC_OK ||
        (rc = seal_bytes(&sealed, key, nonce, NULL, 0, plain.data, plain.len, err)) != RC_OK)
        goto out;
    envelope_print(out, &l->head, nonce, &sealed);
    rc = buf_check(out, "the KMS file", err);
out:
    secret_free(key);
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
