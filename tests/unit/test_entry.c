#include "../lib/unit.h"

#include "crypt/hash.h"
#include "escrow/entry.h"
#include "text/enc.h"

#define AUTHOR "0123456789abcdef0123456789abcdef"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD                                                                                       \
    "{\"keymuster\":1,\"author\":\"" AUTHOR "\",\"seq\":1,\"prev\":\"" ZEROS                       \
    "\",\"at\":\"2026-11-25T02:12:38.123Z\","
#define TAIL                                                                                       \
    "\"by\":{\"user\":\"keymuster\",\"host\":\"escrow-fra\"},\"kind\":\"note\",\"body\":{"         \
    "\"text\":\"x\"}}"

#define KIND64 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"

static void
test_reads_its_members(void **state)
{
    (void)state;
    struct entry e;
    const char *line = HEAD TAIL;
    char hex[HASH_TEXT + 1];
    char want[HASH_TEXT + 1];
    assert_ok(entry_parse(&e, line, strlen(line), err));
    assert_string_equal(e.author, AUTHOR);
    assert_int_equal(e.seq, 1);
    assert_string_equal(e.kind, "note");
    assert_string_equal(json_gets(e.body, "text"), "x");
    hex_encode(hex, e.hash, HASH_SIZE);
    sha256_hex(want, line, strlen(line));
    assert_string_equal(hex, want);
    entry_release(&e);
    line = HEAD "\"by\":{},\"kind\":\"" KIND64 "\",\"body\":{}}";
    assert_ok(entry_parse(&e, line, strlen(line), err));
    assert_null(e.restates);
    entry_release(&e);
}

static void
test_refuses_each_wrong_member(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        HEAD TAIL " x",
        HEAD "\"keymuster\":1," TAIL, /* a member twice */
        "{\"keymuster\":2,\"author\":\"" AUTHOR "\",\"seq\":1,\"prev\":\"" ZEROS
        "\",\"at\":\"2026-11-25T02:12:38.123Z\"," TAIL,
        "{\"keymuster\":1,\"author\":\"0123\",\"seq\":1,\"prev\":\"" ZEROS
        "\",\"at\":\"2026-11-25T02:12:38.123Z\"," TAIL,
        "{\"keymuster\":1,\"author\":\"" AUTHOR "\",\"seq\":0,\"prev\":\"" ZEROS
        "\",\"at\":\"2026-11-25T02:12:38.123Z\"," TAIL,
        "{\"keymuster\":1,\"author\":\"" AUTHOR "\",\"seq\":1.5,\"prev\":\"" ZEROS
        "\",\"at\":\"2026-11-25T02:12:38.123Z\"," TAIL,
        "{\"keymuster\":1,\"author\":\"" AUTHOR
        "\",\"seq\":1,\"prev\":\"00\",\"at\":\"2026-11-25T02:12:38.123Z\"," TAIL,
        "{\"keymuster\":1,\"author\":\"" AUTHOR "\",\"seq\":1,\"prev\":\"" ZEROS
        "\",\"at\":\"yesterday\"," TAIL,
        HEAD "\"by\":[],\"kind\":\"note\",\"body\":{}}",
        HEAD "\"by\":{},\"kind\":\"No Te\",\"body\":{}}",
        HEAD "\"by\":{},\"kind\":\"\",\"body\":{}}",
        HEAD "\"by\":{},\"kind\":\"" KIND64 "x\",\"body\":{}}",
        HEAD "\"by\":{},\"body\":{}}",
        HEAD "\"kind\":\"note\",\"body\":{}}",
        HEAD "\"by\":{},\"kind\":\"note\",\"body\":[]}",
        HEAD "\"by\":{},\"kind\":\"note\"}",
        HEAD "\"by\":{},\"kind\":\"note\",\"body\":{\"a\":\"\\u0000\"}}",
        HEAD "\"by\":{},\n\"kind\":\"note\",\"body\":{}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct entry e;
        assert_rc(entry_parse(&e, bad[i], strlen(bad[i]), err), RC_MALFORMED);
        assert_null(e.doc);
    }
}

static void
test_built_entries_parse(void **state)
{
    (void)state;
    struct buf body, line;
    struct entry e;
    unsigned char prev[HASH_SIZE];
    memset(prev, 7, sizeof prev);
    buf_init(&body, LIMIT_BODY);
    buf_init(&line, LIMIT_ENTRY);
    buf_adds(&body, "{\"a\":[1,2]}");
    assert_ok(entry_build(&line, AUTHOR, 17, prev, 1764036758123, "key.changed", &body, NULL, err));
    assert_null(strchr(buf_str(&line), '\n'));
    assert_ok(entry_parse(&e, buf_str(&line), line.len, err));
    assert_int_equal(e.seq, 17);
    assert_memory_equal(e.prev, prev, HASH_SIZE);
    assert_string_equal(e.at, "2025-11-25T02:12:38.123Z");
    entry_release(&e);
    buf_release(&body);
    buf_release(&line);
}

static void
test_skimming_agrees_with_parsing(void **state)
{
    (void)state;
    struct entry full, quick;
    const char *line = HEAD TAIL;
    const char *spaced = "{ \"keymuster\":1,\"author\":\"" AUTHOR "\",\"seq\":1,\"prev\":\"" ZEROS
                         "\",\"at\":\"2026-11-25T02:12:38.123Z\"," TAIL;
    assert_ok(entry_parse(&full, line, strlen(line), err));
    assert_int_equal(entry_skim(&quick, line, strlen(line)), 1);
    assert_string_equal(quick.author, full.author);
    assert_int_equal(quick.seq, full.seq);
    assert_memory_equal(quick.prev, full.prev, HASH_SIZE);
    assert_memory_equal(quick.hash, full.hash, HASH_SIZE);
    entry_release(&full);
    assert_int_equal(entry_skim(&quick, spaced, strlen(spaced)), 0);
    /* every byte before the time, cut off there or changed: not skimmed, or seen to be another */
    char copy[sizeof HEAD TAIL];
    size_t chained = strlen(HEAD) - strlen("2026-11-25T02:12:38.123Z\",");
    for (size_t i = 0; i < chained; i++) {
        assert_int_equal(entry_skim(&quick, line, i), 0);
        memcpy(copy, line, sizeof copy);
        copy[i] ^= 1;
        if (entry_skim(&quick, copy, strlen(line)) == 0)
            continue;
        assert_true(quick.seq != 1 || strcmp(quick.author, AUTHOR) != 0 || quick.prev[0] != 0 ||
                    memcmp(quick.prev, quick.prev + 1, HASH_SIZE - 1) != 0);
    }
}

static void
test_size_is_bounded(void **state)
{
    (void)state;
    struct buf body, line;
    unsigned char prev[HASH_SIZE] = {0};
    buf_init(&body, (size_t)LIMIT_ENTRY * 2);
    buf_init(&line, LIMIT_ENTRY);
    buf_adds(&body, "{\"a\":\"");
    for (int i = 0; i < LIMIT_ENTRY; i++)
        buf_addc(&body, 'x');
    buf_adds(&body, "\"}");
    assert_rc(entry_build(&line, AUTHOR, 1, prev, 0, "note", &body, NULL, err), RC_BAD_VALUE);
    struct entry e;
    assert_rc(entry_parse(&e, buf_str(&body), body.len, err), RC_MALFORMED);

    /* The longest that may be, and one more. */
    buf_clear(&body);
    buf_clear(&line);
    buf_adds(&body, "{\"a\":\"\"}");
    assert_ok(entry_build(&line, AUTHOR, 1, prev, 0, "note", &body, NULL, err));
    size_t room = LIMIT_ENTRY - line.len;
    for (size_t more = 0; more < 2; more++) {
        buf_clear(&body);
        buf_adds(&body, "{\"a\":\"");
        for (size_t i = 0; i < room + more; i++)
            buf_addc(&body, 'x');
        buf_adds(&body, "\"}");
        buf_clear(&line);
        assert_rc(entry_build(&line, AUTHOR, 1, prev, 0, "note", &body, NULL, err),
                  more ? RC_BAD_VALUE : RC_OK);
        if (more)
            continue;
        assert_int_equal(line.len, LIMIT_ENTRY);
        assert_ok(entry_parse(&e, buf_str(&line), line.len, err));
        entry_release(&e);
    }
    buf_release(&body);
    buf_release(&line);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_its_members),
        cmocka_unit_test(test_refuses_each_wrong_member),
        cmocka_unit_test(test_built_entries_parse),
        cmocka_unit_test(test_skimming_agrees_with_parsing),
        cmocka_unit_test(test_size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
