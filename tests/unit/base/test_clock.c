#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>

#define MS RV_USEC_PER_MSEC
#define S RV_USEC_PER_SEC
#define M RV_USEC_PER_MINUTE
#define H RV_USEC_PER_HOUR
#define D RV_USEC_PER_DAY

static void parses_durations(void **state) {
        static const struct {
                const char *text;
                int64_t usec;
        } good[] = {
                {"0", 0},
                {"0s", 0},
                {"15s", 15 * S},
                {"1h30m", 90 * M},
                {"250ms", 250 * MS},
                {"2d", 2 * D},
                {"1w", 7 * D},
                {"1y", 365 * D},
                {"1m1ms", M + MS},
                {"100y", 36500 * D},
                {"007s", 7 * S},
                {"90m", 90 * M},
                {"1y2w3d4h5m6s7ms", 365 * D + 14 * D + 3 * D + 4 * H + 5 * M + 6 * S + 7 * MS},
        };
        static const char *const bad[] = {
                "",   "1",   "-1s", "+1s", "1.5h",  " 1s",  "1s ", "1s1h", "1s1s", "s",
                "1S", "1us", "1ns", "1 s", "1hour", "0x1s", "1h0", "1mss", "1sm",  "1h\n",
        };
        int64_t usec;

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(good); i++) {
                usec = -1;
                assert_int_equal(rv_duration_parse(good[i].text, &usec), 0);
                assert_int_equal(usec, good[i].usec);
        }
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++) {
                usec = 77;
                assert_int_equal(rv_duration_parse(bad[i], &usec), -EINVAL);
                assert_int_equal(usec, 77);
        }
}

static void refuses_long_durations(void **state) {
        static const char *const bad[] = {
                "101y",
                "100y1ms",
                "36501d",
                "9223372036854775807ms",
                "99999999999999999999999999s",
                "18446744073709551616ms",
                "292277y",
                "100y100y99999999999999999999d",
        };
        int64_t usec = 77;

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad) - 1; i++)
                assert_int_equal(rv_duration_parse(bad[i], &usec), -ERANGE);
        assert_int_equal(rv_duration_parse(bad[RV_ARRAY_SIZE(bad) - 1], &usec), -EINVAL);
        assert_int_equal(usec, 77);
}

static void formats_durations(void **state) {
        static const struct {
                int64_t usec;
                const char *text;
        } cases[] = {
                {0, "0"},          {-S, "0"},       {999, "0"},        {MS, "1ms"},     {90 * M, "1h30m"},
                {25 * H, "25h"},   {D, "1d"},       {8 * D, "8d"},     {7 * D, "1w"},   {365 * D, "1y"},
                {366 * D, "366d"}, {S + 500, "1s"}, {M + MS, "1m1ms"}, {D + 999, "1d"},
        };
        char buf[RV_DURATION_TEXT_MAX];

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++)
                assert_string_equal(rv_duration_format(cases[i].usec, buf), cases[i].text);
}

static void reads_back_what_it_wrote(void **state) {
        char buf[RV_DURATION_TEXT_MAX];
        int64_t back;

        (void)state;
        for (int64_t msec = 1; msec < 36500 * D / MS; msec = msec * 3 + 1) {
                assert_int_equal(rv_duration_parse(rv_duration_format(msec * MS, buf), &back), 0);
                assert_int_equal(back, msec * MS);
        }
}

static void humanizes_durations(void **state) {
        static const struct {
                int64_t usec;
                const char *text;
        } cases[] = {
                {0, "0s"},
                {1, "<1ms"},
                {250 * MS, "250ms"},
                {4 * S + 200 * MS, "4.2s"},
                {4 * S + 99 * MS, "4s"},
                {9999 * MS, "9.9s"},
                {12 * S + 900 * MS, "12s"},
                {72 * S, "1m 12s"},
                {2 * M, "2m"},
                {3 * H + 5 * M, "3h 5m"},
                {26 * H, "1d 2h"},
                {-72 * S, "-1m 12s"},
                {59 * S + 999 * MS, "59s"},
        };
        char buf[RV_DURATION_TEXT_MAX];

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++)
                assert_string_equal(rv_duration_humanize(cases[i].usec, buf), cases[i].text);
        rv_duration_humanize(INT64_MIN, buf);
        rv_duration_humanize(INT64_MAX, buf);
}

static void parses_times(void **state) {
        static const struct {
                const char *text;
                int64_t usec;
        } good[] = {
                {"1970-01-01T00:00:00Z", 0},
                {"2026-03-01T10:00:00Z", INT64_C(1772359200) * S},
                {"2026-03-01T10:00:00.540634831Z", INT64_C(1772359200) * S + 540634},
                {"2026-03-01T10:00:00.5Z", INT64_C(1772359200) * S + 500000},
                {"2026-03-01T10:00:00.000000999Z", INT64_C(1772359200) * S},
                {"2026-03-01T12:30:00+02:30", INT64_C(1772359200) * S},
                {"2026-03-01T02:00:00-08:00", INT64_C(1772359200) * S},
                {"2026-02-28T23:59:60Z", INT64_C(1772323200) * S},
                {"2024-02-29T00:00:00Z", INT64_C(1709164800) * S},
                {"2000-02-29T00:00:00-00:00", INT64_C(951782400) * S},
                {"1969-12-31T23:59:59.25Z", -750000},
                {"0001-01-01T00:00:00Z", 0},
                {"0001-01-01T02:00:00+02:00", 0},
                {"0001-01-01T00:00:01Z", INT64_C(-62135596799) * S},
                {"9999-12-31T23:59:59.999999999Z", INT64_C(253402300799) * S + 999999},
                {"2026-03-01t10:00:00z", INT64_C(1772359200) * S},
        };
        static const char *const bad[] = {
                "",
                "2026-03-01",
                "2026-03-01T10:00:00",
                "2026-03-01 10:00:00Z",
                "2026-03-01T10:00Z",
                "2026-03-01T10:00:00.Z",
                "2026-03-01T10:00:00.1234567890Z",
                "2026-03-01T10:00:00,5Z",
                "2026-13-01T10:00:00Z",
                "2026-00-01T10:00:00Z",
                "2026-02-29T10:00:00Z",
                "1900-02-29T10:00:00Z",
                "2026-04-31T10:00:00Z",
                "2026-03-00T10:00:00Z",
                "2026-03-01T24:00:00Z",
                "2026-03-01T10:60:00Z",
                "2026-03-01T10:00:61Z",
                "2026-03-01T10:00:00+24:00",
                "2026-03-01T10:00:00+02:60",
                "2026-03-01T10:00:00+0200",
                "2026-03-01T10:00:00+02",
                "2026-03-01T10:00:00ZZ",
                "2026-3-1T10:00:00Z",
                "-026-03-01T10:00:00Z",
                "+2026-03-01T10:00:00Z",
                "2026-03-01T10:00:00Z ",
                " 2026-03-01T10:00:00Z",
                "1772359200",
                "2026-03-01T1o:00:00Z",
                "22026-03-01T10:00:00Z",
        };
        int64_t usec;

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(good); i++) {
                usec = 77;
                assert_int_equal(rv_time_parse(good[i].text, &usec), 0);
                assert_int_equal(usec, good[i].usec);
        }
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++) {
                usec = 77;
                if (rv_time_parse(bad[i], &usec) != -EINVAL)
                        fail_msg("\"%s\" was taken for a time", bad[i]);
                assert_int_equal(usec, 77);
        }
}

static void formats_times(void **state) {
        char buf[RV_TIME_TEXT_MAX];

        (void)state;
        assert_string_equal(rv_time_format(0, buf), "1970-01-01T00:00:00.000Z");
        assert_string_equal(rv_time_format(INT64_C(1772359200540999), buf), "2026-03-01T10:00:00.540Z");
        assert_string_equal(rv_time_format(-1, buf), "1969-12-31T23:59:59.999Z");
        assert_string_equal(rv_time_format(-750000, buf), "1969-12-31T23:59:59.250Z");
        rv_time_format(INT64_MAX, buf);
        rv_time_format(INT64_MIN, buf);
}

static void time_zone_does_not_matter(void **state) {
        char buf[RV_TIME_TEXT_MAX];
        int64_t usec;

        (void)state;
        setenv("TZ", "Asia/Kathmandu", 1);
        assert_int_equal(rv_time_parse("2026-03-01T10:00:00Z", &usec), 0);
        assert_int_equal(usec, INT64_C(1772359200) * S);
        assert_string_equal(rv_time_format(usec, buf), "2026-03-01T10:00:00.000Z");
        unsetenv("TZ");
}

static void clocks_run(void **state) {
        (void)state;
        assert_true(rv_clock_realtime_usec() > INT64_C(1600000000) * S);
        int64_t before = rv_clock_monotonic_usec();
        assert_true(rv_clock_monotonic_usec() >= before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parses_durations),    cmocka_unit_test(refuses_long_durations),
                cmocka_unit_test(formats_durations),   cmocka_unit_test(reads_back_what_it_wrote),
                cmocka_unit_test(humanizes_durations), cmocka_unit_test(parses_times),
                cmocka_unit_test(formats_times),       cmocka_unit_test(time_zone_does_not_matter),
                cmocka_unit_test(clocks_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
