/* Configuration backups: what their head says, and heads that somebody bent. */
#include "../lib/unit.h"

#include <stdlib.h>

#include "sys/file.h"
#include "text/uni.h"
#include "vbr/bco.h"
#include "vbr/description.h"

static struct bco bco; /* too large for a stack */

static void
read_bco(const char *path)
{
    assert_ok(bco_read(&bco, path, err));
}

static void
test_ours(void **state)
{
    (void)state;
    read_bco(TEST_DATA "/bco/made-by-us-seed-hint.bco");
    assert_int_equal(bco.size, 4497);
    assert_string_equal(bco.version, "13.0.0.4967");
    assert_string_equal(bco.created, "2026-03-15T10:00:07.000Z");
    assert_string_equal(bco.cryptor, "2fb6d770-9215-43a9-b867-f06a291e46e0");
    assert_true(bco.encrypted && !bco.security_officer && !bco.guessed);
    assert_memory_equal(bco.hint, "cfg-fra-2026 | eyJjaXBoZXJ0ZXh0", 31);
    assert_int_equal(description_cut(bco.hint, strlen(bco.hint)), 12);

    read_bco(TEST_DATA "/bco/made-by-us-seed-hint-security-officer.bco");
    assert_true(bco.encrypted && bco.security_officer);
    assert_string_equal(bco.created, "2026-02-23T10:00:09.261Z");
    assert_int_equal(description_cut(bco.hint, strlen(bco.hint)), 16); /* "fra | cfg backup" */
}

static void
test_real(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    enum rc rc = bco_read(&bco, KM_SHARED "/veeam/bco/sample-v13-appliance.bco", &e);
    if (rc == RC_NOT_FOUND) {
        print_message("SKIP: no ../shared/data/veeam/bco\n");
        return;
    }
    assert_int_equal(rc, RC_OK);
    assert_string_equal(bco.hint, "123a");
    assert_string_equal(bco.product, "Veeam Backup and Replication 13.0");
    assert_string_equal(bco.version, "13.0.0.4967");
    assert_string_equal(bco.created, "2025-10-26T10:03:47.261Z");
    assert_string_equal(bco.cryptor, "54ca2fff-182f-4c45-b15e-217efceec12e");
    assert_true(bco.encrypted && bco.security_officer && !bco.guessed);
    assert_int_equal(bco.size, 106490);
}

static struct buf
bytes_of(const char *path)
{
    struct buf b;
    buf_init(&b, BCO_HEAD);
    assert_ok(file_read(&b, path, err));
    return b;
}

/* Slots moved away: the hint is searched for, and it is said that it was. */
static void
test_other_layout(void **state)
{
    (void)state;
    struct buf b = bytes_of(TEST_DATA "/bco/made-by-us-seed-hint.bco");
    b.data[16] = 0;
    assert_ok(bco_parse(&bco, b.data, b.len, (int64_t)b.len, "it", err));
    assert_true(bco.guessed && bco.encrypted);
    assert_memory_equal(bco.hint, "cfg-fra-2026 | eyJ", 18);
    assert_string_equal(bco.version, "");
    b.data[0] = 'X';
    assert_rc(bco_parse(&bco, b.data, b.len, (int64_t)b.len, "it", err), RC_BAD_VALUE);
    assert_rc(bco_parse(&bco, "BCO\x02", 4, 4, "it", err), RC_BAD_VALUE);
    buf_release(&b);
}

/* Cut anywhere, or any byte changed: refused, or read within its bounds, and always text. */
static void
test_bent(void **state)
{
    (void)state;
    struct buf b = bytes_of(TEST_DATA "/bco/made-by-us-seed-hint-security-officer.bco");
    size_t read = 0;
    for (size_t i = 0; i < b.len; i++) {
        struct err e = ERR_INIT;
        char *part = malloc(i + 1); /* of exactly that size: a byte more is seen by the sanitizer */
        assert_non_null(part);
        memcpy(part, b.data, i);
        read += bco_parse(&bco, part, i, (int64_t)b.len, "it", &e) == RC_OK;
        free(part);
    }
    assert_true(read > 0); /* a file that is cut behind its properties is still read */
    for (size_t i = 0; i < b.len; i++) {
        struct err e = ERR_INIT;
        b.data[i] = (char)(b.data[i] ^ 0xFF);
        if (bco_parse(&bco, b.data, b.len, (int64_t)b.len, "it", &e) == RC_OK)
            assert_true(utf8_is(bco.hint, strlen(bco.hint)) &&
                        utf8_is(bco.product, strlen(bco.product)));
        b.data[i] = (char)(b.data[i] ^ 0xFF);
    }
    buf_release(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_other_layout),
        cmocka_unit_test(test_bent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
