#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "sim.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
must(int ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "kms_sim: %s failed\n", what);
        abort();
    }
}

void
random_fill(void *p, size_t n)
{
    must(RAND_bytes(p, (int)n) == 1, "RAND_bytes");
}

static char *
encode(const unsigned char *p, size_t n, const char *alphabet, int pad)
{
    char *out = malloc((n + 2) / 3 * 4 + 1), *q = out;
    must(out != NULL, "malloc");
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0);
        for (size_t k = 0; k < 4; k++)
            if (i + k <= n)
                *q++ = alphabet[v >> (18 - 6 * k) & 63];
            else if (pad)
                *q++ = '=';
    }
    *q = '\0';
    return out;
}

char *
base64_of(const unsigned char *p, size_t n)
{
    return encode(p, n, standard, 1);
}

char *
base64url_of(const unsigned char *p, size_t n)
{
    return encode(p, n, url_safe, 0);
}

static unsigned char *
decode(const char *text, size_t len, const char *alphabet, size_t *n)
{
    unsigned char *out = malloc(len + 1);
    must(out != NULL, "malloc");
    unsigned v = 0, bits = 0;
    size_t used = 0, i = 0;
    for (; i < len; i++) {
        const char *at = strchr(alphabet, text[i]);
        if (!at || !text[i])
            break;
        v = (v << 6 | (unsigned)(at - alphabet)) & 0xffffff;
        if ((bits += 6) >= 8)
            out[used++] = (unsigned char)(v >> (bits -= 8));
    }
    if (i < len || bits >= 6 || (v & ((1U << bits) - 1)) != 0) {
        free(out);
        *n = i;
        return NULL;
    }
    *n = used;
    return out;
}

unsigned char *
base64_read(const char *text, size_t *n)
{
    size_t len = strlen(text), cut = len;
    if (len % 4 != 0) {
        *n = len;
        return NULL;
    }
    while (cut > 0 && len - cut < 2 && text[cut - 1] == '=')
        cut--;
    return decode(text, cut, standard, n);
}

static unsigned char *
base64url_read(const char *text, size_t *n)
{
    return decode(text, strlen(text), url_safe, n);
}

/* ---- AES-GCM ---- */

static const EVP_CIPHER *
gcm_for(size_t key_len)
{
    return key_len == 16   ? EVP_aes_128_gcm()
           : key_len == 24 ? EVP_aes_192_gcm()
                           : EVP_aes_256_gcm();
}

void
gcm_seal(unsigned char *out, const unsigned char *key, size_t key_len,
         const unsigned char iv[IV_LEN], const unsigned char *aad, size_t aad_len,
         const unsigned char *in, size_t in_len)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0;
    must(c && EVP_EncryptInit_ex(c, gcm_for(key_len), NULL, NULL, NULL) &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, IV_LEN, NULL) &&
             EVP_EncryptInit_ex(c, NULL, NULL, key, iv) &&
             (aad_len == 0 || EVP_EncryptUpdate(c, NULL, &n, aad, (int)aad_len)) &&
             EVP_EncryptUpdate(c, out, &n, in, (int)in_len) &&
             EVP_EncryptFinal_ex(c, out + n, &n) &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + in_len),
         "AES-GCM");
    EVP_CIPHER_CTX_free(c);
}

int
gcm_open(unsigned char *out, const unsigned char *key, size_t key_len, const unsigned char *iv,
         size_t iv_len, const unsigned char *aad, size_t aad_len, const unsigned char *in,
         size_t in_len)
{
    if (in_len < TAG_LEN || iv_len == 0 || iv_len > 64)
        return 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    unsigned char tag[TAG_LEN];
    memcpy(tag, in + in_len - TAG_LEN, TAG_LEN);
    int n = 0;
    int ok = c && EVP_DecryptInit_ex(c, gcm_for(key_len), NULL, NULL, NULL) &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, (int)iv_len, NULL) &&
             EVP_DecryptInit_ex(c, NULL, NULL, key, iv) &&
             (aad_len == 0 || EVP_DecryptUpdate(c, NULL, &n, aad, (int)aad_len)) &&
             EVP_DecryptUpdate(c, out, &n, in, (int)(in_len - TAG_LEN)) &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) &&
             EVP_DecryptFinal_ex(c, out + n, &n) > 0;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

/* ---- tokens ---- */

static EVP_PKEY *
signing_key(void)
{
    static EVP_PKEY *key; /* made on first use, under the lock */
    if (!key)
        key = EVP_RSA_gen(2048);
    must(key != NULL, "making the token key");
    return key;
}

char *
token_sign(const cJSON *claims)
{
    char *body = cJSON_PrintUnformatted(claims);
    static const char head[] = "{\"kid\":\"simulator\",\"typ\":\"JWT\",\"alg\":\"RS256\"}";
    char *h = base64url_of((const unsigned char *)head, sizeof head - 1);
    char *b = base64url_of((const unsigned char *)body, strlen(body));
    size_t size = strlen(h) + strlen(b) + 512;
    char *out = malloc(size);
    must(out != NULL, "malloc");
    int len = snprintf(out, size, "%s.%s", h, b);
    unsigned char sig[512];
    size_t sig_len = sizeof sig;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    must(c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, signing_key()) == 1 &&
             EVP_DigestSign(c, sig, &sig_len, (const unsigned char *)out, (size_t)len) == 1,
         "signing a token");
    EVP_MD_CTX_free(c);
    char *s = base64url_of(sig, sig_len);
    (void)snprintf(out + len, size - (size_t)len, ".%s", s);
    free(h);
    free(b);
    free(s);
    cJSON_free(body);
    return out;
}

cJSON *
token_read(const char *jwt)
{
    const char *first = strchr(jwt, '.'), *last = strrchr(jwt, '.');
    if (!first || last == first)
        return NULL;
    size_t n = 0, body_len = 0;
    unsigned char *sig = base64url_read(last + 1, &n);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = sig && c && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, signing_key()) == 1 &&
             EVP_DigestVerify(c, sig, n, (const unsigned char *)jwt, (size_t)(last - jwt)) == 1;
    EVP_MD_CTX_free(c);
    free(sig);
    unsigned char *body =
        ok ? decode(first + 1, (size_t)(last - first - 1), url_safe, &body_len) : NULL;
    cJSON *claims = body ? cJSON_ParseWithLength((char *)body, body_len) : NULL;
    free(body);
    return claims;
}
