#include "crypt/seal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

_Static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "SEAL_KEY");
_Static_assert(SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "SEAL_NONCE");
_Static_assert(SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "SEAL_TAG");
_Static_assert(SEAL_SALT == crypto_pwhash_argon2id_SALTBYTES, "SEAL_SALT");

/* More than this is refused before any memory is asked for: the numbers come from files. Memory is
 * in whole KiB, as Argon2 has it: else several numbers would mean the same. */
static const unsigned long long MEM_MAX = 1024ULL * 1024 * 1024;
static const unsigned long long MEM_MIN = crypto_pwhash_argon2id_MEMLIMIT_MIN;
static const unsigned long long OPS_MAX = 10;

static int
fits(const struct secret *s, size_t len)
{
    return len <= SECRET_SLOT - s->len;
}

enum rc
seal_derive(struct secret *key, const struct secret *passphrase,
            const unsigned char salt[SEAL_SALT], unsigned long long mem, unsigned long long ops,
            struct err *err)
{
    if (mem < MEM_MIN || mem > MEM_MAX || mem % 1024 != 0 || ops < 1 || ops > OPS_MAX) {
        (void)err_set(err, RC_MALFORMED, "deriving a key from a passphrase");
        return err_why(
            err, "%llu bytes and %llu passes are outside 8 KiB to 1 GiB (whole KiB) and 1 to %llu",
            mem, ops, OPS_MAX);
    }
    if (!fits(key, SEAL_KEY))
        return err_set(err, RC_INTERNAL, "no room for a derived key");
    errno = 0;
    if (crypto_pwhash_argon2id(key->bytes + key->len, SEAL_KEY, (const char *)passphrase->bytes,
                               passphrase->len, salt, ops, (size_t)mem,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
        /* What it may have written is no key; the slot's used part never grew over it. */
        sodium_memzero(key->bytes + key->len, SEAL_KEY);
        return err_errno(err, RC_NO_MEMORY, "deriving a key with %llu MiB of memory",
                         mem / (1024ULL * 1024));
    }
    key->len += SEAL_KEY;
    return RC_OK;
}

enum rc
seal_subkey(struct secret *out, const struct secret *key, const char *label, struct err *err)
{
    assert(key->len == SEAL_KEY);
    if (!fits(out, SEAL_KEY))
        return err_set(err, RC_INTERNAL, "no room for a subkey");
    if (crypto_generichash(out->bytes + out->len, SEAL_KEY, (const unsigned char *)label,
                           strlen(label), key->bytes, key->len) != 0)
        return err_set(err, RC_INTERNAL, "deriving the subkey \"%s\"", label);
    out->len += SEAL_KEY;
    return RC_OK;
}

enum rc
seal_bytes(struct buf *out, const struct secret *key, const unsigned char nonce[SEAL_NONCE],
           const void *ad, size_t ad_len, const void *bytes, size_t len, struct err *err)
{
    assert(key->len == SEAL_KEY);
    unsigned long long made = 0;
    char *room = buf_room(out, len + SEAL_TAG);
    if (room == NULL)
        return buf_check(out, "sealed bytes", err);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt((unsigned char *)room, &made, bytes, len, ad,
                                                     ad_len, NULL, nonce, key->bytes);
    buf_grown(out, (size_t)made);
    return RC_OK;
}

/* Opens into room for len - SEAL_TAG bytes; on failure the library leaves zeros there. */
static int
unseal_raw(unsigned char *room, const struct secret *key, const unsigned char nonce[SEAL_NONCE],
           const void *ad, size_t ad_len, const void *sealed, size_t len)
{
    assert(key->len == SEAL_KEY);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(room, NULL, NULL, sealed, len, ad, ad_len,
                                                      nonce, key->bytes);
}

int
unseal_bytes(struct buf *out, const struct secret *key, const unsigned char nonce[SEAL_NONCE],
             const void *ad, size_t ad_len, const void *sealed, size_t len)
{
    if (len < SEAL_TAG)
        return -1;
    char *room = buf_room(out, len - SEAL_TAG);
    if (room == NULL)
        return -1; /* out->failed says why */
    if (unseal_raw((unsigned char *)room, key, nonce, ad, ad_len, sealed, len) != 0) {
        buf_clear(out);
        return -1;
    }
    buf_grown(out, len - SEAL_TAG);
    return 0;
}

enum rc
seal_secret(struct buf *out, const struct secret *key, const unsigned char nonce[SEAL_NONCE],
            const void *ad, size_t ad_len, const struct secret *in, struct err *err)
{
    return seal_bytes(out, key, nonce, ad, ad_len, in->bytes, in->len, err);
}

int
unseal_secret(struct secret *out, const struct secret *key, const unsigned char nonce[SEAL_NONCE],
              const void *ad, size_t ad_len, const void *sealed, size_t len)
{
    if (len < SEAL_TAG || !fits(out, len - SEAL_TAG))
        return -1;
    if (unseal_raw(out->bytes + out->len, key, nonce, ad, ad_len, sealed, len) != 0)
        return -1;
    out->len += len - SEAL_TAG;
    return 0;
}
