#include "../lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "crypt/hash.h"
#include "crypt/sign.h"
#include "sys/file.h"
#include "text/enc.h"

static const char MESSAGE[] = "{\"type\":\"head\",\"number\":1}\n";
static const char TRUSTED[] = "keymuster head 1";

/* A key pair and a signature of MESSAGE. */
struct fixture {
    struct secret *key;
    struct sign_public pub;
    struct buf sig;
};

static void
fixture_make(struct fixture *f)
{
    buf_init(&f->sig, 4096);
    assert_ok(sign_generate(&f->key, &f->pub, err));
    assert_ok(sign_detached(&f->sig, f->key, TRUSTED, MESSAGE, strlen(MESSAGE), err));
}

static void
fixture_release(struct fixture *f)
{
    secret_free(f->key);
    buf_release(&f->sig);
    assert_int_equal(secret_live(), 0);
}

static enum rc
verify(const struct fixture *f, const char *sig, size_t len, struct err *err)
{
    return sign_verify(&f->pub, TRUSTED, MESSAGE, strlen(MESSAGE), sig, len, "head 1", err);
}

static void
test_own_signature_verifies(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f);
    assert_ok(verify(&f, f.sig.data, f.sig.len, err));
    /* Shape: four lines, the first and the third as promised. */
    assert_int_equal(strncmp(f.sig.data, "untrusted comment: keymuster\nR", 30), 0);
    assert_non_null(strstr(f.sig.data, "\ntrusted comment: keymuster head 1\n"));
    assert_int_equal(f.sig.data[f.sig.len - 1], '\n');
    fixture_release(&f);
}

/* Nothing else than exactly those bytes is accepted. */
/* The same signature, whatever the pieces; and it is checked likewise. */
static void
test_piece_by_piece(void **state)
{
    (void)state;
    struct fixture f;
    struct sign_state whole;
    struct buf sig;
    unsigned char hash[SIGN_HASH];
    size_t len = strlen(MESSAGE);
    fixture_make(&f);
    for (size_t cut = 0; cut <= len; cut++) {
        sign_begin(&whole);
        sign_more(&whole, MESSAGE, cut);
        sign_more(&whole, MESSAGE + cut, len - cut);
        sign_hash(&whole, hash);
        buf_init(&sig, 4096);
        assert_ok(sign_hashed(&sig, f.key, TRUSTED, hash, err));
        assert_string_equal(buf_str(&sig), buf_str(&f.sig));
        buf_release(&sig);
        assert_ok(sign_verify_hashed(&f.pub, TRUSTED, hash, f.sig.data, f.sig.len, "head 1", err));
    }
    hash[0] ^= 1;
    assert_rc(sign_verify_hashed(&f.pub, TRUSTED, hash, f.sig.data, f.sig.len, "head 1", err),
              RC_COPY_SIGNATURE);
    fixture_release(&f);
}

static void
test_every_altered_byte_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f);
    for (size_t i = 0; i < f.sig.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            f.sig.data[i] = (char)(f.sig.data[i] ^ (1 << bit));
            assert_rc(verify(&f, f.sig.data, f.sig.len, err), RC_COPY_SIGNATURE);
            f.sig.data[i] = (char)(f.sig.data[i] ^ (1 << bit));
        }
    }
    for (size_t len = 0; len < f.sig.len; len++)
        assert_rc(verify(&f, f.sig.data, len, err), RC_COPY_SIGNATURE);
    buf_addc(&f.sig, '\n');
    assert_rc(verify(&f, f.sig.data, f.sig.len, err), RC_COPY_SIGNATURE);
    fixture_release(&f);
}

static void
assert_fault(enum rc rc, const struct err *err, const char *part)
{
    assert_int_equal(rc, RC_COPY_SIGNATURE);
    if (strstr(err->why, part) == NULL)
        print_error("why is \"%s\"\n", err->why);
    assert_non_null(strstr(err->why, part));
    assert_non_null(strstr(err->msg, "head 1"));
}

static void
test_the_wrong_part_is_named(void **state)
{
    (void)state;
    struct fixture f, other;
    struct err e = ERR_INIT;
    fixture_make(&f);
    buf_init(&other.sig, 4096);
    assert_ok(sign_generate(&other.key, &other.pub, err));
    const char *sig = f.sig.data;
    size_t len = f.sig.len;
    enum rc rc = sign_verify(&other.pub, TRUSTED, MESSAGE, 5, sig, len, "head 1", &e);
    assert_fault(rc, &e, "another key");
    rc = sign_verify(&f.pub, TRUSTED, "other", 5, sig, len, "head 1", &e);
    assert_fault(rc, &e, "does not fit the bytes");
    rc =
        sign_verify(&f.pub, "keymuster export 1", MESSAGE, strlen(MESSAGE), sig, len, "head 1", &e);
    assert_fault(rc, &e, "trusted comment");
    rc = sign_verify(&f.pub, TRUSTED, MESSAGE, strlen(MESSAGE), sig, 20, "head 1", &e);
    assert_fault(rc, &e, "four whole lines");
    secret_free(other.key);
    buf_release(&other.sig);
    fixture_release(&f);
}

/* Adds the group's order to S, little-endian, in bytes 32..63 of a signature (RFC 8032, 5.1.7). */
static void
add_order(unsigned char sig[64])
{
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                            0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                            0,    0,    0,    0,    0,    0,    0,    0,
                                            0,    0,    0,    0,    0,    0,    0,    0x10};
    unsigned carry = 0;
    for (int i = 0; i < 32; i++) {
        carry += (unsigned)sig[32 + i] + order[i];
        sig[32 + i] = (unsigned char)(carry & 0xff);
        carry >>= 8;
    }
}

/* The same signature with S + L passes a verifier that does not check the range. */
static void
test_malleated_signature_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct buf raw, text;
    struct err e = ERR_INIT;
    fixture_make(&f);
    buf_init(&raw, 100);
    buf_init(&text, 4096);
    char *line4 = strstr(f.sig.data, "head 1\n") + 7;
    assert_int_equal(base64_decode(&raw, line4, strlen(line4) - 1), 0);
    assert_int_equal(raw.len, 64);
    add_order((unsigned char *)raw.data);
    buf_add(&text, f.sig.data, (size_t)(line4 - f.sig.data));
    base64_encode(&text, raw.data, raw.len);
    buf_addc(&text, '\n');
    assert_int_equal(text.len, f.sig.len);
    assert_fault(verify(&f, text.data, text.len, &e), &e, "global signature");
    buf_release(&raw);
    buf_release(&text);
    fixture_release(&f);
}

static void
test_public_key_text_is_strict(void **state)
{
    (void)state;
    struct fixture f;
    struct sign_public back;
    char text[SIGN_PUBLIC_TEXT + 3];
    fixture_make(&f);
    assert_int_equal(sign_public_parse(&back, f.pub.text), 0);
    assert_memory_equal(&back, &f.pub, sizeof back);
    assert_true(hex_is(back.author, AUTHOR_TEXT));
    for (size_t i = 0; i < SIGN_PUBLIC_TEXT; i++) {
        strcpy(text, f.pub.text);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        assert_int_equal(sign_public_parse(&back, text), -1);
    }
    assert_int_equal(sign_public_parse(&back, ""), -1);
    (void)snprintf(text, sizeof text, "%s\n", f.pub.text);
    assert_int_equal(sign_public_parse(&back, text), -1);
    fixture_release(&f);
}

/* The author id and key id of a fixed key: SHA-256 of 32 zero bytes begins 66687aadf862bd77
 * 6c8fc18b8e9f8e20. */
static void
test_ids_come_from_the_key(void **state)
{
    (void)state;
    struct buf text;
    struct sign_public pub;
    unsigned char raw[42] = {'E', 'd', 0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77};
    buf_init(&text, 100);
    base64_encode(&text, raw, sizeof raw);
    assert_int_equal(sign_public_parse(&pub, buf_str(&text)), 0);
    assert_string_equal(pub.author, "66687aadf862bd776c8fc18b8e9f8e20");
    buf_release(&text);
}

static void
test_key_file_round_trip(void **state)
{
    (void)state;
    struct fixture f;
    struct secret *file = NULL, *back = NULL;
    struct sign_public pub;
    fixture_make(&f);
    assert_ok(secret_new(&file, err));
    assert_ok(sign_key_write(file, f.key, err));
    assert_int_equal(memcmp(file->bytes, "untrusted comment: keymuster author key\n", 40), 0);
    assert_int_equal(file->bytes[file->len - 1], '\n');
    assert_ok(sign_key_read(&back, &pub, file, err));
    assert_true(secret_equal(back, f.key));
    assert_memory_equal(&pub, &f.pub, sizeof pub);
    secret_free(back);
    secret_free(file);
    fixture_release(&f);
}

/* Every flipped bit behind the comment must be noticed: as such, or because it is no base64 any
 * more. Salt, operations and memory of an unsealed file mean nothing (bytes 6 to 53: characters 8
 * to 71). */
static void
test_damaged_key_file_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct secret *file = NULL, *back = NULL;
    struct sign_public pub;
    fixture_make(&f);
    assert_ok(secret_new(&file, err));
    assert_ok(sign_key_write(file, f.key, err));
    for (size_t i = 40; i < file->len - 1; i++) {
        if (i >= 40 + 8 && i < 40 + 72)
            continue;
        file->bytes[i] ^= 1;
        assert_rc(sign_key_read(&back, &pub, file, err), RC_STORE_CORRUPT);
        assert_null(back);
        file->bytes[i] ^= 1;
    }
    secret_cut(file, 39);
    assert_rc(sign_key_read(&back, &pub, file, err), RC_STORE_CORRUPT);
    secret_cut(file, 0);
    assert_rc(sign_key_read(&back, &pub, file, err), RC_STORE_CORRUPT);
    secret_free(file);
    fixture_release(&f);
}

/* ---- sealed by a passphrase ---- */

static struct secret *
secret_of(const char *text)
{
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, text, strlen(text), err));
    return s;
}

static void
test_sealed_key_file_round_trip(void **state)
{
    (void)state;
    struct fixture f;
    struct secret *back = NULL;
    struct secret *file = secret_of("");
    struct secret *right = secret_of("canary-right");
    struct secret *wrong = secret_of("canary-right ");
    struct sign_public pub;
    struct err e = ERR_INIT;
    fixture_make(&f);
    assert_ok(sign_key_seal(file, f.key, right, err));
    /* "EdScB2", salt, 4194304 operations, 134217728 bytes: minisign's "Secret key format". */
    struct buf raw;
    buf_init(&raw, 200);
    const char *line = strchr((const char *)file->bytes, '\n') + 1;
    assert_int_equal(
        base64_decode(&raw, line, file->len - (size_t)(line - (char *)file->bytes) - 1), 0);
    assert_int_equal(raw.len, 158);
    assert_memory_equal(raw.data, "EdScB2", 6);
    assert_memory_equal(raw.data + 38, "\0\0\x40\0\0\0\0\0\0\0\0\x08\0\0\0\0", 16);
    buf_release(&raw);
    assert_ok(sign_key_unseal(&back, &pub, file, right, "spare", err));
    assert_true(secret_equal(back, f.key));
    assert_memory_equal(&pub, &f.pub, sizeof pub);
    secret_free(back);
    assert_int_equal(sign_key_unseal(&back, &pub, file, wrong, "spare", &e), RC_KMS_PASSPHRASE);
    assert_non_null(strstr(e.msg, "spare"));
    assert_null(back);
    assert_rc(sign_key_read(&back, &pub, file, err), RC_STORE_CORRUPT); /* not as author.key */
    secret_cut(file, 0);
    assert_ok(sign_key_write(file, f.key, err));
    assert_int_equal(sign_key_unseal(&back, &pub, file, right, "spare", &e), RC_BAD_VALUE);
    assert_non_null(strstr(e.why, "not sealed"));
    secret_cut(file, 30);
    assert_rc(sign_key_unseal(&back, &pub, file, right, "spare", err), RC_BAD_VALUE);
    secret_free(wrong);
    secret_free(right);
    secret_free(file);
    fixture_release(&f);
}

/* The right passphrase and one flipped bit: damage is told from a wrong passphrase, wherever it is
 * in the sealed part. */
static void
test_damaged_sealed_key_file_is_refused(void **state)
{
    static const struct {
        size_t at; /* in the decoded file */
        enum rc want;
    } flips[] = {
        {0, RC_BAD_VALUE},      {2, RC_BAD_VALUE},
        {4, RC_BAD_VALUE},      {45, RC_BAD_VALUE}, /* operations without end */
        {53, RC_BAD_VALUE},                         /* memory without end */
        {6, RC_KMS_PASSPHRASE},                     /* the salt: nothing tells */
        {54, RC_MALFORMED},     {62, RC_MALFORMED},
        {95, RC_MALFORMED},     {157, RC_MALFORMED},
    };
    (void)state;
    struct fixture f;
    struct secret *back = NULL;
    struct secret *file = secret_of("");
    struct secret *pass = secret_of("canary-right");
    struct sign_public pub;
    fixture_make(&f);
    assert_ok(sign_key_seal(file, f.key, pass, err));
    for (size_t i = 0; i < sizeof flips / sizeof flips[0]; i++) {
        struct secret *bent = secret_of("a comment\n");
        struct buf raw, text;
        buf_init(&raw, 200);
        buf_init(&text, 400);
        const char *line = strchr((const char *)file->bytes, '\n') + 1;
        assert_int_equal(
            base64_decode(&raw, line, file->len - (size_t)(line - (char *)file->bytes) - 1), 0);
        raw.data[flips[i].at] = (char)(raw.data[flips[i].at] ^ 1);
        base64_encode(&text, raw.data, raw.len);
        assert_ok(secret_add(bent, buf_str(&text), text.len, err));
        enum rc got = sign_key_unseal(&back, &pub, bent, pass, "spare", &(struct err)ERR_INIT);
        if (got != flips[i].want)
            print_error("byte %zu\n", flips[i].at);
        assert_int_equal(got, flips[i].want);
        assert_null(back);
        buf_release(&raw);
        buf_release(&text);
        secret_free(bent);
    }
    secret_free(pass);
    secret_free(file);
    fixture_release(&f);
}

/* ---- with stock minisign ---- */

extern char **environ;

/* Exit status of a command with its output thrown away; -1 when there is no such program. */
static int
run(const char *const *argv)
{
    char *args[20]; /* posix_spawn does not say const, but means it */
    size_t count = 0;
    while (argv[count] != NULL)
        count++;
    assert_true(count < sizeof args / sizeof args[0]);
    memcpy(args, argv, (count + 1) * sizeof args[0]);
    pid_t pid = 0;
    int status = 0;
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    for (int fd = 0; fd < 3; fd++)
        assert_int_equal(posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0), 0);
    int r = posix_spawnp(&pid, args[0], &actions, NULL, args, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (r == ENOENT)
        return -1;
    assert_int_equal(r, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void
write_file(const char *name, const void *bytes, size_t len)
{
    assert_ok(file_replace(name, bytes, len, 0600, err));
}

/* A folder of its own to work in; gone again at the end. */
static char folder[64];

static int
minisign_begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/keymuster-sign-XXXXXX");
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int
minisign_end(void **state)
{
    (void)state;
    const char *const names[] = {"m", "s", "key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(names[i]);
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void
skip_without_minisign(void)
{
    const char *argv[] = {"minisign", "-v", NULL};
    if (run(argv) != -1)
        return;
    print_message("SKIP: minisign is not installed\n");
    skip();
}

static void
test_minisign_accepts_ours(void **state)
{
    (void)state;
    skip_without_minisign();
    struct fixture f;
    fixture_make(&f);
    write_file("m", MESSAGE, strlen(MESSAGE));
    write_file("s", f.sig.data, f.sig.len);
    const char *argv[] = {"minisign", "-V", "-P", f.pub.text, "-m", "m", "-x", "s", NULL};
    assert_int_equal(run(argv), 0);
    write_file("m", MESSAGE, strlen(MESSAGE) - 1); /* it can say no */
    assert_int_not_equal(run(argv), 0);
    fixture_release(&f);
}

static void
test_we_accept_minisign_with_our_key(void **state)
{
    (void)state;
    skip_without_minisign();
    struct fixture f;
    struct secret *file = NULL;
    struct buf sig;
    fixture_make(&f);
    buf_init(&sig, 4096);
    assert_ok(secret_new(&file, err));
    assert_ok(sign_key_write(file, f.key, err));
    write_file("key", file->bytes, file->len);
    write_file("m", MESSAGE, strlen(MESSAGE));
    const char *argv[] = {"minisign", "-S", "-s", "key",       "-m", "m",
                          "-x",       "s",  "-c", "keymuster", "-t", "keymuster head 1",
                          NULL};
    assert_int_equal(run(argv), 0);
    assert_ok(file_read(&sig, "s", err));
    assert_ok(verify(&f, sig.data, sig.len, err));
    /* Ed25519 is deterministic, and so are our lines. */
    assert_string_equal(sig.data, f.sig.data);
    /* Another untrusted comment is fine for minisign, but not canonical. */
    argv[9] = "somebody";
    assert_int_equal(run(argv), 0);
    buf_clear(&sig);
    assert_ok(file_read(&sig, "s", err));
    assert_rc(verify(&f, sig.data, sig.len, err), RC_COPY_SIGNATURE);
    buf_release(&sig);
    secret_free(file);
    fixture_release(&f);
}

/* A key that minisign made has no checksum and a random key id, which does not come from the key:
 * refused. */
static void
test_foreign_minisign_key_is_refused(void **state)
{
    (void)state;
    skip_without_minisign();
    struct secret *file = NULL, *key = NULL;
    struct sign_public pub;
    struct err e = ERR_INIT;
    const char *argv[] = {"minisign", "-G", "-W", "-f", "-p", "m", "-s", "key", NULL};
    assert_int_equal(run(argv), 0);
    assert_ok(secret_new(&file, err));
    int fd = open("key", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_ok(file_read_secret(file, fd, "key", err));
    (void)close(fd);
    assert_int_equal(sign_key_read(&key, &pub, file, &e), RC_STORE_CORRUPT);
    assert_non_null(strstr(e.why, "not made by keymuster"));
    secret_free(file);
    assert_int_equal(secret_live(), 0);
}

static int
setup(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    return crypt_init(&err) == RC_OK ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_signature_verifies),
        cmocka_unit_test(test_piece_by_piece),
        cmocka_unit_test(test_every_altered_byte_is_refused),
        cmocka_unit_test(test_the_wrong_part_is_named),
        cmocka_unit_test(test_malleated_signature_is_refused),
        cmocka_unit_test(test_public_key_text_is_strict),
        cmocka_unit_test(test_ids_come_from_the_key),
        cmocka_unit_test(test_key_file_round_trip),
        cmocka_unit_test(test_damaged_key_file_is_refused),
        cmocka_unit_test(test_sealed_key_file_round_trip),
        cmocka_unit_test(test_damaged_sealed_key_file_is_refused),
        cmocka_unit_test_setup_teardown(test_minisign_accepts_ours, minisign_begin, minisign_end),
        cmocka_unit_test_setup_teardown(test_we_accept_minisign_with_our_key, minisign_begin,
                                        minisign_end),
        cmocka_unit_test_setup_teardown(test_foreign_minisign_key_is_refused, minisign_begin,
                                        minisign_end),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
