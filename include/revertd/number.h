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

/* Four significant digits, as Go's %.4g. Returns buf. */
char *rv_number_format_4g(double value, char buf[static RV_NUMBER_TEXT_MAX]);
