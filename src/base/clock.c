#include "revertd/clock.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Go's zero time, 0001-01-01T00:00:00Z: what Alertmanager sends for "not yet". */
#define GO_ZERO_SEC INT64_C(-62135596800)
#define DURATION_MAX_USEC (INT64_C(36500) * RV_USEC_PER_DAY)

static const struct {
        const char *name;
        int64_t usec;
        bool only_whole; /* written only where nothing is left over, as Prometheus does: 25h, but 1w */
} units[] = {
        {"y", 365 * RV_USEC_PER_DAY, true}, {"w", 7 * RV_USEC_PER_DAY, true}, {"d", RV_USEC_PER_DAY, true},
        {"h", RV_USEC_PER_HOUR, false},     {"m", RV_USEC_PER_MINUTE, false}, {"s", RV_USEC_PER_SEC, false},
        {"ms", RV_USEC_PER_MSEC, false},
};

static int64_t now(clockid_t clock) {
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (int64_t)ts.tv_sec * RV_USEC_PER_SEC + ts.tv_nsec / 1000;
}

int64_t rv_clock_realtime_usec(void) {
        return now(CLOCK_REALTIME);
}

int64_t rv_clock_monotonic_usec(void) {
        return now(CLOCK_MONOTONIC);
}

int64_t rv_clock_boottime_usec(void) {
        return now(CLOCK_BOOTTIME);
}

/* Up to `max` digits. Returns how many; stops adding up at overflow, which *ret_overflow tells. */
static size_t read_digits(const char *s, size_t max, int64_t *ret, bool *ret_overflow) {
        size_t n = 0;
        int64_t value = 0;
        bool overflow = false;

        for (; n < max && s[n] >= '0' && s[n] <= '9'; n++)
                overflow |=
                        __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, s[n] - '0', &value);
        *ret = value;
        *ret_overflow = overflow;
        return n;
}

int rv_duration_parse(const char *text, int64_t *ret_usec) {
        int64_t total = 0;
        size_t next_unit = 0;
        bool overflow = false;

        if (strcmp(text, "0") == 0) {
                *ret_usec = 0;
                return 0;
        }
        if (*text == '\0')
                return -EINVAL;
        while (*text != '\0') {
                int64_t count, usec;
                bool too_many;
                size_t digits = read_digits(text, SIZE_MAX, &count, &too_many);
                if (digits == 0)
                        return -EINVAL;
                text += digits;
                size_t letters = strspn(text, "ywdhms");
                size_t unit = next_unit;
                while (unit < RV_ARRAY_SIZE(units) &&
                       (strlen(units[unit].name) != letters || strncmp(text, units[unit].name, letters) != 0))
                        unit++;
                if (unit == RV_ARRAY_SIZE(units))
                        return -EINVAL;
                text += letters;
                next_unit = unit + 1;
                overflow |= too_many || __builtin_mul_overflow(count, units[unit].usec, &usec) ||
                            __builtin_add_overflow(total, usec, &total);
        }
        if (overflow || total > DURATION_MAX_USEC)
                return -ERANGE;
        *ret_usec = total;
        return 0;
}

char *rv_duration_format(int64_t usec, char buf[static RV_DURATION_TEXT_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < RV_ARRAY_SIZE(units); i++) {
                int64_t count = usec / units[i].usec;
                if (count <= 0 || (units[i].only_whole && usec % units[i].usec >= RV_USEC_PER_MSEC))
                        continue;
                n += (size_t)snprintf(buf + n, RV_DURATION_TEXT_MAX - n, "%lld%s", (long long)count, units[i].name);
                usec %= units[i].usec;
        }
        if (n == 0)
                snprintf(buf, RV_DURATION_TEXT_MAX, "0");
        return buf;
}

/* "3h 5m", or "3h" where the smaller one is 0. */
static char *format_two(char *buf, const char *sign, int64_t usec, int64_t large, const char *large_name, int64_t small,
                        const char *small_name) {
        long long a = usec / large, b = usec % large / small;

        if (b == 0)
                snprintf(buf, RV_DURATION_TEXT_MAX, "%s%lld%s", sign, a, large_name);
        else
                snprintf(buf, RV_DURATION_TEXT_MAX, "%s%lld%s %lld%s", sign, a, large_name, b, small_name);
        return buf;
}

char *rv_duration_humanize(int64_t usec, char buf[static RV_DURATION_TEXT_MAX]) {
        const char *sign = usec < 0 ? "-" : "";

        if (usec == INT64_MIN)
                usec++;
        if (usec < 0)
                usec = -usec;
        if (usec == 0)
                snprintf(buf, RV_DURATION_TEXT_MAX, "0s");
        else if (usec < RV_USEC_PER_MSEC)
                snprintf(buf, RV_DURATION_TEXT_MAX, "<1ms");
        else if (usec < RV_USEC_PER_SEC)
                snprintf(buf, RV_DURATION_TEXT_MAX, "%s%lldms", sign, (long long)(usec / RV_USEC_PER_MSEC));
        else if (usec < 10 * RV_USEC_PER_SEC && usec % RV_USEC_PER_SEC >= RV_USEC_PER_SEC / 10)
                snprintf(buf, RV_DURATION_TEXT_MAX, "%s%lld.%llds", sign, (long long)(usec / RV_USEC_PER_SEC),
                         (long long)(usec % RV_USEC_PER_SEC / (RV_USEC_PER_SEC / 10)));
        else if (usec < RV_USEC_PER_MINUTE)
                snprintf(buf, RV_DURATION_TEXT_MAX, "%s%llds", sign, (long long)(usec / RV_USEC_PER_SEC));
        else if (usec < RV_USEC_PER_HOUR)
                format_two(buf, sign, usec, RV_USEC_PER_MINUTE, "m", RV_USEC_PER_SEC, "s");
        else if (usec < RV_USEC_PER_DAY)
                format_two(buf, sign, usec, RV_USEC_PER_HOUR, "h", RV_USEC_PER_MINUTE, "m");
        else
                format_two(buf, sign, usec, RV_USEC_PER_DAY, "d", RV_USEC_PER_HOUR, "h");
        return buf;
}

/* Exactly `digits` digits and then `after` (a NUL: nothing to check). Moves *s on. */
static bool read_field(const char **s, size_t digits, const char *after, int *ret) {
        int64_t value;
        bool overflow;

        if (read_digits(*s, digits, &value, &overflow) != digits)
                return false;
        *s += digits;
        if (*after != '\0') {
                if (**s == '\0' || !strchr(after, **s))
                        return false;
                (*s)++;
        }
        *ret = (int)value;
        return true;
}

static int days_in_month(int year, int month) {
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month - 1] + (month == 2 && leap);
}

static bool read_fraction(const char **s, int64_t *ret_usec) {
        int64_t value, scale = RV_USEC_PER_SEC;
        bool overflow;

        *ret_usec = 0;
        if (**s != '.')
                return true;
        (*s)++;
        size_t digits = strspn(*s, "0123456789");
        if (digits == 0 || digits > 9)
                return false;
        size_t kept = digits < 6 ? digits : 6;
        read_digits(*s, kept, &value, &overflow);
        for (size_t i = 0; i < kept; i++)
                scale /= 10;
        *ret_usec = value * scale;
        *s += digits;
        return true;
}

static bool read_offset(const char **s, int *ret_sec) {
        int hours, minutes, sign = **s == '-' ? -1 : 1;

        *ret_sec = 0;
        if (**s == 'Z' || **s == 'z') {
                (*s)++;
                return true;
        }
        if (**s != '+' && **s != '-')
                return false;
        (*s)++;
        if (!read_field(s, 2, ":", &hours) || !read_field(s, 2, "", &minutes) || hours > 23 || minutes > 59)
                return false;
        *ret_sec = sign * (hours * 3600 + minutes * 60);
        return true;
}

int rv_time_parse(const char *text, int64_t *ret_usec) {
        int year, month, day, hour, minute, second, offset_sec;
        int64_t fraction_usec;
        const char *s = text;

        if (!read_field(&s, 4, "-", &year) || !read_field(&s, 2, "-", &month) || !read_field(&s, 2, "Tt", &day) ||
            !read_field(&s, 2, ":", &hour) || !read_field(&s, 2, ":", &minute) || !read_field(&s, 2, "", &second) ||
            !read_fraction(&s, &fraction_usec) || !read_offset(&s, &offset_sec) || *s != '\0')
                return -EINVAL;
        /* A leap second (60) is taken as the second after it. */
        if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
            second > 60)
                return -EINVAL;
        struct tm tm = {
                .tm_year = year - 1900,
                .tm_mon = month - 1,
                .tm_mday = day,
                .tm_hour = hour,
                .tm_min = minute,
                .tm_sec = second,
        };
        int64_t sec = (int64_t)timegm(&tm) - offset_sec;
        *ret_usec = sec == GO_ZERO_SEC && fraction_usec == 0 ? 0 : sec * RV_USEC_PER_SEC + fraction_usec;
        return 0;
}

char *rv_time_format(int64_t usec, char buf[static RV_TIME_TEXT_MAX]) {
        int64_t msec = usec / RV_USEC_PER_MSEC - (usec % RV_USEC_PER_MSEC < 0);
        time_t sec = (time_t)(msec / 1000 - (msec % 1000 < 0));
        int rest_msec = (int)(msec - (int64_t)sec * 1000);
        struct tm tm = {0};

        gmtime_r(&sec, &tm);
        snprintf(buf, RV_TIME_TEXT_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, rest_msec);
        return buf;
}
