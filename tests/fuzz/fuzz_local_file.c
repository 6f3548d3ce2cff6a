/*
 * A local KMS's file: the outer JSON as it is, with a key that is derived already; and the input as
 * the sealed list of root keys. What is read is written and read again as the same.
 */
#include "fuzz.h"

#include "crypt/hash.h"
#include "kms/local.h"
#include "text/enc.h"

static void
make(struct local *l)
{
    struct err err = ERR_INIT;
    memset(l, 0, sizeof *l);
    l->head.mem = 8192;
    l->head.ops = 1;
    FUZZ_CHECK(secret_new(&l->key, &err) == RC_OK);
    FUZZ_CHECK(secret_add(l->key, "a key of exactly thirty-two byte", SEAL_KEY, &err) == RC_OK);
}

static void
check(const struct local_file *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct local_root *r = &f->roots[i];
        FUZZ_CHECK(uuid_is(r->id) && r->count >= 1 && strcmp(r->versions[0].id, r->id) == 0);
        FUZZ_CHECK(strcmp(root_state_name(r->state), "unknown") != 0);
        FUZZ_PLANT(strcmp(r->alias, "main") != 0);
    }
}

static void
print_again(struct local *l, const struct local_file *f)
{
    struct local_file again;
    struct buf text;
    struct err err = ERR_INIT;
    buf_init(&text, LIMIT_SMALL_FILE);
    if (local_file_print(&text, l, f, &err) == RC_OK) {
        (void)snprintf(l->path, sizeof l->path, "%s", fuzz_file(buf_str(&text), text.len));
        FUZZ_CHECK(local_file_load(&again, l, &err) == RC_OK);
        FUZZ_CHECK(again.count == f->count);
        for (size_t i = 0; i < f->count; i++) {
            FUZZ_CHECK(strcmp(again.roots[i].id, f->roots[i].id) == 0);
            FUZZ_CHECK(strcmp(again.roots[i].alias, f->roots[i].alias) == 0);
            FUZZ_CHECK(again.roots[i].count == f->roots[i].count);
        }
        local_file_release(&again);
    }
    buf_release(&text);
}

static void
load(struct local *l, const char *bytes, size_t len)
{
    struct local_file f;
    struct err err = ERR_INIT;
    (void)snprintf(l->path, sizeof l->path, "%s", fuzz_file(bytes, len));
    enum rc rc = local_file_load(&f, l, &err);
    if (rc == RC_OK) {
        check(&f);
        print_again(l, &f);
    } else {
        FUZZ_CHECK(rc == RC_KMS_INTEGRITY || rc == RC_BAD_VALUE);
        FUZZ_CHECK(err.msg[0] != '\0');
    }
    local_file_release(&f);
}

static void
sealed(struct local *l, const char *bytes, size_t len)
{
    struct buf text, inner;
    struct secret *key = NULL;
    unsigned char zeros[SEAL_NONCE] = {0};
    struct err err = ERR_INIT;
    buf_init(&text, LIMIT_SMALL_FILE);
    buf_init(&inner, LIMIT_SMALL_FILE);
    FUZZ_CHECK(local_file_key(&key, l, &err) == RC_OK);
    FUZZ_CHECK(seal_bytes(&inner, key, zeros, NULL, 0, bytes, len, &err) == RC_OK);
    buf_adds(&text,
             "{\"version\":1,\"kdf\":{\"alg\":\"argon2id\",\"mem\":8192,\"ops\":1},\"salt\":\"");
    base64_encode(&text, l->head.salt, sizeof l->head.salt);
    buf_adds(&text, "\",\"key-check\":\"");
    base64_encode(&text, l->head.check, sizeof l->head.check);
    buf_adds(&text, "\",\"nonce\":\"");
    base64_encode(&text, zeros, sizeof zeros);
    buf_adds(&text, "\",\"sealed\":\"");
    base64_encode(&text, inner.data, inner.len);
    buf_adds(&text, "\"}\n");
    load(l, buf_str(&text), text.len);
    secret_free(key);
    buf_release(&text);
    buf_release(&inner);
}

void
fuzz_one(const char *bytes, size_t len)
{
    struct local l;
    if (len > LIMIT_SMALL_FILE / 4)
        return;
    make(&l);
    load(&l, bytes, len);
    sealed(&l, bytes, len);
    secret_free(l.key);
}
