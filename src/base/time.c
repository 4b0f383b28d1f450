/* SPDX-License-Identifier: MIT */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

#include "base/err.h"

#define US_PER_S INT64_C(1000000)
#define S_PER_DAY INT64_C(86400)

uint64_t skep__now_ns(void)
{
    struct timespec t;
    ASSERT(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    uint64_t ns = (uint64_t)t.tv_sec * SKEP__NS_PER_S + (uint64_t)t.tv_nsec;
    return ns ? ns : 1;
}

uint64_t skep__coarse_ns(void)
{
    struct timespec t;
    ASSERT(clock_gettime(CLOCK_MONOTONIC_COARSE, &t) == 0);
    uint64_t ns = (uint64_t)t.tv_sec * SKEP__NS_PER_S + (uint64_t)t.tv_nsec;
    return ns ? ns : 1;
}

uint64_t skep__deadline_ns(int64_t timeout_ms)
{
    uint64_t ns = 0;
    if (timeout_ms < 0)
        return 0;
    if (__builtin_mul_overflow((uint64_t)timeout_ms, SKEP__NS_PER_MS, &ns) ||
        __builtin_add_overflow(ns, skep__now_ns(), &ns))
        return UINT64_MAX;
    return ns;
}

int64_t skep_now_us(void)
{
    struct timespec t;
    ASSERT(clock_gettime(CLOCK_REALTIME, &t) == 0);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar, and back. Counted in eras of
 * 400 years that begin on 1 March, so that the leap day is the last of its year. The year is 0 or
 * more. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t d = days - era * 146097;
    int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t of_year = d - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2 ? 1 : 0);
}

int skep_time_text(int64_t utc_us, char out[SKEP_TIME_TEXT_SIZE])
{
    SKEP__REQUIRE(out != NULL);
    if (utc_us < SKEP__TIME_MIN_US || utc_us > SKEP__TIME_MAX_US)
        return SKEP__FAIL(SKEP_EINVALID, "time %lld us is outside the years 0000 to 9999",
                          (long long)utc_us);
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    /* Counted from the earliest time, so that nothing below is negative. */
    uint64_t us = (uint64_t)(utc_us - SKEP__TIME_MIN_US);
    date_of_days((int64_t)(us / (US_PER_S * S_PER_DAY)) + SKEP__TIME_MIN_US / US_PER_S / S_PER_DAY,
                 &year, &month, &day);
    unsigned s = (unsigned)(us / US_PER_S % S_PER_DAY);
    (void)snprintf(out, SKEP_TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
                   (unsigned)year % 10000, (unsigned)month % 100, (unsigned)day % 100,
                   s / 3600 % 100, s / 60 % 60, s % 60, (unsigned)(us % US_PER_S));
    return SKEP_OK;
}

typedef struct scan {
    const char *at;
    const char *end;
    bool ok;
} scan;

/* Exactly `digits` digits, from `min` to `max`. */
static int64_t number(scan *s, int digits, int64_t min, int64_t max)
{
    int64_t v = 0;
    for (int i = 0; i < digits; i++) {
        if (s->at == s->end || *s->at < '0' || *s->at > '9') {
            s->ok = false;
            return min;
        }
        v = v * 10 + (*s->at++ - '0');
    }
    if (v < min || v > max)
        s->ok = false;
    return v;
}

/* One character out of `set`, or 0. */
static char one_of(scan *s, const char *set)
{
    for (; s->at < s->end && *set != '\0'; set++) {
        if (*s->at == *set)
            return *s->at++;
    }
    s->ok = false;
    return 0;
}

static int64_t fraction_us(scan *s)
{
    int64_t us = 0;
    int64_t unit = US_PER_S / 10;
    if (s->at == s->end || *s->at != '.')
        return 0;
    s->at++;
    int64_t first = number(s, 1, 0, 9);
    us += first * unit;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        unit /= 10;
        us += (*s->at++ - '0') * unit;
    }
    return us;
}

static int64_t offset_s(scan *s)
{
    char sign = one_of(s, "Zz+-");
    if (sign != '+' && sign != '-')
        return 0;
    int64_t seconds = number(s, 2, 0, 23) * 3600;
    (void)one_of(s, ":");
    seconds += number(s, 2, 0, 59) * 60;
    return sign == '-' ? -seconds : seconds;
}

static bool parse(scan *s, int64_t *utc_us)
{
    int64_t year = number(s, 4, 0, 9999);
    (void)one_of(s, "-");
    int64_t month = number(s, 2, 1, 12);
    (void)one_of(s, "-");
    int64_t day = number(s, 2, 1, 31);
    (void)one_of(s, "Tt ");
    int64_t seconds = number(s, 2, 0, 23) * 3600;
    (void)one_of(s, ":");
    seconds += number(s, 2, 0, 59) * 60;
    (void)one_of(s, ":");
    int64_t second = number(s, 2, 0, 60);
    int64_t fraction = fraction_us(s);
    int64_t offset = offset_s(s);
    if (!s->ok || s->at != s->end)
        return false;

    int64_t back_year = 0;
    int64_t back_month = 0;
    int64_t back_day = 0;
    int64_t days = days_of_date(year, month, day);
    date_of_days(days, &back_year, &back_month, &back_day);
    if (back_month != month)
        return false; /* 30 February */
    int64_t utc_s = days * S_PER_DAY + seconds + second - offset;
    /* A leap second stands at the end of a UTC day, and the count of seconds knows none: it falls
     * on the midnight after it, without its fraction so that it stays before what follows. */
    if (second == 60 && utc_s % S_PER_DAY != 0)
        return false;
    *utc_us = utc_s * US_PER_S + (second == 60 ? 0 : fraction);
    return *utc_us >= SKEP__TIME_MIN_US && *utc_us <= SKEP__TIME_MAX_US;
}

bool skep__time_read(skep_slice text, int64_t *us)
{
    const char *bytes = text.len ? text.data : "";
    scan s = {.at = bytes, .end = bytes + text.len, .ok = true};
    int64_t found = 0;
    if (!parse(&s, &found))
        return false;
    *us = found;
    return true;
}

int skep_time_parse(skep_slice text, int64_t *us)
{
    SKEP__REQUIRE(text.data != NULL || text.len == 0);
    SKEP__REQUIRE(us != NULL);
    if (skep__time_read(text, us))
        return SKEP_OK;
    int shown = (int)(text.len < 40 ? text.len : 40);
    return SKEP__FAIL(SKEP_EINVALID, "'%.*s' is not a time like 2026-11-21T10:27:18Z or ...+01:00",
                      shown, text.len ? (const char *)text.data : "");
}
