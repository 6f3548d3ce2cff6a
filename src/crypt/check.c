#include "crypt/check.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "crypt/hash.h"
#include "text/enc.h"

enum { CHECK_SIZE = 32 };
_Static_assert(CHECK_SIZE * 2 == HASH_TEXT, "a check value is as long as a hash");

static const unsigned long long MEM_DEFAULT = 64ULL * 1024 * 1024;
static const unsigned long long MEM_MAX = 1024ULL * 1024 * 1024;
static const unsigned long long OPS_DEFAULT = 3;
static const unsigned long long OPS_MAX = 10;

/* 32 bytes, not all of them printable ASCII. All bytes are looked at, whatever they are. */
static int
is_generated(const struct secret *payload)
{
    unsigned odd = 0;
    if (payload->len != 32)
        return 0;
    for (size_t i = 0; i < payload->len; i++)
        odd |= (unsigned)(payload->bytes[i] < 0x20) | (unsigned)(payload->bytes[i] > 0x7e);
    return odd != 0;
}

static void
value_blake2b(unsigned char out[CHECK_SIZE], const struct secret *text, const unsigned char id[16])
{
    static const char label[] = "keymuster check 1"; /* its zero byte is hashed, too */
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, CHECK_SIZE);
    (void)crypto_generichash_update(&state, (const unsigned char *)label, sizeof label);
    (void)crypto_generichash_update(&state, id, 16);
    (void)crypto_generichash_update(&state, text->bytes, text->len);
    (void)crypto_generichash_final(&state, out, CHECK_SIZE);
    sodium_memzero(&state, sizeof state); /* holds a block of the text */
}

static enum rc
value_argon2id(unsigned char out[CHECK_SIZE], const struct check_value *how,
               const struct secret *text, const unsigned char id[16], struct err *err)
{
    errno = 0;
    if (crypto_pwhash_argon2id(out, CHECK_SIZE, (const char *)text->bytes, text->len, id, how->ops,
                               (size_t)how->mem, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
        return err_errno(err, RC_NO_MEMORY, "computing a check value with %llu MiB of memory",
                         how->mem / (1024ULL * 1024));
    return RC_OK;
}

static enum rc
value_of(unsigned char out[CHECK_SIZE], const struct check_value *how, const struct secret *text,
         const char *uuid, struct err *err)
{
    unsigned char id[16];
    if (uuid_parse(id, uuid) != 0)
        return err_set(err, RC_MALFORMED, "computing a check value: \"%.40s\" is no UUID", uuid);
    if (how->alg == CHECK_ARGON2ID)
        return value_argon2id(out, how, text, id, err);
    value_blake2b(out, text, id);
    return RC_OK;
}

enum rc
check_make(struct check_value *out, const struct secret *payload, const struct secret *text,
           const char uuid[UUID_TEXT + 1], struct err *err)
{
    unsigned char value[CHECK_SIZE];
    memset(out, 0, sizeof *out);
    if (is_generated(payload)) {
        out->alg = CHECK_BLAKE2B;
    } else {
        out->alg = CHECK_ARGON2ID;
        out->mem = MEM_DEFAULT;
        out->ops = OPS_DEFAULT;
    }
    enum rc rc = value_of(value, out, text, uuid, err);
    if (rc == RC_OK)
        hex_encode(out->value, value, sizeof value);
    return rc;
}

static int
params_ok(const struct check_value *v)
{
    return v->alg == CHECK_BLAKE2B ||
           (v->mem >= crypto_pwhash_argon2id_MEMLIMIT_MIN && v->mem <= MEM_MAX &&
            v->mem % 1024 == 0 && v->ops >= 1 && v->ops <= OPS_MAX);
}

enum rc
check_compare(int *match, const struct check_value *want, const struct secret *text,
              const char uuid[UUID_TEXT + 1], struct err *err)
{
    unsigned char expected[CHECK_SIZE], got[CHECK_SIZE];
    *match = 0;
    if (!params_ok(want)) {
        (void)err_set(err, RC_MALFORMED, "the check value of key %s has impossible parameters",
                      uuid);
        return err_why(
            err, "%llu bytes and %llu passes are outside 8 KiB to 1 GiB (whole KiB) and 1 to %llu",
            want->mem, want->ops, OPS_MAX);
    }
    if (hex_decode(expected, sizeof expected, want->value) != 0)
        return err_set(err, RC_MALFORMED, "the check value of key %s is not %d hex digits", uuid,
                       HASH_TEXT);
    enum rc rc = value_of(got, want, text, uuid, err);
    if (rc == RC_OK)
        *match = sodium_memcmp(expected, got, sizeof got) == 0;
    return rc;
}

const char *
check_alg_name(enum check_alg alg)
{
    return alg == CHECK_ARGON2ID ? "argon2id" : "blake2b-256";
}

int
check_alg_parse(enum check_alg *out, const char *name)
{
    for (int alg = CHECK_BLAKE2B; alg <= CHECK_ARGON2ID; alg++) {
        if (strcmp(name, check_alg_name((enum check_alg)alg)) == 0) {
            *out = (enum check_alg)alg;
            return 0;
        }
    }
    return -1;
}

int
secret_has_digit(const struct secret *s)
{
    unsigned found = 0;
    for (size_t i = 0; i < s->len; i++)
        found |= (unsigned)(s->bytes[i] >= '0') & (unsigned)(s->bytes[i] <= '9');
    return found != 0;
}
