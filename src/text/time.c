#include "text/time.h"

#include <stdio.h>
#include <string.h>

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define TIME_MAX 253402300799999LL /* 9999-12-31T23:59:59.999Z */

struct date {
    int year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

/* ---- the calendar: days since 1970-01-01, proleptic Gregorian ---- */

static int
is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the 1st of January; year from 1. */
static int64_t
year_start(int year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int64_t
days_of(struct date d)
{
    int64_t days = year_start(d.year) + d.day - 1;
    for (int m = 1; m < d.month; m++)
        days += month_days(d.year, m);
    return days;
}

static struct date
date_of(int64_t days)
{
    struct date d = {1970 + (int)(days / 366), 1, 1}; /* never too late: no year is longer */
    while (year_start(d.year + 1) <= days)
        d.year++;
    int64_t left = days - year_start(d.year);
    while (left >= month_days(d.year, d.month))
        left -= month_days(d.year, d.month++);
    d.day = (int)left + 1;
    return d;
}

void
time_format(char out[TIME_TEXT + 1], int64_t ms)
{
    if (ms < 0)
        ms = 0;
    if (ms > TIME_MAX)
        ms = TIME_MAX;
    struct date d = date_of(ms / DAY);
    unsigned rest = (unsigned)(ms % DAY);
    /* The remainders tell the compiler that each part fits its digits. */
    (void)snprintf(out, TIME_TEXT + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)d.year % 10000, (unsigned)d.month % 100, (unsigned)d.day % 100,
                   rest / (unsigned)HOUR % 100, rest / (unsigned)MINUTE % 60,
                   rest / (unsigned)SECOND % 60, rest % 1000);
}

/* ---- reading: each takes its piece off the front of *text, and returns -1 if it is not there ----
 */

/* Exactly n digits. */
static int
take_digits(const char **text, int n, int *value)
{
    *value = 0;
    for (; n > 0; n--, (*text)++) {
        if (**text < '0' || **text > '9')
            return -1;
        *value = *value * 10 + (**text - '0');
    }
    return 0;
}

/* One character of a set. */
static int
take_one(const char **text, const char *set)
{
    if (**text == '\0' || strchr(set, **text) == NULL)
        return -1;
    (*text)++;
    return 0;
}

/* YYYY-MM-DD */
static int
take_date(const char **text, int64_t *days)
{
    struct date d;
    if (take_digits(text, 4, &d.year) != 0 || take_one(text, "-") != 0 ||
        take_digits(text, 2, &d.month) != 0 || take_one(text, "-") != 0 ||
        take_digits(text, 2, &d.day) != 0)
        return -1;
    /* 1969-12-31 and 10000-01-01 can come in range by their offset; year 0 cannot */
    if (d.year < 1969 || d.month < 1 || d.month > 12 || d.day < 1 ||
        d.day > month_days(d.year, d.month))
        return -1;
    *days = days_of(d);
    return 0;
}

/* HH:MM:SS; second 60 is told by *leap and counted as the next minute's first. */
static int
take_clock(const char **text, int64_t *ms, int *leap)
{
    int h, m, s;
    if (take_digits(text, 2, &h) != 0 || take_one(text, ":") != 0 ||
        take_digits(text, 2, &m) != 0 || take_one(text, ":") != 0 || take_digits(text, 2, &s) != 0)
        return -1;
    if (h > 23 || m > 59 || s > 60)
        return -1;
    *leap = s == 60;
    *ms = h * HOUR + m * MINUTE + s * SECOND;
    return 0;
}

/* Nothing, or a point and digits; those after the third are cut off. */
static int
take_fraction(const char **text, int64_t *ms)
{
    *ms = 0;
    if (take_one(text, ".") != 0)
        return 0;
    if (**text < '0' || **text > '9')
        return -1;
    for (int64_t unit = 100; **text >= '0' && **text <= '9'; unit /= 10, (*text)++)
        *ms += (**text - '0') * unit;
    return 0;
}

/* Z, or + or - and HH:MM. */
static int
take_offset(const char **text, int64_t *ms)
{
    int h, m;
    *ms = 0;
    if (take_one(text, "Zz") == 0)
        return 0;
    int sign = **text == '-' ? -1 : 1;
    if (take_one(text, "+-") != 0 || take_digits(text, 2, &h) != 0 || take_one(text, ":") != 0 ||
        take_digits(text, 2, &m) != 0 || h > 23 || m > 59)
        return -1;
    *ms = sign * (h * HOUR + m * MINUTE);
    return 0;
}

/* A leap second ends June or December, in UTC. at: the second after it. */
static int
is_leap_second(int64_t at)
{
    if (at < 0 || at % DAY != 0)
        return 0;
    struct date d = date_of(at / DAY);
    return d.day == 1 && (d.month == 1 || d.month == 7);
}

int
time_parse(int64_t *ms, const char *text)
{
    int64_t days, clock, fraction, offset;
    int leap;
    if (text == NULL || take_date(&text, &days) != 0 || take_one(&text, "Tt") != 0 ||
        take_clock(&text, &clock, &leap) != 0 || take_fraction(&text, &fraction) != 0 ||
        take_offset(&text, &offset) != 0 || *text != '\0')
        return -1;
    int64_t at = days * DAY + clock - offset;
    if (leap && !is_leap_second(at))
        return -1;
    if (!leap)
        at += fraction;
    if (at < 0 || at > TIME_MAX)
        return -1;
    *ms = at;
    return 0;
}

static enum rc
parse_date(int64_t *ms, const char *text, int64_t into_the_day, const char *what, struct err *err)
{
    const char *rest = text;
    int64_t days;
    if (take_date(&rest, &days) == 0 && *rest == '\0' && days >= 0) {
        *ms = days * DAY + into_the_day;
        return RC_OK;
    }
    if (time_parse(ms, text) == 0)
        return RC_OK;
    err_set(err, RC_BAD_VALUE, "%s: %.40s is not a date", what, text);
    return err_hint(err, "write YYYY-MM-DD, or RFC 3339 such as 2026-11-25T02:12:38Z");
}

enum rc
date_parse(int64_t *ms, const char *text, const char *what, struct err *err)
{
    return parse_date(ms, text, 0, what, err);
}

enum rc
date_parse_end(int64_t *ms, const char *text, const char *what, struct err *err)
{
    return parse_date(ms, text, DAY - 1, what, err);
}

/* Milliseconds of a unit letter, 0 for another. */
static int64_t
unit_of(char c)
{
    switch (c) {
    case 's':
        return SECOND;
    case 'm':
        return MINUTE;
    case 'h':
        return HOUR;
    case 'd':
        return DAY;
    case 'w':
        return 7 * DAY;
    case 'y':
        return YEAR;
    default:
        return 0;
    }
}

enum rc
duration_parse(int64_t *ms, const char *text, const char *what, struct err *err)
{
    const int64_t max = 200 * YEAR;
    size_t digits = strspn(text, "0123456789");
    int64_t unit = digits > 0 ? unit_of(text[digits]) : 0;
    if (unit == 0 || text[digits + 1] != '\0') {
        err_set(err, RC_BAD_VALUE, "%s: %.40s is not a duration", what, text);
        return err_hint(err, "write a whole number and one of s m h d w y, such as 90d");
    }
    int64_t n = 0;
    for (size_t i = 0; i < digits && n <= max; i++)
        n = n * 10 + (text[i] - '0');
    if (n > max / unit) {
        err_set(err, RC_BAD_VALUE, "%s: %.40s is too long", what, text);
        return err_hint(err, "200y is the longest duration");
    }
    *ms = n * unit;
    return RC_OK;
}

int
time_is_ahead(int64_t then_ms, int64_t now_ms)
{
    return then_ms - now_ms > 10 * MINUTE;
}

void
time_ago(char out[AGO_TEXT], int64_t then_ms, int64_t now_ms)
{
    int64_t ago = now_ms - then_ms;
    int64_t size = ago < 0 ? -ago : ago;
    if (size < MINUTE) {
        (void)snprintf(out, AGO_TEXT, "just now");
        return;
    }
    int64_t unit = size < HOUR ? MINUTE : size < DAY ? HOUR : DAY;
    const char *name = unit == MINUTE ? "min" : unit == HOUR ? "h" : "d";
    (void)snprintf(out, AGO_TEXT, ago < 0 ? "%lld %s ahead of this clock" : "%lld %s ago",
                   (long long)(size / unit), name);
}
