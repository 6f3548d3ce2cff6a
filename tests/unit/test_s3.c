/* S3: regions out of host names, codes out of answers, the forms of a credential. */
#include "../lib/unit.h"

#include <stdlib.h>

#include "copy/remote_s3.h"

static void
test_regions(void **state)
{
    static const struct {
        const char *said, *host, *region;
    } cases[] = {
        {NULL, "s3.eu-central-1.amazonaws.com", "eu-central-1"},
        {NULL, "bucket.s3.eu-central-1.amazonaws.com", "eu-central-1"},
        {NULL, "a.b.s3.dualstack.us-west-2.amazonaws.com", "us-west-2"},
        {NULL, "s3.cn-north-1.amazonaws.com.cn", "cn-north-1"},
        {NULL, "s3.amazonaws.com", "us-east-1"},
        {NULL, "bucket.s3.amazonaws.com", "us-east-1"},
        {NULL, "s3.eu-de.cloud-object-storage.appdomain.cloud", "eu-de"},
        {NULL, "s3.private.eu-de.cloud-object-storage.appdomain.cloud", "eu-de"},
        {NULL, "s3.direct.eu.cloud-object-storage.appdomain.cloud", "eu"},
        {NULL, "s3.eu-de.example", "us-east-1"},
        {NULL, "objects.example", "us-east-1"},
        {NULL, "127.0.0.1", "us-east-1"},
        {"x-7", "s3.eu-central-1.amazonaws.com", "x-7"},
    };
    static const char *const bad[] = {"", "eu west", "EU", "eu\n", "eu/x", "eu:x"};
    char region[S3_REGION + 1];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(s3_region(region, cases[i].said, cases[i].host, err));
        assert_string_equal(region, cases[i].region);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_rc(s3_region(region, bad[i], "h", err), RC_BAD_VALUE);
}

static void
test_codes(void **state)
{
    static const struct {
        const char *body, *code;
    } cases[] = {
        {"<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey"},
        {"<?xml version=\"1.0\"?>\n<Error "
         "xmlns=\"x\"><Message>m</Message><Code>A.b_c</Code></Error>",
         "A.b_c"},
        {"<Error><Code>First</Code><Code>Second</Code></Error>", "First"},
        {"<Error><Code>two words</Code></Error>", ""},
        {"<Error><Code>&#27;[31m</Code></Error>", ""},
        {"<Error><In><Code>NoSuchKey</Code></In></Error>", ""},
        {"<Other><Code>NoSuchKey</Code></Other>", ""},
        {"<!DOCTYPE x><Error><Code>NoSuchKey</Code></Error>", ""},
        {"{\"Code\":\"NoSuchKey\"}", ""},
        {"", ""},
    };
    char code[S3_CODE + 1];
    char longest[200];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s3_code(code, cases[i].body, strlen(cases[i].body));
        assert_string_equal(code, cases[i].code);
    }
    (void)snprintf(longest, sizeof longest, "<Error><Code>%0*d</Code></Error>", S3_CODE + 1, 1);
    s3_code(code, longest, strlen(longest));
    assert_string_equal(code, "");
}

/* Keeps this text as the credential of a place at this host; lines gets how many it has. */
static enum rc
keep(const char *text, const char *endpoint, unsigned *lines, struct err *why)
{
    struct remote r = {.kind = &remote_s3_kind};
    struct secret *s = NULL;
    r.s3 = calloc(1, sizeof *r.s3);
    assert_non_null(r.s3);
    buf_init(&r.url, 64);
    assert_ok(url_parse(&r.s3->endpoint, endpoint, "it", err));
    assert_ok(secret_new(&s, err));
    assert_ok(secret_add(s, text, strlen(text), err));
    enum rc rc = s3_keep_credential(&r, s, why);
    *lines = r.s3->by_iam ? 1 : r.s3->token != NULL ? 3 : r.login[1] != NULL ? 2 : 0;
    secret_free(s);
    r.kind->close(&r);
    buf_release(&r.url);
    return rc;
}

static void
test_credentials(void **state)
{
    static const char ibm[] = "https://s3.eu-de.cloud-object-storage.appdomain.cloud";
    static const char other[] = "https://s3.example";
    static const struct {
        const char *text, *endpoint;
        unsigned lines;
    } cases[] = {
        {"canary-a\ncanary-b", other, 2},
        {"canary-a\r\ncanary-b\r\n", other, 2},
        {"canary-a\ncanary-b\ncanary-c", other, 3},
        {"canary-a\ncanary-b", ibm, 2},
        {"canary-key", ibm, 1},
        {"canary-key", other, 0},
        {"", other, 0},
        {"\n", other, 0},
        {"canary-a\n\ncanary-b", other, 0},
        {"canary-a\ncanary b", other, 0},
        {"canary-a\ncanary-b\ncanary-c\ncanary-d", other, 0},
    };
    (void)state;
    unsigned before = secret_live();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned lines = 9;
        struct err e = ERR_INIT;
        enum rc rc = keep(cases[i].text, cases[i].endpoint, &lines, &e);
        assert_int_equal(rc, cases[i].lines > 0 ? RC_OK : RC_CREDENTIAL);
        assert_int_equal(lines, cases[i].lines);
        assert_null(strstr(e.msg, "canary"));
        assert_int_equal(secret_live(), before);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
