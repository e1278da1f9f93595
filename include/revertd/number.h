/* Numbers as Prometheus writes them, whatever the locale. */
#pragma once

#include "revertd/error.h"

enum { RV_NUMBER_TEXT_MAX = 40 };

/* Decimal with an optional exponent, or NaN, Inf, +Inf, -Inf; nothing before or after it. -EINVAL where it is not
 * one, -ERANGE where it is too large for a double. */
int rv_number_parse(const char *text, double *ret) RV_MUST_CHECK;

/* The shortest decimal that reads back as the same number, with an exponent below 1e-4 and from 1e21, as Go's %v and
 * so Prometheus's {{ $value }}. Returns buf. */
char *rv_number_format(double value, char buf[static RV_NUMBER_TEXT_MAX]);

/* For tables and sentences: at most six significant digits, but whole numbers in full. Returns buf. */
char *rv_number_format_short(double value, char buf[static RV_NUMBER_TEXT_MAX]);

/* The same, of a number that was judged by a condition such as "> 0.05" (NULL: by none): with as many digits as it takes
 * to read on that side of the limit on which it is. Returns buf. */
char *rv_number_format_judged(double value, const char *condition, char buf[static RV_NUMBER_TEXT_MAX]);

/* 0.65 as "65 %", 0.996 as "99.6 %": one digit after the point, and more where it would read like `other`, to which it
 * was compared (NaN: to 1), and is not the same. Two numbers that are told with one another both read so. Returns buf. */
#define RV_RATIO_SAME 1e-9 /* what is no further apart is the same */
char *rv_percent_format(double ratio, double other, char buf[static RV_NUMBER_TEXT_MAX]);

/* Four significant digits, as Go's %.4g. Returns buf. */
char *rv_number_format_4g(double value, char buf[static RV_NUMBER_TEXT_MAX]);
