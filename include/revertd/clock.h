/* Times and durations.
 *
 * Every time in revertd is an int64_t count of microseconds and its name ends in _usec. Wall times count from the Unix
 * epoch. Nothing in the core reads a clock: `now_usec` is an argument. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>
#include <stdint.h>

#define RV_USEC_PER_MSEC INT64_C(1000)
#define RV_USEC_PER_SEC INT64_C(1000000)
#define RV_USEC_PER_MINUTE (60 * RV_USEC_PER_SEC)
#define RV_USEC_PER_HOUR (60 * RV_USEC_PER_MINUTE)
#define RV_USEC_PER_DAY (24 * RV_USEC_PER_HOUR)
#define RV_USEC_INFINITY INT64_MAX

/* For the shell only. */
int64_t rv_clock_realtime_usec(void);
int64_t rv_clock_monotonic_usec(void);
int64_t rv_clock_boottime_usec(void); /* as that, and goes on in suspend */

/* A duration as Prometheus writes it: "1h30m", "15s", "250ms", "2d", "1w", "1y", or "0". Units in descending order,
 * each once; no sign, no spaces, no fraction. -EINVAL where it is not one, -ERANGE over 100 years. */
int rv_duration_parse(const char *text, int64_t *ret_usec) RV_MUST_CHECK;

enum { RV_DURATION_TEXT_MAX = 64, RV_TIME_TEXT_MAX = 40 };

/* The shortest exact form that rv_duration_parse() reads back; below a millisecond "0". Returns buf. */
char *rv_duration_format(int64_t usec, char buf[static RV_DURATION_TEXT_MAX]);

/* For people: "1m 12s", "3h 5m", "250ms", "4.2s". Returns buf. */
char *rv_duration_humanize(int64_t usec, char buf[static RV_DURATION_TEXT_MAX]);

/* RFC 3339, 0 to 9 fractional digits (cut to microseconds), "Z" or a numeric offset. The zero time of Go
 * ("0001-01-01T00:00:00Z") gives 0. -EINVAL where it is not one. */
int rv_time_parse(const char *text, int64_t *ret_usec) RV_MUST_CHECK;

/* RFC 3339 in UTC with milliseconds: "2026-03-01T10:00:00.540Z". Returns buf. */
char *rv_time_format(int64_t usec, char buf[static RV_TIME_TEXT_MAX]);
