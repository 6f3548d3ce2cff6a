#include "../lib/unit.h"

#include <errno.h>

static void
test_codes_are_unique_and_mapped(void **state)
{
    (void)state;
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(err_at(i), err_at(j));
        assert_in_range(err_at(i), 1001, 9999);
        assert_true(err_exit(err_at(i)) > 0);
        assert_true(strlen(err_text(err_at(i))) > 5);
    }
}

static int
status_is_listed(int number)
{
    for (unsigned i = 0; err_status_at(i).text != NULL; i++) {
        if (err_status_at(i).number == number)
            return 1;
    }
    return 0;
}

static void
test_every_code_has_help_and_a_listed_status(void **state)
{
    (void)state;
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        const struct err_help *help = err_help(err_at(i));
        assert_non_null(help);
        assert_true(strlen(help->means) > 20 && help->means[strlen(help->means) - 1] == '.');
        assert_true(strlen(help->causes) > 10 && strlen(help->todo) > 10);
        assert_true(status_is_listed(err_exit(err_at(i))));
    }
    assert_null(err_help(RC_OK));
    for (unsigned i = 1; err_status_at(i).text != NULL; i++)
        assert_true(err_status_at(i - 1).number < err_status_at(i).number);
}

static void
test_first_cause_survives_wrapping(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct err *err = &e;
    errno = ENOENT;
    assert_int_equal(err_errno(err, RC_IO, "opening %s", "x"), RC_IO);
    assert_int_equal(err_wrap(err, "reading key"), RC_IO);
    assert_string_equal(err->msg, "reading key: opening x");
    assert_int_equal(err->os_errno, ENOENT);
    (void)err_hint(err, "one");
    (void)err_hint(err, "two");
    assert_string_equal(err->hint, "one\ntwo");
}

static void
test_full_disk_has_its_own_code(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    errno = ENOSPC;
    assert_int_equal(err_errno(&e, RC_IO, "writing"), RC_DISK_FULL);
    errno = ENOSPC;
    assert_int_equal(err_errno(&e, RC_COPY_UNREACHABLE, "writing"), RC_COPY_UNREACHABLE);
}

static void
test_worse_exit_order(void **state)
{
    (void)state;
    const int order[] = {0, 3, 5, 14, 19, 15, 70, 130};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        for (size_t j = 0; j <= i; j++) {
            assert_int_equal(err_worse_exit(order[i], order[j]), order[i]);
            assert_int_equal(err_worse_exit(order[j], order[i]), order[i]);
        }
    }
}

static void
test_long_texts_are_cut(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char big[2000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    (void)err_set(&e, RC_IO, "%s", big);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    (void)err_wrap(&e, "%s", big);
    for (int i = 0; i < 5; i++)
        (void)err_hint(&e, "%s", big);
    assert_true(strlen(e.hint) < sizeof e.hint);
}

static void
test_only_what_is_not_there_is_not_found(void **state)
{
    (void)state;
    for (unsigned i = 0; err_at(i) != RC_OK; i++) {
        struct err scratch = ERR_INIT, e = ERR_INIT;
        int found = 1;
        (void)err_set(&scratch, err_at(i), "looking");
        enum rc rc = err_unless_found(err_at(i), &scratch, &found, &e);
        int absent = err_at(i) == RC_NOT_FOUND || err_at(i) == RC_AMBIGUOUS;
        assert_int_equal(found, 0);
        assert_int_equal(rc, absent ? RC_OK : err_at(i));
        assert_int_equal(e.code, rc);
        assert_string_equal(e.msg, absent ? "" : "looking");
    }
    struct err none = ERR_INIT, e = ERR_INIT;
    int found = 0;
    assert_int_equal(err_unless_found(RC_OK, &none, &found, &e), RC_OK);
    assert_int_equal(found, 1);
    assert_int_equal(e.code, RC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_unique_and_mapped),
        cmocka_unit_test(test_every_code_has_help_and_a_listed_status),
        cmocka_unit_test(test_first_cause_survives_wrapping),
        cmocka_unit_test(test_full_disk_has_its_own_code),
        cmocka_unit_test(test_worse_exit_order),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_only_what_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
