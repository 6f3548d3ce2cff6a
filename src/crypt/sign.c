#include "crypt/sign.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "base/plant.h"
#include "crypt/hash.h"
#include "crypt/sign_in.h"
#include "text/enc.h"

/* minisign, "Signature format": offsets in the decoded bytes. */
enum {
    SIGNATURE = crypto_sign_BYTES,

    PUBLIC_RAW = 2 + KEY_ID + SIGN_PUBLIC_SIZE, /* algorithm, key id, key */
    SIGNATURE_RAW = 2 + KEY_ID + SIGNATURE,     /* algorithm, key id, signature */

    HASHED = crypto_generichash_BYTES_MAX, /* BLAKE2b-512 */
    LINES_MAX = 4096                       /* of a whole signature text */
};
_Static_assert(SIGN_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "SIGN_PUBLIC_SIZE");
_Static_assert((PUBLIC_RAW + 2) / 3 * 4 == SIGN_PUBLIC_TEXT, "SIGN_PUBLIC_TEXT");

static const char ALG_PREHASHED[2] NONSTRING = {'E', 'D'}; /* of signatures */
static const char SIG_COMMENT[] = "untrusted comment: keymuster\n";
static const char TRUSTED_COMMENT[] = "trusted comment: ";

void
sign_key_id(unsigned char id[KEY_ID], const unsigned char key[SIGN_PUBLIC_SIZE])
{
    unsigned char hash[HASH_SIZE];
    sha256(hash, key, SIGN_PUBLIC_SIZE);
    memcpy(id, hash, KEY_ID);
}

static void
base64_fixed(char *out, size_t chars, const unsigned char *bytes, size_t len)
{
    (void)sodium_bin2base64(out, chars + 1, bytes, len, sodium_base64_VARIANT_ORIGINAL);
}

void
sign_public_fill(struct sign_public *pub, const unsigned char key[SIGN_PUBLIC_SIZE])
{
    unsigned char raw[PUBLIC_RAW], hash[HASH_SIZE];
    sha256(hash, key, SIGN_PUBLIC_SIZE);
    hex_encode(pub->author, hash, AUTHOR_TEXT / 2);
    memcpy(pub->key, key, SIGN_PUBLIC_SIZE);
    memcpy(raw, ALG, 2);
    memcpy(raw + 2, hash, KEY_ID);
    memcpy(raw + 2 + KEY_ID, key, SIGN_PUBLIC_SIZE);
    base64_fixed(pub->text, SIGN_PUBLIC_TEXT, raw, sizeof raw);
}

int
sign_public_parse(struct sign_public *out, const char *text)
{
    unsigned char raw[PUBLIC_RAW];
    size_t len = 0;
    memset(out, 0, sizeof *out);
    if (strlen(text) != SIGN_PUBLIC_TEXT ||
        sodium_base642bin(raw, sizeof raw, text, SIGN_PUBLIC_TEXT, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        len != sizeof raw)
        return -1;
    /* Filled from the key alone: equal text means algorithm, key id and encoding are as they must
     * be. */
    sign_public_fill(out, raw + 2 + KEY_ID);
    if (strcmp(out->text, text) != 0) {
        memset(out, 0, sizeof *out);
        return -1;
    }
    return 0;
}

enum rc
sign_generate(struct secret **out, struct sign_public *pub, struct err *err)
{
    unsigned char key[SIGN_PUBLIC_SIZE];
    struct secret *made = NULL;
    *out = NULL;
    enum rc rc = secret_new(&made, err);
    if (rc != RC_OK)
        return rc;
    (void)crypto_sign_keypair(key, made->bytes);
    made->len = SECRET_KEY;
    sign_public_fill(pub, key);
    *out = made; /* transferred */
    return RC_OK;
}

/* ---- signatures ---- */

/* The four lines, from their parts. */
static void
lines_add(struct buf *out, const unsigned char id[KEY_ID], const unsigned char sig[SIGNATURE],
          const char *trusted, const unsigned char global[SIGNATURE])
{
    unsigned char raw[SIGNATURE_RAW];
    memcpy(raw, ALG_PREHASHED, 2);
    memcpy(raw + 2, id, KEY_ID);
    memcpy(raw + 2 + KEY_ID, sig, SIGNATURE);
    buf_adds(out, SIG_COMMENT);
    base64_encode(out, raw, sizeof raw);
    buf_addf(out, "\n%s%s\n", TRUSTED_COMMENT, trusted);
    base64_encode(out, global, SIGNATURE);
    buf_addc(out, '\n');
}

_Static_assert((int)HASHED == (int)SIGN_HASH, "SIGN_HASH is not the length of a prehash");
_Static_assert(sizeof(struct sign_state) >= sizeof(crypto_generichash_state) + 64,
               "struct sign_state is too small for the library's state");

/* The opaque bytes are only ever touched by the library, under its own type, which wants to be
 * aligned more than a caller's struct may be: it is moved inside. */
static crypto_generichash_state *
state_of(struct sign_state *s)
{
    uintptr_t at = ((uintptr_t)s->opaque + 63) & ~(uintptr_t)63;
    return (crypto_generichash_state *)at;
}

void
sign_begin(struct sign_state *s)
{
    /* Returns 0 always with these lengths, as do the two below. */
    (void)crypto_generichash_init(state_of(s), NULL, 0, HASHED);
}

void
sign_more(struct sign_state *s, const void *bytes, size_t len)
{
    (void)crypto_generichash_update(state_of(s), bytes, len);
}

void
sign_hash(struct sign_state *s, unsigned char out[SIGN_HASH])
{
    (void)crypto_generichash_final(state_of(s), out, HASHED);
}

static void
prehash(unsigned char out[HASHED], const void *bytes, size_t len)
{
    (void)crypto_generichash(out, HASHED, bytes, len, NULL, 0);
}

/* What the global signature covers: signature, then the comment's text. */
static enum rc
global_message(struct buf *out, const unsigned char sig[SIGNATURE], const char *trusted,
               struct err *err)
{
    buf_add(out, sig, SIGNATURE);
    buf_adds(out, trusted);
    return buf_check(out, "a trusted comment", err);
}

enum rc
sign_detached(struct buf *out, const struct secret *key, const char *trusted, const void *bytes,
              size_t len, struct err *err)
{
    unsigned char hash[HASHED];
    prehash(hash, bytes, len);
    return sign_hashed(out, key, trusted, hash, err);
}

enum rc
sign_hashed(struct buf *out, const struct secret *key, const char *trusted,
            const unsigned char hash[SIGN_HASH], struct err *err)
{
    assert(key->len == SECRET_KEY);
    assert(strchr(trusted, '\n') == NULL && strchr(trusted, '\r') == NULL);
    unsigned char sig[SIGNATURE], global[SIGNATURE], id[KEY_ID];
    struct buf message;
    buf_init(&message, LINES_MAX);
    (void)crypto_sign_detached(sig, NULL, hash, HASHED, key->bytes);
    enum rc rc = global_message(&message, sig, trusted, err);
    if (rc != RC_OK)
        goto out;
    (void)crypto_sign_detached(global, NULL, (const unsigned char *)message.data, message.len,
                               key->bytes);
    sign_key_id(id, key->bytes + SECRET_KEY - SIGN_PUBLIC_SIZE);
    lines_add(out, id, sig, trusted, global);
    rc = buf_check(out, "a signature", err);
out:
    buf_release(&message);
    return rc;
}

/* The second and fourth line, decoded. NULL, or what is wrong. */
static const char *
lines_parse(unsigned char id[KEY_ID], unsigned char sig[SIGNATURE], unsigned char global[SIGNATURE],
            const char *text, size_t len)
{
    const char *line[5];
    unsigned char raw[SIGNATURE_RAW];
    line[0] = text;
    for (int i = 0; i < 4; i++) {
        const char *lf = memchr(line[i], '\n', len - (size_t)(line[i] - text));
        if (lf == NULL)
            return "it does not have four whole lines";
        line[i + 1] = lf + 1;
    }
    if (base64_decode_fixed(raw, sizeof raw, line[1], (size_t)(line[2] - line[1]) - 1) != 0 ||
        memcmp(raw, ALG_PREHASHED, 2) != 0)
        return "its second line is not a prehashed minisign signature in base64";
    if (base64_decode_fixed(global, SIGNATURE, line[3], (size_t)(line[4] - line[3]) - 1) != 0)
        return "its fourth line is not a signature in base64";
    memcpy(id, raw + 2, KEY_ID);
    memcpy(sig, raw + 2 + KEY_ID, SIGNATURE);
    return NULL;
}

/* NULL, or what is wrong. The order names the part a reader would look at first. */
static const char *
sig_fault(const struct sign_public *pub, const char *trusted, const unsigned char hash[HASHED],
          const char *text, size_t text_len, struct buf *scratch, struct err *err)
{
    unsigned char id[KEY_ID], own[KEY_ID], sig[SIGNATURE], global[SIGNATURE];
    const char *fault = lines_parse(id, sig, global, text, text_len);
    if (fault != NULL || PLANTED("no-signature"))
        return fault;
    sign_key_id(own, pub->key);
    if (memcmp(id, own, KEY_ID) != 0)
        return "it was made by another key";
    if (crypto_sign_verify_detached(sig, hash, HASHED, pub->key) != 0)
        return "the signature does not fit the bytes";
    if (global_message(scratch, sig, trusted, err) != RC_OK)
        return "its trusted comment is too long";
    if (crypto_sign_verify_detached(global, (const unsigned char *)scratch->data, scratch->len,
                                    pub->key) != 0)
        return "the global signature does not fit the trusted comment";
    buf_clear(scratch);
    lines_add(scratch, id, sig, trusted, global);
    if (buf_check(scratch, "a signature", err) != RC_OK || scratch->len != text_len ||
        memcmp(scratch->data, text, text_len) != 0)
        return "its lines are not exactly those that keymuster writes";
    return NULL;
}

enum rc
sign_verify(const struct sign_public *pub, const char *trusted, const void *bytes, size_t len,
            const char *sig, size_t sig_len, const char *what, struct err *err)
{
    unsigned char hash[HASHED];
    prehash(hash, bytes, len);
    return sign_verify_hashed(pub, trusted, hash, sig, sig_len, what, err);
}

enum rc
sign_verify_hashed(const struct sign_public *pub, const char *trusted,
                   const unsigned char hash[SIGN_HASH], const char *sig, size_t sig_len,
                   const char *what, struct err *err)
{
    struct buf scratch;
    struct err inner = ERR_INIT; /* only memory can fail in there */
    enum rc rc = RC_OK;
    buf_init(&scratch, LINES_MAX);
    const char *fault = sig_fault(pub, trusted, hash, sig, sig_len, &scratch, &inner);
    if (inner.code == RC_NO_MEMORY) {
        rc = err_nomem(err);
    } else if (fault != NULL) {
        (void)err_set(err, RC_COPY_SIGNATURE, "the signature of %s does not verify", what);
        rc = err_why(err, "%s", fault);
    }
    buf_release(&scratch);
    return rc;
}
