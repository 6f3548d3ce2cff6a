#include "../lib/unit.h"

#include <stdlib.h>

#include "base/secret.h"
#include "crypt/minisig.h"
#include "text/enc.h"

static const char MESSAGE[] = "keymuster approval 1 escrow 00 run 00 step a\n";
static const char TRUSTED[] = "keymuster approval 1";

/* A sealed key file, its passphrase, and a signature of MESSAGE. */
struct fixture {
    struct secret *file, *passphrase;
    struct sign_public pub;
    struct buf sig;
};

static void
fixture_make(struct fixture *f)
{
    struct secret *key = NULL;
    buf_init(&f->sig, MINISIG_TEXT);
    assert_ok(sign_generate(&key, &f->pub, err));
    assert_ok(secret_new(&f->file, err));
    assert_ok(secret_new(&f->passphrase, err));
    assert_ok(secret_add(f->passphrase, "canary", 6, err));
    assert_ok(sign_key_seal(f->file, key, f->passphrase, err));
    secret_free(key);
    assert_ok(minisig_sign(&f->sig, f->pub.text, f->file, f->passphrase, TRUSTED, MESSAGE,
                           strlen(MESSAGE), "a key", err));
}

static void
fixture_release(struct fixture *f)
{
    secret_free(f->file);
    secret_free(f->passphrase);
    buf_release(&f->sig);
}

static enum rc
verify(const struct fixture *f, const char *sig, size_t len, struct err *err)
{
    return minisig_verify(f->pub.text, MESSAGE, strlen(MESSAGE), sig, len, "it", err);
}

/* What it writes is also what sign.h's own reader takes: the key ids are the same. */
static void
test_signed_with_a_sealed_key(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f);
    assert_ok(verify(&f, f.sig.data, f.sig.len, err));
    assert_ok(verify(&f, f.sig.data, f.sig.len - 1, err)); /* the last line feed may lack */
    assert_ok(sign_verify(&f.pub, TRUSTED, MESSAGE, strlen(MESSAGE), f.sig.data, f.sig.len, "it",
                          err));
    assert_rc(minisig_verify(f.pub.text, MESSAGE, strlen(MESSAGE) - 1, f.sig.data, f.sig.len, "it",
                             err),
              RC_COPY_SIGNATURE);
    fixture_release(&f);
    assert_int_equal(secret_live(), 0);
}

/* But for the words of the untrusted comment, which nothing covers. */
static void
test_every_altered_bit_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f);
    size_t free_from = strlen("untrusted comment: ");
    size_t free_to = (size_t)(strchr(f.sig.data, '\n') - f.sig.data);
    for (size_t i = 0; i < f.sig.len - 1; i++) {
        for (int bit = 0; bit < 8 && (i < free_from || i >= free_to); bit++) {
            f.sig.data[i] = (char)(f.sig.data[i] ^ (1 << bit));
            assert_rc(verify(&f, f.sig.data, f.sig.len, err), RC_COPY_SIGNATURE);
            f.sig.data[i] = (char)(f.sig.data[i] ^ (1 << bit));
        }
    }
    for (size_t len = 0; len < f.sig.len - 1; len++)
        assert_rc(verify(&f, f.sig.data, len, err), RC_COPY_SIGNATURE);
    buf_addc(&f.sig, '\n');
    assert_rc(verify(&f, f.sig.data, f.sig.len, err), RC_COPY_SIGNATURE);
    fixture_release(&f);
    assert_int_equal(secret_live(), 0);
}

static void
test_keys_that_do_not_fit(void **state)
{
    (void)state;
    struct fixture f, other;
    struct buf sig;
    struct secret *wrong = NULL;
    fixture_make(&f);
    fixture_make(&other);
    buf_init(&sig, MINISIG_TEXT);
    assert_rc(verify(&f, other.sig.data, other.sig.len, err), RC_COPY_SIGNATURE);
    assert_rc(minisig_sign(&sig, other.pub.text, f.file, f.passphrase, TRUSTED, MESSAGE,
                           strlen(MESSAGE), "a key", err),
              RC_COPY_SIGNATURE);
    assert_ok(secret_new(&wrong, err));
    assert_ok(secret_add(wrong, "canarY", 6, err));
    assert_rc(minisig_sign(&sig, f.pub.text, f.file, wrong, TRUSTED, MESSAGE, strlen(MESSAGE),
                           "a key", err),
              RC_KMS_PASSPHRASE);
    assert_rc(minisig_sign(&sig, f.pub.text, wrong, wrong, TRUSTED, MESSAGE, strlen(MESSAGE),
                           "a key", err),
              RC_BAD_VALUE);
    assert_int_equal(sig.len, 0);
    secret_free(wrong);
    buf_release(&sig);
    fixture_release(&f);
    fixture_release(&other);
    assert_int_equal(secret_live(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_with_a_sealed_key),
        cmocka_unit_test(test_every_altered_bit_is_refused),
        cmocka_unit_test(test_keys_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
