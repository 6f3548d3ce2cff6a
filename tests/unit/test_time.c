#include "../lib/unit.h"

#include "text/time.h"

/* Dates and their seconds since the epoch, as anybody's calendar program tells them. */
static const struct {
    const char *text;
    int64_t seconds;
} known[] = {
    {"1970-01-01T00:00:00.000Z", 0},
    {"1972-02-29T00:00:00.000Z", 68169600},
    {"2000-01-01T00:00:00.000Z", 946684800},
    {"2000-02-29T12:00:00.000Z", 951825600},
    {"2001-09-09T01:46:40.000Z", 1000000000},
    {"2009-02-13T23:31:30.000Z", 1234567890},
    {"2024-02-29T00:00:00.000Z", 1709164800},
    {"2024-12-31T23:59:59.000Z", 1735689599},
    {"2038-01-19T03:14:07.000Z", 2147483647},
    {"2100-03-01T00:00:00.000Z", 4107542400},
    {"9999-12-31T23:59:59.000Z", 253402300799},
};

static void
known_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char text[TIME_TEXT + 1];
        int64_t ms = -1;
        time_format(text, known[i].seconds * 1000);
        assert_string_equal(text, known[i].text);
        assert_int_equal(time_parse(&ms, known[i].text), 0);
        assert_int_equal(ms, known[i].seconds * 1000);
    }
}

/* Every day of the range comes after the one before it, and both ways agree. */
static void
every_day(void **state)
{
    (void)state;
    char before[TIME_TEXT + 1] = "";
    for (int64_t ms = 123; ms < 253402300800000; ms += 86400000) {
        char text[TIME_TEXT + 1];
        int64_t back = -1;
        time_format(text, ms);
        assert_true(strcmp(text, before) > 0);
        assert_int_equal(time_parse(&back, text), 0);
        assert_int_equal(back, ms);
        memcpy(before, text, sizeof before);
    }
    assert_string_equal(before, "9999-12-31T00:00:00.123Z");
}

static void
out_of_range(void **state)
{
    (void)state;
    char text[TIME_TEXT + 1];
    time_format(text, -1);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    time_format(text, INT64_MAX);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void
assert_time(const char *text, int64_t want)
{
    int64_t ms = -1;
    if (time_parse(&ms, text) != 0)
        fail_msg("refused: %s", text);
    assert_int_equal(ms, want);
}

/* RFC 3339 section 5.8, and its neighbours */
static void
rfc3339(void **state)
{
    (void)state;
    assert_time("1985-04-12T23:20:50.52Z", 482196050520);
    assert_time("1996-12-19T16:39:57-08:00", 851042397000);
    assert_time("1996-12-20T00:39:57Z", 851042397000);
    assert_time("1990-12-31T23:59:60Z", 662688000000);
    assert_time("1990-12-31T15:59:60-08:00", 662688000000);
    assert_time("2015-06-30T23:59:60.5Z", 1435708800000);
    assert_time("2009-02-13t23:31:30z", 1234567890000);
    assert_time("2009-02-13T23:31:30.1Z", 1234567890100);
    assert_time("2009-02-13T23:31:30.123999999Z", 1234567890123);
    assert_time("2009-02-13T23:31:30.000000000000000000000000000009Z", 1234567890000);
    assert_time("2009-02-14T00:31:30+01:00", 1234567890000);
    assert_time("2009-02-13T23:31:30-00:00", 1234567890000);
    assert_time("1969-12-31T23:30:00-01:00", 1800000);
}

static void
refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-25",
        "2026-11-25T02:12:38",
        "2026-11-25 02:12:38Z",
        "2026-11-25T02:12Z",
        "2026-11-25T02:12:38.Z",
        "2026-11-25T02:12:38,5Z",
        "2026-11-25T02:12:38ZZ",
        "2026-11-25T02:12:38Z ",
        " 2026-11-25T02:12:38Z",
        "2026-02-29T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:61Z",
        "2026-12-31T22:59:60Z",
        "2026-03-31T23:59:60Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+1",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
        "+2026-01-01T00:00:00Z",
        "-2026-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms = -7;
        if (time_parse(&ms, bad[i]) != -1)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(ms, -7);
    }
    int64_t ms;
    assert_int_equal(time_parse(&ms, NULL), -1);
}

static void
dates(void **state)
{
    (void)state;
    int64_t ms = -1;
    assert_ok(date_parse(&ms, "2024-02-29", "--since", err));
    assert_int_equal(ms, 1709164800000);
    assert_ok(date_parse(&ms, "2009-02-13T23:31:30Z", "--since", err));
    assert_int_equal(ms, 1234567890000);
    assert_ok(date_parse_end(&ms, "2009-02-13T23:31:30Z", "--at", err));
    assert_int_equal(ms, 1234567890000);
    assert_ok(date_parse_end(&ms, "2024-02-29", "--at", err));
    assert_int_equal(ms, 1709164800000 + 86399999);
    assert_rc(date_parse_end(&ms, "2023-02-29", "--at", err), RC_BAD_VALUE);
    static const char *const bad[] = {"",           "yesterday",   "2023-02-29",
                                      "1969-12-31", "2024-02-29 ", "24-02-29",
                                      "2024/02/29", "2024-02"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_rc(date_parse(&ms, bad[i], "--since", err), RC_BAD_VALUE);
    struct err err = ERR_INIT;
    assert_int_equal(date_parse(&ms, "x", "--since", &err), RC_BAD_VALUE);
    assert_string_equal(err.msg, "--since: x is not a date");
    assert_non_null(strstr(err.hint, "YYYY-MM-DD"));
}

static void
durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"0s", 0},
        {"1s", 1000},
        {"90m", 5400000},
        {"24h", 86400000},
        {"1d", 86400000},
        {"2w", 1209600000},
        {"1y", 31536000000},
        {"007d", 604800000},
        {"200y", 6307200000000},
        {"73000d", 6307200000000},
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(duration_parse(&ms, good[i].text, "--every", err));
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {
        "",
        "d",
        "1",
        "1D",
        "1 d",
        " 1d",
        "1dd",
        "-1d",
        "+1d",
        "1.5d",
        "1d12h",
        "201y",
        "73001d",
        "6307200001s",
        "18446744073709551617s",
        "99999999999999999999999999999y",
        "1\xc2\xb5",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_rc(duration_parse(&ms, bad[i], "--every", err), RC_BAD_VALUE);
}

static void
ages(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds; /* ago */
        const char *want;
    } rows[] = {
        {0, "just now"},
        {59, "just now"},
        {-59, "just now"},
        {60, "1 min ago"},
        {300, "5 min ago"},
        {3599, "59 min ago"},
        {3600, "1 h ago"},
        {3 * 3600, "3 h ago"},
        {86399, "23 h ago"},
        {86400, "1 d ago"},
        {12 * 86400 + 5, "12 d ago"},
        {400 * 86400, "400 d ago"},
        {-300, "5 min ahead of this clock"},
        {-86400, "1 d ahead of this clock"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[AGO_TEXT];
        int64_t now = 1234567890000;
        time_ago(out, now - rows[i].seconds * 1000, now);
        assert_string_equal(out, rows[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_dates), cmocka_unit_test(every_day), cmocka_unit_test(out_of_range),
        cmocka_unit_test(rfc3339),     cmocka_unit_test(refused),   cmocka_unit_test(dates),
        cmocka_unit_test(durations),   cmocka_unit_test(ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
