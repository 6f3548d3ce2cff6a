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

/* Signed by the right key, with `from` in the line changed to `to`: refused for this reason. */
static void
refused(const char *from, const char *to, const char *why)
{
    struct buf b;
    struct buf all;
    struct head h;
    struct err got = ERR_INIT;
    size_t line = (size_t)(strchr(buf_str(&text), '\n') - buf_str(&text)) + 1;
    buf_init(&b, LIMIT_SMALL_FILE);
    buf_init(&all, LIMIT_SMALL_FILE);
    const char *at = strstr(buf_str(&text), from);
    assert_non_null(at);
    size_t before = (size_t)(at - buf_str(&text));
    buf_add(&b, buf_str(&text), before);
    buf_adds(&b, to);
    buf_add(&b, at + strlen(from), line - before - strlen(from));
    buf_add(&all, b.data, b.len);
    assert_ok(sign_detached(&all, key, "keymuster head 1", b.data, b.len, err));
    enum rc rc = head_parse(&h, all.data, all.len, &pub, "it", &got);
    if (rc != RC_COPY_TAMPERED || strstr(got.why, why) == NULL)
        print_error("%s: %s: %s (%s)\n", to, err_name(rc), got.msg, got.why);
    assert_int_equal(rc, RC_COPY_TAMPERED);
    assert_non_null(strstr(got.why, why));
    assert_null(h.segments);
    assert_null(h.known);
    buf_release(&b);
    buf_release(&all);
}

#define AT "2026-11-25T02:12:38.123Z"
#define AB16 "abababababababababababababababab"
#define ZERO16 "00000000000000000000000000000000"

/* Not written in the one way, or not with what is there in a head. */
static void
test_not_canonical(void **state)
{
    static const struct {
        const char *from, *to, *why;
    } edits[] = {
        {"\"number\":7", "\"number\": 7", "one way"},
        {"\"type\":\"head\",\"keymuster\":1", "\"keymuster\":1,\"type\":\"head\"", "one way"},
        {"\"at\":\"" AT "\"", "\"at\":\"" AT "\",\"x\":1", "one way"},
        {"\"type\":\"head\"", "\"type\":\"card\"", "type"},
        {"\"type\":\"head\",", "", "type"},
        {"\"keymuster\":1", "\"keymuster\":2", "format"},
        {"\"keymuster\":1,", "", "format"},
        {"\"escrow\":\"0001", "\"escrow\":\"x001", "escrow or author"},
        {"\"author\":\"", "\"author\":\"0", "escrow or author"},
        {"\"author\":\"", "\"other\":\"", "escrow or author"},
        {"\"number\":7", "\"number\":0", "numbers"},
        {"\"number\":7", "\"number\":7.5", "numbers"},
        {"\"number\":7", "\"number\":10000000000", "numbers"},
        {"\"number\":7,", "", "numbers"},
        {"\"entries\":18", "\"entries\":0", "numbers"},
        {"\"entries\":18", "\"entries\":-1", "numbers"},
        {"\"entries\":18,", "", "numbers"},
        {"\"previous\":\"ab", "\"previous\":\"xb", "hashes"},
        {"\"previous\":\"ab", "\"previous\":\"", "hashes"},
        {"\"last\":\"cd", "\"last\":\"CD", "hashes"},
        {"\"last\":\"cd", "\"past\":\"cd", "hashes"},
        {"\"number\":7", "\"number\":1", "previous head"}, /* a first head has no previous one */
        {"\"" AB16 AB16 "\"", "\"" ZERO16 ZERO16 "\"", "previous head"},
        {"\"at\":\"" AT "\"", "\"at\":\"2026-11-25T02:12:38Z\"", "time"},
        {"\"at\":\"" AT "\"", "\"at\":\"2026-13-25T02:12:38.123Z\"", "time"},
        {"\"at\":", "\"At\":", "time"},
        {"\"segments\":", "\"Segments\":", "a list"},
        {"\"segments\":[[", "\"segments\":7,\"x\":[[", "a list"},
        {"\"segments\":[[", "\"segments\":[[],[", "segments"},
        {"\"segments\":[[", "\"segments\":[1,[", "segments"},
        {"[1,16,4000,", "[1,16,4000,1,", "segments"},
        {"[1,16,4000,", "[1,16,\"4000\",", "segments"},
        {"[1,16,4000,", "[1,1.5,4000,", "segments"},
        {"[1,16,4000,", "[\"1\",16,4000,", "segments"},
        {"\"],[17,18,500,", "\",7],[17,18,500,", "segments"},
        {"500,\"ff", "500,\"fg", "segments"},
        {"500,\"ff", "500,7],[17,18,500,\"ff", "segments"},
        {"\"known\":", "\"Known\":", "a list"},
        {"\"known\":[[", "\"known\":[[],[", "known authors"},
        {"\"known\":[[", "\"known\":[1,[", "known authors"},
        {"11111111111111111111111111111111\",3,9", "11111111111111111111111111111111\",0,9",
         "known authors"},
        {"11111111111111111111111111111111\",3,9", "11111111111111111111111111111111\",3,0",
         "known authors"},
        {"11111111111111111111111111111111\",3,9", "11111111111111111111111111111111\",3.5,9",
         "known authors"},
        {"11111111111111111111111111111111\",3,9", "11111111111111111111111111111111\",3,\"9\"",
         "known authors"},
        {"11111111111111111111111111111111\",3,9,\"0", "11111111111111111111111111111111\",3,9,\"g",
         "known authors"},
        {"\"11111111111111111111111111111111\"", "\"1\"", "known authors"},
        {"\"11111111111111111111111111111111\"", "7", "known authors"},
        {"11111111111111111111111111111111", "33333333333333333333333333333333", "known authors"},
        {"11111111111111111111111111111111", "22222222222222222222222222222222", "known authors"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        refused(edits[i].from, edits[i].to, edits[i].why);
    char own[AUTHOR_TEXT + 8];
    (void)snprintf(own, sizeof own, "[[\"%s", pub.author);
    refused("[[\"11111111111111111111111111111111", own, "known authors"); /* of itself */
}

/* The first head of a log, with nothing that it could list; the highest number there can be. */
static void
test_ends(void **state)
{
    static const int64_t numbers[] = {1, 9999999999};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct head h;
        struct head back;
        struct head_segment segments[2];
        struct head_known known[2];
        struct buf b;
        sample(&h, segments, known);
        h.number = numbers[i];
        memset(h.previous, i == 0 ? 0 : 0xab, HASH_SIZE);
        h.entries = 1;
        h.segment_count = 0;
        h.known_count = i; /* of an author that has just begun */
        known[0].number = known[0].entries = 1;
        buf_init(&b, LIMIT_SMALL_FILE);
        buf_adds(&b, "what was there before");
        assert_ok(head_sign(&b, &h, key, err));
        assert_ok(head_parse(&back, buf_str(&b), b.len, &pub, "it", err));
        assert_int_equal(back.number, numbers[i]);
        assert_int_equal(back.segment_count, 0);
        assert_null(back.segments);
        assert_int_equal(back.known_count, i);
        assert_string_equal(back.at, h.at);
        assert_memory_equal(back.previous, h.previous, HASH_SIZE);
        assert_memory_equal(back.hash, h.hash, HASH_SIZE);
        head_release(&back);
        buf_release(&b);
    }
}

/* What is looked at before the public key is known. */
static void
test_peek(void **state)
{
    struct head h;
    struct err got = ERR_INIT;
    (void)state;
    size_t line = (size_t)(strchr(buf_str(&text), '\n') - buf_str(&text)) + 1;
    assert_ok(head_peek(&h, buf_str(&text), line, "it", err)); /* unsigned */
    assert_int_equal(h.known[1].entries, 9);
    head_release(&h);
    assert_int_equal(head_peek(&h, buf_str(&text), line - 1, "it", &got), RC_COPY_TAMPERED);
    assert_string_equal(got.why, "it has no line");
    assert_int_equal(head_peek(&h, "", 0, "it", &got), RC_COPY_TAMPERED);
    assert_string_equal(got.why, "it has no line");
    assert_int_equal(head_parse(&h, buf_str(&text), line - 1, &pub, "it", &got), RC_COPY_TAMPERED);
    assert_string_equal(got.why, "it has no line");
    assert_int_equal(head_peek(&h, "{\n", 2, "it", &got), RC_COPY_TAMPERED);
    assert_string_equal(got.msg, "it is no head");
    assert_string_not_equal(got.why, "");
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
        cmocka_unit_test(test_minisign),     cmocka_unit_test(test_ends),
        cmocka_unit_test(test_peek),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
