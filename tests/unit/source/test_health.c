/* When a Prometheus server is believed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/clock.h"
#include "source/health.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define NOW_USEC (INT64_C(1772359200) * RV_USEC_PER_SEC)

static struct rv_error err;

static int judge(const double *value, size_t n, bool is_partial) {
        struct rv_sample sample[4] = {0};

        for (size_t i = 0; i < n; i++)
                sample[i].value = value[i];
        return health_judge(&(struct rv_samples){.sample = sample, .n = n, .is_partial = is_partial}, &err);
}

static void every_series_must_say_so(void **state) {
        (void)state;
        assert_int_equal(judge((double[]){1, 5}, 2, false), 0);
        assert_int_equal(judge(NULL, 0, false), -EAGAIN);
        assert_int_equal(judge((double[]){1, 0}, 2, false), -EAGAIN);
        assert_non_null(strstr(err.text, "healthy is 0"));
        assert_int_equal(judge((double[]){NAN}, 1, false), -EAGAIN);
        assert_int_equal(judge((double[]){1}, 1, true), -EAGAIN);
}

static int check(int64_t date_usec, int64_t duration_usec, int64_t max_usec) {
        struct rv_http_response response = {.date_usec = date_usec, .duration_usec = duration_usec};

        return health_check_clock(&response, NOW_USEC, max_usec, &err);
}

static void its_clock_must_be_near_ours(void **state) {
        int64_t max = 30 * RV_USEC_PER_SEC;

        (void)state;
        assert_int_equal(check(NOW_USEC, 0, max), 0);
        assert_int_equal(check(NOW_USEC - max, 0, max), 0);
        assert_int_equal(check(NOW_USEC + max, 0, max), 0);
        assert_int_equal(check(NOW_USEC - max - RV_USEC_PER_SEC, 0, max), -EAGAIN);
        assert_string_equal(err.text, "its clock is 31 s behind ours");
        assert_int_equal(check(NOW_USEC + RV_USEC_PER_HOUR, 0, max), -EAGAIN);
        assert_string_equal(err.text, "its clock is 3600 s ahead of ours");
        /* It may have answered as soon as it was asked. */
        assert_int_equal(check(NOW_USEC - max - RV_USEC_PER_SEC, 5 * RV_USEC_PER_SEC, max), 0);
        assert_int_equal(check(0, 0, max), 0);             /* it does not say */
        assert_int_equal(check(RV_USEC_PER_SEC, 0, 0), 0); /* any will do */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_series_must_say_so),
                cmocka_unit_test(its_clock_must_be_near_ours),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
