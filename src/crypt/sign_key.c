/* Key files in minisign's format: in clear, or sealed by a passphrase. */
#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "crypt/hash.h"
#include "crypt/sign_in.h"
#include "text/enc.h"

/* minisign, "Secret key format": offsets in the decoded bytes. */
enum {
    CHECKSUM = 32,

    /* algorithm 2, kdf 2, checksum algorithm 2, salt 32, operations 8, memory 8, then: */
    FILE_KDF = 2,
    FILE_SALT = 6,
    FILE_OPS = 38,
    FILE_MEM = 46,
    FILE_KEY_ID = 54,
    FILE_SECRET = FILE_KEY_ID + KEY_ID,
    FILE_CHECKSUM = FILE_SECRET + SECRET_KEY,
    FILE_RAW = FILE_CHECKSUM + CHECKSUM,
    FILE_SEALED = FILE_RAW - FILE_KEY_ID, /* what a passphrase covers: key id, key, checksum */

    /* scrypt with N = 2^17, r = 8, p = 1: a second or less. minisign's own 1 GiB may not be there
     * on the machine of a recovery; files that it sealed anew are read all the same. */
    SEAL_OPS = 4194304,
    SEAL_MEM = 134217728,
    SEAL_OPS_MAX = crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE,
    SEAL_MEM_MAX = crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE
};
_Static_assert(FILE_OPS - FILE_SALT == crypto_pwhash_scryptsalsa208sha256_SALTBYTES, "FILE_SALT");

static const char ALG_CHECKSUM[2] NONSTRING = {'B', '2'};
static const char ALG_SCRYPT[2] NONSTRING = {'S', 'c'};
static const char FILE_COMMENT[] = "untrusted comment: keymuster author key\n";
static const char SPARE_COMMENT[] = "untrusted comment: keymuster spare author key, sealed\n";

/* BLAKE2b-256 of algorithm, key id and secret key, as in minisign's sealed keys. For unsealed ones
 * minisign writes zeros and looks at nothing; we want to notice damage there, too. */
static void
file_checksum(unsigned char out[CHECKSUM], const unsigned char raw[FILE_RAW])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, CHECKSUM);
    (void)crypto_generichash_update(&state, raw, 2);
    (void)crypto_generichash_update(&state, raw + FILE_KEY_ID, KEY_ID + SECRET_KEY);
    (void)crypto_generichash_final(&state, out, CHECKSUM);
    sodium_memzero(&state, sizeof state);
}

/* The decoded file without passphrase: salt, operations and memory stay zero, minisign's "no kdf".
 */
static void
file_fill(struct secret *raw, const struct secret *key)
{
    assert(key->len == SECRET_KEY);
    memset(raw->bytes, 0, FILE_RAW);
    memcpy(raw->bytes, ALG, 2);
    memcpy(raw->bytes + 4, ALG_CHECKSUM, 2);
    sign_key_id(raw->bytes + FILE_KEY_ID, key->bytes + SECRET_KEY - SIGN_PUBLIC_SIZE);
    memcpy(raw->bytes + FILE_SECRET, key->bytes, SECRET_KEY);
    file_checksum(raw->bytes + FILE_CHECKSUM, raw->bytes);
    raw->len = FILE_RAW;
}

static enum rc
file_encode(struct secret *file, const char *comment, const struct secret *raw, struct err *err)
{
    enum rc rc = secret_add(file, comment, strlen(comment), err);
    if (rc == RC_OK)
        rc = base64_encode_secret(file, raw, err);
    return rc == RC_OK ? secret_add(file, "\n", 1, err) : rc;
}

enum rc
sign_key_write(struct secret *file, const struct secret *key, struct err *err)
{
    struct secret *raw = NULL;
    enum rc rc = secret_new(&raw, err);
    if (rc != RC_OK)
        return rc;
    file_fill(raw, key);
    rc = file_encode(file, FILE_COMMENT, raw, err);
    secret_free(raw);
    return rc;
}

static enum rc
key_bad(struct err *err, const char *why)
{
    (void)err_set(err, RC_STORE_CORRUPT, "the author's key file is not usable");
    return err_why(err, "%s", why);
}

/* The decoded second line of a key file; the first is a comment and may say anything. */
static enum rc
file_decode(struct secret *raw, const struct secret *file, struct err *err)
{
    struct secret *line = NULL;
    const unsigned char *lf = memchr(file->bytes, '\n', file->len);
    if (lf == NULL)
        return key_bad(err, "it does not have two lines");
    const unsigned char *text = lf + 1;
    size_t len = file->len - (size_t)(text - file->bytes);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    enum rc rc = secret_new(&line, err);
    if (rc != RC_OK || (rc = secret_add(line, text, len, err)) != RC_OK)
        goto out;
    rc = base64_decode_secret(raw, line, err);
    if (rc == RC_BAD_VALUE || (rc == RC_OK && raw->len != FILE_RAW))
        rc = key_bad(err, "its second line is not a minisign secret key in base64");
out:
    secret_free(line);
    return rc;
}

/* NULL, or what is wrong with the decoded file. scratch takes the key as the seed makes it. any_id:
 * stock minisign draws its key ids. */
static const char *
file_fault(const struct secret *raw, struct secret *scratch, struct sign_public *pub, int any_id)
{
    static const unsigned char none[2] = {0, 0};
    const unsigned char *b = raw->bytes;
    unsigned char sum[CHECKSUM], key[SIGN_PUBLIC_SIZE], id[KEY_ID];

    if (memcmp(b, ALG, 2) != 0)
        return "its algorithm is not Ed25519";
    if (memcmp(b + FILE_KDF, none, 2) != 0)
        return "it is sealed by a passphrase, which this place cannot ask for";
    if (memcmp(b + 4, ALG_CHECKSUM, 2) != 0)
        return "its checksum algorithm is not BLAKE2b";
    file_checksum(sum, b);
    if (sodium_memcmp(sum, b + FILE_CHECKSUM, CHECKSUM) != 0)
        return "its checksum is wrong: it was damaged, altered, or not made by keymuster";
    (void)crypto_sign_seed_keypair(key, scratch->bytes, b + FILE_SECRET);
    if (sodium_memcmp(scratch->bytes, b + FILE_SECRET, SECRET_KEY) != 0)
        return "its two halves do not belong together";
    sign_key_id(id, key);
    if (!any_id && memcmp(id, b + FILE_KEY_ID, KEY_ID) != 0)
        return "its key id is not the one that keymuster gives this key";
    sign_public_fill(pub, key);
    scratch->len = SECRET_KEY;
    return NULL;
}

enum rc
sign_key_read(struct secret **out, struct sign_public *pub, const struct secret *file,
              struct err *err)
{
    struct secret *raw = NULL, *key = NULL;
    *out = NULL;
    enum rc rc = secret_new(&raw, err);
    if (rc != RC_OK || (rc = secret_new(&key, err)) != RC_OK ||
        (rc = file_decode(raw, file, err)) != RC_OK)
        goto out;
    const char *fault = file_fault(raw, key, pub, 0);
    if (fault != NULL) {
        rc = key_bad(err, fault);
        goto out;
    }
    *out = key;
    key = NULL; /* transferred */
out:
    secret_free(key);
    secret_free(raw);
    return rc;
}

/* ---- sealed by a passphrase ---- */

static void
put_le64(unsigned char *to, uint64_t n)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(n >> (8 * i));
}

static uint64_t
get_le64(const unsigned char *from)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | from[i];
    return n;
}

/* Seals and opens: the sealed part XOR what scrypt makes of passphrase, salt and limits. */
static enum rc
file_xor(struct secret *raw, const struct secret *passphrase, struct err *err)
{
    struct secret *stream = NULL;
    unsigned char *b = raw->bytes;
    enum rc rc = secret_new(&stream, err);
    if (rc != RC_OK)
        return rc;
    stream->len = FILE_SEALED;
    if (crypto_pwhash_scryptsalsa208sha256(
            stream->bytes, FILE_SEALED, (const char *)passphrase->bytes, passphrase->len,
            b + FILE_SALT, get_le64(b + FILE_OPS), get_le64(b + FILE_MEM)) != 0)
        rc = err_nomem(err);
    for (size_t i = 0; rc == RC_OK && i < FILE_SEALED; i++)
        b[FILE_KEY_ID + i] ^= stream->bytes[i];
    secret_free(stream);
    return rc;
}

enum rc
sign_key_seal(struct secret *file, const struct secret *key, const struct secret *passphrase,
              struct err *err)
{
    struct secret *raw = NULL;
    enum rc rc = secret_new(&raw, err);
    if (rc != RC_OK)
        return rc;
    file_fill(raw, key);
    memcpy(raw->bytes + FILE_KDF, ALG_SCRYPT, 2);
    randombytes_buf(raw->bytes + FILE_SALT, FILE_OPS - FILE_SALT);
    put_le64(raw->bytes + FILE_OPS, SEAL_OPS);
    put_le64(raw->bytes + FILE_MEM, SEAL_MEM);
    rc = file_xor(raw, passphrase, err);
    if (rc == RC_OK)
        rc = file_encode(file, SPARE_COMMENT, raw, err);
    secret_free(raw);
    return rc;
}

/* NULL, or why a decoded file cannot be asked for a passphrase. */
static const char *
sealed_fault(const unsigned char *b)
{
    if (memcmp(b, ALG, 2) != 0)
        return "its algorithm is not Ed25519";
    if (memcmp(b + FILE_KDF, ALG_SCRYPT, 2) != 0)
        return "it is not sealed by a passphrase";
    if (memcmp(b + 4, ALG_CHECKSUM, 2) != 0)
        return "its checksum algorithm is not BLAKE2b";
    if (get_le64(b + FILE_OPS) > SEAL_OPS_MAX || get_le64(b + FILE_MEM) > SEAL_MEM_MAX)
        return "it wants more work or memory than minisign ever asks for";
    return NULL;
}

/* Key id, both halves of the key: under a wrong passphrase no two of them fit, in a damaged file
 * some still do. */
static int
parts_fit(const struct secret *raw, struct secret *scratch)
{
    const unsigned char *b = raw->bytes;
    const unsigned char *half = b + FILE_SECRET + SECRET_KEY - SIGN_PUBLIC_SIZE;
    unsigned char key[SIGN_PUBLIC_SIZE], of_half[KEY_ID], of_seed[KEY_ID];
    (void)crypto_sign_seed_keypair(key, scratch->bytes, b + FILE_SECRET);
    sign_key_id(of_half, half);
    sign_key_id(of_seed, key);
    return memcmp(of_half, b + FILE_KEY_ID, KEY_ID) == 0 ||
           memcmp(of_seed, b + FILE_KEY_ID, KEY_ID) == 0 ||
           sodium_memcmp(key, half, SIGN_PUBLIC_SIZE) == 0;
}

static enum rc
unseal_fault(const struct secret *raw, struct secret *scratch, const char *fault, const char *what,
             struct err *err)
{
    if (!parts_fit(raw, scratch)) {
        (void)err_set(err, RC_KMS_PASSPHRASE, "this passphrase does not open %s", what);
        return err_hint(err, "if the passphrase is certainly right, the file was altered: use "
                             "another copy of it");
    }
    (void)err_set(err, RC_MALFORMED, "%s is not usable", what);
    (void)err_why(err, "the passphrase opens it, but %s", fault);
    return err_hint(err, "use another copy of it");
}

/* id: NULL, or takes the key id, which may then be any. */
static enum rc
unseal(struct secret **out, struct sign_public *pub, unsigned char *id, const struct secret *file,
       const struct secret *passphrase, const char *what, struct err *err)
{
    struct secret *raw = NULL, *key = NULL;
    const char *fault = NULL;
    *out = NULL;
    enum rc rc = secret_new(&raw, err);
    if (rc != RC_OK || (rc = secret_new(&key, err)) != RC_OK)
        goto out;
    rc = file_decode(raw, file, err);
    if (rc == RC_STORE_CORRUPT)
        fault = "it is not a minisign secret key";
    else if (rc == RC_OK)
        fault = sealed_fault(raw->bytes);
    if (fault != NULL) {
        (void)err_set(err, RC_BAD_VALUE, "%s is no sealed %skey", what,
                      id == NULL ? "author " : "");
        (void)err_why(err, "%s", fault);
        rc = err_hint(err, "such a file is made by: %s",
                      id == NULL ? "keymuster author spare --file FILE"
                                 : "keymuster person add --new-key FILE, or minisign -G");
        goto out;
    }
    if (rc == RC_OK)
        rc = file_xor(raw, passphrase, err);
    if (rc != RC_OK)
        goto out;
    memset(raw->bytes + FILE_KDF, 0, 2);
    fault = file_fault(raw, key, pub, id != NULL);
    if (fault != NULL) {
        rc = unseal_fault(raw, key, fault, what, err);
        goto out;
    }
    if (id != NULL)
        memcpy(id, raw->bytes + FILE_KEY_ID, KEY_ID);
    *out = key;
    key = NULL; /* transferred */
out:
    secret_free(key);
    secret_free(raw);
    return rc;
}

enum rc
sign_key_unseal(struct secret **out, struct sign_public *pub, const struct secret *file,
                const struct secret *passphrase, const char *what, struct err *err)
{
    return unseal(out, pub, NULL, file, passphrase, what, err);
}

enum rc
sign_key_unseal_any(struct secret **out, struct sign_public *pub, unsigned char id[SIGN_KEY_ID],
                    const struct secret *file, const struct secret *passphrase, const char *what,
                    struct err *err)
{
    return unseal(out, pub, id, file, passphrase, what, err);
}
