/* Lists of passwords as people have them: what is read out of each is as expected.json beside it
 * says, and files that somebody bent, cut or saved with something else. */
#include "../lib/unit.h"

#include <stdlib.h>

#include "crypt/hash.h"
#include "sys/file.h"
#include "text/json.h"
#include "vbr/keylist_in.h"

#define EXPORTS TEST_DATA "/exports/"

static struct keylist_row row; /* too large for a stack */

/* ---- the files, as expected.json has them ---- */

static int
has(const struct json *list, const char *word)
{
    for (const struct json *v = json_first(list); v != NULL; v = json_next(v)) {
        if (strcmp(json_str(v), word) == 0)
            return 1;
    }
    return 0;
}

/* What is found in one row alone: a moniker that another row has, too, is for whoever has both. */
static void
check_findings(const struct json *want)
{
    const struct json *findings = json_get(want, "findings");
    for (const struct json *v = json_first(findings); v != NULL; v = json_next(v)) {
        int found = strcmp(json_str(v), "duplicate-moniker") == 0;
        for (unsigned f = 0; f < KEYLIST_FINDINGS; f++)
            found |= (row.findings >> f & 1) && strcmp(keylist_finding_word(f), json_str(v)) == 0;
        if (!found)
            print_error("row %lld: not found: %s\n", (long long)row.number, json_str(v));
        assert_true(found);
    }
    for (unsigned f = 0; f < KEYLIST_FINDINGS; f++) {
        if (row.findings >> f & 1 && f != KEYLIST_TIME && f != KEYLIST_ID_MISSING &&
            !has(findings, keylist_finding_word(f)))
            fail_msg("row %lld: found besides: %s", (long long)row.number, keylist_finding_word(f));
    }
}

static void
check_verdict(const struct json *want)
{
    static const char *const words[] = {
        [KEYLIST_MANAGED] = "managed",
        [KEYLIST_SUSPECT] = "suspect",
        [KEYLIST_UNMANAGED] = "unmanaged",
    };
    const char *word = words[row.verdict];
    if (json_get(want, "accept") != NULL)
        assert_true(has(json_get(want, "accept"), word));
    else
        assert_string_equal(word, json_gets(want, "verdict"));
}

static void
check_time(const struct json *want)
{
    const char *utc = json_gets(want, "modified_utc");
    if (json_gets(want, "modified_raw") != NULL) { /* cultures are not guessed */
        assert_string_equal(row.modified_raw, json_gets(want, "modified_raw"));
        assert_string_equal(row.p.modified, "");
    } else if (utc == NULL) {
        assert_string_equal(row.p.modified, "");
    } else {
        assert_memory_equal(row.p.modified, utc, 19);
        if (utc[19] == '.' && utc[22] != '\0' && strlen(utc) >= 24)
            assert_memory_equal(row.p.modified + 19, utc + 19, 4);
    }
}

static void
check_row(const struct json *want)
{
    const char *hint = json_gets(want, "description"), *moniker = json_gets(want, "moniker");
    const char *id = json_gets(want, "vbr_id"), *unique = json_gets(want, "unique_id");
    int64_t number = 0;
    char sha[HASH_TEXT + 1];
    assert_int_equal(row.kind, KEYLIST_PASSWORD);
    assert_int_equal(json_geti(want, "row", &number), 0);
    assert_string_equal(row.p.id, id != NULL ? id : "");
    assert_string_equal(row.p.hint, hint != NULL ? hint : "");
    if (unique != NULL)
        assert_string_equal(row.p.unique, unique);
    assert_int_equal(row.moniker, moniker != NULL ? strlen(moniker) : 0);
    if (moniker != NULL)
        assert_memory_equal(row.p.hint, moniker, row.moniker);
    sha256_hex(sha, row.wdek, strlen(row.wdek));
    if (json_gets(want, "wdek_sha256") != NULL)
        assert_string_equal(sha, json_gets(want, "wdek_sha256"));
    check_verdict(want);
    check_findings(want);
    check_time(want);
}

/* The rows of a file against the wanted ones from *want on; how many there were. */
static int64_t
check_file(const char *path, const struct json **want, int64_t *total)
{
    struct keylist *l = NULL;
    int more = 1;
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_ok(keylist_open(&l, f, path, err));
    for (;;) {
        assert_ok(keylist_next(l, &row, &more, err));
        if (!more)
            break;
        assert_non_null(*want);
        check_row(*want);
        *want = json_next(*want);
    }
    assert_false(keylist_incomplete(l));
    *total = keylist_total(l);
    keylist_close(l);
    assert_int_equal(fclose(f), 0);
    return row.number;
}

static void
test_expected(void **state)
{
    struct json *doc = NULL;
    struct buf text;
    int files = 0;
    (void)state;
    buf_init(&text, LIMIT_SMALL_FILE);
    assert_ok(file_read(&text, EXPORTS "expected.json", err));
    assert_ok(json_parse(&doc, buf_str(&text), text.len, "expected.json", err));
    const struct json *all = json_get(doc, "files"), *pair = NULL;
    int64_t total = 0;
    for (const struct json *f = json_first(all); f != NULL; f = json_next(f)) {
        const struct json *want = json_first(json_get(f, "rows"));
        const struct json *names = json_get(f, "files");
        char path[512];
        print_message("%s\n", json_name(f));
        for (const struct json *n = json_first(names); n != NULL; n = json_next(n)) {
            (void)snprintf(path, sizeof path, EXPORTS "%s", json_str(n));
            (void)check_file(path, &want, &total);
            pair = json_first(json_get(f, "rows"));
        }
        (void)snprintf(path, sizeof path, EXPORTS "%s", json_name(f));
        if (json_str(json_get(f, "rows")) != NULL) { /* the first page alone */
            want = pair;
            assert_int_equal(check_file(path, &want, &total), 5);
            assert_int_equal(total, 8);
            want = NULL;
        } else if (names == NULL) {
            (void)check_file(path, &want, &total);
        }
        assert_null(want); /* no row too few */
        files++;
    }
    assert_int_equal(files, 10);
    json_free(doc);
    buf_release(&text);
}

/* ---- made here ---- */

#define WDEK                                                                                       \
    "eyJjaXBoZXJ0ZXh0IjoiTCtVN2piTi80MnZsdmtoK2o4bXVlUENDeGtiWFBDMmV2NFNrdFJvbEpkd09ka2xNSUJGaUNL" \
    "Z0VoazA9IiwiaXYiOiJ1ODk2UkRKR2ltam9BY1piUHRYU3VBPT0iLCJ2ZXJzaW9uIjoiNC4wLjAifQ=="
#define ID "2fb6d770-9215-43a9-b867-f06a291e46e0"

static FILE *stream;
static struct keylist *list;

static enum rc
open_bytes(const char *bytes, size_t len, struct err *err)
{
    stream = tmpfile();
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    rewind(stream);
    return keylist_open(&list, stream, "it", err);
}

static void
begin(const char *text)
{
    assert_ok(open_bytes(text, strlen(text), err));
}

static int
next(void)
{
    int more = 0;
    assert_ok(keylist_next(list, &row, &more, err));
    return more;
}

static void
end(int incomplete)
{
    assert_false(next());
    assert_int_equal(keylist_incomplete(list), incomplete);
    keylist_close(list);
    assert_int_equal(fclose(stream), 0);
}

static void
broken(const char *why)
{
    assert_true(next());
    assert_int_equal(row.kind, KEYLIST_BROKEN);
    if (strstr(row.why, why) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", why, row.why);
}

static void
password(enum keylist_verdict verdict, const char *moniker)
{
    assert_true(next());
    if (row.kind == KEYLIST_BROKEN)
        fail_msg("broken: %s", row.why);
    assert_int_equal(row.kind, KEYLIST_PASSWORD);
    assert_int_equal(row.verdict, verdict);
    assert_int_equal(row.moniker, strlen(moniker));
    assert_memory_equal(row.p.hint, moniker, row.moniker);
}

static int
found(enum keylist_finding f)
{
    return row.findings >> f & 1;
}

static size_t
put_unit(char *to, unsigned unit, int big)
{
    to[0] = (char)(big ? unit >> 8 : unit & 0xff);
    to[1] = (char)(big ? unit & 0xff : unit >> 8);
    return 2;
}

/* The same text in each encoding gives the same row. */
static void
test_encodings(void **state)
{
    static const char head[] = "Id,Description\r\n" ID ",\"K";
    static const char tail[] = " | " WDEK "\"\r\n";
    static const unsigned middle[] = {0xf6, 0x20ac, 0xd83d, 0xdd11};
    char bytes[4096];
    (void)state;
    for (unsigned kind = 0; kind < 6; kind++) {
        int mark = kind & 1, big = kind >> 1 == 2;
        size_t n = 0;
        if (kind < 2) {
            n = (size_t)snprintf(bytes, sizeof bytes, "%s%s\xc3\xb6\xe2\x82\xac\xf0\x9f\x94\x91%s",
                                 mark ? "\xef\xbb\xbf" : "", head, tail);
        } else {
            if (mark)
                n += put_unit(bytes + n, 0xfeff, big);
            for (const char *c = head; *c != '\0'; c++)
                n += put_unit(bytes + n, (unsigned char)*c, big);
            for (size_t i = 0; i < sizeof middle / sizeof *middle; i++)
                n += put_unit(bytes + n, middle[i], big);
            for (const char *c = tail; *c != '\0'; c++)
                n += put_unit(bytes + n, (unsigned char)*c, big);
        }
        assert_ok(open_bytes(bytes, n, err));
        assert_int_equal(keylist_encoding(list)->mark, mark);
        password(KEYLIST_MANAGED, "K\xc3\xb6\xe2\x82\xac\xf0\x9f\x94\x91");
        assert_int_equal(row.line, 2);
        end(0);
    }
    static const char half[] = "h\0i\0n\0t\0,\0i\0d\0\n\0\x3d\xd8x\0,\0\n";
    assert_ok(open_bytes(half, sizeof half, err)); /* of a pair of surrogates */
    broken("not UTF-8");
    end(0);
}

static void
test_json_shapes(void **state)
{
    (void)state;
    begin(" {\"Id\":\"" ID "\",\"Description\":\"a | " WDEK "\"}\n{\"hint\":\"b\",\"id\":null}\n");
    password(KEYLIST_MANAGED, "a");
    assert_int_equal(row.line, 1);
    password(KEYLIST_UNMANAGED, "");
    assert_true(found(KEYLIST_ID_MISSING));
    assert_int_equal(row.line, 2);
    end(0);
    begin("{\"value\":[{\"Id\":\"{" ID "}\",\"Description\":null}],\"Count\":1}");
    password(KEYLIST_UNMANAGED, "");
    assert_string_equal(row.p.id, ID);
    end(0);
    begin("{\"pagination\":{\"total\":9},\"data\":[]}");
    assert_false(next());
    assert_int_equal(keylist_total(list), 9);
    end(0);
    begin("[{\"name\":\"vbr/"
          "x\",\"wrapped\":\"y\"},7,{\"Id\":\"x\"},{\"hint\":{}},{\"Id\":\"x\",\"id\":"
          "\"y\"},{\"hint\":\"x\"}]");
    assert_true(next());
    assert_int_equal(row.kind, KEYLIST_OWN);
    assert_string_equal(buf_str(row.text), "{\"name\":\"vbr/x\",\"wrapped\":\"y\"}");
    broken("no JSON object");
    broken("no Description");
    broken("no text");
    broken("twice");
    password(KEYLIST_UNMANAGED, "");
    end(0);
    begin("{\"name\":\"a\"}\n\n  \nnot json\n");
    assert_int_equal(keylist_shape(list), KEYLIST_LINES);
    assert_true(next());
    assert_int_equal(row.kind, KEYLIST_OWN);
    assert_true(next());
    assert_int_equal(row.line, 4);
    end(0);
}

static void
test_json_cut(void **state)
{
    static const char whole[] = "{\"data\":[{\"id\":\"" ID "\",\"hint\":\"a ] } , | " WDEK
                                "\"},{\"hint\":\"b\"}],\"pagination\":{\"total\":2}}";
    (void)state;
    for (size_t len = 9; len < sizeof whole - 1; len++) {
        assert_ok(open_bytes(whole, len, err));
        while (next()) /* whatever it is */
            assert_true(row.kind == KEYLIST_PASSWORD || row.kind == KEYLIST_BROKEN);
        end(1);
    }
    begin(whole);
    password(KEYLIST_MANAGED, "a ] } ,");
    password(KEYLIST_UNMANAGED, "");
    end(0);
    begin("[{\"hint\":\"a\"} {\"hint\":\"b\"}]");
    password(KEYLIST_UNMANAGED, "");
    broken("no JSON from here on");
    end(1);
    begin("[{\"hint\":\"a\"}] x");
    password(KEYLIST_UNMANAGED, "");
    broken("no JSON from here on");
    end(1);
    begin("{\"data\":[],\"data\":[{\"hint\":\"hidden\"}]}");
    end(1);
}

static void
test_table_damage(void **state)
{
    (void)state;
    begin("#TYPE X\n\nid;Hint;Password\n" ID ";\"a | " WDEK "\";canary\n"
          "2.9E+11;1,2E+15;\n"
          "00;\xe2\x80\x9c"
          "b | " WDEK "\xe2\x80\x9d;\n"
          ";\"open | " WDEK ";\n"
          ";after\n"
          ";\"x\"y;\n;x\"y;\n;1;2;3\n"
          ";\"c \"\"q\"\"; | " WDEK "\";\n"
          ";x\xff;\n"
          ";d? | " WDEK ";");
    assert_int_equal(keylist_shape(list), KEYLIST_TABLE);
    password(KEYLIST_MANAGED, "a");
    password(KEYLIST_SUSPECT, "");
    assert_true(found(KEYLIST_NUMBER) && found(KEYLIST_ID));
    assert_string_equal(row.p.id, "");
    assert_true(next());
    assert_int_equal(row.verdict, KEYLIST_SUSPECT);
    assert_true(found(KEYLIST_QUOTES) && found(KEYLIST_ID));
    broken("quotation mark is missing");
    broken("number of fields");
    broken("behind a closing");
    broken("in the middle of a field");
    broken("number of fields");
    password(KEYLIST_MANAGED, "c \"q\";");
    broken("not UTF-8");
    password(KEYLIST_MANAGED, "d?");
    assert_true(found(KEYLIST_LOST));
    assert_int_equal(row.line, 14);
    end(0);
}

static void
test_no_list(void **state)
{
    static const char *const none[] = {
        "a,b,c\n",    "x", "#TYPE y\n", "hint,Description\n", "\xe2\x80\x9cId\xe2\x80\x9d,hint\n",
        "\"hint\nx\n"};
    char wide[9000];
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_rc(open_bytes(none[i], strlen(none[i]), err), RC_BAD_VALUE);
        assert_null(list);
        assert_int_equal(fclose(stream), 0);
    }
    memset(wide, 'x', sizeof wide);
    assert_rc(open_bytes(wide, sizeof wide, err), RC_BAD_VALUE);
    assert_int_equal(fclose(stream), 0);
    memset(wide, ',', sizeof wide);
    assert_rc(open_bytes(wide, 200, err), RC_BAD_VALUE);
    assert_int_equal(fclose(stream), 0);
    begin("");
    end(0);
}

/* A hint of every length up to its own: never whole before its end. */
static void
test_hint_cut(void **state)
{
    static const char whole[] = "vbr/config | " WDEK;
    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        row = (struct keylist_row){.number = 1};
        memcpy(row.p.hint, whole, len);
        assert_ok(keylist_judge(&row, 1, err));
        if (len == sizeof whole - 1)
            assert_int_equal(row.verdict, KEYLIST_MANAGED);
        else if (len >= 16) /* "eyJ" is there */
            assert_int_equal(row.verdict, KEYLIST_SUSPECT);
        else
            assert_int_not_equal(row.verdict, KEYLIST_MANAGED);
    }
}

static void
test_times(void **state)
{
    static const char *const times[][2] = {
        {"/Date(1773476130123)/", "2026-03-14T08:15:30.123Z"},
        {"/Date(1773476130123+0100)/", "2026-03-14T08:15:30.123Z"},
        {"2026-03-14T08:15:30", "2026-03-14T08:15:30.000Z"},
        {"2026-03-14T09:15:30.5+01:00", "2026-03-14T08:15:30.500Z"},
        {"03/04/2026 08:15:30", ""},
        {"/Date(99999999999999999999)/", ""},
        {"/Date(-1)/", ""},
        {"2026-02-30T00:00:00Z", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const char *member[MEMBERS] = {[MEMBER_MODIFIED] = times[i][0]};
        row = (struct keylist_row){.number = 1};
        assert_ok(keylist_fill(&row, member, err));
        assert_string_equal(row.p.modified, times[i][1]);
        assert_string_equal(row.modified_raw, times[i][1][0] == '\0' ? times[i][0] : "");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected),     cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_json_shapes),  cmocka_unit_test(test_json_cut),
        cmocka_unit_test(test_table_damage), cmocka_unit_test(test_no_list),
        cmocka_unit_test(test_hint_cut),     cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
