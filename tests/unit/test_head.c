/* Heads: written once, read back, refused with any byte changed, verified by stock minisign. */
#include "../lib/unit.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copy/head.h"
#include "sys/file.h"
#include "text/enc.h"

static struct secret *key;
static struct sign_public pub;
static struct buf text; /* the five lines of a head */

static const char ESCROW[] = "000102030405060708090a0b0c0d0e0f";

static void
sample(struct head *h, struct head_segment *segments, struct head_known *known)
{
    memset(h, 0, sizeof *h);
    (void)snprintf(h->escrow, sizeof h->escrow, "%s", ESCROW);
    (void)snprintf(h->author, sizeof h->author, "%s", pub.author);
    h->number = 7;
    memset(h->previous, 0xab, HASH_SIZE);
    h->entries = 18;
    memset(h->last, 0xcd, HASH_SIZE);
    segments[0] = (struct head_segment){1, 16, 4000, ""};
    segments[1] = (struct head_segment){17, 18, 500, ""};
    memset(segments[0].sha256, '0', HASH_TEXT);
    memset(segments[1].sha256, 'f', HASH_TEXT);
    h->segments = segments;
    h->segment_count = 2;
    memset(known, 0, 2 * sizeof *known);
    memset(known[0].author, '1', AUTHOR_TEXT);
    memset(known[1].author, '2', AUTHOR_TEXT);
    known[0].number = known[1].number = 3;
    known[0].entries = known[1].entries = 9;
    h->known = known;
    h->known_count = 2;
    (void)snprintf(h->at, sizeof h->at, "2026-11-25T02:12:38.123Z");
}

static int
setup(void **state)
{
    struct err err = ERR_INIT;
    struct head h;
    struct head_segment segments[2];
    struct head_known known[2];
    (void)state;
    if (crypt_init(&err) != RC_OK || secret_arena_open(SECRET_UNLOCKED_OK, &err) != RC_OK ||
        sign_generate(&key, &pub, &err) != RC_OK)
        return -1;
    buf_init(&text, LIMIT_SMALL_FILE);
    sample(&h, segments, known);
    return head_sign(&text, &h, key, &err) == RC_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    secret_free(key);
    buf_release(&text);
    unsigned live = secret_live();
    secret_arena_close();
    return live == 0 ? 0 : -1;
}

/* The exact bytes of design section 5. */
static void
test_format(void **state)
{
    char want[2048];
    char zeros[HASH_TEXT + 1] = "";
    char fs[HASH_TEXT + 1] = "";
    char ab[HASH_TEXT + 1] = "";
    char cd[HASH_TEXT + 1] = "";
    (void)state;
    memset(zeros, '0', HASH_TEXT);
    memset(fs, 'f', HASH_TEXT);
    for (int i = 0; i < HASH_TEXT; i += 2) {
        memcpy(ab + i, "ab", 2);
        memcpy(cd + i, "cd", 2);
    }
    int n = snprintf(want, sizeof want,
                     "{\"type\":\"head\",\"keymuster\":1,\"escrow\":\"%s\",\"author\":\"%s\","
                     "\"number\":7,\"previous\":\"%s\",\"entries\":18,\"last\":\"%s\",\"segments\":"
                     "[[1,16,4000,\"%s\"],[17,18,500,\"%s\"]],\"known\":[["
                     "\"11111111111111111111111111111111\",3,9,\"%s\"],["
                     "\"22222222222222222222222222222222\",3,9,\"%s\"]],"
                     "\"at\":\"2026-11-25T02:12:38.123Z\"}\nuntrusted comment: keymuster\n",
                     ESCROW, pub.author, ab, cd, zeros, fs, zeros, zeros);
    assert_true(n > 0 && (size_t)n < text.len);
    assert_memory_equal(buf_str(&text), want, (size_t)n);
    assert_non_null(strstr(buf_str(&text), "\ntrusted comment: keymuster head 1\n"));
    unsigned lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    assert_int_equal(lines, 5);
}

static void
test_round_trip(void **state)
{
    struct head h;
    struct buf again;
    unsigned char hash[HASH_SIZE];
    (void)state;
    buf_init(&again, LIMIT_SMALL_FILE);
    assert_ok(head_parse(&h, buf_str(&text), text.len, &pub, "it", err));
    assert_int_equal(h.number, 7);
    assert_int_equal(h.entries, 18);
    assert_int_equal(h.segment_count, 2);
    assert_int_equal(h.segments[1].bytes, 500);
    assert_int_equal(h.known_count, 2);
    sha256(hash, buf_str(&text), text.len);
    assert_memory_equal(h.hash, hash, HASH_SIZE);
    assert_ok(head_sign(&again, &h, key, err)); /* Ed25519 is deterministic */
    assert_int_equal(again.len, text.len);
    assert_memory_equal(again.data, text.data, text.len);
    head_release(&h);
    assert_ok(head_peek(&h, buf_str(&text), text.len, "it", err));
    head_release(&h);
    buf_release(&again);
}

/* Whatever byte is changed, added or removed: refused. */
static void
test_mutations(void **state)
{
    char *copy = malloc(text.len + 2);
    struct head h;
    (void)state;
    assert_non_null(copy);
    for (size_t i = 0; i < text.len; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            struct err err = ERR_INIT;
            memcpy(copy, text.data, text.len);
            copy[i] = (char)((unsigned char)copy[i] ^ bit);
            enum rc rc = head_parse(&h, copy, text.len, &pub, "it", &err);
            assert_true(rc == RC_COPY_SIGNATURE || rc == RC_COPY_TAMPERED);
            assert_null(h.segments);
        }
    }
    for (size_t i = 0; i < text.len; i++) { /* every length below */
        struct err err = ERR_INIT;
        enum rc rc = head_parse(&h, text.data, i, &pub, "it", &err);
        assert_true(rc == RC_COPY_SIGNATURE || rc == RC_COPY_TAMPERED);
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\n';
    assert_rc(head_parse(&h, copy, text.len + 1, &pub, "it", err), RC_COPY_SIGNATURE);
    free(copy);
}

/* Signed by the right key, but not written in the one way. */
static void
test_not_canonical(void **state)
{
    static const struct {
        const char *from, *to;
    } edits[] = {
        {"\"number\":7", "\"number\": 7"},
        {"\"number\":7", "\"number\":0"},
        {"\"number\":7", "\"number\":1"}, /* a first head has no previous one */
        {"\"number\":7", "\"number\":7.0"},
        {"\"number\":7", "\"number\":99999999999"},
        {"\"entries\":18", "\"entries\":0"},
        {"\"entries\":18", "\"entries\":-1"},
        {"\"type\":\"head\"", "\"type\":\"card\""},
        {"\"keymuster\":1", "\"keymuster\":2"},
        {"\"at\":\"2026-11-25T02:12:38.123Z\"", "\"at\":\"2026-11-25T02:12:38Z\""},
        {"\"at\":\"2026-11-25T02:12:38.123Z\"", "\"at\":\"2026-11-25T02:12:38.123Z\",\"x\":1"},
        {"\"at\":", "\"At\":"},
        {"11111111111111111111111111111111", "33333333333333333333333333333333"}, /* not sorted */
        {"11111111111111111111111111111111", "22222222222222222222222222222222"},
        {"[1,16,4000,", "[1,16,4000,1,"},
        {"[1,16,4000,", "[1,16,\"4000\","},
        {"\"segments\":[[", "\"segments\":[[],["},
    };
    (void)state;
    size_t line = (size_t)(strchr(buf_str(&text), '\n') - buf_str(&text)) + 1;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct buf b;
        struct buf all;
        struct head h;
        buf_init(&b, LIMIT_SMALL_FILE);
        buf_init(&all, LIMIT_SMALL_FILE);
        const char *at = strstr(buf_str(&text), edits[i].from);
        assert_non_null(at);
        size_t before = (size_t)(at - buf_str(&text));
        size_t from = strlen(edits[i].from);
        buf_add(&b, buf_str(&text), before);
        buf_adds(&b, edits[i].to);
        buf_add(&b, at + from, line - before - from);
        buf_add(&all, b.data, b.len);
        assert_ok(sign_detached(&all, key, "keymuster head 1", b.data, b.len, err));
        assert_rc(head_parse(&h, all.data, all.len, &pub, "it", err), RC_COPY_TAMPERED);
        buf_release(&b);
        buf_release(&all);
    }
}

/* Another trusted comment, another key. */
static void
test_other_signer(void **state)
{
    struct secret *other = NULL;
    struct sign_public theirs;
    struct head h;
    struct buf b;
    (void)state;
    size_t line = (size_t)(strchr(buf_str(&text), '\n') - buf_str(&text)) + 1;
    buf_init(&b, LIMIT_SMALL_FILE);
    buf_add(&b, buf_str(&text), line);
    assert_ok(sign_detached(&b, key, "keymuster export 1", buf_str(&text), line, err));
    assert_rc(head_parse(&h, b.data, b.len, &pub, "it", err), RC_COPY_SIGNATURE);
    assert_ok(sign_generate(&other, &theirs, err));
    assert_rc(head_parse(&h, text.data, text.len, &theirs, "it", err), RC_COPY_SIGNATURE);
    buf_clear(&b);
    buf_add(&b, buf_str(&text), line); /* names pub's author, signed by another */
    assert_ok(sign_detached(&b, other, "keymuster head 1", buf_str(&text), line, err));
    assert_rc(head_parse(&h, b.data, b.len, &theirs, "it", err), RC_COPY_TAMPERED);
    secret_free(other);
    buf_release(&b);
}

static void
test_names(void **state)
{
    char name[OBJECT_NAME];
    (void)state;
    head_name(name, ESCROW, 1);
    assert_string_equal(name, "head/000102030405060708090a0b0c0d0e0f/0000000000/0000000001");
    head_name(name, ESCROW, 12345);
    assert_string_equal(name, "head/000102030405060708090a0b0c0d0e0f/0000000012/0000012345");
    newest_name(name, ESCROW);
    assert_string_equal(name, "newest/000102030405060708090a0b0c0d0e0f");
}

static int
run_minisign(const char *message, const char *signature)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("minisign", "minisign", "-V", "-q", "-P", pub.text, "-m", message, "-x", signature,
               (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* What the reference page tells a stranger: head -n1 F >m; tail -n +2 F >s; minisign -V. */
static void
test_minisign(void **state)
{
    char folder[] = "/tmp/keymuster-head-XXXXXX";
    char m[64];
    char s[64];
    (void)state;
    size_t line = (size_t)(strchr(buf_str(&text), '\n') - buf_str(&text)) + 1;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(m, sizeof m, "%s/m", folder);
    (void)snprintf(s, sizeof s, "%s/s", folder);
    assert_ok(file_replace(m, text.data, line, 0600, err));
    assert_ok(file_replace(s, text.data + line, text.len - line, 0600, err));
    int status = run_minisign(m, s);
    int altered = 1;
    if (status != 127) {
        assert_ok(file_replace(m, text.data, line - 1, 0600, err));
        altered = run_minisign(m, s);
    }
    (void)unlink(m);
    (void)unlink(s);
    (void)rmdir(folder);
    if (status == 127) {
        print_message("SKIP: minisign is not installed\n");
        skip();
    }
    assert_int_equal(status, 0);
    assert_int_not_equal(altered, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),       cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_mutations),    cmocka_unit_test(test_not_canonical),
        cmocka_unit_test(test_other_signer), cmocka_unit_test(test_names),
        cmocka_unit_test(test_minisign),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
