#include "../lib/unit.h"

#include <stdlib.h>

#include "crypt/hash.h"
#include "crypt/passphrase.h"

enum { MANY = 20000 };

static const char *const classes[] = {"ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz",
                                      "23456789", "#%*+-=?!"};

static const char *
lacks(const char *text)
{
    struct secret *s = NULL;
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, text, strlen(text), err));
    const char *why = passphrase_lacks(s);
    secret_free(s);
    return why;
}

static void
test_rule(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why; /* NULL: it is met */
    } cases[] = {
        {"aB3-aB3-aB3-aB3", NULL},
        {"aB3-aB3-aB3-aB", "shorter"},
        {"", "shorter"},
        {"ab3-ab3-ab3-ab3", "capital"},
        {"AB3-AB3-AB3-AB3", "small"},
        {"aBc-aBc-aBc-aBc", "digit"},
        {"aB3xaB3xaB3xaB3", "special"},
        {"aB3-aB3-aB3-xyzB", NULL}, /* three of one class in a row are allowed */
        {"aB3-aB3-aB3-wxyzB", "in a row"},
        {"aB3-aB3-aB3-ABCD", "in a row"},
        {"aB3-aB3-aB3-1234", "in a row"},
        {"aB3-aB3-aB3-----", "in a row"},
        {"aB3 aB3 aB3 aB3", NULL}, /* a blank is special */
        {"aB3-aB3-aB3-a\xc3\xa9"
         "3",
         NULL},                                      /* é is one character, of no class */
        {"aB3-aB3-aB3-\xc3\xa9\xc3\xa9", "shorter"}, /* 14 characters, 16 bytes */
        {"aB3-aB3-aB3-ab\xc3\xa9"
         "cd",
         NULL}, /* and ends a row */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = lacks(cases[i].text);
        if (cases[i].why == NULL)
            assert_null(why);
        else
            assert_non_null(why == NULL ? NULL : strstr(why, cases[i].why));
    }
}

/* The rule by other words than those that are tested. */
static int
meets(const char *text, size_t len)
{
    int seen[4] = {0};
    for (size_t i = 0; i < len; i++) {
        for (int c = 0; c < 4; c++) {
            seen[c] |= strchr(classes[c], text[i]) != NULL;
            int four = i + 3 < len;
            for (size_t k = i; four && k < i + 4; k++)
                four = strchr(classes[c], text[k]) != NULL;
            if (four)
                return 0;
        }
    }
    return seen[0] && seen[1] && seen[2] && seen[3];
}

static int
by_text(const void *a, const void *b)
{
    return memcmp(a, b, PASSPHRASE_LENGTH);
}

/* Each meets the rule, no two are equal, and within a class each character is as likely as another:
 * chi-square against a limit that chance passes once in 10^9 runs. Test values, not secrets. */
static void
test_made(void **state)
{
    (void)state;
    char(*all)[PASSPHRASE_LENGTH + 1] = calloc(MANY, sizeof *all);
    size_t count[128] = {0}, unmet = 0;
    static const double limits[] = {98, 98, 58, 58}; /* 23, 23, 7, 7 degrees of freedom */
    assert_non_null(all);
    for (size_t i = 0; i < MANY; i++) {
        struct secret *s = NULL;
        assert_ok(passphrase_make(&s, err));
        assert_int_equal(s->len, PASSPHRASE_LENGTH);
        memcpy(all[i], s->bytes, s->len);
        secret_free(s);
        unmet += !meets(all[i], PASSPHRASE_LENGTH) || lacks(all[i]) != NULL;
        for (size_t k = 0; k < PASSPHRASE_LENGTH; k++)
            count[(unsigned char)all[i][k]]++;
    }
#ifdef PLANT
    assert_true(unmet > 0); /* caught */
#else
    assert_int_equal(unmet, 0);
#endif
    qsort(all, MANY, sizeof *all, by_text);
    for (size_t i = 1; i < MANY; i++)
        assert_true(by_text(all[i - 1], all[i]) != 0);
    for (size_t c = 0; c < 4; c++) {
        size_t n = strlen(classes[c]);
        double total = 0, chi = 0;
        for (size_t k = 0; k < n; k++)
            total += (double)count[(unsigned char)classes[c][k]];
        for (size_t k = 0; k < n; k++) {
            double off = (double)count[(unsigned char)classes[c][k]] - total / (double)n;
            chi += off * off / (total / (double)n);
        }
        assert_true(chi < limits[c]);
    }
    free(all);
}

int
main(void)
{
    struct err err = ERR_INIT;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_made),
    };
    if (crypt_init(&err) != RC_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return secret_live() == 0 ? failed : 1;
}
