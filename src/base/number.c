#include "revertd/number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPONENT_MIN = -4, EXPONENT_MAX = 21, DIGITS_MAX = 17, DIGITS_SHORT = 6, PERCENT_DECIMALS_MAX = 7 };

/* glibc hands out its one static object for "C": it allocates nothing and cannot fail. */
static locale_t c_locale(void) {
        return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* snprintf with "." for the decimal point. */
static void print_double(char *buf, size_t n, const char *fmt, int precision, double value) {
        locale_t old = uselocale(c_locale());

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(buf, n, fmt, precision, value);
#pragma GCC diagnostic pop
        uselocale(old);
}

static char *print_special(double value, char *buf) {
        snprintf(buf, RV_NUMBER_TEXT_MAX, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return buf;
}

static bool is_number(const char *s) {
        size_t digits;

        s += *s == '+' || *s == '-';
        digits = strspn(s, "0123456789");
        s += digits;
        if (*s == '.') {
                size_t fraction = strspn(s + 1, "0123456789");
                digits += fraction;
                s += 1 + fraction;
        }
        if (digits == 0)
                return false;
        if (*s == 'e' || *s == 'E') {
                s++;
                s += *s == '+' || *s == '-';
                size_t exponent = strspn(s, "0123456789");
                if (exponent == 0)
                        return false;
                s += exponent;
        }
        return *s == '\0';
}

int rv_number_parse(const char *text, double *ret) {
        if (strcmp(text, "NaN") == 0) {
                *ret = NAN;
                return 0;
        }
        if (strcmp(text, "+Inf") == 0 || strcmp(text, "Inf") == 0) {
                *ret = INFINITY;
                return 0;
        }
        if (strcmp(text, "-Inf") == 0) {
                *ret = -INFINITY;
                return 0;
        }
        if (!is_number(text))
                return -EINVAL;
        double value = strtod_l(text, NULL, c_locale());
        if (isinf(value))
                return -ERANGE;
        *ret = value;
        return 0;
}

/* From "d.ddde±xx" to a decimal without an exponent: zeros are put where the digits do not reach. */
static void lay_out(const char *scientific, int exponent, char *buf) {
        char digits[DIGITS_MAX + 1];
        int n = 0;
        char *out = buf;

        if (*scientific == '-')
                *out++ = *scientific++;
        for (; *scientific != 'e'; scientific++)
                if (*scientific != '.')
                        digits[n++] = *scientific;
        if (exponent < 0) {
                *out++ = '0';
                *out++ = '.';
                for (int i = -1; i > exponent; i--)
                        *out++ = '0';
        }
        for (int i = 0; i < n || i <= exponent; i++) {
                if (i > 0 && i == exponent + 1)
                        *out++ = '.';
                *out++ = i < n ? digits[i] : '0';
        }
        *out = '\0';
}

char *rv_number_format(double value, char buf[static RV_NUMBER_TEXT_MAX]) {
        char scientific[RV_NUMBER_TEXT_MAX];

        if (!isfinite(value))
                return print_special(value, buf);
        for (int precision = 0; precision < DIGITS_MAX; precision++) {
                print_double(scientific, sizeof(scientific), "%.*e", precision, value);
                if (strtod_l(scientific, NULL, c_locale()) == value)
                        break;
        }
        int exponent = (int)strtol(strchr(scientific, 'e') + 1, NULL, 10);
        if (exponent < EXPONENT_MIN || exponent >= EXPONENT_MAX)
                memcpy(buf, scientific, strlen(scientific) + 1);
        else
                lay_out(scientific, exponent, buf);
        return buf;
}

/* Whole numbers keep all of theirs. */
static double round_to(int digits, double value, char buf[static RV_NUMBER_TEXT_MAX]) {
        if (!isfinite(value) || value == trunc(value))
                return value;
        print_double(buf, RV_NUMBER_TEXT_MAX, "%.*g", digits, value);
        return strtod_l(buf, NULL, c_locale());
}

char *rv_number_format_short(double value, char buf[static RV_NUMBER_TEXT_MAX]) {
        return rv_number_format(round_to(DIGITS_SHORT, value, buf), buf);
}

static int side_of(double value, double limit) {
        return (value > limit) - (value < limit);
}

/* The number at the end of "> 0.05"; NaN: there is none. */
static double limit_of(const char *condition) {
        const char *space = condition ? strrchr(condition, ' ') : NULL;
        double limit;

        return space && rv_number_parse(space + 1, &limit) == 0 ? limit : NAN;
}

char *rv_number_format_judged(double value, const char *condition, char buf[static RV_NUMBER_TEXT_MAX]) {
        double limit = limit_of(condition), shown = round_to(DIGITS_SHORT, value, buf);

        for (int digits = DIGITS_SHORT; digits < DIGITS_MAX && side_of(shown, limit) != side_of(value, limit); digits++)
                shown = round_to(digits + 1, value, buf);
        return rv_number_format(shown, buf);
}

/* In percent, without zeros at the end. */
static char *print_percent(double ratio, int decimals, char buf[static RV_NUMBER_TEXT_MAX]) {
        print_double(buf, RV_NUMBER_TEXT_MAX, "%.*f", decimals, 100 * ratio);
        return rv_number_format(strtod_l(buf, NULL, c_locale()), buf);
}

char *rv_percent_format(double ratio, double other, char buf[static RV_NUMBER_TEXT_MAX]) {
        char beside[RV_NUMBER_TEXT_MAX];
        int decimals = 1;

        if (isnan(other))
                other = 1; /* what is not quite sure does not read as if it were */
        while (decimals < PERCENT_DECIMALS_MAX && fabs(ratio - other) > RV_RATIO_SAME &&
               strcmp(print_percent(ratio, decimals, buf), print_percent(other, decimals, beside)) == 0)
                decimals++;
        print_percent(ratio, decimals, buf);
        memcpy(buf + strlen(buf), " %", sizeof(" %"));
        return buf;
}

char *rv_number_format_4g(double value, char buf[static RV_NUMBER_TEXT_MAX]) {
        if (!isfinite(value))
                return print_special(value, buf);
        print_double(buf, RV_NUMBER_TEXT_MAX, "%.*g", 4, value);
        return buf;
}
