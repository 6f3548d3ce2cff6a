/* An authority of a day and certificates under it, good and bad ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "sim.h"

const char tls_kinds[] =
    "good wrong-name expired not-yet self-signed other-ca tls1.1 tls1.2 tls1.3 plain";

enum { DAY = 86400, YEAR = 365 * DAY };
static EVP_PKEY *ca_key;
static X509 *ca;

static void
extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    if (!e || !X509_add_ext(x, e, -1))
        abort();
    X509_EXTENSION_free(e);
}

/* Signed by issuer, or by itself when issuer is NULL; alt NULL makes an authority. */
static X509 *
certificate(EVP_PKEY *key, const char *name, const char *alt, long from, long until, X509 *issuer,
            EVP_PKEY *issuer_key)
{
    X509 *x = X509_new();
    unsigned char serial[8];
    if (!x || RAND_bytes(serial, sizeof serial) != 1)
        abort();
    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40);
    BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
    (void)BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
    BN_free(bn);
    (void)X509_set_version(x, 2);
    (void)X509_gmtime_adj(X509_getm_notBefore(x), from);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), until);
    (void)X509_set_pubkey(x, key);
    X509_NAME *n = X509_get_subject_name(x);
    (void)X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC,
                                     (const unsigned char *)"KMS simulator, not IBM", -1, -1, 0);
    (void)X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    (void)X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : n);
    extension(x, NID_basic_constraints, alt ? "critical,CA:FALSE" : "critical,CA:TRUE");
    extension(x, NID_key_usage, alt ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
    extension(x, NID_subject_key_identifier, "hash");
    if (alt) {
        extension(x, NID_ext_key_usage, "serverAuth");
        extension(x, NID_subject_alt_name, alt);
    }
    if (!X509_sign(x, issuer_key, EVP_sha256()))
        abort();
    return x;
}

static char *
pem_of(EVP_PKEY *key, X509 *leaf, X509 *above)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *p = NULL;
    if (key)
        (void)PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL);
    if (leaf)
        (void)PEM_write_bio_X509(b, leaf);
    if (above)
        (void)PEM_write_bio_X509(b, above);
    long n = BIO_get_mem_data(b, &p);
    char *out = strndup(p, (size_t)n);
    BIO_free(b);
    return out;
}

void
tls_start(const char *ca_path)
{
    ca_key = EVP_EC_gen("P-256");
    ca = certificate(ca_key, "authority of this run", NULL, -10L * YEAR, 30L * YEAR, NULL, ca_key);
    char *pem = pem_of(NULL, ca, NULL);
    FILE *f = fopen(ca_path, "w");
    if (!f || fputs(pem, f) < 0 || fclose(f) != 0) {
        perror(ca_path);
        exit(1);
    }
    free(pem);
}

int
tls_make(struct tls *t, const char *kind)
{
    char padded[sizeof tls_kinds + 2], wanted[32];
    (void)snprintf(padded, sizeof padded, " %s ", tls_kinds);
    (void)snprintf(wanted, sizeof wanted, " %s ", kind);
    if (!strstr(padded, wanted))
        return 0;
    t->priority = strcmp(kind, "plain") == 0 ? NULL
                  : strcmp(kind, "tls1.1") == 0
                      ? "NORMAL:-VERS-ALL:+VERS-TLS1.1:%VERIFY_ALLOW_SIGN_WITH_SHA1"
                  : strcmp(kind, "tls1.2") == 0 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2"
                  : strcmp(kind, "tls1.3") == 0 ? "NORMAL:-VERS-ALL:+VERS-TLS1.3"
                                                : "NORMAL";
    const char *alt = strcmp(kind, "wrong-name") == 0
                          ? "DNS:elsewhere.invalid"
                          : "DNS:localhost,DNS:*.localhost,DNS:*.kms.localhost,IP:127.0.0.1";
    long from = strcmp(kind, "not-yet") == 0 ? 20L * YEAR : -9L * YEAR;
    long until = strcmp(kind, "expired") == 0 ? -1L * DAY : 29L * YEAR;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *by_key = ca_key, *other = NULL;
    X509 *by = ca;
    if (strcmp(kind, "self-signed") == 0) {
        by = NULL;
        by_key = key;
    } else if (strcmp(kind, "other-ca") == 0) {
        other = EVP_EC_gen("P-256");
        by_key = other;
        by = certificate(other, "another authority", NULL, -10L * YEAR, 30L * YEAR, NULL, other);
    }
    X509 *leaf = certificate(key, "simulator", alt, from, until, by, by_key);
    t->key = pem_of(key, NULL, NULL);
    t->chain = pem_of(NULL, leaf, by);
    X509_free(leaf);
    EVP_PKEY_free(key);
    if (other) {
        X509_free(by);
        EVP_PKEY_free(other);
    }
    return 1;
}
