#include "crypt/minisig.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "base/plant.h"
#include "text/enc.h"
#include "text/uni.h"

enum {
    KEY_AT = 2 + SIGN_KEY_ID, /* algorithm, key id, then: */
    RAW_KEY = KEY_AT + SIGN_PUBLIC_SIZE,
    RAW_SIG = 2 + SIGN_KEY_ID + crypto_sign_BYTES,
    HASHED = crypto_generichash_BYTES_MAX
};

static const char PREHASHED[2] NONSTRING = {'E', 'D'};
static const char UNTRUSTED[] = "untrusted comment: ";
static const char TRUSTED[] = "trusted comment: ";

/* ---- reading ---- */

struct parts {
    unsigned char id[SIGN_KEY_ID];
    unsigned char sig[crypto_sign_BYTES];
    unsigned char global[crypto_sign_BYTES];
    const char *trusted; /* borrowed from the text */
    size_t trusted_len;
    int legacy; /* over the bytes, not over their hash */
};

static int
begins(const char *line, size_t len, const char *with)
{
    return len >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

/* Comments are shown to people: no control characters. */
static int
is_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
            return 0;
    }
    return utf8_is(text, len);
}

/* NULL, or what is wrong. */
static const char *
parse(struct parts *p, const char *text, size_t len)
{
    const char *line[4];
    size_t size[4];
    unsigned char raw[RAW_SIG];
    if (len > MINISIG_TEXT)
        return "it is longer than any signature";
    if (!is_clean(text, len))
        return "it is not printable text";
    for (int i = 0; i < 4; i++) {
        const char *lf = memchr(text, '\n', len);
        if (lf == NULL && i < 3)
            return "it does not have four lines";
        line[i] = text;
        size[i] = lf != NULL ? (size_t)(lf - text) : len;
        len -= size[i] + (lf != NULL);
        text += size[i] + (lf != NULL);
    }
    if (len > 0)
        return "something stands behind its four lines";
    if (!begins(line[0], size[0], UNTRUSTED) || !begins(line[2], size[2], TRUSTED))
        return "it is not of minisign's form";
    if (base64_decode_fixed(raw, sizeof raw, line[1], size[1]) != 0 || raw[0] != 'E' ||
        (raw[1] != 'D' && raw[1] != 'd'))
        return "its second line is not a signature of minisign in base64";
    if (base64_decode_fixed(p->global, sizeof p->global, line[3], size[3]) != 0)
        return "its fourth line is not a signature in base64";
    p->legacy = raw[1] == 'd';
    memcpy(p->id, raw + 2, sizeof p->id);
    memcpy(p->sig, raw + 2 + SIGN_KEY_ID, sizeof p->sig);
    p->trusted = line[2] + strlen(TRUSTED);
    p->trusted_len = size[2] - strlen(TRUSTED);
    return NULL;
}

/* What the global signature covers; its length. */
static size_t
global_message(unsigned char out[crypto_sign_BYTES + MINISIG_TEXT],
               const unsigned char sig[crypto_sign_BYTES], const char *trusted, size_t len)
{
    memcpy(out, sig, crypto_sign_BYTES);
    memcpy(out + crypto_sign_BYTES, trusted, len);
    return crypto_sign_BYTES + len;
}

/* NULL, or what is wrong. The order names the part a reader would look at first. */
static const char *
fault_of(const char *public_key, const void *bytes, size_t len, const char *sig, size_t sig_len)
{
    unsigned char key[RAW_KEY], hash[HASHED], message[crypto_sign_BYTES + MINISIG_TEXT];
    struct parts p;
    const unsigned char *of = bytes;
    size_t of_len = len;
    const char *fault = parse(&p, sig, sig_len);
    if (fault != NULL || PLANTED("any-signature"))
        return fault;
    if (base64_decode_fixed(key, sizeof key, public_key, strlen(public_key)) != 0)
        return "the registered key is none";
    if (memcmp(key + 2, p.id, SIGN_KEY_ID) != 0)
        return "it was made by another key";
    if (!p.legacy) {
        (void)crypto_generichash(hash, HASHED, bytes, len, NULL, 0);
        of = hash;
        of_len = HASHED;
    }
    if (crypto_sign_verify_detached(p.sig, of, of_len, key + KEY_AT) != 0)
        return "it is not one of this text";
    len = global_message(message, p.sig, p.trusted, p.trusted_len);
    if (crypto_sign_verify_detached(p.global, message, len, key + KEY_AT) != 0)
        return "its trusted comment was altered";
    return NULL;
}

enum rc
minisig_verify(const char *public_key, const void *bytes, size_t len, const char *sig,
               size_t sig_len, const char *what, struct err *err)
{
    const char *fault = fault_of(public_key, bytes, len, sig, sig_len);
    if (fault == NULL)
        return RC_OK;
    (void)err_set(err, RC_COPY_SIGNATURE, "%s does not verify", what);
    return err_why(err, "%s", fault);
}

/* ---- making ---- */

static void
sign(struct buf *out, const struct secret *key, const unsigned char id[SIGN_KEY_ID],
     const char *trusted, const void *bytes, size_t len)
{
    unsigned char hash[HASHED], sig[crypto_sign_BYTES], global[crypto_sign_BYTES], raw[RAW_SIG];
    unsigned char message[crypto_sign_BYTES + MINISIG_TEXT];
    (void)crypto_generichash(hash, HASHED, bytes, len, NULL, 0);
    (void)crypto_sign_detached(sig, NULL, hash, HASHED, key->bytes);
    len = global_message(message, sig, trusted, strlen(trusted));
    (void)crypto_sign_detached(global, NULL, message, len, key->bytes);
    memcpy(raw, PREHASHED, 2);
    memcpy(raw + 2, id, SIGN_KEY_ID);
    memcpy(raw + 2 + SIGN_KEY_ID, sig, sizeof sig);
    buf_addf(out, "%skeymuster\n", UNTRUSTED);
    base64_encode(out, raw, sizeof raw);
    buf_addf(out, "\n%s%s\n", TRUSTED, trusted);
    base64_encode(out, global, sizeof global);
    buf_addc(out, '\n');
}

enum rc
minisig_sign(struct buf *out, const char *public_key, const struct secret *file,
             const struct secret *passphrase, const char *trusted, const void *bytes, size_t len,
             const char *what, struct err *err)
{
    struct secret *key = NULL;
    struct sign_public pub;
    unsigned char id[SIGN_KEY_ID], registered[RAW_KEY];
    assert(strlen(trusted) < MINISIG_TEXT / 2);
    enum rc rc = sign_key_unseal_any(&key, &pub, id, file, passphrase, what, err);
    if (rc != RC_OK)
        return rc;
    if (base64_decode_fixed(registered, sizeof registered, public_key, strlen(public_key)) != 0 ||
        memcmp(registered + 2, id, SIGN_KEY_ID) != 0 ||
        memcmp(registered + KEY_AT, pub.key, SIGN_PUBLIC_SIZE) != 0) {
        rc = err_set(err, RC_COPY_SIGNATURE, "%s is not the key that is registered", what);
    } else {
        sign(out, key, id, trusted, bytes, len);
        rc = buf_check(out, "a signature", err);
    }
    secret_free(key);
    return rc;
}
