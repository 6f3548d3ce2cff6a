/* Addresses as people write them, and how long to wait. */
#include "../lib/unit.h"

#include "net/url.h"
#include "net/wait.h"

static void
test_good(void **state)
{
    static const struct {
        const char *text, *base, *host, *path;
        unsigned port;
    } cases[] = {
        {"https://eu-de.kms.cloud.ibm.com", "https://eu-de.kms.cloud.ibm.com",
         "eu-de.kms.cloud.ibm.com", "", 443},
        {"HTTPS://EU-DE.kms.Cloud.ibm.com/", "https://eu-de.kms.cloud.ibm.com",
         "eu-de.kms.cloud.ibm.com", "", 443},
        {"https://api.eu-de.hs-crypto.cloud.ibm.com:8234",
         "https://api.eu-de.hs-crypto.cloud.ibm.com:8234", "api.eu-de.hs-crypto.cloud.ibm.com", "",
         8234},
        {"https://kms.example:443/Prefix/a//", "https://kms.example/Prefix/a", "kms.example",
         "/Prefix/a", 443},
        {"https://127.0.0.1:8443", "https://127.0.0.1:8443", "127.0.0.1", "", 8443},
        {"https://[::1]:8443/x", "https://[::1]:8443/x", "[::1]", "/x", 8443},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url u;
        assert_ok(url_parse(&u, cases[i].text, "it", err));
        assert_string_equal(u.base, cases[i].base);
        assert_string_equal(u.host, cases[i].host);
        assert_string_equal(u.path, cases[i].path);
        assert_int_equal(u.port, cases[i].port);
    }
}

static void
test_bad(void **state)
{
    static const char *const cases[] = {"",
                                        "https://",
                                        "https:///x",
                                        "http://kms.example",
                                        "ftp://kms.example",
                                        "kms.example",
                                        "https:/kms.example",
                                        "https://user@kms.example",
                                        "https://user:pass@kms.example",
                                        "https://eu-de.kms.cloud.ibm.com@evil.example",
                                        "https://kms.example:0",
                                        "https://kms.example:65536",
                                        "https://kms.example:",
                                        "https://kms.example:80a",
                                        "https://kms.example?q=1",
                                        "https://kms.example/#x",
                                        "https://kms.example/a b",
                                        "https://kms.example/a\nb",
                                        "https://kms.example/../x",
                                        "https://kms.example\\.cloud.ibm.com",
                                        "https://evil.example\\@x.kms.cloud.ibm.com",
                                        "https://kms_x.example",
                                        "https://.kms.example",
                                        "https://kms..example",
                                        "https://-kms.example",
                                        "https://k\xc3\xa4ms.example",
                                        "https://[::1",
                                        "https://[::1]x",
                                        "https://[]"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url u;
        struct err e = ERR_INIT;
        if (url_parse(&u, cases[i], "it", &e) != RC_BAD_VALUE)
            fail_msg("taken: %s", cases[i]);
    }
    char big[URL_TEXT + 20];
    memset(big, 'a', sizeof big - 1);
    memcpy(big, "https://", 8);
    big[sizeof big - 1] = '\0';
    struct url u;
    assert_rc(url_parse(&u, big, "it", err), RC_BAD_VALUE);
}

static void
test_cut(void **state)
{
    struct url u;
    (void)state;
    assert_ok(url_parse(&u, "https://h.example/p/api/v2/keys", "it", err));
    url_cut(&u, "/keys");
    url_cut(&u, "/api/v2");
    assert_string_equal(u.base, "https://h.example/p");
    url_cut(&u, "/api/v2");
    url_cut(&u, "h.example/p"); /* never into the host */
    assert_string_equal(u.base, "https://h.example/p");
}

static void
test_retry_after(void **state)
{
    const int64_t now = 1445412000000; /* 2015-10-21T07:20:00Z */
    (void)state;
    assert_int_equal(wait_asked(NULL, NULL, now), -1);
    assert_int_equal(wait_asked("", NULL, now), -1);
    assert_int_equal(wait_asked("soon", NULL, now), -1);
    assert_int_equal(wait_asked("-1", NULL, now), -1);
    assert_int_equal(wait_asked("1.5", NULL, now), -1);
    assert_int_equal(wait_asked("0", NULL, now), 0);
    assert_int_equal(wait_asked("3", NULL, now), 3000);
    assert_true(wait_asked("99999999999999999999999", NULL, now) > 1000000);
    assert_int_equal(wait_asked("Wed, 21 Oct 2015 07:28:00 GMT", NULL, now), 480000);
    assert_int_equal(wait_asked("Wed, 21 Oct 2015 07:10:00 GMT", NULL, now), 0);
    /* The server's clock counts, where it tells it. */
    assert_int_equal(
        wait_asked("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:27:58 GMT", now), 2000);
    assert_int_equal(wait_asked("Wed, 21 Oct 2015 07:28:00 GMT", "yesterday", now), 480000);
    assert_int_equal(wait_asked("Wed, 21 Okt 2015 07:28:00 GMT", NULL, now), -1);
    assert_int_equal(wait_asked("Wed, 31 Feb 2015 07:28:00 GMT", NULL, now), -1);
    assert_int_equal(wait_asked("Wed, 21 Oct 2015 07:28:00 CET", NULL, now), -1);
}

static void
test_backoff(void **state)
{
    (void)state;
    assert_int_equal(wait_backoff(1, 0), 250);
    assert_int_equal(wait_backoff(1, 0xffff), 500);
    assert_int_equal(wait_backoff(3, 0xffff), 2000);
    assert_int_equal(wait_backoff(7, 0xffff), 30000);
    assert_int_equal(wait_backoff(60, 0xffff), 30000);
    assert_int_equal(wait_backoff(60, 0), 15000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_bad),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_backoff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
