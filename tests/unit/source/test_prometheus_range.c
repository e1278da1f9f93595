/* Answers of /api/v1/query_range. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/clock.h"
#include "revertd/source.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static struct rv_range range;
static struct rv_error err;

/* Asked for: 100, 110, 120 s. */
static int parse(const char *type, const char *result, const char *more) {
        char body[4096];

        snprintf(body, sizeof(body), "{\"status\":\"success\",\"data\":{\"resultType\":\"%s\",\"result\":%s}%s}", type,
                 result, more);
        struct rv_http_response response = {.status = 200, .body = body, .body_bytes = strlen(body)};
        rv_range_done(&range);
        return rv_prometheus_parse_range(&response, 100 * RV_USEC_PER_SEC, 10 * RV_USEC_PER_SEC, 3, &range, &err);
}

static int teardown(void **state) {
        (void)state;
        rv_range_done(&range);
        return 0;
}

static void rows_and_gaps(void **state) {
        (void)state;
        assert_int_equal(parse("matrix",
                               "[{\"metric\":{\"app\":\"a\"},\"values\":[[100,\"1\"],[120,\"NaN\"]]},"
                               "{\"metric\":{\"app\":\"b\"},\"values\":[[110.0004,\"2\"]]}]",
                               ""),
                         0);
        assert_int_equal(range.n, 2);
        assert_true(range.is_present[0] && !range.is_present[1] && range.is_present[2]);
        assert_true(isnan(range.value[2]));
        assert_true(!range.is_present[3] && range.is_present[4] && !range.is_present[5]);
        assert_float_equal(range.value[4], 2, 0);
        assert_false(range.is_partial);
        assert_int_equal(parse("matrix", "[]", ",\"warnings\":[\"a store is away\"]"), 0);
        assert_true(range.is_partial);
}

static void hostile(void **state) {
        static const char *const results[] = {
                "{}",
                "[1]",
                "[{}]",
                "[{\"metric\":{},\"values\":{}}]",
                "[{\"metric\":{},\"values\":[[100]]}]",
                "[{\"metric\":{},\"values\":[[100,1]]}]",
                "[{\"metric\":{},\"values\":[[\"100\",\"1\"]]}]",
                "[{\"metric\":{},\"values\":[[94,\"1\"]]}]",
                "[{\"metric\":{},\"values\":[[126,\"1\"]]}]",
                "[{\"metric\":{},\"values\":[[1e300,\"1\"]]}]",
                "[{\"metric\":{},\"values\":[[-1e300,\"1\"]]}]",
                "[{\"metric\":{\"\":\"x\"},\"values\":[]}]",
                "[{\"metric\":{\"a\":1},\"values\":[]}]",
                "[{\"metric\":{},\"histograms\":[]}]",
                "[{\"metric\":{},\"values\":[[100,\"one\"]]}]",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
                assert_int_equal(parse("matrix", results[i], ""), -EINVAL);
        assert_int_equal(parse("vector", "[]", ""), -EINVAL);
}

static int refused(const char *type) {
        char text[100];

        snprintf(text, sizeof(text), "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":\"x\"}", type);
        struct rv_http_response response = {.status = 422, .body = text, .body_bytes = strlen(text)};
        return rv_prometheus_parse_range(&response, 0, 1, 1, &range, &err);
}

static void too_large_can_be_asked_for_in_parts(void **state) {
        struct rv_http_response response = {.result = -E2BIG, .error = "too large"};

        (void)state;
        assert_int_equal(rv_prometheus_parse_range(&response, 0, 1, 1, &range, &err), -E2BIG);
        response.result = -ETIMEDOUT;
        assert_int_equal(rv_prometheus_parse_range(&response, 0, 1, 1, &range, &err), -EAGAIN);
        response = (struct rv_http_response){.status = 200,
                                             .body = "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\","
                                                     "\"result\":[{},{}]}}"};
        response.body_bytes = strlen(response.body);
        assert_int_equal(rv_prometheus_parse_range(&response, 0, 1, RV_RANGE_VALUES_MAX, &range, &err), -E2BIG);
        assert_int_equal(refused("timeout"), -E2BIG);
        assert_int_equal(refused("execution"), -EDOM);
        assert_int_equal(refused("bad_data"), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(rows_and_gaps, teardown),
                cmocka_unit_test_teardown(hostile, teardown),
                cmocka_unit_test_teardown(too_large_can_be_asked_for_in_parts, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
